# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import Slices, connection, names
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction


class ActionModule(Slices, RunbookAction):
    """Asks Ambari for what a stage starts or stops: one request for all of its hosts."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        stage, state = args["stage"], args["state"]
        plan = self.plan_of(stage, task_vars)
        hosts = stage["hosts"] if state == "stopped" else stage.get("absent", {})
        entries, theirs = plan["components"], names(hosts, task_vars)
        instances = [
            {"component": entries[name]["ambari"], "host": theirs[host]}
            for host, components in hosts.items()
            for name in components
            if entries[name]["backend"] == "ambari"
        ]
        if not instances:
            return {"changed": False, "skipped": True}
        asked = {
            **connection(self._templar, task_vars),
            "state": state,
            "instances": instances,
            "known": state == "started" and not stage.get("agreed"),
            "context": f"{stage['name']}: {state}",
        }
        began = time.time()
        result = {**self.until_done("koverse.runbook.ambari_host_component", asked, task_vars), "began": began}
        if result.get("left_out") and not result.get("failed"):
            result.update(failed=True, msg="\n".join(f"{row['component']} on {row['host']}: {row['why']}" for row in result["left_out"]))
        return result
