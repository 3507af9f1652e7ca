# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough Thrift (framed transport, compact protocol) to ask an Accumulo server a question.

The compact protocol describes itself, so answers are decoded without generated code: a struct becomes a dict of
field number to value. Format: Apache Thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer, connect, no_answer

_CALL, _EXCEPTION = 1, 3
_LARGEST_FRAME = 64 << 20


class ThriftError(NoAnswer):
    """The server answered, with an exception: it is alive, but did not do what was asked."""


def call(address: str, port: int, method: str) -> dict[int, Any]:
    """Calls `method` without arguments; the fields of its result struct (field 0 is what it returns).

    Raises ThriftError when the server answers with an exception, NoAnswer when it does not answer.
    """
    name = method.encode()
    message = bytes([0x82, 0x01 | (_CALL << 5), 0]) + bytes([len(name)]) + name + b"\x00"
    with connect(address, port) as connection:
        try:
            connection.sendall(struct.pack(">i", len(message)) + message)
            (length,) = struct.unpack(">i", _exactly(connection, 4))
            if not 0 < length <= _LARGEST_FRAME:
                raise NoAnswer(f"{address}:{port} does not speak Thrift")
            frame = _exactly(connection, length)
        except OSError as error:
            raise no_answer(address, port, error) from error
    try:
        return decode_reply(frame)
    except (IndexError, struct.error) as error:
        raise NoAnswer(f"{address}:{port} answers with a damaged Thrift message") from error


def decode_reply(frame: bytes) -> dict[int, Any]:
    """The result struct in a reply. Raises ThriftError where the reply is an exception."""
    if frame[0] != 0x82:
        raise NoAnswer("the answer is not in Thrift's compact protocol")
    reader = _Reader(frame)
    reader.at = 2
    reader.varint()
    reader.binary()
    result = reader.struct()
    if frame[1] >> 5 == _EXCEPTION:
        raise ThriftError(f"the server answers with an error: {text(result.get(1, b'no message'))}")
    return result


def text(value: Any) -> str:
    """A Thrift string as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _exactly(connection: Any, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError("the connection was closed in mid-answer")
        data += chunk
    return data


class _Reader:
    """Reads values of the compact protocol one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def integer(self) -> int:
        zigzag = self.varint()
        return (zigzag >> 1) ^ -(zigzag & 1)

    def binary(self) -> bytes:
        length = self.varint()
        self.at += length
        return self.data[self.at - length : self.at]

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while header := self.byte():
            number = number + (header >> 4) if header >> 4 else self.integer()
            kind = header & 0x0F
            fields[number] = kind == 1 if kind in (1, 2) else self.value(kind)
        return fields

    def value(self, kind: int) -> Any:
        if kind in (1, 2):  # inside of collections a boolean takes a byte
            return self.byte() == 1
        if kind == 3:
            return struct.unpack("b", bytes([self.byte()]))[0]
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 7:
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if kind == 8:
            return self.binary()
        if kind in (9, 10):
            header = self.byte()
            size = header >> 4 if header >> 4 != 15 else self.varint()
            return [self.value(header & 0x0F) for _item in range(size)]
        if kind == 11:
            size = self.varint()
            kinds = self.byte() if size else 0
            return {self.value(kinds >> 4): self.value(kinds & 0x0F) for _item in range(size)}
        if kind == 12:
            return self.struct()
        raise NoAnswer(f"the answer has a field of the unknown Thrift type {kind}")
