# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thrift's compact protocol, on what real Accumulo servers said and on every kind of value."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import thrift
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.thrift import ThriftError, decode_reply
from ansible_collections.koverse.runbook.tests.unit.servers import (
    HOST,
    answers,
    closes,
    drips,
    free_port,
    replay,
    says,
    serve,
    silent,
)
from hypothesis import given
from hypothesis import strategies as st

DAMAGED = (NoAnswer, IndexError, struct.error)
REPLY = b"\x82\x41\x00\x01m"  # protocol, version and type, sequence, name


def reply(fields: bytes) -> dict[int, Any]:
    """The fields of a reply's result struct."""
    return decode_reply(REPLY + fields + b"\x00")


# ---- byte for byte as an Accumulo 2.1.4 was asked and answered


def test_a_recorded_call(wire: Path) -> None:
    with serve(replay(wire / "accumulo-2.1.4-getInstanceId.txt")) as port:
        assert thrift.call(HOST, port, "client:getInstanceId") == {0: b"4e32ca67-b981-4f97-851c-0b252004e2e8"}


def test_a_recorded_error(wire: Path) -> None:
    said = "^the server answers with an error: Invalid method name: 'getMasterStats'$"
    with serve(replay(wire / "accumulo-2.1.4-getMasterStats-unknown.txt")) as port, pytest.raises(ThriftError, match=said):
        thrift.call(HOST, port, "mgr:getMasterStats")


def test_a_recorded_struct(wire: Path) -> None:
    (frame,) = answers(wire / "accumulo-2.1.4-getManagerStats-clean-stop.txt")
    info = decode_reply(frame)[0]
    (server,) = info[2]
    assert (info[1], info[3], info[4], info[5], info[6]) == ({}, {}, 1, 0, 0)
    assert (server[2], server[3], server[5], server[18], server[19]) == (1795255508745, b"s1:9997", 15.3857421875, 504, b"2.1.4")


def test_an_answer_that_comes_in_pieces(wire: Path) -> None:
    (frame,) = answers(wire / "accumulo-2.1.4-getInstanceId.txt")
    with serve(drips(struct.pack(">i", len(frame)) + frame)) as port:
        assert thrift.call(HOST, port, "client:getInstanceId") == {0: b"4e32ca67-b981-4f97-851c-0b252004e2e8"}


@pytest.mark.parametrize("recording", ["accumulo-2.1.4-getManagerStats-normal.txt", "accumulo-2.1.4-getInstanceId.txt"])
def test_a_recorded_answer_cut_short(wire: Path, recording: str) -> None:
    (frame,) = answers(wire / recording)
    for end in range(len(frame)):
        with pytest.raises(DAMAGED):
            decode_reply(frame[:end])


# ---- every kind of value, by doc/specs/thrift-compact-protocol.md


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        (b"\x11", True),
        (b"\x12", False),
        (b"\x13\xff", -1),
        (b"\x13\x7f", 127),
        (b"\x14\x02", 1),
        (b"\x14\x01", -1),
        (b"\x15\xac\x02", 150),
        (b"\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -(2**63)),
        (b"\x16\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 2**63 - 1),
        (b"\x17\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
        (b"\x18\x03abc", b"abc"),
        (b"\x18\x00", b""),
        (b"\x19\x35\x02\x04\x06", [1, 2, 3]),
        (b"\x19\xf3\x10" + b"\x01" * 16, [1] * 16),
        (b"\x19\x21\x01\x02", [True, False]),
        (b"\x1a\x28\x01a\x01b", [b"a", b"b"]),
        (b"\x1b\x00", {}),
        (b"\x1b\x02\x85\x01a\x02\x01b\x04", {b"a": 1, b"b": 2}),
        (b"\x1c\x15\x02\x00", {1: 1}),
        (b"\x1c\x00", {}),
    ],
)
def test_a_value(fields: bytes, value: object) -> None:
    assert reply(fields) == {1: value}


def test_field_numbers_are_counted_on_or_given() -> None:
    assert reply(b"\x15\x02\x25\x04\x05\x64\x06\x15\x08") == {1: 1, 3: 2, 50: 3, 51: 4}


def test_a_method_that_returns_nothing() -> None:
    assert reply(b"") == {}


def test_an_exception_without_a_message() -> None:
    with pytest.raises(ThriftError, match=r"^the server answers with an error: no message$"):
        decode_reply(b"\x82\x61\x00\x01m\x00")


def test_a_type_that_does_not_exist() -> None:
    with pytest.raises(NoAnswer, match="unknown Thrift type 13"):
        reply(b"\x1d")


def test_another_protocol() -> None:
    with pytest.raises(NoAnswer, match=r"^the answer is not in Thrift's compact protocol$"):
        decode_reply(b"\x80\x01\x00\x02")


def test_text() -> None:
    assert (thrift.text(b"n1:9997"), thrift.text(b"\xff"), thrift.text(7)) == ("n1:9997", "\ufffd", "7")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_damaged(data: bytes) -> None:
    with contextlib.suppress(*DAMAGED, TypeError):
        decode_reply(b"\x82\x41" + data)


# ---- servers that do not answer


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswer, match=r"^nobody listens on ") as caught:
        thrift.call(HOST, free_port(), "x")
    assert caught.value.refused


def test_a_stopped_process(short_timeout: float) -> None:
    with silent() as port, pytest.raises(NoAnswer, match=f"does not answer within {short_timeout:g} s"):
        thrift.call(HOST, port, "x")


def test_a_closed_connection() -> None:
    with serve(closes) as port, pytest.raises(NoAnswer, match="the connection was closed in mid-answer"):
        thrift.call(HOST, port, "x")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"])
def test_a_server_of_another_kind(answer: bytes) -> None:
    with serve(says(answer)) as port, pytest.raises(NoAnswer, match="does not speak Thrift"):
        thrift.call(HOST, port, "x")


@pytest.mark.parametrize("frame", [REPLY + b"\x18", REPLY + b"\x17\x00\x00", b"\x82"])
def test_a_damaged_answer(frame: bytes) -> None:
    with serve(says(struct.pack(">i", len(frame)) + frame)) as port, pytest.raises(NoAnswer, match="a damaged Thrift message"):
        thrift.call(HOST, port, "x")
