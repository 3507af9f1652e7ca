# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin decide: begin, or refuse before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action.decide import ActionModule
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, answers, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ambari_says, down, ha_plan, healthy, row, stopped
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

PLAN = ha_plan()
Picture = dict[str, dict[str, dict[str, Any]]]


def decide(
    picture: Picture, goal: str = "started", wanted: list[str] | None = None, unreachable: tuple[str, ...] = (), **args: Any
) -> dict[str, Any]:
    """The decision on a picture."""
    seen = {**answers(picture), **dict.fromkeys(unreachable, UNREACHABLE)}
    plan = PLAN if wanted is None else {**PLAN, "wanted": wanted}
    return run(ActionModule, variables(plan, runbook_seen=seen), goal=goal, **args)


def names(result: dict[str, Any], key: str = "stages") -> list[str]:
    """The names of the stages in a result."""
    return [stage["name"] for stage in result[key]]


# ---- starting


def test_a_healthy_cluster_has_nothing_to_start() -> None:
    result = decide(healthy(PLAN))
    assert (result["stages"], result["healthy"], result["unseen"], result["changed"]) == ([], True, [], False)


def test_a_cold_cluster_is_started_stage_by_stage() -> None:
    result = decide(down(PLAN))
    assert list(dict.fromkeys(names(result))) == [stage["name"] for stage in PLAN["stages"]]
    assert (result["healthy"], result["lift"]) == (False, [])


def test_a_host_that_cannot_be_looked_at_stops_the_run() -> None:
    seen = {**answers(down(PLAN)), "n2": {"failed": True, "msg": "Incorrect sudo password"}, "n3": {"module_stderr": "no python"}}
    result = run(ActionModule, variables(PLAN, runbook_seen=seen), goal="started")
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "- n2: Incorrect sudo password",
        "- n3: no python",
        "- Nothing was changed. Every host must let us look as root: check 'become', its password, and Python there.",
    ]


def test_an_unreachable_host_does_not_stop_the_run_by_itself() -> None:
    result = decide(down(PLAN), unreachable=("n2",))
    assert result["unseen"] == ["n2"]
    assert {tuple(stage["unseen"]) for stage in result["stages"]} == {("n2",)}
    assert list(result["stages"][0]["hosts"]) == ["n1", "n3"]


def test_a_stage_on_unreachable_hosts_stops_the_run() -> None:
    result = decide(healthy(PLAN), unreachable=("n3",))
    assert result["failed"]
    assert "Koverse web app on n3: the host is unreachable: Failed to connect to the host via ssh: ssh: connect" in result["msg"]
    assert "First unhealthy layer: coordination. Nothing was changed." in result["msg"]


def test_a_service_that_does_not_exist_stops_the_run() -> None:
    whole = down(PLAN)
    whole["zookeeper"]["n2"] = unknown("zookeeper", "n2", "there is no unit zookeeper.service")
    result = decide(whole)
    assert result["failed"]
    assert result["msg"].startswith("ZooKeeper on n2: there is no unit zookeeper.service. Deploy it")


def test_a_narrowed_start_looks_at_the_layers_below() -> None:
    whole = healthy(PLAN)
    whole["hdfs_namenode"]["n1"].update(health="unhealthy", evidence="safe mode is on")
    whole["accumulo_tserver"]["n1"] = stopped("accumulo_tserver", "n1")
    result = decide(whole, wanted=["accumulo_tserver"])
    assert result["failed"]
    assert "NameNode on n1: safe mode is on. It has to be healthy first, and this run cannot start it" in result["msg"]
    assert "First unhealthy layer: storage." in result["msg"]


def test_all_reasons_are_given() -> None:
    whole = down(PLAN)
    whole["accumulo_tserver"]["n2"] = unknown("accumulo_tserver", "n2", "there is no unit accumulo-tserver.service")
    lines = decide(whole, wanted=["accumulo_tserver"])["msg"].splitlines()
    assert [line for line in lines if line.startswith("- Tablet server on n2")]
    assert [line for line in lines if line.startswith("- NameNode on n1")]
    assert [line for line in lines if line.startswith("- ZooKeeper on n3")]


# ---- stopping


def test_a_cluster_that_is_down_has_nothing_to_stop() -> None:
    result = decide(down(PLAN), "stopped")
    assert (result["stages"], result["lift"]) == ([], [])


def test_a_healthy_cluster_is_stopped_at_once() -> None:
    result = decide(healthy(PLAN), "stopped")
    assert names(result)[0] == "application 2/2"
    assert names(result)[-1] == "coordination"
    assert (result["lift"], result["healthy"]) == ([], False)


def unhealthy_storage() -> Picture:
    """Tablet servers run above an HDFS of which a DataNode is down."""
    whole = healthy(PLAN)
    whole["hdfs_datanode"]["n2"] = stopped("hdfs_datanode", "n2")
    return whole


@pytest.mark.parametrize("args", [{}, {"on_unhealthy": "start"}])
def test_what_is_needed_to_persist_is_started_first(args: dict[str, str]) -> None:
    result = decide(unhealthy_storage(), "stopped", **args)
    assert [(stage["name"], stage["goal"], stage["hosts"]) for stage in result["lift"]] == [
        ("storage", "started", {"n2": ["hdfs_datanode"]})
    ]
    assert names(result)[-1] == "coordination"


def test_an_unhealthy_cluster_is_not_stopped_where_that_is_refused() -> None:
    result = decide(unhealthy_storage(), "stopped", on_unhealthy="refuse")
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "- DataNode on n2: hdfs_datanode is inactive. Tablet servers cannot bring their data to disk",
        "- Nothing was changed. Cure this, or give up what is at stake with -e runbook_shutdown=force.",
    ]


def test_an_unhealthy_cluster_is_stopped_by_force(capsys: pytest.CaptureFixture[str]) -> None:
    result = decide(unhealthy_storage(), "stopped", on_unhealthy="force")
    assert (names(result)[0], result["lift"]) == ("application 2/2", [])
    said = " ".join(capsys.readouterr().err.split())
    assert "runbook_shutdown=force goes on although: DataNode on n2: hdfs_datanode is inactive." in said


def test_without_tablet_servers_nothing_has_to_be_persisted() -> None:
    whole = unhealthy_storage()
    for name in ("accumulo_tserver", "accumulo_manager"):
        whole[name] = {host: stopped(name, host) for host in whole[name]}
    result = decide(whole, "stopped")
    assert result["lift"] == []


def test_an_instance_of_which_nothing_is_known_stops_the_stop() -> None:
    whole = healthy(PLAN)
    whole["zookeeper"]["n2"] = unknown("zookeeper", "n2", "systemctl show: Failed to connect to bus")
    result = decide(whole, "stopped")
    assert result["failed"]
    assert "ZooKeeper on n2: systemctl show: Failed to connect to bus. It can neither be stopped nor proven to be gone" in result["msg"]


def test_a_narrowed_stop_does_not_take_away_what_is_needed() -> None:
    result = decide(healthy(PLAN), "stopped", wanted=["hdfs_namenode"])
    assert result["failed"]
    assert "Tablet server on n1 is not stopped (answers) and needs hdfs_namenode, which is to be stopped" in result["msg"]


def test_a_narrowed_stop_of_the_top(capsys: pytest.CaptureFixture[str]) -> None:
    whole = unhealthy_storage()
    result = decide(whole, "stopped", wanted=["koverse_webapp"])
    assert names(result) == ["application 2/2"]
    assert result["lift"] == []
    assert capsys.readouterr().err == ""


def test_a_stop_that_cannot_be_made_safe_is_refused() -> None:
    plan = ha_plan(hdfs_datanode=["n4"])
    whole = healthy(plan)
    for name in ("accumulo_monitor", "accumulo_gc", "koverse_server", "koverse_webapp"):
        whole[name] = {host: stopped(name, host) for host in whole[name]}
    whole["hdfs_datanode"] = {"n4": unknown("hdfs_datanode", "n4", "the host is unreachable")}
    whole["hdfs_namenode"] = {host: unknown("hdfs_namenode", host, "no word") for host in whole["hdfs_namenode"]}
    whole["hdfs_zkfc"] = {host: unknown("hdfs_zkfc", host, "no word") for host in whole["hdfs_zkfc"]}
    task_vars = variables({**plan, "wanted": ["accumulo_tserver", "accumulo_manager"]}, runbook_seen=answers(whole))
    result = run(ActionModule, task_vars, goal="stopped", on_unhealthy="start")
    assert result.get("failed")
    assert "DataNode on n4" in result["msg"]


def test_without_a_narrowing_everything_is_wanted() -> None:
    whole = down(PLAN)
    whole["zookeeper"]["n1"] = row("zookeeper", "n1")
    assert names(decide(whole, "stopped")) == ["coordination"]
    assert planning.narrow(PLAN) == [name for stage in PLAN["stages"] for name in stage["components"]]


def recovery(whole: Picture, layer: str, **args: Any) -> dict[str, Any]:
    """What a recovery of a layer decides."""
    return run(
        ActionModule, {**variables(PLAN, runbook_seen=answers(whole)), **args.pop("task_vars", {})}, goal="recovered", layer=layer, **args
    )


def kept_in_safe_mode() -> Picture:
    whole = healthy(PLAN)
    whole["hdfs_namenode"]["n1"].update(health="unhealthy", evidence="safe mode is on: It was turned on manually")
    whole["hdfs_namenode"]["n1"]["details"].update(safe_mode=True)
    return whole


def test_what_may_lose_data_is_not_done_without_its_name() -> None:
    result = recovery(kept_in_safe_mode(), "storage")
    assert result["failed"]
    assert "SAFE_MODE_KEPT: HDFS is kept in safe mode (NameNode on n1). Next: " in result["msg"]
    assert "-e runbook_accept=leave_safe_mode" in result["msg"]
    assert recovery(kept_in_safe_mode(), "coordination")["stages"] == [], "other layers do not ask for it"


def test_what_was_accepted_is_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    result = recovery(kept_in_safe_mode(), "storage", accept="leave_safe_mode")
    assert [(stage["goal"], stage.get("host")) for stage in result["stages"]] == [("mended", "n1"), ("started", None)]
    result = recovery(kept_in_safe_mode(), "storage", task_vars={"ansible_check_mode": True})
    assert ("failed" in result, result["stages"][0]["goal"]) == (False, "started")
    assert "not without your word: SAFE_MODE_KEPT" in " ".join(capsys.readouterr().out.split())


def test_an_unknown_word_is_refused_before_anything_is_done() -> None:
    result = recovery(healthy(PLAN), "coordination", accept=["leave_safemode"])
    assert result["failed"]
    assert result["msg"] == "runbook_accept: unknown value 'leave_safemode'. Did you mean 'leave_safe_mode'?"


def test_a_host_that_is_cut_off_is_left_alone() -> None:
    whole = healthy(PLAN)
    whole["accumulo_tserver"]["n3"] = stopped("accumulo_tserver", "n3", state="failed")
    seen = answers(whole)
    for host, other in (("n1", "n2"), ("n2", "n3"), ("n3", "n1")):
        seen[host]["ports"] = [{"port": 2181, "holders": [{"pid": 1}]}]
        seen[host]["reached"] = [{"host": other, "port": 2181, "open": "n3" not in (host, other), "why": "no answer within 1 s"}]
    result = run(ActionModule, variables(PLAN, runbook_seen=seen), goal="recovered", layer="data_services")
    assert "failed" not in result, result
    assert (result["unseen"], [stage for stage in result["stages"] if "n3" in stage["hosts"]]) == (["n3"], [])


def test_narrowed_to_nothing_nothing_is_done() -> None:
    assert decide(healthy(PLAN), "stopped", wanted=[])["stages"] == []
    assert decide(down(PLAN), "started", wanted=[])["stages"] == []


# ---- over Ambari


CHANGED = "2026-11-21T10:00:00Z"  # after the instances were started
C = "/api/v1/clusters/lab"
OVER = {
    **PLAN,
    "components": {name: {**entry, "backend": "ambari" if entry["ambari"] else "systemd"} for name, entry in PLAN["components"].items()},
    "ambari": True,
}
OVER["components"]["koverse_webapp"]["backend"] = "systemd"


@pytest.fixture
def lab(clock: VirtualClock) -> Iterator[Emulator]:
    """An Ambari that has the plan's cluster."""
    hosts: dict[str, list[str]] = {host: [] for host in PLAN["order"]}
    for name, members in PLAN["instances"].items():
        for host in members:
            hosts[host] += [PLAN["components"][name]["ambari"]] if PLAN["components"][name]["ambari"] else []
    description = {**DESCRIPTION, "hosts": hosts, "services": {"KOVERSE": {"KOVERSE_SERVER": "MASTER", "KOVERSE_WEBAPP": "MASTER"}}}
    with Emulator(description, clock=clock) as emulator:
        yield emulator


def over(ambari: Emulator | None, whole: Picture, goal: str, said: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    """A decision over Ambari. said: what the look has registered of it."""
    given = {f"runbook_ambari_{key}": value for key, value in {"username": "admin", "password": "admin", "cluster": "lab"}.items()}
    given["runbook_ambari_url"] = ambari.url if ambari else "http://127.0.0.1:9"
    known = {"runbook_ambari_seen": said} if said else {}
    return run(ActionModule, {**variables(OVER, runbook_seen=answers(whole)), **given, **known}, goal=goal, **args)


def restarted(ambari: Emulator, said: dict[str, Any] | None, **args: Any) -> dict[str, Any]:
    """A restart over Ambari, where all files are newer than what runs, but PostgreSQL's."""
    whole = healthy(PLAN)
    for name, rows in whole.items():
        for one in rows.values():
            one["configured"] = "" if name == "postgres" else CHANGED
    return over(ambari, whole, "restarted", said, **{"only": "changed", **args})


def touched(result: dict[str, Any]) -> list[tuple[str, str]]:
    """What is stopped, in order."""
    stages = [stage for stage in result["stages"] if stage["goal"] == "stopped"]
    return [(name, host) for stage in stages for host, names in stage["hosts"].items() for name in names]


def stale(component: str | None, host: str, theirs: str = "DATANODE") -> dict[str, Any]:
    return {"component": component, "host": host, "ambari_component": theirs, "ambari_host": f"{host}.example.com"}


def test_what_ambari_starts_is_restarted_where_it_says_so_and_the_rest_by_its_files(lab: Emulator) -> None:
    said = ambari_says(stale=[stale("hdfs_datanode", "n1"), stale("hdfs_datanode", "n3"), stale(None, "n1", "HDFS_CLIENT")])
    assert touched(restarted(lab, said)) == [("hdfs_datanode", "n1"), ("hdfs_datanode", "n3"), ("koverse_webapp", "n3")]
    assert touched(restarted(lab, ambari_says())) == [("koverse_webapp", "n3")]
    assert touched(restarted(lab, said, hosts="n1")) == [("hdfs_datanode", "n1")]


def test_what_is_stale_and_in_no_catalogue_is_left_to_ambari(lab: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    said = ambari_says(stale=[stale("hdfs_datanode", "n1"), stale(None, "n3", "KAFKA_BROKER"), stale(None, "n1", "HDFS_CLIENT")])
    restarted(lab, said)
    warned = " ".join(capsys.readouterr().err.split())
    assert (
        "what this cluster's run book does not have; that is left to Ambari: HDFS_CLIENT on n1.example.com, KAFKA_BROKER on n3.exa"
        in warned
    )
    assert "DATANODE" not in warned
    restarted(lab, said, only="all")
    restarted(lab, ambari_says(stale=[stale("hdfs_datanode", "n1")]))
    assert "left to Ambari" not in capsys.readouterr().err


def test_stale_on_a_host_of_another_name_is_not_passed_over(lab: Emulator) -> None:
    result = restarted(lab, ambari_says(stale=[stale("hdfs_datanode", "n1"), stale(None, "n9")]))
    assert "Ambari calls DATANODE on n9.example.com stale, and the inventory knows no such instance." in result["msg"]
    assert "set its runbook_ambari_host" in result["msg"]


@pytest.mark.parametrize(
    ("said", "why"), [(ambari_says(problem="nobody listens on http://a"), "nobody listens on http://a."), (None, "it was not asked.")]
)
def test_nothing_is_restarted_on_the_strength_of_an_ambari_that_says_nothing(lab: Emulator, said: dict[str, Any] | None, why: str) -> None:
    result = restarted(lab, said)
    assert result["failed"]
    assert result["msg"].splitlines() == [
        f"- Ambari alone can tell what runs with an older configuration, and that is unknown: {why} "
        "Cure that, or name what is to be restarted with runbook_components.",
        "- Nothing was changed. recover.yml brings back what is missing.",
    ]


def test_what_was_written_on_the_hosts_goes_by_its_files(lab: Emulator) -> None:
    result = restarted(lab, None, only="written")
    assert ("hdfs_datanode", "n2") in touched(result)
    assert ("postgres", "n1") not in touched(result)


def test_an_unknown_choice_is_refused(lab: Emulator) -> None:
    assert "runbook_only: expected all or changed, found 'changes'." in restarted(lab, ambari_says(), only="changes")["msg"]


@pytest.mark.parametrize(("goal", "whole"), [("stopped", healthy(PLAN)), ("started", down(PLAN))])
def test_what_ambari_would_leave_alone_is_said_before_anything_is_changed(lab: Emulator, goal: str, whole: Picture) -> None:
    assert over(lab, whole, goal)["stages"]
    lab.somebody("PUT", f"{C}/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    lab.world.host_components[:] = [row for row in lab.world.host_components if (row.component, row.host) != ("ACCUMULO_GC", "n3")]
    refused = over(lab, whole, goal)
    assert refused["failed"]
    assert "DATANODE on n2: in maintenance (IMPLIED_FROM_HOST), STARTED: Ambari skips it." in refused["msg"]
    assert "the cluster 'lab' of Ambari has no ACCUMULO_GC on n3: add it there first." in refused["msg"]
    assert "Nothing was changed." in refused["msg"]


def test_nothing_is_stopped_while_somebody_is_at_work_in_ambari(lab: Emulator) -> None:
    lab.agents.takes(30.0)
    lab.somebody("PUT", f"{C}/services/YARN", {"RequestInfo": {"context": "Stop YARN"}, "Body": {"ServiceInfo": {"state": "INSTALLED"}}})
    for force in ("start", "force"):
        refused = over(lab, healthy(PLAN), "stopped", on_unhealthy=force)
        assert "'Stop YARN' of " in refused["msg"]
        assert "Wait for its end, then run again.\n- Nothing was changed." in refused["msg"]
    assert over(lab, down(PLAN), "started")["stages"]


def test_by_force_what_ambari_would_leave_alone_is_a_warning(lab: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    lab.somebody("PUT", f"{C}/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    assert over(lab, healthy(PLAN), "stopped", on_unhealthy="force")["stages"]
    assert "goes on although: DATANODE on n2: in maintenance" in " ".join(capsys.readouterr().err.split())


def test_what_ambari_has_for_stopped_need_not_be_stopped(lab: Emulator) -> None:
    lab.somebody("PUT", f"{C}/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    for component in lab.world.host_components:
        component.state = "INSTALLED" if component.host == "n2" else component.state
    assert over(lab, healthy(PLAN), "stopped")["stages"]


def test_a_recovery_does_what_it_can(lab: Emulator) -> None:
    lab.somebody("PUT", f"{C}/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    whole = healthy(PLAN)
    whole["zookeeper"]["n2"] = stopped("zookeeper", "n2", state="failed")
    assert over(lab, whole, "recovered", layer="coordination")["stages"]


def test_nothing_begins_without_ambari() -> None:
    assert over(None, healthy(PLAN), "started")["stages"] == []
    for goal, whole in (("stopped", healthy(PLAN)), ("started", down(PLAN))):
        refused = over(None, whole, goal)
        assert "nobody listens on http://127.0.0.1:9" in refused["msg"]
        assert "Nothing was changed." in refused["msg"]
