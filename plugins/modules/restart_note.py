#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restart_note
short_description: Note on a host that a rolling restart is under way
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - By the note, a restart that was interrupted goes on with what is older than it; M(koverse.runbook.component_info) returns it.
  - A note of the same restart stays as it is.
options:
  selection:
    description: What is restarted, as M(koverse.runbook.decide) returns it; empty when all is done.
    type: str
    required: true
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: Returns nothing for a diff.
    support: none
"""

EXAMPLES = r"""
- name: Note that it has begun
  koverse.runbook.restart_note:
    selection: "{{ runbook_todo.selection }}"
  become: true
"""

RETURN = r"""
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import record
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso


def main() -> None:
    """Writes or removes the note."""
    module = AnsibleModule(argument_spec={"selection": {"type": "str", "required": True}}, supports_check_mode=True)
    selection = module.params["selection"]
    if module.check_mode:
        pass
    elif not selection:
        record.remove(record.RESTART)
    elif record.load(record.RESTART).get("selection") != selection:
        record.store(record.RESTART, {"selection": selection, "began": iso(time.time())})
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
