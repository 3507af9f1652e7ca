# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories and pictures that the tests of plan, decisions and gates start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning

NODES = ["n1", "n2", "n3"]

HA: dict[str, list[str]] = {
    "all": NODES,
    "postgres": ["n1"],
    "zookeeper": NODES,
    "hdfs_journalnode": NODES,
    "hdfs_namenode": ["n1", "n2"],
    "workers": NODES,
    "yarn_resourcemanager": ["n1", "n2"],
    "accumulo_manager": ["n1", "n2"],
    "accumulo_monitor": ["n2"],
    "accumulo_gc": ["n3"],
    "koverse": ["n3"],
}
SINGLE_NODE: dict[str, list[str]] = {
    "all": ["s1"],
    **{group: ["s1"] for group in HA if group not in ("all", "hdfs_journalnode")},
}

_ROLES = {
    "zookeeper": ("leader", "follower"),
    "hdfs_namenode": ("active", "standby"),
    "yarn_resourcemanager": ("active", "standby"),
    "accumulo_manager": ("active", "standby"),
    "accumulo_gc": ("active", "standby"),
}


def ha_plan(overrides: Mapping[str, Any] | None = None, **groups: Sequence[str]) -> planning.Plan:
    """The plan of the HA inventory, with groups changed; as an action plugin completes it."""
    plan = planning.build({**HA, **groups}, overrides)
    plan["order"] = [host for host in HA["all"] if any(host in hosts for hosts in plan["instances"].values())]
    plan["addresses"] = {host: host for host in plan["order"]}
    return plan


def row(component: str, host: str, **changes: Any) -> dict[str, Any]:
    """A healthy instance, with changes."""
    healthy = {
        "component": component,
        "host": host,
        "state": "running",
        "health": "healthy",
        "role": None,
        "since": "2026-11-21T09:15:00Z",
        "evidence": "answers",
        "pids": [4711],
        "details": {},
    }
    return {**healthy, **changes}


def stopped(component: str, host: str, **changes: Any) -> dict[str, Any]:
    """An instance that is down."""
    gone = {
        "state": "stopped",
        "health": "unhealthy",
        "role": None,
        "since": None,
        "evidence": f"{component} is inactive",
        "pids": [],
    }
    return row(component, host, **{**gone, **changes})


def healthy(plan: planning.Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """The picture of the plan's cluster with everything up: the first host of each component leads."""
    instances = plan["instances"]
    details = {
        "zookeeper": {"synced_followers": len(instances.get("zookeeper", [])) - 1},
        "hdfs_namenode": {"live_datanodes": len(instances.get("hdfs_datanode", [])), "missing_blocks": 0},
        "accumulo_manager": {"tservers": [f"{host}:9997" for host in instances.get("accumulo_tserver", [])]},
    }
    picture: dict[str, dict[str, dict[str, Any]]] = {}
    for name, hosts in instances.items():
        first, others = _ROLES.get(name, (None, None))
        picture[name] = {host: row(name, host, role=others) for host in hosts}
        picture[name][hosts[0]].update(role=first, details=details.get(name, {}))
    return picture


def down(plan: planning.Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """The picture of the plan's cluster with everything stopped."""
    return {name: {host: stopped(name, host) for host in hosts} for name, hosts in plan["instances"].items()}


def alert(definition: str, component: str | None = None, host: str | None = None, **changes: Any) -> dict[str, Any]:
    """An alert of Ambari on a component, as ambari_look.py has it."""
    theirs = f"{host}.example.com" if host else None
    return {
        "id": f"{definition} on {theirs}" if host else definition,
        "component": component,
        "host": host,
        "ambari_component": component.upper() if component else None,
        "ambari_host": theirs,
        "label": definition.replace("_", " ").title(),
        "state": "CRITICAL",
        "service": "HDFS",
        "text": "refused",
        "since": "2026-11-21T09:15:00Z",
        "maintenance": False,
        **changes,
    }


def ambari_says(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What Ambari says beside our own look."""
    return {"problem": None, "stale": [], "alerts": list(alerts), "well": [], "unsure": [], "hosts": [], **changes}
