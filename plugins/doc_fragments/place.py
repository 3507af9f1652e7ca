# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Where sets are, and what reads and writes them."""

    DOCUMENTATION = r"""
options:
  uri:
    description: Where sets are kept, any URI that the cluster's Hadoop knows. Each set is a directory below it.
    type: str
    required: true
  backup_host:
    description: The host on which the tools of Hadoop and Accumulo run. The first Accumulo manager's by default.
    type: str
    default: ""
  maps:
    description: How many of DistCp's mappers copy at the same time. 0 for DistCp's own number, 20.
    type: int
    default: 0
  bandwidth:
    description: What each mapper may take, in MB/s. 0 for no limit.
    type: float
    default: 0
  runner:
    description:
      - How DistCp copies. V(auto) uses YARN where it runs, and DistCp's local runner otherwise.
      - V(local) copies on the backup host alone.
    type: str
    choices: [auto, local]
    default: auto
  postgres_login:
    description:
      - How PostgreSQL's tools log in. As the operating system's user of the component by default.
      - A password is an option of M(koverse.runbook.backup) and M(koverse.runbook.restore).
    type: dict
    default: {}
    suboptions:
      host:
        description: Server's name or socket directory.
        type: str
        default: ""
      user:
        description: Role.
        type: str
        default: ""
"""
