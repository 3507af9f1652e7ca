# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.bundle import WORKER
from ansible_collections.koverse.runbook.plugins.module_utils.manifest import human
from ansible_collections.koverse.runbook.plugins.plugin_utils import bundle
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import answers, display, key_file, why_unseen
from ansible_collections.koverse.runbook.plugins.plugin_utils.worker_action import WorkerAction


class ActionModule(WorkerAction):
    """Lets this host collect its part of a support bundle, and fetches it."""

    module = "koverse.runbook.support_bundle"
    worker = WORKER
    what = "a support bundle"

    def do_step(self) -> dict[str, Any]:
        seen = answers(self._task_vars, "runbook_seen").get(self._host, {})
        if self._task_vars.get("ansible_check_mode") or seen.get("unreachable"):
            # It was just tried in vain, and each try takes its time.
            return {"changed": False, "skipped": True, "result": {}, **({"why": why_unseen(seen)} if seen.get("unreachable") else {})}
        self._args["secrets"] = {"key": key_file().read_bytes().hex()}
        if self._step == "close":
            return {"changed": False, "result": self.whole({"arguments": {}})}
        launch = bundle.arguments(self._plan, self._task_vars["runbook_bundle"], self._host, seen.get("instances", []))
        try:
            result = self.whole({"arguments": {}}, launch)
            self._say(f"fetch {human(result['bytes'])}")
            self.fetch(result["spool"], [launch["archive"]])
        except RunbookError as error:
            display.display(f"    {'; '.join(error.problems)}")
            raise
        self._say(f"{result['files']} files, {human(result['bytes'])}")
        return {"changed": False, "result": result}
