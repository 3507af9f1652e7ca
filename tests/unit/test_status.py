# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on the cluster and its three forms, from answers as koverse.runbook.component_info gives them."""

from __future__ import annotations

import datetime
import html.parser
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide, reporting, status
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.cluster import alert, ambari_says

NOW = datetime.datetime(2026, 11, 21, 10, 15, tzinfo=datetime.timezone.utc)
ABOUT = {"inventory": ["inventories/ha"], "collection_version": "0.1.0", "ansible_version": "2.19.14"}
SCHEMA = Path(__file__).parents[2] / "docs" / "status.schema.json"
ROLES = {
    "zookeeper": ("leader", "follower"),
    "hdfs_namenode": ("active", "standby"),
    "yarn_resourcemanager": ("active", "standby"),
    "accumulo_manager": ("active", "standby"),
    "accumulo_gc": ("active", "standby"),
}


class Cluster:
    """A healthy HA cluster that a test breaks before it asks for the report."""

    def __init__(self, hosts: int = 3, overrides: dict[str, Any] | None = None) -> None:
        names = [f"n{number}" for number in range(1, hosts + 1)]
        groups = {
            "all": names,
            "workers": names,
            **dict.fromkeys(["zookeeper", "hdfs_journalnode"], names[:3]),
            **dict.fromkeys(["hdfs_namenode", "yarn_resourcemanager", "accumulo_manager"], names[:2]),
            **dict.fromkeys(["postgres", "accumulo_monitor", "accumulo_gc", "koverse"], names[:1]),
            **dict.fromkeys(["koverse_standby_server", "koverse_standby_webapp"], names[1:2]),
        }
        self.plan = planning.build(groups, overrides)
        self.plan["order"] = names
        self.plan["addresses"] = {name: name for name in names}
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.held: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self.knocks: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.silent: dict[str, dict[str, Any] | None] = {}
        self.backups: dict[str, dict[str, Any]] = {}
        self.ambari: dict[str, Any] | None = None
        for name, where in self.plan["instances"].items():
            for place, host in enumerate(where):
                self.rows[name, host] = self._healthy(name, host, place)
                for port in self.plan["components"][name]["ports"]:
                    pid = self.rows[name, host]["pids"][0]
                    self.held[name, host, port] = [{"address": "::", "pid": pid, "command": "java"}]
            if self.plan["components"][name]["desired"] == "stopped":
                self.stop(name)

    def _healthy(self, name: str, host: str, place: int) -> dict[str, Any]:
        count = len(self.plan["order"])
        details = {"synced_followers": 2, "live_datanodes": count, "missing_blocks": 0, "tservers": ["one"] * count}
        return {
            "component": name,
            "host": host,
            "state": "running",
            "health": "healthy",
            "role": ROLES[name][min(place, 1)] if name in ROLES else None,
            "since": "2026-11-21T07:03:00Z",
            "evidence": "answers",
            "pids": [1000 + len(self.rows)],
            "details": details,
        }

    def change(self, name: str, host: str, **facts: Any) -> None:
        self.rows[name, host].update(facts)

    def stop(self, *names: str) -> None:
        for name, host in self.rows:
            if name in names:
                facts = {"state": "stopped", "health": "unhealthy", "role": None, "since": None, "pids": []}
                self.change(name, host, **facts, evidence=f"{name}.service is inactive")
        for key in self.held:
            if key[0] in names:
                self.held[key] = []

    def report(self, max_age_hours: float = 0) -> status.Report:
        answers: dict[str, dict[str, Any]] = {}
        order = self.plan["order"]
        for number, host in enumerate(order):
            if host in self.silent:
                answer = self.silent[host]
                if answer is not None:
                    answers[host] = answer
                continue
            other = order[(number + 1) % len(order)]
            answers[host] = {
                "instances": [row for (_name, where), row in self.rows.items() if where == host],
                "ports": [self._port(*key) for key in self.held if key[1] == host],
                "reached": [self._knock(*key) for key in self.held if key[1] == other],
                "backups": self.backups.get(host),
            }
        unseen = {host: "the host is unreachable: no route" for host, answer in answers.items() if "instances" not in answer}
        seen = {host: answer["instances"] for host, answer in answers.items() if "instances" in answer}
        whole = decide.picture(self.plan, seen, unseen)
        return status.report(self.plan, whole, answers, unseen, ABOUT, NOW, max_age_hours, ambari=self.ambari)

    def _port(self, name: str, host: str, title: str) -> dict[str, Any]:
        port = self.plan["components"][name]["ports"][title]
        return {"component": name, "host": host, "name": title, "port": port, "holders": self.held[name, host, title]}

    def _knock(self, name: str, host: str, title: str) -> dict[str, Any]:
        port = self.plan["components"][name]["ports"][title]
        knock = {"open": bool(self.held[name, host, title]), **self.knocks.get((name, host, port), {})}
        return {"component": name, "host": host, "port": port, **knock}


def text(report: status.Report) -> str:
    return "\n".join(line.text for line in status.lines(report))


def component(report: status.Report, name: str) -> dict[str, Any]:
    return next(entry for entry in report["components"] if entry["name"] == name)


def instance(report: status.Report, name: str, host: str) -> dict[str, Any]:
    return next(row for row in report["instances"] if (row["component"], row["host"]) == (name, host))


def texts(sentences: list[dict[str, str]]) -> list[str]:
    return [row["text"] for row in sentences]


def verdicts(report: status.Report) -> dict[str, str]:
    return {layer["name"]: layer["verdict"] for layer in report["layers"]}


def down() -> Cluster:
    cluster = Cluster()
    cluster.stop(*cluster.plan["components"])
    return cluster


def unreachable() -> Cluster:
    cluster = Cluster()
    cluster.silent["n3"] = {"unreachable": True, "msg": "no route"}
    return cluster


def broken() -> Cluster:
    cluster = Cluster()
    cluster.change("hdfs_namenode", "n1", health="unhealthy", evidence="safe mode is on")
    cluster.stop("accumulo_monitor")
    return cluster


def with_ambari() -> Cluster:
    """A cluster with a dead DataNode, of which Ambari says that and more."""
    cluster = Cluster()
    cluster.change("hdfs_datanode", "n2", state="failed", health="unhealthy", evidence="exit status 137", since=None, pids=[])
    stale = [("hdfs_datanode", "n1"), ("hdfs_datanode", "n3"), ("zookeeper", "n3")]
    cluster.ambari = ambari_says(
        alert("datanode_process", "hdfs_datanode", "n2"),
        alert("namenode_capacity", "hdfs_namenode", "n1", state="WARNING", text="81 %"),
        alert("broker", host="n3", ambari_component="KAFKA_BROKER"),
        alert("datanode_percent", state="UNKNOWN"),
        alert("datanode_storage", "hdfs_datanode", "n3", maintenance=True),
        stale=[
            *({"component": name, "host": host, "ambari_component": name.upper(), "ambari_host": host} for name, host in stale),
            {"component": None, "host": None, "ambari_component": "HDFS_CLIENT", "ambari_host": "n9.example.com"},
        ],
        hosts=[
            {"host": "n3", "ambari_host": "n3.example.com", "lost": False, "maintenance": True},
            {"host": None, "ambari_host": "n9.example.com", "lost": True, "maintenance": False},
        ],
    )
    return cluster


# ---- the verdict


def test_a_healthy_cluster_is_healthy() -> None:
    report = Cluster().report()
    assert report["verdict"] == {"state": "healthy", "text": "healthy", "first_unhealthy_layer": None, "problems": [], "tolerated": []}
    assert set(verdicts(report).values()) == {"healthy"}


def test_what_min_healthy_allows_is_named() -> None:
    cluster = Cluster(5, {"hdfs_datanode": {"min_healthy": 4}})
    cluster.change("hdfs_datanode", "n4", state="failed", health="unhealthy", evidence="hdfs-datanode.service failed")
    verdict = cluster.report()["verdict"]
    assert verdict["state"] == "healthy"
    assert verdict["text"] == "healthy, tolerated: DataNode on n4: hdfs-datanode.service failed"


def test_the_first_unhealthy_layer_is_named_with_its_problems_only() -> None:
    verdict = broken().report()["verdict"]
    assert verdict["state"] == "unhealthy"
    assert verdict["first_unhealthy_layer"] == "storage"
    assert verdict["text"] == "not healthy: first unhealthy layer storage: NameNode on n1: safe mode is on"
    assert {"layer": "application", "text": "Accumulo monitor on n1: accumulo_monitor.service is inactive"} in verdict["problems"]


def test_a_cleanly_stopped_cluster_is_stopped() -> None:
    report = down().report()
    assert report["verdict"]["state"] == "stopped"
    assert report["verdict"]["problems"] == []
    assert set(verdicts(report).values()) == {"stopped"}


@pytest.mark.parametrize(
    "facts", [{"state": "failed"}, {"pids": [12]}, {"state": "running", "health": "unknown", "pids": [12]}], ids=["failed", "left", "runs"]
)
def test_a_cluster_of_which_something_is_left_is_not_stopped(facts: dict[str, Any]) -> None:
    cluster = down()
    cluster.change("zookeeper", "n2", **facts)
    assert cluster.report()["verdict"]["state"] == "unhealthy"


def test_unknown_is_never_stopped() -> None:
    cluster = down()
    cluster.silent["n3"] = {"unreachable": True, "msg": "no route"}
    report = cluster.report()
    assert report["verdict"]["state"] == "unknown"
    assert "on n3: the host is unreachable: no route" in report["verdict"]["text"]
    assert not any("inactive" in said for said in texts(report["verdict"]["problems"]))
    assert instance(report, "zookeeper", "n3")["state"] == "unknown"


def test_unknown_is_not_healthy_and_not_bad() -> None:
    report = unreachable().report()
    assert report["verdict"]["state"] == "unknown"
    assert verdicts(report)["application"] == "healthy"
    assert component(report, "hdfs_datanode")["verdict"] == "unknown"
    assert report["hosts"][2] == {"name": "n3", "address": "n3", "answer": "unreachable", "why": "the host is unreachable: no route"}


def test_none_active_may_follow_from_the_instance_that_could_not_be_asked() -> None:
    cluster = Cluster()
    cluster.rows["hdfs_namenode", "n1"] = unknown("hdfs_namenode", "n1", "there is no unit hdfs-namenode.service")
    assert cluster.report()["verdict"]["state"] == "unknown"
    cluster.change("hdfs_namenode", "n1", state="running", health="healthy", role="standby")
    assert cluster.report()["verdict"]["text"].startswith("not healthy: first unhealthy layer storage: NameNode: none is active")


def test_a_bad_instance_outweighs_an_unknown_one() -> None:
    cluster = broken()
    cluster.silent["n3"] = {"unreachable": True, "msg": "no route"}
    report = cluster.report()
    assert report["verdict"]["state"] == "unhealthy"
    assert report["verdict"]["first_unhealthy_layer"] == "coordination"


def test_the_same_reason_is_said_once() -> None:
    problems = unreachable().report()["verdict"]["problems"]
    assert texts(problems) == [
        "ZooKeeper, JournalNode on n3: the host is unreachable: no route",
        "DataNode on n3: the host is unreachable: no route",
        "NodeManager, Tablet server on n3: the host is unreachable: no route",
    ]


def test_hosts_left_out_are_not_asked() -> None:
    cluster = Cluster()
    cluster.silent["n2"] = None
    report = cluster.report()
    assert report["hosts"][1]["answer"] == "not_asked"
    assert instance(report, "zookeeper", "n2")["evidence"].startswith("it was not asked")
    assert {row["listening"] for row in report["ports"] if row["host"] == "n2"} == {None}


def test_a_host_that_fails_says_why() -> None:
    cluster = Cluster()
    cluster.silent["n2"] = {"msg": "Incorrect sudo password"}
    assert cluster.report()["hosts"][1]["answer"] == "failed"


def test_a_warm_standby_is_not_judged_and_does_not_run_unsaid() -> None:
    cluster = Cluster()
    report = cluster.report()
    assert component(report, "koverse_standby_server")["verdict"] == "standby"
    assert report["warnings"] == []
    assert "stopped  warm standby" in text(report)
    cluster.change("koverse_standby_server", "n2", state="running", health="healthy", pids=[7])
    cluster.rows["koverse_standby_webapp", "n2"] = unknown("koverse_standby_webapp", "n2", "there is no unit")
    report = cluster.report()
    assert report["verdict"]["state"] == "healthy"
    assert [warning.partition(":")[0] for warning in report["warnings"]] == [
        "Koverse standby server on n2",
        "Koverse standby web app on n2",
    ]
    assert "not known whether it runs: there is no unit" in report["warnings"][1]


@pytest.mark.parametrize(
    ("value", "verdicts_that_fail"),
    [
        (False, []),
        ("false", []),
        ("never", []),
        (True, ["unhealthy", "stopped", "unknown"]),
        ("unhealthy, unknown", ["unhealthy", "unknown"]),
        (["unhealthy"], ["unhealthy"]),
    ],
)
def test_which_verdicts_fail(value: Any, verdicts_that_fail: list[str]) -> None:
    assert status.fail_on(value) == verdicts_that_fail


def test_an_unknown_verdict_is_an_error() -> None:
    with pytest.raises(RunbookError, match="Did you mean 'unhealthy'"):
        status.fail_on("unhealty")


# ---- ports


def port(report: status.Report, name: str, host: str, title: str) -> dict[str, Any]:
    return next(row for row in report["ports"] if (row["component"], row["host"], row["name"]) == (name, host, title))


def test_an_open_port_has_no_problem() -> None:
    row = port(Cluster().report(), "zookeeper", "n1", "client")
    assert (row["listening"], row["tried_from"], row["reachable"], row["problems"]) == (True, "n3", True, [])
    assert row["holders"][0]["component"] == "zookeeper"


def test_a_foreign_holder_is_named() -> None:
    cluster = Cluster()
    cluster.stop("koverse_webapp")
    cluster.held["koverse_webapp", "n1", "http"] = [{"address": "0.0.0.0", "pid": 4, "command": "python3 -m http.server"}]  # noqa: S104
    cluster.held["accumulo_gc", "n1", "client"] = [{"address": "::", "pid": cluster.rows["zookeeper", "n1"]["pids"][0], "command": "java"}]
    found = status.port_summary(cluster.report())["problems"]
    assert found == [
        "Accumulo gc client 9998 on n1: held by ZooKeeper (pid 1001), which is not its own process",
        "Koverse web app http 8080 on n1: held by python3 -m http.server (pid 4), which is not its own process",
    ]


def test_a_holder_that_cannot_be_seen_is_not_called_foreign() -> None:
    cluster = Cluster()
    cluster.held["zookeeper", "n1", "client"] = [{"address": "::", "pid": None, "command": None}]
    assert port(cluster.report(), "zookeeper", "n1", "client")["problems"] == []


def test_a_closed_port_is_a_problem_only_of_a_component_that_is_not_healthy() -> None:
    cluster = Cluster()
    cluster.held["zookeeper", "n2", "peer"] = []
    report = cluster.report()
    assert port(report, "zookeeper", "n2", "peer")["problems"] == []
    assert status.port_summary(report)["closed"] == ["ZooKeeper peer 2888 on n2"]
    cluster.change("zookeeper", "n2", health="unknown")
    report = cluster.report()
    assert port(report, "zookeeper", "n2", "peer")["problems"] == ["it runs, but nobody listens"]
    assert status.port_summary(report)["closed"] == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("::", "n2:9866 does not answer within 1 s"),
        ("127.0.0.1", "it listens on 127.0.0.1 only"),
        ("::ffff:127.0.0.1", "it listens on ::ffff:127.0.0.1 only"),
    ],
)
def test_a_port_that_another_host_does_not_reach(address: str, why: str) -> None:
    cluster = Cluster()
    cluster.held["hdfs_datanode", "n2", "data"][0]["address"] = address
    cluster.knocks["hdfs_datanode", "n2", 9866] = {"open": False, "why": "n2:9866 does not answer within 1 s"}
    row = port(cluster.report(), "hdfs_datanode", "n2", "data")
    assert row["problems"] == [f"listens, but cannot be reached from n1: {why}"]


def test_two_components_that_want_one_port() -> None:
    cluster = Cluster(overrides={"accumulo_gc": {"ports": {"client": 8080}}})
    wanted = "more than one component of this host wants it: Accumulo gc, Koverse web app"
    report = cluster.report()
    assert wanted in port(report, "koverse_webapp", "n1", "http")["problems"]
    assert wanted in port(report, "accumulo_gc", "n1", "client")["problems"]


def test_ports_with_the_same_problem_share_a_line_and_the_terminal_gets_no_more_than_it_can_show() -> None:
    cluster = Cluster(30)
    for name, host in cluster.rows:
        if name == "hdfs_datanode":
            cluster.change(name, host, health="unknown")
            cluster.held[name, host, "data"] = cluster.held[name, host, "http"] = []
            cluster.knocks[name, host, 9867] = {"open": False, "why": f"{host}:9867 does not answer within 1 s"}
    report = cluster.report()
    found = status.port_summary(report)["problems"]
    assert found[0] == "DataNode data 9866, http 9864 on n1, n2, n3 and 27 more: it runs, but nobody listens"
    assert len(found) == 31
    assert "and 11 more, which the JSON file has" in text(report)


def test_a_stopped_cluster_has_no_port_problems() -> None:
    assert status.port_summary(down().report())["problems"] == []


# ---- text


def test_the_table_is_aligned_and_ends_with_the_verdict() -> None:
    lines = [line.text for line in status.lines(broken().report())]
    head = lines[0]
    row = next(line for line in lines if "safe mode" in line)
    assert row.split() == ["NameNode", "n1", "not", "healthy", "active", "3", "h", "12", "min", "safe", "mode", "is", "on"]
    for title, cell in (("HOST", "n1"), ("STATE", "not healthy"), ("ROLE", "active"), ("SINCE", "3 h"), ("EVIDENCE", "safe mode")):
        assert head.index(title) == row.index(cell)
    assert lines[-1].startswith("The cluster is not healthy: first unhealthy layer storage")
    layers = [line for line in lines if line.startswith(("Coordination", "Storage", "Data services", "Application"))]
    assert layers == ["Coordination: healthy", "Storage: not healthy", "Data services: healthy", "Application: not healthy"]


def test_tones_tell_the_states_apart() -> None:
    cluster = broken()
    cluster.silent["n3"] = {"unreachable": True, "msg": "no route"}
    tones = {line.tone for line in status.lines(cluster.report())}
    assert tones == {"plain", "good", "bad", "stopped", "unknown", "standby"}


def test_many_that_are_alike_share_a_line_and_the_rest_stays() -> None:
    cluster = Cluster(40)
    cluster.change("hdfs_datanode", "n7", state="failed", health="unhealthy", evidence="out of memory")
    lines = [line.text for line in status.lines(cluster.report()) if line.text.startswith("  DataNode")]
    assert len(lines) == 2
    assert "n1 and 38 more" in lines[0]
    assert "out of memory" in lines[1]


def test_why_a_host_did_not_answer_is_said_once_for_all_of_its_components() -> None:
    lines = [line.text for line in status.lines(unreachable().report())]
    assert [line for line in lines[:-1] if "no route" in line] == ["Host n3: the host is unreachable: no route"]
    assert sum("its host did not answer" in line for line in lines) == 5


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (None, "-"),
        ("2026-11-21T10:14:18Z", "42 s"),
        ("2026-11-21T10:03:00Z", "12 min"),
        ("2026-11-21T07:03:00Z", "3 h 12 min"),
        ("2026-11-16T07:03:00Z", "5 d 3 h"),
        ("2026-11-21T10:15:02Z", "0 s"),
        ("2026-11-21T11:15:00Z", "clock ahead"),
    ],
)
def test_age(since: str | None, said: str) -> None:
    assert status.age(since, "2026-11-21T10:15:00Z") == said


def test_evidence_cannot_drive_the_terminal() -> None:
    cluster = Cluster()
    cluster.change("postgres", "n1", health="unhealthy", evidence="\x1b[2J\x1b]0;gotcha\x07two\nlines")
    shown = [line.text for line in status.lines(cluster.report())]
    assert all(line.isprintable() for line in shown)
    assert any("two lines" in line for line in shown)


# ---- Ambari


def section(cluster: Cluster) -> list[str]:
    """The lines of the terminal that are Ambari's."""
    lines = [line.text for line in status.lines(cluster.report())]
    first = next(number for number, line in enumerate(lines) if line.startswith("Ambari: "))
    return [lines[first], *(line.strip() for line in lines[first + 1 :] if line.startswith("  "))]


def test_what_ambari_knows_is_said_as_its_own_and_nothing_twice() -> None:
    assert section(with_ambari()) == [
        "Ambari: 5 alerts, 2 of them on what is said above, 1 of them on what is in maintenance; "
        "4 with an older configuration (restart.yml -e runbook_only=changed)",
        "WARNING since 2026-11-21T09:15:00Z: Namenode Capacity, NameNode on n1: 81 %",
        "CRITICAL since 2026-11-21T09:15:00Z: Broker, KAFKA_BROKER on n3: refused",
        "older configuration: DataNode on n1, n3",
        "older configuration: ZooKeeper on n3",
        "older configuration: HDFS_CLIENT on n9.example.com",
        "n9.example.com: the agent is lost, Ambari does nothing there",
        "n3: in maintenance, Ambari does nothing there",
    ]
    (died, *_others) = with_ambari().report()["findings"]
    assert (died["code"], len(died["evidence"])) == ("DIED", 3)


def test_an_ambari_that_has_nothing_to_say() -> None:
    cluster = Cluster()
    cluster.ambari = ambari_says()
    assert section(cluster) == ["Ambari: no alerts; none with an older configuration"]
    assert "Ambari" not in text(Cluster().report())


def test_an_ambari_that_says_nothing_is_unknown_in_status_and_diagnosis() -> None:
    cluster = Cluster()
    cluster.ambari = ambari_says(problem="nobody listens on\nhttp://ambari:8080")
    assert section(cluster) == ["Ambari: unknown: nobody listens on http://ambari:8080"]
    said = [line.text for line in status.findings(cluster.report())]
    assert said == ["Ambari: unknown: nobody listens on http://ambari:8080", "The cluster is healthy"]


def test_what_is_stopped_takes_its_configuration_when_it_starts() -> None:
    cluster = with_ambari()
    cluster.change("hdfs_datanode", "n3", state="stopped", health="unhealthy", evidence="", since=None, pids=[])
    cluster.change("zookeeper", "n3", state="failed", health="unhealthy", evidence="", since=None, pids=[])
    stale = cluster.report()["ambari"]["stale"]
    assert [row["ambari_component"] for row in stale] == ["HDFS_DATANODE", "HDFS_CLIENT"]


def test_what_ambari_says_is_never_taken_for_health() -> None:
    cluster = Cluster()
    quiet = cluster.report()
    cluster.ambari = ambari_says(*(alert(f"x{number}", "hdfs_namenode", "n1") for number in range(40)))
    loud = cluster.report()
    for key in ("verdict", "layers", "components", "instances", "warnings"):
        assert loud[key] == quiet[key]
    assert len(section(cluster)) == 22
    assert section(cluster)[-1] == "and 20 more, which the JSON file has"


def test_the_page_has_ambaris_alerts_once_and_escapes_them() -> None:
    cluster = with_ambari()
    assert cluster.ambari
    evil = "<script>alert('x')</script>"
    cluster.ambari["alerts"][1].update(text=evil, label=evil)
    cluster.ambari["stale"][3]["ambari_component"] = evil
    page = Page(status.html(cluster.report()))
    assert not {"script", "img"} & set(page.tags)
    assert page.words.count(f"WARNING since 2026-11-21T09:15:00Z: {evil}, NameNode on n1: {evil}") == 1
    assert "AMBARI_ALERT" not in page.words
    assert "Ambari" not in Page(status.html(Cluster().report())).words


# ---- JSON


@pytest.mark.parametrize(
    "cluster", [Cluster, down, unreachable, broken, with_ambari], ids=["healthy", "stopped", "unreachable", "broken", "ambari"]
)
def test_json_fits_its_schema(cluster: Any) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(cluster().report())), schema)


def test_the_schema_describes_every_key() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    def compare(value: Any, form: dict[str, Any]) -> None:
        if "$ref" in form:
            form = schema["$defs"][form["$ref"].rpartition("/")[2]]
        if isinstance(value, dict):
            assert set(value) == set(form["properties"]) == set(form["required"])
            for key, part in value.items():
                compare(part, form["properties"][key])
        elif isinstance(value, list):
            for part in value:
                compare(part, form["items"])

    for cluster in (broken(), with_ambari()):
        compare(cluster.report(), schema)


# ---- files


def test_both_files_are_written_whole_and_again(tmp_path: Path) -> None:
    report = broken().report()
    for _time in range(2):
        files = reporting.write(tmp_path / "new" / "status", report)
    assert [Path(name).name for name in files] == ["status.json", "status.html"]
    assert sorted(path.name for path in (tmp_path / "new" / "status").iterdir()) == ["status.html", "status.json"]
    assert json.loads(Path(files[0]).read_text(encoding="utf-8")) == report


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunbookError, match="Name another directory with -e runbook_status_dir="):
        reporting.write(tmp_path / "file" / "status", broken().report())


def test_the_version_is_the_collections() -> None:
    assert reporting.collection_version().count(".") == 2


# ---- page


class Page(html.parser.HTMLParser):
    """What a browser would make of the page: text, and whatever it would load or run."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [
            f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "data") or name.startswith("on")
        ]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))


def test_the_page_says_it_in_words() -> None:
    page = Page(status.html(broken().report()))
    assert page.words.count("Not healthy") == 1
    assert "NameNode on n1: safe mode is on" in page.words
    assert [title for title in page.words if title in ("Application", "Data services", "Storage", "Coordination")][-4:] == [
        "Application",
        "Data services",
        "Storage",
        "Coordination",
    ]


@pytest.mark.parametrize("cluster", [Cluster, down, unreachable, broken], ids=["healthy", "stopped", "unreachable", "broken"])
def test_the_page_needs_nothing_else(cluster: Any) -> None:
    source = status.html(cluster().report())
    page = Page(source)
    assert page.loads == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "url(" not in source
    assert "@import" not in source
    assert "http://" not in source
    assert "https://" not in source


def test_the_page_escapes_what_hosts_say() -> None:
    cluster = Cluster()
    evil = "</td><script>alert('x')</script><img src=x onerror=alert(1)>\"' {{ 7 * 7 }}"
    cluster.change("postgres", "n1", health="unhealthy", evidence=evil)
    cluster.held["zookeeper", "n1", "client"] = [{"address": "::", "pid": 4, "command": evil}]
    cluster.silent["n3"] = {"msg": evil}
    source = status.html(cluster.report())
    page = Page(source)
    assert page.loads == []
    assert not {"script", "img"} & set(page.tags)
    assert evil in page.words
    assert "{{ 7 * 7 }}" in source


def test_a_big_cluster_stays_readable() -> None:
    cluster = Cluster(200)
    cluster.change("accumulo_tserver", "n77", state="failed", health="unhealthy", evidence="out of memory")
    cluster.silent["n99"] = {"unreachable": True, "msg": "no route"}
    report = cluster.report()
    source = status.html(report)
    assert len(report["instances"]) > 600
    assert len(source) < 1_000_000
    words = Page(source).words
    assert "n4 and 194 more" in words
    assert {"n77", "n99", "unreachable"} <= set(words)
    assert all(f"n{number}" in words for number in range(1, 201))


SET = "20261121T071500Z"  # three hours before NOW
GOOD = {"id": SET, "uri": f"hdfs://other/backups/{SET}", "verified": "2026-11-21T07:17:00Z", "damage": None}
BACKUPS: dict[str, tuple[dict[str, dict[str, Any]], float, str, str]] = {
    "none yet": ({}, 0, "none", "none was taken yet"),
    "none, though expected": ({}, 26, "too_old", "none was taken; expected at most 26 h (runbook_backup_max_age)"),
    "a good one": ({"n1": {"good": GOOD}}, 26, "good", f"{GOOD['uri']}, 3 h 0 min old, verified"),
    "too old": ({"n1": {"good": GOOD}}, 2.5, "too_old", f"{GOOD['uri']}, 3 h 0 min old; expected at most 2.5 h (runbook_backup_max_age)"),
    "damaged": ({"n1": {"good": {**GOOD, "damage": "a: no such file"}}}, 26, "damaged", f"{GOOD['uri']} is damaged: a: no such file"),
    "a newer one on another host": (
        {"n1": {"good": {**GOOD, "id": "20261101T000000Z", "damage": "b"}}, "n2": {"good": GOOD}},
        26,
        "good",
        f"{GOOD['uri']}, 3 h 0 min old, verified",
    ),
    "the last failed": (
        {"n1": {"good": GOOD, "last": {"id": "20261121T100000Z", "verdict": "failed", "why": "no space"}}},
        26,
        "failed",
        f"{GOOD['uri']}, 3 h 0 min old, verified; the last backup, 20261121T100000Z, failed: no space",
    ),
    "one is under way": (
        {"n1": {"good": GOOD, "last": {"id": "20261121T100000Z", "verdict": "running", "why": None}}},
        26,
        "good",
        f"{GOOD['uri']}, 3 h 0 min old, verified; 20261121T100000Z is under way",
    ),
    "no record to be read": ({"n1": {"problem": "backups.json: it is cut off"}}, 26, "unknown", "n1: backups.json: it is cut off"),
}


@pytest.mark.parametrize("name", BACKUPS)
def test_backups(name: str) -> None:
    records, hours, verdict, said = BACKUPS[name]
    cluster = Cluster()
    cluster.backups = records
    report = cluster.report(hours)
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert (report["backups"]["verdict"], report["backups"]["text"]) == (verdict, said)
    warned = f"Backup: {said}" in report["warnings"]
    assert warned == (verdict in ("too_old", "damaged", "failed"))
    assert text(report).count(said) == 1
    assert said in html.unescape(status.html(report))


def test_a_host_that_does_not_answer_may_know_of_a_backup() -> None:
    cluster = Cluster()
    cluster.silent["n1"] = None
    report = cluster.report(26)
    assert (report["backups"]["verdict"], report["warnings"]) == ("unknown", [])
    assert report["backups"]["text"] == "none is known; not asked, or no answer: n1"
