#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: component
short_description: Start or stop this host's components and wait until they are up or gone
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Takes all of a host's components that are named, starts or stops them at the same time through their service backend,
    and waits until each answers its probe, or until every process is gone. One task per host, whatever the number of components.
  - A component that dies while it is started ends the wait at once, with the last lines of its log.
  - Components, their units, ports, probes and time limits come from the catalogue (C(catalogue.yml) and the variable
    C(runbook_catalogue)); where they run comes from the inventory's groups.
  - A line of progress appears whenever the picture changes, at least every 10 seconds.
options:
  components:
    description:
      - Names of components. Those that do not run on the host are passed over.
      - All of the host's components by default.
    type: list
    elements: str
  state:
    description:
      - V(started) starts what is stopped or failed and leaves alone what runs. V(stopped) is the reverse.
      - V(prepared) does what comes once, before any instance starts (the steps C(before_start) of the catalogue).
      - V(left) gives work away and brings data to disk, before a stop that somebody else asks for.
      - A component whose state is unknown is never acted on.
    type: str
    choices: [prepared, started, left, stopped]
    required: true
  stage:
    description:
      - A stage as M(koverse.runbook.decide) returns it. The last of its hosts also waits until the stage is healthy as the cluster
        sees it, by asking every instance of its components over the network.
      - Without it, each host waits for its own components only.
    type: dict
  work:
    description: What to do, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Tells what would be started or stopped, and touches nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.component_info
  - module: koverse.runbook.gate
"""

EXAMPLES = r"""
- name: Start the DataNode and the tablet server of each worker
  koverse.runbook.component:
    components: [hdfs_datanode, accumulo_tserver]
    state: started
  become: true

- name: Stop everything that runs on a host
  koverse.runbook.component:
    state: stopped
  become: true
"""

RETURN = r"""
acted:
  description: The components that were started or stopped (in check mode, that would be).
  type: list
  elements: str
  returned: always
  sample: [hdfs_datanode]
instances:
  description: How the host's components are at the end; the rows of C(instances) that M(koverse.runbook.component_info) returns.
  type: list
  elements: dict
  returned: always
  sample:
    - {component: hdfs_datanode, host: n1, state: running, health: healthy, role: null, since: "2026-11-21T09:15:00Z",
       evidence: registered with 2 of 2 NameNodes, pids: [812], details: {}}
failures:
  description: Component to what went wrong.
  type: dict
  returned: always
  sample: {hdfs_datanode: "died 3 s after the stage's start: hdfs-datanode.service failed (exit-code, exit status 1)"}
last_words:
  description: Component to the last lines of its log, for those that failed.
  type: dict
  returned: always
  sample: {hdfs_datanode: ["java.net.BindException: Address already in use"]}
steps:
  description: What was done once for the cluster on this host.
  type: list
  elements: str
  returned: always
  sample: [goal state set from CLEAN_STOP to NORMAL]
waited:
  description: Seconds from the start of the task to its end.
  type: float
  returned: always
  sample: 4.2
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils.waiting import Run

_VERBS = {"prepared": Run.prepare, "started": Run.start, "left": Run.leave, "stopped": Run.stop}


def main() -> None:
    """One slice of the action plugin's wait."""
    module = AnsibleModule(
        argument_spec={
            "components": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": list(_VERBS), "required": True},
            "stage": {"type": "dict"},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    if not module.params["work"]:
        module.fail_json(msg="koverse.runbook.component is run by its action plugin, which was not found. Call it by its full name.")
    run = Run(module.params["work"])
    _VERBS[module.params["state"]](run, module.check_mode)
    module.exit_json(changed=bool(run.memory["acted"] or run.steps), **run.result())


if __name__ == "__main__":
    main()
