# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from ansible_collections.koverse.runbook.plugins.plugin_utils import backup
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import Board, RunbookAction, answers, display

_SLICE = 7.0  # seconds that a host watches its worker by itself
_PAUSE = 1.0  # seconds between two looks at whether the other hosts are done
_RENEWAL = 20.0  # seconds between two looks at a worker that waits for files
_SILENCE = 9.0  # seconds after which a line of progress is said again


class ActionModule(RunbookAction):
    """Begins a step in this host's worker, and looks at it until it is over."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        run, host, step = task_vars["runbook_backup"], task_vars["inventory_hostname"], args["step"]
        plan = self.plan(task_vars)
        if task_vars.get("ansible_check_mode") or host not in plan["addresses"]:
            return {"changed": False, "skipped": True, "result": {}}
        self._host, self._step, self._args, self._task_vars = host, step, args, task_vars
        self._spoke, self._said = time.monotonic(), ""
        self._board = Board(f"backup-{step}")
        self._staging = Path(constants.DEFAULT_LOCAL_TMP) / "runbook-backup"
        try:
            return self._do(plan, run)
        finally:
            self._board.write(host, over=True)

    def _do(self, plan: dict[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
        if self._step == "deliver":
            return self._deliver(run)
        launch = backup.arguments(plan, run, self._host) if self._step == "open" else None
        result = self._whole({"arguments": self._facts(run) if self._step == "publish" else {}}, launch)
        if self._step == "collect":
            if self._host != run["backup_host"]:
                self._fetch(run, result["spooled"])
            self._wait_for_others(plan)
        if self._step == "release" and result.get("expired"):
            raise RunbookError(
                [
                    f"Koverse was started again after the {run['settings']['hold_limit']:g} s of runbook_backup_hold_limit, before tables "
                    "and databases were frozen: they may not fit together. Nothing of this backup is kept."
                ]
            )
        return {"changed": self._step in ("hold", "release", "publish"), "result": result}

    # ---- the worker

    def _whole(self, begin: Mapping[str, Any] | None, launch: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Begins a step and looks until it is over; its result."""
        answer = self._look(begin, launch)
        if "busy" in answer:
            other = answer["busy"].get("owner")
            if not backup.is_over(other, float(answer["busy"].get("heard", 0))):
                whose = f"by process {other['pid']} on {other['controller']}" if other else "and does not answer"
                raise RunbookError([f"{self._host}: another backup is under way, {whose}. Wait for its end; nothing was done."])
            answer = self._look(begin, launch, take_over=True)
        while "state" in answer and answer["state"]["running"]:
            self._say(answer["state"]["progress"])
            answer = self._look()
        if "state" not in answer:
            if self._step == "close":  # it has ended already, and undone what there was
                return {}
            raise RunbookError([f"{self._host}, step {self._step}: {answer.get('gone') or answer.get('msg') or answer}"])
        if answer["state"]["failed"]:
            raise RunbookError([f"{self._host}, step {self._step}: {answer['state']['failed']}"])
        return answer["state"]["result"]

    def _look(
        self,
        begin: Mapping[str, Any] | None = None,
        launch: Mapping[str, Any] | None = None,
        take_over: bool = False,
        connection: Any = None,
    ) -> dict[str, Any]:
        work = {
            "worker": backup.WORKER,
            "owner": backup.owner(),
            "launch": launch,
            "begin": begin,
            "take_over": take_over,
            "slice": _SLICE,
        }
        module = self if connection is None else copy.copy(self)
        module._connection = connection or self._connection
        return module._execute_module("koverse.runbook.backup", module_args={**self._args, "work": work}, task_vars=self._task_vars)

    def _say(self, text: str) -> None:
        """A line when the picture has changed, or after a silence."""
        if text and (text != self._said or time.monotonic() - self._spoke > _SILENCE):
            self._said, self._spoke = text, time.monotonic()
            display.display(f"    {self._host}: {text}")

    def _wait_for_others(self, plan: Mapping[str, Any]) -> None:
        """Keeps this host's worker until all hosts have done the step. With one fork they come one after the other: not here."""
        self._board.write(self._host, over=True)
        others = set(self._task_vars["ansible_play_hosts"]) & set(plan["addresses"])
        looked = time.monotonic()
        while constants.DEFAULT_FORKS > 1 and others - set(self._board.names()):
            time.sleep(_PAUSE)
            if time.monotonic() - looked > _RENEWAL:
                self._look()
                looked = time.monotonic()

    # ---- files on their way from other hosts to the backup host

    def _fetch(self, run: Mapping[str, Any], files: Mapping[str, int]) -> None:
        """From this host to the controller, by the connection's own file transfer, as the user who logs in."""
        for path, size in files.items():
            target = self._staging / path
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._moving(f"fetch {path}, {manifest.human(size)}", self._connection.fetch_file, f"{self._spool(run)}/{path}", str(target))

    def _deliver(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """From the controller to the backup host."""
        if self._host != run["backup_host"]:
            return {"changed": False, "result": {}}
        for directory, _directories, names in os.walk(self._staging):
            here = Path(directory).relative_to(self._staging)
            if names:
                self._connection.exec_command(f"mkdir -p {self._spool(run)}/{here}", sudoable=False)
            for name in names:
                source = Path(directory) / name
                self._moving(f"deliver {here / name}", self._connection.put_file, str(source), f"{self._spool(run)}/{here / name}")
                source.unlink()
        return {"changed": False, "result": {}}

    @staticmethod
    def _spool(run: Mapping[str, Any]) -> str:
        return f"{backup.SPOOL}/{run['id']}"

    def _moving(self, text: str, move: Callable[[str, str], Any], source: str, target: str) -> None:
        """Moves a file while this host's worker is kept."""
        problems: list[Exception] = []

        def go() -> None:
            try:
                move(source, target)
            except Exception as error:  # it is raised again below, in the thread that can
                problems.append(error)

        thread = threading.Thread(target=go)
        thread.start()
        while thread.is_alive():
            thread.join(_RENEWAL)
            if thread.is_alive():
                self._say(text)
                self._look(connection=copy.copy(self._connection))
        if problems:
            raise problems[0]

    # ---- the manifest

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
