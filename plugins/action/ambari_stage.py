# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import failure_text
from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import Slices, connection, instances
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, go_on_although

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
            "known": again,
            # What others do meanwhile may need what is to be stopped.
            "patient": state == "started",
            "context": f"{stage['name']}: {state}",
        }
        forced = state == "stopped" and args.get("on_unhealthy") == "force"
        one_by_one = state == "stopped" and task_vars.get("runbook_gate", {}).get("tservers_left")
        result: dict[str, Any] = {"changed": False, "began": time.time()}
        for turn in [[pair] for pair in wanted] if one_by_one else [wanted]:
            rows = [{"component": theirs, "host": there} for _host, _name, theirs, there in turn]
            said = self._asked({**asked, "instances": rows}, task_vars, forced)
            result = {**said, "began": result["began"], "changed": result["changed"] or said.get("changed", False)}
            if said.get("failed"):
                break
        if result.get("failed") and state == "started" and stage.get("otherwise"):
            result["msg"] = f"{result['msg']}\n{stage['otherwise']}"
        already = {(row["component"], row["host"]) for row in result.get("already", ())} if state == "started" and not again else set()
        doubtful: Hosts = {}
        for host, name, theirs, there in wanted:
            if (theirs, there) in already:
                doubtful.setdefault(host, []).append(name)
        return {**result, "doubtful": doubtful}

    def _asked(self, asked: dict[str, Any], task_vars: dict[str, Any], forced: bool) -> dict[str, Any]:
        """Ambari's answer, failed where an instance did not come, or was left out; forced: that is a warning."""
        result = self.until_done("koverse.runbook.ambari_host_component", asked, task_vars)
        failures = [*result.get("failures", ()), *({**row, "text": row["why"]} for row in result.get("left_out", ()))]
        if forced and failures and all(row["component"] for row in failures):
            go_on_although(failure_text([row]) for row in failures)
            return {**result, "failed": False}
        if failures and not result.get("failed"):
            result.update(failed=True, msg=failure_text(failures))
        return result


def still_absent(task_vars: Mapping[str, Any]) -> Hosts:
    """What Ambari takes for started, and the hosts have just seen that it is not. A host that did not answer has seen nothing."""
    found: Hosts = {}
    looked = answers(task_vars, "runbook_doubted")
    for host, components in task_vars["runbook_asked"]["doubtful"].items():
        for row in looked.get(host, {}).get("instances", ()):
            if row["component"] in components and row["state"] in ("stopped", "failed"):
                found.setdefault(host, []).append(row["component"])
    return found
