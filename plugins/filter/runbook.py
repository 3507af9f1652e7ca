# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that give the catalogue and the plan to playbooks and templates."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.koverse.runbook.plugins.plugin_utils import catalogue as _catalogue
from ansible_collections.koverse.runbook.plugins.plugin_utils import logs as _logs
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as _plan


def _checked(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except _catalogue.RunbookError as error:
        raise AnsibleFilterError(str(error)) from error


def catalogue(overrides: Any = None, backend: str = "systemd") -> dict[str, Any]:
    """Component name to complete catalogue entry, with the inventory's overrides."""
    return _checked(_catalogue.load, overrides, backend)[1]


def component_hosts(component: str, groups: Any, overrides: Any = None) -> list[str]:
    """The hosts on which a component runs, in inventory order; empty when it has none."""
    components = catalogue(overrides)
    if component not in components:
        raise AnsibleFilterError(f"unknown component '{component}'. {_catalogue.did_you_mean(component, components)}")
    return _plan.place(components, groups).get(component, [])


def plan(groups: Any, overrides: Any = None, backend: str = "systemd") -> dict[str, Any]:
    """The plan of an inventory: layers, instances, stages in start order, warnings."""
    return _checked(_plan.build, groups, overrides, backend)


def log_query(asked: Any) -> dict[str, Any]:
    """What to read of the logs: since, until, pattern, lines, from words."""
    return _checked(_logs.query, asked, time.time())


class FilterModule:
    """Names under which Ansible finds the filters."""

    def filters(self) -> dict[str, Any]:
        return {"catalogue": catalogue, "component_hosts": component_hosts, "log_query": log_query, "plan": plan}
