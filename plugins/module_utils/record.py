# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host keeps of backups and restores between two runs: small JSON files, and among them the record of the backups it has taken."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import worker
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

DIRECTORY = "/var/lib/koverse-runbook"
WORKER = "backup"  # one for backups and restores: they exclude each other
RESTART = "restart.json"
_BACKUPS = "backups.json"


def load(name: str) -> dict[str, Any]:
    """A file's content; empty where there is none."""
    try:
        with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
            content: dict[str, Any] = json.load(file)
            return content
    except FileNotFoundError:
        return {}


def store(name: str, content: dict[str, Any]) -> None:
    """Writes a file in one step, so that it is never half written."""
    os.makedirs(DIRECTORY, exist_ok=True)
    path = os.path.join(DIRECTORY, name)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def remove(name: str) -> None:
    """Removes a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(DIRECTORY, name))


def began(set_id: str) -> None:
    """A backup is under way."""
    store(_BACKUPS, {**load(_BACKUPS), "last": {"id": set_id, "verdict": "running", "why": None}})


def failed(set_id: str, why: str) -> None:
    """A backup has not made a set."""
    store(_BACKUPS, {**load(_BACKUPS), "last": {"id": set_id, "verdict": "failed", "why": why}})


def verified(set_id: str, uri: str) -> None:
    """A set was read whole, and is what its manifest says: a backup has just finished it, or it is verified again."""
    known = load(_BACKUPS)
    if known.get("last", {}).get("id") == set_id:
        known["last"] = {"id": set_id, "verdict": "good", "why": None}
    if set_id >= known.get("good", {}).get("id", ""):
        known["good"] = {"id": set_id, "uri": uri, "verified": iso(time.time()), "damage": None}
    store(_BACKUPS, known)


def made(set_id: str, uri: str, instance_id: str) -> None:
    """A backup has finished its set: this instance of Accumulo is the cluster's own."""
    verified(set_id, uri)
    known = load(_BACKUPS)
    store(_BACKUPS, {**known, "instances": sorted({*known.get("instances", []), instance_id})})


def instances() -> list[str]:
    """The instances of Accumulo whose sets were made from this host."""
    found: list[str] = load(_BACKUPS).get("instances", [])
    return found


def damaged(uri: str, why: str) -> None:
    """A set is not what its manifest says."""
    known = load(_BACKUPS)
    if known.get("good", {}).get("uri") == uri:
        store(_BACKUPS, {**known, "good": {**known["good"], "damage": why}})


def backups() -> dict[str, Any] | None:
    """The record, None where no backup was ever begun from this host.

    `last`: the last backup, with `id`, `verdict` (running, good, failed) and `why`. `good`: the newest set, with `id`, `uri`,
    `verified` (when it was last read whole) and `damage` (None, or what was found then). Either may be missing.
    `problem`: why the record cannot be read; then alone.
    """
    try:
        known = load(_BACKUPS)
    except (OSError, ValueError) as error:
        return {"problem": f"{os.path.join(DIRECTORY, _BACKUPS)}: {error}"}
    if known.get("last", {}).get("verdict") == "running" and not worker.runs(WORKER):
        known["last"] = {**known["last"], "verdict": "failed", "why": "it ended without a word: its host or its worker died"}
    return known or None
