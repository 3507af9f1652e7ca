# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the controller: written whole or not at all, and a lock that ends with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .catalogue import RunbookError


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Writes a file in one step, so that a reader never finds half of one. mode: as the umask has it where it is None. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Holds a lock on a file that is made where it is missing. Raises RunbookError with `busy` where another process holds it.

    The kernel releases the lock of a process that has ended, however it has.
    """
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunbookError([busy]) from error
        yield
