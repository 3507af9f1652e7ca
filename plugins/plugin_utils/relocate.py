# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A coordinating process moves to another host: the inventory has it there already, and it still runs where it was. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import decide, restart
from .catalogue import RunbookError, did_you_mean
from .plan import Plan, less, stage_of


def also_on(plan: Plan, wanted: Sequence[str], source: str, known: Sequence[str]) -> dict[str, list[str]]:
    """The instances of the plan, with those of `wanted` that still run on `source`. known: the inventory's hosts. Raises RunbookError."""
    movable = [name for name, entry in plan["components"].items() if entry["moves"]]
    problems = []
    if not source or source not in known:
        problems.append(f"runbook_source: expected the host from which it moves, found '{source}'. {did_you_mean(source, known)}")
    for name in wanted:
        if name not in movable:
            problems.append(f"runbook_components: {name} cannot be moved. Those that can: {', '.join(movable)}.")
        elif source in plan["instances"][name]:
            problems.append(
                f"runbook_source: the inventory has {name} on {source}. Put the new host in its place, run deploy.yml, then this."
            )
    if problems:
        raise RunbookError([*problems, "Nothing was changed."])
    return {name: [*hosts, source] if name in wanted else hosts for name, hosts in plan["instances"].items()}


def stages(plan: Plan, whole: decide.Picture, wanted: Sequence[str], source: str) -> list[dict[str, Any]]:
    """What moves `wanted` away from `source`: a second one of what has standbys starts first, and takes over; all else stops first.

    plan: its instances are those of `also_on`. Raises RunbookError where it must not begin.
    """
    new = less(plan, wanted, source)
    instances = new["instances"]
    rest = {name: {host: rows[host] for host in instances[name]} for name, rows in whole.items()}
    old = {name: {source: whole[name][source]} for name in wanted}
    problems = [
        f"{plan['components'][name]['title']} on {host}: {row['evidence']}. Expected to know whether it runs"
        for name in wanted
        for host, row in whole[name].items()
        if row["state"] == "unknown"
    ]
    pairs = [name for name in wanted if plan["components"][name]["ha"] == "active_standby"]
    others = [name for name in wanted if name not in pairs]
    first, below = decide.to_start(new, rest, pairs)
    last, more = decide.to_start(new, rest, others)
    problems += [f"{line}. It has to be healthy first" for line in dict.fromkeys(below + more)]
    if problems:
        raise RunbookError([*problems, "Nothing was changed."])
    found = list(first)  # the old one counts, too: it is active still
    for name in pairs:
        if not decide.is_gone(old[name][source]):
            found.append(restart.pair(plan, whole, stage_of(plan, name), restart.Batch([(name, source)], False, None))[0])
    if others:
        found += decide.to_stop(plan, {name: old[name] if name in others else {} for name in whole}, others)
    return found + [{**stage, "instances": instances} for stage in last]
