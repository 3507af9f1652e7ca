# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of real inventories, and the inventories that are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import catalogue
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import HA, NODES, SINGLE_NODE, ha_plan
from hypothesis import given
from hypothesis import strategies as st

BILLING = {
    "layer": "application",
    "depends_on": ["koverse_server"],
    "service": "billing",
    "ports": {"http": 9000},
    "probe": {"type": "tcp", "port": "http"},
}


def order(plan: planning.Plan) -> list[list[str]]:
    """The plan's components, stage by stage."""
    return [stage["components"] for stage in plan["stages"]]


def problems(groups: dict[str, list[str]], overrides: Any = None) -> list[str]:
    """Why an inventory is refused."""
    with pytest.raises(RunbookError) as caught:
        planning.build(groups, overrides)
    return caught.value.problems


def test_ha_cluster() -> None:
    plan = ha_plan()
    assert order(plan) == [
        ["postgres", "zookeeper", "hdfs_journalnode"],
        ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"],
        ["yarn_resourcemanager", "yarn_nodemanager", "accumulo_tserver"],
        ["accumulo_manager"],
        ["accumulo_monitor", "accumulo_gc", "koverse_server"],
        ["koverse_webapp"],
    ]
    assert [stage["name"] for stage in plan["stages"]] == [
        "coordination",
        "storage",
        "data_services 1/2",
        "data_services 2/2",
        "application 1/2",
        "application 2/2",
    ]
    assert [stage["layer"] for stage in plan["stages"]][2:4] == ["data_services", "data_services"]
    assert plan["warnings"] == []


def test_ha_instances_come_from_groups_and_their_fallbacks() -> None:
    instances = ha_plan()["instances"]
    assert instances["hdfs_datanode"] == instances["yarn_nodemanager"] == instances["accumulo_tserver"] == NODES
    assert instances["hdfs_zkfc"] == instances["hdfs_namenode"] == ["n1", "n2"]
    assert instances["koverse_server"] == ["n3"]
    assert "hdfs_secondarynamenode" not in instances


def test_the_first_group_with_hosts_wins() -> None:
    plan = ha_plan(accumulo_tserver=["n1", "n2"])
    assert plan["instances"]["accumulo_tserver"] == ["n1", "n2"]
    assert plan["instances"]["hdfs_datanode"] == NODES


def test_single_node_has_neither_journalnode_nor_zkfc() -> None:
    plan = planning.build(SINGLE_NODE)
    assert order(plan) == [
        ["postgres", "zookeeper"],
        ["hdfs_datanode", "hdfs_namenode"],
        ["yarn_resourcemanager", "yarn_nodemanager", "accumulo_tserver"],
        ["accumulo_manager"],
        ["accumulo_monitor", "accumulo_gc", "koverse_server"],
        ["koverse_webapp"],
    ]
    assert set(map(tuple, plan["instances"].values())) == {("s1",)}


def test_optional_components_take_their_place() -> None:
    plan = ha_plan(accumulo_compactor=["n1"], accumulo_compaction_coordinator=["n2"], yarn_historyserver=["n3"])
    stages = order(plan)
    assert "yarn_historyserver" in stages[2]
    assert stages[3:6] == [["accumulo_manager"], ["accumulo_compaction_coordinator"], ["accumulo_compactor"]]


def test_a_user_adds_a_component_with_variables_alone() -> None:
    plan = ha_plan({"billing": BILLING}, billing=["n2"])
    assert order(plan)[-1] == ["koverse_webapp", "billing"]
    assert plan["instances"]["billing"] == ["n2"]


def test_an_added_component_without_hosts_is_left_out() -> None:
    assert "billing" not in ha_plan({"billing": BILLING})["components"]


def test_a_component_that_the_cluster_does_without() -> None:
    groups = {group: hosts for group, hosts in HA.items() if group != "koverse"}
    overrides = {"koverse_server": {"required": False}, "koverse_webapp": {"required": False}}
    assert not [name for name in planning.build(groups, overrides)["instances"] if name.startswith("koverse")]


@pytest.mark.parametrize("change", [None, []])
def test_a_missing_or_empty_group(change: list[str] | None) -> None:
    groups = {group: hosts for group, hosts in HA.items() if group not in ("zookeeper", "workers")}
    if change is not None:
        groups.update(zookeeper=change, workers=change)
    found = problems(groups)
    assert (
        "ZooKeeper: the inventory has no hosts in the group 'zookeeper'. Add them, or, if this cluster has no ZooKeeper, "
        "set runbook_catalogue.zookeeper.required to false." in found
    )
    assert [problem for problem in found if "in the group 'hdfs_datanode' or 'workers'" in problem]
    assert len(found) == 4


def test_an_empty_inventory() -> None:
    assert "The inventory is empty. Name one with -i, for example -i inventories/ha." in problems({"all": [], "ungrouped": []})


def test_all_that_is_wrong_is_said_at_once() -> None:
    groups = {group: hosts for group, hosts in HA.items() if group != "postgres"}
    found = problems({**groups, "hdfs_namenode": ["n1"]}, {"zookeeper": {"min_healthy": 1}})
    assert len(found) == 3


def test_high_availability_with_one_namenode() -> None:
    (found,) = problems({**HA, "hdfs_namenode": ["n1"]})
    assert found.startswith("HDFS high availability is on (the group 'hdfs_journalnode' has hosts) with one NameNode, n1.")


def test_two_namenodes_without_journalnodes() -> None:
    (found,) = problems({**HA, "hdfs_journalnode": []})
    assert found.startswith("HDFS has 2 NameNodes but no JournalNodes to share their edits.")


@pytest.mark.parametrize(("wanted", "members"), [(1, NODES), (2, [*NODES, "n4"]), (2, [*NODES, "n4", "n5"])])
def test_min_healthy_below_a_quorums_majority(wanted: int, members: list[str]) -> None:
    (found,) = problems({**HA, "zookeeper": members}, {"zookeeper": {"min_healthy": wanted}})
    assert found.startswith(f"runbook_catalogue.zookeeper.min_healthy is {wanted}, below the majority of its {len(members)}")


def test_min_healthy_of_a_majority_is_enough_for_a_quorum() -> None:
    plan = ha_plan({"zookeeper": {"min_healthy": 2}})
    assert planning.minimum(plan["components"]["zookeeper"], NODES) == 2


def test_min_healthy_above_the_number_of_hosts() -> None:
    (found,) = problems(HA, {"hdfs_datanode": {"min_healthy": 4}})
    assert found == "runbook_catalogue.hdfs_datanode.min_healthy is 4, but the inventory has only 3 hosts for it."


def test_min_healthy_of_workers_may_be_anything_up_to_all() -> None:
    assert planning.minimum({"min_healthy": 0}, NODES) == 0
    assert planning.minimum({"min_healthy": "all"}, NODES) == 3
    assert planning.minimum({"min_healthy": "majority"}, NODES) == 2
    ha_plan({"hdfs_datanode": {"min_healthy": 3}, "accumulo_tserver": {"min_healthy": 0}})


@pytest.mark.parametrize(("count", "enough"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_majority(count: int, enough: int) -> None:
    assert planning.majority(count) == enough


def test_an_even_number_of_zookeepers_is_a_warning() -> None:
    plan = ha_plan(zookeeper=["n1", "n2"])
    assert plan["warnings"] == ["ZooKeeper: 2 members tolerate no more failures than 1. Use an odd number."]


def test_a_cycle_is_named() -> None:
    cycle = {"accumulo_tserver": {"depends_on": ["yarn_nodemanager"]}, "yarn_nodemanager": {"depends_on": ["accumulo_manager"]}}
    (found,) = problems(HA, cycle)
    assert found == (
        "depends_on goes round in a circle: yarn_nodemanager -> accumulo_manager -> accumulo_tserver -> yarn_nodemanager. "
        "Take one of these dependencies away."
    )


def test_a_component_that_depends_on_itself() -> None:
    (found,) = problems(HA, {"zookeeper": {"depends_on": ["zookeeper"]}})
    assert "zookeeper -> zookeeper" in found


def test_only_with_follows_what_it_follows() -> None:
    chain = {
        "first": {"layer": "application", "service": "a", "only_with": "second"},
        "second": {"layer": "application", "service": "b", "only_with": "billing"},
        "billing": BILLING,
    }
    assert "first" not in ha_plan(chain, first=["n1"], second=["n1"])["instances"]
    assert "first" in ha_plan(chain, first=["n1"], second=["n1"], billing=["n1"])["instances"]


@pytest.mark.parametrize(
    ("layers", "components", "wanted"),
    [
        ("storage", (), ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]),
        (["storage"], [], ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]),
        ((), "accumulo_manager,postgres", ["postgres", "accumulo_manager"]),
        ("coordination", "koverse_webapp", ["postgres", "zookeeper", "hdfs_journalnode", "koverse_webapp"]),
        (" storage , ", " zookeeper ", ["zookeeper", "hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]),
    ],
)
def test_narrow(layers: Any, components: Any, wanted: list[str]) -> None:
    assert planning.narrow(ha_plan(), layers, components) == wanted


@pytest.mark.parametrize("nothing", [(), [], "", None])
def test_narrow_to_nothing_is_everything(nothing: Any) -> None:
    plan = ha_plan()
    assert planning.narrow(plan, nothing, nothing) == [name for stage in plan["stages"] for name in stage["components"]]


def test_narrow_refuses_unknown_names() -> None:
    with pytest.raises(RunbookError) as caught:
        planning.narrow(ha_plan(), "storge,application", ["zookeper", "accumulo_tracer"])
    assert caught.value.problems == [
        "runbook_layers: unknown layer 'storge'. Did you mean 'storage'?",
        "runbook_components: unknown component 'zookeper' in this inventory. Did you mean 'zookeeper'?",
        "runbook_components: unknown component 'accumulo_tracer' in this inventory. Did you mean 'accumulo_tserver'?",
    ]


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, list[str]]:
    """Any hosts in any group of the catalogue."""
    entries = catalogue.shipped()["components"]
    names = sorted({group for name, entry in entries.items() for group in entry.get("groups", [name])})
    groups = {name: draw(st.lists(st.sampled_from(NODES), unique=True)) for name in names}
    return {**groups, "all": NODES}


@given(inventories())
def test_any_inventory_is_planned_or_refused_for_a_reason(groups: dict[str, list[str]]) -> None:
    optional = {name: {"required": False} for name in catalogue.shipped()["components"]}
    journalnodes, namenodes = groups["hdfs_journalnode"], groups["hdfs_namenode"]
    if (journalnodes and len(namenodes) == 1) or (len(namenodes) > 1 and not journalnodes):
        assert len(problems(groups, optional)) == 1
        return
    plan = planning.build(groups, optional)
    assert ("hdfs_zkfc" in plan["instances"]) == bool(journalnodes and (namenodes or groups["hdfs_zkfc"]))
    assert bool(plan["warnings"]) == (len(groups["zookeeper"]) == 2 or len(journalnodes) == 2)
