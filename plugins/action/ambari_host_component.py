# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.koverse.runbook.plugins.plugin_utils.ambari_action import AmbariAction


class ActionModule(AmbariAction):
    """The module, a slice after the other."""

    module = "koverse.runbook.ambari_host_component"
