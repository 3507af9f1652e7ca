# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker host is taken out for good, or comes in again: its stages, from the plan and the whole picture. Pure functions.

Beside the stages of decide.py there are these, for a worker that its master excludes::

    {"name": "DataNode on n3: exclude", "goal": "excluded",   # or checked, before anything is changed; or admitted
     "component": "hdfs_datanode", "by": "hdfs_namenode", "hosts": ["n1", "n2"], "active": "n1", "workers": ["n3"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import decide, restart
from .catalogue import RunbookError, did_you_mean
from .plan import Plan, less, reverse, stage_of


def workers(plan: Plan, host: str) -> list[str]:
    """What leaves a host, in the order in which it leaves: what has been started last goes first. Raises RunbookError."""
    if host not in plan["addresses"]:
        raise RunbookError([f"runbook_host: unknown host '{host}'. {did_you_mean(host, plan['addresses'])} Nothing was changed."])
    entries = plan["components"]
    # DataNodes carry the write-ahead logs of tablet servers, and may leave when these have gone.
    found = [
        name
        for stage in reverse(plan["stages"])
        for name in reversed(stage["components"])
        if (entries[name]["excluded_by"] or entries[name]["before_leave"]) and host in plan["instances"][name]
    ]
    if not found:
        raise RunbookError([f"runbook_host: expected a worker on {host}, found {_here(plan, host)}. Nothing was changed."])
    alone = [entries[name]["title"] for name in found if len(plan["instances"][name]) == 1]
    if alone:
        raise RunbookError([f"{host} has the only {', '.join(alone)}. Nothing was changed."])
    return found


def _here(plan: Plan, host: str) -> str:
    return ", ".join(plan["components"][name]["title"] for name, hosts in plan["instances"].items() if host in hosts)


def out(plan: Plan, whole: decide.Picture, host: str) -> list[dict[str, Any]]:
    """The stages that take the workers of a host out. Raises RunbookError where it must not begin."""
    leaving = workers(plan, host)
    problems = decide.without_them(plan, whole, plan["components"], {name: [host] for name in leaving})
    if problems:
        lines = [f"{line}. A worker leaves a healthy cluster only" for line in decide.lines(plan, problems)]
        raise RunbookError([*lines, "Nothing was changed. recover.yml brings back what is missing."])
    found = [_exclusion(plan, whole, name, host, "checked") for name in leaving if plan["components"][name]["excluded_by"]]
    away: dict[str, list[str]] = {}
    for name in leaving:
        away = {**away, name: [host]}
        if plan["components"][name]["excluded_by"]:
            found.append(_exclusion(plan, whole, name, host, "excluded"))
        if not decide.is_gone(whole[name][host]):
            stop, _start = restart.pair(plan, whole, stage_of(plan, name), restart.Batch([(name, host)], False, None))
            found.append({**stop, "away": away})
    return found


def without(plan: Plan, host: str) -> Plan:
    """The plan without the workers of a host that is leaving."""
    return less(plan, workers(plan, host), host)


def back(plan: Plan, whole: decide.Picture, host: str) -> list[dict[str, Any]]:
    """The stages that take them in again. Raises RunbookError where it must not begin."""
    coming = workers(plan, host)
    starts, below = decide.to_start(plan, whole, coming)
    if below:
        raise RunbookError([*(f"{line}. It has to be healthy first" for line in below), "Nothing was changed."])
    admitted = [_exclusion(plan, whole, name, host, "admitted") for name in coming if plan["components"][name]["excluded_by"]]
    return [*admitted, *starts]


def _exclusion(plan: Plan, whole: decide.Picture, name: str, host: str, goal: str) -> dict[str, Any]:
    by = plan["components"][name]["excluded_by"]
    rows = whole[by]
    active: Sequence[str] = [one for one, row in rows.items() if row["role"] == "active" or len(rows) == 1]
    if not active:
        raise RunbookError([f"{plan['components'][by]['title']}: expected one to be active, found none. Nothing was changed."])
    verb = {"checked": "look whether the others can take over", "excluded": "exclude", "admitted": "admit"}[goal]
    return {
        "name": f"{plan['components'][name]['title']} on {host}: {verb}",
        "goal": goal,
        "component": name,
        "by": by,
        "hosts": list(rows),
        "active": active[0],
        "workers": [host],
    }
