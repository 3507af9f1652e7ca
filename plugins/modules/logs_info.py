#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: logs_info
short_description: What this host's components have logged
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the log files of the host's components (C(log) in the catalogue), rotated and compressed ones included, and what their units have
    written to the journal, as entries in the order of time. A stack trace is part of its entry.
  - A time in a file is in the host's zone unless it names one. An entry without a time keeps its place behind the one before it.
  - Reads at most 32 MiB of a file and 128 MiB of all, and says what it has left out.
options:
  components:
    description:
      - Names of components. Those that do not run on the host are passed over.
      - Those of the run (RV(koverse.runbook.plan#module:plan)) by default.
    type: list
    elements: str
  since:
    description: Only what was logged at this time or later, in seconds since 1970.
    type: float
  until:
    description: Only what was logged at this time or earlier, in seconds since 1970.
    type: float
  pattern:
    description: Only entries in which this regular expression is found, in any of their lines.
    type: str
  lines:
    description: At most so many entries of each component, the last ones. All by default.
    type: int
  limit:
    description: Bytes of text that the host gives back at most; what is older is left out.
    type: int
    default: 4194304
  work:
    description: Whose logs to read, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
extends_documentation_fragment:
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.logs_report
  - module: koverse.runbook.log_level
"""

EXAMPLES = r"""
- name: Read the last ten entries of each component
  koverse.runbook.logs_info:
    lines: 10
  become: true
  register: runbook_logs

- name: Read what Koverse and Accumulo's manager said of an exception in the last ten minutes
  koverse.runbook.logs_info:
    components: [koverse_server, accumulo_manager]
    since: "{{ now().timestamp() - 600 }}"
    pattern: Exception
  become: true
"""

RETURN = r"""
entries:
  description: The entries, the oldest first.
  type: list
  elements: dict
  returned: always
  contains:
    time: {description: "Seconds since 1970, null where the entry has no time of its own.", type: float}
    component: {description: Name in the catalogue., type: str}
    host: {description: Name in the inventory., type: str}
    source: {description: "Path of the file, or V(journal).", type: str}
    text: {description: "The entry, with all its lines.", type: str}
  sample:
    - {time: 1795376341.671, component: hdfs_namenode, host: n1, source: /var/log/hadoop/hadoop-hdfs-namenode-n1.log,
       text: "2026-11-22 19:39:01,671 INFO org.apache.hadoop.hdfs.StateChange: STATE* Safe mode is OFF"}
left_out:
  description: What was cut, and why.
  type: list
  elements: str
  returned: always
  sample: ["1200 older entries, up to 2026-11-22T19:30:00Z: more than 4.0 MiB"]
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import logs


def main() -> None:
    """Reads once."""
    module = AnsibleModule(
        argument_spec={
            "components": {"type": "list", "elements": "str"},
            "since": {"type": "float"},
            "until": {"type": "float"},
            "pattern": {"type": "str"},
            "lines": {"type": "int"},
            "limit": {"type": "int", "default": logs.LIMIT},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    given = {key: module.params[key] for key in ("since", "until", "pattern", "lines", "limit")}
    work = module.params["work"]
    if not work:
        module.fail_json(msg="koverse.runbook.logs_info is run by its action plugin, which was not found. Call it by its full name.")
    for key in ("lines", "limit"):
        if given[key] is not None and given[key] < 1:
            module.fail_json(msg=f"{key} must be 1 or more, found {given[key]}.")
    try:
        module.exit_json(changed=False, **logs.read(work["entries"], work["host"], **given))
    except re.error as error:
        module.fail_json(msg=f"pattern: '{given['pattern']}' is not a regular expression: {error}.")


if __name__ == "__main__":
    main()
