# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EMULATOR of Ambari's REST API, for this project's tests. It is no Ambari server.

It obeys what was recorded of a real one (recordings/, README.md). As a command:

    python tests/ambari/emulator.py --port 8080 --cluster tests/ambari/clusters/recorded.json
        [--state FILE] [--agents simulate|command --commands FILE] [--tls CERT KEY] [--stack 2.7|3.0]

In a test: `with Emulator(description) as ambari: ... ambari.url ...`. Faults are methods, and paths below /emulator/ that no server has.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import errno
import json
import pickle
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))

from ansible_collections.koverse.runbook.tests.ambari.agents import Agents, CommandAgents, SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.api import Api, Reply
from ansible_collections.koverse.runbook.tests.ambari.clock import Clock, RealClock, VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.engine import Engine, Timing
from ansible_collections.koverse.runbook.tests.ambari.model import World, build

CONTROL = "/emulator/"


@dataclasses.dataclass
class Fault:
    """What is to go wrong with the next `times` requests of a method whose path matches.

    `slow`: answer after `seconds`. `drop`: carry out, then close the connection without an answer. `refuse`: close it before anything is
    done. `answer`: `status` and `body` instead of doing anything. `crash`: carry out, then end the server, and start it again after
    `seconds`.
    """

    kind: str
    method: str | None = None
    path: str = ".*"
    times: int | None = 1
    seconds: float = 0.0
    status: int = 503
    body: str = ""

    KINDS = ("slow", "drop", "refuse", "answer", "crash")

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise ValueError(f"no fault is called {self.kind}; there are {', '.join(self.KINDS)}")

    def meets(self, method: str, path: str) -> bool:
        return self.times != 0 and self.method in (None, method) and re.search(self.path, path) is not None


class Emulator:
    """A server with a cluster, its agents and a clock. `stop` and `start` keep all state, as a real server's database does.

    description: see model.build; a World is taken, too. `tls`: certificate and key files. `state`: a file that is written after every
    change, and read instead of the description if it is there. `calls` counts requests by method and path (without the query).
    """

    def __init__(
        self,
        description: Mapping[str, Any] | World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        agents: Agents | None = None,
        timing: Timing | None = None,
        tls: tuple[str, str] | None = None,
        stack: str = "3.0",
        state: Path | None = None,
    ) -> None:
        restored = state is not None and state.exists()
        world = (
            _load(state) if state is not None and restored else description if isinstance(description, World) else build(description, stack)
        )
        self.clock = clock or RealClock()
        self.engine = Engine(world, self.clock, agents, timing)
        self.api = Api(self.engine, stack)
        self.state = state
        self.calls: Counter[tuple[str, str]] = Counter()
        self.faults: list[Fault] = []
        self._address = (host, port)
        self._tls = tls
        self._server: _Server | None = None
        self._ended = False
        if state is not None:
            self.engine.changed = self.save
        if restored:
            self.engine.restart()

    # ----- life

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self.clock.close()

    @property
    def world(self) -> World:
        return self.engine.world

    @property
    def agents(self) -> Agents:
        return self.engine.agents

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._address[0]}:{self._address[1]}"

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """Listen; after a stop on the same port, and with all requests that were open aborted."""
        if self._server is None:
            if self._ended:
                self.engine.restart()
                self._ended = False
            self._server = self._listening()
            self._address = (self._address[0], self._server.server_address[1])
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="ambari emulator").start()

    def _listening(self) -> _Server:
        """On the port that was given or, the first time, on a free one below those that the kernel gives to clients: a client that calls
        while the server is down would else get the server's own port some day, and be connected with itself."""
        host, port = self._address
        for candidate in [port] if port else random.sample(range(20_000, 30_000), 100):
            try:
                return _Server((host, candidate), self, self._context())
            except OSError as error:
                if port or error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, "no free port was found")

    def stop(self) -> None:
        """End the server's process: connections are cut, nothing is answered, agents go on."""
        server, self._server = self._server, None
        if server is not None:
            self._ended = True
            self.engine.stop()
            server.shutdown()
            server.cut()
            server.server_close()

    def restart(self, seconds: float = 0.0) -> None:
        """End the server and start it again after `seconds` of the machine's time; open requests become ABORTED."""
        self.stop()
        time.sleep(seconds)
        self.start()

    def _context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._tls)
        return context

    def save(self) -> None:
        """Write the state file."""
        if self.state is not None:
            with self.engine.lock:
                content = pickle.dumps(self.world)
            new = self.state.with_suffix(".new")
            new.write_bytes(content)
            new.replace(self.state)

    # ----- faults

    def fault(self, kind: str, **how: Any) -> Fault:
        """Have something go wrong; see Fault."""
        fault = Fault(kind, **how)
        self.faults.append(fault)
        return fault

    def lose_agent(self, host: str) -> None:
        """The agent dies; its components go on."""
        with self.engine.lock:
            self.engine.lose(host)

    def return_agent(self, host: str) -> None:
        with self.engine.lock:
            self.engine.bring_back(host)

    def abort(self, request: int) -> None:
        """Somebody else aborts a request."""
        with self.engine.lock:
            self.engine.abort(self.world.requests[request])

    def somebody(self, method: str, path: str, body: Any = None, user: str = "admin") -> Reply:
        """Somebody else changes something meanwhile: carried out as if it had come over the network, and not counted."""
        headers = {"x-requested-by": "somebody", "authorization": _basic(user, self.world.users[user].password)}
        return self.api.handle(method, path, headers, "" if body is None else json.dumps(body), self.url)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: str) -> tuple[Reply | None, Callable[[], None] | None]:
        """The answer, or None for a connection that is to be closed; and what is to be done after that."""
        path = target.partition("?")[0]
        if path.startswith(CONTROL):
            return self._control(method, path.removeprefix(CONTROL), body), None
        with self.engine.lock:
            self.calls[method, path] += 1
            fault = next((fault for fault in self.faults if fault.meets(method, target)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
        if fault is None:
            return self.api.handle(method, target, headers, body, self._root(headers)), None
        return self._faulty(fault, method, target, headers, body)

    def _faulty(
        self, fault: Fault, method: str, target: str, headers: Mapping[str, str], body: str
    ) -> tuple[Reply | None, Callable[[], None] | None]:
        if fault.kind == "refuse":
            return None, None
        if fault.kind == "answer":
            return Reply(fault.status, fault.body, "text/plain;charset=utf-8"), None
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        reply = self.api.handle(method, target, headers, body, self._root(headers))
        if fault.kind == "slow":
            return reply, None
        return None, (lambda: self.restart(fault.seconds)) if fault.kind == "crash" else None

    def _root(self, headers: Mapping[str, str]) -> str:
        """What hrefs begin with: the address by which the client knows the server."""
        scheme, _mark, authority = self.url.partition("://")
        return f"{scheme}://{headers.get('host', authority)}"

    # ----- control path

    def _control(self, method: str, name: str, body: str) -> Reply:
        """/emulator/...: what the methods here do, for tests that only have the network. No authentication."""
        try:
            given = json.loads(body) if body else {}
            shown = self._controlled(method, name, given)
        except (KeyError, TypeError, ValueError) as error:
            return Reply(400, json.dumps({"error": f"{type(error).__name__}: {error}"}), "application/json")
        return Reply(200, json.dumps(shown), "application/json")

    def _controlled(self, method: str, name: str, given: dict[str, Any]) -> Any:
        simple: dict[str, Callable[[dict[str, Any]], Any]] = {
            "faults": lambda g: dataclasses.asdict(self.fault(**g)),
            "lose_agent": lambda g: self.lose_agent(g["host"]),
            "return_agent": lambda g: self.return_agent(g["host"]),
            "abort": lambda g: self.abort(int(g["request"])),
            "somebody": lambda g: self.somebody(**g).status,
            "advance": lambda g: self._virtual().advance(float(g["seconds"])),
            "alert": lambda g: self._locked(lambda: self.engine.alert(**g).id),
            "user": lambda g: self._user(**g),
            "fail": lambda g: self._simulated().fail(**g),
            "takes": lambda g: self._simulated().takes(**g),
            "heal": lambda g: self._simulated().heal(),
            "kill": lambda g: self._simulated().kill(g["host"], g["component"]),
            "restart": lambda g: self._later(lambda: self.restart(float(g.get("seconds", 0)))),
        }
        if (method, name) == ("GET", "calls"):
            return [{"method": m, "path": p, "count": count} for (m, p), count in sorted(self.calls.items())]
        if (method, name) == ("DELETE", "calls"):
            return self.calls.clear()
        if (method, name) == ("DELETE", "faults"):
            return self.faults.clear()
        if method == "POST" and name in simple:
            return simple[name](given)
        raise ValueError(
            f"{method} /emulator/{name}: there are GET and DELETE calls, DELETE faults, and POST of {', '.join(sorted(simple))}"
        )

    def _user(self, name: str, password: str | None = None, role: str | None = None, active: bool = True) -> None:
        user = (
            self.world.users[name]
            if password is None
            else self.world.users.setdefault(name, type(self.world.users["admin"])(password, role))
        )
        user.role, user.active = role, active

    def _locked(self, action: Callable[[], Any]) -> Any:
        with self.engine.lock:
            return action()

    def _later(self, action: Callable[[], None]) -> None:
        """After the answer to this has gone out."""
        threading.Timer(0.05, action).start()

    def _virtual(self) -> VirtualClock:
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("the emulator runs on the machine's clock")
        return self.clock

    def _simulated(self) -> SimulatedAgents:
        if not isinstance(self.agents, SimulatedAgents):
            raise TypeError("the agents are not simulated")
        return self.agents


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], emulator: Emulator, context: ssl.SSLContext | None) -> None:
        self.emulator = emulator
        self.context = context
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread, so that a slow handshake stops nobody else."""
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        self.open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.open.discard(request)
            if self.context is not None:
                with contextlib.suppress(OSError):
                    request.close()

    def cut(self) -> None:
        """Close what is open."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or do not like the certificate, are no errors of the emulator."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def version_string(self) -> str:
        return "AmbariEmulator"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing is logged; `calls` counts."""

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply, after = self.server.emulator.answer(self.command, self.path, headers, body)
        if reply is None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(reply)
        if after is not None:
            threading.Thread(target=after, daemon=True).start()

    def _send(self, reply: Reply) -> None:
        content = reply.body.encode()
        self.send_response(reply.status)
        if reply.content_type is not None:
            self.send_header("Content-Type", reply.content_type)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = _do  # noqa: N815


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _load(state: Path) -> World:
    world = pickle.loads(state.read_bytes())  # noqa: S301 - the state file is the emulator's own
    if not isinstance(world, World):
        raise TypeError(f"{state} is no state file of the emulator")
    return world


def main() -> None:
    parser = argparse.ArgumentParser(description="An emulator of Ambari's REST API, for tests. It is no Ambari server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="default %(default)s")
    parser.add_argument("--cluster", type=Path, required=True, help="JSON file that describes the cluster (model.build says how)")
    parser.add_argument("--state", type=Path, help="file that keeps the state over restarts")
    parser.add_argument("--agents", choices=["simulate", "command"], default="simulate")
    parser.add_argument(
        "--commands", type=Path, help='for --agents command: JSON {"commands": {"start", "stop", "status", ...}, "units": {...}}'
    )
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--stack", choices=["2.7", "3.0"], default="3.0", help="which Ambari to be (default %(default)s)")
    options = parser.parse_args()
    if (options.agents == "command") != (options.commands is not None):
        parser.error("--agents command and --commands FILE belong together")
    agents = CommandAgents(**json.loads(options.commands.read_text())) if options.commands else SimulatedAgents()
    description = json.loads(options.cluster.read_text())
    tls = (options.tls[0], options.tls[1]) if options.tls else None
    emulator = Emulator(description, host=options.host, port=options.port, agents=agents, tls=tls, stack=options.stack, state=options.state)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with emulator:
        print(f"emulator of Ambari {options.stack}: {emulator.url}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
