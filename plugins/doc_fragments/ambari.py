# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How an Ambari server is reached; read in module_utils/ambari.py."""

    DOCUMENTATION = r"""
options:
  url:
    description: The server, for example V(https://ambari.example.com:8443). Without a user in it.
    type: str
    required: true
  username:
    description:
      - A user of Ambari. Reading takes the role Cluster User; starting, stopping and maintenance take Service Operator;
        configuration and alerts take Cluster Administrator.
    type: str
    required: true
  password:
    description: Their password.
    type: str
    required: true
  ca_path:
    description: A file with the certificate of the authority that has signed the server's; by default those of the system.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked. Without that anybody on the way can read the password.
    type: bool
    default: true
  timeout:
    description: Seconds that one call may take.
    type: float
    default: 30.0
  patience:
    description: Seconds for which a server that does not answer is asked again, because it is restarted.
    type: float
    default: 120.0
attributes:
  action_group:
    description: With C(module_defaults) for C(group/koverse.runbook.ambari) a play says once how the server is reached.
    support: full
    membership: [koverse.runbook.ambari]
notes:
  - Runs wherever the server can be reached, usually with C(delegate_to=localhost).
"""

    CLUSTER = r"""
options:
  cluster:
    description: The cluster's name in Ambari. By default the only one there is.
    type: str
"""

    CHANGE = r"""
options:
  state:
    description: What they shall be.
    type: str
    choices: [started, stopped]
    required: true
  context:
    description: What the request is called in Ambari; followed by some characters that make it unique.
    type: str
    default: koverse.runbook
  wait_timeout:
    description: Seconds for the whole, with the wait for others.
    type: float
    default: 1800.0
  work:
    description: What is to be gone on with, kept by the action plugin of the same name; do not set it.
    type: dict
"""
