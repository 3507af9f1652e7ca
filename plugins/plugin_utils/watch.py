# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has changed between two looks at the cluster, and who is to be told of it. Pure functions: time is an argument.

`look` is one report of status.py as the watch needs it, `step` goes from state to state and says what is to be sent. A thing is what can be
wrong, under a key that stays while its code may change: an instance (`hdfs_datanode@n3`), a code of a host or of a component as a whole
(`DISK_FULL n3`, `NONE_ACTIVE hdfs_namenode`), or an alert of Ambari (`AMBARI_ALERT datanode_storage on n3`). The state is plain data,
kept as JSON::

    {"version": 1, "cluster": "ha", "looked": "2026-11-22T20:00:00Z", "interval": 300,
     "things": {KEY: {"finding": {...},          # as it was last seen
                      "first": TIME, "last": TIME, "looks": 3, "same": 3, "gone": 0, "unseen": False,
                      "told": ["DIED", "error"] or None, "told_at": TIME or None, "codes": ["DIED"], "severities": ["error"]}},
     "channels": {NAME: {"held": [...],          # events kept until the quiet hours end
                         "pending": [...],       # messages not sent yet
                         "sent": 4, "last": {"at": TIME, "subject": "..."} or None,
                         "failed": 0, "failure": {"at": TIME, "why": "..."} or None,
                         "refused": 0,           # recipients that were given up for one message, because the server refuses them
                         "dropped": 0, "dropped_untold": 0}}}

looks, same: for how many looks in a row it was seen, and as the same (see `_what`). gone: for how many it was seen healthy. unseen: whether
the last look could not tell. told: what it was told as. codes, severities: all of it that were told.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils.times import iso, seconds

from . import ambari_look
from .catalogue import RunbookError, did_you_mean
from .decide import fewest
from .diagnose import ALERT, WHOLE_HOST
from .plan import Plan

VERSION = 1
SEVERITIES = ("warning", "error", "critical")
# Nobody could tell: these are told as unknown.
UNKNOWN_CODES = ("HOST_UNREACHABLE", "NOT_ANSWERING", "NOT_TOLD", "UNKNOWN", "AMBARI_SILENT")
# With one of these nothing can be written, or two may write at once, though enough processes serve.
_CRITICAL_CODES = ("SAFE_MODE", "SAFE_MODE_KEPT", "SEVERAL_ACTIVE")
_OWN_CODES = ("UNKNOWN", "NOT_WHOLE", "AMBARI_SILENT")
_BACKUPS = {"failed": "BACKUP_FAILED", "damaged": "BACKUP_DAMAGED", "too_old": "BACKUP_TOO_OLD"}
_BACKUP_KEY, _AMBARI_KEY = "backup", "ambari"
_MINUTES = re.compile(r"(\d{1,2}):(\d{2})")

OVER = ("recovered", "passed", "left")  # kinds of events

State = dict[str, Any]
Finding = dict[str, Any]
Event = dict[str, Any]
Message = dict[str, Any]


class Filter(NamedTuple):
    """What a channel is told of: severities and codes; empty: all."""

    severities: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    def accepts(self, about: Mapping[str, Any]) -> bool:
        """Whether it is told of a thing or an event, by all codes and severities that were told: who heard of it also hears its end."""
        return all(not wanted or bool(set(wanted) & set(about[key])) for key, wanted in self._asdict().items())


class Settings(NamedTuple):
    """How the watch tells; the defaults are those of M(koverse.runbook.watch_report).

    interval: minutes between looks. confirm, clear: looks in a row until something is told, and until its recovery is. reminder: hours, 0
    for never. severity: the least that is told. quiet: pairs of minutes since midnight. zone: None is this host's. keep_messages,
    keep_hours: bounds of what waits to be sent.
    """

    cluster: str
    channels: Mapping[str, Filter]
    interval: int = 5
    confirm: int = 2
    clear: int = 2
    reminder: float = 24
    severity: str = "warning"
    quiet: tuple[tuple[int, int], ...] = ()
    zone: datetime.tzinfo | None = None
    keep_messages: int = 20
    keep_hours: float = 48
    status_url: str = ""


class Look(NamedTuple):
    """One look: `findings` by key; the keys of what was seen to be well (`healthy`), is not looked at any more (`left`), or is told by
    another finding (`folded`: an alert of Ambari), and of findings that may concern more than was seen (`partial`)."""

    verdict: Mapping[str, Any]
    findings: Mapping[str, Finding]
    healthy: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()


# ---- settings


def quiet_hours(value: Any) -> tuple[tuple[int, int], ...]:
    """`22:00-07:00`, several with commas or as a list, as minutes since midnight. Raises RunbookError."""
    texts = [str(text).strip() for text in (value if isinstance(value, list) else str(value or "").split(","))]
    found = []
    for text in filter(None, texts):
        ends = [_minutes(part.strip()) for part in text.split("-")]
        if len(ends) != 2 or None in ends or ends[0] == ends[1]:
            raise RunbookError([f"runbook_watch_quiet: expected a span such as 22:00-07:00, with two different times, found '{text}'."])
        found.append((ends[0] or 0, ends[1] or 0))
    return tuple(found)


def _minutes(text: str) -> int | None:
    match = _MINUTES.fullmatch(text)
    if not match:
        return None
    hours, minutes = int(match[1]), int(match[2])
    return hours * 60 + minutes if hours < 24 and minutes < 60 else None


def time_zone(name: str) -> datetime.tzinfo | None:
    """A zone by its name in the IANA database, None (this host's) for an empty one. Raises RunbookError."""
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = sorted(zoneinfo.available_timezones())
        raise RunbookError([f"runbook_watch_timezone: this host knows no time zone '{name}'. {did_you_mean(name, known)}"]) from error


def is_quiet(now: datetime.datetime, settings: Settings) -> bool:
    """Whether `now` is in the quiet hours, by the clock on the wall of their zone, whatever summer time does."""
    local = now.astimezone(settings.zone)
    minute = local.hour * 60 + local.minute
    return any(begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in settings.quiet)


def codes(diagnosed: Iterable[str]) -> list[str]:
    """All codes there are: those of the diagnosis, and the watch's own."""
    return [*diagnosed, *_OWN_CODES, *_BACKUPS.values()]


def severity_of(name: str, value: Any) -> str:
    """A severity that a variable names. Raises RunbookError."""
    if value not in SEVERITIES:
        raise RunbookError([f"{name}: unknown severity '{value}'. {did_you_mean(str(value), list(SEVERITIES))}"])
    return str(value)


def cluster_name(sources: Sequence[str]) -> str:
    """A name from the first inventory: `ha` of inventories/ha and of inventories/ha/hosts.yml."""
    path = PurePath(sources[0]) if sources and "," not in sources[0] else PurePath()
    return (path.parent.name if path.stem in ("hosts", "inventory") else path.stem) or "koverse"


# ---- one look


def look(report: Mapping[str, Any], plan: Plan, known: Iterable[str] = (), said: ambari_look.Said | None = None) -> Look:
    """A report of status.py as the watch needs it. known: keys of the state, of which it is told how they are now. said: by Ambari, None
    where it was not asked."""
    seen = _Seen(report, plan, said)
    findings = {**seen.findings(), **seen.uncovered(), **seen.backup(), **seen.silence()}
    absent = [key for key in known if key not in findings]
    left = frozenset(filter(seen.has_left, absent))
    healthy = frozenset(key for key in absent if key not in left and seen.is_well(key))
    folded = frozenset(key for key in absent if key in seen.alerts and key not in left)
    return Look(report["verdict"], findings, healthy, left, folded, frozenset(filter(seen.is_partial, findings)))


def key_of(code: str, component: str | None, host: str | None, alert: str | None = None) -> str:
    """The key of a thing; an instance has one finding at a time, so that its code may change, and beside it any number of alerts."""
    if alert:
        return f"{code} {alert}"
    return f"{component}@{host}" if component and host else f"{code} {component or host}"


def _alert_key(alert: str) -> str:
    return key_of(ALERT, None, None, alert)


def _is_alert(key: str) -> bool:
    return key.startswith(f"{ALERT} ")


class _Seen:
    """A report, indexed."""

    def __init__(self, report: Mapping[str, Any], plan: Plan, said: ambari_look.Said | None) -> None:
        self.report, self.fewest = report, fewest(plan)
        self.components = {entry["name"]: entry for entry in report["components"]}
        self.hosts = {host["name"]: host["answer"] for host in report["hosts"]}
        self.rows = {(row["component"], row["host"]): row for row in report["instances"]}
        self.asked, self.problem = said is not None, said["problem"] if said else None
        self.alerts = {_alert_key(row["id"]): row for row in (said["alerts"] if said else ())}
        self.well, self.unsure = ({_alert_key(name) for name in said[many]} if said else set() for many in ("well", "unsure"))

    def wanted(self, component: str | None = None, host: str | None = None) -> list[Mapping[str, Any]]:
        """The instances that are meant to run: of a component, or on a host."""
        return [
            row
            for (name, where), row in self.rows.items()
            if self.components[name]["desired"] == "started" and component in (None, name) and host in (None, where)
        ]

    def serves(self, name: str) -> bool:
        """Whether a component is seen to do its work at all: an active one, a majority, or one."""
        well = [row for row in self.wanted(name) if row["health"] == "healthy"]
        if self.components[name]["ha"] == "active_standby" and any(row["role"] for row in self.wanted(name)):
            return any(row["role"] == "active" for row in well)
        return len(well) >= self.fewest[name]

    def severity(self, row: Mapping[str, Any]) -> str:
        """critical: data may be lost, or what is concerned does not do its work at all. Else as the diagnosis has it."""
        instance = self.rows.get((row["component"], row["host"]))
        if row["class"] == "data_at_risk" and not (instance and instance["health"] == "healthy"):
            return "critical"
        if row["severity"] == "warning" or row["class"] == "recovers" or row["alert"]:
            return str(row["severity"])
        concerned = [row["component"]] if row["component"] else [other["component"] for other in self.wanted(host=row["host"])]
        return "critical" if row["code"] in _CRITICAL_CODES or not all(map(self.serves, concerned)) else "error"

    def findings(self) -> dict[str, Finding]:
        """What the diagnosis has found."""
        rows = self.report["findings"]
        found = {}
        for row in rows:
            cause = "" if row["follows_from"] is None else rows[row["follows_from"]]["summary"]
            found[key_of(row["code"], row["component"], row["host"], row["alert"])] = self._finding(row, cause)
        return found

    def uncovered(self) -> dict[str, Finding]:
        """What is not healthy though no finding names it or its host. Without it a verdict could be bad and nobody be told."""
        # Of the findings of a host only these say why its instances are not healthy.
        told = [row for row in self.report["findings"] if (row["component"] or row["code"] in WHOLE_HOST) and not row["alert"]]
        named = {(row["component"], row["host"]) for row in told}
        found = {}
        for row in self.wanted():
            name, host = row["component"], row["host"]
            covered = {(name, host), (name, None), (None, host)} & named or self.hosts.get(host) == "not_asked"
            if row["health"] != "healthy" and not covered:
                said = "is not known" if "unknown" in (row["state"], row["health"]) else "is not healthy"
                code = "UNKNOWN" if said == "is not known" else "UNHEALTHY"
                found[key_of(code, name, host)] = self._own(code, name, host, f"{self._title(name)} on {host} {said}", [row["evidence"]])
        for name, entry in self.components.items():
            texts = [problem["text"] for problem in entry["problems"] if problem["host"] is None]
            concerned = any(component == name or (host in self._hosts_of(name) and not component) for component, host in named)
            if texts and not concerned and entry["verdict"] == "unhealthy":
                found[key_of("NOT_WHOLE", name, None)] = self._own("NOT_WHOLE", name, None, f"{entry['title']} is not healthy", texts)
        return found

    def backup(self) -> dict[str, Finding]:
        """What is wrong with the backups."""
        code = _BACKUPS.get(self.report["backups"]["verdict"])
        if not code:
            return {}
        remedy = "take one: ansible-playbook playbooks/backup.yml; docs/backup.md"
        found = self._own(code, None, None, "the newest backup is not good", [self.report["backups"]["text"]], remedy)
        return {_BACKUP_KEY: {**found, "severity": "error", "stake": "what has changed since the last good backup"}}

    def silence(self) -> dict[str, Finding]:
        """That Ambari could not be asked: nobody is told of its alerts meanwhile."""
        if not self.problem:
            return {}
        remedy = "cure what its evidence names; docs/ambari.md"
        found = self._own("AMBARI_SILENT", None, None, "what Ambari says is not known", [self.problem], remedy)
        return {_AMBARI_KEY: {**found, "severity": "warning", "stake": "Ambari's alerts, which nobody is told of meanwhile"}}

    def is_well(self, key: str) -> bool:
        """Whether this look has seen the thing to be well. That nobody complains of it is not enough: somebody must have seen it."""
        if key == _BACKUP_KEY:
            return self.report["backups"]["verdict"] in ("good", "none")
        if key == _AMBARI_KEY:
            return not self.problem
        if _is_alert(key):
            return key in self.well
        if "@" in key:
            component, _at, host = key.partition("@")
            row = self.rows[component, host]
            return row["health"] == "healthy" or (self.components[component]["desired"] == "stopped" and row["state"] == "stopped")
        code, _space, name = key.partition(" ")
        if name in self.components:
            if code == "NOT_WHOLE":
                return self.components[name]["verdict"] in ("healthy", "standby")
            # Two that are active at once stay two, as long as there is one of which nobody can tell.
            told = code != "SEVERAL_ACTIVE" or not any("unknown" in (row["state"], row["health"]) for row in self.wanted(name))
            return self.components[name]["desired"] == "stopped" or (told and self.serves(name))
        return self.hosts[name] == "answered" and self._host_is_well(code, name)

    def _host_is_well(self, code: str, host: str) -> bool:
        here = self.wanted(host=host)
        if code == "HOST_CUT_OFF":  # that nothing listens there any more looks the same
            return any(row["reachable"] for row in self.report["ports"] if row["host"] == host)
        if code == "DISK_FULL":  # known only from the files that running processes have open
            return all(row["state"] == "running" for row in here)
        if code == "HOST_STOPPED":
            return any(row["health"] == "healthy" for row in here) or not here
        return True

    def is_partial(self, key: str) -> bool:
        """Whether a finding may concern more than this look has seen."""
        return key.startswith("DISK_FULL ") and not self.is_well(key)

    def has_left(self, key: str) -> bool:
        """Whether the run book or Ambari does not know the thing any more, or it is meant to be so."""
        if key == _BACKUP_KEY:
            return False
        if key == _AMBARI_KEY:
            return not self.asked
        if _is_alert(key):
            return not self.asked or (not self.problem and self._alert_has_left(key))
        if "@" in key:
            component, _at, host = key.partition("@")
            return (component, host) not in self.rows
        name = key.partition(" ")[2]
        return name not in self.components and name not in self.hosts

    def _alert_has_left(self, key: str) -> bool:
        alert = self.alerts.get(key)
        if alert is None:
            return key not in self.well | self.unsure
        row = self.rows.get((alert["component"], alert["host"]))
        return ambari_look.is_meant(alert, row["state"] if row else None, self.components[row["component"]]["desired"] if row else None)

    def _hosts_of(self, name: str) -> set[str]:
        return {row["host"] for row in self.wanted(name)}

    def _title(self, name: str) -> str:
        return str(self.components[name]["title"])

    def _own(self, code: str, component: str | None, host: str | None, summary: str, evidence: list[str], remedy: str = "") -> Finding:
        row = {
            "code": code,
            "severity": "error" if component is None or self.components[component]["problems"] else "warning",
            "class": "intervention",
            "component": component,
            "host": host,
            "summary": summary,
            "evidence": evidence,
            "concerns": [],
            "stake": "what its evidence names",
            "remedy": remedy or "ansible-playbook playbooks/diagnose.yml",
            "alert": None,
        }
        return self._finding(row, "")

    def _finding(self, row: Mapping[str, Any], cause: str) -> Finding:
        kept = ("code", "class", "component", "host", "summary", "stake", "remedy", "alert")
        layer = self.components[row["component"]]["layer"] if row["component"] else None
        found = {key: row[key] for key in kept}
        lists = {key: list(row[key]) for key in ("evidence", "concerns")}
        return {**found, **lists, "severity": self.severity(row), "layer": layer, "cause": cause}


# ---- from state to state


def step(
    state: State | None,
    seen: Look,
    now: datetime.datetime,
    settings: Settings,
    compose: Callable[..., tuple[str, str]],
) -> tuple[State, dict[str, Message]]:
    """The next state, and by channel the message that this look adds to what has to be sent.

    state: None at the first run. compose: makes subject and text (wording.compose). What a channel is told of is in its message, or in
    its `held` during quiet hours; messages stay in `pending` until `sent` is called for them.
    """
    at = stamp(now)
    before = state or {"things": {}, "channels": {}}
    advanced = {
        key: _advance(before["things"].get(key), key, seen, at)
        for key in [*before["things"], *(key for key in seen.findings if key not in before["things"])]
    }
    things: dict[str, dict[str, Any]] = {key: thing for key, thing in advanced.items() if thing}
    events = [event for key in list(things) if (event := _event(key, things, seen, now, settings, first=state is None))]
    events += _reminders(things, {event["key"] for event in events} | seen.folded, now, settings)
    new: State = {"version": VERSION, "cluster": settings.cluster, "looked": at, "interval": settings.interval * 60, "things": things}
    new["channels"] = {name: dict(before["channels"].get(name) or _new_channel()) for name in settings.channels}
    quiet = is_quiet(now, settings)
    messages = {}
    for name, chosen in settings.channels.items():
        channel = new["channels"][name]
        # A channel that is new hears of all that is known.
        heard = events if name in before["channels"] else _present(things, at)
        heard = [event for event in heard if chosen.accepts(event)]
        urgent = {event["key"] for event in heard if event["severity"] == "critical"}
        waiting = [*channel["held"], *heard]
        channel["held"] = collapse(event for event in waiting if quiet and event["key"] not in urgent)
        to_tell = [_as_now(event, things) for event in collapse(event for event in waiting if not quiet or event["key"] in urgent)]
        _forget_old(channel, now, settings)
        if to_tell:
            told = {event["key"] for event in [*to_tell, *channel["held"]]} | seen.folded
            lasting = [thing for key, thing in things.items() if thing["told"] and key not in told and chosen.accepts(thing)]
            subject, text = compose(settings, seen.verdict, to_tell, lasting, channel["dropped_untold"], now)
            worst = max_severity(event["severity"] for event in to_tell)
            messages[name] = message(name, at, subject, text, worst, channel["dropped_untold"])
            channel["pending"] = [*channel["pending"], messages[name]]
            channel["dropped_untold"] = 0
            _forget_old(channel, now, settings)
    return new, messages


def _advance(old: dict[str, Any] | None, key: str, seen: Look, at: str) -> dict[str, Any] | None:
    """A thing after one more look; None where there is nothing to remember: it was never told, and is well."""
    finding, well = seen.findings.get(key), key in seen.healthy or key in seen.left
    if finding is None:
        if old is None or (well and not old["told"]):
            return None
        if key in seen.folded:
            return {**old, "last": at, "gone": 0, "unseen": False}
        return {**old, "same": 0, "looks": 0, "gone": old["gone"] + 1, "unseen": False} if well else {**old, "gone": 0, "unseen": True}
    fresh: dict[str, Any] = {
        "first": at,
        "looks": 0,
        "same": 0,
        "finding": finding,
        "told": None,
        "told_at": None,
        "codes": [],
        "severities": [],
    }
    thing = old or fresh
    if key in seen.partial:
        finding = _with_unseen(finding, thing["finding"])
    same = _what(thing["finding"]) == _what(finding)
    counts = {"looks": thing["looks"] + 1, "same": thing["same"] + 1 if same else 1, "gone": 0}
    return {**thing, **counts, "finding": finding, "last": at, "unseen": False}


def _with_unseen(finding: Finding, before: Finding) -> Finding:
    """A finding of which not all could be seen, with what it concerned before: the old one, where nothing is new."""
    concerns = sorted({*finding["concerns"], *before["concerns"]})
    return {**(before if concerns == before["concerns"] else finding), "severity": finding["severity"], "concerns": concerns}


def _what(finding: Finding) -> list[str]:
    """What of a thing is told as a change when it changes: its code, its severity, and what it concerns."""
    return [finding["code"], finding["severity"], *finding["concerns"]]


def _event(
    key: str, things: dict[str, dict[str, Any]], seen: Look, now: datetime.datetime, settings: Settings, first: bool
) -> Event | None:
    """What is to be told of a thing after this look; the thing is noted as told, or removed."""
    thing, at = things[key], stamp(now)
    finding = thing["finding"]
    if thing["told"] is None:
        if SEVERITIES.index(finding["severity"]) < SEVERITIES.index(settings.severity):
            del things[key]
            return None
        if not first and thing["looks"] < settings.confirm:
            return None
        things[key] = _told(thing, at)
        return _as_event("new", key, things[key], at)
    if thing["gone"] >= settings.clear:
        del things[key]
        return {**_as_event("left" if key in seen.left else "recovered", key, thing, at), "severity": max_severity(thing["severities"])}
    if thing["same"] >= settings.confirm and thing["told"] != _what(finding):
        before = thing["told"]
        things[key] = _told(thing, at)
        worst = max_severity([before[1], finding["severity"]])
        return {**_as_event("changed", key, things[key], at), "before": before, "severity": worst}
    return None


def _told(thing: dict[str, Any], at: str) -> dict[str, Any]:
    finding = thing["finding"]
    heard = {many: list(dict.fromkeys([*thing[many], finding[one]])) for many, one in (("codes", "code"), ("severities", "severity"))}
    return {**thing, **heard, "told": _what(finding), "told_at": at}


def _as_event(kind: str, key: str, thing: Mapping[str, Any], at: str) -> Event:
    """severity: how bad it is now, by which quiet hours go; codes, severities: all that were told, by which channels go."""
    facts = {
        "kind": kind,
        "key": key,
        "at": at,
        "before": None,
        **{name: thing[name] for name in ("first", "unseen", "codes", "severities")},
    }
    return {**facts, "finding": thing["finding"], "severity": thing["finding"]["severity"]}


def _as_now(event: Event, things: Mapping[str, Mapping[str, Any]]) -> Event:
    """An event that may have been kept through the quiet hours, with what it is like now where it is not over, and still what was told."""
    thing = things.get(event["key"])
    if not thing or event["kind"] in OVER:
        return event
    same = _what(thing["finding"]) == thing["told"]
    return {**event, "unseen": thing["unseen"], "finding": thing["finding"] if same else event["finding"]}


def _reminders(things: dict[str, dict[str, Any]], but: set[str], now: datetime.datetime, settings: Settings) -> list[Event]:
    """What lasts is told again. When one is due, those that would be due before long come along: one message instead of many."""
    since = {
        key: (now.timestamp() - seconds(thing["told_at"])) / 3600
        for key, thing in things.items()
        if thing["told"] and not thing["gone"] and key not in but
    }
    if not settings.reminder or not any(hours >= settings.reminder for hours in since.values()):
        return []
    found = []
    for key, hours in since.items():
        if hours >= settings.reminder / 2:
            things[key] = {**things[key], "told_at": stamp(now)}
            found.append(_as_event("reminder", key, things[key], stamp(now)))
    return found


def _present(things: Mapping[str, Mapping[str, Any]], at: str) -> list[Event]:
    return [_as_event("present", key, thing, at) for key, thing in things.items() if thing["told"]]


def collapse(events: Iterable[Event]) -> list[Event]:
    """The events of a thing as one: what it was like before the first of them, and is after the last.

    What came and went meanwhile is `passed`; what recovered meanwhile and is bad again is `new`.
    """
    by_key: dict[str, list[Event]] = {}
    for event in events:
        by_key.setdefault(event["key"], []).append(event)
    return [_collapsed(rows) for rows in by_key.values()]


def _collapsed(rows: Sequence[Event]) -> Event:
    if len(rows) == 1:
        return rows[0]
    kinds = [row["kind"] for row in rows]
    came, ended, ended_before = kinds[0] in ("new", "present", "passed"), kinds[-1] in OVER, any(kind in OVER for kind in kinds[:-1])
    worst = max_severity(row["severity"] for row in rows)
    heard = {many: list(dict.fromkeys(one for row in rows for one in row[many])) for many in ("codes", "severities")}
    last = {**rows[-1], **heard, "severity": worst, "before": next((row["before"] for row in rows if row["before"]), None)}
    if ended:
        return {**last, "kind": "passed" if came else kinds[-1]}
    if came or ended_before:
        kind = "present" if kinds[0] == "present" else "new"
        return {**last, "kind": kind, "first": last["first"] if ended_before else rows[0]["first"]}
    return {**last, "kind": "changed" if "changed" in kinds else "reminder"}


# ---- messages


def message(channel: str, at: str, subject: str, text: str, severity: str, dropped: int = 0) -> Message:
    """A message that waits to be sent. The id is the same at every try, so that a mail that comes twice can be told.

    dropped: of how many that were given up it tells.
    """
    unique = hashlib.sha256("\n".join([channel, at, subject, text]).encode()).hexdigest()[:20]
    return {"id": unique, "made": at, "severity": severity, "subject": subject, "text": text, "to": None, "tries": 0, "dropped": dropped}


def sent(channel: dict[str, Any], done: Message, at: str) -> dict[str, Any]:
    """The channel after it has taken a message."""
    left = [row for row in channel["pending"] if row["id"] != done["id"]]
    last = {"at": at, "subject": done["subject"]}
    # What still waits was not taken before this one: why not stays said.
    failure = channel["failure"] if left else None
    return {**channel, "pending": left, "sent": channel["sent"] + 1, "last": last, "failure": failure}


def failed(channel: dict[str, Any], done: Message, at: str, why: str, to: Sequence[str] | None, given_up: int = 0) -> dict[str, Any]:
    """The channel after it has not taken a message, or not for everybody.

    to: who has still to get it, None for everybody; empty: nobody, it is done. given_up: how many recipients never get it.
    """
    left = [{**row, "tries": row["tries"] + 1, "to": to} if row["id"] == done["id"] else row for row in channel["pending"]]
    after = sent(channel, done, at) if to == [] else {**channel, "pending": left}
    counts = {"failed": channel["failed"] + 1, "refused": channel["refused"] + given_up}
    return {**after, **counts, "failure": {"at": at, "why": why}}


def _new_channel() -> dict[str, Any]:
    counts = {"sent": 0, "failed": 0, "refused": 0, "dropped": 0, "dropped_untold": 0}
    return {"held": [], "pending": [], "last": None, "failure": None, **counts}


def _forget_old(channel: dict[str, Any], now: datetime.datetime, settings: Settings) -> None:
    """What is too old to be sent, or too much, is given up, oldest first; the next message says how many, with those of which they told."""
    oldest = now.timestamp() - settings.keep_hours * 3600
    kept = [row for row in channel["pending"] if seconds(row["made"]) >= oldest][-settings.keep_messages :]
    lost = [row for row in channel["pending"] if row not in kept]
    untold = channel["dropped_untold"] + len(lost) + sum(row["dropped"] for row in lost)
    counts = {"dropped": channel["dropped"] + len(lost), "dropped_untold": untold}
    channel.update(pending=kept, **counts)


# ---- the state as text


_CHANNEL_KEYS = {*_new_channel()}
_THING_KEYS = {"finding", "first", "last", "looks", "same", "gone", "unseen", "told", "told_at", "codes", "severities"}


def parse(text: str, path: str) -> State:
    """The state from a file's text. Raises RunbookError where it is none."""
    try:
        state = json.loads(text)
        complete = (
            state["version"] == VERSION
            and all(set(thing) >= _THING_KEYS for thing in state["things"].values())
            and all(set(channel) >= _CHANNEL_KEYS for channel in state["channels"].values())
            and seconds(state["looked"]) >= 0
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunbookError([_unreadable(path, f"{type(error).__name__}: {error}")]) from error
    if not complete:
        raise RunbookError([_unreadable(path, f"its version is {state['version']}, or keys are missing")])
    return dict(state)


def _unreadable(path: str, why: str) -> str:
    return (
        f"{path}: expected the state of the watch (version {VERSION}), found something else ({why}). Nobody was told anything. Move the "
        "file away: the next run is then a first one, which tells all problems that there are."
    )


def summary(state: State, problem: str | None = None) -> dict[str, Any]:
    """What status.json says of the notifications, see docs/status.schema.json."""
    channels = [
        {
            "name": name,
            "sent": channel["sent"],
            "last": channel["last"],
            "pending": len(channel["pending"]),
            "held": len(channel["held"]),
            "refused": channel["refused"],
            "dropped": channel["dropped"],
            "failure": channel["failure"],
        }
        for name, channel in state.get("channels", {}).items()
    ]
    return {"looked": state.get("looked"), "channels": channels, "problem": problem}


# ---- words


def max_severity(severities: Iterable[str]) -> str:
    """The worst of them."""
    return max(severities, key=SEVERITIES.index, default=SEVERITIES[0])


def stamp(now: datetime.datetime) -> str:
    """A time as status.json has it."""
    return iso(now.timestamp())
