# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import SLICE, RunbookAction, display, remote


class ActionModule(RunbookAction):
    """Hands a master's host what it needs; asks again and again until its workers have left, with a line of progress."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, stage = self.plan(task_vars), args["stage"]
        entry = {**remote(plan["components"][stage["by"]]), "address": plan["addresses"][task_vars["inventory_hostname"]]}
        work = {"entry": entry, "addresses": [plan["addresses"][host] for host in stage["workers"]], "first": True, "slice": SLICE}
        said, since, began = "", time.monotonic(), time.monotonic()
        while True:
            result: dict[str, Any] = self._execute_module(
                "koverse.runbook.exclude", module_args={**args, "work": work}, task_vars=task_vars
            )
            if args["do"] != "refresh" or result.get("failed") or "text" not in result:
                return result
            display.display(f"    {stage['name']}, {time.monotonic() - began:.0f} s: {result['text']}")
            if result["done"] or result["blocked_by"]:
                return result
            if result["text"] != said:
                said, since = result["text"], time.monotonic()
            if time.monotonic() - since > float(args.get("timeout") or 600):
                return {**result, "failed": True, "msg": f"{stage['name']}: no progress for {args.get('timeout') or 600} s; {said}"}
            work["first"] = False
