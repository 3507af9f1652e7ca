#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_host_component
short_description: Start or stop components on hosts through Ambari, and wait until they are there
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Asks Ambari once for all instances that are not in the state yet, follows the request to its real end, and looks at the states again,
    because Ambari also says that a request is completed where it has left out a host.
  - Waits for requests of others that are under way, and says whose they are. Goes on where the server is restarted meanwhile.
  - A line of progress appears whenever the picture changes, at least every 10 seconds.
options:
  instances:
    description: What is started or stopped, in Ambari's names.
    type: list
    elements: dict
    required: true
    suboptions:
      component:
        description: For example V(DATANODE).
        type: str
        required: true
      host:
        description: The host as Ambari calls it.
        type: str
        required: true
  known:
    description:
      - Says of a start that the instances are known to be stopped, whatever Ambari thinks; its agents report up to a minute late. What
        Ambari takes for started is then stopped first.
    type: bool
    default: false
  patient:
    description:
      - Whether requests of others that are under way are waited for. Otherwise it fails and says whose they are, because what was
        decided before may not hold any more when they are over.
    type: bool
    default: true
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
  - koverse.runbook.ambari.change
attributes:
  check_mode:
    description: Tells what would be started or stopped, and asks for nothing.
    support: full
  diff_mode:
    description: Returns the states before and after.
    support: full
seealso:
  - module: koverse.runbook.ambari_service
  - module: koverse.runbook.ambari_maintenance
"""

EXAMPLES = r"""
- name: Start two DataNodes
  koverse.runbook.ambari_host_component:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    instances:
      - {component: DATANODE, host: n1.example.com}
      - {component: DATANODE, host: n2.example.com}
    state: started
  delegate_to: localhost
"""

RETURN = r"""
instances:
  description: What was not in the state before, and is now; in check mode, what would be asked for.
  type: list
  elements: dict
  returned: always
  sample: [{component: DATANODE, host: n1.example.com}]
already:
  description: What Ambari had in the state before. Its agents report late.
  type: list
  elements: dict
  returned: always
  sample: [{component: DATANODE, host: n2.example.com}]
left_out:
  description:
    - What Ambari does not touch and why, because it is in maintenance or its host's agent is lost.
    - That is no error of the module; look at the list.
  type: list
  elements: dict
  returned: always
  sample: [{component: DATANODE, host: n3.example.com, why: "in maintenance (IMPLIED_FROM_HOST), INSTALLED: Ambari skips it"}]
failures:
  description: What did not come, with the last lines of the failed task.
  type: list
  elements: dict
  returned: always
  sample: []
requests:
  description: The numbers of Ambari's requests.
  type: list
  elements: int
  returned: always
  sample: [151]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def main() -> None:
    """One slice of the action plugin's wait; the whole where it is not called by that."""
    module = AnsibleModule(
        argument_spec={
            **ambari.ARGUMENTS,
            **ambari.CLUSTER,
            **ambari.CHANGE,
            "known": {"type": "bool", "default": False},
            "patient": {"type": "bool", "default": True},
            "instances": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {key: {"type": "str", "required": True} for key in ("component", "host")},
            },
        },
        supports_check_mode=True,
    )
    wanted = [(row["component"], row["host"]) for row in module.params["instances"]]
    ambari.run_change(module, lambda _cluster: wanted, module.params["known"], module.params["patient"])


if __name__ == "__main__":
    main()
