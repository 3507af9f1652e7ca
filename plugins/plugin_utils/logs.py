# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of all hosts in one order: what is asked for, in words; the merge; and the lines that are shown. Pure functions."""

from __future__ import annotations

import datetime
import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .catalogue import RunbookError
from .moments import moment

LINES = 50  # entries of each component on each host, where no window is asked for

Entry = Mapping[str, Any]


def query(asked: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What to ask the hosts for: `since` and `until` in seconds since 1970 or None, `pattern` or None, `lines` or None.

    asked: the same as texts, as they come from the command line; empty or missing where nothing is asked for. Without `since` and `lines`
    LINES are asked for. now: seconds since 1970. Raises RunbookError with every problem.
    """
    problems: list[str] = []
    times: dict[str, float | None] = {"since": None, "until": None}
    for key in times:
        try:
            times[key] = moment(asked[key], now, key) if str(asked.get(key) or "").strip() else None
        except RunbookError as error:
            problems += error.problems
    since, until = times["since"], times["until"]
    if since is not None and until is not None and since > until:
        problems.append(f"until: expected a time after since, found {asked['until']}, and since {asked['since']}.")
    pattern = str(asked.get("pattern") or "")
    try:
        re.compile(pattern)
    except re.error as error:
        problems.append(f"pattern: '{pattern}' is not a regular expression: {error}.")
    lines = str(asked.get("lines") or "").strip()
    if lines and not (lines.isdigit() and int(lines)):
        problems.append(f"lines: expected a number from 1, found '{lines}'.")
    if problems:
        raise RunbookError(problems)
    return {"since": since, "until": until, "pattern": pattern or None, "lines": int(lines) if lines else LINES if since is None else None}


def merged(answers: Mapping[str, Sequence[Entry]], most: int) -> tuple[list[Entry], int]:
    """The entries of all hosts in the order of time, at most `most` of them, the newest ones; and how many are not among them.

    An entry without a time stays behind the one before it on its host.
    """
    rows = list(heapq.merge(*(_placed(entries) for entries in answers.values()), key=lambda row: row[0]))
    return [entry for _at, entry in rows[max(0, len(rows) - most) :]], max(0, len(rows) - most)


def _placed(entries: Sequence[Entry]) -> Iterator[tuple[float, Entry]]:
    at = next((entry["time"] for entry in entries if entry["time"] is not None), 0.0)
    for entry in entries:
        at = max(at, at if entry["time"] is None else entry["time"])
        yield at, entry


def lines(entry: Entry, zone: datetime.tzinfo | None, widths: tuple[int, int]) -> list[str]:
    """An entry as lines, each with time, host and component; widths: of the last two."""
    when = _local(entry["time"], zone) if entry["time"] is not None else ""
    before = f"{when:23} {entry['host']:{widths[0]}} {entry['component']:{widths[1]}} "
    return [(before + line).rstrip() for line in entry["text"].split("\n")]


def _local(time: float, zone: datetime.tzinfo | None) -> str:
    return datetime.datetime.fromtimestamp(time, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]


def json_line(entry: Entry) -> str:
    """An entry as a line of JSON, its time in ISO 8601 and UTC, or null."""
    time = entry["time"]
    iso = None if time is None else datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat(timespec="milliseconds")
    return json.dumps({**entry, "time": iso.replace("+00:00", "Z") if iso else None}, ensure_ascii=False)


def text(entries: Sequence[Entry], zone: datetime.tzinfo | None) -> str:
    """All entries as lines."""
    widths = tuple(max((len(entry[key]) for entry in entries), default=0) for key in ("host", "component"))
    return "".join(f"{line}\n" for entry in entries for line in lines(entry, zone, (widths[0], widths[1])))
