# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.koverse.runbook.plugins.module_utils import ambari
from ansible_collections.koverse.runbook.plugins.plugin_utils import alerts
from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import connection
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction

_PATH = re.compile(r"(/[a-zA-Z0-9._-]+)+")  # what Ambari takes for the path of an alert script, since it looks
_OPTIONS: dict[str, dict[str, Any]] = {
    "scripts": {"type": "str", "required": True},
    "directory": {"type": "str", "required": True},
}


class ActionModule(RunbookAction):
    """Checks the declared state of Ambari's alerts, and says what has to be asked for."""

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            _result, options = self.validate_argument_spec(argument_spec=_OPTIONS)
        except AnsibleError as error:
            raise RunbookError([f"alerts_plan: {error}"]) from error
        # Read here and not given as options, so that no callback that shows a task's options shows passwords.
        given = [self._templar.template(task_vars.get(name)) or {} for name in (alerts.TARGETS, alerts.GROUPS, alerts.DEFINITIONS)]
        if not any(given):
            names = f"{alerts.TARGETS}, {alerts.GROUPS}, {alerts.DEFINITIONS}"
            raise RunbookError([f"Nothing is declared: set one of {names} (docs/alerts.md). Nothing was done."])
        planned = alerts.plan(*given)
        reached = connection(self._templar, task_vars)
        cluster, url = reached.pop("cluster", None), reached["url"]
        host = alerts.server_host(url, task_vars["groups"], task_vars["hostvars"])
        self._require_place(host, any(row["kind"] == "slack" and row["state"] == "present" for row in planned["targets"]), options, url)
        try:
            alerts.check(planned, ambari.Server(**reached), cluster)
        except ambari.AmbariError as error:
            raise RunbookError([f"{str(error).rstrip('.')}. Nothing was done."]) from error
        return {"changed": False, "host": host, "prefix": alerts.SCRIPT, **planned}

    @staticmethod
    def _require_place(host: str, slack: bool, options: dict[str, Any], url: str) -> None:
        """The directories on the server's host have to be right, and a script for Slack has to be brought there."""
        problems = [
            f"runbook_{name}: expected a path of letters, digits, '.', '_' and '-', found '{options[key]}': Ambari refuses others."
            for key, name in (("scripts", "ambari_scripts"), ("directory", "alerts_directory"))
            if not _PATH.fullmatch(options[key])
        ]
        resources = Path(options["scripts"]).parent  # which Ambari gives to everybody: so the webhooks are elsewhere
        if Path(posixpath.normpath(options["directory"])).is_relative_to(posixpath.normpath(resources)):
            problems.append(
                f"runbook_alerts_directory: expected a directory that is not below {resources}, found '{options['directory']}':"
                " Ambari gives everything there to everybody, and the webhooks are secrets."
            )
        if slack and not host:
            problems.append(
                f"A Slack target needs a script on the host of {url}, which is not in the inventory: put it into the group"
                " ambari_server. Nothing was done."
            )
        if problems:
            raise RunbookError(problems)
