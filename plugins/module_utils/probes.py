# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""One probe for each type in the catalogue: asks one instance of a component how it is.

A probe is a function `(entry, address, cluster) -> Answer` that raises NoAnswer when the instance does not answer.
entry: the component's catalogue entry. address: the name or number by which hosts reach the instance's host.
cluster: a `Cluster`, what all probes of one run share.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import accumulo, net
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.services import argv, run
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import (
    ZooKeeper,
    four_letter_word,
    parse_mntr,
    parse_srvr,
)


class Answer(NamedTuple):
    """What an instance says of itself. `evidence` is one line; `details` holds the facts that the gate needs."""

    healthy: bool
    evidence: str
    role: str | None = None
    details: Mapping[str, Any] = MappingProxyType({})


_NOT_SERVING = "not currently serving requests"  # what a ZooKeeper without a quorum answers
_TWICE = 0.2  # seconds between two looks at a place in a queue
SESSION_TIMEOUT = 40.0  # seconds for which a dead server's lock may stay: ZooKeeper's usual limit, 20 ticks of 2 s

# The details of a server that has no part in what ZooKeeper coordinates: it neither holds its lock nor waits for it.
NO_LOCK: Mapping[str, Any] = MappingProxyType({"lock": None})


class Cluster:
    """What the probes of one run share: how ZooKeeper is reached, and what Accumulo has written there, read once."""

    def __init__(self, zookeeper: Sequence[str]) -> None:
        """zookeeper: the ensemble's servers as `host:port`."""
        self._servers = zookeeper
        self._lock = Lock()
        self._accumulo: dict[str | None, dict[str, Any] | NoAnswer] = {}

    def accumulo(self, instance: str | None) -> dict[str, Any]:
        """See `accumulo.read_znodes`. Raises NoAnswer."""
        with self._lock:
            if instance not in self._accumulo:
                try:
                    with ZooKeeper(self._servers) as zookeeper:
                        self._accumulo[instance] = accumulo.read_znodes(zookeeper, instance)
                except NoAnswer as error:
                    self._accumulo[instance] = NoAnswer(str(error), elsewhere=True)
        facts = self._accumulo[instance]
        if isinstance(facts, NoAnswer):
            raise facts
        return facts

    def lock_created(self, instance: str | None, tserver: str) -> float | None:
        """See `accumulo.lock_created`; asked anew each time. Raises NoAnswer."""
        root = self.accumulo(instance)["root"]
        with ZooKeeper(self._servers) as zookeeper:
            return accumulo.lock_created(zookeeper, root, tserver)

    def anew(self) -> Cluster:
        """One that has read nothing yet."""
        return Cluster(self._servers)

    def forget(self) -> None:
        """The next question is asked anew."""
        with self._lock:
            self._accumulo.clear()


Entry = Mapping[str, Any]


def same_host(one: str, other: str) -> bool:
    """Whether two names or numbers mean the same host."""
    return one == other or bool(_numbers(one) & _numbers(other))


def _numbers(name: str) -> set[Any]:
    try:
        return {info[4][0] for info in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def _port(entry: Entry) -> int:
    return int(entry["ports"][entry["probe"]["port"]])


def _mine(entry: Entry, address: str, addresses: Sequence[str]) -> str | None:
    """The one of `addresses` (`host:port`) that is this instance's."""
    for candidate in addresses:
        host, _colon, port = candidate.rpartition(":")
        if port == str(_port(entry)) and same_host(host, address):
            return candidate
    return None


def process(_entry: Entry, _address: str, _cluster: Cluster) -> Answer:
    """Nothing is asked: a running process is all that is known."""
    return Answer(True, "its process runs (it has no probe)")


def tcp(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """A TCP connection. It proves that somebody listens, not that he is alive."""
    net.connect(address, _port(entry)).close()
    return Answer(True, f"port {_port(entry)} accepts connections")


def http(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """A GET of `path`; healthy where the status is one of `status` (default 200)."""
    status, body = net.http_get(address, _port(entry), entry["probe"].get("path", "/"))
    wanted = entry["probe"].get("status", [200])
    healthy = status in (wanted if isinstance(wanted, list) else [wanted])
    said = "" if healthy or not body.strip() else f": {' '.join(body.split())[:120]}"
    return Answer(healthy, f"port {_port(entry)} answers HTTP {status}{said}")


def command(entry: Entry, _address: str, _cluster: Cluster) -> Answer:
    """A command on the host; healthy where it ends with status 0."""
    code, output = run(argv(entry["probe"]["command"]), net.TIMEOUT)
    if code in (124, 127):
        raise NoAnswer(output)
    return Answer(code == 0, output.splitlines()[-1] if output else f"its check ends with status {code}")


def postgres(entry: Entry, _address: str, _cluster: Cluster) -> Answer:
    """A query over the local socket as the operating system's user of the server."""
    query = "select pg_is_in_recovery(), split_part(version(), ' ', 2)"
    words = ["psql", "-XAtq", "-p", str(_port(entry)), "-d", entry["probe"]["database"], "-c", query]
    code, output = run(["runuser", "-u", entry["user"], "--", *words] if entry["user"] else words, net.TIMEOUT)
    said = f"psql: {output.splitlines()[-1] if output else code}"
    if code != 0 and "FATAL:" in output:
        return Answer(False, said)  # the server itself says so: it starts up, recovers, shuts down, or does not let us in
    if code != 0:
        raise NoAnswer(said)
    standby, _bar, version = output.partition("|")
    role = "standby" if standby == "t" else "active"
    return Answer(True, f"PostgreSQL {version} answers a query", role)


def zookeeper(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """`srvr`, which every version allows, and `mntr` of a leader for its followers, where it is whitelisted."""
    said = four_letter_word(address, _port(entry), "srvr")
    if _NOT_SERVING in said:
        return Answer(False, said.strip())
    fields = parse_srvr(said)
    mode = fields["Mode"]
    details = {}
    evidence = f"mode {mode}"
    if mode == "leader":
        synced = parse_mntr(four_letter_word(address, _port(entry), "mntr")).get("zk_synced_followers")
        if synced is not None:
            details["synced_followers"] = int(float(synced))
            evidence += f", {details['synced_followers']} followers in sync"
    return Answer(True, evidence, mode, details)


def hdfs_journalnode(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """Its journals, as JMX shows them."""
    bean = net.jmx(address, _port(entry), "Hadoop:service=JournalNode,name=JournalNodeInfo")["JournalNodeInfo"]
    journals = json.loads(bean.get("JournalsStatus") or "{}")
    formatted = [name for name, status in journals.items() if str(status.get("Formatted")).lower() == "true"]
    # A JournalNode opens its journals at the first request: none yet is what a fresh start looks like.
    broken = sorted(set(journals) - set(formatted))
    if broken:
        return Answer(False, f"journal not formatted: {', '.join(broken)}")
    return Answer(True, f"answers, journals open: {', '.join(formatted) or 'none yet'}")


def hdfs_datanode(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """The states of its connections to the NameNodes."""
    beans = net.jmx(address, _port(entry), "Hadoop:service=DataNode,name=*")
    actors = json.loads(beans.get("DataNodeInfo", {}).get("BPServiceActorInfo") or "[]")
    running = [actor for actor in actors if actor.get("ActorState") == "RUNNING"]
    if not running:
        return Answer(False, f"registered with none of {len(actors)} NameNodes yet")
    return Answer(True, f"registered with {len(running)} of {len(actors)} NameNodes")


def hdfs_namenode(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """Role, safe mode, blocks and DataNodes, as JMX shows them."""
    beans = net.jmx(address, _port(entry), "Hadoop:service=NameNode,name=*")
    try:
        return read_namenode(beans)
    except NoAnswer as error:
        return Answer(False, str(error))  # it answers, but is not there yet


# A JournalNode to which the NameNode does not write until it begins a new segment of the edits, as it says itself in NameJournalStatus.
_BEHIND = re.compile(r"([^\s,]+:\d+) \(Written txid \d+(?: \([^)]*\))? \(will try to re-sync on next segment\)\)")


def _journals(info: Mapping[str, Any]) -> dict[str, Any]:
    """How many JournalNodes share the edits, and those that take no part at present."""
    rows = json.loads(info.get("NameJournalStatus") or "[]")
    shared = [match[1].split(",") for row in rows if (match := re.match(r"QJM to \[(.*)\]", row["manager"]))]
    return {"journals": sum(map(len, shared)), "journals_behind": [name for row in rows for name in _BEHIND.findall(row["stream"])]}


def read_namenode(beans: Mapping[str, Mapping[str, Any]]) -> Answer:
    """The NameNode's beans as an answer."""
    if "NameNodeStatus" not in beans or "NameNodeInfo" not in beans or "FSNamesystemState" not in beans:
        raise NoAnswer("the NameNode answers, but has not loaded its image yet")
    role = beans["NameNodeStatus"]["State"]
    info, state = beans["NameNodeInfo"], beans["FSNamesystemState"]
    details = {
        "safe_mode": bool(info.get("Safemode")),
        "missing_blocks": info.get("NumberOfMissingBlocks", 0),
        "live_datanodes": state.get("NumLiveDataNodes", 0),
        "dead_datanodes": state.get("NumDeadDataNodes", 0),
        **_journals(info),
    }
    evidence = f"{role}, {details['live_datanodes']} live DataNodes, {details['missing_blocks']} missing blocks"
    if details["safe_mode"]:
        return Answer(False, f"safe mode is on: {' '.join(info['Safemode'].split())[:160]}", role, details)
    return Answer(True, f"{evidence}, safe mode off", role, details)


def hdfs_zkfc(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """Its RPC port (a ZKFC has no web page), which it opens after it has joined the election."""
    return tcp(entry, address, _cluster)


def yarn_resourcemanager(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """State and HA state; of the active one also the NodeManagers that have registered and are healthy."""
    info = net.http_json(address, _port(entry), "/ws/v1/cluster/info")["clusterInfo"]
    role = str(info.get("haState", "ACTIVE")).lower()
    healthy, evidence = info["state"] == "STARTED" and role in ("active", "standby"), f"{info['state']}, {role}"
    if role != "active":
        return Answer(healthy, evidence, role)
    nodes = net.http_json(address, _port(entry), "/ws/v1/cluster/metrics")["clusterMetrics"]["activeNodes"]
    return Answer(healthy, f"{evidence}, {nodes} NodeManagers registered", role, {"nodemanagers": nodes})


def yarn_nodemanager(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """Its own health check."""
    info = net.http_json(address, _port(entry), "/ws/v1/node/info")["nodeInfo"]
    report = " ".join((info.get("healthReport") or "").split())
    return Answer(bool(info["nodeHealthy"]), "healthy" if info["nodeHealthy"] else f"unhealthy: {report}")


def _instance(entry: Entry, cluster: Cluster) -> dict[str, Any]:
    return cluster.accumulo(entry["probe"].get("instance"))


def accumulo_tserver(entry: Entry, address: str, cluster: Cluster) -> Answer:
    """Its lock in ZooKeeper, and an answer from the process itself.

    The lock of one that was killed stays for its session, under the same address. A process that is younger than that holds the lock
    only where the lock is younger still: the two clocks are compared for no longer, so that a wrong one costs seconds and no more.
    """
    facts = _instance(entry, cluster)
    answered = accumulo.ping(address, _port(entry), facts["renamed"])
    if answered != facts["instance_id"]:
        return Answer(False, f"serves another instance, {answered} instead of {facts['instance_id']}")
    mine = _mine(entry, address, facts["tservers"])
    if not mine:
        return Answer(False, "answers, but holds no lock in ZooKeeper", details=NO_LOCK)
    since = entry.get("since")
    if since and time.time() - since < SESSION_TIMEOUT:
        created = cluster.lock_created(entry["probe"].get("instance"), mine)
        if created is None or created < since:
            return Answer(False, "answers, but the lock in ZooKeeper is still that of the process before it", details=NO_LOCK)
    return Answer(True, "answers and holds its lock")


def accumulo_manager(entry: Entry, address: str, cluster: Cluster) -> Answer:
    """Its place in the queue for the lock; of the active manager also goal state, state, tablet servers and tablets."""
    facts = _instance(entry, cluster)
    mine = _mine(entry, address, facts["managers"])
    if mine is None:
        return Answer(False, "not in the queue for the manager's lock", details=NO_LOCK)
    if mine != facts["managers"][0]:
        # One that has lost its connection (2.1.4) asks for the lock once a second, and each time is in the queue for some 10 ms.
        time.sleep(_TWICE)
        if _mine(entry, address, cluster.anew().accumulo(entry["probe"].get("instance"))["managers"]) is None:
            return Answer(False, "not in the queue for the manager's lock", details=NO_LOCK)
        return Answer(True, f"waits for the lock that {facts['managers'][0]} holds", "standby")
    stats = accumulo.manager_stats(address, _port(entry), facts["renamed"])
    missing = accumulo.not_loaded(stats, facts["tables"])
    details = {**stats, "goal_state": facts["goal_state"], "not_loaded": missing}
    tablets = sum(table["tablets"] for table in stats["tables"].values())
    evidence = (
        f"goal {facts['goal_state']}, state {stats['state']}, {len(stats['tservers'])} tablet servers, "
        f"{stats['unassigned']} of {tablets} tablets unassigned"
    )
    if missing and not stats["unassigned"]:
        evidence += f", not loaded yet: {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}"
    normal = facts["goal_state"] == "NORMAL" and stats["state"] == "NORMAL"
    return Answer(normal and not stats["unassigned"] and not missing, evidence, "active", details)


def accumulo_monitor(entry: Entry, address: str, _cluster: Cluster) -> Answer:
    """Its web page."""
    status, _body = net.http_get(address, _port(entry), "/")
    return Answer(status < 400, f"port {_port(entry)} answers HTTP {status}")


def accumulo_gc(entry: Entry, address: str, cluster: Cluster) -> Answer:
    """A connection to it, because its lock outlives it by half a minute, and its place in the queue for the gc's lock."""
    net.connect(address, _port(entry)).close()
    facts = _instance(entry, cluster)
    for number, holder in enumerate(facts["gc"]):
        if same_host(holder.rpartition(":")[0], address):
            return Answer(True, "holds the lock" if number == 0 else "waits for the lock", "standby" if number else "active")
    return Answer(False, "not in the queue for the gc's lock", details=NO_LOCK)


PROBES: dict[str, Callable[[Entry, str, Cluster], Answer]] = {
    probe.__name__: probe
    for probe in (
        process,
        tcp,
        http,
        command,
        postgres,
        zookeeper,
        hdfs_journalnode,
        hdfs_datanode,
        hdfs_namenode,
        hdfs_zkfc,
        yarn_resourcemanager,
        yarn_nodemanager,
        accumulo_tserver,
        accumulo_manager,
        accumulo_monitor,
        accumulo_gc,
    )
}
