# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import copy
import threading
import time
import uuid
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.koverse.runbook.plugins.module_utils.observe import LOCAL_PROBES
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import SILENCE, SLICE, Board, RunbookAction, display, remote
from ansible_collections.koverse.runbook.plugins.plugin_utils.decide import minimums, without

_LOOKOUT = 0.25  # seconds between two glances at whether another host of the stage has failed


class ActionModule(RunbookAction):
    """Acts once, then asks the host again and again, with a line of progress, until all is up or gone, or failed, or too late."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host, stage = task_vars["inventory_hostname"], args.get("stage")
        plan = self.plan_of(stage, task_vars)
        components = stage["hosts"].get(host, []) if stage else args.get("components")
        if host not in plan["addresses"]:
            return {
                "changed": False,
                "acted": [],
                "instances": [],
                "failures": {},
                "last_words": {},
                "steps": [],
                "waited": 0.0,
            }
        work = {
            **self.work_for(plan, host, components),
            "act": True,
            "watched": bool(stage),
            "step": stage["stepper"] == host if stage else True,
            "asked": [name for name in (stage or {}).get("absent", {}).get(host, []) if plan["components"][name]["backend"] == "ambari"],
            "left": bool(stage and plan["ambari"]),
            "leave": bool(stage and stage.get("away")),
            "patience": (stage or {}).get("patience"),
            "back": (stage or {}).get("back", []),
            "afar": self._afar(plan, stage) if stage and stage["watcher"] == host else None,
            "slice": SLICE,
            "cut_short": f"{self.get_shell_option('system_tmpdirs')[0]}/runbook-{uuid.uuid4()}",
            "memory": None,
        }
        self._board = Board(f"{stage['name']}-{stage['goal']}" if stage else self._task._uuid)
        self._name = stage["name"] if stage else host
        key = "stop_timeout" if args["state"] == "stopped" else "start_timeout"
        limits = {name: entry[key] for name, entry in {**work["entries"], **((work["afar"] or {}).get("entries", {}))}.items()}
        self._began = self._spoke = time.monotonic()
        # In a stage its watcher speaks for all, but for what only a host itself can see.
        self._speaks = work["afar"] is not None or not work["watched"]
        self._text = f"waiting for {', '.join(sorted(limits))}" if self._speaks else ""
        return self._until_done(args, task_vars, work, limits)

    @staticmethod
    def _afar(plan: dict[str, Any], stage: dict[str, Any]) -> dict[str, Any]:
        unseen, away = stage.get("unseen", []), stage.get("away")
        names = list(dict.fromkeys([*stage["components"], *stage.get("judges", [])]))
        return {
            "entries": {name: remote(plan["components"][name]) for name in names},
            "hosts": {name: [host for host in plan["instances"][name] if host not in (away or {}).get(name, [])] for name in names},
            "addresses": plan["addresses"],
            "unseen": unseen,
            "away": away,
            "locks_of": None if away is None else [plan["addresses"][host] for host in stage["hosts"]],
            "minimums": without(plan, stage.get("needed") or minimums(plan), unseen, away or {}),
        }

    def _until_done(self, args: dict[str, Any], task_vars: dict[str, Any], work: dict[str, Any], limits: dict[str, int]) -> dict[str, Any]:
        steps: list[str] = []
        while True:
            result = self._slice(args["state"], task_vars, work)
            if "memory" not in result:
                self._board.write(work["host"], failed=True)
                return result
            steps += result["steps"]
            passed = time.monotonic() - self._began
            self._give_up(result, limits, passed, args["state"])
            self._board.write(work["host"], failed=bool(result["failures"]))
            self._text = self._progress(result, work)
            self._say()
            if result["done"] or result["failures"] or self._failed_elsewhere(work["host"]):
                break
            work.update(act=False, memory=result["memory"])
        for key in ("memory", "waiting", "done"):
            result.pop(key, None)
        result.update(steps=steps, waited=round(passed, 1), changed=bool(result["acted"] or steps))
        return result

    def _slice(self, state: str, task_vars: dict[str, Any], work: dict[str, Any]) -> dict[str, Any]:
        """A slice of the host's watch."""
        over = threading.Event()
        lookout = threading.Thread(target=self._look_out, args=(work, over))
        lookout.start()
        try:
            return self._execute_module("koverse.runbook.component", module_args={"state": state, "work": work}, task_vars=task_vars)
        finally:
            over.set()
            lookout.join()

    def _say(self) -> None:
        """A line of progress, if there is something to wait for that this host speaks of."""
        self._spoke = time.monotonic()
        if self._text:
            display.display(f"    {self._name}, {self._spoke - self._began:.0f} s: {self._text}")

    def _look_out(self, work: dict[str, Any], over: threading.Event) -> None:
        """During a slice: breaks a long silence. Where another host of the stage fails, it tells this one to come back at once, with a
        file that the host looks out for."""
        while not over.wait(_LOOKOUT):
            if time.monotonic() - self._spoke > SILENCE:
                self._say()
            if self._failed_elsewhere(work["host"]):
                connection = copy.copy(self._connection)  # the other thread is waiting for an answer on this one
                with contextlib.suppress(AnsibleError):  # the slice then takes its whole time
                    connection.exec_command(f"touch {work['cut_short']}", sudoable=False)
                    over.wait()
                    connection.exec_command(f"rm -f {work['cut_short']}", sudoable=False)
                return

    def _failed_elsewhere(self, host: str) -> bool:
        return any(other != host for other in self._board.failed())

    def _progress(self, result: dict[str, Any], work: dict[str, Any]) -> str:
        """What is up and what is awaited."""
        waiting = result["waiting"]
        if not self._speaks:
            waiting = {name: why for name, why in waiting.items() if work["entries"][name]["probe"]["type"] in LOCAL_PROBES}
        up = [f"{name} {sum(row['health'] == 'healthy' for row in rows.values())}/{len(rows)}" for name, rows in result["afar"].items()]
        awaited = [f"{name} ({why})" for name, why in sorted(waiting.items())]
        return "; ".join(([f"up {', '.join(up)}"] if up else []) + [f"waiting for {', '.join(awaited)}"]) if awaited else ""

    @staticmethod
    def _give_up(result: dict[str, Any], limits: dict[str, int], passed: float, goal: str) -> None:
        """Turns what is awaited beyond its time limit into a failure that says what was last seen."""
        if result["done"]:
            return
        for name, why in result["waiting"].items():
            if passed > limits.get(name, 0):
                result["failures"][name] = f"not {'up' if goal == 'started' else 'gone'} after {limits[name]} s; last seen: {why}"
