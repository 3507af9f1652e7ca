#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: component_info
short_description: Look at this host's components
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - For each component of the host, asks its service backend, looks for its processes, and asks the component itself with its probe.
  - Reads only. A probe that is not answered is data, not an error.
options:
  components:
    description:
      - Names of components. Those that do not run on the host are passed over.
      - All of the host's components by default.
    type: list
    elements: str
  ports:
    description:
      - Also look who listens on the components' ports, and whether those of the next host in the inventory can be reached from here.
    type: bool
    default: false
  configured:
    description: Also tell when each component's configuration was changed last.
    type: bool
    default: false
  evidence:
    description: Also tell why a process that runs may not answer (its open files, full file systems), and what time it is there.
    type: bool
    default: false
  work:
    description: What to look at, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
extends_documentation_fragment:
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.component
"""

EXAMPLES = r"""
- name: Look at every component of every host
  koverse.runbook.component_info:
  become: true
  register: seen

- name: Show what is not healthy
  ansible.builtin.debug:
    msg: "{{ seen.instances | rejectattr('health', 'eq', 'healthy') }}"
"""

RETURN = r"""
instances:
  description: One row for each component of this host.
  type: list
  elements: dict
  returned: always
  contains:
    component: {description: Name in the catalogue., type: str}
    host: {description: Name in the inventory., type: str}
    state: {description: "V(running), V(stopped), V(failed), or V(unknown), which is never taken for stopped.", type: str}
    health: {description: "V(healthy), V(unhealthy), or V(unknown) when it was not asked or did not answer.", type: str}
    role: {description: "V(active), V(standby), V(leader), V(follower), or null where it has none.", type: str}
    since: {description: Start of its process in UTC (ISO 8601); null where it does not run., type: str}
    evidence: {description: One line that says what was seen., type: str}
    pids: {description: Its processes., type: list, elements: int}
    details: {description: Facts that the gate needs., type: dict}
  sample:
    - {component: zookeeper, host: n1, state: running, health: healthy, role: leader, since: "2026-11-21T09:15:00Z",
       evidence: "mode leader, 2 followers in sync", pids: [123], details: {synced_followers: 2}}
evidence:
  description:
    - By component, how many files it has open and may have, and the last errors in the log of what has died or is not well.
    - The file systems in which components write; what lost blocks of HDFS belong to (from the active NameNode's host); and the time there.
  type: dict
  returned: when O(evidence) is true
  sample:
    {time: 1763769600.1, asked: 1763769600.3, instances: {hdfs_datanode: {open_files: 412, open_files_limit: 65536}},
     filesystems: [{path: /data, size: 1099511627776, free: 52428800, files_free: 4711, components: [hdfs_datanode]}],
     words: {hdfs_namenode: ["2026-11-22 12:00:00,123 ERROR namenode.NameNode: Failed to start namenode."]}, corrupt_files: []}
restart:
  description: The note of a rolling restart that is under way, or was interrupted (M(koverse.runbook.restart_note)).
  type: dict
  returned: when O(configured) is true
  sample: {selection: "all of zookeeper on all hosts", began: "2026-11-21T20:15:00Z"}
backups:
  description:
    - What this host knows of the backups that were taken from it; null where none was begun from here. C(good) or C(last) may be missing.
  type: dict
  returned: always
  contains:
    last: {description: "The last backup: C(id), C(verdict) (V(running), V(good), V(failed)), and C(why) it failed.", type: dict}
    good:
      description: "The newest set: C(id), C(uri), C(verified) (when it was last read whole), and C(damage) if that found any."
      type: dict
    problem: {description: Why the record cannot be read., type: str}
  sample:
    last: {id: 20261121T201500Z, verdict: good, why: null}
    good: {id: 20261121T201500Z, uri: "hdfs://other/backups/20261121T201500Z", verified: "2026-11-21T20:16:03Z", damage: null}
ports:
  description: One row for each port of the host's components.
  type: list
  elements: dict
  returned: when O(ports) is true
  sample:
    - {component: zookeeper, host: n1, name: client, port: 2181, holders: [{address: "::", pid: 123, command: java QuorumPeerMain}]}
reached:
  description: Which ports of the next host accept connections from this one.
  type: list
  elements: dict
  returned: when O(ports) is true
  sample:
    - {component: zookeeper, host: n2, port: 2181, open: true}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import evidence, observe, record
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster


def main() -> None:
    """Looks once."""
    module = AnsibleModule(
        argument_spec={
            "components": {"type": "list", "elements": "str"},
            "ports": {"type": "bool", "default": False},
            "configured": {"type": "bool", "default": False},
            "evidence": {"type": "bool", "default": False},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    work = module.params["work"]
    if not work:
        module.fail_json(msg="koverse.runbook.component_info is run by its action plugin, which was not found. Call it by its full name.")
    cluster = Cluster(work["zookeeper"])
    rows = observe.look(work["entries"], work["host"], work["address"], cluster, ask=work["entries"])
    result = {"instances": list(rows.values()), "backups": record.backups()}
    if module.params["configured"]:
        result["restart"] = record.load(record.RESTART) or None
        for name, row in rows.items():
            row["configured"] = observe.configured(work["entries"][name])
    if module.params["evidence"]:
        result["evidence"] = evidence.of(work["entries"], rows, cluster)
    if module.params["ports"]:
        result["ports"] = observe.ports(work["entries"], work["host"])
        result["reached"] = observe.reached(work["neighbour"])
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
