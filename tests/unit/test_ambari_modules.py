# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for Ambari against its emulator: each says what it changed, changes nothing twice, and nothing in check mode."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import AmbariError, Cluster, NoContact, Server, outlasting
from ansible_collections.koverse.runbook.plugins.modules import (
    ambari_alert_definition,
    ambari_alert_group,
    ambari_alert_target,
    ambari_alerts_info,
    ambari_cluster_info,
    ambari_config,
    ambari_maintenance,
    ambari_request_info,
)
from ansible_collections.koverse.runbook.tests.ambari.agents import SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

C = "/api/v1/clusters/lab"
LAB = json.loads((Path(__file__).parents[1] / "ambari" / "clusters" / "recorded.json").read_text(encoding="utf-8"))
RECORDED = next(row for row in LAB["alert_definitions"] if row["name"] == "zookeeper_server_process")
Work = Callable[[Server, dict[str, Any], bool], dict[str, Any]]


@pytest.fixture
def server(ambari: Emulator) -> Server:
    return Server(ambari.url, "admin", "admin", patience=0.0)


def twice(work: Work, server: Server, **params: Any) -> dict[str, Any]:
    """A module in check mode, then really, then again: the first two say the same, the last one that nothing is left to do."""
    params = {"cluster": None, **params}
    told = work(server, params, True)
    done = work(server, params, False)
    assert told["diff"] == done["diff"]
    assert told["changed"] is done["changed"] is True
    again = work(server, params, False)
    assert again["changed"] is False
    assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    return done


def test_the_group_for_module_defaults_has_every_module_that_takes_the_connection() -> None:
    modules = Path(ambari_config.__file__).parent
    taking = {path.stem for path in modules.glob("*.py") if "\n  - koverse.runbook.ambari\n" in path.read_text(encoding="utf-8")}
    runtime = yaml.safe_load((modules.parents[1] / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert set(runtime["action_groups"]["ambari"]) == taking


# ---- a server that goes away

HDFS_ON = {"service": "HDFS", "host": None, "component": None, "cluster": None, "state": "on"}


@pytest.fixture
def patient(ambari: Emulator, clock: VirtualClock) -> Server:
    return Server(ambari.url, "admin", "admin", clock=clock.now, sleep=clock.advance)


@pytest.mark.parametrize("kind", ["drop", "refuse", "crash"])
def test_a_lost_answer_to_a_declaration_is_looked_after(ambari: Emulator, patient: Server, kind: str) -> None:
    ambari.fault(kind, method="PUT")
    done = outlasting(ambari_maintenance.switch, patient, HDFS_ON, False)
    assert (done["changed"], done["after"]) == (True, "ON")
    assert outlasting(ambari_maintenance.switch, patient, HDFS_ON, False)["changed"] is False


def test_a_declaration_that_nobody_ever_answers(ambari: Emulator, patient: Server, clock: VirtualClock) -> None:
    ambari.fault("drop", method="PUT", times=None)
    ambari.fault("answer", method="GET", path="services/HDFS", status=200, body='{"ServiceInfo": {"maintenance_state": "OFF"}}', times=None)
    began = clock.now()
    with pytest.raises(AmbariError, match=r"breaks off: .*What was sent may have been done: look before you go on"):
        outlasting(ambari_maintenance.switch, patient, HDFS_ON, False)
    assert 120 <= clock.now() - began < 130


def test_a_server_that_is_silent_before_anything_is_sent(ambari: Emulator, patient: Server) -> None:
    ambari.fault("refuse", times=None)
    with pytest.raises(NoContact, match=r"breaks off: [^.]*$"):
        outlasting(ambari_maintenance.switch, patient, HDFS_ON, False)
    assert not any(method == "PUT" for method, _path in ambari.calls)


# ---- maintenance


def maintenance(**params: Any) -> dict[str, Any]:
    return {"service": None, "host": None, "component": None, "cluster": None, **params}


@pytest.mark.parametrize("where", [{"service": "HDFS"}, {"host": "n3"}, {"host": "n3", "component": "DATANODE"}])
def test_maintenance(server: Server, where: dict[str, str]) -> None:
    on = twice(ambari_maintenance.switch, server, **maintenance(**where, state="on"))
    assert (on["before"], on["after"]) == ("OFF", "ON")
    assert twice(ambari_maintenance.switch, server, **maintenance(**where, state="off"))["after"] == "OFF"


def test_implied_maintenance(server: Server) -> None:
    ambari_maintenance.switch(server, maintenance(host="n3", state="on"), False)
    on = ambari_maintenance.switch(server, maintenance(host="n3", component="DATANODE", state="on"), False)
    assert (on["changed"], on["after"]) == (False, "IMPLIED_FROM_HOST")
    with pytest.raises(AmbariError, match=r"because of its service or host \(IMPLIED_FROM_HOST\): switch that one off"):
        ambari_maintenance.switch(server, maintenance(host="n3", component="DATANODE", state="off"), False)


def test_maintenance_of_what_is_not_there(server: Server) -> None:
    with pytest.raises(AmbariError, match=r"404: .*Service not found"):
        ambari_maintenance.switch(server, maintenance(service="NOPE", state="on"), False)


# ---- configuration


def configuration(**params: Any) -> dict[str, Any]:
    return {"type": "accumulo-site", "properties": {}, "secret_properties": {}, "note": "", **params}


def in_force(server: Server, kind: str = "accumulo-site") -> dict[str, Any]:
    """A configuration as Ambari has it."""
    tag = ambari_config.change(server, {"cluster": None, **configuration(type=kind)}, False)["tag"]
    return dict(server.get("clusters/lab/configurations", f"type={kind}", f"tag={tag}")["items"][0])


def test_configuration(server: Server) -> None:
    done = twice(ambari_config.change, server, **configuration(properties={"b": 2, "c": True}, note="more"))
    assert done["diff"] == {"before": "\n", "after": "b=2\nc=true\n"}
    assert {row["component"] for row in done["stale"]} >= {"ACCUMULO_TSERVER"}
    removed = twice(ambari_config.change, server, **configuration(properties={"b": None}, note="less"))
    assert removed["diff"] == {"before": "b=2\n", "after": "\n"}
    assert in_force(server)["properties"] == {"a": "1", "c": "true"}
    assert "properties_attributes" not in in_force(server)


def test_what_is_final_stays_final(clock: VirtualClock) -> None:
    version = {
        "properties": {"dirs": "/data", "old": "1", "plain": "2", "token": "3"},
        "properties_attributes": {"final": {"dirs": "true", "old": "true"}, "hidden": {"old": "HDFS_CLIENT"}},
    }
    settings = {"hdfs-site": {"service": "HDFS", "versions": [version]}}
    with Emulator({**DESCRIPTION, "configurations": settings}, clock=clock) as emulator:
        server = Server(emulator.url, "admin", "admin", patience=0.0)
        twice(ambari_config.change, server, **configuration(type="hdfs-site", properties={"dirs": "/data1", "old": None}))
        assert in_force(server, "hdfs-site")["properties_attributes"] == {"final": {"dirs": "true"}}
        version = next(
            item for item in server.get("clusters/lab/configurations/service_config_versions", "is_current=true", "fields=*")["items"]
        )
        assert version["configurations"][0]["properties_attributes"] == {"final": {"dirs": "true"}}


@pytest.mark.parametrize(
    "key", ["instance.secret", "trace.token.property.password", "javax.jdo.option.ConnectionPassword", "api_token", "db_pwd"]
)
def test_secrets_of_a_configuration_are_masked(server: Server, key: str) -> None:
    done = twice(ambari_config.change, server, **configuration(properties={key: "geheim"}))
    assert done["diff"] == {"before": "\n", "after": f"{key}=********\n"}
    other = twice(ambari_config.change, server, **configuration(properties={key: "geheimer"}))
    assert other["diff"] == {"before": f"{key}=******** (another one)\n", "after": f"{key}=********\n"}
    gone = twice(ambari_config.change, server, **configuration(properties={key: None}))
    assert gone["diff"] == {"before": f"{key}=********\n", "after": "\n"}


def test_secret_properties_are_never_shown(server: Server) -> None:
    done = twice(ambari_config.change, server, **configuration(properties={"b": "2"}, secret_properties={"harmless": "geheim"}))
    assert done["diff"]["after"] == "b=2\nharmless=********\n"
    assert in_force(server)["properties"]["harmless"] == "geheim"
    text = {"content": "export HEAP=1g\nexport DB_PASSWORD=geheim123"}
    assert "geheim" not in str(twice(ambari_config.change, server, **configuration(properties=text)))


def test_the_log_of_the_invocation_has_no_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, message, log_args=None: logged.append(f"{message} {log_args}"))
    given = {"url": server.url, "username": "admin", "password": "admin", "type": "accumulo-site", "patience": 0.0}
    with patch_module_args({**given, "secret_properties": {"harmless": "geheim"}, "_ansible_diff": True}), pytest.raises(SystemExit):
        ambari_config.main()
    said = capsys.readouterr().out
    assert json.loads(said)["diff"]["after"] == "harmless=********\n"
    assert "geheim" not in said + "".join(logged)
    assert logged
    assert in_force(server)["properties"]["harmless"] == "geheim"


def test_unknown_type(server: Server) -> None:
    with pytest.raises(AmbariError, match="has no configuration type 'nope'; it has: accumulo-site"):
        ambari_config.change(server, {"cluster": None, **configuration(type="nope", properties={"a": "b"})}, False)


# ---- alerts


def target(**params: Any) -> dict[str, Any]:
    mail = {"ambari.dispatch.recipients": ["a@example.com"], "mail.smtp.host": "localhost"}
    return {
        "name": "operators",
        "state": "present",
        "type": "EMAIL",
        "description": "",
        "enabled": True,
        "alert_states": ["WARNING", "CRITICAL"],
        "groups": [],
        "properties": mail,
        "secret_properties": {"ambari.dispatch.credential.password": "geheim"},
        "validate": False,
        **params,
    }


def test_alert_target(server: Server) -> None:
    made = twice(ambari_alert_target.declare, server, **target())
    assert made["diff"]["before"] == ""
    assert "geheim" not in str(made)
    changed = twice(ambari_alert_target.declare, server, **target(alert_states=["CRITICAL"], enabled=False))
    assert changed["id"] == made["id"]
    other = ambari_alert_target.declare(server, {"cluster": None, **target(secret_properties={})}, False)
    assert (other["changed"], "password" in other["diff"]["before"], "password" in other["diff"]["after"]) == (True, True, False)
    assert twice(ambari_alert_target.declare, server, **target(state="absent"))["id"] is None


def test_secrets_of_a_target_are_masked_whatever_they_are_called(server: Server, ambari: Emulator) -> None:
    first = {"mail.smtp.oauth2.token": "geheim1", "mail.smtp.sasl.realm": "geheim2", "x.snmp.community": "geheim3"}
    then = {**first, "mail.smtp.sasl.realm": "geheim4"}
    made = [twice(ambari_alert_target.declare, server, **target(secret_properties=secret)) for secret in (first, then)]
    assert "mail.smtp.sasl.realm: ******** (another one)\n" in made[1]["diff"]["before"]
    gone = {"cluster": None, **target(state="absent", properties={}, secret_properties={})}
    made.append(ambari_alert_target.declare(server, gone, True))
    ambari.fault("answer", method="PUT", status=200, body="")
    with pytest.raises(AmbariError, match="is not what was asked for") as caught:
        ambari_alert_target.declare(server, {"cluster": None, **target(secret_properties={**then, "mail.smtp.oauth2.token": "x"})}, False)
    assert "\nmail.smtp.oauth2.token: ******** (another one)\n" in str(caught.value)
    assert "geheim" not in f"{made} {caught.value}"


def test_alert_target_of_a_group(server: Server) -> None:
    group = {"name": "storage", "state": "present", "definitions": ["namenode_process"], "targets": None}
    made = twice(ambari_alert_group.declare, server, **group)
    assert made["diff"]["after"] == "definitions: namenode_process\n"
    twice(ambari_alert_target.declare, server, **target(groups=["storage"]))
    everywhere = twice(ambari_alert_target.declare, server, **target())
    told = [name for name, row in Cluster(server, "lab").alert_groups().items() if everywhere["id"] in row["targets"]]
    assert told == ["HDFS", "storage"], "a target for all groups is in all of them"
    twice(ambari_alert_target.declare, server, **target(groups=["storage"]))
    assert Cluster(server, "lab").alert_groups()["HDFS"]["targets"] == []
    predicted = ambari_alert_target.declare(server, {"cluster": None, **target(groups=["later", "storage"])}, True)
    assert "groups: [2, 'later']" in predicted["diff"]["after"]
    with pytest.raises(AmbariError, match="there is no alert group nope; there are: "):
        ambari_alert_target.declare(server, {"cluster": None, **target(groups=["nope"])}, False)


def test_alert_group(server: Server) -> None:
    twice(ambari_alert_target.declare, server, **target())
    group = {"name": "storage", "state": "present", "definitions": ["namenode_process"], "targets": ["operators"]}
    # A target for all groups is told about this one, too, as soon as it is there.
    ambari_alert_group.declare(server, {"cluster": None, **group}, False)
    again = ambari_alert_group.declare(server, {"cluster": None, **group}, False)
    assert (again["changed"], again["diff"]["after"]) == (False, "definitions: namenode_process\ntargets: operators\n")
    for key, word in (("definitions", "definition"), ("targets", "target")):
        with pytest.raises(AmbariError, match=f"there is no alert {word} nope; there are: "):
            ambari_alert_group.declare(server, {"cluster": None, **group, key: ["nope"]}, False)
    assert twice(ambari_alert_group.declare, server, **{**group, "state": "absent"})["id"] is None


def test_a_new_group_has_the_targets_for_all_groups(server: Server) -> None:
    everywhere = twice(ambari_alert_target.declare, server, **target())
    group = {"name": "storage", "state": "present", "definitions": ["namenode_process", "namenode_process"], "targets": None}
    made = twice(ambari_alert_group.declare, server, **group)
    assert made["diff"] == {"before": "", "after": "definitions: namenode_process\n"}
    assert Cluster(server, "lab").alert_groups()["storage"]["targets"] == [everywhere["id"]]
    twice(ambari_alert_group.declare, server, **{**group, "definitions": []})
    assert Cluster(server, "lab").alert_groups()["storage"]["targets"] == [everywhere["id"]], "a change takes nobody away"
    gone = twice(ambari_alert_group.declare, server, **{**group, "state": "absent"})
    assert gone["diff"] == {"before": "definitions: \ntargets: operators\n", "after": ""}


def test_a_new_group_has_the_targets_that_were_asked_for(server: Server) -> None:
    for name in ("operators", "boss"):
        twice(ambari_alert_target.declare, server, **target(name=name))
    for number, targets in enumerate((["operators"], [], ["operators", "boss"])):
        group = {"name": f"storage{number}", "state": "present", "definitions": ["namenode_process"], "targets": targets}
        made = twice(ambari_alert_group.declare, server, **group)
        assert made["diff"]["after"] == f"definitions: namenode_process\ntargets: {', '.join(sorted(targets))}\n"


def test_a_target_without_states_and_with_words_twice(server: Server) -> None:
    with pytest.raises(AmbariError, match="'operators': alert_states is empty, which Ambari takes for all: name at least one"):
        ambari_alert_target.declare(server, {"cluster": None, **target(alert_states=[])}, False)
    twice(ambari_alert_target.declare, server, **target(alert_states=["CRITICAL", "CRITICAL"], groups=["HDFS", "HDFS"]))


def test_ambaris_own_groups_stay(server: Server) -> None:
    own = next(name for name, row in ambari_alert_group.ambari.Cluster(server, "lab").alert_groups().items() if row["default"])
    for change in ({"state": "absent"}, {"definitions": []}):
        group = {"cluster": None, "name": own, "state": "present", "definitions": None, "targets": None, **change}
        with pytest.raises(AmbariError, match="is Ambari's own: only its targets can be changed"):
            ambari_alert_group.declare(server, group, False)


# ---- alert definitions


@pytest.fixture
def recorded(clock: VirtualClock) -> Iterator[Server]:
    """A server with the definition that was recorded in full, and others."""
    sources = {
        "percent": {"type": "AGGREGATE", "reporting": {"ok": {"text": "x"}, "warning": {"text": "x", "value": 10.0}}},
        "script": {
            "type": "SCRIPT",
            "path": "alert.py",
            "parameters": [
                {"name": "critical.threshold", "value": 80.0, "units": "%", "threshold": "CRITICAL", "display_name": None},
                {"name": "typed", "type": "PERCENT", "value": None},
            ],
        },
        "web": {
            "type": "WEB",
            "uri": {"http": "{{a/b}}", "https": None},
            "reporting": {"critical": {"text": "down"}, "ok": {"text": "up"}},
        },
        "bare": None,
    }
    definitions = [
        {"id": 10 + number, "name": name, "label": name, "service_name": "HDFS", "interval": 1, "source": source}
        for number, (name, source) in enumerate(sources.items())
    ]
    with Emulator({**DESCRIPTION, "alert_definitions": [RECORDED, *definitions]}, clock=clock) as emulator:
        yield Server(emulator.url, "admin", "admin", patience=0.0)


def definition(**params: Any) -> dict[str, Any]:
    return {**dict.fromkeys(ambari_alert_definition.OPTIONS), "parameters": {}, "name": "zookeeper_server_process", **params}


def source(server: Server, number: int) -> dict[str, Any]:
    return dict(server.get(f"clusters/lab/alert_definitions/{number}")["AlertDefinition"]["source"])


def test_alert_definition(recorded: Server) -> None:
    before = source(recorded, 2)
    done = twice(ambari_alert_definition.declare, recorded, **definition(interval=2, warning=3.0, critical=10.0))
    assert done == {
        "changed": True,
        "id": 2,
        "diff": {"before": "interval: 1\nwarning: 1.5\ncritical: 5\n", "after": "interval: 2\nwarning: 3\ncritical: 10\n"},
    }
    after = source(recorded, 2)
    assert (after["reporting"]["warning"].pop("value"), after["reporting"]["critical"].pop("value")) == (3.0, 10.0)
    assert (before["reporting"]["warning"].pop("value"), before["reporting"]["critical"].pop("value")) == (1.5, 5.0)
    assert after == before, "what was not asked for has changed"
    off = twice(ambari_alert_definition.declare, recorded, **definition(enabled=False))
    assert off["diff"] == {"before": "enabled: true\n", "after": "enabled: false\n"}
    patient = twice(ambari_alert_definition.declare, recorded, **definition(repeat_tolerance=3, repeat_tolerance_enabled=True))
    assert patient["diff"]["after"] == "repeat_tolerance: 3\nrepeat_tolerance_enabled: true\n"


def test_parameters_of_an_alert_definition(recorded: Server) -> None:
    twice(ambari_alert_definition.declare, recorded, **definition(parameters={"socket.command": "srvr"}))
    assert {row["name"]: row["value"] for row in source(recorded, 2)["parameters"]}["socket.command.response"] == "imok"
    done = twice(ambari_alert_definition.declare, recorded, **definition(name="script", parameters={"critical.threshold": 90}))
    assert done["diff"] == {"before": "critical.threshold: 80\n", "after": "critical.threshold: 90\n"}
    again = ambari_alert_definition.declare(
        recorded, {"cluster": None, **definition(name="script", parameters={"critical.threshold": "90.0"})}, False
    )
    assert again["changed"] is False
    assert twice(ambari_alert_definition.declare, recorded, **definition(name="percent", warning=20.0))["changed"]
    assert twice(ambari_alert_definition.declare, recorded, **definition(name="web", interval=5))["changed"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "nope"}, "there is no alert definition 'nope'; there are: bare, percent, script, web, zookeeper_server_process"),
        (
            {"name": "script", "warning": 1.0},
            r"\(SCRIPT\) has no threshold 'warning'; it has: parameter critical.threshold, parameter typed",
        ),
        ({"name": "web", "critical": 1.0}, "has no threshold 'critical'; it has: neither thresholds nor parameters"),
        ({"name": "percent", "repeat_tolerance": 2}, "has no repeat_tolerance, because it sums up others; it has: threshold warning"),
        (
            {"parameters": {"x": 1}, "interval": 0},
            "no parameter 'x'; it has: threshold warning, threshold critical, parameter socket.command,",
        ),
        ({"name": "bare", "warning": 1.0}, "no threshold 'warning'; it has: neither"),
        ({"interval": 0}, "interval: expected at least 1, found 0"),
        (
            {"warning": math.nan, "repeat_tolerance": -1},
            "repeat_tolerance: expected at least 1, found -1; warning: expected a number, found nan",
        ),
        ({"parameters": {"socket.command": None}}, "parameter socket.command: expected a text, found None"),
        ({"parameters": {"socket.command": ["ruok"]}}, r"parameter socket.command: expected a text, found \['ruok'\]"),
        *(
            ({"name": "script", "parameters": {name: value}}, f"parameter {name}: expected a number, found ")
            for name in ("critical.threshold", "typed")
            for value in (None, "many", True, [90], {"a": 1}, "nan", "")
        ),
    ],
)
def test_what_an_alert_definition_does_not_have(recorded: Server, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AmbariError, match=said):
        ambari_alert_definition.declare(recorded, {"cluster": None, **definition(**wrong)}, False)


# ---- reading


def test_cluster_info(ambari: Emulator, server: Server) -> None:
    found = ambari_cluster_info.read(server, {"cluster": None}, False)
    assert (found["cluster"], found["server_version"], found["stack"]) == ("lab", "3.0.0.0", "BIGTOP-3.3.0")
    assert found["components"]["DATANODE"]["category"] == "SLAVE"
    assert found["services"]["HDFS"] == {"state": "STARTED", "maintenance_state": "OFF"}
    assert (found["stale"], found["requests"]) == ([], [])
    assert len(found["instances"]) == sum(map(len, DESCRIPTION["hosts"].values()))
    assert not [call for call in ambari.calls if call[0] != "GET"]


def test_request_info(ambari: Emulator, server: Server, agents: SimulatedAgents, clock: VirtualClock) -> None:
    agents.fail("KOVERSE_SERVER", command="STOP", stderr="no\nlicense")
    ambari.somebody("PUT", f"{C}/services/KOVERSE", {"Body": {"ServiceInfo": {"state": "INSTALLED"}}})
    clock.advance(30)
    found = ambari_request_info.read(server, {"cluster": None, "id": 1}, False)
    assert (found["status"], found["over"]) == ("FAILED", True)
    assert found["failures"] == [{"component": "KOVERSE_SERVER", "host": "n3", "lines": ["no", "license"]}]
    with pytest.raises(AmbariError, match="404"):
        ambari_request_info.read(server, {"cluster": None, "id": 99}, False)


def test_alerts_info(ambari: Emulator, server: Server) -> None:
    everything = {"cluster": None, "states": ["OK", "WARNING", "CRITICAL", "UNKNOWN", "SKIPPED"], "maintenance": True}
    found = ambari_alerts_info.read(server, everything, False)
    assert len(found["alerts"]) == sum(found["summary"].values())
    assert ambari_alerts_info.read(server, {**everything, "states": ["SKIPPED"]}, False)["alerts"] == []
    assert not [call for call in ambari.calls if call[0] != "GET"]
