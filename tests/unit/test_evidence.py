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
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import evidence
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError

NO_CLUSTER = Cluster([])


def of(rows: dict[str, dict[str, Any]], entries: dict[str, Any] | None = None, cluster: Cluster = NO_CLUSTER) -> dict[str, Any]:
    """The evidence of a host with these instances."""
    usual = {"state": "running", "health": "healthy", "role": None, "details": {}, "pids": []}
    return evidence.of(entries or {name: {} for name in rows}, {name: {**usual, **row} for name, row in rows.items()}, cluster)


def test_open_files_and_their_limit(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(50):
            stack.enter_context((tmp_path / str(number)).open("w"))
        found = of({"me": {"pids": [os.getpid()]}})
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
        found = of({"two": {"pids": [os.getpid(), child.pid]}})
        child.communicate("\n")
    assert found["instances"]["two"]["open_files_limit"] == 20


def test_a_process_that_is_gone_tells_nothing() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    found = of({"gone": {"pids": [child.pid]}, "stopped": {"pids": []}})
    assert (found["instances"], found["filesystems"]) == ({}, [])


LOG = """2026-11-22 12:00:00,100 INFO namenode.NameNode: STARTUP_MSG
2026-11-22 12:00:01,200 ERROR namenode.NameNode: Failed to start namenode.
java.io.IOException: NameNode is not formatted.
\tat org.apache.hadoop.hdfs.server.namenode.FSImage.recoverTransitionRead(FSImage.java:252)
2026-11-22 12:00:01,300 INFO util.ExitUtil: Exiting with status 1
"""


def test_the_last_errors_of_what_has_died_or_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "namenode.log").write_text(LOG)
    entry = {"log": [str(tmp_path / "*.log")], "service": None}
    rows = {"died": {"state": "failed"}, "unwell": {"health": "unhealthy"}, "well": {}, "stopped": {"state": "stopped"}}
    found = of(rows, dict.fromkeys(rows, entry))["words"]
    said = ["2026-11-22 12:00:01,200 ERROR namenode.NameNode: Failed to start namenode.", "java.io.IOException: NameNode is not formatted."]
    assert found == {"died": said, "unwell": said}


class Tables(Cluster):
    """A cluster whose ZooKeeper knows of one table."""

    def accumulo(self, _instance: str | None) -> dict[str, Any]:
        return {"tables": {"2a": {"name": "kv_records", "state": "ONLINE"}}}


def test_what_is_lost_by_file_table_and_tablet(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["/accumulo/tables/2a/t-0001/A0004.rf", "/accumulo/wal/n1+9997/0815", "/user/data.csv"]
    monkeypatch.setattr(evidence, "corrupt_files", lambda _entry: files)
    namenode = {"hdfs_namenode": {"role": "active", "details": {"missing_blocks": 3}}}
    assert of(namenode, cluster=Tables([]))["corrupt_files"] == [
        f"{files[0]}: of Accumulo's table kv_records, tablet directory t-0001",
        f"{files[1]}: a write-ahead log of Accumulo, whose tablets stay offline without it",
        f"{files[2]}: a file",
    ]
    assert of({"hdfs_namenode": {"role": "standby", "details": {"missing_blocks": 3}}})["corrupt_files"] == []


def test_what_cannot_be_told_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_entry: Any) -> list[str]:
        raise StepError("fsck ended with status 255")

    monkeypatch.setattr(evidence, "corrupt_files", fails)
    namenode = {"hdfs_namenode": {"role": "active", "details": {"missing_blocks": 3}}}
    assert of(namenode)["corrupt_files"] == ["which files: fsck ended with status 255"]
