# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Ambari's REST API, 2.7 and 3.0; how it behaves was recorded from a real server (tests/ambari/recordings).

`Server` speaks HTTP, `Cluster` reads, `Change` brings host components to a state and stays until they are there. What it stands:

- A 202 says that a request was queued, a 200 with an empty body that nothing was: because there is nothing to do, because the instance
  is in maintenance, or because its host is lost. Only a look at the states tells which. So each change is looked at before and after.
- A request is over when all of its tasks are; it says FAILED before that, and COMPLETED where it left out hosts that are lost.
- A 500 may have created its request all the same, and so may a call that nobody answered. A request is known by its context, which is
  made unique for that.
- A server that is restarted turns its open requests into ABORTED. What is not there yet is then asked for again.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.parse
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils import urls
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

STARTED, STOPPED = "STARTED", "INSTALLED"  # "stopped" is called INSTALLED
ALERT_STATES = ("CRITICAL", "WARNING", "UNKNOWN", "SKIPPED", "OK")  # the worst first
FAILED = ("FAILED", "TIMEDOUT")  # of tasks
_OVER = ("COMPLETED", "ABORTED", *FAILED)
_UNDER_WAY = ("STARTING", "STOPPING", "INSTALLING", "UPGRADING")
# Whatever it is asked for, Ambari installs what is so.
_NOT_INSTALLED = ("INIT", "INSTALL_FAILED", "UNINSTALLING", "UNINSTALLED", "WIPING_OUT", "DISABLED")

_POLL, _LONGEST_POLL = 0.5, 3.0  # seconds between two looks at a request; each look takes half as long again
_REPORT = 60.0  # seconds in which an agent that has come back reports what runs
_SETTLE = 30.0  # seconds in which the states follow the end of a request: agents report every 10 s
_RESTARTED = 30.0  # seconds from a server's silence on, in which an abort is taken for its restart's and not for a person's
_SENDS = 3  # times that the same change is asked for, where the server was restarted meanwhile
_LAST_LINES = 8
_REQUESTS = 200  # the newest requests that are looked at; an older one that is not over yet would not be seen
_SILENT_STATUS = (502, 503, 504)  # a proxy's, or a server that is starting

STALE_DECISION = "What it starts or stops is not what this run has seen. Wait for its end, then run again"

Row = dict[str, Any]
Instance = tuple[str, str]  # component and host, in Ambari's names


class AmbariError(Exception):
    """What Ambari refuses, or answers wrongly. status: of HTTP; None where it was not that."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class NoContact(AmbariError):
    """Nobody answered: nothing is known of what was asked."""


class Server:
    """The HTTP side. Neither its texts nor its errors ever have the password in them."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        ca_path: str | None = None,
        validate_certs: bool = True,
        timeout: float = 30.0,
        patience: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """url: for example https://ambari.example.com:8443. timeout: seconds that a call may take; patience: seconds for which `get` asks a
        server again that does not answer. Raises AmbariError where the URL is none, or ca_path no file of certificates."""
        if "@" in url:
            raise AmbariError(
                "the URL of the Ambari server has a user in it: give user and password as such, they would be printed with it"
            )
        try:
            parts = urllib.parse.urlsplit(url)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError as error:
            raise AmbariError(f"'{url}' is no URL of an Ambari server ({error}): expected https://HOST:PORT") from error
        if not valid:
            raise AmbariError(f"'{url}' is no URL of an Ambari server: expected https://HOST:PORT")
        if ca_path:
            try:
                ssl.create_default_context(cafile=ca_path)
            except OSError as error:
                raise AmbariError(f"ca_path: '{ca_path}' cannot be read as a file of certificates ({error})") from error
        self.url = url.rstrip("/")
        self._login = {"url_username": username, "url_password": password, "force_basic_auth": True}
        self._username = username
        self._tls = {"ca_path": ca_path, "validate_certs": validate_certs}
        self._timeout, self.patience = timeout, patience
        self.clock, self.sleep = clock, sleep
        self.sent = False  # whether anything was sent that changes something

    def get(self, path: str, *query: str, patience: float | None = None) -> Any:
        """What a GET below /api/v1 answers. query: `fields=...` and predicates. Raises AmbariError, NoContact after `patience` seconds."""
        began, pause = self.clock(), _POLL
        while True:
            try:
                return self._send("GET", path, query)[1]
            except NoContact:
                if self.clock() - began >= (self.patience if patience is None else patience):
                    raise
            self.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)

    def version(self) -> str:
        """Ambari's own version."""
        answer = self.get("services/AMBARI/components/AMBARI_SERVER", fields("RootServiceComponents/component_version"))
        return str(answer["RootServiceComponents"]["component_version"])

    def alert_targets(self) -> dict[str, int]:
        """Name to number."""
        items = self.get("alert_targets", fields("AlertTarget/id", "AlertTarget/name"))["items"]
        return {item["AlertTarget"]["name"]: item["AlertTarget"]["id"] for item in items}

    def change(self, method: str, path: str, body: Any = None, *query: str) -> tuple[int, Any]:
        """Status and answer (None where it is empty) of a PUT, POST or DELETE, which is sent once. Raises AmbariError, NoContact."""
        self.sent = True
        return self._send(method, path, query, body)

    def _send(self, method: str, path: str, query: Sequence[str], body: Any = None) -> tuple[int, Any]:
        url = f"{self.url}/api/v1/{urllib.parse.quote(path)}"
        if query:
            url += "?" + "&".join(urllib.parse.quote(part, safe="/=,.()*|&<>!:") for part in query)
        # It answers 406 to a bare application/json, without having done anything.
        headers = {"X-Requested-By": "ambari", "Accept": "application/json, */*", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            answer = urls.open_url(
                url, data=data, headers=headers, method=method, timeout=self._timeout, follow_redirects="safe", **self._login, **self._tls
            )
            return answer.status, self._read(answer.read(), url)
        except urllib.error.HTTPError as error:
            raise self._refused(error, method) from None
        except (urls.SSLValidationError, urls.ConnectionError, OSError, http.client.HTTPException) as error:
            raise self._failed(error) from None

    @staticmethod
    def _read(data: bytes, url: str) -> Any:
        if not data.strip():
            return None
        try:
            return json.loads(data)
        except ValueError:
            raise AmbariError(f"{url} answers with something else than JSON: is that an Ambari server?") from None

    def _refused(self, error: urllib.error.HTTPError, method: str) -> AmbariError:
        try:
            text = error.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as broken:
            return self._failed(broken)
        try:
            said = str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            said = " ".join(text.split())[:200] or error.reason
        if error.code in _SILENT_STATUS:
            return NoContact(f"{self.url} answers {error.code}: {said}", error.code)
        if error.code in (401, 403) and "authoriz" not in said:
            return AmbariError(f"{self.url} does not let '{self._username}' in: {said}", error.code)
        if error.code == 403:
            role = "Cluster User" if method == "GET" else "Service Operator, for alerts and configurations Cluster Administrator,"
            return AmbariError(f"'{self._username}' may not do that ({said}): it takes the role {role} or higher", error.code)
        return AmbariError(f"{self.url} answers {error.code}: {said}", error.code)

    def _failed(self, error: Exception) -> AmbariError:
        """What a call without an answer means. A wrong certificate stays wrong: that is not worth a second try. Any other trouble with TLS
        is worth one: a server that ends, or that begins, breaks off handshakes."""
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError) or isinstance(error, urls.SSLValidationError):
            return AmbariError(f"the certificate of {self.url} is not accepted: {reason}. Name its authority with ca_path")
        if getattr(reason, "reason", "") == "WRONG_VERSION_NUMBER":
            return AmbariError(f"{self.url} speaks no TLS: is its address http://, or its port another one?")
        if isinstance(reason, socket.gaierror):
            return AmbariError(f"{self.url}: the name cannot be resolved")
        if isinstance(reason, TimeoutError):
            return NoContact(f"{self.url} does not answer within {self._timeout:g} s")
        if isinstance(reason, ConnectionRefusedError):
            return NoContact(f"nobody listens on {self.url}")
        return NoContact(f"{self.url} breaks off: {reason or type(error).__name__}")


def fields(*names: str) -> str:
    """A `fields` part of a query."""
    return f"fields={','.join(names)}"


class Cluster:
    """A cluster of a server, as plain data."""

    def __init__(self, server: Server, name: str, patience: float | None = None) -> None:
        """patience: see Server; that of the server where it is None."""
        self.server, self.name, self._patience = server, name, patience

    @classmethod
    def find(cls, server: Server, name: str | None) -> Cluster:
        """The cluster of this name, or the only one there is. Raises AmbariError."""
        names = [item["Clusters"]["cluster_name"] for item in server.get("clusters", fields("Clusters/cluster_name"))["items"]]
        if name is None and len(names) == 1:
            return cls(server, names[0])
        if name not in names:
            wanted = f"no cluster '{name}'" if name else f"{len(names)} clusters: name one"
            raise AmbariError(f"{server.url} has {wanted}; it has: {', '.join(names) or 'none'}")
        return cls(server, str(name))

    def get(self, path: str, *query: str) -> Any:
        """What a GET below the cluster answers."""
        return self.server.get(f"clusters/{self.name}/{path}".rstrip("/"), *query, patience=self._patience)

    def change(self, method: str, path: str, body: Any = None, *query: str) -> tuple[int, Any]:
        """See Server.change; below the cluster."""
        return self.server.change(method, f"clusters/{self.name}/{path}".rstrip("/"), body, *query)

    def host_components(self, components: Collection[str] = (), stale: bool = False) -> list[Row]:
        """The instances of `components`, or of all. stale: only those that run with an older configuration than Ambari has for them.

        Rows of `component`, `host`, `service`, `state`, `desired_state`, `maintenance_state`, `stale_configs`.
        """
        keys = ("component_name", "host_name", "service_name", "state", "desired_state", "maintenance_state", "stale_configs")
        query = [f"HostRoles/component_name.in({','.join(sorted(components))})"] if components else []
        query += ["HostRoles/stale_configs=true"] if stale else []
        answer = self.get("host_components", *query, fields(*(f"HostRoles/{key}" for key in keys)), "minimal_response=true")
        rows = [item["HostRoles"] for item in answer["items"]]
        return [{key.removesuffix("_name"): row.get(key) for key in keys} for row in rows]

    def instances(self, wanted: Iterable[Instance]) -> dict[Instance, Row]:
        """Those of `wanted` that there are, with their rows of `host_components`."""
        pairs = set(wanted)
        rows = {(row["component"], row["host"]): row for row in self.host_components({name for name, _host in pairs})}
        return {pair: row for pair, row in rows.items() if pair in pairs}

    def hosts(self) -> dict[str, Row]:
        """Host to `host_state`, `host_status`, `maintenance_state`, `ip`."""
        keys = ("host_state", "host_status", "maintenance_state", "ip")
        answer = self.get("hosts", fields("Hosts/host_name", *(f"Hosts/{key}" for key in keys)), "minimal_response=true")
        return {item["Hosts"]["host_name"]: {key: item["Hosts"].get(key) for key in keys} for item in answer["items"]}

    def components(self) -> dict[str, Row]:
        """Component to `service`, `category` (MASTER, SLAVE or CLIENT), `state` and the counts `started_count`, `total_count`."""
        keys = ("service_name", "category", "state", "started_count", "total_count")
        names = [f"ServiceComponentInfo/{key}" for key in ("component_name", *keys)]
        answer = self.get("components", fields(*names), "minimal_response=true")
        rows = [item["ServiceComponentInfo"] for item in answer["items"]]
        return {row["component_name"]: {key.removesuffix("_name"): row.get(key) for key in keys} for row in rows}

    def services(self) -> dict[str, Row]:
        """Service to `state` and `maintenance_state`."""
        answer = self.get("services", fields("ServiceInfo/state", "ServiceInfo/maintenance_state"), "minimal_response=true")
        rows = [item["ServiceInfo"] for item in answer["items"]]
        return {row["service_name"]: {key: row[key] for key in ("state", "maintenance_state")} for row in rows}

    def stack(self) -> str:
        """The stack and its version, for example BIGTOP-3.3.0."""
        return str(self.get("", fields("Clusters/version"))["Clusters"]["version"])

    def configuration(self) -> dict[str, dict[str, str]]:
        """The configuration in force: type to properties."""
        answer = self.get("configurations/service_config_versions", "is_current=true", "group_id=-1", fields("*"))
        kinds = [kind for version in answer["items"] for kind in version["configurations"]]
        return {kind["type"]: dict(kind.get("properties") or {}) for kind in kinds}

    def configuration_version(self, kind: str, tag: str) -> Row:
        """A version of a configuration type, with `properties` and `properties_attributes` where it has any."""
        return dict(self.get("configurations", f"type={kind}", f"tag={tag}")["items"][0])

    def alerts(self, states: Collection[str]) -> list[Row]:
        """The alerts in these states, the worst first: `definition`, `label`, `state`, `firmness`, `service`, `component`, `host`, `text`,
        `since` (UTC), `maintenance_state`."""
        keys = {
            "definition": "definition_name",
            "label": "label",
            "state": "state",
            "firmness": "firmness",
            "service": "service_name",
            "component": "component_name",
            "host": "host_name",
            "text": "text",
            "since": "original_timestamp",
            "maintenance_state": "maintenance_state",
        }
        wanted = f"Alert/state.in({','.join(sorted(states))})"
        items = self.get("alerts", wanted, fields(*(f"Alert/{key}" for key in keys.values())), "minimal_response=true")["items"]
        rows = [{ours: item["Alert"].get(theirs) for ours, theirs in keys.items()} for item in items]
        rows.sort(key=lambda row: (ALERT_STATES.index(row["state"]), row["definition"], row["host"] or ""))
        return [{**row, "since": iso(row["since"] / 1000)} for row in rows]

    def alert_definitions(self) -> dict[str, int]:
        """Name to number."""
        names = fields("AlertDefinition/id", "AlertDefinition/name")
        items = self.get("alert_definitions", names, "minimal_response=true")["items"]
        return {item["AlertDefinition"]["name"]: item["AlertDefinition"]["id"] for item in items}

    def alert_groups(self) -> dict[str, Row]:
        """Name to `id`, `default` (whether Ambari has made it itself), `definitions` and `targets` (numbers)."""
        items = self.get("alert_groups", fields("*"))["items"]
        return {
            group["name"]: {
                "id": group["id"],
                "default": group["default"],
                **{key: sorted(row["id"] for row in group.get(key) or []) for key in ("definitions", "targets")},
            }
            for group in (item["AlertGroup"] for item in items)
        }

    def requests_called(self, context: str) -> list[int]:
        """The numbers of the requests with this context, the newest last."""
        return sorted(row["id"] for row in self._requests("id", "request_context") if row.get("request_context") == context)

    def requests_under_way(self) -> list[Row]:
        """The requests that are not over: `id`, `context`, `user`, `progress` (per cent).

        Their status does not tell: it is PENDING before the first task, and FAILED already while others are still to come.
        """
        rows = self._requests("id", "request_context", "user_name", "progress_percent", "task_count", "completed_task_count")
        return [
            {"id": row["id"], "context": row.get("request_context"), "user": row.get("user_name"), "progress": row.get("progress_percent")}
            for row in rows
            if row["completed_task_count"] < row["task_count"]
        ]

    def _requests(self, *names: str) -> list[Row]:
        """These properties of the newest requests, as many as _REQUESTS.

        Where nothing is said of pages, Ambari returns the 20 newest; page_size alone makes it the oldest, `to=end` the newest again. So
        says its source (RequestResourceProvider, QueryImpl.createRequest, BaseRequest.getPageRequest), and so its own web pages ask. Of a
        real server it was only measured that page_size=1 returns the lowest id. Each request costs it a query of its database.
        """
        query = (fields(*(f"Requests/{name}" for name in names)), f"page_size={_REQUESTS}", "to=end", "minimal_response=true")
        return [item["Requests"] for item in self.get("requests", *query)["items"]]

    def request(self, number: int) -> Row:
        """A request: `id`, `context`, `status`, `progress` (per cent), `over`, `tasks`.

        Each task has `id`, `role`, `host`, `command`, `status`.
        """
        heads = ("id", "request_context", "request_status", "progress_percent", "task_count", "completed_task_count")
        parts = ("id", "role", "host_name", "command", "status")
        answer = self.get(f"requests/{number}", fields(*(f"Requests/{name}" for name in heads), *(f"tasks/Tasks/{name}" for name in parts)))
        head = answer["Requests"]
        tasks = [task["Tasks"] for task in answer.get("tasks", [])]
        return {
            "id": head["id"],
            "context": head.get("request_context"),
            "status": head["request_status"],
            "progress": head.get("progress_percent", 0.0),
            # FAILED is said as soon as one task has failed; others may still be queued.
            "over": head["request_status"] in _OVER and head["completed_task_count"] == head["task_count"],
            "tasks": [
                {"id": task["id"], "role": task["role"], "host": task["host_name"], "command": task["command"], "status": task["status"]}
                for task in tasks
            ],
        }

    def task_words(self, request: int, task: int) -> list[str]:
        """The last lines of what a task wrote."""
        answer = self.get(f"requests/{request}/tasks/{task}", fields("Tasks/stderr", "Tasks/stdout"))["Tasks"]
        errors, output = (answer.get(key) or "" for key in ("stderr", "stdout"))
        lines = (errors if errors.strip() else output).splitlines()
        return [line.rstrip() for line in lines if line.strip()][-_LAST_LINES:]


def predicate(instances: Iterable[Instance]) -> str:
    """The predicate that is true for these instances; components on the same hosts are written together."""
    hosts: dict[str, list[str]] = {}
    for component, host in sorted(instances):
        hosts.setdefault(component, []).append(host)
    groups: dict[tuple[str, ...], list[str]] = {}
    for component, where in hosts.items():
        groups.setdefault(tuple(where), []).append(component)
    parts = [f"HostRoles/component_name.in({','.join(names)})&HostRoles/host_name.in({','.join(where)})" for where, names in groups.items()]
    return parts[0] if len(parts) == 1 else "|".join(f"({part})" for part in parts)


def in_words(request: Mapping[str, Any]) -> str:
    """A request's progress in a line."""
    tasks = request["tasks"]
    ended = sum(task["status"] in _OVER for task in tasks)
    now = [f"{task['command']} {task['role']} on {task['host']}" for task in tasks if task["status"] == "IN_PROGRESS"]
    more = f" and {len(now) - 3} more" if len(now) > 3 else ""
    doing = f": {', '.join(now[:3])}{more}" if now else ""
    return f"Ambari's request {request['id']}, {ended} of {len(tasks)} tasks done{doing}"


def _pairs(rows: Iterable[Mapping[str, Any]]) -> set[Instance]:
    return {(row["component"], row["host"]) for row in rows}


def left_alone(row: Row, hosts: Mapping[str, Row]) -> str:
    """Why Ambari does nothing with an instance, and what to do; empty where it does. row, hosts: see Cluster."""
    host = row["host"]
    if hosts.get(host, {}).get("host_state") == "HEARTBEAT_LOST":
        said = f"Ambari does nothing there, and its {row['state']} says nothing"
        return f"the agent of {host} is lost (HEARTBEAT_LOST): {said}. Start ambari-agent there"
    if row["state"] in _NOT_INSTALLED:
        return f"not installed in Ambari ({row['state']}), which would install it, whatever it is asked for. Install it there first"
    if row["maintenance_state"] not in (None, "OFF"):
        return f"in maintenance ({row['maintenance_state']}), {row['state']}: Ambari skips it. Turn its maintenance off in Ambari"
    return ""


def at_work(requests: Iterable[Row]) -> str:
    """Requests in words: which, and whose."""
    return ", ".join(f"{row['id']} '{row['context']}' of {row['user'] or 'somebody'} ({row['progress']:.0f} %)" for row in requests)


def obstacles(cluster: Cluster, start: Iterable[Instance], stop: Iterable[Instance]) -> list[str]:
    """What keeps Ambari from starting and stopping these instances, in words. What it has for stopped need not be stopped."""
    start = list(start)
    wanted = list(dict.fromkeys([*start, *stop]))
    rows, hosts = cluster.instances(wanted), cluster.hosts()
    found = []
    for name, host in wanted:
        row = rows.get((name, host))
        if row is None:
            found.append(f"the cluster '{cluster.name}' of Ambari has no {name} on {host}: add it there first")
        elif (name, host) in start or row["state"] != STOPPED:
            why = left_alone(row, hosts)
            found += [f"{name} on {host}: {why}"] if why else []
    return found


class Change:
    """Brings host components to a state, in slices: `run` until `done` or `failures`, with the `memory` of the slice before.

    memory is plain data; None at the beginning. Afterwards:

    changed    the instances that were not there before and are now, as [component, host]
    already    those that were there before
    left_out   rows of `component`, `host`, `why`: what Ambari does not touch, in maintenance or on a lost host
    failures   rows of `component`, `host` (both None where it is the whole), `text`
    progress   a line
    """

    def __init__(
        self,
        cluster: Cluster,
        instances: Iterable[Sequence[str]],
        state: str,
        context: str,
        known: bool = False,
        patient: bool = True,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        """state: STARTED or STOPPED. context: what the request is called in Ambari. known: of a start, whether the instances are known to
        be stopped, although Ambari, whose agents report late, may say that they are started. patient: whether requests of others are
        waited for; it fails where they are at work otherwise."""
        self.cluster, self.state, self.patient = cluster, state, patient
        self.wanted: list[Instance] = [(pair[0], pair[1]) for pair in instances]
        self._clock, self._sleep = cluster.server.clock, cluster.server.sleep
        fresh: dict[str, Any] = {
            "context": f"{context} ({uuid.uuid4().hex[:8]})",
            "first": {} if known and state == STARTED else None,  # the memory of what makes Ambari agree
            "left_out": [],  # what was left out of that
            "began": self._clock(),
            "open": None,  # what was not there at the first look, as [component, host, state]
            "request": None,
            "requests": [],
            "completed": [],  # instances whose tasks have succeeded
            "settled_from": None,
            "silent_from": None,
            "interrupted": None,  # when the server was silent last
            "unknown_from": None,  # when it was seen that an agent has not reported yet
            "unsure": False,  # whether something was sent of which nobody knows whether it arrived
            "pause": _POLL,
            "sent": 0,
        }
        self.memory: dict[str, Any] = dict(memory or fresh)
        self.left_out: list[Row] = []
        self.failures: list[Row] = []
        self.contested: dict[Instance, Row] = {}  # what somebody else, too, may have asked for
        self.progress = ""
        self.done = False

    @property
    def changed(self) -> list[list[str]]:
        gone = _pairs(self.left_out)
        rows = [(name, host) for name, host, _state in self.memory["open"] or [] if (name, host) not in gone]
        # Where something has failed, only what has succeeded is certain.
        failed = _pairs(self.failures)
        certain = [pair for pair in rows if [*pair] in self.memory["completed"] and pair not in failed]
        return [[*pair] for pair in (certain if self.failures else rows)]

    @property
    def already(self) -> list[list[str]]:
        """What Ambari had in the state at the first look; it may be late."""
        others = {(name, host) for name, host, _state in self.memory["open"] or []}
        return [[*pair] for pair in self.wanted if pair not in others]

    @property
    def diff(self) -> dict[str, str]:
        """The states before and after of what was not in the state at the first look."""
        rows, changed = self.memory["open"] or [], self.changed
        return {
            "before": "".join(f"{name} on {host}: {state}\n" for name, host, state in rows),
            "after": "".join(f"{name} on {host}: {self.state if [name, host] in changed else state}\n" for name, host, state in rows),
        }

    def run(self, seconds: float, limit: float, patience: float) -> None:
        """Goes on for `seconds` at most. limit: seconds for the whole; patience: seconds for which the server may be silent."""
        ends = self._clock() + seconds
        while True:
            try:
                self._step()
                self.memory["silent_from"] = None
            except NoContact as error:
                # It may be restarted just now. What was sent may have arrived.
                since = self.memory["silent_from"] = self.memory["silent_from"] or self._clock()
                for memory in (self.memory, self.memory["first"] or {}):
                    memory["interrupted"] = self._clock()
                self.progress = f"{error}, for {self._clock() - since:.0f} s"
                if self._clock() - since > patience:
                    self._fail(f"{self.progress}. What was asked for last may have been done: look before you go on")
            except AmbariError as error:
                self._fail(str(error))
            if self.done or self.failures:
                return
            if self._clock() - self.memory["began"] > limit:
                self._fail(f"not {self.state} after {limit:g} s; last seen: {self.progress}")
                return
            self._sleep(min(self.memory["pause"], max(0.0, ends - self._clock())))
            self.memory["pause"] = min(self.memory["pause"] * 1.5, _LONGEST_POLL)
            if self._clock() >= ends:
                return

    def only_look(self) -> None:
        """What would be asked for: `changed` and `left_out`."""
        self._look()
        self.done = True

    def _fail(self, text: str, instance: Instance | None = None) -> None:
        component, host = instance or (None, None)
        self.failures.append({"component": component, "host": host, "text": text})

    def _step(self) -> None:
        if self.memory["first"] is not None:
            self._make_agree()
        elif self.memory["request"] is None:
            self._ask()
        elif self.memory["settled_from"] is None:
            self._follow()
        else:
            self._settle()

    def _make_agree(self) -> None:
        """What Ambari takes for started and is not, is stopped first."""
        before = Change(self.cluster, self.wanted, STOPPED, self.memory["context"], patient=self.patient, memory=self.memory["first"])
        self.memory["first"] = before.memory
        before._step()
        self.progress, self.failures, self.left_out = before.progress, before.failures, before.left_out
        if before.done:
            self.memory["first"] = None
            self.memory["requests"] += before.memory["requests"]
            self.memory["left_out"] = before.left_out
            self._ask()

    def _look(self) -> dict[Instance, Row]:
        """The instances that are not in the state, without those that Ambari leaves alone. Raises AmbariError where it has no such one."""
        rows = self.cluster.instances(self.wanted)
        unknown = [f"{name} on {host}" for name, host in self.wanted if (name, host) not in rows]
        if unknown:
            raise AmbariError(f"the cluster '{self.cluster.name}' of Ambari has no {', '.join(unknown)}")
        self.contested = {pair: rows[pair] for pair in self.wanted if rows[pair]["desired_state"] != self.state}
        there = {pair: rows[pair] for pair in self.wanted if rows[pair]["state"] != self.state}
        if self.memory["open"] is None:
            self.memory["open"] = [[*pair, row["state"]] for pair, row in there.items()]
        self.left_out = [row for row in self.memory["left_out"] if (row["component"], row["host"]) not in there]
        if not there:
            return {}
        hosts = self.cluster.hosts()
        reported = all(row["state"] != "UNKNOWN" for row in there.values())
        self.memory["unknown_from"] = None if reported else self.memory["unknown_from"] or self._clock()
        for (name, host), row in list(there.items()):
            why = left_alone(row, hosts) or self._unreported(row)
            if why:
                self.left_out.append({"component": name, "host": host, "why": why})
                self.contested.pop((name, host), None)
                del there[name, host]
        return there

    def _unreported(self, row: Row) -> str:
        """Why nothing is asked of an instance of which an agent that is there has said nothing for too long: Ambari would install it."""
        if row["state"] != "UNKNOWN" or self._clock() - self.memory["unknown_from"] <= _REPORT:
            return ""
        return f"UNKNOWN for {_REPORT:g} s, although the agent of {row['host']} is not lost. Restart ambari-agent there"

    def _ask(self) -> None:
        """Looks, waits for others who are at work, and asks for what is not there."""
        there = self._look()
        # What somebody else has asked for may not have begun yet: the state alone would look as if all were there.
        if not there and not self.contested:
            self.done = True
            return
        if self.memory["unsure"]:
            mine = self._mine()
            self.memory["unsure"] = False
            if mine:
                self._has_request(mine[-1])
                return
        others = self.cluster.requests_under_way()
        if others and self.patient:
            self.progress = f"waiting for Ambari's request {at_work(others)}"
            return
        if others:
            raise AmbariError(f"Ambari's request {at_work(others)} is under way. {STALE_DECISION}")
        if not there:
            self.done = True
            return
        moving = [f"{name} on {host} is {row['state']}" for (name, host), row in there.items() if row["state"] in (*_UNDER_WAY, "UNKNOWN")]
        if moving:
            self.progress = f"waiting, because {', '.join(moving)}"
            return
        if self.memory["sent"] >= _SENDS:
            raise AmbariError(f"was asked for {_SENDS} times, and did not come")
        self._send(there)

    def _send(self, there: Mapping[Instance, Row]) -> None:
        self.memory["sent"] += 1
        body = {
            "RequestInfo": {"context": self.memory["context"], "query": predicate(there)},
            "Body": {"HostRoles": {"state": self.state}},
        }
        try:
            _status, answer = self.cluster.change("PUT", "host_components", body)
        except NoContact:
            self.memory["unsure"] = True
            raise
        except AmbariError as error:
            self._after_a_refusal(error)
            return
        if answer:
            self._has_request(answer["Requests"]["id"])
            return
        still = self._look()
        self.done = not still
        for (name, host), row in still.items():
            self._fail(f"Ambari says that there is nothing to do, but it is {row['state']}", (name, host))

    def _after_a_refusal(self, error: AmbariError) -> None:
        """A 500 may have created its request; a 400 or a 500 may mean that somebody else has begun something in between."""
        if error.status not in (400, 409, 500):
            raise error
        mine = self._mine()
        if mine:
            self._has_request(mine[-1])
        elif not self.cluster.requests_under_way() and not any(row["state"] in _UNDER_WAY for row in self._look().values()):
            hint = ". The server's log says why; a user without the role Service Operator gets this, too" if error.status == 500 else ""
            raise AmbariError(f"{error}{hint}", error.status)

    def _mine(self) -> list[int]:
        """The requests of this change that are not known yet."""
        return [number for number in self.cluster.requests_called(self.memory["context"]) if number not in self.memory["requests"]]

    def _has_request(self, number: int) -> None:
        self.memory.update(request=number, pause=_POLL)
        self.memory["requests"].append(number)
        self.progress = f"Ambari's request {number} is queued"

    def _follow(self) -> None:
        """Looks at the request."""
        request = self.cluster.request(self.memory["request"])
        self.progress = in_words(request)
        ended = [[task["role"], task["host"]] for task in request["tasks"] if task["status"] == "COMPLETED"]
        self.memory["completed"] += [pair for pair in ended if pair not in self.memory["completed"]]
        if not request["over"]:
            return
        silent = self.memory["interrupted"]
        if request["status"] == "ABORTED" and silent is not None and self._clock() - silent < _RESTARTED:
            self.progress = f"the server was restarted, which has aborted its request {request['id']}"
            self.memory.update(request=None, interrupted=None)
        elif request["status"] == "COMPLETED":
            self.memory["settled_from"] = self._clock()
            self._settle()
        else:
            self._ended_badly(request)

    def _ended_badly(self, request: Mapping[str, Any]) -> None:
        """A task has failed, or it was aborted: by somebody, or by Ambari itself, which does that to tasks on hosts whose agent is lost
        (recording 09) and to what should have followed them. What is left out because of that is no failure, here as ever."""
        self._look()
        left_out = _pairs(self.left_out)
        for task in request["tasks"]:
            pair = (task["role"], task["host"])
            if task["status"] in FAILED:
                words = "\n".join(f"  | {line}" for line in self._words(request["id"], task["id"]))
                text = f"{task['command']} {task['status']} (Ambari's request {request['id']}, task {task['id']})"
                self._fail(f"{text}, last lines:\n{words}" if words else text, pair)
            elif task["status"] == request["status"] == "ABORTED" and pair not in left_out:
                self._fail(f"{task['command']} ABORTED: somebody else, or Ambari itself, has aborted its request {request['id']}", pair)
        if left_out and not self.failures:
            self.memory["settled_from"] = self._clock()
            self._settle()
        elif not self.failures:
            self._fail(f"Ambari's request {request['id']} ended as {request['status']}")

    def _words(self, request: int, task: int) -> list[str]:
        """The last lines of a task; where they cannot be read, why: that it has failed counts more."""
        try:
            return self.cluster.task_words(request, task)
        except AmbariError as error:
            return [f"(they cannot be read: {error})"]

    def _settle(self) -> None:
        """The request is over; agents report what runs a little later. COMPLETED alone proves nothing."""
        there = self._look()
        opened = {(name, host) for name, host, _state in self.memory["open"]}
        other = {pair: row for pair, row in self.contested.items() if pair in opened}
        if not there and not other:
            self.done = True
            return
        told = [f"{name} on {host} is {row['state']}" for (name, host), row in there.items()]
        self.progress = f"Ambari's request {self.memory['request']} is over; {', '.join(told)}"
        for pair, row in other.items():
            self._fail(f"somebody else has asked for {row['desired_state']} meanwhile; it is {row['state']}", pair)
        if not other and self._clock() - self.memory["settled_from"] > _SETTLE:
            for pair, row in there.items():
                self._fail(f"Ambari's request {self.memory['request']} COMPLETED, but it is {row['state']}", pair)


ARGUMENTS: Mapping[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30.0},
    "patience": {"type": "float", "default": 120.0},
}
CLUSTER: Mapping[str, Any] = {"cluster": {"type": "str"}}
CHANGE: Mapping[str, Any] = {
    "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
    "context": {"type": "str", "default": "koverse.runbook"},
    "wait_timeout": {"type": "float", "default": 1800.0},
    "work": {"type": "dict"},
}


def server(params: Mapping[str, Any]) -> Server:
    """The server that a module's options name (doc fragment ambari). Raises AmbariError."""
    return Server(**{key: params[key] for key in ARGUMENTS})


Work = Callable[[Server, dict[str, Any], bool], dict[str, Any]]  # from server, parameters and whether it only checks to the result


def run_module(own: Mapping[str, Any], work: Work, **rules: Any) -> None:
    """A module that reads or declares. Ends the module."""
    module = AnsibleModule(argument_spec={**ARGUMENTS, **own}, supports_check_mode=True, **rules)
    try:
        result = outlasting(work, server(module.params), module.params, module.check_mode)
    except AmbariError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def outlasting(work: Work, ambari: Server, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """What `work` results in, which declares a state: where nobody answers to a change, it looks again, and asks again for what is not
    there yet. Raises AmbariError, after the server's patience, too."""
    began, lost = ambari.clock(), False
    while True:
        try:
            result = work(ambari, params, check_mode)
            return {**result, "changed": True} if lost else result
        except AmbariError as error:
            silent = isinstance(error, NoContact)
            lost = lost or (silent and ambari.sent)
            if not lost:
                raise
            if not silent or ambari.clock() - began >= ambari.patience:
                raise AmbariError(f"{error}. What was sent may have been done: look before you go on", error.status) from error
        ambari.sleep(_LONGEST_POLL)


def run_change(
    module: AnsibleModule, instances: Callable[[Cluster], Iterable[Instance]], known: bool = False, patient: bool = True
) -> None:
    """A module's change of `instances(cluster)`: one slice where an action plugin calls it with `work`, else the whole. Ends the module.

    known, patient: see Change.
    """
    params = module.params
    work = params["work"] or {"slice": params["wait_timeout"] + params["patience"], "memory": None}
    memory = work["memory"] or {}
    state = STARTED if params["state"] == "started" else STOPPED
    try:
        ambari = server(params)
        cluster = Cluster(ambari, memory["cluster"]) if memory else Cluster.find(ambari, params["cluster"])
        wanted = memory.get("instances") or [list(pair) for pair in instances(cluster)]
        here = Cluster(ambari, cluster.name, patience=0.0)
        change = Change(here, wanted, state, params["context"], known, patient, memory.get("change"))
        if module.check_mode:
            change.only_look()
        else:
            change.run(work["slice"], params["wait_timeout"], params["patience"])
    except AmbariError as error:
        module.fail_json(msg=f"{error}. Nothing was asked for.")
    result = {
        "changed": bool(change.changed),
        "instances": [{"component": component, "host": host} for component, host in change.changed],
        "already": [{"component": component, "host": host} for component, host in change.already],
        "left_out": change.left_out,
        "failures": change.failures,
        "requests": change.memory["requests"],
        "diff": change.diff,
    }
    if params["work"]:
        memory = {"cluster": cluster.name, "instances": wanted, "change": change.memory}
        result.update(memory=memory, done=change.done, progress=change.progress)
    elif change.failures:
        module.fail_json(msg=failure_text(change.failures), **result)
    module.exit_json(**result)


def failure_text(failures: Iterable[Mapping[str, Any]]) -> str:
    """Failures in words, a line each."""
    return "\n".join(f"{row['component']} on {row['host']}: {row['text']}" if row["component"] else row["text"] for row in failures)


def of_services(cluster: Cluster, services: Iterable[str]) -> list[Instance]:
    """The instances of the masters and slaves of services. Raises AmbariError where there is no such service."""
    components = cluster.components()
    known = sorted({row["service"] for row in components.values()})
    unknown = [service for service in services if service not in known]
    if unknown:
        raise AmbariError(f"the cluster '{cluster.name}' of Ambari has no service {', '.join(unknown)}; it has: {', '.join(known)}")
    names = {name for name, row in components.items() if row["service"] in services and row["category"] != "CLIENT"}
    return [(row["component"], row["host"]) for row in cluster.host_components(names)]
