#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_alert_target
short_description: Declare a target of Ambari's alerts
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Makes, changes or removes a target, that is whom Ambari tells about alerts, and how. Targets belong to the server, not to a cluster.
  - Ambari takes any type and any properties without a look, and then sends nothing. So the types are limited to those that it can
    send with. It has none for Slack, where a script (V(ALERT_SCRIPT)) posts to a webhook instead.
  - Ambari hands an alert's text to a script through a shell that expands C($) and backticks in it. The collection's playbook
    C(alerts.yml) installs a script for Slack, and what keeps the shell from that.
options:
  name:
    description: The target's name.
    type: str
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  type:
    description: How it is told.
    type: str
    choices: [EMAIL, SNMP, AMBARI_SNMP, ALERT_SCRIPT]
  description:
    description: What it is for.
    type: str
    default: ""
  enabled:
    description: Whether it is told.
    type: bool
    default: true
  alert_states:
    description: Which states it is told about.
    type: list
    elements: str
    choices: [OK, WARNING, CRITICAL, UNKNOWN]
    default: [OK, WARNING, CRITICAL, UNKNOWN]
  groups:
    description:
      - Names of alert groups of the cluster; all groups, also those that come later, where none is named.
      - In check mode a group that is not there is taken for one that would have been made before.
    type: list
    elements: str
    default: []
  properties:
    description:
      - What the type needs, for example C(ambari.dispatch.recipients) (a list), C(mail.smtp.host), C(mail.smtp.port),
        C(ambari.dispatch.credential.username) and C(mail.smtp.from) of a mail target. They replace those that are there.
    type: dict
    default: {}
  secret_properties:
    description: More of them, which are never shown, for example C(ambari.dispatch.credential.password).
    type: dict
    default: {}
  validate:
    description: Whether Ambari shall try the mail server before it takes the target.
    type: bool
    default: false
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
attributes:
  check_mode:
    description: Tells what would be changed, and changes nothing.
    support: full
  diff_mode:
    description: Returns the target before and after; values are shown of what stands in O(properties), and does not sound secret.
    support: full
seealso:
  - module: koverse.runbook.ambari_alert_group
  - module: koverse.runbook.ambari_alert_definition
  - module: koverse.runbook.ambari_alerts_info
"""

EXAMPLES = r"""
- name: Tell the operators by mail
  koverse.runbook.ambari_alert_target:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    name: operators
    type: EMAIL
    alert_states: [WARNING, CRITICAL]
    properties:
      ambari.dispatch.recipients: [operators@example.com]
      ambari.dispatch.credential.username: ambari
      mail.smtp.auth: "true"
      mail.smtp.host: smtp.example.com
      mail.smtp.port: "587"
      mail.smtp.from: ambari@example.com
      mail.smtp.starttls.enable: "true"
    secret_properties:
      ambari.dispatch.credential.password: "{{ smtp_password }}"
  delegate_to: localhost
"""

RETURN = r"""
id: {description: Its number in Ambari; null where it is not there., type: int, returned: always, sample: 1}
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari, redact

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
KEYS = ("id", "name", "notification_type", "description", "enabled", "global", "alert_states", "groups", "properties")


def find(server: ambari.Server, name: str) -> dict[str, Any] | None:
    """A target as it is. Ambari answers a predicate on the name with nothing, and leaves properties out that are not asked for."""
    items = server.get("alert_targets", ambari.fields(*(f"AlertTarget/{key}" for key in KEYS)))["items"]
    return next((item["AlertTarget"] for item in items if item["AlertTarget"]["name"] == name), None)


def normal(target: dict[str, Any]) -> dict[str, Any]:
    """What of a target counts for a comparison, in one form."""
    properties = {key: value if isinstance(value, list) else str(value) for key, value in (target.get("properties") or {}).items()}
    everywhere = bool(target.get("global"))
    groups = [] if everywhere else [group["id"] if isinstance(group, dict) else group for group in target.get("groups") or []]
    return {
        "notification_type": target["notification_type"],
        "description": target.get("description") or "",
        "enabled": bool(target.get("enabled", True)),
        "global": everywhere,
        "groups": sorted(set(groups), key=str),
        "alert_states": sorted(set(target.get("alert_states") or [])),
        "properties": properties,
    }


def diff(before: dict[str, Any] | None, after: dict[str, Any] | None, params: dict[str, Any]) -> dict[str, str]:
    """A target's lines before and after. Values are shown of what is asked for in `properties`, and does not sound secret: what else is
    there may have come from the `secret_properties` of another day."""
    found = [(target or {}).get("properties", {}) for target in (before, after)]
    plain = set(params["properties"]) - set(params["secret_properties"])
    secret = {key for properties in found for key in properties if key not in plain or key.endswith(".community")}  # SNMP's password
    sides = redact.sides(found[0], found[1], secret)
    texts = {}
    for side, target in (("before", before), ("after", after)):
        settings = {key: value for key, value in (target or {}).items() if key != "properties"}
        texts[side] = "".join(f"{key}: {value}\n" for key, value in {**settings, **sides[side]}.items())
    return texts


def wanted(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The target as it shall be."""
    if not params["alert_states"]:
        raise ambari.AmbariError(f"the target '{params['name']}': alert_states is empty, which Ambari takes for all: name at least one")
    ids: list[int | str] = []
    if params["groups"]:
        known = ambari.Cluster.find(server, params["cluster"]).alert_groups()
        missing = [name for name in params["groups"] if name not in known]
        if missing and not check_mode:
            raise ambari.AmbariError(f"there is no alert group {', '.join(missing)}; there are: {', '.join(known)}")
        ids = [name if name in missing else known[name]["id"] for name in params["groups"]]
    return normal(
        {
            **{key: params[key] for key in ("description", "enabled", "alert_states")},
            "properties": {**params["properties"], **params["secret_properties"]},
            "notification_type": params["type"],
            "global": not ids,
            "groups": ids,
        }
    )


def declare(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    found = find(server, params["name"])
    before = normal(found) if found else None
    after = wanted(server, params, check_mode) if params["state"] == "present" else None
    query = ["validate_config=true"] if params["validate"] else []
    if before != after and not check_mode:
        # Groups that are given replace those that are there, also where the target is for all: so they are not given then.
        sent = {"name": params["name"], **{key: value for key, value in (after or {}).items() if key != "groups" or value}}
        if after is None and found:
            server.change("DELETE", f"alert_targets/{found['id']}")
        elif found:
            server.change("PUT", f"alert_targets/{found['id']}", {"AlertTarget": sent}, *query)
        else:
            server.change("POST", "alert_targets", {"AlertTarget": sent}, *query)
        found = find(server, params["name"])
        now = normal(found) if found else None
        if now != after:
            is_now = diff(now, after, params)["before"]
            raise ambari.AmbariError(f"the target '{params['name']}' is not what was asked for:\n{is_now}")
    return {"changed": before != after, "id": found["id"] if found else None, "diff": diff(before, after, params)}


def main() -> None:
    """Declares."""
    own = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "type": {"type": "str", "choices": ["EMAIL", "SNMP", "AMBARI_SNMP", "ALERT_SCRIPT"]},
        "description": {"type": "str", "default": ""},
        "enabled": {"type": "bool", "default": True},
        "alert_states": {"type": "list", "elements": "str", "choices": list(STATES), "default": list(STATES)},
        "groups": {"type": "list", "elements": "str", "default": []},
        "properties": {"type": "dict", "default": {}},
        "secret_properties": {"type": "dict", "default": {}, "no_log": True},
        "validate": {"type": "bool", "default": False},
    }
    ambari.run_module({**ambari.CLUSTER, **own}, declare, required_if=[["state", "present", ["type"]]])


if __name__ == "__main__":
    main()
