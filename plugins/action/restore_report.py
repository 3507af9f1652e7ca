# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import restore
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, display


class ActionModule(RunbookAction):
    """What stands in the way of a restore, or what it has brought back."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        run = task_vars["runbook_restore"]
        if args["when"] == "before":
            looks = {host: answer["result"] for host, answer in answers(task_vars, "runbook_looked").items() if "result" in answer}
            lines = restore.in_the_way(looks, run["settings"]["aside"])
            if lines:
                raise RunbookError(
                    [
                        *(f"{line} is there already" for line in lines),
                        "Nothing was changed. -e runbook_restore_aside=true renames it aside, nothing is lost; "
                        "or choose with runbook_restore_parts or runbook_restore_tables what is brought back.",
                    ]
                )
            return {"changed": False, "in_the_way": lines}
        results: dict[str, dict[str, Any]] = {}
        for variable in ("runbook_unpacked", "runbook_databases", "runbook_tables"):
            for host, answer in answers(task_vars, variable).items():
                results[host] = _merged(results.get(host, {}), answer.get("result", {}))
        whole = answers(task_vars, "runbook_opened")[run["backup_host"]]["result"]["manifest"]
        if not task_vars.get("ansible_check_mode"):
            display.display("\n".join(f"    {line}" for line in restore.report(run, whole, results)))
        return {"changed": False}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two results; lists of the same name are joined."""
    return {**one, **{key: one.get(key, []) + value if isinstance(value, list) else value for key, value in other.items()}}
