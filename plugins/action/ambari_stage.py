# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import Slices
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction


class ActionModule(Slices, RunbookAction):
    """Asks Ambari for what a stage starts or stops: one request for all of its hosts."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        stage, state = args.pop("stage"), args["state"]
        plan = self.plan_of(stage, task_vars)
        hosts = stage["hosts"] if state == "stopped" else stage.get("absent", {})
        entries, hostvars = plan["components"], task_vars["hostvars"]
        instances = [
            {"component": entries[name]["ambari"], "host": str(hostvars[host].get("runbook_ambari_host", host))}
            for host, names in hosts.items()
            for name in names
            if entries[name]["backend"] == "ambari"
        ]
        if not instances:
            return {"changed": False, "skipped": True}
        known = state == "started" and not stage.get("agreed")
        asked = {**args, "instances": instances, "known": known, "context": f"{stage['name']}: {state}"}
        began = time.time()
        result = {**self.until_done("koverse.runbook.ambari_host_component", asked, task_vars), "began": began}
        if result.get("left_out") and not result.get("failed"):
            result.update(failed=True, msg="\n".join(f"{row['component']} on {row['host']}: {row['why']}" for row in result["left_out"]))
        return result
