# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as users type them."""

from __future__ import annotations

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.moments import moment

NOW = 1795376341.0  # 2026-11-22T19:39:01Z
pytestmark = pytest.mark.usefixtures("berlin")


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("20:05", NOW - 34 * 60 - 1),
        ("20:39:01", NOW),
        ("20:40", NOW + 59 - 86400),
        ("2026-11-22T20:05", NOW - 34 * 60 - 1),
        ("2026-11-22 20:05:00", NOW - 34 * 60 - 1),
        ("2026-11-22T19:39:01Z", NOW),
        ("2026-11-22T21:39:01+02:00", NOW),
        ("2026-07-22T21:39:01", NOW - 123 * 86400),
        ("10m ago", NOW - 600),
        ("2h", NOW - 7200),
        ("1 d ago", NOW - 86400),
        ("90s", NOW - 90),
        (" 1d 2h30m ", NOW - 86400 - 9000),
        ("1.5 h 10min ago", NOW - 6000),
    ],
)
def test_forms(text: str, when: float) -> None:
    assert moment(text, NOW, "since") == when


@pytest.mark.parametrize(
    "text", ["", "ago", "yesterday", "3600", "25:00", "14:60", "2026-13-01", "0001-01-01", f"{10**6}d", f"{'9' * 400}h", "-1h", "1w"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        moment(text, NOW, "until")
    (problem,) = caught.value.problems
    assert problem.startswith("until: expected a time such as 14:05, ")
    assert problem.endswith(f"found '{text}'.")
