# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as the emulator sees it: the machine's, or one that a test moves on by hand."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol

Action = Callable[[], object]


class Clock(Protocol):
    """Tells the time (seconds since the epoch) and calls back at a moment."""

    def now(self) -> float: ...

    def at(self, moment: float, action: Action) -> None: ...

    def close(self) -> None: ...


class VirtualClock:
    """Stands still until `advance` is called; what is due by then is called in its order, by the thread that advances."""

    def __init__(self, start: float = 1_795_250_000.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, Action]] = []
        self._number = itertools.count()

    def now(self) -> float:
        return self._now

    def at(self, moment: float, action: Action) -> None:
        heapq.heappush(self._due, (moment, next(self._number), action))

    def advance(self, seconds: float) -> None:
        self.advance_to(self._now + seconds)

    def advance_to(self, moment: float) -> None:
        """Call everything that is due up to `moment`, also what these calls add; a moment that is past changes nothing."""
        while self._due and self._due[0][0] <= moment:
            due, _number, action = heapq.heappop(self._due)
            self._now = max(self._now, due)
            action()
        self._now = max(self._now, moment)

    def close(self) -> None:
        self._due.clear()


class RealClock:
    """The machine's time. One thread calls what is due, so actions must not block."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Action]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, daemon=True, name="clock").start()

    def now(self) -> float:
        return time.time()

    def at(self, moment: float, action: Action) -> None:
        with self._changed:
            heapq.heappush(self._due, (moment, next(self._number), action))
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._due or self._due[0][0] > time.time()):
                    self._changed.wait(self._due[0][0] - time.time() if self._due else None)
                if self._closed:
                    return
                action = heapq.heappop(self._due)[2]
            action()
