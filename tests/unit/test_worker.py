# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker's life: its steps, its end, and what becomes of it when nobody looks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import worker
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, Part, WorkerError

OWNER = {"controller": "here", "pid": 1, "started": "1"}


class Sleeper(Part):
    """Sleeps when told; leaves a file at its close."""

    def step(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if name == "fail":
            raise WorkerError("it cannot be done")
        if name == "break":
            raise ZeroDivisionError("a fault of the code")
        with self.context.timed("sleeping"):
            self.context.run(["sleep", str(arguments["seconds"])])
        return {"slept": arguments["seconds"]}

    def close(self) -> list[str]:
        Path(self.arguments["closed"]).write_text("closed")
        return ["something"]


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A worker; the file that its close leaves."""
    monkeypatch.setattr(worker, "RUN_DIRECTORY", str(tmp_path / "run"))
    closed = tmp_path / "closed"
    start(tmp_path, closed)
    yield closed
    worker.abort("w")


def start(tmp_path: Path, closed: Path, patience: float = 0) -> None:
    worker.launch("w", lambda context: Sleeper(context, {"closed": str(closed)}), str(tmp_path / "data"), OWNER, patience)


def begin(step: str, **arguments: Any) -> None:
    worker.mine("w", OWNER, {"ask": "begin", "step": step, "arguments": arguments})


def wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


def test_a_step_and_its_result(begun: Path) -> None:
    begin("sleep", seconds=0.1)
    state = worker.wait("w", OWNER, 20)
    assert (state["running"], state["failed"]) == (False, None)
    assert state["result"]["slept"] == 0.1
    assert state["result"]["times"][0]["step"] == "sleeping"
    assert state["result"]["times"][0]["seconds"] >= 0.1
    assert not begun.exists()


def test_a_long_step_is_seen_under_way(begun: Path) -> None:
    begin("sleep", seconds=30)
    end = time.monotonic() + 20
    while (state := worker.wait("w", OWNER, 0))["progress"] != "sleeping":
        assert time.monotonic() < end
    assert state["running"]
    worker.abort("w")
    assert begun.read_text() == "closed"


@pytest.mark.parametrize(("step", "words"), [("fail", "it cannot be done"), ("break", "ZeroDivisionError: a fault of the code")])
def test_a_failed_step_is_told_and_the_worker_lives(begun: Path, step: str, words: str) -> None:
    begin(step)
    assert worker.wait("w", OWNER, 20)["failed"] == words
    begin("sleep", seconds=0)
    assert worker.wait("w", OWNER, 20)["failed"] is None
    assert not begun.exists()


def test_close(begun: Path) -> None:
    begin("close")
    state = worker.wait("w", OWNER, 20)
    assert state["result"]["left"] == ["something"]
    assert begun.exists()


def test_the_second_is_told_whose_the_first_is(begun: Path, tmp_path: Path) -> None:
    with pytest.raises(worker.Busy) as raised:
        start(tmp_path, begun)
    assert raised.value.owner is not None
    assert raised.value.owner["owner"] == OWNER
    worker.abort("w")
    start(tmp_path, begun, patience=20)
    assert worker.mine("w", OWNER, {"ask": "look"})["running"] is False


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RUN_DIRECTORY", str(tmp_path))
    with pytest.raises(worker.Gone, match="no worker answers"):
        worker.wait("w", OWNER, 1)


def test_a_worker_at_which_nobody_looks_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RUN_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(worker, "LEASE", 0.5)
    monkeypatch.setattr(worker, "IDLE_LEASE", 0.5)
    start(tmp_path, tmp_path / "idle")
    wait_for(tmp_path / "idle")
    start(tmp_path, tmp_path / "busy", patience=20)
    begin("sleep", seconds=3600)
    wait_for(tmp_path / "busy")


def alive(pid: int) -> bool:
    """Whether a process runs. One that is dead and that its parent has not buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_commands_end_with_the_worker(tmp_path: Path) -> None:
    context = Context(str(tmp_path))
    child = context.popen(["sh", "-c", "sleep 1000 & echo $! && wait"])
    grandchild = int(child.stdout.readline())
    context.aborted.set()
    context.end_children()
    assert child.returncode != 0
    end = time.monotonic() + 20
    while alive(grandchild):
        assert time.monotonic() < end, "what the command started still runs"
        time.sleep(0.05)
    with pytest.raises(WorkerError, match="given up"):
        context.run(["true"])


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    context = Context(str(tmp_path))
    with pytest.raises(WorkerError, match=r"ended with status 3: no space"):
        context.run(["sh", "-c", "echo '2026-01-01 INFO noise' >&2; echo 'no space' >&2; exit 3"])
    with pytest.raises(WorkerError, match="'nowhere' cannot be run: No such file"):
        context.run(["nowhere"])
    assert context.run(["cat"], stdin=b"text") == "text"


def test_another_run_can_neither_use_nor_close_it(begun: Path) -> None:
    begin("sleep", seconds=0.1)
    for step in ("sleep", "close"):
        with pytest.raises(worker.Busy) as raised:
            worker.mine("w", {**OWNER, "pid": 2}, {"ask": "begin", "step": step, "arguments": {"seconds": 60}})
        assert raised.value.owner is not None
        assert raised.value.owner["owner"] == OWNER
    assert worker.wait("w", OWNER, 20)["result"]["slept"] == 0.1
    assert not begun.exists()
