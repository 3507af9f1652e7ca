# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import backup, restore
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, seen

_SPEC = {
    **backup.PLACE_SPEC,
    "set": {"type": "str", "default": ""},
    "parts": {"type": "list", "elements": "str", "default": []},
    "tables": {"type": "list", "elements": "str", "default": []},
    "rename": {"type": "str", "default": ""},
    "aside": {"type": "bool", "default": False},
}


class ActionModule(RunbookAction):
    """Decides on a restore, or says all that forbids it."""

    _requires_connection = False

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        _checked, settings = self.validate_argument_spec(argument_spec=_SPEC)
        plan = self.plan(task_vars)
        return {"changed": False, **restore.decided(plan, seen(plan, task_vars), settings, time.time())}
