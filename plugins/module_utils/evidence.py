# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a process does not answer or has died: what its host can tell, from /proc, statvfs(3) and logs. Nothing is asked of the process."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import observe, processes
from ansible_collections.koverse.runbook.plugins.module_utils.mends import corrupt_files, leftovers
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import COMPLAINT, StepError

_KERNEL = ("/proc/", "/sys/", "/dev/")  # what a process has open there fills no disk
# A pause, of garbage collection or of the whole machine: Hadoop's and ZooKeeper's words, and Accumulo's.
_PAUSE = re.compile("Detected pause in JVM|GC pause checker not called in a timely fashion")
_TABLE_FILE = re.compile(r"/tables/([^/]+)/([^/]+)/[^/]+$")
_LINES = 200  # of a log that are looked through
_WORDS = 3  # of a component's last complaints that are told
_LONGEST = 300  # characters of a complaint


def of(entries: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], cluster: Cluster) -> dict[str, Any]:
    """What there is on this host::

    {"time": 1763769600.1,                                       # the host's clock, seconds since 1970
     "booted": 1763760000,                                        # when it was booted, by the same clock
     "instances": {"hdfs_datanode": {"open_files": 412, "open_files_limit": 65536}},  # of the process that has the fewest left
     "filesystems": [{"path": "/data/1", "size": 1099511627776, "free": 0, "files_free": 4711, "components": ["hdfs_datanode"]}],
     "words": {"hdfs_namenode": ["2026-11-22 ... ERROR ..."]},    # the last errors, and pauses, in the log of what has died, or is not well
     "corrupt_files": ["/user/x: a file"],                        # what lost blocks belong to, from the active NameNode's host
     "leftovers": {"hdfs_journalnode": ["/.../edits_inprogress_1"]}}  # see mends.leftovers

    entries, rows: the host's components and instances by name. filesystems: those in which processes of components have files open. free:
    bytes for a user who is not root. files_free: None where the file system does not count files.
    """
    instances = {}
    mounts: dict[str | None, set[str]] = {}
    for name, row in rows.items():
        opened = {pid: _open_files(pid) for pid in row["pids"]}
        known = [(len(paths), limit) for pid, paths in opened.items() if paths is not None and (limit := _limit(pid)) is not None]
        if known:
            count, limit = min(known, key=lambda pair: pair[1] - pair[0])
            instances[name] = {"open_files": count, "open_files_limit": limit}
        for directory in {os.path.dirname(path) for paths in opened.values() for path in paths or () if _on_a_disk(path)}:
            mounts.setdefault(_mount(directory), set()).add(name)
    return {
        "time": time.time(),
        "booted": (processes.describe(1) or {}).get("since"),
        "instances": instances,
        "filesystems": [_filesystem(path, sorted(names)) for path, names in mounts.items() if path is not None],
        "words": {name: complaints(entries[name]) for name, row in rows.items() if row["state"] == "failed" or _unwell(row)},
        "corrupt_files": _lost(entries, rows, cluster),
        "leftovers": {name: found for name in rows if name == "hdfs_journalnode" and (found := leftovers(entries[name]))},
    }


def _unwell(row: Mapping[str, Any]) -> bool:
    return row["state"] == "running" and row["health"] != "healthy"


def complaints(entry: Mapping[str, Any]) -> list[str]:
    """The last errors that a component wrote: to its newest log file, and to the journal."""
    lines = [line.strip() for line in observe.last_words(entry, 0, _LINES) if COMPLAINT.search(line) or _PAUSE.search(line)]
    return [line[:_LONGEST] for line in dict.fromkeys(lines)][-_WORDS:]


def _lost(entries: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], cluster: Cluster) -> list[str]:
    """Each file of which a block has no replica, and what it means."""
    found = []
    for name, row in rows.items():
        if row["role"] == "active" and row["details"].get("missing_blocks"):
            try:
                found += [_in_words(path, cluster) for path in corrupt_files(entries[name])]
            except StepError as error:
                found.append(f"which files: {error}")
    return found


def _in_words(path: str, cluster: Cluster) -> str:
    table = _TABLE_FILE.search(path)
    if table and path.endswith(".rf"):
        try:
            names = cluster.accumulo(None)["tables"]
        except NoAnswer:
            names = {}
        return f"{path}: of Accumulo's table {names.get(table[1], {}).get('name') or table[1]}, tablet directory {table[2]}"
    if "/wal/" in path:
        return f"{path}: a write-ahead log of Accumulo, whose tablets stay offline without it"
    return f"{path}: a file"


def _open_files(pid: int) -> list[str] | None:
    """What a process has open, None where it is gone. A file that was closed meanwhile still counts."""
    directory = f"/proc/{pid}/fd"
    try:
        names = os.listdir(directory)
    except OSError:
        return None
    found = []
    for name in names:
        try:
            found.append(os.readlink(os.path.join(directory, name)))
        except OSError:
            found.append("")
    return found


def _limit(pid: int) -> int | None:
    """How many files a process may have open; None where that is not limited, or it is gone."""
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            soft = next(line.split()[3] for line in file if line.startswith("Max open files"))
    except (OSError, StopIteration):
        return None
    return int(soft) if soft.isdigit() else None


def _on_a_disk(path: str) -> bool:
    return path.startswith("/") and not path.startswith(_KERNEL)


def _mount(directory: str) -> str | None:
    """The mount point of a directory, None where it is gone."""
    if not os.path.isdir(directory):
        return None
    while not os.path.ismount(directory):
        directory = os.path.dirname(directory)
    return directory


def _filesystem(path: str, components: Sequence[str]) -> dict[str, Any]:
    found = os.statvfs(path)
    return {
        "path": path,
        "size": found.f_blocks * found.f_frsize,
        "free": found.f_bavail * found.f_frsize,
        "files_free": found.f_favail if found.f_files else None,
        "components": list(components),
    }
