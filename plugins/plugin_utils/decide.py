# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done, from the plan and the whole picture. Pure functions.

A picture is component to host to instance (the rows of module_utils/health.py). A stage, as these functions return it::

    {"name": "storage", "layer": "storage", "goal": "started",
     "hosts": {"n1": ["hdfs_namenode"]},   # who has what to do, in inventory order
     "watcher": "n1",                      # the host that also asks the others over the network
     "stepper": "n1" or None,              # the host that does the components' before_start (goal prepared) or before_stop steps
     "components": ["hdfs_datanode", ...], # what the gate behind the stage judges
     "absent": {"n1": ["hdfs_namenode"]},  # for a start: what of `hosts` does not run
     "back": ["hdfs_journalnode"],         # for a start: what comes back while others, or what depends on it, went on
     "needed": {"hdfs_datanode": 3, ...}}  # for a start: how many of each component have to be healthy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import health

from .plan import Plan, majority, minimum, reverse, stopping_order

Picture = Mapping[str, Mapping[str, Mapping[str, Any]]]
Stage = dict[str, Any]


def minimums(plan: Plan) -> dict[str, int]:
    """How many instances of each component must be healthy."""
    return {name: minimum(component, plan["instances"][name]) for name, component in plan["components"].items()}


def fewest(plan: Plan) -> dict[str, int]:
    """How many of each component must be healthy so that it serves at all: a majority of a quorum, one of the others."""
    return {
        name: majority(len(plan["instances"][name])) if plan["components"][name]["ha"] == "quorum" else min(1, wanted)
        for name, wanted in minimums(plan).items()
    }


def without(plan: Plan, needed: Mapping[str, int], unseen: Sequence[str], away: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """`needed` where some hosts are not counted: those of `unseen`, and for a component those of `away`."""
    left = {name: [host for host in hosts if host not in {*unseen, *away.get(name, [])}] for name, hosts in plan["instances"].items()}
    return {name: min(count, len(left[name])) for name, count in needed.items()}


def still_needed(plan: Plan, unseen: Sequence[str]) -> dict[str, int]:
    """`minimums` where some hosts cannot be reached: what is left of each component, and no fewer than it takes to serve at all."""
    least = fewest(plan)
    return {name: max(count, least[name]) for name, count in without(plan, minimums(plan), unseen, {}).items()}


def out_of_reach(plan: Plan, needed: Mapping[str, int], unseen: Sequence[str]) -> set[str]:
    """Components of which more instances are needed than there are on hosts that can be reached, and those that depend on them."""
    found: set[str] = set()
    for name in (name for stage in plan["stages"] for name in stage["components"]):
        left = [host for host in plan["instances"][name] if host not in unseen]
        if needed[name] > len(left) or found & set(plan["components"][name]["depends_on"]):
            found.add(name)
    return found


def picture(plan: Plan, seen: Mapping[str, Sequence[Mapping[str, Any]]], unseen: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every instance of the plan. seen: host to its rows. unseen: host to why there are none."""
    whole: dict[str, dict[str, Any]] = {
        name: {host: health.unknown(name, host, unseen.get(host, "it was not asked (is the host left out by --limit?)")) for host in hosts}
        for name, hosts in plan["instances"].items()
    }
    for rows in seen.values():
        for row in rows:
            if row["host"] in whole.get(row["component"], {}):
                whole[row["component"]][row["host"]] = dict(row)
    return whole


def verdicts(
    plan: Plan, whole: Picture, components: Iterable[str] | None = None, needed: Mapping[str, int] | None = None
) -> dict[str, health.Verdict]:
    """The judgement on each component; a warm standby that is meant to be down needs nothing. needed: `minimums` by default."""
    needed = needed or minimums(plan)
    chosen = plan["components"] if components is None else components
    return {
        name: health.Verdict([], [])
        if plan["components"][name]["desired"] == "stopped"
        else health.is_up(name, plan["components"][name]["probe"]["type"], plan["instances"][name], whole[name], needed)
        for name in chosen
    }


def without_them(
    plan: Plan, whole: Picture, components: Iterable[str], away: Mapping[str, Sequence[str]], unseen: Sequence[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """What keeps components from doing without the instances in `away` (component to hosts)."""
    rest = {name: {host: row for host, row in rows.items() if host not in away.get(name, [])} for name, rows in whole.items()}
    others = {**plan, "instances": {name: list(rows) for name, rows in rest.items()}}
    judged = verdicts(others, rest, components, without(plan, minimums(plan), unseen, away))
    return {name: verdict.problems for name, verdict in judged.items() if verdict.problems}


def missed(plan: Plan, whole: Picture, components: Iterable[str]) -> list[str]:
    """Those of which another one of their kind, or something that depends on them, goes on now: is active, and has not lost its quorum."""
    return [
        name
        for name in components
        if sum(row["health"] == "healthy" for row in whole[name].values()) >= fewest(plan)[name]
        or plan["components"][name]["ha"] != "quorum"
        if any(
            row["role"] == "active" and row["health"] == "healthy"
            for other, entry in plan["components"].items()
            if other == name or name in entry["depends_on"]
            for row in whole[other].values()
        )
    ]


def first_unhealthy_layer(plan: Plan, judged: Mapping[str, health.Verdict]) -> str | None:
    """The lowest layer in which a component has problems."""
    for layer in plan["layers"]:
        if any(verdict.problems for name, verdict in judged.items() if plan["components"][name]["layer"] == layer):
            return layer
    return None


def lines(plan: Plan, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Problems as lines: `NameNode on n1: safe mode is on`."""
    return [
        f"{plan['components'][name]['title']}{' on ' + row['host'] if row['host'] else ''}: {row['text']}"
        for name, problems in rows.items()
        for row in problems
    ]


def needs(plan: Plan, name: str) -> set[str]:
    """All that a component depends on, directly or not, and whatever is in the layers below it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for needed in plan["components"][waiting.pop()]["depends_on"]:
            if needed in plan["components"] and needed not in found:
                found.add(needed)
                waiting.append(needed)
    layers = list(plan["layers"])
    below = layers[: layers.index(plan["components"][name]["layer"])]
    return found | {other for other, entry in plan["components"].items() if entry["layer"] in below}


def to_start(
    plan: Plan, whole: Picture, wanted: Sequence[str], needed: Mapping[str, int] | None = None, unseen: Sequence[str] = ()
) -> tuple[list[Stage], list[str]]:
    """The stages that have work, in order, and what forbids to begin.

    That is: lower layers that are not healthy and that nobody asked to start, and stages of which no host can be looked at.
    needed: `minimums` by default. unseen: hosts without which a layer goes as far as it can: what needs one of them is left out.
    """
    needed = needed or minimums(plan)
    judged = verdicts(plan, whole, needed=needed)
    lost = out_of_reach(plan, needed, unseen)
    wanted = [name for name in wanted if plan["components"][name]["desired"] == "started" and name not in lost]
    stages = []
    started: set[str] = set()  # in the stage's own layer
    forbidding: dict[str, list[dict[str, Any]]] = {}
    for stage in plan["stages"]:
        members = [name for name in stage["components"] if name in wanted]
        started = {name for name in started if plan["components"][name]["layer"] == stage["layer"]}
        hosts: dict[str, list[str]] = {}
        for name in members:
            for host, row in whole[name].items():
                # Nothing is done on the strength of an unknown state; a running one that is not healthy yet is waited for.
                if row["state"] in ("stopped", "failed") or (row["state"] == "running" and row["health"] != "healthy"):
                    hosts.setdefault(host, []).append(name)
        # What depends on a component that is started is looked at, too: a manager still counts on a tablet server that has just died.
        affected = any(started & set(plan["components"][name]["depends_on"]) for name in members)
        if not hosts and not affected and not any(judged[name].problems for name in members):
            continue
        started.update(name for names in hosts.values() for name in names)
        hosts = _with_a_watcher(plan, whole, hosts, members)
        if not hosts:
            forbidding.update({name: judged[name].problems for name in members if judged[name].problems})
            continue
        stepper = _stepper(plan, whole, hosts, "before_start")
        if stepper:
            # Done before any instance starts: a manager on another host that finds the goal state CLEAN_STOP serves nothing.
            steps = [name for name in hosts[stepper] if plan["components"][name]["before_start"]]
            stages.append(_stage(plan, stage, "prepared", {stepper: steps}, steps, stepper))
        made = _stage(plan, stage, "started", hosts, members, None)
        absent = {host: [name for name in names if whole[name][host]["state"] in ("stopped", "failed")] for host, names in hosts.items()}
        stages.append({**made, "absent": absent, "back": missed(plan, whole, members), "needed": dict(needed)})
    below = {need for name in wanted for need in needs(plan, name)} - set(wanted)
    forbidding |= {name: judged[name].problems for name in plan["components"] if name in below and judged[name].problems}
    return stages, lines(plan, forbidding)


def _with_a_watcher(plan: Plan, whole: Picture, hosts: Mapping[str, list[str]], members: Sequence[str]) -> dict[str, list[str]]:
    """`hosts` in inventory order; where none has work but the stage has problems, one reachable host to watch from."""
    order = list(dict.fromkeys(host for name in plan["instances"].values() for host in name))
    if not hosts:
        reachable = [host for name in members for host, row in whole[name].items() if row["state"] != "unknown"]
        hosts = {reachable[0]: []} if reachable else {}
    return {host: hosts[host] for host in order if host in hosts}


def _stage(
    plan: Plan,
    stage: Mapping[str, Any],
    goal: str,
    hosts: dict[str, list[str]],
    members: list[str],
    stepper: str | None,
) -> Stage:
    # The last host watches: with fewer forks than hosts it begins when the others have been asked already.
    order = plan.get("order") or list(hosts)
    watcher = max(hosts, key=lambda host: order.index(host) if host in order else 0)
    return {
        "name": stage["name"],
        "layer": stage["layer"],
        "goal": goal,
        "hosts": hosts,
        "watcher": watcher,
        "stepper": stepper,
        "components": members,
    }


def _stepper(plan: Plan, whole: Picture, hosts: Mapping[str, list[str]], when: str) -> str | None:
    """The host that does the steps: the active instance's, else the first one that has work."""
    for name, entry in plan["components"].items():
        if entry[when]:
            candidates = [host for host, names in hosts.items() if name in names]
            active = [host for host in candidates if whole[name][host]["role"] == "active"]
            if candidates:
                return (active or candidates)[0]
    return None


def is_gone(row: Mapping[str, Any]) -> bool:
    """Whether nothing of an instance is left."""
    return row["state"] in ("stopped", "failed") and not row["pids"]


def to_stop(plan: Plan, whole: Picture, wanted: Sequence[str]) -> list[Stage]:
    """The stages that have something to stop, in reverse order.

    A layer's verified standbys go first, so that the stop of an active instance fails over to nobody. In a stage,
    what others name in `stops_before` goes after them.
    """
    running = [
        (name, host)
        for stage in reverse(plan["stages"])
        for name in stage["components"]
        if name in wanted
        for host, row in whole[name].items()
        if row["state"] == "running" or row["pids"]
    ]
    stages = []
    for layer in reversed(list(plan["layers"])):
        spares = [pair for pair in running if plan["components"][pair[0]]["layer"] == layer and _is_spare(plan, whole, *pair)]
        stages += _part(plan, whole, {"name": layer, "layer": layer}, "standbys", spares)
        for stage in reverse([stage for stage in plan["stages"] if stage["layer"] == layer]):
            here = [pair for pair in running if pair[0] in stage["components"]]
            rest = [pair for pair in here if pair not in spares]
            waves = stopping_order(plan["components"], dict.fromkeys(name for name, _host in rest))
            for number, wave in enumerate(waves[:-1], 1):
                part = "others" if len(waves) == 2 else f"others {number}"
                stages += _part(plan, whole, stage, part, [pair for pair in rest if pair[0] in wave])
            # It takes in the other parts' instances again: they are not stopped twice, but looked at, which proves that they are gone.
            stages += _part(plan, whole, stage, "", here, [name for name in stage["components"] if name in wanted])
    return stages


def _part(
    plan: Plan,
    whole: Picture,
    stage: Mapping[str, Any],
    part: str,
    pairs: Sequence[tuple[str, str]],
    judged: Sequence[str] = (),
) -> list[Stage]:
    """A part of a stage, or with no name the stage: what stops these instances; nothing where there are none.

    judged: the components of which no instance may be left behind it, where that is more than those of `pairs`.
    """
    hosts: dict[str, list[str]] = {}
    for name, host in pairs:
        hosts.setdefault(host, []).append(name)
    if not hosts:
        return []
    members = list(judged) or list(dict.fromkeys(name for name, _host in pairs))
    stepper = None if part else _stepper(plan, whole, hosts, "before_stop")
    made = _stage(plan, stage, "stopped", _with_a_watcher(plan, whole, hosts, members), members, stepper)
    return [{**made, "name": f"{stage['name']}, {part}" if part else stage["name"], "part": part}]


def _is_spare(plan: Plan, whole: Picture, name: str, host: str) -> bool:
    """Whether an instance is a standby beside a running active one."""
    rows = whole[name].values()
    return (
        plan["components"][name]["ha"] == "active_standby"
        and whole[name][host]["role"] == "standby"
        and any(row["role"] == "active" for row in rows)
    )


def in_the_way_of_a_stop(plan: Plan, whole: Picture, wanted: Sequence[str]) -> list[str]:
    """Running components that need a wanted one and are not to be stopped themselves."""
    return [
        f"{plan['components'][name]['title']} on {host} is not stopped ({row['evidence']}) "
        f"and needs {', '.join(sorted(needs(plan, name) & set(wanted)))}"
        for name in plan["components"]
        if name not in wanted and needs(plan, name) & set(wanted)
        for host, row in whole[name].items()
        if not is_gone(row)
    ]


def unpersisted(plan: Plan, whole: Picture, wanted: Sequence[str]) -> bool:
    """Whether tablet servers that are to be stopped may hold data in memory: at least one, or a manager, still runs."""
    holders = [name for name, entry in plan["components"].items() if entry["probe"]["type"] in ("accumulo_tserver", "accumulo_manager")]
    concerned = any(name in wanted or needs(plan, name) & set(wanted) for name in holders)
    return concerned and any(row["state"] == "running" for name in holders for row in whole[name].values())


def needed_to_persist(plan: Plan) -> list[str]:
    """What has to be healthy so that what tablet servers hold in memory reaches the disks: they, and all below them."""
    holders = [name for name, entry in plan["components"].items() if entry["probe"]["type"] in ("accumulo_tserver", "accumulo_manager")]
    needed = set(holders).union(*(needs(plan, name) for name in holders)) if holders else set()
    return [name for stage in plan["stages"] for name in stage["components"] if name in needed]


def no_unit(plan: Plan, whole: Picture, components: Iterable[str]) -> list[str]:
    """Instances whose service does not exist on their host: nothing can be done there."""
    return [
        f"{plan['components'][name]['title']} on {host}: {row['evidence']}. Deploy it, or name its unit in runbook_catalogue.{name}.service"
        for name in components
        for host, row in whole[name].items()
        if row["state"] == "unknown" and row["evidence"].startswith("there is no unit")
    ]
