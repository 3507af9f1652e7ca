# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ambari knows beside our own look: what is stale, its alerts, and the hosts that it has lost or leaves alone.

`read` asks it and puts that into our names. None of it is ever taken for health. It is plain data::

    {"problem": None,                       # why nothing is known; the lists are empty then
     "stale": [{...where}],                 # what runs with an older configuration than Ambari has for it
     "alerts": [{...where, "id": "datanode_storage on n2.example.com", "label": "DataNode Storage", "state": "WARNING", "service": "HDFS",
                 "text": "...", "since": "2026-11-21T09:15:00Z", "maintenance": False}],  # the worst first
     "well": ["datanode_process on n2.example.com"],  # the ids of alerts that are OK
     "unsure": [],                          # and of those that are SKIPPED, or not yet sure (SOFT)
     "hosts": [{"host": "n2", "ambari_host": "n2.example.com", "lost": True, "maintenance": False}]}

where: `component` and `host` in the names of catalogue and inventory, None where those do not know it, and `ambari_component` and
`ambari_host` in Ambari's, None for what is no component's or no host's. An alert's id stays as long as the alert does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.ambari import ALERT_STATES, Cluster

from .plan import Plan

Said = dict[str, Any]
Row = dict[str, Any]

REGISTERED = "runbook_ambari_seen"
_LOST = "HEARTBEAT_LOST"
_LONGEST = 300  # characters of an alert's text


def unknown(why: str) -> Said:
    """What is known where Ambari could not be asked, or has not answered."""
    return {"problem": why, "stale": [], "alerts": [], "well": [], "unsure": [], "hosts": []}


def registered(task_vars: Mapping[str, Any]) -> Said | None:
    """What the last look has registered; None where Ambari was not asked."""
    found = task_vars.get(REGISTERED) or {}
    return {key: found[key] for key in unknown("")} if "stale" in found else None


def read(cluster: Cluster, plan: Plan, hosts: Mapping[str, str]) -> Said:
    """Asks Ambari, with three calls. hosts: those of the plan to their names in Ambari. Raises AmbariError."""
    where = _Names(plan, hosts)
    stale = cluster.host_components(stale=True)
    known: dict[str, Row] = {}
    others: dict[str, list[str]] = {"well": [], "unsure": []}
    for row in cluster.alerts(ALERT_STATES):
        name = f"{row['definition']} on {row['host']}" if row["host"] else row["definition"]
        if row["state"] == "OK":
            others["well"].append(name)
        elif row["state"] == "SKIPPED" or row["firmness"] == "SOFT":
            others["unsure"].append(name)
        else:
            known.setdefault(name, {"id": name, **where.of(row["component"], row["host"]), **_alert(row)})
    return {
        "problem": None,
        "stale": [where.of(row["component"], row["host"]) for row in stale],
        "alerts": list(known.values()),
        **others,
        "hosts": [
            {"host": where.host(name), "ambari_host": name, "lost": row["host_state"] == _LOST, "maintenance": _is_on(row)}
            for name, row in sorted(cluster.hosts().items())
            if row["host_state"] == _LOST or _is_on(row)
        ],
    }


def is_meant(alert: Mapping[str, Any], state: str | None, desired: str | None) -> bool:
    """Whether an alert is about what is in maintenance, or stopped as it is meant to be. state, desired: of its instance."""
    return bool(alert["maintenance"]) or state == desired == "stopped"


def named(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """What a row is about: `DataNode on n2`, or in Ambari's words what the catalogue does not know. titles: of components."""
    what = titles.get(row["component"]) or row["ambari_component"] or row["service"]
    host = row["host"] or row["ambari_host"]
    return f"{what} on {host}" if host else str(what)


class _Names:
    """Ambari's names and ours."""

    def __init__(self, plan: Plan, hosts: Mapping[str, str]) -> None:
        self._hosts = {theirs: host for host, theirs in hosts.items()}
        self._components: dict[tuple[str, str | None], str] = {}
        for name, entry in plan["components"].items():
            for host in (None, *plan["instances"][name]):
                self._components.setdefault((entry["ambari"], host), name)

    def host(self, name: str | None) -> str | None:
        """A host in the inventory."""
        return self._hosts.get(name or "")

    def of(self, component: str | None, host: str | None) -> Row:
        """See `where` above."""
        ours = self.host(host)
        name = self._components.get((component, ours)) if component and (ours or not host) else None
        return {"component": name, "host": ours, "ambari_component": component, "ambari_host": host}


def _alert(row: Mapping[str, Any]) -> Row:
    text = " ".join(str(row["text"] or "").split())
    return {
        **{key: row[key] for key in ("label", "state", "service", "since")},
        "text": text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...",
        "maintenance": _is_on(row),
    }


def _is_on(row: Mapping[str, Any]) -> bool:
    return row["maintenance_state"] not in (None, "OFF")
