"""Workers that leave for good and come in again, processes that move to another host, Koverse's other side: while a client writes."""

from __future__ import annotations

import json
import os

import pytest
from conftest import Cluster, Ledger
from faults import errors, unit

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts"),
    pytest.mark.usefixtures("healthy_again"),
]


def rows(cluster: Cluster) -> dict[tuple[str, str], str]:
    """The state of each instance."""
    return {(row["component"], row["host"]): row["state"] for row in cluster.report("status")["instances"]}


def blocks(cluster: Cluster) -> str:
    done = cluster.run("n1", "runuser -u hdfs -- /opt/hadoop/bin/hdfs fsck / | grep -E 'Status:|Missing blocks:'")
    return " ".join(done.split())


def test_a_worker_host_leaves_and_comes_back(cluster: Cluster, ledger: Ledger) -> None:
    left = cluster.play("decommission", "-e", "runbook_host=n1")
    try:
        assert left.returncode == 0, left
        states = rows(cluster)
        assert {states[name, "n1"] for name in ("accumulo_tserver", "yarn_nodemanager", "hdfs_datanode")} == {"stopped"}
        assert {states[name, "n1"] for name in ("postgres", "zookeeper", "hdfs_namenode")} == {"running"}
        assert "Status: HEALTHY Missing blocks: 0" in blocks(cluster)
        ledger.goes_on()
        refused = cluster.play("decommission", "-e", "runbook_host=n2")
        assert refused.returncode != 0, refused
        assert "A worker leaves a healthy cluster only" in " ".join(refused.output.split()), refused
    finally:
        back = cluster.play("recommission", "-e", "runbook_host=n1")
    assert back.returncode == 0, back
    again = cluster.play("recommission", "-e", "runbook_host=n1")
    assert (again.returncode, again.changed) == (0, 0), again
    assert errors(cluster.report("diagnose")) == []
    ledger.end()
    ledger.check()
    print(f"left in {left.seconds:.0f} s, came back in {back.seconds:.0f} s, longest pause of the client {ledger.longest_pause():.1f} s")


def test_what_does_not_leave(cluster: Cluster) -> None:
    before = cluster.pids()
    for arguments, words in (
        (["-e", "runbook_host=n9"], "runbook_host: unknown host 'n9'"),
        (["-e", "runbook_host=n3", "-e", '{"runbook_catalogue": {"hdfs_datanode": {"groups": ["koverse"]}}}'], "n3 has the only"),
    ):
        played = cluster.play("decommission", *arguments)
        assert played.returncode != 0, played
        assert words in " ".join(played.output.split()), played
    copies = "sed -i '/<name>dfs.replication</s#<value>.#<value>%d#' /etc/hadoop/hdfs-site.xml"
    for host in ("n1", "n2"):
        cluster.run(host, copies % 3)
    try:
        played = cluster.play("decommission", "-e", "runbook_host=n3")
        assert played.returncode != 0, played
        assert "expected 3 DataNodes to stay" in " ".join(played.output.split()), played
    finally:
        for host in ("n1", "n2"):
            cluster.run(host, copies % 2)
    assert cluster.pids() == before


@pytest.mark.parametrize(
    ("component", "source", "group", "target"), [("accumulo_gc", "n3", "postgres", "n1"), ("accumulo_monitor", "n2", "postgres", "n1")]
)
def test_a_process_moves_and_comes_back(cluster: Cluster, ledger: Ledger, component: str, source: str, group: str, target: str) -> None:
    new = ["-e", json.dumps({"runbook_catalogue": {component: {"groups": [group]}}})]
    try:
        deployed = cluster.play("deploy", *new)
        assert deployed.returncode == 0, deployed
        moved = cluster.play("relocate", *new, "-e", f"runbook_components={component}", "-e", f"runbook_source={source}")
        assert moved.returncode == 0, moved
        healthy = cluster.play("status", *new, "-e", "runbook_status_fail=true")
        assert healthy.returncode == 0, healthy
        assert rows(cluster)[component, source] == "stopped"
    finally:
        back = cluster.play("relocate", "-e", f"runbook_components={component}", "-e", f"runbook_source={target}")
    assert back.returncode == 0, back
    assert cluster.run(target, f"systemctl is-active {component.replace('_', '-')} || true").strip() == "inactive"
    again = cluster.play("relocate", "-e", f"runbook_components={component}", "-e", f"runbook_source={target}")
    assert (again.returncode, again.changed) == (0, 0), again
    ledger.end()
    ledger.check()


def test_koverses_other_side_and_back(cluster: Cluster, ledger: Ledger) -> None:
    ledger.end()
    written = len(ledger.times())
    there = cluster.play("failover", "-e", "runbook_component=koverse_server")
    assert there.returncode == 0, there
    states = rows(cluster)
    assert {states[name, "n3"] for name in ("koverse_server", "koverse_webapp")} == {"stopped"}
    assert {states[name, "n2"] for name in ("koverse_standby_server", "koverse_standby_webapp")} == {"running"}
    assert errors(cluster.report("diagnose")) == []
    count = json.loads(cluster.run("n2", f"curl --fail --silent 'http://localhost:8080/records/count?data_set={ledger.data_set}'"))
    assert count["records"] in (written, written + 1)
    nothing = cluster.play("startup")
    assert (nothing.returncode, nothing.changed) == (0, 0), nothing
    unit(cluster, "kill --signal=KILL", "koverse_server", "n2")
    recovered = cluster.play("recover")
    assert recovered.returncode == 0, recovered
    assert rows(cluster)["koverse_standby_server", "n2"] == "running"
    back = cluster.play("failover", "-e", "runbook_component=koverse_server", "-e", "runbook_target=n3")
    assert back.returncode == 0, back
    assert rows(cluster)["koverse_server", "n3"] == "running"
    ledger.check()
    print(f"there in {there.seconds:.0f} s, back in {back.seconds:.0f} s")
