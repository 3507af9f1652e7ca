# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of Ambari's REST API: their properties, what is below them, and how they are shown."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.koverse.runbook.tests.ambari import model
from ansible_collections.koverse.runbook.tests.ambari.engine import Engine, alert_maintenance
from ansible_collections.koverse.runbook.tests.ambari.query import Lookup, Query

Get = Callable[[Engine, Any], Any]
MISSING = object()
DEFAULT_PAGE_SIZE = 20  # requests that Ambari returns, the newest, where nobody asks for a page
AGENT_DATA = "/var/lib/ambari-agent/data"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A type of resource. `parents` are the foreign keys that are shown with it, `always` the properties that are shown whatever is asked
    for."""

    name: str  # as error messages have it
    category: str
    key: str
    properties: dict[str, Get]
    parents: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    subs: dict[str, tuple[str, Get]] = dataclasses.field(default_factory=dict)  # name: kind, and the objects below one
    query_in_href: bool = True
    states: frozenset[str] = frozenset()  # properties whose values in predicates have to be states
    hidden: frozenset[str] = frozenset()  # not part of `Category/*`

    def path(self, name: str) -> str:
        return f"{self.category}/{name}" if self.category else name

    def knows(self, field: str) -> bool:
        """Whether a field or a predicate may name this."""
        first, _slash, rest = field.partition("/")
        if first in self.subs:
            return not rest or KINDS[self.subs[first][0]].knows(rest)
        wanted = field.removesuffix("/*")
        return wanted == "*" or any(p == wanted or p.startswith(wanted + "/") or wanted.startswith(p + "/") for p in self.properties)

    def lookup(self, engine: Engine, thing: Any) -> Lookup:
        """The values that a predicate compares."""

        def values(name: str) -> list[Any]:
            if name in self.properties:
                return [self.properties[name](engine, thing)]
            first, _slash, rest = name.partition("/")
            if first in self.subs:
                kind, below = self.subs[first]
                return [value for child in below(engine, thing) for value in KINDS[kind].lookup(engine, child)(rest)]
            return [_inner(self.properties[p](engine, thing), name[len(p) + 1 :]) for p in self.properties if name.startswith(p + "/")]

        return values

    def identity(self, engine: Engine, thing: Any) -> str:
        return str(self.properties[self.path(self.key)](engine, thing))


def _inner(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def cluster_href(engine: Engine) -> str:
    return f"/api/v1/clusters/{engine.world.name}"


def locate(engine: Engine, kind: Kind, thing: Any, base: str) -> str:
    """The href of a resource in a collection at `base`; a host component is at home below its host."""
    if kind.name == "HostComponent":
        return f"{cluster_href(engine)}/hosts/{thing.host}/host_components/{thing.component}"
    if kind.name == "Configuration":
        return f"{base}?type={thing.type}&tag={thing.tag}"
    if kind.name == "ServiceConfigVersion":
        return f"{base}?service_name={thing.service}&service_config_version={thing.version}"
    return f"{base}/{kind.identity(engine, thing)}"


@dataclasses.dataclass(frozen=True)
class View:
    """How to show: `fields` None asks for everything of a single resource and for the keys of one in a collection."""

    engine: Engine
    root: str  # scheme and authority
    query: Query
    below_host: bool = False  # whether the path names a host

    def one(self, kind: Kind, thing: Any, path: str, raw_query: str) -> dict[str, Any] | None:
        """A single resource; None if the predicate, which speaks of what is below it, matches nothing."""
        if not self.query.predicate(kind.lookup(self.engine, thing)):
            return None
        shown = self._show(kind, thing, path, self.query.fields, single=True, top=True)
        if not self.query.minimal:
            href = path + (f"?{raw_query}" if raw_query and kind.query_in_href else "")
            shown = {"href": self.root + href, **shown}
        return shown

    def many(self, kind: Kind, things: Iterable[Any], path: str, raw_query: str) -> dict[str, Any]:
        """A collection: filtered, sorted, and the asked page of it."""
        engine, switches = self.engine, self.query.switches
        found = [thing for thing in things if self.query.predicate(kind.lookup(engine, thing))]
        found = self._sorted(kind, found)
        total = len(found)
        if "page_size" in switches:
            size = int(switches["page_size"])
            start = max(0, total - size) if switches.get("to") == "end" else int(switches.get("from", "0"))
            found = found[start : start + size]
        elif kind.name == "Request":
            found = found[-DEFAULT_PAGE_SIZE:]
        fields = self.query.fields or ()
        items = [self._item(kind, thing, locate(engine, kind, thing, path), fields, top=True) for thing in found]
        result: dict[str, Any] = {} if self.query.minimal else {"href": self.root + path + (f"?{raw_query}" if raw_query else "")}
        if "page_size" in switches:
            result["itemTotal"] = "0" if kind.name == "AlertHistory" else str(total)  # Ambari does not count history
        return {**result, "items": items}

    def _sorted(self, kind: Kind, things: list[Any]) -> list[Any]:
        if kind.name == "Request":  # Ambari sorts requests only after it has cut out the page
            return things
        for order in reversed([part for part in self.query.switches.get("sortBy", "").split(",") if part]):
            name, _dot, direction = order.partition(".")
            things = sorted(things, key=lambda thing: kind.lookup(self.engine, thing)(name), reverse=direction == "desc")
        return things

    def _item(self, kind: Kind, thing: Any, path: str, fields: tuple[str, ...], top: bool = False) -> dict[str, Any]:
        shown = self._show(kind, thing, path, fields, single=False, top=top)
        return shown if self.query.minimal else {"href": self.root + path, **shown}

    def _show(self, kind: Kind, thing: Any, path: str, fields: tuple[str, ...] | None, single: bool, top: bool) -> dict[str, Any]:
        names = {kind.path(kind.key)}
        if single or not self.query.minimal:
            names |= {kind.path(parent) for parent in kind.parents}
        if not self.query.minimal:
            names |= {kind.path(name) for name in kind.always}
            names |= set(self.query.properties) if top else set()
        result: dict[str, Any] = {}
        for name, get in kind.properties.items():
            wanted = fields is None or name in names or any(_covers(field, name, kind) for field in fields)
            value = get(self.engine, thing) if wanted else MISSING
            if value is not MISSING:
                _put(result, name, value)
        for field in fields or ():
            self._inner_value(kind, thing, field, result)
        for sub, (child_kind, below) in kind.subs.items():
            inner = tuple(field.partition("/")[2] for field in fields or () if field.partition("/")[0] == sub)
            if fields is None or inner:
                asked = tuple(field for field in inner if field)
                result[sub] = self._below(KINDS[child_kind], below(self.engine, thing), f"{path}/{sub}", asked)
        if kind.name == "HostComponent" and top:
            result["host"] = {"href": f"{self.root}{cluster_href(self.engine)}/hosts/{self._host(thing, fields, single)}"}
        return result

    def _host(self, thing: model.HostComponent, fields: tuple[str, ...] | None, single: bool) -> str:
        """With minimal_response Ambari knows the host only if the path, a field or the predicate names it."""
        known = single or not self.query.minimal or self.below_host or "HostRoles/host_name" in (*(fields or ()), *self.query.properties)
        return thing.host if known or "HostRoles" in (fields or ()) else "null"

    def _inner_value(self, kind: Kind, thing: Any, field: str, result: dict[str, Any]) -> None:
        """A field that names an entry of a property which is a map."""
        for name, get in kind.properties.items():
            if field.startswith(name + "/"):
                entry = field[len(name) + 1 :]
                value = get(self.engine, thing)
                if isinstance(value, dict) and entry in value:
                    _put(result, name, {**_at(result, name), entry: value[entry]})

    def _below(self, kind: Kind, things: list[Any], path: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
        return [self._item(kind, thing, locate(self.engine, kind, thing, path), fields) for thing in things]


def _covers(field: str, name: str, kind: Kind) -> bool:
    """Whether a field asks for a property: itself, its category, or all."""
    if field in ("*", name):
        return True
    if name in kind.hidden:
        return False
    return name.startswith(field.removesuffix("/*") + "/")


def _put(result: dict[str, Any], name: str, value: Any) -> None:
    category, _slash, rest = name.partition("/")
    if rest:
        result.setdefault(category, {})[rest] = value
    else:
        result[category] = value


def _at(result: dict[str, Any], name: str) -> dict[str, Any]:
    category, _slash, rest = name.partition("/")
    found = result.get(category, {}).get(rest, {}) if rest else result.get(category, {})
    return found if isinstance(found, dict) else {}


# ----- values


def _cluster(engine: Engine, _thing: Any) -> str | None:
    return engine.world.name


def _stack_id(engine: Engine) -> dict[str, str]:
    world = engine.world
    return {"stackName": world.stack_name, "stackVersion": world.stack_version, "stackId": world.stack}


def _count(state: str | None) -> Get:
    def count(engine: Engine, component: model.Component) -> int:
        return sum(state in (None, hc.state) for hc in engine.world.of_component(component.name))

    return count


def _health_report(engine: Engine, _thing: Any) -> dict[str, int]:
    world = engine.world
    hosts = list(world.hosts.values())
    report = {
        "Host/stale_config": len({hc.host for hc in world.host_components if world.stale(hc)}),
        "Host/maintenance_state": sum(host.maintenance == "ON" for host in hosts),
    }
    for state in ("HEALTHY", "UNHEALTHY", "HEARTBEAT_LOST", "INIT"):
        report[f"Host/host_state/{state}"] = sum(host.state == state for host in hosts)
    for status in ("HEALTHY", "UNHEALTHY", "UNKNOWN", "ALERT"):
        report[f"Host/host_status/{status}"] = sum(model.host_status(world, host) == status for host in hosts)
    return report


def _desired_configs(engine: Engine, _thing: Any) -> dict[str, Any]:
    world = engine.world
    return {
        kind: {"tag": world.configurations[kind][version - 1].tag, "version": version} for kind, version in sorted(world.desired.items())
    }


def _alerts_of(engine: Engine, service: str | None = None, host: str | None = None) -> list[model.Alert]:
    """Sorted as the API has them: by host (none first), service and number."""
    definitions = engine.world.definitions
    found = [
        alert
        for alert in engine.world.alerts
        if service in (None, definitions[alert.definition].service) and (host is None or alert.host == host)
    ]
    return sorted(found, key=lambda alert: (alert.host or "", definitions[alert.definition].service, alert.id))


def _alerts_summary(alerts: list[model.Alert], engine: Engine) -> dict[str, int]:
    quiet = [alert for alert in alerts if alert_maintenance(engine.world, alert) != "OFF"]
    counts = {
        state: sum(alert.state == state and alert not in quiet for alert in alerts) for state in ("CRITICAL", "OK", "UNKNOWN", "WARNING")
    }
    return {**counts, "MAINTENANCE": len(quiet)}


def _milliseconds(moment: float | None) -> int:
    return -1 if moment is None else round(moment * 1000)


def _counted(*statuses: str) -> Get:
    return lambda engine, request: sum(task.status in statuses for task in request.tasks)


def _request_end(_engine: Engine, request: model.Request) -> int:
    return -1 if request.open else max((_milliseconds(task.end) for task in request.tasks), default=-1)


def _request_start(_engine: Engine, request: model.Request) -> int:
    return min((_milliseconds(task.start) for task in request.tasks if task.start is not None), default=-1)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))


def _batch(_engine: Engine, schedule: model.Schedule) -> dict[str, Any]:
    requests = []
    for batch in schedule.batches:
        shown = {
            "order_id": batch.order,
            "request_id": batch.request,
            "request_type": batch.type,
            "request_uri": batch.uri,
            "request_body": batch.body,
        }
        if batch.code is not None:
            shown |= {"request_status": batch.status, "return_code": batch.code}
        requests.append(shown)
    settings = {
        "batch_separation_in_seconds": schedule.separation,
        "pause_after_first_batch": schedule.pause,
        "task_failure_tolerance_limit": schedule.tolerance,
    }
    return {"batch_requests": requests, "batch_settings": settings}


def _target_groups(engine: Engine, target: model.Target) -> list[dict[str, Any]]:
    return [
        {"id": group.id, "name": group.name, "default": group.default, "cluster_id": engine.world.id}
        for group in engine.world.groups.values()
        if target.id in group.targets
    ]


def _group_definitions(engine: Engine, group: model.Group) -> list[dict[str, Any]]:
    shown = []
    for definition in (engine.world.definitions[number] for number in group.definitions if number in engine.world.definitions):
        source = definition.data.get("source") or {}
        shown.append(
            {
                "name": definition.name,
                "label": definition.label,
                "description": definition.data.get("description"),
                "enabled": definition.enabled,
                "service_name": definition.service,
                "component_name": definition.component,
                "id": definition.id,
                "source_type": source.get("type"),
            }
        )
    return shown


def _group_targets(engine: Engine, group: model.Group) -> list[dict[str, Any]]:
    return [
        {
            "enabled": target.enabled,
            "description": target.description,
            "id": target.id,
            "global": target.everywhere,
            "name": target.name,
            "properties": None,
            "notification_type": target.type,
        }
        for target in (engine.world.targets[number] for number in group.targets if number in engine.world.targets)
    ]


ALERT_STATES = ("WARNING", "CRITICAL", "UNKNOWN", "OK")  # the order in which a target shows them


def _states(_engine: Engine, target: model.Target) -> list[str]:
    return [state for state in ALERT_STATES if state in target.states]


def _definition_data(name: str) -> Get:
    return lambda engine, definition: definition.data.get(name)


def _of_alert(name: str) -> Get:
    return lambda engine, alert: getattr(engine.world.definitions[alert.definition], name)


def _of_notice(get: Callable[[model.AlertHistory, Engine], Any]) -> Get:
    return lambda engine, notice: get(next(event for event in engine.world.history if event.id == notice.history), engine)


def _attribute(name: str) -> Get:
    return lambda engine, thing: getattr(thing, name)


def _constant(value: Any) -> Get:
    return lambda engine, thing: value


def _stack_service(name: str) -> Get:
    return lambda engine, thing: thing[name]


def _stack(engine: Engine, what: str) -> str:
    return engine.world.stack_name if what == "name" else engine.world.stack_version


def _version_configurations(_engine: Engine, version: model.ServiceConfigVersion) -> list[dict[str, Any]]:
    return [
        {
            "Config": {"cluster_name": _engine.world.name, "stack_id": _engine.world.stack},
            "type": configuration.type,
            "tag": configuration.tag,
            "version": configuration.version,
            "properties": configuration.properties,
            "properties_attributes": configuration.attributes,
        }
        for configuration in version.configurations
    ]


def _is_current(engine: Engine, version: model.ServiceConfigVersion) -> bool:
    return version.version == max(other.version for other in engine.world.service_config_versions if other.service == version.service)


def _with(category: str, properties: dict[str, Get]) -> dict[str, Get]:
    """Sorted, with the category before each name."""
    return {f"{category}/{name}": properties[name] for name in sorted(properties)}


_FALSE, _FALSE_TEXT, _NONE = _constant(False), _constant("false"), _constant(None)

KINDS: dict[str, Kind] = {
    "cluster": Kind(
        "Cluster",
        "Clusters",
        "cluster_name",
        _with(
            "Clusters",
            {
                "cluster_name": _cluster,
                "cluster_id": lambda engine, _: engine.world.id,
                "desired_configs": _desired_configs,
                "health_report": _health_report,
                "provisioning_state": lambda engine, _: "INSTALLED" if engine.world.services else "INIT",
                "security_type": _constant("NONE"),
                "total_hosts": lambda engine, _: len(engine.world.hosts),
                "version": lambda engine, _: engine.world.stack,
            },
        ),
        subs={
            "hosts": ("host", lambda engine, _: list(engine.world.hosts.values())),
            "services": ("service", lambda engine, _: list(engine.world.services.values())),
        },
    ),
    "service": Kind(
        "Service",
        "ServiceInfo",
        "service_name",
        {
            **_with(
                "ServiceInfo",
                {
                    "cluster_name": _cluster,
                    "credential_store_enabled": _FALSE_TEXT,
                    "credential_store_supported": _FALSE_TEXT,
                    "desired_repository_version_id": _constant(1),
                    "desired_stack": lambda engine, _: _stack_id(engine),
                    "kerberos_enabled": _FALSE,
                    "ldap_integration_desired": _FALSE,
                    "ldap_integration_enabled": _FALSE,
                    "ldap_integration_supported": _FALSE,
                    "maintenance_state": _attribute("maintenance"),
                    "repository_state": _constant("NOT_REQUIRED"),
                    "service_name": _attribute("name"),
                    "sso_integration_desired": _FALSE,
                    "sso_integration_enabled": _FALSE,
                    "sso_integration_requires_kerberos": _FALSE,
                    "sso_integration_supported": _FALSE,
                    "state": lambda engine, service: model.service_state(engine.world, service.name),
                },
            ),
            "alerts_summary": lambda engine, service: _alerts_summary(_alerts_of(engine, service=service.name), engine),
        },
        parents=("cluster_name",),
        subs={
            "alerts": ("alert", lambda engine, service: _alerts_of(engine, service=service.name)),
            "components": ("component", lambda engine, service: [c for c in engine.world.components.values() if c.service == service.name]),
            "artifacts": ("alert", lambda engine, service: []),
        },
        states=frozenset({"ServiceInfo/state"}),
    ),
    "component": Kind(
        "Component",
        "ServiceComponentInfo",
        "component_name",
        _with(
            "ServiceComponentInfo",
            {
                "category": _attribute("category"),
                "cluster_name": _cluster,
                "component_name": _attribute("name"),
                "desired_stack": lambda engine, _: engine.world.stack,
                "desired_version": lambda engine, _: engine.world.repository,
                "display_name": lambda engine, component: engine.world.display_name(component.name),
                "init_count": _count("INIT"),
                "install_failed_count": _count("INSTALL_FAILED"),
                "installed_and_maintenance_off_count": lambda engine, component: sum(
                    hc.state == "INSTALLED" and model.maintenance_of(engine.world, hc) == "OFF"
                    for hc in engine.world.of_component(component.name)
                ),
                "installed_count": _count("INSTALLED"),
                "recovery_enabled": _FALSE_TEXT,
                "repository_state": _constant("NOT_REQUIRED"),
                "service_name": _attribute("service"),
                "started_count": _count("STARTED"),
                "state": _attribute("desired_state"),
                "total_count": _count(None),
                "unknown_count": _count("UNKNOWN"),
            },
        ),
        parents=("cluster_name", "service_name"),
        subs={"host_components": ("host_component", lambda engine, component: engine.world.of_component(component.name))},
    ),
    "host": Kind(
        "Host",
        "Hosts",
        "host_name",
        {
            **_with(
                "Hosts",
                {
                    "cluster_name": lambda engine, _: engine.world.name or MISSING,
                    "host_health_report": _constant(""),
                    "host_name": _attribute("name"),
                    "host_state": _attribute("state"),
                    "host_status": lambda engine, host: model.host_status(engine.world, host),
                    "ip": _constant("127.0.0.1"),
                    "last_heartbeat_time": lambda engine, host: _milliseconds(engine.heartbeat(host.name)),
                    "maintenance_state": _attribute("maintenance"),
                    "os_type": _constant("redhat8"),
                    "public_host_name": _attribute("name"),
                    "rack_info": _constant("/default-rack"),
                    "recovery_summary": _constant("DISABLED"),
                },
            ),
            "alerts_summary": lambda engine, host: _alerts_summary(_alerts_of(engine, host=host.name), engine),
        },
        parents=("cluster_name",),
        subs={"host_components": ("host_component", lambda engine, host: engine.world.of_host(host.name))},
    ),
    "host_component": Kind(
        "HostComponent",
        "HostRoles",
        "component_name",
        _with(
            "HostRoles",
            {
                "cluster_name": _cluster,
                "component_name": _attribute("component"),
                "desired_repository_version": lambda engine, _: engine.world.repository,
                "desired_stack_id": lambda engine, _: engine.world.stack,
                "desired_state": _attribute("desired_state"),
                "display_name": lambda engine, hc: engine.world.display_name(hc.component),
                "host_name": _attribute("host"),
                "maintenance_state": lambda engine, hc: model.maintenance_of(engine.world, hc),
                "public_host_name": _attribute("host"),
                "reload_configs": _FALSE,
                "service_name": _attribute("service"),
                "stale_configs": lambda engine, hc: engine.world.stale(hc),
                "state": _attribute("state"),
                "upgrade_state": _constant("NONE"),
                "version": _constant("UNKNOWN"),
            },
        ),
        parents=("cluster_name", "host_name"),
    ),
    "request": Kind(
        "Request",
        "Requests",
        "id",
        _with(
            "Requests",
            {
                "aborted_task_count": _counted("ABORTED"),
                "cluster_name": _cluster,
                "completed_task_count": _counted(*model.FINISHED),
                "create_time": lambda engine, request: _milliseconds(request.created),
                "end_time": _request_end,
                "exclusive": _FALSE,
                "failed_task_count": _counted("FAILED"),
                "id": _attribute("id"),
                "operation_level": _attribute("level"),
                "progress_percent": lambda engine, request: model.progress(request.tasks),
                "queued_task_count": _counted("QUEUED"),
                "request_context": _attribute("context"),
                "request_schedule": lambda engine, request: {"schedule_id": request.schedule} if request.schedule else None,
                "request_status": lambda engine, request: model.request_status(request.tasks),
                "resource_filters": _attribute("filters"),
                "start_time": _request_start,
                "task_count": lambda engine, request: len(request.tasks),
                "timed_out_task_count": _counted("TIMEDOUT"),
                "type": _attribute("kind"),
                "user_name": _attribute("user"),
            },
        ),
        parents=("cluster_name",),
        subs={
            "stages": ("stage", lambda engine, request: [(request, number) for number in request.stages]),
            "tasks": ("task", lambda engine, request: request.tasks),
        },
        query_in_href=False,
    ),
    "stage": Kind(
        "Stage",
        "Stage",
        "stage_id",
        _with(
            "Stage",
            {
                "cluster_name": _cluster,
                "context": lambda engine, stage: stage[0].context,
                "progress_percent": lambda engine, stage: model.progress(stage[0].stage(stage[1])),
                "request_id": lambda engine, stage: stage[0].id,
                "stage_id": lambda engine, stage: stage[1],
                "status": lambda engine, stage: model.request_status(stage[0].stage(stage[1])),
            },
        ),
        parents=("cluster_name", "request_id"),
        subs={"tasks": ("task", lambda engine, stage: stage[0].stage(stage[1]))},
    ),
    "task": Kind(
        "Task",
        "Tasks",
        "id",
        _with(
            "Tasks",
            {
                "attempt_cnt": _constant(1),
                "cluster_name": _cluster,
                "command": _attribute("command"),
                "command_detail": _attribute("detail"),
                "custom_command_name": lambda engine, task: task.custom or MISSING,
                "end_time": lambda engine, task: _milliseconds(task.end),
                "error_log": lambda engine, task: f"{AGENT_DATA}/errors-{task.id}.txt",
                "exit_code": _constant(0),  # Ambari says 0 of failed tasks, too
                "host_name": _attribute("host"),
                "id": _attribute("id"),
                "ops_display_name": _NONE,
                "output_log": lambda engine, task: f"{AGENT_DATA}/output-{task.id}.txt",
                "request_id": _attribute("request"),
                "role": _attribute("role"),
                "stage_id": _attribute("stage"),
                "start_time": lambda engine, task: _milliseconds(task.start),
                "status": _attribute("status"),
                "stderr": _attribute("stderr"),
                "stdout": _attribute("stdout"),
            },
        ),
        parents=("cluster_name", "request_id", "stage_id"),
    ),
    "request_schedule": Kind(
        "RequestSchedule",
        "RequestSchedule",
        "id",
        _with(
            "RequestSchedule",
            {
                "authenticated_user": _constant(1),
                "batch": _batch,
                "cluster_name": _cluster,
                "create_time": lambda engine, schedule: _day(schedule.created),
                "create_user": _attribute("user"),
                "description": _attribute("description"),
                "id": _attribute("id"),
                "last_execution_status": _attribute("last"),
                "schedule": _NONE,
                "status": _attribute("status"),
                "update_time": lambda engine, schedule: _day(schedule.updated),
                "update_user": _attribute("user"),
            },
        ),
        parents=("cluster_name",),
    ),
    "alert": Kind(
        "Alert",
        "Alert",
        "id",
        _with(
            "Alert",
            {
                "cluster_name": _cluster,
                "component_name": _attribute("component"),
                "definition_id": _attribute("definition"),
                "definition_name": _of_alert("name"),
                "firmness": _attribute("firmness"),
                "host_name": _attribute("host"),
                "id": _attribute("id"),
                "instance": _NONE,
                "label": _of_alert("label"),
                "latest_timestamp": _attribute("latest"),
                "maintenance_state": lambda engine, alert: alert_maintenance(engine.world, alert),
                "occurrences": _attribute("occurrences"),
                "original_timestamp": _attribute("original"),
                "repeat_tolerance": _constant(1),
                "repeat_tolerance_remaining": lambda engine, alert: 0 if alert.firmness == "HARD" else 1,
                "scope": lambda engine, alert: engine.world.definitions[alert.definition].data.get("scope"),
                "service_name": _of_alert("service"),
                "state": _attribute("state"),
                "text": _attribute("text"),
            },
        ),
        parents=("cluster_name",),
    ),
    "alert_definition": Kind(
        "AlertDefinition",
        "AlertDefinition",
        "id",
        _with(
            "AlertDefinition",
            {
                "cluster_name": _cluster,
                "component_name": _attribute("component"),
                "description": _definition_data("description"),
                "enabled": _attribute("enabled"),
                "help_url": _definition_data("help_url"),
                "id": _attribute("id"),
                "ignore_host": lambda engine, definition: definition.data.get("ignore_host", False),
                "interval": _definition_data("interval"),
                "label": _attribute("label"),
                "name": _attribute("name"),
                "repeat_tolerance": lambda engine, definition: definition.data.get("repeat_tolerance", 1),
                "repeat_tolerance_enabled": lambda engine, definition: definition.data.get("repeat_tolerance_enabled", False),
                "scope": _definition_data("scope"),
                "service_name": _attribute("service"),
                "source": _definition_data("source"),
            },
        ),
        parents=("cluster_name",),
        always=("label", "name"),
    ),
    "alert_group": Kind(
        "AlertGroup",
        "AlertGroup",
        "id",
        _with(
            "AlertGroup",
            {
                "cluster_name": _cluster,
                "default": _attribute("default"),
                "definitions": _group_definitions,
                "id": _attribute("id"),
                "name": _attribute("name"),
                "targets": _group_targets,
            },
        ),
        parents=("cluster_name",),
    ),
    "alert_target": Kind(
        "AlertTarget",
        "AlertTarget",
        "id",
        _with(
            "AlertTarget",
            {
                "alert_states": _states,
                "description": _attribute("description"),
                "enabled": _attribute("enabled"),
                "global": _attribute("everywhere"),
                "groups": _target_groups,
                "id": _attribute("id"),
                "name": _attribute("name"),
                "notification_type": _attribute("type"),
                "properties": lambda engine, target: target.properties or None,
            },
        ),
        always=("description", "enabled", "name", "notification_type"),
        hidden=frozenset({"AlertTarget/properties"}),
    ),
    "alert_notice": Kind(
        "AlertNotice",
        "AlertNotice",
        "id",
        _with(
            "AlertNotice",
            {
                "cluster_name": _cluster,
                "history_id": _attribute("history"),
                "id": _attribute("id"),
                "notification_state": _attribute("state"),
                "service_name": _of_notice(lambda event, engine: engine.world.definitions[event.definition].service),
                "target_id": _attribute("target"),
                "target_name": lambda engine, notice: (
                    engine.world.targets[notice.target].name if notice.target in engine.world.targets else None
                ),
                "uuid": _attribute("uuid"),
            },
        ),
        parents=("cluster_name",),
    ),
    "alert_history": Kind(
        "AlertHistory",
        "AlertHistory",
        "id",
        _with(
            "AlertHistory",
            {
                "cluster_name": _cluster,
                "component_name": _attribute("component"),
                "definition_id": _attribute("definition"),
                "definition_name": _of_alert("name"),
                "host_name": _attribute("host"),
                "id": _attribute("id"),
                "instance": _NONE,
                "label": _of_alert("label"),
                "service_name": _of_alert("service"),
                "state": _attribute("state"),
                "text": _attribute("text"),
                "timestamp": _attribute("moment"),
            },
        ),
        parents=("cluster_name",),
    ),
    "configuration": Kind(
        "Configuration",
        "",
        "tag",
        {
            "tag": _attribute("tag"),
            "type": _attribute("type"),
            "version": _attribute("version"),
            "Config/cluster_name": _cluster,
            "Config/stack_id": lambda engine, _: engine.world.stack,
            "properties": _attribute("properties"),
            "properties_attributes": lambda engine, configuration: configuration.attributes or MISSING,
        },
        always=("type", "version", "Config/cluster_name", "Config/stack_id"),
    ),
    "service_config_version": Kind(
        "ServiceConfigVersion",
        "",
        "service_config_version",
        {
            "cluster_name": _cluster,
            "configurations": _version_configurations,
            "createtime": lambda engine, version: _milliseconds(version.created),
            "group_id": _constant(-1),
            "group_name": _constant("Default"),
            "hosts": _constant([]),
            "is_cluster_compatible": _constant(True),
            "is_current": _is_current,
            "service_config_version": _attribute("version"),
            "service_config_version_note": _attribute("note"),
            "service_name": _attribute("service"),
            "stack_id": lambda engine, _: engine.world.stack,
            "user": _attribute("user"),
        },
    ),
    "ambari_server": Kind(
        "RootServiceComponent",
        "RootServiceComponents",
        "component_name",
        {
            **_with(
                "RootServiceComponents",
                {
                    "component_name": _constant("AMBARI_SERVER"),
                    "component_version": lambda engine, _: engine.world.version,
                    "server_clock": lambda engine, _: int(engine.clock.now()),
                    "service_name": _constant("AMBARI"),
                },
            ),
            "RootServiceComponents/properties": _constant({"server.os_type": "ubuntu22"}),
        },
        parents=("service_name",),
        subs={"hostComponents": ("alert", lambda engine, _: []), "configurations": ("alert", lambda engine, _: [])},
    ),
    "stack_service": Kind(
        "StackService",
        "StackServices",
        "service_name",
        _with(
            "StackServices",
            {
                "service_name": _stack_service("service_name"),
                "service_type": _stack_service("service_type"),
                "service_version": _stack_service("service_version"),
                "stack_name": lambda engine, _: _stack(engine, "name"),
                "stack_version": lambda engine, _: _stack(engine, "version"),
            },
        ),
        parents=("stack_name", "stack_version"),
        subs={"components": ("stack_component", lambda engine, service: stack_components(engine, service["service_name"]))},
    ),
    "stack_component": Kind(
        "StackServiceComponent",
        "StackServiceComponents",
        "component_name",
        _with(
            "StackServiceComponents",
            {
                "cardinality": _stack_service("cardinality"),
                "component_category": _stack_service("component_category"),
                "component_name": _stack_service("component_name"),
                "custom_commands": _stack_service("custom_commands"),
                "display_name": _stack_service("display_name"),
                "is_client": lambda engine, component: component["component_category"] == model.CLIENT,
                "is_master": lambda engine, component: component["component_category"] == model.MASTER,
                "rolling_restart_supported": _FALSE,
                "service_name": _stack_service("service_name"),
                "stack_name": lambda engine, _: _stack(engine, "name"),
                "stack_version": lambda engine, _: _stack(engine, "version"),
            },
        ),
        parents=("service_name", "stack_name", "stack_version"),
    ),
}


def stack_services(engine: Engine) -> list[dict[str, Any]]:
    """The services of the stack: those of the description's catalogue, or those that are known, without versions."""
    catalogue = engine.world.stack_catalogue.get("services")
    if catalogue:
        return [{"service_name": name, **catalogue[name]} for name in sorted(catalogue)]
    return [{"service_name": name, "service_type": None, "service_version": None} for name in sorted(engine.world.known)]


def stack_components(engine: Engine, service: str) -> list[dict[str, Any]]:
    """A service's components with category, display name and what the catalogue knows of them."""
    details = engine.world.stack_catalogue.get("components", {})
    return [
        {
            "component_name": name,
            "component_category": category,
            "service_name": service,
            "cardinality": None,
            "custom_commands": sorted(engine.world.custom_commands.get(name, ())),
            "display_name": engine.world.display_name(name),
            **details.get(name, {}),
        }
        for name, category in sorted(engine.world.known.get(service, {}).items())
    ]


def alerts(engine: Engine, service: str | None = None, host: str | None = None) -> list[model.Alert]:
    """Current alerts, sorted as the API has them."""
    return _alerts_of(engine, service, host)
