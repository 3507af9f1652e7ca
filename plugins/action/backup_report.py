# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import backup
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, display


class ActionModule(RunbookAction):
    """Prints the closing table of a backup."""

    _requires_connection = False

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        found = [answer["result"] for answer in answers(task_vars, "runbook_published").values() if answer.get("result")]
        if not found:
            return {"changed": False, "uri": None}
        warnings = [f"not healthy when it began: {line}" for line in task_vars["runbook_backup"]["degraded"]]
        warnings += [line for answer in answers(task_vars, "runbook_opened").values() for line in answer["result"].get("warnings", [])]
        left = [line for answer in answers(task_vars, "runbook_closed").values() for line in answer["result"].get("left", [])]
        display.display("\n".join(f"    {line}" for line in backup.report(found[0], warnings + [f"not removed: {line}" for line in left])))
        return {"changed": False, "uri": found[0]["uri"]}
