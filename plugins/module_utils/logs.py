# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What components have logged on this host: their files, rotated ones included, and the journal, as entries in the order of time.

An entry is a line with all that goes on from it, such as a stack trace. Times in files are in the host's zone unless they name one.
Parsing is apart from reading: `moment`, `goes_on`, `grouped`, `unfolded`, `placed` and `from_journal` are pure.
"""

from __future__ import annotations

import datetime
import glob
import gzip
import json
import math
import os
import re
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import services
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

Entry = Mapping[str, Any]

LIMIT = 4 * 2**20  # bytes of text that a host gives back
JOURNAL = "journal"

_READ_FILE = 32 * 2**20  # bytes of a file that are searched for a pattern
_READ_HOST = 128 * 2**20  # bytes of all files of a host that are read
_UNPACKED = 512 * 2**20  # bytes of a compressed file, unpacked, that are read on the way to its end
_BLOCK = 64 * 2**10
_SEARCHED = 32 * 2**20  # bytes of a file that are read to find where a window begins or ends
_STAMP = 80  # bytes in which a time at the beginning of a line ends
_DISORDER = 60  # seconds by which entries of a file are out of order
_DUE = 600  # seconds within which an entry is followed by another one, or is the file's last one
_MOMENT = 0.001  # seconds: what is at the end of a window belongs to it
_LONGEST = 64 * 2**10  # characters of an entry
_TOO_MUCH = "more than what is read of a file or a host"
_TIMELESS = 100  # entries of a file without any times, where a window was asked for
_JOURNAL_LINES = 5000

# log4j's ISO8601 (a blank, a comma), that of log4j 2 (a T), PostgreSQL's (a dot, and a zone), ISO 8601 with Z or an offset.
_ISO = re.compile(
    r"\[?(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)(?![\w:])| ([A-Z]{2,5})(?= \[\d))?"
)
_SHORT = re.compile(r"(\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)(?!\d)")  # Hadoop's console, and Spark
_GOES_ON = re.compile(r"\s|Caused by: |Suppressed: |\.\.\. \d+ |[\w.$]+(Exception|Error)(:|$)|$")
_ROTATED = ("", ".*", "-*")  # a number, a date, and .gz
_NOT_READ = (".xz", ".lzma", ".bz2", ".zst", ".lz4", ".lzo", ".br", ".Z", ".zip", ".7z", ".tar", ".tgz", ".tar.gz")


class Row(NamedTuple):
    """An entry. at: by which it is sorted: its time, or where it has none that of the one before it, in seconds since 1970."""

    at: float
    time: float | None
    component: str
    source: str
    text: str


def moment(line: str, fold: int = 0) -> float | None:
    """The time at the beginning of a line in seconds since 1970; None where there is none. Without a zone it is the host's.

    fold: which one it is of an hour that clocks go through twice at the end of summer time, 0 for the first, where nothing else tells.
    """
    full, short = _ISO.match(line), None
    if full is None:
        short = _SHORT.match(line)
        if short is None:
            return None
    try:
        if full is None:
            year, month, day, hour, minute, second = (int(part) for part in short.groups())  # type: ignore[union-attr]
            return datetime.datetime(2000 + year, month, day, hour, minute, second, fold=fold).timestamp()
        when = datetime.datetime(*(int(part) for part in full.groups()[:6]))  # type: ignore[arg-type]
        fraction = float(f"0.{full[7]}") if full[7] else 0.0
        return _in_zone(when, full[8] or full[9], fold) + fraction
    except (ValueError, OverflowError):
        return None  # digits that are no date


def _in_zone(when: datetime.datetime, zone: str | None, fold: int) -> float:
    """Seconds since 1970. A zone's abbreviation that neither is UTC nor the host's own is taken for the host's."""
    if zone in ("Z", "UTC", "GMT"):
        return when.replace(tzinfo=datetime.timezone.utc).timestamp()
    if zone and zone[0] in "+-":
        sign, digits = (-1 if zone[0] == "-" else 1), zone[1:].replace(":", "").ljust(4, "0")
        offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return when.replace(tzinfo=datetime.timezone(sign * offset)).timestamp()
    # Of the hour that a clock goes through twice, the abbreviation tells which one it is.
    known = {time.tzname[1]: 0, time.tzname[0]: 1}
    return when.replace(fold=known.get(zone, fold) if zone and len(known) > 1 else fold).timestamp()


def _is_twice(when: float) -> bool:
    """Whether the clocks of the host show this time twice."""
    try:
        shown = datetime.datetime.fromtimestamp(when)
        return shown.replace(fold=0).timestamp() != shown.replace(fold=1).timestamp()
    except (ValueError, OverflowError):
        return False  # at the end of the calendar


def goes_on(line: str) -> bool:
    """Whether a line without a time looks as if it belonged to the one before it, as those of a stack trace do."""
    return _GOES_ON.match(line) is not None


def grouped(lines: Iterable[str]) -> Iterator[tuple[float | None, str]]:
    """Time and text of each entry. A line without a time goes with an entry that has one; else it has to look like it."""
    own: float | None = None
    held: list[str] = []
    for line in lines:
        when = moment(line)
        if held and when is None and (own is not None or goes_on(line)):
            held.append(line)
            continue
        if held:
            yield own, "\n".join(held).rstrip()
        own, held = when, [line]
    if held and any(line.strip() for line in held):
        yield own, "\n".join(held).rstrip()


def unfolded(entries: Iterable[tuple[float | None, str]], written: float) -> list[tuple[float | None, str]]:
    """Entries in order with their times, those of an hour that clocks go through twice in the right one of the two.

    written: when the last of them was, as far as is known.
    """
    rows = list(entries)
    known: dict[int, bool] = {}  # by quarters of an hour: zones change at the beginning of one
    run: list[int] = []
    for number, (when, _text) in enumerate([*rows, (written, "")]):
        if when is None:
            continue
        quarter = int(when // 900)
        if quarter not in known:
            known[quarter] = _is_twice(when)
        if known[quarter] and number < len(rows):
            run.append(number)
        elif run:
            for place in _second_time(rows, run, when):
                rows[place] = (moment(rows[place][1], 1), rows[place][1])
            run = []
    return rows


def _second_time(rows: list[tuple[float | None, str]], run: list[int], following: float) -> list[int]:
    """Of entries of an hour that there is twice, those of its second time: from where times go back, else all where that is what follows.

    following: the time behind them.
    """
    times = [rows[place][0] or 0.0 for place in run]
    back = [number for number, (one, other) in enumerate(zip(times, times[1:]), 1) if other < one - _DISORDER]
    if back:
        return run[back[0] :]
    last = moment(rows[run[-1]][1], 1) or 0.0
    return run if last - 1 <= following <= last + _DUE else []


def placed(entries: Iterable[tuple[float | None, str]], otherwise: float) -> list[tuple[float, float | None, str]]:
    """Each entry with the time by which it keeps its place: that of the one before, of the one after, or `otherwise`."""
    rows = list(entries)
    at = next((when for when, _text in rows if when is not None), otherwise)
    found = []
    for when, text in rows:
        at = at if when is None else when
        found.append((at, when, text))
    return found


def from_journal(output: str) -> list[tuple[float, str]]:
    """Time and text of each entry in what `journalctl -o json` prints; lines of a process that go on are with the first one."""
    found: list[tuple[float, str]] = []
    last = None
    for line in output.split("\n"):  # in a text, other signs may end a line
        try:
            row = json.loads(line)
            when = int(row["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue  # a warning of journalctl's own
        text = _message(row.get("MESSAGE"))
        if found and last == row.get("_PID") and goes_on(text):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{text}")
        else:
            found.append((when, text))
        last = row.get("_PID")
    return found


def _message(said: Any) -> str:
    """A field of the journal: text, bytes as numbers where it is none in UTF-8, a list of these where it is there several times."""
    if not isinstance(said, list):
        return str(said or "")
    if all(isinstance(one, int) for one in said):
        return bytes(said).decode("utf-8", "replace")
    return "\n".join(map(_message, said))


def owners(entries: Mapping[str, Entry]) -> dict[str, str]:
    """The log files of this host and whose they are: where patterns of several components have one, the more exact one's."""
    found: dict[str, tuple[int, str]] = {}
    for name, entry in entries.items():
        for pattern in entry["log"]:
            for path in {path for end in _ROTATED for path in glob.glob(pattern + end)}:
                exactness = len(pattern.replace("*", ""))
                if os.path.isfile(path) and exactness > found.get(path, (-1, ""))[0]:
                    found[path] = (exactness, name)
    return {path: name for path, (_exactness, name) in found.items()}


class _Budget:
    """What may still be read, and what was left out because of it."""

    def __init__(self, limit: int) -> None:
        self.limit, self.left = limit, _READ_HOST
        self.left_out: list[str] = []


def read(
    entries: Mapping[str, Entry],
    host: str,
    since: float | None,
    until: float | None,
    pattern: str | None = None,
    lines: int | None = None,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """What the components have logged, the oldest first.

    entries: catalogue entries by component. since, until: seconds since 1970, None for no bound. pattern: a regular expression that is
    searched for in the whole entry. lines: at most so many entries of each component, the last ones. limit: bytes of text in all; what is
    older goes. Returns `entries`, a list of {"time": seconds since 1970 or None, "component", "host", "source": a path or JOURNAL, "text"},
    and `left_out`, a list of sentences: what was cut, and why.
    """
    wanted = re.compile(pattern) if pattern else None
    budget = _Budget(limit)
    files = owners(entries)
    rows: list[Row] = []

    def fits(row: Row) -> bool:
        inside = (since is None or row.at >= since) and (until is None or row.at <= until)
        return inside and (wanted is None or wanted.search(row.text) is not None)

    for name, entry in entries.items():
        own: list[Row] = []
        times = {path: os.path.getmtime(path) for path, owner in files.items() if owner == name and os.path.exists(path)}
        for path in sorted(times, key=lambda one: times[one], reverse=True):
            # Nothing in a file is newer than the file itself.
            old = (since is not None and times[path] < since - 1) or (lines and len(own) >= lines and times[path] < own[-lines].at)
            if not old:
                own += filter(fits, _of_file(name, path, since, until, lines, wanted is not None, budget))
                own.sort(key=lambda row: row.at)
        own += filter(fits, _of_journal(name, entry, since, until, lines if wanted is None else None, budget))
        own.sort(key=lambda row: row.at)
        rows += own[-lines:] if lines else own
    rows.sort(key=lambda row: row.at)
    kept = _newest(rows, budget)
    return {
        "entries": [
            {"time": row.time, "component": row.component, "host": host, "source": row.source, "text": _shortened(row, budget)}
            for row in kept
        ],
        "left_out": budget.left_out,
    }


def _newest(rows: list[Row], budget: _Budget) -> list[Row]:
    size = 0
    for number, row in enumerate(reversed(rows)):
        size += min(len(row.text), _LONGEST)
        if size > budget.limit:
            cut = len(rows) - number
            budget.left_out.append(f"{cut} older entries, up to {iso(rows[cut - 1].at)}: more than {_size(budget.limit)}")
            return rows[cut:]
    return rows


def _shortened(row: Row, budget: _Budget) -> str:
    if len(row.text) <= _LONGEST:
        return row.text
    when = f" at {iso(row.time)}" if row.time is not None else ""
    budget.left_out.append(f"{row.source}: the end of an entry of {_size(len(row.text))}{when}")
    return row.text[:_LONGEST]


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{math.ceil(count / 1024)} KiB"


def _of_file(name: str, path: str, since: float | None, until: float | None, lines: int | None, search: bool, budget: _Budget) -> list[Row]:
    """A file's entries, from as much of its end, or of the window, as the budget lets in. lines: so many are enough, but for a search.

    Entries of a file without any times are where it was written last, or at the end of a window that it was written after: some of them may
    be of the window. They are not among a number of last entries before its end, since they would keep out those that surely are.
    """
    enough = None if search else lines
    most = min(_READ_FILE if search else budget.limit, budget.left)
    if path.endswith(_NOT_READ):
        budget.left_out.append(f"{path}: compressed in a way that is not read")
        return []
    if most <= 0:
        budget.left_out.append(f"{path}: {_TOO_MUCH}")
        return []
    try:
        changed = os.path.getmtime(path)
        content, before = _packed(path, most) if path.endswith(".gz") else _plain(path, since, until, enough, most)
    except (OSError, EOFError, zlib.error) as error:
        budget.left_out.append(f"{path}: {error}")
        return []
    budget.left -= len(content)
    text = content.decode("utf-8", "replace").splitlines()
    if before:
        text = text[1:]  # half a line
        while text and moment(text[0]) is None and goes_on(text[0]):
            text = text[1:]
    rows = placed(unfolded(grouped(text), changed), changed if until is None else min(changed, until))
    timeless = all(when is None for _at, when, _text in rows)
    if timeless and rows and lines and until is not None and changed > until:
        budget.left_out.append(f"{path}: it has no times, and was written after {iso(until)}: none of its lines are shown")
        rows = []
    elif timeless and since is not None and len(rows) > _TIMELESS:
        budget.left_out.append(f"{path}: it has no times, and the last {_TIMELESS} of its {len(rows)} lines are shown")
        rows = rows[-_TIMELESS:]
    elif before and (enough is None or len(rows) < enough):
        first = f", before {iso(rows[0][0])}" if rows and not timeless else ""
        budget.left_out.append(f"{path}: {_size(before)}{first}: {_TOO_MUCH}")
    return [Row(at, when, name, path, said) for at, when, said in rows]


def _packed(path: str, most: int) -> tuple[bytes, int]:
    """The end of what a compressed file holds, and how many bytes are before it."""
    chunks: deque[bytes] = deque()
    seen = held = 0
    with gzip.open(path) as file:
        while chunk := file.read(2**20):
            seen += len(chunk)
            if seen > _UNPACKED:
                raise OSError(f"it holds more than {_size(_UNPACKED)}, and its end was not reached")
            chunks.append(chunk)
            held += len(chunk)
            while held - len(chunks[0]) >= most:
                held -= len(chunks.popleft())
    content = b"".join(chunks)
    kept = content[max(0, len(content) - most) :]
    return kept, seen - len(kept)


def _plain(path: str, since: float | None, until: float | None, lines: int | None, most: int) -> tuple[bytes, int]:
    """The end of a file, or of its part in a window, and how many bytes that belong to it are before it."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        begin = 0
        if until is not None:
            end = _around(file, end, until + _MOMENT)[1]
        if since is not None:
            begin = _around(file, end, since, begins=True)[0]
        sizes = [most]
        if lines:
            sizes = [size for size in (_BLOCK, 16 * _BLOCK) if size < most] + [most]
        for size in sizes:
            start = max(begin, end - size)
            file.seek(start)
            content = file.read(end - start)
            enough = lines is not None and len(list(grouped(content.decode("utf-8", "replace").splitlines()[1:]))) > lines
            if start == begin or enough:
                break
    return content, start - begin


def _around(file: BinaryIO, size: int, when: float, begins: bool = False) -> tuple[int, int]:
    """Two places in a file whose times go up: all before the first one is older than `when`, all after the second one is not.

    begins: the first one is wanted: in an hour that there is twice it is not beyond the beginning of the first time.
    """
    low, high, left = 0, size, _SEARCHED
    unsure = begins and _is_twice(when)
    while high - low > _BLOCK:
        middle = (low + high) // 2
        found = _next_time(file, middle, min(high, middle + left))
        left -= file.tell() - middle
        if found is None:
            break
        at, time_there = found
        if time_there < when and not (unsure and _is_twice(time_there)):
            low = at
        else:
            high = at
    return low, high


def _next_time(file: BinaryIO, start: int, stop: int) -> tuple[int, float] | None:
    """Where the next line with a time begins, and that time; None where there is none before `stop`."""
    file.seek(start)
    at, begins = start, False  # at first in the midst of a line
    while at < stop:
        part = file.readline(_BLOCK)
        if not part:
            break
        when = moment(part[:_STAMP].decode("utf-8", "replace")) if begins else None
        if when is not None:
            return at, when
        at += len(part)
        begins = part.endswith(b"\n")
    return None


def _of_journal(name: str, entry: Entry, since: float | None, until: float | None, lines: int | None, budget: _Budget) -> list[Row]:
    """What the component's unit has written to the journal."""
    most = min(_JOURNAL_LINES, 20 * lines) if lines else _JOURNAL_LINES
    # Without --all, what is longer than 4096 bytes is not there.
    words = ["--output=json", "--all", "--output-fields=MESSAGE,_PID", f"--lines={most}"]
    words += [f"--since=@{math.floor(since)}"] if since is not None else []
    words += [f"--until=@{math.ceil(until)}"] if until is not None else []
    answer = services.journal(entry, *words)
    if answer is None:
        return []
    (code, output), where = answer, f"the journal of {services.unit(entry)}"
    if code != 0:
        budget.left_out.append(f"{where}: {output or f'journalctl ended with status {code}'}")
        return []
    rows = [Row(when, when, name, JOURNAL, text) for when, text in from_journal(output)]
    if len(output.split("\n")) >= most and not (lines and len(rows) >= lines):
        budget.left_out.append(f"{where}, before {iso(rows[0].at) if rows else 'all'}: more than {most} lines")
    return rows
