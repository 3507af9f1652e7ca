# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the diagnosis, what follows from what, and a paragraph for each code."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide, diagnose
from ansible_collections.koverse.runbook.tests.unit.cluster import alert, ha_plan, healthy

PLAN = ha_plan()
NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.timezone.utc)


def found(whole: Any, unseen: dict[str, str] | None = None, hosts: dict[str, Any] | None = None, **more: Any) -> list[dict[str, Any]]:
    for host in unseen or {}:
        for name, rows in whole.items():
            if host in rows:
                rows[host] = decide.health.unknown(name, host, (unseen or {})[host])
    facts = diagnose.Facts(PLAN, whole, decide.verdicts(PLAN, whole), unseen or {}, hosts or {}, NOW, **more)
    return diagnose.findings(facts)


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None, str | None]]:
    """Code, component, host, and the code that it follows from."""
    return [
        (row["code"], row["component"], row["host"], None if row["follows_from"] is None else rows[row["follows_from"]]["code"])
        for row in rows
    ]


def test_a_healthy_cluster_has_none() -> None:
    assert found(healthy(PLAN)) == []


def seen(**changes: dict[str, Any]) -> Any:
    """A healthy cluster, with changes of instances: `zookeeper__n1={...}`."""
    whole = healthy(PLAN)
    for key, change in changes.items():
        name, _underscores, host = key.rpartition("__")
        whole[name][host].update(change)
    return whole


STOPPED = {"state": "stopped", "health": "unhealthy", "role": None, "since": None, "pids": [], "evidence": "inactive"}
DIED = {**STOPPED, "state": "failed", "evidence": "exit status 137"}
SILENT = {"health": "unknown", "role": None, "details": {}, "evidence": "no answer within 5 s"}
LOCKED_OUT = {"health": "unhealthy", "role": None, "details": {"lock": None}, "evidence": "not in the queue for the manager's lock"}
KEPT = {"health": "unhealthy", "evidence": "safe mode is on: Safe mode is ON. It was turned on manually. Use ..."}
NAMENODE = {"live_datanodes": 3, "missing_blocks": 0, "safe_mode": False}
MANAGER = {"tservers": ["n1:9997", "n2:9997", "n3:9997"], "unassigned": 0, "not_loaded": [], "goal_state": "NORMAL"}


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (seen(hdfs_datanode__n2={**SILENT, "signalled": True, "health": "unhealthy"}), ("STOPPED_BY_SIGNAL", "hdfs_datanode", "n2", None)),
        (seen(accumulo_tserver__n1=SILENT), ("NOT_ANSWERING", "accumulo_tserver", "n1", None)),
        (seen(accumulo_tserver__n1={**SILENT, "since": "2026-11-22T11:59:30Z"}), ("STARTING", "accumulo_tserver", "n1", None)),
        (seen(koverse_webapp__n3=STOPPED), ("STOPPED", "koverse_webapp", "n3", None)),
        (seen(accumulo_monitor__n2=DIED), ("DIED", "accumulo_monitor", "n2", None)),
        (seen(yarn_resourcemanager__n2={"role": "active"}), ("SEVERAL_ACTIVE", "yarn_resourcemanager", None, None)),
        (seen(hdfs_namenode__n1={"role": "standby", "details": {}}), ("NONE_ACTIVE", "hdfs_namenode", None, None)),
        (seen(accumulo_manager__n2={**LOCKED_OUT, "since": "2026-11-22T11:58:30Z"}), ("NO_LOCK", "accumulo_manager", "n2", None)),
        (seen(accumulo_manager__n2={**LOCKED_OUT, "since": "2026-11-22T11:59:10Z"}), ("STARTING", "accumulo_manager", "n2", None)),
        (
            seen(hdfs_namenode__n1={"details": {**NAMENODE, "journals": 3, "journals_behind": ["n2:8485"]}}),
            ("JOURNAL_BEHIND", "hdfs_namenode", None, None),
        ),
        (
            seen(hdfs_namenode__n1={"health": "unhealthy", "details": {**NAMENODE, "safe_mode": True}}),
            ("SAFE_MODE", "hdfs_namenode", "n1", None),
        ),
        (
            seen(hdfs_namenode__n1={**KEPT, "details": {**NAMENODE, "safe_mode": True}}),
            ("SAFE_MODE_KEPT", "hdfs_namenode", "n1", None),
        ),
        (
            seen(hdfs_journalnode__n2={"health": "unhealthy", "evidence": "journal not formatted: koverse"}),
            ("JOURNAL_STORAGE_LOST", "hdfs_journalnode", "n2", None),
        ),
        (seen(hdfs_namenode__n1={"details": {**NAMENODE, "missing_blocks": 7}}), ("BLOCKS_MISSING", "hdfs_namenode", None, None)),
        (
            seen(accumulo_manager__n1={"health": "unhealthy", "details": {**MANAGER, "goal_state": "SAFE_MODE"}}),
            ("GOAL_STATE", "accumulo_manager", None, None),
        ),
        (seen(yarn_nodemanager__n1={"health": "unhealthy", "evidence": "disks"}), ("UNHEALTHY", "yarn_nodemanager", "n1", None)),
    ],
)  # fmt: skip
def test_a_rule(whole: Any, expected: tuple[str, str, str | None, str | None]) -> None:
    assert expected in told(found(whole))


def test_a_majority_that_is_gone_is_why_the_rest_is() -> None:
    whole = seen(zookeeper__n1=DIED, zookeeper__n2=DIED, zookeeper__n3={**SILENT}, accumulo_tserver__n1=DIED, accumulo_tserver__n2=DIED)
    rows = told(found(whole))
    assert rows[:4] == [
        ("DIED", "zookeeper", "n1", None),
        ("DIED", "zookeeper", "n2", None),
        ("NOT_ANSWERING", "zookeeper", "n3", None),
        ("ZOOKEEPER_NO_QUORUM", "zookeeper", None, "DIED"),
    ]
    assert ("DIED", "accumulo_tserver", "n1", "DIED") in rows


def test_tablets_are_offline_because_datanodes_are_down_because_a_host_is() -> None:
    whole = seen(
        hdfs_namenode__n1={"details": {**NAMENODE, "live_datanodes": 2, "missing_blocks": 3}},
        accumulo_manager__n1={"health": "unhealthy", "details": {**MANAGER, "unassigned": 4}, "evidence": "4 of 12 tablets unassigned"},
    )
    rows = found(whole, unseen={"n3": "ssh: connect to host n3 port 22: No route to host"})
    assert told(rows) == [
        ("HOST_UNREACHABLE", None, "n3", None),
        ("BLOCKS_MISSING", "hdfs_namenode", None, "HOST_UNREACHABLE"),
        ("TABLETS_OFFLINE", "accumulo_manager", None, "HOST_UNREACHABLE"),
        ("NONE_ACTIVE", "accumulo_gc", None, "HOST_UNREACHABLE"),
    ]
    assert [row["class"] for row in rows] == ["intervention", "data_at_risk", "recovers", "intervention"]


def test_why_it_does_not_answer_says_more_than_that_it_does_not() -> None:
    hosts = {
        "n2": {
            "time": NOW.timestamp(),
            "asked": NOW.timestamp(),
            "instances": {"accumulo_tserver": {"open_files": 64, "open_files_limit": 64}},
            "filesystems": [],
        }
    }
    assert told(found(seen(accumulo_tserver__n2=SILENT), hosts=hosts)) == [("FILES_EXHAUSTED", "accumulo_tserver", "n2", None)]


def test_what_never_heals_is_a_zombie_whatever_it_follows_from() -> None:
    rows = found(seen(accumulo_tserver__n1=DIED, accumulo_manager__n2={**LOCKED_OUT, "since": "2026-11-22T11:00:00Z"}))
    assert ("NO_LOCK", "accumulo_manager", "n2", "DIED") in told(rows)
    assert diagnose.zombies(rows) == [("accumulo_manager", "n2")]
    rows = found(seen(zookeeper__n1=DIED, zookeeper__n2=DIED, accumulo_manager__n2=SILENT))
    assert ("NOT_ANSWERING", "accumulo_manager", "n2", "DIED") in told(rows)
    assert diagnose.zombies(rows) == []


def test_what_keeps_a_tablet_server_from_answering() -> None:
    pause = "WARN GC pause checker not called in a timely fashion. Expected every 5.0 seconds but was 34.0 seconds since last check"
    hosts = {"n2": {"time": 0.0, "asked": 0.0, "words": {"accumulo_tserver": [pause]}}}
    whole = seen(accumulo_tserver__n2=SILENT, accumulo_manager__n1={"details": {**MANAGER, "queued": {"n2:9997": 50, "n3:9997": 2}}})
    (row,) = found(whole, hosts=hosts)
    assert (row["code"], row["evidence"]) == ("NOT_ANSWERING", ["no answer within 5 s", "50 compactions wait on n2", pause])


def test_a_full_disk_is_why_a_datanode_died() -> None:
    system = {"path": "/data", "size": 10_000, "free": 0, "files_free": 10, "components": ["hdfs_datanode"]}
    hosts = {"n2": {"time": NOW.timestamp() - 90, "asked": NOW.timestamp(), "instances": {}, "filesystems": [system]}}
    assert told(found(seen(hdfs_datanode__n2=DIED), hosts=hosts)) == [
        ("DISK_FULL", None, "n2", None),
        ("CLOCK_SKEW", None, "n2", None),
        ("DIED", "hdfs_datanode", "n2", "DISK_FULL"),
    ]


def test_the_full_disks_of_a_host_are_one_finding() -> None:
    full = {"size": 10_000, "free": 199, "files_free": 10, "components": ["hdfs_datanode"]}
    no_more_files = {"size": 10_000, "free": 9_000, "files_free": 0, "components": ["hdfs_datanode", "zookeeper"]}
    well = {"size": 10_000, "free": 200, "files_free": None, "components": ["hdfs_datanode"]}
    disks = [{"path": "/data/3", **well}, {"path": "/data/2", **no_more_files}, {"path": "/data/1", **full}]
    at = NOW.timestamp()
    hosts = {host: {"time": at, "asked": at, "filesystems": disks[skipped:]} for host, skipped in (("n1", 2), ("n2", 0))}
    one, both = found(healthy(PLAN), hosts=hosts)
    assert (one["summary"], one["concerns"]) == ("/data/1 on n1 is full", ["/data/1"])
    assert (both["summary"], both["concerns"]) == ("/data/1, /data/2 on n2 are full", ["/data/1", "/data/2"])
    assert both["evidence"] == [
        "/data/1: 199 of 10000 bytes free, files that can be made: 10; open there are files of DataNode",
        "/data/2: 9000 of 10000 bytes free, files that can be made: 0; open there are files of DataNode, ZooKeeper",
    ]


@pytest.mark.parametrize(
    ("component", "said", "code"),
    [
        ("hdfs_namenode", "java.io.IOException: NameNode is not formatted.", "NAMENODE_STORAGE_LOST"),
        ("zookeeper", "Caused by: java.lang.IllegalArgumentException: myid file is missing", "ZOOKEEPER_STORAGE_LOST"),
        ("postgres", "Error: /var/lib/postgresql/15/main is not accessible or does not exist", "POSTGRES_STORAGE_LOST"),
        ("zookeeper", "ERROR Unexpected exception", "DIED"),
    ],
)
def test_the_last_errors_tell_what_has_lost_its_disk(component: str, said: str, code: str) -> None:
    hosts = {"n1": {"time": 0.0, "asked": 0.0, "words": {component: ["ERROR first", said]}}}
    row = next(row for row in found(seen(**{f"{component}__n1": DIED}), hosts=hosts) if row["component"] == component)
    assert (row["code"], row["follows_from"]) == (code, None)
    assert said in row["evidence"]
    assert (row["accept"] or "runbook_accept") in row["remedy"] or code in ("DIED", "POSTGRES_STORAGE_LOST")


def reaching(open_ones: set[tuple[str, str]]) -> dict[str, Any]:
    """Every host tries the ports of the next one; those pairs reach each other."""
    return {
        "ports": {host: {2181, 8485} for host in PLAN["order"]},
        "reached": {
            host: [{"host": other, "port": 2181, "open": (host, other) in open_ones, "why": "no answer within 1 s"}]
            for host, other in zip(PLAN["order"], [*PLAN["order"][1:], PLAN["order"][0]], strict=True)
        },
    }


def test_a_host_that_nobody_reaches_and_that_reaches_nobody_is_cut_off() -> None:
    whole = seen(accumulo_tserver__n3=DIED)
    rows = found(whole, **reaching({("n1", "n2")}))
    assert told(rows)[:2] == [("HOST_CUT_OFF", None, "n3", None), ("DIED", "accumulo_tserver", "n3", "HOST_CUT_OFF")]
    assert found(healthy(PLAN), **reaching({("n1", "n2"), ("n3", "n1")})) == [], "it reaches another one"
    assert found(healthy(PLAN), **reaching({("n1", "n2"), ("n2", "n3")})) == [], "it is reached"


def test_what_a_killed_journalnode_has_left() -> None:
    hosts = {"n2": {"time": 0.0, "asked": 0.0, "leftovers": {"hdfs_journalnode": ["/j/edits_inprogress_5"]}}}
    (row,) = found(healthy(PLAN), hosts=hosts)
    assert (row["code"], row["severity"], row["host"], row["evidence"]) == ("JOURNAL_LEFTOVERS", "warning", "n2", ["/j/edits_inprogress_5"])


def test_what_is_lost_is_named_with_the_last_good_backup() -> None:
    whole = seen(hdfs_namenode__n1={"details": {**NAMENODE, "missing_blocks": 1}})
    hosts = {"n1": {"time": 0.0, "asked": 0.0, "corrupt_files": ["/user/x: a file"]}}
    (row,) = found(whole, hosts=hosts, backup="hdfs://other/backups/20261122T010000Z")
    assert row["evidence"][1:] == ["/user/x: a file", "last good backup: hdfs://other/backups/20261122T010000Z"]
    assert found(whole, hosts=hosts)[0]["evidence"][-1] == "last good backup: none is known"


def test_what_was_stopped_follows_from_nothing() -> None:
    rows = told(found(seen(zookeeper__n1=DIED, zookeeper__n2=DIED, koverse_server__n3=STOPPED)))
    assert ("STOPPED", "koverse_server", "n3", None) in rows


def test_a_zookeeper_without_a_quorum_is_no_zombie() -> None:
    answer = {"health": "unhealthy", "role": None, "details": {}, "evidence": "This ZooKeeper instance is not currently serving requests"}
    rows = found(seen(zookeeper__n1=STOPPED, zookeeper__n2=STOPPED, zookeeper__n3=answer))
    assert diagnose.zombies(rows) == []
    assert ("ZOOKEEPER_NO_QUORUM", "zookeeper", None, "STOPPED") in told(rows)


def test_every_code_has_its_paragraph_and_every_paragraph_its_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)$", text, re.MULTILINE) == [rule.code for rule in diagnose.RULES]
    assert all(f"| {title} |" in text for title in diagnose.CLASSES.values())


def test_a_host_on_which_nothing_runs_is_one_finding() -> None:
    whole = healthy(PLAN)
    for rows in whole.values():
        if "n3" in rows:
            rows["n3"].update(STOPPED)
    at = NOW.timestamp()
    rows = found(whole, hosts={"n3": {"time": at, "asked": at, "booted": at - 12}})
    assert rows[0]["code"] == "HOST_STOPPED"
    assert (rows[0]["host"], rows[0]["evidence"]) == ("n3", ["n3 was booted 12 s ago"])
    assert "STOPPED" not in {row["code"] for row in rows}
    assert {row["follows_from"] for row in rows[1:]} <= {0}


# ---- Ambari's alerts


KAFKA = alert("kafka_broker", host="n2", ambari_component="KAFKA_BROKER", service="KAFKA")


def test_an_alert_on_what_is_well_is_a_finding_of_its_own_and_comes_last() -> None:
    alerts = [
        alert("datanode_storage", "hdfs_datanode", "n2", state="WARNING"),
        alert("datanode_heap", "hdfs_datanode", "n2", state="UNKNOWN"),
        alert("datanode_percent"),
        KAFKA,
    ]
    rows = found(seen(accumulo_monitor__n2=DIED), alerts=alerts)
    assert [(row["code"], row["component"], row["host"], row["severity"], row["alert"]) for row in rows] == [
        ("DIED", "accumulo_monitor", "n2", "error", None),
        ("AMBARI_ALERT", "hdfs_datanode", "n2", "warning", "datanode_storage on n2.example.com"),
        ("AMBARI_ALERT", "hdfs_datanode", "n2", "warning", "datanode_heap on n2.example.com"),
        ("AMBARI_ALERT", None, "n2", "error", "kafka_broker on n2.example.com"),
        ("AMBARI_ALERT", None, None, "error", "datanode_percent"),
    ]
    assert rows[1]["summary"] == "Ambari's alert Datanode Storage, DataNode on n2, is WARNING"
    assert rows[1]["evidence"] == ["since 2026-11-21T09:15:00Z: refused"]
    assert rows[3]["summary"] == "Ambari's alert Kafka Broker, KAFKA_BROKER on n2, is CRITICAL"
    assert rows[4]["summary"] == "Ambari's alert Datanode Percent, HDFS, is CRITICAL"


def test_an_alert_on_what_a_finding_names_goes_to_its_evidence_and_takes_that_of_its_service_along() -> None:
    alerts = [alert("datanode_percent", state="WARNING"), alert("datanode_process", "hdfs_datanode", "n2")]
    (row,) = found(seen(hdfs_datanode__n2=DIED), alerts=alerts)
    assert (row["code"], row["alert"]) == ("DIED", None)
    assert row["evidence"] == [
        "exit status 137",
        "Ambari's alert Datanode Percent, HDFS, is WARNING since 2026-11-21T09:15:00Z: refused",
        "Ambari's alert Datanode Process, DataNode on n2, is CRITICAL since 2026-11-21T09:15:00Z: refused",
    ]
    # On another host it says something else.
    assert [row["code"] for row in found(seen(hdfs_datanode__n2=DIED), alerts=[alert("x", "hdfs_datanode", "n1")])] == [
        "DIED",
        "AMBARI_ALERT",
    ]


def test_a_host_as_a_whole_takes_all_alerts_of_it_in_few_words() -> None:
    alerts = [alert(f"x{number}", "hdfs_datanode", "n2") for number in range(5)] + [KAFKA]
    (row,) = found(healthy(PLAN), {"n2": "no route"}, alerts=alerts)
    assert (row["code"], len(row["evidence"])) == ("HOST_UNREACHABLE", 5)
    assert row["evidence"][-1] == "and 3 more of Ambari's alerts"


def test_what_the_catalogue_does_not_know_runs_on_though_ours_is_stopped() -> None:
    whole = healthy(PLAN)
    for rows in whole.values():
        if "n2" in rows:
            rows["n2"].update(STOPPED)
    codes = [row["code"] for row in found(whole, alerts=[KAFKA, alert("datanode_process", "hdfs_datanode", "n2")])]
    assert (codes[0], codes.count("AMBARI_ALERT"), codes[-1]) == ("HOST_STOPPED", 1, "AMBARI_ALERT")


def test_a_component_as_a_whole_takes_alerts_of_its_unhealthy_instances_only() -> None:
    whole = seen(hdfs_namenode__n1={"role": "standby", "health": "unhealthy", "details": {}})
    alerts = [alert("namenode_a", "hdfs_namenode", "n1"), alert("namenode_b", "hdfs_namenode", "n2")]
    rows = found(whole, alerts=alerts)
    assert [(row["code"], row["alert"]) for row in rows] == [("NONE_ACTIVE", None), ("AMBARI_ALERT", "namenode_b on n2.example.com")]


def test_an_alert_is_no_cause_but_may_follow_from_one() -> None:
    whole = seen(**{f"hdfs_datanode__{host}": DIED for host in ("n1", "n2", "n3")})
    rows = found(whole, alerts=[alert("namenode_capacity", "hdfs_namenode", "n1")])
    assert told(rows)[-1] == ("AMBARI_ALERT", "hdfs_namenode", "n1", None)
    rows = found(seen(**{f"hdfs_journalnode__{host}": DIED for host in ("n1", "n2")}), alerts=[alert("edits", "hdfs_namenode", "n1")])
    assert told(rows)[-1] == ("AMBARI_ALERT", "hdfs_namenode", "n1", "DIED")
    rows = found(seen(accumulo_monitor__n2=DIED), alerts=[alert("znode", "zookeeper", "n1")])
    assert [row["follows_from"] for row in rows] == [None, None]


def test_what_is_in_maintenance_is_no_finding() -> None:
    assert found(healthy(PLAN), alerts=[alert("datanode_storage", "hdfs_datanode", "n2", maintenance=True)]) == []


def test_a_warm_standby_that_is_stopped_is_as_it_is_meant_to_be() -> None:
    plan = ha_plan(koverse_standby_server=["n2"], koverse_standby_webapp=["n2"])
    whole = healthy(plan)
    whole["koverse_standby_server"]["n2"].update(STOPPED)
    whole["koverse_standby_webapp"]["n2"].update(STOPPED)
    row = alert("koverse", "koverse_standby_server", "n2")
    facts = diagnose.Facts(plan, whole, decide.verdicts(plan, whole), {}, {}, NOW, alerts=[row])
    assert [one["code"] for one in diagnose.findings(facts)] == []
    whole["koverse_standby_server"]["n2"].update(state="running")
    assert [one["code"] for one in diagnose.findings(facts)] == ["AMBARI_ALERT"]
