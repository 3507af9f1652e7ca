# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on this host, and who listens where, read from /proc."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any

_LISTEN = "0A"


def find(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The processes of each component: name to a list of `{"pid": 1, "since": seconds, "stopped": False, "user": "hdfs"}`.

    wanted: component name to an entry with `process`, a regular expression on the command line, and `user`.
    `stopped` is true for a process that a signal has stopped. Entries without `process` are left out.
    """
    patterns = {name: (re.compile(entry["process"]), _uid(entry.get("user"))) for name, entry in wanted.items() if entry.get("process")}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in patterns}
    if not patterns:
        return found
    own = os.getpid()
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
            owner = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue  # it has ended meanwhile
        for name, (pattern, uid) in patterns.items():
            # A name on somebody else's command line (an editor, a grep) is not the component.
            if pid != own and (uid is None or uid == owner) and pattern.search(line):
                process = describe(pid)
                if process is not None:
                    found[name].append(process)
    return found


def describe(pid: int) -> dict[str, Any] | None:
    """State and start of one process; None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in ("Z", "X"):
        return None
    started = _boot_time() + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return {"pid": pid, "since": int(started), "stopped": fields[0] in ("T", "t")}


def in_cgroup(path: str) -> list[int]:
    """The processes in a systemd unit's control group (path as `systemctl show -p ControlGroup` gives it)."""
    for root in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        try:
            with open(f"{root}{path}/cgroup.procs", encoding="ascii") as file:
                return [int(line) for line in file if line.strip() != "0"]
        except OSError:
            continue
    return []


def listeners(ports: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Who listens on these TCP ports: port to a list of `{"address": "0.0.0.0", "pid": 1, "command": "java"}`.

    `pid` is None where the process cannot be seen (another user's, without root).
    """
    wanted = set(ports)
    found: dict[int, list[dict[str, Any]]] = {port: [] for port in wanted}
    sockets: dict[str, dict[str, Any]] = {}
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            address, _colon, port = row[1].rpartition(":")
            if row[3] == _LISTEN and int(port, 16) in wanted:
                entry = {"address": _address(address), "pid": None, "command": None}
                found[int(port, 16)].append(entry)
                sockets[f"socket:[{row[9]}]"] = entry
    if sockets:
        _name_holders(sockets)
    return found


def _name_holders(sockets: dict[str, dict[str, Any]]) -> None:
    """Fills in pid and command of each socket's holder."""
    missing = set(sockets)
    for pid in _pids():
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            except OSError:
                continue
            if target in missing:
                sockets[target].update(pid=pid, command=command(pid))
                missing.discard(target)
        if not missing:
            return


def command(pid: int) -> str:
    """A process's command in few words: the program, and for a JVM its main class."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [word.decode("utf-8", "replace") for word in file.read().split(b"\0") if word]
    except OSError:
        return "a process that has ended"
    if not words:
        return "a kernel thread"
    program = os.path.basename(words[0].split()[0])
    if program != "java":
        return " ".join([program, *words[1:3]])
    plain = [word for word in words[1:] if "." in word and not word.startswith(("-", "/")) and ":" not in word]
    return f"java {plain[0].rpartition('.')[2] if plain else ''}".strip()


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _boot_time() -> int:
    with open("/proc/stat", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("btime "))


def _uid(user: str | None) -> int | None:
    """The user's number; None for no user, or one that this host does not have (then any user's process counts)."""
    import pwd

    try:
        return pwd.getpwnam(user).pw_uid if user else None
    except KeyError:
        return None


def _address(text: str) -> str:
    """An address of /proc/net/tcp: hexadecimal 32-bit words in the machine's byte order."""
    words = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)
