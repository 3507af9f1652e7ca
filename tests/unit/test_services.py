# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service backends: systemd on recorded words, commands and init scripts with real scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import processes, services
from ansible_collections.koverse.runbook.plugins.module_utils.services import Ambari, Command, Init, Systemd, read_lsb

Script = Callable[[str, str], str]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Writes a shell script of a name, first on the PATH; its path."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


def entry(name: str, **changes: Any) -> dict[str, Any]:
    """A catalogue entry with all that the backends read."""
    return {"name": name, "service": name, "backend": "systemd", "commands": {}, "start_timeout": 5, "stop_timeout": 5, **changes}


# ---- systemd, on what `systemctl show` said of units in each state (Debian 12 has 252, Debian 13 has 257)


@pytest.fixture(params=["252", "257"])
def shown(request: pytest.FixtureRequest, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The recorded units, by name; every control group has the processes 7 and 8."""
    monkeypatch.setattr(processes, "in_cgroup", lambda path: [7, 8] if path else [])
    text = (recordings / f"systemd-{request.param}-show.txt").read_text(encoding="ascii")
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return {block["Id"].removeprefix("lab-").removesuffix(".service"): block for block in blocks}


@pytest.mark.parametrize(
    ("unit", "state", "text", "pids"),
    [
        ("active", "running", "lab-active.service is active", [7, 8]),
        ("init", "running", "lab-init.service is active", [7, 8]),
        ("wrapper", "running", "lab-wrapper.service is active", []),
        ("starting", "running", "lab-starting.service is activating", [7, 8]),
        ("stopping", "running", "lab-stopping.service is deactivating", [7, 8]),
        ("inactive", "stopped", "lab-inactive.service is inactive", []),
        ("queued", "stopped", "lab-queued.service is inactive", []),
        ("exit", "failed", "lab-exit.service failed (exit-code, exit status 3)", []),
        ("killed", "failed", "lab-killed.service failed (signal)", []),
        ("again", "failed", "lab-again.service ended and is restarted by systemd again and again", []),
    ],
)
def test_a_unit(shown: dict[str, dict[str, str]], unit: str, state: str, text: str, pids: list[int]) -> None:
    status = Systemd.read(shown[unit])
    assert (status["unit"], status["text"], status["pids"]) == (state, text, pids)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("nowhere", "there is no unit lab-nowhere.service"),
        ("masked", "lab-masked.service is masked"),
        ("bad", "lab-bad.service is bad-setting"),
    ],
)
def test_a_unit_that_cannot_be_used_is_not_taken_for_stopped(shown: dict[str, dict[str, str]], unit: str, text: str) -> None:
    assert Systemd.read(shown[unit]) == {"unit": "unknown", "text": text}


def test_only_units_with_a_job_are_queued(shown: dict[str, dict[str, str]]) -> None:
    assert {unit for unit, block in shown.items() if Systemd.read(block).get("queued")} == {"queued", "starting", "stopping"}


@pytest.mark.parametrize("state", ["reloading", "refreshing"])
def test_a_unit_that_reads_its_settings_again_runs(shown: dict[str, dict[str, str]], state: str) -> None:
    assert Systemd.read({**shown["active"], "ActiveState": state})["unit"] == "running"


def test_a_state_that_systemd_may_have_one_day_is_unknown(shown: dict[str, dict[str, str]]) -> None:
    assert Systemd.read({**shown["active"], "ActiveState": "frozen"})["unit"] == "unknown"


def test_status_asks_for_all_units_at_once(script: Script, recordings: Path, tmp_path: Path) -> None:
    script("systemctl", f'echo "$@" >> {tmp_path}/calls; cat {recordings}/systemd-252-show.txt')
    states = Systemd.status({name: entry(f"lab-{name}") for name in ("active", "exit")})
    assert (states["active"]["unit"], states["exit"]["unit"]) == ("running", "failed")
    (call,) = (tmp_path / "calls").read_text(encoding="ascii").splitlines()
    assert call.startswith("show --property Id,LoadState,")
    assert call.endswith(" lab-active.service lab-exit.service")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("echo 'Failed to connect to bus' >&2; exit 1", "systemctl show: Failed to connect to bus"),
        ("exit 1", "systemctl show: 1"),
        ("exit 0", "systemctl show: 0"),
    ],
)
def test_where_systemd_does_not_answer_nothing_is_known(script: Script, answer: str, text: str) -> None:
    script("systemctl", answer)
    assert Systemd.status({"a": entry("a"), "b": entry("b")}) == {
        "a": {"unit": "unknown", "text": text},
        "b": {"unit": "unknown", "text": text},
    }


def fake_systemctl(script: Script, tmp_path: Path, show: str, refuse: str = "nothing") -> Callable[[], list[str]]:
    """A systemctl that shows what it is told, refuses a unit, and keeps what it was asked to do."""
    calls = tmp_path / "calls"
    script(
        "systemctl",
        f'if [ "$1" = show ]; then printf "{show}"; exit; fi\necho "$@" >> {calls}\n'
        f'case "$*" in *{refuse}*) echo "Unit {refuse}.service is masked."; exit 1;; esac',
    )
    return lambda: calls.read_text(encoding="ascii").splitlines() if calls.exists() else []


ACTIVE = r"Id=a.service\nLoadState=loaded\nActiveState=active\n"
INACTIVE = r"Id=b.service\nLoadState=loaded\nActiveState=inactive\n"


def test_start_does_not_wait_and_asks_for_all_at_once(script: Script, tmp_path: Path) -> None:
    calls = fake_systemctl(script, tmp_path, rf"{INACTIVE}\n{INACTIVE}")
    assert Systemd.start({"a": entry("a"), "b": entry("b.service")}) == {}
    assert calls() == ["start --no-block a.service b.service"]


def test_a_unit_that_counts_as_active_without_its_process_is_restarted(script: Script, tmp_path: Path) -> None:
    calls = fake_systemctl(script, tmp_path, rf"{ACTIVE}\n{INACTIVE}")
    assert Systemd.start({"a": entry("a"), "b": entry("b")}) == {}
    assert sorted(calls()) == ["restart --no-block a.service", "start --no-block b.service"]


def test_stop(script: Script, tmp_path: Path) -> None:
    calls = fake_systemctl(script, tmp_path, "")
    assert Systemd.stop({"a": entry("a"), "b": entry("b")}) == {}
    assert calls() == ["stop --no-block a.service b.service"]


def test_a_bad_unit_does_not_keep_the_others_from_being_asked(script: Script, tmp_path: Path) -> None:
    calls = fake_systemctl(script, tmp_path, "", refuse="bad")
    assert Systemd.stop({"a": entry("a"), "x": entry("bad"), "b": entry("b")}) == {"x": "Unit bad.service is masked."}
    assert calls() == [
        "stop --no-block a.service bad.service b.service",
        "stop --no-block a.service",
        "stop --no-block bad.service",
        "stop --no-block b.service",
    ]


@pytest.mark.parametrize(
    ("service", "unit"),
    [
        ("zookeeper", "zookeeper.service"),
        ("zookeeper.service", "zookeeper.service"),
        ("hadoop.target", "hadoop.target"),
        ("postgresql@15-main", "postgresql@15-main.service"),
    ],
)
def test_the_unit_of_a_service(service: str, unit: str) -> None:
    assert services.unit({"service": service}) == unit


# ---- commands


def commands(**changes: Any) -> dict[str, Any]:
    """An entry that is driven by commands."""
    return entry("c", backend="command", commands={"start": "true", "stop": "true", "status": "true", **changes})


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, "running"), (1, "failed"), (2, "failed"), (3, "stopped"), (4, "unknown"), (5, "unknown"), (127, "unknown"), (150, "unknown")],
)
def test_status_by_exit_status_as_lsb_has_them(code: int, state: str) -> None:
    words = ["sh", "-c", f"echo first; echo last; exit {code}"]
    assert Command.status({"c": commands(status=words)}) == {"c": {"unit": state, "text": "last"}}


def test_status_without_words(script: Script) -> None:
    path = script("check", "exit 3")
    assert Command.status({"c": commands(status=f"{path} --now")})["c"]["text"] == f"'{path} --now' ended with status 3"


def test_a_status_command_that_is_not_there() -> None:
    assert read_lsb(["/no/such/check"]) == {
        "unit": "unknown",
        "text": "'/no/such/check' cannot be run: No such file or directory",
    }


def test_a_status_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = services.run
    monkeypatch.setattr(services, "run", lambda words: real(words, 0.1))
    assert read_lsb(["sleep", "60"]) == {"unit": "unknown", "text": "'sleep 60' did not end within 0.1 s"}


def test_commands_run_at_the_same_time_and_in_a_session_of_their_own(script: Script, tmp_path: Path) -> None:
    # Each waits for the other's file: one after the other they would never end.
    wait = "until [ -e {0}/{2} ]; do sleep 0.01; done"
    for name, other in (("one", "two"), ("two", "one")):
        script(f"start-{name}", f"touch {tmp_path}/{name}; ps -o sid= -p $$ > {tmp_path}/{name}.sid\n" + wait.format(tmp_path, name, other))
    entries = {name: commands(start=f"start-{name}") for name in ("one", "two")}
    assert Command.start(entries) == {}
    sessions = {(tmp_path / f"{name}.sid").read_text(encoding="ascii").strip() for name in entries}
    assert len(sessions) == 2
    assert str(os.getsid(0)) not in sessions


def test_a_command_as_text_or_as_words(script: Script, tmp_path: Path) -> None:
    script("act", f'echo "$1|$2" >> {tmp_path}/said')
    assert Command.stop({"a": commands(stop="act 'one word' two"), "b": commands(stop=["act", "three four", 5])}) == {}
    assert sorted((tmp_path / "said").read_text(encoding="ascii").splitlines()) == ["one word|two", "three four|5"]


def test_commands_that_fail() -> None:
    entries = {
        "good": commands(),
        "bad": commands(start="sh -c 'exit 7'"),
        "gone": commands(start="/no/such/start now"),
        "slow": {**commands(start="sleep 60"), "start_timeout": 0.2},
    }
    began = time.monotonic()
    assert Command.start(entries) == {
        "bad": "'sh -c 'exit 7'' ended with status 7",
        "gone": "'/no/such/start now' cannot be run: No such file or directory",
        "slow": "'sleep 60' did not end within 0.2 s",
    }
    assert time.monotonic() - began < 5


def test_stop_has_its_own_time_limit() -> None:
    slow = {**commands(stop="sleep 60"), "start_timeout": 60, "stop_timeout": 0.1}
    assert Command.stop({"slow": slow}) == {"slow": "'sleep 60' did not end within 0.1 s"}


# ---- init scripts without systemd, and which backend it is


def test_an_init_script_is_driven_by_service(script: Script, tmp_path: Path) -> None:
    script("service", f'echo "$@" >> {tmp_path}/calls; [ "$2" != status ] || exit 3')
    entries = {"koverse_server": entry("koverse-server", backend="init")}
    assert Init.start(entries) == {}
    assert Init.stop(entries) == {}
    assert Init.status(entries)["koverse_server"]["unit"] == "stopped"
    calls = (tmp_path / "calls").read_text(encoding="ascii").splitlines()
    assert calls == ["koverse-server start", "koverse-server stop", "koverse-server status"]


@pytest.mark.parametrize(
    ("backend", "has_systemd", "expected"),
    [
        ("systemd", True, Systemd),
        ("systemd", False, Systemd),
        ("init", True, Systemd),
        ("init", False, Init),
        ("command", True, Command),
        ("command", False, Command),
        ("ambari", True, Ambari),
    ],
)
def test_the_backend(monkeypatch: pytest.MonkeyPatch, backend: str, has_systemd: bool, expected: type) -> None:
    monkeypatch.setattr(services, "has_systemd", lambda: has_systemd)
    assert services.backend_of({"backend": backend}) is expected


def test_each_service_is_asked_through_its_own_backend(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "has_systemd", lambda: False)
    calls = fake_systemctl(script, tmp_path, INACTIVE)
    script("service", "exit 3")
    entries = {
        "unit": entry("b"),
        "init": entry("koverse-server", backend="init"),
        "command": commands(start="false", stop="false"),
    }
    assert {name: status["unit"] for name, status in services.status(entries).items()} == {
        "unit": "stopped",
        "init": "stopped",
        "command": "running",
    }
    assert services.start(entries) == {
        "init": "'service koverse-server start' ended with status 3",
        "command": "'false' ended with status 1",
    }
    assert set(services.stop(entries)) == {"init", "command"}
    assert calls() == ["start --no-block b.service", "stop --no-block b.service"]


def test_only_systemd_has_failures_to_forget(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "has_systemd", lambda: False)
    calls = fake_systemctl(script, tmp_path, "")
    services.forget_failures({"init": entry("koverse-server", backend="init"), "command": commands()})
    assert calls() == []
    services.forget_failures({"a": entry("a"), "b": entry("b"), "command": commands()})
    assert calls() == ["reset-failed a.service b.service"]


def test_what_ambari_would_stop_is_told_to_end(tmp_path: Path) -> None:
    program = tmp_path / "tserver"
    program.write_text("#!/bin/sh\necho ready\nread forever\n", encoding="ascii")
    program.chmod(0o755)
    entries = {name: entry(name, backend="ambari", process=f"{tmp_path}/{name}( |$)", user=None) for name in ("tserver", "gc")}
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert services.start(entries) == {}
        assert process.poll() is None
        assert services.stop(entries) == {}
        assert process.wait(10) == -signal.SIGTERM
    assert services.stop(entries) == {}


def test_no_services_need_no_backend() -> None:
    assert services.status({}) == {}


# ---- running a command


def test_run_gives_all_output() -> None:
    assert services.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\nerr")


def test_run_gives_the_input_it_is_given() -> None:
    assert services.run(["cat"]) == (0, "")
    assert services.run(["cat"], stdin="flush -t 'a'\n") == (0, "flush -t 'a'")


def test_at_its_time_limit_a_command_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    code, _said = services.run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], 0.3)
    assert code == 124
    # The signal is sent by now; the kernel may need a moment to end the orphan, and init to reap it.
    child, deadline = int((tmp_path / "pid").read_text(encoding="ascii")), time.monotonic() + 10
    while (alive := processes.describe(child)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive is None


def test_run_with_a_time_limit() -> None:
    assert services.run(["sleep", "60"], 0.1) == (124, "'sleep 60' did not end within 0.1 s")


def test_run_of_what_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x", encoding="ascii")
    assert services.run([str(tmp_path / "data")]) == (127, f"'{tmp_path}/data' cannot be run: Permission denied")
