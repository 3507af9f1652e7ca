# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins as Ansible makes and runs them, without hosts behind them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction


class Templar:
    """Variables of the tests are plain values already."""

    @staticmethod
    def template(value: Any) -> Any:
        """The value itself."""
        return value


class Connection:
    """A connection over which nothing is said."""

    def __init__(self) -> None:
        self._shell = SimpleNamespace(tmpdir="/nowhere", get_option={"system_tmpdirs": ["/scratch"]}.__getitem__)


def action(kind: type[RunbookAction], connection: Any = None, **args: Any) -> RunbookAction:
    """An action plugin of a task with these arguments."""
    task = SimpleNamespace(args=args, async_val=0, check_mode=False, action=kind.__module__, _uuid="0242ac11")
    return kind(task, connection or Connection(), None, None, Templar(), None)


def run(kind: type[RunbookAction], task_vars: dict[str, Any], connection: Any = None, **args: Any) -> dict[str, Any]:
    """The result of a task."""
    return action(kind, connection, **args).run(None, task_vars)


def variables(plan: dict[str, Any], host: str = "n1", **registered: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Task variables: the registered plan, and by variable what each host has registered."""
    hosts = list(plan["order"])
    plan = {"addresses": {name: name for name in hosts}, "zookeeper": ["n1:2181"], "wanted": None, **plan}
    hostvars = {name: {variable: results[name] for variable, results in registered.items() if name in results} for name in hosts}
    return {
        "runbook_plan": {"plan": plan},
        "inventory_hostname": host,
        "ansible_play_hosts_all": hosts,
        "hostvars": hostvars,
    }


def answers(picture: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """A picture as the hosts answer it: host to result."""
    found: dict[str, dict[str, Any]] = {}
    for rows in picture.values():
        for host, row in rows.items():
            found.setdefault(host, {"changed": False, "instances": []})["instances"].append(row)
    return found


UNREACHABLE = {"unreachable": True, "msg": "Failed to connect to the host via ssh:\n ssh: connect to host n3 port 22: No route to host"}
