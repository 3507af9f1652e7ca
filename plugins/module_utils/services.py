# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to drive a service on a host: systemd, an init script, a pair of commands.

Every backend answers for many services at once::

    status(entries)  -> {name: {"unit": "running" | "stopped" | "failed" | "unknown" | None, "text": "...", "pids": [1], "since": 1.0}}
    start(entries), stop(entries) -> {name: "why it could not be asked"}, empty where all were asked

and comes back without waiting for the service to be up or down: what became of it is seen by asking for its status.
An entry is a component's catalogue entry; `unit` is None where only its processes tell whether it runs; `since` (seconds since 1970) and
`pids` may be missing. Commands are run with subprocess, not with AnsibleModule.run_command: several at once, each with a time limit, and
without a module in the unit tests.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import processes

Entry = Mapping[str, Any]
Status = dict[str, Any]

_PROPERTIES = "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,MainPID,ControlGroup,Job,FragmentPath"
_LONG_ENOUGH = 30  # seconds in which a status command has to answer


def has_systemd() -> bool:
    """Whether systemd runs this host (the test that sd_booted(3) makes)."""
    return os.path.isdir("/run/systemd/system")


def backend_of(entry: Entry) -> Any:
    """The backend for an entry. systemd also drives init scripts where it runs the host, as `service` itself does there."""
    if entry["backend"] == "command":
        return Command
    if entry["backend"] == "ambari":
        return Ambari
    if entry["backend"] == "init" and not has_systemd():
        return Init
    return Systemd


def _each_backend(entries: Mapping[str, Entry], verb: str) -> dict[str, Any]:
    groups: dict[Any, dict[str, Entry]] = {}
    for name, entry in entries.items():
        groups.setdefault(backend_of(entry), {})[name] = entry
    answers: dict[str, Any] = {}
    for backend, members in groups.items():
        answers.update(getattr(backend, verb)(members))
    return answers


def status(entries: Mapping[str, Entry]) -> dict[str, Status]:
    """What each service's backend says of it."""
    return _each_backend(entries, "status")


def start(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Asks for a start of every service at once; those that could not even be asked, with the reason."""
    return _each_backend(entries, "start")


def stop(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Asks for a stop of every service at once; those that could not even be asked, with the reason."""
    return _each_backend(entries, "stop")


def forget_failures(entries: Mapping[str, Entry]) -> None:
    """Lets services that ended with an error, but were meant to end, count as stopped. Only systemd remembers failures."""
    units = [unit(entry) for entry in entries.values() if backend_of(entry) is Systemd]
    if units:
        run(["systemctl", "reset-failed", *units])


def run(words: list[str], timeout: float = _LONG_ENOUGH, stdin: str = "") -> tuple[int, str]:
    """Exit status and output of a command; 124 where it took longer than `timeout` seconds, 127 where it is not there."""
    try:
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        return 127, f"'{shlex.join(words)}' cannot be run: {error.strerror}"
    with process:
        try:
            output, _nothing = process.communicate(stdin.encode(), timeout)
        except subprocess.TimeoutExpired:
            # runuser forks: its child is in the same session and has to go, too.
            os.killpg(process.pid, signal.SIGKILL)
            return 124, f"'{shlex.join(words)}' did not end within {timeout:g} s"
    return process.returncode, output.decode("utf-8", "replace").strip()


def argv(command: str | Sequence[Any]) -> list[str]:
    """A command of the catalogue, text as a shell would split it or a list, as words."""
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]


class Systemd:
    """Units, and init scripts as the units that systemd makes of them."""

    @staticmethod
    def status(entries: Mapping[str, Entry]) -> dict[str, Status]:
        units = {name: unit(entry) for name, entry in entries.items()}
        code, output = run(["systemctl", "show", "--property", _PROPERTIES, *units.values()])
        if code != 0 or "LoadState=" not in output:
            return {name: {"unit": "unknown", "text": f"systemctl show: {output or code}"} for name in entries}
        blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n")]
        return {name: Systemd.read(block) for name, block in zip(units, blocks)}

    @staticmethod
    def read(properties: Mapping[str, str]) -> Status:
        """One block of `systemctl show` as a status."""
        unit_name, active = properties["Id"], properties.get("ActiveState", "")
        load = properties.get("LoadState", "")
        if load not in ("loaded", "generated"):
            return {
                "unit": "unknown",
                "text": f"there is no unit {unit_name}" if load == "not-found" else f"{unit_name} is {load}",
            }
        pids = processes.in_cgroup(properties["ControlGroup"]) if properties.get("ControlGroup") else []
        answer: Status = {
            "pids": pids,
            "text": f"{unit_name} is {active}",
            "queued": properties.get("Job", "0") not in ("", "0"),
        }
        if active == "failed":
            status = properties.get("ExecMainStatus", "0")
            exited = f", exit status {status}" if properties.get("Result") == "exit-code" else ""
            answer.update(unit="failed", text=f"{unit_name} failed ({properties.get('Result', '')}{exited})")
        elif properties.get("SubState", "").startswith("auto-restart"):
            answer.update(unit="failed", text=f"{unit_name} ended and is restarted by systemd again and again")
        elif active in ("active", "reloading", "activating", "deactivating", "refreshing"):
            answer["unit"] = "running"
        else:
            answer["unit"] = "stopped" if active == "inactive" else "unknown"
        return answer

    @staticmethod
    def start(entries: Mapping[str, Entry]) -> dict[str, str]:
        # A unit whose process is gone but which still counts as active (an init script's, a wrapper's) ignores a start.
        states = Systemd.status(entries)
        problems = {}
        for verb in ("start", "restart"):
            chosen = {name: e for name, e in entries.items() if (states[name]["unit"] == "running") == (verb == "restart")}
            if chosen:
                problems.update(Systemd._ask([verb], chosen))
        return problems

    @staticmethod
    def stop(entries: Mapping[str, Entry]) -> dict[str, str]:
        return Systemd._ask(["stop"], entries)

    @staticmethod
    def _ask(words: list[str], entries: Mapping[str, Entry]) -> dict[str, str]:
        code, output = run(["systemctl", *words, "--no-block", *(unit(entry) for entry in entries.values())])
        if code == 0:
            return {}
        # One bad unit must not keep the others from being asked: say which one it is.
        if len(entries) == 1:
            return dict.fromkeys(entries, output)
        problems: dict[str, str] = {}
        for name, entry in entries.items():
            problems.update(Systemd._ask(words, {name: entry}))
        return problems


def unit(entry: Entry) -> str:
    """A service's unit name with its suffix."""
    name = str(entry["service"])
    return name if name.endswith((".service", ".target")) else f"{name}.service"


def journal(entry: Entry, *words: str) -> tuple[int, str] | None:
    """Exit status and output of journalctl, with these words, for a service's unit; None where there is no service or no systemd."""
    if not entry.get("service") or not has_systemd():
        return None
    name = unit(entry)
    instances = f"{name.rpartition('.')[0]}@*"  # Debian's PostgreSQL is a unit for each cluster
    return run(["journalctl", "--quiet", "--no-pager", *words, "-u", name, "-u", instances])


class Ambari:
    """What Ambari starts and stops is asked for by the controller, once for all hosts (see playbooks/tasks/ambari_*).

    A stop reaches only what has to end without Ambari: its process is told to.
    """

    @staticmethod
    def status(entries: Mapping[str, Entry]) -> dict[str, Status]:
        return {name: {"unit": None, "text": "no process; Ambari starts it"} for name in entries}

    @staticmethod
    def start(_entries: Mapping[str, Entry]) -> dict[str, str]:
        return {}

    @staticmethod
    def stop(entries: Mapping[str, Entry]) -> dict[str, str]:
        for found in processes.find(entries).values():
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process["pid"], signal.SIGTERM)
        return {}


class Command:
    """A component driven by the commands `start`, `stop` and `status` of its entry; exit statuses as LSB init scripts have them."""

    @staticmethod
    def words(entry: Entry, verb: str) -> list[str]:
        return argv(entry["commands"][verb])

    @classmethod
    def status(cls, entries: Mapping[str, Entry]) -> dict[str, Status]:
        return {name: read_lsb(cls.words(entry, "status")) for name, entry in entries.items()}

    @classmethod
    def start(cls, entries: Mapping[str, Entry]) -> dict[str, str]:
        return cls._together(entries, "start")

    @classmethod
    def stop(cls, entries: Mapping[str, Entry]) -> dict[str, str]:
        return cls._together(entries, "stop")

    @classmethod
    def _together(cls, entries: Mapping[str, Entry], verb: str) -> dict[str, str]:
        """Runs every entry's command at the same time, each for at most the entry's own time limit."""
        running = {}
        problems = {}
        for name, entry in entries.items():
            try:
                running[name] = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    cls.words(entry, verb),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                problems[name] = f"'{shlex.join(cls.words(entry, verb))}' cannot be run: {error.strerror}"
        for name, process in running.items():
            words = shlex.join(cls.words(entries[name], verb))
            try:
                code = process.wait(entries[name][f"{verb}_timeout"])
            except subprocess.TimeoutExpired:
                problems[name] = f"'{words}' did not end within {entries[name][f'{verb}_timeout']} s"
                continue
            if code != 0:
                problems[name] = f"'{words}' ended with status {code}"
        return problems


class Init(Command):
    """An init script on a host without systemd."""

    @staticmethod
    def words(entry: Entry, verb: str) -> list[str]:
        return ["service", str(entry["service"]), verb]


def read_lsb(words: list[str]) -> Status:
    """A status command's exit status in the meaning of LSB: 0 running, 1 and 2 dead, 3 stopped, else unknown."""
    code, output = run(words)
    said = output.splitlines()[-1] if output else f"'{shlex.join(words)}' ended with status {code}"
    return {"unit": {0: "running", 1: "failed", 2: "failed", 3: "stopped"}.get(code, "unknown"), "text": said}
