# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding the emulator against the recordings: when each exchange took place, what was injected, and what may differ.

A scenario says in what state the recorded server was at the beginning, and what happened to it between the exchanges without being
recorded: what the agents did, which components failed, what somebody else did. All else the emulator has to find by itself. When agents
took tasks and how long these lasted is not Ambari's doing; so it is read from the recorded polls (`fit`) and given to the simulated
agents.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.koverse.runbook.tests.ambari import model
from ansible_collections.koverse.runbook.tests.ambari.agents import SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator, _basic
from ansible_collections.koverse.runbook.tests.ambari.engine import Timing

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
LAB = json.loads((HERE / "clusters" / "recorded.json").read_text())
LAB_ALERTS = json.loads((HERE / "clusters" / "recorded_alerts.json").read_text())
GAP = 0.02  # seconds between two exchanges of which nothing else is known
SINCE = re.compile(r"(\d+(?:\.\d+)?) s (?:after|later)")

Step = Callable[["Replay"], None]
Exchange = dict[str, Any]


def recorded(name: str) -> list[Exchange]:
    """The exchanges of a recording."""
    return json.loads((RECORDINGS / f"{name}.json").read_text())


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`running`, `numbers` (last ones taken) and `prepare` make the state at the beginning. `before` has what is done before an exchange.

    `at`: seconds from the beginning, for exchanges whose note does not say when. `users`: who asks (name and password, None: nobody), if
    not admin.
    """

    running: bool | list[str] = True
    numbers: dict[str, int] = dataclasses.field(default_factory=dict)
    prepare: Step = lambda replay: None
    before: dict[int, Step] = dataclasses.field(default_factory=dict)
    at: dict[int, float] = dataclasses.field(default_factory=dict)
    users: dict[int, tuple[str, str] | None] = dataclasses.field(default_factory=dict)
    user: tuple[str, str] = ("admin", "admin")
    description: dict[str, Any] = dataclasses.field(default_factory=lambda: LAB)
    timing: dict[str, Any] = dataclasses.field(default_factory=dict)


class Replay:
    """A recording that is played to an emulator, exchange by exchange, over HTTP and on a virtual clock."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.exchanges = recorded(name)
        self.scenario = scenario
        self.clock = VirtualClock()
        self.agents = SimulatedAgents()
        self.agents.warning = "Reporting component version failed\n"  # the recorded hosts had no packages
        self.timing = Timing(**scenario.timing)
        description = {**scenario.description, "running": scenario.running}
        self.emulator = Emulator(description, clock=self.clock, agents=self.agents, timing=self.timing)
        self.world = self.emulator.world
        self.begin = self.clock.now()
        self.moments: list[float] = []
        scenario.prepare(self)
        self.world.numbers |= scenario.numbers
        self.begin = self.clock.now()
        self.moments = moments(self.exchanges, scenario.at)
        tasks, stages = fit(self.exchanges, self.moments)
        self.agents.moments = {task: (self.begin + first, self.begin + last) for task, (first, last) in tasks.items()}
        self.timing.stages |= {key: self.begin + moment for key, moment in stages.items()}

    def play(self) -> list[str]:
        """What differs, for each exchange; an empty text where nothing does."""
        with self.emulator:
            return [self._exchange(index, exchange) for index, exchange in enumerate(self.exchanges)]

    def _exchange(self, index: int, exchange: Exchange) -> str:
        if index in self.scenario.before:
            self.scenario.before[index](self)
        self.clock.advance_to(self.begin + self.moments[index])
        return difference(exchange, self._ask(index, exchange["request"]), self.emulator.url)

    def _ask(self, index: int, request: dict[str, Any]) -> http.client.HTTPResponse:
        headers = dict(request.get("headers") or {})
        user = self.scenario.users.get(index, self.scenario.user)
        if user is not None:
            headers["Authorization"] = _basic(*user)
        connection = http.client.HTTPConnection(urlsplit(self.emulator.url).netloc, timeout=30)
        connection.request(request["method"], quote(request["path"], safe="/?&=,.()!*:%"), request["body"], headers)
        response = connection.getresponse()
        response.content = response.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return response

    # ----- what happened without being recorded

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is still to come is that much later."""
        since = self.clock.now()

        def later(moment: float) -> float:
            return moment + seconds if moment >= since else moment

        self.clock.advance(seconds)
        self.moments = [later(self.begin + moment) - self.begin for moment in self.moments]
        self.agents.moments = {task: (later(first), later(last)) for task, (first, last) in self.agents.moments.items()}
        self.timing.stages = {key: later(moment) for key, moment in self.timing.stages.items()}

    def somebody(self, method: str, path: str, body: Any = None) -> None:
        """Somebody changes something; enough time passes for it to be done."""
        reply = self.emulator.somebody(method, f"/api/v1{path}", body)
        assert reply.status < 300, reply
        self.pass_time(60)

    def set_state(self, path: str, kind: str, state: str) -> None:
        """Start (STARTED) or stop (INSTALLED) a service (kind ServiceInfo) or a host component (HostRoles)."""
        self.somebody("PUT", f"/clusters/lab/{path}", {"Body": {kind: {"state": state}}})


def moments(exchanges: list[Exchange], given: dict[int, float]) -> list[float]:
    """When each exchange takes place, in seconds from the first: as its note says, or shortly after the one before."""
    result: list[float] = []
    begins: dict[str, float] = {}
    now = 0.0
    for index, exchange in enumerate(exchanges):
        note = exchange["note"] or ""
        since = SINCE.search(note)
        if index in given:
            now = given[index]
        elif since:
            seconds, series = float(since[1]), re.sub(r"\d+(\.\d+)?", "", note) + exchange["request"]["path"]
            if not seconds:
                begins[series] = now + GAP
            now = max(now, begins.get(series, now) + seconds)
        elif index and "at the same time" not in note:
            now += GAP
        result.append(now)
    return result


def fit(exchanges: list[Exchange], when: list[float]) -> tuple[dict[int, tuple[float, float]], dict[tuple[int, int], float]]:
    """When agents began and ended tasks, and when stages were queued, so that each poll would have seen what it saw.

    What happened between two polls is spread evenly over the time between them, in the order in which it must have happened.
    """
    tasks: dict[int, dict[str, float]] = {}
    stages: dict[tuple[int, int], float] = {}
    seen: dict[int, tuple[float, dict[int, str]]] = {}
    changed = 0.0  # when something was asked for last; a request that was answered 500 was made then
    for exchange, moment in zip(exchanges, when, strict=True):
        content = _content(exchange)
        number = content.get("Requests", {}).get("id")
        if exchange["request"]["method"] != "GET":
            changed = moment
        if exchange["response"]["status"] == 202:
            seen[number] = (moment, {})
        polled = [task["Tasks"] for task in content.get("tasks", []) if "status" in task["Tasks"]]
        if polled:
            before, statuses = seen.get(number, (changed, {}))
            _spread(number, polled, statuses, before, moment, tasks, stages)
            seen[number] = (moment, {task["id"]: task["status"] for task in polled})
    last = max(when)
    return {task: (events["begin"], events.get("end", last + 1000)) for task, events in tasks.items() if "begin" in events}, stages


def _spread(
    number: int,
    polled: list[dict[str, Any]],
    statuses: dict[int, str],
    before: float,
    now: float,
    tasks: dict[int, dict[str, float]],
    stages: dict[tuple[int, int], float],
) -> None:
    order = ("PENDING", "QUEUED", "IN_PROGRESS", "COMPLETED")
    events: list[tuple[tuple[int, int], int, str, int]] = []
    places: dict[tuple[int, str], int] = {}
    for task in polled:
        place = places[task["stage_id"], task["host_name"]] = places.get((task["stage_id"], task["host_name"]), -1) + 1
        was = order.index(_reached(statuses.get(task["id"], "PENDING")))
        aborted = task["status"] == "ABORTED"
        steps = order[was + 1 : (2 if aborted else order.index(_reached(task["status"])) + 1)]
        for step in steps:
            rank = {"QUEUED": 0, "IN_PROGRESS": 1 + 2 * place, "COMPLETED": 2 + 2 * place}[step]
            events.append(((task["stage_id"], rank), task["id"], step, task["stage_id"]))
    ranks = sorted({event[0] for event in events})
    for when, task_id, step, stage in events:
        moment = before + (now - before) * (ranks.index(when) + 1) / (len(ranks) + 2)
        if step == "QUEUED":
            stages[number, stage] = moment
        else:
            tasks.setdefault(task_id, {})["begin" if step == "IN_PROGRESS" else "end"] = moment


def _reached(status: str) -> str:
    return "COMPLETED" if status in model.FINISHED else status


def _content(exchange: Exchange) -> dict[str, Any]:
    try:
        content = json.loads(exchange["response"]["body"] or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


# ----- comparison

TIMES = {
    "create_time",
    "createtime",
    "end_time",
    "last_heartbeat_time",
    "server_clock",
    "start_time",
    "update_time",
}
TEXTS = {"stderr", "stdout", "uuid"}
FREE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|StringReader@[0-9a-f]+")


def normal(value: Any, key: str = "") -> Any:
    """Without what no two runs have in common: times, UUIDs, addresses of Java objects, and the output of tasks (that there is none
    stays)."""
    if isinstance(value, dict):
        return {name: normal(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [normal(part) for part in value]
    if key in TIMES and value != -1:
        return f"<{type(value).__name__}>"
    if key in TEXTS:
        return "<text>" if value else value
    return FREE.sub("<free>", value) if isinstance(value, str) else value


def difference(exchange: Exchange, response: http.client.HTTPResponse, url: str) -> str:
    """What differs between a recorded answer and the emulator's; of a trimmed one, what is missing or other in the emulator's."""
    wanted = exchange["response"]
    told = response.content.replace(url, "http://AMBARI")  # type: ignore[attr-defined]
    expected = (wanted["status"], wanted["content_type"], *(wanted.get("headers") or {}).values())
    got = (response.status, response.headers["Content-Type"], *(response.headers[name] for name in wanted.get("headers") or {}))
    if got != expected:
        return f"expected {expected}, got {got} {told[:300]}"
    if not wanted["body"] or not told:
        return "" if told == wanted["body"] else f"expected body {wanted['body'][:2000]!r}, got {told[:2000]!r}"
    one, other = normal(json.loads(wanted["body"])), normal(json.loads(told))
    missing = _other(one, other, exchange.get("trimmed", False), "")
    return missing or ""


def _other(one: Any, other: Any, trimmed: bool, path: str) -> str:
    """Where two contents differ first. `trimmed`: the other may have more entries and items."""
    if isinstance(one, dict) and isinstance(other, dict):
        extra = [] if trimmed else sorted(other.keys() - one.keys())
        lost = sorted(one.keys() - other.keys())
        if extra or lost:
            return f"{path or '/'}: missing {lost}, too many {extra}"
        return next((found for key in one if (found := _other(one[key], other[key], trimmed, f"{path}/{key}"))), "")
    if isinstance(one, list) and isinstance(other, list):
        return _other_items(one, other, trimmed, path)
    return "" if one == other and type(one) is type(other) else f"{path}: expected {one!r}, got {other!r}"


def _other_items(one: list[Any], other: list[Any], trimmed: bool, path: str) -> str:
    if not trimmed:
        if len(one) != len(other):
            return f"{path}: expected {len(one)} items, got {len(other)}: {json.dumps(other)[:1500]}"
        pairs = enumerate(zip(one, other, strict=True))
        return next((found for index, (a, b) in pairs if (found := _other(a, b, trimmed, f"{path}[{index}]"))), "")
    rest = iter(other)
    for item in one:  # the recorded items, in their order, with others between them
        if not any(not _other(item, candidate, trimmed, "") for candidate in rest):
            return f"{path}: not found in this order: {json.dumps(item)[:1500]}"
    return ""
