# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker host that is taken out for good, and comes in again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import exclude
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError
from ansible_collections.koverse.runbook.plugins.plugin_utils import leave
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, stopped

PLAN = ha_plan()
WORKERS = ("accumulo_tserver", "yarn_nodemanager", "hdfs_datanode")


def told(stages: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(stage["goal"], stage.get("component") or stage["components"][:1]) for stage in stages]


def test_they_leave_from_the_top_when_it_is_known_that_they_can() -> None:
    stages = leave.out(PLAN, healthy(PLAN), "n3")
    assert told(stages)[:2] == [("checked", "yarn_nodemanager"), ("checked", "hdfs_datanode")]
    assert told(stages)[2:] == [
        ("stopped", ["accumulo_tserver"]),
        ("excluded", "yarn_nodemanager"),
        ("stopped", ["yarn_nodemanager"]),
        ("excluded", "hdfs_datanode"),
        ("stopped", ["hdfs_datanode"]),
    ]
    datanode = stages[-2]
    assert (datanode["by"], datanode["hosts"], datanode["active"], datanode["workers"]) == ("hdfs_namenode", ["n1", "n2"], "n1", ["n3"])
    away = [list(stage["away"]) for stage in stages if stage["goal"] == "stopped"]
    assert away == [list(WORKERS[:number]) for number in (1, 2, 3)], "others take over before the next one goes"


def test_who_leaves_is_not_missed() -> None:
    rest = leave.without(PLAN, "n3")["instances"]
    assert (rest["hdfs_datanode"], rest["accumulo_tserver"], rest["zookeeper"]) == (["n1", "n2"], ["n1", "n2"], ["n1", "n2", "n3"])


def test_what_has_left_already_is_not_stopped_again() -> None:
    whole = healthy(PLAN)
    whole["accumulo_tserver"]["n3"] = stopped("accumulo_tserver", "n3")
    assert ("stopped", ["accumulo_tserver"]) not in told(leave.out(PLAN, whole, "n3"))


def test_they_come_in_again() -> None:
    whole = healthy(PLAN)
    for name in WORKERS:
        whole[name]["n3"] = stopped(name, "n3")
    assert told(leave.back(PLAN, whole, "n3")) == [
        ("admitted", "yarn_nodemanager"),
        ("admitted", "hdfs_datanode"),
        ("started", ["hdfs_datanode"]),
        ("started", ["yarn_nodemanager"]),
    ]


@pytest.mark.parametrize(
    ("host", "change", "why"),
    [
        ("n9", {}, "runbook_host: unknown host 'n9'"),
        ("n3", {"hdfs_datanode": {"n1": stopped("hdfs_datanode", "n1")}}, "A worker leaves a healthy cluster only"),
    ],
)
def test_refused_before_anything_is_changed(host: str, change: Any, why: str) -> None:
    whole = healthy(PLAN)
    for name, rows in change.items():
        whole[name].update(rows)
    with pytest.raises(RunbookError, match="Nothing was changed") as caught:
        leave.out(PLAN, whole, host)
    assert why in str(caught.value)


def test_a_host_without_workers_or_with_the_only_one() -> None:
    plan = ha_plan(workers=["n3"])
    with pytest.raises(RunbookError, match=r"expected a worker on n1, found PostgreSQL, ZooKeeper"):
        leave.workers(plan, "n1")
    with pytest.raises(RunbookError, match=r"n3 has the only Tablet server, NodeManager, DataNode|n3 has the only"):
        leave.workers(plan, "n3")


# ---- the files


@pytest.fixture
def namenode(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "dfs.exclude").write_text("# Hosts\nold\n")
    properties = {"dfs.hosts.exclude": tmp_path / "dfs.exclude", "dfs.replication": 2}
    rows = "".join(f"<property><name>{key}</name><value>{value}</value></property>" for key, value in properties.items())
    (tmp_path / "hdfs-site.xml").write_text(f"<configuration>{rows}</configuration>")
    probe = {"probe": {"type": "hdfs_namenode", "port": "http"}, "ports": {"http": 9870}}
    return {"name": "hdfs_namenode", "config": [str(tmp_path)], "address": "n1", "start_timeout": 60, **probe}


def test_hosts_are_put_in_and_taken_out_and_others_stay(namenode: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "dfs.exclude"
    file.chmod(0o644)
    assert exclude.write(namenode, ["n3"], excluded=True)
    assert not exclude.write(namenode, ["n3"], excluded=True)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("# Hosts\nold\nn3\n", 0o644)
    assert exclude.write(namenode, ["n3"], excluded=False)
    assert file.read_text() == "# Hosts\nold\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dfs.exclude", "hdfs-site.xml"]


def test_without_a_file_nothing_is_excluded(namenode: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "dfs.exclude").unlink()
    with pytest.raises(StepError, match=r"expected dfs\.hosts\.exclude to name a file, found"):
        exclude.write(namenode, ["n3"], excluded=True)


def live(**states: str) -> dict[str, Any]:
    rows = [f'"{host}:9866":{{"adminState":"{state}","usedSpace":100,"remaining":500}}' for host, state in states.items()]
    leaving = '{"n3:9866":{"underReplicatedBlocks":2,"underReplicateInOpenFiles":1}}'
    return {"LiveNodes": "{" + ",".join(rows) + "}", "DecomNodes": leaving if "Decommission In Progress" in states.values() else "{}"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("In Service", (False, True, "In Service", 0)),
        ("Decommission In Progress", (False, False, "Decommission In Progress, 2 blocks to copy, 1 of them in open files", 1)),
        ("Decommissioned", (True, False, "Decommissioned", 0)),
    ],
)
def test_how_far_a_datanode_is(
    namenode: dict[str, Any], monkeypatch: pytest.MonkeyPatch, state: str, expected: tuple[bool, bool, str, int]
) -> None:
    monkeypatch.setattr(exclude, "_namenode", lambda _entry: live(n1="In Service", n3=state))
    found = exclude.look(namenode, "n3")
    assert (found.left, found.here, found.text, found.open_files) == expected
    assert exclude.look(namenode, "n2").left, "it is not among the live ones"


def test_every_copy_of_a_block_needs_a_place(namenode: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    serving = "In Service"
    monkeypatch.setattr(exclude, "_namenode", lambda _entry: live(n1=serving, n2=serving, n3=serving))
    assert exclude.others_have_room(namenode, ["n3"]) == []
    monkeypatch.setattr(exclude, "_namenode", lambda _entry: live(n1=serving, n2="Decommissioned", n3=serving))
    (problem,) = exclude.others_have_room(namenode, ["n3"])
    assert problem.startswith("expected 2 DataNodes to stay, one for each copy of a block (dfs.replication), found 1")


def test_the_tablet_servers_whose_logs_are_open(namenode: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    output = "Client Host\tClient Name\tOpen File Path\nn1\tDFSClient_1\t/accumulo/wal/n1+9997/4711\nn2\tx\t/user/someone/part-0\n"
    monkeypatch.setattr(exclude, "done_by", lambda *_words: output)
    assert exclude.writers(namenode) == ["n1"]
