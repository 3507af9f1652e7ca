# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling restart as stages, from the plan and the whole picture. Pure functions.

The stages are those of decide.py, in pairs: one that stops some instances and ends when the others have taken over, and one that
starts them again and ends when the layer is healthy. Between two pairs there may be a failover::

    {"name": "failover of NameNode from n1 to n2", "goal": "failed_over", "component": "hdfs_namenode", "from": "n1", "to": "n2"}

and before each layer above the lowest that is restarted, one that brings back what has lost its place because of that::

    {"name": "data_services: what has lost its place", "goal": "recovered", "layer": "data_services"}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import health

from . import decide, sides
from .catalogue import RunbookError
from .plan import Plan, stage_of

Instance = tuple[str, str]  # component and host


class Batch(NamedTuple):
    """Instances that are restarted at the same time."""

    instances: list[Instance]
    outage: bool  # nobody does their work meanwhile
    failover: tuple[str, str, str] | None  # before that: the component that is failed over, and from and to which host


def selection(wanted: Sequence[str], hosts: Sequence[str], only: str) -> str:
    """By which a restart is known again: one that was interrupted goes on only where the same is asked for."""
    return f"{only} of {', '.join(sorted(wanted))} on {', '.join(sorted(hosts)) or 'all hosts'}"


def batch_size(value: Any, count: int) -> int:
    """How many of `count` workers at the same time: a number, or a percentage such as `10%`, never less than one."""
    text = str(value).strip()
    number = text[:-1] if text.endswith("%") else text
    if not number.isdigit() or not int(number) or (text.endswith("%") and int(number) > 100):
        raise RunbookError([f"runbook_batch: expected a number from 1, or a percentage from 1% to 100%, found {value!r}."])
    return max(1, math.floor(count * int(number) / 100)) if text.endswith("%") else int(number)


def stages(plan: Plan, whole: decide.Picture, wanted: Sequence[Instance], batch: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The stages that restart `wanted`, lowest layer first, and the outages that this means."""
    found: list[dict[str, Any]] = []
    outages = []
    for layer in plan["layers"]:
        if found:
            found.append({"name": f"{layer}: what has lost its place", "goal": "recovered", "layer": layer})
        for stage, group in ((one, group) for one in plan["stages"] if one["layer"] == layer for group in _groups(plan, one)):
            for part in _batches(plan, whole, group, [pair for pair in wanted if pair[0] in group], batch):
                if part.outage:
                    outages.append(f"{_named(plan, part.instances)}: nobody else does its work while it restarts")
                if part.failover:
                    found.append(_failover(plan, *part.failover))
                found += pair(plan, whole, stage, part)
    return found, outages


def failover(plan: Plan, whole: decide.Picture, component: str, target: str) -> list[dict[str, Any]]:
    """The stages after which `target` (empty: the first healthy standby) is active; none where it is.

    Raises RunbookError where that cannot be.
    """
    stood_in_for = sides.failover(plan, whole, component, target)
    if stood_in_for is not None:
        return stood_in_for
    entry, rows = plan["components"][component], whole[component]
    kind = entry["title"]
    if entry["ha"] != "active_standby" or len(rows) < 2:
        able = [name for name, other in plan["components"].items() if other["ha"] == "active_standby" and len(whole[name]) > 1]
        able += [name for one in sides.pairs(plan) for name in one.values()]
        raise RunbookError([f"runbook_component: {component} has no standby. Those that have one: {', '.join(able) or 'none'}."])
    if target and target not in rows:
        raise RunbookError([f"runbook_target: no {kind} on '{target}'. There is one on: {', '.join(rows)}."])
    said = ", ".join(f"{host} {row['role'] or row['state']} ({row['health']}: {row['evidence']})" for host, row in rows.items())
    active = [host for host, row in rows.items() if row["role"] == "active" and row["health"] == "healthy"]
    if len(active) != 1:
        raise RunbookError([f"{kind}: expected one healthy active, found: {said}. Nothing was changed."])
    if target == active[0]:
        return []
    fit = [host for host, row in rows.items() if row["role"] == "standby" and row["health"] == "healthy"]
    if not fit or (target and target not in fit):
        raise RunbookError([f"{kind}: expected a healthy standby{' on ' + target if target else ''}, found: {said}. Nothing was changed."])
    to = target or fit[0]
    if entry["failover"]:
        return [_failover(plan, component, active[0], to)]
    # It has no other way than to stop; whoever else could take over is stopped with it, where the target was named.
    away = [host for host in rows if host != to and (target or host == active[0])]
    return pair(plan, whole, stage_of(plan, component), Batch([(component, host) for host in away], False, None))


def _groups(plan: Plan, stage: Mapping[str, Any]) -> list[list[str]]:
    """A stage's components, together those that are restarted together on each host: with the leading one those that lend their role."""
    components = stage["components"]
    lead = {name: plan["components"][name]["role_of"] or name for name in components}
    return [[name, *(other for other in components if other != name and lead[other] == name)] for name in components if lead[name] == name]


def _batches(plan: Plan, whole: decide.Picture, group: Sequence[str], wanted: Sequence[Instance], batch: Any) -> Iterator[Batch]:
    """What of a group is restarted at the same time, in order."""
    name = group[0]
    entry, hosts = plan["components"][name], plan["instances"][name]
    at = {host: [pair for pair in wanted if pair[1] == host] for host in dict.fromkeys(host for _name, host in wanted)}
    # Whoever leads goes last: its work is moved once.
    order = sorted(at, key=lambda host: (whole[name].get(host, {}).get("role") in ("active", "leader"), hosts.index(host)))
    if entry["ha"] == "active_active" and len(hosts) > 1:
        size = min(batch_size(batch, len(hosts)), len(hosts) - 1)
        for first in range(0, len(order), size):
            yield Batch([pair for host in order[first : first + size] for pair in at[host]], False, None)
    elif entry["ha"] == "none" or len(hosts) == 1:
        for host in order:
            yield Batch(at[host], True, None)
    else:
        for host in order:
            spares = [other for other in hosts if other != host and _can_take_over(whole[name][other], entry["ha"])]
            moved = entry["failover"] and whole[name][host]["role"] == "active" and spares
            yield Batch(at[host], not spares, (name, host, spares[0]) if moved else None)


def _can_take_over(row: Mapping[str, Any], ha: str) -> bool:
    """Whether others of its kind can do without another one because of this one."""
    return row["health"] == "healthy" and (ha == "quorum" or row["role"] in ("active", "standby"))


def pair(plan: Plan, whole: decide.Picture, stage: Mapping[str, Any], batch: Batch) -> list[dict[str, Any]]:
    """The stage that stops a batch, and the one that starts it."""
    hosts: dict[str, list[str]] = {}
    for name, host in batch.instances:
        hosts.setdefault(host, []).append(name)
    names = list(dict.fromkeys(name for name, _host in batch.instances))
    # What was not well before cannot tell.
    judges = [
        name
        for name, entry in plan["components"].items()
        if entry["layer"] == stage["layer"] and entry["probe"]["type"] in health.CLUSTER_CHECKS and entry["desired"] == "started"
        if name in names or not decide.verdicts(plan, whole, [name])[name].problems
    ]
    common = {
        "layer": stage["layer"],
        "hosts": {host: hosts[host] for host in plan["order"] if host in hosts},
        "watcher": [host for host in plan["order"] if host in hosts][-1],
        "stepper": None,
    }
    said = _named(plan, batch.instances)
    away = {} if batch.outage else {name: [host for host, here in hosts.items() if name in here] for name in names}
    return [
        {**common, "name": f"{said}: stop", "goal": "stopped", "part": "restart", "components": names, "judges": judges, "away": away},
        {
            **common,
            "name": f"{said}: start",
            "goal": "started",
            "components": list(dict.fromkeys([*names, *judges])),
            "absent": common["hosts"],
            "back": decide.missed(plan, whole, names),
            "needed": decide.minimums(plan),
        },
    ]


def _failover(plan: Plan, component: str, source: str, target: str) -> dict[str, Any]:
    title = plan["components"][component]["title"]
    return {
        "name": f"failover of {title} from {source} to {target}",
        "goal": "failed_over",
        "component": component,
        "from": source,
        "to": target,
    }


def _named(plan: Plan, instances: Sequence[Instance]) -> str:
    titles = dict.fromkeys(plan["components"][name]["title"] for name, _host in instances)
    hosts = list(dict.fromkeys(host for _name, host in instances))
    where = ", ".join(hosts) if len(hosts) <= 3 else f"{hosts[0]} and {len(hosts) - 1} more"
    return f"{' and '.join(titles)} on {where}"
