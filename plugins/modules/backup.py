#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Do a step of a backup on this host
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - The steps of C(playbooks/backup.yml), in their order. What each host has to do, M(koverse.runbook.backup_plan) has decided
    (registered as C(runbook_backup)).
  - A worker process on each host does the steps, and holds what has to be held between them. When the controller does not look any more,
    the worker starts Koverse again, removes what is not finished, and ends.
  - A line of progress appears at least every 10 seconds.
options:
  step:
    description:
      - V(open) starts the worker, checks all that can be checked, removes what an interrupted backup has left, and flushes the tables.
        It refuses where another backup runs.
      - V(hold) stops what writes, V(release) starts it again.
      - V(freeze) clones the tables, and begins the snapshot of the databases.
      - V(collect) copies tables and directories to the set, dumps the databases, and archives the configuration.
      - V(deliver) brings to the backup host what was collected on other hosts.
      - V(publish) reads the whole set back, and writes its manifest. V(name) gives it its name.
      - V(close) removes clones, snapshots and whatever is not finished, and ends the worker.
    type: str
    choices: [open, hold, freeze, release, collect, deliver, publish, name, close]
    required: true
  secrets:
    description: For V(open). They reach the tools through files that only their users can read.
    type: dict
    suboptions:
      postgres_password:
        description: The password with which PostgreSQL's tools log in. They log in without one by default.
        type: str
  work:
    description: What to do, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Does nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.backup_plan
"""

EXAMPLES = r"""
- name: Clone the tables, and begin the database snapshot
  koverse.runbook.backup:
    step: freeze
  become: true
"""

RETURN = r"""
result:
  description: What the step has found or made; depends on the step.
  type: dict
  returned: success
  sample: {warnings: [], removed: [], tables: [kv_index, kv_record]}
"""

from ansible_collections.koverse.runbook.plugins.module_utils import worker
from ansible_collections.koverse.runbook.plugins.module_utils.backup import Backup

STEPS = ("open", "hold", "freeze", "release", "collect", "deliver", "publish", "name", "close")
SECRETS = {"postgres_password": {"type": "str", "no_log": True}}


def main() -> None:
    """One slice of the action plugin's wait."""
    worker.run_module("backup", STEPS, SECRETS, Backup)


if __name__ == "__main__":
    main()
