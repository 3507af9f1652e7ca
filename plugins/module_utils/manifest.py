# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup set as data: names, layout, manifest. Pure functions; docs/backup.md and docs/manifest.schema.json tell the form."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.json.sha256"
BOTH = (MANIFEST, CHECKSUM)
_PARTIAL = ".partial"

_FORM = "%Y%m%dT%H%M%SZ"
_ID = re.compile(r"\d{8}T\d{6}Z")
_CLONE = re.compile(r".+_runbook_backup_\d{8}t\d{6}z")
_DRILL = re.compile(r".+_runbook_drill_\d{8}t\d{6}z")
_OURS = re.compile(r".+_(runbook_backup|runbook_restore|runbook_drill|aside)_\d{8}t\d{6}z")
_KEYS = {
    "format",
    "id",
    "created",
    "cluster",
    "software",
    "tables",
    "databases",
    "directories",
    "hosts",
    "hold",
    "steps",
    "encrypted",
    "files",
}

Manifest = dict[str, Any]


class Damaged(Exception):
    """A set is not what its manifest says; the text names the file."""


def new_id(now: float) -> str:
    """The name of a set that begins at `now` (seconds since 1970), in UTC: sets sort by time."""
    return time.strftime(_FORM, time.gmtime(now))


def is_id(name: str) -> bool:
    """Whether this is the name of a set."""
    return bool(_ID.fullmatch(name))


def taken(set_id: str) -> datetime.datetime:
    """When a set's backup began, by the controller's clock."""
    return datetime.datetime.strptime(set_id, _FORM).replace(tzinfo=datetime.timezone.utc)


def partial(set_id: str, instance_id: str) -> str:
    """The name of a set that is not finished; it says whose it is."""
    return f"{set_id}-{instance_id}{_PARTIAL}"


def is_partial(name: str, instance_id: str) -> bool:
    """Whether this is the name of a set that this instance of Accumulo has not finished."""
    return name.endswith(f"-{instance_id}{_PARTIAL}") and is_id(name.partition("-")[0])


def clone_of(table: str, set_id: str) -> str:
    """The name of a table's clone; in the same namespace, and a name that Accumulo takes."""
    return f"{table}_runbook_backup_{set_id.lower()}"


def cloned(name: str) -> bool:
    """Whether a table's name is that of a backup's clone."""
    return bool(_CLONE.fullmatch(name))


def renamed_aside(name: str, run_id: str) -> str:
    """What stands in the way of a restore is renamed to this."""
    return f"{name}_aside_{run_id.lower()}"


def imported(name: str, set_id: str) -> str:
    """The name of a table while it is brought back."""
    return f"{name}_runbook_restore_{set_id.lower()}"


def scratch(name: str, run_id: str) -> str:
    """What a drill brings back, to remove it again."""
    return f"{name}_runbook_drill_{run_id.lower()}"


def drilled(name: str) -> bool:
    """Whether this is the name of something that a drill has made."""
    return bool(_DRILL.fullmatch(name))


def table_path(table: str) -> str:
    """Where a table's files are in a set."""
    return f"accumulo/tables/{table}"


def dump_path(database: str) -> str:
    """Where a database's dump is in a set."""
    return f"postgres/{database}.dump"


def directory_path(directory: str) -> str:
    """Where the copy of a directory in HDFS is in a set."""
    return f"hdfs/{directory.strip('/')}"


SETTINGS = "settings/accumulo.shell"
GLOBALS = "postgres/globals.sql"


def encode(manifest: Manifest) -> tuple[bytes, bytes]:
    """The manifest and the file beside it that holds its checksum, in the form of sha256sum."""
    text = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
    return text, f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()


def decode(text: bytes, checksum: bytes) -> Manifest:
    """The manifest. Raises Damaged where it is not what was written, or is of another format."""
    expected = checksum.decode("ascii", "replace").split()[:1]
    found = hashlib.sha256(text).hexdigest()
    if expected != [found]:
        raise Damaged(f"{MANIFEST}: expected the SHA-256 {' '.join(expected) or '(none)'} of {CHECKSUM}, found {found}")
    manifest = json.loads(text)
    if manifest.get("format") != FORMAT:
        raise Damaged(f"{MANIFEST}: expected format {FORMAT}, found {manifest.get('format')!r}: another version of the collection wrote it")
    missing = sorted(_KEYS - set(manifest))
    if missing:
        raise Damaged(f"{MANIFEST}: it lacks {', '.join(missing)}")
    return manifest


def compare_sizes(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Which files are missing or have another size; both are path to bytes."""
    return [
        f"{path}: expected {bytes_} bytes, found {found.get(path, 'no such file')}"
        for path, bytes_ in expected.items()
        if found.get(path) != bytes_
    ]


def size(files: Iterable[Mapping[str, Any]], below: str = "") -> int:
    """Bytes of the files below a path."""
    return sum(file["size"] for file in files if file["path"].startswith(below))


def summary(manifest: Manifest) -> dict[str, Any]:
    """A manifest in few words; see the module backup_sets_info."""
    return {
        "id": manifest["id"],
        "created": manifest["created"],
        "bytes": size(manifest["files"]),
        "tables": {table["name"]: table["entries"] for table in manifest["tables"]},
        "databases": {entry["name"]: sum(entry["tables"].values()) for entry in manifest["databases"]},
        "instance_id": manifest["cluster"]["instance_id"],
        "encrypted": manifest["encrypted"],
    }


KEEP = ("last", "daily", "weekly", "monthly")


def kept(ids: Iterable[str], keep: Mapping[str, int]) -> dict[str, list[str]]:
    """Every set that a retention keeps, with the reasons.

    keep: how many of each of KEEP; of a day, a week (from Monday) or a month it is its newest set, in UTC. The newest of all always stays.
    """
    newest_first = sorted(ids, reverse=True)
    found: dict[str, list[str]] = {name: ["newest"] for name in newest_first[:1]}
    for kind in KEEP:
        periods: dict[str, str] = {}
        for name in newest_first:
            periods.setdefault(_period(name, kind), name)
        for name in list(periods.values())[: keep.get(kind, 0)]:
            found.setdefault(name, []).append(kind)
    return found


def _period(name: str, kind: str) -> str:
    year, week, _weekday = taken(name).isocalendar()
    return {"last": name, "daily": name[:8], "weekly": f"{year}-{week:02}", "monthly": name[:6]}[kind]


def chosen_tables(known: Iterable[str], wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """The tables that the patterns and names of `wanted` mean, and those of `wanted` that mean nothing.

    `kv_*` means every table whose name begins so, but for what backups and restores have made: those are taken by their whole names only.
    """
    tables = sorted(known)
    found: list[str] = []
    missing = []
    for word in wanted:
        pattern = re.compile(".*".join(re.escape(part) for part in word.split("*")))
        matching = [name for name in tables if pattern.fullmatch(name) and (name == word or not _OURS.fullmatch(name))]
        found += [name for name in matching if name not in found]
        if not matching:
            missing.append(word)
    return found, missing


def human(number: float) -> str:
    """Bytes for people: 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
