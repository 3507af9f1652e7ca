"""Data that is lost, really, on the HA cluster: what diagnose.yml names, and that recover.yml does only what is accepted."""

from __future__ import annotations

import os

import pytest
from conftest import Cluster, Ledger, wait_until
from faults import causes, recovered, signal, unit, victim

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts"),
    pytest.mark.usefixtures("healthy_again"),
]
HDFS = "runuser -u hdfs -- /opt/hadoop/bin/hdfs"


def refused(cluster: Cluster, accept: str) -> None:
    """recover.yml says what it needs, and leaves everything as it is; --check says the same."""
    for arguments in (["--check"], []):
        played = cluster.play("recover", *arguments)
        assert f"-e runbook_accept={accept}" in played.output, played
        assert "mend" not in played.output.lower(), played
    assert played.returncode != 0, played


def test_a_namenodes_disk_is_gone(cluster: Cluster, ledger: Ledger) -> None:
    host = victim(cluster, "hdfs_namenode")
    signal(cluster, "hdfs_namenode", host, "KILL")
    cluster.run(host, "rm -rf /var/lib/hadoop/name")
    ledger.goes_on(180)
    cluster.play("recover")  # it cannot start, and says so in its log
    assert ("NAMENODE_STORAGE_LOST", "hdfs_namenode", host, "data_at_risk") in causes(cluster.report("diagnose"))
    refused(cluster, "bootstrap_standby")
    # JournalNodes that were killed by other tests cannot give the edits since the last image.
    aside = cluster.play("recover", "-e", "runbook_accept=set_leftovers_aside")
    assert aside.returncode != 0, aside
    assert "JOURNAL_LEFTOVERS" not in [row["code"] for row in cluster.report("diagnose")["findings"]]
    recovered(cluster, ledger, "the names were copied to", accept="bootstrap_standby")


def test_a_zookeepers_data_is_gone(cluster: Cluster, ledger: Ledger) -> None:
    host = victim(cluster, "zookeeper")
    signal(cluster, "zookeeper", host, "KILL")
    cluster.run(host, "rm -rf /var/lib/zookeeper/*")
    cluster.play("recover")
    assert ("ZOOKEEPER_STORAGE_LOST", "zookeeper", host, "data_at_risk") in causes(cluster.report("diagnose"))
    refused(cluster, "rejoin_ensemble")
    recovered(cluster, ledger, "joins again as number", accept="rejoin_ensemble")


def test_a_journalnodes_disk_is_gone(cluster: Cluster, ledger: Ledger) -> None:
    signal(cluster, "hdfs_journalnode", "n3", "KILL")
    cluster.run("n3", "rm -rf /var/lib/hadoop/journal/*")
    cluster.play("recover")
    assert ("JOURNAL_STORAGE_LOST", "hdfs_journalnode", "n3", "data_at_risk") in causes(cluster.report("diagnose"))
    refused(cluster, "rejoin_journal")
    recovered(cluster, ledger, "journals formatted like the others'", accept="rejoin_journal")
    edits = "ls /var/lib/hadoop/journal/koverse/current | grep -c '^edits_[0-9]*-[0-9]*$' || true"
    wait_until(lambda: int(cluster.run("n3", edits)) >= int(cluster.run("n1", edits)), 300, "it has copied the edits of the past")


def test_every_copy_of_a_block_is_gone(cluster: Cluster, ledger: Ledger) -> None:
    cluster.run("n1", f"head -c 1000 /dev/urandom | {HDFS} dfs -put -f - /user/lost && {HDFS} dfs -setrep -w 2 /user/lost")
    block = cluster.run("n1", f"{HDFS} fsck /user/lost -files -blocks | grep -o 'blk_[0-9]*' | head -1").strip()
    for host in cluster.hosts:
        cluster.run(host, f"find /var/lib/hadoop/data -name '{block}*' -delete")
    for host in cluster.hosts:
        unit(cluster, "restart", "hdfs_datanode", host)
        wait_until(lambda host=host: cluster.run(host, "curl -s localhost:9864/jmx | grep -c RUNNING || true").strip() != "0", 60, "back")
    wait_until(
        lambda: ("BLOCKS_MISSING", "hdfs_namenode", None, "data_at_risk") in causes(cluster.report("diagnose")),
        600,  # the NameNode waits for a reconstruction that it has ordered, dfs.namenode.reconstruction.pending.timeout-sec
        "the block is missing",
    )
    (row,) = [row for row in cluster.report("diagnose")["findings"] if row["code"] == "BLOCKS_MISSING"]
    assert "/user/lost: a file" in row["evidence"]
    assert row["evidence"][-1].startswith("last good backup: ")
    refused(cluster, "give_up_files")
    recovered(cluster, ledger, "given up, what is left of them is in /lost+found: /user/lost", accept="give_up_files")


def test_postgresqls_directory_is_gone(cluster: Cluster) -> None:
    """The way back of docs/recover.md."""
    sets = ["-e", "runbook_backup_uri=hdfs://koverse/fault-sets"]
    taken = cluster.play("backup", *sets)
    assert taken.returncode == 0, taken
    before = cluster.counted()
    cluster.run("n1", "systemctl stop postgresql; rm -rf /var/lib/postgresql/15/main")
    played = cluster.play("recover")
    assert played.returncode != 0, played
    assert ("POSTGRES_STORAGE_LOST", "postgres", "n1", "data_at_risk") in causes(cluster.report("diagnose"))
    cluster.run("n1", "install -d -o postgres -g postgres -m 700 /var/lib/postgresql/15/main")
    cluster.run("n1", "runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb --pgdata /var/lib/postgresql/15/main")
    started = cluster.play("startup", "-e", "runbook_layers=coordination")
    assert started.returncode == 0, started
    restored = cluster.play("restore", *sets, "-e", "runbook_restore_parts=postgres")
    assert restored.returncode == 0, restored
    healthy = cluster.play("recover")
    assert healthy.returncode == 0, healthy
    assert cluster.counted()["rows"] == before["rows"]
