# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import health
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import (
    RunbookAction,
    answers,
    display,
    go_on_although,
    record,
    why_unseen,
)

_DOWNWARDS = ("left", "stopped")  # goals of a stage; the others are on the way up


class ActionModule(RunbookAction):
    """Judges a stage from what all hosts have answered, and lets the run go on or stops it with all that is wrong."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        stage = args["stage"]
        plan = self.plan_of(stage, task_vars)
        if task_vars.get("ansible_check_mode"):
            return {"changed": False, "msg": "check mode: not judged, because nothing was done"}
        done = {host: result for host, result in answers(task_vars, "runbook_done").items() if host in stage["hosts"]}
        whole = self._picture(plan, done, answers(task_vars, "runbook_seen"))
        up = stage["goal"] not in _DOWNWARDS
        if stage["goal"] in ("prepared", "left"):
            problems = self._not_done(stage, done)
        elif up:
            problems = self._not_up(plan, whole, stage)
        else:
            problems = self._not_down(plan, whole, stage) | self._not_taken_over(plan, whole, stage)
        failures = {(name, host): text for host, result in done.items() for name, text in result.get("failures", {}).items()}
        rows = self._rows(plan, problems, failures)
        steps = [step for result in done.values() for step in result.get("steps", [])]
        left = [] if up else self._left_behind(plan, stage, done, task_vars)
        waited = max([result.get("waited", 0.0) for result in done.values()], default=0.0)
        result = {
            "changed": False,
            "stage": stage["name"],
            "waited": waited,
            "steps": steps,
            "tservers_left": left,
        }
        record(args.get("record") or "", stage=stage["name"], goal=stage["goal"], waited=waited, steps=steps, problems=rows)
        force = args.get("on_unhealthy") == "force"
        if rows and not (force and not up):
            return {"failed": True, "msg": self._message(plan, stage, done, rows, args.get("again", ""))}
        go_on_although(rows)
        tolerated = decide.lines(plan, self._tolerated(plan, whole, stage)) if stage["goal"] == "started" else []
        if stage["goal"] == "left" and not steps:
            return result
        word = {"prepared": "can be started", "started": "healthy", "left": "can be stopped", "stopped": "down"}[stage["goal"]]
        said = [
            f"{stage['name']}: {word} after {waited:.1f} s",
            *steps,
            *(f"tolerated by min_healthy: {line}" for line in tolerated),
        ]
        display.display("    " + "; ".join(said))
        return {**result, "tolerated": tolerated}

    @staticmethod
    def _left_behind(plan: dict[str, Any], stage: Mapping[str, Any], done: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
        """The tablet servers that stopAll has left. They count until their own part is over, which need not be the next one."""
        probes = [plan["components"][name]["probe"]["type"] for name in stage["components"]]
        if stage["goal"] == "stopped" and "accumulo_tserver" in probes:
            return []
        before: list[str] = task_vars.get("runbook_gate", {}).get("tservers_left", [])
        # Over Ambari what comes before a stop has had its own gate.
        steps_done = stage.get("stepper") and (stage["goal"] == "left" or not plan["ambari"])
        return [server for result in done.values() for server in result.get("tservers_left", [])] if steps_done else before

    @staticmethod
    def _picture(plan: dict[str, Any], done: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The newest row of each instance: from the first look, then from the stage, then as the watcher saw it over the network."""
        unseen = {host: why_unseen(result) for host, result in {**seen, **done}.items() if "instances" not in result}
        whole = decide.picture(plan, {host: r["instances"] for host, r in seen.items() if "instances" in r}, unseen)
        for host, result in done.items():
            for name, rows in whole.items():
                if host in rows and "instances" not in result:
                    rows[host] = health.unknown(name, host, unseen[host])
            for row in result.get("instances", []):
                whole[row["component"]][row["host"]] = dict(row)
        for result in done.values():
            for name, rows in result.get("afar", {}).items():
                for host, row in rows.items():
                    near = whole[name][host]
                    if row["health"] != "unknown" and not near.get("signalled"):
                        near.update({key: row[key] for key in ("health", "role", "evidence", "details")})
                        near["state"] = "running"
        return whole

    @staticmethod
    def _not_done(stage: Mapping[str, Any], done: Mapping[str, Any]) -> dict[str, Any]:
        """Nobody else can tell whether the steps were done."""
        silent = [host for host in stage["hosts"] if "instances" not in done.get(host, {})]
        rows = [{"host": host, "state": "unknown", "text": why_unseen(done.get(host, {}))} for host in silent]
        return dict.fromkeys(stage["components"], rows) if rows else {}

    @staticmethod
    def _not_up(plan: dict[str, Any], whole: decide.Picture, stage: Mapping[str, Any]) -> dict[str, Any]:
        judged = decide.verdicts(plan, whole, stage["components"], stage["needed"])
        return {name: verdict.problems for name, verdict in judged.items() if verdict.problems}

    @staticmethod
    def _tolerated(plan: dict[str, Any], whole: decide.Picture, stage: Mapping[str, Any]) -> dict[str, Any]:
        return {name: verdict.tolerated for name, verdict in decide.verdicts(plan, whole, stage["components"], stage["needed"]).items()}

    @staticmethod
    def _not_down(plan: dict[str, Any], whole: decide.Picture, stage: Mapping[str, Any]) -> dict[str, Any]:
        """In a stage's part, only the instances of that part; at its end, every instance of its components."""
        found = {}
        for name in stage["components"]:
            hosts = plan["instances"][name]
            if stage.get("part"):
                hosts = [host for host in hosts if name in stage["hosts"].get(host, [])]
            rows = health.is_down(name, hosts, whole[name])
            if rows:
                found[name] = rows
        return found

    @staticmethod
    def _not_taken_over(plan: dict[str, Any], whole: decide.Picture, stage: Mapping[str, Any]) -> dict[str, Any]:
        """Where others are to go on without what was stopped: what keeps them from it."""
        away = stage.get("away")
        if not away:
            return {}
        return decide.without_them(plan, whole, [*stage["components"], *stage["judges"]], away, stage.get("unseen", []))

    @staticmethod
    def _rows(plan: dict[str, Any], problems: Mapping[str, Any], failures: Mapping[tuple[str, str], str]) -> list[str]:
        """All that is wrong as lines; what a host saw fail says more than the state it left behind."""
        titles = {name: plan["components"][name]["title"] for name in plan["components"]}
        rows = [f"{titles.get(name, name)} on {host}: {text}" for (name, host), text in failures.items()]
        rest = {name: [row for row in found if (name, row["host"]) not in failures] for name, found in problems.items()}
        return rows + decide.lines(plan, rest)

    @staticmethod
    def _message(plan: dict[str, Any], stage: Mapping[str, Any], done: Mapping[str, Any], rows: list[str], again: str) -> str:
        up = stage["goal"] not in _DOWNWARDS
        layer = plan["layers"][stage["layer"]]
        text = [f"The layer '{layer}' is not {'healthy' if up else 'down'} (stage {stage['name']})."]
        if stage["goal"] == "left":
            text[0] += " Nothing of this stage was stopped, because what has to come before failed."
        if up:
            text[0] += f" First unhealthy layer: {stage['layer']}."
        text += [f"  - {row}" for row in rows]
        for host, result in done.items():
            for name, words in result.get("last_words", {}).items():
                text += [
                    f"  Last lines of {plan['components'][name]['title']} on {host}:",
                    *(f"    | {line}" for line in words),
                ]
        text.append(f"The layers {'above were not started' if up else 'below were not stopped'}.")
        text.append(f"Next: cure the first of these, then run again: {again or 'the same command'}.")
        text.append("It goes on from here. ansible-playbook playbooks/status.yml shows the whole cluster.")
        return "\n".join(text)
