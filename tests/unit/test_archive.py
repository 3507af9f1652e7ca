# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration comes back file by file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import archive


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """An archive of a file, a link, and a directory with a file."""
    source = tmp_path / "source"
    (source / "etc" / "app.d").mkdir(parents=True)
    (source / "etc" / "app.conf").write_text("as it was\n")
    (source / "etc" / "app.d" / "more.conf").write_text("more\n")
    (source / "etc" / "app.d" / "more.conf").chmod(0o640)
    (source / "etc" / "link").symlink_to("app.conf")
    path = tmp_path / "host.tar.gz"
    subprocess.run(["tar", "--create", "--gzip", "--file", path, "--directory", source, "etc"], check=True)
    return path


def test_into_an_empty_place(packed: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    done = archive.unpack(str(packed), str(root), None, dry=False)
    assert sorted(done["made"]) == [str(root / "etc" / name) for name in ("app.conf", "app.d/more.conf", "link")]
    assert (root / "etc" / "app.d" / "more.conf").stat().st_mode & 0o777 == 0o640
    assert os.readlink(root / "etc" / "link") == "app.conf"


def test_what_is_as_it_was_stays(packed: Path, tmp_path: Path) -> None:
    archive.unpack(str(packed), str(tmp_path / "source"), None, dry=False)
    again = archive.unpack(str(packed), str(tmp_path / "source"), None, dry=False)
    assert again == {"made": [], "renamed": {}, "differing": []}


@pytest.mark.parametrize("change", ["content", "mode"])
def test_what_differs_stands_in_the_way(packed: Path, tmp_path: Path, change: str) -> None:
    root = tmp_path / "source"
    target = root / "etc" / "app.d" / "more.conf"
    if change == "content":
        target.write_text("edited")
    else:
        target.chmod(0o600)
    (root / "etc" / "app.conf").unlink()
    refused = archive.unpack(str(packed), str(root), None, dry=False)
    assert refused["differing"] == [str(target)]
    assert not (root / "etc" / "app.conf").exists(), "nothing is done where something stands in the way"
    assert archive.unpack(str(packed), str(root), ".aside", dry=True)["differing"] == [str(target)]
    assert not (root / "etc" / "app.conf").exists(), "a dry run changes nothing"
    done = archive.unpack(str(packed), str(root), ".aside", dry=False)
    assert done["renamed"] == {str(target): f"{target}.aside"}
    assert target.read_text() == "more\n"
    assert Path(f"{target}.aside").read_text() == ("edited" if change == "content" else "more\n")
