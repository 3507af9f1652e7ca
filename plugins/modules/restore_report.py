#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_report
short_description: Show what stands in the way of a restore, or what it has brought back
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - From what the steps of C(playbooks/restore.yml) registered. Runs on the controller and touches no host.
options:
  when:
    description:
      - V(before) fails where something stands in the way that may not be renamed aside, and names all of it.
      - V(after) prints the closing table.
    type: str
    choices: [before, after]
    required: true
extends_documentation_fragment:
  - koverse.runbook.reads
"""

EXAMPLES = r"""
- name: Report
  koverse.runbook.restore_report:
    when: after
  run_once: true
"""

RETURN = r"""
in_the_way:
  description: What stands in the way.
  type: list
  elements: str
  returned: with O(when=before)
  sample: []
"""
