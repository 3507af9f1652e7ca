# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of tasks within a request, and the order in which Java's hash maps give their keys.

Which role waits for which is Ambari's role_command_order.json (stack BIGTOP 3.2.0 and the service ACCUMULO 1.6.1.2.2.0 of HDP), and for
YARN's and Kafka's own files what the recordings show. Koverse's service is not known to Ambari's stacks: it has no entry, so it waits for
nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# blocked role and command: the roles and commands it waits for, if they are part of the same request
ROLE_ORDER: dict[str, list[str]] = {
    "APP_TIMELINE_SERVER-START": ["NAMENODE-START", "DATANODE-START"],
    "DATANODE-START": ["ZOOKEEPER_SERVER-START"],
    "DATANODE-STOP": ["RESOURCEMANAGER-STOP", "NODEMANAGER-STOP", "HISTORYSERVER-STOP"],
    "HISTORYSERVER-START": ["NAMENODE-START", "DATANODE-START"],
    "JOURNALNODE-STOP": ["NAMENODE-STOP"],
    "KAFKA_BROKER-START": ["ZOOKEEPER_SERVER-START", "NAMENODE-START"],
    "NAMENODE-START": ["ZKFC-START", "JOURNALNODE-START", "ZOOKEEPER_SERVER-START"],
    "NAMENODE-STOP": ["RESOURCEMANAGER-STOP", "NODEMANAGER-STOP", "HISTORYSERVER-STOP"],
    "NODEMANAGER-START": ["NAMENODE-START", "DATANODE-START", "RESOURCEMANAGER-START"],
    "NODEMANAGER-RESTART": ["NAMENODE-RESTART"],
    "RESOURCEMANAGER-START": ["NAMENODE-START", "DATANODE-START", "ZOOKEEPER_SERVER-START"],
    "RESOURCEMANAGER-RESTART": ["NAMENODE-RESTART"],
    "SECONDARY_NAMENODE-START": ["NAMENODE-START"],
    "TIMELINE_READER-START": ["NAMENODE-START", "DATANODE-START"],
    "ZKFC-START": ["ZOOKEEPER_SERVER-START"],
    "ZKFC-STOP": ["NAMENODE-STOP"],
    "ACCUMULO_MASTER-START": ["ZOOKEEPER_SERVER-START", "NAMENODE-START", "DATANODE-START"],
    "ACCUMULO_TSERVER-START": ["ACCUMULO_MASTER-START"],
    "ACCUMULO_MONITOR-START": ["ACCUMULO_MASTER-START"],
    "ACCUMULO_GC-START": ["ACCUMULO_MASTER-START"],
    "ACCUMULO_TRACER-START": ["ACCUMULO_MASTER-START", "ACCUMULO_TSERVER-START"],
    "ACCUMULO_MONITOR-STOP": ["ACCUMULO_MASTER-STOP"],
    "ACCUMULO_MASTER-STOP": ["ACCUMULO_TSERVER-STOP"],
    "ACCUMULO_TSERVER-STOP": ["ACCUMULO_TRACER-STOP", "ACCUMULO_GC-STOP"],
}


def with_restarts(order: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """A restart waits for restarts as a start waits for starts, where nothing else is said."""
    restarts = {
        blocked.removesuffix("START") + "RESTART": [
            blocker.removesuffix("START") + "RESTART" for blocker in blockers if blocker.endswith("-START")
        ]
        for blocked, blockers in order.items()
        if blocked.endswith("-START")
    }
    return {**restarts, **order}


def stages(roles: Iterable[tuple[str, str]], order: Mapping[str, list[str]]) -> list[set[tuple[str, str]]]:
    """Pairs of role and command in stages: each stage is what waits for nothing that is still to come. INSTALL precedes all other
    commands."""
    left = set(roles)
    result: list[set[tuple[str, str]]] = []
    while left:
        free = {role for role in left if not any(_precedes(other, role, order) for other in left if other != role)}
        result.append(free or set(left))  # a circle is run at once, rather than never
        left -= result[-1]
    return result


def _precedes(first: tuple[str, str], second: tuple[str, str], order: Mapping[str, list[str]]) -> bool:
    if f"{first[0]}-{first[1]}" in order.get(f"{second[0]}-{second[1]}", ()):
        return True
    return first[1] == "INSTALL" != second[1]


def java_order(names: Iterable[str]) -> list[str]:
    """`names` as a Java HashMap or HashSet iterates over them (String.hashCode, load factor 0.75, at least 16 buckets)."""
    names = list(names)
    buckets = 16
    while len(names) > buckets * 0.75:
        buckets *= 2
    return sorted(names, key=lambda name: _spread(name) & (buckets - 1))


def _spread(name: str) -> int:
    code = 0
    for character in name:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return code ^ (code >> 16)
