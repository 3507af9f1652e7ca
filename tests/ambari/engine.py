# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on in the server by itself: requests with their stages and tasks, heartbeats, agents' reports, schedules, alerts and their
dispatch.

Nothing here knows HTTP. All methods are called with `lock` held, or take it themselves where the clock or an agent calls them.
"""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ansible_collections.koverse.runbook.tests.ambari.agents import Agents, Job, Result, SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import Clock
from ansible_collections.koverse.runbook.tests.ambari.model import (
    CLIENT,
    FINISHED,
    SUCCESS_FACTORS,
    Alert,
    AlertHistory,
    Batch,
    Definition,
    Notice,
    Request,
    Schedule,
    Task,
    World,
    maintenance_of,
    request_status,
)
from ansible_collections.koverse.runbook.tests.ambari.order import stages

DISPATCHERS = {"EMAIL", "SNMP", "AMBARI_SNMP", "ALERT_SCRIPT"}  # a notice to any other type stays DISPATCHED
REPORTABLE = {"INSTALLED", "STARTED", "STARTING", "STOPPING", "UNKNOWN"}  # in these states the agent's word about a component counts
FRESH = {"INIT", "INSTALLING", "INSTALL_FAILED", "UNINSTALLED", "DISABLED"}  # not touched by the loss of a host


@dataclasses.dataclass
class Timing:
    """Seconds. `queue` is the time until the first stage of a request, and later each next one, is given to the agents.

    Ambari's own values: heartbeats every 10 s, a monitor that looks every 60 s and calls a host lost that was silent for 120 s; a batch
    of a schedule is looked at every 5 s; alert notices are sent every 120 s. `monitor` is the moment of its first look after the start of
    the server.
    """

    queue: float = 0.05
    next_stage: float = 0.3
    heartbeat: float = 10.0
    silence: float = 120.0
    monitor_interval: float = 60.0
    monitor: float = 60.0
    registration: float = 1.0
    first_report: float = 1.0
    first_status: float = 10.0
    schedule_start: float = 0.1
    schedule_poll: float = 5.0
    dispatch: float = 120.0
    task_timeout: float | None = None
    stages: dict[tuple[int, int], float] = dataclasses.field(default_factory=dict)  # request and stage: the moment it is queued

    def queued_at(self, request: int, stage: int, first: bool, now: float) -> float:
        return max(now, self.stages.get((request, stage), now + (self.queue if first else self.next_stage)))


class Engine:
    """`choose` picks the host of a service check; `connect` says whether a mail server answers; `changed` is called after every change.

    `post` carries out a batch of a schedule: its HTTP status, and the number of its request.
    """

    def __init__(self, world: World, clock: Clock, agents: Agents | None = None, timing: Timing | None = None) -> None:
        self.world = world
        self.clock = clock
        self.agents = agents or SimulatedAgents()
        self.timing = timing or Timing()
        self.lock = threading.RLock()
        self.choose: Callable[[list[str]], str] = lambda hosts: hosts[0]
        self.connect: Callable[[str, int], bool] = _answers
        self.changed: Callable[[], None] = lambda: None
        self.post: Callable[[Schedule, Batch], tuple[int, int | None]] = lambda schedule, batch: (500, None)
        self.dispatched: list[Notice] = []
        self.started = clock.now()
        self._life = 0
        self._active: dict[str, list[Task]] = defaultdict(list)  # per host: what its agent has begun
        self._waiting: dict[str, list[Task]] = defaultdict(list)  # per host: what is queued for its agent
        if isinstance(self.agents, SimulatedAgents):
            self.agents.running |= {(hc.host, hc.component) for hc in world.host_components if hc.state == "STARTED"}
        for host in world.hosts.values():
            host.heartbeat = host.heartbeat or self.started
        self.start()

    # ----- life of the server

    def start(self) -> None:
        """Begin what is done regularly."""
        with self.lock:
            self._life += 1
            self._every(self.timing.monitor_interval, self._monitor, self.timing.monitor)
            self._every(self.timing.dispatch, self._dispatch)
            self._every(self.agents.status_interval, self._look_everywhere, self.timing.first_status)
            for schedule in self.world.schedules.values():
                if schedule.status == "SCHEDULED":
                    self._next_batch(schedule, self.timing.schedule_start)

    def stop(self) -> None:
        """The server's process ends. Agents go on with what they do; nobody hears of it."""
        with self.lock:
            self._life += 1

    def restart(self) -> None:
        """A server that starts again aborts what was open."""
        with self.lock:
            self.stop()
            for request in self.world.requests.values():
                for task in request.tasks:
                    if task.status not in FINISHED:
                        self._abandon(task)
            self._active.clear()
            self._waiting.clear()
            self.start()
            self.changed()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call after some time, unless the server ended meanwhile."""
        self._at(self.clock.now() + seconds, action)

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        life = self._life

        def guarded() -> None:
            with self.lock:
                if life == self._life:
                    action()
                    self.changed()

        self.clock.at(moment, guarded)

    def _every(self, seconds: float, action: Callable[[], None], first: float | None = None) -> None:
        def again() -> None:
            action()
            self.later(seconds, again)

        self.later(seconds if first is None else first, again)

    def milliseconds(self) -> int:
        return round(self.clock.now() * 1000)

    # ----- requests

    def submit(self, number: int, context: str, user: str, tasks: list[Task], **attributes: Any) -> Request:
        """Put tasks into stages, number them and run them. `number` was taken before: Ambari takes one also where nothing is to be done."""
        levels = stages([(task.role, task.custom or task.command) for task in tasks], self.world.role_order)
        for stage, level in enumerate(levels):
            members = [task for task in tasks if (task.role, task.custom or task.command) in level]
            for task in sorted(members, key=lambda task: (task.host, task.role)):
                task.id, task.stage = self.world.next("task"), stage
        return self.accept(number, context, user, sorted(tasks, key=lambda task: task.id), **attributes)

    def accept(self, number: int, context: str, user: str, tasks: list[Task], **attributes: Any) -> Request:
        """Run tasks that have their stages and numbers."""
        request = self.world.requests[number] = Request(number, context, self.clock.now(), user, tasks, **attributes)
        for task in tasks:
            task.request = number
        self._plan(request, first=True)
        return request

    def _plan(self, request: Request, first: bool = False) -> None:
        """Have the request's next stage queued."""
        waiting = [stage for stage in request.stages if any(task.status == "PENDING" for task in request.stage(stage))]
        if waiting:
            moment = self.timing.queued_at(request.id, waiting[0], first, self.clock.now())
            if moment <= self.clock.now():
                self._queue(request, waiting[0])
            else:
                self._at(moment, lambda: self._queue(request, waiting[0]))

    def _queue(self, request: Request, stage: int) -> None:
        """Give a stage to the agents, if no earlier request still works on its hosts."""
        tasks = [task for task in request.stage(stage) if task.status == "PENDING"]
        if not tasks:
            return
        busy = {
            task.host
            for other in self.world.requests.values()
            if other.id < request.id
            for task in other.tasks
            if task.status in ("QUEUED", "IN_PROGRESS")
        }
        if busy & {task.host for task in tasks}:
            self.later(self.timing.next_stage, lambda: self._queue(request, stage))
            return
        for task in tasks:
            if self.world.hosts[task.host].state == "HEARTBEAT_LOST":
                task.status, task.end = "ABORTED", self.clock.now()
            else:
                task.status, task.start = "QUEUED", self.clock.now()
                self._transition(task, {"START": "STARTING", "STOP": "STOPPING"})
                self._waiting[task.host].append(task)
        for host in sorted({task.host for task in tasks}):
            self._feed(host)
        self._settle(request, stage)

    def _feed(self, host: str) -> None:
        """An idle agent takes the next task."""
        while self._waiting[host] and self.world.hosts[host].agent and (self.agents.parallel or not self._active[host]):
            task = self._waiting[host].pop(0)
            self._active[host].append(task)
            delay = self.agents.pickup(_job(task), self.clock.now())
            if delay > 0:
                self.later(delay, lambda task=task: self._begin(task))  # type: ignore[misc]
            else:
                self._begin(task)

    def _begin(self, task: Task) -> None:
        if task.status != "QUEUED":
            return
        task.status = "IN_PROGRESS"
        life = self._life

        def done(result: Result) -> None:
            with self.lock:
                if life == self._life and task.status == "IN_PROGRESS" and self.world.hosts[task.host].agent:
                    self._end(task, result)
                    self.changed()

        if self.timing.task_timeout is not None:
            self.later(self.timing.task_timeout, lambda: self._time_out(task))
        self.agents.run(_job(task), self.clock, done)

    def _time_out(self, task: Task) -> None:
        if task.status == "IN_PROGRESS":
            self.agents.cancel(_job(task))
            self._end(task, (False, "", ""), "TIMEDOUT")

    def _end(self, task: Task, result: Result, bad: str = "FAILED") -> None:
        good, task.stdout, task.stderr = result
        task.status, task.end = "COMPLETED" if good else bad, self.clock.now()
        self._transition(
            task, {"START": "STARTED", "STOP": "INSTALLED", "INSTALL": "INSTALLED"} if good else {"START": "INSTALLED", "STOP": "STARTED"}
        )
        if (good and task.command in ("START", "INSTALL")) or task.custom == "RESTART":
            self._apply(task)
        if task in self._active[task.host]:
            self._active[task.host].remove(task)
        self._feed(task.host)
        self._settle(self.world.requests[task.request], task.stage)

    def _transition(self, task: Task, states: dict[str, str]) -> None:
        component = self.world.find(task.host, task.role)
        if component is not None and task.command in states:
            component.state = states[task.command]

    def _apply(self, task: Task) -> None:
        """What was started or, for clients, installed again has the current configuration."""
        component = self.world.find(task.host, task.role)
        if component is not None and task.status == "COMPLETED":
            component.applied = self.world.desired_of(component.service)

    def _settle(self, request: Request, stage: int) -> None:
        """After a stage's last task comes the next stage, or, if too many failed, the end of all."""
        tasks = request.stage(stage)
        if any(task.status not in FINISHED for task in tasks):
            return
        if _failed(tasks):
            rest = [task for task in request.tasks if task.status == "PENDING"]
            if rest:
                delay = self.timing.queued_at(request.id, rest[0].stage, False, self.clock.now()) - self.clock.now()
                self.later(delay, lambda: self._give_up(rest))
        else:
            self._plan(request)

    def _give_up(self, tasks: list[Task]) -> None:
        for task in tasks:
            if task.status == "PENDING":
                self._abandon(task)

    def abort(self, request: Request) -> None:
        """End what is open; agents are told to end it, too."""
        for task in request.tasks:
            if task.status not in FINISHED:
                if task.status != "PENDING":
                    self.agents.cancel(_job(task))
                self._abandon(task)
        for host in list(self.world.hosts):
            self._forget(host, request)

    def _forget(self, host: str, request: Request) -> None:
        self._waiting[host] = [task for task in self._waiting[host] if task not in request.tasks]
        self._active[host] = [task for task in self._active[host] if task not in request.tasks]
        self._feed(host)

    def _abandon(self, task: Task) -> None:
        if task.status != "PENDING":
            self._transition(task, {"START": "INSTALLED", "STOP": "STARTED"})
        task.status, task.end = "ABORTED", self.clock.now()

    # ----- agents

    def lose(self, host: str) -> None:
        """The agent dies: nothing is reported any more, and after two to three minutes the host counts as lost."""
        self.world.hosts[host].heartbeat = self.heartbeat(host)
        self.world.hosts[host].agent = False

    def bring_back(self, host: str) -> None:
        """The agent is started again: it registers, then reports."""
        self.later(self.timing.registration, lambda: self._register(host))

    def _register(self, host: str) -> None:
        known = self.world.hosts[host]
        known.agent, known.heartbeat = True, self.clock.now()
        known.reported = known.state != "HEARTBEAT_LOST"
        known.state = "HEALTHY"
        for task in list(self._active[host]):  # an agent that starts knows nothing of what it did before
            if task.status == "IN_PROGRESS":
                self._end(task, (False, "", ""), "TIMEDOUT")
        self._feed(host)
        for hc in self.world.of_host(host):
            hc.told = None
        self.later(self.timing.first_report, lambda: self._look(host))

    def heartbeat(self, host: str) -> float:
        """The moment of the last heartbeat."""
        known = self.world.hosts[host]
        if not known.agent:
            return known.heartbeat
        return known.heartbeat + (self.clock.now() - known.heartbeat) // self.timing.heartbeat * self.timing.heartbeat

    def _monitor(self) -> None:
        for host in self.world.hosts.values():
            if not host.agent and host.state == "HEALTHY" and self.clock.now() - host.heartbeat > self.timing.silence:
                host.state, host.reported = "HEARTBEAT_LOST", False
                for hc in self.world.of_host(host.name):
                    if hc.category != CLIENT and hc.state not in FRESH:
                        hc.state = "UNKNOWN"
                self._lost(host.name)

    def _lost(self, host: str) -> None:
        """What its agent had to do is aborted."""
        for request in [r for r in self.world.requests.values() if r.open]:
            stuck = [task for task in request.tasks if task.host == host and task.status in ("QUEUED", "IN_PROGRESS")]
            for task in stuck:
                task.status, task.end = "ABORTED", self.clock.now()
            if stuck:
                self._forget(host, request)
                self._settle(request, stuck[0].stage)

    def _look_everywhere(self) -> None:
        for host in self.world.hosts.values():
            if host.agent and host.state == "HEALTHY":
                self._look(host.name)

    def _look(self, host: str) -> None:
        life = self._life

        def told(states: dict[str, str | None]) -> None:
            with self.lock:
                if life == self._life and self.world.hosts[host].agent:
                    self._report(host, states)
                    self.changed()

        self.agents.look(host, [hc.component for hc in self.world.of_host(host) if hc.category != CLIENT], told)

    def _report(self, host: str, states: dict[str, str | None]) -> None:
        """An agent says only what has changed since it last said something; it then overrides the state, even a STARTING."""
        for hc in self.world.of_host(host):
            state = states.get(hc.component)
            if state is not None and state != hc.told:
                hc.told = state
                if hc.state in REPORTABLE:
                    hc.state = state
        self.world.hosts[host].reported = True

    # ----- schedules

    def schedule(self, schedule: Schedule) -> None:
        """Run batch after batch."""
        self.world.schedules[schedule.id] = schedule
        self._next_batch(schedule, self.timing.schedule_start)

    def _next_batch(self, schedule: Schedule, delay: float) -> None:
        batch = next((batch for batch in schedule.batches if batch.code is None), None)
        if batch is None:
            self._finish(schedule)
        else:
            self.later(delay, lambda: self._run_batch(schedule, batch))

    def _run_batch(self, schedule: Schedule, batch: Batch) -> None:
        if schedule.status != "SCHEDULED":
            return
        batch.code, batch.request = self.post(schedule, batch)
        self._watch(schedule, batch)

    def _watch(self, schedule: Schedule, batch: Batch) -> None:
        """The batch's status is looked up every 5 s; after the look that saw its end there is one more pause."""
        if schedule.status != "SCHEDULED":
            return
        if batch.status in FINISHED:
            if self._failures(schedule) > schedule.tolerance:
                self._finish(schedule)
            else:
                self._next_batch(schedule, schedule.separation)
            return
        request = self.world.requests.get(batch.request or 0)
        batch.status = schedule.last = request_status(request.tasks) if request else "FAILED"
        self.later(self.timing.schedule_poll, lambda: self._watch(schedule, batch))

    def _failures(self, schedule: Schedule) -> int:
        tasks = [task for batch in schedule.batches if batch.request for task in self.world.requests[batch.request].tasks]
        return sum(task.status in ("FAILED", "TIMEDOUT", "ABORTED") for task in tasks)

    def _finish(self, schedule: Schedule) -> None:
        schedule.status, schedule.updated = "COMPLETED", self.clock.now()

    # ----- alerts

    def alert(self, name: str, host: str | None, state: str, text: str = "", firmness: str = "HARD") -> Alert:
        """An agent or the server reports the state of an alert; a change of state is history, and is told to targets."""
        definition = next(d for d in self.world.definitions.values() if d.name == name)
        now = self.milliseconds()
        alert = next((a for a in self.world.alerts if a.definition == definition.id and a.host == host), None)
        if alert is None:
            alert = Alert(self.world.next("alert"), definition.id, host, "", text, now, now, firmness, 0, definition.component)
            self.world.alerts.append(alert)
        alert.text, alert.latest, alert.firmness = text, now, firmness
        if alert.state == state:
            alert.occurrences += 1
            return alert
        alert.state, alert.original, alert.occurrences = state, now, 1
        event = AlertHistory(self.world.next("history"), definition.id, host, state, text, now, definition.component)
        self.world.history.append(event)
        if firmness == "HARD" and alert_maintenance(self.world, alert) == "OFF":
            self._notify(definition, event)
        return alert

    def _notify(self, definition: Definition, event: AlertHistory) -> None:
        wanted = {target for group in self.world.groups.values() if definition.id in group.definitions for target in group.targets}
        for number in sorted(wanted):
            target = self.world.targets[number]
            if target.enabled and event.state in target.states:
                self.world.notices.append(Notice(self.world.next("notice"), event.id, number))

    def _dispatch(self) -> None:
        for notice in self.world.notices:
            target = self.world.targets.get(notice.target)
            if notice.state == "PENDING" and target is not None:
                notice.state = "DELIVERED" if target.type in DISPATCHERS else "DISPATCHED"
                self.dispatched.append(notice)


def alert_maintenance(world: World, alert: Alert) -> str:
    """ON if the alert's component, service or host is in maintenance."""
    definition = world.definitions[alert.definition]
    component = world.find(alert.host or "", alert.component or "")
    if component is not None:
        return "OFF" if maintenance_of(world, component) == "OFF" else "ON"
    parts = [world.services.get(definition.service), world.hosts.get(alert.host or "")]
    return "ON" if any(part is not None and part.maintenance == "ON" for part in parts) else "OFF"


def _failed(tasks: list[Task]) -> bool:
    """Whether too few tasks of some role succeeded."""
    for role in {task.role for task in tasks}:
        mine = [task for task in tasks if task.role == role]
        if sum(task.status == "COMPLETED" for task in mine) / len(mine) < SUCCESS_FACTORS.get(role, 1.0):
            return True
    return False


def _job(task: Task) -> Job:
    return Job(task.id, task.host, task.role, task.custom or task.command)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
