# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a component on its host and over the network."""

from __future__ import annotations

import copy
import datetime
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import observe, probes, processes, services
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Answer, Cluster
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, free_port, silent, web

RUNNING = {"unit": "running", "text": "x.service is active", "pids": [7], "queued": False}
STOPPED = {"unit": "stopped", "text": "x.service is inactive", "pids": [], "queued": False}
FAILED = {"unit": "failed", "text": "x.service failed (signal)", "pids": [], "queued": False}
PROCESS = {"pid": 7, "since": 1795253700, "stopped": False}
FROZEN = {**PROCESS, "stopped": True}


def entry(name: str = "x", **changes: Any) -> dict[str, Any]:
    """A catalogue entry with all that looking needs."""
    plain = {"name": name, "service": name, "backend": "systemd", "commands": {}, "process": "x", "user": None, "ports": {}, "log": []}
    return {**plain, "probe": {"type": "process"}, **changes}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What this host's service backend and process table say: `status` and `found` by component, and the probes' `answers`.

    It keeps whose service was asked, whose processes were searched for (`looked`), and whose probe was made (`asked`).
    """
    said: dict[str, Any] = {"status": {}, "found": {}, "answers": {}, "looked": [], "asked": []}

    def answer(asked: Mapping[str, Any], _address: str, _cluster: Cluster) -> Answer:
        said["asked"].append(asked["name"])
        answer = said["answers"][asked["name"]]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Answer)
        return answer

    def status(entries: Mapping[str, Any]) -> dict[str, Any]:
        said["looked"] += [f"the service of {name}" for name in entries]
        return {name: said["status"][name] for name in entries}

    def find(entries: Mapping[str, Any]) -> dict[str, Any]:
        said["looked"] += [f"the processes of {name}" for name in entries]
        return {name: said["found"][name] for name in entries if name in said["found"]}

    monkeypatch.setattr(services, "status", status)
    monkeypatch.setattr(processes, "find", find)
    monkeypatch.setitem(probes.PROBES, "process", answer)
    return said


def look(host: dict[str, Any], status: Mapping[str, Any], found: Any, answer: Any = None, ask: Collection[str] = ("x",)) -> dict[str, Any]:
    """The instance of one component."""
    host["status"]["x"] = status
    if found is not None:
        host["found"]["x"] = found
    host["answers"]["x"] = answer or Answer(True, "all is well", "active", {"seen": 3})
    return observe.look({"x": entry()}, "n1", HOST, Cluster([]), ask)["x"]


def test_a_component_that_runs_and_answers(host: dict[str, Any]) -> None:
    assert look(host, RUNNING, [PROCESS]) == {
        "component": "x",
        "host": "n1",
        "state": "running",
        "health": "healthy",
        "role": "active",
        "since": "2026-11-21T09:35:00Z",
        "evidence": "all is well",
        "pids": [7],
        "details": {"seen": 3},
    }


def test_a_component_that_runs_and_is_not_healthy(host: dict[str, Any]) -> None:
    row = look(host, RUNNING, [PROCESS], Answer(False, "safe mode is on", "standby"))
    assert (row["state"], row["health"], row["role"], row["evidence"]) == ("running", "unhealthy", "standby", "safe mode is on")


@pytest.mark.parametrize("refused", [True, False])
def test_a_component_that_runs_and_does_not_answer(host: dict[str, Any], refused: bool) -> None:
    row = look(host, RUNNING, [PROCESS], NoAnswer("nobody listens on n1:1", refused))
    assert (row["state"], row["health"], row["evidence"], row["refused"]) == ("running", "unknown", "nobody listens on n1:1", refused)


@pytest.mark.parametrize("error", [KeyError("State"), ValueError("x"), TypeError("x"), IndexError("x")])
def test_an_answer_that_is_not_understood(host: dict[str, Any], error: Exception) -> None:
    row = look(host, RUNNING, [PROCESS], error)
    assert (row["health"], row["evidence"]) == ("unknown", f"its answer is not understood ({type(error).__name__}: {error})")


def test_where_nothing_is_asked_health_is_unknown(host: dict[str, Any]) -> None:
    row = look(host, RUNNING, [PROCESS], ask=())
    assert (row["state"], row["health"], row["evidence"]) == ("running", "unknown", "x.service is active")
    assert host["asked"] == []


@pytest.mark.parametrize("status", [STOPPED, FAILED])
def test_a_component_that_is_down_is_not_asked(host: dict[str, Any], status: dict[str, Any]) -> None:
    row = look(host, status, [])
    assert (row["state"], row["health"], row["evidence"]) == (status["unit"], "unhealthy", status["text"])
    assert (row["pids"], row["since"], row["role"]) == ([], None, None)
    assert host["asked"] == []


def test_a_unit_that_does_not_exist_is_unknown(host: dict[str, Any]) -> None:
    row = look(host, {"unit": "unknown", "text": "there is no unit x.service"}, [])
    assert (row["state"], row["health"], row["evidence"]) == ("unknown", "unknown", "there is no unit x.service")


@pytest.mark.parametrize(
    ("found", "state", "evidence"),
    [([PROCESS], "running", "all is well"), ([], "stopped", "no process; Ambari starts it")],
)
def test_without_a_unit_the_processes_tell(host: dict[str, Any], found: list[Any], state: str, evidence: str) -> None:
    row = look(host, services.Ambari.status({"x": entry()})["x"], found)
    assert (row["state"], row["evidence"], row["pids"]) == (state, evidence, [process["pid"] for process in found])
    assert "outside" not in row


@pytest.mark.parametrize("status", [STOPPED, FAILED])
def test_a_process_outside_of_its_unit_runs(host: dict[str, Any], status: dict[str, Any]) -> None:
    row = look(host, status, [PROCESS], NoAnswer("no word"))
    assert (row["state"], row["outside"], row["pids"]) == ("running", True, [7])
    row = look(host, status, [PROCESS], ask=())
    assert row["evidence"] == f"runs outside of its service, pid 7; {status['text']}"


def test_a_process_whose_unit_is_unknown_runs(host: dict[str, Any]) -> None:
    row = look(host, {"unit": "unknown", "text": "there is no unit x.service"}, [PROCESS])
    assert (row["state"], row["health"]) == ("running", "healthy")


def test_a_unit_that_is_active_without_its_process_has_failed(host: dict[str, Any]) -> None:
    row = look(host, {**RUNNING, "pids": []}, [])
    assert (row["state"], row["health"]) == ("failed", "unhealthy")
    assert row["evidence"] == "x.service is active, but its process is not there"


def test_a_unit_with_processes_runs_though_none_is_recognised(host: dict[str, Any]) -> None:
    row = look(host, RUNNING, [])
    assert (row["state"], row["pids"], row["since"]) == ("running", [7], None)


def test_pids_are_those_of_the_unit_and_those_recognised(host: dict[str, Any]) -> None:
    older = {**PROCESS, "pid": 3, "since": PROCESS["since"] - 60}
    row = look(host, {**RUNNING, "pids": [9, 7]}, [PROCESS, older])
    assert (row["pids"], row["since"]) == ([3, 7, 9], "2026-11-21T09:34:00Z")


def test_processes_left_behind_are_shown_though_the_unit_is_down(host: dict[str, Any]) -> None:
    assert look(host, {**STOPPED, "pids": [12]}, [])["pids"] == [12]


def test_without_a_pattern_the_services_word_is_taken(host: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "describe", lambda pid: {**PROCESS, "pid": pid} if pid == 7 else None)
    row = look(host, {**RUNNING, "pids": [7, 8]}, None)
    assert (row["state"], row["pids"], row["since"]) == ("running", [7, 8], "2026-11-21T09:35:00Z")
    assert look(host, STOPPED, None)["state"] == "stopped"


def test_a_job_of_the_unit_is_noted(host: dict[str, Any]) -> None:
    assert look(host, {**STOPPED, "queued": True}, [])["queued"] is True
    assert "queued" not in look(host, STOPPED, [])


@pytest.mark.parametrize("answer", [Answer(True, "port 1 accepts connections"), NoAnswer("no word"), Answer(False, "sick")])
def test_a_process_that_a_signal_has_stopped_is_never_healthy(host: dict[str, Any], answer: Answer | NoAnswer) -> None:
    row = look(host, RUNNING, [FROZEN], answer)
    assert (row["state"], row["health"]) == ("running", "unhealthy")
    assert row["evidence"] == "pid 7 is stopped by a signal (SIGSTOP)"


def test_one_process_of_several_may_be_stopped(host: dict[str, Any]) -> None:
    assert look(host, RUNNING, [FROZEN, {**PROCESS, "pid": 8}])["health"] == "healthy"


def test_probes_are_made_at_the_same_time(host: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(8, timeout=5)
    entries = {f"c{number}": entry(f"c{number}") for number in range(8)}
    host["status"] = dict.fromkeys(entries, RUNNING)
    host["found"] = {name: [PROCESS] for name in entries}
    monkeypatch.setitem(probes.PROBES, "process", lambda *_words: together.wait() >= 0 and Answer(True, "there"))
    rows = observe.look(entries, "n1", HOST, Cluster([]), ask=entries)
    assert {row["health"] for row in rows.values()} == {"healthy"}


def test_only_what_is_named_is_asked(host: dict[str, Any]) -> None:
    entries = {name: entry(name) for name in ("a", "b", "c")}
    host["status"] = dict.fromkeys(entries, RUNNING)
    host["found"] = {name: [PROCESS] for name in entries}
    host["answers"] = dict.fromkeys(entries, Answer(True, "all is well"))
    rows = observe.look(entries, "n1", HOST, Cluster([]), ask=["a", "c"])
    assert {name: row["health"] for name, row in rows.items()} == {"a": "healthy", "b": "unknown", "c": "healthy"}
    assert sorted(host["asked"]) == ["a", "c"]


def test_nothing_to_look_at(host: dict[str, Any]) -> None:
    assert observe.look({}, "n1", HOST, Cluster([]), ask=()) == {}
    assert (host["looked"], host["asked"]) == ([], [])


# ---- a moment later


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the test."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def first(host: dict[str, Any], *pids: int, answer: Any = None) -> dict[str, Any]:
    """The instance of one component that runs with these processes."""
    return look(host, {**RUNNING, "pids": list(pids)}, [processes.describe(pid) for pid in pids], answer)


def again(host: dict[str, Any], before: Mapping[str, Any], ask: Collection[str] = ("x",)) -> dict[str, Any]:
    """The same instance a moment later."""
    host["looked"], host["asked"] = [], []
    return observe.look({"x": entry()}, "n1", HOST, Cluster([]), ask, {"x": before})["x"]


ALL = ["the service of x", "the processes of x"]


def test_while_its_process_is_the_same_a_service_is_not_asked_again(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid)
    assert host["looked"] == ALL
    assert again(host, before) == before
    assert (host["looked"], host["asked"]) == ([], ["x"])


def test_an_earlier_answer_stands_until_it_is_asked_again(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid)
    host["answers"]["x"] = Answer(False, "safe mode is on", "standby", {"seen": 2})
    assert again(host, before, ask=()) == before
    assert host["asked"] == []
    row = again(host, before)
    assert (row["health"], row["evidence"], row["role"], row["details"]) == ("unhealthy", "safe mode is on", "standby", {"seen": 2})


@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("healthy", [True, False])
def test_an_instance_that_stops_to_answer_is_unknown(
    host: dict[str, Any], child: subprocess.Popen[bytes], healthy: bool, refused: bool
) -> None:
    before = first(host, child.pid, answer=Answer(healthy, "it answers"))
    host["answers"]["x"] = NoAnswer("no word", refused)
    row = again(host, before)
    assert (row["state"], row["health"], row["evidence"], row["refused"]) == ("running", "unknown", "no word", refused)


def test_an_instance_that_answers_again_does_not_refuse(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid, answer=NoAnswer("nobody listens on n1:1", True))
    assert before["refused"] is True
    host["answers"]["x"] = Answer(True, "all is well")
    row = again(host, before)
    assert (row["health"], row["evidence"], "refused" in row) == ("healthy", "all is well", False)


@pytest.mark.parametrize("reaped", [True, False])
def test_a_process_that_has_ended_is_noticed(host: dict[str, Any], child: subprocess.Popen[bytes], reaped: bool) -> None:
    before = first(host, child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED if reaped else os.WEXITED | os.WNOWAIT)
    host["status"]["x"], host["found"]["x"] = FAILED, []
    row = again(host, before, ask=())
    assert (row["state"], row["health"], row["evidence"], row["pids"]) == ("failed", "unhealthy", "x.service failed (signal)", [])
    assert host["looked"] == ALL


def test_the_answer_of_a_process_that_has_ended_is_not_its_successors(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid)
    child.kill()
    child.wait()
    host["status"]["x"], host["found"]["x"] = {**RUNNING, "pids": [os.getpid()]}, [{**PROCESS, "pid": os.getpid()}]
    row = again(host, before, ask=())
    assert (row["state"], row["health"], row["role"], row["details"], row["pids"]) == ("running", "unknown", None, {}, [os.getpid()])


def test_one_process_of_several_that_has_ended_is_reason_to_look(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid, os.getpid())
    child.kill()
    child.wait()
    host["status"]["x"], host["found"]["x"] = {**RUNNING, "pids": [os.getpid()]}, [{**PROCESS, "pid": os.getpid()}]
    assert again(host, before)["pids"] == [os.getpid()]
    assert host["looked"] == ALL


def test_a_process_that_a_signal_stops_and_continues_is_noticed(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    before = first(host, child.pid)
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    host["found"]["x"] = [processes.describe(child.pid)]
    frozen = again(host, before)
    assert (frozen["state"], frozen["health"]) == ("running", "unhealthy")
    assert frozen["evidence"] == f"pid {child.pid} is stopped by a signal (SIGSTOP)"
    assert (host["looked"], host["asked"]) == (ALL, [])
    assert again(host, frozen) == frozen
    child.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, child.pid, os.WCONTINUED)
    host["found"]["x"] = [processes.describe(child.pid)]
    assert again(host, frozen) == before


@pytest.mark.parametrize(("status", "found"), [(STOPPED, []), (FAILED, []), ({"unit": "unknown", "text": "?"}, []), (RUNNING, [])])
def test_what_did_not_run_is_looked_at_again(host: dict[str, Any], status: dict[str, Any], found: list[dict[str, Any]]) -> None:
    before = look(host, {**status, "pids": []}, found)
    host["status"]["x"], host["found"]["x"] = RUNNING, [PROCESS]
    row = again(host, before)
    assert (row["state"], row["health"], host["looked"]) == ("running", "healthy", ALL)


def test_what_is_down_though_it_left_a_process_behind_is_looked_at_again(host: dict[str, Any]) -> None:
    before = look(host, {**STOPPED, "pids": [os.getpid()]}, [])
    assert (before["state"], before["pids"]) == ("stopped", [os.getpid()])
    host["status"]["x"] = {**FAILED, "pids": [os.getpid()]}
    assert (again(host, before)["state"], host["looked"]) == ("failed", ALL)


def test_a_service_without_a_process_is_looked_at_again(host: dict[str, Any]) -> None:
    before = look(host, {**RUNNING, "pids": []}, None)
    assert (before["state"], before["pids"]) == ("running", [])
    host["status"]["x"] = STOPPED
    assert again(host, before)["state"] == "stopped"


def test_only_what_has_changed_is_looked_at_again(host: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    entries = {name: entry(name) for name in ("a", "b", "c")}
    host["status"] = {name: {**RUNNING, "pids": [os.getpid()]} for name in entries}
    host["found"] = {name: [{**PROCESS, "pid": os.getpid()}] for name in entries}
    host["status"]["b"], host["found"]["b"] = {**RUNNING, "pids": [child.pid]}, [processes.describe(child.pid)]
    host["answers"] = {name: Answer(True, f"{name} is well") for name in entries}
    before = observe.look(entries, "n1", HOST, Cluster([]), entries)
    kept = copy.deepcopy(before)
    child.kill()
    child.wait()
    host.update(looked=[], asked=[])
    host["status"]["b"], host["found"]["b"], host["answers"]["c"] = STOPPED, [], NoAnswer("no word")
    rows = observe.look(entries, "n1", HOST, Cluster([]), ["b", "c"], before)
    assert [(name, row["state"], row["health"]) for name, row in rows.items()] == [
        ("a", "running", "healthy"),
        ("b", "stopped", "unhealthy"),
        ("c", "running", "unknown"),
    ]
    assert (host["looked"], host["asked"]) == (["the service of b", "the processes of b"], ["c"])
    assert before == kept


# ---- over the network


def test_from_afar(short_timeout: float) -> None:
    nobody = free_port()
    with web({"/": "ready"}) as good, web({"/": "wait"}, 503) as bad, silent() as frozen:
        rows = {}
        for name, port in (("good", good), ("bad", bad), ("frozen", frozen), ("dead", nobody)):
            entries = {name: entry(name, ports={"http": port}, probe={"type": "http", "port": "http"})}
            rows[name] = observe.look_from_afar(entries, {name: ["n1"]}, {"n1": HOST}, Cluster([]))[name]["n1"]
    assert [(row["state"], row["health"]) for row in rows.values()] == [
        ("running", "healthy"),
        ("running", "unhealthy"),
        ("unknown", "unknown"),
        ("unknown", "unknown"),
    ]
    assert (rows["frozen"]["refused"], rows["dead"]["refused"]) == (False, True)
    assert rows["frozen"]["evidence"] == f"{HOST}:{frozen} does not answer within {short_timeout:g} s"


def test_from_afar_every_instance_is_asked_at_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(probes.PROBES, "process", lambda asked, address, _cluster: Answer(True, f"{asked['name']} {address}"))
    rows = observe.look_from_afar({"a": entry("a"), "b": entry("b")}, {"a": ["n1", "n2"], "b": ["n2"]}, {"n1": "10.0.0.1"}, Cluster([]))
    said = {name: {host: row["evidence"] for host, row in by_host.items()} for name, by_host in rows.items()}
    assert said == {"a": {"n1": "a 10.0.0.1", "n2": "a n2"}, "b": {"n2": "b n2"}}


# ---- last words


@pytest.fixture
def no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without systemd."""
    monkeypatch.setattr(services, "has_systemd", lambda: False)


@pytest.mark.usefixtures("no_journal")
def test_last_words_are_the_end_of_the_newest_fresh_log(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old.log", 60), ("new.log", 1), ("newer.log", 0)):
        (tmp_path / name).write_text("".join(f"{name} {number}\n" for number in range(40)), encoding="utf-8")
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "newest.log").touch()
    (tmp_path / "folder.log").mkdir()
    words = observe.last_words(entry(log=[f"{tmp_path}/*.log"]), now)
    assert words == [f"{tmp_path}/newer.log:", *(f"newer.log {number}" for number in range(25, 40))]


@pytest.mark.usefixtures("no_journal")
def test_old_logs_have_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("x\n", encoding="utf-8")
    assert observe.last_words(entry(log=[f"{tmp_path}/*.log"]), time.time() + 60) == []
    assert observe.last_words(entry(log=[f"{tmp_path}/none*.log"]), 0) == []


def test_last_words_in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(words: list[str]) -> tuple[int, str]:
        asked.append(words)
        return 0, "java.net.BindException\nexit"

    monkeypatch.setattr(services, "has_systemd", lambda: True)
    monkeypatch.setattr(services, "run", run)
    began = datetime.datetime(2026, 11, 21, 10, 0, 5).timestamp()
    assert observe.last_words(entry("zookeeper"), began) == ["journal:", "java.net.BindException", "exit"]
    (words,) = asked
    assert words[0] == "journalctl"
    assert words[words.index("--since") + 1] == "2026-11-21 10:00:04"
    assert words[words.index("-u") + 1] == "zookeeper.service"


@pytest.mark.parametrize("answer", [(1, "No journal files were found."), (0, "")])
def test_a_journal_without_words(monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]) -> None:
    monkeypatch.setattr(services, "has_systemd", lambda: True)
    monkeypatch.setattr(services, "run", lambda _words: answer)
    assert observe.last_words(entry(), 0) == []


@pytest.mark.parametrize(("text", "lines"), [("", []), ("one", ["one"]), ("one\ntwo\n", ["one", "two"])])
def test_the_tail_of_a_short_file(tmp_path: Path, text: str, lines: list[str]) -> None:
    (tmp_path / "x").write_text(text, encoding="utf-8")
    assert observe.tail(str(tmp_path / "x"), 15) == lines


def test_the_tail_of_a_long_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff" * 100_000 + b"\nthe end\n")
    assert observe.tail(str(tmp_path / "x"), 1) == ["the end"]


# ---- ports


def test_ports_and_their_holders() -> None:
    with silent() as held:
        rows = observe.ports({"a": entry("a", ports={"http": held, "rpc": free_port()}), "b": entry("b")}, "n1")
    assert [(row["component"], row["host"], row["name"]) for row in rows] == [("a", "n1", "http"), ("a", "n1", "rpc")]
    assert [holder["pid"] for holder in rows[0]["holders"]] == [os.getpid()]
    assert rows[1]["holders"] == []


def test_which_ports_of_the_next_host_can_be_reached() -> None:
    nobody = free_port()
    with silent() as held:
        rows = observe.reached(
            {"host": "n2", "address": HOST, "ports": [{"component": "a", "port": held}, {"component": "b", "port": nobody}]}
        )
    assert rows == [
        {"component": "a", "port": held, "host": "n2", "open": True},
        {"component": "b", "port": nobody, "host": "n2", "open": False, "why": f"nobody listens on {HOST}:{nobody}"},
    ]


def test_a_host_without_a_neighbour() -> None:
    assert observe.reached(None) == []


def test_a_newer_logging_configuration_is_a_newer_configuration(tmp_path: Path) -> None:
    for name, second in (("site.xml", 1000), ("log4j.xml", 2000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    entry = {"config": [f"{tmp_path}/site.xml"], "log_config": [f"{tmp_path}/log4j.xml"]}
    assert observe.configured(entry) == "1970-01-01T00:33:20Z"
    assert observe.configured({**entry, "log_config": []}) == "1970-01-01T00:16:40Z"
