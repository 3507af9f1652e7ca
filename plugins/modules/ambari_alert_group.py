#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_alert_group
short_description: Declare a group of Ambari's alerts
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Makes, changes or removes a group of alert definitions, and says which targets are told about it.
  - A group that Ambari has made itself, one for each service, can get other targets, but neither other definitions nor an end.
options:
  name:
    description: The group's name.
    type: str
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  definitions:
    description: Names of alert definitions. Left as they are where it is not given.
    type: list
    elements: str
  targets:
    description: Names of alert targets. Left as they are where it is not given; a new group has those that are for all groups.
    type: list
    elements: str
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
attributes:
  check_mode:
    description: Tells what would be changed, and changes nothing.
    support: full
  diff_mode:
    description: Returns what is asked for, as it was and as it is.
    support: full
seealso:
  - module: koverse.runbook.ambari_alert_target
  - module: koverse.runbook.ambari_alert_definition
  - module: koverse.runbook.ambari_alerts_info
"""

EXAMPLES = r"""
- name: What storage people want to hear of
  koverse.runbook.ambari_alert_group:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    name: storage
    definitions: [namenode_ha_health, datanode_storage]
    targets: [operators]
  delegate_to: localhost
"""

RETURN = r"""
id: {description: Its number in Ambari; null where it is not there., type: int, returned: always, sample: 7}
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari


def numbers(kind: str, names: list[str], known: dict[str, int]) -> list[int]:
    """The numbers of names. Ambari takes unknown ones without a word."""
    missing = [name for name in names if name not in known]
    if missing:
        raise ambari.AmbariError(f"there is no alert {kind} {', '.join(missing)}; there are: {', '.join(sorted(known))}")
    return sorted({known[name] for name in names})


def shown(group: dict[str, list[int]] | None, known: dict[str, dict[str, int]]) -> str:
    """A group's lines of a diff, in names."""
    if group is None:
        return ""
    names = {key: {number: name for name, number in table.items()} for key, table in known.items()}
    return "".join(f"{key}: {', '.join(sorted(names[key].get(n, str(n)) for n in ids))}\n" for key, ids in group.items())


def declare(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    known = {"definitions": cluster.alert_definitions(), "targets": server.alert_targets()}
    found = cluster.alert_groups().get(params["name"])
    after, keys = None, list(known)
    if params["state"] == "present":
        after = {key: numbers(key[:-1], params[key], table) for key, table in known.items() if params[key] is not None}
        keys = list(after)  # what is not asked for is not looked at: Ambari itself puts targets for all groups into a new one
    before = {key: found[key] for key in keys} if found else None
    if found and found["default"] and (after is None or after.get("definitions", found["definitions"]) != found["definitions"]):
        raise ambari.AmbariError(f"the alert group '{params['name']}' is Ambari's own: only its targets can be changed")
    if before != after and not check_mode:
        wanted = {"AlertGroup": {"name": params["name"], **(after or {})}}
        if after is None and found:
            cluster.change("DELETE", f"alert_groups/{found['id']}")
        elif found:
            cluster.change("PUT", f"alert_groups/{found['id']}", wanted)
        else:
            cluster.change("POST", "alert_groups", wanted)
        made, found = found is None, cluster.alert_groups().get(params["name"])
        if made and found and {key: found[key] for key in keys} != after:
            # Ambari puts the targets that are for all groups into a new one, beside those that it was asked for.
            cluster.change("PUT", f"alert_groups/{found['id']}", wanted)
            found = cluster.alert_groups().get(params["name"])
        if ({key: found[key] for key in keys} if found else None) != after:
            raise ambari.AmbariError(f"the alert group '{params['name']}' is not what was asked for")
    return {
        "changed": before != after,
        "id": found["id"] if found else None,
        "diff": {"before": shown(before, known), "after": shown(after, known)},
    }


def main() -> None:
    """Declares."""
    own = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "definitions": {"type": "list", "elements": "str"},
        "targets": {"type": "list", "elements": "str"},
    }
    ambari.run_module({**ambari.CLUSTER, **own}, declare)


if __name__ == "__main__":
    main()
