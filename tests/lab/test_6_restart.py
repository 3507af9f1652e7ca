"""Restarts of the HA cluster piece by piece, while a client writes."""

from __future__ import annotations

import os

import pytest
from conftest import Cluster, Ledger

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")


@pytest.fixture(scope="module", autouse=True)
def _healthy(cluster: Cluster) -> None:
    played = cluster.play("recover")
    assert played.returncode == 0, played


def kept(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    """Processes that are there before and after."""
    return {host: set(before[host]) & set(after[host]) for host in before}


@pytest.mark.faults
def test_everything_while_a_client_writes(cluster: Cluster, ledger: Ledger) -> None:
    before = cluster.pids()
    played = cluster.play("restart", timeout=1200)
    assert played.returncode == 0, played
    after = cluster.pids()
    assert not any(kept(before, after).values()), played
    assert {host: len(pids) for host, pids in before.items()} == {host: len(pids) for host, pids in after.items()}
    assert "failed over from" in played.output
    healthy = cluster.play("startup")
    assert healthy.changed == 0, healthy
    ledger.goes_on()
    ledger.end()
    ledger.check()
    print(f"restart: {played.seconds:.0f} s, {len(ledger.times())} records, longest pause {ledger.longest_pause():.1f} s")


def test_an_unhealthy_cluster_is_not_restarted(cluster: Cluster) -> None:
    cluster.run("n3", "systemctl stop hdfs-datanode")
    before = cluster.pids()
    try:
        played = cluster.play("restart", "-e", "runbook_components=accumulo_tserver")
        assert played.returncode != 0, played
        assert "DataNode on n3" in played.output, played
        assert "Nothing was changed. recover.yml brings back what is missing." in " ".join(played.output.split())
        assert cluster.pids() == before
    finally:
        healed = cluster.play("startup")
        assert healed.returncode == 0, healed


def test_an_interrupted_restart_goes_on(cluster: Cluster) -> None:
    chosen = ["-e", "runbook_components=zookeeper,hdfs_journalnode"]
    before = cluster.pids()
    with cluster.playing("restart", *chosen) as playing:
        playing.until("TASK [Gate: JournalNode on n1: stop is down]")
    halfway = cluster.pids()
    assert any(kept(before, halfway).values())
    played = cluster.play("restart", *chosen)
    assert played.returncode == 0, played
    assert "that was interrupted goes on: " in played.output
    after = cluster.pids()
    names = {host: cluster.run(host, "pgrep -f [Q]uorumPeerMain").split() for host in cluster.hosts}
    assert all(set(names[host]) <= set(halfway[host]) for host in cluster.hosts), "ZooKeeper was restarted twice"
    journals = {host: cluster.run(host, "pgrep -f [p]roc_journalnode").split() for host in cluster.hosts}
    assert not any(set(journals[host]) & set(before[host]) for host in cluster.hosts), "a JournalNode was not restarted"
    assert {host: len(pids) for host, pids in before.items()} == {host: len(pids) for host, pids in after.items()}


def test_only_what_runs_with_an_older_configuration(cluster: Cluster) -> None:
    only = ["-e", "runbook_components=accumulo_tserver", "-e", "runbook_only=changed"]
    before = cluster.pids()
    none = cluster.play("restart", *only)
    assert none.returncode == 0, none
    assert cluster.pids() == before
    cluster.run("n2", "touch /etc/accumulo/accumulo.properties")
    predicted = cluster.play("restart", "--check", *only)
    assert predicted.returncode == 0, predicted
    assert cluster.pids() == before
    played = cluster.play("restart", *only)
    assert played.returncode == 0, played
    left = kept(before, cluster.pids())
    assert {host: len(before[host]) - len(left[host]) for host in cluster.hosts} == {"n1": 0, "n2": 1, "n3": 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("runbook_batch=0", "runbook_batch: expected a number from 1, or a percentage"),
        ("runbook_restart_hosts=n9", "runbook_restart_hosts: unknown host 'n9'"),
        ("runbook_only=changes", "expected all or changed, found 'changes'"),
    ],
)
def test_bad_input(cluster: Cluster, arguments: str, words: str) -> None:
    before = cluster.pids()
    played = cluster.play("restart", "-e", arguments)
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
    assert cluster.pids() == before


def active(cluster: Cluster, component: str) -> list[str]:
    """Where a component is active, as status.yml writes it."""
    return [row["host"] for row in cluster.report("status")["instances"] if row["component"] == component and row["role"] == "active"]


@pytest.mark.parametrize(
    "component",
    ["hdfs_namenode", *(pytest.param(name, marks=pytest.mark.faults) for name in ("yarn_resourcemanager", "accumulo_manager"))],
)
def test_failover_and_back(cluster: Cluster, ledger: Ledger, component: str) -> None:
    (former,) = active(cluster, component)
    played = cluster.play("failover", "-e", f"runbook_component={component}")
    assert played.returncode == 0, played
    (latter,) = active(cluster, component)
    assert former != latter
    again = cluster.play("failover", "-e", f"runbook_component={component}", "-e", f"runbook_target={latter}")
    assert (again.returncode, again.changed) == (0, 0), again
    back = cluster.play("failover", "-e", f"runbook_component={component}", "-e", f"runbook_target={former}")
    assert back.returncode == 0, back
    assert active(cluster, component) == [former]
    ledger.end()
    ledger.check()


def test_no_failover_to_what_is_not_fit(cluster: Cluster) -> None:
    (former,) = active(cluster, "hdfs_namenode")
    other = {"n1": "n2", "n2": "n1"}[former]
    cluster.run(other, "systemctl stop hdfs-namenode")
    try:
        for given in ([], ["-e", f"runbook_target={other}"]):
            refused = cluster.play("failover", "-e", "runbook_component=hdfs_namenode", *given)
            assert refused.returncode != 0, refused
            assert f"expected a healthy standby{f' on {other}' if given else ''}, found" in " ".join(refused.output.split()), refused
        assert active(cluster, "hdfs_namenode") == [former]
    finally:
        healed = cluster.play("startup")
        assert healed.returncode == 0, healed
