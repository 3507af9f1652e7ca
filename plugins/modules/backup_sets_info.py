#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_sets_info
short_description: List the sets that backups have made
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the manifests below a URI, with Hadoop's own command line on this host.
  - The sets' other files are not read; C(playbooks/backup_verify.yml) does that.
extends_documentation_fragment:
  - koverse.runbook.reads
  - koverse.runbook.sets
"""

EXAMPLES = r"""
- name: List the sets
  koverse.runbook.backup_sets_info:
    uri: hdfs://other/backups
  become: true
  register: sets
"""

RETURN = r"""
sets:
  description: The sets, the oldest first.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: The set's name.
      type: str
      sample: 20261121T201500Z
    created:
      description: When it was finished.
      type: str
      sample: "2026-11-21T20:16:03Z"
    bytes:
      description: Size of all its files.
      type: int
      sample: 73711616
    tables:
      description: Table to number of entries.
      type: dict
      sample: {kv_record: 202627}
    databases:
      description: Database to number of rows.
      type: dict
      sample: {koverse: 22622}
    instance_id:
      description: The instance of Accumulo that it is of.
      type: str
      sample: 466d682e-7588-4a70-be57-e31d5f964fa1
    encrypted:
      description: Whether a secret key is needed to restore it.
      type: bool
      sample: false
refused:
  description: Directories that have a set's name and are none, with the reason.
  type: dict
  returned: success
  sample: {20261120T201500Z: "manifest.json: expected the SHA-256 ..."}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from ansible_collections.koverse.runbook.plugins.module_utils.hadoop import SETS_SPEC, Hadoop
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError


def main() -> None:
    """Lists sets."""
    module = AnsibleModule(argument_spec=SETS_SPEC, supports_check_mode=True)
    hadoop = Hadoop(Context(module.tmpdir), module.params["tool"], module.params["user"])
    try:
        found = hadoop.sets(module.params["uri"].rstrip("/"))
    except WorkerError as error:
        module.fail_json(msg=str(error))
    refused = {name: str(whole) for name, whole in found.items() if isinstance(whole, manifest.Damaged)}
    sets = [manifest.summary(whole) for whole in found.values() if not isinstance(whole, manifest.Damaged)]
    module.exit_json(changed=False, sets=sets, refused=refused)


if __name__ == "__main__":
    main()
