# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster of the unit tests that need an Ambari: what its emulator is made of. The fixture `ambari` runs it."""

from __future__ import annotations

from typing import Any

COMMON = ("ZOOKEEPER_SERVER", "JOURNALNODE", "DATANODE")
# As the lab of this project is: HDFS with high availability, Accumulo, and Koverse as a service that Ambari's stacks do not know.
DESCRIPTION: dict[str, Any] = {
    "hosts": {
        "n1": [*COMMON, "NAMENODE", "ZKFC", "RESOURCEMANAGER", "NODEMANAGER", "ACCUMULO_MASTER", "HDFS_CLIENT"],
        "n2": [*COMMON, "NAMENODE", "ZKFC", "NODEMANAGER", "ACCUMULO_TSERVER", "ACCUMULO_GC"],
        "n3": [*COMMON, "ACCUMULO_TSERVER", "ACCUMULO_MONITOR", "KOVERSE_SERVER", "POSTGRESQL_SERVER"],
    },
    "services": {"KOVERSE": {"KOVERSE_SERVER": "MASTER"}, "POSTGRESQL": {"POSTGRESQL_SERVER": "MASTER"}},
    "users": {
        "admin": {"password": "admin", "role": "AMBARI.ADMINISTRATOR"},
        "operator": {"password": "operator", "role": "SERVICE.OPERATOR"},
        "viewer": {"password": "viewer", "role": "CLUSTER.USER"},
        "guest": {"password": "guest", "role": None},
    },
    "configurations": {"accumulo-site": {"service": "ACCUMULO", "versions": [{"properties": {"a": "1"}}]}},
    "alert_definitions": [
        {"id": 1, "name": "namenode_process", "label": "NameNode", "service_name": "HDFS", "component_name": "NAMENODE", "scope": "HOST"},
    ],
    "running": True,
}
