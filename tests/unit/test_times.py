# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as text."""

from __future__ import annotations

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso, seconds


@pytest.mark.parametrize(("when", "text"), [(0, "1970-01-01T00:00:00Z"), (1795140900.999, "2026-11-20T02:15:00Z")])
def test_times_are_utc_and_to_the_second(when: float, text: str) -> None:
    assert iso(when) == text
    assert seconds(text) == int(when)


@pytest.mark.parametrize("text", ["", "2026-11-20T02:15:00", "2026-11-20T02:15Z", "2026-13-20T02:15:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted"):
        seconds(text)
