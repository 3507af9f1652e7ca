#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Do a step of a restore on this host
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - The steps of C(playbooks/restore.yml), in their order. What each host has to do, M(koverse.runbook.restore_plan) has decided
    (registered as C(runbook_restore)).
  - A worker process on each host does the steps. When the controller does not look any more, it removes its copies and ends; what is back
    stays, and the next restore of the same set goes on from there.
  - A line of progress appears at least every 10 seconds.
options:
  step:
    description:
      - V(open) starts the worker, finds the set, and reads all of it. It refuses where a backup or another restore runs.
      - V(stage) takes files for the hosts out of the set, V(deliver) brings them there.
      - V(look) tells what stands in the way.
      - V(unpack) brings back configuration, V(databases) databases and their roles, V(tables) directories of HDFS, tables of Accumulo, and
        users and permissions.
      - V(drill) brings databases and tables back beside the live ones, compares them with the manifest, and removes them again.
      - V(finish) forgets what an interrupted restore would have to know.
      - V(close) removes copies, and ends the worker.
    type: str
    choices: [open, stage, deliver, look, unpack, databases, tables, drill, finish, close]
    required: true
  secrets:
    description: For V(open). They reach the tools through files that only their users can read, or through standard input.
    type: dict
    suboptions:
      postgres_password:
        description: The password with which PostgreSQL's tools log in. They log in without one by default.
        type: str
      identity:
        description: The secret key of age, for an encrypted set.
        type: str
      passwords:
        description: User of Accumulo to password, for users that are missing. Others get a new one.
        type: dict
  work:
    description: What to do, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: V(open), V(stage), V(deliver) and V(look) are done, because they change nothing but the worker's own files; then it ends.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.restore_plan
"""

EXAMPLES = r"""
- name: Bring back databases
  koverse.runbook.restore:
    step: databases
  become: true
"""

RETURN = r"""
result:
  description: What the step has found or made; depends on the step.
  type: dict
  returned: success
  sample: {in_the_way: [table kv_record]}
"""

from ansible_collections.koverse.runbook.plugins.module_utils import worker
from ansible_collections.koverse.runbook.plugins.module_utils.restore import Restore

STEPS = ("open", "stage", "deliver", "look", "unpack", "databases", "tables", "drill", "finish", "close")
SECRETS = {
    "postgres_password": {"type": "str", "no_log": True},
    "identity": {"type": "str", "no_log": True},
    "passwords": {"type": "dict", "no_log": True},
}


def main() -> None:
    """One slice of the action plugin's wait."""
    worker.run_module("restore", STEPS, SECRETS, Restore)


if __name__ == "__main__":
    main()
