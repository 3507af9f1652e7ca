# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: the plan from variables, a host's part of it, what hosts answered, and the board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.koverse.runbook.plugins.action.component_info import ActionModule as ComponentInfo
from ansible_collections.koverse.runbook.plugins.action.plan import ActionModule as Plan
from ansible_collections.koverse.runbook.plugins.plugin_utils import controller
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import Board, RunbookAction, why_unseen
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, action, run
from ansible_collections.koverse.runbook.tests.unit.cluster import HA, NODES


def inventory(**variables: Any) -> dict[str, Any]:
    """Task variables of the HA inventory, with a host beside the cluster."""
    hosts = [*NODES, "desk"]
    return {"groups": {**HA, "all": hosts}, "hostvars": {host: {} for host in hosts}, "inventory_hostname": "n1", **variables}


# ---- the plan


def test_plan_of_an_inventory() -> None:
    plan = run(Plan, inventory())["plan"]
    assert plan["order"] == NODES
    assert plan["addresses"] == {"n1": "n1", "n2": "n2", "n3": "n3"}
    assert plan["zookeeper"] == ["n1:2181", "n2:2181", "n3:2181"]
    assert plan["wanted"] == [name for stage in plan["stages"] for name in stage["components"]]


def test_addresses_and_ports_are_the_inventorys() -> None:
    task_vars = inventory(runbook_catalogue={"zookeeper": {"ports": {"client": 2182}}})
    task_vars["hostvars"]["n2"]["runbook_address"] = "10.0.0.2"
    plan = run(Plan, task_vars)["plan"]
    assert plan["addresses"]["n2"] == "10.0.0.2"
    assert plan["zookeeper"] == ["n1:2182", "10.0.0.2:2182", "n3:2182"]


def test_the_backend_is_the_inventorys() -> None:
    plan = run(Plan, inventory(runbook_backend="init"))["plan"]
    assert plan["components"]["zookeeper"]["backend"] == "init"
    assert "unknown value 'upstart'" in run(Plan, inventory(runbook_backend="upstart"))["msg"]


def test_a_plan_is_narrowed() -> None:
    plan = run(Plan, inventory(), layers="storage", components="zookeeper")["plan"]
    assert plan["wanted"] == ["zookeeper", "hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]


def test_one_problem_is_one_line_and_several_are_a_list() -> None:
    one = run(Plan, inventory(), layers="storge")
    assert (one["failed"], one["msg"]) == (True, "runbook_layers: unknown layer 'storge'. Did you mean 'storage'?")
    two = run(Plan, inventory(), layers="storge", components="zookeper")
    assert [line[:2] for line in two["msg"].splitlines()] == ["- ", "- "]


def test_warnings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    task_vars = inventory()
    task_vars["groups"] = {**task_vars["groups"], "zookeeper": ["n1", "n2"]}
    assert "failed" not in run(Plan, task_vars)
    assert "ZooKeeper: 2 members tolerate no more failures than 1." in " ".join(capsys.readouterr().err.split())


def test_the_registered_plan_is_taken() -> None:
    plan = action(RunbookAction).plan({"runbook_plan": {"plan": {"stages": []}}})
    assert plan == {"stages": []}
    assert action(RunbookAction).plan(inventory())["order"] == NODES


# ---- a host's part


def test_a_hosts_part_of_the_plan() -> None:
    plan = run(Plan, inventory())["plan"]
    work = RunbookAction.work_for(plan, "n3")
    assert sorted(work["entries"]) == sorted(name for name, hosts in plan["instances"].items() if "n3" in hosts)
    assert (work["host"], work["address"], work["zookeeper"]) == ("n3", "n3", ["n1:2181", "n2:2181", "n3:2181"])
    assert list(RunbookAction.work_for(plan, "n3", ["zookeeper", "postgres"])["entries"]) == ["zookeeper"]
    assert RunbookAction.work_for(plan, "n3", [])["entries"] == {}


def test_a_part_with_an_unknown_component() -> None:
    with pytest.raises(RunbookError, match="unknown component 'zookeper' in this inventory"):
        RunbookAction.work_for(run(Plan, inventory())["plan"], "n3", ["zookeper"])


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of the modules that an action plugin executes on its host."""
    calls: list[dict[str, Any]] = []

    def execute(_self: Any, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        assert task_vars
        calls.append({"module": module_name, **module_args})
        return {"changed": False, "instances": ["looked"]}

    monkeypatch.setattr(RunbookAction, "_execute_module", execute)
    return calls


def test_component_info_hands_a_host_its_part(executed: list[dict[str, Any]]) -> None:
    assert run(ComponentInfo, inventory(), components=["zookeeper"]) == {"changed": False, "instances": ["looked"]}
    (call,) = executed
    assert (call["module"], call["components"]) == ("koverse.runbook.component_info", ["zookeeper"])
    assert list(call["work"]["entries"]) == ["zookeeper"]
    assert "neighbour" not in call["work"]


def test_a_host_beside_the_cluster_has_nothing_to_look_at(executed: list[dict[str, Any]]) -> None:
    assert run(ComponentInfo, inventory(inventory_hostname="desk")) == {"changed": False, "instances": []}
    assert executed == []


def test_a_host_knocks_at_the_ports_of_the_next_one(executed: list[dict[str, Any]]) -> None:
    run(ComponentInfo, inventory(inventory_hostname="n3"), ports=True)
    neighbour = executed[0]["work"]["neighbour"]
    assert (neighbour["host"], neighbour["address"]) == ("n1", "n1")
    assert {"component": "postgres", "port": 5432} in neighbour["ports"]
    assert not [row for row in neighbour["ports"] if row["component"] == "koverse_server"]


def test_a_host_alone_has_no_neighbour(executed: list[dict[str, Any]]) -> None:
    task_vars = inventory(inventory_hostname="n1")
    task_vars["groups"] = {group: ["n1"] for group in HA if group != "hdfs_journalnode"}
    run(ComponentInfo, task_vars, ports=True)
    assert executed[0]["work"]["neighbour"] is None


# ---- what hosts answered


def test_answers_of_the_hosts_of_the_play() -> None:
    hostvars = {"n1": {"runbook_seen": {"instances": []}}, "n2": {}, "n3": {"runbook_seen": "x"}, "n4": {"runbook_seen": {}}}
    task_vars = {"hostvars": hostvars, "ansible_play_hosts_all": ["n1", "n2", "n3"]}
    assert controller.answers(task_vars, "runbook_seen") == {"n1": {"instances": []}}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (UNREACHABLE, "the host is unreachable: Failed to connect to the host via ssh: ssh: connect to host n3 port 22: No route to host"),
        ({"failed": True, "msg": "Incorrect sudo password"}, "Incorrect sudo password"),
        ({"failed": True, "module_stderr": "python3:\nnot found"}, "python3: not found"),
        ({}, "it did not answer"),
    ],
)
def test_why_a_host_was_not_seen(result: dict[str, Any], said: str) -> None:
    assert why_unseen(result) == said


# ---- the board


@pytest.fixture
def local_tmp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Ansible's temporary directory of this run."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def test_hosts_tell_each_other_what_has_failed(local_tmp: Path) -> None:
    for host, failed in (("n1", False), ("n3", True), ("n2", True)):
        Board("data_services 1/2-started").write(host, failed=failed)
    assert Board("data_services 1/2-started").failed() == ["n2", "n3"]
    Board("data_services 1/2-started").write("n3", failed=False)
    assert Board("data_services 1/2-started").failed() == ["n2"]
    assert Board("data_services 1/2-stopped").failed() == []
    assert len(list(local_tmp.iterdir())) == 2


def test_half_written_words_are_not_read(local_tmp: Path) -> None:
    board = Board("storage")
    (local_tmp / "runbook-storage" / ".n1").write_text('{"failed": tr', encoding="utf-8")
    assert board.failed() == []
