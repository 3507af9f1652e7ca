# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Accumulo keeps in ZooKeeper and what its manager knows, from recorded answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import accumulo
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.thrift import decode_reply
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, answers, replay, serve

ID = "4e32ca67-b981-4f97-851c-0b252004e2e8"
ROOT = f"/accumulo/{ID}"


class Znodes:
    """Znodes by path; a node exists where it or one below it is named. Answers as the client does."""

    def __init__(self, data: dict[str, str]) -> None:
        self._data = data

    def data(self, path: str) -> str | None:
        """The node's data."""
        return self._data.get(path)

    def children(self, path: str) -> list[str] | None:
        """The names below the node."""
        names = {node[len(path) + 1 :].split("/")[0] for node in self._data if node.startswith(f"{path}/")}
        return sorted(names) if names or path in self._data else None


# Laid out as the recorded instances are: 2.1 with managers, before it with masters.
CURRENT = {
    "/accumulo/instances/lab": ID,
    f"{ROOT}/managers/goal_state": "NORMAL",
    f"{ROOT}/managers/lock/zlock#9f84ffce-c051-4564-a57c-b511c969f2d8#0000000007": "n1:9999",
    f"{ROOT}/managers/lock/zlock#1184ffce-c051-4564-a57c-b511c969f2d8#0000000012": "n2:9999",
    f"{ROOT}/gc/lock/zlock#487fa1a9-2af7-4293-a823-422f0995b181#0000000000": "GC_CLIENT=n3:9998",
    f"{ROOT}/monitor/lock/zlock#9e6737e2-4206-4c86-a0eb-1909935e61f4#0000000000": "n2:9995",
    f"{ROOT}/tservers/n1:9997/zlock#1#0000000000": "TABLET_SCAN=n1:9997;CLIENT=n1:9997",
    f"{ROOT}/tservers/n2:9997": "",
    f"{ROOT}/tables/1/name": "t1",
    f"{ROOT}/tables/1/state": "ONLINE",
    f"{ROOT}/tables/1/namespace": "+default",
    f"{ROOT}/tables/2/name": "t2",
    f"{ROOT}/tables/2/state": "NEW",
    f"{ROOT}/tables/2/namespace": "k",
    f"{ROOT}/namespaces/k/name": "koverse",
    f"{ROOT}/namespaces/+default/name": "",
}
CLASSIC = {
    "/accumulo/instances/lab": ID,
    f"{ROOT}/masters/goal_state": "NORMAL",
    f"{ROOT}/masters/lock/zlock-0000000002": "c1:9999",
}


def stats(wire: Path, recording: str) -> dict[str, Any]:
    """A recorded answer of a manager, in words."""
    (frame,) = answers(wire / recording)
    return accumulo.parse_manager_stats(decode_reply(frame)[0], renamed="Manager" in recording)


def test_znodes_of_a_cluster_with_two_managers() -> None:
    facts = accumulo.read_znodes(Znodes(CURRENT))
    assert facts == {
        "instance": "lab",
        "instance_id": ID,
        "root": ROOT,
        "renamed": True,
        "goal_state": "NORMAL",
        "managers": ["n1:9999", "n2:9999"],
        "gc": ["n3:9998"],
        "monitor": ["n2:9995"],
        "tservers": ["n1:9997"],
        "tables": {"1": {"name": "t1", "state": "ONLINE"}, "2": {"name": "koverse.t2", "state": "NEW"}},
    }


def test_before_2_1_the_manager_is_called_master() -> None:
    facts = accumulo.read_znodes(Znodes(CLASSIC))
    assert (facts["renamed"], facts["goal_state"], facts["managers"]) == (False, "NORMAL", ["c1:9999"])
    assert (facts["gc"], facts["monitor"], facts["tservers"], facts["tables"]) == ([], [], [], {})


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ({"zlock-0000000002": "a:1", "zlock-0000000010": "b:1"}, ["a:1", "b:1"]),
        ({"zlock#f#0000000002": "a:1", "zlock#0#0000000010": "b:1"}, ["a:1", "b:1"]),
    ],
)
def test_a_lock_is_held_by_the_lowest_number(queue: dict[str, str], expected: list[str]) -> None:
    nodes = {"/accumulo/instances/lab": ID, f"{ROOT}/managers/goal_state": "NORMAL"}
    locks = {f"{ROOT}/managers/lock/{node}": data for node, data in queue.items()}
    assert accumulo.read_znodes(Znodes({**nodes, **locks}))["managers"] == expected


def test_an_instance_is_found_by_name_where_there_are_several() -> None:
    nodes = Znodes({**CURRENT, "/accumulo/instances/old": "0000"})
    assert accumulo.read_znodes(nodes, "lab")["instance_id"] == ID
    with pytest.raises(NoAnswer, match=r"^ZooKeeper has 2 Accumulo instances \(lab, old\): name one$"):
        accumulo.read_znodes(nodes)


def test_an_instance_that_does_not_exist() -> None:
    with pytest.raises(NoAnswer, match=r"^ZooKeeper has no Accumulo instance 'lba', only: lab$"):
        accumulo.read_znodes(Znodes(CURRENT), "lba")
    with pytest.raises(NoAnswer, match=r"^ZooKeeper has no Accumulo instance 'lab', only: none$"):
        accumulo.read_znodes(Znodes({}), "lab")


def test_accumulo_that_was_never_initialised() -> None:
    with pytest.raises(NoAnswer, match=r"^ZooKeeper has no Accumulo instance: Accumulo has not been initialised$"):
        accumulo.read_znodes(Znodes({}))


def test_stats_of_a_manager_that_serves(wire: Path) -> None:
    assert stats(wire, "accumulo-2.1.4-getManagerStats-normal.txt") == {
        "state": "NORMAL",
        "goal_state": "NORMAL",
        "unassigned": 0,
        "tservers": ["s1:9997"],
        "queued": {},
        "bad_tservers": [],
        "dead_tservers": [],
        "tables": {
            "!0": {"tablets": 2, "online": 2},
            "+r": {"tablets": 1, "online": 1},
            "1": {"tablets": 1, "online": 1},
            "2": {"tablets": 1, "online": 1},
        },
    }


def test_stats_after_a_clean_stop(wire: Path) -> None:
    said = stats(wire, "accumulo-2.1.4-getManagerStats-clean-stop.txt")
    assert (said["state"], said["goal_state"]) == ("HAVE_LOCK", "CLEAN_STOP")
    assert (said["unassigned"], said["tservers"], said["tables"]) == (0, ["s1:9997"], {})


TABLES = {
    "!0": {"name": "metadata", "state": "ONLINE"},
    "+r": {"name": "root", "state": "ONLINE"},
    "+rep": {"name": "replication", "state": "OFFLINE"},
    "1": {"name": "t1", "state": "ONLINE"},
    "2": {"name": "T", "state": "ONLINE"},
    "3": {"name": "Tb", "state": "OFFLINE"},
}


def test_nothing_is_awaited_of_a_manager_that_has_loaded(wire: Path) -> None:
    assert accumulo.not_loaded(stats(wire, "accumulo-2.1.4-getManagerStats-normal.txt"), TABLES) == []


def test_the_zero_of_a_manager_that_has_not_looked_yet(wire: Path) -> None:
    said = stats(wire, "accumulo-2.1.4-getManagerStats-clean-stop.txt")
    assert said["unassigned"] == 0
    assert accumulo.not_loaded(said, TABLES) == ["T", "metadata", "root", "t1"]


# ---- whole starts and stops, picture by picture


def story(wire: Path, recording: str) -> list[dict[str, Any]]:
    """The different pictures of a manager over time, in words."""
    frames = answers(wire / recording)
    return [accumulo.parse_manager_stats(decode_reply(frame)[0], renamed="Manager" in recording) for frame in frames]


KOVERSE = dict(zip("12345", ("kv_index", "kv_record", "kv_samples", "kv_field_stats", "kv_schema")))
SERVED = {table: {"name": name, "state": "ONLINE"} for table, name in {"!0": "metadata", "+r": "root", **KOVERSE}.items()}


@pytest.mark.parametrize("recording", ["accumulo-2.1.4-getManagerStats-start.txt", "accumulo-1.9.3-getMasterStats-start.txt"])
def test_a_start_is_over_when_all_is_loaded_and_not_before(wire: Path, recording: str) -> None:
    pictures = story(wire, recording)
    assert {(said["state"], said["goal_state"]) for said in pictures} == {("NORMAL", "NORMAL")}
    assert len([said for said in pictures if not said["unassigned"]]) > 1
    ready = [not said["unassigned"] and not accumulo.not_loaded(said, SERVED) for said in pictures]
    assert ready == [False] * (len(pictures) - 1) + [True]


def test_a_clean_stop(wire: Path) -> None:
    pictures = story(wire, "accumulo-2.1.4-getManagerStats-stop.txt")
    assert {said["goal_state"] for said in pictures} == {"CLEAN_STOP"}
    assert [said["state"] for said in pictures] == ["NORMAL", "UNLOAD_METADATA_TABLETS", "UNLOAD_ROOT_TABLET"]
    assert [len(said["tservers"]) for said in pictures] == [1, 1, 0]
    assert [said["unassigned"] for said in pictures] == [0, 0, 2]


@pytest.mark.parametrize(
    ("counts", "table", "missing"),
    [
        ({"1": {"tablets": 4, "online": 4}}, {"name": "t1", "state": "ONLINE"}, []),
        ({"1": {"tablets": 4, "online": 3}}, {"name": "t1", "state": "ONLINE"}, ["t1"]),
        ({"1": {"tablets": 0, "online": 0}}, {"name": "t1", "state": "ONLINE"}, ["t1"]),
        ({}, {"name": "t1", "state": "ONLINE"}, ["t1"]),
        ({}, {"name": None, "state": "ONLINE"}, ["1"]),
        ({}, {"name": "t1", "state": "OFFLINE"}, []),
        ({}, {"name": "t1", "state": None}, []),
        ({"t1": {"tablets": 1, "online": 1}}, {"name": "t1", "state": "ONLINE"}, []),
    ],
)
def test_a_table_that_nobody_serves(counts: dict[str, Any], table: dict[str, Any], missing: list[str]) -> None:
    assert accumulo.not_loaded({"tables": counts}, {"1": table}) == missing


def test_states_by_their_numbers() -> None:
    states = [accumulo.parse_manager_stats({4: number}, renamed=True)["state"] for number in range(7)]
    assert states[:4] == ["INITIAL", "HAVE_LOCK", "SAFE_MODE", "NORMAL"]
    assert states[4:] == ["UNLOAD_METADATA_TABLETS", "UNLOAD_ROOT_TABLET", "STOP"]


def test_a_manager_that_says_nothing_yet() -> None:
    assert accumulo.parse_manager_stats({}, renamed=True) == {
        "state": "INITIAL",
        "goal_state": "CLEAN_STOP",
        "unassigned": 0,
        "queued": {},
        "tservers": [],
        "bad_tservers": [],
        "dead_tservers": [],
        "tables": {},
    }


def test_compactions_that_wait() -> None:
    tables = {b"1": {9: {1: 2, 2: 3}, 10: {1: 1, 2: 40}}, b"2": {10: {2: 7}}}
    info = {2: [{1: tables, 3: b"n1:9997"}, {1: {b"1": {9: {1: 4, 2: 0}}}, 3: b"n2:9997"}]}
    assert accumulo.parse_manager_stats(info, renamed=True)["queued"] == {"n1:9997": 50}


def test_servers_that_are_bad_or_dead() -> None:
    info = {3: {b"n2:9997": 7}, 8: [{1: b"n3:9997"}, {1: b"n3:9997"}], 2: [{3: b"n2:9997"}, {3: b"n1:9997"}]}
    said = accumulo.parse_manager_stats(info, renamed=True)
    assert (said["bad_tservers"], said["dead_tservers"], said["tservers"]) == (["n2:9997"], ["n3:9997"], ["n1:9997", "n2:9997"])


# ---- 1.9.3: the same struct with other numbers, from a cluster whose only tablet server was killed


def test_stats_of_a_master_that_serves(wire: Path) -> None:
    said = stats(wire, "accumulo-1.9.3-getMasterStats-normal.txt")
    assert (said["state"], said["goal_state"], said["unassigned"]) == ("NORMAL", "NORMAL", 0)
    assert (said["tservers"], said["bad_tservers"], said["dead_tservers"]) == (["kv2:9997"], [], [])
    assert sorted(said["tables"]) == ["!0", "+r", "1", "2", "3", "4", "5"]
    assert said["tables"]["!0"] == {"tablets": 2, "online": 2}


def test_a_master_whose_tablet_server_has_just_been_killed(wire: Path) -> None:
    said = stats(wire, "accumulo-1.9.3-getMasterStats-bad-tserver.txt")
    assert (said["state"], said["goal_state"], said["unassigned"]) == ("NORMAL", "NORMAL", 0)
    assert (said["tservers"], said["bad_tservers"], said["dead_tservers"]) == ([], ["kv2:9997"], [])


def test_a_master_whose_tablet_server_is_dead(wire: Path) -> None:
    said = stats(wire, "accumulo-1.9.3-getMasterStats-dead-tserver.txt")
    assert (said["state"], said["goal_state"], said["unassigned"]) == ("NORMAL", "NORMAL", 0)
    assert (said["tservers"], said["bad_tservers"], said["dead_tservers"]) == ([], [], ["kv2:9997"])
    assert accumulo.not_loaded(said, TABLES) == ["T", "metadata", "root", "t1"]


@pytest.mark.parametrize(
    ("version", "renamed", "instance_id"),
    [("2.1.4", True, ID), ("1.9.3", False, "b0d22e9c-297b-4792-aac9-45013b8601dd")],
)
def test_ping(wire: Path, version: str, renamed: bool, instance_id: str) -> None:
    with serve(replay(wire / f"accumulo-{version}-getInstanceId.txt")) as port:
        assert accumulo.ping(HOST, port, renamed) == instance_id


@pytest.mark.parametrize(("recording", "renamed"), [("2.1.4-getManagerStats", True), ("1.9.3-getMasterStats", False)])
def test_manager_stats(wire: Path, recording: str, renamed: bool) -> None:
    with serve(replay(wire / f"accumulo-{recording}-normal.txt")) as port:
        assert accumulo.manager_stats(HOST, port, renamed)["state"] == "NORMAL"
