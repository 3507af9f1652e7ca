"""Faults of the HA cluster, what diagnose.yml says of them, and that recover.yml brings the cluster back."""

from __future__ import annotations

import subprocess
from typing import Any

from conftest import ROOT, Cluster, Ledger

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


def causes(said: dict[str, Any]) -> list[tuple[str, str | None, str | None, str]]:
    """Findings that follow from nothing, but for what killed JournalNodes of other tests have left: code, component, host and class."""
    return [
        (row["code"], row["component"], row["host"], row["class"])
        for row in said["findings"]
        if row["follows_from"] is None and row["code"] != "JOURNAL_LEFTOVERS"
    ]


def errors(said: dict[str, Any]) -> list[str]:
    """Codes of the findings that are no mere warnings."""
    return [row["code"] for row in said["findings"] if row["severity"] == "error"]


def victim(cluster: Cluster, component: str) -> str:
    """A host of the component: where it is active, if one is, else the second one, else the only one."""
    rows = [row for row in cluster.report("diagnose")["instances"] if row["component"] == component]
    active = [row["host"] for row in rows if row["role"] == "active"]
    return (active or [row["host"] for row in rows][1:] or [rows[0]["host"]])[0]


def signal(cluster: Cluster, component: str, host: str, name: str) -> None:
    """A signal to all processes of an instance."""
    cluster.run(host, f"systemctl kill --signal={name} {UNITS[component]}")


def recovered(cluster: Cluster, ledger: Ledger, *words: str, accept: str = "") -> None:
    """recover.yml makes the cluster healthy, says what it did, and every acknowledged record is there."""
    played = cluster.play("recover", *(["-e", f"runbook_accept={accept}"] if accept else []))
    assert played.returncode == 0, played
    for word in words:
        assert word in played.output, played
    assert cluster.report("diagnose")["verdict"]["state"] == "healthy"
    ledger.goes_on()
    ledger.end()
    ledger.check()
    print(f"recovered in {played.seconds:.0f} s, longest pause of the client {ledger.longest_pause():.0f} s")


def lab(verb: str, *hosts: str) -> None:
    """What happens to hosts from the outside: `kill` cuts their power, `start` switches them on."""
    subprocess.run([ROOT / "lab" / "lab", verb, *hosts], check=True)


def unit(cluster: Cluster, verb: str, component: str, *hosts: str) -> None:
    """systemctl's verb for a component on hosts, without the collection."""
    for host in hosts:
        cluster.run(host, f"systemctl {verb} {UNITS[component]}")
