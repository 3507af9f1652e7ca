# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether and how a backup or a restore is done."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import backup, restore, worker_action
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, row, stopped
from ansible_collections.koverse.runbook.tests.unit.test_manifest import WHOLE

PLAN: dict[str, Any] = {**ha_plan(), "addresses": {name: name for name in ("n1", "n2", "n3")}, "zookeeper": ["n1:2181"]}
NOW = 1795291629.0
PLACE: dict[str, Any] = {
    "uri": "hdfs://other/backups",
    "backup_host": "",
    "maps": 0,
    "bandwidth": 0.0,
    "runner": "auto",
    "postgres_login": {"host": "", "user": ""},
}
BACKUP: dict[str, Any] = {**PLACE, "tables": [], "recipients": [], "hold_limit": 60.0}
RESTORE: dict[str, Any] = {**PLACE, "set": "", "parts": [], "tables": [], "rename": "", "aside": False}


def problems(call: Any, *arguments: Any) -> str:
    with pytest.raises(RunbookError) as raised:
        call(*arguments)
    return str(raised.value)


def test_a_backup_of_a_healthy_cluster() -> None:
    run = backup.decided(PLAN, healthy(PLAN), BACKUP, NOW)
    assert run["id"] == "20261121T200709Z"
    assert (run["backup_host"], run["postgres_host"], run["yarn"]) == ("n1", "n1", True)
    assert run["held"] == {"n3": ["koverse_server"]}
    first, last = (backup.arguments(PLAN, run, host) for host in ("n1", "n3"))
    assert first["set"]["tables"] == ["kv_*"]
    assert first["set"]["directories"] == ["/koverse/kv/addons"]
    assert first["set"]["copy"] == {"yarn": True, "maps": 0, "bandwidth": 0.0}
    assert first["postgres"]["databases"] == ["koverse"]
    assert (first["hold"], last["set"], last["postgres"]) == (None, None, None)
    assert list(last["hold"]["work"]["entries"]) == ["koverse_server"]
    assert "/etc/init.d/koverse-server" in last["files"]["koverse_server"]
    assert "/opt/koverse-server" in last["files"]["koverse_server"]
    json.dumps([first, last])


def test_a_koverse_that_is_stopped_needs_no_hold() -> None:
    picture = healthy(PLAN)
    picture["koverse_server"]["n3"] = stopped("koverse_server", "n3")
    picture["koverse_webapp"]["n3"] = stopped("koverse_webapp", "n3")
    assert backup.decided(PLAN, picture, BACKUP, NOW)["held"] == {}


def test_what_is_held_is_a_stage_for_ambari_too() -> None:
    plan = ha_plan({"koverse_server": {"backend": "ambari"}})
    hold = backup.decided({**PLAN, **plan}, healthy(PLAN), BACKUP, NOW)["hold"]
    assert (hold["hosts"], hold["absent"]) == ({"n3": ["koverse_server"]}, {"n3": ["koverse_server"]})
    assert hold["otherwise"].startswith("Koverse on n3 was stopped for the backup")


def test_another_backup_may_be_why_something_is_not_healthy() -> None:
    picture = healthy(PLAN)
    picture["koverse_server"]["n3"] = row("koverse_server", "n3", health="unhealthy", evidence="nobody listens on n3:12321")
    said = problems(backup.decided, PLAN, picture, BACKUP, NOW, {"n1": "20261121T195900Z"})
    assert "Koverse server on n3: nobody listens on n3:12321" in said
    assert "The backup 20261121T195900Z is under way from n1: wait for its end." in said
    assert backup.decided(PLAN, healthy(PLAN), BACKUP, NOW, {"n1": "20261121T195900Z"})["backup_host"] == "n1"


def test_without_yarn_the_backup_host_copies() -> None:
    picture = healthy(PLAN)
    for host in PLAN["instances"]["yarn_nodemanager"]:
        picture["yarn_nodemanager"][host] = stopped("yarn_nodemanager", host)
    assert backup.decided(PLAN, picture, BACKUP, NOW)["yarn"] is False
    assert backup.decided(PLAN, healthy(PLAN), {**BACKUP, "runner": "local"}, NOW)["yarn"] is False


def test_a_dead_worker_is_no_obstacle_and_is_named() -> None:
    picture = healthy(PLAN)
    picture["hdfs_datanode"]["n2"] = stopped("hdfs_datanode", "n2")
    assert backup.decided(PLAN, picture, BACKUP, NOW)["degraded"] == ["DataNode on n2: hdfs_datanode is inactive"]
    for host in PLAN["instances"]["hdfs_datanode"]:
        picture["hdfs_datanode"][host] = stopped("hdfs_datanode", host)
    assert "DataNode on n2: hdfs_datanode is inactive" in problems(backup.decided, PLAN, picture, BACKUP, NOW)


def test_a_quorum_needs_its_majority() -> None:
    picture = healthy(PLAN)
    picture["zookeeper"]["n2"] = stopped("zookeeper", "n2")
    picture["zookeeper"]["n1"]["details"] = {"synced_followers": 1}
    assert backup.decided(PLAN, picture, BACKUP, NOW)["degraded"][0] == "ZooKeeper on n2: zookeeper is inactive"
    picture["zookeeper"]["n3"] = stopped("zookeeper", "n3")
    assert "ZooKeeper on n3: zookeeper is inactive" in problems(backup.decided, PLAN, picture, BACKUP, NOW)


@pytest.mark.parametrize(
    ("component", "host", "change", "words"),
    [
        ("postgres", "n1", stopped("postgres", "n1"), "PostgreSQL on n1: postgres is inactive"),
        (
            "koverse_server",
            "n3",
            row("koverse_server", "n3", state="unknown", health="unknown", evidence="no answer", pids=[]),
            "Koverse server on n3: no answer. It writes what is to be backed up",
        ),
    ],
)
def test_no_backup_of_a_cluster_that_is_not_healthy(component: str, host: str, change: dict[str, Any], words: str) -> None:
    picture = healthy(PLAN)
    picture[component][host] = change
    said = problems(backup.decided, PLAN, picture, BACKUP, NOW)
    assert words in said
    assert "Nothing was changed" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uri": ""}, "runbook_backup_uri: expected where sets are kept"),
        ({"uri": "backups"}, "found 'backups'"),
        ({"backup_host": "n9"}, "runbook_backup_host: 'n9' is none of the cluster's hosts"),
        ({"maps": -1}, "runbook_backup_maps: expected a number from 0"),
        ({"hold_limit": 1.0}, "runbook_backup_hold_limit: expected at least 5 seconds"),
    ],
)
def test_bad_settings_of_a_backup(change: dict[str, Any], words: str) -> None:
    assert words in problems(backup.decided, PLAN, healthy(PLAN), {**BACKUP, **change}, NOW)


def test_a_component_of_the_users_own_is_backed_up_and_held() -> None:
    own = {"layer": "application", "service": "billing", "config": ["/etc/billing"], "data": {"databases": ["billing"]}}
    plan = {**ha_plan({"billing": {**own, "probe": {"type": "process"}}}, billing=["n2"])}
    plan = {**plan, "addresses": PLAN["addresses"], "zookeeper": PLAN["zookeeper"]}
    run = backup.decided(plan, healthy(plan), BACKUP, NOW)
    assert run["held"] == {"n3": ["koverse_server"], "n2": ["billing"]}
    assert backup.arguments(plan, run, "n1")["postgres"]["databases"] == ["koverse", "billing"]
    assert backup.arguments(plan, run, "n2")["files"]["billing"][0] == "/etc/billing"


def test_a_restore_of_everything() -> None:
    run = restore.decided(PLAN, healthy(PLAN), RESTORE, NOW)
    assert run["parts"] == ["postgres", "addons", "accumulo", "config"]
    assert run["stops"] == ["koverse_server", "koverse_webapp"]
    assert restore.files_for(run, WHOLE, "n1") == ["postgres/globals.sql", "postgres/koverse.dump", "hosts/n1.tar.gz"]
    assert restore.files_for(run, WHOLE, "n2") == []
    json.dumps([restore.arguments(PLAN, run, host) for host in PLAN["order"]])


def test_a_rescue_beside_the_live_table_stops_nothing() -> None:
    run = restore.decided(PLAN, healthy(PLAN), {**RESTORE, "tables": ["kv_record"], "rename": "rescued"}, NOW)
    assert (run["parts"], run["stops"]) == (["accumulo"], [])
    assert restore.arguments(PLAN, run, "n1")["postgres"] is None


def test_configuration_comes_back_to_a_cluster_that_is_down() -> None:
    picture = {name: {host: stopped(name, host) for host in hosts} for name, hosts in PLAN["instances"].items()}
    assert restore.decided(PLAN, picture, {**RESTORE, "parts": ["config"]}, NOW)["parts"] == ["config"]
    assert "PostgreSQL on n1" in problems(restore.decided, PLAN, picture, {**RESTORE, "parts": ["postgres"]}, NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": ["acumulo"]}, "unknown part 'acumulo'. Did you mean 'accumulo'?"),
        ({"tables": ["kv_record"], "parts": ["postgres"]}, "single tables are brought back alone"),
        ({"rename": "other"}, "expected exactly one table"),
    ],
)
def test_bad_settings_of_a_restore(change: dict[str, Any], words: str) -> None:
    assert words in problems(restore.decided, PLAN, healthy(PLAN), {**RESTORE, **change}, NOW)


def test_what_stands_in_the_way() -> None:
    looks = {"n1": {"in_the_way": ["table kv_record"]}, "n2": {"in_the_way": [], "differing": ["/etc/a"]}}
    assert restore.in_the_way(looks, aside=False) == ["table kv_record", "file /etc/a on n2"]
    assert restore.in_the_way(looks, aside=True) == []


def test_the_closing_tables() -> None:
    published = {"uri": "hdfs://other/backups/20261121T201500Z", "manifest": WHOLE, "files": 2, "bytes": 25}
    lines = backup.report(published, ["it shares the cluster's fate"])
    assert lines[0] == "Set 20261121T201500Z: hdfs://other/backups/20261121T201500Z, verified"
    assert "Koverse was stopped for 2.5 s, and served again after 7.1 s" in lines
    assert lines[-1] == "Warning: it shares the cluster's fate"
    run = restore.decided(PLAN, healthy(PLAN), RESTORE, NOW)
    results = {
        "n1": {"tables": [{"name": "kv_record", "entries": 7}], "aside": ["table kv_record is now x"], "unknown_passwords": ["bob"]},
        "n2": {"made": ["/etc/a"], "renamed": {"/etc/b": "/etc/b.aside"}, "differing": []},
    }
    said = restore.report(run, WHOLE, results)
    assert "configuration of n2: 1 files made, 1 replaced" in said
    assert said[-2:] == ["renamed aside: table kv_record is now x", "renamed aside: file /etc/b on n2 is now /etc/b.aside"]
    assert any("bob have a new password that nobody knows" in line for line in said)


def test_a_run_of_this_controller_is_over_when_its_process_is() -> None:
    mine = worker_action.owner()
    assert mine["pid"] == os.getppid()
    assert not worker_action.is_over(mine, 10_000)
    assert worker_action.is_over({**mine, "started": "another process of that number"}, 0)
    assert worker_action.is_over({"controller": platform.node(), "pid": 2**22 + 1, "started": "1"}, 0)
    assert not worker_action.is_over({"controller": "elsewhere", "pid": 1, "started": "1"}, 60)
    assert worker_action.is_over({"controller": "elsewhere", "pid": 1, "started": "1"}, 600)
    assert not worker_action.is_over(None, 0)
