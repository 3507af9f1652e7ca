# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the cluster as one report, and the report as lines of text and as an HTML page. Pure functions.

`report` makes plain data in the form of docs/status.schema.json; `lines` and `html` show it and know nothing else.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from ansible_collections.koverse.runbook.plugins.module_utils.health import Verdict
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso, seconds
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import ambari_look, decide, diagnose
from .catalogue import RunbookError, did_you_mean
from .plan import Plan

Report = dict[str, Any]

SCHEMA_VERSION = 1
NOT_HEALTHY = ("unhealthy", "stopped", "unknown")
SPOKEN = {
    "healthy": "healthy",
    "unhealthy": "not healthy",
    "stopped": "stopped",
    "unknown": "unknown",
    "standby": "warm standby",
}
BACKUP_TONES = {"good": "good", "failed": "bad", "damaged": "bad", "too_old": "bad", "none": "plain", "unknown": "unknown"}
# More hosts than this that look alike share a line, or a column.
_ALIKE = 8
_SAID_AT_ONCE = 3
# So many problems with ports are printed.
_PROBLEMS = 20
_INSTANCE = ("component", "host", "state", "health", "role", "since", "evidence")
_TEMPLATE = "status.html.j2"


class Line(NamedTuple):
    """A line of text and its tone: good, bad, stopped, unknown, standby or plain."""

    tone: str
    text: str


def fail_on(value: Any) -> list[str]:
    """The verdicts that are a failure: none for false, all but healthy for true, else those named (a list, or text with commas)."""
    words = [str(word).strip().lower() for word in (value if isinstance(value, list) else str(value).split(","))]
    if words in (["false"], ["no"], ["never"], ["none"], [""], []):
        return []
    if words in (["true"], ["yes"]):
        return list(NOT_HEALTHY)
    known = ["true", "false", *NOT_HEALTHY]
    problems = [f"runbook_status_fail: unknown verdict '{word}'. {did_you_mean(word, known)}" for word in words if word not in NOT_HEALTHY]
    if problems:
        raise RunbookError(problems)
    return words


# ---- the report


def report(
    plan: Plan,
    whole: decide.Picture,
    answers: Mapping[str, Mapping[str, Any]],
    unseen: Mapping[str, str],
    about: Mapping[str, Any],
    taken_at: datetime.datetime,
    max_age_hours: float = 0,
    notifications: Mapping[str, Any] | None = None,
    ambari: ambari_look.Said | None = None,
) -> Report:
    """All that is known of the cluster.

    whole: the picture of `decide.picture`. answers: host to what koverse.runbook.component_info returned there.
    unseen: host to why it did not answer. about: `inventory`, `collection_version` and `ansible_version`.
    max_age_hours: how old the newest set of a backup may be; 0: as old as it likes. notifications: what `watch.summary` says of the
    watch, None where it never ran. ambari: what it knows beside that, None where it was not asked.
    """
    backups = _backups(plan, answers, taken_at, max_age_hours)
    judged = decide.verdicts(plan, whole)
    needed = decide.minimums(plan)
    members = [name for stage in plan["stages"] for name in stage["components"]]
    in_layer = {layer: [name for name in members if plan["components"][name]["layer"] == layer] for layer in plan["layers"]}
    found = diagnose.findings(diagnose.facts(plan, whole, answers, unseen, taken_at, ambari["alerts"] if ambari else ()))
    return {
        "schema_version": SCHEMA_VERSION,
        "taken_at": iso(taken_at.timestamp()),
        **about,
        "verdict": _verdict(plan, whole, judged, in_layer),
        "hosts": [_host(plan, host, answers.get(host), unseen.get(host)) for host in plan["order"]],
        "layers": [
            {"name": layer, "title": plan["layers"][layer], "verdict": judge(whole, judged, names)}
            for layer, names in in_layer.items()
            if names
        ],
        "components": [_component(plan, whole, judged, needed, name) for name in members],
        "instances": [
            {key: whole[name][host][key] for key in _INSTANCE} | {"pids": list(whole[name][host]["pids"])}
            for name in members
            for host in plan["instances"][name]
        ],
        "findings": found,
        "ports": _ports(plan, whole, answers),
        "backups": backups,
        "notifications": notifications,
        "ambari": _ambari(ambari, found, whole),
        "warnings": [*plan["warnings"], *_standby_warnings(plan, whole), *_backup_warnings(backups)],
    }


def judge(whole: decide.Picture, judged: Mapping[str, Verdict], names: Iterable[str]) -> str:
    """What components are together: healthy, unhealthy, stopped, or unknown.

    Stopped is only what is cleanly stopped everywhere. Unknown is what nobody saw to be bad, but not to be healthy either.
    """
    names = list(names)
    rows = [row for name in names for row in whole[name].values()]
    if all(_is_cleanly_stopped(row) for row in rows):
        return "stopped"
    if not any(judged[name].problems for name in names):
        return "healthy"
    if all(_is_cleanly_stopped(row) or row["state"] == "unknown" for row in rows):
        return "unknown"
    return "unhealthy" if any(_seen_to_be_bad(judged[name], whole[name]) for name in names) else "unknown"


def _is_cleanly_stopped(row: Mapping[str, Any]) -> bool:
    return row["state"] == "stopped" and decide.is_gone(row)


def _seen_to_be_bad(verdict: Verdict, rows: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a problem was seen. What is wrong with a component as a whole can follow from an instance nobody could ask."""
    all_known = all(row["state"] != "unknown" for row in rows.values())
    return any(all_known if problem["host"] is None else problem["state"] != "unknown" for problem in verdict.problems)


def _component(plan: Plan, whole: decide.Picture, judged: Mapping[str, Verdict], needed: Mapping[str, int], name: str) -> dict[str, Any]:
    entry = plan["components"][name]
    return {
        "name": name,
        "title": entry["title"],
        "layer": entry["layer"],
        "desired": entry["desired"],
        "ha": entry["ha"],
        "verdict": "standby" if entry["desired"] == "stopped" else judge(whole, judged, [name]),
        "healthy": sum(row["health"] == "healthy" for row in whole[name].values()),
        "needed": needed[name] if entry["desired"] == "started" else 0,
        "problems": [_problem(row) for row in judged[name].problems],
        "tolerated": [_problem(row) for row in judged[name].tolerated],
    }


def _problem(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"host": row["host"], "text": row["text"]}


def _host(plan: Plan, host: str, answer: Mapping[str, Any] | None, why: str | None) -> dict[str, Any]:
    if answer is None:
        said = "not_asked"
    elif "instances" in answer:
        said = "answered"
    else:
        said = "unreachable" if answer.get("unreachable") else "failed"
    return {"name": host, "address": plan["addresses"][host], "answer": said, "why": why}


def _verdict(plan: Plan, whole: decide.Picture, judged: Mapping[str, Verdict], in_layer: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    def said(rows: Callable[[str], Sequence[Mapping[str, Any]]]) -> list[dict[str, str]]:
        return [
            {"layer": layer, "text": text}
            for layer, names in in_layer.items()
            for text in _sentences({plan["components"][name]["title"]: rows(name) for name in names})
        ]

    state = judge(whole, judged, [name for names in in_layer.values() for name in names])
    problems: list[dict[str, str]] = []
    if state == "unhealthy":
        problems = said(lambda name: judged[name].problems)
    elif state == "unknown":
        problems = said(lambda name: _unknown(whole[name]))
    tolerated = said(lambda name: judged[name].tolerated) if state == "healthy" else []
    layer = decide.first_unhealthy_layer(plan, judged) if state == "unhealthy" else None
    if state == "unhealthy":
        text = f"not healthy: first unhealthy layer {layer}: {_shortened([row for row in problems if row['layer'] == layer])}"
    elif state == "unknown":
        text = f"unknown: {_shortened(problems)}"
    elif state == "stopped":
        text = "stopped: no component runs"
    else:
        text = f"healthy, tolerated: {_shortened(tolerated)}" if tolerated else "healthy"
    return {"state": state, "text": text, "first_unhealthy_layer": layer, "problems": problems, "tolerated": tolerated}


def _unknown(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"host": host, "text": row["evidence"]} for host, row in rows.items() if row["state"] == "unknown"]


def _sentences(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Problems (title to rows) as sentences; what is the same shares one: `ZooKeeper, JournalNode on n3: the host is unreachable`."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for title, rows in found.items():
        for row in rows:
            hosts.setdefault((title, row["text"]), []).extend([row["host"]] if row["host"] else [])
    alike: dict[tuple[str, str], list[str]] = {}
    for (title, text), where in hosts.items():
        alike.setdefault((enumerated(where), text), []).append(title)
    return [f"{enumerated(who)}{' on ' + where if where else ''}: {text}" for (where, text), who in alike.items()]


def _shortened(said: Sequence[Mapping[str, str]]) -> str:
    more = len(said) - _SAID_AT_ONCE
    return "; ".join(row["text"] for row in said[:_SAID_AT_ONCE]) + (f"; and {more} more" if more > 0 else "")


def enumerated(names: Sequence[str], most: int = _SAID_AT_ONCE) -> str:
    """Names in few words: `n1, n2, n3 and 54 more`."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _standby_warnings(plan: Plan, whole: decide.Picture) -> list[str]:
    """A warm standby needs nothing, but that it runs, or that nothing is known of it, must not go unsaid."""
    said = {
        "running": "it runs, although it is a warm standby that only a failover starts",
        "failed": "the warm standby has failed before",
    }
    return [
        f"{plan['components'][name]['title']} on {host}: {said.get(row['state']) or 'not known whether it runs: ' + row['evidence']}"
        for name, rows in whole.items()
        if plan["components"][name]["desired"] == "stopped"
        for host, row in rows.items()
        if row["state"] != "stopped"
    ]


# ---- backups


def _backups(plan: Plan, answers: Mapping[str, Mapping[str, Any]], taken_at: datetime.datetime, max_age_hours: float) -> dict[str, Any]:
    """What the hosts know of backups, put together: the newest set, and the last backup, of all of them."""
    known = {host: answer["backups"] for host, answer in answers.items() if answer.get("backups")}
    newest: dict[str, dict[str, Any] | None] = {}
    for key in ("good", "last"):
        rows = [{**record[key], "host": host} for host, record in known.items() if key in record]
        newest[key] = max(rows, key=lambda row: row["id"], default=None)
    problems = [f"{host}: {record['problem']}" for host, record in known.items() if "problem" in record]
    silent = [host for host in plan["order"] if "instances" not in answers.get(host, {})]
    if newest["good"]:
        verdict, text = _newest_set(newest["good"], taken_at, max_age_hours)
    elif problems or silent:
        verdict, text = "unknown", "; ".join(problems) or f"none is known; not asked, or no answer: {enumerated(silent)}"
    else:
        verdict, text = ("too_old", f"none was taken{_allowed(max_age_hours)}") if max_age_hours else ("none", "none was taken yet")
    last = newest["last"]
    if last and last["verdict"] == "running":
        text += f"; {last['id']} is under way"
    elif last and last["verdict"] == "failed":
        verdict = verdict if BACKUP_TONES[verdict] == "bad" else "failed"
        text += f"; the last backup, {last['id']}, failed: {last['why']}"
    return {"verdict": verdict, "text": text, "max_age_hours": max_age_hours, **newest}


def _newest_set(good: Mapping[str, Any], taken_at: datetime.datetime, max_age_hours: float) -> tuple[str, str]:
    taken = manifest.taken(good["id"])
    if good["damage"]:
        return "damaged", f"{good['uri']} is damaged: {good['damage']}"
    text = f"{good['uri']}, {age(iso(taken.timestamp()), iso(taken_at.timestamp()))} old"
    if max_age_hours and taken_at - taken > datetime.timedelta(hours=max_age_hours):
        return "too_old", text + _allowed(max_age_hours)
    return "good", f"{text}, verified"


def _allowed(max_age_hours: float) -> str:
    return f"; expected at most {max_age_hours:g} h (runbook_backup_max_age)"


def _backup_warnings(backups: Mapping[str, Any]) -> list[str]:
    return [f"Backup: {backups['text']}"] if BACKUP_TONES[backups["verdict"]] == "bad" else []


# ---- notifications


def told(made: Report) -> list[Line]:
    """What the watch has sent, and has not: a line for the watch, and one for each channel. None where it never ran."""
    found = made["notifications"]
    if not found:
        return []
    if found["problem"]:
        return [Line("bad", one_line(found["problem"]))]
    now = made["taken_at"]
    looked = f"the watch looked {age(found['looked'], now)} ago{'' if found['channels'] else '; no channel is set'}"
    return [Line("plain", looked), *(Line("bad" if row["failure"] else "plain", _channel(row, now)) for row in found["channels"])]


def _channel(row: Mapping[str, Any], now: str) -> str:
    last, failure = row["last"], row["failure"]
    said = f"{row['name']}: " + (f"last sent {age(last['at'], now)} ago ({last['subject']})" if last else "nothing sent yet")
    said += f", {row['pending']} pending" if row["pending"] else ""
    said += f", {row['held']} kept until the quiet hours end" if row["held"] else ""
    said += f", {row['dropped']} given up" if row["dropped"] else ""
    said += f", {row['refused']} refused for one recipient" if row["refused"] else ""
    return one_line(said + (f"; failed {age(failure['at'], now)} ago: {failure['why']}" if failure else ""))


# ---- Ambari


def _ambari(said: ambari_look.Said | None, found: Iterable[Mapping[str, Any]], whole: decide.Picture) -> ambari_look.Said | None:
    """What Ambari says, and of each alert whether it says no more than our own look (`folded`). Stopped instances are not stale: they take
    the new configuration when they start."""
    if said is None:
        return None
    own = {row["alert"] for row in found}
    stopped = {(name, host) for name, rows in whole.items() for host, row in rows.items() if row["state"] in ("stopped", "failed")}
    return {
        "problem": said["problem"],
        "hosts": said["hosts"],
        "stale": [row for row in said["stale"] if (row["component"], row["host"]) not in stopped],
        "alerts": [{**row, "folded": not row["maintenance"] and row["id"] not in own} for row in said["alerts"]],
    }


def ambari(made: Report) -> list[Line]:
    """What Ambari knows: a line that counts, and one for each thing that our own look does not say. None where it was not asked."""
    said = made["ambari"]
    if not said:
        return []
    if said["problem"]:
        return [Line("unknown", f"unknown: {one_line(said['problem'])}")]
    titles = {component["name"]: component["title"] for component in made["components"]}
    alerts = [row for row in said["alerts"] if not row["folded"] and not row["maintenance"]]
    folded, silenced = (sum(row[key] for row in said["alerts"]) for key in ("folded", "maintenance"))
    counts = f"{len(said['alerts']) or 'no'} {'alert' if len(said['alerts']) == 1 else 'alerts'}"
    counts += f", {folded} of them on what is said above" if folded else ""
    counts += f", {silenced} of them on what is in maintenance" if silenced else ""
    counts += f"; {len(said['stale']) or 'none'} with an older configuration"
    counts += " (restart.yml -e runbook_only=changed)" if any(row["component"] for row in said["stale"]) else ""
    found = [Line("plain", counts)]
    for row in alerts:
        text = f"{row['state']} since {row['since']}: {row['label']}, {ambari_look.named(row, titles)}: {row['text']}"
        found.append(Line("bad" if row["state"] == "CRITICAL" else "unknown", one_line(text)))
    stale: dict[str, list[str]] = {}
    for row in said["stale"]:
        stale.setdefault(titles.get(row["component"]) or row["ambari_component"], []).append(row["host"] or row["ambari_host"])
    found += [Line("unknown", one_line(f"older configuration: {what} on {enumerated(hosts)}")) for what, hosts in stale.items()]
    for key, text in (("lost", "the agent is lost"), ("maintenance", "in maintenance")):
        hosts = [row["host"] or row["ambari_host"] for row in said["hosts"] if row[key]]
        found += [Line("unknown", one_line(f"{enumerated(hosts)}: {text}, Ambari does nothing there"))] if hosts else []
    return found


# ---- ports


def _ports(plan: Plan, whole: decide.Picture, answers: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each port of each instance: who listens, whether the host before it in the inventory reaches it, what is wrong."""
    listens = {
        (row["component"], row["host"], row["name"]): row["holders"] for answer in answers.values() for row in answer.get("ports") or []
    }
    knocks: dict[tuple[str, str, int], dict[str, Any]] = {
        (row["component"], row["host"], row["port"]): {"tried_from": asker, "reachable": row["open"], "why": row.get("why")}
        for asker, answer in answers.items()
        for row in answer.get("reached") or []
    }
    not_tried = {"tried_from": None, "reachable": None, "why": None}
    titles = {name: entry["title"] for name, entry in plan["components"].items()}
    instances = [(name, host) for stage in plan["stages"] for name in stage["components"] for host in plan["instances"][name]]
    owners: dict[tuple[str, int], str] = {}
    wanted: dict[tuple[str, int], list[str]] = {}
    for name, host in instances:
        for pid in whole[name][host]["pids"]:
            owners.setdefault((host, pid), name)
        for port in set(plan["components"][name]["ports"].values()):
            wanted.setdefault((host, port), []).append(titles[name])
    rows: list[dict[str, Any]] = []
    for name, host in instances:
        instance = whole[name][host]
        for title, port in plan["components"][name]["ports"].items():
            held = listens.get((name, host, title))
            row = {
                "component": name,
                "host": host,
                "name": title,
                "port": port,
                "listening": None if held is None else bool(held),
                "holders": None if held is None else _holders(held, host, owners),
                **knocks.get((name, host, port), not_tried),
            }
            row["problems"] = _port_problems(row, instance, wanted[host, port], titles)
            # Followers and standbys keep some ports closed; so do settings that are off.
            row["closed_though_healthy"] = row["listening"] is False and instance["health"] == "healthy"
            rows.append(row)
    return rows


def _holders(holders: Iterable[Mapping[str, Any]], host: str, owners: Mapping[tuple[str, int], str]) -> list[dict[str, Any]]:
    return [
        {key: holder[key] for key in ("address", "pid", "command")} | {"component": owners.get((host, holder["pid"]))} for holder in holders
    ]


def _port_problems(row: Mapping[str, Any], instance: Mapping[str, Any], wanted_by: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    problems = []
    foreign = _foreign(row, instance)
    if foreign:
        who = {f"{titles[holder['component']] if holder['component'] else holder['command']} (pid {holder['pid']})" for holder in foreign}
        problems.append(f"held by {', '.join(sorted(who))}, which is not its own process")
    elif row["listening"] and row["reachable"] is False:
        loopback = all(_is_loopback(holder["address"]) for holder in row["holders"])
        why = f"it listens on {row['holders'][0]['address']} only" if loopback else row["why"]
        problems.append(f"listens, but cannot be reached from {row['tried_from']}: {why}")
    elif row["listening"] is False and instance["state"] == "running" and instance["health"] != "healthy":
        problems.append("it runs, but nobody listens")
    if len(wanted_by) > 1:
        problems.append(f"more than one component of this host wants it: {', '.join(wanted_by)}")
    return problems


def _is_loopback(address: str) -> bool:
    number = ipaddress.ip_address(address)
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback  # a JVM's IPv4 sockets are ::ffff:127.0.0.1


def _foreign(row: Mapping[str, Any], instance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The holders that are certainly not the instance's own: it is not there, or its processes are known and others."""
    if not instance["pids"] and instance["state"] not in ("stopped", "failed"):
        return []
    return [holder for holder in row["holders"] or [] if holder["pid"] and holder["pid"] not in instance["pids"]]


def port_summary(made: Report) -> dict[str, Any]:
    """The port table in few words: `count`, and as sentences `problems` and `closed` (closed although healthy)."""
    titles = {component["name"]: component["title"] for component in made["components"]}
    rows = made["ports"]
    listening = [row for row in rows if row["listening"]]
    tried = [row for row in listening if row["reachable"] is not None]
    silent = sum(row["listening"] is None for row in rows)
    count = f"{len(rows)} in the run book, {len(listening)} listen"
    count += f", {sum(row['reachable'] for row in tried)} of {len(tried)} tried from another host are reached" if tried else ""
    count += f", {silent} could not be looked at" if silent else ""
    problems = [(row, text) for row in rows for text in row["problems"]]
    closed = [(row, "") for row in rows if row["closed_though_healthy"]]
    return {
        "count": count,
        "problems": [f"{where}: {text}" for where, text in _port_groups(titles, problems)],
        "closed": [where for where, _text in _port_groups(titles, closed)],
    }


def _port_groups(titles: Mapping[str, str], found: Iterable[tuple[Mapping[str, Any], str]]) -> list[tuple[str, str]]:
    """Ports with the same text: `ZooKeeper client 2181, peer 2888 on n1, n3` and the text."""
    hosts: dict[tuple[str, str, str], list[str]] = {}
    for row, text in found:
        hosts.setdefault((titles[row["component"]], f"{row['name']} {row['port']}", text), []).append(row["host"])
    ports: dict[tuple[str, str, str], list[str]] = {}
    for (title, port, text), where in hosts.items():
        ports.setdefault((title, enumerated(where), text), []).append(port)
    return [(f"{title} {enumerated(names)} on {where}", text) for (title, where, text), names in ports.items()]


# ---- words


def word(instance: Mapping[str, Any]) -> str:
    """An instance's state and health in a word or two."""
    if instance["state"] == "running":
        return {"healthy": "healthy", "unhealthy": "not healthy", "unknown": "no answer"}[instance["health"]]
    left_over = instance["state"] in ("stopped", "failed") and instance["pids"]
    return f"{instance['state']}, processes left" if left_over else str(instance["state"])


def role(instance: Mapping[str, Any], standby: bool) -> str:
    """What an instance is for; empty for most. standby: its component is one that only a failover starts."""
    return instance["role"] or ("warm standby" if standby else "")


def tone(instance: Mapping[str, Any], standby: bool) -> str:
    """How that word is shown."""
    if instance["state"] == "unknown":
        return "unknown"
    if instance["state"] == "stopped" and not instance["pids"]:
        return "standby" if standby else "stopped"
    return "good" if instance["health"] == "healthy" else "bad"


TONES = {"healthy": "good", "unhealthy": "bad", "stopped": "stopped", "unknown": "unknown", "standby": "standby"}


def age(since: str | None, now: str) -> str:
    """How long ago `since` was, in words; both are times as `report` has them."""
    if since is None:
        return "-"
    passed = round(seconds(now) - seconds(since))
    if passed < -5:
        return "clock ahead"
    passed = max(passed, 0)
    if passed < 60:
        return f"{passed} s"
    minutes, hours, days = passed // 60, passed // 3600, passed // 86400
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"


def one_line(text: Any) -> str:
    """Text that cannot move the cursor or change colours of a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(text).split()))


def _by(key: str, rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by the value of one of their keys."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


# ---- text


def lines(made: Report) -> list[Line]:
    """The report for a terminal: the table by layer, ports, warnings, and the verdict at the end."""
    head = ("COMPONENT", "HOST", "STATE", "ROLE", "SINCE", "EVIDENCE")
    silent = {host["name"]: host["why"] for host in made["hosts"] if host["why"]}
    instances = _by("component", made["instances"])
    rows = {
        layer: [row for entry in entries for row in _table_rows(entry, instances[entry["name"]], silent, made["taken_at"])]
        for layer, entries in _by("layer", made["components"]).items()
    }
    cells = [head, *(cells for layer in rows.values() for _tone, cells in layer)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head) - 1)]

    def aligned(row: Sequence[str]) -> str:
        return "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]])

    found = [Line("plain", aligned(head))]
    for layer in made["layers"]:
        found.append(Line(TONES[layer["verdict"]], f"{layer['title']}: {SPOKEN[layer['verdict']]}"))
        found += [Line(shown, aligned(row)) for shown, row in rows[layer["name"]]]
    ports = port_summary(made)
    found.append(Line("bad" if ports["problems"] else "plain", f"Ports: {ports['count']}"))
    found += [Line("bad", f"  {one_line(text)}") for text in ports["problems"][:_PROBLEMS]]
    if len(ports["problems"]) > _PROBLEMS:
        found.append(Line("bad", f"  and {len(ports['problems']) - _PROBLEMS} more, which the JSON file has"))
    if ports["closed"]:
        found.append(Line("plain", f"  closed, though the component is healthy: {'; '.join(ports['closed'])}"))
    if not _backup_warnings(made["backups"]):
        found.append(Line(BACKUP_TONES[made["backups"]["verdict"]], f"Backup: {one_line(made['backups']['text'])}"))
    watched = told(made)
    found += [Line(line.tone, f"{'  ' if place else 'Notifications: '}{line.text}") for place, line in enumerate(watched)]
    said = ambari(made)
    found += [Line(line.tone, f"{'  ' if place else 'Ambari: '}{line.text}") for place, line in enumerate(said[: _PROBLEMS + 1])]
    if len(said) > _PROBLEMS + 1:
        found.append(Line("unknown", f"  and {len(said) - _PROBLEMS - 1} more, which the JSON file has"))
    found += [Line("unknown", f"Host {host}: {one_line(why)}") for host, why in silent.items()]
    found += [Line("unknown", f"Warning: {one_line(text)}") for text in made["warnings"]]
    found.append(Line(TONES[made["verdict"]["state"]], f"The cluster is {one_line(made['verdict']['text'])}"))
    return found


def findings(made: Report) -> list[Line]:
    """The findings for a terminal: each cause, and below it what follows from it."""
    found = [line for position, row in enumerate(made["findings"]) if row["follows_from"] is None for line in _finding(made, position, 0)]
    if made["ambari"] and made["ambari"]["problem"]:
        found += [Line(line.tone, f"Ambari: {line.text}") for line in ambari(made)]
    return [*found, Line(TONES[made["verdict"]["state"]], f"The cluster is {one_line(made['verdict']['text'])}")]


def _finding(made: Report, position: int, depth: int) -> list[Line]:
    row, indent = made["findings"][position], "    " * depth
    shown = "bad" if row["severity"] == "error" else "unknown"
    found = [
        Line(shown, f"{indent}{row['code']} ({row['severity']}, {diagnose.CLASSES[row['class']]}): {one_line(row['summary'])}"),
        *(Line("plain", f"{indent}  seen: {one_line(text)}") for text in row["evidence"]),
    ]
    if not depth:
        found += [Line("plain", f"{indent}  at stake: {row['stake']}"), Line("plain", f"{indent}  next: {row['remedy']}")]
    follows = [other for other, one in enumerate(made["findings"]) if one["follows_from"] == position]
    return found + [line for other in follows for line in _finding(made, other, depth + 1)]


def _table_rows(
    component: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], silent: Iterable[str], now: str
) -> list[tuple[str, tuple[str, ...]]]:
    """A component's instances as cells, with their tones; many that are alike become one row, at the place of the first.

    silent: hosts that did not answer; why is said once for all of a host, not in every row.
    """
    standby = component["desired"] == "stopped"
    instances = [{**row, "evidence": "its host did not answer"} if row["host"] in silent else row for row in rows]
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in instances:
        alike.setdefault(_look(row, standby), []).append(row)
    cells: list[tuple[str, tuple[str, ...]]] = []
    for row in instances:
        said, part, _evidence = look = _look(row, standby)
        members = alike[look]
        host, since, evidence = row["host"], age(row["since"], now), one_line(row["evidence"])
        if len(members) > _ALIKE:
            if row is not members[0]:
                continue
            host = enumerated([member["host"] for member in members], most=1)
            latest = max((member["since"] for member in members if member["since"]), default=None)
            since = f">= {age(latest, now)}" if latest else "-"
            if any(member["evidence"] != row["evidence"] for member in members):
                evidence = f"{len(members)} hosts; the JSON file has each"
        cells.append((tone(row, standby), (component["title"], host, said, part, since, evidence)))
    return cells


def _look(row: Mapping[str, Any], standby: bool) -> tuple[str, str, str]:
    """What instances that share a line have in common; healthy ones may each say so in their own words."""
    return word(row), role(row, standby) or "-", "" if row["health"] == "healthy" else row["evidence"]


# ---- page


def html(made: Report) -> str:
    """The report as one HTML page that needs nothing else."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(Path(__file__).parent),
    )
    environment.globals.update(
        word=word,
        tone=tone,
        role=role,
        age=age,
        spoken=SPOKEN,
        tones=TONES,
        backup_tones=BACKUP_TONES,
        classes=diagnose.CLASSES,
        alike=_ALIKE,
    )
    instances = _by("component", made["instances"])
    wanted = [component for component in made["components"] if component["desired"] == "started"]
    return environment.get_template(_TEMPLATE).render(
        report=made,
        columns=_columns(made),
        components=_by("layer", made["components"]),
        instances=instances,
        port_rows=_by("component", made["ports"]),
        ports=port_summary(made),
        told=told(made),
        ambari=ambari(made),
        silent=[host for host in made["hosts"] if host["answer"] != "answered"],
        wanted=sum(len(instances[component["name"]]) for component in wanted),
        healthy=sum(component["healthy"] for component in wanted),
    )


def _columns(made: Report) -> list[dict[str, Any]]:
    """The hosts as columns: `hosts`, and `cells`, component to what is shown.

    In a big cluster, hosts that look alike share one, and those with trouble come first.
    """
    now = made["taken_at"]
    cells: dict[str, dict[str, dict[str, Any]]] = {host["name"]: {} for host in made["hosts"]}
    standbys = {component["name"] for component in made["components"] if component["desired"] == "stopped"}
    for row in made["instances"]:
        standby = row["component"] in standbys
        cells[row["host"]][row["component"]] = {
            "word": word(row),
            "tone": tone(row, standby),
            "role": role(row, standby),
            "title": row["evidence"] + (f" (since {age(row['since'], now)})" if row["since"] else ""),
        }
    columns: dict[Any, dict[str, Any]] = {}
    for host in made["hosts"]:
        name = host["name"]
        look = tuple((component, cell["word"], cell["role"]) for component, cell in cells[name].items())
        key = (host["answer"], look) if len(made["hosts"]) > _ALIKE else name
        column = columns.setdefault(key, {"hosts": [], "cells": cells[name], "answer": host["answer"]})
        column["hosts"].append(name)
    for column in columns.values():
        column["name"] = enumerated(column["hosts"], most=1)
        if len(column["hosts"]) > 1:
            column["cells"] = {
                name: {**cell, "title": f"the same on {len(column['hosts'])} hosts"} for name, cell in column["cells"].items()
            }
    if len(made["hosts"]) <= _ALIKE:
        return list(columns.values())
    return sorted(columns.values(), key=lambda column: all(cell["tone"] in ("good", "standby") for cell in column["cells"].values()))
