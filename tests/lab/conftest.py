"""A lab cluster as the tests see it: playbooks run as a user runs them, hosts looked at without the collection."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible
import pytest
import testinfra
import yaml

ROOT = Path(__file__).parents[2]
# How a playbook is run: in the checkout, with all that it says as one text, without the colours that Molecule asks for.
AS_A_USER: dict[str, Any] = {
    "cwd": ROOT,
    "env": {**os.environ, "ANSIBLE_FORCE_COLOR": "false"},
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
}
# A control host in the lab: where its Ansible is, and what it gets of the packages and of the checkout.
CONTROL = "/opt/control"
PACKAGES = "ansible ansible_core-* jinja2 jinja2-* markupsafe yaml _yaml cryptography cffi _cffi_backend* packaging resolvelib"
CHECKOUT = (
    "ansible.cfg catalogue.yml galaxy.yml meta collections inventories playbooks plugins roles lab/build/ssh_config lab/build/ssh_key"
)
SERVICE_USERS = ("postgres", "zookeeper", "hdfs", "yarn", "accumulo", "koverse")


class Played:
    """One run of a playbook."""

    def __init__(self, returncode: int, output: str, seconds: float) -> None:
        self.returncode, self.output, self.seconds = returncode, output, seconds
        recap = output.rpartition("PLAY RECAP")[2]
        self.changed = sum(int(count) for count in re.findall(r"changed=(\d+)", recap))

    def __repr__(self) -> str:
        failed = " / ".join(line for line in self.output.splitlines() if line.startswith(("[ERROR]", "fatal: ")))
        return f"exit status {self.returncode}, {self.changed} changed, {self.seconds:.0f} s: {failed}\n{self.output}"


class Playing:
    """A playbook that runs: its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.output = process, ""

    def lines(self) -> Iterator[str]:
        """The lines from here on."""
        for line in self.process.stdout or ():
            self.output += line
            yield line

    def until(self, words: str) -> None:
        """Reads until a line has these words."""
        assert any(words in line for line in self.lines()), f"it never came to '{words}':\n{self.output}"

    def ended(self) -> int:
        """Reads the rest; the exit status."""
        for _line in self.lines():
            pass
        return self.process.wait()


class Cluster:
    """A shape of the lab."""

    def __init__(self, shape: str) -> None:
        self.shape = shape
        self.inventory = ROOT / "inventories" / "lab" / shape
        groups = yaml.safe_load((self.inventory / "hosts.yml").read_text(encoding="utf-8"))
        self.groups = {name: list(group.get("hosts", {})) for name, group in groups.items() if name != "all"}
        self.hosts = {"ha": ["n1", "n2", "n3"], "single_node": ["s1"], "classic": ["c1"]}[shape]

    def command(self, playbook: str, *arguments: str) -> list[str]:
        """The command line of a playbook, as a user types it in the checkout."""
        return ["ansible-playbook", "-i", str(self.inventory), f"playbooks/{playbook}.yml", *arguments]

    def play(self, playbook: str, *arguments: str, timeout: float = 900) -> Played:
        """Runs a playbook to its end."""
        began = time.monotonic()
        done = subprocess.run(self.command(playbook, *arguments), **AS_A_USER, timeout=timeout, check=False)
        return Played(done.returncode, done.stdout, time.monotonic() - began)

    @contextlib.contextmanager
    def playing(self, playbook: str, *arguments: str) -> Iterator[Playing]:
        """Runs a playbook while something else is done; it is killed where it still runs at the end."""
        process = subprocess.Popen(self.command(playbook, *arguments), **AS_A_USER, start_new_session=True)
        try:
            yield Playing(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def host(self, name: str) -> Any:
        """A host by SSH, as root: not through the collection that is under test."""
        config = ROOT / "lab" / "build" / "ssh_config"
        return testinfra.get_host(f"ssh://{name}?ssh_config={config}&sudo=True&controlpersist=600")

    def run(self, host: str, command: str, *arguments: str) -> str:
        """A command's output on a host; a failing command fails the test."""
        done = self.host(host).run(command, *arguments)
        assert done.rc == 0, f"{host}: {done.command}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def processes(self) -> dict[str, list[str]]:
        """The service users' processes on each host, from ps alone."""
        found = {}
        for host in self.hosts:
            rows = [line.split(maxsplit=2) for line in self.run(host, "ps -eo pid=,user:20=,args=").splitlines()]
            found[host] = [" ".join(row)[:160] for row in rows if row[1] in SERVICE_USERS]
        return found

    def pids(self) -> dict[str, dict[str, str]]:
        """The long-lived processes on each host, to see whether anything was restarted: JVMs and PostgreSQL's server.

        A JVM or server that has just forked is seen twice for a moment, until the child has become its own program: such a child
        has its parent's command line, and does not count.
        """
        found: dict[str, dict[str, str]] = {}
        for host in self.hosts:
            rows = [line.split(maxsplit=3) for line in self.run(host, "ps -eo pid=,ppid=,user:20=,args=").splitlines()]
            args = {pid: what for pid, _parent, _user, what in rows}
            found[host] = {
                pid: what[-80:]
                for pid, parent, user, what in rows
                if user in SERVICE_USERS and ("java" in what or "-D " in what) and args.get(parent) != what
            }
        return found

    def counted(self, data_set: str = "") -> dict[str, int]:
        """What Koverse counts of a data set, or of all: `records` in Accumulo, `rows` in PostgreSQL."""
        query = f"?data_set={data_set}" if data_set else ""
        url = f"http://localhost:8080/records/count{query}"
        found: dict[str, int] = json.loads(self.run(self.groups["koverse"][0], f"curl --fail --silent '{url}'"))
        return found

    def report(self, playbook: str) -> dict[str, Any]:
        """What status.yml or diagnose.yml writes."""
        played = self.play(playbook)
        assert (played.returncode, played.changed) == (0, 0), played
        written: dict[str, Any] = json.loads((ROOT / "status" / "status.json").read_text(encoding="utf-8"))
        return written

    def accumulo(self, *words: str) -> str:
        """A command of the `accumulo` script on the first manager's host, as the user accumulo."""
        entry = self.groups["accumulo_manager"][0]
        return self.run(entry, "runuser -u accumulo -- /opt/accumulo/bin/accumulo " + " ".join(words))


def wait_until(condition: Any, seconds: float, what: str) -> None:
    """Waits for a condition, with a limit and a word on what was missing."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


class Ledger:
    """A client that writes without end, and what Koverse has acknowledged of its data set (see ledger.py)."""

    path = "/srv/ledger"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.data_set = cluster, f"ledger{time.time():.0f}"
        self.host = cluster.groups["koverse"][0]

    def times(self) -> list[float]:
        """When each record was acknowledged."""
        return [float(line.split()[1]) for line in self.cluster.run(self.host, f"cat {self.path} 2>/dev/null || true").splitlines()]

    def begin(self) -> None:
        """Starts the client."""
        self.end()
        text = (Path(__file__).parent / "ledger.py").read_text(encoding="utf-8")
        self.cluster.run(self.host, "rm -f %s && printf %%s %s > %s.py", self.path, text, self.path)
        self.cluster.run(self.host, f"systemd-run --quiet --collect --unit=ledger python3 {self.path}.py {self.data_set} {self.path}")
        self.goes_on()

    def goes_on(self, seconds: float = 60) -> None:
        """Waits until records are acknowledged again."""
        before = len(self.times())
        wait_until(lambda: len(self.times()) > before + 10, seconds, "records are acknowledged")

    def end(self) -> None:
        """Stops the client."""
        self.cluster.run(self.host, "systemctl stop ledger 2>/dev/null; systemctl reset-failed ledger 2>/dev/null || true")

    def longest_pause(self) -> float:
        """Seconds without an acknowledgement."""
        times = self.times()
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def check(self) -> None:
        """Every record of the ledger is there, in Accumulo and in PostgreSQL; one more may be that was not acknowledged yet."""
        written = len(self.times())
        found = self.cluster.counted(self.data_set)
        assert found["records"] in (written, written + 1), (written, found)
        assert found["rows"] in (written, written + 1), (written, found)


@pytest.fixture
def ledger(cluster: Cluster) -> Iterator[Ledger]:
    """A client that writes while the test lasts."""
    client = Ledger(cluster)
    client.begin()
    yield client
    client.end()


@pytest.fixture
def healthy_again(cluster: Cluster) -> Iterator[None]:
    """Nothing is left broken for the next test."""
    yield
    played = cluster.play("recover")
    assert played.returncode == 0, played


@pytest.fixture
def control_host(cluster: Cluster) -> str:
    """n1 as a control host: with ansible-core in an environment of its own, and this checkout and its SSH key where they are here."""
    packages = Path(ansible.__file__).parents[1]
    cluster.run("n1", f"python3 -m venv --without-pip {CONTROL} && mkdir -p {ROOT}")
    for directory, patterns, target in ((packages, PACKAGES, f"{CONTROL}/lib/python3.11/site-packages"), (ROOT, CHECKOUT, str(ROOT))):
        receive = shlex.quote(f"sudo tar -C {target} -xf -")
        send = f"cd {directory} && tar --exclude=__pycache__ -cf - {patterns} | ssh -F {ROOT}/lab/build/ssh_config n1 {receive}"
        subprocess.run(["bash", "-o", "pipefail", "-c", send], check=True)
    program = f"#!{CONTROL}/bin/python\nfrom ansible.cli.playbook import main\nmain()\n"
    cluster.run("n1", f"printf %s > {CONTROL}/bin/ansible-playbook && chmod 755 {CONTROL}/bin/ansible-playbook", program)
    return "n1"


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster of the Molecule scenario."""
    return Cluster(os.environ["MOLECULE_SCENARIO_NAME"])
