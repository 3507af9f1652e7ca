#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_cluster_info
short_description: Read the state of a cluster from Ambari
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Services, components, hosts and instances as Ambari sees them, with what is in maintenance and what runs with an old configuration.
  - Ambari's agents report late, and it calls a service started when its masters are. M(koverse.runbook.component_info) looks itself.
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.ambari_request_info
  - module: koverse.runbook.component_info
"""

EXAMPLES = r"""
- name: What has to be restarted
  koverse.runbook.ambari_cluster_info:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
  register: cluster
  delegate_to: localhost

- name: Show it
  ansible.builtin.debug:
    var: cluster.stale
"""

RETURN = r"""
cluster: {description: The cluster's name., type: str, returned: always, sample: lab}
server_version: {description: Of Ambari., type: str, returned: always, sample: 3.0.0.0}
stack: {description: The stack and its version., type: str, returned: always, sample: BIGTOP-3.3.0}
services:
  description: Service to its state and maintenance state.
  type: dict
  returned: always
  sample: {HDFS: {state: STARTED, maintenance_state: "OFF"}}
components:
  description: Component to its service, category, state and how many instances are started.
  type: dict
  returned: always
  sample: {DATANODE: {service: HDFS, category: SLAVE, state: STARTED, started_count: 3, total_count: 3}}
hosts:
  description: Host to its state, status, maintenance state and address.
  type: dict
  returned: always
  sample: {n1.example.com: {host_state: HEALTHY, host_status: HEALTHY, maintenance_state: "OFF", ip: 10.0.0.1}}
instances:
  description: A row for each component on a host.
  type: list
  elements: dict
  returned: always
  sample:
    - {component: DATANODE, host: n1.example.com, service: HDFS, state: STARTED, desired_state: STARTED, maintenance_state: "OFF",
       stale_configs: false}
stale:
  description: The instances that run with an older configuration than Ambari has for them.
  type: list
  elements: dict
  returned: always
  sample: [{component: KAFKA_BROKER, host: n2.example.com}]
requests:
  description: Requests that are under way.
  type: list
  elements: dict
  returned: always
  sample: [{id: 12, context: Stop all, user: admin, progress: 40.0}]
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def read(server: ambari.Server, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    instances = cluster.host_components()
    return {
        "changed": False,
        "cluster": cluster.name,
        "server_version": server.version(),
        "stack": cluster.stack(),
        "services": cluster.services(),
        "components": cluster.components(),
        "hosts": cluster.hosts(),
        "instances": instances,
        "stale": [{"component": row["component"], "host": row["host"]} for row in instances if row["stale_configs"]],
        "requests": cluster.requests_under_way(),
    }


def main() -> None:
    """Reads."""
    ambari.run_module(ambari.CLUSTER, read)


if __name__ == "__main__":
    main()
