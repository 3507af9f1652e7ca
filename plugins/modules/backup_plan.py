#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_plan
short_description: Decide whether and how a backup is taken
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - From what M(koverse.runbook.component_info) saw on every host (registered as C(runbook_seen)). Fails where the cluster is not healthy
    enough for a backup, with all the reasons. Runs on the controller and touches no host.
options:
  tables:
    description: Names of tables, C(*) for any characters. What the catalogue's components name by default.
    type: list
    elements: str
    default: []
  recipients:
    description: Public keys of age. With them, database dumps, settings and configuration are encrypted on the host that they come from.
    type: list
    elements: str
    default: []
  hold_limit:
    description: Seconds after which Koverse is started again at the latest, whatever has happened. The backup then fails.
    type: float
    default: 60
extends_documentation_fragment:
  - koverse.runbook.reads
  - koverse.runbook.place
"""

EXAMPLES = r"""
- name: Decide whether a backup may begin
  koverse.runbook.backup_plan:
    uri: hdfs://other/backups
  run_once: true
  register: runbook_backup
"""

RETURN = r"""
id:
  description: The set's name, the time in UTC.
  type: str
  returned: success
  sample: 20261121T201500Z
backup_host:
  description: The host on which the tools of Hadoop and Accumulo run.
  type: str
  returned: success
  sample: n1
degraded:
  description: What is not healthy, and does not keep a backup from being taken.
  type: list
  elements: str
  returned: success
  sample: ["Tablet server on n2: accumulo-tserver.service failed (signal)"]
held:
  description: Host to the components that are stopped while the data is frozen.
  type: dict
  returned: success
  sample: {n3: [koverse_server]}
yarn:
  description: Whether YARN runs, so that DistCp copies with it.
  type: bool
  returned: success
  sample: true
"""
