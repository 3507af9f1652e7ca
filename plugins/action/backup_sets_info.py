# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.koverse.runbook.plugins.plugin_utils import backup
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import display


class ActionModule(ActionBase):
    """Lists sets, and shows them as a table."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        result = self._execute_module("koverse.runbook.backup_sets_info", module_args=self._task.args, task_vars=task_vars)
        if "sets" in result:
            lines = backup.listing(result["sets"], result["refused"])
            display.display("\n".join(f"    {line}" for line in lines))
        return result
