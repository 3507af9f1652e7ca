# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction


class ActionModule(RunbookAction):
    """Hands a host its part of the plan, as far as it is wanted."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, host = self.plan(task_vars), task_vars["inventory_hostname"]
        if host not in plan["addresses"]:
            return {"changed": False, "entries": [], "left_out": []}
        work = self.work_for(plan, host, args.get("components") or plan.get("wanted"))
        given = {key: value for key, value in args.items() if value not in (None, "")}
        result: dict[str, Any] = self._execute_module("koverse.runbook.logs_info", module_args={**given, "work": work}, task_vars=task_vars)
        return result
