# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component's instances together mean: the gate's judgement, from the whole picture. Pure functions.

An instance is the state model's row::

    {"component": "zookeeper", "host": "n1", "state": "running", "health": "healthy", "role": "leader",
     "since": "2026-11-21T09:15:00Z", "evidence": "mode leader", "pids": [123], "details": {"synced_followers": 2}}

state is running, stopped, failed or unknown; health is healthy, unhealthy or unknown (not asked, or not answered).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Instance = Mapping[str, Any]


LOCK_WITHIN = 60.0  # seconds in which a server that has started takes its place in ZooKeeper; JVMs that start together took 26


def has_no_part(row: Instance, age: float) -> bool:
    """Whether a server that has run for `age` seconds neither holds its lock in ZooKeeper nor waits for it. Waiting does not help."""
    return without_place(row) and age > LOCK_WITHIN


def without_place(row: Instance) -> bool:
    """Whether a server answers, but neither holds its lock in ZooKeeper nor waits for it."""
    return row["details"].get("lock", "") is None


class Verdict(NamedTuple):
    """All that keeps a component from being healthy, and what was wrong but tolerated because `min_healthy` allows it.

    Each is a row `{"host": "n1" or None for the component as a whole, "state": ..., "text": ...}`.
    """

    problems: list[dict[str, Any]]
    tolerated: list[dict[str, Any]]


def unknown(component: str, host: str, evidence: str) -> dict[str, Any]:
    """An instance of which nothing is known, and why."""
    return {
        "component": component,
        "host": host,
        "state": "unknown",
        "health": "unknown",
        "role": None,
        "since": None,
        "evidence": evidence,
        "pids": [],
        "details": {},
    }


def is_up(component: str, probe: str, hosts: Sequence[str], instances: Mapping[str, Instance], minimums: Mapping[str, int]) -> Verdict:
    """Whether a component is healthy as the cluster sees it.

    hosts: where it should run. instances: host to instance. minimums: component to how many instances must be healthy.
    """
    rows = {host: instances.get(host) or unknown(component, host, "it was not asked") for host in hosts}
    unhealthy = [{"host": host, "state": row["state"], "text": row["evidence"]} for host, row in rows.items() if row["health"] != "healthy"]
    enough = len(rows) - len(unhealthy) >= minimums[component]
    problems = [] if enough else list(unhealthy)
    check = CLUSTER_CHECKS.get(probe)
    if check is not None:
        said = {row["text"] for row in problems}
        problems += [{"host": None, "state": "unhealthy", "text": text} for text in check(component, rows, minimums) if text not in said]
    return Verdict(problems, unhealthy if enough else [])


def is_down(component: str, hosts: Sequence[str], instances: Mapping[str, Instance]) -> list[dict[str, Any]]:
    """The instances that are not proven to be gone: those that run, those that left processes behind, those not known."""
    rows = [(host, instances.get(host) or unknown(component, host, "it was not asked")) for host in hosts]
    return [
        {"host": host, "state": row["state"], "text": row["evidence"]}
        for host, row in rows
        if row["state"] not in ("stopped", "failed") or row["pids"]
    ]


def _answering(rows: Mapping[str, Instance]) -> dict[str, Instance]:
    return {host: row for host, row in rows.items() if row["health"] != "unknown"}


def _one_active(_component: str, rows: Mapping[str, Instance], _minimums: Mapping[str, int]) -> list[str]:
    active = [host for host, row in rows.items() if row["role"] == "active"]
    if len(active) == 1:
        return []
    if active:
        return [f"{len(active)} are active: {', '.join(active)}; exactly one may be"]
    roles = [f"{host} {row['role'] or 'has no role'}" for host, row in _answering(rows).items()]
    return [f"none is active ({', '.join(roles) or 'none answers'})"]


def _zookeeper(component: str, rows: Mapping[str, Instance], minimums: Mapping[str, int]) -> list[str]:
    leaders = [host for host, row in rows.items() if row["role"] in ("leader", "standalone")]
    if len(leaders) > 1:
        return [f"{len(leaders)} lead: {', '.join(leaders)}; exactly one may. They do not form one ensemble"]
    if not leaders:
        # Followers serve only behind a leader: it is one of those that could not be asked.
        followers = any(row["role"] == "follower" for row in rows.values())
        hidden = len(_answering(rows)) < len(rows)
        return [] if followers and hidden else ["no leader: the ensemble has no quorum"]
    synced = rows[leaders[0]]["details"].get("synced_followers")
    wanted = minimums[component] - 1
    if synced is not None and synced < wanted:
        return [f"the leader {leaders[0]} has {synced} followers in sync, {wanted} are needed"]
    return []


def _namenode(component: str, rows: Mapping[str, Instance], minimums: Mapping[str, int]) -> list[str]:
    problems = _one_active(component, rows, minimums)
    for host, row in rows.items():
        if row["role"] != "active":
            continue
        live, wanted = row["details"].get("live_datanodes", 0), minimums.get("hdfs_datanode", 0)
        if live < wanted:
            problems.append(f"{host} sees {live} live DataNodes, {wanted} are needed")
        journals, behind = row["details"].get("journals", 0), row["details"].get("journals_behind", [])
        if journals - len(behind) < min(journals, minimums.get("hdfs_journalnode", 0)):
            problems.append(f"{host} does not write to the JournalNodes {', '.join(behind)} until it begins a new segment of edits")
        missing = row["details"].get("missing_blocks", 0)
        if missing:
            problems.append(f"{missing} blocks are missing; see hdfs fsck / -list-corruptfileblocks")
    return problems


def _resourcemanager(component: str, rows: Mapping[str, Instance], minimums: Mapping[str, int]) -> list[str]:
    problems = _one_active(component, rows, minimums)
    wanted = minimums.get("yarn_nodemanager", 0)
    for host, row in rows.items():
        seen = row["details"].get("nodemanagers", wanted)
        if seen < wanted:
            problems.append(f"{seen} NodeManagers have registered with {host}, {wanted} are needed")
    return problems


def _manager(component: str, rows: Mapping[str, Instance], minimums: Mapping[str, int]) -> list[str]:
    problems = _one_active(component, rows, minimums)
    for host, row in rows.items():
        if row["role"] == "active":
            seen, wanted = len(row["details"].get("tservers", [])), minimums.get("accumulo_tserver", 0)
            if seen < wanted:
                problems.append(f"{host} sees {seen} tablet servers, {wanted} are needed")
            # An unhealthy active manager is a problem also where a healthy standby would be enough by number.
            if row["health"] == "unhealthy":
                problems.append(row["evidence"])
    return problems


CLUSTER_CHECKS: dict[str, Callable[[str, Mapping[str, Instance], Mapping[str, int]], list[str]]] = {
    "zookeeper": _zookeeper,
    "hdfs_namenode": _namenode,
    "yarn_resourcemanager": _resourcemanager,
    "accumulo_manager": _manager,
    "accumulo_gc": _one_active,
}
