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
  uri:
    description: Where sets are kept, any URI that the cluster's Hadoop knows. Each set is a directory below it.
    type: str
    required: true
  tables:
    description: Names of tables, C(*) for any characters. What the catalogue's components name by default.
    type: list
    elements: str
    default: []
  backup_host:
    description: The host on which the tools of Hadoop and Accumulo run. The first Accumulo manager's by default.
    type: str
    default: ""
  maps:
    description: How many of DistCp's mappers copy at the same time. 0 for DistCp's own number, 20.
    type: int
    default: 0
  bandwidth:
    description: What each mapper may take, in MB/s. 0 for no limit.
    type: float
    default: 0
  recipients:
    description: Public keys of age. With them, database dumps, settings and configuration are encrypted on the host that they come from.
    type: list
    elements: str
    default: []
  runner:
    description:
      - How DistCp copies. V(auto) uses YARN where it runs, and DistCp's local runner otherwise.
      - V(local) copies on the backup host alone.
    type: str
    choices: [auto, local]
    default: auto
  hold_limit:
    description: Seconds after which Koverse is started again at the latest, whatever has happened. The backup then fails.
    type: float
    default: 60
  postgres_login:
    description:
      - How PostgreSQL's tools log in. As the operating system's user of the component by default.
      - A password is an option of M(koverse.runbook.backup).
    type: dict
    default: {}
    suboptions:
      host:
        description: Server's name or socket directory.
        type: str
        default: ""
      user:
        description: Role.
        type: str
        default: ""
extends_documentation_fragment:
  - koverse.runbook.reads
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
