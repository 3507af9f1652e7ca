# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, display, remote


class ActionModule(RunbookAction):
    """Hands the target's host what it needs to become active, and says what came of it."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, name = self.plan(task_vars), args["component"]
        work = {
            "entry": remote(plan["components"][name]),
            "hosts": plan["instances"][name],
            "addresses": plan["addresses"],
            "zookeeper": plan["zookeeper"],
        }
        result = self._execute_module("koverse.runbook.failover", module_args={**args, "work": work}, task_vars=task_vars)
        if not result.get("failed"):
            display.display(f"    {plan['components'][name]['title']}: {result['text']}")
        return result
