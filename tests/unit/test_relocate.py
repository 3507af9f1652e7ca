# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves a coordinating process to another host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import relocate
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import NODES, ha_plan, healthy, stopped

PLAN = ha_plan(accumulo_gc=["n1"], koverse=["n1"], accumulo_manager=["n1", "n3"])  # the inventory of afterwards
KOVERSE = ["koverse_server", "koverse_webapp"]


def moving(wanted: list[str], source: str, **changes: Any) -> list[dict[str, Any]]:
    """The stages, where the cluster is healthy on the old host and stopped on the new one."""
    plan = {**PLAN, "instances": relocate.also_on(PLAN, wanted, source, NODES)}
    whole = healthy(plan)
    for name in wanted:
        for host in set(PLAN["instances"][name]) - {"n1" if name == "accumulo_manager" else ""}:
            whole[name][host] = stopped(name, host)
        whole[name][source].update(role="active" if name != "accumulo_manager" else "standby")
    for name, rows in changes.items():
        whole[name].update(rows)
    return relocate.stages(plan, whole, wanted, source)


def told(stages: list[dict[str, Any]]) -> list[tuple[str, dict[str, list[str]]]]:
    return [(stage["goal"], stage["hosts"]) for stage in stages]


def test_what_has_standbys_gets_one_more_before_the_old_one_goes() -> None:
    stages = moving(["accumulo_gc"], "n3")
    assert told(stages) == [("started", {"n1": ["accumulo_gc"]}), ("stopped", {"n3": ["accumulo_gc"]})]
    assert ("instances" in stages[0], stages[0]["needed"]["accumulo_gc"]) == (False, 1), "the old one is active still"
    assert stages[1]["away"] == {"accumulo_gc": ["n3"]}


def test_the_new_manager_is_prepared_like_any_other() -> None:
    assert told(moving(["accumulo_manager"], "n2")) == [
        ("prepared", {"n3": ["accumulo_manager"]}),
        ("started", {"n3": ["accumulo_manager"]}),
        ("stopped", {"n2": ["accumulo_manager"]}),
    ]


def test_of_what_may_run_once_the_old_one_goes_first() -> None:
    assert told(moving(KOVERSE, "n3")) == [
        ("stopped", {"n3": ["koverse_webapp"]}),
        ("stopped", {"n3": ["koverse_server"]}),
        ("started", {"n1": ["koverse_server"]}),
        ("started", {"n1": ["koverse_webapp"]}),
    ]


def test_it_goes_on_after_an_interruption() -> None:
    gone = {name: {"n3": stopped(name, "n3")} for name in KOVERSE}
    assert [goal for goal, _hosts in told(moving(KOVERSE, "n3", **gone))] == ["started", "started"]


@pytest.mark.parametrize(
    ("wanted", "source", "why"),
    [
        (["zookeeper"], "n3", "zookeeper cannot be moved. Those that can: accumulo_manager"),
        (["accumulo_gc"], "n1", "the inventory has accumulo_gc on n1. Put the new host in its place"),
        (["accumulo_gc"], "n9", "runbook_source: expected the host from which it moves, found 'n9'"),
    ],
)
def test_refused_before_the_first_look(wanted: list[str], source: str, why: str) -> None:
    with pytest.raises(RunbookError, match="Nothing was changed") as caught:
        relocate.also_on(PLAN, wanted, source, NODES)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"koverse_server": {"n3": unknown("koverse_server", "n3", "no route to host")}}, "Expected to know whether it runs"),
        ({"postgres": {"n1": stopped("postgres", "n1")}}, "PostgreSQL on n1: postgres is inactive. It has to be healthy first"),
    ],
)
def test_refused_before_anything_is_changed(changes: Any, why: str) -> None:
    with pytest.raises(RunbookError, match="Nothing was changed") as caught:
        moving(KOVERSE, "n3", **changes)
    assert why in str(caught.value)
