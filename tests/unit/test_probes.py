# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each probe against a server that answers as the real component did."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import probes
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import NO_LOCK, PROBES, Answer, Cluster
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import load
from ansible_collections.koverse.runbook.tests.unit.servers import (
    HOST,
    answers,
    closes,
    four_letter_words,
    free_port,
    replay,
    says,
    serve,
    silent,
    web,
)

ID = "4e32ca67-b981-4f97-851c-0b252004e2e8"
NOBODY = Cluster([])
# Those whose probe is no conversation with the process: a query by psql, a TCP connection, a lock in ZooKeeper.
ASKED_OTHERWISE = {name for name, entry in load()[1].items() if entry["probe"]["type"] in ("postgres", "tcp", "hdfs_zkfc", "accumulo_gc")}


class Accumulo(Cluster):
    """A cluster whose znodes are given."""

    def __init__(self, **facts: Any) -> None:
        super().__init__([])
        self._facts = {"instance_id": ID, "renamed": True, "goal_state": "NORMAL", "managers": [], "gc": [], "tservers": [], **facts}

    def accumulo(self, instance: str | None) -> dict[str, Any]:
        """The given znodes."""
        assert instance is None
        return self._facts

    def lock_created(self, instance: str | None, tserver: str) -> float | None:
        """The given time, of each lock."""
        assert (instance, tserver in self._facts["tservers"]) == (None, True)
        return self._facts["created"]

    def anew(self) -> Accumulo:
        """What is there a moment later."""
        return Accumulo(**{**self._facts, **self._facts.get("then", {})})


def probe(component: str, port: int, cluster: Cluster = NOBODY, since: float | None = None) -> Answer:
    """What the component's probe finds on a port of this host, where its process was started at `since`."""
    entry = {**load()[1][component], "since": since}
    entry["ports"] = {**entry["ports"], entry["probe"]["port"]: port}
    return PROBES[entry["probe"]["type"]](entry, HOST, cluster)


def page(recordings: Path, name: str) -> Callable[[str], Answer]:
    """The answer of the probe of a component whose web server says what was recorded."""

    def ask(component: str) -> Answer:
        with web({"/": recordings / name}) as port:
            return probe(component, port)

    return ask


# ---- any component


@pytest.mark.parametrize("component", sorted(name for name, entry in load()[1].items() if entry["probe"]["type"] != "postgres"))
def test_nobody_listens(component: str) -> None:
    port = free_port()
    cluster = Accumulo(managers=[f"{HOST}:{port}"], gc=[f"{HOST}:{port}"], tables={})
    with pytest.raises(NoAnswer, match=rf"^nobody listens on {HOST}:{port}$") as caught:
        probe(component, port, cluster)
    assert caught.value.refused


@pytest.mark.parametrize("component", sorted(set(load()[1]) - ASKED_OTHERWISE))
def test_a_stopped_process_does_not_pass_for_a_live_one(component: str, short_timeout: float) -> None:
    with silent() as port, pytest.raises(NoAnswer, match=f"does not answer within {short_timeout:g} s"):
        probe(component, port, Accumulo(managers=[f"{HOST}:{port}"], tables={}))


def test_process_asks_nothing() -> None:
    assert PROBES["process"]({}, HOST, NOBODY).healthy


def test_tcp() -> None:
    with silent() as port:
        answer = probe("koverse_server", port)
    assert (answer.healthy, answer.evidence) == (True, f"port {port} accepts connections")


@pytest.mark.parametrize(
    ("status", "options", "healthy"),
    [
        (200, {}, True),
        (503, {}, False),
        (202, {}, False),
        (202, {"status": 202}, True),
        (401, {"status": [200, 401]}, True),
        (200, {"status": [401]}, False),
    ],
)
def test_http(status: int, options: dict[str, Any], healthy: bool) -> None:
    with web({"/health": "waits for\n PostgreSQL"}, status) as port:
        entry = {"ports": {"web": port}, "probe": {"type": "http", "port": "web", "path": "/health", **options}}
        answer = PROBES["http"](entry, HOST, NOBODY)
    said = "" if healthy else ": waits for PostgreSQL"
    assert answer == Answer(healthy, f"port {port} answers HTTP {status}{said}")


def test_http_of_the_root_by_default() -> None:
    with web({"/": ""}) as port:
        assert PROBES["http"]({"ports": {"web": port}, "probe": {"port": "web"}}, HOST, NOBODY).healthy


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo all is well", Answer(True, "all is well")),
        (["sh", "-c", "echo one; echo two; exit 3"], Answer(False, "two")),
        ("false", Answer(False, "its check ends with status 1")),
        (["sh", "-c", "exit 0"], Answer(True, "its check ends with status 0")),
    ],
)
def test_command(command: str | list[str], expected: Answer) -> None:
    assert PROBES["command"]({"probe": {"command": command}}, HOST, NOBODY) == expected


def test_command_that_cannot_be_asked(short_timeout: float) -> None:
    with pytest.raises(NoAnswer, match="cannot be run: No such file or directory"):
        PROBES["command"]({"probe": {"command": "/no/such/check"}}, HOST, NOBODY)
    with pytest.raises(NoAnswer, match=f"did not end within {short_timeout:g} s"):
        PROBES["command"]({"probe": {"command": "sleep 60"}}, HOST, NOBODY)


# ---- coordination


@pytest.fixture
def psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a psql on the PATH that ends as the shell script says."""

    def put(script: str) -> None:
        program = tmp_path / "psql"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


def ask_postgres() -> Answer:
    """The answer of PostgreSQL to the user of the tests."""
    return PROBES["postgres"]({**load()[1]["postgres"], "user": None}, HOST, NOBODY)


@pytest.mark.parametrize(("recovery", "role"), [("f", "active"), ("t", "standby")])
def test_postgres(psql: Callable[[str], None], recovery: str, role: str) -> None:
    psql(f'test "$1 $2 $3 $4 $5" = "-XAtq -p 5432 -d postgres" && echo "{recovery}|15.14"')
    assert ask_postgres() == Answer(True, "PostgreSQL 15.14 answers a query", role)


def test_postgres_that_does_not_answer(psql: Callable[[str], None]) -> None:
    psql("echo 'psql: error: connection to server on socket failed' >&2; exit 2")
    with pytest.raises(NoAnswer, match=r"^psql: psql: error: connection to server on socket failed$"):
        ask_postgres()


@pytest.mark.parametrize("state", ["starting up", "shutting down", "in recovery mode"])
def test_postgres_that_is_not_ready_yet(psql: Callable[[str], None], state: str) -> None:
    psql(f"echo 'psql: error: connection to server on socket failed: FATAL:  the database system is {state}' >&2; exit 2")
    answer = ask_postgres()
    assert (answer.healthy, answer.role) == (False, None)
    assert answer.evidence.endswith(f"FATAL:  the database system is {state}")


def test_postgres_that_hangs(psql: Callable[[str], None], short_timeout: float) -> None:
    psql("exec sleep 60")
    with pytest.raises(NoAnswer, match=f"did not end within {short_timeout:g} s$"):
        ask_postgres()


@pytest.mark.parametrize("version", ["3.8.6", "3.4.13"])
@pytest.mark.parametrize(
    ("srvr", "mntr", "expected"),
    [
        ("leader", "leader", Answer(True, "mode leader, 2 followers in sync", "leader", {"synced_followers": 2})),
        ("leader", "refused", Answer(True, "mode leader", "leader", {})),
        ("follower", "follower", Answer(True, "mode follower", "follower", {})),
        ("standalone", "refused", Answer(True, "mode standalone", "standalone", {})),
    ],
)
def test_zookeeper(recordings: Path, version: str, srvr: str, mntr: str, expected: Answer) -> None:
    words = {
        "srvr": (recordings / f"zookeeper-{version}-srvr-{srvr}.txt").read_text(encoding="ascii"),
        "mntr": (recordings / f"zookeeper-{version}-mntr-{mntr}.txt").read_text(encoding="ascii"),
    }
    with serve(four_letter_words(words)) as port:
        assert probe("zookeeper", port) == expected


@pytest.mark.parametrize("version", ["3.8.6", "3.4.13"])
def test_zookeeper_without_a_quorum(recordings: Path, version: str) -> None:
    words = {"srvr": (recordings / f"zookeeper-{version}-srvr-no-quorum.txt").read_text(encoding="ascii")}
    with serve(four_letter_words(words)) as port:
        assert probe("zookeeper", port) == Answer(False, "This ZooKeeper instance is not currently serving requests")


def test_journalnode(recordings: Path) -> None:
    answer = page(recordings, "journalnode-3.5.0-jmx.json")("hdfs_journalnode")
    assert (answer.healthy, answer.evidence) == (True, "answers, journals open: lab")


def test_journalnode_that_has_not_been_formatted(recordings: Path) -> None:
    answer = page(recordings, "journalnode-3.5.0-jmx-unformatted.json")("hdfs_journalnode")
    assert (answer.healthy, answer.evidence) == (True, "answers, journals open: none yet")


@pytest.mark.parametrize("formatted", ["false", False])
def test_journalnode_with_a_journal_that_is_not_formatted(recordings: Path, formatted: str | bool) -> None:
    beans = json.loads((recordings / "journalnode-3.5.0-jmx.json").read_text(encoding="utf-8"))
    (bean,) = [bean for bean in beans["beans"] if bean["name"].endswith("name=JournalNodeInfo")]
    bean["JournalsStatus"] = json.dumps({**json.loads(bean["JournalsStatus"]), "other": {"Formatted": formatted}})
    with web({"/": json.dumps(beans)}) as port:
        answer = probe("hdfs_journalnode", port)
    assert (answer.healthy, answer.evidence) == (False, "journal not formatted: other")


# ---- storage


def test_datanode(recordings: Path) -> None:
    answer = page(recordings, "datanode-3.5.0-jmx.json")("hdfs_datanode")
    assert (answer.healthy, answer.evidence) == (True, "registered with 2 of 2 NameNodes")


def test_datanode_that_no_namenode_knows(recordings: Path) -> None:
    beans = json.loads((recordings / "datanode-3.5.0-jmx.json").read_text(encoding="utf-8"))
    (bean,) = [bean for bean in beans["beans"] if bean["name"].endswith("name=DataNodeInfo")]
    bean["BPServiceActorInfo"] = bean["BPServiceActorInfo"].replace("RUNNING", "CONNECTING")
    with web({"/": json.dumps(beans)}) as port:
        assert probe("hdfs_datanode", port) == Answer(False, "registered with none of 2 NameNodes yet")


def test_active_namenode(recordings: Path) -> None:
    answer = page(recordings, "namenode-3.5.0-jmx-active.json")("hdfs_namenode")
    assert (answer.healthy, answer.role) == (True, "active")
    assert answer.evidence == "active, 1 live DataNodes, 0 missing blocks, safe mode off"
    assert answer.details == {
        "safe_mode": False,
        "missing_blocks": 0,
        "live_datanodes": 1,
        "dead_datanodes": 0,
        "journals": 1,
        "journals_behind": [],
    }


def test_namenode_that_does_not_write_to_a_journalnode(recordings: Path) -> None:
    beans = json.loads((recordings / "namenode-3.5.0-jmx-active.json").read_text(encoding="utf-8"))["beans"]
    named = {bean["name"].rpartition("name=")[2]: bean for bean in beans}
    stream = (
        "Writing segment beginning at txid 1818. \n10.89.77.11:8485 (Written txid 1876), 10.89.77.12:8485 (Written txid 1854"
        " (22 txns/10305ms behind) (will try to re-sync on next segment)), 10.89.77.13:8485 (Written txid 1876)"
    )
    manager = "QJM to [10.89.77.11:8485, 10.89.77.12:8485, 10.89.77.13:8485]"
    named["NameNodeInfo"]["NameJournalStatus"] = json.dumps([{"manager": manager, "stream": stream}])
    details = probes.read_namenode(named).details
    assert (details["journals"], details["journals_behind"]) == (3, ["10.89.77.12:8485"])


def test_standby_namenode(recordings: Path) -> None:
    answer = page(recordings, "namenode-3.5.0-jmx-standby-serving.json")("hdfs_namenode")
    assert (answer.healthy, answer.role) == (True, "standby")
    assert answer.evidence == "standby, 1 live DataNodes, 0 missing blocks, safe mode off"


@pytest.mark.parametrize(
    ("recording", "role"),
    [
        ("namenode-3.5.0-jmx-active-safemode.json", "active"),
        ("namenode-3.5.0-jmx-standby.json", "standby"),
        ("namenode-3.1.4-jmx-safemode.json", "active"),
    ],
)
def test_namenode_in_safe_mode(recordings: Path, recording: str, role: str) -> None:
    answer = page(recordings, recording)("hdfs_namenode")
    assert (answer.healthy, answer.role, answer.details["safe_mode"]) == (False, role, True)
    assert answer.evidence.startswith("safe mode is on: Safe mode is ON. The reported blocks ")
    assert "\n" not in answer.evidence


@pytest.mark.parametrize(
    ("component", "recording", "evidence"),
    [
        ("hdfs_namenode", "namenode-3.1.4-jmx.json", "active, 1 live DataNodes, 0 missing blocks, safe mode off"),
        ("hdfs_datanode", "datanode-3.1.4-jmx.json", "registered with 1 of 1 NameNodes"),
        ("yarn_nodemanager", "nodemanager-3.1.4-node-info.json", "healthy"),
    ],
)
def test_hadoop_of_koverses_time(recordings: Path, component: str, recording: str, evidence: str) -> None:
    answer = page(recordings, recording)(component)
    assert (answer.healthy, answer.evidence) == (True, evidence)


@pytest.mark.parametrize("missing", ["NameNodeStatus", "NameNodeInfo", "FSNamesystemState"])
def test_namenode_that_is_still_loading(recordings: Path, missing: str) -> None:
    beans = json.loads((recordings / "namenode-3.5.0-jmx-active.json").read_text(encoding="utf-8"))
    named = {bean["name"].rpartition("name=")[2]: bean for bean in beans["beans"]}
    del named[missing]
    with pytest.raises(NoAnswer, match=r"^the NameNode answers, but has not loaded its image yet$"):
        probes.read_namenode(named)
    with web({"/": json.dumps({"beans": list(named.values())})}) as port:
        assert probe("hdfs_namenode", port) == Answer(False, "the NameNode answers, but has not loaded its image yet")


# ---- data services


def resourcemanager(recordings: Path, version: str = "3.5.0", **change: str) -> str:
    """What an active ResourceManager says of itself, with changes."""
    name = "resourcemanager-3.1.4-cluster-info.json" if version == "3.1.4" else "resourcemanager-3.5.0-cluster-info-active.json"
    info = json.loads((recordings / name).read_text(encoding="utf-8"))
    info["clusterInfo"].update(change)
    return json.dumps(info)


@pytest.mark.parametrize("version", ["3.1.4", "3.5.0"])
def test_resourcemanager_that_is_active(recordings: Path, version: str) -> None:
    metrics = recordings / "resourcemanager-3.5.0-cluster-metrics-active.json"
    with web({"/ws/v1/cluster/info": resourcemanager(recordings, version), "/ws/v1/cluster/metrics": metrics}) as port:
        assert probe("yarn_resourcemanager", port) == Answer(
            True, "STARTED, active, 1 NodeManagers registered", "active", {"nodemanagers": 1}
        )


def test_resourcemanager_that_stands_by_is_not_asked_for_its_nodemanagers(recordings: Path) -> None:
    info = recordings / "resourcemanager-3.5.0-cluster-info-standby.json"
    redirect = recordings / "resourcemanager-3.5.0-cluster-metrics-standby.txt"
    with web({"/ws/v1/cluster/info": info, "/ws/v1/cluster/metrics": redirect}) as port:
        assert probe("yarn_resourcemanager", port) == Answer(True, "STARTED, standby", "standby")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"haState": "INITIALIZING"}, Answer(False, "STARTED, initializing", "initializing")),
        ({"state": "INITED"}, Answer(False, "INITED, active, 1 NodeManagers registered", "active", {"nodemanagers": 1})),
    ],
)
def test_resourcemanager_that_does_not_serve(recordings: Path, change: dict[str, str], expected: Answer) -> None:
    metrics = recordings / "resourcemanager-3.5.0-cluster-metrics-active.json"
    with web({"/ws/v1/cluster/info": resourcemanager(recordings, **change), "/ws/v1/cluster/metrics": metrics}) as port:
        assert probe("yarn_resourcemanager", port) == expected


def test_resourcemanager_that_does_not_say_who_has_registered(recordings: Path) -> None:
    with web({"/ws/v1/cluster/info": resourcemanager(recordings)}) as port, pytest.raises(NoAnswer, match=r"metrics answers 404$"):
        probe("yarn_resourcemanager", port)


def test_nodemanager(recordings: Path) -> None:
    assert page(recordings, "nodemanager-3.5.0-node-info.json")("yarn_nodemanager") == Answer(True, "healthy")


def test_nodemanager_that_finds_itself_sick(recordings: Path) -> None:
    info = json.loads((recordings / "nodemanager-3.5.0-node-info.json").read_text(encoding="utf-8"))
    info["nodeInfo"].update(nodeHealthy=False, healthReport="1/1 local-dirs\n have errors")
    with web({"/": json.dumps(info)}) as port:
        assert probe("yarn_nodemanager", port) == Answer(False, "unhealthy: 1/1 local-dirs have errors")


def test_tserver(wire: Path) -> None:
    with serve(replay(wire / "accumulo-2.1.4-getInstanceId.txt")) as port:
        assert probe("accumulo_tserver", port, Accumulo(tservers=["n9:9997", f"{HOST}:{port}"])) == Answer(
            True, "answers and holds its lock"
        )
        assert probe("accumulo_tserver", port, Accumulo(tservers=["n9:9997", f"localhost:{port}"])).healthy
        assert probe("accumulo_tserver", port, Accumulo(tservers=[f"n9:{port}", f"{HOST}:9"])) == Answer(
            False, "answers, but holds no lock in ZooKeeper", details=NO_LOCK
        )
        assert probe("accumulo_tserver", port, Accumulo(instance_id="other", tservers=[f"{HOST}:{port}"])) == Answer(
            False, f"serves another instance, {ID} instead of other"
        )


@pytest.mark.parametrize(
    ("age", "lock_is_older_by", "own"),
    [(5, 300, False), (5, 0.5, False), (5, -3, True), (39, 300, False), (41, 300, True), (5, None, False)],
)
def test_tserver_whose_predecessor_was_killed(wire: Path, age: float, lock_is_older_by: float | None, own: bool) -> None:
    since = time.time() - age
    created = None if lock_is_older_by is None else since - lock_is_older_by
    with serve(replay(wire / "accumulo-2.1.4-getInstanceId.txt")) as port:
        answer = probe("accumulo_tserver", port, Accumulo(tservers=[f"{HOST}:{port}"], created=created), since)
    expected = Answer(False, "answers, but the lock in ZooKeeper is still that of the process before it", details=NO_LOCK)
    assert answer == (Answer(True, "answers and holds its lock") if own else expected)


TABLES = {"1": {"name": "t1", "state": "ONLINE"}, "2": {"name": "T", "state": "ONLINE"}, "3": {"name": "Tb", "state": "OFFLINE"}}


def manager(wire: Path, recording: str, **facts: Any) -> Answer:
    """The answer of an active manager that says what was recorded."""
    with serve(replay(wire / f"accumulo-2.1.4-getManagerStats-{recording}.txt")) as port:
        return probe("accumulo_manager", port, Accumulo(managers=[f"{HOST}:{port}"], tables=TABLES, **facts))


def test_active_manager(wire: Path) -> None:
    answer = manager(wire, "normal")
    assert (answer.healthy, answer.role) == (True, "active")
    assert answer.evidence == "goal NORMAL, state NORMAL, 1 tablet servers, 0 of 5 tablets unassigned"
    assert (answer.details["goal_state"], answer.details["tservers"]) == ("NORMAL", ["s1:9997"])
    assert answer.details["not_loaded"] == []


def test_active_master(wire: Path) -> None:
    with serve(replay(wire / "accumulo-1.9.3-getMasterStats-normal.txt")) as port:
        answer = probe("accumulo_manager", port, Accumulo(renamed=False, managers=[f"{HOST}:{port}"], tables=TABLES))
    assert (answer.healthy, answer.role) == (True, "active")
    assert answer.evidence == "goal NORMAL, state NORMAL, 1 tablet servers, 0 of 8 tablets unassigned"


def test_manager_after_a_clean_stop(wire: Path) -> None:
    answer = manager(wire, "clean-stop", goal_state="CLEAN_STOP")
    assert (answer.healthy, answer.role) == (False, "active")
    assert answer.evidence == ("goal CLEAN_STOP, state HAVE_LOCK, 1 tablet servers, 0 of 0 tablets unassigned, not loaded yet: T, t1")


def test_manager_with_another_goal_in_zookeeper(wire: Path) -> None:
    assert manager(wire, "normal", goal_state="SAFE_MODE").healthy is False


def test_manager_that_has_not_loaded_all_tables(wire: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {str(number): {"name": f"t{number}", "state": "ONLINE"} for number in range(4, 9)}
    monkeypatch.setitem(TABLES, "4", more["4"])
    assert manager(wire, "normal").evidence.endswith("unassigned, not loaded yet: t4")
    for number, table in more.items():
        monkeypatch.setitem(TABLES, number, table)
    answer = manager(wire, "normal")
    assert answer.evidence.endswith("unassigned, not loaded yet: t4, t5, t6 ...")
    assert answer.healthy is False


def test_manager_with_unassigned_tablets(wire: Path) -> None:
    frame = answers(wire / "accumulo-2.1.4-getManagerStats-start.txt")[6]
    with serve(says(struct.pack(">i", len(frame)) + frame)) as port:
        tables = {"1": TABLES["1"]}
        answer = probe("accumulo_manager", port, Accumulo(managers=[f"{HOST}:{port}"], tables=tables))
    assert (answer.healthy, answer.evidence) == (False, "goal NORMAL, state NORMAL, 1 tablet servers, 1 of 4 tablets unassigned")


def test_standby_manager_is_not_asked() -> None:
    port = free_port()
    answer = probe("accumulo_manager", port, Accumulo(managers=["n9:9999", f"{HOST}:{port}"]))
    assert answer == Answer(True, "waits for the lock that n9:9999 holds", "standby")


def test_manager_that_is_in_the_queue_for_a_moment_only() -> None:
    port = free_port()
    answer = probe("accumulo_manager", port, Accumulo(managers=["n9:9999", f"{HOST}:{port}"], then={"managers": ["n9:9999"]}))
    assert answer == Answer(False, "not in the queue for the manager's lock", details=NO_LOCK)


def test_manager_that_is_not_in_the_queue() -> None:
    answer = probe("accumulo_manager", free_port(), Accumulo(managers=["n9:9999"]))
    assert answer == Answer(False, "not in the queue for the manager's lock", details=NO_LOCK)


# ---- application


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (302, True), (399, True), (400, False), (500, False)])
def test_monitor(status: int, healthy: bool) -> None:
    with web({"/": ""}, status) as port:
        assert probe("accumulo_monitor", port) == Answer(healthy, f"port {port} answers HTTP {status}")


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ([f"{HOST}:9998", "n9:9998"], Answer(True, "holds the lock", "active")),
        (["n9:9998", f"{HOST}:9998"], Answer(True, "waits for the lock", "standby")),
        (["n9:9998"], Answer(False, "not in the queue for the gc's lock", details=NO_LOCK)),
        ([], Answer(False, "not in the queue for the gc's lock", details=NO_LOCK)),
    ],
)
def test_gc(queue: list[str], expected: Answer) -> None:
    with silent() as port:
        assert probe("accumulo_gc", port, Accumulo(gc=queue)) == expected


# ---- what probes share


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("n1", "n1", True),
        ("localhost", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("no-such-host.invalid", "127.0.0.1", False),
        ("no-such-host.invalid", "other-host.invalid", False),
        ("no-such-host.invalid", "no-such-host.invalid", True),
    ],
)
def test_same_host(one: str, other: str, same: bool) -> None:
    assert probes.same_host(one, other) is same


def test_znodes_are_read_once_until_forgotten(wire: Path) -> None:
    sessions = []
    recorded = replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")

    def count(connection: Any) -> None:
        sessions.append(connection)
        recorded(connection)

    with serve(count) as port:
        cluster = Cluster([f"{HOST}:{port}"])
        assert cluster.accumulo(None)["managers"] == ["n1:9999", "n2:9999"]
        assert cluster.accumulo(None) is cluster.accumulo(None)
        assert len(sessions) == 1
        cluster.forget()
        cluster.accumulo(None)
        assert len(sessions) == 2


def test_zookeeper_that_does_not_answer_is_asked_once() -> None:
    sessions = []

    def count(connection: Any) -> None:
        sessions.append(connection)
        closes(connection)

    with serve(count) as port:
        cluster = Cluster([f"{HOST}:{port}"])
        for _probe in range(3):
            with pytest.raises(NoAnswer, match="closes the connection"):
                cluster.accumulo(None)
    assert len(sessions) == 1
