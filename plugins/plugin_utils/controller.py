# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: the plan of the run, this host's part of it, and what the hosts answered."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

from . import decide, sides
from . import plan as planning
from .catalogue import CATALOGUE_FILE, RunbookError, overrides

display = Display()

# Seconds that a host watches by itself, so that a line appears at least every 10; every return takes processor time from what is awaited.
SLICE = 7
# Seconds after which the last line of progress is said again: a host that is too busy to return in time does not make it silent.
SILENCE = 9.0

# What the remote side needs of a catalogue entry.
_REMOTE_KEYS = (
    "name", "service", "backend", "commands", "user", "process", "ports", "log", "log_config", "config", "probe", "tool", "shell_arguments",
    "before_start", "before_stop", "before_leave", "on_return", "after_return", "failover", "drain", "undrain",
    "start_timeout", "stop_timeout",
)  # fmt: skip


class RunbookAction(ActionBase):
    """An action of this collection: `work` answers, and input errors become a clear failure."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        try:
            return self.work(dict(self._task.args), task_vars or {})
        except RunbookError as error:
            return {"failed": True, "msg": str(error) if len(error.problems) > 1 else error.problems[0]}

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The action's result."""
        raise NotImplementedError

    def plan(self, task_vars: Mapping[str, Any]) -> planning.Plan:
        """The plan that the playbook registered as `runbook_plan`, else a new one; with the side in force as the first look saw it."""
        registered = task_vars.get("runbook_plan")
        plan: planning.Plan = registered["plan"] if registered else self.new_plan(task_vars)
        if not sides.pairs(plan):
            return plan
        looked = answers(task_vars, "runbook_seen")
        return sides.settle(plan, decide.picture(plan, {host: result.get("instances", []) for host, result in looked.items()}, {}))

    def new_plan(self, task_vars: Mapping[str, Any], instances: Mapping[str, list[str]] | None = None) -> planning.Plan:
        """A plan from the inventory's groups and the variables `runbook_ambari_catalogue`, which the inventory's own `runbook_catalogue`
        changes, `runbook_backend` and `runbook_address`.

        instances: component to hosts, where they are not those of the groups.
        """
        ambari, own, backend = (
            self._templar.template(task_vars.get(name)) for name in ("runbook_ambari_catalogue", "runbook_catalogue", "runbook_backend")
        )
        groups = {name: list(hosts) for name, hosts in task_vars["groups"].items()}
        plan = planning.build(groups, overrides(ambari, own), backend or "systemd")
        plan["instances"].update(instances or {})
        used = {host for hosts in plan["instances"].values() for host in hosts}
        plan["order"] = [host for host in groups["all"] if host in used]
        plan["addresses"] = {host: str(task_vars["hostvars"][host].get("runbook_address", host)) for host in plan["order"]}
        plan["zookeeper"] = [
            f"{plan['addresses'][host]}:{plan['components']['zookeeper']['ports']['client']}"
            for host in plan["instances"].get("zookeeper", [])
        ]
        return plan

    def plan_of(self, stage: Mapping[str, Any] | None, task_vars: Mapping[str, Any]) -> planning.Plan:
        """The plan as a stage has it: which components are meant to run (`desired`), and on which hosts (`instances`)."""
        plan = sides.with_desired(self.plan(task_vars), (stage or {}).get("desired", {}))
        return {**plan, "instances": {**plan["instances"], **(stage or {}).get("instances", {})}}

    @staticmethod
    def work_for(plan: planning.Plan, host: str, components: Any = None) -> dict[str, Any]:
        """This host's part: `entries`, `host`, `address`, `zookeeper`. Raises RunbookError on unknown component names."""
        here = [name for name, hosts in plan["instances"].items() if host in hosts]
        if components is not None:
            planning.narrow(plan, components=components)
            here = [name for name in here if name in components]
        return {
            "entries": {name: remote(plan["components"][name]) for name in here},
            "host": host,
            "address": plan["addresses"][host],
            "zookeeper": plan["zookeeper"],
        }


def go_on_although(problems: Iterable[str]) -> None:
    """Says what is given up by runbook_shutdown=force."""
    for problem in problems:
        display.warning(f"runbook_shutdown=force goes on although: {problem}")


def remote(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A catalogue entry as a host needs it."""
    return {key: entry[key] for key in _REMOTE_KEYS}


def seen(plan: planning.Plan, task_vars: Mapping[str, Any]) -> decide.Picture:
    """Every instance of the plan, from what the hosts registered as `runbook_seen`. Raises RunbookError where one does not let us look."""
    results = answers(task_vars, "runbook_seen")
    unseen = {host: result for host, result in results.items() if "instances" not in result}
    failed = [f"{host}: {why_unseen(result)}" for host, result in unseen.items() if not result.get("unreachable")]
    if failed:
        problem = "Nothing was changed. Every host must let us look as root: check 'become', its password, and Python there."
        raise RunbookError([*failed, problem])
    return decide.picture(
        plan,
        {host: result["instances"] for host, result in results.items() if "instances" in result},
        {host: why_unseen(result) for host, result in unseen.items()},
    )


def answers(task_vars: Mapping[str, Any], variable: str) -> dict[str, Mapping[str, Any]]:
    """What each host of the play registered under `variable`; hosts without it are left out."""
    hostvars = task_vars["hostvars"]
    found = {}
    for host in task_vars["ansible_play_hosts_all"]:
        result = hostvars[host].get(variable)
        if isinstance(result, Mapping):
            found[host] = result
    return found


def why_unseen(result: Mapping[str, Any]) -> str:
    """Why a host's result has no instances, in one line."""
    text = " ".join(str(result.get("msg") or result.get("module_stderr") or "it did not answer").split())
    text = text.removeprefix("Task failed: ")
    return f"the host is unreachable: {text}" if result.get("unreachable") else text


def record(path: str, **facts: Any) -> None:
    """Adds a line of JSON to a file of what was done; nothing where the path is empty. Raises RunbookError where it cannot be written."""
    if not path:
        return
    file = Path(path).expanduser()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"at": iso(time.time()), **facts}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RunbookError([f"What is done cannot be recorded in {path}: {error.strerror}. Name another place."]) from error


def collection_version() -> str:
    """From the manifest of an installed collection, or the checkout's galaxy.yml."""
    root = CATALOGUE_FILE.parent
    manifest = root / "MANIFEST.json"
    if manifest.exists():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    return str(yaml_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"])


# Where files on their way between hosts are, below Ansible's temporary directory of this run, which Ansible itself removes at the end.
STAGING = "runbook-files"


def key_file() -> Path:
    """The file with this run's key, with which hosts seal what only the controller is to read; in that directory, too."""
    return Path(constants.DEFAULT_LOCAL_TMP) / "runbook-key"


class Board:
    """Where the hosts of one stage, each in a process of its own on the controller, tell each other how they are.

    A directory below Ansible's temporary directory of this run, which Ansible itself removes at the end.
    """

    def __init__(self, name: str) -> None:
        self._path = Path(constants.DEFAULT_LOCAL_TMP) / f"runbook-{name.replace('/', '-').replace(' ', '-')}"
        self._path.mkdir(parents=True, exist_ok=True)

    def write(self, host: str, **facts: Any) -> None:
        """Puts up what a host has to say, in one step."""
        draft = self._path / f".{host}"
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.rename(self._path / host)

    def failed(self) -> list[str]:
        """The hosts on which something has failed."""
        facts = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in self._path.iterdir() if not path.name.startswith(".")}
        return sorted(host for host, fact in facts.items() if fact.get("failed"))

    def names(self) -> list[str]:
        """The hosts that have put up something."""
        return sorted(path.name for path in self._path.iterdir() if not path.name.startswith("."))
