# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record one conversation of length-prefixed frames (ZooKeeper, Thrift) with a real server, as `replay` in tests/unit/servers.py gives it.

Usage: python record.py FILE HOST:PORT COMMAND...   (the word {} in COMMAND becomes host:port to talk to)

FILE gets a line per frame: `>` from the client, `<` from the server, then the frame in hexadecimal without its length.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path


def exactly(connection: socket.socket, count: int) -> bytes:
    """`count` bytes; fewer where the other side closes."""
    data = b""
    while len(data) < count and (chunk := connection.recv(count - len(data))):
        data += chunk
    return data


def frame(connection: socket.socket) -> bytes | None:
    """The next frame without its length; None at the end."""
    head = exactly(connection, 4)
    return exactly(connection, struct.unpack(">i", head)[0]) if len(head) == 4 else None


def relay(source: socket.socket, target: socket.socket, sign: str, lines: list[str]) -> None:
    """Passes frames on and notes them."""
    while (data := frame(source)) is not None:
        lines.append(f"{sign} {data.hex()}")
        target.sendall(struct.pack(">i", len(data)) + data)
    target.shutdown(socket.SHUT_WR)


def main(path: str, server: str, *command: str) -> None:
    """Runs the command against a relay to the server."""
    host, port = server.split(":")
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        child = subprocess.Popen([word.replace("{}", here) for word in command])
        client, _peer = listener.accept()
        with client, socket.create_connection((host, int(port))) as upstream:
            answers = threading.Thread(target=relay, args=(upstream, client, "<", lines))
            answers.start()
            relay(client, upstream, ">", lines)
            answers.join()
        if child.wait() != 0:
            sys.exit(f"the command ended with status {child.returncode}")
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
