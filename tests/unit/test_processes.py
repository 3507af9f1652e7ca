# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, listeners and control groups, on real processes that the tests start."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import processes
from ansible_collections.koverse.runbook.tests.unit.servers import free_port

ME = pwd.getpwuid(os.getuid()).pw_name
SOMEBODY_ELSE = next(user.pw_name for user in pwd.getpwall() if user.pw_uid != os.getuid())

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python programs with words behind them, and ends them after the test."""
    started = []

    def run(program: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        # The program says when it is ready, so that nothing is looked at too early.
        script = f"{program}\nprint(flush=True)\nimport time\ntime.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", script, *words], stdout=subprocess.PIPE, **options)
        started.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def word() -> str:
    """A word that is on no other process's command line."""
    return f"unit-test-{uuid.uuid4().hex}"


def wait_for_state(pid: int, wanted: str) -> None:
    """Waits until the kernel shows the process in this state."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == wanted:
            return
        time.sleep(0.01)
    pytest.fail(f"pid {pid} did not come to state {wanted}")


def test_a_process_is_found_by_its_command_line(start: Start) -> None:
    name = word()
    before = time.time()
    process = start("", name)
    (found,) = processes.find({"x": {"process": f"{name}$|{name} ", "user": ME}, "other": {"process": word()}})["x"]
    assert (found["pid"], found["stopped"]) == (process.pid, False)
    assert abs(found["since"] - before) <= 2


def test_all_processes_of_a_component_are_found(start: Start) -> None:
    name = word()
    pids = {start("", name).pid for _number in range(3)}
    assert {found["pid"] for found in processes.find({"x": {"process": name}})["x"]} == pids


def test_words_of_a_command_line_are_joined_by_spaces(start: Start) -> None:
    name = word()
    start("", name, "tserver")
    assert len(processes.find({"x": {"process": f"{name} tserver"}})["x"]) == 1


def test_a_stopped_process_is_seen_as_stopped(start: Start) -> None:
    name = word()
    process = start("", name)
    process.send_signal(signal.SIGSTOP)
    wait_for_state(process.pid, "T")
    assert [found["stopped"] for found in processes.find({"x": {"process": name}})["x"]] == [True]
    process.send_signal(signal.SIGCONT)
    wait_for_state(process.pid, "S")
    assert [found["stopped"] for found in processes.find({"x": {"process": name}})["x"]] == [False]


def test_another_users_process_is_not_the_component(start: Start) -> None:
    name = word()
    start("", name)
    assert processes.find({"x": {"process": name, "user": SOMEBODY_ELSE}}) == {"x": []}


def test_a_user_that_this_host_does_not_have_means_any(start: Start) -> None:
    name = word()
    start("", name)
    assert len(processes.find({"x": {"process": name, "user": "no-such-user"}})["x"]) == 1


def test_the_looking_process_does_not_find_itself() -> None:
    own = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode()
    assert os.getpid() not in [found["pid"] for found in processes.find({"x": {"process": re.escape(own)}})["x"]]


def test_entries_without_a_pattern_are_left_out() -> None:
    assert processes.find({"x": {"process": None}, "y": {}}) == {}
    assert processes.find({"x": {"process": None}, "y": {"process": word()}}) == {"y": []}


def test_a_zombie_is_no_process(start: Start) -> None:
    process = start("")
    process.kill()
    wait_for_state(process.pid, "Z")
    assert processes.describe(process.pid) is None
    process.wait()
    assert processes.describe(process.pid) is None


def test_a_name_with_brackets_and_spaces_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a ) S 1 (b"
    program.symlink_to(os.path.realpath("/bin/sleep"))
    process = subprocess.Popen([str(program), "600"])
    try:
        described = processes.describe(process.pid)
        assert described is not None
        assert abs(described["since"] - time.time()) <= 2
    finally:
        process.kill()
        process.wait()


def test_the_processes_of_a_control_group(start: Start) -> None:
    groups = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines())
    path = groups.get("name=systemd", groups.get(""))
    assert path is not None
    child = start("")
    found = processes.in_cgroup(path)
    assert {os.getpid(), child.pid} <= set(found)
    assert 0 not in found


def test_a_control_group_that_is_gone() -> None:
    assert processes.in_cgroup("/system.slice/no-such.service") == []


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, str(ipaddress.IPv4Address(0))),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
def test_who_listens(family: socket.AddressFamily, address: str) -> None:
    try:
        listener = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with listener:
        port = listener.getsockname()[1]
        found = processes.listeners([port])
    assert found == {port: [{"address": address, "pid": os.getpid(), "command": processes.command(os.getpid())}]}


def test_the_holder_is_named(start: Start) -> None:
    port = free_port()
    process = start(f"import socket; s = socket.create_server(('127.0.0.1', {port}))", "billing")
    (holder,) = processes.listeners([port])[port]
    assert holder["pid"] == process.pid
    assert holder["command"].startswith(f"{os.path.basename(sys.executable)} -c ")


def test_a_port_with_connections_but_no_listener_is_free() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _peer = listener.accept()
    listener.close()
    with client, accepted:
        here = client.getsockname()[1]
        assert processes.listeners([port, here]) == {port: [], here: []}


def test_several_listeners_and_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [one.getsockname()[1], other.getsockname()[1]]
        found = processes.listeners([*ports, nobody := free_port()])
    assert [len(found[port]) for port in ports] == [1, 1]
    assert found[nobody] == []
    assert processes.listeners([]) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/usr/bin/python3", "-c", "import x"], "python3 -c import x"),
        (["postgres: checkpointer"], "postgres:"),
        (["/usr/lib/jvm/default-java/bin/java", "-Xmx1g", "-cp", "/a.jar:/b.jar", "org.apache.zookeeper.server.quorum.QuorumPeerMain"],
         "java QuorumPeerMain"),
        (["java", "-Dproc_datanode", "-Dlog.dir=/var/log", "org.apache.hadoop.hdfs.server.datanode.DataNode"], "java DataNode"),
        (["java", "-version"], "java"),
        ([], "a kernel thread"),
    ],
)  # fmt: skip
def test_a_command_in_few_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], said: str) -> None:
    line = tmp_path / "cmdline"
    line.write_bytes(b"".join(word.encode() + b"\0" for word in words))
    monkeypatch.setattr(processes, "open", lambda _path, mode: line.open(mode), raising=False)
    assert processes.command(1) == said


def test_the_command_of_a_process_that_has_ended() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert processes.command(process.pid) == "a process that has ended"
