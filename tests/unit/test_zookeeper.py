# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZooKeeper's four-letter words and client protocol, on what real servers said."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import accumulo, zookeeper
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import ZooKeeper, parse_mntr, parse_srvr
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, closes, drips, free_port, replay, says, serve, silent

ID = "09438c56-a181-455d-81d9-9d7451872525"
CREATED = 0x01A1FDCAB5CB / 1000  # of the lock of n1's tablet server, as recorded


@pytest.mark.parametrize(
    ("recording", "mode", "zxid"),
    [
        ("zookeeper-3.8.6-srvr-leader.txt", "leader", "0x100000000"),
        ("zookeeper-3.8.6-srvr-follower.txt", "follower", "0x0"),
        ("zookeeper-3.8.6-srvr-standalone.txt", "standalone", "0x1c8"),
    ],
)
def test_srvr(recordings: Path, recording: str, mode: str, zxid: str) -> None:
    fields = parse_srvr((recordings / recording).read_text(encoding="ascii"))
    assert (fields["Mode"], fields["Zxid"]) == (mode, zxid)
    assert fields["Zookeeper version"].startswith("3.8.6-")


def test_srvr_of_a_server_without_a_quorum(recordings: Path) -> None:
    answer = (recordings / "zookeeper-3.8.6-srvr-no-quorum.txt").read_text(encoding="ascii")
    with pytest.raises(NoAnswer, match=r"^This ZooKeeper instance is not currently serving requests$"):
        parse_srvr(answer)


@pytest.mark.parametrize("answer", ["", "\n", " \n "])
def test_srvr_answered_with_nothing(answer: str) -> None:
    with pytest.raises(NoAnswer, match=r"^srvr is answered with nothing$"):
        parse_srvr(answer)


def test_mntr(recordings: Path) -> None:
    leader = parse_mntr((recordings / "zookeeper-3.8.6-mntr-leader.txt").read_text(encoding="ascii"))
    assert (leader["zk_server_state"], leader["zk_synced_followers"]) == ("leader", "2")
    follower = parse_mntr((recordings / "zookeeper-3.8.6-mntr-follower.txt").read_text(encoding="ascii"))
    assert follower["zk_server_state"] == "follower"
    assert "zk_synced_followers" not in follower


@pytest.mark.parametrize("recording", ["zookeeper-3.8.6-mntr-refused.txt", "zookeeper-3.8.6-mntr-no-quorum.txt"])
def test_mntr_without_fields(recordings: Path, recording: str) -> None:
    assert parse_mntr((recordings / recording).read_text(encoding="ascii")) == {}


def test_four_letter_word_is_sent_as_it_is() -> None:
    with serve(lambda connection: connection.sendall(connection.recv(65536) + b"!")) as port:
        assert zookeeper.four_letter_word(HOST, port, "srvr") == "srvr!"


@pytest.mark.parametrize(
    ("server", "parts"),
    [
        ("n1:2182", ("n1", 2182)),
        ("n1", ("n1", 2181)),
        ("n1:", ("n1:", 2181)),
        (":2181", (":2181", 2181)),
        ("fd00::1:2181", ("fd00::1", 2181)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
    ],
)
def test_split_server(server: str, parts: tuple[str, int]) -> None:
    assert zookeeper.split_server(server) == parts


# ---- the client, byte for byte as a ZooKeeper 3.8.6 with an Accumulo 2.1.4 was asked and answered


def test_a_recorded_session(wire: Path) -> None:
    with serve(replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        facts = accumulo.read_znodes(session)
    assert facts == {
        "instance": "accumulo",
        "instance_id": ID,
        "root": f"/accumulo/{ID}",
        "renamed": True,
        "goal_state": "NORMAL",
        "managers": ["n1:9999", "n2:9999"],
        "gc": ["n3:9998"],
        "monitor": ["n2:9995"],
        "tservers": ["n1:9997", "n2:9997", "n3:9997"],
        "tables": {
            "!0": {"name": "accumulo.metadata", "state": "ONLINE"},
            "+r": {"name": "accumulo.root", "state": "ONLINE"},
            "+rep": {"name": "accumulo.replication", "state": "OFFLINE"},
            "1": {"name": "kv_index", "state": "ONLINE"},
            "2": {"name": "kv_record", "state": "ONLINE"},
            "3": {"name": "kv_samples", "state": "ONLINE"},
            "4": {"name": "kv_field_stats", "state": "ONLINE"},
            "5": {"name": "kv_schema", "state": "ONLINE"},
        },
    }


def test_when_a_tablet_servers_lock_was_made(wire: Path) -> None:
    with serve(replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        assert accumulo.lock_created(session, f"/accumulo/{ID}", "n1:9997") == CREATED


def test_a_recorded_session_of_koverses_time(wire: Path) -> None:
    with serve(replay(wire / "zookeeper-3.4.13-accumulo-1.9.3-znodes.txt")) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        facts = accumulo.read_znodes(session)
    assert (facts["instance"], facts["renamed"], facts["goal_state"]) == ("accumulo", False, "NORMAL")
    assert (facts["managers"], facts["tservers"]) == (["c1:9999"], ["c1:9997"])
    assert facts["tables"]["!0"] == {"name": "accumulo.metadata", "state": "ONLINE"}
    assert facts["tables"]["1"] == {"name": "kv_index", "state": "ONLINE"}


def test_the_next_server_is_tried(wire: Path) -> None:
    recorded = replay(wire / "zookeeper-3.8.6-accumulo-2.1.4-znodes.txt")
    with serve(closes) as no_quorum, serve(recorded) as good:
        servers = [f"{HOST}:{free_port()}", f"{HOST}:{no_quorum}", f"{HOST}:{good}"]
        with ZooKeeper(servers) as session:
            assert accumulo.read_znodes(session)["instance_id"] == ID


def test_no_server_serves(short_timeout: float) -> None:
    nobody = free_port()
    with serve(closes) as no_quorum, silent() as stopped, serve(says(b"HTTP/1.1 400 Bad Request\r\n")) as web:
        servers = [f"{HOST}:{port}" for port in (nobody, no_quorum, stopped, web)]
        with pytest.raises(NoAnswer) as caught:
            ZooKeeper(servers)
    assert str(caught.value) == (
        f"no ZooKeeper serves: nobody listens on {HOST}:{nobody}; "
        f"{HOST}:{no_quorum} closes the connection: it has no quorum, or too many clients; "
        f"{HOST}:{stopped} does not answer within {short_timeout:g} s; "
        f"{HOST}:{web} does not speak ZooKeeper's protocol"
    )


def test_no_server_is_known() -> None:
    with pytest.raises(NoAnswer, match=r"^no ZooKeeper serves: none is known$"):
        ZooKeeper([])


def frames(*messages: bytes) -> bytes:
    """Messages as a server sends them, after its answer to the connect request."""
    connected = struct.pack(">iiqi16s?", 0, 10_000, 1, 16, b"", False)
    return b"".join(struct.pack(">i", len(message)) + message for message in (connected, *messages))


def header(error: int) -> bytes:
    """The header of an answer: xid, zxid, error (zookeeper.jute, ReplyHeader)."""
    return struct.pack(">iqi", 1, 9, error)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (header(-102), "^ZooKeeper does not let us read /accumulo$"),
        (header(-112), "^ZooKeeper answers error -112 for /accumulo$"),
    ],
)
def test_an_error_for_a_znode(answer: bytes, said: str) -> None:
    with serve(says(frames(answer))) as port, ZooKeeper([f"{HOST}:{port}"]) as session, pytest.raises(NoAnswer, match=said):
        session.data("/accumulo")


@pytest.mark.parametrize("question", ["data", "children"])
def test_a_znode_that_does_not_exist(question: str) -> None:
    with serve(says(frames(header(-101)))) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        assert getattr(session, question)("/accumulo") is None


def test_a_znode_without_data() -> None:
    with serve(says(frames(header(0) + struct.pack(">i", -1)))) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        assert session.data("/accumulo") == ""


def test_children_come_in_order() -> None:
    listed = struct.pack(">ii1si2s", 2, 1, b"b", 2, b"ab")
    with serve(says(frames(header(0) + listed))) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        assert session.children("/accumulo") == ["ab", "b"]


def test_an_answer_that_comes_in_pieces() -> None:
    listed = struct.pack(">ii5s", 1, 5, b"child")
    with serve(drips(frames(header(0) + listed))) as port, ZooKeeper([f"{HOST}:{port}"]) as session:
        assert session.children("/accumulo") == ["child"]


def test_a_server_that_goes_away_in_the_middle() -> None:
    with serve(says(frames())) as port, ZooKeeper([f"{HOST}:{port}"]) as session, pytest.raises(NoAnswer, match=rf"^{HOST}:{port}"):
        session.data("/accumulo")


def test_a_session_ends_also_where_the_server_has_gone() -> None:
    with serve(says(frames())) as port, ZooKeeper([f"{HOST}:{port}"]):
        pass
