# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and fixtures of the unit tests."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.plugin_utils import catalogue
from ansible_collections.koverse.runbook.tests.ambari.agents import SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION
from hypothesis import HealthCheck, settings

# Examples differ in cost and the machine in load: a deadline would fail good code.
settings.register_profile("unit", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture(scope="session", autouse=True)
def _read_catalogue_once() -> Iterator[None]:
    """Property-based tests load the catalogue thousands of times: the file is read once."""
    content = catalogue.shipped()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "shipped", lambda: copy.deepcopy(content))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_authorities() -> Iterator[None]:
    """Nobody is trusted but whom a test names. Ansible reads the system's authorities at each call, which takes longer than the call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> float:
    """Network timeouts short enough to wait for."""
    monkeypatch.setattr(net, "TIMEOUT", 0.3)
    return 0.3


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer that is not in UTC, and has a summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clock() -> VirtualClock:
    """The emulator's."""
    return VirtualClock()


@pytest.fixture
def agents() -> SimulatedAgents:
    """The emulator's."""
    return SimulatedAgents()


@pytest.fixture
def ambari(clock: VirtualClock, agents: SimulatedAgents) -> Iterator[Emulator]:
    """An emulator of Ambari with the cluster of emulated.py."""
    with Emulator(DESCRIPTION, clock=clock, agents=agents) as emulator:
        yield emulator


@pytest.fixture
def recordings() -> Path:
    """What real components answered; a file's name says which one, of which version."""
    return Path(__file__).parent / "recordings"


@pytest.fixture
def wire() -> Path:
    """Conversations with real servers, frame by frame (see wire/record.py)."""
    return Path(__file__).parent / "wire"
