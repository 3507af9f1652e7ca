# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.release import __version__ as ansible_version
from ansible_collections.koverse.runbook.plugins.module_utils import redact
from ansible_collections.koverse.runbook.plugins.module_utils.bundle import archive, texts_of
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso
from ansible_collections.koverse.runbook.plugins.plugin_utils import bundle, status
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import (
    STAGING,
    answers,
    collection_version,
    display,
    key_file,
    why_unseen,
)
from ansible_collections.koverse.runbook.plugins.plugin_utils.files import write_whole
from ansible_collections.koverse.runbook.plugins.plugin_utils.reporting import ReportAction, files, notifications, state_file


class ActionModule(ReportAction):
    """Puts the hosts' parts and what is known of the cluster into one archive."""

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        run, plan = task_vars["runbook_bundle"], self.plan(task_vars)
        if task_vars.get("ansible_check_mode"):
            display.display(f"Check mode: {run['path']} was not made.")
            return {"changed": False, "path": run["path"]}
        staging = Path(constants.DEFAULT_LOCAL_TMP) / STAGING
        texts, known, missing = self._of_hosts(run, plan, answers(task_vars, "runbook_collected"), staging)
        made = bundle.clean(self.report(task_vars, notifications(state_file(args.get("watch_state"), args.get("status_directory")))))
        of_cluster = {
            **files(made),
            "diagnosis.txt": "".join(f"{line.text}\n" for line in status.findings(made)),
            "inventory.json": json.dumps(bundle.clean(bundle.inventory(plan)), indent=1, ensure_ascii=False) + "\n",
        }
        about = {
            "collection_version": collection_version(),
            "ansible_version": ansible_version,
            "created": iso(time.time()),
            "since": iso(run["since"]),
            "until": iso(run["until"]) if run["until"] else None,
            "max_size": run["max_size"],
            "hosts": list(texts),
            "hosts_not_reached": [row["host"] for row in missing],
        }
        everything, told = bundle.whole(of_cluster, texts, known, about, missing)
        raw = archive(everything, run["name"])
        write(Path(run["path"]), raw)
        display.display("\n".join(bundle.report(run["path"], len(raw), told)))
        return {"changed": False, "path": run["path"], "bytes": len(raw), "hosts_not_reached": about["hosts_not_reached"]}

    @staticmethod
    def _of_hosts(
        run: Mapping[str, Any], plan: Mapping[str, Any], collected: Mapping[str, Mapping[str, Any]], staging: Path
    ) -> tuple[dict[str, dict[str, str]], set[str], bundle.Missing]:
        """What came from each host, the secrets that are known, and the hosts from which nothing came."""
        texts, known, missing = {}, set(), []
        key = key_file().read_bytes()
        for host in plan["order"]:
            answer = collected.get(host, {})
            try:
                if not answer.get("result"):
                    raise ValueError(answer.get("why") or (why_unseen(answer) if answer else "it was not asked (left out by --limit?)"))
                known |= redact.unseal(answer["result"]["sealed"], key)
                texts[host] = texts_of(str(staging / f"{bundle.safe(host)}.tar.gz"), 2 * run["share"])
            except ValueError as error:
                missing.append({"host": host, "why": redact.text(f"{error}").text, "count": 1, "what": ["everything"]})
        return texts, known, missing


def write(path: Path, raw: bytes) -> None:
    """Writes the archive, readable for its owner only, and gives it its name when it is whole. Raises RunbookError."""
    try:
        write_whole(path, raw, mode=0o600)
    except OSError as error:
        raise RunbookError([f"{path} cannot be written: {error.strerror}. Name another place with -e runbook_bundle_dir=."]) from error
