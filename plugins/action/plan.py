# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils import relocate
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, display


class ActionModule(RunbookAction):
    """Turns catalogue and inventory into the plan of a run, or says all that is wrong with them."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = self.new_plan(task_vars)
        wanted = planning.narrow(plan, args.get("layers") or (), args.get("components") or ())
        if args.get("also_on"):
            instances = relocate.also_on(plan, wanted, args["also_on"], task_vars["groups"]["all"])
            plan = self.new_plan(task_vars, instances)
        plan["wanted"] = wanted
        for warning in plan["warnings"]:
            display.warning(warning)
        return {"changed": False, "plan": plan}
