# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of Accumulo's shell."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.services import argv
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError

_READY = re.compile(rb"\S+@\S+( \S+)?> $")
_IDLE = 600.0  # seconds
_LINE = 1000  # characters that a pattern matches at most


def quoted(text: str) -> str:
    """A text as one argument of the shell's. Its words may hold what is not a quote of both kinds."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise WorkerError(f"Accumulo's shell cannot take {text!r}: it has both kinds of quotes")


class Shell:
    """A session that stays: many commands for the price of one JVM, and no waiting for it when seconds count."""

    def __init__(self, context: Context, entry: Mapping[str, Any]) -> None:
        """entry: the Accumulo manager's catalogue entry."""
        self.context, self.entry = context, entry
        words = [*argv(entry["tool"]), "shell", *entry["shell_arguments"]]
        self._child = context.popen(words, entry["user"], stdin=-1, stderr=-2)
        self._said, self._asked, self._used = b"", 0, time.monotonic()
        prompt = self._until(_READY).splitlines()[-1].strip()
        self.user = prompt.partition("@")[0]
        self._prompt = re.compile(re.escape(prompt[:-1]) + r"( \S+)?> ")  # once a table is chosen, its name is in it

    @property
    def usable(self) -> bool:
        """Whether it is there. A session in which nothing has been done for an hour wants the password again."""
        return self._child.poll() is None and time.monotonic() - self._used < _IDLE

    def run(self, commands: Sequence[str]) -> str:
        """What the commands print. Raises WorkerError with every error."""
        self._asked += 1
        mark = f"koverse-runbook-{self._asked}"  # no command of the shell's: it says so when it is done with the others
        text = "".join(f"{command}\n" for command in [*commands, mark]).encode()
        writer = threading.Thread(target=self._write, args=(text,), daemon=True)  # it may wait until what is printed is read
        writer.start()
        said = self._until(re.compile(f'Unknown command "{mark}".*\n'.encode()))
        self._used = time.monotonic()
        lines = said.splitlines()[:-1]
        errors = [line.partition("ERROR: ")[2] for line in lines if " ERROR: " in line]
        if errors:
            raise WorkerError("; ".join(errors))
        return self._prompt.sub("", "\n".join(lines))

    def _write(self, text: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(text)
            self._child.stdin.flush()

    def _until(self, pattern: re.Pattern[bytes]) -> str:
        """What it prints up to the end of a pattern. Raises WorkerError where it ends before."""
        seen = 0
        while not (match := pattern.search(self._said, max(0, seen - _LINE))):
            seen = len(self._said)
            chunk = os.read(self._child.stdout.fileno(), 65536)
            self._said += chunk
            if not chunk:
                code = self.context.ended(self._child)
                raise WorkerError(f"Accumulo's shell ended with status {code}: {_telling(self._said.decode('utf-8', 'replace'))}")
        said, self._said = self._said[: match.end()], self._said[match.end() :]
        return said.decode("utf-8", "replace")

    def end(self) -> None:
        """Ends the session."""
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.wait()


def _telling(text: str) -> str:
    errors = [line.partition("ERROR: ")[2] for line in text.splitlines() if "ERROR" in line]
    return "; ".join(errors) or " / ".join(text.splitlines()[-3:]) or "it says nothing"
