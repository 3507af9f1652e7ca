# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the plan of any catalogue and any inventory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import catalogue, decide
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import down, healthy, stopped
from hypothesis import assume, given
from hypothesis import strategies as st

LAYERS = ["coordination", "storage", "data_services", "application"]
HOSTS = [f"h{number}" for number in range(6)]
GROUPS = ["g0", "g1", "g2", "g3"]

Case = tuple[dict[str, Any], dict[str, list[str]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A catalogue of components in random layers, with random earlier ones to depend on and to stop before, and an inventory."""
    count = draw(st.integers(1, 10))
    layers = [draw(st.sampled_from(LAYERS)) for _number in range(count)]
    entries = {}
    for number in range(count):
        below = [other for other in range(number) if LAYERS.index(layers[other]) <= LAYERS.index(layers[number])]
        beside = [f"c{other}" for other in range(number) if layers[other] == layers[number]]
        entries[f"c{number}"] = {
            "layer": layers[number],
            "service": f"c{number}",
            "depends_on": [f"c{other}" for other in below if draw(st.booleans())],
            "stops_before": draw(st.lists(st.sampled_from(beside), max_size=2, unique=True)) if beside else [],
            "groups": draw(st.lists(st.sampled_from([f"c{number}", *GROUPS]), min_size=1, max_size=3, unique=True)),
            "ha": draw(st.sampled_from(["none", "quorum", "active_standby", "active_active"])),
        }
    names = draw(st.permutations(sorted(entries)))
    hosts = st.lists(st.sampled_from(HOSTS), max_size=4, unique=True)
    groups = {group: draw(hosts) for group in [*GROUPS, *entries]}
    groups["all"] = HOSTS
    return {name: entries[name] for name in names}, groups


@pytest.fixture(scope="module", autouse=True)
def _a_catalogue_of_layers_only() -> Iterator[None]:
    """All components come from the generated inventory."""
    layers = catalogue.shipped()["layers"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "shipped", lambda: {"layers": layers, "components": {}})
        yield


def flat(stages: list[dict[str, Any]]) -> list[str]:
    """The components of the stages, one after the other."""
    return [name for stage in stages for name in stage["components"]]


Picture = dict[str, dict[str, dict[str, Any]]]


def any_picture(case: Case, data: st.DataObject) -> tuple[planning.Plan, Picture]:
    """A plan, and a picture in which some components and instances are down, and those of active_standby components have any role."""
    overrides, groups = case
    plan = planning.build(groups, overrides)
    whole = healthy(plan)
    for name, rows in whole.items():
        gone = data.draw(st.sampled_from([[], [], list(rows), list(rows)[1:]]))
        leader = data.draw(st.sampled_from([*rows, None]))
        for host, row in rows.items():
            if plan["components"][name]["ha"] == "active_standby":
                row["role"] = "active" if host == leader else data.draw(st.sampled_from(["standby", None]))
            if host in gone:
                rows[host] = stopped(name, host)
    return plan, whole


def is_spare(plan: planning.Plan, whole: Picture, name: str, host: str) -> bool:
    """Whether an instance stands by while another one leads."""
    active = any(row["role"] == "active" for row in whole[name].values())
    return plan["components"][name]["ha"] == "active_standby" and whole[name][host]["role"] == "standby" and active


def first_stop(stages: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Component and host to the number of the first stage that stops it."""
    at: dict[tuple[str, str], int] = {}
    for number, stage in enumerate(stages):
        for host, names in stage["hosts"].items():
            for name in names:
                at.setdefault((name, host), number)
    return at


def position(plan: planning.Plan) -> dict[str, int]:
    """Component to the number of its stage."""
    return {name: number for number, stage in enumerate(plan["stages"]) for name in stage["components"]}


@given(cases())
def test_every_placed_component_is_in_exactly_one_stage(case: Case) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    assert sorted(flat(plan["stages"])) == sorted(plan["instances"]) == sorted(plan["components"])
    assert all(plan["instances"].values())
    for stage in plan["stages"]:
        assert stage["components"]
        assert {plan["components"][name]["layer"] for name in stage["components"]} == {stage["layer"]}


@given(cases())
def test_a_component_is_placed_where_any_of_its_groups_has_hosts(case: Case) -> None:
    overrides, groups = case
    instances = planning.build(groups, overrides)["instances"]
    for name, entry in overrides.items():
        used = [groups[group] for group in entry.get("groups", []) if groups[group]]
        assert instances.get(name) == (used[0] if used else None)


@given(cases())
def test_nothing_starts_before_what_it_depends_on(case: Case) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    at = position(plan)
    for name, entry in plan["components"].items():
        for needed in {*_below(plan, name), *entry["depends_on"]} & set(at):
            assert at[needed] < at[name]


@given(cases())
def test_a_stage_is_never_later_than_its_dependencies_force(case: Case) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    at = position(plan)
    for before, stage in zip(plan["stages"], plan["stages"][1:]):
        if before["layer"] == stage["layer"]:
            for name in stage["components"]:
                assert set(plan["components"][name]["depends_on"]) & set(before["components"])
        else:
            assert LAYERS.index(before["layer"]) < LAYERS.index(stage["layer"])
    assert len(at) == len(plan["components"])


@given(cases())
def test_stop_is_the_exact_reverse_of_start(case: Case) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    everything = planning.narrow(plan)
    started, forbidden = decide.to_start(plan, down(plan), everything)
    stopping = decide.to_stop(plan, healthy(plan), everything)
    assert forbidden == []
    stopping = [stage for stage in stopping if not stage["part"]]
    assert [stage["name"] for stage in stopping] == [stage["name"] for stage in reversed(started)]
    assert [stage["components"] for stage in stopping] == [stage["components"] for stage in reversed(started)]
    assert [stage["hosts"] for stage in stopping] == [stage["hosts"] for stage in reversed(started)]
    work = [(host, name) for stage in started for host, names in stage["hosts"].items() for name in names]
    assert sorted(work) == sorted((host, name) for name, hosts in plan["instances"].items() for host in hosts)


@given(cases(), st.data())
def test_every_instance_that_runs_is_stopped_and_its_stage_looks_at_all_of_them_in_the_end(case: Case, data: st.DataObject) -> None:
    plan, whole = any_picture(case, data)
    stopping = decide.to_stop(plan, whole, planning.narrow(plan))
    running = {(name, host) for name, rows in whole.items() for host, row in rows.items() if row["state"] == "running"}
    assert set(first_stop(stopping)) == running
    names = [stage["name"] for stage in stopping]
    assert len(set(names)) == len(names)
    judged = [name for stage in stopping if not stage["part"] for name in stage["components"]]
    assert len(set(judged)) == len(judged)
    for stage in stopping:
        here = {(name, host) for host, members in stage["hosts"].items() for name in members}
        assert stage["watcher"] in stage["hosts"]
        if stage["part"]:
            assert sorted(stage["components"]) == sorted({name for name, _host in here})
        else:
            assert here == {pair for pair in running if pair[0] in stage["components"]}


@given(cases(), st.data())
def test_nothing_is_stopped_before_what_needs_it_but_for_standbys(case: Case, data: st.DataObject) -> None:
    plan, whole = any_picture(case, data)
    at = first_stop(decide.to_stop(plan, whole, planning.narrow(plan)))
    for name, host in at:
        needed = {*_below(plan, name), *_needed_within(plan, name)} - {name}
        for other in at:
            if other[0] in needed and not is_spare(plan, whole, *other):
                assert at[name, host] < at[other]


@given(cases(), st.data())
def test_the_standbys_of_a_layer_go_before_all_else_in_it(case: Case, data: st.DataObject) -> None:
    plan, whole = any_picture(case, data)
    at = first_stop(decide.to_stop(plan, whole, planning.narrow(plan)))
    spares = [pair for pair in at if is_spare(plan, whole, *pair)]
    for spare in spares:
        for other in at:
            if other not in spares and plan["components"][other[0]]["layer"] == plan["components"][spare[0]]["layer"]:
                assert at[spare] < at[other]


@given(cases(), st.data())
def test_in_a_stage_nothing_is_stopped_before_what_reports_to_it(case: Case, data: st.DataObject) -> None:
    plan, whole = any_picture(case, data)
    stage_of = position(plan)
    at = first_stop(decide.to_stop(plan, whole, planning.narrow(plan)))
    for reporter in at:
        for other in at:
            named = other[0] in plan["components"][reporter[0]]["stops_before"] and stage_of[other[0]] == stage_of[reporter[0]]
            if named and not is_spare(plan, whole, *other):
                assert at[reporter] < at[other]


@given(cases(), st.data())
def test_a_stage_has_no_more_parts_than_it_needs(case: Case, data: st.DataObject) -> None:
    plan, whole = any_picture(case, data)
    stopping = decide.to_stop(plan, whole, planning.narrow(plan))
    for before, stage in zip(stopping, stopping[1:]):
        if before["part"].startswith("others"):
            assert stage["name"].partition(",")[0] == before["name"].partition(",")[0]
            here = {(name, host) for host, names in stage["hosts"].items() for name in names}
            others = {(name, host) for host, names in before["hosts"].items() for name in names}
            assert not [pair for pair in others if is_spare(plan, whole, *pair)]
            last = {name for name, host in here - others if not is_spare(plan, whole, name, host)}
            assert {name for name in last for reporter, _host in others if name in plan["components"][reporter]["stops_before"]}
    assert not [stage for stage in stopping[-1:] if stage["part"]]


@given(cases(), st.data())
def test_narrowing_only_takes_away(case: Case, data: st.DataObject) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    everything = planning.narrow(plan)
    assume(everything)
    layers = data.draw(st.lists(st.sampled_from(LAYERS), unique=True))
    components = data.draw(st.lists(st.sampled_from(everything), unique=True))
    wanted = planning.narrow(plan, layers, components)
    assert wanted == [name for name in everything if name in wanted]
    if layers or components:
        assert set(wanted) == {name for name in everything if name in components or plan["components"][name]["layer"] in layers}
    for stages in (decide.to_start(plan, down(plan), wanted)[0], decide.to_stop(plan, healthy(plan), wanted)):
        acted = {name for stage in stages for names in stage["hosts"].values() for name in names}
        assert acted == set(wanted)
        assert set(flat(stages)) <= set(wanted)


@given(cases(), st.data())
def test_a_narrowed_start_refuses_while_what_it_needs_is_down(case: Case, data: st.DataObject) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    everything = planning.narrow(plan)
    assume(everything)
    name = data.draw(st.sampled_from(everything))
    _stages, forbidden = decide.to_start(plan, down(plan), [name])
    needed = {*_below(plan, name), *_needed_within(plan, name)} - {name}
    assert {line.split(" ")[0] for line in forbidden} == needed


@given(cases(), st.data())
def test_a_stop_never_takes_away_what_a_running_component_needs(case: Case, data: st.DataObject) -> None:
    overrides, groups = case
    plan = planning.build(groups, overrides)
    everything = planning.narrow(plan)
    assume(everything)
    wanted = data.draw(st.lists(st.sampled_from(everything), unique=True, min_size=1))
    expected = {
        name
        for name in everything
        if name not in wanted and any(other in _below(plan, name) or other in _needed_within(plan, name) for other in wanted)
    }
    assert {line.split(" ")[0] for line in decide.in_the_way_of_a_stop(plan, healthy(plan), wanted)} == expected
    assert decide.in_the_way_of_a_stop(plan, down(plan), wanted) == []


@given(cases(), st.data())
def test_a_cycle_is_refused_and_a_real_one_is_named(case: Case, data: st.DataObject) -> None:
    overrides, groups = case
    overrides = {name: {**entry, "stops_before": []} for name, entry in overrides.items()}
    plan = planning.build(groups, overrides)
    pairs = [(one, other) for stage in plan["stages"] for one in stage["components"] for other in _needed_within(plan, one)]
    assume(pairs)
    one, other = data.draw(st.sampled_from(pairs))
    overrides[other] = {**overrides[other], "depends_on": [*overrides[other]["depends_on"], one]}
    with pytest.raises(RunbookError) as caught:
        planning.build(groups, overrides)
    (said,) = caught.value.problems
    match = re.search(r"circle: (.+)\. Take", said)
    assert match
    named = match[1].split(" -> ")
    assert named[0] == named[-1]
    assert len(set(named)) == len(named) - 1
    for name, needs in zip(named, named[1:]):
        assert needs in overrides[name]["depends_on"]


def _below(plan: planning.Plan, name: str) -> set[str]:
    """All components of the layers below a component's."""
    height = LAYERS.index(plan["components"][name]["layer"])
    return {other for other, entry in plan["components"].items() if LAYERS.index(entry["layer"]) < height}


def _needed_within(plan: planning.Plan, name: str) -> set[str]:
    """The component itself and the ones of its layer that it needs, directly or not."""
    layer = plan["components"][name]["layer"]
    found, waiting = {name}, [name]
    while waiting:
        for needed in plan["components"][waiting.pop()]["depends_on"]:
            if needed in plan["components"] and plan["components"][needed]["layer"] == layer and needed not in found:
                found.add(needed)
                waiting.append(needed)
    return found
