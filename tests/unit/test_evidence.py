# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of a process that does not answer, with this test's own process."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.koverse.runbook.plugins.module_utils import evidence


def test_open_files_and_their_limit(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(50):
            stack.enter_context((tmp_path / str(number)).open("w"))
        found = evidence.of({"me": {"pids": [os.getpid()]}})
    mine = found["instances"]["me"]
    assert 50 < mine["open_files"] < mine["open_files_limit"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    (mount,) = [row for row in found["filesystems"] if str(tmp_path).startswith(row["path"]) and row["path"] != "/"] or [
        row for row in found["filesystems"] if row["path"] == "/"
    ]
    assert mount["components"] == ["me"]
    assert 0 < mount["free"] <= mount["size"]
    assert abs(found["time"] - time.time()) < 5
    assert 0 < found["booted"] < found["time"]


def test_the_process_with_the_fewest_left_counts() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)); print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        found = evidence.of({"two": {"pids": [os.getpid(), child.pid]}})
        child.communicate("\n")
    assert found["instances"]["two"]["open_files_limit"] == 20


def test_a_process_that_is_gone_tells_nothing() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    found = evidence.of({"gone": {"pids": [child.pid]}, "stopped": {"pids": []}})
    assert (found["instances"], found["filesystems"]) == ({}, [])
