# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Accumulo says of itself, without a JVM: its znodes, and its servers' Thrift interfaces.

Accumulo 1.7 to 2.0 calls the manager master, in znodes and in Thrift; 2.1 renamed both and put its services behind
Thrift's multiplexed protocol. Read in Accumulo's source (Constants.java, master.thrift, manager.thrift, ThriftClientTypes.java)
and checked on 1.9.3 and 2.1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import thrift
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import ZooKeeper

MANAGER_STATES = (
    "INITIAL",
    "HAVE_LOCK",
    "SAFE_MODE",
    "NORMAL",
    "UNLOAD_METADATA_TABLETS",
    "UNLOAD_ROOT_TABLET",
    "STOP",
)
GOAL_STATES = ("CLEAN_STOP", "SAFE_MODE", "NORMAL")


def read_znodes(zookeeper: ZooKeeper, instance: str | None = None) -> dict[str, Any]:
    """What Accumulo keeps in ZooKeeper.

    instance: the instance's name; None takes the only one there is.
    Returns `instance`, `instance_id`, `root` (the znode), `renamed` (2.1 and later: manager instead of master), `goal_state`,
    `managers`, `gc` and `monitor` (addresses of the lock's holder and of those who wait for it, in order), `tservers`
    (addresses that hold a lock) and `tables` (id to `{"name": ..., "state": ...}`).
    Raises NoAnswer where ZooKeeper does not answer or has no such instance.
    """
    names = zookeeper.children("/accumulo/instances") or []
    if instance is None:
        if len(names) != 1:
            raise NoAnswer(f"ZooKeeper has {len(names)} Accumulo instances ({', '.join(names)}): name one" if names else NOT_INITIALISED)
        instance = names[0]
    instance_id = zookeeper.data(f"/accumulo/instances/{instance}")
    if not instance_id:
        raise NoAnswer(f"ZooKeeper has no Accumulo instance '{instance}', only: {', '.join(names) or 'none'}")
    root = f"/accumulo/{instance_id}"
    renamed = zookeeper.children(f"{root}/managers") is not None
    manager = f"{root}/managers" if renamed else f"{root}/masters"
    tservers = zookeeper.children(f"{root}/tservers") or []
    tables = zookeeper.children(f"{root}/tables") or []
    return {
        "instance": instance,
        "instance_id": instance_id,
        "root": root,
        "renamed": renamed,
        "goal_state": zookeeper.data(f"{manager}/goal_state"),
        "managers": _lock(zookeeper, f"{manager}/lock"),
        "gc": _lock(zookeeper, f"{root}/gc/lock"),
        "monitor": _lock(zookeeper, f"{root}/monitor/lock"),
        "tservers": [address for address in tservers if zookeeper.children(f"{root}/tservers/{address}")],
        "tables": {table: _table(zookeeper, root, table) for table in tables},
    }


NOT_INITIALISED = "ZooKeeper has no Accumulo instance: Accumulo has not been initialised"


def _table(zookeeper: ZooKeeper, root: str, table: str) -> dict[str, str | None]:
    """A table's full name, with its namespace where that is not the default one, and its state."""
    name = zookeeper.data(f"{root}/tables/{table}/name")
    namespace = zookeeper.data(f"{root}/tables/{table}/namespace")
    prefix = zookeeper.data(f"{root}/namespaces/{namespace}/name") if namespace else None
    return {"name": f"{prefix}.{name}" if prefix else name, "state": zookeeper.data(f"{root}/tables/{table}/state")}


def _lock(zookeeper: ZooKeeper, path: str) -> list[str]:
    """Addresses of those in the queue for a lock, its holder first."""
    data = [zookeeper.data(f"{path}/{node}") for node in _queue(zookeeper, path)]
    # "n1:9999", or "GC_CLIENT=n1:9998;..." where a server has several services
    return [text.partition(";")[0].rpartition("=")[2] for text in data if text]


def _queue(zookeeper: ZooKeeper, path: str) -> list[str]:
    """The nodes of those in the queue for a lock, its holder first."""
    return sorted(zookeeper.children(path) or [], key=lambda node: node.rpartition("#")[2].rpartition("-")[2])


def lock_created(zookeeper: ZooKeeper, root: str, tserver: str) -> float | None:
    """When the lock that a tablet server's address holds was made, seconds since 1970 by ZooKeeper's clock; None where there is none."""
    path = f"{root}/tservers/{tserver}"
    queue = _queue(zookeeper, path)
    return zookeeper.created(f"{path}/{queue[0]}") if queue else None


def ping(address: str, port: int, renamed: bool) -> str:
    """The instance id that a tablet server answers with: proof that the process itself is alive. Raises NoAnswer."""
    return thrift.text(thrift.call(address, port, "client:getInstanceId" if renamed else "getInstanceId")[0])


def manager_stats(address: str, port: int, renamed: bool) -> dict[str, Any]:
    """What the active manager knows; see `parse_manager_stats`. Raises NoAnswer."""
    return parse_manager_stats(thrift.call(address, port, "mgr:getManagerStats" if renamed else "getMasterStats")[0], renamed)


def parse_manager_stats(info: Mapping[int, Any], renamed: bool) -> dict[str, Any]:
    """ManagerMonitorInfo, or MasterMonitorInfo before 2.1 (not `renamed`), which numbers its fields otherwise, in words.

    Returns `state`, `goal_state`, `unassigned` (tablets), `tservers` (addresses that report), `queued` (address to compactions that wait,
    minor and major, where any do), `bad_tservers`, `dead_tservers` (addresses), `tables` (id to `{"tablets": n, "online": n}`).
    """
    state, goal, unassigned, dead = (4, 5, 6, 8) if renamed else (6, 8, 7, 10)
    return {
        "state": MANAGER_STATES[info.get(state, 0)],
        "goal_state": GOAL_STATES[info.get(goal, 0)],
        "unassigned": info.get(unassigned, 0),
        "tservers": sorted(thrift.text(server[3]) for server in info.get(2, [])),
        "queued": {thrift.text(server[3]): queued for server in info.get(2, []) if (queued := _queued(server.get(1, {})))},
        "bad_tservers": sorted(thrift.text(server) for server in info.get(3, {})),
        "dead_tservers": sorted({thrift.text(server[1]) for server in info.get(dead, [])}),
        "tables": {
            thrift.text(table): {"tablets": counts.get(3, 0), "online": counts.get(4, 0)} for table, counts in info.get(1, {}).items()
        },
    }


def _queued(tables: Mapping[bytes, Mapping[int, Any]]) -> int:
    """Of a tablet server's tables (TableInfo: 9 minors, 10 majors, each with 1 running, 2 queued), the compactions that wait."""
    return sum(table.get(kind, {}).get(2, 0) for table in tables.values() for kind in (9, 10))


def not_loaded(stats: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The online tables that no tablet server serves (wholly) yet, by name.

    The manager reports 0 unassigned tablets also before it has looked: only a table that tablet servers serve counts.
    """
    missing = []
    for table, entry in tables.items():
        served = stats["tables"].get(table) or stats["tables"].get(entry["name"]) or {"tablets": 0, "online": 0}
        if entry["state"] == "ONLINE" and (served["online"] == 0 or served["online"] < served["tablets"]):
            missing.append(entry["name"] or table)
    return sorted(missing)
