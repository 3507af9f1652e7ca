# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin component: acts once, asks again and again, and ends when all is there, something failed, or it is too late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.koverse.runbook.plugins.action import component
from ansible_collections.koverse.runbook.plugins.action.component import ActionModule
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import Board
from ansible_collections.koverse.runbook.tests.unit.actions import run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import down, ha_plan, row

PLAN = ha_plan()
STORAGE = decide.to_start(PLAN, down(PLAN), planning.narrow(PLAN))[0][1]


class Host:
    """A managed host that answers slice after slice with what is written down."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[dict[str, Any]] = []
        self.slices: list[dict[str, Any]] = []

    def execute(self, module_name: str, module_args: dict[str, Any], **_others: Any) -> dict[str, Any]:
        """One slice."""
        assert module_name == "koverse.runbook.component"
        # The action changes its work in place: what counts is what it said when it asked.
        self.asked.append({"state": module_args["state"], **module_args["work"]})
        answer = self.slices[min(len(self.asked), len(self.slices)) - 1]
        self.now += answer.get("takes", 3.0)
        if "msg" in answer:
            return dict(answer)
        empty = {
            "instances": [],
            "afar": {},
            "acted": [],
            "steps": [],
            "failures": {},
            "last_words": {},
            "waiting": {},
            "tservers_left": [],
        }
        answer = {key: value.copy() if hasattr(value, "copy") else value for key, value in answer.items() if key != "takes"}
        return {"changed": False, "done": False, "memory": {"slice": len(self.asked)}, **empty, **answer}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """A host, and a clock that only it moves."""
    made = Host()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(component.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(ActionModule, "_execute_module", made.execute)
    return made


def start(name: str = "n3", stage: dict[str, Any] | None = STORAGE, **args: Any) -> dict[str, Any]:
    """The result of a start on a host."""
    options = {"stage": stage} if stage else {}
    return run(ActionModule, variables(PLAN, host=name), state="started", **options, **args)


WAITING = {"waiting": {"hdfs_datanode": "n3: nobody listens on n3:9864"}, "acted": ["hdfs_datanode"]}
DONE = {"done": True, "acted": ["hdfs_datanode"]}


def test_the_first_slice_acts_and_the_others_watch(host: Host) -> None:
    host.slices = [WAITING, WAITING, DONE]
    result = start()
    assert [(asked["act"], asked["memory"]) for asked in host.asked] == [(True, None), (False, {"slice": 1}), (False, {"slice": 2})]
    assert (result["changed"], result["acted"], result["waited"]) == (True, ["hdfs_datanode"], 9.0)
    assert not {"memory", "waiting", "done"} & set(result)


def test_a_host_gets_its_own_part_of_the_stage(host: Host) -> None:
    host.slices = [DONE]
    start("n2")
    (asked,) = host.asked
    assert sorted(asked["entries"]) == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]
    assert (asked["host"], asked["address"], asked["state"], asked["afar"]) == ("n2", "n2", "started", None)
    start("n3")
    assert list(host.asked[1]["entries"]) == ["hdfs_datanode"]


def test_only_the_watcher_watches_from_afar(host: Host) -> None:
    host.slices = [DONE]
    start("n3")
    afar = host.asked[0]["afar"]
    assert list(afar["entries"]) == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]
    assert afar["hosts"]["hdfs_namenode"] == ["n1", "n2"]
    assert (afar["minimums"]["hdfs_datanode"], afar["minimums"]["hdfs_namenode"]) == (3, 2)


def test_only_the_stepper_does_the_steps(host: Host) -> None:
    host.slices = [DONE]
    stage = {**STORAGE, "stepper": "n1"}
    start("n1", stage)
    start("n2", stage)
    start("n1", None, components=["hdfs_datanode"])
    assert [asked["step"] for asked in host.asked] == [True, False, True]


def test_without_a_stage_a_host_takes_the_components_that_are_named(host: Host) -> None:
    host.slices = [DONE]
    start("n3", None, components=["hdfs_datanode", "postgres"])
    assert (list(host.asked[0]["entries"]), host.asked[0]["afar"]) == (["hdfs_datanode"], None)
    start("n3", None)
    assert "zookeeper" in host.asked[1]["entries"]


def test_a_host_beside_the_cluster_has_nothing_to_do(host: Host) -> None:
    result = start("desk")
    assert (result["changed"], result["acted"], host.asked) == (False, [], [])


def test_nothing_done_is_nothing_changed(host: Host) -> None:
    host.slices = [{"done": True}]
    assert start()["changed"] is False


def test_a_step_is_a_change(host: Host) -> None:
    host.slices = [{"done": True, "steps": ["goal state set"]}]
    result = start()
    assert (result["changed"], result["steps"]) == (True, ["goal state set"])


def test_steps_of_all_slices_are_kept(host: Host) -> None:
    host.slices = [{**WAITING, "steps": ["goal state set"]}, DONE]
    assert start()["steps"] == ["goal state set"]


def test_a_failure_ends_the_wait(host: Host) -> None:
    host.slices = [WAITING, {**WAITING, "failures": {"hdfs_datanode": "died 5 s after the stage's start"}}, DONE]
    result = start()
    assert (len(host.asked), result["failures"]) == (2, {"hdfs_datanode": "died 5 s after the stage's start"})


def test_what_is_too_late_is_a_failure_that_says_what_was_last_seen(host: Host) -> None:
    host.slices = [WAITING]
    result = start()
    limit = PLAN["components"]["hdfs_datanode"]["start_timeout"]
    assert result["failures"] == {"hdfs_datanode": f"not up after {limit} s; last seen: n3: nobody listens on n3:9864"}
    assert limit < result["waited"] <= limit + 3


def test_a_stop_has_its_own_time_limit(host: Host) -> None:
    host.slices = [WAITING]
    result = run(ActionModule, variables(PLAN, host="n3"), state="stopped", stage={**STORAGE, "goal": "stopped"})
    limit = PLAN["components"]["hdfs_datanode"]["stop_timeout"]
    assert result["failures"] == {"hdfs_datanode": f"not gone after {limit} s; last seen: n3: nobody listens on n3:9864"}


def test_the_watcher_gives_every_component_of_the_stage_its_own_time(host: Host) -> None:
    host.slices = [{"waiting": {"hdfs_namenode": "n1: safe mode is on"}}]
    result = start("n3")
    assert result["failures"] == {"hdfs_namenode": "not up after 600 s; last seen: n1: safe mode is on"}


def test_what_is_there_at_the_last_moment_is_not_too_late(host: Host) -> None:
    host.slices = [{**WAITING, "takes": 10_000.0, "done": True}]
    assert start()["failures"] == {}


def test_a_death_on_another_host_ends_the_wait_here(host: Host) -> None:
    host.slices = [WAITING]
    Board("storage-started").write("n1", failed=True)
    result = start()
    assert (len(host.asked), result["failures"]) == (1, {})


def test_a_death_in_another_stage_does_not(host: Host) -> None:
    host.slices = [WAITING, DONE]
    Board("storage-stopped").write("n1", failed=True)
    start()
    assert len(host.asked) == 2


def test_a_failure_here_is_told_to_the_others(host: Host) -> None:
    host.slices = [{**WAITING, "failures": {"hdfs_datanode": "died"}}]
    start()
    assert Board("storage-started").failed() == ["n3"]


def test_a_module_that_cannot_run_is_told_to_the_others_and_returned(host: Host) -> None:
    host.slices = [{"failed": True, "msg": "Incorrect sudo password"}]
    assert start()["msg"] == "Incorrect sudo password"
    assert Board("storage-started").failed() == ["n3"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of progress."""
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_progress_says_what_is_up_what_is_awaited_and_for_how_long(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    seen = {"hdfs_datanode": {"n1": row("hdfs_datanode", "n1"), "n2": row("hdfs_datanode", "n2", health="unhealthy")}}
    host.slices = [{**WAITING, "afar": seen}, DONE]
    start()
    assert lines(capsys) == ["storage, 3 s: up hdfs_datanode 1/2; waiting for hdfs_datanode (n3: nobody listens on n3:9864)"]


def test_progress_is_said_when_it_changes_and_at_least_every_ten_seconds(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"waiting": {"hdfs_datanode": "n3: registered with none"}}
    host.slices = [WAITING, WAITING, other, other, other, other, other, other, other, DONE]
    start()
    assert [line.split(":")[0] for line in lines(capsys)] == ["storage, 3 s", "storage, 9 s", "storage, 21 s"]


def test_a_host_that_does_not_watch_leaves_the_words_to_the_one_that_does(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.slices = [WAITING, DONE]
    start("n2")
    assert lines(capsys) == []


def test_a_host_says_what_only_it_can_see(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    (stage, *_others) = decide.to_start(PLAN, down(PLAN), planning.narrow(PLAN))[0]
    host.slices = [{"waiting": {"postgres": "n1: psql: no answer", "zookeeper": "n1: no quorum"}}, DONE]
    start("n1", stage)
    assert lines(capsys) == ["coordination, 3 s: waiting for postgres (n1: psql: no answer)"]


def test_a_host_without_a_stage_speaks_for_itself(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.slices = [WAITING, DONE]
    start("n3", None)
    assert lines(capsys) == ["n3, 3 s: waiting for hdfs_datanode (n3: nobody listens on n3:9864)"]
