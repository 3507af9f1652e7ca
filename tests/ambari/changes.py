# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PUT, POST and DELETE do. Rules that no recording shows are Ambari's source's (branches 2.7 and trunk), or said to be a guess where
they stand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.koverse.runbook.tests.ambari import model
from ansible_collections.koverse.runbook.tests.ambari.engine import Engine
from ansible_collections.koverse.runbook.tests.ambari.order import java_order
from ansible_collections.koverse.runbook.tests.ambari.query import BadQuery, Query, parse
from ansible_collections.koverse.runbook.tests.ambari.resources import KINDS, Kind, cluster_href

STARTABLE = {"INSTALLED", "STARTING", "STARTED"}  # states from which STARTED may be asked for
STOPPABLE = {"INIT", "INSTALLING", "INSTALL_FAILED", "INSTALLED", "STARTED", "STOPPING", "UNINSTALLED", "UNKNOWN", "UPGRADING"}
LEVELS = ("CLUSTER", "SERVICE", "HOST", "HOST_COMPONENT")


class Refusal(Exception):
    """An error answer; `message` None: without a body."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Crash(Exception):
    """Ambari answers 500 with a UUID that is in its log."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A change that is asked for. `info` is RequestInfo, `body` the rest."""

    engine: Engine
    user: str
    query: Query
    info: dict[str, Any]
    body: Any

    @property
    def world(self) -> model.World:
        return self.engine.world

    def may(self, role: str) -> bool:
        return self.world.users[self.user].may(role)

    def require(self, role: str, what: str = "update") -> None:
        if not self.may(role):
            raise Refusal(403, f"The authenticated user does not have the appropriate authorizations to {what} the requested resource(s)")

    def properties(self, kind: Kind) -> dict[str, Any]:
        """The body's properties, with their category; an unknown one is refused."""
        bodies = self.body if isinstance(self.body, list) else [self.body]
        found: dict[str, Any] = {}
        for body in bodies:
            for category, values in (body or {}).items():
                if isinstance(values, dict):
                    found |= {f"{category}/{name}": value for name, value in values.items()}
        unknown = [name for name in found if not kind.knows(name)]
        if unknown:
            raise Refusal(400, unsupported(unknown, kind))
        return found

    @property
    def level(self) -> str:
        level = self.info.get("operation_level")
        name = level.get("level", "CLUSTER") if isinstance(level, dict) else "CLUSTER"
        return name if name in LEVELS else "CLUSTER"

    @property
    def context(self) -> str:
        return str(self.info.get("context", ""))


Answer = tuple[int, Any]  # HTTP status, and what the body shows (None: empty)


def unsupported(names: Iterable[str], kind: Kind) -> str:
    names = ", ".join(names)
    return f"The properties [{names}] specified in the request or predicate are not supported for the resource type {kind.name}."


def read_body(text: str) -> tuple[dict[str, Any], Any]:
    """RequestInfo and the rest of a request's body."""
    if not text.strip():
        return {}, None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise Refusal(
            400, "Invalid Request: Malformed Request Body.  An exception occurred parsing the request body: " + _parser_says(text, error)
        ) from None
    if not isinstance(content, dict):
        return {}, content
    info = content.get("RequestInfo", {})
    body = content["Body"] if "Body" in content else {key: value for key, value in content.items() if key != "RequestInfo"}
    return (info if isinstance(info, dict) else {}), body


def _parser_says(text: str, error: json.JSONDecodeError) -> str:
    """Ambari wraps a body in brackets before it parses it; so what follows on a body that breaks off is one."""
    wrapped = f"[{text}]"
    place = min(error.pos + 1, len(wrapped) - 1)
    character = wrapped[place]
    return (
        f"Unexpected character ('{character}' (code {ord(character)})): expected a value\n"
        f" at [Source: java.io.StringReader@1; line: 1, column: {place + 2}]"
    )


def accepted(call: Call, request: model.Request) -> Answer:
    """202 with the number of the request."""
    return 202, {"href": f"{cluster_href(call.engine)}/requests/{request.id}", "Requests": {"id": request.id, "status": "Accepted"}}


def _desired_state(name: Any) -> str:
    if name not in model.STATES:
        raise Refusal(400, f"No enum constant org.apache.ambari.server.state.State.{name}")
    if name not in model.DESIRED_STATES:
        raise Refusal(400, f"Invalid arguments, invalid desired state, desiredState={name}")
    return str(name)


def _maintenance_state(name: Any, current: str) -> str:
    if name not in ("ON", "OFF", "IMPLIED_FROM_SERVICE", "IMPLIED_FROM_HOST", "IMPLIED_FROM_SERVICE_AND_HOST"):
        raise Refusal(400, f"No enum constant org.apache.ambari.server.state.MaintenanceState.{name}")
    if name != current and name.startswith("IMPLIED"):
        raise Refusal(400, "Invalid arguments, can only set maintenance state to one of [OFF, ON]")
    return str(name) if name in ("ON", "OFF") else current


def _may_go(state: str, desired: str) -> bool:
    return state in (STARTABLE if desired == "STARTED" else STOPPABLE)


def _no_way(world: model.World, hc: model.HostComponent, desired: str) -> str:
    return (
        f"Invalid transition for servicecomponenthost, clusterName={world.name}, clusterId={world.id}, serviceName={hc.service},"
        f" componentName={hc.component}, hostname={hc.host}, currentState={hc.state}, newDesiredState={desired}"
    )


# ----- services


def put_services(call: Call, names: list[str]) -> Answer:
    """State or maintenance state of services."""
    call.require("SERVICE.OPERATOR")
    given = call.properties(KINDS["service"])
    if not given or not names:
        return 200, None
    world = call.world
    desired = _desired_state(given["ServiceInfo/state"]) if "ServiceInfo/state" in given else None
    for name in names:
        if "ServiceInfo/maintenance_state" in given:
            service = world.services[name]
            service.maintenance = _maintenance_state(given["ServiceInfo/maintenance_state"], service.maintenance)
    plan = _Plan(call)
    if desired is not None:
        for name in java_order(names):
            if call.level != "CLUSTER" or world.services[name].maintenance == "OFF":
                plan.service(world.services[name], desired)
        if call.query.switches.get("params/reconfigure_client") != "false":
            plan.clients(desired)
    return plan.run()


@dataclasses.dataclass
class _Plan:
    """What an accepted change of state does: components that change, and those that are left as they are, whose desired state becomes
    their state."""

    call: Call
    changed: list[tuple[model.HostComponent, str]] = dataclasses.field(default_factory=list)
    ignored: list[model.HostComponent] = dataclasses.field(default_factory=list)
    desired: list[tuple[Any, str]] = dataclasses.field(default_factory=list)
    reinstalled: list[model.HostComponent] = dataclasses.field(default_factory=list)

    def service(self, service: model.Service, desired: str) -> None:
        world = self.call.world
        if service.desired_state != desired:
            self.desired.append((service, desired))
        for component in [c for c in world.components.values() if c.service == service.name]:
            if component.category != model.CLIENT or desired != "STARTED":
                self.desired.append((component, desired))
            hosts = {hc.host: hc for hc in world.of_component(component.name)}
            for host in java_order(hosts):
                self._instance(hosts[host], desired)

    def _instance(self, hc: model.HostComponent, desired: str) -> None:
        world = self.call.world
        if hc.state in ("DISABLED", "UNKNOWN"):
            return
        if hc.state == desired or not model.operation_allowed(self.call.level, model.maintenance_of(world, hc)):
            self.ignored.append(hc)
        elif hc.category == model.CLIENT and desired == "STARTED":
            return
        elif _may_go(hc.state, desired):
            self.changed.append((hc, desired))
        elif hc.category == model.MASTER:
            raise Refusal(400, _no_way(world, hc, desired))

    def host_component(self, hc: model.HostComponent, desired: str) -> None:
        client = hc.category == model.CLIENT
        allowed = model.operation_allowed(self.call.level, model.maintenance_of(self.call.world, hc))
        if (client and desired == "STARTED") or (hc.state == desired and not client) or not allowed:
            self.ignored.append(hc)
        elif hc.state != "UNKNOWN" and not _may_go(hc.state, desired):
            raise Crash(_no_way(self.call.world, hc, desired))
        else:
            self.changed.append((hc, desired))

    def clients(self, desired: str) -> None:
        """Clients of services that are started are installed again, where neither the host is lost nor it or the client is in
        maintenance."""
        world = self.call.world
        if desired == "STARTED":
            services = {hc.service for hc, _state in self.changed} | {
                thing.name for thing, _state in self.desired if isinstance(thing, model.Service)
            }
            self.reinstalled = [
                hc
                for hc in world.host_components
                if hc.service in services
                and hc.category == model.CLIENT
                and hc.maintenance == "OFF"
                and world.hosts[hc.host].maintenance == "OFF"
                and world.hosts[hc.host].state != "HEARTBEAT_LOST"
            ]

    def run(self) -> Answer:
        """Take a number, set the desired states, and have the tasks run; a number is taken also where there are no tasks."""
        call, world = self.call, self.call.world
        number = world.next("request")
        tasks = [self._task(hc, desired) for hc, desired in self.changed if world.hosts[hc.host].state != "HEARTBEAT_LOST"]
        tasks += [model.Task(0, 0, hc.host, hc.component, hc.service, "INSTALL") for hc in self.reinstalled]
        for thing, desired in [*self.desired, *self.changed]:
            thing.desired_state = desired
        for hc in self.ignored:
            hc.desired_state = hc.state
        if not tasks:
            return 200, None
        return accepted(call, call.engine.submit(number, call.context, call.user, tasks))

    def _task(self, hc: model.HostComponent, desired: str) -> model.Task:
        command = "START" if desired == "STARTED" else "STOP" if hc.state in ("STARTED", "STOPPING") else "INSTALL"
        return model.Task(0, 0, hc.host, hc.component, hc.service, command)


def delete_service(call: Call, name: str) -> Answer:
    call.require("CLUSTER.ADMINISTRATOR", "delete")
    world = call.world
    if any(hc.state not in ("INIT", "INSTALLED", "INSTALL_FAILED", "UNKNOWN", "DISABLED") for hc in world.of_service(name)):
        words = f"Cannot remove {world.name}/{name}. One or more host components are in a non-removable state."
        raise Refusal(500, f"An internal system exception occurred: {words}")
    world.host_components = [hc for hc in world.host_components if hc.service != name]
    world.components = {key: component for key, component in world.components.items() if component.service != name}
    del world.services[name]
    return 200, None


# ----- host components and hosts


def put_host_components(call: Call, found: list[model.HostComponent]) -> Answer:
    """State or maintenance state of host components. What services refuse with 400 or 403 is a 500 here."""
    if not call.may("SERVICE.OPERATOR"):
        raise Crash("missing role")
    given = call.properties(KINDS["host_component"])
    query = str(call.info.get("query", ""))
    try:
        predicate = parse(query).predicate
    except BadQuery:
        raise Refusal(400, "Invalid Request: Unable to compile query predicate") from None
    kind = KINDS["host_component"]
    found = [hc for hc in found if call.query.predicate(kind.lookup(call.engine, hc)) and predicate(kind.lookup(call.engine, hc))]
    if not given or not found:
        return 200, None
    plan = _Plan(call)
    if "HostRoles/maintenance_state" in given:
        _set_maintenance(call.world, found, given["HostRoles/maintenance_state"])
    if "HostRoles/state" in given:
        desired = _desired_state(given["HostRoles/state"])
        for hc in found:
            plan.host_component(hc, desired)
    answer = plan.run()
    level = call.info.get("operation_level")
    if isinstance(level, dict) and level.get("level") == "HOST" and not query:
        raise Crash("the audit log dereferences the query")  # the request was created, and runs
    return answer


def _set_maintenance(world: model.World, found: list[model.HostComponent], wanted: Any) -> None:
    for hc in found:
        current = model.maintenance_of(world, hc)
        if wanted != current and hc.category == model.CLIENT:
            raise Refusal(400, "Invalid arguments, cannot set maintenance state on a client component")
        new = _maintenance_state(wanted, current)
        if new in ("ON", "OFF"):
            hc.maintenance = new


def put_hosts(call: Call, hosts: list[model.Host]) -> Answer:
    """Maintenance state of hosts; this takes no number of a request."""
    call.require("CLUSTER.OPERATOR")
    given = call.properties(KINDS["host"])
    for host in hosts:
        if "Hosts/maintenance_state" in given:
            host.maintenance = _maintenance_state(given["Hosts/maintenance_state"], host.maintenance)
    return 200, None


# ----- requests


def post_request(call: Call) -> Answer:
    """RESTART, service checks and custom commands."""
    command = call.info.get("command")
    if not command:
        raise Crash("no command")
    if not call.may("SERVICE.OPERATOR"):
        raise Refusal(403, f"The authenticated user is not authorized to execute the command, {command}.")
    body = call.body or {}
    filters = body.get("Requests/resource_filters") or body.get("Requests", {}).get("resource_filters") or []
    tasks = []
    for wanted in filters:
        tasks += _commanded(call, str(command), wanted)
    number = call.world.next("request")
    if not tasks:
        return 201, None
    level = call.info.get("operation_level")
    request = call.engine.submit(
        number, call.context, call.user, tasks, kind="COMMAND", level=level if isinstance(level, dict) else None, filters=filters
    )
    return accepted(call, request)


def _commanded(call: Call, command: str, wanted: dict[str, Any]) -> list[model.Task]:
    world = call.world
    if "hosts_predicate" in wanted:
        predicate = parse(wanted["hosts_predicate"]).predicate
        found = [hc for hc in world.host_components if predicate(KINDS["host_component"].lookup(call.engine, hc))]
        return [_custom(hc, command) for hc in found if _reached(call, hc)]
    service, component = wanted.get("service_name", ""), wanted.get("component_name")
    if service not in world.services:
        raise _exception(f"Service not found, clusterName={world.name}, serviceName={service}")
    if component is None:
        if command != world.checks.get(service, f"{service}_SERVICE_CHECK"):
            raise _exception(f"Unsupported action {command} for Service: {service} and Component: null")
        return [_check(call, service, command)]
    if command != "RESTART" and command not in world.custom_commands.get(component, ()):
        raise _exception(f"Unsupported action {command} for Service: {service} and Component: {component}")
    hosts = [host.strip() for host in str(wanted.get("hosts", "")).split(",") if host.strip()] or [
        hc.host for hc in world.of_component(component)
    ]
    found = []
    for host in hosts:
        hc = world.find(host, component)
        if hc is None:
            place = f"clusterName={world.name}, serviceName={service}, serviceComponentName={component}, hostName={host}"
            raise _exception(f"ServiceComponentHost not found, {place}")
        found.append(hc)
    return [_custom(hc, command) for hc in found if _reached(call, hc)]


def _exception(words: str) -> Refusal:
    return Refusal(500, f"An internal system exception occurred: {words}")


def _reached(call: Call, hc: model.HostComponent) -> bool:
    """What is in maintenance is left out, as by changes of state."""
    return model.operation_allowed(call.level, model.maintenance_of(call.world, hc))


def _custom(hc: model.HostComponent, command: str) -> model.Task:
    return model.Task(0, 0, hc.host, hc.component, hc.service, "CUSTOM_COMMAND", custom=command)


def _check(call: Call, service: str, command: str) -> model.Task:
    """On a host with a client of the service, if it has any, otherwise on one with its first component."""
    world = call.world
    parts = world.of_service(service)
    parts = [hc for hc in parts if hc.category == model.CLIENT] or parts
    hosts = sorted({hc.host for hc in parts if world.hosts[hc.host].state != "HEARTBEAT_LOST"}) or sorted({hc.host for hc in parts})
    return model.Task(0, 0, call.engine.choose(hosts), command, service, "SERVICE_CHECK")


def put_request(call: Call, request: model.Request) -> Answer:
    """Abort. An end that has come already is accepted, too."""
    call.require("SERVICE.OPERATOR")
    given = call.properties(
        Kind("Request", "Requests", "id", {**KINDS["request"].properties, "Requests/abort_reason": lambda engine, _: None})
    )
    status = given.get("Requests/request_status")
    if status != "ABORTED":
        raise Refusal(400, f"{status} is wrong value. The only allowed value for updating request status is ABORTED")
    if not given.get("Requests/abort_reason"):
        raise Refusal(400, "Abort reason can not be empty.")
    call.engine.abort(request)
    return 200, None


def post_schedule(call: Call) -> Answer:
    """Batches of requests, one after the other; they begin at once."""
    call.require("SERVICE.OPERATOR", "create")
    world, engine = call.world, call.engine
    created = []
    for wanted in call.body if isinstance(call.body, list) else [call.body]:
        given = (wanted or {}).get("RequestSchedule", {})
        parts: dict[str, Any] = {}
        for part in given.get("batch") or []:
            parts |= part
        if not parts.get("requests"):
            raise Crash("empty schedule")
        settings = parts.get("batch_settings", {})
        batches = [
            model.Batch(r["order_id"], r["type"], r["uri"], json.dumps(r["RequestBodyInfo"], separators=(",", ":")))
            for r in parts["requests"]
        ]
        now = engine.clock.now()
        schedule = model.Schedule(
            world.next("schedule"),
            sorted(batches, key=lambda batch: batch.order),
            settings.get("batch_separation_in_seconds", 0),
            settings.get("task_failure_tolerance", settings.get("task_failure_tolerance_limit", 0)),
            call.user,
            now,
            now,
            description=given.get("description"),
        )
        engine.schedule(schedule)
        created.append({"href": f"{cluster_href(engine)}/request_schedules/{schedule.id}", "RequestSchedule": {"id": schedule.id}})
    return 201, {"resources": created}


def delete_schedule(call: Call, schedule: model.Schedule) -> Answer:
    """No further batch is begun; the one that runs goes on."""
    call.require("SERVICE.OPERATOR", "delete")
    if schedule.status == "SCHEDULED":
        schedule.status, schedule.updated = "DISABLED", call.engine.clock.now()
    return 200, None


# ----- cluster and configuration


def put_cluster(call: Call) -> Answer:
    """New versions of configurations, or a way back to old ones; what changes nothing is answered with an empty body."""
    call.require("SERVICE.ADMINISTRATOR")
    resources = []
    for body in call.body if isinstance(call.body, list) else [call.body]:
        given = (body or {}).get("Clusters", {})
        wanted = given.get("desired_config") or []
        resources += _configure(call, wanted if isinstance(wanted, list) else [wanted])
        back = given.get("desired_service_config_versions")
        if back:
            resources.append(_roll_back(call, back))
    return 200, {"resources": resources} if resources else None


def _configure(call: Call, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    world = call.world
    changed: dict[str, list[model.Configuration]] = {}
    note = next((w["service_config_version_note"] for w in wanted if w.get("service_config_version_note")), None)
    for one in wanted:
        kind, tag, properties = one["type"], str(one.get("tag", "")), one.get("properties")
        versions = world.configurations.setdefault(kind, [])
        current = versions[world.desired[kind] - 1] if kind in world.desired else None
        known = next((version for version in versions if version.tag == tag), None)
        if properties is None:
            if known is None:
                raise _exception(f"Configuration with tag '{tag}' does not exist for '{kind}'")
            new = known
        elif current is not None and current.properties == properties:
            continue
        elif known is not None:
            raise _exception(f"Configuration with tag '{tag}' exists for '{kind}'")
        else:
            new = model.Configuration(kind, tag, len(versions) + 1, properties, one.get("properties_attributes", {}))
            versions.append(new)
        world.desired[kind] = new.version
        if kind in world.configuration_services:
            changed.setdefault(world.configuration_services[kind], []).append(new)
    return [_config_version(call, service, note, new) for service, new in changed.items()]


def _config_version(call: Call, service: str, note: str | None, new: list[model.Configuration] | None) -> dict[str, Any]:
    """A further version of a service's configuration, made of the desired ones."""
    world = call.world
    number = max((v.version for v in world.service_config_versions if v.service == service), default=0) + 1
    parts = [world.configurations[kind][version - 1] for kind, version in sorted(world.desired_of(service).items())]
    world.service_config_versions.append(model.ServiceConfigVersion(service, number, parts, call.engine.clock.now(), call.user, note))
    path = f"{cluster_href(call.engine)}/configurations/service_config_versions"
    shown: dict[str, Any] = {"href": f"{path}?service_name={service}&service_config_version={number}"}
    if new is not None:
        shown["configurations"] = [_shown(world, configuration) for configuration in new]
    return shown | {
        "group_id": -1,
        "group_name": "Default",
        "service_config_version": number,
        "service_config_version_note": note,
        "service_name": service,
    }


def _shown(world: model.World, configuration: model.Configuration) -> dict[str, Any]:
    return {
        "clusterName": world.name,
        "stackId": {"stackName": world.stack_name, "stackVersion": world.stack_version, "stackId": world.stack},
        "type": configuration.type,
        "versionTag": configuration.tag,
        "version": configuration.version,
        "serviceConfigVersions": None,
        "configs": configuration.properties,
        "configAttributes": configuration.attributes,
        "propertiesTypes": {},
    }


def _roll_back(call: Call, wanted: dict[str, Any]) -> dict[str, Any]:
    world = call.world
    service, number = wanted.get("service_name", ""), int(wanted.get("service_config_version", 0))
    found = next((v for v in world.service_config_versions if v.service == service and v.version == number), None)
    if found is None:
        raise _exception(f"Service config version with serviceName={service} and version={number} not found")
    for configuration in found.configurations:
        world.desired[configuration.type] = configuration.version
    return _config_version(call, service, wanted.get("service_config_version_note"), None)


def post_cluster(call: Call, name: str) -> Answer:
    """Create the cluster from a blueprint, and install its components."""
    call.require("AMBARI.ADMINISTRATOR", "create")
    world, engine = call.world, call.engine
    if world.name == name:
        raise Refusal(409, f"Attempted to create a Cluster which already exists, clusterName={name}")
    blueprint = world.blueprints.get((call.body or {}).get("blueprint", ""))
    if blueprint is None:
        raise Refusal(400, "Invalid Request: the emulator creates clusters from blueprints only")
    tasks, logical = [], 10_000  # a logical request's tasks have numbers of their own
    for stage, (host, components) in enumerate(model.provision(world, name, blueprint, call.body["host_groups"]), 1):
        for component in components:
            tasks.append(model.Task(logical, stage, host, component, world.components[component].service, "INSTALL"))
            logical += 1
    request = engine.accept(world.next("request"), f"Logical Request: Provision Cluster '{name}'", call.user, tasks)
    return accepted(call, request)


def post_blueprint(call: Call, name: str) -> Answer:
    call.require("AMBARI.ADMINISTRATOR", "create")
    call.world.blueprints[name] = call.body
    return 201, None


# ----- alerts


def _alert_administration(call: Call, what: str) -> None:
    call.require("CLUSTER.ADMINISTRATOR", what)


def post_target(call: Call) -> Answer:
    """Any type is taken. `validate_config` has a mail server asked; `overwrite_existing` replaces the target of that name."""
    _alert_administration(call, "create")
    world = call.world
    for body in call.body if isinstance(call.body, list) else [call.body]:
        given = (body or {}).get("AlertTarget", {})
        old = next((target for target in world.targets.values() if target.name == given.get("name")), None)
        overwrite = call.query.switches.get("overwrite_existing") == "true"
        if old is not None and not overwrite:
            raise Refusal(400, "Alert targets already exists and can't be created")
        if call.query.switches.get("validate_config") == "true":
            _validate(call, given)
        number = old.id if old is not None else world.next("target")
        states = given.get("alert_states") or ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
        target = model.Target(
            number, given.get("name", ""), given.get("notification_type", ""), given.get("description"), bool(given.get("global"))
        )
        target.enabled, target.states, target.properties = given.get("enabled", True), list(states), dict(given.get("properties") or {})
        world.targets[number] = target
        for group in world.groups.values():
            if number not in group.targets and (target.everywhere or group.id in given.get("groups", [])):
                group.targets = sorted([*group.targets, number])
    return 201, None


def _validate(call: Call, given: dict[str, Any]) -> None:
    properties = given.get("properties") or {}
    if given.get("notification_type") == "EMAIL":
        host, port = properties.get("mail.smtp.host", "localhost"), properties.get("mail.smtp.port", "25")
        if not call.engine.connect(host, int(port)):
            raise Refusal(400, f"Invalid config: Couldn't connect to host, port: {host}, {port}; timeout -1")


def put_target(call: Call, number: int) -> Answer:
    """`groups` replace those that are there, with `global` too: an empty list leaves such a target without any."""
    _alert_administration(call, "update")
    target = call.world.targets.get(number)
    if target is None:
        raise _exception(f"The alert target with ID {number} could not be found")
    given = (call.body or {}).get("AlertTarget", {})
    others = {t.name for t in call.world.targets.values() if t.id != number}
    if given.get("name", target.name) in others:
        raise Crash("duplicate name")
    target.name = given.get("name", target.name)
    target.type = given.get("notification_type", target.type)
    target.description = given.get("description", target.description)
    target.enabled = given.get("enabled", target.enabled)
    target.states = list(given.get("alert_states", target.states))
    target.properties = given.get("properties", target.properties)
    target.everywhere = given.get("global", target.everywhere)
    members = given.get("groups", list(call.world.groups) if target.everywhere else None)
    for group in call.world.groups.values() if members is not None else ():
        group.targets = sorted({*group.targets, number} if group.id in members else {*group.targets} - {number})
    return 200, None


def delete_target(call: Call, number: int) -> Answer:
    """Also where there is none."""
    _alert_administration(call, "delete")
    call.world.targets.pop(number, None)
    for group in call.world.groups.values():
        group.targets = [target for target in group.targets if target != number]
    return 200, None


def post_group(call: Call) -> Answer:
    """Global targets come with it. Unknown numbers are taken, and not shown."""
    _alert_administration(call, "create")
    world = call.world
    given = (call.body or {}).get("AlertGroup", {})
    if given.get("name") in {group.name for group in world.groups.values()}:
        raise Crash("duplicate name")
    everywhere = {target.id for target in world.targets.values() if target.everywhere}
    number = world.next("group")
    targets = sorted(everywhere | set(given.get("targets", [])))
    world.groups[number] = model.Group(number, given.get("name", ""), False, list(given.get("definitions", [])), targets)
    return 201, None


def put_group(call: Call, number: int) -> Answer:
    _alert_administration(call, "update")
    group = call.world.groups.get(number)
    if group is None:
        raise _exception(f"The alert group with ID {number} could not be found")
    given = (call.body or {}).get("AlertGroup", {})
    if not group.default:
        group.name = given.get("name", group.name)
        group.definitions = list(given.get("definitions", group.definitions))
    group.targets = list(given.get("targets", group.targets))
    return 200, None


def delete_group(call: Call, number: int) -> Answer:
    """A default group stays."""
    _alert_administration(call, "delete")
    group = call.world.groups.get(number)
    if group is not None and not group.default:
        del call.world.groups[number]
    return 200, None


def put_definition(call: Call, number: int) -> Answer:
    """What is not given stays, but the source is replaced as a whole. The alerts of a disabled definition stay for a while (recorded)."""
    call.require("SERVICE.ADMINISTRATOR")
    definition = call.world.definitions.get(number)
    if definition is None:
        raise _exception(f"The alert definition with ID {number} could not be found")
    given = (call.body or {}).get("AlertDefinition", {})
    definition.enabled = given.get("enabled", definition.enabled)
    if "interval" in given:
        definition.data["interval"] = int(given["interval"])
    if (given.get("source") or definition.data.get("source") or {}).get("type") != "AGGREGATE":
        definition.data |= {key: given[key] for key in ("repeat_tolerance", "repeat_tolerance_enabled") if key in given}
    if "source" in given:
        definition.data["source"] = _stored(given["source"])
    return 200, None


def _stored(value: Any) -> Any:
    """A part of a source as it comes back: numbers with a fraction, also those that came as text; in a list all is text."""
    if value is None:
        raise Crash("a null in a source")
    if isinstance(value, dict):
        return {key: _stored(part) for key, part in value.items()}
    if isinstance(value, list):
        return [{key: _text(part) for key, part in row.items()} if isinstance(row, dict) else _text(row) for row in value]
    try:
        return float(_text(value))
    except ValueError:
        return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)
