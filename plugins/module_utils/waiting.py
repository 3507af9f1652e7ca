# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts or stops this host's components of a stage and watches what becomes of them, a slice of time after the other.

The controller hands in `work` and asks again with the `memory` it got back, until `done` or `failures`:

    entries       component to catalogue entry, those of this host
    host, address, zookeeper   this host's inventory name, its address for other hosts, the ensemble as host:port
    act           whether to start or stop now (the first slice), or only to watch
    watched       whether another host, or this one, watches the stage as the cluster sees it
    step          whether this host does the components' before_start or before_stop steps
    patience      seconds after which what does not end is killed; None: never
    back          the components here that come back while the others, and what depends on them, went on: their steps are done
    asked         the components here that somebody else, Ambari, has been asked to start
    left          whether what comes before a stop has been done already
    leave         whether the components here are stopped while others of their kind go on: their before_leave steps are done
    afar          on the one host that watches the stage as the cluster sees it: `entries`, `hosts` (component to hosts), `addresses`,
                  `unseen` (hosts that cannot be reached, for which it does not wait), `away` (component to the hosts on which it is
                  stopped, which are not among `hosts`; a stop then lasts until the others have taken over), `minimums` (without
                  those); None on all others
    slice         seconds to watch at most before the controller hears of it
    cut_short     a file that appears when the slice has to end at once, because another host has failed
    memory        from the slice before: `acted`, `began`, `seen`, `answered`, `missing`, `killed`, `gone` (since when no process is left)
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import health, observe, processes, services
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import SESSION_TIMEOUT, Cluster, same_host
from ansible_collections.koverse.runbook.plugins.module_utils.steps import STEPS, StepError
from ansible_collections.koverse.runbook.plugins.module_utils.times import seconds

_FEW_WORDS = 90  # characters of an instance's evidence in a line of progress
_INTERVAL = 0.2  # seconds between two looks, at least
_INTERVAL_OF_STOPS = 0.05  # the same, while nothing but the end of processes is awaited
_SHARE = 0.1  # of a processor that looking may take from the components that are waited for
_LONGEST_PAUSE = 2.0  # seconds between two looks, at most
_SHORTEST_REPORT = 2.0  # seconds before a changed picture is worth a word to the controller
_GRACE = 3.0  # seconds for which a service that was started may be without a process, while its unit hands over

# What `work` says where a host acts by itself, outside of a stage.
BY_ITSELF: dict[str, Any] = {
    "act": True,
    "watched": False,
    "step": False,
    "afar": None,
    "slice": 2.0,
    "cut_short": "/nonexistent",
    "memory": None,
}

Work = Mapping[str, Any]
Rows = observe.Rows


def _processor_time() -> float:
    """Seconds of processor time that this process and the commands it ran have used."""
    return sum(os.times()[:4])


class Run:
    """One slice of work on this host. `result` is what the controller gets."""

    def __init__(
        self,
        work: Work,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        processor_time: Callable[[], float] = _processor_time,
    ) -> None:
        self.work, self.clock, self.sleep, self.processor_time = work, clock, sleep, processor_time
        self.entries: Mapping[str, Any] = work["entries"]
        self.memory: dict[str, Any] = dict(work.get("memory") or {"acted": [], "began": clock(), "seen": [], "answered": [], "missing": {}})
        self.failures: dict[str, str] = {}
        self.near: dict[str, str] = {}
        self.far: dict[str, str] = {}
        self.tservers_left: list[str] = []
        self.steps: list[str] = []
        self.rows: Rows = {}
        self.afar: dict[str, Rows] = {}
        self.done = False

    def result(self) -> dict[str, Any]:
        """The slice's outcome as plain data."""
        since = self.memory["began"]
        words = {name: observe.last_words(self.entries[name], since) for name in self.failures if name in self.entries}
        return {
            "instances": list(self.rows.values()),
            "afar": self.afar,
            "acted": self.memory["acted"],
            "steps": self.steps,
            "failures": self.failures,
            "last_words": {name: lines for name, lines in words.items() if lines},
            "waiting": {**self.near, **self.far},
            "tservers_left": self.tservers_left,
            "done": self.done,
            "memory": self.memory,
        }

    def _cluster(self) -> Cluster:
        return Cluster(self.work["zookeeper"])

    def _look(self, ask: Collection[str] = (), before: Rows | None = None) -> None:
        self.rows = observe.look(self.entries, self.work["host"], self.work["address"], self._cluster(), ask, before or {})

    # ---- starting

    def prepare(self, check_mode: bool = False) -> None:
        """Does what comes once, before any instance starts: a manager that finds the goal state CLEAN_STOP serves nothing."""
        self.done = check_mode or self._do_steps("before_start")

    def start(self, check_mode: bool = False) -> None:
        """Starts what is stopped, then watches until it answers (`afar`: until the whole stage is healthy) or the slice is over."""
        if self.work["act"]:
            self._look()
            chosen = {name: entry for name, entry in self.entries.items() if self.rows[name]["state"] in ("stopped", "failed")}
            if check_mode:
                self.memory["acted"] = list(chosen)
                self.done = True
                return
            self._check_ports(chosen)
            if self.failures or not self._do_steps("before_start"):
                return
            self.failures.update(services.start(chosen))
            asked = [name for name in self.work.get("asked", ()) if name not in chosen]
            self.memory["acted"] = [name for name in [*chosen, *asked] if name not in self.failures]
            self._take_in("on_return")
        self._watch(self._started, _INTERVAL)
        if self.done:
            self._take_in("after_return")
            self._hook("undrain", [name for name in self.memory["acted"] if name not in self.failures])
            self.done = not self.failures

    def _take_in(self, when: str) -> None:
        """The steps for what comes back while others went on."""
        for name in self.memory["acted"]:
            if name in self.work.get("back", ()):
                self._do(name, when)

    def _check_ports(self, chosen: Mapping[str, Any]) -> None:
        held = processes.listeners({port for entry in chosen.values() for port in entry["ports"].values()})
        for name, entry in chosen.items():
            for title, port in entry["ports"].items():
                for holder in held[port]:
                    self.failures[name] = (
                        f"its port {port} ({title}) is held by pid {holder['pid']} ({holder['command']}). "
                        f"Stop that process, or give {name} another port; nothing was started on this host"
                    )

    def _started(self) -> bool:
        """Looks once at what is still awaited; notes failures. True where all is there, seen in one last look at everything."""
        whole = not (self.rows or self.afar)
        return self._all_there(whole) and (whole or self._all_there(whole=True))

    def _all_there(self, whole: bool) -> bool:
        open_here = [name for name in self.entries if whole or name in self.near or self.rows[name]["health"] == "unknown"]
        self._look(open_here, {} if whole else self.rows)
        for name, row in self.rows.items():
            self._note_death(name, row)
            started_here = name in self.memory["acted"]  # such a one has all of its start_timeout
            if row["since"] and not started_here and health.has_no_part(row, self.clock() - seconds(row["since"])):
                self.failures[name] = f"runs since {row['since']}, {row['evidence']}: waiting does not help; recover.yml ends and starts it"
        if self.failures:
            return False
        self.near = {
            name: f"{self.work['host']}: {row['evidence']}"
            for name, row in self.rows.items()
            if row["health"] != "healthy" and not (row["health"] == "unhealthy" and self._judged_afar(name))
        }
        self._look_afar(whole)
        return not self.near and not self.far and not self.failures

    def _judged_afar(self, name: str) -> bool:
        """Whether answering is all that this host waits for: the host that looks from afar judges the component's health."""
        row = self.rows[name]
        return (
            self.work["watched"]
            and row["state"] == "running"
            and not row.get("signalled")
            and not health.without_place(row)  # from afar its predecessor's lock looks like its own
            and self.entries[name]["probe"]["type"] not in observe.LOCAL_PROBES
        )

    def _note_death(self, name: str, row: Mapping[str, Any]) -> None:
        """A component that was started and is no longer there has failed; a unit gets a moment to bring its process."""
        missing = self.memory["missing"]
        if row["state"] == "running":
            missing.pop(name, None)
            if row["pids"] and name not in self.memory["seen"]:
                self.memory["seen"].append(name)
            return
        if row["state"] == "unknown" or row.get("queued"):
            return
        first = missing.setdefault(name, self.clock())
        unit_failed = row["state"] == "failed" and "is not there" not in row["evidence"]
        if unit_failed or name in self.memory["seen"] or self.clock() - first > _GRACE:
            after = self.clock() - self.memory["began"]
            self.failures[name] = f"died {after:.0f} s after the stage's start: {row['evidence']}"

    def _look_afar(self, whole: bool) -> None:
        """On the host that watches from afar: what keeps each component of the stage from being healthy as the cluster sees it."""
        afar = self.work["afar"]
        if afar is None:
            return
        entries = {name: entry for name, entry in afar["entries"].items() if entry["probe"]["type"] not in observe.LOCAL_PROBES}
        asked = {name: entry for name, entry in entries.items() if whole or name in self.far or name not in self.afar}
        self.afar.update(observe.look_from_afar(asked, afar["hosts"], afar["addresses"], self._cluster()))
        self.far = {}
        for name in asked:
            for host, row in self.afar[name].items():
                self._note_silence(name, host, row)
            hosts = [host for host in afar["hosts"][name] if host not in afar["unseen"]]
            problems = health.is_up(name, entries[name]["probe"]["type"], hosts, self.afar[name], afar["minimums"]).problems
            if problems:
                self.far[name] = self._in_words(name, problems)

    def _in_words(self, name: str, problems: Sequence[Mapping[str, Any]]) -> str:
        """Problems in few words: the hosts that do not listen yet together, the others with what they say."""
        silent = [row["host"] for row in problems if row["host"] and self.afar[name][row["host"]].get("refused")]
        said = [f"{', '.join(silent)} not listening yet"] if silent else []
        for row in problems:
            if row["host"] not in silent:
                text = row["text"] if len(row["text"]) <= _FEW_WORDS else f"{row['text'][:_FEW_WORDS]}..."
                said.append(f"{row['host']}: {text}" if row["host"] else text)
        return "; ".join(said)

    def _note_silence(self, name: str, host: str, row: Mapping[str, Any]) -> None:
        """An instance that answered and whose port then refuses connections has died."""
        key = f"{name} {host}"
        answered, missing = self.memory["answered"], self.memory["missing"]
        if row["health"] != "unknown":
            missing.pop(key, None)
            if key not in answered:
                answered.append(key)
        elif key in answered and row.get("refused") and self.clock() - missing.setdefault(key, self.clock()) > 2 * _INTERVAL:
            self.failures[name] = f"died on {host} after it had answered: {row['evidence']}"

    # ---- stopping

    def leave(self, check_mode: bool = False) -> None:
        """Does what comes before a stop, which somebody else then asks for."""
        self._look()
        self.done = check_mode or self._before_a_stop(self._to_be_stopped())

    def _to_be_stopped(self) -> Mapping[str, Any]:
        """What runs, and what its service calls failed while it still has processes."""
        return {name: entry for name, entry in self.entries.items() if self.rows[name]["state"] == "running" or self.rows[name]["pids"]}

    def _before_a_stop(self, chosen: Mapping[str, Any]) -> bool:
        """Whether all could be done that comes before a stop: work given away, data brought to disk."""
        if self.work.get("leave"):
            self._hook("drain", chosen)
        if self.failures or not self._do_steps("before_stop"):
            return False
        self._kill([name for name in chosen if self.rows[name].get("signalled")])
        self._leave({name: entry for name, entry in chosen.items() if not self.rows[name].get("signalled")})
        return not self.failures

    def stop(self, check_mode: bool = False) -> None:
        """Stops what runs, then watches until every process is gone (`afar`: and no tablet server's lock is left)."""
        if self.work["act"]:
            self._look()
            chosen = self._to_be_stopped()
            if check_mode:
                self.memory["acted"] = list(chosen)
                self.done = True
                return
            if not self.work.get("left") and not self._before_a_stop(chosen):
                return
            self.failures.update(self._ask_to_stop(chosen))
            self.memory["acted"] = [name for name in chosen if name not in self.failures]
        self._watch(self._stopped, _INTERVAL_OF_STOPS)

    def _ask_to_stop(self, chosen: Mapping[str, Any]) -> dict[str, str]:
        failures = services.stop({name: self._bounded(entry) for name, entry in chosen.items()})
        return failures if self.work.get("patience") is None else {}  # whatever it said, what is left is killed when the patience is over

    def _bounded(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """The entry with the time that it has to end by itself."""
        patience = self.work.get("patience")
        return entry if patience is None else {**entry, "stop_timeout": patience}

    def _kill(self, names: Collection[str]) -> None:
        """Ends what does not end by itself, where a patience is given. What a signal has stopped could not even be told to end."""
        if self.work.get("patience") is None:
            return
        killed = self.memory.setdefault("killed", [])
        for name in names:
            for pid in set(self.rows[name]["pids"]) - set(killed):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                self.steps.append(f"{name} on {self.work['host']}: killed pid {pid}")

    def _stopped(self) -> bool:
        host = self.work["host"]
        self._look(before=self.rows)
        if self.clock() - self.memory["began"] > (self.work.get("patience") or 0):
            self._kill([name for name, row in self.rows.items() if row["pids"]])
        self.far = {}
        self.near = {
            name: f"{host}: {'pid ' + ', '.join(map(str, row['pids'])) + ' has not ended yet' if row['pids'] else row['evidence']}"
            for name, row in self.rows.items()
            if health.is_down(name, [host], {host: row})
        }
        if self.near:
            return False
        self.memory.setdefault("gone", self.clock())
        if self._locks_left() or not self._taken_over():
            return False
        # A tablet server that stopAll has ended exits with status 1. It ended because it was told to: that is no failure.
        failed = {name: self.entries[name] for name, row in self.rows.items() if row["state"] == "failed"}
        if failed:
            services.forget_failures(failed)
            self._look()
        return True

    def _leave(self, chosen: Mapping[str, Any]) -> None:
        """Lets others take over the work of what is to be stopped. Where that cannot be done it is stopped all the same."""
        for name, entry in chosen.items() if self.work.get("leave") else ():
            for step in entry["before_leave"]:
                try:
                    _changed, text = STEPS[step]({**self._bounded(entry), "address": self.work["address"]}, self._cluster())
                except (StepError, NoAnswer) as error:
                    text = f"the step {step} failed: {error}"
                self.steps.append(f"{name} on {self.work['host']}: {text}")

    def _hook(self, key: str, names: Collection[str]) -> None:
        """Runs a component's drain or undrain; what fails is a failure."""
        for name in names:
            words = services.argv(self.entries[name].get(key) or [])
            filled = [word.replace("{host}", self.work["host"]).replace("{address}", self.work["address"]) for word in words]
            code, output = services.run(filled, self.entries[name]["stop_timeout"]) if filled else (0, "")
            if code != 0:
                self.failures[name] = f"its {key} ended with status {code}: {' / '.join(output.splitlines()[-3:])}"
            elif filled:
                self.steps.append(f"{name} on {self.work['host']}: {key} done")

    def _taken_over(self) -> bool:
        """Whether the cluster is healthy without what is stopped, asked by the host that watches from afar."""
        if not (self.work["afar"] or {}).get("away"):
            return True
        self._look_afar(whole=True)
        return not self.far

    def _locks_left(self) -> bool:
        """Whether a tablet server that is stopped still holds its lock in ZooKeeper, asked by the host that watches from afar."""
        afar = self.work["afar"] or {"entries": {}}
        name = next((name for name, entry in afar["entries"].items() if entry["probe"]["type"] == "accumulo_tserver"), None)
        if name is None:
            return False
        try:
            left = self._cluster().accumulo(afar["entries"][name]["probe"].get("instance"))["tservers"]
        except NoAnswer as error:
            self.failures[name] = f"cannot prove that no tablet server holds a lock: {error}"
            return True
        if afar.get("locks_of") is not None:
            left = [server for server in left if any(same_host(server.rpartition(":")[0], address) for address in afar["locks_of"])]
        if left:
            self.far[name] = f"locks in ZooKeeper: {', '.join(left)}"
        if left and self.clock() - self.memory["gone"] > SESSION_TIMEOUT:
            self.failures[name] = f"{len(left)} tablet servers still hold a lock in ZooKeeper: {', '.join(left)}"
        return bool(left)

    # ---- both

    def _do_steps(self, when: str) -> bool:
        if not self.work["step"]:
            return True
        return all(self._do(name, when) for name in self.entries)

    def _do(self, name: str, when: str) -> bool:
        """A component's steps of one kind; whether all could be done."""
        entry = {**self.entries[name], "address": self.work["address"]}
        for step in entry[when]:
            try:
                changed, text = STEPS[step](entry, self._cluster())
                if step == "accumulo_stop_all":
                    self.tservers_left = self._cluster().accumulo(entry["probe"].get("instance"))["tservers"]
            except (StepError, NoAnswer) as error:
                self.failures[name] = f"the step {step} failed: {error}"
                return False
            if changed:
                self.steps.append(text)
        return True

    def _watch(self, finished: Callable[[], bool], interval: float) -> None:
        """Looks until `finished`, a failure, a picture that is worth a word, or the end of the slice."""
        # Where a stage has a watcher, the controller has no use for what the others see on the way.
        speaks = self.work["afar"] is not None or not self.work["watched"]
        began = self.clock()
        first = None
        while not self.failures:
            used = self.processor_time()
            self.done = finished()
            used = self.processor_time() - used
            passed = self.clock() - began
            picture = self._picture()
            first = first or picture
            if self.done or passed > self.work["slice"] or os.path.exists(self.work["cut_short"]):
                return
            if speaks and picture != first and passed > _SHORTEST_REPORT:
                return
            self.sleep(min(max(interval, used / _SHARE), _LONGEST_PAUSE))

    def _picture(self) -> list[Any]:
        """What of the rows counts as a change."""
        near = [(row["state"], row["health"], row["role"]) for row in self.rows.values()]
        far = [(row["health"], row["role"]) for rows in self.afar.values() for row in rows.values()]
        return near + far
