# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that talk to Ambari: where it is, and a change as a slice after the other, with a line of progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.koverse.runbook.plugins.module_utils import ambari

from .catalogue import RunbookError
from .controller import SILENCE, SLICE, display
from .plan import Plan

_REQUIRED = ("url", "username", "password")


def connection(templar: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """How the inventory says that Ambari is reached, as the modules' options of the same names. Raises RunbookError.

    From the variables `runbook_ambari_url` and so on, the password also from the environment; what is not set is left out.
    """
    keys = (*_REQUIRED, "ca_path", "validate_certs", "cluster")
    found = {key: templar.template(task_vars.get(f"runbook_ambari_{key}")) for key in keys}
    found["password"] = found["password"] or os.environ.get("AMBARI_PASSWORD")
    missing = [f"runbook_ambari_{key}" for key in _REQUIRED if not found[key]]
    if missing:
        raise RunbookError([f"{', '.join(missing)}: not set. Expected where Ambari is, and who may ask it (docs/ambari.md)."])
    options = {key: value for key, value in found.items() if value not in (None, "")}
    if "validate_certs" in options:
        try:
            options["validate_certs"] = boolean(options["validate_certs"])
        except TypeError:
            raise RunbookError([f"runbook_ambari_validate_certs: expected true or false, found '{options['validate_certs']}'."]) from None
    if "ca_path" in options:
        options["ca_path"] = os.path.expanduser(options["ca_path"])
    return options


def names(hosts: Iterable[str], task_vars: Mapping[str, Any]) -> dict[str, str]:
    """Hosts to their names in Ambari."""
    hostvars = task_vars["hostvars"]
    return {host: str(hostvars[host].get("runbook_ambari_host", host)) for host in hosts}


def opened(templar: Any, task_vars: Mapping[str, Any], timeout: float = 30.0) -> ambari.Cluster:
    """The cluster, for reading: nobody is asked twice. timeout: seconds that a call may take. Raises RunbookError, AmbariError."""
    options = connection(templar, task_vars)
    name = options.pop("cluster", None)
    server = ambari.Server(**options, timeout=timeout, patience=0.0)
    return ambari.Cluster(server, name) if name else ambari.Cluster.find(server, None)


def instances(plan: Plan, hosts: Mapping[str, Iterable[str]], task_vars: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """What of `hosts`, host to components, Ambari runs: host and component as here, component and host as there."""
    entries, theirs = plan["components"], names(hosts, task_vars)
    return [
        (host, name, entries[name]["ambari"], theirs[host])
        for host, components in hosts.items()
        for name in components
        if entries[name]["backend"] == "ambari"
    ]


def require(templar: Any, task_vars: Mapping[str, Any], plan: Plan, stages: Iterable[Mapping[str, Any]], whole: bool = True) -> list[str]:
    """Raises RunbookError, before anything is changed, where Ambari does not answer, or would not start or stop what the stages have,
    or where somebody else is at work in it while something is to be stopped.

    whole: whether all of the stages has to be possible. Where not, because as much is to be done as can be, it returns what is not.
    """
    stages = list(stages)
    start, stop = (
        [row[2:] for stage in stages if stage["goal"] == goal for row in instances(plan, stage.get(key, {}), task_vars)]
        for goal, key in (("started", "absent"), ("stopped", "hosts"))
    )
    if not start and not stop:
        return []
    try:
        cluster = opened(templar, task_vars)
        problems = ambari.obstacles(cluster, start, stop)
        # What does not serve is killed on its host, without Ambari: a request of somebody may hang because of it.
        asked_to_stop = stop and any(stage["goal"] == "stopped" and stage.get("patience") is None for stage in stages)
        others = cluster.requests_under_way() if asked_to_stop else []
    except ambari.AmbariError as error:
        raise RunbookError([f"{str(error).rstrip('.')}.", "Nothing was changed."]) from error
    busy = [f"Ambari's request {ambari.at_work(others)} is under way. {ambari.STALE_DECISION}"] if others else []
    if busy or (problems and whole):
        raise RunbookError([*(f"{problem}." for problem in [*problems, *busy]), "Nothing was changed."])
    return problems


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
            result.update(failed=True, msg=ambari.failure_text(result["failures"]))
        return result


class AmbariAction(Slices, ActionBase):
    """Runs the module of the same name (`module`) until it is done."""

    TRANSFERS_FILES = False
    module = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        return self.until_done(self.module, dict(self._task.args), task_vars or {})
