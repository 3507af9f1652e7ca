# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory takes from Ambari: groups, and the catalogue's ports, users, logs, tools and configuration directories.

Pure functions. Names of types and properties: Ambari's stacks HDP 3 and BIGTOP 3, and the components' own documentation. Where the packages
of a stack are: Ambari's agent (`stack_select.get_hadoop_dir`, `conf_select._PACKAGE_DIRS`, `Script.get_stack_root`), and the services'
params_linux.py and status_params.py: below `STACK_ROOT/current`, with the configuration in `/etc/SERVICE/conf`, which is a link to there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

# Component: name of the port, type, property. `*` stands for what HA appends to a property (nameservice and NameNode, ResourceManager).
PORTS: tuple[tuple[str, str, str, str], ...] = (
    ("zookeeper", "client", "zoo.cfg", "clientPort"),
    ("hdfs_journalnode", "rpc", "hdfs-site", "dfs.journalnode.rpc-address"),
    ("hdfs_journalnode", "http", "hdfs-site", "dfs.journalnode.http-address"),
    ("hdfs_datanode", "data", "hdfs-site", "dfs.datanode.address"),
    ("hdfs_datanode", "http", "hdfs-site", "dfs.datanode.http.address"),
    ("hdfs_datanode", "ipc", "hdfs-site", "dfs.datanode.ipc.address"),
    ("hdfs_namenode", "rpc", "hdfs-site", "dfs.namenode.rpc-address*"),
    ("hdfs_namenode", "http", "hdfs-site", "dfs.namenode.http-address*"),
    ("hdfs_zkfc", "rpc", "hdfs-site", "dfs.ha.zkfc.port"),
    ("hdfs_secondarynamenode", "http", "hdfs-site", "dfs.namenode.secondary.http-address"),
    ("yarn_resourcemanager", "http", "yarn-site", "yarn.resourcemanager.webapp.address*"),
    ("yarn_nodemanager", "http", "yarn-site", "yarn.nodemanager.webapp.address"),
    ("yarn_historyserver", "http", "mapred-site", "mapreduce.jobhistory.webapp.address"),
    ("accumulo_manager", "client", "accumulo-site", "master.port.client"),
    ("accumulo_tserver", "client", "accumulo-site", "tserver.port.client"),
    ("accumulo_tracer", "client", "accumulo-site", "trace.port.client"),
    ("accumulo_monitor", "http", "accumulo-site", "monitor.port.client"),
    ("accumulo_gc", "client", "accumulo-site", "gc.port.client"),
)
# Components: type, property of the user, property of the directory of logs, what follows it.
_ENVIRONMENTS: tuple[tuple[tuple[str, ...], str, str, str, str], ...] = (
    (("zookeeper",), "zookeeper-env", "zk_user", "zk_log_dir", "*"),
    (("hdfs_journalnode",), "hadoop-env", "hdfs_user", "hdfs_log_dir_prefix", "{user}/*journalnode*"),
    (("hdfs_datanode",), "hadoop-env", "hdfs_user", "hdfs_log_dir_prefix", "{user}/*datanode*"),
    (("hdfs_namenode",), "hadoop-env", "hdfs_user", "hdfs_log_dir_prefix", "{user}/*namenode*"),
    (("hdfs_zkfc",), "hadoop-env", "hdfs_user", "hdfs_log_dir_prefix", "{user}/*zkfc*"),
    (("hdfs_secondarynamenode",), "hadoop-env", "hdfs_user", "hdfs_log_dir_prefix", "{user}/*secondarynamenode*"),
    (("yarn_resourcemanager",), "yarn-env", "yarn_user", "yarn_log_dir_prefix", "{user}/*resourcemanager*"),
    (("yarn_nodemanager",), "yarn-env", "yarn_user", "yarn_log_dir_prefix", "{user}/*nodemanager*"),
    (("yarn_historyserver",), "mapred-env", "mapred_user", "mapred_log_dir_prefix", "{user}/*historyserver*"),
    (("accumulo_manager",), "accumulo-env", "accumulo_user", "accumulo_log_dir", "master*"),
    (("accumulo_tserver",), "accumulo-env", "accumulo_user", "accumulo_log_dir", "tserver*"),
    (("accumulo_tracer",), "accumulo-env", "accumulo_user", "accumulo_log_dir", "tracer*"),
    (("accumulo_monitor",), "accumulo-env", "accumulo_user", "accumulo_log_dir", "monitor*"),
    (("accumulo_gc",), "accumulo-env", "accumulo_user", "accumulo_log_dir", "gc*"),
)

_HDFS = "{root}/current/hadoop-client/bin/hdfs"
_YARN = "{root}/current/hadoop-yarn-resourcemanager/bin/yarn"
# Accumulo's secret is in the servers' configuration alone, and its command line takes the clients' where nobody says otherwise.
_ACCUMULO = "env ACCUMULO_CONF_DIR={root}/current/accumulo-client/conf/server {root}/current/accumulo-client/bin/accumulo"
# Components: the directory of their configuration, and their command line where they have one.
_PACKAGES: tuple[tuple[tuple[str, ...], str, str | None], ...] = (
    (("zookeeper",), "/etc/zookeeper/conf", None),
    (("hdfs_journalnode", "hdfs_namenode"), "/etc/hadoop/conf", _HDFS),
    (("hdfs_datanode", "hdfs_zkfc", "hdfs_secondarynamenode"), "/etc/hadoop/conf", None),
    (("yarn_resourcemanager",), "/etc/hadoop/conf", _YARN),
    (("yarn_nodemanager", "yarn_historyserver"), "/etc/hadoop/conf", None),
    (("accumulo_manager", "accumulo_tserver"), "/etc/accumulo/conf", _ACCUMULO),
    (("accumulo_tracer", "accumulo_monitor", "accumulo_gc"), "/etc/accumulo/conf", None),
)

# Component: the type of which Ambari writes its logging configuration at each start.
LOGGING: Mapping[str, str] = {
    "zookeeper": "zookeeper-log4j",
    **dict.fromkeys(("hdfs_journalnode", "hdfs_datanode", "hdfs_namenode", "hdfs_zkfc", "hdfs_secondarynamenode"), "hdfs-log4j"),
    **dict.fromkeys(("yarn_resourcemanager", "yarn_nodemanager", "yarn_historyserver"), "yarn-log4j"),
    **dict.fromkeys(("accumulo_manager", "accumulo_tserver", "accumulo_tracer", "accumulo_monitor", "accumulo_gc"), "accumulo-log4j"),
}

Configuration = Mapping[str, Mapping[str, str]]


def groups(
    rows: Iterable[Mapping[str, Any]], entries: Mapping[str, Mapping[str, Any]], standby_hosts: Collection[str] = ()
) -> dict[str, list[str]]:
    """Component of the catalogue to hosts, in order. rows: see Cluster.host_components; entries: the catalogue's.

    standby_hosts: where a component with a warm standby is the standby: both have the same name in Ambari.
    """
    active = {entry["standby_of"] for entry in entries.values()}
    ours: dict[tuple[str, bool], list[str]] = {}
    for name, entry in entries.items():
        for is_standby in (True,) if entry["standby_of"] else (False,) if name in active else (True, False):
            ours.setdefault((entry["ambari"], is_standby), []).append(name)
    found: dict[str, list[str]] = {}
    for row in rows:
        for name in ours.get((row["component"], row["host"] in standby_hosts), ()):
            found.setdefault(name, []).append(row["host"])
    return {name: sorted(hosts) for name, hosts in found.items()}


def stack_root(configuration: Configuration, stack: str) -> str | None:
    """The directory of a stack's packages, such as /usr/hdp, as `cluster-env` names it; None where it does not.

    configuration: type to properties. stack: its name and version, such as HDP-3.1. The value is JSON, by the stack's name, and was a mere
    path before Ambari 2.5.
    """
    text = configuration.get("cluster-env", {}).get("stack_root", "")
    try:
        roots = json.loads(text)
    except ValueError:
        roots = {}
    found = roots.get(stack.partition("-")[0]) if isinstance(roots, Mapping) and roots else text
    return found.rstrip("/") if isinstance(found, str) and re.fullmatch(r"(/[\w.-]+)+/?", found) else None


def catalogue(
    configuration: Configuration, ports: Mapping[str, Mapping[str, int]], present: Sequence[str], root: str | None = None
) -> dict[str, Any]:
    """What a catalogue has to say of the components that are present, so that it fits the cluster: overrides of catalogue.yml.

    configuration: type to properties. ports: the catalogue's own, by component; a port of another name, or that is not to be read, stays.
    root: see `stack_root`; without one, tools and directories of configuration stay, too.
    """
    made: dict[str, dict[str, Any]] = {}
    for names, place, tool in _PACKAGES if root else ():
        for name in (name for name in names if name in present):
            made[name] = {"config": [place], **({"tool": tool.format(root=root)} if tool else {})}
    for name, title, kind, key in PORTS:
        number = _port(configuration.get(kind, {}), key)
        if name in present and number is not None and ports[name].get(title, number) != number:
            made.setdefault(name, {}).setdefault("ports", {})[title] = number
    for names, kind, user_key, directory_key, rest in _ENVIRONMENTS:
        settings = configuration.get(kind, {})
        user, directory = settings.get(user_key), settings.get(directory_key)
        for name in (name for name in names if name in present):
            if user:
                made.setdefault(name, {})["user"] = user
            if directory:
                made.setdefault(name, {})["log"] = [f"{directory.rstrip('/')}/{rest.format(user=user)}.log"]
    return made


def _port(settings: Mapping[str, str], key: str) -> int | None:
    """The port of the first property of this name: a number, or the end of an address."""
    base = key.rstrip("*")
    for name in sorted(name for name in settings if name == base or (base != key and name.startswith(f"{base}."))):
        last = settings.get(name, "").rpartition(":")[2].strip()
        if last.isdigit() and 0 < int(last) < 65536:
            return int(last)
    return None
