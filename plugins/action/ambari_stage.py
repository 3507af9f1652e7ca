# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import Slices, connection, instances
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers

Hosts = dict[str, list[str]]


class ActionModule(Slices, RunbookAction):
    """Asks Ambari for what a stage starts or stops: one request for all of its hosts."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        stage, state, again = args["stage"], args["state"], boolean(args.get("again") or False)
        plan = self.plan_of(stage, task_vars)
        hosts = stage["hosts"] if state == "stopped" else still_absent(task_vars) if again else stage.get("absent", {})
        wanted = instances(plan, hosts, task_vars)
        if not wanted:
            return {"changed": False, "skipped": True, "doubtful": {}}
        asked = {
            **connection(self._templar, task_vars),
            "state": state,
            "instances": [{"component": theirs, "host": there} for _host, _name, theirs, there in wanted],
            "known": again,
            "context": f"{stage['name']}: {state}",
        }
        began = time.time()
        result = {**self.until_done("koverse.runbook.ambari_host_component", asked, task_vars), "began": began}
        if result.get("left_out") and not result.get("failed"):
            result.update(failed=True, msg="\n".join(f"{row['component']} on {row['host']}: {row['why']}" for row in result["left_out"]))
        if result.get("failed") and state == "started" and stage.get("otherwise"):
            result["msg"] = f"{result['msg']}\n{stage['otherwise']}"
        already = {(row["component"], row["host"]) for row in result.get("already", ())} if state == "started" and not again else set()
        doubtful: Hosts = {}
        for host, name, theirs, there in wanted:
            if (theirs, there) in already:
                doubtful.setdefault(host, []).append(name)
        return {**result, "doubtful": doubtful}


def still_absent(task_vars: Mapping[str, Any]) -> Hosts:
    """What Ambari takes for started, and the hosts have just seen that it is not. A host that did not answer has seen nothing."""
    found: Hosts = {}
    looked = answers(task_vars, "runbook_doubted")
    for host, components in task_vars["runbook_asked"]["doubtful"].items():
        for row in looked.get(host, {}).get("instances", ()):
            if row["component"] in components and row["state"] in ("stopped", "failed"):
                found.setdefault(host, []).append(row["component"])
    return found
