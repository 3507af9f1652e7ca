# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.koverse.runbook.plugins.module_utils.logconfig import LEVELS, NAME, PREVIOUS, ROOT
from ansible_collections.koverse.runbook.plugins.module_utils.loglevel import takes_levels
from ansible_collections.koverse.runbook.plugins.plugin_utils import sides
from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_facts import LOGGING
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError, did_you_mean
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, display, remote
from ansible_collections.koverse.runbook.plugins.plugin_utils.plan import Plan


class ActionModule(RunbookAction):
    """Refuses what is no component, level or logger; hands each of the component's hosts what it needs, and says what came of it."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, host = self.plan(task_vars), task_vars["inventory_hostname"]
        runtime = boolean(args.get("runtime") or False, strict=False)
        problems = _problems(plan, args, runtime)
        if problems:
            raise RunbookError([*problems, "Nothing was changed."])
        component, level = args["component"], str(args["level"])
        if host not in plan["instances"][component]:
            return {"changed": False, "restart": False}
        entry = {**remote(plan["components"][component]), "address": plan["addresses"][host]}
        logger = ROOT if args["logger"].lower() == ROOT else args["logger"]
        work = {
            "entry": entry,
            "host": host,
            "level": PREVIOUS if level.lower() == PREVIOUS else level.upper(),
            "shared": [] if runtime else _shared(plan, component, host),
            "instead": [] if runtime else _instead(plan, component, answers(task_vars, "runbook_seen")),
        }
        result: dict[str, Any] = self._execute_module(
            "koverse.runbook.log_level", module_args={**args, "logger": logger, "work": work}, task_vars=task_vars
        )
        # A look before the change, in a run that is no check, says nothing: the change will.
        if result.get("text") and (task_vars.get("ansible_check_mode") or not self._task.check_mode):
            display.display(f"    {entry['name']} on {host}: {result['text']}")
        return result


def _problems(plan: Mapping[str, Any], args: Mapping[str, Any], runtime: bool) -> list[str]:
    """What is wrong with what is asked for."""
    component, logger, level = (str(args.get(key) or "") for key in ("component", "logger", "level"))
    problems = []
    if component not in plan["components"]:
        problems.append(f"component: unknown component '{component}' in this inventory. {did_you_mean(component, plan['components'])}")
    elif runtime and not takes_levels(plan["components"][component]):
        able = [name for name, entry in plan["components"].items() if takes_levels(entry)]
        problems.append(f"runtime: {component} cannot change levels while it runs. Those that can: {', '.join(able)}. Leave runtime away.")
    elif not runtime and plan["components"][component]["backend"] == "ambari" and component in LOGGING:
        problems.append(
            f"component: Ambari writes the logging configuration of {component} at each start, from its type {LOGGING[component]}. Change "
            "it there (koverse.runbook.ambari_config), and then: ansible-playbook playbooks/restart.yml -e runbook_only=changed"
        )
    if not NAME.fullmatch(logger):
        problems.append(f"logger: expected the name of a logger, such as com.koverse.server, or {ROOT}, found '{logger}'.")
    elif runtime and logger.lower() == ROOT:
        problems.append(
            "logger: Hadoop's daemons cannot change the root logger while they run. Name one below it, such as org.apache.hadoop."
        )
    known = [*LEVELS, PREVIOUS]
    if level.upper() not in LEVELS and level.lower() != PREVIOUS:
        problems.append(f"level: unknown level '{level}'. Known are: {', '.join(known)}.")
    return problems


def _shared(plan: Mapping[str, Any], component: str, host: str) -> list[str]:
    """The titles of the host's other components that have the same logging configuration."""
    own = plan["components"][component]["log_config"]
    others = [name for name, hosts in plan["instances"].items() if name != component and host in hosts]
    return [plan["components"][name]["title"] for name in others if set(own) & set(plan["components"][name]["log_config"])]


def _instead(plan: Plan, component: str, looked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The components of the other side where that is the one that runs; none where nobody has looked."""
    running = {row["component"] for result in looked.values() for row in result.get("instances", []) if row["state"] == "running"}
    return [] if component in running else [name for name in sides.opposite(plan, component) if name in running]
