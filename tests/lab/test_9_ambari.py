"""The playbooks over Ambari: the emulator (tests/ambari) starts and stops the units of the real cluster, as an agent's scripts would."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import load
from ansible_collections.koverse.runbook.tests.ambari.agents import CommandAgents
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from conftest import ROOT, Cluster, Ledger

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

ENTRIES = load()[1]
C = "/api/v1/clusters/lab"


def placed(cluster: Cluster) -> dict[str, list[str]]:
    """The lab's hosts and what of them Ambari runs, in its names: as `ansible-inventory` says who is in which group."""
    words = ["ansible-inventory", "-i", str(cluster.inventory), "--list", "--export"]
    groups = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    hosts: dict[str, list[str]] = {host: [] for host in cluster.hosts}
    for entry in ENTRIES.values():
        members = next((groups[name].get("hosts", []) for name in entry["groups"] if name in groups), [])
        for host in members if entry["ambari"] else []:
            if entry["ambari"] not in hosts[host]:
                hosts[host].append(entry["ambari"])
    return hosts


@pytest.fixture(scope="module")
def ambari(cluster: Cluster) -> Iterator[Emulator]:
    """A server that runs this cluster."""
    played = cluster.play("recover")
    assert played.returncode == 0, played
    ssh = f"ssh -F {shlex.quote(str(ROOT / 'lab' / 'build' / 'ssh_config'))} {{host}}"
    agents = CommandAgents(
        {
            "start": f"{ssh} sudo systemctl start {{unit}}",
            "stop": f"{ssh} sudo systemctl stop {{unit}}",
            "status": f"{ssh} systemctl is-active --quiet {{unit}}",
        },
        {entry["ambari"]: entry["service"] for entry in ENTRIES.values() if entry["ambari"]},
        parallel=True,
    )
    description = {
        "hosts": placed(cluster),
        "services": {"KOVERSE": {"KOVERSE_SERVER": "MASTER", "KOVERSE_WEBAPP": "MASTER"}},
        "running": [
            f"{component}@{host}"
            for host, components in placed(cluster).items()
            for component in components
            if not (component.startswith("KOVERSE") and host not in cluster.groups["koverse"])
        ],
    }
    with Emulator(description, agents=agents) as emulator:
        yield emulator
    played = cluster.play("recover")
    assert played.returncode == 0, played


def over(ambari: Emulator, cluster: Cluster, playbook: str, *arguments: str) -> Any:
    """A playbook over Ambari."""
    variables = {"backend": "ambari", "ambari_url": ambari.url, "ambari_username": "admin", "ambari_password": "admin"}
    words = [word for key, value in variables.items() for word in ("-e", f"runbook_{key}={value}")]
    return cluster.play(playbook, *words, *arguments)


def running(cluster: Cluster) -> set[str]:
    """Units of the catalogue that run, as `unit@host`."""
    units = sorted({entry["service"] for entry in ENTRIES.values() if entry["ambari"]})
    found = set()
    for host in cluster.hosts:
        said = cluster.run(host, f"systemctl is-active {' '.join(units)} || true").split()
        found |= {f"{unit}@{host}" for unit, state in zip(units, said, strict=True) if state == "active"}
    return found


def contexts(ambari: Emulator) -> list[str]:
    """What was asked of Ambari, in order."""
    items = json.loads(ambari.somebody("GET", f"{C}/requests?fields=Requests/request_context&minimal_response=true").body)["items"]
    return [item["Requests"]["request_context"] for item in items]


@pytest.mark.faults
def test_stop_and_start_over_ambari(ambari: Emulator, cluster: Cluster, ledger: Ledger) -> None:
    ledger.end()
    before, records = running(cluster), cluster.counted()
    stopped = over(ambari, cluster, "shutdown")
    assert stopped.returncode == 0, stopped
    assert running(cluster) == set()
    assert "tables flushed" in stopped.output
    layers = [re.match(r"\w+", name)[0] for name in contexts(ambari)]
    assert layers == sorted(layers, key=["application", "data_services", "storage", "coordination"].index)
    again = over(ambari, cluster, "shutdown")
    assert (again.returncode, again.changed) == (0, 0), again
    ambari.calls.clear()
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before
    assert cluster.counted() == records
    healthy = over(ambari, cluster, "startup")
    assert (healthy.returncode, healthy.changed) == (0, 0), healthy
    print(f"over Ambari: {started.seconds:.0f} s, {sum(ambari.calls.values())} calls")


def test_a_server_that_is_restarted_meanwhile(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    stopped = over(ambari, cluster, "shutdown", "-e", "runbook_layers=application")
    assert stopped.returncode == 0, stopped
    ambari.fault("crash", method="PUT", path="host_components", seconds=3.0)
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before


@pytest.mark.faults
def test_what_is_in_maintenance_is_said(ambari: Emulator, cluster: Cluster) -> None:
    stopped = over(ambari, cluster, "shutdown", "-e", "runbook_components=koverse_webapp")
    assert stopped.returncode == 0, stopped
    ambari.somebody("PUT", f"{C}/services/KOVERSE", {"Body": {"ServiceInfo": {"maintenance_state": "ON"}}})
    try:
        refused = over(ambari, cluster, "startup")
        assert refused.returncode != 0, refused
        assert "KOVERSE_WEBAPP on n3: in maintenance (IMPLIED_FROM_SERVICE)" in refused.output
    finally:
        ambari.somebody("PUT", f"{C}/services/KOVERSE", {"Body": {"ServiceInfo": {"maintenance_state": "OFF"}}})
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started


@pytest.mark.faults
def test_what_died_without_ambaris_knowing_is_started(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    cluster.run("n2", "systemctl kill --signal KILL hdfs-datanode")
    recovered = over(ambari, cluster, "recover")
    assert recovered.returncode == 0, recovered
    assert running(cluster) == before
