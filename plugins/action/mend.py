# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, display, record, remote


class ActionModule(RunbookAction):
    """Hands the host what its step needs, says what came of it, and records it."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, stage, host = self.plan(task_vars), args["stage"], task_vars["inventory_hostname"]
        entry = {
            **remote(plan["components"][stage["component"]]),
            "address": plan["addresses"][host],
            "others": [plan["addresses"][other] for other in plan["instances"][stage["component"]] if other != host],
        }
        work = {"entry": entry, "zookeeper": plan["zookeeper"]}
        result = self._execute_module("koverse.runbook.mend", module_args={**args, "work": work}, task_vars=task_vars)
        if not args.get("give"):
            said = result.get("text") or result.get("msg") or "no answer"
            display.display(f"    {stage['name']}: {said}")
            record(args.get("record") or "", stage=stage["name"], goal=stage["goal"], mend=stage["mend"], text=said)
        return result
