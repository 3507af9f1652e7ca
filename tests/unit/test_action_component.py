# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin component: acts once, asks again and again, and ends when all is there, something failed, or it is too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.koverse.runbook.plugins.action import component
from ansible_collections.koverse.runbook.plugins.action.component import ActionModule
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide
from ansible_collections.koverse.runbook.plugins.plugin_utils import plan as planning
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import Board
from ansible_collections.koverse.runbook.tests.unit.actions import Connection, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import down, ha_plan, row

PLAN = ha_plan()
STORAGE = decide.to_start(PLAN, down(PLAN), planning.narrow(PLAN))[0][1]


class Host:
    """A managed host that answers slice after slice with what is written down; `meanwhile` happens during each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile: Callable[[], Any] = lambda: None
        self.asked: list[dict[str, Any]] = []
        self.slices: list[dict[str, Any]] = []

    def execute(self, module_name: str, module_args: dict[str, Any], **_others: Any) -> dict[str, Any]:
        """One slice."""
        assert module_name == "koverse.runbook.component"
        # The action changes its work in place: what counts is what it said when it asked.
        self.asked.append({"state": module_args["state"], **module_args["work"]})
        answer = self.slices[min(len(self.asked), len(self.slices)) - 1]
        self.now += answer.get("takes", 8.0)
        self.meanwhile()
        if "msg" in answer:
            return dict(answer)
        empty = {
            "instances": [],
            "afar": {},
            "acted": [],
            "steps": [],
            "failures": {},
            "last_words": {},
            "waiting": {},
            "tservers_left": [],
        }
        answer = {key: value.copy() if hasattr(value, "copy") else value for key, value in answer.items() if key != "takes"}
        return {"changed": False, "done": False, "memory": {"slice": len(self.asked)}, **empty, **answer}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """A host, and a clock that only it moves."""
    made = Host()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(component.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(ActionModule, "_execute_module", made.execute)
    return made


def start(name: str = "n3", stage: dict[str, Any] | None = STORAGE, connection: Any = None, **args: Any) -> dict[str, Any]:
    """The result of a start on a host."""
    options = {"stage": stage} if stage else {}
    return run(ActionModule, variables(PLAN, host=name), connection, state="started", **options, **args)


WAITING = {"waiting": {"hdfs_datanode": "n3: nobody listens on n3:9864"}, "acted": ["hdfs_datanode"]}
DONE = {"done": True, "acted": ["hdfs_datanode"]}


def test_the_first_slice_acts_and_the_others_watch(host: Host) -> None:
    host.slices = [WAITING, WAITING, DONE]
    result = start()
    assert [(asked["act"], asked["memory"]) for asked in host.asked] == [(True, None), (False, {"slice": 1}), (False, {"slice": 2})]
    assert (result["changed"], result["acted"], result["waited"]) == (True, ["hdfs_datanode"], 24.0)
    assert not {"memory", "waiting", "done"} & set(result)


def test_a_host_gets_its_own_part_of_the_stage(host: Host) -> None:
    host.slices = [DONE]
    start("n2")
    (asked,) = host.asked
    assert sorted(asked["entries"]) == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]
    assert (asked["host"], asked["address"], asked["state"], asked["afar"]) == ("n2", "n2", "started", None)
    start("n3")
    assert list(host.asked[1]["entries"]) == ["hdfs_datanode"]


def test_only_the_watcher_watches_from_afar(host: Host) -> None:
    host.slices = [DONE]
    start("n3")
    afar = host.asked[0]["afar"]
    assert list(afar["entries"]) == ["hdfs_datanode", "hdfs_namenode", "hdfs_zkfc"]
    assert afar["hosts"]["hdfs_namenode"] == ["n1", "n2"]
    assert (afar["minimums"]["hdfs_datanode"], afar["minimums"]["hdfs_namenode"]) == (3, 2)


def test_only_the_stepper_does_the_steps(host: Host) -> None:
    host.slices = [DONE]
    stage = {**STORAGE, "stepper": "n1"}
    for state, name in (("prepared", "n1"), ("stopped", "n1"), ("stopped", "n2")):
        run(ActionModule, variables(PLAN, host=name), state=state, stage=stage)
    start("n1", None, components=["hdfs_datanode"])
    assert [asked["step"] for asked in host.asked] == [True, True, False, True]


def test_what_was_prepared_is_a_change(host: Host) -> None:
    host.slices = [{"done": True, "steps": ["goal state set"]}]
    result = run(ActionModule, variables(PLAN, host="n1"), state="prepared", stage={**STORAGE, "stepper": "n1"})
    assert (result["changed"], result["steps"], "failed" in result) == (True, ["goal state set"], False)


def test_without_a_stage_a_host_takes_the_components_that_are_named(host: Host) -> None:
    host.slices = [DONE]
    start("n3", None, components=["hdfs_datanode", "postgres"])
    assert (list(host.asked[0]["entries"]), host.asked[0]["afar"]) == (["hdfs_datanode"], None)
    start("n3", None)
    assert "zookeeper" in host.asked[1]["entries"]


def test_a_host_beside_the_cluster_has_nothing_to_do(host: Host) -> None:
    result = start("desk")
    assert (result["changed"], result["acted"], host.asked) == (False, [], [])


def test_nothing_done_is_nothing_changed(host: Host) -> None:
    host.slices = [{"done": True}]
    assert start()["changed"] is False


def test_a_step_is_a_change(host: Host) -> None:
    host.slices = [{"done": True, "steps": ["goal state set"]}]
    result = start()
    assert (result["changed"], result["steps"]) == (True, ["goal state set"])


def test_steps_of_all_slices_are_kept(host: Host) -> None:
    host.slices = [{**WAITING, "steps": ["goal state set"]}, DONE]
    assert start()["steps"] == ["goal state set"]


def test_a_failure_ends_the_wait(host: Host) -> None:
    host.slices = [WAITING, {**WAITING, "failures": {"hdfs_datanode": "died 5 s after the stage's start"}}, DONE]
    result = start()
    assert (len(host.asked), result["failures"]) == (2, {"hdfs_datanode": "died 5 s after the stage's start"})


def test_what_is_too_late_is_a_failure_that_says_what_was_last_seen(host: Host) -> None:
    host.slices = [WAITING]
    result = start()
    limit = PLAN["components"]["hdfs_datanode"]["start_timeout"]
    assert result["failures"] == {"hdfs_datanode": f"not up after {limit} s; last seen: n3: nobody listens on n3:9864"}
    assert limit < result["waited"] <= limit + 8


def test_a_stop_has_its_own_time_limit(host: Host) -> None:
    host.slices = [WAITING]
    result = run(ActionModule, variables(PLAN, host="n3"), state="stopped", stage={**STORAGE, "goal": "stopped"})
    limit = PLAN["components"]["hdfs_datanode"]["stop_timeout"]
    assert result["failures"] == {"hdfs_datanode": f"not gone after {limit} s; last seen: n3: nobody listens on n3:9864"}


def test_the_watcher_gives_every_component_of_the_stage_its_own_time(host: Host) -> None:
    host.slices = [{"waiting": {"hdfs_namenode": "n1: safe mode is on"}}]
    result = start("n3")
    assert result["failures"] == {"hdfs_namenode": "not up after 600 s; last seen: n1: safe mode is on"}


def test_what_is_there_at_the_last_moment_is_not_too_late(host: Host) -> None:
    host.slices = [{**WAITING, "takes": 10_000.0, "done": True}]
    assert start()["failures"] == {}


def test_a_death_on_another_host_ends_the_wait_here(host: Host) -> None:
    host.slices = [WAITING]
    Board("storage-started").write("n1", failed=True)
    result = start()
    assert (len(host.asked), result["failures"]) == (1, {})


def test_a_death_in_another_stage_does_not(host: Host) -> None:
    host.slices = [WAITING, DONE]
    Board("storage-stopped").write("n1", failed=True)
    start()
    assert len(host.asked) == 2


def test_a_failure_here_is_told_to_the_others(host: Host) -> None:
    host.slices = [{**WAITING, "failures": {"hdfs_datanode": "died"}}]
    start()
    assert Board("storage-started").failed() == ["n3"]


def test_a_module_that_cannot_run_is_told_to_the_others_and_returned(host: Host) -> None:
    host.slices = [{"failed": True, "msg": "Incorrect sudo password"}]
    assert start()["msg"] == "Incorrect sudo password"
    assert Board("storage-started").failed() == ["n3"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of progress."""
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_progress_says_what_is_up_what_is_awaited_and_for_how_long(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    seen = {"hdfs_datanode": {"n1": row("hdfs_datanode", "n1"), "n2": row("hdfs_datanode", "n2", health="unhealthy")}}
    host.slices = [{**WAITING, "afar": seen}, DONE]
    start()
    assert lines(capsys) == ["storage, 8 s: up hdfs_datanode 1/2; waiting for hdfs_datanode (n3: nobody listens on n3:9864)"]


def test_progress_is_said_with_every_slice_in_which_nothing_changes(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.slices = [WAITING, WAITING, WAITING, DONE]
    start()
    assert [line.split(":")[0] for line in lines(capsys)] == ["storage, 8 s", "storage, 16 s", "storage, 24 s"]
    assert {asked["slice"] for asked in host.asked} == {7}


def test_a_host_that_does_not_watch_leaves_the_words_to_the_one_that_does(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.slices = [WAITING, DONE]
    start("n2")
    assert lines(capsys) == []


def test_a_host_says_what_only_it_can_see(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    (stage, *_others) = decide.to_start(PLAN, down(PLAN), planning.narrow(PLAN))[0]
    host.slices = [{"waiting": {"postgres": "n1: psql: no answer", "zookeeper": "n1: no quorum"}}, DONE]
    start("n1", stage)
    assert lines(capsys) == ["coordination, 8 s: waiting for postgres (n1: psql: no answer)"]


def test_a_host_without_a_stage_speaks_for_itself(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.slices = [WAITING, DONE]
    start("n3", None)
    assert lines(capsys) == ["n3, 8 s: waiting for hdfs_datanode (n3: nobody listens on n3:9864)"]


@pytest.mark.parametrize(
    ("name", "stage", "said"),
    [
        ("n3", STORAGE, ["storage, 10 s: waiting for hdfs_datanode, hdfs_namenode, hdfs_zkfc"]),
        ("n3", None, ["n3, 10 s: waiting for "]),
        ("n2", STORAGE, []),
    ],
    ids=["watcher", "without a stage", "another host of the stage"],
)
def test_a_host_that_is_too_busy_to_return_does_not_silence_the_run(
    host: Host, line: Line, capsys: pytest.CaptureFixture[str], name: str, stage: dict[str, Any] | None, said: list[str]
) -> None:
    def meanwhile() -> None:
        host.now += 2.0
        line.glance_twice()

    host.slices, host.meanwhile = [{**DONE, "takes": 8.0}], meanwhile
    start(name, stage, connection=line)
    found = lines(capsys)
    assert len(found) == len(said)
    assert all(line.startswith(words) for line, words in zip(found, said, strict=True))


def test_the_last_line_is_said_again_after_a_silence(host: Host, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    def meanwhile() -> None:
        for _step in range(2 * (len(host.asked) - 1)):
            host.now += 5.0
            line.glance_twice()

    host.slices, host.meanwhile = [{**WAITING, "takes": 8.0}, {**DONE, "takes": 1.0}], meanwhile
    start(connection=line)
    text = "waiting for hdfs_datanode (n3: nobody listens on n3:9864)"
    assert lines(capsys) == [f"storage, 8 s: {text}", f"storage, 19 s: {text}"]


# ---- a failure on another host while a slice lasts


class Line(Connection):
    """A connection that keeps what is run over it, and by which of its copies."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.by: list[Line] = []
        self.arrived, self.left = threading.Event(), threading.Event()
        self.glances = 0
        self.glanced = threading.Condition()
        self.broken = ""

    def exec_command(self, command: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Runs nothing."""
        assert (in_data, sudoable) == (None, False)
        self.said.append(command)
        self.by.append(self)
        (self.arrived if command.startswith("touch") else self.left).set()
        if self.broken and command.startswith(self.broken):
            raise AnsibleConnectionFailure("ssh: connect to host n3 port 22: No route to host")
        return 0, b"", b""

    def glance_twice(self) -> None:
        """Waits for two more glances of the lookout: the second of them has begun after this call."""
        with self.glanced:
            enough = self.glances + 2
            assert self.glanced.wait_for(lambda: self.glances >= enough, 10)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """A connection, with a lookout that glances often; none is left on duty after the test."""
    monkeypatch.setattr(component, "_LOOKOUT", 0.01)
    made, failed = Line(), Board.failed

    def glance(board: Board) -> list[str]:
        with made.glanced:
            made.glances += 1
            made.glanced.notify_all()
        return failed(board)

    monkeypatch.setattr(Board, "failed", glance)
    return made


@pytest.fixture
def on_duty() -> Callable[[], list[str]]:
    """The threads that have begun since."""
    before = set(threading.enumerate())
    return lambda: [thread.name for thread in threading.enumerate() if thread not in before]


def fails(name: str) -> None:
    """Something fails on a host of the stage."""
    Board("storage-started").write(name, failed=True)


def test_a_failure_elsewhere_ends_the_slice_with_a_file_that_is_taken_away_afterwards(
    host: Host, line: Line, on_duty: Callable[[], list[str]]
) -> None:
    during: list[str] = []

    def meanwhile() -> None:
        fails("n1")
        assert line.arrived.wait(10)
        assert not line.left.wait(0.1)
        during.extend(line.said)

    host.slices, host.meanwhile = [WAITING, DONE], meanwhile
    result = start(connection=line)
    (asked,) = host.asked
    assert during == [f"touch {asked['cut_short']}"]
    assert line.said == [f"touch {asked['cut_short']}", f"rm -f {asked['cut_short']}"]
    assert (result["failures"], result["acted"], "unreachable" in result) == ({}, ["hdfs_datanode"], False)
    assert on_duty() == []


def test_the_connection_that_waits_for_the_slice_is_left_alone(host: Host, line: Line) -> None:
    host.slices, host.meanwhile = [WAITING], lambda: (fails("n1"), line.arrived.wait(10))
    start(connection=line)
    assert line.by
    assert line not in line.by


@pytest.mark.parametrize(("name", "failed"), [("n3", True), ("n1", False)])
def test_a_slice_is_not_cut_short_while_nothing_fails_elsewhere(host: Host, line: Line, name: str, failed: bool) -> None:
    def meanwhile() -> None:
        Board("storage-started").write(name, failed=failed)
        Board("storage-stopped").write("n1", failed=True)
        assert not line.arrived.wait(0.1)

    host.slices, host.meanwhile = [WAITING, DONE], meanwhile
    assert start(connection=line)["failures"] == {}
    assert (line.said, len(host.asked)) == ([], 2)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("broken", "tried"), [("touch", ["touch"]), ("rm", ["touch", "rm"])])
def test_a_lookout_survives_a_connection_that_does_not(
    host: Host, line: Line, on_duty: Callable[[], list[str]], broken: str, tried: list[str]
) -> None:
    line.broken = broken
    host.slices, host.meanwhile = [WAITING], lambda: (fails("n1"), line.arrived.wait(10))
    result = start(connection=line)
    assert (result["acted"], result["failures"], len(host.asked)) == (["hdfs_datanode"], {}, 1)
    assert [command.split()[0] for command in line.said] == tried
    assert on_duty() == []


def test_no_lookout_stays_behind_where_the_host_is_lost(host: Host, line: Line, on_duty: Callable[[], list[str]]) -> None:
    def meanwhile() -> None:
        assert len(on_duty()) == 1
        raise AnsibleConnectionFailure("ssh: connect to host n3 port 22: No route to host")

    host.slices, host.meanwhile = [WAITING], meanwhile
    with pytest.raises(AnsibleConnectionFailure):
        start(connection=line)
    assert (on_duty(), line.said) == ([], [])


def test_every_wait_has_a_file_of_its_own(host: Host) -> None:
    host.slices = [WAITING, WAITING, DONE]
    start()
    assert len({asked["cut_short"] for asked in host.asked}) == 1
    start("n2")
    assert len({asked["cut_short"] for asked in host.asked}) == 2
    assert all(Path(asked["cut_short"]).is_absolute() for asked in host.asked)


def test_the_file_is_where_the_hosts_temporary_files_are(host: Host, line: Line) -> None:
    host.slices = [DONE]
    line._shell.get_option = {"system_tmpdirs": ["/scratch", "/elsewhere"]}.__getitem__
    start(connection=line)
    assert host.asked[0]["cut_short"].startswith("/scratch/runbook-")


@pytest.mark.usefixtures("line")
def test_the_file_comes_and_goes_over_a_real_connection(host: Host) -> None:
    found: list[bool] = []

    def meanwhile() -> None:
        file = Path(host.asked[-1]["cut_short"])
        found.append(file.exists())
        fails("n1")
        deadline = time.perf_counter() + 10
        while not file.exists() and time.perf_counter() < deadline:
            time.sleep(0.01)
        found.append(file.exists())

    host.slices, host.meanwhile = [WAITING], meanwhile
    start(connection=connection_loader.get("local", PlayContext(), shell=None))
    found.append(Path(host.asked[0]["cut_short"]).exists())
    assert found == [False, True, False]
