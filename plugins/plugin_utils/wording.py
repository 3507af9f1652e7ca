# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a notification: subject and plain text. Pure functions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from .diagnose import CLASSES
from .status import SPOKEN, age, one_line
from .watch import OVER, UNKNOWN_CODES, Event, Settings, max_severity, stamp

# So many are told in full; a cluster that is down has hundreds.
_IN_FULL = 20
_EVIDENCE = 5
_LONGEST = 120  # characters of a subject
_HEADINGS = {
    "present": "Present at the first look",
    "new": "New",
    "changed": "Changed",
    "recovered": "Recovered",
    "passed": "Came and went",
    "left": "Not looked at any more",
    "reminder": "Still there",
}
_SHORT = {**{kind: title.lower() for kind, title in _HEADINGS.items()}, "present": "present", "left": "no longer looked at"}


def compose(
    settings: Settings,
    verdict: Mapping[str, Any],
    events: Sequence[Event],
    lasting: Sequence[Mapping[str, Any]],
    dropped: int,
    now: datetime.datetime,
) -> tuple[str, str]:
    """Subject and text of one message. lasting: what was told before, and is as it was. dropped: messages given up."""
    at = stamp(now)
    head = f"Cluster {settings.cluster}, {at[:10]} {at[11:16]} UTC: {one_line(verdict['text'])}"
    parts = [head]
    for kind, title in _HEADINGS.items():
        rows = [event for event in events if event["kind"] == kind]
        if rows:
            shown = [_event(row, at) for row in rows[:_IN_FULL]] + _more(len(rows))
            parts.append(f"{title} ({len(rows)})\n" + "\n".join(shown))
    if lasting:
        shown = [f"- {_named(thing['finding'])}{_since(thing, at)}" for thing in lasting[:_IN_FULL]] + _more(len(lasting))
        parts.append(f"Persists, told before ({len(lasting)})\n" + "\n".join(shown))
    if dropped:
        parts.append(f"Messages before this one that could not be sent and were given up: {dropped}")
    if settings.status_url:
        parts.append(f"Status page: {settings.status_url}")
    return _subject(settings.cluster, verdict, events, lasting), "\n\n".join(parts) + "\n"


def trial(settings: Settings, channel: str, now: datetime.datetime) -> tuple[str, str]:
    """Subject and text of a test notification."""
    lines = [f"This is a test of the channel {channel} of koverse.runbook, sent {stamp(now)}. Nothing was looked at."]
    lines += [f"Status page: {settings.status_url}"] if settings.status_url else []
    return one_line(f"[{settings.cluster}] test notification"), "\n\n".join(lines) + "\n"


def _subject(cluster: str, verdict: Mapping[str, Any], events: Sequence[Event], lasting: Sequence[Mapping[str, Any]]) -> str:
    bad = [event["finding"]["severity"] for event in events if event["kind"] not in OVER]
    bad += [thing["finding"]["severity"] for thing in lasting]
    head = f"{max_severity(bad)} ({len(bad)})" if bad else f"cluster {SPOKEN[verdict['state']]}"
    if len(events) == 1:
        changes = f"{_SHORT[events[0]['kind']]}: {_unknown(events[0]['finding'])}{events[0]['finding']['summary']}"
    else:
        counts = {kind: sum(event["kind"] == kind for event in events) for kind in _HEADINGS}
        changes = ", ".join(f"{count} {_SHORT[kind]}" for kind, count in counts.items() if count)
    text = one_line(f"[{cluster}] {head}: {changes}")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _event(event: Event, now: str) -> str:
    finding = event["finding"]
    if event["kind"] in OVER:
        return f"- {_named(finding)}; lasted {age(event['first'], event['at'])}, until {event['at']}"
    lines = [f"- {_named(finding)}"]
    if event["before"]:
        code, severity, *concerns = event["before"]
        lines.append(one_line(f"before: {code} ({severity}){': ' if concerns else ''}{', '.join(concerns)}"))
    lines.append(f"since: {event['first']} ({age(event['first'], now)})")
    if event["unseen"]:
        lines.append("now: unknown, the last look could not tell")
    lines += [f"seen: {one_line(text)}" for text in finding["evidence"][:_EVIDENCE]]
    if finding["cause"]:
        lines.append(f"follows from: {one_line(finding['cause'])}")
    lines += [f"at stake: {one_line(finding['stake'])}", f"next: {one_line(finding['remedy'])}"]
    return "\n    ".join(lines)


def _named(finding: Mapping[str, Any]) -> str:
    kind = CLASSES[finding["class"]]
    return f"{_unknown(finding)}{finding['code']} ({finding['severity']}, {kind}): {one_line(finding['summary'])}"


def _unknown(finding: Mapping[str, Any]) -> str:
    return "UNKNOWN: " if finding["code"] in UNKNOWN_CODES else ""


def _since(thing: Mapping[str, Any], now: str) -> str:
    seen = f"; unknown now, last seen {thing['last']}" if thing["unseen"] else ""
    return f", for {age(thing['first'], now)}{seen}"


def _more(count: int) -> list[str]:
    return [f"- and {count - _IN_FULL} more, which the status page has"] if count > _IN_FULL else []
