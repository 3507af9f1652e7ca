#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ambari_alert_definition
short_description: Set interval and thresholds of one of Ambari's alerts
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Changes an alert definition that is there, as a service brings it. What is not given stays as it is.
  - Ambari takes any name and any value without a look. So thresholds and parameters that the definition does not have are refused here.
options:
  name:
    description: The definition's name, such as V(datanode_storage); not the label that Ambari's pages show.
    type: str
    required: true
  enabled:
    description: Whether it is looked at.
    type: bool
  interval:
    description: Minutes between two looks.
    type: int
  warning:
    description:
      - The value from which on it is V(WARNING), in the definition's unit (seconds, per cent, ...).
      - Alerts that are scripts have their thresholds among their O(parameters).
    type: float
  critical:
    description: The value from which on it is V(CRITICAL).
    type: float
  parameters:
    description: Names of parameters of the definition, and their values.
    type: dict
    default: {}
  repeat_tolerance:
    description: How many looks in a row have to see a trouble before it is told. Without O(repeat_tolerance_enabled) the server's applies.
    type: int
  repeat_tolerance_enabled:
    description: Whether this definition's O(repeat_tolerance) applies. Alerts that sum up others have none.
    type: bool
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
  - module: koverse.runbook.ambari_alert_group
  - module: koverse.runbook.ambari_alert_target
  - module: koverse.runbook.ambari_alerts_info
"""

EXAMPLES = r"""
- name: Look at ZooKeeper every two minutes, and be more patient
  koverse.runbook.ambari_alert_definition:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    name: zookeeper_server_process
    interval: 2
    warning: 3
    critical: 10
  delegate_to: localhost

- name: Warn later of checkpoints
  koverse.runbook.ambari_alert_definition:
    url: https://ambari.example.com:8443
    username: operator
    password: "{{ ambari_password }}"
    name: namenode_last_checkpoint
    parameters:
      checkpoint.time.warning.threshold: 300
  delegate_to: localhost
"""

RETURN = r"""
id: {description: Its number in Ambari., type: int, returned: always, sample: 2}
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import ambari

PLAIN = ("enabled", "interval", "repeat_tolerance", "repeat_tolerance_enabled")
COUNTS = ("interval", "repeat_tolerance")
LEVELS = ("warning", "critical")
NUMERIC = ("NUMERIC", "PERCENT")  # types of parameters, beside STRING
OPTIONS: Mapping[str, Any] = {
    "name": {"type": "str", "required": True},
    "enabled": {"type": "bool"},
    "interval": {"type": "int"},
    "warning": {"type": "float"},
    "critical": {"type": "float"},
    "parameters": {"type": "dict", "default": {}},
    "repeat_tolerance": {"type": "int"},
    "repeat_tolerance_enabled": {"type": "bool"},
}


def find(cluster: ambari.Cluster, name: str) -> tuple[int, dict[str, Any]]:
    """A definition's number, and what it is. Raises AmbariError."""
    known = cluster.alert_definitions()
    if name not in known:
        raise ambari.AmbariError(f"there is no alert definition '{name}'; there are: {', '.join(sorted(known))}")
    return known[name], read(cluster, known[name])


def read(cluster: ambari.Cluster, number: int) -> dict[str, Any]:
    """What a definition is. Raises AmbariError."""
    return cluster.get(f"alert_definitions/{number}")["AlertDefinition"]


def is_number(value: Any) -> bool:
    """Whether it is a number, or a text that is one."""
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def plain(value: Any) -> Any:
    """A value in one form: Ambari gives numbers back as text or with a fraction, as they were set."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return f"{float(text):.12g}"
    except ValueError:
        return text


def parameters(source: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters by name, as they stand in the source."""
    return {row["name"]: row for row in source.get("parameters") or []}


def unfit(params: Mapping[str, Any], known: Mapping[str, dict[str, Any]]) -> list[str]:
    """The values that Ambari would take, and the alert not. known: see `parameters`."""
    least = [f"{key}: expected at least 1, found {params[key]}" for key in COUNTS if params[key] is not None and params[key] < 1]
    infinite = [f"{key}: expected a number, found {params[key]}" for key in LEVELS if not is_number(params[key] or 0)]
    problems = least + infinite
    for name, value in params["parameters"].items():
        row = known[name]
        numeric = row["type"] in NUMERIC if row.get("type") else is_number(row.get("value"))
        if value is None or isinstance(value, (Mapping, list)) or (numeric and not is_number(value)):
            problems.append(f"parameter {name}: expected a {'number' if numeric else 'text'}, found {plain(value)}")
    return problems


def wanted(params: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, in one form: setting to value. Raises AmbariError with all that the definition does not have or cannot be."""
    source = definition.get("source") or {}
    reporting, known = source.get("reporting") or {}, parameters(source)
    levels = [level for level in LEVELS if "value" in (reporting.get(level) or {})]
    problems = [f"no threshold '{level}'" for level in LEVELS if params[level] is not None and level not in levels]
    problems += [f"no parameter '{key}'" for key in params["parameters"] if key not in known]
    if source.get("type") == "AGGREGATE":
        problems += [f"no {key}, because it sums up others" for key in PLAIN if "repeat" in key and params[key] is not None]
    if problems:
        has = [*(f"threshold {level}" for level in levels), *(f"parameter {name}" for name in sorted(known))]
        name = f"the alert definition '{params['name']}' ({source.get('type')})"
        raise ambari.AmbariError(f"{name} has {', '.join(problems)}; it has: {', '.join(has) or 'neither thresholds nor parameters'}")
    problems = unfit(params, known)
    if problems:
        raise ambari.AmbariError(f"the alert definition '{params['name']}': {'; '.join(problems)}")
    settings = {key: params[key] for key in (*PLAIN, *LEVELS) if params[key] is not None}
    return {key: plain(value) for key, value in {**settings, **params["parameters"]}.items()}


def present(definition: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """These settings as they are."""
    source = definition.get("source") or {}
    found = {name: row.get("value") for name, row in parameters(source).items()}
    found |= {level: (source.get("reporting", {}).get(level) or {}).get("value") for level in LEVELS}
    found |= {key: definition.get(key) for key in PLAIN}
    return {key: plain(found[key]) for key in settings}


def body(params: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent. Ambari replaces the whole source where a part of it comes, and stumbles over a null in it."""
    changes: dict[str, Any] = {key: params[key] for key in PLAIN if params[key] is not None}
    source = copy.deepcopy(definition.get("source") or {})
    for level in LEVELS:
        if params[level] is not None:
            source["reporting"][level]["value"] = params[level]
    for name, value in params["parameters"].items():
        parameters(source)[name]["value"] = value
    return {**changes, "source": without_nulls(source)} if source != definition.get("source") else changes


def without_nulls(value: Any) -> Any:
    """A source without the keys that have no value."""
    if isinstance(value, Mapping):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def shown(settings: Mapping[str, Any]) -> str:
    """The lines of a diff."""
    return "".join(f"{key}: {value}\n" for key, value in settings.items())


def declare(server: ambari.Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The module's answer."""
    cluster = ambari.Cluster.find(server, params["cluster"])
    number, definition = find(cluster, params["name"])
    after = wanted(params, definition)
    before = present(definition, after)
    if before != after and not check_mode:
        cluster.change("PUT", f"alert_definitions/{number}", {"AlertDefinition": body(params, definition)})
        found = present(find(cluster, params["name"])[1], after)
        if found != after:
            raise ambari.AmbariError(f"the alert definition '{params['name']}' is not what was asked for:\n{shown(found)}")
    return {"changed": before != after, "id": number, "diff": {"before": shown(before), "after": shown(after)}}


def main() -> None:
    """Declares."""
    ambari.run_module({**ambari.CLUSTER, **OPTIONS}, declare)


if __name__ == "__main__":
    main()
