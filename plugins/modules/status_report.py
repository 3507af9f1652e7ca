#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: status_report
short_description: Show the state of the cluster as a table, JSON and an HTML page
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Puts together what all hosts have answered to M(koverse.runbook.component_info) (registered as C(runbook_seen)), judges it as
    the gate of a start does, and prints it by layer, with the ports and the verdict.
  - Writes the same as C(status.json) and as C(status.html), one page that needs no network.
  - The verdict is V(healthy); V(unhealthy); V(stopped) when every component is cleanly stopped; or V(unknown) when nothing was
    seen to be bad, but not everything that is needed could be asked. What is unknown is never taken for stopped.
  - Backups are judged by the variable C(runbook_backup_max_age), in hours. By default V(26) where C(runbook_backup_uri) is set.
  - Runs on the controller and touches no host.
options:
  directory:
    description:
      - Where on the controller the two files are written; relative to the current directory. It is created where it is missing.
      - Writes nothing when empty.
    type: path
  fail:
    description:
      - Which verdicts make the task fail. V(false) none; V(true) all but C(healthy); or some of C(unhealthy), C(stopped) and
        C(unknown), as a list or as text with commas.
    type: raw
    default: false
  show:
    description: What is printed, V(table) everything, or V(findings) what is wrong, why, and what to do. The files always have both.
    type: str
    choices: [table, findings]
    default: table
  record:
    description: A file on the controller to which a line of JSON with the verdict and the findings is added. None when empty.
    type: path
  watch_state:
    description:
      - The file in which M(koverse.runbook.watch_report) keeps its state. What it has sent, and has not, is in the report.
      - C(watch.json) in O(directory) by default.
    type: path
attributes:
  check_mode:
    description: Changes nothing on the cluster. The report is written in check mode, too, because it is all that this module is for.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: koverse.runbook.component_info
  - module: koverse.runbook.watch_report
"""

EXAMPLES = r"""
- name: Look at every component and every port
  koverse.runbook.component_info:
    ports: true
  become: true
  register: runbook_seen
  ignore_unreachable: true
  failed_when: false

- name: Show the cluster; a stopped one is no failure
  koverse.runbook.status_report:
    directory: status
    fail: [unhealthy, unknown]
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(healthy), V(unhealthy), V(stopped) or V(unknown).
  type: str
  returned: always
  sample: healthy
msg:
  description: The verdict as a sentence.
  type: str
  returned: always
  sample: "The cluster is not healthy: first unhealthy layer storage: NameNode on n1: safe mode is on"
first_unhealthy_layer:
  description: The lowest layer that is not healthy; null for the other verdicts.
  type: str
  returned: always
  sample: storage
files:
  description: The files written.
  type: list
  elements: str
  returned: when O(directory) is set
  sample: [status/status.json, status/status.html]
"""
