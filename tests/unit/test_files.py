# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written in one step, on the controller and on a host."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.files import rewrite
from ansible_collections.koverse.runbook.plugins.plugin_utils.files import write_whole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("wanted", "found"), [(None, 0o640), (0o600, 0o600), (0o644, 0o644)])
def test_mode(tmp_path: Path, wanted: int | None, found: int) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", "ä", wanted)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "file"), (tmp_path / "file").read_bytes()) == (found, "ä".encode())


def test_a_draft_that_was_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / f".file.{os.getpid()}").write_text("half of")
    write_whole(tmp_path / "file", b"all of it")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"all of it"}


@pytest.mark.parametrize(
    "write", [lambda path: write_whole(path, "new"), lambda path: rewrite(str(path), b"new")], ids=["write_whole", "rewrite"]
)
def test_on_a_full_disk_all_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "file")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_mode_and_link_stay(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o604)
    link.symlink_to(file)
    rewrite(str(link), b"new")
    assert (link.readlink(), file.read_text(), mode(file)) == (file, "new", 0o604)


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rewrite(str(tmp_path / "file"), b"new")
    assert list(tmp_path.iterdir()) == []
