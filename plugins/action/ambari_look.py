# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import AmbariError
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_look
from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import names, opened
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import RunbookAction

_TIMEOUT = 10.0  # seconds that a call may take; the first that nobody answers is the last


class ActionModule(RunbookAction):
    """Asks Ambari what it knows beside our own look. That it says nothing is said, and is no failure."""

    _requires_connection = False

    def work(self, _args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            plan = self.plan(task_vars)
            said = ambari_look.read(opened(self._templar, task_vars, _TIMEOUT), plan, names(plan["order"], task_vars))
        except RunbookError as error:
            said = ambari_look.unknown(" ".join(error.problems))
        except (AmbariError, AnsibleError) as error:
            said = ambari_look.unknown(str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            said = ambari_look.unknown(f"an answer of another form than Ambari's 2.7 and 3.0 ({type(error).__name__}: {error})")
        return {"changed": False, **said}
