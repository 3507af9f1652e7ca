# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for Ambari against its emulator: each says what it changed, changes nothing twice, and nothing in check mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import AmbariError, Server
from ansible_collections.koverse.runbook.plugins.modules import (
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


def test_configuration(server: Server) -> None:
    done = twice(ambari_config.change, server, type="accumulo-site", properties={"b": 2, "c": True}, note="more")
    assert done["diff"] == {"before": "\n", "after": "b=2\nc=true\n"}
    assert {row["component"] for row in done["stale"]} >= {"ACCUMULO_TSERVER"}
    removed = twice(ambari_config.change, server, type="accumulo-site", properties={"b": None}, note="less")
    assert removed["diff"] == {"before": "b=2\n", "after": "\n"}
    tag = ambari_config.change(server, {"cluster": None, "type": "accumulo-site", "properties": {}, "note": ""}, False)["tag"]
    assert server.get("clusters/lab/configurations", "type=accumulo-site", f"tag={tag}")["items"][0]["properties"] == {
        "a": "1",
        "c": "true",
    }


def test_secrets_of_a_configuration_are_masked(server: Server) -> None:
    done = twice(ambari_config.change, server, type="accumulo-site", properties={"instance.secret": "geheim"}, note="")
    assert done["diff"]["after"] == "instance.secret=********\n"


def test_unknown_type(server: Server) -> None:
    with pytest.raises(AmbariError, match="has no configuration type 'nope'; it has: accumulo-site"):
        ambari_config.change(server, {"cluster": None, "type": "nope", "properties": {"a": "b"}, "note": ""}, False)


# ---- alerts


def target(**params: Any) -> dict[str, Any]:
    mail = {"ambari.dispatch.recipients": ["a@example.com"], "mail.smtp.host": "localhost", "ambari.dispatch.credential.password": "geheim"}
    return {
        "name": "operators",
        "state": "present",
        "type": "EMAIL",
        "description": "",
        "enabled": True,
        "alert_states": ["WARNING", "CRITICAL"],
        "groups": [],
        "properties": mail,
        "validate": False,
        **params,
    }


def test_alert_target(server: Server) -> None:
    made = twice(ambari_alert_target.declare, server, **target())
    assert made["diff"]["before"] == ""
    assert "geheim" not in str(made)
    changed = twice(ambari_alert_target.declare, server, **target(alert_states=["CRITICAL"], enabled=False))
    assert changed["id"] == made["id"]
    assert twice(ambari_alert_target.declare, server, **target(state="absent"))["id"] is None


def test_alert_target_of_a_group(server: Server) -> None:
    group = {"name": "storage", "state": "present", "definitions": ["namenode_process"], "targets": None}
    made = twice(ambari_alert_group.declare, server, **group)
    assert made["diff"]["after"] == "definitions: namenode_process\ntargets: \n"
    twice(ambari_alert_target.declare, server, **target(groups=["storage"]))
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


def test_ambaris_own_groups_stay(server: Server) -> None:
    own = next(name for name, row in ambari_alert_group.ambari.Cluster(server, "lab").alert_groups().items() if row["default"])
    for change in ({"state": "absent"}, {"definitions": []}):
        group = {"cluster": None, "name": own, "state": "present", "definitions": None, "targets": None, **change}
        with pytest.raises(AmbariError, match="is Ambari's own: only its targets can be changed"):
            ambari_alert_group.declare(server, group, False)


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
