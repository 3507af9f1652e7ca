#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_look
short_description: Ask Ambari what it knows beside our own look
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - What runs with an older configuration than Ambari has for it, its alerts, and the hosts that it has lost or that are in maintenance.
  - Registered as C(runbook_ambari_seen) it is shown by M(koverse.runbook.status_report), told by M(koverse.runbook.watch_report), and
    M(koverse.runbook.decide) takes from it what a restart of what has changed means. None of it is taken for health.
  - Where Ambari does not answer, refuses, or is not named, RV(problem) says so. That is no failure.
  - Where the server is, and who asks it, is in the variables C(runbook_ambari_url), C(runbook_ambari_username), C(runbook_ambari_password)
    (or the environment's C(AMBARI_PASSWORD)), C(runbook_ambari_ca_path), C(runbook_ambari_validate_certs) and C(runbook_ambari_cluster).
    The role Cluster User is enough.
  - Runs on the controller and touches no host. Three calls, or four where the cluster is not named, of 10 s at most.
extends_documentation_fragment:
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.ambari_cluster_info
  - module: koverse.runbook.ambari_alerts_info
"""

EXAMPLES = r"""
- name: Ask Ambari
  koverse.runbook.ambari_look:
  run_once: true
  register: runbook_ambari_seen
"""

RETURN = r"""
problem:
  description: Why nothing is known; null where Ambari has answered. The lists are empty then.
  type: str
  returned: always
  sample: nobody listens on https://ambari.example.com:8443
stale:
  description:
    - Instances that run with an older configuration.
    - C(component) and C(host) are null where catalogue or inventory does not know them.
  type: list
  elements: dict
  returned: always
  sample: [{component: hdfs_datanode, host: n2, ambari_component: DATANODE, ambari_host: n2.example.com}]
alerts:
  description: Alerts that are V(CRITICAL), V(WARNING) or V(UNKNOWN), the worst first. Those that are not yet sure (SOFT) are left out.
  type: list
  elements: dict
  returned: always
  sample:
    - {id: datanode_storage on n2.example.com, component: hdfs_datanode, host: n2, ambari_component: DATANODE, ambari_host: n2.example.com,
       label: DataNode Storage, state: WARNING, service: HDFS, since: "2026-11-21T09:15:00Z", maintenance: false,
       text: "Remaining Capacity:[1], Total Capacity:[9]"}
well:
  description: The ids of alerts that are V(OK).
  type: list
  elements: str
  returned: always
  sample: [datanode_process on n2.example.com]
unsure:
  description: The ids of alerts that are V(SKIPPED), or not yet sure (SOFT).
  type: list
  elements: str
  returned: always
  sample: []
hosts:
  description: Hosts whose agent Ambari has lost, or that are in maintenance.
  type: list
  elements: dict
  returned: always
  sample: [{host: n3, ambari_host: n3.example.com, lost: true, maintenance: false}]
"""
