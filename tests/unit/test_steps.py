# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps before a start or a stop, with a command-line tool that keeps what it was asked to do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import steps
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import STEPS, StepError
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import load
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, web

FACTS: dict[str, Any] = {
    "renamed": True,
    "goal_state": "NORMAL",
    "managers": ["n1:9999"],
    "tservers": ["n1:9997", "n2:9997"],
    "tables": {
        "!0": {"name": "metadata", "state": "ONLINE"},
        "1": {"name": "t1", "state": "ONLINE"},
        "2": {"name": "old", "state": "OFFLINE"},
        "3": {"name": None, "state": "ONLINE"},
    },
}


class Accumulo(Cluster):
    """A cluster whose znodes are given, one picture after each `forget`."""

    def __init__(self, *pictures: dict[str, Any] | NoAnswer) -> None:
        super().__init__([])
        self._pictures = list(pictures)

    def accumulo(self, instance: str | None) -> dict[str, Any]:
        """The present znodes."""
        assert instance == "lab"
        now = self._pictures[0]
        if isinstance(now, NoAnswer):
            raise now
        return {**FACTS, **now}

    def forget(self) -> None:
        """Time goes on."""
        del self._pictures[0]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes the tool end as a shell script says; gives, line by line, the calls (`user: words`) and what they read (`< line`)."""
    calls = tmp_path / "calls"
    calls.touch()

    def put(script: str = "true") -> list[str]:
        (tmp_path / "runuser").write_text(
            f'#!/bin/sh\ntest "$1 $3" = "-u --" || exit 99\necho "$2: $4 $5 $6 $7" >> {calls}\nsed "s/^/< /" >> {calls}\n{script}\n',
            encoding="utf-8",
        )
        (tmp_path / "runuser").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return [line.rstrip() for line in calls.read_text(encoding="utf-8").splitlines()]

    put()
    return put


def entry(**changes: Any) -> dict[str, Any]:
    """The catalogue's manager, in an instance with a name."""
    manager = load()[1]["accumulo_manager"]
    return {**manager, "probe": {**manager["probe"], "instance": "lab"}, **changes}


@pytest.mark.parametrize("code", [126, 127])
@pytest.mark.parametrize("step", ["accumulo_flush", "accumulo_stop_all", "accumulo_stop_tserver"])
def test_a_tool_that_is_not_there_is_no_stop_that_went_on(tool: Callable[..., list[str]], step: str, code: int) -> None:
    tool(f"echo 'No such file or directory' >&2; exit {code}")
    with pytest.raises(StepError, match=rf"ended with status {code}: .*Set it as 'tool' of the component in runbook_catalogue"):
        STEPS[step](entry(address="n1"), Accumulo({}, {}))


def test_a_goal_state_that_is_normal_is_left_alone(tool: Callable[..., list[str]]) -> None:
    assert STEPS["accumulo_goal_state_normal"](entry(), Accumulo({})) == (False, "the goal state is NORMAL")
    assert tool() == []


@pytest.mark.parametrize(("renamed", "package"), [(True, "manager"), (False, "master")])
def test_a_goal_state_left_by_a_clean_stop_is_set(tool: Callable[..., list[str]], renamed: bool, package: str) -> None:
    cluster = Accumulo({"goal_state": "CLEAN_STOP", "renamed": renamed}, {"goal_state": "NORMAL"})
    done = STEPS["accumulo_goal_state_normal"](entry(), cluster)
    assert done == (True, "goal state set from CLEAN_STOP to NORMAL")
    assert tool() == [f"accumulo: /opt/accumulo/bin/accumulo org.apache.accumulo.{package}.state.SetGoalState NORMAL"]


def test_a_tool_may_be_several_words(tool: Callable[..., list[str]]) -> None:
    """Over Ambari's packages Accumulo's needs a variable."""
    cluster = Accumulo({"goal_state": "CLEAN_STOP"}, {"goal_state": "NORMAL"})
    STEPS["accumulo_goal_state_normal"](entry(tool="env ACCUMULO_CONF_DIR=/etc/a /opt/a"), cluster)
    assert tool() == ["accumulo: env ACCUMULO_CONF_DIR=/etc/a /opt/a org.apache.accumulo.manager.state.SetGoalState"]


def test_a_goal_state_that_does_not_change(tool: Callable[..., list[str]]) -> None:
    cluster = Accumulo({"goal_state": "CLEAN_STOP"}, {"goal_state": "CLEAN_STOP"})
    with pytest.raises(StepError, match=r"^SetGoalState NORMAL ended without an error, but the goal state is CLEAN_STOP$"):
        STEPS["accumulo_goal_state_normal"](entry(), cluster)
    assert len(tool()) == 1


def test_a_tool_that_fails_is_quoted(tool: Callable[..., list[str]]) -> None:
    tool("for line in 1 2 3 4 5 6; do echo line $line; done; exit 9")
    with pytest.raises(StepError) as caught:
        STEPS["accumulo_goal_state_normal"](entry(), Accumulo({"goal_state": "SAFE_MODE"}))
    assert str(caught.value) == (
        "'/opt/accumulo/bin/accumulo org.apache.accumulo.manager.state.SetGoalState NORMAL' ended with status 9: "
        "line 2 / line 3 / line 4 / line 5 / line 6"
    )


def test_a_goal_state_that_cannot_be_set_in_time(tool: Callable[..., list[str]]) -> None:
    tool("exec sleep 60")
    with pytest.raises(StepError, match=r"ended with status 124: .* did not end within 0\.2 s$"):
        STEPS["accumulo_goal_state_normal"](entry(start_timeout=0.2), Accumulo({"goal_state": "CLEAN_STOP"}))


@pytest.mark.parametrize("step", sorted(step for step in STEPS if step.startswith("accumulo_")))
def test_without_zookeeper_no_step_is_done(tool: Callable[..., list[str]], step: str) -> None:
    with pytest.raises(StepError, match=r"^no ZooKeeper serves: nobody$"):
        STEPS[step](entry(), Accumulo(NoAnswer("no ZooKeeper serves: nobody")))
    assert tool() == []


def tserver(**changes: Any) -> dict[str, Any]:
    """The catalogue's tablet server, on n1, in an instance with a name."""
    found = load()[1]["accumulo_tserver"]
    return {**found, "probe": {**found["probe"], "instance": "lab"}, "address": "n1", **changes}


def test_a_tablet_server_that_leaves_is_awaited(tool: Callable[..., list[str]]) -> None:
    still, gone = {}, {"tservers": ["n2:9997"]}
    done = STEPS["accumulo_stop_tserver"](tserver(), Accumulo(still, still, still, gone))
    assert done == (True, "tablets of n1:9997 moved to the others")
    assert tool() == ["accumulo: /opt/accumulo/bin/accumulo admin stop n1:9997"]


def test_a_tablet_server_that_does_not_leave(tool: Callable[..., list[str]]) -> None:
    changed, text = STEPS["accumulo_stop_tserver"](tserver(stop_timeout=0.5), Accumulo(*[{}] * 20))
    assert changed
    assert re.match(r"n1:9997 keeps its tablets \('.* admin stop n1:9997' ended with status 0: \); it is stopped all the same$", text)
    assert len(tool()) == 1


@pytest.mark.parametrize("facts", [{"managers": []}, {"tservers": ["n1:9997"]}, {"tservers": ["n2:9997", "n3:9997"]}])
def test_a_tablet_server_that_has_nobody_to_leave_to(tool: Callable[..., list[str]], facts: dict[str, Any]) -> None:
    changed, text = STEPS["accumulo_stop_tserver"](tserver(), Accumulo(facts))
    assert (changed, text) == (False, "it is stopped without moving its tablets: there is no manager, or no other tablet server")
    assert tool() == []


JOURNALNODE = {"user": "hdfs", "tool": "/opt/hadoop/bin/hdfs", "start_timeout": 10, "address": HOST, "config": []}


def beans(written: int | None) -> str:
    """A JournalNode's beans; None: it has opened no journal yet."""
    found = [{"name": "Hadoop:service=JournalNode,name=JvmMetrics"}]
    if written is not None:
        found.append({"name": "Hadoop:service=JournalNode,name=Journal-koverse", "LastWrittenTxId": written})
    return json.dumps({"beans": found})


def test_a_journalnode_takes_part_from_a_new_segment_on(tool: Callable[..., list[str]]) -> None:
    tool("echo 'New segment starts at txid 1878'")
    with web({"/jmx": beans(1878)}) as port:
        done = STEPS["hdfs_join_segment"]({**JOURNALNODE, "ports": {"http": port}}, Accumulo({}))
    assert done == (True, "takes part in the edits again, from transaction 1878 on")
    assert tool("echo 'New segment starts at txid 1878'") == ["hdfs: /opt/hadoop/bin/hdfs dfsadmin -rollEdits"]


def test_what_a_journalnode_has_not_finished_is_set_aside(tool: Callable[..., list[str]], tmp_path: Path) -> None:
    """In the journal that has the new segment: what another namespace writes is no older."""
    tool("echo 'New segment starts at txid 1878'")
    site = f"<configuration><property><name>dfs.journalnode.edits.dir</name><value>{tmp_path}</value></property></configuration>"
    (tmp_path / "hdfs-site.xml").write_text(site, encoding="ascii")
    names = {
        "koverse": ["inprogress_0000000000000001878", "inprogress_0000000000000001500", "inprogress_0000000000000000007.stale", "1-6"],
        "other": ["inprogress_0000000000000000042"],
    }
    for journal, files in names.items():
        (tmp_path / journal / "current").mkdir(parents=True)
        for name in files:
            (tmp_path / journal / "current" / f"edits_{name}").touch()
    with web({"/jmx": beans(1878)}) as port:
        done = STEPS["hdfs_join_segment"]({**JOURNALNODE, "ports": {"http": port}, "config": [str(tmp_path)]}, Accumulo({}))
    assert done[1] == "takes part in the edits again, from transaction 1878 on, its unfinished segments of before renamed to *.stale: 1"
    assert sorted(path.name for path in tmp_path.glob("*/current/*")) == [
        "edits_1-6",
        "edits_inprogress_0000000000000000007.stale",
        "edits_inprogress_0000000000000000042",
        "edits_inprogress_0000000000000001500.stale",
        "edits_inprogress_0000000000000001878",
    ]


@pytest.mark.parametrize("written", [1877, None])
def test_a_journalnode_that_is_not_written_to(tool: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, written: int | None) -> None:
    tool("echo 'New segment starts at txid 1878'")
    monkeypatch.setattr(steps, "_LONG_ENOUGH", 0.3)
    with (
        web({"/jmx": beans(written)}) as port,
        pytest.raises(StepError, match=rf"begins at transaction 1878, but this JournalNode has written {written or -1} as its last$"),
    ):
        STEPS["hdfs_join_segment"]({**JOURNALNODE, "ports": {"http": port}}, Accumulo({}))


def test_edits_that_cannot_be_rolled(tool: Callable[..., list[str]]) -> None:
    tool("echo rollEdits: Cannot create lock; exit 255")
    with pytest.raises(StepError, match=r"dfsadmin -rollEdits' ended with status 255: rollEdits: Cannot create lock$"):
        STEPS["hdfs_join_segment"]({**JOURNALNODE, "ports": {"http": 1}}, Accumulo({}))


def test_flush_goes_table_by_table_in_one_session(tool: Callable[..., list[str]]) -> None:
    tables = {**FACTS["tables"], "4": {"name": "kv.a b", "state": "ONLINE"}}
    done = STEPS["accumulo_flush"](entry(shell_arguments=["-f"]), Accumulo({"tables": tables}))
    assert done == (True, "3 tables flushed")
    assert tool() == [
        "accumulo: /opt/accumulo/bin/accumulo shell -f",
        "< flush -w -t 'kv.a b'",
        "< flush -w -t metadata",
        "< flush -w -t t1",
    ]


@pytest.mark.parametrize("nobody", ["managers", "tservers"])
def test_nothing_to_flush(tool: Callable[..., list[str]], nobody: str) -> None:
    changed, said = STEPS["accumulo_flush"](entry(), Accumulo({nobody: []}))
    assert (changed, said) == (False, "nothing to flush: no manager or no tablet server runs")
    assert tool() == []


@pytest.mark.parametrize(
    ("script", "limit", "said"),
    [
        ("echo '2026 ERROR: denied'; echo '2026 ERROR: lost'; exit 2", 60, "denied; lost"),
        ("echo no words; exit 1", 60, "'/opt/accumulo/bin/accumulo shell' ended with status 1: no words"),
        ("exec sleep 60", 0.2, "'/opt/accumulo/bin/accumulo shell' ended with status 124: '.*' did not end within 0.2 s"),
    ],
)
def test_a_flush_that_fails_is_told_and_left_to_stop_all(tool: Callable[..., list[str]], script: str, limit: float, said: str) -> None:
    tool(script)
    changed, text = STEPS["accumulo_flush"](entry(stop_timeout=limit), Accumulo({}))
    assert changed
    assert re.fullmatch(rf"flush of 2 tables not complete \({said}\): stopAll writes what is left", text)


def test_stop_all(tool: Callable[..., list[str]]) -> None:
    assert STEPS["accumulo_stop_all"](entry(), Accumulo({}, {"tservers": []})) == (True, "stopAll done")
    assert tool() == ["accumulo: /opt/accumulo/bin/accumulo admin stopAll"]


def test_stop_all_without_a_manager(tool: Callable[..., list[str]]) -> None:
    assert STEPS["accumulo_stop_all"](entry(), Accumulo({"managers": []})) == (False, "no manager runs")
    assert tool() == []


@pytest.mark.parametrize(
    ("script", "left", "said"),
    [
        (
            "exit 0",
            ["n2:9997"],
            "stopAll left the tablet servers n2:9997 ('/opt/accumulo/bin/accumulo admin stopAll' ended with status 0: )",
        ),
        ("exec sleep 60", [], "stopAll done"),
        ("exit 3", [], "stopAll done"),
    ],
)
def test_what_stop_all_leaves_is_counted_however_it_ends(tool: Callable[..., list[str]], script: str, left: list[str], said: str) -> None:
    tool(script)
    assert STEPS["accumulo_stop_all"](entry(stop_timeout=0.3), Accumulo({}, {"tservers": left})) == (True, said)
