# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin gate: a stage passes when it is healthy, or gone, from all that the hosts have answered."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action.gate import ActionModule
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, answers, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import down, ha_plan, healthy, row, stopped

PLAN = ha_plan()
ALL = planning.narrow(PLAN)
COLD = decide.to_start(PLAN, down(PLAN), ALL)[0]
STARTING = {stage["name"]: stage for stage in COLD if stage["goal"] == "started"}
(PREPARING,) = [stage for stage in COLD if stage["goal"] == "prepared"]
STOPPING = {stage["name"]: stage for stage in decide.to_stop(PLAN, healthy(PLAN), ALL)}
Picture = dict[str, dict[str, dict[str, Any]]]


def done(picture: Picture, stage: dict[str, Any], **results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the stage's hosts answer after their work, with changes by host."""
    part = {name: picture[name] for name in stage["components"]}
    found = {host: {**result, "waited": 2.0, "steps": [], "failures": {}} for host, result in answers(part).items()}
    for host, changes in results.items():
        found[host] = {**found[host], **changes} if "instances" not in changes or changes["instances"] else changes
    return found


def gate(
    stage: dict[str, Any],
    after: dict[str, dict[str, Any]],
    before: Picture | None = None,
    plan: planning.Plan | None = None,
    **args: Any,
) -> dict[str, Any]:
    """The gate's answer."""
    task_vars = variables(plan or PLAN, runbook_seen=answers(before or down(PLAN)), runbook_done=after)
    return run(ActionModule, task_vars, stage=stage, **args)


# ---- before a start


def test_what_was_prepared_is_said_and_recorded(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = {"n1": {"instances": [], "steps": ["goal state set from CLEAN_STOP to NORMAL"], "waited": 3.1, "failures": {}}}
    result = gate(PREPARING, answer, record=str(tmp_path / "recovery.jsonl"))
    assert ("failed" in result, result["steps"]) == (False, ["goal state set from CLEAN_STOP to NORMAL"])
    assert "can be started after 3.1 s; goal state set from CLEAN_STOP to NORMAL" in capsys.readouterr().out
    assert json.loads((tmp_path / "recovery.jsonl").read_text(encoding="utf-8"))["steps"] == result["steps"]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"instances": [], "failures": {"accumulo_manager": "the step x failed: status 1"}}, "the step x failed: status 1"),
        ({"msg": "no Python"}, "no Python"),
        ({}, "it did not answer"),
    ],
)
def test_what_could_not_be_prepared_is_not_started(answer: dict[str, Any], line: str) -> None:
    result = gate(PREPARING, {"n1": answer} if answer else {})
    assert result["failed"]
    assert f"  - Accumulo manager on n1: {line}" in result["msg"].splitlines()
    assert "First unhealthy layer: data_services." in result["msg"]


# ---- upwards


def test_a_healthy_stage_passes(capsys: pytest.CaptureFixture[str]) -> None:
    stage = STARTING["storage"]
    result = gate(stage, done(healthy(PLAN), stage, n2={"waited": 11.43}))
    assert "failed" not in result
    assert (result["stage"], result["waited"], result["tolerated"], result["changed"]) == ("storage", 11.43, [], False)
    assert "storage: healthy after 11.4 s" in capsys.readouterr().out


def test_a_stage_that_is_not_healthy_does_not_pass() -> None:
    whole = healthy(PLAN)
    whole["hdfs_namenode"]["n1"].update(health="unhealthy", evidence="safe mode is on")
    whole["hdfs_datanode"]["n3"] = stopped("hdfs_datanode", "n3")
    stage = STARTING["storage"]
    after = done(whole, stage, n3={"last_words": {"hdfs_datanode": ["java.net.BindException", "exit"]}})
    result = gate(stage, after, again="ansible-playbook playbooks/startup.yml")
    assert result["failed"]
    lines = result["msg"].splitlines()
    assert lines[0] == "The layer 'Storage' is not healthy (stage storage). First unhealthy layer: storage."
    assert "  - NameNode on n1: safe mode is on" in lines
    assert "  - DataNode on n3: hdfs_datanode is inactive" in lines
    assert lines[3:6] == ["  Last lines of DataNode on n3:", "    | java.net.BindException", "    | exit"]
    assert "The layers above were not started." in lines
    assert "Next: cure the first of these, then run again: ansible-playbook playbooks/startup.yml." in lines


def test_a_failure_that_a_host_has_seen_explains_more_than_the_state_it_left() -> None:
    whole = healthy(PLAN)
    whole["hdfs_datanode"]["n3"] = stopped("hdfs_datanode", "n3")
    stage = STARTING["storage"]
    result = gate(stage, done(whole, stage, n3={"failures": {"hdfs_datanode": "died 3 s after the stage's start"}}))
    assert [line for line in result["msg"].splitlines() if "DataNode" in line] == ["  - DataNode on n3: died 3 s after the stage's start"]


def test_a_failure_is_a_failure_though_all_looks_healthy() -> None:
    stage = STARTING["storage"]
    result = gate(stage, done(healthy(PLAN), stage, n1={"failures": {"hdfs_namenode": "the step x failed"}}))
    assert result["failed"]
    assert "  - NameNode on n1: the step x failed" in result["msg"]


def test_the_whole_is_judged_not_only_its_instances() -> None:
    whole = healthy(PLAN)
    whole["hdfs_namenode"]["n2"]["role"] = "active"
    stage = STARTING["storage"]
    assert "  - NameNode: 2 are active: n1, n2; exactly one may be" in gate(stage, done(whole, stage))["msg"]


def test_what_min_healthy_tolerates_passes_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    plan = ha_plan({"hdfs_datanode": {"min_healthy": 2}})
    whole = healthy(plan)
    whole["hdfs_datanode"]["n3"].update(health="unhealthy", evidence="registered with none of 2 NameNodes yet")
    whole["hdfs_namenode"]["n1"]["details"]["live_datanodes"] = 2
    stage = {**STARTING["storage"], "needed": decide.minimums(plan)}
    result = gate(stage, done(whole, stage), plan=plan)
    assert result["tolerated"] == ["DataNode on n3: registered with none of 2 NameNodes yet"]
    assert "tolerated by min_healthy: DataNode on n3: registered" in capsys.readouterr().out


def test_the_watching_hosts_view_counts_for_what_answers_over_the_network() -> None:
    whole = healthy(PLAN)
    stage = STARTING["storage"]
    whole["hdfs_namenode"]["n1"].update(health="unhealthy", role="standby", evidence="standby")
    now = {"n1": row("hdfs_namenode", "n1", role="active", details={"live_datanodes": 3}), "n2": whole["hdfs_namenode"]["n2"]}
    assert gate(stage, done(whole, stage))["failed"]
    assert "failed" not in gate(stage, done(whole, stage, n3={"afar": {"hdfs_namenode": now}}))


def test_the_watching_hosts_view_of_nothing_counts_for_nothing() -> None:
    stage = STARTING["storage"]
    nothing = {"hdfs_datanode": {host: unknown("hdfs_datanode", host, "no word") for host in ("n1", "n2", "n3")}}
    assert "failed" not in gate(stage, done(healthy(PLAN), stage, n3={"afar": nothing}))


def test_a_process_stopped_by_a_signal_does_not_pass_for_a_port_that_accepts() -> None:
    whole = healthy(PLAN)
    whole["hdfs_zkfc"]["n1"].update(health="unhealthy", signalled=True, evidence="pid 7 is stopped by a signal (SIGSTOP)")
    stage = STARTING["storage"]
    afar = {"hdfs_zkfc": {"n1": row("hdfs_zkfc", "n1", evidence="port 8019 accepts connections")}}
    result = gate(stage, done(whole, stage, n3={"afar": afar}))
    assert "  - ZKFC on n1: pid 7 is stopped by a signal (SIGSTOP)" in result["msg"]


def test_hosts_without_work_are_judged_by_the_first_look() -> None:
    before = healthy(PLAN)
    stage = {**STARTING["storage"], "hosts": {"n2": ["hdfs_datanode"]}}
    after = {"n2": done(healthy(PLAN), stage)["n2"]}
    assert "failed" not in gate(stage, after, before)
    before["hdfs_datanode"]["n3"] = stopped("hdfs_datanode", "n3")
    assert "  - DataNode on n3: hdfs_datanode is inactive" in gate(stage, after, before)["msg"]


def test_what_a_host_outside_of_the_stage_has_registered_before_is_not_read() -> None:
    stage = {**STARTING["storage"], "hosts": {"n2": ["hdfs_datanode"]}}
    after = done(healthy(PLAN), stage, n1={"failures": {"hdfs_namenode": "of another stage"}})
    assert "failed" not in gate(stage, after, healthy(PLAN))


def test_a_host_that_went_away_in_the_stage_is_unknown() -> None:
    stage = STARTING["storage"]
    after = done(healthy(PLAN), stage)
    after["n3"] = UNREACHABLE
    lines = gate(stage, after, healthy(PLAN))["msg"].splitlines()
    assert [line for line in lines if line.startswith("  - DataNode on n3: the host is unreachable: Failed to connect")]


def test_a_host_on_which_the_module_failed_is_unknown() -> None:
    stage = STARTING["storage"]
    after = done(healthy(PLAN), stage)
    after["n3"] = {"failed": True, "msg": "Module failed: out of memory"}
    assert "  - DataNode on n3: Module failed: out of memory" in gate(stage, after, healthy(PLAN))["msg"]


def test_warm_standbys_need_not_be_up() -> None:
    plan = ha_plan(koverse_standby_server=["n2"])
    whole = healthy(plan)
    whole["koverse_standby_server"]["n2"] = stopped("koverse_standby_server", "n2")
    (stage,) = [made for made in decide.to_start(plan, down(plan), planning.narrow(plan))[0] if "koverse_server" in made["components"]]
    stage["components"] = [*stage["components"], "koverse_standby_server"]
    assert "failed" not in gate(stage, done(whole, stage), down(plan), plan)


def test_steps_and_tablet_servers_left_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    stage = STOPPING["data_services 2/2"]
    after = done(down(PLAN), stage, n1={"steps": ["3 tables flushed", "stopAll done"], "tservers_left": ["n2:9997"]})
    result = gate(stage, after, healthy(PLAN))
    assert result["steps"] == ["3 tables flushed", "stopAll done"]
    assert result["tservers_left"] == ["n2:9997"]
    assert "data_services 2/2: down after 2.0 s; 3 tables flushed; stopAll done" in capsys.readouterr().out


OVER_AMBARI = ha_plan({name: {"backend": "ambari"} for name, entry in PLAN["components"].items() if entry["ambari"]})


def leaving(name: str) -> dict[str, Any]:
    return {**STOPPING[name], "goal": "left"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"failures": {"hdfs_datanode": "its drain ended with status 1: lb: no such server"}},
            "its drain ended with status 1: lb: no such server",
        ),
        ({"msg": "no Python"}, "no Python"),
    ],
)
def test_what_could_not_be_brought_to_safety_is_not_stopped(changes: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    stage = leaving("storage")
    before = done(healthy(OVER_AMBARI), stage, n3=changes)
    if "msg" in changes:
        before["n3"] = changes
    result = gate(stage, before, healthy(OVER_AMBARI), OVER_AMBARI)
    assert result["failed"]
    assert f"  - DataNode on n3: {line}" in result["msg"].splitlines()
    assert "Nothing of this stage was stopped" in result["msg"]
    assert "failed" not in gate(stage, before, healthy(OVER_AMBARI), OVER_AMBARI, on_unhealthy="force")
    assert f"goes on although: DataNode on n3: {line}" in " ".join(capsys.readouterr().err.split())


def test_over_ambari_what_stop_all_has_left_counts_until_the_tablet_servers_own_part(capsys: pytest.CaptureFixture[str]) -> None:
    whole, left = healthy(OVER_AMBARI), ["n2:9997"]
    manager, own = STOPPING["data_services 2/2"], STOPPING["data_services 1/2"]
    before = done(whole, manager, n1={"steps": ["3 tables flushed"], "tservers_left": left})
    result = gate(leaving(manager["name"]), before, whole, OVER_AMBARI)
    assert result["tservers_left"] == left
    assert "data_services 2/2: can be stopped after 2.0 s; 3 tables flushed" in capsys.readouterr().out
    for stage, kept in ((manager, left), (leaving(own["name"]), left), (own, [])):
        task_vars = variables(OVER_AMBARI, runbook_seen=answers(whole), runbook_done=done(down(PLAN), stage))
        result = run(ActionModule, {**task_vars, "runbook_gate": result}, stage=stage)
        assert result["tservers_left"] == kept, stage["name"]


# ---- downwards


def test_a_stage_that_is_gone_passes() -> None:
    stage = STOPPING["storage"]
    assert "failed" not in gate(stage, done(down(PLAN), stage), healthy(PLAN))


@pytest.mark.parametrize(
    "left",
    [
        stopped("hdfs_datanode", "n3", pids=[812], evidence="hdfs-datanode.service is inactive"),
        row("hdfs_datanode", "n3", evidence="hdfs-datanode.service is active"),
        unknown("hdfs_datanode", "n3", "systemctl show: no bus"),
    ],
    ids=["a process left", "running", "unknown"],
)
def test_a_stage_that_is_not_proven_to_be_gone_does_not_pass(left: dict[str, Any]) -> None:
    whole = down(PLAN)
    whole["hdfs_datanode"]["n3"] = left
    stage = STOPPING["storage"]
    result = gate(stage, done(whole, stage), healthy(PLAN))
    assert result["failed"]
    lines = result["msg"].splitlines()
    assert lines[:2] == ["The layer 'Storage' is not down (stage storage).", f"  - DataNode on n3: {left['evidence']}"]
    assert "The layers below were not stopped." in lines


def test_by_force_a_stage_that_is_not_down_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    whole = down(PLAN)
    whole["hdfs_datanode"]["n3"] = row("hdfs_datanode", "n3", evidence="hdfs-datanode.service is active")
    stage = STOPPING["storage"]
    assert "failed" not in gate(stage, done(whole, stage), healthy(PLAN), on_unhealthy="force")
    said = " ".join(capsys.readouterr().err.split())
    assert "runbook_shutdown=force goes on although: DataNode on n3: hdfs-datanode.service is active" in said


def test_the_message_ends_with_what_to_do() -> None:
    stage = STARTING["storage"]
    lines = gate(stage, done(down(PLAN), stage))["msg"].splitlines()
    assert lines[-2:] == [
        "Next: cure the first of these, then run again: the same command.",
        "It goes on from here. ansible-playbook playbooks/status.yml shows the whole cluster.",
    ]


def test_force_does_not_let_an_unhealthy_start_pass() -> None:
    stage = STARTING["storage"]
    assert gate(stage, done(down(PLAN), stage), on_unhealthy="force")["failed"]


def test_the_standbys_part_leaves_the_active_ones_alone() -> None:
    stage = STOPPING["storage, standbys"]
    whole = healthy(PLAN)
    whole["hdfs_namenode"]["n2"] = stopped("hdfs_namenode", "n2")
    assert "failed" not in gate(stage, {"n2": done(whole, stage)["n2"]}, healthy(PLAN))
    still = healthy(PLAN)
    assert gate(stage, {"n2": done(still, stage)["n2"]}, healthy(PLAN))["failed"]


@pytest.mark.parametrize("name", ["data_services 2/2", "data_services 1/2", "storage"])
def test_after_the_standbys_the_rest_is_gone(name: str) -> None:
    stage = STOPPING[name]
    after = done(down(PLAN), stage)
    # Every host answers for the components that it was given, and for no others.
    for host, result in after.items():
        result["instances"] = [instance for instance in result["instances"] if instance["component"] in stage["hosts"].get(host, [])]
    assert "failed" not in gate(stage, after, healthy(PLAN))


def test_at_its_end_the_whole_stage_must_be_down() -> None:
    stage = STOPPING["storage"]
    before = healthy(PLAN)
    after = done(down(PLAN), stage)
    del after["n2"]
    assert "NameNode on n2" in gate(stage, after, before)["msg"]


def test_check_mode_judges_nothing() -> None:
    stage = STARTING["storage"]
    task_vars = {**variables(PLAN, runbook_seen=answers(down(PLAN)), runbook_done={}), "ansible_check_mode": True}
    result = run(ActionModule, task_vars, stage=stage)
    assert (result["changed"], "failed" in result) == (False, False)
    assert "check mode" in result["msg"]


def test_the_gate_changes_nothing_it_was_given() -> None:
    stage = STARTING["storage"]
    task_vars = variables(PLAN, runbook_seen=answers(down(PLAN)), runbook_done=done(healthy(PLAN), stage))
    before = copy.deepcopy(task_vars)
    run(ActionModule, task_vars, stage=stage)
    assert task_vars == before
