# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recovery does in one layer: ends what runs and does not serve, and starts what is not there. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import decide, restart
from .plan import Plan


def stages(
    plan: Plan, whole: decide.Picture, members: Sequence[str], zombies: Sequence[restart.Instance], patience: float
) -> tuple[list[decide.Stage], list[str]]:
    """The stages that make `members`, the components of one layer, healthy, and which problems below forbid that.

    zombies: instances that have to be ended before they can be started. patience: seconds that they have to end by themselves.
    """
    ended = [pair for pair in zombies if pair[0] in members]
    away: dict[str, list[str]] = {}
    for name, host in ended:
        away.setdefault(name, []).append(host)
    if len(ended) == 1 and not decide.without_them(plan, whole, members, away):
        # All others are well: they take over its work before it is started again.
        stage = next(stage for stage in plan["stages"] if ended[0][0] in stage["components"])
        stop, start = restart.pair(plan, whole, stage, restart.Batch(ended, False, None))
        return [{**stop, "patience": patience}, start], []
    found = []
    if ended:
        stop, _start = restart.pair(plan, whole, {"layer": plan["components"][ended[0][0]]["layer"]}, restart.Batch(ended, True, None))
        found = [{**stop, "patience": patience}]
    gone = {name: {host: _ended(row) if (name, host) in ended else row for host, row in rows.items()} for name, rows in whole.items()}
    started, below = decide.to_start(plan, gone, members)
    return found + started, below


def _ended(row: Any) -> dict[str, Any]:
    """An instance as it is when it has been ended."""
    return {**row, "state": "stopped", "health": "unhealthy", "role": None, "pids": [], "details": {}}


def plan_lines(plan: Plan, made: Sequence[decide.Stage]) -> list[str]:
    """The stages in words: `end Tablet server on n2`, `start Tablet server on n1, n2`."""
    found = []
    for stage in (one for one in made if one["goal"] != "prepared"):
        hosts: dict[str, list[str]] = {}
        for host, names in stage["hosts"].items():
            for name in names:
                hosts.setdefault(name, []).append(host)
        verb = "end" if stage["goal"] == "stopped" else "start, or wait for,"
        found += [f"{verb} {plan['components'][name]['title']} on {', '.join(where)}" for name, where in hosts.items()]
    return found
