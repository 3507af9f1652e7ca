#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_request_info
short_description: Read the state of a request of Ambari
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - How far a request is, which of its tasks have failed, and what those wrote last.
  - A request is over when all of its tasks are. Its status says C(FAILED) as soon as one has failed, while others still run.
options:
  id:
    description: The request's number.
    type: int
    required: true
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.ambari_host_component
"""

EXAMPLES = r"""
- name: Wait until somebody's request is over
  koverse.runbook.ambari_request_info:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    id: 152
  register: request
  until: request.over
  retries: 60
  delay: 5
  delegate_to: localhost
"""

RETURN = r"""
id: {description: Its number., type: int, returned: always, sample: 152}
context: {description: What it is called., type: str, returned: always, sample: Start ZOOKEEPER}
status:
  description: V(PENDING), V(IN_PROGRESS), V(COMPLETED), V(FAILED), V(ABORTED) or V(TIMEDOUT).
  type: str
  returned: always
  sample: FAILED
over: {description: Whether all of its tasks are over., type: bool, returned: always, sample: true}
progress: {description: Per cent., type: float, returned: always, sample: 100.0}
tasks:
  description: Its tasks.
  type: list
  elements: dict
  returned: always
  sample: [{id: 442, role: ZOOKEEPER_SERVER, host: n2.example.com, command: START, status: FAILED}]
failures:
  description: The tasks that failed, with the last lines of what they wrote.
  type: list
  elements: dict
  returned: always
  sample: [{component: ZOOKEEPER_SERVER, host: n2.example.com, lines: ["Fail: injected"]}]
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def read(server: ambari.Server, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    request = cluster.request(params["id"])
    failures = [
        {"component": task["role"], "host": task["host"], "lines": cluster.task_words(request["id"], task["id"])}
        for task in request["tasks"]
        if task["status"] in ambari.FAILED
    ]
    return {"changed": False, **request, "failures": failures}


def main() -> None:
    """Reads."""
    ambari.run_module({**ambari.CLUSTER, "id": {"type": "int", "required": True}}, read)


if __name__ == "__main__":
    main()
