# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Hadoop, read from its files: no JVM has to start for them."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree


def site(entry: Mapping[str, Any], key: str) -> str | None:
    """A setting in the *-site.xml files of a component's configuration; None where none of them has it."""
    for path in sorted(path for pattern in entry["config"] for path in glob.glob(os.path.join(pattern, "*-site.xml"))):
        for found in ElementTree.parse(path).getroot().iter("property"):  # noqa: S314 - the host's own configuration
            if found.findtext("name") == key:
                return found.findtext("value")
    return None
