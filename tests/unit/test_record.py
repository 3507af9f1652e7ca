# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of its backups."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import record, worker

OLD, NEW = "20261120T201500Z", "20261121T201500Z"


@pytest.fixture(autouse=True)
def _own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "DIRECTORY", str(tmp_path / "lib"))
    monkeypatch.setattr(worker, "RUN_DIRECTORY", str(tmp_path / "run"))


def uri(name: str) -> str:
    return f"hdfs://other/backups/{name}"


def test_no_backup_was_ever_begun() -> None:
    assert record.backups() is None


def test_a_backup_that_makes_a_set() -> None:
    record.began(NEW)
    record.made(NEW, uri(NEW), "466d682e")
    assert record.instances() == ["466d682e"]
    found = record.backups()
    assert found is not None
    assert found["last"] == {"id": NEW, "verdict": "good", "why": None}
    assert {key: found["good"][key] for key in ("id", "uri", "damage")} == {"id": NEW, "uri": uri(NEW), "damage": None}


def test_a_backup_that_fails_leaves_the_set_before_it() -> None:
    record.verified(OLD, uri(OLD))
    record.began(NEW)
    record.failed(NEW, "no space left")
    found = record.backups()
    assert found is not None
    assert (found["good"]["id"], found["last"]) == (OLD, {"id": NEW, "verdict": "failed", "why": "no space left"})


def test_a_backup_whose_worker_is_gone_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    record.began(NEW)
    found = record.backups()
    assert found is not None
    assert (found["last"]["verdict"], found["last"]["why"].partition(":")[0]) == ("failed", "it ended without a word")
    monkeypatch.setattr(worker, "runs", lambda name: name == record.WORKER)
    found = record.backups()
    assert found is not None
    assert found["last"]["verdict"] == "running"


def test_an_old_set_that_is_verified_again_is_not_the_newest() -> None:
    record.verified(NEW, uri(NEW))
    record.verified(OLD, uri(OLD))
    found = record.backups()
    assert found is not None
    assert found["good"]["id"] == NEW


def test_damage_is_noted_of_the_newest_set_only_and_goes_when_it_is_whole_again() -> None:
    record.verified(NEW, uri(NEW))
    record.damaged(f"file:///a/copy/{NEW}", "manifest.json")
    found = record.backups()
    assert found is not None
    assert found["good"]["damage"] is None
    record.damaged(uri(NEW), "postgres/koverse.dump: expected 20 bytes, found 19")
    found = record.backups()
    assert found is not None
    assert found["good"]["damage"] == "postgres/koverse.dump: expected 20 bytes, found 19"
    record.verified(NEW, uri(NEW))
    found = record.backups()
    assert found is not None
    assert found["good"]["damage"] is None


def test_a_record_that_cannot_be_read_is_no_reason_to_see_nothing(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "backups.json").write_text("{")
    found = record.backups()
    assert found is not None
    assert list(found) == ["problem"]
    assert "backups.json" in found["problem"]
