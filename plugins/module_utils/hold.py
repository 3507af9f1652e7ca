# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a host's components: stops them for some seconds, and starts them again whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import services
from ansible_collections.koverse.runbook.plugins.module_utils.waiting import BY_ITSELF, Run
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError


class Hold:
    """The components that write, on one host."""

    def __init__(self, context: Context, work: Mapping[str, Any], limit: float) -> None:
        """work: this host's part as module_utils/waiting.py takes it. limit: seconds after which they are started at the latest, but for
        what Ambari runs, which only it can start."""
        self.context, self.limit = context, limit
        self._work = {**BY_ITSELF, **work}
        self._timer = threading.Timer(limit, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._began: float | None = None
        self._held = False
        self._expired = False

    def stop(self, ago: float = 0.0) -> None:
        """Stops the components; from now on they are started again when `limit` is over, also when nobody asks for it.

        ago: the seconds since Ambari was asked to stop them, where it was.
        """
        self._began = time.monotonic() - ago
        self._held = True
        if any(entry["backend"] != "ambari" for entry in self._work["entries"].values()):
            self._timer.start()
        with self.context.timed("stop Koverse"):
            problems = self._run("stop", min(self._longest("stop_timeout"), self.limit))
        if problems:
            raise WorkerError(f"not stopped within the {self.limit:g} s of runbook_backup_hold_limit: {problems}")

    def start(self) -> dict[str, Any]:
        """Has them started again: `seconds` from the stop to the start, and whether the limit was over before (`expired`)."""
        self._timer.cancel()
        with self._lock:
            seconds = time.monotonic() - (self._began or time.monotonic())
            if self._held:
                self._start()
            return {"seconds": round(seconds, 2), "expired": self._expired}

    def serving(self) -> float:
        """Waits until they are healthy again; seconds from the stop. Raises WorkerError where they do not come up."""
        with self.context.timed("wait for Koverse"):
            problems = self._run("start", self._longest("start_timeout"))
        if problems:
            raise WorkerError(f"stopped for the backup, and not healthy again: {problems}")
        return round(time.monotonic() - (self._began or time.monotonic()), 2)

    def _expire(self) -> None:
        with self._lock:
            if self._held:
                self._expired = True
                self._start()

    def _start(self) -> None:
        self._held = False
        problems = services.start(self._work["entries"])
        if problems:
            raise WorkerError(f"not started again: {problems}")

    def _longest(self, key: str) -> float:
        return max(float(entry[key]) for entry in self._work["entries"].values())

    def _run(self, verb: str, seconds: float) -> str:
        """Starts or stops with the engine that startup.yml uses, and waits; what is wrong, empty where all is done."""
        end = time.monotonic() + seconds
        memory = None
        while True:
            run = Run({**self._work, "act": memory is None, "memory": memory})
            getattr(run, verb)()
            said = run.result()
            if said["failures"]:
                return "; ".join(f"{name}: {text}" for name, text in said["failures"].items())
            if said["done"]:
                return ""
            if time.monotonic() > end:
                return "; ".join(f"{name}: {text}" for name, text in said["waiting"].items())
            memory = said["memory"]
