# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from ZooKeeper: four-letter words, and znodes over its client protocol. Never writes.

The client is here because probes run on every host of a cluster, where no ZooKeeper library for Python is installed,
and because ZooKeeper's own command line costs a JVM for every question. Protocol: zookeeper.jute of ZooKeeper 3.4 to 3.9.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer, connect, exchange, no_answer

_GET_DATA, _GET_CHILDREN, _CLOSE = 4, 8, -11
_NO_NODE, _NO_AUTH = -101, -102
_SESSION_TIMEOUT_MS = 10_000
_LARGEST_ANSWER = 16 << 20


def four_letter_word(address: str, port: int, word: str) -> str:
    """The answer to a four-letter word, for example `srvr`. Raises NoAnswer."""
    return exchange(address, port, word.encode())


def parse_srvr(answer: str) -> dict[str, str]:
    """`Mode: leader` and the other `Name: value` lines of `srvr`. Raises NoAnswer where the server does not serve."""
    fields = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
    if "Mode" not in fields:
        raise NoAnswer(answer.strip().splitlines()[0] if answer.strip() else "srvr is answered with nothing")
    return fields


def parse_mntr(answer: str) -> dict[str, str]:
    """The fields of `mntr`; empty where the word is not whitelisted."""
    return dict(line.split("\t", 1) for line in answer.splitlines() if "\t" in line)


class ZooKeeper:
    """A session that reads. Use as a context manager; raises NoAnswer when no server of the ensemble serves."""

    def __init__(self, servers: Sequence[str]) -> None:
        """servers: `host:port`, tried in turn."""
        failures = []
        for server in servers:
            address, port = split_server(server)
            try:
                self._open(address, port)
                return
            except NoAnswer as error:
                failures.append(str(error))
        raise NoAnswer(f"no ZooKeeper serves: {'; '.join(failures) or 'none is known'}")

    def _open(self, address: str, port: int) -> None:
        self._where = address, port
        self._xid = 0
        self._socket: socket.socket = connect(address, port)
        request = struct.pack(">iqiqi16s?", 0, 0, _SESSION_TIMEOUT_MS, 0, 16, b"", False)
        try:
            self._send(request)
            self._receive()
        except NoAnswer:
            self._socket.close()
            raise

    def __enter__(self) -> ZooKeeper:
        return self

    def __exit__(self, *_error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session, so that the server need not wait for its timeout."""
        try:
            self._send(struct.pack(">ii", self._xid + 1, _CLOSE))
            self._receive()
        except NoAnswer:
            pass  # the server ends the session by itself after its timeout
        finally:
            self._socket.close()

    def children(self, path: str) -> list[str] | None:
        """The names of the children in order; None where the node does not exist."""
        answer = self._ask(_GET_CHILDREN, path)
        if answer is None:
            return None
        (count,) = struct.unpack_from(">i", answer)
        names, at = [], 4
        for _child in range(count):
            (length,) = struct.unpack_from(">i", answer, at)
            names.append(answer[at + 4 : at + 4 + length].decode())
            at += 4 + length
        return sorted(names)

    def data(self, path: str) -> str | None:
        """The node's data as text; None where the node does not exist."""
        answer = self._ask(_GET_DATA, path)
        if answer is None:
            return None
        (length,) = struct.unpack_from(">i", answer)
        return answer[4 : 4 + max(length, 0)].decode("utf-8", "replace")

    def created(self, path: str) -> float | None:
        """When the node was made, seconds since 1970 by the clock of the ensemble's leader; None where the node does not exist."""
        answer = self._ask(_GET_DATA, path)
        if answer is None:
            return None
        (length,) = struct.unpack_from(">i", answer)
        _czxid, _mzxid, created = struct.unpack_from(">qqq", answer, 4 + max(length, 0))
        return float(created) / 1000

    def _ask(self, kind: int, path: str) -> bytes | None:
        self._xid += 1
        encoded = path.encode()
        self._send(struct.pack(f">iii{len(encoded)}s?", self._xid, kind, len(encoded), encoded, False))
        answer = self._receive()
        _xid, _zxid, error = struct.unpack_from(">iqi", answer)
        if error == _NO_NODE:
            return None
        if error == _NO_AUTH:
            raise NoAnswer(f"ZooKeeper does not let us read {path}")
        if error:
            raise NoAnswer(f"ZooKeeper answers error {error} for {path}")
        return answer[16:]

    def _send(self, message: bytes) -> None:
        try:
            self._socket.settimeout(net.TIMEOUT)
            self._socket.sendall(struct.pack(">i", len(message)) + message)
        except OSError as error:
            raise no_answer(*self._where, error) from error

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        if not 0 <= length <= _LARGEST_ANSWER:
            raise NoAnswer(f"{self._where[0]}:{self._where[1]} does not speak ZooKeeper's protocol")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                chunk = self._socket.recv(count - len(data))
            except OSError as error:
                raise no_answer(*self._where, error) from error
            if not chunk:
                raise NoAnswer(f"{self._where[0]}:{self._where[1]} closes the connection: it has no quorum, or too many clients")
            data += chunk
        return data


def split_server(server: str) -> tuple[str, int]:
    """`host:port` in two parts; ZooKeeper's 2181 where no port is given."""
    host, _colon, port = server.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (server, 2181)
