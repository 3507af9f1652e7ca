#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Turn the catalogue and the inventory into the plan of a run
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the catalogue, the inventory's groups and the variables C(runbook_catalogue), C(runbook_backend) and C(runbook_address)
    (over Ambari also C(runbook_ambari_catalogue), which the first changes), and orders the components into layers and stages.
  - Fails with a list of all that is wrong with them. Runs on the controller and touches no host.
options:
  layers:
    description: Narrows the run to these layers. A list, or text with commas.
    type: raw
  components:
    description: Narrows the run to these components. A list, or text with commas.
    type: raw
  also_on:
    description: A host on which O(components) still run beside those of the inventory, because they move away from there.
    type: str
    default: ""
extends_documentation_fragment:
  - koverse.runbook.reads
notes:
  - Registered as C(runbook_plan), the other modules of this collection take the plan from there instead of making it again on every host.
"""

EXAMPLES = r"""
- name: Read the run book and the inventory
  koverse.runbook.plan:
    layers: storage,data_services
  run_once: true
  register: runbook_plan
"""

RETURN = r"""
plan:
  description: The plan, see the filter P(koverse.runbook.plan#filter).
  type: dict
  returned: success
  contains:
    layers: {description: "Layer to title, lowest first.", type: dict}
    instances: {description: Component to its hosts., type: dict}
    components: {description: Component to its complete catalogue entry., type: dict}
    stages: {description: Stages in start order., type: list, elements: dict}
    wanted: {description: The components that the run may act on., type: list, elements: str}
    addresses: {description: Host to the name or number by which other hosts reach it., type: dict}
    zookeeper: {description: The ensemble as host and port., type: list, elements: str}
  sample:
    stages: [{name: coordination, layer: coordination, components: [postgres, zookeeper, hdfs_journalnode]}]
"""
