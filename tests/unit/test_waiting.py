# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and watching, with a clock that jumps and a host whose future is written down."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import observe, processes, services, waiting
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso
from ansible_collections.koverse.runbook.plugins.module_utils.waiting import Run
from ansible_collections.koverse.runbook.tests.unit.cluster import row, stopped

Story = Callable[[float], dict[str, Any]]


class Host:
    """A host whose instances are functions of time; it keeps what was done to it, what was asked, and how long it was left alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        self.now = 100.0
        self.used = 0.0
        self.cost = 0.0
        self.file = file
        self.cut_short_at: float | None = None
        self.instances: dict[str, Story] = {}
        self.afar: dict[str, dict[str, Story]] = {}
        self.calls: list[tuple[str, Any]] = []
        self.afresh: list[bool] = []
        self.naps: list[float] = []
        self.refuses: dict[str, str] = {}
        self.held: dict[int, list[dict[str, Any]]] = {}
        monkeypatch.setattr(observe, "look", self._look)
        monkeypatch.setattr(observe, "look_from_afar", self._look_from_afar)
        monkeypatch.setattr(observe, "last_words", lambda entry, since: [f"{entry['name']} since {since - 100:g}"])
        monkeypatch.setattr(services, "forget_failures", lambda entries: self.calls.append(("forget", sorted(entries))))
        monkeypatch.setattr(services, "start", lambda entries: self._act("start", entries))
        monkeypatch.setattr(services, "stop", lambda entries: self._act("stop", entries))
        monkeypatch.setattr(processes, "listeners", lambda ports: {port: self.held.get(port, []) for port in ports})

    def _act(self, verb: str, entries: dict[str, Any]) -> dict[str, str]:
        self.calls.append((verb, sorted(entries)))
        return {name: why for name, why in self.refuses.items() if name in entries}

    def _look(
        self, entries: Mapping[str, Any], host: str, address: str, _cluster: Any, ask: Collection[str], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (host, address) == ("n1", "10.0.0.1")
        self.calls.append(("look", tuple(ask)))
        self.afresh.append(not before)
        self.used += self.cost
        return {name: self._seen(name, name in ask, before.get(name)) for name in entries}

    def _seen(self, name: str, asked: bool, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """An instance as observe.look finds it: what is not asked keeps its earlier answer while its process is the same."""
        instance = self.instances[name](self.passed)
        if asked or instance["state"] != "running" or instance.get("signalled"):
            return instance
        if before and before["state"] == "running" and before["pids"] == instance["pids"] != [] and not before.get("signalled"):
            return dict(before)
        return {**instance, "health": "unknown", "role": None, "evidence": f"{name}.service is active"}

    def _look_from_afar(self, entries: Mapping[str, Any], hosts: dict[str, list[str]], *_rest: Any) -> dict[str, Any]:
        self.calls.append(("afar", tuple(entries)))
        self.used += self.cost
        return {name: {host: self.afar[name][host](self.passed) for host in hosts[name]} for name in entries}

    @property
    def passed(self) -> float:
        """Seconds since the test began."""
        return self.now - 100.0

    def sleep(self, seconds: float) -> None:
        """The clock jumps."""
        self.naps.append(seconds)
        self.now += seconds
        if self.cut_short_at is not None and self.passed >= self.cut_short_at:
            self.file.touch()

    def acts(self) -> list[tuple[str, Any]]:
        """What was done, without the looks."""
        return [call for call in self.calls if call[0] not in ("look", "afar")]

    def asked(self, where: str = "look") -> list[tuple[str, ...]]:
        """Whose probes were asked, look by look; without those that were like the one before."""
        looks = [names for call, names in self.calls if call == where]
        return [names for at, names in enumerate(looks) if at == 0 or looks[at - 1] != names]

    def work(self, *names: str, probe: str = "tcp", **changes: Any) -> dict[str, Any]:
        """Work for this host with these components."""
        entries = {name: {"name": name, "ports": {}, "probe": {"type": probe}, "before_start": [], "before_stop": []} for name in names}
        plain = {
            "entries": entries,
            "host": "n1",
            "address": "10.0.0.1",
            "zookeeper": [],
            "act": True,
            "step": False,
            "watched": True,
            "afar": None,
            "slice": 3,
            "cut_short": str(self.file),
            "memory": None,
        }
        return {**plain, **changes}

    def run(self, work: dict[str, Any], goal: str = "start", check_mode: bool = False) -> Run:
        """One slice."""
        run = Run(work, lambda: self.now, self.sleep, lambda: self.used)
        getattr(run, goal)(check_mode)
        return run

    def watch(self, work: dict[str, Any], goal: str = "start", limit: float = 120.0) -> Run:
        """Slice after slice, as the controller asks, until done or failed."""
        run = self.run(work, goal)
        while not run.done and not run.failures and self.passed < limit:
            run = self.run({**work, "act": False, "memory": run.result()["memory"]}, goal)
        return run


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """A host with a future."""
    return Host(monkeypatch, tmp_path / "cut_short")


def story(*chapters: tuple[float, dict[str, Any]]) -> Story:
    """An instance that changes at these seconds."""
    return lambda passed: dict([instance for since, instance in chapters if since <= passed][-1])


def always(instance: dict[str, Any]) -> Story:
    """An instance that never changes."""
    return story((0, instance))


UP = row("a", "n1")
DOWN = stopped("a", "n1", evidence="a is inactive")
FAILED = stopped("a", "n1", state="failed", evidence="a.service failed (signal)")
WITHOUT_PROCESS = stopped("a", "n1", state="failed", evidence="a.service is active, but its process is not there")
COMING = row("a", "n1", health="unknown", evidence="nobody listens on n1:1")
SICK = row("a", "n1", health="unhealthy", evidence="safe mode is on")
UNKNOWN = row("a", "n1", state="unknown", health="unknown", evidence="there is no unit a.service", pids=[])


# ---- starting


def test_what_is_down_is_started_and_awaited(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (2, UP)), "b": always(UP)}
    run = host.watch(host.work("a", "b"))
    assert host.acts() == [("start", ["a"])]
    assert (run.done, run.failures, run.result()["waiting"]) == (True, {}, {})
    assert 2 <= host.passed < 2.5
    result = run.result()
    assert result["acted"] == ["a"]
    assert [instance["health"] for instance in result["instances"]] == ["healthy", "healthy"]


def test_nothing_is_started_where_all_runs(host: Host) -> None:
    host.instances = {"a": always(UP)}
    run = host.run(host.work("a"))
    assert host.acts() == [("start", [])]
    assert (run.done, run.result()["acted"], host.passed) == (True, [], 0)


@pytest.mark.parametrize("before", [DOWN, FAILED, WITHOUT_PROCESS])
def test_what_has_failed_is_started_too(host: Host, before: dict[str, Any]) -> None:
    host.instances = {"a": story((0, before), (0.1, UP))}
    host.watch(host.work("a"))
    assert host.acts() == [("start", ["a"])]


def test_nothing_is_started_on_the_strength_of_an_unknown_state(host: Host) -> None:
    host.instances = {"a": always(UNKNOWN)}
    run = host.run(host.work("a"))
    assert host.acts() == [("start", [])]
    assert (run.done, run.failures) == (False, {})
    assert run.result()["waiting"] == {"a": "n1: there is no unit a.service"}


def test_check_mode_says_what_would_be_started_and_touches_nothing(host: Host) -> None:
    host.instances = {"a": always(DOWN), "b": always(UP), "c": always(UNKNOWN)}
    host.held = {1: [{"pid": 9, "command": "nc"}]}
    run = host.run(host.work("a", "b", "c", step=True), check_mode=True)
    assert host.acts() == []
    assert (run.done, run.result()["acted"]) == (True, ["a"])


def test_a_slice_that_only_watches_starts_nothing(host: Host) -> None:
    host.instances = {"a": always(DOWN)}
    memory = {"acted": ["a"], "began": 100.0, "seen": [], "answered": [], "missing": {}}
    run = host.run(host.work("a", act=False, memory=memory))
    assert host.acts() == []
    assert run.result()["acted"] == ["a"]


def test_a_service_that_cannot_be_asked_has_failed(host: Host) -> None:
    host.instances = {"a": always(DOWN), "b": always(DOWN)}
    host.refuses = {"a": "Unit a.service is masked."}
    run = host.run(host.work("a", "b"))
    assert run.failures == {"a": "Unit a.service is masked."}
    assert run.result()["acted"] == ["b"]
    assert (run.done, host.passed) == (False, 0)


def test_a_slice_ends_after_its_time(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    run = host.run(host.work("a", slice=5))
    assert (run.done, run.failures) == (False, {})
    assert 5 < host.passed < 5.5
    assert run.result()["waiting"] == {"a": "n1: nobody listens on n1:1"}


def test_a_changed_picture_ends_a_slice_early(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING)), "b": story((0, COMING), (0.5, UP))}
    host.run(host.work("a", "b", slice=60, watched=False))
    assert 2 < host.passed < 2.5


def test_a_changed_role_is_a_changed_picture(host: Host) -> None:
    host.instances = {"a": story((0, row("a", "n1", health="unknown")), (3, row("a", "n1", health="unknown", role="standby")))}
    host.run(host.work("a", slice=60, watched=False))
    assert 3 <= host.passed < 3.5


def test_a_picture_that_changes_afar_ends_the_watchers_slice_early(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": story((0, COMING), (4, UP)), "n2": always(COMING)}}
    host.run(host.work("a", slice=60, afar=afar()))
    assert 4 <= host.passed < 4.5


def test_a_picture_that_changes_near_the_watcher_ends_its_slice_early(host: Host) -> None:
    host.instances = {"a": story((0, COMING), (4, UP))}
    host.afar = {"a": {"n1": always(COMING), "n2": always(COMING)}}
    host.run(host.work("a", slice=60, afar=afar()))
    assert 4 <= host.passed < 4.5


@pytest.mark.parametrize("goal", ["start", "stop"])
def test_a_changed_picture_is_no_news_where_another_host_watches(host: Host, goal: str) -> None:
    host.instances = {"a": story((0, UP), (0.1, COMING), (5, stopped("a", "n1", state="unknown"))), "b": always(COMING)}
    run = host.run(host.work("a", "b", slice=20), goal)
    assert (run.done, run.failures) == (False, {})
    assert 20 < host.passed < 20.5


def test_a_picture_that_stays_as_it_is_is_no_news(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.run(host.work("a", slice=20, watched=False))
    assert 20 < host.passed < 20.5


@pytest.mark.parametrize("goal", ["start", "stop"])
@pytest.mark.parametrize("watches", [True, False])
def test_a_slice_that_is_cut_short_ends_at_once(host: Host, goal: str, watches: bool) -> None:
    host.instances = {"a": always(COMING)}
    host.afar = {"a": {"n1": always(COMING), "n2": always(COMING)}}
    host.cut_short_at = 4
    run = host.run(host.work("a", slice=60, afar=afar() if watches else None), goal)
    assert (run.done, run.failures) == (False, {})
    assert list(run.result()["waiting"]) == ["a"]
    assert 4 <= host.passed < 4.5


def test_a_slice_that_is_cut_short_from_the_beginning_still_acts_and_looks(host: Host) -> None:
    host.instances = {"a": story((0, DOWN))}
    host.file.touch()
    run = host.run(host.work("a"))
    assert (host.acts(), run.result()["acted"], host.passed) == ([("start", ["a"])], ["a"], 0)
    assert run.result()["waiting"] == {"a": "n1: a is inactive"}


def test_what_is_there_when_the_slice_is_cut_short_is_there(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.file.touch()
    assert host.run(host.work("a")).done


# ---- looks that take little from what they wait for


def test_only_what_is_awaited_is_asked_again_until_one_last_look_at_everything(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (2, UP)), "b": always(UP)}
    assert host.run(host.work("a", "b")).done
    assert host.asked() == [(), ("b",), ("a",), ("a", "b")]
    assert 2 <= host.passed < 2.5


def test_the_last_look_takes_nothing_from_the_looks_before(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (2, UP)), "b": always(UP)}
    host.run(host.work("a", "b"))
    assert (host.afresh[0], host.afresh[-1], set(host.afresh[1:-1])) == (True, True, {False})


def test_a_slice_begins_with_a_look_at_everything(host: Host) -> None:
    host.instances = {"a": always(COMING), "b": always(UP)}
    memory = host.run(host.work("a", "b")).result()["memory"]
    host.calls.clear()
    host.afresh.clear()
    host.run(host.work("a", "b", act=False, memory=memory))
    assert host.asked() == [("a", "b"), ("a",)]
    assert host.afresh[:2] == [True, False]


def test_what_is_all_there_at_the_first_look_at_everything_is_looked_at_once(host: Host) -> None:
    host.instances = {"a": always(UP)}
    assert host.run(host.work("a", act=False)).done
    assert host.calls == [("look", ("a",))]


def test_what_is_no_longer_healthy_at_the_last_look_is_awaited_again(host: Host) -> None:
    host.instances = {"a": story((0, COMING), (2, UP)), "b": story((0, UP), (1, SICK), (5, UP))}
    run = host.run(host.work("a", "b", slice=60, watched=False))
    assert (run.done, run.result()["waiting"]) == (False, {"b": "n1: safe mode is on"})
    host.now = 100.0
    run = host.watch(host.work("a", "b", watched=False))
    assert (run.done, run.failures) == (True, {})
    assert 5 <= host.passed < 5.5


def test_what_stops_to_answer_before_the_last_look_is_awaited_again(host: Host) -> None:
    host.instances = {"a": story((0, COMING), (2, UP)), "b": story((0, UP), (1, COMING), (5, UP))}
    run = host.run(host.work("a", "b", slice=60))
    assert run.done
    assert host.asked() == [(), ("a", "b"), ("a",), ("a", "b"), ("b",), ("a", "b")]
    assert 5 <= host.passed < 5.5


def test_what_is_healthy_already_is_still_seen_to_die(host: Host) -> None:
    host.instances = {"a": always(COMING), "b": story((0, UP), (2, DOWN))}
    run = host.run(host.work("a", "b", slice=60))
    assert run.failures == {"b": "died 2 s after the stage's start: a is inactive"}
    assert 2 <= host.passed < 2.5


def test_what_is_healthy_already_and_then_stopped_by_a_signal_is_awaited(host: Host) -> None:
    frozen = {**SICK, "signalled": True, "evidence": "pid 7 is stopped by a signal (SIGSTOP)"}
    host.instances = {"a": always(COMING), "b": story((0, UP), (1, frozen))}
    assert host.run(host.work("a", "b")).result()["waiting"]["b"] == "n1: pid 7 is stopped by a signal (SIGSTOP)"


def test_another_process_is_asked_by_itself(host: Host) -> None:
    host.instances = {"a": always(COMING), "b": story((0, UP), (1, {**UP, "pids": [4712]}))}
    run = host.run(host.work("a", "b"))
    assert host.asked() == [(), ("a", "b"), ("a",), ("a", "b"), ("a",)]
    assert list(run.result()["waiting"]) == ["a"]


def test_looking_takes_no_more_than_its_share_of_a_processor(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.cost = 0.0625
    host.run(host.work("a", act=False, slice=10))
    assert set(host.naps) == {0.625}


def test_looking_from_afar_counts_too(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.afar = {"a": {"n1": always(COMING), "n2": always(COMING)}}
    host.cost = 0.0625
    host.run(host.work("a", act=False, slice=10, afar=afar()))
    assert set(host.naps) == {1.25}


def test_looking_for_the_end_of_processes_takes_no_more_than_its_share_either(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.cost = 0.0625
    host.run(host.work("a", act=False, slice=10), "stop")
    assert set(host.naps) == {0.625}


def test_looks_that_cost_little_are_often(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.cost = 0.01
    host.run(host.work("a"))
    assert set(host.naps) == {0.2}


def test_time_spent_waiting_for_an_answer_is_no_processor_time(host: Host) -> None:

    def slow(_passed: float) -> dict[str, Any]:
        host.now += 2.0
        return COMING

    host.instances = {"a": slow}
    host.run(host.work("a", slice=10))
    assert set(host.naps) == {0.2}


def test_processor_time_is_that_of_this_process_and_of_the_commands_it_ran(host: Host) -> None:
    used = Run(host.work()).processor_time
    before = used()
    busy_until = time.process_time() + 0.1
    while time.process_time() < busy_until:
        pass
    own = used()
    assert own - before == pytest.approx(0.1, abs=0.05)
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert used() - own == pytest.approx(0.2, abs=0.1)
    slept = used()
    time.sleep(0.2)
    assert used() - slept < 0.1


@pytest.mark.parametrize(("started", "ends"), [(10.0, True), (90.0, False)])
def test_nobody_waits_for_what_has_no_part_in_the_cluster(host: Host, started: float, ends: bool) -> None:
    """The clock begins at 100: one has run for 90 s, the other one for 10."""
    out = {**SICK, "details": {"lock": None}, "since": iso(started), "evidence": "not in the queue for the manager's lock"}
    host.instances = {"a": always(out)}
    run = host.run(host.work("a", slice=10))
    why = "runs since 1970-01-01T00:00:10Z, not in the queue for the manager's lock: waiting does not help; recover.yml ends and starts it"
    assert run.failures == ({"a": why} if ends else {})


def test_what_was_started_just_now_is_waited_for(host: Host) -> None:
    """A tablet server answers before it has its lock; on a busy host that takes longer than it may take one that has been there."""
    out = {**SICK, "details": {"lock": None}, "since": iso(100)}
    host.instances = {"a": story((0, DOWN), (0.1, out), (90, UP))}
    run = host.watch(host.work("a"))
    assert (run.done, run.failures) == (True, {})


def test_a_component_that_dies_is_noticed_at_once(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (7, DOWN))}
    run = host.watch(host.work("a"))
    assert 7 <= host.passed < 7.5
    assert run.failures == {"a": "died 7 s after the stage's start: a is inactive"}
    assert run.result()["last_words"] == {"a": ["a since 0"]}


def test_a_failed_unit_is_a_death_though_its_process_was_never_seen(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, FAILED))}
    run = host.run(host.work("a"))
    assert run.failures == {"a": "died 0 s after the stage's start: a.service failed (signal)"}
    assert host.passed < 0.5


@pytest.mark.parametrize("meanwhile", [DOWN, WITHOUT_PROCESS])
def test_a_service_gets_a_moment_to_bring_its_process(host: Host, meanwhile: dict[str, Any]) -> None:
    host.instances = {"a": story((0, meanwhile), (2.5, UP))}
    assert host.watch(host.work("a")).done
    host.instances = {"a": always(meanwhile)}
    host.now = 100.0
    run = host.watch(host.work("a"))
    assert 3 < host.passed < 3.5
    assert run.failures["a"].startswith("died 3 s after the stage's start: ")


def test_the_moment_begins_again_with_every_process(host: Host) -> None:
    childless = row("a", "n1", pids=[], health="unknown")
    host.instances = {"a": story((0, DOWN), (2, childless), (2.5, DOWN), (5, UP))}
    assert host.watch(host.work("a")).done


def test_a_unit_with_a_job_waiting_is_not_dead(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, {**DOWN, "queued": True}), (20, UP))}
    assert host.watch(host.work("a")).done


def test_an_unknown_state_is_not_a_death(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (5, UNKNOWN), (30, UP))}
    assert host.watch(host.work("a")).done


def test_memory_goes_from_slice_to_slice(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING))}
    memory = host.run(host.work("a", slice=1)).result()["memory"]
    assert (memory["acted"], memory["began"], memory["seen"]) == (["a"], 100.0, ["a"])
    host.instances = {"a": always(DOWN)}
    run = host.run(host.work("a", act=False, memory=memory))
    assert run.failures == {"a": "died 1 s after the stage's start: a is inactive"}


def test_a_port_that_somebody_else_holds(host: Host) -> None:
    host.instances = {"a": always(DOWN), "b": always(DOWN)}
    work = host.work("a", "b", step=True)
    work["entries"]["a"]["ports"] = {"client": 2181, "admin": 8080}
    host.held = {8080: [{"pid": 9, "command": "java AdminServer"}]}
    run = host.run(work)
    assert run.failures == {
        "a": "its port 8080 (admin) is held by pid 9 (java AdminServer). Stop that process, or give a another port; "
        "nothing was started on this host"
    }
    assert host.acts() == []
    assert run.done is False


def test_ports_of_what_runs_already_may_be_held(host: Host) -> None:
    host.instances = {"a": always(UP)}
    work = host.work("a")
    work["entries"]["a"]["ports"] = {"client": 2181}
    host.held = {2181: [{"pid": 9, "command": "java"}]}
    assert host.run(work).done


@pytest.mark.parametrize(("probe", "done"), [("tcp", True), ("postgres", False), ("process", False), ("command", False)])
def test_health_is_judged_from_afar_where_it_can_be(host: Host, probe: str, done: bool) -> None:
    host.instances = {"a": always(SICK)}
    run = host.run(host.work("a", probe=probe))
    assert run.done is done
    assert run.result()["waiting"] == ({} if done else {"a": "n1: safe mode is on"})


def test_without_a_watched_stage_a_host_waits_for_health_by_itself(host: Host) -> None:
    host.instances = {"a": story((0, SICK), (5, UP))}
    assert host.watch(host.work("a", watched=False)).done
    assert 5 <= host.passed < 5.5


def test_a_process_stopped_by_a_signal_is_not_judged_from_afar(host: Host) -> None:
    host.instances = {"a": always({**SICK, "signalled": True, "evidence": "pid 7 is stopped by a signal (SIGSTOP)"})}
    assert host.run(host.work("a")).result()["waiting"] == {"a": "n1: pid 7 is stopped by a signal (SIGSTOP)"}


def test_a_place_in_zookeeper_is_not_judged_from_afar(host: Host) -> None:
    host.instances = {"a": always({**SICK, "evidence": "the lock is another's", "details": {"lock": None}})}
    assert host.run(host.work("a")).result()["waiting"] == {"a": "n1: the lock is another's"}


# ---- watching a stage from afar


def afar(minimum: int = 2, probe: str = "tcp") -> dict[str, Any]:
    """Component a on two hosts, as one host watches it."""
    return {
        "entries": {"a": {"name": "a", "probe": {"type": probe}}},
        "hosts": {"a": ["n1", "n2"]},
        "addresses": {},
        "unseen": [],
        "minimums": {"a": minimum},
    }


def test_the_watching_host_waits_for_all(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": story((0, COMING), (8, UP))}}
    run = host.watch(host.work("a", afar=afar()))
    assert run.done
    assert 8 <= host.passed < 8.5
    assert run.result()["afar"]["a"]["n2"]["health"] == "healthy"


def test_what_the_watching_host_waits_for(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": always(COMING)}}
    assert host.run(host.work("a", afar=afar())).result()["waiting"] == {"a": "n2: nobody listens on n1:1"}


def test_the_watching_host_waits_for_no_more_than_is_needed(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": always(COMING)}}
    assert host.run(host.work("a", afar=afar(minimum=1))).done


def test_the_watching_host_judges_the_whole(host: Host) -> None:
    active = row("a", "n1", role="active")
    host.instances = {"a": always(active)}
    host.afar = {"a": {"n1": always(active), "n2": always(active)}}
    run = host.run(host.work("a", probe="yarn_resourcemanager", afar=afar(probe="yarn_resourcemanager")))
    assert run.result()["waiting"] == {"a": "2 are active: n1, n2; exactly one may be"}


def test_the_watching_host_speaks_for_all(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.afar = {"a": {"n1": always({**COMING, "refused": True}), "n2": always({**COMING, "refused": True})}}
    assert host.run(host.work("a", afar=afar())).result()["waiting"] == {"a": "n1, n2 not listening yet"}


def test_long_words_are_cut(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always({**SICK, "evidence": "x" * 200}), "n2": always({**SICK, "evidence": "y" * 90})}}
    assert host.run(host.work("a", afar=afar())).result()["waiting"] == {"a": f"n1: {'x' * 90}...; n2: {'y' * 90}"}


def test_the_watching_host_does_not_wait_for_hosts_that_cannot_be_reached(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": always(COMING)}}
    assert host.run(host.work("a", afar={**afar(minimum=1), "unseen": ["n2"]})).done
    assert host.run(host.work("a", afar={**afar(minimum=1), "unseen": ["n1"]})).result()["waiting"] == {"a": "n2: nobody listens on n1:1"}


def test_what_only_its_own_host_can_ask_is_not_asked_from_afar(host: Host) -> None:
    host.instances = {"a": always(UP)}
    assert host.run(host.work("a", probe="postgres", afar=afar(probe="postgres"))).done


def two() -> dict[str, Any]:
    """Components a and b on two hosts each, as one host watches them."""
    whole = afar()
    return {
        **whole,
        "entries": {name: {"name": name, "probe": {"type": "tcp"}} for name in ("a", "b")},
        "hosts": {name: ["n1", "n2"] for name in ("a", "b")},
        "minimums": {"a": 2, "b": 2},
    }


def test_from_afar_only_what_is_awaited_is_asked_again(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": story((0, COMING), (4, UP))}, "b": {"n1": always(UP), "n2": always(UP)}}
    run = host.run(host.work("a", slice=60, afar=two()))
    assert run.done
    assert host.asked("afar") == [("a", "b"), ("a",), ("a", "b")]
    assert 4 <= host.passed < 4.5
    assert {host: row["health"] for host, row in run.result()["afar"]["b"].items()} == {"n1": "healthy", "n2": "healthy"}


def test_from_afar_what_is_no_longer_healthy_at_the_last_look_is_awaited_again(host: Host) -> None:
    host.instances = {"a": always(UP)}
    later = story((0, UP), (2, {**COMING, "refused": False}), (8, UP))
    host.afar = {"a": {"n1": always(UP), "n2": story((0, COMING), (4, UP))}, "b": {"n1": always(UP), "n2": later}}
    run = host.run(host.work("a", slice=60, afar=two()))
    assert (run.done, run.result()["waiting"]) == (False, {"b": "n2: nobody listens on n1:1"})
    host.now = 100.0
    assert host.watch(host.work("a", slice=60, afar=two())).done
    assert 8 <= host.passed < 8.5


def test_from_afar_what_has_died_before_the_last_look_has_died(host: Host) -> None:
    host.instances = {"a": always(UP)}
    refusing = {**COMING, "refused": True}
    host.afar = {"a": {"n1": always(UP), "n2": story((0, COMING), (4, UP))}, "b": {"n1": always(UP), "n2": story((0, UP), (2, refusing))}}
    run = host.watch(host.work("a", slice=60, afar=two()))
    assert run.failures == {"b": "died on n2 after it had answered: nobody listens on n1:1"}
    assert 4.4 < host.passed < 5


def test_the_last_look_is_from_afar_too_where_only_this_hosts_components_were_awaited(host: Host) -> None:
    host.instances = {"a": story((0, COMING), (4, UP))}
    host.afar = {name: {"n1": always(UP), "n2": always(UP)} for name in ("a", "b")}
    host.afar["b"]["n2"] = story((0, UP), (2, SICK), (8, UP))
    assert host.watch(host.work("a", slice=60, afar=two())).done
    assert 8 <= host.passed < 8.5


def test_what_this_host_awaits_and_what_it_awaits_from_afar_is_said_together(host: Host) -> None:
    host.instances = {"c": always(COMING)}
    host.afar = {"a": {"n1": always(UP), "n2": always(SICK)}, "b": {"n1": always(UP), "n2": always(UP)}}
    run = host.run(host.work("c", afar=two()))
    assert run.result()["waiting"] == {"c": "n1: nobody listens on n1:1", "a": "n2: safe mode is on"}


def test_a_host_without_work_of_its_own_can_watch(host: Host) -> None:
    host.afar = {"a": {"n1": always(UP), "n2": story((0, COMING), (4, UP))}}
    assert host.watch(host.work(afar=afar())).done
    assert 4 <= host.passed < 4.5


def test_an_instance_that_answered_and_then_refuses_has_died(host: Host) -> None:
    refusing = {**COMING, "refused": True}
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(COMING), "n2": story((0, refusing), (2, SICK), (6, refusing))}}
    run = host.watch(host.work("a", afar=afar()))
    assert 6.4 < host.passed < 7
    assert run.failures == {"a": "died on n2 after it had answered: nobody listens on n1:1"}


def test_an_instance_that_answered_and_then_is_slow_has_not_died(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": story((0, SICK), (3, {**COMING, "refused": False}), (15, UP))}}
    assert host.watch(host.work("a", afar=afar())).done


def test_an_instance_that_comes_back_at_once_has_not_died(host: Host) -> None:
    refusing = {**COMING, "refused": True}
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": story((0, SICK), (3, refusing), (3.3, SICK), (5, refusing), (5.3, UP))}}
    assert host.watch(host.work("a", afar=afar())).done


# ---- stopping


def test_what_runs_is_stopped_and_its_end_awaited(host: Host) -> None:
    going = stopped("a", "n1", pids=[7], evidence="a is inactive")
    host.instances = {"a": story((0, UP), (1, going), (2, DOWN)), "b": always(DOWN)}
    run = host.watch(host.work("a", "b"), "stop")
    assert host.acts() == [("stop", ["a"])]
    assert (run.done, run.failures, run.result()["acted"]) == (True, {}, ["a"])
    assert 2 <= host.passed < 2.5


def test_nothing_is_asked_while_stopping(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, DOWN))}
    host.watch(host.work("a"), "stop")
    assert host.asked() == [()]


def test_while_stopping_a_service_is_asked_again_only_where_its_process_has_ended(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, DOWN))}
    memory = host.run(host.work("a", slice=0.5), "stop").result()["memory"]
    assert (host.afresh[0], set(host.afresh[1:])) == (True, {False})
    host.afresh.clear()
    assert host.run(host.work("a", act=False, memory=memory), "stop").done
    assert (host.afresh[0], set(host.afresh[1:])) == (True, {False})


def test_another_process_of_what_is_stopped_is_awaited_too(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, {**UP, "pids": [4712], "evidence": "a.service is active"}), (2, DOWN))}
    assert host.watch(host.work("a"), "stop").done
    assert 2 <= host.passed < 2.1


def test_the_end_of_processes_is_noticed_soon(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1.01, DOWN))}
    assert host.watch(host.work("a"), "stop").done
    assert 1.01 <= host.passed < 1.1
    assert set(host.naps) == {0.05}


def test_processes_left_behind_are_stopped_too(host: Host) -> None:
    host.instances = {"a": story((0, stopped("a", "n1", pids=[7])), (1, DOWN))}
    assert host.watch(host.work("a"), "stop").done
    assert host.acts() == [("stop", ["a"])]


def test_a_second_stop_has_nothing_to_do(host: Host) -> None:
    host.instances = {"a": always(DOWN)}
    run = host.run(host.work("a"), "stop")
    assert (run.done, run.result()["acted"], host.passed) == (True, [], 0)


def test_a_stop_is_awaited_until_the_process_is_gone(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, stopped("a", "n1", pids=[7], evidence="a is inactive")))}
    run = host.run(host.work("a"), "stop")
    assert (run.done, run.result()["waiting"]) == (False, {"a": "n1: pid 7 has not ended yet"})


def test_what_ended_because_it_was_told_to_has_not_failed(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, FAILED)), "b": story((0, UP), (1, DOWN))}
    run = host.watch(host.work("a", "b"), "stop")
    assert run.done
    assert host.acts() == [("stop", ["a", "b"]), ("forget", ["a"])]
    assert (host.calls[-1], host.afresh[-1]) == (("look", ()), True)


def test_an_unknown_state_is_not_gone(host: Host) -> None:
    host.instances = {"a": always(UNKNOWN)}
    run = host.run(host.work("a"), "stop")
    assert host.acts() == [("stop", [])]
    assert (run.done, run.result()["waiting"]) == (False, {"a": "n1: there is no unit a.service"})


def test_check_mode_says_what_would_be_stopped_and_touches_nothing(host: Host) -> None:
    host.instances = {"a": always(UP), "b": always(DOWN)}
    run = host.run(host.work("a", "b", step=True), "stop", check_mode=True)
    assert host.acts() == []
    assert (run.done, run.result()["acted"]) == (True, ["a"])


def test_a_service_that_cannot_be_asked_to_stop(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.refuses = {"a": "Failed to connect to bus"}
    run = host.run(host.work("a"), "stop")
    assert (run.done, run.failures, run.result()["acted"]) == (False, {"a": "Failed to connect to bus"}, [])


@pytest.fixture
def killed(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Processes that were killed, and when."""
    found: list[tuple[int, float]] = []
    monkeypatch.setattr("os.kill", lambda pid, signal: found.append((pid, host.passed)) if signal == 9 else None)
    return found


def test_what_does_not_end_in_time_is_killed(host: Host, killed: list[tuple[int, float]]) -> None:
    host.instances = {"a": story((0, UP), (6, DOWN)), "b": story((0, UP), (1, DOWN))}
    host.refuses = {"a": "Failed to connect to bus"}
    run = host.watch(host.work("a", "b", patience=5), "stop")
    assert (run.done, run.failures) == (True, {})
    ((pid, when),) = killed
    assert (pid, 5 < when < 5.2) == (4711, True)


def test_without_a_limit_nothing_is_killed(host: Host, killed: list[tuple[int, float]]) -> None:
    host.instances = {"a": story((0, {**UP, "signalled": True}), (100, DOWN))}
    assert host.watch(host.work("a"), "stop").done
    assert killed == []


def test_what_a_signal_has_stopped_is_killed_at_once(host: Host, killed: list[tuple[int, float]]) -> None:
    host.instances = {"a": story((0, {**UP, "signalled": True}), (0.05, DOWN))}
    run = host.watch(host.work("a", patience=5), "stop")
    assert (run.done, killed) == (True, [(4711, 0.0)])
    assert host.acts() == [("stop", ["a"])], "so that its service does not start it again"


def test_others_have_to_take_over_before_a_piece_is_gone(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, DOWN))}
    host.afar = {"a": {"n2": story((0, SICK), (8, UP))}}
    away = {**afar(), "hosts": {"a": ["n2"]}, "minimums": {"a": 1}, "away": {"a": ["n1"]}, "locks_of": ["10.0.0.1"]}
    assert host.watch(host.work("a", afar=away), "stop").done
    assert 8 <= host.passed < 8.5


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch, host: Host) -> list[tuple[float, Any]]:
    """Tablet servers with a lock in ZooKeeper from these seconds on; a NoAnswer where it cannot be asked."""
    chapters: list[tuple[float, Any]] = []

    class Zookeeper:
        def __init__(self, _servers: list[str]) -> None:
            pass

        def accumulo(self, instance: str | None) -> dict[str, Any]:
            assert instance == "lab"
            now = [left for since, left in chapters if since <= host.passed][-1]
            if isinstance(now, NoAnswer):
                raise now
            return {"tservers": now}

    monkeypatch.setattr(waiting, "Cluster", Zookeeper)
    return chapters


def tservers() -> dict[str, Any]:
    """A stage of tablet servers, as one host watches it."""
    return {
        "entries": {"accumulo_tserver": {"probe": {"type": "accumulo_tserver", "instance": "lab"}}},
        "hosts": {},
        "addresses": {},
        "minimums": {},
    }


def test_tablet_servers_are_gone_when_their_locks_are(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": story((0, UP), (1, DOWN))}
    locks += [(0, ["n1:9997", "n2:9997"]), (20, ["n2:9997"]), (35, [])]
    run = host.watch(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert run.done
    assert 35 <= host.passed < 35.5


def test_a_single_tablet_server_is_gone_when_its_own_lock_is(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": always(DOWN)}
    locks += [(0, ["10.0.0.1:9997", "10.0.0.2:9997"]), (20, ["10.0.0.2:9997"])]
    single = {**tservers(), "away": {}, "locks_of": ["10.0.0.1"]}
    assert host.watch(host.work("accumulo_tserver", afar=single), "stop").done
    assert 20 <= host.passed < 20.5


def test_locks_are_awaited_by_name(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": always(DOWN)}
    locks += [(0, ["n1:9997", "n2:9997"])]
    run = host.run(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert (run.done, run.result()["waiting"]) == (False, {"accumulo_tserver": "locks in ZooKeeper: n1:9997, n2:9997"})


def test_a_lock_may_stay_for_a_session_after_the_process(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": story((0, UP), (30, DOWN))}
    locks += [(0, ["n2:9997"]), (60, [])]
    run = host.watch(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert (run.done, run.failures, 60 <= host.passed < 60.5) == (True, {}, True)


def test_locks_that_outlive_every_session(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": always(DOWN)}
    locks += [(0, ["n2:9997"])]
    run = host.watch(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert 40 < host.passed < 40.5
    assert run.failures == {"accumulo_tserver": "1 tablet servers still hold a lock in ZooKeeper: n2:9997"}


def test_without_zookeeper_it_cannot_be_proven_that_no_lock_is_left(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": always(DOWN)}
    locks += [(0, NoAnswer("no ZooKeeper serves"))]
    run = host.run(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert run.done is False
    assert host.passed < 0.5
    assert run.failures == {"accumulo_tserver": "cannot prove that no tablet server holds a lock: no ZooKeeper serves"}


def test_locks_are_nobodys_business_in_other_stages(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"a": always(DOWN)}
    locks += [(0, ["n1:9997"])]
    assert host.run(host.work("a", afar=afar()), "stop").done
    host.instances = {"accumulo_tserver": always(DOWN)}
    assert host.run(host.work("accumulo_tserver"), "stop").done


# ---- steps


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    """Steps that are done, need nothing, or fail."""

    def done(entry: dict[str, Any], _cluster: Any) -> tuple[bool, str]:
        host.calls.append(("step", entry["name"]))
        return True, f"{entry['name']} flushed"

    def fails(_entry: dict[str, Any], _cluster: Any) -> tuple[bool, str]:
        raise StepError("the shell ended with status 1")

    monkeypatch.setattr(
        waiting, "STEPS", {"done": done, "nothing": lambda *_words: (False, "x"), "fails": fails, "accumulo_stop_all": done}
    )


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(("goal", "when", "before"), [("start", "before_start", DOWN), ("stop", "before_stop", UP)])
def test_steps_are_done_before_the_act(host: Host, goal: str, when: str, before: dict[str, Any]) -> None:
    after = UP if goal == "start" else DOWN
    host.instances = {"a": story((0, before), (0.1, after)), "b": story((0, before), (0.1, after))}
    work = host.work("a", "b", step=True)
    work["entries"]["a"][when] = ["nothing", "done"]
    run = host.run(work, goal)
    assert host.acts() == [("step", "a"), (goal, ["a", "b"])]
    assert run.result()["steps"] == ["a flushed"]


@pytest.mark.usefixtures("steps")
def test_what_comes_before_a_start_is_done_without_one(host: Host) -> None:
    host.instances = {"a": always(DOWN)}
    work = host.work("a", step=True)
    work["entries"]["a"]["before_start"] = ["nothing", "done"]
    run = host.run(work, "prepare")
    assert (run.done, run.steps, host.acts()) == (True, ["a flushed"], [("step", "a")])
    work["entries"]["a"]["before_start"] = ["fails", "done"]
    assert not host.run(work, "prepare").done
    host.calls.clear()
    run = host.run(work, "prepare", check_mode=True)
    assert (run.done, host.acts()) == (True, [])


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(("back", "steps_done"), [(["a"], ["a flushed"]), ([], [])])
def test_what_comes_back_is_taken_in_when_it_is_there(host: Host, back: list[str], steps_done: list[str]) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING), (4, UP))}
    work = host.work("a", back=back)
    work["entries"]["a"].update(on_return=["done"], after_return=["nothing", "done"])
    first = host.run(work)
    assert first.steps == steps_done
    assert host.acts() == [("start", ["a"]), *[("step", "a") for _step in steps_done]]
    last = host.watch({**work, "act": False, "memory": first.result()["memory"]})
    assert (last.done, last.steps) == (True, steps_done)


@pytest.mark.usefixtures("steps")
def test_what_cannot_be_taken_in_again_has_failed(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, UP))}
    work = host.work("a", back=["a"])
    work["entries"]["a"].update(on_return=[], after_return=["fails"])
    run = host.run(work)
    assert (run.done, run.failures) == (False, {"a": "the step fails failed: the shell ended with status 1"})


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("goal", ["start", "stop"])
def test_another_host_does_the_steps(host: Host, goal: str) -> None:
    host.instances = {"a": always(UP if goal == "start" else DOWN)}
    work = host.work("a", step=False)
    work["entries"]["a"].update(before_start=["done"], before_stop=["done"])
    assert host.run(work, goal).steps == []
    assert ("step", "a") not in host.calls


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(("goal", "when"), [("start", "before_start"), ("stop", "before_stop")])
def test_a_step_that_fails_forbids_the_act(host: Host, goal: str, when: str) -> None:
    host.instances = {"a": always(DOWN if goal == "start" else UP)}
    work = host.work("a", step=True)
    work["entries"]["a"][when] = ["fails", "done"]
    run = host.run(work, goal)
    assert run.failures == {"a": "the step fails failed: the shell ended with status 1"}
    assert (host.acts(), run.done) == ([], False)


@pytest.mark.usefixtures("steps")
def test_steps_are_done_in_the_first_slice_only(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    work = host.work("a", step=True)
    work["entries"]["a"]["before_start"] = ["done"]
    host.watch(work, limit=10)
    assert host.acts() == [("step", "a"), ("start", [])]


@pytest.mark.usefixtures("steps")
def test_tablet_servers_that_stop_all_left_are_named(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"a": story((0, UP), (0.1, DOWN))}
    locks += [(0, ["n2:9997"])]
    work = host.work("a", step=True)
    work["entries"]["a"].update(before_stop=["accumulo_stop_all"], probe={"type": "accumulo_manager", "instance": "lab"})
    assert host.run(work, "stop").result()["tservers_left"] == ["n2:9997"]


@pytest.mark.usefixtures("steps")
def test_zookeeper_goes_away_after_stop_all(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"a": always(UP)}
    locks += [(0, NoAnswer("no ZooKeeper serves"))]
    work = host.work("a", step=True)
    work["entries"]["a"].update(before_stop=["accumulo_stop_all"], probe={"type": "accumulo_manager", "instance": "lab"})
    assert host.run(work, "stop").failures == {"a": "the step accumulo_stop_all failed: no ZooKeeper serves"}


@pytest.mark.parametrize(("patience", "limit"), [(None, 120), (30, 30)])
def test_a_zombie_has_no_longer_to_leave_than_it_has_to_end(
    host: Host, monkeypatch: pytest.MonkeyPatch, patience: int | None, limit: int
) -> None:
    given: list[float] = []
    monkeypatch.setitem(waiting.STEPS, "farewell", lambda entry, _cluster: given.append(entry["stop_timeout"]) or (True, "gone"))
    host.instances = {"a": story((0, UP), (1, DOWN))}
    work = host.work("a", leave=True, patience=patience)
    work["entries"]["a"].update(before_leave=["farewell"], stop_timeout=120)
    run = host.watch(work, "stop")
    assert (run.done, given) == (True, [limit])


def hooked(host: Host, drain: str, undrain: str, **changes: Any) -> dict[str, Any]:
    work = host.work("a", **changes)
    work["entries"]["a"].update(before_leave=[], drain=drain, undrain=undrain, stop_timeout=5)
    return work


def test_it_is_taken_out_of_its_load_balancer_while_others_go_on(host: Host, tmp_path: Path) -> None:
    drain = f"sh -c 'echo out {{host}} {{address}} > {tmp_path}/said'"
    host.instances = {"a": story((0, UP), (1, DOWN))}
    assert host.run(hooked(host, drain, "", leave=True), "stop").steps == ["a on n1: drain done"]
    assert (tmp_path / "said").read_text() == "out n1 10.0.0.1\n"
    host.calls.clear()
    assert host.run(hooked(host, drain, ""), "stop").steps == [], "everything is stopped: nobody goes on"


@pytest.mark.parametrize("goal", ["stop", "leave"])
def test_what_is_left_of_a_failed_service_is_taken_out_too(host: Host, goal: str) -> None:
    host.instances = {"a": story((0, stopped("a", "n1", state="failed", pids=[4711])), (1, DOWN))}
    assert host.run(hooked(host, "true", "", leave=True), goal).steps == ["a on n1: drain done"]


@pytest.mark.parametrize("goal", ["stop", "leave"])
def test_what_is_down_has_nothing_to_be_taken_out_of(host: Host, goal: str) -> None:
    host.instances = {"a": always(DOWN)}
    run = host.run(hooked(host, "false", "", leave=True), goal)
    assert (run.done, run.steps, run.failures) == (True, [], {})


def test_what_cannot_be_taken_out_is_not_stopped(host: Host) -> None:
    host.instances = {"a": always(UP)}
    run = host.run(hooked(host, "sh -c 'echo balancer away; exit 3'", "", leave=True), "stop")
    assert run.failures == {"a": "its drain ended with status 3: balancer away"}
    assert host.acts() == []


def test_it_is_put_in_again_when_it_serves(host: Host, tmp_path: Path) -> None:
    host.instances = {"a": story((0, DOWN), (1, COMING), (2, UP))}
    run = host.watch(hooked(host, "", f"touch {tmp_path}/in"))
    assert (run.done, run.steps, (tmp_path / "in").exists()) == (True, ["a on n1: undrain done"], True)
