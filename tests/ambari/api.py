# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ambari's REST API without the network: a request in, an answer out."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from ansible_collections.koverse.runbook.tests.ambari import changes, model
from ansible_collections.koverse.runbook.tests.ambari.changes import Answer, Call, Crash, Refusal
from ansible_collections.koverse.runbook.tests.ambari.engine import Engine, alert_maintenance
from ansible_collections.koverse.runbook.tests.ambari.order import java_order
from ansible_collections.koverse.runbook.tests.ambari.query import BadQuery, Query, parse
from ansible_collections.koverse.runbook.tests.ambari.resources import KINDS, View, alerts, stack_components, stack_services

PLAIN, TEXT, JSON = "text/plain;charset=iso-8859-1", "text/plain;charset=utf-8", "application/json;charset=utf-8"
PREFIX = "/api/v1"


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request; `path` without the prefix /api/v1, `raw_query` decoded."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: str
    root: str
    user: str


@dataclasses.dataclass(frozen=True)
class Reply:
    """`content_type` None: the answer has none."""

    status: int
    body: str = ""
    content_type: str | None = None


Handler = Callable[..., Any]


class Api:
    """`stack` is `3.0` or `2.7`: what is known to differ between Ambari's versions.

    2.7 takes a state in the URL of a PUT of services (`PUT /services?ServiceInfo/state=INSTALLED` is its documented "start all"). 3.0
    answers that with 400, unless no service has that state; the words of the 400 were not recorded.
    """

    def __init__(self, engine: Engine, stack: str = "3.0") -> None:
        self.engine = engine
        self.stack = stack
        engine.post = self._post_batch
        self._routes = [(re.compile(pattern + "/?"), methods) for pattern, methods in _routes(self)]

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: str, root: str) -> Reply:
        """`target` as in the request line; `headers` with names in lower case; `root` is the scheme and authority for hrefs."""
        path, _mark, raw_query = target.partition("?")
        echo = JSON if headers.get("content-type", "").startswith("application/json") else None
        try:
            user = self._sign_in(headers)
        except Refusal as refusal:
            return _plain(refusal.status, refusal.message)
        asked = Asked(method, unquote(path).removeprefix(PREFIX), unquote(raw_query), headers, body, root, user)
        if method != "GET" and "x-requested-by" not in headers:
            return _error(Refusal(400, "CSRF protection is turned on. X-Requested-By HTTP header is required."), echo)
        found = self._find(asked.path)
        if not path.startswith(PREFIX + "/") or found is None:
            return Reply(404, content_type=echo)
        handler, parts = found[0].get(method), found[1]
        if handler is None:
            return Reply(405, content_type=echo)
        if not _accepts_text(headers.get("accept", "*/*")):
            return Reply(406, content_type=echo)
        with self.engine.lock:
            return self._answer(handler, asked, parts, echo)

    def _answer(self, handler: Handler, asked: Asked, parts: tuple[str, ...], echo: str | None) -> Reply:
        try:
            self._check_cluster(asked, parts)
            if asked.method == "GET":
                status, shown = 200, handler(self._view(asked), asked, *parts)
            else:
                info, body = changes.read_body(asked.body)
                call = Call(self.engine, asked.user, _parsed(asked.raw_query), info, body)
                status, shown = handler(call, *parts)
                shown = _absolute(shown, asked.root)
        except Refusal as refusal:
            return _error(refusal, echo)
        except Crash:
            return _plain(500, f"Internal server error, please refer the exception by {uuid.uuid4()} in the server log file")
        finally:
            if asked.method != "GET":
                self.engine.changed()
        return Reply(status, "" if shown is None else _json(shown), echo or TEXT)

    def _check_cluster(self, asked: Asked, parts: tuple[str, ...]) -> None:
        creates = asked.method == "POST" and len(parts) == 1 and asked.path.count("/") == 2
        if asked.path.startswith("/clusters/") and not creates and parts[0] != self.engine.world.name:
            word = "requested" if asked.method == "GET" else "specified"
            raise Refusal(404, f"The {word} resource doesn't exist: Cluster not found, clusterName={parts[0]}")

    def _sign_in(self, headers: Mapping[str, str]) -> str:
        scheme, _space, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise Refusal(403, "Missing authentication token")
        try:
            name, _colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(403, "Missing authentication token") from None
        user = self.engine.world.users.get(name)
        if user is None or user.password != password or not user.active:
            raise Refusal(403, "Unable to sign in. Invalid username/password combination.")
        if user.role is None:  # not recorded: the words of Ambari's authorization filter
            raise Refusal(403, "You do not have permissions to access this resource.")
        return name

    def _find(self, path: str) -> tuple[dict[str, Handler], tuple[str, ...]] | None:
        for pattern, methods in self._routes:
            found = pattern.fullmatch(path)
            if found:
                return methods, found.groups()
        return None

    def _view(self, asked: Asked) -> View:
        return View(self.engine, asked.root, _parsed(asked.raw_query), "/hosts/" in asked.path)

    # ----- GET

    def collection(self, kind: str, things: Callable[..., list[Any]]) -> Handler:
        """A handler that shows what `things`, called with the path's parts, gives."""

        def get(view: View, asked: Asked, *parts: str) -> Any:
            found = things(*parts)
            _check_query(view.query, kind)
            if kind == "alert_target" and view.query.properties and not all(p.endswith("/id") for p in view.query.properties):
                found = []  # Ambari evaluates such predicates before it has read the properties
            return view.many(KINDS[kind], found, PREFIX + asked.path.rstrip("/"), asked.raw_query)

        return get

    def single(self, kind: str, thing: Callable[..., Any]) -> Handler:
        def get(view: View, asked: Asked, *parts: str) -> Any:
            found = thing(*parts)
            _check_query(view.query, kind)
            return view.one(KINDS[kind], found, PREFIX + asked.path.rstrip("/"), asked.raw_query)

        return get

    def service(self, cluster: str, name: str) -> model.Service:
        if name not in self.engine.world.services:
            raise _missing(f"Service not found, clusterName={cluster}, serviceName={name}")
        return self.engine.world.services[name]

    def component(self, cluster: str, service: str | None, name: str) -> model.Component:
        world = self.engine.world
        found = world.components.get(name)
        if service is not None:
            self.service(cluster, service)
        if found is None or service not in (None, found.service):
            raise _missing(f"ServiceComponent not found, clusterName={cluster}, serviceName={service}, serviceComponentName={name}")
        return found

    def host(self, cluster: str | None, name: str) -> model.Host:
        if name not in self.engine.world.hosts:
            raise _missing(f"Host not found, cluster={cluster or 'null'}, hostname={name}")
        return self.engine.world.hosts[name]

    def components_of(self, cluster: str, service: str) -> list[model.Component]:
        name = self.service(cluster, service).name
        return [component for component in self.engine.world.components.values() if component.service == name]

    def host_components_of(self, cluster: str, host: str) -> list[model.HostComponent]:
        return self.engine.world.of_host(self.host(cluster, host).name)

    def stages(self, cluster: str, number: str) -> list[tuple[model.Request, int]]:
        request = self.request(cluster, number)
        return [(request, stage) for stage in request.stages]

    def host_component(self, cluster: str, host: str, name: str) -> model.HostComponent:
        self.host(cluster, host)
        return self._placed(cluster, host, name)

    def _placed(self, cluster: str, host: str, name: str) -> model.HostComponent:
        world = self.engine.world
        found = world.find(host, name)
        if found is None:
            service = world.components[name].service if name in world.components else "null"
            place = f"clusterName={cluster}, serviceName={service}, serviceComponentName={name}, hostName={host}"
            raise _missing(f"ServiceComponentHost not found, {place}")
        return found

    def request(self, cluster: str, number: str) -> model.Request:
        found = self.engine.world.requests.get(_number(number))
        if found is None:
            raise Refusal(404, "Request resource doesn't exist.")
        return found

    def task(self, cluster: str, number: str, task: str) -> model.Task:
        wanted = _number(task)
        found = next((t for t in self.request(cluster, number).tasks if t.id == wanted), None)
        if found is None:
            raise Refusal(404, "Task resource doesn't exist.")
        return found

    def numbered(self, kind: str, things: Callable[[model.World], Mapping[int, Any]], in_cluster: bool = True) -> Callable[..., Any]:
        """A resource that is found by its number."""

        def find(*parts: str) -> Any:
            found = things(self.engine.world).get(_number(parts[-1]))
            if found is None:
                where = f"{kind}/cluster_name={parts[0]} AND " if in_cluster and kind != "RequestSchedule" else ""
                after = f" AND {kind}/cluster_name={parts[0]}" if kind == "RequestSchedule" else ""
                raise _missing(f"{kind} not found where {where}{kind}/id={parts[-1]}{after}.")
            return found

        return find

    def get_alerts(self, view: View, asked: Asked, service: str | None = None, host: str | None = None) -> Any:
        """Current alerts, or their counts."""
        wanted = view.query.switches.get("format")
        found = [alert for alert in alerts(self.engine, service, host) if view.query.predicate(KINDS["alert"].lookup(self.engine, alert))]
        href = {"href": view.root + PREFIX + asked.path + (f"?{asked.raw_query}" if asked.raw_query else "")}
        if wanted == "summary":
            return {**href, "alerts_summary": self._summary(found, texts=False)}
        if wanted == "groupedSummary":
            return {**href, "alerts_summary_grouped": self._grouped(found)}
        _check_query(view.query, "alert")
        return view.many(KINDS["alert"], found, PREFIX + asked.path, asked.raw_query)

    def _grouped(self, found: list[model.Alert]) -> list[dict[str, Any]]:
        definitions = self.engine.world.definitions
        names = {definitions[alert.definition].name: alert.definition for alert in found}
        return [
            {
                "definition_id": names[name],
                "definition_name": name,
                "summary": self._summary([alert for alert in found if alert.definition == names[name]], texts=True),
            }
            for name in java_order(names)
        ]

    def _summary(self, found: list[model.Alert], texts: bool) -> dict[str, Any]:
        summary = {}
        for state in ("OK", "WARNING", "CRITICAL", "UNKNOWN"):
            mine = [alert for alert in found if alert.state == state]
            loud = [alert for alert in mine if alert_maintenance(self.engine.world, alert) == "OFF"]
            latest = max(mine, key=lambda alert: alert.original, default=None)
            shown: dict[str, Any] = {
                "count": len(loud),
                "original_timestamp": latest.original if latest else 0,
                "maintenance_count": len(mine) - len(loud),
            }
            if texts and latest:
                shown["latest_text"] = latest.text
            summary[state] = shown
        return summary

    def configurations(self) -> list[model.Configuration]:
        return [version for kind in sorted(self.engine.world.configurations) for version in self.engine.world.configurations[kind]]

    def get_configurations(self, view: View, asked: Asked, cluster: str) -> Any:
        """With the properties where one version is asked for by its tag."""
        query = view.query
        if "tag" in query.properties or "properties" in (query.fields or ()):
            query = dataclasses.replace(query, fields=(*(query.fields or ()), "properties", "properties_attributes"))
        return View(self.engine, view.root, query).many(KINDS["configuration"], self.configurations(), PREFIX + asked.path, asked.raw_query)

    def get_service_config_versions(self, view: View, asked: Asked, cluster: str) -> Any:
        """Always with all fields."""
        query = dataclasses.replace(view.query, fields=("*",))
        things = self.engine.world.service_config_versions
        return View(self.engine, view.root, query).many(KINDS["service_config_version"], things, PREFIX + asked.path, asked.raw_query)

    def stack_is(self, name: str, version: str) -> None:
        if (name, version) != (self.engine.world.stack_name, self.engine.world.stack_version):
            raise _missing(f"Stack data, stackName={name}, stackVersion={version}")

    def stack_services(self, name: str, version: str) -> list[dict[str, Any]]:
        self.stack_is(name, version)
        return stack_services(self.engine)

    def stack_components(self, name: str, version: str, service: str) -> list[dict[str, Any]]:
        self.stack_is(name, version)
        return stack_components(self.engine, service)

    # ----- changes

    def put_services(self, call: Call, cluster: str) -> Answer:
        kind, query = KINDS["service"], call.query
        _check_query(query, "service")
        services = [s for s in self.engine.world.services.values() if query.predicate(kind.lookup(self.engine, s))]
        if services and "ServiceInfo/state" in query.properties and self.stack == "3.0":
            raise Refusal(400, changes.unsupported(["ServiceInfo/state"], kind))
        return changes.put_services(call, [service.name for service in services])

    def put_service(self, call: Call, cluster: str, name: str) -> Answer:
        if name not in self.engine.world.services:
            raise Refusal(404, f"The specified resource doesn't exist: Service not found, clusterName={cluster}, serviceName={name}")
        if call.body is None:
            return 200, None
        return changes.put_services(call, [name])

    def post_service(self, call: Call, cluster: str, name: str) -> Answer:
        call.require("CLUSTER.ADMINISTRATOR", "create")
        if name in self.engine.world.services:
            raise Refusal(409, f"Attempted to create a service which already exists: , clusterName={cluster} serviceName={name}")
        self.engine.world.services[name] = model.Service(name, "INIT")
        return 201, None

    def put_host_component(self, call: Call, cluster: str, host: str, name: str) -> Answer:
        self._parent_host(cluster, host)
        return changes.put_host_components(call, [self._placed(cluster, host, name)])

    def put_host_components_of(self, call: Call, cluster: str, host: str) -> Answer:
        self._parent_host(cluster, host)
        return changes.put_host_components(call, self.engine.world.of_host(host))

    def _parent_host(self, cluster: str, host: str) -> None:
        if host not in self.engine.world.hosts:
            words = f"Host not found, cluster={cluster}, hostname={host}"
            raise Refusal(404, f"Parent Host resource doesn't exist.  {words}.  {words}")

    def put_host_components(self, call: Call, cluster: str) -> Answer:
        _check_query(call.query, "host_component")
        return changes.put_host_components(call, self.engine.world.host_components)

    def put_hosts(self, call: Call, cluster: str) -> Answer:
        kind = KINDS["host"]
        predicates = (call.query.predicate, parse(str(call.info.get("query", ""))).predicate)
        hosts = [h for h in self.engine.world.hosts.values() if all(p(kind.lookup(self.engine, h)) for p in predicates)]
        return changes.put_hosts(call, hosts)

    def put_host(self, call: Call, cluster: str, name: str) -> Answer:
        return changes.put_hosts(call, [self.host(cluster, name)])

    def post_repository_version(self, call: Call, name: str, version: str) -> Answer:
        """Taken, and not looked at."""
        call.require("AMBARI.ADMINISTRATOR", "create")
        self.stack_is(name, version)
        return 201, None

    def _post_batch(self, schedule: model.Schedule, batch: model.Batch) -> tuple[int, int | None]:
        """A batch of a schedule is a request like one from outside, in the name of who made the schedule."""
        info, body = changes.read_body(batch.body)
        call = Call(self.engine, schedule.user, parse(""), info, body)
        try:
            status, shown = changes.post_request(call)
        except Refusal as refusal:
            return refusal.status, None
        except Crash:
            return 500, None
        number = shown["Requests"]["id"] if shown else None
        if number is not None:
            self.engine.world.requests[number].schedule = schedule.id
        return status, number


def _routes(api: Api) -> list[tuple[str, dict[str, Handler]]]:
    """Path patterns, and what is done for each method. That the cluster of a path exists has been checked before."""
    cluster, host, service, part = "/clusters/([^/]+)", "/hosts/([^/]+)", "/services/([^/]+)", "/([^/]+)"
    many, single = api.collection, api.single

    def everything(get: Callable[[model.World], Any]) -> Callable[..., list[Any]]:
        """All things of a kind, whatever the path's parts are."""

        def things(*_parts: str) -> list[Any]:
            found = get(api.engine.world)
            return list(found.values()) if isinstance(found, dict) else list(found)

        return things

    def change(function: Callable[..., Answer]) -> Handler:
        """A change of the cluster, or of something in it that has a number."""

        def handler(call: Call, _cluster: str, *numbers: str) -> Answer:
            return function(call, *map(_number, numbers))

        return handler

    def whole(_name: str) -> model.World:
        return api.engine.world

    group = api.numbered("AlertGroup", lambda world: world.groups)
    schedule = api.numbered("RequestSchedule", lambda world: world.schedules)
    alert = api.numbered("Alert", lambda world: {alert.id: alert for alert in world.alerts})
    event = api.numbered("AlertHistory", lambda world: {event.id: event for event in world.history})
    notice = api.numbered("AlertNotice", lambda world: {notice.id: notice for notice in world.notices})
    definition = api.numbered("AlertDefinition", lambda world: world.definitions)
    target = api.numbered("AlertTarget", lambda world: world.targets, in_cluster=False)
    stack = "/stacks/([^/]+)/versions/([^/]+)"
    table: dict[str, dict[str, Handler]] = {
        "/clusters": {"GET": many("cluster", lambda: [api.engine.world] if api.engine.world.name else [])},
        cluster: {"GET": single("cluster", whole), "PUT": change(changes.put_cluster), "POST": changes.post_cluster},
        f"{cluster}/services": {"GET": many("service", everything(lambda world: world.services)), "PUT": api.put_services},
        f"{cluster}{service}": {
            "GET": single("service", api.service),
            "PUT": api.put_service,
            "POST": api.post_service,
            "DELETE": lambda call, name, which: changes.delete_service(call, api.service(name, which).name),
        },
        f"{cluster}{service}/components": {"GET": many("component", api.components_of)},
        f"{cluster}{service}/components{part}": {"GET": single("component", api.component)},
        f"{cluster}{service}/alerts": {
            "GET": lambda view, asked, name, which: api.get_alerts(view, asked, service=api.service(name, which).name)
        },
        f"{cluster}/components": {"GET": many("component", everything(lambda world: world.components))},
        f"{cluster}/components{part}": {"GET": single("component", lambda name, which: api.component(name, None, which))},
        f"{cluster}/hosts": {"GET": many("host", everything(lambda world: world.hosts)), "PUT": api.put_hosts},
        f"{cluster}{host}": {"GET": single("host", api.host), "PUT": api.put_host},
        f"{cluster}{host}/host_components": {"GET": many("host_component", api.host_components_of), "PUT": api.put_host_components_of},
        f"{cluster}{host}/host_components{part}": {"GET": single("host_component", api.host_component), "PUT": api.put_host_component},
        f"{cluster}{host}/alerts": {"GET": lambda view, asked, name, which: api.get_alerts(view, asked, host=api.host(name, which).name)},
        f"{cluster}/host_components": {
            "GET": many("host_component", everything(lambda world: world.host_components)),
            "PUT": api.put_host_components,
        },
        f"{cluster}/requests": {"GET": many("request", everything(lambda world: world.requests)), "POST": change(changes.post_request)},
        f"{cluster}/requests{part}": {
            "GET": single("request", api.request),
            "PUT": lambda call, name, which: changes.put_request(call, api.request(name, which)),
        },
        f"{cluster}/requests{part}/tasks": {"GET": many("task", lambda name, which: api.request(name, which).tasks)},
        f"{cluster}/requests{part}/tasks{part}": {"GET": single("task", api.task)},
        f"{cluster}/requests{part}/stages": {"GET": many("stage", api.stages)},
        f"{cluster}/request_schedules": {
            "GET": many("request_schedule", everything(lambda world: world.schedules)),
            "POST": change(changes.post_schedule),
        },
        f"{cluster}/request_schedules{part}": {
            "GET": single("request_schedule", schedule),
            "DELETE": lambda call, name, which: changes.delete_schedule(call, schedule(name, which)),
        },
        f"{cluster}/alerts": {"GET": lambda view, asked, name: api.get_alerts(view, asked)},
        f"{cluster}/alerts{part}": {"GET": single("alert", alert)},
        f"{cluster}/alert_definitions": {"GET": many("alert_definition", everything(lambda world: world.definitions))},
        f"{cluster}/alert_definitions{part}": {"GET": single("alert_definition", definition), "PUT": change(changes.put_definition)},
        f"{cluster}/alert_groups": {"GET": many("alert_group", everything(lambda world: world.groups)), "POST": change(changes.post_group)},
        f"{cluster}/alert_groups{part}": {
            "GET": single("alert_group", group),
            "PUT": change(changes.put_group),
            "DELETE": change(changes.delete_group),
        },
        f"{cluster}/alert_history": {"GET": many("alert_history", everything(lambda world: world.history))},
        f"{cluster}/alert_history{part}": {"GET": single("alert_history", event)},
        f"{cluster}/alert_notices": {"GET": many("alert_notice", everything(lambda world: world.notices))},
        f"{cluster}/alert_notices{part}": {"GET": single("alert_notice", notice)},
        f"{cluster}/configurations": {"GET": api.get_configurations},
        f"{cluster}/configurations/service_config_versions": {"GET": api.get_service_config_versions},
        "/alert_targets": {"GET": many("alert_target", everything(lambda world: world.targets)), "POST": changes.post_target},
        f"/alert_targets{part}": {
            "GET": single("alert_target", target),
            "PUT": lambda call, which: changes.put_target(call, _number(which)),
            "DELETE": lambda call, which: changes.delete_target(call, _number(which)),
        },
        "/hosts": {"GET": many("host", everything(lambda world: world.hosts))},
        host: {"GET": single("host", lambda name: api.host(None, name))},
        "/services/AMBARI/components/AMBARI_SERVER": {"GET": single("ambari_server", lambda: api.engine.world)},
        f"/blueprints{part}": {"POST": changes.post_blueprint},
        f"{stack}/repository_versions": {"POST": api.post_repository_version},
        f"{stack}/services": {"GET": many("stack_service", api.stack_services)},
        f"{stack}/services{part}/components": {"GET": many("stack_component", api.stack_components)},
    }
    return list(table.items())


def _missing(words: str) -> Refusal:
    return Refusal(404, f"The requested resource doesn't exist: {words}")


def _number(text: str) -> int:
    if not text.isdigit():
        raise Refusal(400, f'Invalid Request: For input string: "{text}"')
    return int(text)


def _parsed(raw_query: str) -> Query:
    try:
        return parse(raw_query)
    except BadQuery as bad:
        raise Refusal(400, f"Invalid Request: Unable to compile query predicate: {bad}") from None


def _check_query(query: Query, kind: str) -> None:
    """Refuse unknown properties, and values that are no states."""
    known = KINDS[kind]
    unknown = [name for name in dict.fromkeys((*(query.fields or ()), *query.properties)) if not known.knows(name)]
    if unknown:
        raise Refusal(400, changes.unsupported(unknown, known))
    for name, value in query.values:
        if name in known.states and value not in model.STATES:
            raise Refusal(400, f"Invalid Request: No enum constant org.apache.ambari.server.state.State.{value}")


def _accepts_text(accept: str) -> bool:
    """Resources produce text/plain only; other media types are refused although JSON is what comes."""
    return any(part.split(";")[0].strip() in ("*/*", "text/*", "text/plain") for part in accept.split(","))


def _error(refusal: Refusal, echo: str | None) -> Reply:
    return Reply(refusal.status, _json({"status": refusal.status, "message": refusal.message}), echo or TEXT)


def _plain(status: int, message: str | None) -> Reply:
    """What the login filter and the error filter write: another way to space JSON, always as text."""
    return Reply(status, json.dumps({"status": status, "message": message}, indent=2), PLAIN)


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, separators=(",", " : "), ensure_ascii=False)


def _absolute(shown: Any, root: str) -> Any:
    """hrefs of answers to changes, with scheme and authority."""
    if isinstance(shown, dict):
        return {key: root + value if key == "href" else _absolute(value, root) for key, value in shown.items()}
    return [_absolute(part, root) for part in shown] if isinstance(shown, list) else shown
