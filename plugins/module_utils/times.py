# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as the collection writes them, in rows, reports, records and sets: ISO 8601 in UTC, to the second."""

from __future__ import annotations

import datetime

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def iso(seconds: float) -> str:
    """Seconds since 1970 as text."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(_FORM)


def seconds(text: str) -> float:
    """The reverse of `iso`. Raises ValueError."""
    return datetime.datetime.strptime(text, _FORM).replace(tzinfo=datetime.timezone.utc).timestamp()
