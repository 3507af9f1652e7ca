# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import backup, restore
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import answers
from ansible_collections.koverse.runbook.plugins.plugin_utils.worker_action import WorkerAction

_READING = ("open", "stage", "deliver", "look", "close")


class ActionModule(WorkerAction):
    """A step of a restore on this host."""

    module = "koverse.runbook.restore"

    def do_step(self) -> dict[str, Any]:
        run = self._task_vars["runbook_restore"]
        if self._task_vars.get("ansible_check_mode") and self._step not in _READING:
            return {"changed": False, "skipped": True, "result": {}}
        launch = restore.arguments(self._plan, run, self._host) if self._step == "open" else None
        if self._step == "open":
            result = self.whole({"arguments": {}}, launch)
            self.wait_for_others()
            return {"changed": False, "result": result}
        whole = answers(self._task_vars, "runbook_opened").get(run["backup_host"], {}).get("result", {}).get("manifest")
        if self._step == "close":
            return {"changed": False, "result": self.whole({"arguments": {}})}
        mine = restore.files_for(run, whole, self._host)
        if self._step == "deliver":
            if self._host != run["backup_host"]:
                self.deliver(backup.spool(run), lambda path: path in mine)
            return {"changed": False, "result": {}}
        return self._act(run, whole, mine)

    def _act(self, run: dict[str, Any], whole: dict[str, Any], mine: list[str]) -> dict[str, Any]:
        aside = run["settings"]["aside"]
        archives = [path for path in mine if path.startswith("hosts/")]
        begin: dict[str, Any] = {"manifest": whole, "aside": aside}
        if self._step == "stage":
            files = {host: restore.files_for(run, whole, host) for host in run["hosts"]}
            result = self.whole({"arguments": {"paths": sorted({path for paths in files.values() for path in paths})}})
            self.fetch(backup.spool(run), sorted({path for host, paths in files.items() if host != self._host for path in paths}))
            return {"changed": False, "result": result}
        if self._step in ("look", "unpack"):
            result = self.whole({"arguments": {**begin, "archive": archives[0] if archives else None}})
        else:
            result = self.whole({"arguments": begin})
        self.wait_for_others()
        changed = self._step in ("unpack", "databases", "tables") and any(result.get(key) for key in ("made", "renamed", "back"))
        return {"changed": changed, "result": result}
