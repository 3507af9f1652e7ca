# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file for Prometheus, by a strict reader of the text format, and by promtool; the alert rules by promtool."""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.koverse.runbook.plugins.plugin_utils import metrics, status, watch, wording
from ansible_collections.koverse.runbook.tests.unit.cluster import alert, ambari_says
from ansible_collections.koverse.runbook.tests.unit.test_watch import DIED, PLAN, changed, finding, report

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.timezone.utc)
ROOT = Path(__file__).parents[2]
RULES = ROOT / "files" / "prometheus"
PROMTOOL = ROOT / ".venv" / "promtool"  # tests/tools/promtool brings it
# https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"({_NAME})\{{((?:{_LABEL})(?:,{_LABEL})*)?\}} (-?[0-9.]+(?:e[+-]?[0-9]+)?)")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """The samples of a text; an assertion fails where the format does not allow it: HELP and TYPE once and first, no sample twice."""
    assert text.endswith("\n")
    found: Samples = {}
    family, kind, seen = "", "", set()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in seen, f"{family} is not in one group"
            seen.add(family)
            assert len(line.split(maxsplit=3)) == 4
            assert re.fullmatch(rf"# TYPE {family} (gauge|counter)", lines[number + 1])
        elif line.startswith("# TYPE "):
            kind = line.split()[3]
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == family
            assert family.endswith("_total") == (kind == "counter")
            labels = re.findall(_LABEL, match[2] or "")
            pairs = [label.split("=", 1) for label in labels]
            values = [(name, re.sub(r"\\.", lambda sign: _UNESCAPED[sign[0]], text[1:-1])) for name, text in pairs]
            assert len(dict(values)) == len(values)
            key = (match[1], frozenset(values))
            assert key not in found, line
            found[key] = float(match[3])
    return found


def value(samples: Samples, name: str, **labels: str) -> float | None:
    found = [number for (other, pairs), number in samples.items() if other == name and set(labels.items()) <= pairs]
    assert len(found) <= 1, found
    return found[0] if found else None


def written(change: Callable[[status.Report], Any] = lambda made: made, cluster: str = "ha", **changes: dict[str, Any]) -> Samples:
    made = report(changed(**changes))
    change(made)
    seen = watch.look(made, PLAN)
    settings = watch.Settings(cluster, {"ops": watch.Filter()})
    state, _messages = watch.step(None, seen, NOW, settings, wording.compose)
    return read(metrics.text(made, seen, state))


def test_a_healthy_cluster() -> None:
    samples = written()
    assert value(samples, "koverse_cluster_healthy", cluster="ha") == 1
    assert value(samples, "koverse_cluster_verdict", verdict="healthy") == 1
    assert value(samples, "koverse_cluster_verdict", verdict="unknown") == 0
    assert value(samples, "koverse_layer_healthy", layer="storage") == 1
    labels = {"component": "hdfs_datanode", "host": "n3", "layer": "storage", "cluster": "ha"}
    assert value(samples, "koverse_component_up", **labels) == 1
    assert value(samples, "koverse_component_unknown", **labels) == 0
    assert not [name for name, _labels in samples if name == "koverse_finding"]
    assert value(samples, "koverse_findings", severity="critical") == 0
    assert value(samples, "koverse_watch_last_run_timestamp_seconds") == NOW.timestamp()
    assert value(samples, "koverse_watch_interval_seconds") == 300
    assert value(samples, "koverse_watch_notifications_sent_total", channel="ops") == 0
    assert value(samples, "koverse_watch_last_sent_timestamp_seconds") is None


def test_a_component_that_died_and_one_that_is_unknown() -> None:
    silent = {"health": "unknown", "role": None, "details": {}, "evidence": "no answer"}
    samples = written(hdfs_datanode__n3=DIED, yarn_nodemanager__n2=silent)
    assert value(samples, "koverse_cluster_healthy") == 0
    assert value(samples, "koverse_component_healthy", component="hdfs_datanode") == 0
    assert value(samples, "koverse_component_up", component="hdfs_datanode", host="n3") == 0
    assert value(samples, "koverse_component_unknown", component="hdfs_datanode", host="n3") == 0
    assert value(samples, "koverse_component_up", component="yarn_nodemanager", host="n2") == 0
    assert value(samples, "koverse_component_unknown", component="yarn_nodemanager", host="n2") == 1
    assert value(samples, "koverse_finding", code="DIED", component="hdfs_datanode", host="n3", layer="storage", severity="error") == 1
    assert value(samples, "koverse_watch_notifications_pending", channel="ops") == 1


def test_the_age_of_a_backup() -> None:
    def taken(made: status.Report) -> None:
        made["backups"].update(verdict="too_old", max_age_hours=26.0, good={"id": "20261120T021500Z"})

    samples = written(taken)
    assert value(samples, "koverse_backup_last_good_timestamp_seconds") == 1795140900
    assert datetime.datetime.fromtimestamp(1795140900, datetime.timezone.utc).isoformat() == "2026-11-20T02:15:00+00:00"
    assert value(samples, "koverse_backup_max_age_seconds") == 93600
    assert value(samples, "koverse_backup_healthy") == 0
    assert value(written(), "koverse_backup_last_good_timestamp_seconds") is None


def test_labels_are_escaped() -> None:
    odd = 'a "b" \\ \n c'
    assert value(written(cluster=odd), "koverse_cluster_healthy", cluster=odd) == 1


def test_two_findings_of_a_host_are_two_samples() -> None:
    rows = [finding("DISK_FULL", component=None), finding("CLOCK_SKEW", component=None)]
    seen = watch.Look({"state": "unhealthy", "text": ""}, {watch.key_of(row["code"], None, "n3"): row for row in rows})
    state, _messages = watch.step(None, seen, NOW, watch.Settings("ha", {}), wording.compose)
    samples = read(metrics.text(report(changed()), seen, state))
    assert {code for name, pairs in samples for label, code in pairs if (name, label) == ("koverse_finding", "code")} == {
        "DISK_FULL",
        "CLOCK_SKEW",
    }


def test_two_alerts_of_ambari_on_one_instance_are_two_samples() -> None:
    alerts = ambari_says(alert("storage", "hdfs_datanode", "n2"), alert("heap", "hdfs_datanode", "n2"))
    made = report(changed(), ambari=alerts)
    seen = watch.look(made, PLAN)
    state, _messages = watch.step(None, seen, NOW, watch.Settings("ha", {}), wording.compose)
    samples = read(metrics.text(made, seen, state))
    for name in ("storage", "heap"):
        assert value(samples, "koverse_finding", component="hdfs_datanode", host="n2", alert=f"{name} on n2.example.com") == 1
    assert value(samples, "koverse_cluster_healthy") == 1


# ---- the rules


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((RULES / "koverse.rules.yml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def test_rules_use_metrics_and_labels_that_there_are() -> None:
    def everything(made: status.Report) -> None:
        made["backups"].update(verdict="too_old", max_age_hours=26.0, good={"id": "20261120T021500Z"})

    samples = written(everything, hdfs_datanode__n3=DIED)
    labels: dict[str, set[str]] = {}
    for name, pairs in samples:
        labels.setdefault(name, set()).update(label for label, _value in pairs)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in watch.SEVERITIES
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))
        used = re.findall(r"koverse_[a-z_]+", rule["expr"])
        assert used
        assert set(used) <= set(labels), rule["alert"]
        shown = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
        kept = [set(re.split(r"\W+", names)) for names in re.findall(r"\bby \(([^)]*)\)", rule["expr"])]
        assert set(shown) <= set.intersection(*(labels[name] for name in used), *kept), rule["alert"]


def test_every_rule_has_a_test_that_it_fires_and_one_that_it_does_not() -> None:
    tests = yaml.safe_load((RULES / "koverse.rules.test.yml").read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == set(names)
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == set(names)


@pytest.mark.parametrize("words", [["check", "rules", "koverse.rules.yml"], ["test", "rules", "koverse.rules.test.yml"]])
def test_promtool_takes_the_rules(words: list[str]) -> None:
    done = subprocess.run([PROMTOOL, *words], cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_metrics() -> None:
    made = report(changed(hdfs_datanode__n3=DIED))
    seen = watch.look(made, PLAN)
    state, _messages = watch.step(None, seen, NOW, watch.Settings("ha", {"ops": watch.Filter()}), wording.compose)
    text = metrics.text(made, seen, state)
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
