# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils import logs
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, answers, display, why_unseen
from ansible_collections.koverse.runbook.plugins.plugin_utils.files import write_whole

_MOST = 20_000


class ActionModule(RunbookAction):
    """Merges what the hosts have read, shows or writes it, and says what is missing."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        found = answers(task_vars, "runbook_logs")
        entries, older = logs.merged(
            {host: answer["entries"] for host, answer in found.items() if "entries" in answer}, int(args.get("most") or _MOST)
        )
        left_out = [f"{host}: {why_unseen(answer)}" for host, answer in found.items() if "entries" not in answer]
        left_out += [f"{host}: {line}" for host, answer in found.items() for line in answer.get("left_out", [])]
        left_out += [f"{older} older entries of all hosts: more than {len(entries)}"] if older else []
        path = args.get("path") or ""
        if path:
            write(Path(path).expanduser(), entries)
            display.display(f"Written: {path}, {len(entries)} entries")
        else:
            display.display(f"Times are in {_zone_name()}, this controller's zone.")
            display.display(logs.text(entries, None).rstrip("\n") or "No entries.")
        for line in left_out:
            display.warning(f"left out: {line}")
        return {"changed": False, "count": len(entries), "left_out": left_out}


def _zone_name() -> str:
    return datetime.datetime.now().astimezone().strftime("%Z (UTC%z)")


def write(path: Path, entries: Sequence[logs.Entry]) -> None:
    """Writes the entries in one step: as lines of JSON where the name ends in .jsonl. Raises RunbookError."""
    if path.suffix == ".jsonl":
        text = "".join(f"{logs.json_line(entry)}\n" for entry in entries)
    else:
        text = f"# Times are in {_zone_name()}.\n{logs.text(entries, None)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise RunbookError(
            [f"The logs cannot be written to {path}: {error.strerror}. Name another file with -e runbook_logs_file=."]
        ) from error
