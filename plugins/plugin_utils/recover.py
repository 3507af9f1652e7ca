# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recovery does in one layer: ends what runs and does not serve, does what was accepted, starts what is not there. Pure functions.

The stages are those of decide.py; what was accepted is one with the goal `mended`::

    {"name": "rejoin_journal: JournalNode on n2", "goal": "mended", "mend": "rejoin_journal", "component": "hdfs_journalnode",
     "host": "n2", "donor": "n1"}   # or None where it needs nothing of another instance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.mends import GIVES

from . import decide, restart
from .plan import Plan, stage_of

_ENDED_FIRST = ("rejoin_journal",)  # mends of what runs, and has to be ended first


def stages(
    plan: Plan,
    whole: decide.Picture,
    members: Sequence[str],
    zombies: Sequence[restart.Instance],
    patience: float,
    unseen: Sequence[str] = (),
    accepted: Sequence[Mapping[str, Any]] = (),
) -> tuple[list[decide.Stage], list[str]]:
    """The stages that make `members`, the components of one layer, healthy, and which problems below forbid that.

    zombies: instances that have to be ended before they can be started. patience: seconds that they have to end by themselves.
    unseen: hosts that cannot be reached; a component does without them where what is left of it serves. accepted: findings (see
    diagnose.py) of which what may lose data is done.
    """
    needed = decide.still_needed(plan, unseen)
    mends = [mend(whole, row) for row in accepted if row["component"] in members]
    zombies = [*zombies, *((one["component"], one["host"]) for one in mends if one["mend"] in _ENDED_FIRST)]
    ended = [pair for pair in zombies if pair[0] in members]
    away: dict[str, list[str]] = {}
    for name, host in ended:
        away.setdefault(name, []).append(host)
    if len(ended) == 1 and not decide.without_them(plan, whole, members, away, unseen):
        # All others are well: they take over its work before it is started again.
        stop, start = restart.pair(plan, whole, stage_of(plan, ended[0][0]), restart.Batch(ended, False, None))
        return [{**stop, "patience": patience}, *mends, {**start, "needed": needed}], []
    found = []
    if ended:
        stop, _start = restart.pair(plan, whole, {"layer": plan["components"][ended[0][0]]["layer"]}, restart.Batch(ended, True, None))
        found = [{**stop, "patience": patience}]
    gone = {name: {host: _ended(row) if (name, host) in ended else row for host, row in rows.items()} for name, rows in whole.items()}
    started, below = decide.to_start(plan, gone, members, needed, unseen)
    return [*found, *mends, *started], below


def mend(whole: decide.Picture, row: Mapping[str, Any]) -> dict[str, Any]:
    """The stage that does what a finding wants to be accepted, on its host, or the active one's."""
    name, rows = row["component"], whole[row["component"]]
    host = row["host"] or next(host for host, one in rows.items() if one["role"] == "active")
    healthy = [other for other, one in rows.items() if other != host and one["health"] == "healthy"]
    return {
        "name": f"{row['accept']}: {row['summary']}",
        "goal": "mended",
        "mend": row["accept"],
        "component": name,
        "host": host,
        "donor": healthy[0] if row["accept"] in GIVES and healthy else None,
    }


def _ended(row: Any) -> dict[str, Any]:
    """An instance as it is when it has been ended."""
    return {**row, "state": "stopped", "health": "unhealthy", "role": None, "pids": [], "details": {}}


def plan_lines(plan: Plan, made: Sequence[decide.Stage]) -> list[str]:
    """The stages in words: `end Tablet server on n2`, `start Tablet server on n1, n2`."""
    found = []
    for stage in made:
        if stage["goal"] == "mended":
            found.append(f"accepted: {stage['name']}")
        if "hosts" not in stage or stage["goal"] == "prepared":
            continue
        hosts: dict[str, list[str]] = {}
        for host, names in stage["hosts"].items():
            for name in names:
                hosts.setdefault(name, []).append(host)
        verb = "end" if stage["goal"] == "stopped" else "start, or wait for,"
        found += [f"{verb} {plan['components'][name]['title']} on {', '.join(where)}" for name, where in hosts.items()]
    return found
