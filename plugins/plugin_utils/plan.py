# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: catalogue and inventory groups turned into stages in order. Pure functions.

A plan is plain data::

    {"layers": {"coordination": "Coordination", ...},          # in order, lowest first
     "instances": {"zookeeper": ["n1", "n2", "n3"], ...},      # components of this cluster and their hosts
     "components": {"zookeeper": {...complete entry...}, ...}, # the same components' catalogue entries
     "stages": [{"name": "coordination", "layer": "coordination", "components": ["postgres", ...]}, ...],
     "warnings": ["..."]}

Stopping is the reverse of `stages`, computed by `reverse`, never written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .catalogue import Component, RunbookError, did_you_mean, load

Plan = dict[str, Any]

# The only one that a cluster has to have and Ambari does not know is PostgreSQL.
_BESIDE_AMBARI = (
    "Ambari does not know it: name its hosts with 'postgres_hosts' in the Ambari inventory's file, or put them into that group in a file "
    "beside it"
)


def build(
    groups: Mapping[str, Sequence[str]],
    overrides: Mapping[str, Any] | None = None,
    backend: str = "systemd",
) -> Plan:
    """The plan for the hosts in the inventory's `groups`. Raises RunbookError with every problem found."""
    layers, components = load(overrides, backend)
    instances = place(components, groups)
    problems, warnings = _placement_problems(components, instances, groups, backend)
    present = {name: components[name] for name in components if name in instances}
    stages: list[dict[str, Any]] = []
    for layer in layers:
        members = [name for name, component in present.items() if component["layer"] == layer]
        try:
            waves = order({name: [d for d in present[name]["depends_on"] if d in members] for name in members})
            stopping_order(present, members)
        except RunbookError as error:
            problems += error.problems
            continue
        for number, wave in enumerate(waves, 1):
            name = layer if len(waves) == 1 else f"{layer} {number}/{len(waves)}"
            stages.append({"name": name, "layer": layer, "components": wave})
    if problems:
        raise RunbookError(problems)
    return {
        "layers": layers,
        "instances": instances,
        "components": present,
        "stages": stages,
        "warnings": warnings,
        "ambari": any(component["backend"] == "ambari" for component in present.values()),
    }


def stage_of(plan: Plan, component: str) -> dict[str, Any]:
    """The stage in which a component is started."""
    found: dict[str, Any] = next(stage for stage in plan["stages"] if component in stage["components"])
    return found


def less(plan: Plan, components: Iterable[str], host: str) -> Plan:
    """The plan without the instances of some components on one host."""
    components = list(components)
    rest = {name: [one for one in hosts if name not in components or one != host] for name, hosts in plan["instances"].items()}
    return {**plan, "instances": rest}


def reverse(stages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The stages in the order in which they are stopped."""
    return list(reversed(stages))


def place(components: Mapping[str, Component], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Which component runs on which hosts: the first of its groups that has hosts. Components without hosts are left out."""
    found = {}
    for name, component in components.items():
        hosts = next((list(groups[group]) for group in component["groups"] if groups.get(group)), [])
        if hosts:
            found[name] = hosts
    while lonely := [name for name in found if components[name]["only_with"] not in (None, *found)]:
        for name in lonely:
            del found[name]
    return found


def order(depends_on: Mapping[str, Iterable[str]], key: str = "depends_on") -> list[list[str]]:
    """Names in waves: each wave needs only names of the waves before it. Raises RunbookError on a cycle, which `key` makes."""
    remaining = {name: set(needs) for name, needs in depends_on.items()}
    waves = []
    while remaining:
        wave = [name for name, needs in remaining.items() if not needs & remaining.keys()]
        if not wave:
            raise RunbookError([f"{key} goes round in a circle: {_cycle(remaining)}. Take one of these dependencies away."])
        waves.append(wave)
        for name in wave:
            del remaining[name]
    return waves


def stopping_order(components: Mapping[str, Component], members: Iterable[str]) -> list[list[str]]:
    """`members`, components of one stage, in the waves in which `stops_before` lets them stop. Raises RunbookError on a cycle."""
    members = list(members)
    return order({name: [other for other in members if name in components[other]["stops_before"]] for name in members}, "stops_before")


def _cycle(remaining: Mapping[str, set[str]]) -> str:
    """One cycle as text: every remaining name needs another remaining one, so following them must come back."""
    path = [next(iter(remaining))]
    while True:
        following = next(name for name in sorted(remaining[path[-1]]) if name in remaining)
        if following in path:
            return " -> ".join([*path[path.index(following) :], following])
        path.append(following)


def majority(count: int) -> int:
    """The smallest number that is more than half of `count`."""
    return count // 2 + 1


def minimum(component: Component, hosts: Sequence[str]) -> int:
    """How many instances must be healthy. Never below a quorum's majority; never above what there is."""
    wanted = component["min_healthy"]
    if wanted == "all":
        return len(hosts)
    if wanted == "majority":
        return majority(len(hosts))
    return min(int(wanted), len(hosts))


def _placement_problems(
    components: Mapping[str, Component],
    instances: Mapping[str, Sequence[str]],
    groups: Mapping[str, Sequence[str]],
    backend: str,
) -> tuple[list[str], list[str]]:
    """Errors and warnings about which hosts the inventory gives to which component."""
    problems, warnings = [], []
    for name, component in components.items():
        hosts = instances.get(name)
        if hosts is None:
            if component["required"] and component["only_with"] is None:
                wanted = " or ".join(f"'{group}'" for group in component["groups"])
                add = "Add them" if backend != "ambari" or component["ambari"] else _BESIDE_AMBARI
                problems.append(
                    f"{component['title']}: the inventory has no hosts in the group {wanted}. {add}, or, if this cluster "
                    f"has no {component['title']}, set runbook_catalogue.{name}.required to false."
                )
            continue
        wanted = component["min_healthy"]
        if component["ha"] == "quorum" and isinstance(wanted, int) and wanted < majority(len(hosts)):
            problems.append(
                f"runbook_catalogue.{name}.min_healthy is {wanted}, below the majority of its {len(hosts)} members. "
                f"A quorum needs at least {majority(len(hosts))}."
            )
        if isinstance(wanted, int) and wanted > len(hosts):
            problems.append(f"runbook_catalogue.{name}.min_healthy is {wanted}, but the inventory has only {len(hosts)} hosts for it.")
        if component["ha"] == "quorum" and len(hosts) % 2 == 0:
            warnings.append(
                f"{component['title']}: {len(hosts)} members tolerate no more failures than {len(hosts) - 1}. Use an odd number."
            )
    namenodes = instances.get("hdfs_namenode", [])
    journalnodes = instances.get("hdfs_journalnode", [])
    if journalnodes and len(namenodes) == 1:
        problems.append(
            f"HDFS high availability is on (the group 'hdfs_journalnode' has hosts) with one NameNode, {namenodes[0]}. "
            "Add a second host to the group 'hdfs_namenode', or empty the group 'hdfs_journalnode'."
        )
    if len(namenodes) > 1 and not journalnodes:
        problems.append(
            f"HDFS has {len(namenodes)} NameNodes but no JournalNodes to share their edits. "
            "Add three hosts to the group 'hdfs_journalnode', or leave one host in the group 'hdfs_namenode'."
        )
    if not any(groups.values()):
        problems.append("The inventory is empty. Name one with -i, for example -i inventories/ha.")
    return problems, warnings


def narrow(plan: Plan, layers: str | Sequence[str] = (), components: str | Sequence[str] = ()) -> list[str]:
    """The components that a run may act on, in start order: those of `layers`, and those of `components`; all if both are empty.

    Both are as `words` takes them. Raises RunbookError on unknown names.
    """
    wanted_layers, wanted_components = words(layers), words(components)
    problems = [
        f"runbook_layers: unknown layer '{name}'. {did_you_mean(name, plan['layers'])}"
        for name in wanted_layers
        if name not in plan["layers"]
    ]
    problems += [
        f"runbook_components: unknown component '{name}' in this inventory. {did_you_mean(name, plan['components'])}"
        for name in wanted_components
        if name not in plan["components"]
    ]
    if problems:
        raise RunbookError(problems)
    everything = [name for stage in plan["stages"] for name in stage["components"]]
    if not wanted_layers and not wanted_components:
        return everything
    return [name for name in everything if name in wanted_components or plan["components"][name]["layer"] in wanted_layers]


def words(value: str | Sequence[str] | None) -> list[str]:
    """A list, or text with commas, as it comes from the command line."""
    if isinstance(value, str):
        value = value.split(",")
    return [str(word).strip() for word in value or [] if str(word).strip()]
