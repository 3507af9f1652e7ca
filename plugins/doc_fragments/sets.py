# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Modules that work on the sets below a URI, with Hadoop's command line on their host."""

    DOCUMENTATION = r"""
options:
  uri:
    description: Where sets are kept.
    type: str
    required: true
  tool:
    description: Path of C(hdfs).
    type: path
    default: /opt/hadoop/bin/hdfs
  user:
    description: The user who runs it.
    type: str
    default: hdfs
"""
