#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: decide
short_description: Decide which stages have to be started, stopped, restarted or brought back
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Compares what is wanted with what M(koverse.runbook.component_info) saw on every host (registered as C(runbook_seen)).
  - Fails, before anything is changed, where the run must not begin, with all the reasons. Runs on the controller and touches no host.
options:
  goal:
    description: What the components shall be.
    type: str
    choices: [started, stopped, restarted, failed_over, recovered, relocated, decommissioned, recommissioned]
    required: true
  on_unhealthy:
    description:
      - For a stop, what to do where tablet servers could not bring their data to disk, because they or layers below are not healthy.
      - V(start) names the stages to start first. V(refuse) fails. V(force) goes on with a warning.
      - A restart begins with a healthy cluster only. One that goes on after an interruption first brings back what
        it has left behind (C(behind)), unless V(refuse).
    type: str
    choices: [start, refuse, force]
    default: start
  hosts:
    description: For a restart, only what is on these hosts; all hosts where it is empty.
    type: list
    elements: str
    default: []
  batch:
    description:
      - For a restart, how many workers go at the same time, as a number from 1 or a percentage of them such as V(10%).
      - One always stays.
    type: raw
    default: 1
  component:
    description: For a failover, the component's name in the catalogue.
    type: str
  target:
    description: For a failover, the host whose instance shall be active; the first healthy standby where it is not given.
    type: str
  source:
    description:
      - For a relocation, the host from which the components move; for a decommission or recommission, the worker host.
      - For a restart, a worker host that is leaving meanwhile, whose workers do not count.
    type: str
  layer:
    description: For a recovery, the layer that is brought back, whole.
    type: str
  patience:
    description: For a recovery, seconds in which what runs and does not serve may end by itself before it is killed.
    type: float
    default: 30
  accept:
    description:
      - For a recovery, what is done although it may lose data, by the names that findings have as C(accept).
      - Such a finding stops the recovery in its layer where it is not named.
    type: list
    elements: str
    default: []
  only:
    description:
      - For a restart, V(changed) leaves out what runs with its present configuration. That is for Ambari to say of what it starts, because
        it writes the files at a start only, and nothing is decided where it does not answer; else for the age of the files.
      - V(written) goes by the age of the files alone.
    type: str
    choices: [all, changed, written]
    default: all
extends_documentation_fragment:
  - koverse.runbook.reads
"""

EXAMPLES = r"""
- name: Decide what has to be started
  koverse.runbook.decide:
    goal: started
  run_once: true
  register: runbook_todo
"""

RETURN = r"""
stages:
  description:
    - The stages that have work, in the order in which it has to be done.
    - The goal C(mended) has C(mend), C(component), C(host) and C(donor).
    - Those of a restart also have C(away), the instances that are not missed meanwhile. The goal C(failed_over) has C(component), C(from),
      and C(to).
  type: list
  elements: dict
  returned: success
  sample:
    - {name: storage, layer: storage, goal: started, hosts: {n1: [hdfs_datanode]}, watcher: n1, stepper: null, back: [],
       components: [hdfs_datanode, hdfs_namenode, hdfs_zkfc]}
lift:
  description: For a stop, the stages that have to be started first.
  type: list
  elements: dict
  returned: success
  sample: []
healthy:
  description: For a start, a restart or a failover, whether there is nothing to do.
  type: bool
  returned: success
  sample: false
behind:
  description: For a restart, whether an interrupted one has left something behind that is brought back first.
  type: bool
  returned: when O(goal=restarted)
  sample: false
selection:
  description: For a restart, by what it is known again when it was interrupted.
  type: str
  returned: when O(goal=restarted)
  sample: all of zookeeper on all hosts
unseen:
  description: The hosts that could not be looked at.
  type: list
  elements: str
  returned: success
  sample: []
"""
