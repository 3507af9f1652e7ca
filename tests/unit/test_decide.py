# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done, from the plan and the whole picture."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import NODES, SINGLE_NODE, down, ha_plan, healthy, row, stopped

PLAN = ha_plan()
ALL = planning.narrow(PLAN)
Picture = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def up() -> Picture:
    """Everything is healthy."""
    return healthy(PLAN)


def start(whole: Picture, wanted: list[str] | None = None, plan: planning.Plan | None = None) -> list[decide.Stage]:
    """The stages of a start that nothing forbids; of everything unless it is narrowed."""
    plan = plan or PLAN
    stages, forbidden = decide.to_start(plan, whole, wanted or planning.narrow(plan))
    assert forbidden == []
    return stages


# ---- the picture


def test_picture_has_every_instance() -> None:
    whole = decide.picture(PLAN, {"n1": [row("zookeeper", "n1")]}, {"n2": "the host is unreachable: no route"})
    assert {name: list(rows) for name, rows in whole.items()} == PLAN["instances"]
    assert whole["zookeeper"]["n1"]["health"] == "healthy"
    assert whole["zookeeper"]["n2"]["evidence"] == "the host is unreachable: no route"
    assert whole["zookeeper"]["n3"]["evidence"] == "it was not asked (is the host left out by --limit?)"
    assert {rows[host]["state"] for name, rows in whole.items() for host in rows if (name, host) != ("zookeeper", "n1")} == {"unknown"}


def test_picture_takes_no_instance_that_the_plan_does_not_have() -> None:
    whole = decide.picture(PLAN, {"n3": [row("postgres", "n3"), row("billing", "n3")]}, {})
    assert list(whole["postgres"]) == ["n1"]
    assert "billing" not in whole


# ---- starting


def test_a_healthy_cluster_needs_nothing(up: Picture) -> None:
    assert start(up) == []


def test_a_cold_cluster_needs_every_stage_on_every_host() -> None:
    stages = [stage for stage in start(down(PLAN)) if stage["goal"] == "started"]
    assert [stage["name"] for stage in stages] == [stage["name"] for stage in PLAN["stages"]]
    assert stages[0]["hosts"] == {
        "n1": ["postgres", "zookeeper", "hdfs_journalnode"],
        "n2": ["zookeeper", "hdfs_journalnode"],
        "n3": ["zookeeper", "hdfs_journalnode"],
    }
    assert stages[5]["hosts"] == {"n3": ["koverse_webapp"]}


def watchers(plan: planning.Plan) -> list[str]:
    """Who watches each stage of a cold start."""
    return [stage["watcher"] for stage in start(down(PLAN), plan=plan) if stage["goal"] == "started"]


def test_the_last_host_of_a_stage_watches_it() -> None:
    assert watchers(PLAN) == ["n3", "n3", "n3", "n2", "n3", "n3"]


def test_the_last_host_is_the_inventorys_last() -> None:
    plan = {**PLAN, "order": ["n3", "n2", "n1"]}
    assert watchers(plan) == ["n1", "n1", "n1", "n1", "n2", "n3"]
    assert start(down(PLAN), plan={**PLAN, "order": ["n3", "n1"]})[0]["watcher"] == "n1"


def test_one_host_does_the_steps_before_any_instance_starts_and_only_where_there_are_any() -> None:
    stages = start(down(PLAN))
    assert {stage["stepper"] for stage in stages if stage["goal"] == "started"} == {None}
    (prepared,) = [stage for stage in stages if stage["goal"] == "prepared"]
    assert (prepared["stepper"], prepared["hosts"], prepared["components"]) == ("n1", {"n1": ["accumulo_manager"]}, ["accumulo_manager"])
    (started,) = [stage for stage in stages if stage["name"] == prepared["name"] and stage["goal"] == "started"]
    assert stages.index(prepared) == stages.index(started) - 1


def test_only_what_is_down_is_started(up: Picture) -> None:
    up["hdfs_datanode"]["n2"] = stopped("hdfs_datanode", "n2")
    up["accumulo_tserver"]["n1"] = stopped("accumulo_tserver", "n1", state="failed")
    stages = start(up)
    assert [(stage["name"], stage["hosts"]) for stage in stages] == [
        ("storage", {"n2": ["hdfs_datanode"]}),
        ("data_services 1/2", {"n1": ["accumulo_tserver"]}),
        ("data_services 2/2", {"n1": []}),  # the manager has to take it in
    ]
    assert stages[0]["components"] == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]


@pytest.mark.parametrize("health", ["unhealthy", "unknown"])
def test_what_runs_but_is_not_healthy_is_waited_for(up: Picture, health: str) -> None:
    up["hdfs_namenode"]["n1"].update(health=health, evidence="safe mode is on")
    assert [stage["hosts"] for stage in start(up)] == [{"n1": ["hdfs_namenode"]}]


def test_a_stage_with_a_problem_but_no_work_is_watched_from_one_of_its_hosts(up: Picture) -> None:
    up["hdfs_namenode"]["n1"]["details"]["live_datanodes"] = 2
    (stage,) = start(up)
    assert (stage["hosts"], stage["watcher"]) == ({"n1": []}, "n1")


def test_nothing_is_started_on_the_strength_of_an_unknown_state(up: Picture) -> None:
    up["hdfs_datanode"]["n3"] = unknown("hdfs_datanode", "n3", "the host is unreachable")
    (stage,) = start(up)
    assert [names for names in stage["hosts"].values() if names] == []
    assert "n3" not in stage["hosts"]


def test_what_min_healthy_tolerates_is_no_work() -> None:
    plan = ha_plan({"hdfs_datanode": {"min_healthy": 2}})
    whole = healthy(plan)
    whole["hdfs_datanode"]["n3"] = unknown("hdfs_datanode", "n3", "the host is unreachable")
    assert start(whole, plan=plan) == []


def test_what_min_healthy_would_tolerate_is_started_where_it_can_be() -> None:
    plan = ha_plan({"hdfs_datanode": {"min_healthy": 2}})
    whole = healthy(plan)
    whole["hdfs_datanode"]["n3"] = stopped("hdfs_datanode", "n3")
    assert [stage["hosts"] for stage in start(whole, plan=plan)] == [{"n3": ["hdfs_datanode"]}]


def test_needs_go_through_what_is_needed(up: Picture) -> None:
    chain = {
        "first": {"layer": "application", "service": "a"},
        "second": {"layer": "application", "service": "b", "depends_on": ["first"]},
        "third": {"layer": "application", "service": "c", "depends_on": ["second"]},
    }
    plan = ha_plan(chain, first=["n1"], second=["n1"], third=["n1"])
    whole = {**up, "first": {"n1": stopped("first", "n1")}, "second": {"n1": row("second", "n1")}, "third": {"n1": stopped("third", "n1")}}
    assert decide.to_start(plan, whole, ["third"])[1] == ["first on n1: first is inactive"]


@pytest.mark.parametrize("groups", [None, SINGLE_NODE])
def test_a_cluster_of_which_nothing_is_known_is_not_healthy(groups: dict[str, list[str]] | None) -> None:
    plan = planning.build(groups) if groups else PLAN
    whole = decide.picture(plan, {}, dict.fromkeys(NODES, "the host is unreachable"))
    stages, forbidden = decide.to_start(plan, whole, planning.narrow(plan))
    assert stages or forbidden


def test_nothing_is_started_above_a_stage_of_which_nothing_is_known() -> None:
    plan = ha_plan(postgres=["n4"], zookeeper=["n4"], hdfs_journalnode=["n4"])
    whole = down(plan)
    for name in plan["stages"][0]["components"]:
        whole[name] = {"n4": unknown(name, "n4", "the host is unreachable")}
    stages, forbidden = decide.to_start(plan, whole, planning.narrow(plan))
    assert forbidden or stages[0]["layer"] == "coordination"


def test_warm_standbys_are_left_down(up: Picture) -> None:
    plan = ha_plan(koverse_standby_server=["n2"], koverse_standby_webapp=["n2"])
    whole = {**up, **{name: {"n2": stopped(name, "n2")} for name in ("koverse_standby_server", "koverse_standby_webapp")}}
    assert start(whole, plan=plan) == []
    assert decide.verdicts(plan, whole)["koverse_standby_server"] == ([], [])


def test_a_narrowed_start_starts_nothing_else() -> None:
    whole = healthy(PLAN)
    for name in ("yarn_nodemanager", "accumulo_tserver"):
        whole[name]["n2"] = stopped(name, "n2")
    (stage,) = start(whole, ["accumulo_tserver"])
    assert (stage["hosts"], stage["components"]) == ({"n2": ["accumulo_tserver"]}, ["accumulo_tserver"])


def test_a_narrowed_start_names_what_is_missing_below_it(up: Picture) -> None:
    up["hdfs_namenode"]["n1"].update(health="unhealthy", evidence="safe mode is on")
    up["accumulo_tserver"]["n2"] = stopped("accumulo_tserver", "n2")
    stages, forbidden = decide.to_start(PLAN, up, ["accumulo_tserver"])
    assert forbidden == ["NameNode on n1: safe mode is on"]
    assert len(stages) == 1


def test_a_narrowed_start_that_has_nothing_to_do_needs_nothing(up: Picture) -> None:
    up["hdfs_namenode"]["n1"]["health"] = "unhealthy"
    assert decide.to_start(PLAN, up, ["zookeeper"]) == ([], [])


def test_a_dependency_in_the_same_layer_counts_as_below(up: Picture) -> None:
    up["accumulo_tserver"]["n1"] = stopped("accumulo_tserver", "n1")
    up["accumulo_manager"]["n1"] = stopped("accumulo_manager", "n1")
    _stages, forbidden = decide.to_start(PLAN, up, ["accumulo_manager"])
    assert forbidden == ["Tablet server on n1: accumulo_tserver is inactive"]


def test_what_is_beside_does_not_forbid(up: Picture) -> None:
    up["yarn_nodemanager"]["n1"] = stopped("yarn_nodemanager", "n1")
    up["accumulo_tserver"]["n1"] = stopped("accumulo_tserver", "n1")
    assert decide.to_start(PLAN, up, ["accumulo_tserver"])[1] == []


def test_a_service_that_does_not_exist() -> None:
    whole = down(PLAN)
    whole["zookeeper"]["n2"] = unknown("zookeeper", "n2", "there is no unit zookeeper.service")
    assert decide.no_unit(PLAN, whole, ALL) == [
        "ZooKeeper on n2: there is no unit zookeeper.service. Deploy it, or name its unit in runbook_catalogue.zookeeper.service"
    ]
    assert decide.no_unit(PLAN, whole, ["postgres"]) == []


# ---- stopping


def test_a_cluster_that_is_down_needs_no_stop() -> None:
    assert decide.to_stop(PLAN, down(PLAN), ALL) == []


def stop(whole: Picture, wanted: list[str] | None = None, plan: planning.Plan | None = None) -> dict[str, decide.Stage]:
    """The stages of a stop by name, in order; of everything unless it is narrowed."""
    plan = plan or PLAN
    stages = decide.to_stop(plan, whole, wanted or planning.narrow(plan))
    by_name = {stage["name"]: stage for stage in stages}
    assert len(by_name) == len(stages)
    return by_name


def test_stop_goes_downwards_with_a_layers_standbys_first_and_what_others_report_to_last(up: Picture) -> None:
    stages = decide.to_stop(PLAN, up, ALL)
    assert [stage["name"] for stage in stages] == [
        "application 2/2",
        "application 1/2",
        "data_services, standbys",
        "data_services 2/2",
        "data_services 1/2, others",
        "data_services 1/2",
        "storage, standbys",
        "storage, others",
        "storage",
        "coordination",
    ]
    assert {stage["goal"] for stage in stages} == {"stopped"}
    parts = {stage["name"]: stage for stage in stages}
    assert parts["storage, standbys"]["hosts"] == {"n2": ["hdfs_namenode"]}
    assert parts["storage, standbys"]["components"] == ["hdfs_namenode"]
    assert parts["storage, others"]["hosts"] == {
        "n1": ["hdfs_datanode", "hdfs_zkfc"],
        "n2": ["hdfs_datanode", "hdfs_zkfc"],
        "n3": ["hdfs_datanode"],
    }
    assert parts["storage, others"]["components"] == ["hdfs_datanode", "hdfs_zkfc"]
    # Standbys and others are looked at once more with the rest, whose gate needs the proof that they are gone.
    assert parts["storage"]["hosts"] == {
        "n1": ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"],
        "n2": ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"],
        "n3": ["hdfs_datanode"],
    }
    assert parts["storage"]["components"] == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]
    assert parts["data_services 2/2"]["hosts"] == {"n1": ["accumulo_manager"], "n2": ["accumulo_manager"]}
    assert [stage["part"] for stage in parts.values() if stage["layer"] == "storage"] == ["standbys", "others", ""]


def test_the_standbys_of_all_stages_of_a_layer_go_together(up: Picture) -> None:
    part = stop(up)["data_services, standbys"]
    assert part["hosts"] == {"n2": ["accumulo_manager", "yarn_resourcemanager"]}
    assert part["components"] == ["accumulo_manager", "yarn_resourcemanager"]
    assert (part["layer"], part["watcher"], part["stepper"]) == ("data_services", "n2", None)
    assert stop(up, ["yarn_resourcemanager"])["data_services, standbys"]["hosts"] == {"n2": ["yarn_resourcemanager"]}


def test_a_standby_of_a_stage_above_does_not_wait_for_its_layers_other_stages(up: Picture) -> None:
    names = list(stop(up, ["accumulo_manager", "accumulo_tserver", "yarn_resourcemanager"]))
    assert names == ["data_services, standbys", "data_services 2/2", "data_services 1/2"]


@pytest.mark.parametrize("roles", [("active", "standby"), ("standby", "standby"), ("active", None), (None, None)])
def test_what_others_report_to_goes_last_whatever_is_known_of_its_role(up: Picture, roles: tuple[str | None, str | None]) -> None:
    up["hdfs_namenode"]["n1"]["role"], up["hdfs_namenode"]["n2"]["role"] = roles
    parts = stop(up)
    assert parts["storage, others"]["components"] == ["hdfs_datanode", "hdfs_zkfc"]
    assert list(parts).index("storage, others") < list(parts).index("storage")
    assert [names for names in parts["storage"]["hosts"].values() if "hdfs_namenode" in names] == [PLAN["stages"][1]["components"]] * 2


@pytest.mark.parametrize("gone", [["hdfs_datanode"], ["hdfs_zkfc"], ["hdfs_datanode", "hdfs_zkfc"]])
def test_only_what_runs_has_to_go_before(up: Picture, gone: list[str]) -> None:
    for name in gone:
        up[name] = {host: stopped(name, host) for host in up[name]}
    others = stop(up).get("storage, others", {"components": []})
    assert others["components"] == [name for name in ("hdfs_datanode", "hdfs_zkfc") if name not in gone]


def test_only_what_is_to_be_stopped_has_to_go_before(up: Picture) -> None:
    assert list(stop(up, ["hdfs_namenode"])) == ["storage, standbys", "storage"]
    assert stop(up, ["hdfs_namenode", "hdfs_zkfc"])["storage, others"]["components"] == ["hdfs_zkfc"]
    assert list(stop(up, ["hdfs_datanode", "hdfs_zkfc"])) == ["storage"]


def test_where_nobody_is_left_to_report_to_all_go_together(up: Picture) -> None:
    up["hdfs_namenode"] = {host: stopped("hdfs_namenode", host) for host in up["hdfs_namenode"]}
    parts = stop(up)
    assert "storage, others" not in parts
    assert parts["storage"]["hosts"]["n3"] == ["hdfs_datanode"]


def test_a_process_left_behind_has_to_go_before_too(up: Picture) -> None:
    for name in ("hdfs_datanode", "hdfs_zkfc"):
        up[name] = {host: stopped(name, host) for host in up[name]}
    up["hdfs_datanode"]["n3"]["pids"] = [12]
    assert stop(up)["storage, others"]["hosts"] == {"n3": ["hdfs_datanode"]}


def test_on_a_single_node_workers_go_before_what_they_report_to() -> None:
    plan = planning.build(SINGLE_NODE)
    parts = stop(healthy(plan), plan=plan)
    assert [name for name in parts if not name.startswith("application")] == [
        "data_services 2/2",
        "data_services 1/2, others",
        "data_services 1/2",
        "storage, others",
        "storage",
        "coordination",
    ]
    assert parts["storage, others"]["hosts"] == {"s1": ["hdfs_datanode"]}
    assert parts["data_services 1/2, others"]["hosts"] == {"s1": ["yarn_nodemanager", "accumulo_tserver"]}


def test_a_users_own_component_goes_before_what_it_reports_to(up: Picture) -> None:
    reporter = {"layer": "data_services", "service": "reporter", "stops_before": ["accumulo_tserver"]}
    plan = ha_plan({"reporter": reporter}, reporter=["n3"])
    parts = stop({**up, "reporter": {"n3": row("reporter", "n3")}}, plan=plan)
    assert parts["data_services 1/2, others"]["hosts"] == {
        "n1": ["yarn_nodemanager"],
        "n2": ["yarn_nodemanager"],
        "n3": ["yarn_nodemanager", "reporter"],
    }
    parts = stop({**up, "reporter": {"n3": stopped("reporter", "n3")}}, plan=plan)
    assert parts["data_services 1/2, others"]["components"] == ["yarn_nodemanager", "accumulo_tserver"]


def test_a_users_own_component_can_be_what_others_report_to() -> None:
    registry = {"layer": "application", "service": "registry"}
    plan = ha_plan({"registry": registry, "accumulo_gc": {"stops_before": ["registry"]}}, registry=["n1"])
    parts = stop(healthy(plan), plan=plan)
    assert parts["application 1/2, others"]["components"] == ["accumulo_monitor", "accumulo_gc", "koverse_server"]
    assert parts["application 1/2"]["hosts"]["n1"] == ["registry"]


def test_a_users_own_worker_that_is_like_a_datanode_goes_before_the_namenode(up: Picture) -> None:
    plan = ha_plan({"archive_datanode": {"like": "hdfs_datanode", "groups": ["archive"]}}, archive=["n2"])
    for name in ("hdfs_datanode", "hdfs_zkfc"):
        up[name] = {host: stopped(name, host) for host in up[name]}
    parts = stop({**up, "archive_datanode": {"n2": row("archive_datanode", "n2")}}, plan=plan)
    assert parts["storage, others"]["hosts"] == {"n2": ["archive_datanode"]}


def test_an_inventory_can_take_the_order_within_a_stage_away() -> None:
    plan = ha_plan({"hdfs_datanode": {"stops_before": []}, "hdfs_zkfc": {"stops_before": []}})
    assert [name for name in stop(healthy(plan), plan=plan) if name.startswith("storage")] == ["storage, standbys", "storage"]


def test_what_reports_to_a_reporter_goes_before_it() -> None:
    reporter = {"layer": "storage", "groups": ["workers"], "service": "reporter", "stops_before": ["hdfs_datanode"]}
    plan = ha_plan({"reporter": reporter})
    parts = stop(healthy(plan), plan=plan)
    assert parts["storage, others 1"]["components"] == ["hdfs_zkfc", "reporter"]
    assert parts["storage, others 2"]["components"] == ["hdfs_datanode"]
    assert parts["storage"]["hosts"]["n1"][0] == "hdfs_datanode"


def test_two_that_name_one_another_are_refused() -> None:
    with pytest.raises(RunbookError, match="stops_before goes round in a circle: hdfs_namenode -> hdfs_zkfc -> hdfs_namenode"):
        ha_plan({"hdfs_namenode": {"stops_before": ["hdfs_zkfc"]}})


def test_the_active_instance_does_the_steps_of_a_stop(up: Picture) -> None:
    up["accumulo_manager"]["n1"]["role"], up["accumulo_manager"]["n2"]["role"] = "standby", "active"
    steppers = {stage["name"]: stage["stepper"] for stage in decide.to_stop(PLAN, up, ALL)}
    assert steppers["data_services, standbys"] is None
    assert steppers["data_services 2/2"] == "n2"
    assert {stepper for name, stepper in steppers.items() if name != "data_services 2/2"} == {None}


@pytest.mark.parametrize("roles", [("standby", "standby"), ("standby", None), (None, None)])
def test_without_an_active_one_nobody_is_a_spare(up: Picture, roles: tuple[str | None, str | None]) -> None:
    up["hdfs_namenode"]["n1"]["role"], up["hdfs_namenode"]["n2"]["role"] = roles
    names = [stage["name"] for stage in decide.to_stop(PLAN, up, ALL)]
    assert "storage, standbys" not in names
    assert "storage" in names


def test_a_role_that_is_not_known_is_not_taken_for_a_standby(up: Picture) -> None:
    up["hdfs_namenode"]["n2"].update(role=None, health="unknown")
    assert "storage, standbys" not in [stage["name"] for stage in decide.to_stop(PLAN, up, ALL)]


def test_followers_of_a_quorum_are_no_standbys(up: Picture) -> None:
    assert [stage["name"] for stage in decide.to_stop(PLAN, up, ["zookeeper"])] == ["coordination"]


def test_only_what_runs_is_stopped(up: Picture) -> None:
    whole = down(PLAN)
    whole["zookeeper"]["n2"] = up["zookeeper"]["n2"]
    whole["hdfs_journalnode"]["n3"] = stopped("hdfs_journalnode", "n3", pids=[12])
    (stage,) = decide.to_stop(PLAN, whole, ALL)
    assert stage["hosts"] == {"n2": ["zookeeper"], "n3": ["hdfs_journalnode"]}
    assert stage["components"] == ["postgres", "zookeeper", "hdfs_journalnode"]


def test_an_instance_of_which_nothing_is_known_is_not_stopped(up: Picture) -> None:
    up["koverse_webapp"]["n3"] = unknown("koverse_webapp", "n3", "no word")
    assert decide.to_stop(PLAN, up, ["koverse_webapp"]) == []


def test_a_running_warm_standby_is_stopped() -> None:
    plan = ha_plan(koverse_standby_server=["n2"])
    (stage,) = decide.to_stop(plan, healthy(plan), ["koverse_standby_server"])
    assert stage["hosts"] == {"n2": ["koverse_standby_server"]}


@pytest.mark.parametrize(
    ("change", "gone"),
    [({}, False), ({"state": "stopped"}, False), ({"state": "stopped", "pids": []}, True), ({"state": "failed", "pids": []}, True)],
)
def test_gone(change: dict[str, Any], gone: bool) -> None:
    assert decide.is_gone(row("zookeeper", "n1", **change)) is gone
    assert not decide.is_gone(unknown("zookeeper", "n1", "no word"))


def test_what_needs_a_stopped_one_is_in_the_way(up: Picture) -> None:
    found = decide.in_the_way_of_a_stop(PLAN, up, ["accumulo_tserver"])
    assert "Accumulo manager on n1 is not stopped (answers) and needs accumulo_tserver" in found
    assert "Koverse web app on n3 is not stopped (answers) and needs accumulo_tserver" in found
    assert not [line for line in found if line.startswith(("NodeManager", "DataNode", "Tablet server"))]
    assert decide.in_the_way_of_a_stop(PLAN, up, ALL) == []
    assert decide.in_the_way_of_a_stop(PLAN, down(PLAN), ["zookeeper"]) == []


@pytest.mark.parametrize(
    "instance",
    [unknown("koverse_webapp", "n3", "the host is unreachable"), stopped("koverse_webapp", "n3", pids=[9])],
    ids=["unknown", "a process left"],
)
def test_what_is_not_proven_to_be_gone_is_in_the_way(instance: dict[str, Any]) -> None:
    whole = down(PLAN)
    whole["koverse_server"]["n3"] = row("koverse_server", "n3")
    whole["koverse_webapp"]["n3"] = instance
    assert decide.in_the_way_of_a_stop(PLAN, whole, ["koverse_server"])


@pytest.mark.parametrize(
    ("running", "wanted", "expected"),
    [
        (["accumulo_tserver"], ALL, True),
        (["accumulo_manager"], ALL, True),
        (["accumulo_tserver"], ["accumulo_tserver"], True),
        (["accumulo_tserver"], ["hdfs_namenode"], True),
        (["accumulo_tserver"], ["zookeeper"], True),
        (["accumulo_tserver"], ["koverse_server"], False),
        (["accumulo_tserver"], ["yarn_nodemanager"], False),
        (["hdfs_namenode", "koverse_server"], ALL, False),
        ([], ALL, False),
    ],
)
def test_data_that_is_only_in_memory(running: list[str], wanted: list[str], expected: bool) -> None:
    whole = down(PLAN)
    for name in running:
        whole[name]["n1" if "n1" in whole[name] else "n3"]["state"] = "running"
    assert decide.unpersisted(PLAN, whole, wanted) is expected


def test_what_is_needed_to_bring_it_to_disk() -> None:
    needed = decide.needed_to_persist(PLAN)
    assert needed[:3] == ["postgres", "zookeeper", "hdfs_journalnode"]
    assert needed[3:] == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc", "accumulo_tserver", "accumulo_manager"]


def test_without_accumulo_there_is_nothing_to_bring_to_disk() -> None:
    overrides = {name: {"required": False} for name in ("accumulo_tserver", "accumulo_manager")}
    plan = ha_plan(overrides, workers=[], hdfs_datanode=NODES, yarn_nodemanager=NODES, accumulo_manager=[])
    assert decide.needed_to_persist(plan) == []
    assert decide.unpersisted(plan, healthy(plan), planning.narrow(plan)) is False


# ---- words


def test_lines_and_the_first_unhealthy_layer(up: Picture) -> None:
    up["hdfs_namenode"]["n1"]["details"]["missing_blocks"] = 2
    up["koverse_webapp"]["n3"].update(health="unhealthy", evidence="port 8080 answers HTTP 503")
    judged = decide.verdicts(PLAN, up)
    assert decide.first_unhealthy_layer(PLAN, judged) == "storage"
    assert decide.lines(PLAN, {name: verdict.problems for name, verdict in judged.items()}) == [
        "NameNode: 2 blocks are missing; see hdfs fsck / -list-corruptfileblocks",
        "Koverse web app on n3: port 8080 answers HTTP 503",
    ]
    assert decide.first_unhealthy_layer(PLAN, decide.verdicts(PLAN, healthy(PLAN))) is None


def test_verdicts_of_some_components(up: Picture) -> None:
    assert list(decide.verdicts(PLAN, up, ["zookeeper"])) == ["zookeeper"]


def test_minimums_follow_the_catalogue() -> None:
    plan = ha_plan({"zookeeper": {"min_healthy": "majority"}, "hdfs_datanode": {"min_healthy": 1}})
    needed = decide.minimums(plan)
    assert (needed["zookeeper"], needed["hdfs_datanode"], needed["hdfs_namenode"]) == (2, 1, 2)


def test_deciding_changes_nothing_it_was_given(up: Picture) -> None:
    plan, before = copy.deepcopy(PLAN), copy.deepcopy(up)
    decide.to_start(PLAN, up, ALL)
    decide.to_stop(PLAN, up, ALL)
    assert (before, plan) == (up, PLAN)
