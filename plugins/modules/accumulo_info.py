#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: accumulo_info
short_description: Ask ZooKeeper and the active manager how an Accumulo instance is
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads what Accumulo keeps in ZooKeeper (goal state, locks, tables), and asks the active manager over Thrift for its state,
    its tablet servers and its tablets. No JVM is started, and no password is needed.
  - Knows Accumulo from 1.7 to 2.1. Before 2.1 the manager is called master.
options:
  zookeeper:
    description: Servers of the ZooKeeper ensemble, tried in turn, as C(host:port), or C(host) where the port is 2181.
    type: list
    elements: str
    default: ["localhost:2181"]
  instance:
    description: The instance's name. Needed only where one ensemble has several.
    type: str
extends_documentation_fragment:
  - koverse.runbook.info
  - koverse.runbook.reads
notes:
  - Only Accumulo's Thrift interface without TLS and Kerberos can be asked. What ZooKeeper says is returned in any case.
seealso:
  - module: koverse.runbook.component_info
"""

EXAMPLES = r"""
- name: Ask about the only instance
  koverse.runbook.accumulo_info:
    zookeeper: [n1, n2, n3]
  register: accumulo

- name: Go on only when every tablet is served
  ansible.builtin.assert:
    that:
      - accumulo.manager.state == 'NORMAL'
      - accumulo.manager.unassigned == 0
      - not accumulo.not_loaded
"""

RETURN = r"""
answered:
  description: Whether ZooKeeper told about the instance. Where it did not, what it would have told is null.
  type: bool
  returned: always
  sample: true
error:
  description: Why it did not; null where it did.
  type: str
  returned: always
  sample: null
instance:
  description: The instance's name.
  type: str
  returned: always
  sample: lab
instance_id:
  description: Its identity.
  type: str
  returned: always
  sample: 4e32ca67-b981-4f97-851c-0b252004e2e8
goal_state:
  description: "What the cluster is meant to be: V(NORMAL), V(SAFE_MODE) or, after a clean stop, V(CLEAN_STOP)."
  type: str
  returned: always
  sample: NORMAL
managers:
  description: Who is in the queue for the manager's lock; the first one holds it.
  type: list
  elements: str
  returned: always
  sample: ["n1:9999", "n2:9999"]
gc:
  description: Who is in the queue for the garbage collector's lock; the first one holds it.
  type: list
  elements: str
  returned: always
  sample: ["n3:9998"]
monitor:
  description: Who is in the queue for the monitor's lock; the first one holds it.
  type: list
  elements: str
  returned: always
  sample: ["n2:9995"]
tservers:
  description: Tablet servers that hold a lock.
  type: list
  elements: str
  returned: always
  sample: ["n1:9997", "n2:9997", "n3:9997"]
manager:
  description: What the active manager says; null where none holds the lock.
  type: dict
  returned: always
  contains:
    host: {description: As it is in its lock., type: str}
    port: {description: Its port., type: int}
    answered: {description: Whether it answered., type: bool}
    error: {description: Why it did not; null where it did., type: str}
    state: {description: "For example V(NORMAL), or V(HAVE_LOCK) while the goal state does not let it serve.", type: str}
    goal_state: {description: The goal state that it knows., type: str}
    unassigned:
      description: Tablets that wait for a tablet server. Also 0 before the manager has looked, and then RV(not_loaded) is not empty.
      type: int
    tservers: {description: Tablet servers that report to it., type: list, elements: str}
    bad_tservers: {description: Tablet servers that do not answer it., type: list, elements: str}
    dead_tservers: {description: Tablet servers that have lost their lock without being stopped., type: list, elements: str}
  sample:
    host: n1
    port: 9999
    answered: true
    error: null
    state: NORMAL
    goal_state: NORMAL
    unassigned: 0
    tservers: ["n1:9997", "n2:9997", "n3:9997"]
    bad_tservers: []
    dead_tservers: []
tables:
  description: Every table.
  type: list
  elements: dict
  returned: always
  contains:
    id: {description: Its identity., type: str}
    name: {description: Its name., type: str}
    state: {description: "V(ONLINE), V(OFFLINE), V(NEW) or V(DELETING).", type: str}
    tablets: {description: "Tablets that tablet servers know, whether served or not; null where the manager did not answer.", type: int}
    online: {description: Tablets that are served; null where the manager did not answer., type: int}
  sample:
    - {id: "!0", name: accumulo.metadata, state: ONLINE, tablets: 2, online: 2}
    - {id: "1", name: kv_index, state: ONLINE, tablets: 1, online: 1}
not_loaded:
  description: Names of the online tables of which not every tablet is served; null where the manager did not answer.
  type: list
  elements: str
  returned: always
  sample: []
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import accumulo, info
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import ZooKeeper

MANAGER_PORT = 9999
ZNODES = ("renamed", "instance", "instance_id", "goal_state", "managers", "gc", "monitor", "tservers", "tables")
STATS = ("state", "goal_state", "unassigned", "tservers", "bad_tservers", "dead_tservers", "tables")


def read(servers: Sequence[str], instance: str | None) -> dict[str, Any]:
    """What ZooKeeper has of an instance. Raises NoAnswer."""
    with ZooKeeper(servers) as zookeeper:
        return accumulo.read_znodes(zookeeper, instance)


def rows(tables: Mapping[str, Mapping[str, Any]], counts: Mapping[str, Mapping[str, int]] | None) -> list[dict[str, Any]]:
    """The tables as rows. counts: tablets as the manager counts them; None where it did not answer."""
    none = dict.fromkeys(("tablets", "online"), None if counts is None else 0)
    return [{"id": table, **entry, **none, **(counts or {}).get(table, {})} for table, entry in tables.items()]


def main() -> None:
    """Asks once."""
    module = info.module(zookeeper={"type": "list", "elements": "str", "default": ["localhost:2181"]}, instance={"type": "str"})
    found = info.answer(lambda: read(module.params["zookeeper"], module.params["instance"]), ZNODES)
    renamed, tables = found.pop("renamed"), found.pop("tables") or {}
    holder = (found["managers"] or [])[:1]
    asked = info.ask(holder, MANAGER_PORT, lambda host, port: accumulo.manager_stats(host, port, renamed), STATS)
    manager = asked[0] if asked else None
    counts = manager.pop("tables") if manager else None
    facts = {
        **found,
        "manager": manager,
        "tables": rows(tables, counts),
        "not_loaded": None if counts is None else accumulo.not_loaded({"tables": counts}, tables),
    }
    info.finish(module, [found], facts)


if __name__ == "__main__":
    main()
