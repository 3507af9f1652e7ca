# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that start and stop through Ambari: a slice after the other, with a line of progress."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import failure_text

from .controller import SILENCE, SLICE, display


class Slices:
    """What an action has that runs a module until it is done."""

    _execute_module: Any

    def until_done(self, module: str, args: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's result; failed where something did not come."""
        memory: Any = None
        said, spoke, began = "", time.monotonic(), time.monotonic()
        while True:
            work = {"slice": SLICE, "memory": memory}
            result: dict[str, Any] = self._execute_module(module, module_args={**args, "work": work}, task_vars=task_vars)
            if "memory" not in result:
                return result
            memory, progress = result.pop("memory"), result.pop("progress")
            if progress and (progress != said or time.monotonic() - spoke > SILENCE):
                said, spoke = progress, time.monotonic()
                display.display(f"    {spoke - began:.0f} s: {progress}")
            if result.pop("done") or result["failures"]:
                break
        if result["failures"]:
            result.update(failed=True, msg=failure_text(result["failures"]))
        return result


class AmbariAction(Slices, ActionBase):
    """Runs the module of the same name (`module`) until it is done."""

    TRANSFERS_FILES = False
    module = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        return self.until_done(self.module, dict(self._task.args), task_vars or {})
