# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warm standbys: components that stand in for others (`standby_of` in the catalogue). One side runs, the other is stopped. Pure functions.

Which side is meant to run is not written down anywhere: it is the one that runs. Where neither does, it is the usual one, that of the
components which nobody calls a standby, unless only the standby has died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import decide
from .catalogue import RunbookError
from .plan import Plan

Pairs = Mapping[str, str]  # of one side: the standby, and what it stands in for


def pairs(plan: Plan) -> Sequence[Pairs]:
    """The sides of this cluster. Standbys that depend on each other go together."""
    found: list[dict[str, str]] = []
    for name in (name for stage in plan["stages"] for name in stage["components"]):
        entry = plan["components"][name]
        if entry["standby_of"] in plan["components"]:
            together = [one for one in found if set(entry["depends_on"]) & set(one)]
            if not together:
                found.append({})
            (together or found)[-1][name] = entry["standby_of"]
    return found


def opposite(plan: Plan, component: str) -> list[str]:
    """The components of which one runs where this one does not: its standbys, or what it stands in for."""
    both = [pair for one in pairs(plan) for pair in one.items()]
    return [usual for standby, usual in both if standby == component] + [standby for standby, usual in both if usual == component]


def with_desired(plan: Plan, desired: Mapping[str, str]) -> Plan:
    """The plan in which these components are meant to be started, or stopped."""
    entries = {name: {**entry, "desired": desired.get(name, entry["desired"])} for name, entry in plan["components"].items()}
    return {**plan, "components": entries}


def settle(plan: Plan, whole: decide.Picture) -> Plan:
    """The plan in which the side that runs is the one that is meant to."""
    desired = {}
    for one in pairs(plan):
        if _standby_is_in_force(one, whole):
            desired.update(dict.fromkeys(one, "started") | dict.fromkeys(one.values(), "stopped"))
    return with_desired(plan, desired) if desired else plan


def _standby_is_in_force(one: Pairs, whole: decide.Picture) -> bool:
    standby, usual = ({row["state"] for name in side for row in whole[name].values()} for side in (one, one.values()))
    return "running" not in usual and ("running" in standby or ("failed" in standby and "failed" not in usual))


def failover(plan: Plan, whole: decide.Picture, component: str, target: str) -> list[dict[str, Any]] | None:
    """The stages that stop the side that is in force, whole, and then start the other one; none where `target` is on it already.

    None where the component has no sides. plan: settled. Raises RunbookError where it cannot be.
    """
    one = next((one for one in pairs(plan) if component in {*one, *one.values()}), None)
    if one is None:
        return None
    standby, usual = list(one), list(one.values())
    source, other = (standby, usual) if plan["components"][standby[0]]["desired"] == "started" else (usual, standby)
    hosts = {side[0]: [host for name in side for host in plan["instances"][name]] for side in (source, other)}
    if target in hosts[source[0]] and all(row["health"] == "healthy" for name in source for row in whole[name].values()):
        return []
    if target and target not in hosts[other[0]]:
        known = ", ".join(dict.fromkeys(host for side in hosts.values() for host in side))
        raise RunbookError([f"runbook_target: expected one of {known}, found '{target}'. Nothing was changed."])
    problems = [f"{line}: expected to know that it is stopped" for line in _not_in(plan, whole, source, "running", "stopped", "failed")]
    problems += [f"{line}: expected it to be stopped" for line in _not_in(plan, whole, other, "stopped", "failed")]
    problems += decide.no_unit(plan, whole, other)
    if problems:
        raise RunbookError([*problems, "Two sides that run at the same time write to one database. Nothing was changed."])
    desired = dict.fromkeys(other, "started") | dict.fromkeys(source, "stopped")
    starts, below = decide.to_start(with_desired(plan, desired), whole, other)
    if below:
        raise RunbookError([*(f"{line}. A failover needs it" for line in below), "Nothing was changed."])
    return decide.to_stop(plan, whole, source) + [{**stage, "desired": desired} for stage in starts]


def _not_in(plan: Plan, whole: decide.Picture, names: Sequence[str], *states: str) -> list[str]:
    return [
        f"{plan['components'][name]['title']} on {host} is {row['state']} ({row['evidence']})"
        for name in names
        for host, row in whole[name].items()
        if row["state"] not in states
    ]
