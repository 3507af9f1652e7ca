"""Bad input on a real host, found before anything is changed. One shape is enough: it is the controller that judges."""

from __future__ import annotations

import contextlib
import copy
import functools
import ipaddress
import json
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import ROOT, Cluster

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "single_node", reason="one shape is enough")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["accumulo_archive_checksum=sha256:" + 64 * "0"], ["expected the checksum sha256:000", "found ", "Nothing was changed"]),
        (
            ["zookeeper_archive=/nowhere/zookeeper.tar.gz", "zookeeper_archive_checksum="],
            ["/nowhere/zookeeper.tar.gz", "expected a file, found none"],
        ),
        (["hdfs_archive=https://example.org/hadoop.tar.gz", "hdfs_archive_checksum="], ["expected hdfs_archive_checksum", "sha512:"]),
        (["runbook_java_home=/opt/no-java"], ["s1: expected Java as /opt/no-java/bin/java, found none", "runbook_java_home"]),
        (
            ["accumulo_version=3.0.0", "accumulo_archive=/a", "accumulo_archive_checksum="],
            ["accumulo_version: expected a release of", "found 3.0.0"],
        ),
        (["koverse_server_package=/nowhere/koverse.deb"], ["/nowhere/koverse.deb: expected a file on the controller, found none"]),
    ],
    ids=["wrong checksum", "no archive", "no checksum", "no Java", "version", "no package"],
)
def test_deploy_refuses_before_it_changes_anything(cluster: Cluster, arguments: list[str], words: list[str]) -> None:
    played = cluster.play("deploy", *(word for argument in arguments for word in ("-e", argument)))
    assert played.returncode != 0, played
    output = " ".join(played.output.split())
    assert [word for word in words if word not in output] == [], played
    assert played.changed == 0, played


@pytest.mark.parametrize("playbook", ["startup", "shutdown", "status", "deploy", "initialise"])
@pytest.mark.parametrize(("inventory", "hosts"), [("/nowhere", "all"), (None, "nobody")], ids=["no inventory", "no such group"])
def test_a_run_without_hosts_is_no_success(cluster: Cluster, playbook: str, inventory: str | None, hosts: str) -> None:
    chosen = copy.copy(cluster)
    chosen.inventory = Path(inventory or cluster.inventory)
    played = chosen.play(playbook, "-e", f"runbook_hosts={hosts}")
    assert played.returncode == 2, played
    assert f"No hosts: nothing in the inventory matches '{hosts}'" in " ".join(played.output.split()), played


LAB = json.loads((ROOT / "lab" / "shapes.json").read_text(encoding="utf-8"))


@contextlib.contextmanager
def archives_by_http() -> Iterator[str]:
    """The URL under which the hosts find the lab's archives, on this side of the lab's own network."""
    address = str(ipaddress.ip_network(LAB["network"]["subnet"])[1])
    handler = functools.partial(SimpleHTTPRequestHandler, directory=ROOT / "lab" / "build" / "archives")
    with ThreadingHTTPServer((address, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{address}:{server.server_port}"
        server.shutdown()


def test_an_archive_that_is_downloaded_is_what_its_checksum_says(cluster: Cluster) -> None:
    archive = next(f"{name}.tar.gz" for name in LAB["archives"][cluster.shape] if name.startswith("zookeeper"))
    downloaded = f"/var/cache/koverse-runbook/{archive}"
    cluster.run("s1", f"rm -f {downloaded}")
    digits = (ROOT / "lab" / "build" / "archives" / f"{archive}.sha256").read_text(encoding="utf-8").split()[0]
    with archives_by_http() as url:
        arguments = ["-e", f"zookeeper_archive={url}/{archive}", "-e"]
        played = cluster.play("deploy", *arguments, f"zookeeper_archive_checksum=sha256:{digits[::-1]}")
        assert played.returncode != 0, played
        assert f"did not match {digits[::-1]}" in " ".join(played.output.split()), played
        assert not cluster.host("s1").file(downloaded).exists
        played = cluster.play("deploy", *arguments, f"zookeeper_archive_checksum=sha256:{digits}")
        assert (played.returncode, played.changed) == (0, 1), played
    assert cluster.run("s1", f"sha256sum {downloaded}").split()[0] == digits
