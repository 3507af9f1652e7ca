# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as users type them. docs/logs.md tells the forms."""

from __future__ import annotations

import datetime
import re

from .catalogue import RunbookError

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)"
_AGO = re.compile(rf"(?:{_PART}\s*)+(?:ago)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")


def moment(text: str, now: float, variable: str) -> float:
    """A time in seconds since 1970: so long before `now`, of the last 24 hours, or in ISO 8601; without a zone it is in the controller's.

    Raises RunbookError, which names the variable.
    """
    text = str(text).strip()
    clock = _CLOCK.fullmatch(text)
    try:
        if _AGO.fullmatch(text):
            passed = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
            when = datetime.datetime.fromtimestamp(now, datetime.timezone.utc) - datetime.timedelta(seconds=passed)
        elif clock:
            today = datetime.datetime.fromtimestamp(now)
            when = today.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            when -= datetime.timedelta(days=1 if when > today else 0)
        else:
            when = datetime.datetime.fromisoformat(re.sub("z$", "Z", text))
        return when.timestamp()
    except (ValueError, OverflowError) as error:
        forms = "a time such as 14:05, 2026-11-22T14:05 or 2026-11-22T14:05:00Z, or how long ago, such as 10m or 1d 12h"
        raise RunbookError([f"{variable}: expected {forms}, found '{text}'."]) from error
