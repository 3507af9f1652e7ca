# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator of Ambari answers every recorded exchange as the real server did; what it does not is named in NOT_REPRODUCED."""

from __future__ import annotations

import functools

import pytest
from ansible_collections.koverse.runbook.tests.ambari.replay import RECORDINGS, Replay, recorded
from ansible_collections.koverse.runbook.tests.ambari.scenarios import NOT_REPRODUCED, SCENARIOS

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))
EXCHANGES = [(name, index) for name in NAMES for index in range(len(recorded(name)))]


@functools.cache
def played(name: str) -> list[str]:
    """What differs, for each exchange of a recording."""
    return Replay(name, SCENARIOS[name]).play()


def test_every_recording_has_a_scenario() -> None:
    assert sorted(SCENARIOS) == NAMES
    assert len(NAMES) == 26
    assert sorted(path.name for path in RECORDINGS.iterdir()) == sorted(["README.md", *(f"{name}.json" for name in NAMES)])


def test_every_exchange_is_compared() -> None:
    compared = sum(len(played(name)) for name in NAMES)
    assert compared == len(EXCHANGES) == 524


@pytest.mark.parametrize(("name", "index"), [pytest.param(*exchange, id="{}-{}".format(*exchange)) for exchange in EXCHANGES])
def test_exchange(name: str, index: int) -> None:
    difference = played(name)[index]
    if (name, index) in NOT_REPRODUCED:
        assert difference, "is answered as recorded: remove it from NOT_REPRODUCED"
    else:
        request = recorded(name)[index]["request"]
        assert not difference, f"{request['method']} {request['path']} ({recorded(name)[index]['note']}): {difference}"


def test_what_is_not_reproduced_was_recorded() -> None:
    assert set(NOT_REPRODUCED) <= set(EXCHANGES)
