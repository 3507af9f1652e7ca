# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recovery does in a layer."""

from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import recover
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, stopped

PLAN = ha_plan()


def in_layer(layer: str) -> list[str]:
    return [name for name, entry in PLAN["components"].items() if entry["layer"] == layer]


def made(whole: Any, layer: str, *zombies: tuple[str, str]) -> tuple[list[dict[str, Any]], list[str]]:
    return recover.stages(PLAN, whole, in_layer(layer), zombies, 30.0)


def down(*instances: tuple[str, str]) -> Any:
    """A healthy cluster, but for these."""
    whole = healthy(PLAN)
    for name, host in instances:
        whole[name][host] = stopped(name, host)
    return whole


def test_a_healthy_layer_is_left_alone() -> None:
    assert made(healthy(PLAN), "data_services") == ([], [])


def test_what_others_can_do_without_is_ended_when_they_have_taken_over() -> None:
    stages, below = made(healthy(PLAN), "data_services", ("accumulo_tserver", "n2"))
    assert below == []
    stop, start = stages
    assert (stop["goal"], stop["hosts"], stop["patience"]) == ("stopped", {"n2": ["accumulo_tserver"]}, 30.0)
    assert (stop["away"], "accumulo_manager" in stop["judges"]) == ({"accumulo_tserver": ["n2"]}, True)
    assert (start["goal"], start["hosts"]) == ("started", {"n2": ["accumulo_tserver"]})
    assert {"accumulo_tserver", "accumulo_manager"} <= set(start["components"])


def test_nobody_waits_for_others_that_are_not_well_themselves() -> None:
    whole = down(("accumulo_tserver", "n1"), ("accumulo_manager", "n1"), ("accumulo_manager", "n2"))
    stages, _below = made(whole, "data_services", ("accumulo_tserver", "n2"))
    assert [(stage["goal"], stage["hosts"]) for stage in stages] == [
        ("stopped", {"n2": ["accumulo_tserver"]}),
        ("started", {"n1": ["accumulo_tserver"], "n2": ["accumulo_tserver"]}),
        ("prepared", {"n1": ["accumulo_manager"]}),
        ("started", {"n1": ["accumulo_manager"], "n2": ["accumulo_manager"]}),
    ]
    assert (stages[0]["away"], stages[0]["patience"]) == ({}, 30.0)


def test_several_are_ended_together_and_then_started() -> None:
    stages, _below = made(healthy(PLAN), "coordination", ("zookeeper", "n1"), ("zookeeper", "n3"))
    assert [(stage["goal"], stage["hosts"]) for stage in stages] == [
        ("stopped", {"n1": ["zookeeper"], "n3": ["zookeeper"]}),
        ("started", {"n1": ["zookeeper"], "n3": ["zookeeper"]}),
    ]


def test_other_layers_zombies_are_left_to_their_turn() -> None:
    assert made(healthy(PLAN), "storage", ("zookeeper", "n1"), ("accumulo_tserver", "n2")) == ([], [])


def test_a_layer_waits_for_those_below() -> None:
    stages, below = made(down(("zookeeper", "n3"), ("hdfs_datanode", "n3")), "storage")
    assert below == ["ZooKeeper on n3: zookeeper is inactive"]
    assert [stage["hosts"] for stage in stages] == [{"n3": ["hdfs_datanode"]}]


def test_a_journalnode_comes_back_to_a_namenode_that_went_on() -> None:
    (alone,) = made(down(("hdfs_journalnode", "n2")), "coordination")[0]
    assert alone["back"] == ["hdfs_journalnode"]
    (cold,) = made(down(("hdfs_journalnode", "n2"), ("hdfs_namenode", "n1"), ("hdfs_namenode", "n2")), "coordination")[0]
    assert cold["back"] == []
    (lost,) = made(down(("hdfs_journalnode", "n1"), ("hdfs_journalnode", "n2")), "coordination")[0]
    assert lost["back"] == [], "without a majority the NameNode does not go on"


def gone(*hosts: str) -> Any:
    """A healthy cluster of which these hosts cannot be reached."""
    whole = healthy(PLAN)
    for rows in whole.values():
        rows.update({host: unknown("x", host, "no route to host") for host in hosts if host in rows})
    return whole


def test_a_layer_does_without_a_host_that_cannot_be_reached() -> None:
    whole = gone("n2")
    whole["hdfs_datanode"]["n3"] = stopped("hdfs_datanode", "n3")
    whole["hdfs_namenode"]["n1"]["details"] = {"live_datanodes": 1, "missing_blocks": 0}
    (start,), below = recover.stages(PLAN, whole, in_layer("storage"), [], 30, ["n2"])
    assert (below, start["hosts"]) == ([], {"n3": ["hdfs_datanode"]})
    assert (start["needed"]["hdfs_datanode"], start["needed"]["zookeeper"], start["needed"]["accumulo_monitor"]) == (2, 2, 1)


def test_what_is_only_on_such_a_host_is_left_out_and_what_is_above_waits() -> None:
    stages, below = recover.stages(PLAN, gone("n2"), in_layer("application"), [], 30, ["n2"])
    assert (stages, below) == ([], []), "the monitor is on n2"
    _stages, below = recover.stages(PLAN, gone("n1"), in_layer("storage"), [], 30, ["n1"])
    assert below == ["PostgreSQL on n1: no route to host"]


def test_a_quorum_never_does_with_less_than_a_majority() -> None:
    stages, _below = recover.stages(PLAN, gone("n2", "n3"), in_layer("coordination"), [], 30, ["n2", "n3"])
    assert stages == []
    _stages, below = recover.stages(PLAN, gone("n2", "n3"), in_layer("storage"), [], 30, ["n2", "n3"])
    assert "ZooKeeper on n2: no route to host" in below


def finding(component: str, host: str | None, accept: str) -> dict[str, Any]:
    return {"component": component, "host": host, "accept": accept, "summary": f"{component} has lost its disk"}


def test_what_was_accepted_is_done_before_the_start() -> None:
    whole = down(("hdfs_namenode", "n2"))
    accepted = [finding("hdfs_namenode", "n2", "bootstrap_standby"), finding("zookeeper", "n1", "rejoin_ensemble")]
    stages, _below = recover.stages(PLAN, whole, in_layer("storage"), [], 30, [], accepted)
    assert [(stage["goal"], stage.get("mend"), stage.get("host")) for stage in stages] == [
        ("mended", "bootstrap_standby", "n2"),
        ("started", None, None),
    ]
    assert stages[0]["donor"] is None
    assert recover.plan_lines(PLAN, stages)[0] == "accepted: bootstrap_standby: hdfs_namenode has lost its disk"


def test_what_is_of_a_component_as_a_whole_is_done_where_it_is_active() -> None:
    (stage,) = recover.stages(PLAN, healthy(PLAN), in_layer("storage"), [], 30, [], [finding("hdfs_namenode", None, "give_up_files")])[0]
    assert (stage["goal"], stage["host"]) == ("mended", "n1")


def test_a_journal_is_formatted_between_end_and_start_as_another_one_is() -> None:
    whole = healthy(PLAN)
    whole["hdfs_journalnode"]["n1"].update(health="unhealthy", evidence="journal not formatted: koverse")
    stages, _below = recover.stages(
        PLAN, whole, in_layer("coordination"), [], 30, [], [finding("hdfs_journalnode", "n1", "rejoin_journal")]
    )
    assert [stage["goal"] for stage in stages] == ["stopped", "mended", "started"]
    assert (stages[1]["donor"], stages[2]["back"]) == ("n2", ["hdfs_journalnode"])


def test_the_plan_in_words() -> None:
    stages, _below = made(down(("accumulo_tserver", "n1")), "data_services", ("accumulo_manager", "n2"))
    assert recover.plan_lines(PLAN, stages) == [
        "end Accumulo manager on n2",
        "start, or wait for, Tablet server on n1",
        "start, or wait for, Accumulo manager on n2",
    ]
