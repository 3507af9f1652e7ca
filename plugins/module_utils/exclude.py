# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking workers out for good: the exclude files of HDFS and YARN, and how far a worker that is excluded has left.

entry: the catalogue entry of the component that has the file (`excluded_by` of the worker's), with `address`, of its own host, which is
that of the active instance where something is asked or refreshed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.module_utils.files import rewrite
from ansible_collections.koverse.runbook.plugins.module_utils.probes import same_host
from ansible_collections.koverse.runbook.plugins.module_utils.site import site
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError, done_by

Entry = Mapping[str, Any]
_GRACE = 3600  # seconds that a NodeManager's containers have to end by themselves
_LOG_OF = re.compile(r"/wal/([^/+]+)\+\d+/")  # a write-ahead log of Accumulo is in a directory named after its tablet server


class Worker(NamedTuple):
    """A worker as its master sees it. left: whether it may be stopped. text: how far it is. bytes: what it holds, and has free."""

    left: bool
    here: bool
    text: str
    used: int = 0
    free: int = 0
    open_files: int = 0


def file_of(entry: Entry) -> str:
    """The path of the exclude file. Raises StepError where none is configured."""
    key = MASTERS[entry["name"]].key
    path = site(entry, key)
    if not path or not os.path.isfile(path):
        raise StepError(
            f"expected {key} to name a file, found {path or 'nothing'}: deploy.yml sets it, a restart of the component reads it"
        )
    return path


def write(entry: Entry, addresses: Iterable[str], excluded: bool) -> bool:
    """Puts hosts into the exclude file, or takes them out; whether that changed it."""
    path = file_of(entry)
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    wanted = [line for line in lines if excluded or line.strip() not in addresses]
    wanted += [address for address in addresses if excluded and address not in lines]
    if wanted == lines:
        return False
    rewrite(path, "".join(f"{line}\n" for line in wanted).encode())
    return True


def refresh(entry: Entry) -> None:
    """Has the masters read their files. Raises StepError."""
    done_by(entry, MASTERS[entry["name"]].refresh, entry["start_timeout"])


def look(entry: Entry, address: str) -> Worker:
    """A worker as the active master sees it. Raises NoAnswer."""
    return MASTERS[entry["name"]].look(entry, address)


def others_have_room(entry: Entry, addresses: list[str]) -> list[str]:
    """What keeps the others from taking over what these workers hold."""
    return MASTERS[entry["name"]].room(entry, addresses)


def writers(entry: Entry) -> list[str]:
    """The tablet servers' hosts whose open write-ahead logs keep a DataNode from leaving: an open block counts as not being elsewhere."""
    output = done_by(entry, ["dfsadmin", "-listOpenFiles", "-blockingDecommission"], entry["start_timeout"])
    return sorted(set(_LOG_OF.findall(output)))


def _namenode(entry: Entry) -> dict[str, Any]:
    port = entry["ports"][entry["probe"]["port"]]
    return net.jmx(entry["address"], port, "Hadoop:service=NameNode,name=NameNodeInfo")["NameNodeInfo"]


def _look_hdfs(entry: Entry, address: str) -> Worker:
    info = _namenode(entry)
    for name, node in json.loads(info["LiveNodes"]).items():
        if same_host(name.rpartition(":")[0], address):
            rest: dict[str, int] = next((row for key, row in json.loads(info["DecomNodes"]).items() if key == name), {})
            blocks, opened = rest.get("underReplicatedBlocks", 0), rest.get("underReplicateInOpenFiles", 0)
            text = node["adminState"] + (f", {blocks} blocks to copy, {opened} of them in open files" if rest else "")
            left = node["adminState"] == "Decommissioned"
            return Worker(left, node["adminState"] == "In Service", text, node["usedSpace"], node["remaining"], opened)
    return Worker(True, False, "not among the live DataNodes")


def _room_hdfs(entry: Entry, addresses: list[str]) -> list[str]:
    nodes = {name.rpartition(":")[0]: node for name, node in json.loads(_namenode(entry)["LiveNodes"]).items()}
    leaving = [name for name in nodes if any(same_host(name, address) for address in addresses)]
    staying = [name for name, node in nodes.items() if name not in leaving and node["adminState"] == "In Service"]
    copies = int(site(entry, "dfs.replication") or 3)
    problems = []
    if len(staying) < copies:
        problems.append(
            f"expected {copies} DataNodes to stay, one for each copy of a block (dfs.replication), found {len(staying)}: a DataNode never "
            "leaves while its blocks have no other place"
        )
    used, free = sum(nodes[name]["usedSpace"] for name in leaving), sum(nodes[name]["remaining"] for name in staying)
    if used > free:
        problems.append(f"expected room for {used} bytes on the DataNodes that stay, found {free}")
    return problems


def _look_yarn(entry: Entry, address: str) -> Worker:
    port = entry["ports"][entry["probe"]["port"]]
    states = "RUNNING,UNHEALTHY,DECOMMISSIONING,DECOMMISSIONED"
    nodes = (net.http_json(entry["address"], port, f"/ws/v1/cluster/nodes?states={states}").get("nodes") or {}).get("node", [])
    mine = [node["state"] for node in nodes if same_host(node["nodeHostName"], address)]
    left = not set(mine) & {"RUNNING", "UNHEALTHY", "DECOMMISSIONING"}
    return Worker(left, "RUNNING" in mine, ", ".join(mine) or "not among the NodeManagers")


def _room_yarn(_entry: Entry, _addresses: list[str]) -> list[str]:
    return []


class Master(NamedTuple):
    """How a master excludes its workers."""

    key: str
    refresh: list[str]
    look: Callable[[Entry, str], Worker]
    room: Callable[[Entry, list[str]], list[str]]


MASTERS = {
    "hdfs_namenode": Master("dfs.hosts.exclude", ["dfsadmin", "-refreshNodes"], _look_hdfs, _room_hdfs),
    "yarn_resourcemanager": Master(
        "yarn.resourcemanager.nodes.exclude-path",
        ["rmadmin", "-refreshNodes", "-g", str(_GRACE), "-server"],
        _look_yarn,
        _room_yarn,
    ),
}
