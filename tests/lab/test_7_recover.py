"""The run book's failures, each really made on the HA cluster while a client writes: what diagnose.yml says, and what recover.yml does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT, Cluster, Ledger, wait_until

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

UNITS = {
    "zookeeper": "zookeeper",
    "hdfs_journalnode": "hdfs-journalnode",
    "hdfs_datanode": "hdfs-datanode",
    "hdfs_namenode": "hdfs-namenode",
    "yarn_resourcemanager": "yarn-resourcemanager",
    "yarn_nodemanager": "yarn-nodemanager",
    "accumulo_tserver": "accumulo-tserver",
    "accumulo_manager": "accumulo-manager",
    "accumulo_monitor": "accumulo-monitor",
    "accumulo_gc": "accumulo-gc",
    "koverse_server": "koverse-server",
}


@pytest.fixture(autouse=True)
def _healthy(cluster: Cluster) -> Iterator[None]:
    yield
    played = cluster.play("recover")
    assert played.returncode == 0, played


def causes(said: dict[str, Any]) -> list[tuple[str, str | None, str | None, str]]:
    """Findings that follow from nothing: code, component, host and class."""
    return [(row["code"], row["component"], row["host"], row["class"]) for row in said["findings"] if row["follows_from"] is None]


def victim(cluster: Cluster, component: str) -> str:
    """A host of the component: where it is active, if one is, else the second one, else the only one."""
    rows = [row for row in cluster.report("diagnose")["instances"] if row["component"] == component]
    active = [row["host"] for row in rows if row["role"] == "active"]
    return (active or [row["host"] for row in rows][1:] or [rows[0]["host"]])[0]


def signal(cluster: Cluster, component: str, host: str, name: str) -> None:
    """A signal to all processes of an instance."""
    cluster.run(host, f"systemctl kill --signal={name} {UNITS[component]}")


def recovered(cluster: Cluster, ledger: Ledger, *words: str) -> None:
    """recover.yml makes the cluster healthy, says what it did, and every acknowledged record is there."""
    played = cluster.play("recover")
    assert played.returncode == 0, played
    for word in words:
        assert word in played.output, played
    assert cluster.report("diagnose")["verdict"]["state"] == "healthy"
    ledger.goes_on()
    ledger.end()
    ledger.check()
    print(f"recovered in {played.seconds:.0f} s, longest pause of the client {ledger.longest_pause():.0f} s")


SPARED = [
    "zookeeper",
    "hdfs_journalnode",
    "hdfs_datanode",
    "hdfs_namenode",
    "yarn_resourcemanager",
    "yarn_nodemanager",
    "accumulo_tserver",
    "accumulo_manager",
]


@pytest.mark.faults
@pytest.mark.parametrize("component", [*SPARED, "accumulo_monitor", "accumulo_gc"])
def test_killed(cluster: Cluster, ledger: Ledger, component: str) -> None:
    """The cluster goes on without it: the client writes on before anybody has done anything."""
    host = victim(cluster, component)
    signal(cluster, component, host, "KILL")
    ledger.goes_on(180)
    kind = "recovers" if component in SPARED else "restart"
    wait_until(
        lambda: ("DIED", component, host, kind) in causes(cluster.report("diagnose")), 120, f"{component} on {host} is found to have died"
    )
    recovered(cluster, ledger)


@pytest.mark.faults
@pytest.mark.parametrize("component", ["hdfs_datanode", "yarn_nodemanager", "accumulo_tserver"])
def test_stopped(cluster: Cluster, ledger: Ledger, component: str) -> None:
    cluster.run("n2", f"systemctl stop {UNITS[component]}")
    assert ("STOPPED", component, "n2", "restart") in causes(cluster.report("diagnose"))
    recovered(cluster, ledger)


@pytest.mark.parametrize(
    "component",
    [
        "accumulo_tserver",
        *(pytest.param(name, marks=pytest.mark.faults) for name in ("zookeeper", "hdfs_datanode", "hdfs_namenode", "koverse_server")),
    ],
)
def test_stopped_by_a_signal(cluster: Cluster, ledger: Ledger, component: str) -> None:
    host = victim(cluster, component)
    signal(cluster, component, host, "STOP")
    assert ("STOPPED_BY_SIGNAL", component, host, "zombie") in causes(cluster.report("diagnose"))
    recovered(cluster, ledger, f"{component} on {host}: killed pid")


def lose_power(*hosts: str) -> None:
    """The hosts end at once, without a word to any process, and are switched on again."""
    subprocess.run(["podman", "kill", *(f"koverse-lab-{host}" for host in hosts)], check=True)
    subprocess.run([ROOT / "lab" / "lab", "start", *hosts], check=True)


@pytest.mark.faults
def test_a_host_that_is_booted(cluster: Cluster, ledger: Ledger) -> None:
    lose_power("n2")
    assert ("HOST_STOPPED", None, "n2", "restart") in causes(cluster.report("diagnose"))
    recovered(cluster, ledger)


@pytest.mark.faults
def test_loss_of_power(cluster: Cluster, ledger: Ledger) -> None:
    lose_power(*cluster.hosts)
    stopped = {host for code, _component, host, _kind in causes(cluster.report("diagnose")) if code in ("HOST_STOPPED", "STOPPED", "DIED")}
    assert stopped == set(cluster.hosts)
    played = cluster.play("recover")
    assert played.returncode == 0, played
    assert cluster.report("diagnose")["verdict"]["state"] == "healthy"
    ledger.check()
    print(f"recovered in {played.seconds:.0f} s")
