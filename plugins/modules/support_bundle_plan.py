#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle_plan
short_description: Read the settings of a support bundle
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads the settings, and makes sure that the archive can be written, before any host is asked.
  - Registered as C(runbook_bundle), M(koverse.runbook.support_bundle) and M(koverse.runbook.support_bundle_report) take them from there.
  - Runs on the controller and touches no host.
options:
  since:
    description:
      - From when on logs are wanted, such as C(2h), C(14:05) or C(2026-11-22T10:00:00Z); docs/logs.md tells all forms.
    type: str
    default: 1h
  up_to:
    description: Until when, in the same form. Until now when empty.
    type: str
    default: ""
  max_size:
    description:
      - Of all texts in the bundle, before they are compressed, such as C(100MB), in units of 1024. The archive is much smaller.
      - Nine tenths of it are for the hosts, each as much.
    type: str
    default: 100MB
  directory:
    description: Directory on the controller, relative to the current one. It is created where it is missing.
    type: path
    default: support
  name:
    description: What the archive is named after, such as the cluster's name. The time in UTC when empty.
    type: str
    default: ""
  timeout:
    description: Seconds that each host may take to collect.
    type: float
    default: 300
attributes:
  check_mode:
    description: Reads the settings, and makes no directory.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: koverse.runbook.support_bundle
"""

EXAMPLES = r"""
- name: Read what is wanted
  koverse.runbook.support_bundle_plan:
    since: 2h
  run_once: true
  register: runbook_bundle
"""

RETURN = r"""
path:
  description: Where the archive is going to be.
  type: str
  returned: success
  sample: support/koverse-support-20261122T100000Z.tar.gz
name:
  description: Its name, without its end; the directory in it.
  type: str
  returned: success
  sample: koverse-support-20261122T100000Z
since:
  description: From when on logs are wanted, in seconds since 1970.
  type: float
  returned: success
  sample: 1795600800.0
until:
  description: Until when; null for now.
  type: float
  returned: success
  sample: null
share:
  description: Bytes for each host.
  type: int
  returned: success
  sample: 31457280
max_size:
  description: Bytes for the bundle.
  type: int
  returned: success
  sample: 104857600
seconds:
  description: Seconds for each host.
  type: float
  returned: success
  sample: 300.0
"""
