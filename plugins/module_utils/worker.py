# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker: a process on a host that lives for one run of a playbook, does its steps one after the other, and cleans up at its end.

A backup takes hours and holds things meanwhile: a stopped Koverse, an open database snapshot, cloned tables. They belong to the worker.
The controller begins steps and looks at their progress, through a socket that only root can open. When nobody looks any more, because
the controller is gone, the worker closes by itself: it undoes what is not finished, and ends. One worker of a name runs on a host;
who comes second is told whose it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import signal
import socket
import socketserver
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from ansible.module_utils.basic import AnsibleModule

RUN_DIRECTORY = "/run/koverse-runbook"
LEASE = 90.0  # seconds without a look in which a step goes on; the controller looks every few seconds
IDLE_LEASE = 900.0  # the same between two steps, while the controller is busy elsewhere, for instance with files on their way
_CONNECT_TIMEOUT = 5.0
_ABORT_TIMEOUT = 60.0
_LAST_LOOK = 2.0  # seconds in which somebody may ask how it ended
_LAST_LINES = 8

Answer = dict[str, Any]


class WorkerError(Exception):
    """A step could not be done; the text says what was tried and what was seen."""


class Busy(Exception):
    """Another worker of this name runs on the host. `owner` says whose it is, None where it does not answer."""

    def __init__(self, owner: Mapping[str, Any] | None) -> None:
        super().__init__("another worker runs")
        self.owner = owner


class Gone(Exception):
    """There is no worker to talk to."""


class Context:
    """What a worker's steps use: commands that end with the worker, progress, times."""

    def __init__(self, directory: str) -> None:
        """directory: the run's own directory on this host, removed at the end."""
        self.directory = directory
        self.progress = ""
        self.times: list[dict[str, Any]] = []
        self.aborted = threading.Event()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Notes how long a part of a step took, and says that it is under way."""
        self.progress = name
        began = time.monotonic()
        try:
            yield
        finally:
            self.times.append({"step": name, "seconds": round(time.monotonic() - began, 2)})

    def popen(self, words: Sequence[str], user: str | None = None, environment: Mapping[str, str] | None = None, **streams: Any) -> Any:
        """A command as `user`, with all it starts in a session of its own, so that it can be ended with the worker."""
        if self.aborted.is_set():
            raise WorkerError("given up")
        command = ["runuser", "-u", user, "--", *words] if user else list(words)
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        try:
            child = subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
                command, start_new_session=True, cwd="/", env={**os.environ, **(environment or {})}, **streams
            )
        except OSError as error:
            raise WorkerError(f"'{words[0]}' cannot be run: {error.strerror}") from error
        with self._lock:
            self._children.add(child)
        if self.aborted.is_set():  # in between
            self.end_children()
            raise WorkerError("given up")
        return child

    def ended(self, child: Any) -> int:
        """Waits for a command's end; its exit status."""
        code = int(child.wait())
        with self._lock:
            self._children.discard(child)
        if self.aborted.is_set():
            raise WorkerError("given up")
        return code

    def run(
        self,
        words: Sequence[str],
        user: str | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> str:
        """A command's standard output. Raises WorkerError with what it said where its exit status is not allowed."""
        child = self.popen(words, user, environment, stdin=subprocess.PIPE)
        output, errors = child.communicate(stdin)
        code = self.ended(child)
        if code not in allowed:
            raise WorkerError(f"'{' '.join(words)}' ended with status {code}: {last_words(errors.decode('utf-8', 'replace'))}")
        return output.decode("utf-8", "replace")

    def end_children(self) -> None:
        """Ends every command that still runs, with all its processes."""
        with self._lock:
            children, self._children = self._children, set()
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def last_words(text: str) -> str:
    """What a command says went wrong, in one line: its last lines, without what Hadoop's tools log on the way."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if " INFO " not in line and " WARN " not in line and not line.startswith(("at ", "... "))]
    return " / ".join((telling or lines)[-_LAST_LINES:]) or "nothing"


def written(file: IO[bytes]) -> str:
    """What a command has written to a file that was opened for it."""
    file.seek(0)
    return file.read().decode("utf-8", "replace")


class Part:
    """What a worker does: steps by name, and `close`, which leaves the host as it was but for what is finished."""

    def __init__(self, context: Context, arguments: Mapping[str, Any]) -> None:
        self.context, self.arguments = context, arguments

    def step(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Does a step; its result as plain data. Raises WorkerError."""
        raise NotImplementedError

    def close(self) -> list[str]:
        """Undoes what is not finished; what it could not undo."""
        raise NotImplementedError


class _Handler(socketserver.StreamRequestHandler):
    timeout = _CONNECT_TIMEOUT

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        answer = self.server.worker.answer(request)  # type: ignore[attr-defined]
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Its end waits for answers that are being written."""


class _Worker:
    """The worker's own side."""

    def __init__(self, make: Callable[[Context], Part], context: Context, owner: Mapping[str, Any]) -> None:
        self.context, self.owner = context, owner
        self.part = make(context)
        self.heard = time.monotonic()
        self.requests: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self.state: Answer = {"running": False, "step": None, "failed": None, "result": {}}
        self.over = threading.Event()
        self.told = threading.Event()  # somebody has heard that it is over

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """Called by the socket's threads."""
        if request.get("owner") != self.owner and request["ask"] != "abort":
            return {"owner": self.owner, "heard": round(time.monotonic() - self.heard, 1)}
        self.heard = time.monotonic()
        if request["ask"] == "begin":
            self.state = {"running": True, "step": request["step"], "failed": None, "result": {}}
            self.requests.put(request)
        elif request["ask"] == "abort":
            self.abort()
            self.over.wait(_ABORT_TIMEOUT)
        if self.over.is_set():
            self.told.set()
        return {**self.state, "progress": self.context.progress}

    def abort(self) -> None:
        """Ends the step under way, and the worker with it."""
        self.context.aborted.set()
        self.context.end_children()
        self.requests.put(None)

    def _watch(self) -> None:
        """Gives up where nobody looks any more."""
        while not self.over.wait(1):
            if time.monotonic() - self.heard > (LEASE if self.state["running"] else IDLE_LEASE):
                self.abort()
                return

    def work(self) -> None:
        """Does what is asked for, until the step `close` or the end of the lease."""
        threading.Thread(target=self._watch, daemon=True).start()
        request = self.requests.get()
        while request is not None and request["step"] != "close":
            self._do(request)
            request = self.requests.get()
        self.context.aborted.clear()  # what cleans up has to run
        self.context.end_children()
        try:
            left = self.part.close()
            self.state = {**self.state, "running": False, "failed": None, "result": {"left": left}}
        except (WorkerError, OSError) as error:
            self.state = {**self.state, "running": False, "failed": str(error)}
        self.over.set()

    def _do(self, request: Mapping[str, Any]) -> None:
        began = len(self.context.times)
        try:
            result: Mapping[str, Any] = self.part.step(request["step"], request["arguments"])
            failed = None
        except (WorkerError, OSError) as error:
            result, failed = {}, str(error)
        except Exception as error:  # the controller must hear of it, whatever it is
            traceback.print_exc()
            result, failed = {}, f"{type(error).__name__}: {error}"
        times = self.context.times[began:]
        self.state = {"running": False, "step": request["step"], "failed": failed, "result": {**result, "times": times}}


def _paths(name: str) -> tuple[str, str, str]:
    return tuple(f"{RUN_DIRECTORY}/{name}.{suffix}" for suffix in ("sock", "lock", "log"))  # type: ignore[return-value]


def _locked(name: str, patience: float) -> int:
    """The worker's lock, which its process keeps. Raises Busy where another one has it for longer than `patience` seconds."""
    os.makedirs(RUN_DIRECTORY, mode=0o700, exist_ok=True)
    lock = os.open(_paths(name)[1], os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError as error:
            if time.monotonic() > end:
                os.close(lock)
                with contextlib.suppress(Gone):
                    raise Busy(ask(name, {"ask": "owner"})) from error
                raise Busy(None) from error
            time.sleep(0.1)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """While no worker `name` can run on this host. Raises Busy where one does."""
    lock = _locked(name, 0)
    try:
        yield
    finally:
        os.close(lock)


def launch(name: str, make: Callable[[Context], Part], directory: str, owner: Mapping[str, Any], patience: float = 0) -> None:
    """Starts the worker `name`, in a process that outlives this one. Raises Busy where one still runs after `patience` seconds."""
    sock, _lock_file, log = _paths(name)
    lock = _locked(name, patience)
    reader, writer = os.pipe()
    if os.fork():
        os.close(lock)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as told:
            said = told.read()
        if said != "ready":
            raise WorkerError(f"the worker did not start: {said or 'it ended at once'}")
        return
    os.close(reader)
    status = 1
    try:
        _detach(log)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(sock)
        os.makedirs(directory, exist_ok=True)
        worker = _Worker(make, Context(directory), owner)
        with _Server(sock, _Handler) as server:
            server.worker = worker  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            os.write(writer, b"ready")
            os.close(writer)
            worker.work()
            worker.told.wait(_LAST_LOOK)
            server.shutdown()
        os.unlink(sock)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def _detach(log: str) -> None:
    """No terminal, no session, no streams of the process that started this one."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    null, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    for source, target in ((null, 0), (file, 1), (file, 2)):
        os.dup2(source, target)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def ask(name: str, request: Mapping[str, Any], timeout: float = _CONNECT_TIMEOUT) -> Answer:
    """The answer of the worker `name`. Raises Gone where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(_paths(name)[0])
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except OSError as error:
            raise Gone(f"no worker answers on this host ({error})") from error
    if not line:
        raise Gone("the worker on this host ended without an answer")
    return json.loads(line)


def runs(name: str) -> bool:
    """Whether the worker `name` runs on this host."""
    try:
        ask(name, {"ask": "owner"})
    except Gone:
        return False
    return True


def abort(name: str) -> None:
    """Lets a worker undo what it holds, and end."""
    with contextlib.suppress(Gone):
        ask(name, {"ask": "abort"}, _ABORT_TIMEOUT + _CONNECT_TIMEOUT)


def mine(name: str, owner: Mapping[str, Any], request: Mapping[str, Any]) -> Answer:
    """The answer of the worker `name`, which has to be this owner's. Raises Gone, and Busy where it is another one's."""
    answer = ask(name, {**request, "owner": owner})
    if "owner" in answer:
        raise Busy(answer)
    return answer


def wait(name: str, owner: Mapping[str, Any], seconds: float, interval: float = 0.1) -> Answer:
    """Looks at the worker until its step is over, or for `seconds`. Raises Gone, and Busy where it is another one's."""
    end = time.monotonic() + seconds
    while True:
        state = mine(name, owner, {"ask": "look"})
        if not state["running"] or time.monotonic() > end:
            return state
        time.sleep(interval)


def one_slice(
    step: str, work: Mapping[str, Any], given: Mapping[str, Any], make: Callable[[Context, Mapping[str, Any]], Part]
) -> dict[str, Any]:
    """What a module does in one call: starts the worker, begins a step, looks for a while.

    work: `worker` (its name), `owner`, `launch` (the part's arguments, or None), `take_over` (end the worker that is there first),
    `begin` (a step's `arguments`, or None), `slice` (seconds). given: what only the host knows, for the part's arguments.
    Returns `state` (see _Worker), or `busy` (whose worker is there), or `gone` (why there is none). Raises WorkerError.
    """
    name = work["worker"]
    try:
        if work["launch"]:
            if work["take_over"]:
                abort(name)
            arguments = {**work["launch"], **given}
            patience = _ABORT_TIMEOUT if work["take_over"] else 0
            launch(name, lambda context: make(context, arguments), arguments["directory"], work["owner"], patience)
        if work["begin"]:
            mine(name, work["owner"], {"ask": "begin", "step": step, "arguments": work["begin"]["arguments"]})
        return {"state": wait(name, work["owner"], work["slice"])}
    except Busy as error:
        return {"busy": error.owner or {}}
    except Gone as error:
        return {"gone": str(error)}


def run_module(name: str, steps: Sequence[str], secrets: Mapping[str, Any], make: Callable[[Context, Mapping[str, Any]], Part]) -> None:
    """A module with the options `step`, `secrets` and `work`: one slice of its action plugin's wait.

    secrets: the argument spec of the options that only the host's tools may see.
    """
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": list(steps), "required": True},
            "secrets": {"type": "dict", "options": secrets, "no_log": True},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    work = module.params["work"]
    if not work:
        module.fail_json(msg=f"koverse.runbook.{name} is run by its action plugin, which was not found. Call it by its full name.")
    # Files are fetched by the user who has logged in.
    given = {"login": int(os.environ.get("SUDO_UID", os.getuid())), "secrets": module.params["secrets"] or {}}
    try:
        module.exit_json(changed=False, **one_slice(module.params["step"], work, given, make))
    except WorkerError as error:
        module.fail_json(msg=str(error))
