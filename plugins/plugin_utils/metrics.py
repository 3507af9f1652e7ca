# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster and its watch as a file for the textfile collector of Prometheus' node_exporter. Pure functions.

The form is https://prometheus.io/docs/instrumenting/exposition_formats/; names and units follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from ansible_collections.koverse.runbook.plugins.module_utils.times import seconds

from . import watch

_VERDICTS = ("healthy", "unhealthy", "stopped", "unknown")


class Metric(NamedTuple):
    """A metric: its name, type and help, and its samples, labels (without `cluster`) and value."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]]


def text(report: Mapping[str, Any], seen: watch.Look, state: watch.State) -> str:
    """The whole file. report: of status.py. seen: of the same look. state: after it."""
    cluster = state["cluster"]
    return "".join(_lines(metric, cluster) for metric in metrics(report, seen, state) if metric.samples)


def metrics(report: Mapping[str, Any], seen: watch.Look, state: watch.State) -> list[Metric]:
    """What there is to say."""
    return [*_cluster(report), *_findings(seen), *_backup(report["backups"]), *_watch(state)]


def _cluster(report: Mapping[str, Any]) -> list[Metric]:
    verdict = report["verdict"]["state"]
    wanted = {entry["name"]: entry for entry in report["components"] if entry["desired"] == "started"}
    rows = [row for row in report["instances"] if row["component"] in wanted]
    labels = [{"layer": wanted[row["component"]]["layer"], "component": row["component"], "host": row["host"]} for row in rows]
    return [
        Metric("koverse_cluster_healthy", "gauge", "Whether the cluster as a whole is healthy.", [({}, verdict == "healthy")]),
        Metric(
            "koverse_cluster_verdict",
            "gauge",
            "1 for the verdict of the last look, 0 for the others.",
            [({"verdict": word}, word == verdict) for word in _VERDICTS],
        ),
        Metric(
            "koverse_layer_healthy",
            "gauge",
            "Whether a layer as a whole is healthy.",
            [({"layer": layer["name"]}, layer["verdict"] == "healthy") for layer in report["layers"]],
        ),
        Metric(
            "koverse_component_healthy",
            "gauge",
            "Whether a component as a whole is healthy.",
            [({"layer": entry["layer"], "component": name}, entry["verdict"] == "healthy") for name, entry in wanted.items()],
        ),
        Metric(
            "koverse_component_up",
            "gauge",
            "Whether the component was seen healthy on this host; 0 also where nobody could tell.",
            [(label, row["health"] == "healthy") for label, row in zip(labels, rows)],
        ),
        Metric(
            "koverse_component_unknown",
            "gauge",
            "Whether nobody could tell how the component is on this host.",
            [(label, "unknown" in (row["state"], row["health"])) for label, row in zip(labels, rows)],
        ),
        Metric(
            "koverse_host_answers",
            "gauge",
            "Whether the host answered over SSH.",
            [({"host": host["name"]}, host["answer"] == "answered") for host in report["hosts"] if host["answer"] != "not_asked"],
        ),
    ]


def _findings(seen: watch.Look) -> list[Metric]:
    keys = ("code", "severity", "class", "component", "host", "layer", "alert")
    samples = [({key: str(finding[key] or "") for key in keys}, 1.0) for finding in seen.findings.values()]
    counts = {word: sum(finding["severity"] == word for finding in seen.findings.values()) for word in watch.SEVERITIES}
    return [
        Metric("koverse_finding", "gauge", "1 for each finding of the last look (docs/findings.md, docs/watch.md).", samples),
        Metric(
            "koverse_findings",
            "gauge",
            "How many findings the last look had, by severity.",
            [({"severity": word}, count) for word, count in counts.items()],
        ),
    ]


def _backup(backups: Mapping[str, Any]) -> list[Metric]:
    found = [
        Metric(
            "koverse_backup_healthy",
            "gauge",
            "Whether nothing is wrong with the newest backup; 0 where it is too old, damaged, failed or unknown.",
            [({}, backups["verdict"] in ("good", "none"))],
        )
    ]
    if backups["good"]:
        taken = manifest.taken(backups["good"]["id"]).timestamp()
        found.append(Metric("koverse_backup_last_good_timestamp_seconds", "gauge", "When the newest good backup was begun.", [({}, taken)]))
    if backups["max_age_hours"]:
        limit = backups["max_age_hours"] * 3600
        found.append(Metric("koverse_backup_max_age_seconds", "gauge", "How old the newest backup may be.", [({}, limit)]))
    return found


def _watch(state: watch.State) -> list[Metric]:
    channels = state["channels"].items()
    counted = {
        "sent": "that a channel has taken",
        "failed": "not taken, counted at each try",
        "dropped": "that were given up",
        "refused": "that one recipient does not get, because the mail server refuses it for good",
    }
    last = [({"channel": name}, seconds(channel["last"]["at"])) for name, channel in channels if channel["last"]]
    return [
        Metric("koverse_watch_last_run_timestamp_seconds", "gauge", "When the watch looked last.", [({}, seconds(state["looked"]))]),
        Metric("koverse_watch_interval_seconds", "gauge", "How often the watch is meant to look.", [({}, state["interval"])]),
        Metric(
            "koverse_watch_notifications_pending",
            "gauge",
            "Notifications that a channel has not taken yet.",
            [({"channel": name}, len(channel["pending"])) for name, channel in channels],
        ),
        Metric("koverse_watch_last_sent_timestamp_seconds", "gauge", "When a channel took a notification last.", last),
        *(
            Metric(
                f"koverse_watch_notifications_{key}_total",
                "counter",
                f"Notifications {said}.",
                [({"channel": name}, channel[key]) for name, channel in channels],
            )
            for key, said in counted.items()
        ),
    ]


def _lines(metric: Metric, cluster: str) -> str:
    head = f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    return head + "".join(f"{metric.name}{{{_labels({'cluster': cluster, **labels})}}} {value:.15g}\n" for labels, value in metric.samples)


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
