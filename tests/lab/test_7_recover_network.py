"""Hosts that do not reach each other, or slowly, or whose clocks disagree, on the HA cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from conftest import Cluster, Ledger, wait_until
from faults import causes, errors, recovered, unit

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts"),
    pytest.mark.usefixtures("healthy_again"),
]
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
# Forwards to the port given, after a pause for each piece: a link that is slow, not broken.
SLOW = """
import asyncio, sys
port, pause = int(sys.argv[1]), float(sys.argv[2])
async def pump(reader, writer):
    while data := await reader.read(4096):
        await asyncio.sleep(pause)
        writer.write(data)
        await writer.drain()
    writer.close()
async def serve(reader, writer):
    there = await asyncio.open_connection(sys.argv[3], port)
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)
async def main():
    async with await asyncio.start_server(serve, "0.0.0.0", port + 10000) as server:
        await server.serve_forever()
asyncio.run(main())
"""


@contextlib.contextmanager
def cut_off(cluster: Cluster, host: str) -> Iterator[None]:
    """No packet passes between a host and the others; the controller still reaches it."""
    others = [cluster.run("n1", f"getent hosts {other}").split()[0] for other in cluster.hosts if other != host]
    rules = [f"{chain} {flag} {address} -j DROP" for address in others for chain, flag in (("INPUT", "-s"), ("OUTPUT", "-d"))]
    try:
        for rule in rules:
            cluster.run(host, f"iptables -A {rule}")
        yield
    finally:
        for rule in rules:
            cluster.run(host, f"iptables -D {rule} || true")


def test_a_host_that_is_cut_off(cluster: Cluster, ledger: Ledger) -> None:
    """n2 has the standby or active of several kinds, and the monitor; Koverse is on n3 and writes on."""
    with cut_off(cluster, "n2"):
        wait_until(lambda: ("HOST_CUT_OFF", None, "n2", "intervention") in causes(cluster.report("diagnose")), 120, "it is found")
        # The standby manager loses its connection, too, where it was one to n2, and 2.1.4 does not get over that: somebody has to act.
        played = cluster.play("recover")
        assert played.returncode != 0, played
        assert "HOST_CUT_OFF" in played.output, played
        assert {code for code, _name, _host, _kind in causes(cluster.report("diagnose"))} == {"HOST_CUT_OFF"}, played
        ledger.goes_on(300)
        print(f"longest pause of the client {ledger.longest_pause():.0f} s")
    recovered(cluster, ledger)


def test_a_slow_link(cluster: Cluster, ledger: Ledger) -> None:
    """It is slow, and that is all: nothing is found, nothing is done, nothing is lost."""
    cluster.run("n2", "printf %%s %s > /srv/slow.py", SLOW)
    cluster.run("n2", "systemd-run --quiet --collect --unit=slow python3 /srv/slow.py 9997 0.05 n2")
    rule = "PREROUTING -p tcp --dport 9997 -j REDIRECT --to-ports 19997"
    cluster.run("n2", f"iptables -t nat -A {rule}")
    try:
        # Connections that are there go on as they were: what follows makes new ones.
        unit(cluster, "restart", "koverse_server", "n3")
        ledger.goes_on(180)
        said = cluster.report("diagnose")
        assert errors(said) == []
        before = cluster.pids()
        played = cluster.play("recover")
        assert (played.returncode, played.changed) == (0, 0), played
        assert cluster.pids() == before
    finally:
        cluster.run("n2", f"iptables -t nat -D {rule}; systemctl stop slow")
    recovered(cluster, ledger)


def test_clocks_that_disagree(cluster: Cluster, ledger: Ledger) -> None:
    """n2's clock is two minutes ahead: that of its tablet server and DataNode, and the one that Ansible sees."""
    units = ("accumulo-tserver", "hdfs-datanode")
    skew = f"LD_PRELOAD={FAKETIME} FAKETIME=+120s"
    cluster.run("n2", "printf %%s %s > /usr/local/bin/skewed-python", f'#!/bin/sh\n{skew} exec /usr/bin/python3 "$@"\n')
    cluster.run("n2", "chmod 755 /usr/local/bin/skewed-python")
    try:
        for name in units:
            directory = f"/etc/systemd/system/{name}.service.d"
            cluster.run("n2", "mkdir -p %s && printf %%s %s > %s/skew.conf", directory, f"[Service]\nEnvironment={skew}\n", directory)
        cluster.run("n2", f"systemctl daemon-reload; systemctl restart {' '.join(units)}")
        played = cluster.play("diagnose", "-e", "ansible_python_interpreter=/usr/local/bin/skewed-python", "--limit", "n2")
        assert "CLOCK_SKEW" in played.output, played
        assert "the clock of n2 is 120 s ahead of the controller's" in played.output, played
        ledger.goes_on(180)
    finally:
        for name in units:
            cluster.run("n2", f"rm -rf /etc/systemd/system/{name}.service.d")
        cluster.run("n2", f"systemctl daemon-reload; systemctl restart {' '.join(units)}")
    recovered(cluster, ledger)
