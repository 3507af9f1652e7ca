#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: alerts_plan
short_description: Check the declared state of Ambari's alerts
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Checks the variables C(runbook_alerts_targets), C(runbook_alerts_groups) and C(runbook_alerts_definitions) as a whole, and whether
    Ambari has what they name, so that nothing is changed where something is wrong. The collection's C(docs/alerts.md) describes them.
  - They are variables and no options, so that nothing that shows a task's options shows a password or a webhook. What is returned has
    none of them either.
  - Where the server is, and who asks it, is in the variables C(runbook_ambari_url), C(runbook_ambari_username), C(runbook_ambari_password)
    (or the environment's C(AMBARI_PASSWORD)), C(runbook_ambari_ca_path), C(runbook_ambari_validate_certs) and C(runbook_ambari_cluster).
  - Runs on the controller and touches no host.
options:
  scripts:
    description: The directory on the server's host in which Ambari finds alert scripts.
    type: str
    required: true
  directory:
    description: The directory on the server's host for webhooks, and for the shell that keeps an alert's text as it is.
    type: str
    required: true
extends_documentation_fragment:
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.ambari_alert_definition
  - module: koverse.runbook.ambari_alert_group
  - module: koverse.runbook.ambari_alert_target
"""

EXAMPLES = r"""
- name: Check what is declared
  koverse.runbook.alerts_plan:
    scripts: /var/lib/ambari-server/resources/scripts
    directory: /usr/local/lib/koverse-runbook
  vars:
    runbook_ambari_url: https://ambari.example.com:8443
    runbook_ambari_username: operator
    runbook_ambari_password: "{{ ambari_password }}"
    runbook_alerts_definitions:
      zookeeper_server_process: {critical: 10}
  run_once: true
  register: runbook_alerts
"""

RETURN = r"""
host: {description: The inventory's name of the server's host; empty where it is not known., type: str, returned: success, sample: m1}
prefix: {description: How the names of scripts for Slack begin., type: str, returned: success, sample: koverse_slack_}
targets: {description: The targets without their secrets., type: list, elements: dict, returned: success, sample: []}
groups: {description: The groups., type: list, elements: dict, returned: success, sample: []}
definitions:
  description: The definitions.
  type: list
  elements: dict
  returned: success
  sample: [{name: zookeeper_server_process, critical: 10.0, warning: null}]
"""
