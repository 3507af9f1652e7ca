#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_stage
short_description: Ask Ambari for what a stage starts or stops
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Asks for all instances of a stage that Ambari runs, with M(koverse.runbook.ambari_host_component), with one request for all hosts.
  - Whether the stage is then healthy, or down, is for M(koverse.runbook.component) and M(koverse.runbook.gate) to say.
  - What Ambari leaves out, in maintenance or on a host that it has lost, is an error here.
  - A host is called in Ambari as in the inventory, or as its variable C(runbook_ambari_host) says.
  - Where the server is, and who asks it, is in the variables C(runbook_ambari_url), C(runbook_ambari_username), C(runbook_ambari_password)
    (or the environment's C(AMBARI_PASSWORD)), C(runbook_ambari_ca_path), C(runbook_ambari_validate_certs) and C(runbook_ambari_cluster).
options:
  stage:
    description:
      - A stage as M(koverse.runbook.decide) returns it. Where a start fails, its C(otherwise), a text, is told, too.
    type: dict
    required: true
  state:
    description: V(started) asks for what the stage found stopped, V(stopped) for all of its instances.
    type: str
    choices: [started, stopped]
    required: true
  again:
    description:
      - Asks once more, for those in RV(doubtful) of the registered C(runbook_asked) of which the registered C(runbook_doubted), of
        M(koverse.runbook.component_info), says that they do not run. They are stopped in Ambari first.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be asked for, and asks for nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.ambari_host_component
"""

EXAMPLES = r"""
- name: Ask Ambari to start a stage
  koverse.runbook.ambari_stage:
    stage: "{{ runbook_stage }}"
    state: started
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
began:
  description: When it was asked, in seconds since 1970 by the control host's clock.
  type: float
  returned: where the stage has such instances
  sample: 1763841600.5
doubtful:
  description:
    - Host to components that the stage found stopped, and that Ambari takes for started, because its agents report late, or because
      somebody has just started them.
  type: dict
  returned: always
  sample: {n2: [hdfs_datanode]}
instances:
  description: What was not in the state before, and is now, in Ambari's names.
  type: list
  elements: dict
  returned: where the stage has such instances
  sample: [{component: DATANODE, host: n1.example.com}]
requests:
  description: The numbers of Ambari's requests.
  type: list
  elements: int
  returned: where the stage has such instances
  sample: [151]
"""
