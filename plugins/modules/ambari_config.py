#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_config
short_description: Change properties of a configuration in Ambari
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Changes the named properties of a configuration type and leaves the others as they are, also what is final of them. Ambari replaces a
    type's properties as a whole, so they are read first, and sent with the change under a new tag.
  - What runs keeps its old configuration until it is restarted; RV(stale) says what that is.
options:
  type:
    description: The type, for example V(hdfs-site).
    type: str
    required: true
  properties:
    description:
      - Property to value, as texts; a property that is null is removed.
      - These values are in the invocation that Ansible logs. What is secret belongs into O(secret_properties).
    type: dict
    default: {}
  secret_properties:
    description:
      - More of them, whose values are never shown, for example C(instance_secret) of V(accumulo-env).
      - Ambari itself shows a mere reference for what its stack calls a password (V(SECRET:accumulo-env:1:instance_secret)), so that such a
        property counts as changed each time.
    type: dict
    default: {}
  note:
    description: What Ambari's history of configurations says of it.
    type: str
    default: koverse.runbook
extends_documentation_fragment:
  - koverse.runbook.ambari
  - koverse.runbook.ambari.cluster
attributes:
  check_mode:
    description: Tells whether something would be changed, and changes nothing.
    support: full
  diff_mode:
    description: Returns the named properties before and after; of a secret only whether it is another one.
    support: full
seealso:
  - module: koverse.runbook.ambari_cluster_info
"""

EXAMPLES = r"""
- name: More handlers
  koverse.runbook.ambari_config:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    type: hdfs-site
    properties: {dfs.namenode.handler.count: "64"}
  register: changed
  delegate_to: localhost

- name: Another password for Accumulo's tracer
  koverse.runbook.ambari_config:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    type: accumulo-env
    secret_properties: {trace_password: "{{ vault_trace_password }}"}
  delegate_to: localhost
"""

RETURN = r"""
tag: {description: The tag of the version that is in force., type: str, returned: always, sample: version1763769600123}
stale:
  description: The instances that have to be restarted, of all types.
  type: list
  elements: dict
  returned: always
  sample: [{component: NAMENODE, host: n1.example.com}]
"""

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari, redact


def merged(before: dict[str, str], wanted: dict[str, Any]) -> dict[str, str]:
    """All properties with the change in them. Numbers and truth values are written as Hadoop writes them."""
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in wanted.items() if value is not None}
    return {key: value for key, value in {**before, **texts}.items() if key in texts or key not in wanted}


def without(attributes: dict[str, dict[str, Any]], properties: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Attributes, such as `{"final": {"dfs.datanode.data.dir": "true"}}`, of those properties that are still there."""
    kept = {name: {key: value for key, value in marks.items() if key in properties} for name, marks in attributes.items()}
    return {name: marks for name, marks in kept.items() if marks}


def diff(before: dict[str, str], after: dict[str, str], wanted: set[str], secret: set[str]) -> dict[str, str]:
    """The wanted properties before and after, without what is secret."""
    left, right = ({key: properties[key] for key in wanted & set(properties)} for properties in (before, after))
    sides = redact.sides(left, right, secret)
    return {side: "\n".join(f"{key}={value}" for key, value in properties.items()) + "\n" for side, properties in sides.items()}


def change(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    kind = params["type"]
    tags = cluster.get("", ambari.fields("Clusters/desired_configs"))["Clusters"]["desired_configs"]
    if kind not in tags:
        # Ambari answers 200 to a type that it does not know, and does nothing.
        raise ambari.AmbariError(f"the cluster '{cluster.name}' has no configuration type '{kind}'; it has: {', '.join(sorted(tags))}")
    tag = tags[kind]["tag"]
    found = cluster.configuration_version(kind, tag)
    asked = {**params["properties"], **params["secret_properties"]}
    before = found.get("properties", {})
    after = merged(before, asked)
    if after != before and not check_mode:
        tag = f"version{time.time_ns() // 1_000_000}"
        wanted = {"type": kind, "tag": tag, "properties": after, "service_config_version_note": params["note"]}
        attributes = without(found.get("properties_attributes", {}), after)
        if attributes:  # it says nothing of them where there are none
            wanted["properties_attributes"] = attributes
        _status, answer = cluster.change("PUT", "", {"Clusters": {"desired_config": wanted}})
        if not answer:
            raise ambari.AmbariError(f"Ambari has taken no new version of {kind}: it answered with nothing")
    return {
        "changed": after != before,
        "tag": tag,
        "stale": [{"component": row["component"], "host": row["host"]} for row in cluster.host_components() if row["stale_configs"]],
        "diff": diff(before, after, set(asked), set(params["secret_properties"])),
    }


def main() -> None:
    """Changes."""
    own = {
        "type": {"type": "str", "required": True},
        "properties": {"type": "dict", "default": {}},
        "secret_properties": {"type": "dict", "default": {}, "no_log": True},
        "note": {"type": "str", "default": "koverse.runbook"},
    }
    ambari.run_module({**ambari.CLUSTER, **own}, change)


if __name__ == "__main__":
    main()
