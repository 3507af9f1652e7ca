# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that a component needs before it is started, stopped, or failed over.

A step is a function `(entry, cluster) -> (changed, text)`; it raises StepError with what to do when it cannot be done.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster, same_host
from ansible_collections.koverse.runbook.plugins.module_utils.services import argv, run
from ansible_collections.koverse.runbook.plugins.module_utils.site import site

_LONG_ENOUGH = 30.0  # seconds in which a tool has to tell a setting, and a JournalNode to be written to
_NOT_RUN = (126, 127)  # a shell's, and runuser's, exit status for what cannot be executed, or is not there
STALE = ".stale"  # of a segment of the edits: HDFS's own word for those that it passes over
_GLANCE = 0.2  # seconds between two looks at what comes or goes

# A line in which a component, or a tool, complains.
COMPLAINT = re.compile(r"\b(ERROR|FATAL|PANIC)\b|^(Error|Caused by): |^[\w.$]+(Exception|Error): ")

Entry = Mapping[str, Any]
Done = tuple[bool, str]


class StepError(Exception):
    """The step could not be done; the text says what was tried and what was seen."""


def tool(entry: Entry, words: list[str], timeout: float, stdin: str = "") -> tuple[int, str]:
    """Exit status and output of the component's command-line tool, run as its user. Raises StepError where it cannot be run at all."""
    code, output = run(["runuser", "-u", entry["user"], "--", *argv(entry["tool"]), *words], timeout, stdin)
    if code in _NOT_RUN:
        raise StepError(f"{failed(entry, words, code, output)}. Where is the tool? Set it as 'tool' of the component in runbook_catalogue")
    return code, output


def failed(entry: Entry, words: list[str], code: int, output: str) -> str:
    """Why a tool has failed, in a line."""
    # Hadoop's tools say goodbye at length: what they complained of stands before that.
    complaints = [line for line in output.splitlines() if COMPLAINT.search(line)]
    return f"'{entry['tool']} {' '.join(words)}' ended with status {code}: {' / '.join((complaints or output.splitlines())[-5:])}"


def done_by(entry: Entry, words: list[str], timeout: float) -> str:
    """The tool's output. Raises StepError where it fails."""
    code, output = tool(entry, words, timeout)
    if code != 0:
        raise StepError(failed(entry, words, code, output))
    return output


def _facts(entry: Entry, cluster: Cluster) -> dict[str, Any]:
    try:
        return cluster.accumulo(entry["probe"].get("instance"))
    except NoAnswer as error:
        raise StepError(str(error)) from error


def accumulo_goal_state_normal(entry: Entry, cluster: Cluster) -> Done:
    """A clean stop leaves the goal state CLEAN_STOP, with which a manager serves nothing: sets it to NORMAL."""
    facts = _facts(entry, cluster)
    if facts["goal_state"] == "NORMAL":
        return False, "the goal state is NORMAL"
    package = "manager" if facts["renamed"] else "master"
    done_by(entry, [f"org.apache.accumulo.{package}.state.SetGoalState", "NORMAL"], entry["start_timeout"])
    cluster.forget()
    now = _facts(entry, cluster)["goal_state"]
    if now != "NORMAL":
        raise StepError(f"SetGoalState NORMAL ended without an error, but the goal state is {now}")
    return True, f"goal state set from {facts['goal_state']} to NORMAL"


def accumulo_flush(entry: Entry, cluster: Cluster) -> Done:
    """Writes what tablet servers hold in memory to HDFS, table after table in one session, and waits until it is there.

    A table whose flush fails is named and does not end the stop: stopAll, which comes next, closes every tablet, and a tablet
    that is closed writes its memory to HDFS. What stays open to the last is in the write-ahead logs there.
    """
    facts = _facts(entry, cluster)
    if not facts["managers"] or not facts["tservers"]:
        return False, "nothing to flush: no manager or no tablet server runs"
    tables = sorted(table["name"] for table in facts["tables"].values() if table["state"] == "ONLINE" and table["name"])
    commands = "".join(f"flush -w -t {shlex.quote(table)}\n" for table in tables)
    words = ["shell", *entry["shell_arguments"]]
    code, output = tool(entry, words, entry["stop_timeout"], commands)
    errors = [line.partition("ERROR: ")[2] for line in output.splitlines() if "ERROR: " in line]
    if code != 0:
        said = "; ".join(errors) or failed(entry, words, code, output)
        return True, f"flush of {len(tables)} tables not complete ({said}): stopAll writes what is left"
    return True, f"{len(tables)} tables flushed"


def accumulo_stop_all(entry: Entry, cluster: Cluster) -> Done:
    """`accumulo admin stopAll`, which waits without a bound for its last tablet server: with one."""
    facts = _facts(entry, cluster)
    if not facts["managers"]:
        return False, "no manager runs"
    words = ["admin", "stopAll"]
    code, output = tool(entry, words, entry["stop_timeout"])
    cluster.forget()
    # It counts what is left, not how the tool ended: tablet servers that remain are stopped one by one.
    left = _facts(entry, cluster)["tservers"]
    if left:
        return True, f"stopAll left the tablet servers {', '.join(left)} ({failed(entry, words, code, output)})"
    return True, "stopAll done"


def accumulo_stop_tserver(entry: Entry, cluster: Cluster) -> Done:
    """`accumulo admin stop` for this host's tablet server: the manager moves its tablets to the others, so that no log has to be recovered.

    It does nothing, and ends without an error, where no manager runs or no other tablet server is left.
    """
    facts = _facts(entry, cluster)
    mine = [server for server in facts["tservers"] if same_host(server.rpartition(":")[0], entry["address"])]
    if not mine or not facts["managers"] or len(facts["tservers"]) == 1:
        return False, "it is stopped without moving its tablets: there is no manager, or no other tablet server"
    words, end = ["admin", "stop", mine[0]], time.monotonic() + entry["stop_timeout"]
    code, output = tool(entry, words, entry["stop_timeout"])
    # Since 2.1.4 it does not wait: the server unloads its tablets, gives up its lock and ends by itself.
    while True:
        cluster.forget()
        if mine[0] not in _facts(entry, cluster)["tservers"]:
            return True, f"tablets of {mine[0]} moved to the others"
        if code != 0 or time.monotonic() > end:
            return True, f"{mine[0]} keeps its tablets ({failed(entry, words, code, output)}); it is stopped all the same"
        time.sleep(_GLANCE)


def hdfs_failover(entry: Entry, _cluster: Cluster) -> Done:
    """`hdfs haadmin -failover`, which also the ZKFCs obey: the active NameNode becomes standby in good order.

    entry: also `source` and `target`, the addresses of the two NameNodes' hosts.
    """
    nameservice = setting(entry, "dfs.internal.nameservices") or setting(entry, "dfs.nameservices")
    ids = setting(entry, f"dfs.ha.namenodes.{nameservice}").split(",")
    hosts = {setting(entry, f"dfs.namenode.rpc-address.{nameservice}.{name}").rpartition(":")[0]: name for name in ids}
    found = {key: [name for host, name in hosts.items() if same_host(host, entry[key])] for key in ("source", "target")}
    if not all(len(names) == 1 for names in found.values()):
        raise StepError(
            f"none of the NameNodes of {nameservice} ({', '.join(hosts)}) is on {entry['source']}, or none on {entry['target']}"
        )
    done_by(entry, ["haadmin", "-failover", found["source"][0], found["target"][0]], entry["start_timeout"])
    return True, f"failed over from {entry['source']} to {entry['target']}"


def _new_segment(entry: Entry) -> int:
    """Has the active NameNode begin a new segment of the edits; the first transaction in it."""
    words = ["dfsadmin", "-rollEdits"]
    code, output = tool(entry, words, entry["start_timeout"])
    found = re.search(r"New segment starts at txid (\d+)", output)
    if code != 0 or not found:
        raise StepError(failed(entry, words, code, output))
    return int(found[1])


def hdfs_begin_segment(entry: Entry, _cluster: Cluster) -> Done:
    """A standby NameNode reads finished segments only: finishes one, so that it knows what has been deleted until now.

    Else it waits in safe mode for blocks that are no longer there, until the next one begins (dfs.ha.log-roll.period, two minutes).
    """
    return True, f"the edits' new segment begins at transaction {_new_segment(entry)}"


def hdfs_join_segment(entry: Entry, _cluster: Cluster) -> Done:
    """A JournalNode that has come back is written to again only from the next segment of the edits on: begins one, and waits for its first.

    The NameNode aborts when two of three do not take part, so that restarting one after the other is not enough
    (QuorumJournalManager: `will try to re-sync on next segment`). entry: also `address`, of the JournalNode's host.
    """
    first, end = _new_segment(entry), time.monotonic() + _LONG_ENOUGH
    while (written := _last_written(entry)) < first:
        if time.monotonic() > end:
            raise StepError(f"the edits' new segment begins at transaction {first}, but this JournalNode has written {written} as its last")
        time.sleep(_GLANCE)
    count = len(_set_unfinished_aside(entry, first))
    said = f", its unfinished segments of before renamed to *{STALE}: {count}" if count else ""
    return True, f"takes part in the edits again, from transaction {first} on{said}"


def _set_unfinished_aside(entry: Entry, first: int) -> list[str]:
    """Renames what a JournalNode was writing when it ended, in the journal whose segment begins at `first` now. Returns the old paths.

    The others have finished those segments when a later one has begun, and it copies them from there. A copy beside the unfinished one
    would keep it from giving any older edits: see mends.leftovers.
    """
    directory = site(entry, "dfs.journalnode.edits.dir") or "/nonexistent"
    found = []
    for live in glob.glob(os.path.join(directory, "*", "current", f"edits_inprogress_{first:019}")):
        for path in sorted(glob.glob(os.path.join(os.path.dirname(live), "edits_inprogress_*"))):
            number = path.rpartition("_")[2]
            if number.isdigit() and int(number) < first:
                os.rename(path, path + STALE)
                found.append(path)
    return found


def _last_written(entry: Entry) -> int:
    """The last transaction in a JournalNode's journals; -1 where it has opened none yet."""
    beans = net.jmx(entry["address"], entry["ports"]["http"], "Hadoop:service=JournalNode,name=*")
    return max((bean["LastWrittenTxId"] for bean in beans.values() if "LastWrittenTxId" in bean), default=-1)


def setting(entry: Entry, key: str) -> str:
    """A value of HDFS's configuration; empty where it is not set."""
    code, output = tool(entry, ["getconf", "-confKey", key], _LONG_ENOUGH)
    if code != 0 and "is missing" not in output:
        raise StepError(failed(entry, ["getconf", "-confKey", key], code, output))
    return output.splitlines()[-1].strip() if code == 0 and output else ""


STEPS: dict[str, Callable[[Entry, Cluster], Done]] = {
    step.__name__: step
    for step in (
        accumulo_goal_state_normal,
        accumulo_flush,
        accumulo_stop_all,
        accumulo_stop_tserver,
        hdfs_failover,
        hdfs_begin_segment,
        hdfs_join_segment,
    )
}
