# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that report on the whole cluster: the report of what was seen, and its files."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.release import __version__ as ansible_version

from . import ambari_look, decide, status, watch
from .catalogue import RunbookError
from .controller import RunbookAction, answers, collection_version, why_unseen
from .files import write_whole

_BACKUP_MAX_AGE = 26.0  # hours, where backups are taken: one a day, and two hours for it to end


class ReportAction(RunbookAction):
    """An action on the report; it runs on the controller and touches no host."""

    _requires_connection = False

    def report(self, task_vars: Mapping[str, Any], notifications: Mapping[str, Any] | None = None) -> status.Report:
        """All that the hosts registered as `runbook_seen`, judged, and what Ambari has said beside that. See status.report."""
        plan = self.plan(task_vars)
        seen = answers(task_vars, "runbook_seen")
        unseen = {host: why_unseen(result) for host, result in seen.items() if "instances" not in result}
        whole = decide.picture(plan, {host: result["instances"] for host, result in seen.items() if "instances" in result}, unseen)
        about = {
            "inventory": self.inventory(task_vars),
            "collection_version": collection_version(),
            "ansible_version": ansible_version,
        }
        now = datetime.datetime.now(datetime.timezone.utc)
        max_age = self._backup_max_age(task_vars)
        return status.report(plan, whole, seen, unseen, about, now, max_age, notifications, ambari_look.registered(task_vars))

    def _backup_max_age(self, task_vars: Mapping[str, Any]) -> float:
        """The variable runbook_backup_max_age, in hours; 0: no age is too old. Every report judges backups by it."""
        given, uri = (self._templar.template(task_vars.get(name)) for name in ("runbook_backup_max_age", "runbook_backup_uri"))
        hours = given if given is not None else _BACKUP_MAX_AGE if uri else 0
        try:
            age = float(hours)
        except (TypeError, ValueError):
            age = math.nan
        if not 0 <= age < math.inf:
            raise RunbookError([f"runbook_backup_max_age: expected hours, 0 or more, found '{hours}'."])
        return age

    @staticmethod
    def inventory(task_vars: Mapping[str, Any]) -> list[str]:
        """The inventory sources of the run."""
        return [str(source) for source in task_vars.get("ansible_inventory_sources") or []]


def state_file(path: Any, directory: Any) -> Path | None:
    """Where the watch keeps its state: the path, or beside the status files. None where there is neither."""
    chosen = path or (f"{directory}/watch.json" if directory else "")
    return Path(chosen).expanduser() if chosen else None


def load_state(path: Path) -> watch.State | None:
    """The watch's state, None where it never ran. Raises RunbookError where it cannot be read."""
    try:
        return watch.parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RunbookError([f"The state of the watch, {path}, cannot be read: {error}. Nobody was told anything."]) from error


def notifications(path: Path | None) -> dict[str, Any] | None:
    """What status says of the watch; None where it never ran. That its state cannot be read is said, and is no failure of status."""
    try:
        state = load_state(path) if path else None
    except RunbookError as error:
        return watch.summary({}, error.problems[0])
    return watch.summary(state) if state else None


def files(report: status.Report) -> dict[str, str]:
    """The report as files: name to text."""
    return {"status.json": json.dumps(report, indent=1, ensure_ascii=False) + "\n", "status.html": status.html(report)}


def write(directory: Path, report: status.Report) -> list[str]:
    """Writes status.json and status.html, each in one step, so that a reader never finds half of one."""
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files(report).items():
            write_whole(directory / name, text)
            written.append(str(directory / name))
    except OSError as error:
        raise RunbookError(
            [f"The report cannot be written to {directory}: {error.strerror}. Name another directory with -e runbook_status_dir=."]
        ) from error
    return written
