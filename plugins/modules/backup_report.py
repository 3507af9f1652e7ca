#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_report
short_description: Show what a backup has made
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Prints the closing table of C(playbooks/backup.yml), from what its steps registered. Runs on the controller and touches no host.
extends_documentation_fragment:
  - koverse.runbook.reads
"""

EXAMPLES = r"""
- name: Report
  koverse.runbook.backup_report:
  run_once: true
"""

RETURN = r"""
uri:
  description: The finished set.
  type: str
  returned: success
  sample: hdfs://other/backups/20261121T201500Z
"""
