# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings back an archive of configuration file by file: what is as it was stays, what differs is renamed aside or left alone."""

from __future__ import annotations

import filecmp
import os
import shutil
import tarfile
import tempfile
from typing import Any


def unpack(path: str, root: str, suffix: str | None, dry: bool) -> dict[str, Any]:
    """Unpacks an archive below `root`.

    suffix: what a file that differs is renamed with; None: it is left alone, and so is everything else.
    dry: changes nothing, tells what would be.
    Returns `made` (files that were missing), `renamed` (old name to new name), `differing` (files that stand in the way).
    """
    made: list[str] = []
    aside: dict[str, str] = {}
    differing: list[str] = []
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as scratch, tarfile.open(path) as archive:
        # It is our own, and its checksum was compared: owners, modes and absolute links are to come back as they were.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        archive.extractall(scratch, numeric_owner=True)  # noqa: S202
        pairs = []
        for directory, directories, names in os.walk(scratch):
            links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
            for name in sorted([*names, *links]):
                source = os.path.join(directory, name)
                pairs.append((source, os.path.join(root, os.path.relpath(source, scratch))))
        for source, target in pairs:
            if not os.path.lexists(target):
                made.append(target)
            elif not _same(source, target):
                differing.append(target)
        if dry or (differing and suffix is None):
            return {"made": made, "renamed": {}, "differing": differing}
        for target in differing:
            aside[target] = f"{target}{suffix}"
            os.rename(target, aside[target])
        for source, target in pairs:
            if target in aside or target in made:
                _make_directories(os.path.dirname(source), os.path.dirname(target), root)
                _place(source, target)
    return {"made": made, "renamed": aside, "differing": []}


def _same(source: str, target: str) -> bool:
    if os.path.islink(source) or os.path.islink(target):
        return os.path.islink(source) and os.path.islink(target) and os.readlink(source) == os.readlink(target)
    one, other = os.stat(source), os.stat(target)
    alike = (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)
    return alike and filecmp.cmp(source, target, shallow=False)


def _place(source: str, target: str) -> None:
    """A copy with owner and mode, in one step; the two may be in different file systems."""
    new = f"{target}.koverse-runbook"
    shutil.copy2(source, new, follow_symlinks=False)
    stat = os.lstat(source)
    os.chown(new, stat.st_uid, stat.st_gid, follow_symlinks=False)
    os.rename(new, target)


def _make_directories(source: str, target: str, root: str) -> None:
    """Directories that are missing, with the archive's owners and modes."""
    if os.path.isdir(target) or target == root:
        return
    _make_directories(os.path.dirname(source), os.path.dirname(target), root)
    os.mkdir(target)
    stat = os.stat(source)
    os.chown(target, stat.st_uid, stat.st_gid)
    os.chmod(target, stat.st_mode & 0o7777)
