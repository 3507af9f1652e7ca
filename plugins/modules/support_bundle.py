#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle
short_description: Collect this host's part of a support bundle, without secrets
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Collects configuration, logs, versions, file systems, limits, processes, and what the threads of silent JVMs do, and brings it
    to the controller.
  - Secrets are removed on the host, before anything is written to a file or leaves it. Keys, keytabs, keystores, and files of a kind that
    is not known are never in it.
  - A worker process on each host does the work. When the controller does not look any more, the worker removes what it has, and ends.
  - Changes nothing on the host. A JVM that does not answer C(jstack) gets SIGQUIT, at which it writes what its threads do to its own log.
  - A line of progress appears at least every 10 seconds.
options:
  step:
    description:
      - V(collect) does all of it. It refuses where another bundle is being made.
      - V(close) removes what is left on the host, and ends the worker.
    type: str
    choices: [collect, close]
    required: true
  secrets:
    description: Filled in by the action plugin of the same name; do not set it.
    type: dict
    suboptions:
      key:
        description: With it the host seals what it knows to be secret, so that only this run's controller can read it.
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
  - module: koverse.runbook.support_bundle_plan
  - module: koverse.runbook.support_bundle_report
"""

EXAMPLES = r"""
- name: Collect what each host has, without secrets
  koverse.runbook.support_bundle:
    step: collect
  become: true
  register: runbook_collected
  ignore_unreachable: true
  ignore_errors: true
"""

RETURN = r"""
result:
  description: For V(collect), where the archive was on the host, its size, and the sealed secrets that other hosts' texts are searched for.
  type: dict
  returned: success
  sample: {spool: /var/tmp/koverse-runbook-bundle-x1y2z3, files: 41, bytes: 1048576, sealed: "bm9uY2Vub25jZW5vbmNlIQ=="}
why:
  description: Why nothing was collected.
  type: str
  returned: when the host was found to be unreachable before
  sample: "the host is unreachable: connection timed out"
"""

from ansible_collections.koverse.runbook.plugins.module_utils import worker
from ansible_collections.koverse.runbook.plugins.module_utils.bundle import Bundle

STEPS = ("collect", "close")
SECRETS = {"key": {"type": "str", "no_log": True}}


def main() -> None:
    """One slice of the action plugin's wait."""
    worker.run_module("support_bundle", STEPS, SECRETS, Bundle)


if __name__ == "__main__":
    main()
