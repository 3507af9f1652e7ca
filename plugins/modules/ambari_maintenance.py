#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_maintenance
short_description: Switch Ambari's maintenance mode of services, hosts or instances
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - While something is in maintenance, Ambari sends no alerts for it, and start and stop pass over it without a word.
  - What is in maintenance because its service or its host is (C(IMPLIED_FROM_...)) is switched there, not by itself.
options:
  service:
    description: A service, in Ambari's name. Exactly one of O(service) and O(host) has to be given.
    type: str
  host:
    description: A host as Ambari calls it.
    type: str
  component:
    description: With O(host), only this component on it.
    type: str
  state:
    description: Whether it is in maintenance.
    type: str
    choices: ["on", "off"]
    required: true
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
attributes:
  check_mode:
    description: Tells what would be switched, and switches nothing.
    support: full
  diff_mode:
    description: Returns the state before and after.
    support: full
seealso:
  - module: koverse.runbook.ambari_host_component
  - module: koverse.runbook.ambari_cluster_info
"""

EXAMPLES = r"""
- name: No alerts for a host that is repaired
  koverse.runbook.ambari_maintenance:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    host: n3.example.com
    state: "on"
  delegate_to: localhost
"""

RETURN = r"""
before: {description: The state before., type: str, returned: always, sample: "OFF"}
after: {description: "The state afterwards, read back.", type: str, returned: always, sample: "ON"}
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def where(params: dict[str, Any]) -> tuple[str, str]:
    """The path below the cluster, and the name that Ambari's answers have for such a thing."""
    if params["service"]:
        return f"services/{params['service']}", "ServiceInfo"
    if params["component"]:
        return f"hosts/{params['host']}/host_components/{params['component']}", "HostRoles"
    return f"hosts/{params['host']}", "Hosts"


def switch(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    path, kind = where(params)
    wanted = params["state"].upper()

    def now() -> str:
        return str(cluster.get(path, ambari.fields(f"{kind}/maintenance_state"))[kind]["maintenance_state"])

    before = now()
    implied = before.startswith("IMPLIED")
    if implied and wanted == "OFF":
        raise ambari.AmbariError(f"{path} is in maintenance because of its service or host ({before}): switch that one off")
    after = before
    if before != wanted and not implied:
        after = wanted
        if not check_mode:
            cluster.change("PUT", path, {"RequestInfo": {"context": "koverse.runbook"}, "Body": {kind: {"maintenance_state": wanted}}})
            after = now()
            if after != wanted:
                raise ambari.AmbariError(f"{path}: asked for {wanted}, but Ambari still says {after}")
    return {
        "changed": after != before,
        "before": before,
        "after": after,
        "diff": {"before": f"{path}: {before}\n", "after": f"{path}: {after}\n"},
    }


def main() -> None:
    """Switches."""
    own = {
        "service": {"type": "str"},
        "host": {"type": "str"},
        "component": {"type": "str"},
        "state": {"type": "str", "choices": ["on", "off"], "required": True},
    }
    rules = {"required_one_of": [["service", "host"]], "mutually_exclusive": [["service", "host"]], "required_by": {"component": "host"}}
    ambari.run_module({**ambari.CLUSTER, **own}, switch, **rules)


if __name__ == "__main__":
    main()
