#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_service
short_description: Start or stop services through Ambari, and wait until all of their components are there
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Starts or stops all masters and slaves of services, in one request, in the order that Ambari has within a service.
  - Works like M(koverse.runbook.ambari_host_component). A service that Ambari calls started may have a master that is not, and the
    other way round, so the states of all its components are looked at.
options:
  services:
    description: Services, in Ambari's names.
    type: list
    elements: str
    required: true
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
  - module: koverse.runbook.ambari_host_component
  - module: koverse.runbook.ambari_maintenance
"""

EXAMPLES = r"""
- name: Stop YARN, then HDFS
  koverse.runbook.ambari_service:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    services: ["{{ item }}"]
    state: stopped
  loop: [YARN, HDFS]
  delegate_to: localhost
"""

RETURN = r"""
instances:
  description: What was not in the state before, and is now; in check mode, what would be asked for.
  type: list
  elements: dict
  returned: always
  sample: [{component: DATANODE, host: n1.example.com}]
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
            "services": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    ambari.run_change(module, lambda cluster: ambari.of_services(cluster, module.params["services"]))


if __name__ == "__main__":
    main()
