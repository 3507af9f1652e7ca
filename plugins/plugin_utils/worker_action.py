# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that work through a worker on each host (module_utils/worker.py)."""

from __future__ import annotations

import copy
import os
import platform
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible_collections.koverse.runbook.plugins.module_utils.record import WORKER

from .catalogue import RunbookError
from .controller import SILENCE, SLICE, STAGING, Board, RunbookAction, display

_PAUSE = 0.2  # seconds between two looks at whether the other hosts are done
_RENEWAL = 20.0  # seconds between two looks at a worker that waits for files
_PATIENCE = 120.0  # seconds without a word after which a run of another controller counts as given up


class WorkerAction(RunbookAction):
    """Begins a step in this host's worker, and looks at it until it is over. `do_step` says what the step needs."""

    module = ""  # the module's full name
    worker = WORKER
    what = "a backup or a restore"  # what the worker does

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._host, self._step, self._args, self._task_vars = task_vars["inventory_hostname"], args["step"], args, task_vars
        self._plan = self.plan(task_vars)
        if self._host not in self._plan["addresses"]:
            return {"changed": False, "skipped": True, "result": {}}
        self._spoke, self._said = time.monotonic(), ""
        self._board = Board(f"{self.module}-{self._step}")
        self._staging = Path(constants.DEFAULT_LOCAL_TMP) / STAGING
        try:
            return self.do_step()
        finally:
            self._board.write(self._host, over=True)

    def do_step(self) -> dict[str, Any]:
        """The action's result."""
        raise NotImplementedError

    # ---- the worker

    def whole(
        self, begin: Mapping[str, Any] | None = None, launch: Mapping[str, Any] | None = None, until: float | None = None
    ) -> dict[str, Any]:
        """Begins a step and looks until it is over; its result. until: when it has to be over, in seconds since 1970."""
        answer = self._look(begin, launch)
        if launch and "busy" in answer and is_over(answer["busy"].get("owner"), float(answer["busy"].get("heard", 0))):
            answer = self._look(begin, launch, take_over=True)
        while "state" in answer and answer["state"]["running"]:
            if until is not None and time.time() > until:
                raise RunbookError([f"{self._host}, step {self._step}: not done in time; last seen: {answer['state']['progress']}"])
            self._say(answer["state"]["progress"])
            answer = self._look()
        if self._step == "close" and "state" not in answer:  # it has ended already, and undone what there was; or it is another run's
            return {}
        if "busy" in answer:
            other = answer["busy"].get("owner")
            whose = f"by process {other['pid']} on {other['controller']}" if other else "and does not answer"
            raise RunbookError([f"{self._host}: {self.what} is under way, {whose}. Wait for its end; nothing was done."])
        if "state" not in answer:
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
            "worker": self.worker,
            "owner": owner(),
            "launch": launch,
            "begin": begin,
            "take_over": take_over,
            "slice": SLICE,
        }
        action = self if connection is None else copy.copy(self)
        action._connection = connection or self._connection
        return action._execute_module(self.module, module_args={**self._args, "work": work}, task_vars=self._task_vars)

    def _say(self, text: str) -> None:
        """A line when the picture has changed, or after a silence."""
        if text and (text != self._said or time.monotonic() - self._spoke > SILENCE):
            self._said, self._spoke = text, time.monotonic()
            display.display(f"    {self._host}: {text}")

    def wait_for_others(self) -> None:
        """Keeps this host's worker until all hosts have done the step. With one fork they come one after the other: not here."""
        self._board.write(self._host, over=True)
        others = set(self._task_vars["ansible_play_hosts"]) & set(self._plan["addresses"])
        looked = time.monotonic()
        while constants.DEFAULT_FORKS > 1 and others - set(self._board.names()):
            time.sleep(_PAUSE)
            if time.monotonic() - looked > _RENEWAL:
                self._look()
                looked = time.monotonic()

    # ---- files on their way, by the connection's own file transfer, as the user who logs in

    def fetch(self, spool: str, files: Iterable[str]) -> None:
        """From this host's spool to the controller."""
        for path in files:
            target = self._staging / path
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._moving(f"fetch {path}", self._connection.fetch_file, f"{spool}/{path}", str(target))

    def deliver(self, spool: str, wanted: Callable[[str], bool]) -> None:
        """From the controller to this host's spool: the files that are wanted here."""
        for source in sorted(self._staging.rglob("*")):
            path = str(source.relative_to(self._staging))
            if source.is_file() and wanted(path):
                self._connection.exec_command(f"mkdir -p {shlex.quote(os.path.dirname(f'{spool}/{path}'))}", sudoable=False)
                self._moving(f"deliver {path}", self._connection.put_file, str(source), f"{spool}/{path}")

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


def owner() -> dict[str, Any]:
    """Whose run this is: the process of ansible-playbook, of which the caller is a child."""
    pid = os.getppid()
    return {"controller": platform.node(), "pid": pid, "started": _started(pid)}


def is_over(other: Mapping[str, Any] | None, heard: float) -> bool:
    """Whether the run that another worker belongs to has ended without a word."""
    if other and other["controller"] == platform.node():
        return _started(other["pid"]) != other["started"]
    return heard > _PATIENCE


def _started(pid: int) -> str | None:
    """When a process began, so that its number is not taken for another one's; None where it is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
