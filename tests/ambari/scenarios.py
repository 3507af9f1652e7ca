# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each recording: the state at its beginning, and what happened meanwhile without being recorded. And what is not reproduced."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.koverse.runbook.tests.ambari import model
from ansible_collections.koverse.runbook.tests.ambari.replay import LAB, LAB_ALERTS, Replay, Scenario, Step, recorded

HOSTS = tuple(LAB["hosts"])
N1, N2, N3 = HOSTS
VIEWER = ("viewer", "viewer")

# Exchanges that the emulator answers in another way, with the reason. The tests fail if one of these is answered as recorded.
NOT_REPRODUCED: dict[tuple[str, int], str] = {
    ("02b-start-all-stop-all", 13): "the real server read the request's summary before, and its tasks after it had queued the first stage",
}


def but(*stopped: str) -> list[str]:
    """All components of the lab run, except those of these services."""
    return [component for service, parts in model.SERVICES.items() if service not in stopped for component in parts]


def steps(*several: Step) -> Step:
    def do(replay: Replay) -> None:
        for step in several:
            step(replay)

    return do


def service(name: str, state: str) -> Step:
    return lambda replay: replay.set_state(f"services/{name}", "ServiceInfo", state)


def host_component(host: str, component: str, state: str) -> Step:
    return lambda replay: replay.set_state(f"hosts/{host}/host_components/{component}", "HostRoles", state)


def fails(component: str, command: str, host: str | None = None) -> Step:
    return lambda replay: replay.agents.fail(component, host, command, stderr="Traceback (most recent call last):\n  injected failure\n")


def heals(replay: Replay) -> None:
    replay.agents.heal()


def starts_slowly(host: str | None = None) -> Step:
    return lambda replay: replay.agents.takes(30, "ZOOKEEPER_SERVER", host, "START")


def stale(*where: tuple[str, str]) -> Step:
    def set_stale(replay: Replay) -> None:
        for host, component in where:
            found = replay.world.find(host, component)
            assert found is not None
            found.applied = None

    return set_stale


def last_seen_running(host: str, component: str) -> Step:
    """The component was stopped a moment ago, and its agent has not yet reported that."""

    def note(replay: Replay) -> None:
        found = replay.world.find(host, component)
        assert found is not None
        found.told = "STARTED"

    return note


def numbers(**last: int) -> Step:
    return lambda replay: replay.world.numbers.update(last)


def failed_before(*requests: tuple[int, str]) -> Step:
    """Requests of earlier recordings that a list still shows."""

    def add(replay: Replay) -> None:
        for number, context in requests:
            task = model.Task(number, 0, N1, "NAMENODE", "HDFS", "START", status="FAILED", start=0.0, end=0.0, request=number)
            replay.world.requests[number] = model.Request(number, context, 0.0, "admin", [task])

    return add


# ----- provisioning


def provisioned(replay: Replay) -> None:
    """What 00-provision asks for was done, and the installation is over."""
    for exchange in recorded("00-provision")[2:]:
        request = exchange["request"]
        replay.somebody(request["method"], request["path"].removeprefix("/api/v1"), json.loads(request["body"]))


EMPTY: dict[str, Any] = {**LAB, "cluster": None, "hosts": {host: [] for host in HOSTS}, "alert_definitions": [], "alert_groups": []}

# ----- alerts


def with_alerts(replay: Replay) -> None:
    replay.world.alerts = [model.Alert(**alert) for alert in LAB_ALERTS["alerts"]]
    replay.world.history = [model.AlertHistory(**event) for event in LAB_ALERTS["history"]]


def with_notices(replay: Replay) -> None:
    replay.world.notices = [model.Notice(**notice) for notice in LAB_ALERTS["notices"]]


def with_targets(*descriptions: str) -> Step:
    """The targets that 12b-alert-targets makes, in one of their states."""

    def add(replay: Replay) -> None:
        made = [exchange["request"] for exchange in recorded("12b-alert-targets")[1:4]]
        for number, (request, description) in enumerate(zip(made, descriptions, strict=True), 1):
            given = json.loads(request["body"])["AlertTarget"]
            target = model.Target(
                number, given["name"], given["notification_type"], description, True, True, given["alert_states"], given["properties"]
            )
            replay.world.targets[number] = target
        for group in replay.world.groups.values():
            group.targets = list(replay.world.targets)

    return add


def group_of_ambari(replay: Replay) -> None:
    """Ambari makes the group of its own alerts some minutes after the start; global targets belong to it."""
    replay.world.groups[6] = model.Group(6, "AMBARI", True, [], list(replay.world.targets))


def mail_server(replay: Replay) -> None:
    replay.emulator.engine.connect = lambda host, port: port == 10025


# ----- rolling restarts


def pending_when_seen_first(*batches: tuple[int, int]) -> Step:
    """Requests of batches that the scheduler took up only after the look at `exchange`; all others were taken up at once."""

    def note(replay: Replay) -> None:
        for request, exchange in batches:
            replay.timing.stages[request, 0] = replay.begin + replay.moments[exchange] + 0.3

    return note


def chooses(*hosts: str) -> Step:
    """Ambari chooses the host of a service check at random; this is how it chose."""

    def note(replay: Replay) -> None:
        left = list(hosts)
        replay.emulator.engine.choose = lambda candidates: candidates[candidates.index(left.pop(0))]

    return note


def dies(replay: Replay) -> None:
    """The agent of n3, and all that runs there."""
    for component in LAB["hosts"][N3]:
        replay.agents.kill(N3, component)
    replay.emulator.lose_agent(N3)


def killed_and_reported(replay: Replay) -> None:
    for component in ("KAFKA_BROKER", "DATANODE"):
        replay.agents.kill(N3, component)
    replay.pass_time(10)


OF_N2 = ("KAFKA_BROKER", "ZOOKEEPER_SERVER", "DATANODE")

SCENARIOS: dict[str, Scenario] = {
    "00-provision": Scenario(running=False, description=EMPTY),
    "00b-install-request": Scenario(running=False, description=EMPTY, prepare=provisioned),
    "01-discovery": Scenario(running=False, prepare=stale((N1, "ZOOKEEPER_SERVER"), (N2, "ZOOKEEPER_SERVER"), (N2, "KAFKA_BROKER"))),
    "01b-content-types": Scenario(),
    "02a-start-stop-service": Scenario(running=False, numbers={"request": 6, "task": 29}),
    "02b-start-all-stop-all": Scenario(running=False, numbers={"request": 8, "task": 36}),
    "03-host-component": Scenario(numbers={"request": 48, "task": 195}),
    "04-nothing-to-do": Scenario(running=False, before={3: lambda replay: replay.set_state("services", "ServiceInfo", "STARTED")}),
    "05-failing-start": Scenario(
        running=but("ZOOKEEPER", "HDFS"),
        numbers={"request": 145, "task": 439},
        prepare=steps(
            fails("ZOOKEEPER_SERVER", "START", N2),
            failed_before(
                (44, "Start ZOOKEEPER, n2 will fail"),
                (45, "Start HDFS, NAMENODE will fail"),
                (47, "Start all, NAMENODE will fail"),
                (99, "Service check of ZOOKEEPER, failing"),
                (114, "Rolling restart of NODEMANAGERs, batch 2 of 3"),
                (116, "Rolling restart of NODEMANAGERs, batch 2 of 3"),
            ),
        ),
        before={10: steps(heals, fails("NAMENODE", "START")), 22: service("HDFS", "INSTALLED")},
    ),
    "06-abort": Scenario(
        running=but("ZOOKEEPER"),
        numbers={"request": 151, "task": 472},
        prepare=starts_slowly(),
        before={15: heals},
    ),
    "07-conflicts": Scenario(
        running=but("ZOOKEEPER"),
        numbers={"request": 61, "task": 235},
        prepare=steps(starts_slowly(N2), last_seen_running(N2, "ZOOKEEPER_SERVER")),
        at={1: 2.0, 18: 60.0},
        timing={"first_status": 1.9},
    ),
    "07b-conflicts-immediate": Scenario(running=False, numbers={"request": 66, "task": 259}, at={6: 1.5}, timing={"queue": 0.15}),
    "07c-conflicts-starting-seen": Scenario(running=but("ZOOKEEPER"), numbers={"request": 100}, prepare=starts_slowly(), at={1: 1.5}),
    "08-maintenance": Scenario(numbers={"request": 72, "task": 291}, before={49: service("HDFS", "STARTED")}),
    "09-lost-heartbeat": Scenario(
        numbers={"request": 130, "task": 403},
        prepare=service("KAFKA", "INSTALLED"),
        before={2: dies, 22: lambda replay: replay.emulator.return_agent(N3)},
        timing={"monitor": 36.0, "registration": 0.9, "first_report": 0.9},
    ),
    "10-errors": Scenario(users={0: ("admin", "wrong"), 1: ("nobody", "x"), 2: None, 4: None}),
    "10b-missing-role": Scenario(user=VIEWER, prepare=with_targets("mail to operators", "script on the server", "unknown type")),
    "11-stale-configs": Scenario(numbers={"request": 104, "task": 375}, prepare=stale((N2, "KAFKA_BROKER"), (N3, "KAFKA_BROKER"))),
    "12a-alerts": Scenario(running=False, prepare=with_alerts),
    "12b-alert-targets": Scenario(
        description={**LAB, "alert_groups": LAB["alert_groups"][:5]}, prepare=mail_server, before={6: group_of_ambari}
    ),
    "12c-alert-groups": Scenario(prepare=with_targets("changed", "script on the server", "overwritten")),
    "12d-alert-notices": Scenario(prepare=steps(with_alerts, with_targets("changed", "script on the server", "overwritten"), with_notices)),
    "13-rolling-restart": Scenario(
        numbers={"request": 109, "schedule": 1},
        before={
            0: pending_when_seen_first((111, 4), (115, 20)),
            10: fails("NODEMANAGER", "RESTART", N2),
            27: heals,
        },
        at={28: 118.0, 29: 118.1},
        timing={"queue": 0.0},
    ),
    "14-configuration": Scenario(),
    "15-service-check": Scenario(
        numbers={"request": 92, "task": 316},
        prepare=chooses(N1, N1, N2, N3, N1),
        before={
            10: service("KAFKA", "INSTALLED"),
            13: steps(service("KAFKA", "STARTED"), fails("ZOOKEEPER_QUORUM_SERVICE_CHECK", "SERVICE_CHECK")),
        },
    ),
    "16-partial-states": Scenario(
        before={
            1: steps(*(host_component(N2, component, "INSTALLED") for component in OF_N2)),
            5: steps(
                *(host_component(N2, component, "STARTED") for component in OF_N2), killed_and_reported, numbers(request=141, task=426)
            ),
        },
    ),
}
