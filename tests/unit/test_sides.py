# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Koverse's two sides is meant to run, and the failover from one to the other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import restart, sides
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, stopped

PLAN = ha_plan(koverse_standby=["n2"])
USUAL, STANDBY = ["koverse_server", "koverse_webapp"], ["koverse_standby_server", "koverse_standby_webapp"]


def seen(usual: str = "running", standby: str = "stopped") -> Any:
    """A healthy cluster with the sides in these states."""
    whole = healthy(PLAN)
    for names, state in ((USUAL, usual), (STANDBY, standby)):
        for name in names:
            if state != "running":
                whole[name] = {host: stopped(name, host, state=state) for host in whole[name]}
    return whole


def desired(whole: Any) -> list[str]:
    plan = sides.settle(PLAN, whole)
    return [plan["components"][name]["desired"] for name in (*USUAL, *STANDBY)]


def test_the_pairs_of_one_side() -> None:
    assert sides.pairs(PLAN) == [dict(zip(STANDBY, USUAL, strict=True))]
    assert sides.pairs(ha_plan()) == []


@pytest.mark.parametrize(
    ("usual", "standby", "in_force"),
    [
        ("running", "stopped", USUAL),
        ("stopped", "running", STANDBY),
        ("failed", "running", STANDBY),
        ("stopped", "stopped", USUAL),
        ("failed", "stopped", USUAL),
        ("stopped", "failed", STANDBY),
        ("failed", "failed", USUAL),
        ("running", "running", USUAL),
    ],
)
def test_the_side_that_runs_is_meant_to(usual: str, standby: str, in_force: list[str]) -> None:
    assert desired(seen(usual, standby)) == ["started" if name in in_force else "stopped" for name in (*USUAL, *STANDBY)]


def test_what_has_died_of_the_side_that_runs_is_of_that_side() -> None:
    whole = seen("stopped", "running")
    whole["koverse_standby_server"]["n2"] = stopped("koverse_standby_server", "n2", state="failed")
    assert desired(whole) == ["stopped", "stopped", "started", "started"]


def made(whole: Any, component: str = "koverse_server", target: str = "") -> list[tuple[str, dict[str, list[str]]]]:
    stages = restart.failover(sides.settle(PLAN, whole), whole, component, target)
    return [(stage["goal"], stage["hosts"]) for stage in stages]


def test_there_web_app_and_server_stop_then_server_and_web_app_start() -> None:
    there = [
        ("stopped", {"n3": ["koverse_webapp"]}),
        ("stopped", {"n3": ["koverse_server"]}),
        ("started", {"n2": ["koverse_standby_server"]}),
        ("started", {"n2": ["koverse_standby_webapp"]}),
    ]
    assert made(seen()) == there
    assert made(seen(), "koverse_webapp", "n2") == there
    assert made(seen(), target="n3") == []


def test_and_back() -> None:
    back = [
        ("stopped", {"n2": ["koverse_standby_webapp"]}),
        ("stopped", {"n2": ["koverse_standby_server"]}),
        ("started", {"n3": ["koverse_server"]}),
        ("started", {"n3": ["koverse_webapp"]}),
    ]
    assert made(seen("stopped", "running")) == back
    assert made(seen("stopped", "running"), "koverse_standby_server", "n3") == back


def test_the_gates_judge_the_side_that_is_started() -> None:
    stages = restart.failover(PLAN, seen(), "koverse_server", "")
    wanted = dict.fromkeys(STANDBY, "started") | dict.fromkeys(USUAL, "stopped")
    assert [stage.get("desired") for stage in stages] == [None, None, wanted, wanted]


def test_what_has_died_is_failed_over_all_the_same() -> None:
    assert [goal for goal, _hosts in made(seen("failed"))] == ["started", "started"]


@pytest.mark.parametrize(
    ("change", "target", "why"),
    [
        ({"koverse_server": {"n3": unknown("koverse_server", "n3", "no route to host")}}, "", "expected to know that it is stopped"),
        ({"koverse_standby_webapp": {"n2": unknown("x", "n2", "there is no unit x")}}, "", "expected it to be stopped"),
        ({}, "n1", "runbook_target: expected one of n3, n2, found 'n1'"),
        ({"postgres": {"n1": stopped("postgres", "n1")}}, "", "PostgreSQL on n1: postgres is inactive. A failover needs it"),
    ],
)
def test_refused_before_anything_is_changed(change: Any, target: str, why: str) -> None:
    with pytest.raises(RunbookError, match="Nothing was changed") as caught:
        made({**seen(), **change}, target=target)
    assert why in str(caught.value)


def test_two_that_run_are_not_failed_over() -> None:
    with pytest.raises(RunbookError, match="write to one database"):
        made(seen("running", "running"))
