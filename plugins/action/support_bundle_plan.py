# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import redact
from ansible_collections.koverse.runbook.plugins.plugin_utils import bundle
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction, key_file

_OPTIONS = {
    "since": {"type": "str", "default": "1h"},
    "up_to": {"type": "str", "default": ""},
    "max_size": {"type": "str", "default": "100MB"},
    "directory": {"type": "str", "default": "support"},
    "name": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 300.0},
}


class ActionModule(RunbookAction):
    """Reads the settings of a support bundle, and makes sure that it can be written."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        _result, settings = self.validate_argument_spec(argument_spec=_OPTIONS)
        run = bundle.decided(self.plan(task_vars)["order"], settings, time.time())
        directory = Path(run["path"]).parent
        if not task_vars.get("ansible_check_mode"):
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RunbookError(
                    [f"{directory} cannot be made: {error.strerror}. Name another place with -e runbook_bundle_dir=."]
                ) from error
            if not os.access(directory, os.W_OK):
                raise RunbookError([f"{directory} cannot be written to. Name another place with -e runbook_bundle_dir=."])
        # It stays in a file of this run, which Ansible removes: what is registered is shown with -v.
        with open(os.open(key_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(redact.new_key())
        return {"changed": False, **run}
