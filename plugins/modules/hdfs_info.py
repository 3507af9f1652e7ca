#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hdfs_info
short_description: Ask the NameNodes of HDFS how they and their DataNodes are
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the JMX beans of every NameNode over HTTP. No JVM is started.
  - A NameNode that has not loaded its image yet counts as one that does not answer.
options:
  namenodes:
    description: The NameNodes' web addresses, as C(host:port), or C(host) where the port is 9870 (50070 before Hadoop 3).
    type: list
    elements: str
    default: ["localhost:9870"]
extends_documentation_fragment:
  - koverse.runbook.info
  - koverse.runbook.reads
notes:
  - The web addresses have to be plain HTTP without Kerberos.
seealso:
  - module: koverse.runbook.component_info
"""

EXAMPLES = r"""
- name: Ask both NameNodes
  koverse.runbook.hdfs_info:
    namenodes: [n1, n2]
  register: hdfs

- name: Go on only where HDFS can be written and nothing is missing
  ansible.builtin.assert:
    that:
      - hdfs.active | length == 1
      - not (hdfs.namenodes | selectattr('role', 'eq', 'active') | first).safe_mode
      - hdfs.missing_blocks == 0
      - hdfs.datanodes | selectattr('state', 'eq', 'dead') | length == 0
"""

RETURN = r"""
namenodes:
  description: A row for each NameNode, in the order in which they were named.
  type: list
  elements: dict
  returned: always
  contains:
    host: {description: As it was named., type: str}
    port: {description: Its web port., type: int}
    answered: {description: Whether it said how it is., type: bool}
    error: {description: Why it did not answer; null where it did., type: str}
    role: {description: "V(active) or V(standby). The only NameNode of an HDFS without high availability is active.", type: str}
    version: {description: Its version., type: str}
    rpc_address: {description: Where clients reach it., type: str}
    safe_mode: {description: Whether it is in safe mode., type: bool}
    safe_mode_reason: {description: "What it says of its safe mode; empty where that is off.", type: str}
    missing_blocks: {description: Blocks of which it knows no replica., type: int}
    low_redundancy_blocks: {description: Blocks with fewer replicas than wanted., type: int}
    live_datanodes: {description: DataNodes that report., type: int}
    dead_datanodes: {description: DataNodes that have stopped reporting., type: int}
    journals: {description: JournalNodes that share its edits., type: int}
    journals_behind: {description: Those to which it does not write until the next segment of the edits., type: list, elements: str}
  sample:
    - host: n1
      port: 9870
      answered: true
      error: null
      role: active
      version: 3.5.0
      rpc_address: "n1:8020"
      safe_mode: false
      safe_mode_reason: ""
      missing_blocks: 0
      low_redundancy_blocks: 4
      live_datanodes: 1
      dead_datanodes: 0
      journals: 3
      journals_behind: []
    - host: n2
      port: 9870
      answered: false
      error: nobody listens on n2:9870
      role: null
      version: null
      rpc_address: null
      safe_mode: null
      safe_mode_reason: null
      missing_blocks: null
      low_redundancy_blocks: null
      live_datanodes: null
      dead_datanodes: null
      journals: null
      journals_behind: null
active:
  description: The active NameNodes. Exactly one is right.
  type: list
  elements: str
  returned: always
  sample: ["n1:9870"]
missing_blocks:
  description: Blocks that the active NameNode misses; null where none is active.
  type: int
  returned: always
  sample: 0
capacity:
  description: Bytes, as the active NameNode counts them; null where none is active.
  type: dict
  returned: always
  contains:
    total: {description: All that DataNodes offer., type: int}
    used: {description: Used by HDFS., type: int}
    remaining: {description: Free for HDFS., type: int}
  sample: {total: 270553174016, used: 548628, remaining: 75479248896}
datanodes:
  description: A row for each DataNode that the active NameNode knows; empty where none is active.
  type: list
  elements: dict
  returned: always
  contains:
    name: {description: Its host and data port., type: str}
    state: {description: "V(live) or V(dead).", type: str}
    admin_state: {description: "What it is meant to do, for example V(In Service) or V(Decommission In Progress).", type: str}
    last_contact: {description: Seconds since it reported., type: int}
    version: {description: Its version; null for a dead one., type: str}
    capacity: {description: Bytes that it offers; null for a dead one., type: int}
    used: {description: Bytes used by HDFS; null for a dead one., type: int}
    remaining: {description: Bytes free for HDFS; null for a dead one., type: int}
    blocks: {description: Its blocks; null for a dead one., type: int}
  sample:
    - name: "n1:9866"
      state: live
      admin_state: In Service
      last_contact: 1
      version: 3.5.0
      capacity: 270553174016
      used: 548628
      remaining: 75478913024
      blocks: 18
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import info
from ansible_collections.koverse.runbook.plugins.module_utils.net import jmx
from ansible_collections.koverse.runbook.plugins.module_utils.probes import read_namenode

PORT = 9870
KEYS = (
    "role",
    "version",
    "rpc_address",
    "safe_mode",
    "safe_mode_reason",
    "missing_blocks",
    "low_redundancy_blocks",
    "live_datanodes",
    "dead_datanodes",
    "journals",
    "journals_behind",
)

Beans = Mapping[str, Mapping[str, Any]]


def namenode(beans: Beans) -> dict[str, Any]:
    """A NameNode's beans in words. Raises NoAnswer where it is still loading."""
    answer = read_namenode(beans)
    facts, state = beans["NameNodeInfo"], beans["FSNamesystemState"]
    return {
        **answer.details,
        "role": answer.role,
        "version": facts["SoftwareVersion"],
        "rpc_address": beans["NameNodeStatus"]["HostAndPort"],
        "safe_mode_reason": " ".join(facts["Safemode"].split()),
        "low_redundancy_blocks": state["UnderReplicatedBlocks"],
    }


def capacity(beans: Beans) -> dict[str, int]:
    """Bytes in HDFS."""
    state = beans["FSNamesystemState"]
    return {"total": state["CapacityTotal"], "used": state["CapacityUsed"], "remaining": state["CapacityRemaining"]}


def datanodes(beans: Beans) -> list[dict[str, Any]]:
    """The DataNodes that a NameNode knows, by name."""
    facts = beans["NameNodeInfo"]
    found = [("live", node) for node in json.loads(facts["LiveNodes"]).items()]
    found += [("dead", node) for node in json.loads(facts["DeadNodes"]).items()]
    rows = [
        {
            "name": name,
            "state": state,
            "admin_state": node.get("adminState"),
            "last_contact": node["lastContact"],
            "version": node.get("version"),
            "capacity": node.get("capacity"),
            "used": node.get("used"),
            "remaining": node.get("remaining"),
            "blocks": node.get("numBlocks"),
        }
        for state, (name, node) in found
    ]
    return sorted(rows, key=lambda row: row["name"])


def main() -> None:
    """Asks once."""
    module = info.module(namenodes={"type": "list", "elements": "str", "default": [f"localhost:{PORT}"]})
    said: dict[str, Beans] = {}

    def question(host: str, port: int) -> dict[str, Any]:
        beans = jmx(host, port, "Hadoop:service=NameNode,name=*")
        row = namenode(beans)
        said[f"{host}:{port}"] = beans
        return row

    namenodes = info.ask(module.params["namenodes"], PORT, question, KEYS)
    active = info.addresses(namenodes, role="active")
    beans = said[active[0]] if active else None
    facts = {
        "namenodes": namenodes,
        "active": active,
        "missing_blocks": namenode(beans)["missing_blocks"] if beans else None,
        "capacity": capacity(beans) if beans else None,
        "datanodes": datanodes(beans) if beans else [],
    }
    info.finish(module, namenodes, facts)


if __name__ == "__main__":
    main()
