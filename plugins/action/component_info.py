# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction


class ActionModule(RunbookAction):
    """Hands a host its part of the plan to look at."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = self.plan(task_vars)
        host = task_vars["inventory_hostname"]
        if host not in plan["addresses"]:
            return {"changed": False, "instances": []}
        part = self.work_for(plan, host, args.get("components"))
        if args.get("ports"):
            part["neighbour"] = self._neighbour(plan, host)
        result: dict[str, Any] = self._execute_module(
            "koverse.runbook.component_info", module_args={**args, "work": part}, task_vars=task_vars
        )
        if "evidence" in result:
            result["evidence"]["asked"] = time.time()
        return result

    @staticmethod
    def _neighbour(plan: dict[str, Any], host: str) -> dict[str, Any] | None:
        """The next host in the inventory, whose ports are tried from this one."""
        order = plan["order"]
        other = order[(order.index(host) + 1) % len(order)]
        if other == host:
            return None
        ports = [
            {"component": name, "port": port}
            for name, hosts in plan["instances"].items()
            if other in hosts
            for port in plan["components"][name]["ports"].values()
        ]
        return {"host": other, "address": plan["addresses"][other], "ports": ports}
