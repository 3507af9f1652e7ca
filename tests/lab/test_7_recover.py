"""The run book's failures, each really made on the HA cluster while a client writes: what diagnose.yml says, and what recover.yml does."""

from __future__ import annotations

import os

import pytest
from conftest import Cluster, Ledger, wait_until
from faults import causes, lab, recovered, signal, unit, victim

pytestmark = [
    pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts"),
    pytest.mark.usefixtures("healthy_again"),
]

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
    unit(cluster, "stop", component, "n2")
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


@pytest.mark.faults
def test_a_host_that_is_booted(cluster: Cluster, ledger: Ledger) -> None:
    lab("kill", "n2")
    lab("start", "n2")
    assert ("HOST_STOPPED", None, "n2", "restart") in causes(cluster.report("diagnose"))
    recovered(cluster, ledger)


@pytest.mark.faults
def test_loss_of_power(cluster: Cluster, ledger: Ledger) -> None:
    lab("kill", *cluster.hosts)
    lab("start", *cluster.hosts)
    stopped = {host for code, _component, host, _kind in causes(cluster.report("diagnose")) if code in ("HOST_STOPPED", "STOPPED", "DIED")}
    assert stopped == set(cluster.hosts)
    played = cluster.play("recover")
    assert played.returncode == 0, played
    assert cluster.report("diagnose")["verdict"]["state"] == "healthy"
    ledger.check()
    print(f"recovered in {played.seconds:.0f} s")


MEMBERS = {
    "zookeeper": ("n1", "n2", "n3"),
    "hdfs_journalnode": ("n1", "n2", "n3"),
    "hdfs_namenode": ("n1", "n2"),
    "hdfs_datanode": ("n1", "n2", "n3"),
    "accumulo_tserver": ("n1", "n2", "n3"),
}


@pytest.mark.faults
@pytest.mark.parametrize("component", MEMBERS)
def test_all_of_a_kind_killed(cluster: Cluster, ledger: Ledger, component: str) -> None:
    for host in MEMBERS[component]:
        signal(cluster, component, host, "KILL")
    said = cluster.report("diagnose")
    assert said["verdict"]["state"] == "unhealthy"
    died = {host for code, name, host, _kind in causes(said) if (code, name) == ("DIED", component)}
    assert died == set(MEMBERS[component]), causes(said)
    assert {name for _code, name, _host, _kind in causes(said)} == {component}, "all else follows from it"
    recovered(cluster, ledger)


@pytest.mark.faults
def test_a_majority_of_zookeeper_lost(cluster: Cluster, ledger: Ledger) -> None:
    for host in ("n1", "n3"):
        signal(cluster, "zookeeper", host, "KILL")
    said = cluster.report("diagnose")
    (row,) = [row for row in said["findings"] if row["code"] == "ZOOKEEPER_NO_QUORUM"]
    assert said["findings"][row["follows_from"]]["code"] == "DIED"
    recovered(cluster, ledger)


@pytest.mark.faults
def test_two_layers_broken_at_once(cluster: Cluster, ledger: Ledger) -> None:
    for host in ("n1", "n2"):
        signal(cluster, "zookeeper", host, "KILL")
        signal(cluster, "hdfs_datanode", host, "KILL")
    said = cluster.report("diagnose")
    assert said["verdict"]["first_unhealthy_layer"] == "coordination"
    assert {name for _code, name, _host, _kind in causes(said)} == {"zookeeper"}, "the lowest layer comes first"
    assert ("DIED", "hdfs_datanode") in {(row["code"], row["component"]) for row in said["findings"]}
    recovered(cluster, ledger)


@pytest.mark.faults
def test_a_tablet_server_lost_while_no_manager_runs(cluster: Cluster, ledger: Ledger) -> None:
    unit(cluster, "stop", "accumulo_manager", "n1", "n2")
    signal(cluster, "accumulo_tserver", "n2", "KILL")
    found = causes(cluster.report("diagnose"))
    assert ("DIED", "accumulo_tserver", "n2", "restart") in found
    assert {("STOPPED", "accumulo_manager", host, "restart") for host in ("n1", "n2")} <= set(found)
    recovered(cluster, ledger)


@pytest.mark.faults
def test_tablets_that_somebody_keeps_offline(cluster: Cluster, ledger: Ledger) -> None:
    cluster.accumulo("org.apache.accumulo.manager.state.SetGoalState", "SAFE_MODE")
    wait_until(
        lambda: ("GOAL_STATE", "accumulo_manager", None, "restart") in causes(cluster.report("diagnose")), 120, "the goal state is told"
    )
    recovered(cluster, ledger, "goal state set from SAFE_MODE to NORMAL")


def test_safe_mode_that_somebody_has_turned_on(cluster: Cluster, ledger: Ledger) -> None:
    host = victim(cluster, "hdfs_namenode")
    cluster.run(host, "runuser -u hdfs -- /opt/hadoop/bin/hdfs dfsadmin -safemode enter")
    assert ("SAFE_MODE_KEPT", "hdfs_namenode", host, "intervention") in causes(cluster.report("diagnose"))
    refused = cluster.play("recover")
    assert refused.returncode != 0, refused
    assert "-e runbook_accept=leave_safe_mode" in refused.output, refused
    assert "It was turned on manually" in refused.output, refused
    recovered(cluster, ledger, "left safe mode", accept="leave_safe_mode")


@pytest.mark.faults
def test_postgresql_down_under_koverse(cluster: Cluster, ledger: Ledger) -> None:
    cluster.run("n1", "systemctl stop postgresql")
    assert ("STOPPED", "postgres", "n1", "restart") in causes(cluster.report("diagnose"))
    recovered(cluster, ledger)


@pytest.mark.faults
def test_a_tablet_server_out_of_file_handles(cluster: Cluster, ledger: Ledger) -> None:
    pid = cluster.run("n2", "systemctl show --property MainPID --value accumulo-tserver").strip()
    opened = len(cluster.run("n2", f"ls /proc/{pid}/fd").split())
    # In the lab root itself has no capability over another user's limits.
    cluster.run("n2", f"runuser -u accumulo -- prlimit --pid {pid} --nofile={opened}:20000")
    wait_until(lambda: ("FILES_EXHAUSTED", "accumulo_tserver", "n2", "zombie") in causes(cluster.report("diagnose")), 60, "it is found")
    recovered(cluster, ledger)
    assert cluster.run("n2", "systemctl show --property MainPID --value accumulo-tserver").strip() != pid


@pytest.mark.faults
def test_a_full_disk_under_a_datanode(cluster: Cluster, ledger: Ledger) -> None:
    """The DataNode's directory is on a file system of its own, which somebody else fills."""
    unit(cluster, "stop", "hdfs_datanode", "n2")
    data = "/var/lib/hadoop/data"
    cluster.run("n2", f"mv {data} {data}.kept && install -d -o hdfs -g hdfs -m 700 {data}")
    cluster.run(
        "n2", f"mount -t tmpfs -o size=300m,uid=$(id -u hdfs),gid=$(id -g hdfs),mode=700 tmpfs {data} && cp -a {data}.kept/. {data}/"
    )
    try:
        unit(cluster, "start", "hdfs_datanode", "n2")
        healthy = cluster.play("recover")
        assert healthy.returncode == 0, healthy
        cluster.run("n2", f"dd if=/dev/zero of={data}/somebody-elses bs=1M status=none || true")
        wait_until(lambda: ("DISK_FULL", None, "n2", "intervention") in causes(cluster.report("diagnose")), 60, "it is found")
        ledger.goes_on(180)
        cluster.run("n2", f"rm {data}/somebody-elses")
        recovered(cluster, ledger)
    finally:
        unit(cluster, "stop", "hdfs_datanode", "n2")
        # What was written meanwhile is on the others; what it had is what it comes back with.
        cluster.run("n2", f"umount {data} && rmdir {data} && mv {data}.kept {data}")


@pytest.mark.faults
def test_a_host_that_is_gone(cluster: Cluster, ledger: Ledger) -> None:
    """It takes a NameNode, a manager and the monitor with it; the others go on, and what died there meanwhile is brought back."""
    lab("kill", "n2")
    try:
        signal(cluster, "hdfs_datanode", "n3", "KILL")
        signal(cluster, "accumulo_tserver", "n1", "KILL")
        found = causes(cluster.report("diagnose"))
        assert ("HOST_UNREACHABLE", None, "n2", "intervention") in found
        played = cluster.play("recover")
        assert played.returncode != 0, played
        said = cluster.report("diagnose")
        assert {code for code, _name, _host, _kind in causes(said)} == {"HOST_UNREACHABLE"}, played
        rows = {(row["component"], row["host"]): row["health"] for row in said["instances"]}
        assert rows["hdfs_datanode", "n3"] == rows["accumulo_tserver", "n1"] == "healthy"
        ledger.goes_on(180)
    finally:
        lab("start", "n2")
    recovered(cluster, ledger)
