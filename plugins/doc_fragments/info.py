# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What the modules that ask servers for facts have in common; the options are read in module_utils/info.py."""

    DOCUMENTATION = r"""
options:
  timeout:
    description: Seconds for which to wait for a connection, and then for each answer.
    type: float
    default: 3.0
  required:
    description:
      - Whether it is an error when nothing answers at all.
      - A server that does not answer is never an error as long as another one does. Its C(answered) is V(false), and C(error) says why.
    type: bool
    default: false
notes:
  - Runs wherever the servers can be reached over the network, for example on one of the cluster's hosts. Needs no privileges there.
"""
