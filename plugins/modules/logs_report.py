#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: logs_report
short_description: Show the logs of all hosts in one order of time
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Puts together what all hosts have answered to M(koverse.runbook.logs_info) (registered as C(runbook_logs)), and prints it, each line
    with time, host and component. Times are in the controller's zone, which the first line names.
  - Says which hosts could not be asked, and what was left out.
  - Runs on the controller and touches no host.
options:
  path:
    description:
      - A file on the controller to which the entries are written instead of being printed. As lines of JSON, with times in UTC, where its
        name ends in C(.jsonl).
    type: path
  most:
    description: Entries in all; the oldest ones are left out.
    type: int
    default: 20000
attributes:
  check_mode:
    description: Changes nothing on the cluster. The file is written in check mode, too, because it is all that this module is for.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: koverse.runbook.logs_info
"""

EXAMPLES = r"""
- name: Read the last ten entries of each component
  koverse.runbook.logs_info:
    lines: 10
  become: true
  register: runbook_logs
  ignore_unreachable: true
  ignore_errors: true

- name: Show them
  koverse.runbook.logs_report:
  run_once: true
"""

RETURN = r"""
count:
  description: Entries that were shown or written.
  type: int
  returned: always
  sample: 340
left_out:
  description: What was left out, and why; hosts that could not be asked among it.
  type: list
  elements: str
  returned: always
  sample: ["n3: the host is unreachable: Failed to connect to the host via ssh"]
"""
