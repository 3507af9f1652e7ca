# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's part of a support bundle, done by its worker: what there is to see, without secrets, in one archive of bounded size.

Secrets go before anything is written to a file: each text by its kind (redact.py), then what is known from one text out of all others.
"""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import posixpath
import re
import shutil
import stat
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import logs, machine, redact
from ansible_collections.koverse.runbook.plugins.module_utils.backup import configuration
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, Part, WorkerError

WORKER = "bundle"
DIRECTORY = "/run/koverse-runbook/bundle"
LEFT_OUT = "left_out.json"  # in a host's archive; the manifest of the bundle takes it over
_PLACES = ("/var/tmp", "/run", "/dev/shm")  # noqa: S108 in them, a directory that only its user can read
_PREFIX = "koverse-runbook-bundle-"
_LARGEST = 1 << 20  # bytes of a configuration file
_LONGEST = 1 << 16  # characters of an entry of a log
_FILES = 5000  # of configuration that are looked at
_NAMED = (50, 10, 3, 1)  # names of what was left out for a reason: as many as there is room for
_SLACK = 1 << 20  # bytes that stay free where the archive is written
_NICE = 10  # the cluster goes first
_DUMPS_AT_ONCE = 8
_ABORT_POLL = 0.5  # seconds

Texts = dict[str, str]
LeftOut = dict[str, str]  # `what` and `why`
Summary = list[dict[str, Any]]  # rows of `why`, `count`, and `what`: some of the names


class Box:
    """Texts by path that together have at most `share` bytes, what is left out, and the secrets that were found on the way."""

    def __init__(self, share: int) -> None:
        self.share, self.texts = share, Texts()
        self.left_out: list[LeftOut] = []
        self.known: set[str] = set()  # values that are looked for everywhere

    @property
    def room(self) -> int:
        """Bytes that are left."""
        return self.share - sum(size(text) for text in self.texts.values())

    def leave_out(self, what: str, why: str) -> None:
        """Notes what is not in the bundle."""
        self.left_out.append({"what": what, "why": why})

    def put(self, path: str, text: str, newest: bool = False, most: int | None = None) -> None:
        """Adds a text; where it is too large, its beginning, or with `newest` its end, in whole lines. most: bytes, by default the room."""
        most = self.room if most is None else min(most, self.room)
        kept = shortened(text, most, newest)
        if kept != text:
            part = "the oldest part" if newest else "the end"
            self.leave_out(path, f"{part}: {size(text) - size(kept)} of {size(text)} bytes, above this host's share of the size")
        if kept:
            self.texts[path] = kept


def size(text: str) -> int:
    """Bytes of a text in a file."""
    return len(text.encode("utf-8", "replace"))


def summed_up(left_out: list[LeftOut], most: int) -> Summary:
    """What was left out, by its reasons: as JSON it has at most `most` bytes, at least 1024."""
    groups: dict[str, list[str]] = {}
    for row in left_out:
        groups.setdefault(row["why"], []).append(row["what"])
    found: Summary = []
    for named in _NAMED:
        found = [{"why": why, "count": len(names), "what": names[:named]} for why, names in groups.items()]
        if size(json.dumps(found)) <= most:
            return found
    others: dict[str, Any] = {"why": "other reasons, for which there is no room here", "count": 0, "what": []}
    kept: Summary = []
    room = most - 2 * size(json.dumps([others]))
    for row in found:
        room -= size(json.dumps(row)) + 2
        if room > 0:
            kept.append(row)
        else:
            others["count"] += row["count"]
    return [*kept, others]


def shortened(text: str, most: int, newest: bool) -> str:
    """At most `most` bytes of whole lines, from the beginning or from the end of a text."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text
    if most <= 0:
        return ""
    if newest:
        kept = raw[-most:].partition(b"\n")[2]
    else:
        head, newline, _rest = raw[:most].rpartition(b"\n")
        kept = head + newline
    return kept.decode("utf-8", "replace")


class Bundle(Part):
    """Arguments:

    directory  the worker's own
    login      number of the user who has logged in, and fetches the archive
    secrets    `key`, in hexadecimal: with it the known secrets go to the controller, see redact.seal
    archive    name of the archive, in a directory that `collect` returns as `spool`
    host       its name in the inventory
    entries    component to catalogue entry; rows: component to instance, as a look has just found it
    files      component to file patterns of its configuration
    since, until   seconds since 1970; until may be None
    share      bytes of this host's texts, before they are compressed
    seconds    for all that is collected
    public     words that are no secrets wherever they are, see redact.known
    """

    def __init__(self, context: Context, arguments: Mapping[str, Any]) -> None:
        super().__init__(context, arguments)
        self._spool: str | None = None
        self._entries, self._rows = arguments["entries"], arguments["rows"]

    def step(self, name: str, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if name != "collect":
            raise WorkerError(f"there is no step {name}")
        with contextlib.suppress(OSError):
            os.nice(_NICE)
        box = Box(self.arguments["share"] - _room_at_the_end(self.arguments["share"]))
        end = time.monotonic() + self.arguments["seconds"]
        for title, work in (
            ("limits and processes", self._facts),
            ("threads of what does not answer", self._threads),
            ("configuration", self._configuration),
            ("logs", self._logs),
            ("versions", self._versions),
        ):
            with self.context.timed(title):
                self._bounded(title, work, box, end)
        with self.context.timed("archive"):
            return self._archived(box)

    def _bounded(self, title: str, work: Callable[[Box], None], box: Box, end: float) -> None:
        """Does a part of the work into a box of its own, and takes over what is in it when it is done, or when its time is over.

        Each part has half of the time that is left, so that one that hangs, on a file system that is gone for example, leaves some for the
        others. It goes on for nobody, and ends with the worker.
        """
        began = time.monotonic()
        end = began + max(0.0, end - began) / 2
        own = Box(box.room)
        problems: list[str] = []

        def do() -> None:
            try:
                work(own)
            except Exception as error:  # whatever is wrong with a part, the others are wanted all the more
                problems.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=do, daemon=True)
        thread.start()
        while thread.is_alive() and time.monotonic() < end:
            thread.join(min(_ABORT_POLL, max(0.0, end - time.monotonic())))
            if self.context.aborted.is_set():
                raise WorkerError("given up")
        if thread.is_alive():
            own.leave_out(title, f"it took longer than {end - began:.0f} s; what was there by then is here")
        for problem in problems:
            own.leave_out(title, problem)
        box.texts.update(dict(own.texts))
        box.left_out += list(own.left_out)
        box.known |= set(own.known)

    # ---- the parts

    def _facts(self, box: Box) -> None:
        box.put("limits.txt", redact.text(machine.limits(self._rows)).text)
        lines = []
        for line, words in machine.listed():
            clean = redact.command(words)
            box.known |= clean.values
            lines.append(f"{line} {clean.text}\n")
        box.put("processes.txt", "".join(lines), most=self.arguments["share"] // 4)
        box.put("disk.txt", redact.text(machine.disk()).text)

    def _versions(self, box: Box) -> None:
        box.put("versions.txt", redact.text(machine.versions(self._entries, self._rows)).text)

    def _threads(self, box: Box) -> None:
        def dump(name: str, pids: list[int]) -> None:
            clean = redact.text(machine.threads(self._entries[name], pids))
            box.known |= redact.distinct(clean.values)
            box.put(f"threads/{name}.txt", clean.text, most=self.arguments["share"] // 4)

        silent = machine.silent(self._rows)
        with ThreadPoolExecutor(_DUMPS_AT_ONCE) as pool:  # what hangs takes its time to say nothing
            list(pool.map(dump, silent.keys(), silent.values()))

    def _configuration(self, box: Box) -> None:
        most = self.arguments["share"] // 2
        for number, path in enumerate(found(self.arguments["files"])):
            if number >= _FILES:
                box.leave_out("configuration", f"more than {_FILES} files")
                break
            try:
                clean = redact.file(path, plain_file(path))
            except redact.Refused as error:
                box.leave_out(path, str(error))
            except OSError as error:
                box.leave_out(path, error.strerror or str(error))
            else:
                box.known |= clean.values
                if size(clean.text) <= min(most, box.room):
                    box.texts[f"config/{path.lstrip('/')}"] = clean.text
                    most -= size(clean.text)
                else:
                    box.leave_out(path, "above this host's share of the size")

    def _logs(self, box: Box) -> None:
        most = max(0, box.room - _room_at_the_end(box.share))
        read = logs.read(self._entries, self.arguments["host"], self.arguments["since"], self.arguments["until"], limit=most)
        for line in read["left_out"]:
            box.leave_out("logs", line)
        texts = {
            "journal.txt": written(entry for entry in read["entries"] if entry["source"].startswith("journal")),
            "logs.txt": written(entry for entry in read["entries"] if not entry["source"].startswith("journal")),
        }
        for path, text in texts.items():
            clean = redact.text(text)
            box.known |= redact.distinct(clean.values)
            # Each may have half, and what the other does not need.
            others = sum(size(other) for name, other in texts.items() if name != path)
            box.put(path, clean.text, newest=True, most=max(most // 2, most - others))

    # ---- the archive

    def _archived(self, box: Box) -> dict[str, Any]:
        known = redact.known(box.known, self.arguments["public"])
        texts = {path: redact.forget(text, known, path) for path, text in box.texts.items()}
        left_out = redact.forget(json.dumps(summed_up(box.left_out, _room_at_the_end(self.arguments["share"]))), known)
        raw = archive({**texts, LEFT_OUT: left_out})
        self._spool = place(len(raw))
        path = os.path.join(self._spool, self.arguments["archive"])
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
        for one in (path, self._spool):
            os.chown(one, self.arguments["login"], -1)
        key = bytes.fromhex(self.arguments["secrets"]["key"])
        return {"spool": self._spool, "files": len(texts), "bytes": len(raw), "sealed": redact.seal(known, key)}

    def close(self) -> list[str]:
        if self._spool:
            shutil.rmtree(self._spool, ignore_errors=True)
        shutil.rmtree(self.context.directory, ignore_errors=True)
        return []


def _room_at_the_end(share: int) -> int:
    """Bytes that logs leave for the versions, which are looked for on the disks, and all texts for what was left out."""
    return min(64 << 10, share // 8)


def written(entries: Iterator[Mapping[str, Any]]) -> str:
    """Entries of logs as text: time in UTC, component, source and what was said, of which what is behind 65,536 characters is left away."""
    lines = []
    for entry in entries:
        at = "-" if entry["time"] is None else f"{iso(entry['time'])[:-1]}.{int(entry['time'] * 1000) % 1000:03d}Z"
        lines.append(f"{at} {entry['component']} {entry['source']}: {entry['text'][:_LONGEST]}\n")
    return "".join(lines)


def found(files: Mapping[str, list[str]]) -> Iterator[str]:
    """The files of a host's configuration, each once, by name; links below the named directories are named, too, and not followed."""
    seen = set()
    for path in configuration({name: list(patterns) for name, patterns in files.items()}):
        if os.path.realpath(path) != path:
            continue  # what it points to is among the paths, too
        if not os.path.isdir(path):
            candidates = [path]
        else:
            candidates = sorted(os.path.join(directory, name) for directory, _directories, names in os.walk(path) for name in names)
        for one in candidates:
            if one not in seen:
                seen.add(one)
                yield one


def plain_file(path: str) -> bytes:
    """A configuration file's content. Raises redact.Refused for what is none, or too large; what its name forbids is not even opened."""
    kind = os.lstat(path).st_mode
    if stat.S_ISLNK(kind):
        raise redact.Refused(f"a link to {os.readlink(path)}")
    why = redact.refused_by_name(path)
    if why or not stat.S_ISREG(kind):
        raise redact.Refused(why or "not a file")
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise redact.Refused(f"larger than {_LARGEST >> 20} MiB")
    return raw


def place(needed: int) -> str:
    """A new directory for `needed` bytes that only root can read; what runs that were killed have left there goes.

    Where the disk of the first choice is full, which may be what is wrong with the host, it is one in memory.
    """
    for parent in _PLACES:
        for old in glob.glob(os.path.join(parent, f"{_PREFIX}*")):
            shutil.rmtree(old, ignore_errors=True)
    for parent in _PLACES:
        with contextlib.suppress(OSError):
            if shutil.disk_usage(parent).free >= needed + _SLACK:
                return tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    raise WorkerError(f"no room for {needed} bytes in any of {', '.join(_PLACES)}")


def archive(texts: Mapping[str, str], top: str = "") -> bytes:
    """A compressed tar archive of texts by path, all of them plain files of root with mode 0600, below `top`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for path, text in texts.items():
            raw = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(posixpath.join(top, path))
            member.size, member.mode, member.mtime = len(raw), 0o600, int(time.time())
            tar.addfile(member, io.BytesIO(raw))
    return buffer.getvalue()


_SAFE = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\0][^\0]*")


def texts_of(path: str, most: int) -> Texts:
    """The texts of a host's archive, by path. Raises ValueError where it is none of `archive`'s, or has more than `most` bytes."""
    found: Texts = {}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                most -= member.size
                if not member.isreg() or not _SAFE.fullmatch(member.name) or member.name in found or most < 0:
                    raise ValueError(f"{member.name!r} in it is not expected")
                content = tar.extractfile(member)
                found[member.name] = content.read().decode("utf-8", "replace") if content else ""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
    return found
