# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_action, backup
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, display, seen

_SPEC = {
    **backup.PLACE_SPEC,
    "tables": {"type": "list", "elements": "str", "default": []},
    "recipients": {"type": "list", "elements": "str", "default": []},
    "hold_limit": {"type": "float", "default": 60.0},
}


class ActionModule(RunbookAction):
    """Decides on a backup, or says all that forbids it."""

    _requires_connection = False

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        _checked, settings = self.validate_argument_spec(argument_spec=_SPEC)
        plan = self.plan(task_vars)
        known = {host: answer.get("backups") or {} for host, answer in answers(task_vars, "runbook_seen").items()}
        under_way = {host: record["last"]["id"] for host, record in known.items() if record.get("last", {}).get("verdict") == "running"}
        decided = backup.decided(plan, seen(plan, task_vars), settings, time.time(), under_way)
        hold = decided["hold"]
        ambari_action.require(self._templar, task_vars, plan, [{**hold, "goal": "stopped"}, {**hold, "goal": "started"}])
        if task_vars.get("ansible_check_mode"):
            tables = ", ".join(settings["tables"] or backup.of_data(plan, "tables"))
            display.display(f"    would be made in {settings['uri']}: a set {decided['id']} of the tables {tables}")
        return {"changed": False, **decided}
