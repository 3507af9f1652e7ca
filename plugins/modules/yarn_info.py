#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yarn_info
short_description: Ask the ResourceManagers of YARN how they and their NodeManagers are
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the REST interface of every ResourceManager over HTTP. No JVM is started.
options:
  resourcemanagers:
    description: The ResourceManagers' web addresses, as C(host:port), or C(host) where the port is 8088.
    type: list
    elements: str
    default: ["localhost:8088"]
extends_documentation_fragment:
  - koverse.runbook.info
  - koverse.runbook.reads
notes:
  - The web addresses have to be plain HTTP without Kerberos.
seealso:
  - module: koverse.runbook.component_info
"""

EXAMPLES = r"""
- name: Ask both ResourceManagers
  koverse.runbook.yarn_info:
    resourcemanagers: [n1, n2]
  register: yarn

- name: Show NodeManagers that do not run
  ansible.builtin.debug:
    msg: "{{ yarn.nodemanagers | rejectattr('state', 'eq', 'RUNNING') }}"
"""

RETURN = r"""
resourcemanagers:
  description: A row for each ResourceManager, in the order in which they were named.
  type: list
  elements: dict
  returned: always
  contains:
    host: {description: As it was named., type: str}
    port: {description: Its web port., type: int}
    answered: {description: Whether it said how it is., type: bool}
    error: {description: Why it did not answer; null where it did., type: str}
    role: {description: "V(active) or V(standby). The only ResourceManager of a YARN without high availability is active.", type: str}
    state: {description: "State of the service, V(STARTED) where it serves.", type: str}
    version: {description: Its version., type: str}
  sample:
    - {host: n1, port: 8088, answered: true, error: null, role: standby, state: STARTED, version: 3.5.0}
    - {host: n2, port: 8088, answered: true, error: null, role: active, state: STARTED, version: 3.5.0}
active:
  description: The active ResourceManagers. Exactly one is right.
  type: list
  elements: str
  returned: always
  sample: ["n2:8088"]
error:
  description: Why the active ResourceManager did not tell about its NodeManagers; null where it did, or where none is active.
  type: str
  returned: always
  sample: null
nodemanagers:
  description: A row for each NodeManager that the active ResourceManager knows, in whatever state; empty where none is active.
  type: list
  elements: dict
  returned: always
  contains:
    name: {description: Its host and port., type: str}
    state: {description: "For example V(RUNNING), V(UNHEALTHY), V(LOST), V(DECOMMISSIONED) or V(SHUTDOWN).", type: str}
    health_report: {description: Why it is unhealthy., type: str}
    version: {description: Its version., type: str}
    containers: {description: Containers that run there., type: int}
    memory_used: {description: MiB given to containers., type: int}
    memory_free: {description: MiB free for containers., type: int}
  sample:
    - {name: "n1:36387", state: RUNNING, health_report: "", version: 3.5.0, containers: 0, memory_used: 0, memory_free: 2048}
counts:
  description: How many NodeManagers are in each state, as the active ResourceManager counts them; null where none is active.
  type: dict
  returned: always
  contains:
    total: {description: All that are not decommissioned or shut down., type: int}
    active: {description: Run and are healthy., type: int}
    unhealthy: {description: Run and are not healthy., type: int}
    lost: {description: Have stopped reporting., type: int}
    rebooted: {description: Have been restarted., type: int}
    shutdown: {description: Have been shut down., type: int}
    decommissioning: {description: Are being decommissioned., type: int}
    decommissioned: {description: Are decommissioned., type: int}
  sample: {total: 1, active: 1, unhealthy: 0, lost: 0, rebooted: 0, shutdown: 0, decommissioning: 0, decommissioned: 0}
applications:
  description: How many applications there are, as the active ResourceManager counts them; null where none is active.
  type: dict
  returned: always
  contains:
    submitted: {description: All since its start., type: int}
    pending: {description: Wait to be run., type: int}
    running: {description: Run., type: int}
    completed: {description: Have come to a good end., type: int}
    failed: {description: Have failed., type: int}
    killed: {description: Were killed., type: int}
  sample: {submitted: 1, pending: 0, running: 0, completed: 1, failed: 0, killed: 0}
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import info
from ansible_collections.koverse.runbook.plugins.module_utils.net import http_json

PORT = 8088
KEYS = ("role", "state", "version")
# Without a list of states YARN names only the nodes that are in use.
STATES = "NEW,RUNNING,UNHEALTHY,DECOMMISSIONING,DECOMMISSIONED,LOST,REBOOTED,SHUTDOWN"
COUNTS = {
    "total": "totalNodes",
    "active": "activeNodes",
    "unhealthy": "unhealthyNodes",
    "lost": "lostNodes",
    "rebooted": "rebootedNodes",
    "shutdown": "shutdownNodes",
    "decommissioning": "decommissioningNodes",
    "decommissioned": "decommissionedNodes",
}
APPLICATIONS = {
    "submitted": "appsSubmitted",
    "pending": "appsPending",
    "running": "appsRunning",
    "completed": "appsCompleted",
    "failed": "appsFailed",
    "killed": "appsKilled",
}


def resourcemanager(host: str, port: int) -> dict[str, Any]:
    """What one ResourceManager says of itself. Raises NoAnswer."""
    said = http_json(host, port, "/ws/v1/cluster/info")["clusterInfo"]
    return {"role": said.get("haState", "ACTIVE").lower(), "state": said["state"], "version": said["resourceManagerVersion"]}


def cluster(host: str, port: int) -> dict[str, Any]:
    """What the active ResourceManager says of its NodeManagers and applications. Raises NoAnswer."""
    nodes = http_json(host, port, f"/ws/v1/cluster/nodes?states={STATES}")
    metrics = http_json(host, port, "/ws/v1/cluster/metrics")["clusterMetrics"]
    return {
        "nodemanagers": nodemanagers(nodes),
        "counts": {name: metrics.get(field) for name, field in COUNTS.items()},
        "applications": {name: metrics.get(field) for name, field in APPLICATIONS.items()},
    }


def nodemanagers(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer about nodes as rows, by name. Without nodes it holds an empty object, or null."""
    rows = [
        {
            "name": node["id"],
            "state": node["state"],
            "health_report": " ".join((node.get("healthReport") or "").split()),
            "version": node.get("version"),
            "containers": node.get("numContainers"),
            "memory_used": node.get("usedMemoryMB"),
            "memory_free": node.get("availMemoryMB"),
        }
        for node in (answer["nodes"] or {}).get("node", [])
    ]
    return sorted(rows, key=lambda row: str(row["name"]))


def main() -> None:
    """Asks once."""
    module = info.module(resourcemanagers={"type": "list", "elements": "str", "default": [f"localhost:{PORT}"]})
    rows = info.ask(module.params["resourcemanagers"], PORT, resourcemanager, KEYS)
    active = info.addresses(rows, role="active")
    facts: dict[str, Any] = {"error": None, "nodemanagers": None, "counts": None, "applications": None}
    for row in info.ask(active[:1], PORT, cluster, ("nodemanagers", "counts", "applications")):
        facts = {key: row[key] for key in facts}
    facts["nodemanagers"] = facts["nodemanagers"] or []
    info.finish(module, rows, {"resourcemanagers": rows, "active": active, **facts})


if __name__ == "__main__":
    main()
