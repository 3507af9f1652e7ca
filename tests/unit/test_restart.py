# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling restart: who when, and who must have taken over before."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import restart
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy

PLAN = ha_plan()


def instances(*components: str) -> list[restart.Instance]:
    return [(name, host) for name in components for host in PLAN["instances"][name]]


def made(*components: str, batch: Any = 1) -> tuple[list[str], list[str]]:
    """The stages' names, and the outages."""
    stages, outages = restart.stages(PLAN, healthy(PLAN), instances(*components), batch)
    return [stage["name"] for stage in stages if stage["goal"] != "recovered"], outages


def test_what_has_lost_its_place_in_a_layer_above_is_brought_back_before_that_layers_turn() -> None:
    stages, _outages = restart.stages(PLAN, healthy(PLAN), instances("zookeeper", "accumulo_tserver"), 1)
    assert [stage["layer"] for stage in stages] == ["coordination"] * 6 + ["storage"] + ["data_services"] * 7 + ["application"]
    assert [number for number, stage in enumerate(stages) if stage["goal"] == "recovered"] == [6, 7, 14]


def test_a_quorum_goes_one_at_a_time_and_its_leader_last() -> None:
    names, outages = made("zookeeper")
    assert [name for name in names if name.endswith("start")] == [f"ZooKeeper on {host}: start" for host in ("n2", "n3", "n1")]
    assert outages == []
    stages, _outages = restart.stages(PLAN, healthy(PLAN), instances("zookeeper"), 1)
    assert [stage["goal"] for stage in stages] == ["stopped", "started"] * 3 + ["recovered"] * 3
    first = stages[0]
    assert (first["hosts"], first["away"], first["judges"]) == ({"n2": ["zookeeper"]}, {"zookeeper": ["n2"]}, ["zookeeper"])


def test_namenodes_with_their_zkfcs_the_standby_first_then_a_failover() -> None:
    names, outages = made("hdfs_namenode", "hdfs_zkfc")
    assert names == [
        "NameNode and ZKFC on n2: stop",
        "NameNode and ZKFC on n2: start",
        "failover of NameNode from n1 to n2",
        "NameNode and ZKFC on n1: stop",
        "NameNode and ZKFC on n1: start",
    ]
    assert outages == []


def test_a_zkfc_alone_follows_its_namenodes_role() -> None:
    names, _outages = made("hdfs_zkfc")
    assert names[-3:] == ["failover of NameNode from n1 to n2", "ZKFC on n1: stop", "ZKFC on n1: start"]


def test_a_standby_of_a_component_without_a_failover_of_its_own_takes_over_when_the_active_one_stops() -> None:
    names, outages = made("accumulo_manager")
    assert names == [f"Accumulo manager on {host}: {what}" for host in ("n2", "n1") for what in ("stop", "start")]
    assert outages == []


def test_workers_in_batches_and_what_judges_them() -> None:
    stages, outages = restart.stages(PLAN, healthy(PLAN), instances("accumulo_tserver"), "50%")
    assert [list(stage["hosts"]) for stage in stages if stage["goal"] == "stopped"] == [["n1"], ["n2"], ["n3"]]
    assert stages[1]["components"] == ["accumulo_tserver", "yarn_resourcemanager", "accumulo_manager"]
    everything, _none = restart.stages(PLAN, healthy(PLAN), instances("accumulo_tserver"), "100%")
    assert [list(stage["hosts"]) for stage in everything if stage["goal"] == "stopped"] == [["n1", "n2"], ["n3"]], "one has to stay"
    assert outages == []


def test_what_has_no_other_means_an_outage() -> None:
    names, outages = made("postgres", "koverse_server", "koverse_webapp")
    assert [name.partition(" on ")[0] for name in names] == [
        title for title in ("PostgreSQL", "Koverse server", "Koverse web app") for _what in range(2)
    ]
    assert outages[0] == "PostgreSQL on n1: nobody else does its work while it restarts"
    assert len(outages) == 3


def test_an_active_one_whose_standby_is_not_healthy_means_an_outage() -> None:
    picture = healthy(PLAN)
    picture["hdfs_namenode"]["n2"].update(health="unhealthy", evidence="safe mode is on")
    _stages, outages = restart.stages(PLAN, picture, [("hdfs_namenode", "n1")], 1)
    assert outages == ["NameNode on n1: nobody else does its work while it restarts"]


def test_everything_from_the_lowest_layer_up() -> None:
    stages, _outages = restart.stages(PLAN, healthy(PLAN), instances(*PLAN["instances"]), 1)
    layers = [stage["layer"] for stage in stages if "layer" in stage]
    assert list(dict.fromkeys(layers)) == list(PLAN["layers"])
    assert layers == sorted(layers, key=list(PLAN["layers"]).index)


@pytest.mark.parametrize("value", ["0", "-1", "0%", "101%", "all", ""])
def test_a_batch_that_is_none(value: str) -> None:
    with pytest.raises(RunbookError, match="runbook_batch: expected a number from 1, or a percentage"):
        restart.batch_size(value, 10)


@pytest.mark.parametrize(("value", "size"), [(1, 1), ("3", 3), ("10%", 2), ("25%", 5), ("100%", 20), ("1%", 1)])
def test_batches(value: Any, size: int) -> None:
    assert restart.batch_size(value, 20) == size


def test_a_failover_of_what_can_be_told_to() -> None:
    picture = healthy(PLAN)
    (stage,) = restart.failover(PLAN, picture, "hdfs_namenode", "")
    assert (stage["goal"], stage["from"], stage["to"]) == ("failed_over", "n1", "n2")
    assert restart.failover(PLAN, picture, "hdfs_namenode", "n1") == [], "it is active already"


def test_a_failover_of_what_has_to_be_stopped_for_it() -> None:
    stop, start = restart.failover(PLAN, healthy(PLAN), "accumulo_manager", "n2")
    assert (stop["goal"], stop["hosts"], stop["away"]) == ("stopped", {"n1": ["accumulo_manager"]}, {"accumulo_manager": ["n1"]})
    assert (start["goal"], start["hosts"]) == ("started", stop["hosts"])


@pytest.mark.parametrize(
    ("component", "target", "message"),
    [
        ("zookeeper", "", "runbook_component: zookeeper has no standby. Those that have one: hdfs_namenode, yarn_resourcemanager,"),
        ("hdfs_namenode", "n3", "runbook_target: no NameNode on 'n3'. There is one on: n1, n2."),
    ],
)
def test_a_failover_that_cannot_be(component: str, target: str, message: str) -> None:
    with pytest.raises(RunbookError, match=re.escape(message)):
        restart.failover(PLAN, healthy(PLAN), component, target)


def test_a_standby_that_is_not_fit() -> None:
    picture = healthy(PLAN)
    picture["hdfs_namenode"]["n2"].update(health="unhealthy", evidence="safe mode is on")
    with pytest.raises(RunbookError, match=r"expected a healthy standby, found: n1 active .* n2 standby \(unhealthy: safe mode is on\)"):
        restart.failover(PLAN, picture, "hdfs_namenode", "")
    picture["hdfs_namenode"]["n1"].update(health="unknown", role=None, evidence="no answer")
    with pytest.raises(RunbookError, match="expected one healthy active"):
        restart.failover(PLAN, picture, "hdfs_namenode", "n2")
