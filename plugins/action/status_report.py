# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from ansible import constants
from ansible_collections.koverse.runbook.plugins.plugin_utils import status
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import display, record
from ansible_collections.koverse.runbook.plugins.plugin_utils.reporting import ReportAction, notifications, state_file, write

_COLOURS = {
    "good": constants.COLOR_OK,
    "bad": constants.COLOR_ERROR,
    "stopped": constants.COLOR_CHANGED,
    "unknown": constants.COLOR_WARN,
    "standby": constants.COLOR_SKIP,
    "plain": None,
}


class ActionModule(ReportAction):
    """Shows what was seen of the cluster, as text, JSON and a page."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        failures = status.fail_on(args.get("fail", False))
        told = notifications(state_file(args.get("watch_state"), args.get("directory")))
        report = self.report(task_vars, told)
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
