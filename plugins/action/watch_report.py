# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import json
import syslog
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_look, diagnose, metrics, notify, status, watch, wording
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import display
from ansible_collections.koverse.runbook.plugins.plugin_utils.files import locked, write_whole
from ansible_collections.koverse.runbook.plugins.plugin_utils.reporting import ReportAction, load_state, state_file, write

_DEFAULTS = watch.Settings._field_defaults
_OPTIONS: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "default": ""},
    "state": {"type": "path", "default": ""},
    "metrics": {"type": "path", "default": ""},
    "test": {"type": "bool", "default": False},
    "cluster": {"type": "str", "default": ""},
    "interval": {"type": "int", "default": _DEFAULTS["interval"]},
    "confirm": {"type": "int", "default": _DEFAULTS["confirm"]},
    "clear": {"type": "int", "default": _DEFAULTS["clear"]},
    "reminder": {"type": "float", "default": _DEFAULTS["reminder"]},
    "severity": {"type": "str", "default": _DEFAULTS["severity"]},
    "quiet": {"type": "raw", "default": ""},
    "timezone": {"type": "str", "default": ""},
    "keep_messages": {"type": "int", "default": _DEFAULTS["keep_messages"]},
    "keep_hours": {"type": "float", "default": _DEFAULTS["keep_hours"]},
    "status_url": {"type": "str", "default": _DEFAULTS["status_url"]},
}
_LEAST: dict[str, float] = {"interval": 1, "confirm": 1, "clear": 1, "reminder": 0, "keep_messages": 1, "keep_hours": 0.1}


class ActionModule(ReportAction):
    """Compares what was seen with what was seen before, and tells the channels what has changed."""

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            _result, options = self.validate_argument_spec(argument_spec=_OPTIONS)
        except AnsibleError as error:
            raise RunbookError([f"watch_report: {error}"]) from error
        # Read here and not given as an option, so that no callback that shows a task's options shows passwords.
        given = self._templar.template(task_vars.get("runbook_watch_channels")) or {}
        channels = notify.channels(given, watch.codes(rule.code for rule in diagnose.RULES))
        settings = _settings(options, self.inventory(task_vars), channels)
        if options["test"]:
            return self._test(settings, channels)
        path = state_file(options["state"], options["directory"])
        if path is None:
            raise RunbookError(["The watch has to keep its state: set runbook_watch_state, or runbook_status_dir."])
        if not channels:
            display.display("No channel is set (runbook_watch_channels): nobody is told.")
        if self._task.check_mode:
            return self._predict(settings, path, task_vars)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.with_name(f".{path.name}.lock"), f"Another watch with the state {path} runs. This one has done nothing."):
                return self._watch(settings, channels, options, path, task_vars)
        except OSError as error:
            raise RunbookError([f"{_unwritable(error, path)}."]) from error

    def _watch(
        self, settings: watch.Settings, channels: Sequence[notify.Channel], options: dict[str, Any], path: Path, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        report, seen, state, said = self._look(settings, path, task_vars)
        _save(path, state)
        sent: list[str] = []
        failures: list[str] = []
        given_up: list[str] = []
        for channel in channels:
            _deliver(channel, state, path, sent, failures, given_up)
        if options["directory"]:
            write(Path(options["directory"]), {**report, "notifications": watch.summary(state)})
        unwritten = ""
        if options["metrics"]:
            try:
                write_whole(Path(options["metrics"]), metrics.text(report, seen, state), mode=0o644)
            except OSError as error:
                unwritten = f". {_unwritable(error, options['metrics'])}"
        if failures:
            said += ". Not sent, kept, and tried again at the next run: " + "; ".join(dict.fromkeys(failures))
        if given_up:
            said += ". Sent, but not to these, who are refused for good: " + "; ".join(dict.fromkeys(given_up))
        failed = bool(failures or given_up or unwritten)
        result = {"verdict": report["verdict"]["state"], "state": str(path), "sent": sent, "msg": said + unwritten}
        return {**result, "changed": bool(sent), "failed": failed}

    def _predict(self, settings: watch.Settings, path: Path, task_vars: dict[str, Any]) -> dict[str, Any]:
        """What would be sent, with what waits to be tried again. Nothing is written, not even the lock."""
        report, _seen, state, said = self._look(settings, path, task_vars)
        waiting = [f"{name}: {row['subject']}" for name in settings.channels for row in state["channels"][name]["pending"]]
        display.display("\n".join(f"Would be sent by {line}" for line in waiting) or "Nothing would be sent.")
        return {"verdict": report["verdict"]["state"], "state": str(path), "changed": bool(waiting), "sent": [], "msg": said}

    def _look(self, settings: watch.Settings, path: Path, task_vars: dict[str, Any]) -> tuple[status.Report, watch.Look, watch.State, str]:
        """The report, what the watch has seen in it, its state after that, and the verdict in a sentence."""
        before = load_state(path)
        if before and before["cluster"] != settings.cluster:
            found = f"{path}: expected the state of '{settings.cluster}', found that of '{before['cluster']}'. Nobody was told anything."
            remedy = "Set runbook_watch_state to one file for each cluster; or move the file away, where it has a new name."
            raise RunbookError([f"{found} {remedy}"])
        report = self.report(task_vars)
        seen = watch.look(report, self.plan(task_vars), before["things"] if before else (), ambari_look.registered(task_vars))
        state, _messages = watch.step(before, seen, datetime.datetime.now(datetime.timezone.utc), settings, wording.compose)
        said = f"The cluster is {status.one_line(report['verdict']['text'])}"
        display.display(said)
        return report, seen, state, said

    def _test(self, settings: watch.Settings, channels: Sequence[notify.Channel]) -> dict[str, Any]:
        """Every channel is tried, and says what it was answered; the state stays as it is."""
        if not channels:
            raise RunbookError(["There is no channel to test: set runbook_watch_channels (docs/watch.md)."])
        now = datetime.datetime.now(datetime.timezone.utc)
        answers: dict[str, str] = {}
        failures = []
        for channel in channels:
            subject, text = wording.trial(settings, channel.name, now)
            trial = watch.message(channel.name, watch.stamp(now), subject, text, watch.SEVERITIES[0])
            if self._task.check_mode:
                answers[channel.name] = "not tried, because of check mode"
                continue
            try:
                answers[channel.name] = channel.send(trial)
            except notify.NotSent as error:
                answers[channel.name] = str(error)
                failures.append(channel.name)
            _journal(channel.name in failures, f"test by {channel.name}: {answers[channel.name]}")
        said = f"Test failed for {', '.join(failures)}" if failures else "Every channel has taken the test notification"
        return {"changed": False, "failed": bool(failures), "answers": answers, "msg": f"{said}: {_listed(answers)}"}


def _settings(options: dict[str, Any], inventory: Sequence[str], channels: Sequence[notify.Channel]) -> watch.Settings:
    problems = [
        f"runbook_watch_{name}: expected at least {least:g}, found {options[name]:g}."
        for name, least in _LEAST.items()
        if not options[name] >= least
    ]
    if options["metrics"] and not options["metrics"].endswith(".prom"):
        problems.append(f"runbook_watch_metrics: node_exporter reads names that end in .prom only, found {options['metrics']}.")
    if problems:
        raise RunbookError(problems)
    same = {name: options[name] for name in _DEFAULTS if name in options and name != "quiet"}
    return watch.Settings(
        **{
            **same,
            "cluster": status.one_line(options["cluster"]) or watch.cluster_name(inventory),
            "channels": {channel.name: channel.filter for channel in channels},
            "severity": watch.severity_of("runbook_watch_severity", options["severity"]),
            "quiet": watch.quiet_hours(options["quiet"]),
            "zone": watch.time_zone(options["timezone"]),
        }
    )


def _deliver(channel: notify.Channel, state: watch.State, path: Path, sent: list[str], failures: list[str], given_up: list[str]) -> None:
    """Sends what waits for a channel, oldest first, until the channel fails. What was done is kept after each message.

    What is added to: `sent`, `failures` (tried again) and `given_up` (not for these recipients). A message that is refused, or some of its
    recipients, does not hold back the others.
    """
    for message in state["channels"][channel.name]["pending"]:
        before, subject = state["channels"][channel.name], f"{channel.name}: {message['subject']}"
        goes_on = True
        try:
            answer = channel.send(message)
        except notify.NotSent as error:
            after, goes_on = watch.failed(before, message, _now(), str(error), error.to, error.given_up), error.refused
            done = error.to == []
            (given_up if done else failures).append(f"{channel.name}: {error}")
            sent += [subject] if done else []
            _journal(True, f"{'not sent to all' if done else 'not sent'} by {subject} ({error})")
        else:
            after = watch.sent(before, message, _now())
            sent.append(subject)
            _journal(False, f"sent by {subject} ({answer})")
        state["channels"][channel.name] = after
        _save(path, state)
        if not goes_on:
            return


def _unwritable(error: OSError, path: Path | str) -> str:
    return f"{error.filename or path}: {error.strerror or error}. The watch has to write there"


def _now() -> str:
    return watch.stamp(datetime.datetime.now(datetime.timezone.utc))


def _save(path: Path, state: watch.State) -> None:
    write_whole(path, json.dumps(state, indent=1, ensure_ascii=False) + "\n")


def _journal(failed: bool, text: str) -> None:
    """One line for each notification, in the output and in the journal (or wherever syslog goes)."""
    display.display(status.one_line(text))
    syslog.openlog("koverse-runbook-watch")
    syslog.syslog(syslog.LOG_ERR if failed else syslog.LOG_NOTICE, status.one_line(text))


def _listed(answers: dict[str, str]) -> str:
    return "; ".join(f"{name}: {answer}" for name, answer in answers.items())
