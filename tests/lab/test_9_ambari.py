"""The playbooks over Ambari, which an emulator stands for (over_ambari.py)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import over_ambari
import pytest
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from conftest import Cluster, Ledger
from over_ambari import ENTRIES

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

C = "/api/v1/clusters/lab"


@pytest.fixture(scope="module")
def ambari(cluster: Cluster) -> Iterator[Emulator]:
    """A server that runs this cluster."""
    played = cluster.play("recover")
    assert played.returncode == 0, played
    with over_ambari.emulator(cluster.inventory) as server:
        yield server
    played = cluster.play("recover")
    assert played.returncode == 0, played


def over(ambari: Emulator, cluster: Cluster, playbook: str, *arguments: str) -> Any:
    """A playbook over Ambari."""
    return cluster.play(playbook, *over_ambari.variables(ambari), *arguments)


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
