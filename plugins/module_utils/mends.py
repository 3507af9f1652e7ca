# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may lose data, and is done only where `runbook_accept` names it: each looks first whether it may, and changes nothing where not.

A mend is a function `(entry, cluster) -> text`; it raises StepError where it must not, or cannot, be done. entry: the component's
catalogue entry, with `address` (of this instance's host), `others` (addresses of the others of its kind) and `given` (what `GIVES` read
on one of them).
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import PROBES, Answer, Cluster, same_host
from ansible_collections.koverse.runbook.plugins.module_utils.site import site
from ansible_collections.koverse.runbook.plugins.module_utils.steps import STALE, StepError, done_by, failed, setting, tool

Entry = Mapping[str, Any]

# What belongs to Accumulo, wherever its volume is: its tables come back from a backup, whole.
_OF_ACCUMULO = re.compile(r"/accumulo/|/tables/[^/]+/[^/]+/[^/]+\.rf$|/wal/")


def leave_safe_mode(entry: Entry, cluster: Cluster) -> str:
    """`hdfs dfsadmin -safemode leave` at this NameNode, and at every other one that is in it: who turns it on does so at all of them."""
    others = [address for address, answer in _others(entry, cluster).items() if answer.details.get("safe_mode")]
    for address in (entry["address"], *others):
        words = ["dfsadmin", "-fs", f"hdfs://{address}:{entry['ports']['rpc']}", "-safemode", "leave"]
        done_by(entry, words, entry["start_timeout"])
    return f"{', '.join([entry['address'], *others])} left safe mode"


def bootstrap_standby(entry: Entry, cluster: Cluster) -> str:
    """`hdfs namenode -bootstrapStandby`: copies the names from the active NameNode. Only where this one has none at all."""
    directories = [path.removeprefix("file://") for path in setting(entry, "dfs.namenode.name.dir").split(",")]
    _require_empty(directories)
    answers = _others(entry, cluster)
    if not any(answer.role == "active" and answer.healthy for answer in answers.values()):
        raise StepError(f"expected another NameNode active and healthy to copy from, found {_in_words(answers)}")
    for directory in directories:
        _make(directory, entry["user"])
    try:
        done_by(entry, ["namenode", "-bootstrapStandby", "-nonInteractive"], entry["start_timeout"])
    except StepError:
        for path in (os.path.join(directory, name) for directory in directories for name in os.listdir(directory)):
            shutil.rmtree(path, ignore_errors=True)  # what it has begun would stand in the way of the next try
        raise
    return f"the names were copied to {', '.join(directories)}"


def rejoin_ensemble(entry: Entry, cluster: Cluster) -> str:
    """Writes this member's number, by which the others know it and give it their data. Only while a majority serves without it."""
    files = [name for pattern in entry["config"] for name in glob.glob(os.path.join(pattern, "zoo.cfg"))]
    if not files:
        raise StepError(f"expected a file zoo.cfg in {', '.join(entry['config'])}, found none")
    with open(files[0], encoding="utf-8") as file:
        lines = [line.strip().partition("=") for line in file if "=" in line and not line.startswith("#")]
    settings = {key.strip(): value.strip() for key, _equals, value in lines}
    members = {key.partition(".")[2]: value.partition(":")[0] for key, value in settings.items() if key.startswith("server.")}
    mine = [number for number, host in members.items() if same_host(host, entry["address"])]
    if len(mine) != 1:
        raise StepError(f"expected this host, {entry['address']}, once among the servers of {files[0]}, found {members}")
    _require_empty([settings["dataDir"], *([settings["dataLogDir"]] if "dataLogDir" in settings else [])])
    answers = _others(entry, cluster)
    serving = [address for address, answer in answers.items() if answer.role in ("leader", "follower")]
    if len(serving) <= len(members) // 2 or not any(answer.role == "leader" for answer in answers.values()):
        raise StepError(f"expected a leader and a majority of {len(members)} without this one, found {_in_words(answers)}")
    _make(settings["dataDir"], entry["user"])
    _write(os.path.join(settings["dataDir"], "myid"), f"{mine[0]}\n", entry["user"])
    return f"joins again as number {mine[0]}"


def rejoin_journal(entry: Entry, _cluster: Cluster) -> str:
    """Formats a JournalNode's journals as another one's are; it copies the edits by itself and takes part from the next segment on.

    given: journal to the text of its VERSION.
    """
    directory = setting(entry, "dfs.journalnode.edits.dir")
    if not entry["given"]:
        raise StepError("expected journals on another JournalNode, found none")
    _require_empty([os.path.join(directory, name, "current") for name in entry["given"]])
    for name, text in entry["given"].items():
        for part in (directory, os.path.join(directory, name), os.path.join(directory, name, "current")):
            _make(part, entry["user"])
        _write(os.path.join(directory, name, "current", "VERSION"), text, entry["user"])
    return f"journals formatted like the others': {', '.join(entry['given'])}"


def journals(entry: Entry) -> dict[str, str]:
    """What `rejoin_journal` needs of another JournalNode."""
    found = {}
    for path in glob.glob(os.path.join(setting(entry, "dfs.journalnode.edits.dir"), "*", "current", "VERSION")):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(os.path.dirname(os.path.dirname(path)))] = file.read()
    return found


def leftovers(entry: Entry) -> list[str]:
    """Paths of segments of the edits that count as being written, beside the same segment whole.

    A JournalNode that was killed keeps the one that it was writing, and copies the whole one from another when it is back. It then gives no
    edits from before that on (`More than one log segment`), and a NameNode that needs them from a majority does not start.
    """
    found = glob.glob(os.path.join(site(entry, "dfs.journalnode.edits.dir") or "/nonexistent", "*", "current", "edits_inprogress_*"))
    return sorted(path for path in found if not path.endswith(STALE) and glob.glob(path.replace("edits_inprogress_", "edits_") + "-*"))


def set_leftovers_aside(entry: Entry, _cluster: Cluster) -> str:
    """Renames what `leftovers` finds, so that the JournalNode passes over it; it need not be restarted."""
    found = leftovers(entry)
    for path in found:
        os.rename(path, path + STALE)
    return f"renamed to *{STALE}: {', '.join(found) or 'nothing'}"


def give_up_files(entry: Entry, _cluster: Cluster) -> str:
    """Moves what is left of files with lost blocks to /lost+found (`hdfs fsck PATH -move -delete`). Files of Accumulo stay as they are."""
    files = corrupt_files(entry)
    chosen = [path for path in files if not _OF_ACCUMULO.search(path)]
    kept = [path for path in files if path not in chosen]
    if not chosen:
        raise StepError(f"expected corrupt files outside of Accumulo, found {', '.join(kept) or 'none'}")
    for path in chosen:
        _fsck(entry, [path, "-move", "-delete"], "FSCK ended")
    left = [path for path in corrupt_files(entry) if path in chosen]
    if left:
        raise StepError(f"still corrupt: {', '.join(left)}")
    return f"given up, what is left of them is in /lost+found: {', '.join(chosen)}" + (f"; left: {', '.join(kept)}" if kept else "")


def corrupt_files(entry: Entry) -> list[str]:
    """Paths of all files of which a block has no replica. Raises StepError."""
    output = _fsck(entry, ["/", "-list-corruptfileblocks"], "The filesystem under path '/' has ")
    # "blk_1073741830	/path", and from 3.5 on "blk_1073741830	3	/path"
    return sorted({line.rpartition("\t")[2] for line in output.splitlines() if line.startswith("blk_")})


def _fsck(entry: Entry, words: list[str], end: str) -> str:
    """fsck's output. Its status tells whether it found anything (1, 255); whether it came to its end tells `end`. Raises StepError."""
    words = ["fsck", *words]
    code, output = tool(entry, words, entry["start_timeout"])
    if end not in output:
        raise StepError(failed(entry, words, code, output))
    return output


def _others(entry: Entry, cluster: Cluster) -> dict[str, Answer]:
    """What the others of its kind say."""
    found = {}
    for address in entry["others"]:
        try:
            found[address] = PROBES[entry["probe"]["type"]](entry, address, cluster)
        except NoAnswer as error:
            found[address] = Answer(False, str(error))
    return found


def _in_words(answers: Mapping[str, Answer]) -> str:
    return "; ".join(f"{address}: {answer.evidence}" for address, answer in answers.items()) or "no other one"


def _require_empty(directories: list[str]) -> None:
    """Raises StepError where anything is left: a disk that only looks lost has to be looked at by somebody."""
    left = [path for path in directories if os.path.isdir(path) and os.listdir(path)]
    if left:
        raise StepError(
            f"expected nothing in {', '.join(directories)}, found content in {', '.join(left)}: move it away, if it is of no use"
        )


def _make(directory: str, user: str) -> None:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    shutil.chown(directory, user, user)


def _write(path: str, text: str, user: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    shutil.chown(path, user, user)


MENDS: dict[str, Callable[[Entry, Cluster], str]] = {
    mend.__name__: mend
    for mend in (leave_safe_mode, bootstrap_standby, rejoin_ensemble, rejoin_journal, set_leftovers_aside, give_up_files)
}
# What a mend needs of another instance, by its name.
GIVES: dict[str, Callable[[Entry], dict[str, str]]] = {"rejoin_journal": journals}
