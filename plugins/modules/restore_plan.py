#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_plan
short_description: Decide whether and how a set is restored
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - From what M(koverse.runbook.component_info) saw on every host (registered as C(runbook_seen)). Fails where what a restore needs is not
    healthy, with all the reasons. Runs on the controller and touches no host.
options:
  set:
    description: Name of the set. The newest by default.
    type: str
    default: ""
  parts:
    description:
      - What to bring back, of V(postgres), V(addons), V(accumulo), V(config). All by default, and V(accumulo) alone with O(tables).
    type: list
    elements: str
    default: []
  tables:
    description: Single tables to bring back, and their permissions for users that are there.
    type: list
    elements: str
    default: []
  rename:
    description: Another name for the only table of O(tables). Koverse then goes on meanwhile.
    type: str
    default: ""
  aside:
    description: Whether what stands in the way is renamed aside. It is refused otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - koverse.runbook.reads
  - koverse.runbook.place
"""

EXAMPLES = r"""
- name: Decide whether a restore may begin
  koverse.runbook.restore_plan:
    uri: hdfs://other/backups
  run_once: true
  register: runbook_restore
"""

RETURN = r"""
id:
  description: The run's name, the time in UTC. What is renamed aside carries it.
  type: str
  returned: success
  sample: 20261121T201500Z
parts:
  description: What is brought back.
  type: list
  elements: str
  returned: success
  sample: [accumulo]
stops:
  description: The components that are stopped meanwhile.
  type: list
  elements: str
  returned: success
  sample: [koverse_server, koverse_webapp]
backup_host:
  description: The host on which the tools of Hadoop and Accumulo run.
  type: str
  returned: success
  sample: n1
"""
