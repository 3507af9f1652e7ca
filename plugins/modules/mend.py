#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mend
short_description: Do the one step that may lose data, and that was accepted
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Each step looks first whether it may, and changes nothing where not.
  - M(koverse.runbook.decide) makes stages with the goal C(mended) of what C(runbook_accept) names, and only of that.
options:
  stage:
    description: A stage with the goal C(mended).
    type: dict
    required: true
  give:
    description: Reads what the step needs of another instance, on that one's host, and does nothing else.
    type: bool
    default: false
  given:
    description: What was read with O(give=true).
    type: dict
    default: {}
  record:
    description: File to which a line of JSON is added of what was done; nowhere by default.
    type: path
  work:
    description: What is known of it, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Does nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
seealso:
  - module: koverse.runbook.decide
"""

EXAMPLES = r"""
- name: Leave safe mode
  koverse.runbook.mend:
    stage: {name: HDFS, goal: mended, mend: leave_safe_mode, component: hdfs_namenode, host: n1}
  become: true
  when: inventory_hostname == 'n1'
"""

RETURN = r"""
text:
  description: What was done.
  type: str
  returned: when O(give) is false
  sample: n1 left safe mode
given:
  description: What was read.
  type: dict
  returned: when O(give) is true
  sample: {koverse: "namespaceID=1234\nclusterID=CID-1\n"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils.mends import GIVES, MENDS
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.steps import StepError


def main() -> None:
    """Does one mend, or reads what it needs."""
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "dict", "required": True},
            "give": {"type": "bool", "default": False},
            "given": {"type": "dict", "default": {}},
            "record": {"type": "path"},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    stage, work = module.params["stage"], module.params["work"]
    if not work:
        module.fail_json(msg="koverse.runbook.mend is run by its action plugin, which was not found. Call it by its full name.")
    try:
        if module.params["give"]:
            module.exit_json(changed=False, given=GIVES[stage["mend"]](work["entry"]))
        if module.check_mode:
            module.exit_json(changed=True, text="check mode: nothing was done")
        text = MENDS[stage["mend"]]({**work["entry"], "given": module.params["given"]}, Cluster(work["zookeeper"]))
    except (StepError, NoAnswer, OSError) as error:
        module.fail_json(msg=f"{stage['name']}: not done: {error}")
    module.exit_json(changed=True, text=text)


if __name__ == "__main__":
    main()
