# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may lose data: each mend looks first whether it may."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import mends
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Answer, Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError

CLUSTER = Cluster([])
# As recorded: the number of replicas stands between the two since 3.5; the status is 255 where any are listed, 1 where any were deleted.
LISTED = {
    "3.5.0": (
        "The list of corrupt blocks under path '/' are:\n",
        "blk_10{}\t2\t{}\n",
        "The filesystem under path '/' has {} CORRUPT blocks",
    ),
    "3.1.4": ("The list of corrupt files under path '/' are:\n", "blk_10{}\t{}\n", "The filesystem under path '/' has {} CORRUPT files"),
}


class Tool:
    """A command line that remembers what it was asked, and the files it would list as corrupt."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.corrupt: list[str] = []
        self.settings: dict[str, str] = {}
        self.version = "3.5.0"

    def done_by(self, _entry: Any, words: list[str], _timeout: float) -> str:
        self.asked.append(words)
        return ""

    def run(self, _entry: Any, words: list[str], _timeout: float) -> tuple[int, str]:
        self.asked.append(words)
        if "-delete" in words:
            self.corrupt = [path for path in self.corrupt if path != words[1]]
            return 1, "FSCK ended at Sun Nov 22 16:37:53 UTC 2026 in 124 milliseconds\n\nThe filesystem under path '/x' is CORRUPT"
        head, line, end = LISTED[self.version]
        listed = "".join(line.format(number, path) for number, path in enumerate(self.corrupt))
        return (255 if self.corrupt else 0), (head if self.corrupt else "") + listed + end.format(len(self.corrupt))


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool()
    monkeypatch.setattr(mends, "done_by", made.done_by)
    monkeypatch.setattr(mends, "tool", made.run)
    monkeypatch.setattr(mends, "setting", lambda _entry, key: made.settings[key])
    monkeypatch.setattr(mends.shutil, "chown", lambda *_words: None)
    return made


def entry(probe: str, **more: Any) -> dict[str, Any]:
    return {
        "probe": {"type": probe},
        "user": getpass.getuser(),
        "ports": {"rpc": 8020},
        "start_timeout": 600,
        "address": "n2",
        "others": ["n1", "n3"],
        "given": {},
        **more,
    }


def others(monkeypatch: pytest.MonkeyPatch, probe: str, **answers: Answer) -> None:
    monkeypatch.setitem(mends.PROBES, probe, lambda _entry, address, _cluster: answers[address])


ACTIVE, STANDBY, ILL = Answer(True, "active", "active"), Answer(True, "standby", "standby"), Answer(False, "not serving")
LEADER, FOLLOWER = Answer(True, "mode leader", "leader"), Answer(True, "mode follower", "follower")


def test_safe_mode_is_left_at_every_namenode_that_is_in_it(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, "hdfs_namenode", n1=STANDBY._replace(details={"safe_mode": True}), n3=STANDBY)
    assert mends.leave_safe_mode(entry("hdfs_namenode"), CLUSTER) == "n2, n1 left safe mode"
    assert tool.asked == [["dfsadmin", "-fs", f"hdfs://{host}:8020", "-safemode", "leave"] for host in ("n2", "n1")]


def test_a_namenode_without_names_gets_them_from_the_active_one(tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool.settings["dfs.namenode.name.dir"] = f"file://{tmp_path}/name"
    others(monkeypatch, "hdfs_namenode", n1=ACTIVE, n3=STANDBY)
    mends.bootstrap_standby(entry("hdfs_namenode"), CLUSTER)
    assert tool.asked == [["namenode", "-bootstrapStandby", "-nonInteractive"]]
    assert (tmp_path / "name").is_dir()


def test_a_bootstrap_that_fails_leaves_nothing(tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_words: Any) -> str:
        (tmp_path / "name" / "current").mkdir()
        raise StepError("status 6: Gap in transactions")

    tool.settings["dfs.namenode.name.dir"] = str(tmp_path / "name")
    others(monkeypatch, "hdfs_namenode", n1=ACTIVE, n3=STANDBY)
    monkeypatch.setattr(mends, "done_by", fails)
    with pytest.raises(StepError, match="Gap in transactions"):
        mends.bootstrap_standby(entry("hdfs_namenode"), CLUSTER)
    assert list((tmp_path / "name").iterdir()) == []


@pytest.mark.parametrize(("left", "other", "why"), [(True, ACTIVE, "found content in"), (False, ILL, "expected another NameNode active")])
def test_names_are_not_touched_where_any_are_left_or_nobody_has_them(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: bool, other: Answer, why: str
) -> None:
    tool.settings["dfs.namenode.name.dir"] = str(tmp_path)
    others(monkeypatch, "hdfs_namenode", n1=other, n3=STANDBY)
    if left:
        (tmp_path / "current").mkdir()
    with pytest.raises(StepError, match=why):
        mends.bootstrap_standby(entry("hdfs_namenode"), CLUSTER)
    assert tool.asked == []


@pytest.fixture
def member(tmp_path: Path) -> dict[str, Any]:
    lines = [f"dataDir={tmp_path}/data", *(f"server.{number}=n{number}:2888:3888" for number in (1, 2, 3))]
    (tmp_path / "zoo.cfg").write_text("\n".join(lines) + "\n")
    return entry("zookeeper", config=[str(tmp_path)])


@pytest.mark.usefixtures("tool")
def test_a_member_gets_its_number_again(member: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others(monkeypatch, "zookeeper", n1=FOLLOWER, n3=LEADER)
    assert mends.rejoin_ensemble(member, CLUSTER) == "joins again as number 2"
    assert (tmp_path / "data" / "myid").read_text() == "2\n"


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"n1": FOLLOWER, "n3": ILL}, "expected a leader and a majority of 3 without this one"),
        ({"n1": FOLLOWER, "n3": FOLLOWER}, "expected a leader"),
    ],
)
def test_no_member_joins_again_without_a_quorum(
    member: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: dict[str, Answer], why: str
) -> None:
    others(monkeypatch, "zookeeper", **answers)
    with pytest.raises(StepError, match=why):
        mends.rejoin_ensemble(member, CLUSTER)
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("tool")
def test_a_member_with_data_is_left_alone(member: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "data" / "version-2").mkdir(parents=True)
    with pytest.raises(StepError, match="found content in"):
        mends.rejoin_ensemble(member, CLUSTER)


def test_a_journal_is_formatted_as_the_others_are(tool: Tool, tmp_path: Path) -> None:
    donor, lost = tmp_path / "donor", tmp_path / "lost"
    (donor / "koverse" / "current").mkdir(parents=True)
    (donor / "koverse" / "current" / "VERSION").write_text("clusterID=CID-1\n")
    tool.settings["dfs.journalnode.edits.dir"] = str(donor)
    given = mends.journals(entry("hdfs_journalnode"))
    tool.settings["dfs.journalnode.edits.dir"] = str(lost)
    mends.rejoin_journal(entry("hdfs_journalnode", given=given), CLUSTER)
    assert (lost / "koverse" / "current" / "VERSION").read_text() == "clusterID=CID-1\n"
    with pytest.raises(StepError, match="found content in"):
        mends.rejoin_journal(entry("hdfs_journalnode", given=given), CLUSTER)
    with pytest.raises(StepError, match="expected journals on another JournalNode, found none"):
        mends.rejoin_journal(entry("hdfs_journalnode"), CLUSTER)


def test_what_fsck_could_not_tell_is_not_taken_for_nothing(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mends.corrupt_files({**entry("hdfs_namenode"), "tool": "hdfs"}) == []
    monkeypatch.setattr(mends, "tool", lambda *_words: (255, "Connecting to namenode via http://n1:9870/fsck\nConnection refused"))
    with pytest.raises(StepError, match="ended with status 255"):
        mends.corrupt_files({**entry("hdfs_namenode"), "tool": "hdfs"})
    assert tool.asked == [["fsck", "/", "-list-corruptfileblocks"]]


@pytest.mark.parametrize("version", LISTED)
def test_files_are_given_up_but_never_accumulos(tool: Tool, version: str) -> None:
    tool.version = version
    tool.corrupt = ["/apps/accumulo/data/wal/n1+9997/0815", "/accumulo/tables/2a/t-1/A1.rf", "/user/data.csv"]
    said = mends.give_up_files(entry("hdfs_namenode"), CLUSTER)
    assert [words for words in tool.asked if "-delete" in words] == [["fsck", "/user/data.csv", "-move", "-delete"]]
    assert said.endswith("/lost+found: /user/data.csv; left: /accumulo/tables/2a/t-1/A1.rf, /apps/accumulo/data/wal/n1+9997/0815")
    with pytest.raises(StepError, match="expected corrupt files outside of Accumulo, found /accumulo/tables"):
        mends.give_up_files(entry("hdfs_namenode"), CLUSTER)


def test_a_segment_that_is_there_whole_is_set_aside(tmp_path: Path) -> None:
    current = tmp_path / "journal" / "koverse" / "current"
    current.mkdir(parents=True)
    for name in ("edits_1-4", "edits_inprogress_5", "edits_5-9", "edits_10-11", "edits_inprogress_12"):
        (current / name).touch()
    value = f"<name>dfs.journalnode.edits.dir</name><value>{tmp_path}/journal</value>"
    (tmp_path / "hdfs-site.xml").write_text(f"<configuration><property>{value}</property></configuration>")
    about = entry("hdfs_journalnode", config=[str(tmp_path)])
    assert mends.leftovers(about) == [str(current / "edits_inprogress_5")]
    mends.set_leftovers_aside(about, CLUSTER)
    assert mends.leftovers(about) == []
    assert sorted(path.name for path in current.iterdir()) == [
        "edits_1-4",
        "edits_10-11",
        "edits_5-9",
        "edits_inprogress_12",
        "edits_inprogress_5.stale",
    ]
