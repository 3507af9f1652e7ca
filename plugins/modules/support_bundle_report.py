#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle_report
short_description: Write a support bundle
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Puts what all hosts have collected (registered as C(runbook_collected)) and what is known of the cluster (C(runbook_seen)) into one
    archive, with a manifest, and says on the screen where it is and what was left out.
  - What one host knows to be a secret is removed from the texts of all hosts. The secrets are in this process's memory only.
  - The archive is there whole or not at all, and can be read by its owner only.
  - Runs on the controller and touches no host.
options:
  status_directory:
    description: Where on the controller M(koverse.runbook.watch_report) writes its report, for O(watch_state).
    type: path
  watch_state:
    description:
      - The file in which M(koverse.runbook.watch_report) keeps its state. What it has sent, and has not, is in C(status.json).
      - C(watch.json) in O(status_directory) by default; none is read where both are empty.
    type: path
attributes:
  check_mode:
    description: Says where the archive would be.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.support_bundle_plan
  - module: koverse.runbook.support_bundle
"""

EXAMPLES = r"""
- name: Write the bundle
  koverse.runbook.support_bundle_report:
    status_directory: status
  run_once: true
"""

RETURN = r"""
path:
  description: The archive.
  type: str
  returned: success
  sample: support/koverse-support-20261122T100000Z.tar.gz
bytes:
  description: Its size.
  type: int
  returned: success, not in check mode
  sample: 3145728
hosts_not_reached:
  description: Hosts of which nothing is in it; the manifest says why.
  type: list
  elements: str
  returned: success, not in check mode
  sample: [n3]
"""
