# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The info modules as Ansible runs them, against servers that answer as the real components did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.koverse.runbook.plugins.module_utils import accumulo, info, net
from ansible_collections.koverse.runbook.plugins.modules import accumulo_info, hdfs_info, yarn_info, zookeeper_info
from ansible_collections.koverse.runbook.tests.unit.servers import (
    HOST,
    closes,
    four_letter_words,
    free_port,
    replay,
    serve,
    silent,
    web,
)

MODULES = [
    pytest.param(zookeeper_info, "servers", id="zookeeper_info"),
    pytest.param(hdfs_info, "namenodes", id="hdfs_info"),
    pytest.param(yarn_info, "resourcemanagers", id="yarn_info"),
    pytest.param(accumulo_info, "zookeeper", id="accumulo_info"),
]


class Run(Protocol):
    """Runs a module; its result."""

    def __call__(self, module: Any, **args: Any) -> dict[str, Any]: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a module in this process."""
    monkeypatch.setattr(net, "TIMEOUT", net.TIMEOUT)  # modules set it, each in a process of its own

    def run(module: Any, **args: Any) -> dict[str, Any]:
        with patch_module_args(args), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


# ---- what all have in common


@pytest.mark.parametrize(("module", "servers"), MODULES)
def test_where_nothing_answers_that_is_data(run: Run, module: Any, servers: str) -> None:
    result = run(module, **{servers: [f"{HOST}:{free_port()}"]})
    assert "failed" not in result
    assert result["changed"] is False


@pytest.mark.parametrize(("module", "servers"), MODULES)
def test_where_nothing_answers_though_it_is_required_that_is_an_error(run: Run, module: Any, servers: str) -> None:
    ports = [free_port(), free_port()]
    result = run(module, required=True, **{servers: [f"{HOST}:{port}" for port in ports]})
    assert result["failed"]
    assert result["msg"].startswith("Nothing answers: ")
    assert all(f"nobody listens on {HOST}:{port}" in result["msg"] for port in ports)


@pytest.mark.parametrize(("module", "servers"), MODULES)
def test_the_time_to_wait_can_be_chosen(run: Run, module: Any, servers: str) -> None:
    with silent() as port:
        result = run(module, timeout=0.1, required=True, **{servers: [f"{HOST}:{port}"]})
    assert f"{HOST}:{port} does not answer within 0.1 s" in result["msg"]


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_time_to_wait_that_is_none(run: Run, timeout: float) -> None:
    result = run(zookeeper_info, timeout=timeout)
    assert (result["failed"], result["msg"]) == (True, f"timeout must be above 0 seconds, found {timeout}.")


@pytest.mark.parametrize(("module", "servers"), MODULES)
def test_check_mode_is_no_other(run: Run, module: Any, servers: str) -> None:
    result = run(module, _ansible_check_mode=True, **{servers: [f"{HOST}:{free_port()}"]})
    assert "skipped" not in result
    assert "failed" not in result


def test_no_server_at_all() -> None:
    assert info.ask([], 1, lambda _host, _port: {}, ()) == []


def test_no_server_at_all_does_not_answer(run: Run) -> None:
    assert run(yarn_info, resourcemanagers=[], required=True)["msg"] == "Nothing answers: no server is named"


@pytest.mark.parametrize(("server", "host", "port"), [("n1", "n1", 9870), ("n1:50070", "n1", 50070), ("10.0.0.1:1", "10.0.0.1", 1)])
def test_servers_come_with_or_without_a_port(server: str, host: str, port: int) -> None:
    (row,) = info.ask([server], 9870, lambda host, port: {"at": (host, port)}, ("at",))
    assert row == {"host": host, "port": port, "answered": True, "error": None, "at": (host, port)}


def test_an_answer_that_is_not_understood() -> None:
    assert info.answer(lambda: {"other": 1}, ("role",)) == {
        "answered": False,
        "error": "its answer is not understood (KeyError: 'role')",
        "role": None,
    }


# ---- ZooKeeper


def words(recordings: Path, version: str, srvr: str, mntr: str) -> dict[str, str]:
    """Recorded answers to the two words that the module asks."""
    return {
        "srvr": (recordings / f"zookeeper-{version}-srvr-{srvr}.txt").read_text(encoding="ascii"),
        "mntr": (recordings / f"zookeeper-{version}-mntr-{mntr}.txt").read_text(encoding="ascii"),
    }


@pytest.mark.parametrize("version", ["3.8.6", "3.4.13"])
def test_an_ensemble(run: Run, recordings: Path, version: str) -> None:
    nobody = free_port()
    with (
        serve(four_letter_words(words(recordings, version, "leader", "leader"))) as leader,
        serve(four_letter_words(words(recordings, version, "follower", "follower"))) as follower,
        serve(four_letter_words(words(recordings, version, "no-quorum", "no-quorum"))) as alone,
    ):
        result = run(zookeeper_info, servers=[f"{HOST}:{port}" for port in (follower, leader, alone, nobody)], required=True)
    assert result["leaders"] == [f"{HOST}:{leader}"]
    rows = result["servers"]
    assert [row["port"] for row in rows] == [follower, leader, alone, nobody]
    assert [row["mode"] for row in rows] == ["follower", "leader", None, None]
    assert [row["synced_followers"] for row in rows] == [None, 2, None, None]
    assert [row["version"] for row in rows] == [version, version, None, None]
    assert [row["error"] for row in rows] == [
        None,
        None,
        "This ZooKeeper instance is not currently serving requests",
        f"nobody listens on {HOST}:{nobody}",
    ]
    assert (rows[1]["connections"], rows[1]["srvr"]["Zxid"], rows[1]["mntr"]["zk_server_state"]) == (1, "0x100000000", "leader")
    assert rows[3] == {"host": HOST, "port": nobody, "answered": False, "error": rows[3]["error"], **dict.fromkeys(zookeeper_info.KEYS)}


def test_a_server_alone(run: Run, recordings: Path) -> None:
    with serve(four_letter_words(words(recordings, "3.8.6", "standalone", "refused"))) as port:
        result = run(zookeeper_info, servers=[f"{HOST}:{port}"])
    (row,) = result["servers"]
    assert (row["mode"], row["znodes"], row["synced_followers"], row["mntr"]) == ("standalone", 125, None, {})
    assert result["leaders"] == [f"{HOST}:{port}"]


# ---- HDFS

NAMENODE = "/jmx?qry=Hadoop:service=NameNode,name=*"


def test_hdfs(run: Run, recordings: Path) -> None:
    nobody = free_port()
    with (
        web({NAMENODE: recordings / "namenode-3.5.0-jmx-standby-serving.json"}) as standby,
        web({NAMENODE: recordings / "namenode-3.5.0-jmx-active.json"}) as active,
    ):
        result = run(hdfs_info, namenodes=[f"{HOST}:{port}" for port in (standby, active, nobody)])
    assert result["active"] == [f"{HOST}:{active}"]
    rows = result["namenodes"]
    assert [row["role"] for row in rows] == ["standby", "active", None]
    assert [row["answered"] for row in rows] == [True, True, False]
    facts = {
        key: rows[1][key] for key in ("version", "safe_mode", "safe_mode_reason", "missing_blocks", "live_datanodes", "dead_datanodes")
    }
    assert facts == {
        "version": "3.5.0",
        "safe_mode": False,
        "safe_mode_reason": "",
        "missing_blocks": 0,
        "live_datanodes": 1,
        "dead_datanodes": 0,
    }
    assert rows[1]["rpc_address"] == "s1:8020"
    assert result["missing_blocks"] == 0
    assert set(result["capacity"]) == {"total", "used", "remaining"}
    assert result["capacity"]["total"] > result["capacity"]["remaining"] > 0
    (datanode,) = result["datanodes"]
    assert (datanode["name"], datanode["state"], datanode["admin_state"]) == ("s1:9866", "live", "In Service")
    assert datanode["capacity"] == result["capacity"]["total"]
    assert datanode["version"] == "3.5.0"


@pytest.mark.parametrize(
    ("recording", "role"),
    [("namenode-3.5.0-jmx-active-safemode.json", "active"), ("namenode-3.1.4-jmx-safemode.json", "active")],
)
def test_hdfs_in_safe_mode(run: Run, recordings: Path, recording: str, role: str) -> None:
    with web({NAMENODE: recordings / recording}) as port:
        (row,) = run(hdfs_info, namenodes=[f"{HOST}:{port}"])["namenodes"]
    assert (row["role"], row["safe_mode"]) == (role, True)
    assert row["safe_mode_reason"].startswith("Safe mode is ON. The reported blocks")


def test_hdfs_of_koverses_time(run: Run, recordings: Path) -> None:
    with web({NAMENODE: recordings / "namenode-3.1.4-jmx.json"}) as port:
        result = run(hdfs_info, namenodes=[f"{HOST}:{port}"])
    (row,) = result["namenodes"]
    assert (row["answered"], row["error"], row["role"], row["version"]) == (True, None, "active", "3.1.4")
    assert [datanode["state"] for datanode in result["datanodes"]] == ["live"]


def test_hdfs_without_an_active_namenode(run: Run, recordings: Path) -> None:
    with web({NAMENODE: recordings / "namenode-3.5.0-jmx-standby-serving.json"}) as port:
        result = run(hdfs_info, namenodes=[f"{HOST}:{port}"])
    assert (result["active"], result["missing_blocks"], result["capacity"], result["datanodes"]) == ([], None, None, [])


def test_hdfs_with_two_active_namenodes(run: Run, recordings: Path) -> None:
    pages = {NAMENODE: recordings / "namenode-3.5.0-jmx-active.json"}
    with web(pages) as one, web(pages) as other:
        result = run(hdfs_info, namenodes=[f"{HOST}:{one}", f"{HOST}:{other}"])
    assert result["active"] == [f"{HOST}:{one}", f"{HOST}:{other}"]


def test_a_namenode_that_is_still_loading(run: Run) -> None:
    beans = {"beans": [{"name": "Hadoop:service=NameNode,name=NameNodeStatus", "State": "active"}]}
    with web({NAMENODE: json.dumps(beans)}) as port:
        (row,) = run(hdfs_info, namenodes=[f"{HOST}:{port}"])["namenodes"]
    assert (row["answered"], row["error"]) == (False, "the NameNode answers, but has not loaded its image yet")


# ---- YARN


def test_yarn(run: Run, recordings: Path) -> None:
    nobody = free_port()
    pages = {
        "/ws/v1/cluster/info": recordings / "resourcemanager-3.5.0-cluster-info-active.json",
        "/ws/v1/cluster/nodes?states=": recordings / "resourcemanager-3.5.0-cluster-nodes-active.json",
        "/ws/v1/cluster/metrics": recordings / "resourcemanager-3.5.0-cluster-metrics-active.json",
    }
    with (
        web({"/ws/v1/cluster/info": recordings / "resourcemanager-3.5.0-cluster-info-standby.json"}) as standby,
        web(pages) as active,
    ):
        result = run(yarn_info, resourcemanagers=[f"{HOST}:{port}" for port in (standby, active, nobody)])
    assert result["active"] == [f"{HOST}:{active}"]
    assert [row["role"] for row in result["resourcemanagers"]] == ["standby", "active", None]
    assert [row["state"] for row in result["resourcemanagers"]] == ["STARTED", "STARTED", None]
    assert result["resourcemanagers"][1]["version"] == "3.5.0"
    assert result["error"] is None
    assert result["nodemanagers"] == [
        {
            "name": "s1:36387",
            "state": "RUNNING",
            "health_report": "",
            "version": "3.5.0",
            "containers": 0,
            "memory_used": 0,
            "memory_free": 2048,
        }
    ]
    assert result["counts"] == {**dict.fromkeys(yarn_info.COUNTS, 0), "total": 1, "active": 1}
    assert result["applications"] == {**dict.fromkeys(yarn_info.APPLICATIONS, 0), "submitted": 1, "completed": 1}


@pytest.mark.parametrize("nodes", [{"nodes": None}, {"nodes": {}}])
def test_yarn_without_nodemanagers(nodes: dict[str, Any]) -> None:
    assert yarn_info.nodemanagers(nodes) == []


def test_an_active_resourcemanager_that_tells_no_more(run: Run, recordings: Path) -> None:
    with web({"/ws/v1/cluster/info": recordings / "resourcemanager-3.5.0-cluster-info-active.json"}) as port:
        result = run(yarn_info, resourcemanagers=[f"{HOST}:{port}"])
    assert result["active"] == [f"{HOST}:{port}"]
    assert (result["nodemanagers"], result["counts"], result["applications"]) == ([], None, None)
    assert result["error"].startswith(f"http://{HOST}:{port}/ws/v1/cluster/nodes?states=")
    assert result["error"].endswith(" answers 404")


def test_yarn_without_an_active_resourcemanager(run: Run, recordings: Path) -> None:
    with web({"/": recordings / "resourcemanager-3.5.0-cluster-info-standby.json"}) as port:
        result = run(yarn_info, resourcemanagers=[f"{HOST}:{port}"])
    assert (result["active"], result["error"], result["nodemanagers"], result["counts"]) == ([], None, [], None)


def test_yarn_of_koverses_time_without_high_availability(run: Run, recordings: Path) -> None:
    with web({"/ws/v1/cluster/info": recordings / "resourcemanager-3.1.4-cluster-info.json"}) as port:
        (row,) = run(yarn_info, resourcemanagers=[f"{HOST}:{port}"])["resourcemanagers"]
    assert (row["role"], row["version"]) == ("active", "3.1.4")


# ---- Accumulo


@pytest.fixture
def manager_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the active manager that ZooKeeper names be found on a port of this host."""
    read = accumulo.read_znodes

    def put(port: int) -> None:
        monkeypatch.setattr(accumulo, "read_znodes", lambda *words: {**read(*words), "managers": [f"{HOST}:{port}", "n2:9999"]})

    return put


def test_accumulo(run: Run, wire: Path, manager_at: Any) -> None:
    with (
        serve(replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")) as zookeeper,
        serve(replay(wire / "accumulo-2.1.4-getManagerStats-normal.txt")) as manager,
    ):
        manager_at(manager)
        result = run(accumulo_info, zookeeper=[f"{HOST}:{free_port()}", f"{HOST}:{zookeeper}"], required=True)
    assert (result["answered"], result["error"]) == (True, None)
    assert (result["instance"], result["goal_state"]) == ("accumulo", "NORMAL")
    assert result["managers"] == [f"{HOST}:{manager}", "n2:9999"]
    assert (result["gc"], result["monitor"]) == (["n3:9998"], ["n2:9995"])
    assert result["tservers"] == ["n1:9997", "n2:9997", "n3:9997"]
    assert result["manager"] == {
        "host": HOST,
        "port": manager,
        "answered": True,
        "error": None,
        "state": "NORMAL",
        "goal_state": "NORMAL",
        "unassigned": 0,
        "tservers": ["s1:9997"],
        "bad_tservers": [],
        "dead_tservers": [],
    }
    tables = {table["id"]: table for table in result["tables"]}
    assert tables["!0"] == {"id": "!0", "name": "accumulo.metadata", "state": "ONLINE", "tablets": 2, "online": 2}
    assert tables["+rep"] == {"id": "+rep", "name": "accumulo.replication", "state": "OFFLINE", "tablets": 0, "online": 0}
    assert tables["3"] == {"id": "3", "name": "kv_samples", "state": "ONLINE", "tablets": 0, "online": 0}
    assert result["not_loaded"] == ["kv_field_stats", "kv_samples", "kv_schema"]
    assert "renamed" not in result


def test_accumulo_whose_manager_does_not_answer(run: Run, wire: Path, manager_at: Any) -> None:
    nobody = free_port()
    manager_at(nobody)
    with serve(replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")) as zookeeper:
        result = run(accumulo_info, zookeeper=[f"{HOST}:{zookeeper}"], required=True)
    assert result["answered"]
    assert (result["manager"]["answered"], result["manager"]["error"]) == (False, f"nobody listens on {HOST}:{nobody}")
    assert result["not_loaded"] is None
    assert {table["online"] for table in result["tables"]} == {None}


def test_accumulo_without_zookeeper(run: Run) -> None:
    with serve(closes) as port:
        result = run(accumulo_info, zookeeper=[f"{HOST}:{port}"])
    assert result["answered"] is False
    assert result["error"].startswith("no ZooKeeper serves: ")
    assert (result["manager"], result["tables"], result["not_loaded"], result["managers"]) == (None, [], None, None)


def test_accumulo_with_another_name(run: Run, wire: Path) -> None:
    with serve(replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")) as zookeeper, pytest.MonkeyPatch.context() as patch:
        read = accumulo.read_znodes
        asked: list[str | None] = []
        patch.setattr(accumulo, "read_znodes", lambda session, instance: asked.append(instance) or read(session))
        run(accumulo_info, zookeeper=[f"{HOST}:{zookeeper}"], instance="lab")
    assert asked == ["lab"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"1": {"tablets": 3, "online": 2}}, {"tablets": 3, "online": 2}),
        ({}, {"tablets": 0, "online": 0}),
        (None, {"tablets": None, "online": None}),
    ],
)
def test_a_tables_tablets(counts: Any, expected: dict[str, Any]) -> None:
    assert accumulo_info.rows({"1": {"name": "t", "state": "ONLINE"}}, counts) == [{"id": "1", "name": "t", "state": "ONLINE", **expected}]
