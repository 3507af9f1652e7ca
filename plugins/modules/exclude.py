#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: exclude
short_description: Take workers out of HDFS and YARN, or in again
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Runs on the hosts of the component that has the exclude file (C(excluded_by) of a worker in the catalogue).
  - M(koverse.runbook.decide) makes the stages, with the goals C(excluded) and C(admitted).
options:
  stage:
    description: A stage with the goal C(excluded) or C(admitted).
    type: dict
    required: true
  do:
    description:
      - V(check) says what keeps the others from taking over, before anything is changed.
      - V(write) changes the exclude file of this host.
      - V(refresh) has the masters read their files, and waits until the workers have left, or are in again. On the active one's host.
    type: str
    choices: [check, write, refresh]
    required: true
  timeout:
    description: For V(refresh), seconds without progress after which it fails.
    type: float
    default: 600
  work:
    description: What is known of it, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Looks, and changes nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.decide
"""

EXAMPLES = r"""
- name: Exclude n3 from HDFS
  koverse.runbook.exclude:
    stage: {name: DataNode on n3, goal: excluded, component: hdfs_datanode, by: hdfs_namenode, workers: [n3]}
    do: write
  become: true
"""

RETURN = r"""
blocked_by:
  description: Addresses of tablet servers whose open write-ahead logs keep a DataNode from leaving.
  type: list
  elements: str
  returned: when O(do=refresh)
  sample: [n1]
text:
  description: How far each worker is.
  type: str
  returned: when O(do=refresh)
  sample: "n3: Decommissioned"
done:
  description: Whether all of them are where they are meant to be.
  type: bool
  returned: when O(do=refresh)
  sample: true
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import exclude
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError

_INTERVAL = 0.5  # seconds between two looks


def main() -> None:
    """One step; of a refresh, a slice of the wait."""
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "dict", "required": True},
            "do": {"type": "str", "choices": ["check", "write", "refresh"], "required": True},
            "timeout": {"type": "float", "default": 600},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    stage, work = module.params["stage"], module.params["work"]
    if not work:
        module.fail_json(msg="koverse.runbook.exclude is run by its action plugin, which was not found. Call it by its full name.")
    entry, addresses = work["entry"], work["addresses"]
    try:
        if module.params["do"] == "check":
            exclude.file_of(entry)
            problems = exclude.others_have_room(entry, addresses)
            if problems:
                module.fail_json(msg="; ".join([*problems, "Nothing was changed."]))
            module.exit_json(changed=False)
        if module.check_mode:
            module.exit_json(changed=True, done=True, text="check mode: nothing was done", blocked_by=[])
        if module.params["do"] == "write":
            module.exit_json(changed=exclude.write(entry, addresses, stage["goal"] == "excluded"))
        if work["first"]:
            exclude.refresh(entry)
        module.exit_json(changed=False, **_watch(entry, addresses, stage["goal"], work["slice"]))
    except (StepError, NoAnswer, OSError) as error:
        module.fail_json(msg=f"{stage['name']}: {error}")


def _watch(entry: dict[str, Any], addresses: list[str], goal: str, seconds: float) -> dict[str, Any]:
    """How far the workers are, when all are where they are meant to be, or the slice is over."""
    end = time.monotonic() + seconds
    while True:
        found = {address: exclude.look(entry, address) for address in addresses}
        done = all(worker.left if goal == "excluded" else worker.here or worker.left for worker in found.values())
        if done or time.monotonic() > end:
            break
        time.sleep(_INTERVAL)
    waits = not done and any(worker.open_files for worker in found.values())
    text = "; ".join(f"{address}: {worker.text}" for address, worker in found.items())
    return {"done": done, "text": text, "blocked_by": exclude.writers(entry) if waits else []}


if __name__ == "__main__":
    main()
