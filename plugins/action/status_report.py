# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.release import __version__ as ansible_version
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide, status
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import (
    RunbookAction,
    answers,
    collection_version,
    display,
    record,
    why_unseen,
)

_COLOURS = {
    "good": constants.COLOR_OK,
    "bad": constants.COLOR_ERROR,
    "stopped": constants.COLOR_CHANGED,
    "unknown": constants.COLOR_WARN,
    "standby": constants.COLOR_SKIP,
    "plain": None,
}


class ActionModule(RunbookAction):
    """Shows what was seen of the cluster, as text, JSON and a page."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        failures = status.fail_on(args.get("fail", False))
        report = self._report(task_vars, float(args.get("backup_max_age") or 0))
        shown = status.findings if args.get("show") == "findings" else status.lines
        for tone, group in itertools.groupby(shown(report), key=lambda line: line.tone):
            display.display("\n".join(line.text for line in group), color=_COLOURS[tone])
        verdict = report["verdict"]
        result = {"changed": False, "verdict": verdict["state"], "first_unhealthy_layer": verdict["first_unhealthy_layer"]}
        if args.get("directory"):
            result["files"] = write(Path(args["directory"]).expanduser(), report)
            display.display(f"Written: {', '.join(result['files'])}")
        found = [{key: row[key] for key in ("code", "component", "host", "summary", "evidence")} for row in report["findings"]]
        record(args.get("record") or "", verdict=verdict["text"], findings=found)
        failed = verdict["state"] in failures
        return {**result, "failed": failed, "msg": f"The cluster is {status.one_line(verdict['text'])}"}

    def _report(self, task_vars: Mapping[str, Any], max_age_hours: float) -> status.Report:
        plan = self.plan(task_vars)
        seen = answers(task_vars, "runbook_seen")
        unseen = {host: why_unseen(result) for host, result in seen.items() if "instances" not in result}
        whole = decide.picture(plan, {host: result["instances"] for host, result in seen.items() if "instances" in result}, unseen)
        about = {
            "inventory": [str(source) for source in task_vars.get("ansible_inventory_sources") or []],
            "collection_version": collection_version(),
            "ansible_version": ansible_version,
        }
        return status.report(plan, whole, seen, unseen, about, datetime.datetime.now(datetime.timezone.utc), max_age_hours)


def write(directory: Path, report: status.Report) -> list[str]:
    """Writes status.json and status.html, each in one step, so that a reader never finds half of one."""
    texts = {"status.json": json.dumps(report, indent=1, ensure_ascii=False) + "\n", "status.html": status.html(report)}
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            draft = directory / f".{name}.{os.getpid()}"
            draft.write_text(text, encoding="utf-8")
            draft.replace(directory / name)
            written.append(str(directory / name))
    except OSError as error:
        raise RunbookError(
            [f"The report cannot be written to {directory}: {error.strerror}. Name another directory with -e runbook_status_dir=."]
        ) from error
    return written
