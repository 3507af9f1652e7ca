# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup set as data."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from hypothesis import given
from hypothesis import strategies as st

WHOLE: dict[str, Any] = {
    "format": 1,
    "id": "20261121T201500Z",
    "created": "2026-11-21T20:16:03Z",
    "cluster": {"hosts": ["n1"], "instance": "accumulo", "instance_id": "466d682e", "file_system": "hdfs://koverse"},
    "software": {"collection": "0.1.0", "accumulo": "2.1.4"},
    "tables": [{"name": "kv_record", "id": "2", "files": 2, "bytes": 30, "entries": 7}],
    "databases": [
        {
            "name": "koverse",
            "dump": "postgres/koverse.dump",
            "host": "n1",
            "bytes": 20,
            "owner": "koverse",
            "encoding": "UTF8",
            "tables": {"public.a": 3, "public.b": 4},
            "large_objects": 0,
        }
    ],
    "directories": [{"path": "/koverse/kv/addons", "exists": False, "owner": None, "files": 0, "bytes": 0}],
    "hosts": [{"name": "n1", "archive": "hosts/n1.tar.gz", "bytes": 5, "paths": ["/etc/hadoop"]}],
    "hold": {"hosts": ["n1"], "seconds": 2.5, "serving": 7.1},
    "steps": [{"host": "n1", "step": "flush", "seconds": 1.5}],
    "encrypted": False,
    "files": [
        {"path": "postgres/koverse.dump", "size": 20, "sha256": "0" * 64},
        {"path": "hosts/n1.tar.gz", "size": 5, "sha256": "1" * 64},
    ],
}


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert manifest.decode(*manifest.encode(WHOLE)) == WHOLE


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_is_noticed(position: int, bit: int) -> None:
    text, checksum = manifest.encode(WHOLE)
    damaged = bytearray(text)
    damaged[position % len(damaged)] ^= 1 << bit
    with pytest.raises(manifest.Damaged, match=r"manifest\.json: expected the SHA-256"):
        manifest.decode(bytes(damaged), checksum)


@pytest.mark.parametrize("checksum", [b"", b"\xff\xfe", b"0123  manifest.json\n"])
def test_a_checksum_that_is_none_is_noticed(checksum: bytes) -> None:
    with pytest.raises(manifest.Damaged, match=r"manifest\.json\.sha256"):
        manifest.decode(manifest.encode(WHOLE)[0], checksum)


def test_a_manifest_of_another_version_is_refused() -> None:
    with pytest.raises(manifest.Damaged, match="expected format 1, found 2"):
        manifest.decode(*manifest.encode({**WHOLE, "format": 2}))


def test_a_manifest_that_lacks_something_is_refused() -> None:
    less = {key: value for key, value in WHOLE.items() if key not in ("tables", "hold")}
    with pytest.raises(manifest.Damaged, match="it lacks hold, tables"):
        manifest.decode(*manifest.encode(less))


def test_the_schema_names_the_same_keys_as_the_code() -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs" / "manifest.schema.json").read_text(encoding="utf-8"))
    assert set(schema["required"]) == set(schema["properties"]) == set(WHOLE)
    for part in ("tables", "databases", "directories", "hosts", "steps", "files"):
        assert set(schema["properties"][part]["items"]["required"]) == set(WHOLE[part][0])
    for part in ("cluster", "software", "hold"):
        assert set(schema["properties"][part]["required"]) == set(WHOLE[part])


def test_files_that_are_missing_or_of_another_size_are_named() -> None:
    sizes = {file["path"]: file["size"] for file in WHOLE["files"]}
    assert manifest.compare_sizes(sizes, {"postgres/koverse.dump": 20, "hosts/n1.tar.gz": 5, "more": 1}) == []
    assert manifest.compare_sizes(sizes, {"postgres/koverse.dump": 19}) == [
        "postgres/koverse.dump: expected 20 bytes, found 19",
        "hosts/n1.tar.gz: expected 5 bytes, found no such file",
    ]


def test_names_of_sets() -> None:
    made = manifest.new_id(1795291629.7)
    assert made == "20261121T200709Z"
    assert manifest.is_id(made)
    partial = manifest.partial(made, "466d682e")
    assert not manifest.is_id(partial)
    assert manifest.is_partial(partial, "466d682e")
    assert not manifest.is_partial(partial, "another")
    assert not manifest.is_partial("notes-466d682e.partial", "466d682e")


def test_a_pattern_means_no_table_that_a_backup_or_a_restore_has_made() -> None:
    made = "20261121T200709Z"
    ours = [manifest.clone_of("kv_a", made), manifest.imported("kv_a", made), manifest.renamed_aside("kv_a", made)]
    known = ["kv_b", "kv_a", "other", "ns.kv_a", *ours]
    assert manifest.chosen_tables(known, ["kv_*"]) == (["kv_a", "kv_b"], [])
    assert manifest.chosen_tables(known, ["ns.*", "kv_a", "kv_*"]) == (["ns.kv_a", "kv_a", "kv_b"], [])
    assert manifest.chosen_tables(known, [ours[2], "nowhere", "x*"]) == ([ours[2]], ["nowhere", "x*"])
    assert [name for name in known if manifest.cloned(name)] == [ours[0]]


def test_a_summary() -> None:
    said = manifest.summary(copy.deepcopy(WHOLE))
    assert (said["bytes"], said["tables"], said["databases"]) == (25, {"kv_record": 7}, {"koverse": 7})


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**30, "5.0 GiB"), (3 * 2**50, "3072.0 TiB")]
)
def test_bytes_for_people(number: int, text: str) -> None:
    assert manifest.human(number) == text


IDS = st.lists(
    st.datetimes(min_value=datetime.datetime(2020, 1, 1), max_value=datetime.datetime(2030, 1, 1)).map(
        lambda moment: moment.strftime("%Y%m%dT%H%M%SZ")
    ),
    unique=True,
    max_size=40,
)
KEEP = st.fixed_dictionaries({}, optional={kind: st.integers(min_value=0, max_value=10) for kind in manifest.KEEP})


@given(ids=IDS, keep=KEEP)
def test_a_retention_never_takes_the_newest_set_nor_keeps_too_many(ids: list[str], keep: dict[str, int]) -> None:
    kept = manifest.kept(ids, keep)
    assert set(kept) <= set(ids)
    assert not ids or max(ids) in kept
    for kind in manifest.KEEP:
        assert sum(kind in reasons for reasons in kept.values()) <= keep.get(kind, 0)


@given(ids=IDS, keep=KEEP)
def test_what_was_kept_once_is_kept_again(ids: list[str], keep: dict[str, int]) -> None:
    kept = manifest.kept(ids, keep)
    assert manifest.kept(list(kept), keep) == kept


def test_a_retention() -> None:
    ids = ["20260102T010000Z", "20260105T010000Z", "20260131T010000Z", "20260201T010000Z", "20260201T130000Z", "20260202T010000Z"]
    kept = manifest.kept(ids, {"last": 1, "daily": 2, "weekly": 2, "monthly": 2})
    assert kept == {
        "20260202T010000Z": ["newest", "last", "daily", "weekly", "monthly"],
        "20260201T130000Z": ["daily", "weekly"],
        "20260131T010000Z": ["monthly"],
    }
