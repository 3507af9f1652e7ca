# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of Accumulo's shell, with a stand-in that talks as the real one does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import shell as module
from ansible_collections.koverse.runbook.plugins.module_utils.shell import Shell
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError

# What 2.1.4 prints: a greeting, a prompt for every command, no echo.
STAND_IN = """#!{python}
import sys
print("Shell - Apache Accumulo Interactive Shell\\n-\\n- instance name: accumulo\\n-")
while True:
    print("root@accumulo> ", end="", flush=True)
    line = sys.stdin.readline().strip()
    if not line:
        break
    elif line == "users":
        print("alice\\nroot")
    elif line == "much":
        print("x" * 200_000)
    elif line == "die":
        print("2026-11-21T20:15:01,001 [shell.Shell] ERROR: it is over")
        sys.exit(3)
    elif line.startswith("flush"):
        pass
    elif line == "deletetable gone":
        print("2026-11-21T20:15:01,001 [shell.Shell] ERROR: org.apache.accumulo.core.client.TableNotFoundException: no such table")
    else:
        print('Unknown command "%s".  Enter "help" for a list possible commands.' % line)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Shell]:
    tool = tmp_path / "accumulo"
    tool.write_text(STAND_IN.format(python=sys.executable))
    tool.chmod(0o755)
    context = Context(str(tmp_path))
    opened = Shell(context, {"tool": f"env ACCUMULO_CONF_DIR=/etc/a {tool}", "shell_arguments": [], "user": None})
    yield opened
    context.end_children()


def test_commands_of_one_session(session: Shell) -> None:
    assert session.user == "root"
    assert session.run(["users"]).split() == ["alice", "root"]
    assert session.run([]) == ""
    assert session.run([f"flush -w -t t{number}" for number in range(20_000)]).strip() == ""
    assert "x" * 200_000 in session.run(["much"])
    assert session.usable
    session.end()
    assert not session.usable


def test_an_error_is_told_and_the_session_goes_on(session: Shell) -> None:
    with pytest.raises(WorkerError, match=r"^org\.apache\.accumulo\.core.client\.TableNotFoundException: no such table$"):
        session.run(["flush", "deletetable gone", "users"])
    assert session.run(["users"]).split() == ["alice", "root"]


def test_a_session_that_dies(session: Shell) -> None:
    with pytest.raises(WorkerError, match="Accumulo's shell ended with status 3: it is over"):
        session.run(["users", "die", "users"])
    assert not session.usable


def test_a_session_that_was_idle_is_not_used_again(session: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE", 0.0)
    assert not session.usable
