#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: failover
short_description: Make a standby active, in good order
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Runs on the standby's host. Refuses where it is not a healthy standby, or the source is not the only active one.
  - Ends when both say so. In the catalogue, C(failover) of a component names how it is done.
options:
  component:
    description: Name in the catalogue.
    type: str
    required: true
  source:
    description: Host of the instance that is active now.
    type: str
    required: true
  target:
    description: Host of the standby that becomes active; the host of this task.
    type: str
    required: true
  work:
    description: What is known of it, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Refuses where it would, and changes nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.component
"""

EXAMPLES = r"""
- name: Make the NameNode of n2 active
  koverse.runbook.failover:
    component: hdfs_namenode
    source: n1
    target: n2
  become: true
  when: inventory_hostname == 'n2'
"""

RETURN = r"""
text:
  description: What was done, and how long it took.
  type: str
  returned: success
  sample: "failed over from n1 to n2 in 1.4 s"
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import observe
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import STEPS, StepError

_INTERVAL = 0.2  # seconds between two looks


def main() -> None:
    """Fails over, and looks until both sides say so."""
    names = ("component", "source", "target")
    module = AnsibleModule(
        argument_spec={**{name: {"type": "str", "required": True} for name in names}, "work": {"type": "dict"}},
        supports_check_mode=True,
    )
    work = module.params["work"]
    if not work:
        module.fail_json(msg="koverse.runbook.failover is run by its action plugin, which was not found. Call it by its full name.")
    name, source, target = (module.params[key] for key in names)
    entry, cluster = work["entry"], Cluster(work["zookeeper"])

    def roles() -> dict[str, str]:
        rows = observe.look_from_afar({name: entry}, {name: work["hosts"]}, work["addresses"], cluster)[name]
        return {host: row["role"] if row["health"] == "healthy" else f"{row['health']} ({row['evidence']})" for host, row in rows.items()}

    before = roles()
    wanted = {source: "active", target: "standby"}
    if {host: before.get(host) for host in wanted} != wanted or list(before.values()).count("active") != 1:
        said = ", ".join(f"{host} {role}" for host, role in before.items())
        module.fail_json(msg=f"expected {source} active, {target} standby and healthy, found {said}. Nothing was changed.")
    if module.check_mode:
        module.exit_json(changed=True, text=f"would fail over from {source} to {target}")
    began = time.monotonic()
    about = {**entry, "source": work["addresses"][source], "target": work["addresses"][target]}
    try:
        STEPS[entry["failover"]](about, cluster)
    except (StepError, NoAnswer) as error:
        module.fail_json(msg=f"{error}. Now: {roles()}")
    after = roles()
    while after.get(target) != "active" or after.get(source) != "standby":
        if time.monotonic() - began > entry["start_timeout"]:
            said = ", ".join(f"{host} {role}" for host, role in after.items())
            module.fail_json(msg=f"expected {target} active and {source} standby within {entry['start_timeout']} s, found {said}.")
        time.sleep(_INTERVAL)
        after = roles()
    module.exit_json(changed=True, text=f"failed over from {source} to {target} in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
