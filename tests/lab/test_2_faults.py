"""Faults on the HA cluster, each really made and cured again. The cluster is up and healthy between the tests, unless a name says cold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import ROOT, Cluster, wait_until
from test_1_main import ingest

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

HDFS = "runuser -u hdfs -- /opt/hadoop/bin/hdfs "


@contextmanager
def replaced_start(cluster: Cluster, host: str, unit: str, script: str) -> Iterator[None]:
    """While it lasts, the unit runs a shell script instead of its program."""
    directory = f"/run/systemd/system/{unit}.service.d"
    text = f"[Service]\nExecStart=\nExecStart=/bin/sh -c '{script}'\n"
    cluster.run(host, f"mkdir -p {directory} && printf %s > {directory}/fault.conf && systemctl daemon-reload", text)
    try:
        yield
    finally:
        cluster.run(host, f"rm -r {directory} && systemctl daemon-reload && systemctl reset-failed {unit}")


def heal(cluster: Cluster) -> None:
    played = cluster.play("startup")
    assert played.returncode == 0, played
    again = cluster.play("startup")
    assert again.changed == 0, again


def catalogue(**components: object) -> list[str]:
    """Arguments that override the catalogue on the command line."""
    return ["-e", json.dumps({"runbook_catalogue": components})]


def test_component_that_dies_while_starting(cluster: Cluster) -> None:
    cluster.run("n2", "systemctl stop accumulo-tserver")
    with replaced_start(cluster, "n2", "accumulo-tserver", "sleep 2; echo no configuration for me >&2; exit 1"):
        played = cluster.play("startup")
        ended = time.time()
        died = cluster.run("n2", "systemctl show -p InactiveEnterTimestamp --timestamp=unix --value accumulo-tserver")
        assert played.returncode != 0, played
        assert re.search(r"Tablet server on n2: died \d+ s after", played.output), played
        assert "no configuration for me" in played.output
        assert "First unhealthy layer: data_services" in played.output
        assert "ansible-playbook playbooks/startup.yml" in played.output
        assert ended - float(died.strip().lstrip("@")) < 5
    heal(cluster)


def test_port_held_by_another_process(cluster: Cluster) -> None:
    cluster.run("n3", "systemctl stop hdfs-datanode")
    cluster.run("n3", "systemd-run --unit=squatter python3 -m http.server 9864")
    wait_until(lambda: cluster.host("n3").socket("tcp://0.0.0.0:9864").is_listening, 10, "the squatter listens")
    played = cluster.play("startup")
    assert played.returncode != 0, played
    assert re.search(r"DataNode on n3: its port 9864 \(http\) is held by pid \d+ \(python3", played.output), played
    assert not cluster.host("n3").service("hdfs-datanode").is_running
    cluster.run("n3", "systemctl stop squatter")
    heal(cluster)


def test_namenode_kept_in_safe_mode(cluster: Cluster) -> None:
    cluster.run("n1", HDFS + "dfsadmin -safemode enter")
    played = cluster.play("startup", *catalogue(hdfs_namenode={"start_timeout": 12}))
    assert played.returncode != 0, played
    assert "safe mode is on" in played.output
    assert "First unhealthy layer: storage" in played.output
    assert played.changed == 0
    cluster.run("n1", HDFS + "dfsadmin -safemode leave")
    heal(cluster)


def test_zookeeper_without_majority(cluster: Cluster) -> None:
    for host in ("n1", "n2"):
        cluster.run(host, "systemctl stop zookeeper")
    played = cluster.play("startup", "-e", "runbook_layers=storage")
    assert played.returncode != 0, played
    assert "ZooKeeper" in played.output
    assert "healthy first" in played.output
    assert played.changed == 0
    with replaced_start(cluster, "n1", "zookeeper", "exit 1"), replaced_start(cluster, "n2", "zookeeper", "exit 1"):
        played = cluster.play("startup")
        assert played.returncode != 0, played
        assert "First unhealthy layer: coordination" in played.output
        assert "no leader" in played.output
        assert "storage: healthy" not in played.output
    # A standby manager that has lost its connection never waits for its lock again: a start says so, and does not wait for it.
    played = cluster.play("startup")
    assert played.returncode == 0 or "recover.yml ends" in played.output, played
    assert played.seconds < 120
    played = cluster.play("recover")
    assert played.returncode == 0, played
    heal(cluster)


def test_manager_that_found_the_goal_state_clean_stop(cluster: Cluster) -> None:
    played = cluster.play("shutdown", "-e", "runbook_layers=data_services,application")
    assert played.returncode == 0, played
    # A bare start of the processes does not reset the goal state: the manager takes the lock and serves nothing, for ever.
    for host in cluster.hosts:
        cluster.run(host, "systemctl start accumulo-tserver")
    cluster.run("n1", "systemctl start accumulo-manager")
    wait_until(lambda: cluster.host("n1").socket("tcp://0.0.0.0:9999").is_listening, 60, "the manager has the lock")
    played = cluster.play("startup")
    assert played.returncode == 0, played
    assert "goal state set from CLEAN_STOP to NORMAL" in played.output
    heal(cluster)


def test_component_of_the_user(cluster: Cluster) -> None:
    """With inventory variables alone: a service that depends on Koverse, with a TCP probe."""
    unit = "[Service]\nExecStart=/usr/bin/python3 -m http.server 9100\n"
    cluster.run("n3", "printf %s > /run/systemd/system/billing.service && systemctl daemon-reload", unit)
    billing = {
        "layer": "application", "groups": ["koverse"], "service": "billing", "depends_on": ["koverse_server"],
        "ports": {"http": 9100}, "probe": {"type": "tcp", "port": "http"},
    }  # fmt: skip
    played = cluster.play("startup", *catalogue(billing=billing))
    assert played.returncode == 0, played
    assert played.changed == 1
    assert cluster.host("n3").service("billing").is_running
    played = cluster.play("shutdown", *catalogue(billing=billing), "-e", "runbook_components=billing")
    assert played.returncode == 0, played
    assert not cluster.host("n3").service("billing").is_running


def test_wrong_become_password(cluster: Cluster) -> None:
    before = cluster.pids()
    played = cluster.play("shutdown", "-e", "ansible_user=audit", "-e", "ansible_become_password=wrong")
    assert played.returncode != 0, played
    assert "Incorrect sudo password" in played.output
    assert "Nothing was changed" in played.output
    assert cluster.pids() == before


def test_shutdown_with_a_tablet_server_and_a_datanode_down(cluster: Cluster) -> None:
    cluster.run("n2", "systemctl kill --signal=KILL accumulo-tserver")
    cluster.run("n3", "systemctl kill --signal=KILL hdfs-datanode")
    wait_until(lambda: not cluster.host("n3").service("hdfs-datanode").is_running, 10, "the DataNode is gone")
    before = cluster.pids()
    played = cluster.play("shutdown", "-e", "runbook_shutdown=refuse")
    assert played.returncode != 0, played
    assert "Tablet server on n2" in played.output
    assert cluster.pids() == before
    played = cluster.play("shutdown")
    assert played.returncode == 0, played
    assert played.output.index("storage: healthy after") < played.output.index("storage: down after")
    assert not any(cluster.processes().values())


def test_cold_start_that_is_killed_in_every_layer(cluster: Cluster) -> None:
    first_units = {
        "coordination": ("n1", "zookeeper"),
        "storage": ("n1", "hdfs-namenode"),
        "data_services 1/2": ("n1", "accumulo-tserver"),
        "application 1/2": ("n2", "accumulo-monitor"),
    }
    for layer, (host, unit) in first_units.items():
        with cluster.playing("startup") as playing:
            playing.until(f"TASK [Start {layer}")
            # In the middle of the stage: its processes start, nobody has seen them healthy.
            service = cluster.host(host).service(unit)
            wait_until(lambda service=service: service.is_running, 20, f"{unit} starts on {host}")
    played = cluster.play("startup")
    assert played.returncode == 0, played
    ingest(cluster, "VerifyIngest")
    heal(cluster)


def test_shutdown_with_a_tablet_server_that_outlives_stop_all(cluster: Cluster) -> None:
    """It stands still from the moment at which stopAll begins: stopAll would wait for it for ever."""
    with cluster.playing("shutdown", *catalogue(accumulo_manager={"stop_timeout": 15})) as playing:
        managers = [cluster.host(host) for host in cluster.groups["accumulo_manager"]]
        wait_until(lambda: any(host.run("pgrep -f 'admin [s]topAll'").rc == 0 for host in managers), 120, "stopAll begins")
        cluster.run("n2", "systemctl kill --signal=STOP accumulo-tserver")
        assert playing.ended() == 0, playing.output
    assert re.search(r"stopAll left the tablet servers .*n2:9997", playing.output), playing.output
    assert not any(cluster.processes().values())


@pytest.mark.faults
def test_cold_start_with_one_host_gone_with_and_without_min_healthy(cluster: Cluster) -> None:
    subprocess.run(["lab/lab", "stop", "n2"], cwd=ROOT, check=True)
    try:
        played = cluster.play("startup")
        assert played.returncode != 0, played
        assert re.search(r"ZooKeeper on n2: .*unreachable", played.output), played
        assert "First unhealthy layer: coordination" in played.output
        assert "storage: healthy" not in played.output
        one, two = {"min_healthy": 1}, {"min_healthy": 2}
        played = cluster.play(
            "startup",
            *catalogue(
                **dict.fromkeys(("zookeeper", "hdfs_journalnode", "hdfs_datanode", "yarn_nodemanager", "accumulo_tserver"), two),
                **dict.fromkeys(("hdfs_namenode", "hdfs_zkfc", "yarn_resourcemanager", "accumulo_manager"), one),
                accumulo_monitor={"min_healthy": 0},
            ),
        )
        assert played.returncode == 0, played
        assert "tolerated by min_healthy: DataNode on n2" in played.output
        ingest(cluster, "VerifyIngest")
    finally:
        subprocess.run(["lab/lab", "start", "n2"], cwd=ROOT, check=True)
    heal(cluster)
