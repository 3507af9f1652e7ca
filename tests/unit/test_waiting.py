# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and watching, with a clock that jumps and a host whose future is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import observe, processes, services, waiting
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError
from ansible_collections.koverse.runbook.plugins.module_utils.waiting import Run
from ansible_collections.koverse.runbook.tests.unit.cluster import row, stopped

Story = Callable[[float], dict[str, Any]]


class Host:
    """A host whose instances are functions of time; it keeps what was done to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.instances: dict[str, Story] = {}
        self.afar: dict[str, dict[str, Story]] = {}
        self.calls: list[tuple[str, Any]] = []
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

    def _look(self, entries: dict[str, Any], host: str, address: str, _cluster: Any, ask: bool) -> dict[str, Any]:
        assert (host, address) == ("n1", "10.0.0.1")
        self.calls.append(("look", ask))
        return {name: self.instances[name](self.passed) for name in entries}

    def _look_from_afar(self, entries: dict[str, Any], hosts: dict[str, list[str]], *_rest: Any) -> dict[str, Any]:
        return {name: {host: self.afar[name][host](self.passed) for host in hosts[name]} for name in entries}

    @property
    def passed(self) -> float:
        """Seconds since the test began."""
        return self.now - 100.0

    def sleep(self, seconds: float) -> None:
        """The clock jumps."""
        self.now += seconds

    def acts(self) -> list[tuple[str, Any]]:
        """What was done, without the looks."""
        return [call for call in self.calls if call[0] != "look"]

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
            "memory": None,
        }
        return {**plain, **changes}

    def run(self, work: dict[str, Any], goal: str = "start", check_mode: bool = False) -> Run:
        """One slice."""
        run = Run(work, lambda: self.now, self.sleep)
        getattr(run, goal)(check_mode)
        return run

    def watch(self, work: dict[str, Any], goal: str = "start", limit: float = 120.0) -> Run:
        """Slice after slice, as the controller asks, until done or failed."""
        run = self.run(work, goal)
        while not run.done and not run.failures and self.passed < limit:
            run = self.run({**work, "act": False, "memory": run.result()["memory"]}, goal)
        return run


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with a future."""
    return Host(monkeypatch)


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
    assert (run.done, run.failures, run.waiting) == (True, {}, {})
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
    assert run.waiting == {"a": "n1: there is no unit a.service"}


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
    assert run.waiting == {"a": "n1: nobody listens on n1:1"}


def test_a_changed_picture_ends_a_slice_early(host: Host) -> None:
    host.instances = {"a": story((0, DOWN), (0.1, COMING)), "b": story((0, COMING), (0.5, UP))}
    host.run(host.work("a", "b", slice=60))
    assert 1 < host.passed < 1.5


def test_a_changed_role_is_a_changed_picture(host: Host) -> None:
    host.instances = {"a": story((0, row("a", "n1", health="unknown")), (2, row("a", "n1", health="unknown", role="standby")))}
    host.run(host.work("a", slice=60))
    assert 2 <= host.passed < 2.5


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
    assert run.waiting == ({} if done else {"a": "n1: safe mode is on"})


def test_without_a_watched_stage_a_host_waits_for_health_by_itself(host: Host) -> None:
    host.instances = {"a": story((0, SICK), (5, UP))}
    assert host.watch(host.work("a", watched=False)).done
    assert 5 <= host.passed < 5.5


def test_a_process_stopped_by_a_signal_is_not_judged_from_afar(host: Host) -> None:
    host.instances = {"a": always({**SICK, "signalled": True, "evidence": "pid 7 is stopped by a signal (SIGSTOP)"})}
    assert host.run(host.work("a")).waiting == {"a": "n1: pid 7 is stopped by a signal (SIGSTOP)"}


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
    assert host.run(host.work("a", afar=afar())).waiting == {"a": "n2: nobody listens on n1:1"}


def test_the_watching_host_waits_for_no_more_than_is_needed(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": always(COMING)}}
    assert host.run(host.work("a", afar=afar(minimum=1))).done


def test_the_watching_host_judges_the_whole(host: Host) -> None:
    active = row("a", "n1", role="active")
    host.instances = {"a": always(active)}
    host.afar = {"a": {"n1": always(active), "n2": always(active)}}
    run = host.run(host.work("a", probe="yarn_resourcemanager", afar=afar(probe="yarn_resourcemanager")))
    assert run.waiting == {"a": "2 are active: n1, n2; exactly one may be"}


def test_the_watching_host_speaks_for_all(host: Host) -> None:
    host.instances = {"a": always(COMING)}
    host.afar = {"a": {"n1": always({**COMING, "refused": True}), "n2": always({**COMING, "refused": True})}}
    assert host.run(host.work("a", afar=afar())).waiting == {"a": "n1, n2 not listening yet"}


def test_long_words_are_cut(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always({**SICK, "evidence": "x" * 200}), "n2": always({**SICK, "evidence": "y" * 90})}}
    assert host.run(host.work("a", afar=afar())).waiting == {"a": f"n1: {'x' * 90}...; n2: {'y' * 90}"}


def test_the_watching_host_does_not_wait_for_hosts_that_cannot_be_reached(host: Host) -> None:
    host.instances = {"a": always(UP)}
    host.afar = {"a": {"n1": always(UP), "n2": always(COMING)}}
    assert host.run(host.work("a", afar={**afar(minimum=1), "unseen": ["n2"]})).done
    assert host.run(host.work("a", afar={**afar(minimum=1), "unseen": ["n1"]})).waiting == {"a": "n2: nobody listens on n1:1"}


def test_what_only_its_own_host_can_ask_is_not_asked_from_afar(host: Host) -> None:
    host.instances = {"a": always(UP)}
    assert host.run(host.work("a", probe="postgres", afar=afar(probe="postgres"))).done


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
    assert {ask for call, ask in host.calls if call == "look"} == {False}


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
    assert (run.done, run.waiting) == (False, {"a": "n1: a is inactive"})


def test_what_ended_because_it_was_told_to_has_not_failed(host: Host) -> None:
    host.instances = {"a": story((0, UP), (1, FAILED)), "b": story((0, UP), (1, DOWN))}
    run = host.watch(host.work("a", "b"), "stop")
    assert run.done
    assert host.acts() == [("stop", ["a", "b"]), ("forget", ["a"])]
    assert host.calls[-1] == ("look", False)


def test_an_unknown_state_is_not_gone(host: Host) -> None:
    host.instances = {"a": always(UNKNOWN)}
    run = host.run(host.work("a"), "stop")
    assert host.acts() == [("stop", [])]
    assert (run.done, run.waiting) == (False, {"a": "n1: there is no unit a.service"})


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


def test_locks_are_awaited_by_name(host: Host, locks: list[tuple[float, Any]]) -> None:
    host.instances = {"accumulo_tserver": always(DOWN)}
    locks += [(0, ["n1:9997", "n2:9997"])]
    run = host.run(host.work("accumulo_tserver", afar=tservers()), "stop")
    assert (run.done, run.waiting) == (False, {"accumulo_tserver": "locks in ZooKeeper: n1:9997, n2:9997"})


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
