#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gate
short_description: Let a run pass a stage only when it is healthy, or gone
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Judges a stage from what all hosts have answered to M(koverse.runbook.component_info) (registered as C(runbook_seen)) and
    M(koverse.runbook.component) (registered as C(runbook_done)).
  - Upwards a stage passes when it is healthy as the cluster sees it. Downwards when every process of it is proven to be gone.
  - Otherwise it fails with all that is wrong, the last lines of the logs, and what to do next. Runs on the controller and touches no host.
options:
  stage:
    description: The stage, as M(koverse.runbook.decide) returned it.
    type: dict
    required: true
  on_unhealthy:
    description: With V(force), a stage that is not down is a warning instead of an error.
    type: str
    choices: [start, refuse, force]
    default: start
  again:
    description: The command that the message names as the next one.
    type: str
  record:
    description: A file on the controller to which a line of JSON about the stage and its problems is added. None when empty.
    type: path
attributes:
  check_mode:
    description: Judges nothing in check mode, because nothing was done.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Start a stage
  koverse.runbook.component:
    state: started
    stage: "{{ runbook_todo.stages[0] }}"
  register: runbook_done

- name: Gate
  koverse.runbook.gate:
    stage: "{{ runbook_todo.stages[0] }}"
  run_once: true
"""

RETURN = r"""
stage:
  description: The stage's name.
  type: str
  returned: always
  sample: storage
waited:
  description: Seconds that the slowest host needed.
  type: float
  returned: always
  sample: 11.4
tolerated:
  description: What is wrong but allowed by C(min_healthy).
  type: list
  elements: str
  returned: success
  sample: ["DataNode on n2: the host is unreachable"]
steps:
  description: What was done once for the cluster.
  type: list
  elements: str
  returned: always
  sample: [goal state set from CLEAN_STOP to NORMAL]
tservers_left:
  description: Tablet servers that held a lock after C(accumulo admin stopAll).
  type: list
  elements: str
  returned: always
  sample: []
"""
