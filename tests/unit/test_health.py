# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate's judgement, case by case."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.health import is_down, is_up, unknown
from ansible_collections.koverse.runbook.tests.unit.cluster import NODES, row, stopped

Rows = dict[str, dict[str, Any]]


def texts(component: str, rows: Rows, minimums: dict[str, int] | None = None, hosts: list[str] | None = None) -> list[str]:
    """What keeps a component from being healthy; its probe is the one of the same name."""
    verdict = is_up(component, component, hosts or list(rows), rows, {component: len(hosts or rows), **(minimums or {})})
    return [f"{problem['host']}: {problem['text']}" if problem["host"] else problem["text"] for problem in verdict.problems]


def rows(component: str, *changes: dict[str, Any]) -> Rows:
    """One healthy instance for each change, on n1, n2, n3."""
    return {host: row(component, host, **change) for host, change in zip(NODES, changes)}


LEADER: dict[str, Any] = {"role": "leader", "details": {"synced_followers": 2}}
FOLLOWER: dict[str, Any] = {"role": "follower"}
ACTIVE: dict[str, Any] = {"role": "active", "details": {"live_datanodes": 3, "missing_blocks": 0, "tservers": NODES}}
STANDBY: dict[str, Any] = {"role": "standby"}
SICK: dict[str, Any] = {"health": "unhealthy", "evidence": "is sick"}
DEAD: dict[str, Any] = {"state": "stopped", "health": "unhealthy", "role": None, "evidence": "is gone", "details": {}}
HIDDEN: dict[str, Any] = {"state": "unknown", "health": "unknown", "role": None, "evidence": "no word", "details": {}}
SILENT: dict[str, Any] = {"health": "unknown", "role": None, "evidence": "does not answer", "details": {}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (SICK, "is sick"),
        (DEAD, "is gone"),
        ({**DEAD, "state": "failed"}, "is gone"),
        (HIDDEN, "no word"),
        (SILENT, "does not answer"),
    ],
)
def test_one_of_three_is_not_healthy(change: dict[str, Any], said: str) -> None:
    instances = rows("worker", {}, change, {})
    assert texts("worker", instances) == [f"n2: {said}"]
    verdict = is_up("worker", "tcp", NODES, instances, {"worker": 2})
    assert verdict.problems == []
    assert [(problem["host"], problem["state"], problem["text"]) for problem in verdict.tolerated] == [
        ("n2", instances["n2"]["state"], said)
    ]
    assert texts("worker", instances, {"worker": 3}) == [f"n2: {said}"]


def test_nothing_is_tolerated_where_all_are_healthy() -> None:
    assert is_up("worker", "tcp", NODES, rows("worker", {}, {}, {}), {"worker": 1}) == ([], [])


def test_an_instance_that_nobody_asked_is_not_healthy() -> None:
    assert texts("worker", rows("worker", {}, {}), hosts=NODES) == ["n3: it was not asked"]


def test_a_minimum_of_none_is_healthy_with_nothing() -> None:
    verdict = is_up("worker", "tcp", NODES, rows("worker", DEAD, DEAD, HIDDEN), {"worker": 0})
    assert verdict.problems == []
    assert len(verdict.tolerated) == 3


def test_all_problems_are_shown() -> None:
    assert len(texts("worker", rows("worker", DEAD, HIDDEN, SICK))) == 3


@pytest.mark.parametrize(
    ("changes", "minimum", "said"),
    [
        ((LEADER, FOLLOWER, FOLLOWER), 3, []),
        ((FOLLOWER, LEADER, FOLLOWER), 3, []),
        (({"role": "standalone"},), 1, []),
        ((FOLLOWER, FOLLOWER, FOLLOWER), 3, ["no leader: the ensemble has no quorum"]),
        ((LEADER, LEADER, FOLLOWER), 3, ["2 lead: n1, n2; exactly one may. They do not form one ensemble"]),
        (
            ({"role": "standalone"}, {"role": "standalone"}),
            2,
            ["2 lead: n1, n2; exactly one may. They do not form one ensemble"],
        ),
        (
            ({"role": "leader", "details": {"synced_followers": 1}}, FOLLOWER, FOLLOWER),
            3,
            ["the leader n1 has 1 followers in sync, 2 are needed"],
        ),
        (({"role": "leader", "details": {"synced_followers": 1}}, FOLLOWER, DEAD), 2, []),
        (({"role": "leader", "details": {"synced_followers": 0}}, DEAD, DEAD), 1, []),
        # mntr is not in the whitelist
        (({"role": "leader"}, FOLLOWER, FOLLOWER), 3, []),
        # The leader is on a host that could not be asked.
        ((HIDDEN, FOLLOWER, FOLLOWER), 2, []),
        ((HIDDEN, FOLLOWER, FOLLOWER), 3, ["n1: no word"]),
        ((DEAD, FOLLOWER, FOLLOWER), 2, ["no leader: the ensemble has no quorum"]),
        ((HIDDEN, HIDDEN, HIDDEN), 3, ["n1: no word", "n2: no word", "n3: no word", "no leader: the ensemble has no quorum"]),
        ((SILENT, DEAD, DEAD), 0, ["no leader: the ensemble has no quorum"]),
    ],
)
def test_zookeeper(changes: tuple[dict[str, Any], ...], minimum: int, said: list[str]) -> None:
    assert texts("zookeeper", rows("zookeeper", *changes), {"zookeeper": minimum}) == said


def test_a_second_ensemble_is_judged_by_its_own_minimum() -> None:
    instances = rows("kafka_zookeeper", {"role": "leader", "details": {"synced_followers": 1}}, FOLLOWER, FOLLOWER)
    said = is_up("kafka_zookeeper", "zookeeper", NODES, instances, {"kafka_zookeeper": 3, "zookeeper": 1}).problems
    assert [problem["text"] for problem in said] == ["the leader n1 has 1 followers in sync, 2 are needed"]
    assert is_up("kafka_zookeeper", "zookeeper", NODES, instances, {"kafka_zookeeper": 2}).problems == []


@pytest.mark.parametrize("component", ["hdfs_namenode", "yarn_resourcemanager", "accumulo_manager", "accumulo_gc"])
@pytest.mark.parametrize(
    ("changes", "minimum", "said"),
    [
        ((ACTIVE, STANDBY), 2, []),
        ((STANDBY, ACTIVE), 2, []),
        ((ACTIVE,), 1, []),
        ((ACTIVE, ACTIVE), 2, ["2 are active: n1, n2; exactly one may be"]),
        ((STANDBY, STANDBY), 2, ["none is active (n1 standby, n2 standby)"]),
        ((STANDBY, HIDDEN), 1, ["none is active (n1 standby)"]),
        ((HIDDEN, HIDDEN), 0, ["none is active (none answers)"]),
        ((STANDBY, DEAD), 1, ["none is active (n1 standby, n2 has no role)"]),
        ((ACTIVE, DEAD), 2, ["n2: is gone"]),
        ((ACTIVE, DEAD), 1, []),
        ((ACTIVE, HIDDEN), 1, []),
    ],
)
def test_exactly_one_is_active(component: str, changes: tuple[dict[str, Any], ...], minimum: int, said: list[str]) -> None:
    assert texts(component, rows(component, *changes), {component: minimum}) == said


def namenode(**details: Any) -> dict[str, Any]:
    """An active NameNode that says this of its cluster."""
    return {"role": "active", "details": {"live_datanodes": 3, "missing_blocks": 0, **details}}


@pytest.mark.parametrize(
    ("change", "datanodes", "said"),
    [
        (namenode(), 3, []),
        (namenode(live_datanodes=4), 3, []),
        (namenode(live_datanodes=2), 3, ["n1 sees 2 live DataNodes, 3 are needed"]),
        (namenode(live_datanodes=2), 2, []),
        (namenode(missing_blocks=1), 3, ["1 blocks are missing; see hdfs fsck / -list-corruptfileblocks"]),
        (
            namenode(missing_blocks=7, live_datanodes=0),
            1,
            [
                "n1 sees 0 live DataNodes, 1 are needed",
                "7 blocks are missing; see hdfs fsck / -list-corruptfileblocks",
            ],
        ),
        ({**namenode(), "health": "unhealthy", "evidence": "safe mode is on"}, 3, ["n1: safe mode is on"]),
        ({"role": "active", "details": {}}, 1, ["n1 sees 0 live DataNodes, 1 are needed"]),
    ],
)
def test_the_active_namenode_speaks_for_its_datanodes(change: dict[str, Any], datanodes: int, said: list[str]) -> None:
    instances = rows("hdfs_namenode", change, STANDBY)
    assert texts("hdfs_namenode", instances, {"hdfs_datanode": datanodes}) == said


@pytest.mark.parametrize(
    ("details", "nodemanagers", "said"),
    [
        ({"nodemanagers": 3}, 3, []),
        ({"nodemanagers": 4}, 3, []),
        ({"nodemanagers": 2}, 3, ["2 NodeManagers have registered with n1, 3 are needed"]),
        ({"nodemanagers": 0}, 0, []),
        ({}, 3, []),
    ],
)
def test_the_active_resourcemanager_speaks_for_its_nodemanagers(details: dict[str, int], nodemanagers: int, said: list[str]) -> None:
    instances = rows("yarn_resourcemanager", {"role": "active", "details": details}, STANDBY)
    assert texts("yarn_resourcemanager", instances, {"yarn_nodemanager": nodemanagers}) == said
    assert texts("yarn_resourcemanager", instances) == []


def test_a_standby_namenode_speaks_for_nobody() -> None:
    behind = {"role": "standby", "details": {"live_datanodes": 0, "missing_blocks": 9}}
    assert texts("hdfs_namenode", rows("hdfs_namenode", namenode(), behind), {"hdfs_datanode": 3}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "active", "details": {"tservers": NODES}}, []),
        ({"role": "active", "details": {"tservers": NODES[:2]}}, ["n1 sees 2 tablet servers, 3 are needed"]),
        ({"role": "active", "details": {}}, ["n1 sees 0 tablet servers, 3 are needed"]),
        (
            {"role": "active", "details": {"tservers": NODES}, **SICK},
            ["is sick"],
        ),
    ],
)
def test_the_active_manager_speaks_for_its_tablet_servers(change: dict[str, Any], said: list[str]) -> None:
    minimums = {"accumulo_tserver": 3, "accumulo_manager": 1}
    assert texts("accumulo_manager", rows("accumulo_manager", change, STANDBY), minimums) == said


def test_what_is_wrong_with_the_active_manager_is_said_once() -> None:
    sick = rows("accumulo_manager", {"role": "active", "details": {"tservers": NODES}, **SICK}, STANDBY)
    assert texts("accumulo_manager", sick, {"accumulo_tserver": 3}) == ["n1: is sick"]


def test_a_probe_without_a_check_of_the_whole_has_none() -> None:
    assert texts("worker", rows("worker", {"role": "leader"}, {"role": "leader"})) == []


@pytest.mark.parametrize(
    ("instance", "gone"),
    [
        (stopped("worker", "n1"), True),
        (stopped("worker", "n1", state="failed"), True),
        (stopped("worker", "n1", pids=[17]), False),
        (stopped("worker", "n1", state="failed", pids=[17]), False),
        (row("worker", "n1"), False),
        (row("worker", "n1", health="unhealthy"), False),
        (row("worker", "n1", pids=[]), False),
        (unknown("worker", "n1", "the host is unreachable"), False),
        (None, False),
    ],
)
def test_down_is_what_is_proven_to_be_gone(instance: dict[str, Any] | None, gone: bool) -> None:
    left = is_down("worker", ["n1"], {"n1": instance} if instance else {})
    assert (left == []) is gone
    if not gone:
        assert left[0]["host"] == "n1"
        assert left[0]["text"] == (instance["evidence"] if instance else "it was not asked")


def test_down_looks_at_every_host() -> None:
    instances = {"n1": stopped("worker", "n1"), "n2": row("worker", "n2"), "n3": stopped("worker", "n3")}
    assert [left["host"] for left in is_down("worker", NODES, instances)] == ["n2"]
    assert [left["host"] for left in is_down("worker", ["n1"], instances)] == []
