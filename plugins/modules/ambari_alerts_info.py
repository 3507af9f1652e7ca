#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_alerts_info
short_description: Read Ambari's alerts
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - The alerts that are not V(OK), or all, without those of what is in maintenance unless they are asked for.
options:
  states:
    description: Which states are wanted.
    type: list
    elements: str
    choices: [OK, WARNING, CRITICAL, UNKNOWN, SKIPPED]
    default: [WARNING, CRITICAL, UNKNOWN]
  maintenance:
    description: Whether alerts of what is in maintenance are wanted, too.
    type: bool
    default: false
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.ambari_alert_target
  - module: koverse.runbook.ambari_alert_group
"""

EXAMPLES = r"""
- name: What does Ambari complain about
  koverse.runbook.ambari_alerts_info:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    states: [CRITICAL]
  register: alerts
  delegate_to: localhost
"""

RETURN = r"""
alerts:
  description: The alerts, the worst first.
  type: list
  elements: dict
  returned: always
  sample:
    - {definition: datanode_process, label: DataNode Process, state: CRITICAL, firmness: HARD, service: HDFS, component: DATANODE,
       host: n2.example.com, text: "Connection failed", since: "2026-11-21T09:15:00Z", maintenance_state: "OFF"}
summary:
  description: State to the number of all alerts in it.
  type: dict
  returned: always
  sample: {OK: 5, WARNING: 1, CRITICAL: 24, UNKNOWN: 37}
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def read(server: ambari.Server, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    rows = cluster.alerts(params["states"])
    if not params["maintenance"]:
        rows = [row for row in rows if row["maintenance_state"] in (None, "OFF")]
    summary = cluster.get("alerts", "format=summary")["alerts_summary"]
    return {
        "changed": False,
        "alerts": rows,
        "summary": {state: found["count"] for state, found in summary.items()},
    }


def main() -> None:
    """Reads."""
    own = {
        "states": {
            "type": "list",
            "elements": "str",
            "choices": sorted(ambari.ALERT_STATES),
            "default": ["WARNING", "CRITICAL", "UNKNOWN"],
        },
        "maintenance": {"type": "bool", "default": False},
    }
    ambari.run_module({**ambari.CLUSTER, **own}, read)


if __name__ == "__main__":
    main()
