# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of Accumulo's shell: many commands for the price of one JVM, and one that is logged in before it is needed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError

_PROMPT = re.compile(r"\S+@\S+( [\w.]+)?> ")
_READY = re.compile(rb"\S+@\S+( \S+)?> $")


def quoted(text: str) -> str:
    """A text as one argument of the shell's. Its words may hold what is not a quote of both kinds."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise WorkerError(f"Accumulo's shell cannot take {text!r}: it has both kinds of quotes")


class Shell:
    """A session. `run` hands it commands and ends it."""

    def __init__(self, context: Context, entry: Mapping[str, Any]) -> None:
        """entry: the Accumulo manager's catalogue entry."""
        self.context, self.entry = context, entry
        words = [entry["tool"], "shell", *entry["shell_arguments"]]
        self._child = context.popen(words, entry["user"], stdin=-1, stderr=-2)
        self._said = b""
        self.user = ""

    def log_in(self) -> None:
        """Waits until the session is there and waits for commands."""
        end = time.monotonic() + self.entry["start_timeout"]
        while not _READY.search(self._said):
            chunk = os.read(self._child.stdout.fileno(), 65536)
            self._said += chunk
            if not chunk or time.monotonic() > end:
                raise WorkerError(f"Accumulo's shell does not log in: {_telling(self._said.decode('utf-8', 'replace'))}")
        prompt = self._said.decode("utf-8", "replace").splitlines()[-1]
        self.user = prompt.partition("@")[0]

    def run(self, commands: Sequence[str]) -> str:
        """What the commands print. Raises WorkerError with every error."""
        output, _nothing = self._child.communicate("".join(f"{command}\n" for command in commands).encode())
        code = self.context.ended(self._child)
        text = (self._said + output).decode("utf-8", "replace")
        errors = [line.partition("ERROR: ")[2] for line in text.splitlines() if " ERROR: " in line]
        if errors or code != 0:
            raise WorkerError("; ".join(errors) or f"Accumulo's shell ended with status {code}: {_telling(text)}")
        return _PROMPT.sub("", text)


def _telling(text: str) -> str:
    errors = [line.partition("ERROR: ")[2] for line in text.splitlines() if "ERROR" in line]
    return "; ".join(errors) or " / ".join(text.splitlines()[-3:]) or "it says nothing"
