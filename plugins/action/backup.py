# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.waiting import BY_ITSELF
from ansible_collections.koverse.runbook.plugins.plugin_utils import backup
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import answers
from ansible_collections.koverse.runbook.plugins.plugin_utils.worker_action import WorkerAction


class ActionModule(WorkerAction):
    """A step of a backup on this host."""

    module = "koverse.runbook.backup"

    def do_step(self) -> dict[str, Any]:
        run = self._task_vars["runbook_backup"]
        spool = backup.spool(run)
        if self._task_vars.get("ansible_check_mode"):
            return {"changed": False, "skipped": True, "result": {}}
        if self._step == "deliver":
            self.deliver(spool, lambda _path: True)
            return {"changed": False, "result": {}}
        launch = backup.arguments(self._plan, run, self._host) if self._step == "open" else None
        begin = {"arguments": self._arguments(run)}
        result = self._released(run, begin) if self._step == "release" else self.whole(begin, launch, self._until(run))
        if self._step == "collect":
            if self._host != run["backup_host"]:
                self.fetch(spool, result["spooled"])
            self.wait_for_others()
        return {"changed": self._step in ("hold", "release", "name"), "result": result}

    def _until(self, run: Mapping[str, Any]) -> float | None:
        """When all has to be frozen. Without Ambari the held hosts see to that themselves, and start Koverse again."""
        asked = self._task_vars.get("runbook_asked", {}).get("began")
        return asked + run["settings"]["hold_limit"] if asked and self._step == "freeze" else None

    def _arguments(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """What this step is to know that the ones before it have found."""
        if self._step == "publish":
            return self._facts(run)
        if self._step == "hold":
            asked = self._task_vars.get("runbook_asked", {}).get("began")
            return {"ago": time.time() - asked if asked else 0.0}
        return {}

    def _released(self, run: Mapping[str, Any], begin: Mapping[str, Any]) -> dict[str, Any]:
        """Koverse goes on, also where the worker that held it is gone."""
        try:
            result = self.whole(begin)
        except RunbookError as error:
            work = {**BY_ITSELF, **self.work_for(self._plan, self._host, run["held"][self._host]), "slice": 0.0}
            started = self._execute_module(
                "koverse.runbook.component", module_args={"state": "started", "work": work}, task_vars=self._task_vars
            )
            said = "was started again" if not started.get("failed") and not started.get("failures") else f"does not start: {started}"
            raise RunbookError([*error.problems, f"Koverse on {self._host} {said}. Nothing of this backup is kept."]) from error
        if result.get("expired"):
            raise RunbookError(
                [
                    f"The {run['settings']['hold_limit']:g} s of runbook_backup_hold_limit were over, and Koverse was started again, "
                    "before tables and databases were frozen: they may not fit together. Nothing of this backup is kept."
                ]
            )
        return result

    def _facts(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """What the other hosts have found, for the manifest."""
        collected = {host: answer["result"] for host, answer in answers(self._task_vars, "runbook_collected").items() if "result" in answer}
        released = [answer["result"] for answer in answers(self._task_vars, "runbook_released").values() if answer.get("result")]
        steps = []
        for variable in ("opened", "held", "frozen", "released", "collected"):
            for host, answer in answers(self._task_vars, f"runbook_{variable}").items():
                steps += [{"host": host, **entry} for entry in answer.get("result", {}).get("times", [])]
        databases = []
        for host, result in collected.items():
            for entry in result.get("databases", []):
                databases.append({**entry, "host": host, "bytes": result["spooled"][entry["dump"]]})
        return {
            "cluster": {"hosts": run["hosts"]},
            "software": {"collection": run["version"]},
            "databases": databases,
            "hosts": [
                {"name": host, "archive": path, "bytes": size, "paths": result["archived"]}
                for host, result in collected.items()
                for path, size in result.get("spooled", {}).items()
                if path.startswith("hosts/")
            ],
            "hold": {
                "hosts": sorted(run["held"]),
                "seconds": max([entry["seconds"] for entry in released if "seconds" in entry], default=None),
                "serving": max([result["serving"] for result in collected.values() if "serving" in result], default=None),
            },
            "steps": steps,
            "encrypted": bool(run["settings"]["recipients"]),
        }
