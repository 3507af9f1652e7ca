# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action ambari_stage: which instances it asks for, and what it doubts. The module that asks is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action.ambari_stage import ActionModule
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, row, stopped

PLAN = ha_plan({name: {"backend": "ambari"} for name in ("hdfs_datanode", "hdfs_namenode")})
HOSTS = {"n1": ["hdfs_datanode", "hdfs_namenode", "zookeeper"], "n2": ["hdfs_datanode"], "n3": ["hdfs_datanode"]}
STAGE = {"name": "storage", "hosts": HOSTS, "absent": {host: ["hdfs_datanode"] for host in HOSTS}}


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["component"], row["host"]) for row in rows]


def asked(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | None = None, again: bool = False, **registered: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The action's result for a start, and what the module was given; empty where it was not run."""
    given: dict[str, Any] = {}
    said = {"changed": True, "already": [], "left_out": [], "failures": [], "memory": {}, "done": True, "progress": "", **(answer or {})}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda _self, _name, **words: given.update(words["module_args"]) or dict(said))
    place = {f"runbook_ambari_{key}": key for key in ("username", "password")}
    found = {**variables(PLAN, **{key: value for key, value in registered.items() if key == "runbook_doubted"}), **place}
    found |= {"runbook_ambari_url": "http://a", **{key: value for key, value in registered.items() if key == "runbook_asked"}}
    stage = registered.get("stage", STAGE)
    if "tservers_left" in registered:
        found["runbook_gate"] = {"tservers_left": registered["tservers_left"]}
    words = {"on_unhealthy": registered.get("on_unhealthy", "start")}
    return run(ActionModule, found, stage=stage, state=registered.get("state", "started"), again=again, **words), given


def test_what_is_started_is_what_was_found_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    result, given = asked(monkeypatch)
    assert pairs(given["instances"]) == [("DATANODE", "n1"), ("DATANODE", "n2"), ("DATANODE", "n3")]
    assert (given["known"], given["context"], result["doubtful"]) == (False, "storage: started", {})


def test_what_is_stopped_is_all_that_ambari_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    _result, given = asked(monkeypatch, state="stopped")
    assert pairs(given["instances"]) == [("DATANODE", "n1"), ("NAMENODE", "n1"), ("DATANODE", "n2"), ("DATANODE", "n3")]


def test_what_stop_all_has_left_is_stopped_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    result, given = asked(monkeypatch, state="stopped", tservers_left=["n2:9997"])
    assert (pairs(given["instances"]), result["changed"]) == ([("DATANODE", "n3")], True)  # the last one


@pytest.mark.parametrize(("state", "patient"), [("started", True), ("stopped", False)])
def test_for_a_stop_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch, state: str, patient: bool) -> None:
    assert asked(monkeypatch, state=state)[1]["patient"] == patient


LEFT = {"component": "DATANODE", "host": "n2", "why": "in maintenance (ON), STARTED: Ambari skips it"}
FAILED = {"component": "DATANODE", "host": "n3", "text": "STOP FAILED"}


def test_by_force_what_is_not_stopped_is_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"left_out": [LEFT], "failures": [FAILED]}
    result, _given = asked(monkeypatch, answer, state="stopped", on_unhealthy="force")
    assert not result["failed"]
    said = " ".join(capsys.readouterr().err.split())
    assert "goes on although: DATANODE on n3: STOP FAILED" in said
    assert "goes on although: DATANODE on n2: in maintenance (ON), STARTED: Ambari skips it" in said
    for more in ({"state": "stopped"}, {"state": "started", "on_unhealthy": "force"}):
        assert asked(monkeypatch, answer, **more)[0]["failed"]
    silent = {"failures": [{"component": None, "host": None, "text": "nobody listens"}]}
    assert asked(monkeypatch, silent, state="stopped", on_unhealthy="force")[0]["failed"]


def test_what_ambari_takes_for_started_is_doubted_and_only_what_does_not_run_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _given = asked(monkeypatch, {"already": [{"component": "DATANODE", "host": host} for host in HOSTS]})
    assert result["doubtful"] == {host: ["hdfs_datanode"] for host in HOSTS}
    looked = {
        "n1": {"instances": [stopped("hdfs_datanode", "n1"), stopped("hdfs_namenode", "n1")]},
        "n2": {"instances": [row("hdfs_datanode", "n2")]},
        "n3": UNREACHABLE,
    }
    result, given = asked(monkeypatch, again=True, runbook_asked=result, runbook_doubted=looked)
    assert (pairs(given["instances"]), given["known"], result["doubtful"]) == ([("DATANODE", "n1")], True, {})


def test_nothing_is_asked_for_where_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_before = {"doubtful": {"n2": ["hdfs_datanode"]}}
    result, given = asked(
        monkeypatch, again=True, runbook_asked=asked_before, runbook_doubted={"n2": {"instances": [row("hdfs_datanode", "n2")]}}
    )
    assert (result.get("skipped"), given) == (True, {})


def test_what_is_left_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [{"component": "DATANODE", "host": "n2", "why": "in maintenance (ON), INSTALLED: Ambari skips it"}]
    result, _given = asked(monkeypatch, {"left_out": left}, stage={**STAGE, "otherwise": "Next: startup.yml"})
    assert result["failed"]
    assert result["msg"] == "DATANODE on n2: in maintenance (ON), INSTALLED: Ambari skips it\nNext: startup.yml"
