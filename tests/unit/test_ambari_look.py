# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ambari knows beside our own look, asked of its emulator: in our names, and never a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action import ambari_look as action
from ansible_collections.koverse.runbook.plugins.action import ambari_stage
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import STARTED, STOPPED, Change, Cluster, Server
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_look, restart
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.actions import run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import HA, healthy

# The inventory's names are not Ambari's; n9 and Kafka are in Ambari alone.
HOSTS = {f"n{number}": f"n{number}.example.com" for number in (1, 2, 3)}
DESCRIPTION: dict[str, Any] = {
    "hosts": {
        "n1.example.com": ["ZOOKEEPER_SERVER", "NAMENODE", "DATANODE", "ACCUMULO_MASTER"],
        "n2.example.com": ["ZOOKEEPER_SERVER", "NAMENODE", "DATANODE", "ACCUMULO_TSERVER", "KAFKA_BROKER"],
        "n3.example.com": ["ZOOKEEPER_SERVER", "DATANODE", "ACCUMULO_TSERVER"],
        "n9.example.com": ["DATANODE"],
    },
    "configurations": {
        "accumulo-site": {"service": "ACCUMULO", "versions": [{"properties": {"a": "1"}}]},
        "kafka-broker": {"service": "KAFKA", "versions": [{"properties": {"a": "1"}}]},
    },
    "alert_definitions": [
        {"id": number, "name": name, "label": label, "service_name": service, "component_name": component, "scope": "ANY"}
        for number, (name, label, service, component) in enumerate(
            [
                ("datanode_storage", "DataNode Storage", "HDFS", "DATANODE"),
                ("datanode_process_percent", "Percent DataNodes Available", "HDFS", None),
                ("kafka_broker_process", "Kafka Broker Process", "KAFKA", "KAFKA_BROKER"),
            ],
            1,
        )
    ],
    "running": True,
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def ambari(clock: VirtualClock) -> Iterator[Emulator]:
    with Emulator(DESCRIPTION, clock=clock) as emulator:
        yield emulator


def ambari_plan(overrides: dict[str, Any] | None = None) -> planning.Plan:
    """The plan of the HA inventory over Ambari."""
    plan = planning.build(HA, overrides, "ambari")
    return {**plan, "order": HA["all"], "addresses": {host: host for host in HA["all"]}, "zookeeper": ["n1:2181"]}


PLAN = ambari_plan()


def task_vars(ambari: Emulator, **more: Any) -> dict[str, Any]:
    """The variables of a task over this Ambari."""
    found = variables(PLAN)
    for host, theirs in HOSTS.items():
        found["hostvars"][host]["runbook_ambari_host"] = theirs
    login = {"url": ambari.url, "username": "admin", "password": "admin", "cluster": "lab", **more}
    return {**found, **{f"runbook_ambari_{key}": value for key, value in login.items()}}


def look(ambari: Emulator, **more: Any) -> dict[str, Any]:
    """What the task registers."""
    result = run(action.ActionModule, task_vars(ambari, **more))
    assert (result.pop("changed"), result.pop("failed", False)) == (False, False)
    return result


def configure(ambari: Emulator, kind: str, tag: str = "two") -> None:
    """Somebody changes a configuration."""
    wanted = {"type": kind, "tag": tag, "properties": {"a": tag}}
    assert ambari.somebody("PUT", "/api/v1/clusters/lab", {"Clusters": {"desired_config": wanted}}).status == 200


def where(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("component", "host", "ambari_component", "ambari_host"))


# ---- what it says


def test_nothing_to_say_takes_three_calls(ambari: Emulator) -> None:
    nothing = {"problem": None, "stale": [], "alerts": [], "well": [], "unsure": [], "hosts": []}
    assert look(ambari) == nothing
    assert len(ambari.calls) == 3
    assert look(ambari, cluster="") == nothing


def test_what_is_stale_in_our_names(ambari: Emulator) -> None:
    for kind in ("accumulo-site", "kafka-broker"):
        configure(ambari, kind)
    assert [where(row) for row in look(ambari)["stale"]] == [
        ("accumulo_manager", "n1", "ACCUMULO_MASTER", "n1.example.com"),
        ("accumulo_tserver", "n2", "ACCUMULO_TSERVER", "n2.example.com"),
        (None, "n2", "KAFKA_BROKER", "n2.example.com"),
        ("accumulo_tserver", "n3", "ACCUMULO_TSERVER", "n3.example.com"),
    ]


def test_alerts_in_our_names_the_worst_first(ambari: Emulator) -> None:
    ambari.engine.alert("datanode_storage", "n2.example.com", "WARNING", "little\n left")
    ambari.engine.alert("datanode_storage", "n9.example.com", "UNKNOWN", "x" * 1000)
    ambari.engine.alert("datanode_process_percent", None, "WARNING")
    ambari.engine.alert("kafka_broker_process", "n2.example.com", "CRITICAL")
    ambari.engine.alert("datanode_storage", "n1.example.com", "CRITICAL", "not sure yet", firmness="SOFT")
    ambari.engine.alert("datanode_storage", "n3.example.com", "OK")
    ambari.engine.alert("datanode_process_percent", "n1.example.com", "SKIPPED")
    said = look(ambari)
    alerts = said["alerts"]
    assert said["well"] == ["datanode_storage on n3.example.com"]
    assert sorted(said["unsure"]) == ["datanode_process_percent on n1.example.com", "datanode_storage on n1.example.com"]
    assert [(row["id"], row["state"], *where(row)) for row in alerts] == [
        ("kafka_broker_process on n2.example.com", "CRITICAL", None, "n2", "KAFKA_BROKER", "n2.example.com"),
        ("datanode_process_percent", "WARNING", None, None, None, None),
        ("datanode_storage on n2.example.com", "WARNING", "hdfs_datanode", "n2", "DATANODE", "n2.example.com"),
        ("datanode_storage on n9.example.com", "UNKNOWN", None, None, "DATANODE", "n9.example.com"),
    ]
    assert alerts[2]["text"] == "little left"
    assert len(alerts[3]["text"]) < 310
    titles = {name: entry["title"] for name, entry in PLAN["components"].items()}
    assert [ambari_look.named(row, titles) for row in alerts] == [
        "KAFKA_BROKER on n2",
        "HDFS",
        "DataNode on n2",
        "DATANODE on n9.example.com",
    ]


def test_maintenance_and_lost_hosts(ambari: Emulator, clock: VirtualClock) -> None:
    ambari.engine.alert("datanode_storage", "n2.example.com", "WARNING")
    ambari.somebody("PUT", "/api/v1/clusters/lab/hosts/n2.example.com", {"Hosts": {"maintenance_state": "ON"}})
    ambari.lose_agent("n9.example.com")
    clock.advance(200)
    said = look(ambari)
    assert [row["maintenance"] for row in said["alerts"]] == [True]
    assert said["hosts"] == [
        {"host": "n2", "ambari_host": "n2.example.com", "lost": False, "maintenance": True},
        {"host": None, "ambari_host": "n9.example.com", "lost": True, "maintenance": False},
    ]


# ---- when it does not


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"password": "wrong"}, "does not let 'admin' in"),
        ({"username": "nobody"}, "does not let 'nobody' in"),
        ({"cluster": "nope"}, "Cluster not found, clusterName=nope"),
        ({"url": "http://127.0.0.1:1"}, "nobody listens on http://127.0.0.1:1"),
        ({"url": "ambari"}, "is no URL of an Ambari server"),
        ({"url": None, "username": ""}, "runbook_ambari_url, runbook_ambari_username: not set. Expected where Ambari is"),
        ({"validate_certs": "maybe"}, "runbook_ambari_validate_certs: expected true or false, found 'maybe'."),
    ],
)
def test_that_it_says_nothing_is_said(ambari: Emulator, more: dict[str, Any], why: str) -> None:
    said = look(ambari, **more)
    assert why in said.pop("problem")
    assert said == {"stale": [], "alerts": [], "well": [], "unsure": [], "hosts": []}


@pytest.mark.parametrize("body", ['{"items": [{"HostRoles": null}]}', "[]", "{}", "null", "<html>"])
def test_an_answer_of_another_form(ambari: Emulator, body: str) -> None:
    ambari.fault("answer", path="host_components", status=200, body=body)
    assert look(ambari)["problem"]


def test_the_password_may_come_from_the_environment(ambari: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBARI_PASSWORD", "admin")
    assert look(ambari, password=None)["problem"] is None


def test_what_was_not_asked_is_told_apart(ambari: Emulator) -> None:
    assert ambari_look.registered({}) is None
    assert ambari_look.registered({ambari_look.REGISTERED: {"changed": False, "skipped": True}}) is None
    asked = {ambari_look.REGISTERED: {"changed": False, **look(ambari)}}
    assert ambari_look.registered(asked) == {"problem": None, "stale": [], "alerts": [], "well": [], "unsure": [], "hosts": []}


# ---- a restart over it


def test_a_restart_ends_what_is_stale_and_a_way_back_begins_it_again(ambari: Emulator, clock: VirtualClock) -> None:
    configure(ambari, "accumulo-site")
    cluster = Cluster(Server(ambari.url, "admin", "admin", clock=clock.now, sleep=clock.advance), "lab")
    tserver = [("ACCUMULO_TSERVER", "n2.example.com")]
    for state in (STOPPED, STARTED):
        made = Change(cluster, tserver, state, "restart")
        made.run(600.0, 600.0, 0.0)
        assert (made.done, made.changed) == (True, [list(pair) for pair in tserver])
    assert [where(row)[:2] for row in look(ambari)["stale"]] == [("accumulo_manager", "n1"), ("accumulo_tserver", "n3")]
    back = {"service_name": "ACCUMULO", "service_config_version": 1}
    ambari.somebody("PUT", "/api/v1/clusters/lab", {"Clusters": {"desired_service_config_versions": back}})
    assert ("accumulo_tserver", "n2") in [where(row)[:2] for row in look(ambari)["stale"]]


def test_each_batch_of_a_restart_is_asked_of_ambari(ambari: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def until_done(_self: Any, module: str, args: dict[str, Any], _task_vars: dict[str, Any]) -> dict[str, Any]:
        assert module == "koverse.runbook.ambari_host_component"
        assert (args["url"], args["password"], args["cluster"]) == (ambari.url, "admin", "lab")
        asked.append((args["state"], [(row["component"], row["host"]) for row in args["instances"]]))
        return {"changed": True, "left_out": [], "failures": []}

    monkeypatch.setattr(ambari_stage.ActionModule, "until_done", until_done)
    wanted = [("hdfs_datanode", host) for host in HOSTS] + [("postgres", "n1")]
    stages, _outages = restart.stages(PLAN, healthy(PLAN), wanted, 2)
    results = [
        run(ambari_stage.ActionModule, task_vars(ambari), stage=stage, state=stage["goal"])
        for stage in stages
        if stage["goal"] != "recovered"
    ]
    first = [("DATANODE", "n1.example.com"), ("DATANODE", "n2.example.com")]
    last = [("DATANODE", "n3.example.com")]
    assert asked == [("stopped", first), ("started", first), ("stopped", last), ("started", last)]
    # PostgreSQL is not Ambari's.
    assert [bool(result.get("skipped")) for result in results] == [True, True, False, False, False, False]


def test_without_a_server_nothing_is_asked_for(ambari: Emulator) -> None:
    stages, _outages = restart.stages(PLAN, healthy(PLAN), [("hdfs_datanode", "n1")], 1)
    result = run(ambari_stage.ActionModule, task_vars(ambari, url=""), stage=stages[0], state="stopped")
    assert result["failed"]
    assert result["msg"].startswith("runbook_ambari_url: not set.")
