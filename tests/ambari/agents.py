# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for Ambari's agents: simulated components, or commands that really start and stop something."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping

from ansible_collections.koverse.runbook.tests.ambari.clock import Clock

STARTED, INSTALLED = "STARTED", "INSTALLED"
Result = tuple[bool, str, str]  # did it succeed, stdout, stderr


@dataclasses.dataclass(frozen=True)
class Job:
    """One task for one agent; `command` is START, STOP, INSTALL, RESTART, SERVICE_CHECK or the name of a custom command."""

    task: int
    host: str
    component: str
    command: str


class Agents:
    """Base: says that everything succeeded, and knows no states. Override `execute` and `states`; both may block, nothing is locked
    meanwhile.

    An agent takes its tasks one after the other, as Ambari's does (parallel_execution=0); `parallel` lets it take all tasks of a stage at
    once.
    """

    parallel = False
    status_interval = 10.0  # seconds between two looks of an agent at its components; what has changed is reported

    def execute(self, host: str, component: str, command: str) -> Result:
        return True, "", ""

    def states(self, _host: str, components: Iterable[str]) -> dict[str, str | None]:
        """STARTED, INSTALLED, or None if it cannot be told: then nothing is reported."""
        return dict.fromkeys(components)

    def pickup(self, job: Job, now: float) -> float:
        """Seconds until an idle agent begins a task that was queued for it."""
        return 0.0

    def run(self, job: Job, clock: Clock, done: Callable[[Result], None]) -> None:
        """Begin; call `done` at the end."""
        threading.Thread(
            target=lambda: done(self.execute(job.host, job.component, job.command)), daemon=True, name=f"agent {job.host}"
        ).start()

    def look(self, host: str, components: Iterable[str], told: Callable[[dict[str, str | None]], None]) -> None:
        """Ask for the states of a host's components; call `told` with them."""
        names = list(components)
        threading.Thread(target=lambda: told(self.states(host, names)), daemon=True, name=f"status {host}").start()

    def cancel(self, job: Job) -> None:
        """The server aborted the task: end what is still being done for it."""


class SimulatedAgents(Agents):
    """Components that run because they were started. Durations and failures are given; everything happens on the clock, without threads."""

    def __init__(self, seconds: float = 0.5, pickup: float = 0.1) -> None:
        self.seconds = seconds
        self.pickup_delay = pickup
        self.warning = ""  # stderr of what succeeds
        self.running: set[tuple[str, str]] = set()
        self.moments: dict[int, tuple[float, float]] = {}  # task: when it begins and ends, instead of the durations
        self._rules: list[tuple[str | None, str | None, str | None, float]] = []
        self._failures: list[dict[str, object]] = []
        self._cancelled: set[int] = set()

    def takes(self, seconds: float, component: str | None = None, host: str | None = None, command: str | None = None) -> None:
        """From now on; None matches all. The latest rule that matches counts."""
        self._rules.insert(0, (component, host, command, seconds))

    def fail(
        self, component: str, host: str | None = None, command: str = "START", stderr: str = "failed", times: int | None = None
    ) -> None:
        """The command fails with `stderr`, `times` times or (None) always. A failing START or RESTART leaves the component stopped."""
        self._failures.append({"component": component, "host": host, "command": command, "stderr": stderr, "times": times})

    def heal(self) -> None:
        """Forget all durations and failures."""
        self._rules.clear()
        self._failures.clear()

    def kill(self, host: str, component: str) -> None:
        """A process dies; the agent's next look finds out."""
        self.running.discard((host, component))

    def states(self, host: str, components: Iterable[str]) -> dict[str, str | None]:
        return {name: STARTED if (host, name) in self.running else INSTALLED for name in components}

    def pickup(self, job: Job, now: float) -> float:
        return max(0.0, self.moments[job.task][0] - now) if job.task in self.moments else self.pickup_delay

    def run(self, job: Job, clock: Clock, done: Callable[[Result], None]) -> None:
        if job.command == "RESTART":
            self.kill(job.host, job.component)
        end = self.moments[job.task][1] if job.task in self.moments else clock.now() + self._duration(job)
        clock.at(end, lambda: self._end(job, done))

    def _end(self, job: Job, done: Callable[[Result], None]) -> None:
        if job.task in self._cancelled:
            return
        stderr = self._failure(job)
        if stderr is None and job.command in ("START", "RESTART"):
            self.running.add((job.host, job.component))
        if stderr is None and job.command == "STOP":
            self.kill(job.host, job.component)
        done((stderr is None, f"{job.command} of {job.component} on {job.host}\n", self.warning if stderr is None else stderr))

    def look(self, host: str, components: Iterable[str], told: Callable[[dict[str, str | None]], None]) -> None:
        told(self.states(host, components))

    def cancel(self, job: Job) -> None:
        self._cancelled.add(job.task)

    def _duration(self, job: Job) -> float:
        wanted = (job.component, job.host, job.command)
        for *rule, seconds in self._rules:
            if all(part in (None, value) for part, value in zip(rule, wanted, strict=True)):
                return seconds
        return self.seconds

    def _failure(self, job: Job) -> str | None:
        for failure in self._failures:
            if failure["component"] == job.component and failure["command"] == job.command and failure["host"] in (None, job.host):
                if isinstance(failure["times"], int):
                    failure["times"] -= 1
                    if failure["times"] == 0:
                        self._failures.remove(failure)
                return str(failure["stderr"])
        return None


class CommandAgents(Agents):
    """Runs a shell command for each host and component.

    `commands` has templates for `start`, `stop` and `status`, and optionally `restart` (otherwise stop, then start) and `check`;
    `{host}`, `{component}` and `{unit}` are replaced, quoted for the shell. `units` names a component's unit; without an entry it is the
    component's name in lower case. A component without a template for a command (a client, say) succeeds at it. `status` is for all
    `{units}` of a host at once, and writes a line for each, as `systemctl is-active` does: `active` is STARTED, all else INSTALLED;
    where it writes another number of lines (ssh could not connect) nothing is told.
    """

    def __init__(
        self, commands: Mapping[str, str], units: Mapping[str, str] | None = None, parallel: bool = False, timeout: float = 600.0
    ) -> None:
        self.commands = dict(commands)
        self.units = dict(units or {})
        self.parallel = parallel
        self.timeout = timeout
        self._running: dict[tuple[str, str], subprocess.Popen[str]] = {}

    def execute(self, host: str, component: str, command: str) -> Result:
        if command == "RESTART" and "restart" not in self.commands:
            stopped = self.execute(host, component, "STOP")
            started = self.execute(host, component, "START") if stopped[0] else stopped
            return started if not stopped[0] else (started[0], stopped[1] + started[1], stopped[2] + started[2])
        template = self.commands.get({"SERVICE_CHECK": "check"}.get(command, command.lower()))
        if template is None:
            return True, "", ""
        code, stdout, stderr = self._run(template, host, [component], component)
        return code == 0, stdout, stderr

    def states(self, host: str, components: Iterable[str]) -> dict[str, str | None]:
        names = list(components)
        lines = self._run(self.commands["status"], host, names, "")[1].split() if "status" in self.commands else []
        if len(lines) != len(names):
            return dict.fromkeys(names)
        return {name: STARTED if line == "active" else INSTALLED for name, line in zip(names, lines, strict=True)}

    def cancel(self, job: Job) -> None:
        process = self._running.get((job.host, job.component))
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)

    def _run(self, template: str, host: str, components: Iterable[str], key: str) -> tuple[int, str, str]:
        units = " ".join(shlex.quote(self.units.get(name, name.lower())) for name in components)
        line = template.format(host=shlex.quote(host), component=shlex.quote(key), unit=units, units=units)
        process = subprocess.Popen(
            ["sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._running[host, key] = process
        try:
            stdout, stderr = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            stderr += f"Python script has been killed due to timeout after waiting {self.timeout:g} secs\n"
        finally:
            self._running.pop((host, key), None)
        return process.returncode, stdout, stderr
