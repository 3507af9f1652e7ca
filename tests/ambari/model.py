# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as Ambari's server knows it, made from a description in plain data, and what follows from it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.koverse.runbook.tests.ambari.order import ROLE_ORDER, java_order, with_restarts

MASTER, SLAVE, CLIENT = "MASTER", "SLAVE", "CLIENT"
# In the order of Ambari's enumeration: where several are bad, the service shows the highest.
STATES = (
    *("INIT", "INSTALLING", "INSTALL_FAILED", "INSTALLED", "STARTING", "STARTED", "STOPPING"),
    *("UNINSTALLING", "UNINSTALLED", "WIPING_OUT", "UPGRADING", "DISABLED", "UNKNOWN"),
)
DESIRED_STATES = {"INIT", "INSTALLED", "STARTED", "UNINSTALLED", "DISABLED"}
FINISHED = {"COMPLETED", "FAILED", "ABORTED", "TIMEDOUT"}

# Components of the services that Ambari's stacks know, with their categories.
SERVICES: dict[str, dict[str, str]] = {
    "ZOOKEEPER": {"ZOOKEEPER_SERVER": MASTER, "ZOOKEEPER_CLIENT": CLIENT},
    "HDFS": {
        "NAMENODE": MASTER,
        "SECONDARY_NAMENODE": MASTER,
        "DATANODE": SLAVE,
        "JOURNALNODE": SLAVE,
        "ZKFC": SLAVE,
        "ROUTER": SLAVE,
        "HDFS_CLIENT": CLIENT,
    },
    "YARN": {
        "RESOURCEMANAGER": MASTER,
        "APP_TIMELINE_SERVER": MASTER,
        "TIMELINE_READER": MASTER,
        "YARN_REGISTRY_DNS": MASTER,
        "NODEMANAGER": SLAVE,
        "YARN_CLIENT": CLIENT,
    },
    "MAPREDUCE2": {"HISTORYSERVER": MASTER, "MAPREDUCE2_CLIENT": CLIENT},
    "KAFKA": {"KAFKA_BROKER": MASTER},
    "ACCUMULO": {
        "ACCUMULO_MASTER": MASTER,
        "ACCUMULO_MONITOR": MASTER,
        "ACCUMULO_GC": MASTER,
        "ACCUMULO_TRACER": MASTER,
        "ACCUMULO_TSERVER": SLAVE,
        "ACCUMULO_CLIENT": CLIENT,
    },
}
SERVICE_CHECKS = {"ZOOKEEPER": "ZOOKEEPER_QUORUM_SERVICE_CHECK"}  # all others: NAME_SERVICE_CHECK
CUSTOM_COMMANDS = {
    "NAMENODE": {"DECOMMISSION", "REBALANCEHDFS", "PRINT_TOPOLOGY", "RECONFIGURE"},
    "RESOURCEMANAGER": {"DECOMMISSION", "REFRESHQUEUES"},
}
# A stage goes on when at least this share of a role's tasks succeeded; all other roles: all of them.
SUCCESS_FACTORS = {"DATANODE": 0.5}

VERSIONS = {"2.7": ("2.7.5.0", "HDP-3.1"), "3.0": ("3.0.0.0", "BIGTOP-3.3.0")}  # Ambari's own, and its stack's

ROLES = ("CLUSTER.USER", "SERVICE.OPERATOR", "SERVICE.ADMINISTRATOR", "CLUSTER.OPERATOR", "CLUSTER.ADMINISTRATOR", "AMBARI.ADMINISTRATOR")


@dataclasses.dataclass
class User:
    """`role` None: may sign in, and see nothing."""

    password: str
    role: str | None
    active: bool = True

    def may(self, role: str) -> bool:
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(role)


@dataclasses.dataclass
class Host:
    name: str
    maintenance: str = "OFF"
    state: str = "HEALTHY"
    reported: bool = True  # False from the loss of the heartbeat until components' states have been reported again
    agent: bool = True
    heartbeat: float = 0.0  # the last one before the agent died, or its first


@dataclasses.dataclass
class Component:
    """A component of a service; `desired_state` is what the API shows as its state."""

    service: str
    name: str
    category: str
    desired_state: str = "STARTED"


@dataclasses.dataclass
class HostComponent:
    host: str
    service: str
    component: str
    category: str
    state: str = "INSTALLED"
    desired_state: str = "INSTALLED"
    maintenance: str = "OFF"
    applied: dict[str, int] | None = None  # configuration versions that it was started with, by type; None: older than all
    told: str | None = None  # what its agent said last


@dataclasses.dataclass
class Service:
    name: str
    desired_state: str = "INSTALLED"
    maintenance: str = "OFF"


@dataclasses.dataclass
class Configuration:
    type: str
    tag: str
    version: int
    properties: dict[str, str]
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class ServiceConfigVersion:
    service: str
    version: int
    configurations: list[Configuration]
    created: float
    user: str
    note: str | None = None


@dataclasses.dataclass
class Task:
    id: int
    stage: int
    host: str
    role: str
    service: str
    command: str
    custom: str | None = None
    status: str = "PENDING"
    start: float | None = None
    end: float | None = None
    stdout: str = ""
    stderr: str = ""
    request: int = 0

    @property
    def detail(self) -> str:
        if self.command == "SERVICE_CHECK":
            return f"SERVICE_CHECK {self.service}"
        return f"{self.custom} {self.service}/{self.role}" if self.custom else f"{self.role} {self.command}"


@dataclasses.dataclass
class Request:
    id: int
    context: str
    created: float
    user: str
    tasks: list[Task]
    kind: str = "INTERNAL_REQUEST"
    level: Any = None
    filters: list[Any] = dataclasses.field(default_factory=list)
    schedule: int | None = None
    aborting: bool = False

    @property
    def stages(self) -> list[int]:
        return sorted({task.stage for task in self.tasks})

    def stage(self, number: int) -> list[Task]:
        return [task for task in self.tasks if task.stage == number]

    @property
    def open(self) -> bool:
        return any(task.status not in FINISHED for task in self.tasks)


@dataclasses.dataclass
class Batch:
    order: int
    type: str
    uri: str
    body: str  # JSON
    request: int | None = None
    status: str | None = None
    code: int | None = None


@dataclasses.dataclass
class Schedule:
    id: int
    batches: list[Batch]
    separation: float
    tolerance: int
    user: str
    created: float
    updated: float
    status: str = "SCHEDULED"
    last: str | None = None
    description: str | None = None
    pause: bool = False


@dataclasses.dataclass
class Definition:
    """An alert definition; `data` is all that the API shows beside the fields here."""

    id: int
    name: str
    label: str
    service: str
    component: str | None
    enabled: bool = True
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Alert:
    """Times in milliseconds since the epoch, as the API has them."""

    id: int
    definition: int
    host: str | None
    state: str
    text: str
    original: int
    latest: int
    firmness: str = "HARD"
    occurrences: int = 1
    component: str | None = None


@dataclasses.dataclass
class AlertHistory:
    id: int
    definition: int
    host: str | None
    state: str
    text: str
    moment: int
    component: str | None = None


@dataclasses.dataclass
class Target:
    id: int
    name: str
    type: str
    description: str | None = None
    everywhere: bool = False
    enabled: bool = True
    states: list[str] = dataclasses.field(default_factory=list)
    properties: dict[str, Any] | None = None


@dataclasses.dataclass
class Group:
    id: int
    name: str
    default: bool
    definitions: list[int]
    targets: list[int]


@dataclasses.dataclass
class Notice:
    id: int
    history: int
    target: int
    state: str = "PENDING"
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))


@dataclasses.dataclass
class World:
    """Everything that outlives a restart of the server."""

    name: str | None
    id: int
    version: str
    stack: str
    repository: str
    hosts: dict[str, Host]
    services: dict[str, Service] = dataclasses.field(default_factory=dict)
    components: dict[str, Component] = dataclasses.field(default_factory=dict)
    host_components: list[HostComponent] = dataclasses.field(default_factory=list)
    users: dict[str, User] = dataclasses.field(default_factory=dict)
    known: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    checks: dict[str, str] = dataclasses.field(default_factory=dict)
    custom_commands: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    display_names: dict[str, str] = dataclasses.field(default_factory=dict)
    role_order: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    configuration_services: dict[str, str] = dataclasses.field(default_factory=dict)
    configurations: dict[str, list[Configuration]] = dataclasses.field(default_factory=dict)
    desired: dict[str, int] = dataclasses.field(default_factory=dict)
    service_config_versions: list[ServiceConfigVersion] = dataclasses.field(default_factory=list)
    requests: dict[int, Request] = dataclasses.field(default_factory=dict)
    schedules: dict[int, Schedule] = dataclasses.field(default_factory=dict)
    definitions: dict[int, Definition] = dataclasses.field(default_factory=dict)
    alerts: list[Alert] = dataclasses.field(default_factory=list)
    history: list[AlertHistory] = dataclasses.field(default_factory=list)
    targets: dict[int, Target] = dataclasses.field(default_factory=dict)
    groups: dict[int, Group] = dataclasses.field(default_factory=dict)
    notices: list[Notice] = dataclasses.field(default_factory=list)
    stack_catalogue: dict[str, Any] = dataclasses.field(default_factory=dict)
    blueprints: dict[str, Any] = dataclasses.field(default_factory=dict)
    numbers: dict[str, int] = dataclasses.field(default_factory=dict)

    def next(self, kind: str) -> int:
        """The next free number of a kind of thing; each is given out once."""
        self.numbers[kind] = self.numbers.get(kind, 0) + 1
        return self.numbers[kind]

    @property
    def stack_name(self) -> str:
        return self.stack.partition("-")[0]

    @property
    def stack_version(self) -> str:
        return self.stack.partition("-")[2]

    def of_service(self, service: str) -> list[HostComponent]:
        return [hc for hc in self.host_components if hc.service == service]

    def of_component(self, component: str) -> list[HostComponent]:
        return [hc for hc in self.host_components if hc.component == component]

    def of_host(self, host: str) -> list[HostComponent]:
        return [hc for hc in self.host_components if hc.host == host]

    def find(self, host: str, component: str) -> HostComponent | None:
        return next((hc for hc in self.host_components if hc.host == host and hc.component == component), None)

    def place(self, host: str, component: str) -> HostComponent:
        """Put a component on a host; its service comes with it."""
        service, category = next((s, parts[component]) for s, parts in self.known.items() if component in parts)
        self.services.setdefault(service, Service(service))
        self.components.setdefault(component, Component(service, component, category, "INSTALLED" if category == CLIENT else "STARTED"))
        placed = HostComponent(host, service, component, category, told=None if category == CLIENT else "INSTALLED")
        self.host_components.append(placed)
        self.host_components.sort(key=lambda hc: (hc.host, hc.component))
        self.services = dict(sorted(self.services.items()))
        self.components = dict(sorted(self.components.items()))
        return placed

    def desired_of(self, service: str) -> dict[str, int]:
        """Desired configuration versions of a service's types."""
        return {kind: version for kind, version in self.desired.items() if self.configuration_services.get(kind) == service}

    def stale(self, hc: HostComponent) -> bool:
        return hc.applied != self.desired_of(hc.service)

    def display_name(self, component: str) -> str:
        return self.display_names.get(component, component.replace("_", " ").title())


def maintenance_of(world: World, hc: HostComponent) -> str:
    """Own state if it is ON, otherwise what its service and its host imply."""
    if hc.maintenance == "ON":
        return "ON"
    implied = [
        part for part, on in (("SERVICE", world.services[hc.service].maintenance), ("HOST", world.hosts[hc.host].maintenance)) if on == "ON"
    ]
    return "IMPLIED_FROM_" + "_AND_".join(implied) if implied else "OFF"


def operation_allowed(level: str, maintenance: str) -> bool:
    """Whether an operation at a level (CLUSTER, SERVICE, HOST, HOST_COMPONENT) reaches what is in this state of maintenance."""
    if level == "HOST_COMPONENT":
        return True
    return maintenance in {"SERVICE": ("OFF", "IMPLIED_FROM_SERVICE"), "HOST": ("OFF", "IMPLIED_FROM_HOST")}.get(level, ("OFF",))


def service_state(world: World, service: str) -> str:
    """Ambari's calculation (DefaultServiceCalculatedState, HDFSServiceCalculatedState): masters decide, then slaves, then clients."""
    parts = world.of_service(service)
    if service == "HDFS":
        return _hdfs_state(parts)
    for category in (MASTER, SLAVE):
        counted = [hc for hc in parts if hc.category == category and (hc.state == "STARTED" or maintenance_of(world, hc) == "OFF")]
        if counted:
            return _worst(hc.state for hc in counted if hc.state != "STARTED") or "STARTED"
    if any(hc.category == CLIENT for hc in parts):
        return _worst(hc.state for hc in parts if hc.category == CLIENT and hc.state != "INSTALLED") or "INSTALLED"
    return _worst(hc.state for hc in parts) or "UNKNOWN"


def _hdfs_state(parts: list[HostComponent]) -> str:
    """With high availability one running NameNode is enough; otherwise the last master that does not run is what counts."""
    masters = [hc for hc in parts if hc.category == MASTER]
    down = [hc.state for hc in masters if hc.state not in ("STARTED", "DISABLED")]
    highly_available = not any(hc.component == "SECONDARY_NAMENODE" for hc in masters)
    if not down or (highly_available and any(hc.component == "NAMENODE" and hc.state == "STARTED" for hc in masters)):
        return "STARTED"
    return down[-1]


def _worst(states: Iterable[str]) -> str | None:
    return max(states, key=STATES.index, default=None)


def host_status(world: World, host: Host) -> str:
    """UNHEALTHY: a master is down; ALERT: a slave is; UNKNOWN: the agent has not said."""
    if host.state == "HEARTBEAT_LOST" or not host.reported:
        return "UNKNOWN"
    down = {hc.category for hc in world.of_host(host.name) if hc.state != "STARTED" and hc.category != CLIENT}
    return "UNHEALTHY" if MASTER in down else "ALERT" if down else "HEALTHY"


def request_status(tasks: list[Task]) -> str:
    """FAILED as soon as one task failed, which is before the end; PENDING while nothing was given to agents."""
    statuses = {task.status for task in tasks}
    if statuses == {"PENDING"}:
        return "PENDING"
    for status in ("FAILED", "TIMEDOUT", "ABORTED"):
        if status in statuses:
            return status
    return "COMPLETED" if statuses <= {"COMPLETED"} else "IN_PROGRESS"


def progress(tasks: list[Task]) -> float:
    """Percent; a queued task counts 9, a running one 35, a finished one 100."""
    queued = sum(task.status == "QUEUED" for task in tasks)
    running = sum(task.status == "IN_PROGRESS" for task in tasks)
    finished = sum(task.status in FINISHED for task in tasks)
    return (queued * 0.09 + running * 0.35 + finished) / len(tasks) * 100.0 if tasks else 0.0


def build(description: Mapping[str, Any], ambari: str = "3.0") -> World:
    """The world of a description.

    Required: `hosts` (host: list of components). Optional: `cluster` (its name, `lab`; null: no cluster yet), `cluster_id`, `version`,
    `stack`, `repository`, `services` (for those that Ambari's stacks do not know: {service: {component: MASTER, SLAVE or CLIENT}}),
    `checks` ({service: command of its service check}), `custom_commands`, `display_names`, `role_order` (added to order.py), `running`
    (true, or a list of `COMPONENT` or `COMPONENT@host`), `users` ({name: {password, role}}), `configurations` ({type: {service, versions:
    [{tag, properties, properties_attributes}]}}), `alert_definitions`, `alert_groups`, `stack_catalogue`. Versions that are not given are
    those of Ambari 3.0, or 2.7 if `ambari` says so. Without `users` there is `admin` with the password `admin`. An unknown component is a
    KeyError that names it.
    """
    version, stack = VERSIONS[ambari]
    stack = description.get("stack", stack)
    world = World(
        name=description.get("cluster", "lab"),
        id=description.get("cluster_id", 2),
        version=description.get("version", version),
        stack=stack,
        repository=description.get("repository", f"{stack.partition('-')[2]}-1"),
        hosts={name: Host(name) for name in sorted(description["hosts"])},
        known={**SERVICES, **description.get("services", {})},
        checks={**SERVICE_CHECKS, **description.get("checks", {})},
        custom_commands={**CUSTOM_COMMANDS, **{name: set(commands) for name, commands in description.get("custom_commands", {}).items()}},
        display_names=dict(description.get("display_names", {})),
        role_order=with_restarts({**ROLE_ORDER, **description.get("role_order", {})}),
        users={
            name: User(**user)
            for name, user in description.get("users", {"admin": {"password": "admin", "role": "AMBARI.ADMINISTRATOR"}}).items()
        },
        stack_catalogue=dict(description.get("stack_catalogue", {})),
    )
    known = {component for parts in world.known.values() for component in parts}
    for host, components in description["hosts"].items():
        for component in components:
            if component not in known:
                raise KeyError(f"{component} on {host} belongs to no known service; name it under `services`")
            world.place(host, component)
    _configure(world, description.get("configurations", {}))
    _run(world, description.get("running", False))
    _alerts(world, description)
    return world


def _configure(world: World, configurations: Mapping[str, Any]) -> None:
    for kind, given in configurations.items():
        world.configuration_services[kind] = given.get("service", "")
        world.configurations[kind] = [
            Configuration(
                kind,
                version.get("tag", "INITIAL"),
                number,
                dict(version.get("properties", {})),
                dict(version.get("properties_attributes", {})),
            )
            for number, version in enumerate(given.get("versions", [{}]), 1)
        ]
        world.desired[kind] = len(world.configurations[kind])
    for service in world.services:
        kinds = sorted(kind for kind, owner in world.configuration_services.items() if owner == service)
        for number in range(1, max((world.desired[kind] for kind in kinds), default=0) + 1):
            configurations_then = [world.configurations[kind][min(number, world.desired[kind]) - 1] for kind in kinds]
            world.service_config_versions.append(
                ServiceConfigVersion(service, number, configurations_then, 0.0, "admin" if number == 1 else "internal")
            )
    for hc in world.host_components:
        hc.applied = world.desired_of(hc.service)


def _run(world: World, running: bool | list[str]) -> None:
    for hc in world.host_components:
        if hc.category != CLIENT and (running is True or (running and {hc.component, f"{hc.component}@{hc.host}"} & set(running))):
            hc.state = hc.desired_state = hc.told = "STARTED"
            world.services[hc.service].desired_state = "STARTED"


def _alerts(world: World, description: Mapping[str, Any]) -> None:
    shown = ("id", "name", "label", "service_name", "component_name", "enabled")
    for given in description.get("alert_definitions", []):
        data = {key: value for key, value in given.items() if key not in shown}
        world.definitions[given["id"]] = Definition(
            given["id"], given["name"], given["label"], given["service_name"], given.get("component_name"), given.get("enabled", True), data
        )
    services = description.get("alert_groups") or list(dict.fromkeys(definition.service for definition in world.definitions.values()))
    for name in services:
        number = world.next("group")
        members = [definition.id for definition in world.definitions.values() if definition.service == name]
        world.groups[number] = Group(number, name, True, members, [])


def provision(
    world: World, name: str, blueprint: Mapping[str, Any], host_groups: Iterable[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """Create the cluster of a blueprint; the hosts with their components, each in the order in which Ambari installs them."""
    world.name = name
    groups = {group["name"]: [component["name"] for component in group["components"]] for group in blueprint["host_groups"]}
    hosts = {group["name"]: [host["fqdn"] for host in group["hosts"]] for group in host_groups}
    placed = []
    for group in java_order(groups):
        for host in hosts[group]:
            components = java_order(groups[group])
            for component in components:
                world.place(host, component).state = "INIT"
            placed.append((host, components))
    return placed
