#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_expire
short_description: Remove sets that a retention does not keep
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Of the sets below a URI it keeps so many of the last, and the newest of so many days, weeks and months, in UTC. It removes the others.
  - The newest set always stays, and so does everything that is no set, and every set of an instance of Accumulo of which no backup was
    made from this host. A newest set that is known to be damaged counts for nothing.
  - It refuses while a backup or a restore runs on this host.
options:
  instances:
    description:
      - Further instances of Accumulo (their ids) whose sets are this cluster's, such as the one before it was initialised anew.
    type: list
    elements: str
    default: []
  keep:
    description: How many sets are kept. At least one number has to be above 0.
    type: dict
    required: true
    suboptions:
      last:
        description: Of all.
        type: int
        default: 0
      daily:
        description: One of each day that has one.
        type: int
        default: 0
      weekly:
        description: One of each week, from Monday.
        type: int
        default: 0
      monthly:
        description: One of each month.
        type: int
        default: 0
extends_documentation_fragment:
  - koverse.runbook.sets
attributes:
  check_mode:
    description: Tells what would be removed.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
"""

EXAMPLES = r"""
- name: Keep a week of days and a year of months
  koverse.runbook.backup_expire:
    uri: hdfs://other/backups
    keep: {daily: 7, monthly: 12}
  become: true
"""

RETURN = r"""
kept:
  description: Set to the reasons for which it is kept.
  type: dict
  returned: success
  sample: {20261121T201500Z: [newest, daily]}
others:
  description: Sets of other instances of Accumulo, which are left alone; set to instance.
  type: dict
  returned: success
  sample: {20260901T201500Z: 466d682e-7588-4a70-be57-e31d5f964fa1}
removed:
  description: The sets that were removed (in check mode, that would be).
  type: list
  elements: str
  returned: success
  sample: [20261001T201500Z]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import manifest, record, worker
from ansible_collections.koverse.runbook.plugins.module_utils.hadoop import SETS_SPEC, Hadoop


def main() -> None:
    """Removes sets."""
    numbers = {kind: {"type": "int", "default": 0} for kind in manifest.KEEP}
    module = AnsibleModule(
        argument_spec={
            **SETS_SPEC,
            "instances": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "dict", "required": True, "options": numbers},
        },
        supports_check_mode=True,
    )
    keep, uri = module.params["keep"], module.params["uri"].rstrip("/")
    if min(keep.values()) < 0 or not any(keep.values()):
        module.fail_json(msg=f"keep: expected numbers from 0, at least one of them above 0, found {keep}. Nothing was removed.")
    hadoop = Hadoop(worker.Context(module.tmpdir), module.params["tool"], module.params["user"])
    try:
        with worker.alone(record.WORKER):
            newest = (record.backups() or {}).get("good") or {"damage": None, "id": None}
            whole = {
                name: found["cluster"]["instance_id"]
                for name, found in hadoop.sets(uri).items()
                if not isinstance(found, manifest.Damaged) and not (newest["damage"] and name == newest["id"])
            }
            own = {*record.instances(), *module.params["instances"]}
            mine = {name: instance for name, instance in whole.items() if instance in own}
            kept = manifest.kept(mine, keep)
            removed = sorted(set(mine) - set(kept))
            for name in removed if not module.check_mode else ():
                hadoop.remove_set(uri, name, mine[name])
    except worker.Busy:
        module.fail_json(msg="a backup or a restore runs on this host. Wait for its end; nothing was removed.")
    except worker.WorkerError as error:
        module.fail_json(msg=str(error))
    others = {name: instance for name, instance in whole.items() if name not in mine}
    module.exit_json(changed=bool(removed), kept=kept, removed=removed, others=others)


if __name__ == "__main__":
    main()
