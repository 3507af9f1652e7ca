# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers on loopback that answer as a test wants them to."""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

HOST = "127.0.0.1"
Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def serve(handle: Handler, port: int = 0) -> Iterator[int]:
    """A TCP server that gives every connection to `handle`; its port, a free one where none is given. What goes wrong in `handle` fails
    the test."""
    errors: list[BaseException] = []

    class _Request(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                handle(self.request)
            except ConnectionError:
                pass  # the client has had enough
            except BaseException as error:
                errors.append(error)

    class _Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with _Server((HOST, port), _Request) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
    if errors:
        raise errors[0]


def says(answer: bytes) -> Handler:
    """Reads a request, answers it, and closes the connection."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return handle


def drips(answer: bytes) -> Handler:
    """Reads a request and answers it in pieces of three bytes, as a slow network does."""

    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(65536)
        for at in range(0, len(answer), 3):
            connection.sendall(answer[at : at + 3])
            time.sleep(0.001)

    return handle


def four_letter_words(answers: Mapping[str, str]) -> Handler:
    """ZooKeeper's answers to its four-letter words."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(answers[connection.recv(4).decode()].encode())

    return handle


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port whose connections are accepted by the kernel and answered by nobody, as a stopped process's are."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def closes(connection: socket.socket) -> None:
    """Reads a request and closes the connection without a word."""
    connection.recv(65536)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def replay(path: Path) -> Handler:
    """A recorded conversation (see wire/record.py). A request may come in another order, but byte for byte as it was recorded.

    The first four bytes of ZooKeeper's requests count them (xid), and its answers repeat the count.
    """
    frames = [bytes.fromhex(line[2:]) for line in path.read_text(encoding="ascii").splitlines()]
    counted = path.name.startswith("zookeeper")
    first, answer = frames[:2]
    later = {request[4:]: reply[4:] for request, reply in zip(frames[2::2], frames[3::2])}

    def handle(connection: socket.socket) -> None:
        assert _frame(connection) == first
        _send(connection, answer)
        while counted:
            request = _frame(connection)
            _send(connection, request[:4] + later[request[4:]])

    return handle


def answers(path: Path) -> list[bytes]:
    """What the server said in a recorded conversation."""
    return [bytes.fromhex(line[2:]) for line in path.read_text(encoding="ascii").splitlines() if line.startswith("<")]


def _frame(connection: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", _exactly(connection, 4))
    return _exactly(connection, length)


def _send(connection: socket.socket, frame: bytes) -> None:
    connection.sendall(struct.pack(">i", len(frame)) + frame)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionResetError
        data += chunk
    return data


@contextlib.contextmanager
def web(pages: Mapping[str, str | bytes | Path], status: int = 200) -> Iterator[int]:
    """An HTTP server with these pages, by the beginning of their paths (404 for others); its port."""

    class _Request(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = next((page for path, page in pages.items() if self.path.startswith(path)), None)
            body = page.read_bytes() if isinstance(page, Path) else page.encode() if isinstance(page, str) else page
            self.send_response(404 if body is None else status)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_words: object) -> None:
            """Nothing is logged."""

    def handle(connection: socket.socket) -> None:
        _Request(connection, (HOST, 0), None)  # type: ignore[arg-type]

    with serve(handle) as port:
        yield port
