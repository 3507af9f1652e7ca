# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator of Ambari beyond the recordings: faults, agents, rules in other situations, and the comparison with recordings itself."""

from __future__ import annotations

import copy
import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.koverse.runbook.tests.ambari import model
from ansible_collections.koverse.runbook.tests.ambari.agents import CommandAgents, SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import RealClock, VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator, _basic
from ansible_collections.koverse.runbook.tests.ambari.engine import Timing
from ansible_collections.koverse.runbook.tests.ambari.order import ROLE_ORDER, java_order, stages
from ansible_collections.koverse.runbook.tests.ambari.query import BadQuery, parse
from ansible_collections.koverse.runbook.tests.ambari.replay import difference, fit, moments, recorded
from ansible_collections.koverse.runbook.tests.lab.receivers import certificate
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

C = "/api/v1/clusters/lab"
EMULATOR = Path(__file__).parents[1] / "ambari" / "emulator.py"


class Client:
    """Asks the emulator as a user."""

    def __init__(self, emulator: Emulator, user: str = "admin") -> None:
        self.emulator = emulator
        self.headers = {"Authorization": _basic(user, user), "X-Requested-By": "test"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content; the content of an empty answer is None."""
        connection = http.client.HTTPConnection(urlsplit(self.emulator.url).netloc, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self.headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return response.status, json.loads(content) if content else None

    def get(self, path: str) -> Any:
        status, content = self.ask("GET", path)
        assert status == 200, content
        return content

    def put(self, path: str, category: str, level: str | None = None, **values: Any) -> tuple[int, Any]:
        info = {"context": "test", **({"operation_level": {"level": level, "cluster_name": "lab"}} if level else {})}
        return self.ask("PUT", path, {"RequestInfo": info, "Body": {category: values}})

    def service(self, name: str, state: str) -> int:
        """Start or stop a service; the number of the request."""
        status, content = self.put(f"{C}/services/{name}", "ServiceInfo", state=state)
        assert status == 202, content
        return int(content["Requests"]["id"])

    def request(self, number: int) -> dict[str, Any]:
        return self.get(f"{C}/requests/{number}?fields=Requests/*,tasks/Tasks/*")

    def status(self, number: int) -> str:
        return self.request(number)["Requests"]["request_status"]

    def state(self, host: str, component: str) -> tuple[str, str]:
        """State and desired state."""
        roles = self.get(f"{C}/hosts/{host}/host_components/{component}?fields=HostRoles/state,HostRoles/desired_state")["HostRoles"]
        return roles["state"], roles["desired_state"]


@pytest.fixture
def client(ambari: Emulator) -> Client:
    return Client(ambari)


def wait(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Until it holds; for what runs in other threads."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


# ----- faults


def test_connection_dropped_after_the_change(ambari: Emulator, client: Client, clock: VirtualClock) -> None:
    ambari.fault("drop", method="PUT", path="/services/KOVERSE")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.service("KOVERSE", "INSTALLED")
    clock.advance(10)
    assert [item["Requests"]["id"] for item in client.get(f"{C}/requests")["items"]] == [1]
    assert client.state("n3", "KOVERSE_SERVER") == ("INSTALLED", "INSTALLED")


def test_connection_refused_before_the_change(ambari: Emulator, client: Client) -> None:
    ambari.fault("refuse", method="PUT", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.service("KOVERSE", "INSTALLED")
    assert client.get(f"{C}/requests")["items"] == []
    assert client.service("KOVERSE", "INSTALLED") == 1


def test_slow_answer(ambari: Emulator, client: Client) -> None:
    ambari.fault("slow", seconds=0.3)
    begin = time.monotonic()
    client.get(f"{C}/services")
    assert time.monotonic() - begin >= 0.3
    begin = time.monotonic()
    client.get(f"{C}/services")
    assert time.monotonic() - begin < 0.3


def test_answer_of_something_between(ambari: Emulator, client: Client) -> None:
    ambari.fault("answer", status=503, body='{"proxy": "no"}', times=2)
    assert client.ask("GET", f"{C}/services") == (503, {"proxy": "no"})
    assert client.ask("PUT", f"{C}/services/KOVERSE") == (503, {"proxy": "no"})
    assert client.ask("GET", f"{C}/services")[0] == 200


def test_unknown_fault_is_refused(ambari: Emulator) -> None:
    with pytest.raises(ValueError, match="no fault is called sloow; there are slow, drop"):
        ambari.fault("sloow")


def test_server_crashes_after_it_accepted(ambari: Emulator, client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    """Open requests are ABORTED, the agent ends what it has begun, and the next look at the component shows it."""
    client.service("KOVERSE", "INSTALLED")
    clock.advance(60)
    agents.takes(30, "KOVERSE_SERVER")
    number = client.service("KOVERSE", "STARTED")
    clock.advance(5)
    assert client.state("n3", "KOVERSE_SERVER") == ("STARTING", "STARTED")
    url = ambari.url
    ambari.stop()
    with pytest.raises(ConnectionError):
        client.get(f"{C}/services")
    ambari.start()
    assert ambari.url == url
    assert client.status(number) == "ABORTED"
    assert client.state("n3", "KOVERSE_SERVER") == ("INSTALLED", "STARTED")
    clock.advance(60)
    assert client.state("n3", "KOVERSE_SERVER") == ("STARTED", "STARTED")
    assert client.status(number) == "ABORTED"


def test_server_crashes_by_itself_and_comes_back(ambari: Emulator, client: Client) -> None:
    ambari.fault("crash", method="PUT", path="KOVERSE", seconds=0.1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.service("KOVERSE", "INSTALLED")

    def back() -> bool:
        try:
            return client.status(1) == "ABORTED"
        except (ConnectionError, http.client.HTTPException):  # an answer may be cut off, too
            return False

    wait(back)


def test_state_file_outlives_the_emulator(tmp_path: Path) -> None:
    state = tmp_path / "state"
    agents = SimulatedAgents()
    agents.takes(1000)
    with Emulator(DESCRIPTION, clock=VirtualClock(), agents=agents, state=state) as emulator:
        client = Client(emulator)
        client.put(f"{C}/services/HDFS", "ServiceInfo", maintenance_state="ON")
        number = client.service("KOVERSE", "INSTALLED")
    with Emulator(DESCRIPTION, clock=VirtualClock(), state=state) as emulator:
        client = Client(emulator)
        assert client.status(number) == "ABORTED"
        assert client.get(f"{C}/services/HDFS?fields=ServiceInfo/maintenance_state")["ServiceInfo"]["maintenance_state"] == "ON"
        assert client.service("POSTGRESQL", "INSTALLED") == number + 1


def test_lost_agent_is_noticed_after_two_minutes_and_returns(
    ambari: Emulator, client: Client, clock: VirtualClock, agents: SimulatedAgents
) -> None:
    agents.takes(1000, "KOVERSE_SERVER")
    number = client.service("KOVERSE", "INSTALLED")
    clock.advance(1)
    ambari.lose_agent("n3")
    clock.advance(110)
    assert client.status(number) == "IN_PROGRESS"
    clock.advance(75)
    assert client.status(number) == "ABORTED"
    host = client.get(f"{C}/hosts/n3?fields=Hosts/host_state,Hosts/host_status")["Hosts"]
    assert (host["host_state"], host["host_status"]) == ("HEARTBEAT_LOST", "UNKNOWN")
    assert client.state("n3", "POSTGRESQL_SERVER") == ("UNKNOWN", "STARTED")
    ambari.return_agent("n3")
    clock.advance(5)
    assert client.state("n3", "POSTGRESQL_SERVER") == ("STARTED", "STARTED")
    assert client.state("n3", "KOVERSE_SERVER") == ("STARTED", "INSTALLED")


def test_agent_that_returns_at_once_has_forgotten_its_task(
    ambari: Emulator, client: Client, clock: VirtualClock, agents: SimulatedAgents
) -> None:
    agents.takes(100, "KOVERSE_SERVER")
    number = client.service("KOVERSE", "INSTALLED")
    clock.advance(1)
    ambari.lose_agent("n3")
    later = client.service("POSTGRESQL", "INSTALLED")
    clock.advance(5)
    assert client.status(later) == "PENDING"
    ambari.return_agent("n3")
    clock.advance(10)
    assert client.status(number) == "TIMEDOUT"
    assert client.status(later) == "COMPLETED"


def test_killed_process_shows_with_the_next_report(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    agents.kill("n2", "ACCUMULO_TSERVER")
    assert client.state("n2", "ACCUMULO_TSERVER") == ("STARTED", "STARTED")
    clock.advance(10)
    assert client.state("n2", "ACCUMULO_TSERVER") == ("INSTALLED", "STARTED")


def test_failing_component(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    client.service("KOVERSE", "INSTALLED")
    clock.advance(10)
    agents.fail("KOVERSE_SERVER", stderr="no license", times=1)
    number = client.service("KOVERSE", "STARTED")
    clock.advance(10)
    task = client.request(number)["tasks"][0]["Tasks"]
    assert (task["status"], task["stderr"], task["exit_code"]) == ("FAILED", "no license", 0)
    assert client.state("n3", "KOVERSE_SERVER") == ("INSTALLED", "STARTED")
    number = client.service("KOVERSE", "STARTED")
    clock.advance(10)
    assert client.status(number) == "COMPLETED"


def test_somebody_else_aborts(ambari: Emulator, client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    agents.takes(100)
    number = client.service("ACCUMULO", "INSTALLED")
    clock.advance(5)
    ambari.abort(number)
    assert client.status(number) == "ABORTED"
    clock.advance(200)
    assert client.state("n1", "ACCUMULO_MASTER") == ("STARTED", "INSTALLED")


def test_somebody_else_starts_what_we_stop(ambari: Emulator, client: Client, clock: VirtualClock) -> None:
    number = client.service("KOVERSE", "INSTALLED")
    clock.advance(10)
    started = ambari.somebody("PUT", f"{C}/services/KOVERSE", {"Body": {"ServiceInfo": {"state": "STARTED"}}})
    clock.advance(10)
    assert (client.status(number), started.status) == ("COMPLETED", 202)
    assert client.state("n3", "KOVERSE_SERVER") == ("STARTED", "STARTED")
    assert ("PUT", f"{C}/services/KOVERSE") in ambari.calls
    assert ambari.calls["PUT", f"{C}/services/KOVERSE"] == 1


def test_task_that_lasts_too_long(clock: VirtualClock, agents: SimulatedAgents) -> None:
    agents.takes(1000)
    with Emulator(DESCRIPTION, clock=clock, agents=agents, timing=Timing(task_timeout=60)) as emulator:
        client = Client(emulator)
        number = client.service("KOVERSE", "INSTALLED")
        clock.advance(100)
        content = client.request(number)
        assert content["Requests"]["request_status"] == "TIMEDOUT"
        assert content["Requests"]["timed_out_task_count"] == content["Requests"]["completed_task_count"] == 1


# ----- users


@pytest.mark.parametrize(
    ("user", "read", "stop", "configure"),
    [("admin", 200, 202, 200), ("operator", 200, 202, 403), ("viewer", 200, 403, 403), ("guest", 403, 403, 403)],
)
def test_roles(ambari: Emulator, user: str, read: int, stop: int, configure: int) -> None:
    client = Client(ambari, user)
    assert client.ask("GET", f"{C}/services")[0] == read
    assert client.put(f"{C}/services/KOVERSE", "ServiceInfo", state="INSTALLED")[0] == stop
    wanted = {"type": "accumulo-site", "tag": "x", "properties": {"a": "2"}}
    assert client.ask("PUT", C, {"Clusters": {"desired_config": wanted}})[0] == configure


# ----- TLS


def over_tls(emulator: Emulator, authority: str) -> int:
    port = urlsplit(emulator.url).port
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=ssl.create_default_context(cafile=authority))
    try:
        connection.request("GET", C, headers={"Authorization": _basic("admin", "admin")})
        return connection.getresponse().status
    finally:
        connection.close()


def test_tls(tmp_path: Path) -> None:
    files = (str(certificate(tmp_path, days=1)),) * 2
    with Emulator(DESCRIPTION, host="localhost", clock=VirtualClock(), tls=files) as emulator:
        assert emulator.url.startswith("https://")
        assert over_tls(emulator, files[0]) == 200


def test_tls_with_an_expired_certificate(tmp_path: Path) -> None:
    files = (str(certificate(tmp_path, days=-1)),) * 2
    with (
        Emulator(DESCRIPTION, host="localhost", clock=VirtualClock(), tls=files) as emulator,
        pytest.raises(ssl.SSLCertVerificationError, match="expired"),
    ):
        over_tls(emulator, files[0])


# ----- control path and counts


def test_control_path(ambari: Emulator, client: Client) -> None:
    """What the methods do can be done over the network, too."""

    def control(what: str, /, **given: Any) -> tuple[int, Any]:
        return client.ask("POST", f"/emulator/{what}", given)

    assert control("fail", component="KOVERSE_SERVER", command="STOP", stderr="stuck")[0] == 200
    assert control("takes", seconds=3, component="KOVERSE_SERVER")[0] == 200
    number = client.service("KOVERSE", "INSTALLED")
    assert control("advance", seconds=2)[0] == 200
    assert client.status(number) == "IN_PROGRESS"
    assert control("advance", seconds=3)[0] == 200
    assert client.status(number) == "FAILED"
    assert control("kill", host="n3", component="POSTGRESQL_SERVER")[0] == 200
    control("advance", seconds=10)
    assert client.state("n3", "POSTGRESQL_SERVER")[0] == "INSTALLED"
    body = {"ServiceInfo": {"state": "STARTED"}}
    assert control("somebody", method="PUT", path=f"{C}/services/POSTGRESQL", body=body) == (200, 202)
    assert control("user", name="viewer", role="SERVICE.OPERATOR")[0] == 200
    assert Client(ambari, "viewer").put(f"{C}/services/HDFS", "ServiceInfo", maintenance_state="ON")[0] == 200
    assert control("lose_agent", host="n2")[0] == 200
    assert not ambari.world.hosts["n2"].agent
    assert control("faults", kind="answer", status=418)[0] == 200
    assert client.ask("GET", C)[0] == 418
    assert control("abort", request=number)[0] == 200


@pytest.mark.parametrize(
    ("path", "given"), [("nothing", {}), ("abort", {"request": 99}), ("fail", {"wrong": 1}), ("faults", {"kind": "x"})]
)
def test_control_path_refuses(client: Client, path: str, given: dict[str, Any]) -> None:
    status, content = client.ask("POST", f"/emulator/{path}", given)
    assert (status, list(content)) == (400, ["error"])


def test_calls_are_counted(ambari: Emulator, client: Client) -> None:
    client.get(f"{C}/services?fields=ServiceInfo/state")
    client.get(f"{C}/services?minimal_response=true")
    client.put(f"{C}/services/HDFS", "ServiceInfo", maintenance_state="ON")
    assert dict(ambari.calls) == {("GET", f"{C}/services"): 2, ("PUT", f"{C}/services/HDFS"): 1}
    assert client.get("/emulator/calls") == [
        {"method": "GET", "path": f"{C}/services", "count": 2},
        {"method": "PUT", "path": f"{C}/services/HDFS", "count": 1},
    ]
    assert client.ask("DELETE", "/emulator/calls")[0] == 200
    assert not ambari.calls


# ----- agents that do something


def files_as_services(directory: Path) -> CommandAgents:
    """A component runs where its file is; `fails` in its place makes a start fail."""
    unit = f"{directory}/{{host}}-{{unit}}"
    start = f"if test -e {unit}.fails; then echo no memory >&2; exit 3; fi; touch {unit}; echo started {{component}}"
    status = f"for unit in {{units}}; do if test -e {directory}/{{host}}-$unit; then echo active; else echo inactive; fi; done"
    return CommandAgents({"start": start, "stop": f"rm -f {unit}", "status": status}, {"KOVERSE_SERVER": "koverse-server"})


@pytest.fixture
def commanded(tmp_path: Path) -> Iterator[Emulator]:
    agents = files_as_services(tmp_path)
    agents.status_interval = 0.2
    timing = Timing(queue=0.0, next_stage=0.02, first_status=0.1)
    with Emulator({**DESCRIPTION, "running": False}, clock=RealClock(), agents=agents, timing=timing) as emulator:
        yield emulator


def test_commands_start_and_stop(commanded: Emulator, tmp_path: Path) -> None:
    client = Client(commanded)
    number = client.service("KOVERSE", "STARTED")
    wait(lambda: client.status(number) == "COMPLETED")
    assert (tmp_path / "n3-koverse-server").exists()
    assert client.request(number)["tasks"][0]["Tasks"]["stdout"] == "started KOVERSE_SERVER\n"
    assert client.state("n3", "KOVERSE_SERVER") == ("STARTED", "STARTED")
    number = client.service("KOVERSE", "INSTALLED")
    wait(lambda: client.status(number) == "COMPLETED")
    assert not (tmp_path / "n3-koverse-server").exists()


def test_command_that_fails(commanded: Emulator, tmp_path: Path) -> None:
    (tmp_path / "n3-koverse-server.fails").touch()
    client = Client(commanded)
    number = client.service("KOVERSE", "STARTED")
    wait(lambda: client.status(number) == "FAILED")
    assert client.request(number)["tasks"][0]["Tasks"]["stderr"] == "no memory\n"
    assert client.state("n3", "KOVERSE_SERVER") == ("INSTALLED", "STARTED")


def test_commands_report_what_runs(commanded: Emulator, tmp_path: Path) -> None:
    client = Client(commanded)
    number = client.service("KOVERSE", "STARTED")
    wait(lambda: client.status(number) == "COMPLETED")
    wait(lambda: commanded.world.find("n3", "KOVERSE_SERVER").told == "STARTED")  # type: ignore[union-attr]
    (tmp_path / "n3-koverse-server").unlink()
    wait(lambda: client.state("n3", "KOVERSE_SERVER") == ("INSTALLED", "STARTED"))


def test_hosts_work_at_the_same_time(tmp_path: Path) -> None:
    """Three servers that each wait for the others to begin: one after the other they would never end."""
    waiting = f"touch {tmp_path}/{{host}}; until test -e {tmp_path}/n1 -a -e {tmp_path}/n2 -a -e {tmp_path}/n3; do sleep 0.02; done"
    timing = Timing(queue=0.0, next_stage=0.02)
    with Emulator({**DESCRIPTION, "running": False}, agents=CommandAgents({"start": waiting}), timing=timing) as emulator:
        client = Client(emulator)
        number = client.service("ZOOKEEPER", "STARTED")
        wait(lambda: client.status(number) == "COMPLETED")


def test_abort_ends_the_command(tmp_path: Path) -> None:
    with Emulator(DESCRIPTION, agents=CommandAgents({"stop": f"touch {tmp_path}/begun; sleep 600"}), timing=Timing(queue=0.0)) as emulator:
        client = Client(emulator)
        number = client.service("KOVERSE", "INSTALLED")
        wait((tmp_path / "begun").exists)
        agents = emulator.agents
        assert isinstance(agents, CommandAgents)
        wait(lambda: bool(agents._running))  # it may have begun before its agent has noted that it runs
        process = next(iter(agents._running.values()))
        reason = {"Requests": {"request_status": "ABORTED", "abort_reason": "test"}}
        assert client.ask("PUT", f"{C}/requests/{number}", reason) == (200, None)
        assert process.wait(timeout=20) == -signal.SIGTERM
        assert client.state("n3", "KOVERSE_SERVER") == ("STARTED", "INSTALLED")


def test_restart_stops_and_starts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    agents = CommandAgents({"start": f"echo start {{unit}} >> {log}", "stop": f"echo stop {{unit}} >> {log}"})
    assert agents.execute("n1", "NAMENODE", "RESTART")[0]
    assert log.read_text() == "stop namenode\nstart namenode\n"
    assert agents.execute("n1", "HDFS_CLIENT", "INSTALL") == (True, "", "")


def test_status_that_cannot_be_told() -> None:
    for agents in (CommandAgents({"status": "exit 255"}), CommandAgents({"status": "echo active"}), CommandAgents({})):
        assert agents.states("n1", ["NAMENODE", "DATANODE"]) == {"NAMENODE": None, "DATANODE": None}


def test_command_that_takes_too_long() -> None:
    good, _stdout, stderr = CommandAgents({"start": "sleep 600"}, timeout=0.1).execute("n1", "NAMENODE", "START")
    assert not good
    assert "timeout after waiting 0.1 secs" in stderr


def test_as_a_command(tmp_path: Path) -> None:
    cluster = tmp_path / "cluster.json"
    cluster.write_text(json.dumps(DESCRIPTION))
    line = [sys.executable, str(EMULATOR), "--port", "0", "--cluster", str(cluster), "--state", str(tmp_path / "state"), "--stack", "2.7"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            url = said.rpartition(" ")[2].strip()
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
            connection.request("GET", C, headers={"Authorization": _basic("admin", "admin")})
            assert connection.getresponse().status == 200
            connection.close()
        finally:
            process.terminate()
        assert process.wait(timeout=20) == 0
    assert said.startswith("emulator of Ambari 2.7: http://127.0.0.1:")


# ----- rules in situations that no recording shows


def stage_of(content: dict[str, Any]) -> dict[str, int]:
    return {task["Tasks"]["role"]: task["Tasks"]["stage_id"] for task in content["tasks"]}


def test_start_all_of_the_projects_cluster(clock: VirtualClock) -> None:
    with Emulator({**DESCRIPTION, "running": False}, clock=clock) as emulator:
        client = Client(emulator)
        status, content = client.put(f"{C}/services", "ServiceInfo", state="STARTED")
        assert status == 202
        number = content["Requests"]["id"]
        stage = stage_of(client.request(number))
        assert stage["HDFS_CLIENT"] < stage["ZOOKEEPER_SERVER"] < stage["ZKFC"] < stage["NAMENODE"] < stage["ACCUMULO_MASTER"]
        assert stage["JOURNALNODE"] < stage["NAMENODE"]
        assert stage["ACCUMULO_MASTER"] < stage["ACCUMULO_TSERVER"] == stage["ACCUMULO_GC"] == stage["ACCUMULO_MONITOR"]
        assert stage["KOVERSE_SERVER"] == stage["POSTGRESQL_SERVER"] == stage["ZOOKEEPER_SERVER"], "Ambari knows no order for them"
        clock.advance(60)
        assert client.status(number) == "COMPLETED"
        states = client.get(f"{C}/services?fields=ServiceInfo/state&minimal_response=true")["items"]
        assert {item["ServiceInfo"]["state"] for item in states} == {"STARTED"}


def test_stop_all_takes_hdfs_away_from_accumulo(client: Client) -> None:
    """Ambari's own order: nothing of HDFS waits for Accumulo to stop."""
    number = client.put(f"{C}/services", "ServiceInfo", state="INSTALLED")[1]["Requests"]["id"]
    stage = stage_of(client.request(number))
    assert stage["NAMENODE"] <= stage["ACCUMULO_TSERVER"]
    assert stage["ZOOKEEPER_SERVER"] == 0


def test_request_is_failed_before_its_end(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    """Nothing was fitted here: the polls are what default timing gives."""
    client.service("ZOOKEEPER", "INSTALLED")
    clock.advance(20)
    agents.fail("ZOOKEEPER_SERVER", "n2")
    agents.takes(5, "ZOOKEEPER_SERVER", "n3")
    number = client.service("ZOOKEEPER", "STARTED")
    seen = []
    for _number in range(80):
        request = client.request(number)["Requests"]
        poll = (request["request_status"], request["completed_task_count"], request["task_count"])
        if not seen or seen[-1] != poll:
            seen.append(poll)
        clock.advance(0.1)
    assert seen == [("PENDING", 0, 3), ("IN_PROGRESS", 0, 3), ("FAILED", 2, 3), ("FAILED", 3, 3)]


def test_highly_available_hdfs_is_started_with_one_namenode(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    state = f"{C}/services/HDFS?fields=ServiceInfo/state"
    agents.kill("n1", "NAMENODE")
    clock.advance(10)
    assert client.get(state)["ServiceInfo"]["state"] == "STARTED"
    agents.kill("n2", "NAMENODE")
    clock.advance(10)
    assert client.get(state)["ServiceInfo"]["state"] == "INSTALLED"


def test_one_failing_datanode_of_three_does_not_end_the_request(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    client.put(f"{C}/services", "ServiceInfo", state="INSTALLED")
    clock.advance(60)
    agents.fail("DATANODE", "n3")
    number = client.put(f"{C}/services", "ServiceInfo", state="STARTED")[1]["Requests"]["id"]
    clock.advance(60)
    content = client.request(number)["Requests"]
    assert (content["request_status"], content["failed_task_count"], content["aborted_task_count"]) == ("FAILED", 1, 0)
    assert client.state("n1", "ACCUMULO_MASTER") == ("STARTED", "STARTED")


def test_slaves_in_between_are_left_out_and_masters_refuse(client: Client, clock: VirtualClock, agents: SimulatedAgents) -> None:
    agents.takes(100)
    client.put(f"{C}/hosts/n2/host_components/ACCUMULO_TSERVER", "HostRoles", state="INSTALLED")
    clock.advance(5)
    assert client.state("n2", "ACCUMULO_TSERVER") == ("STOPPING", "INSTALLED")
    assert client.put(f"{C}/services/ACCUMULO", "ServiceInfo", state="STARTED") == (200, None)
    client.put(f"{C}/hosts/n1/host_components/ACCUMULO_MASTER", "HostRoles", state="INSTALLED")
    clock.advance(5)
    status, content = client.put(f"{C}/services/ACCUMULO", "ServiceInfo", state="STARTED")
    assert status == 400
    assert content["message"].endswith("currentState=STOPPING, newDesiredState=STARTED")


@pytest.mark.parametrize(
    ("level", "tasks"),
    [(None, set()), ("CLUSTER", set()), ("SERVICE", {"n1", "n2"}), ("HOST", set()), ("HOST_COMPONENT", {"n1", "n2", "n3"})],
)
def test_operation_level_decides_what_maintenance_keeps_out(client: Client, level: str | None, tasks: set[str]) -> None:
    client.put(f"{C}/services/ZOOKEEPER", "ServiceInfo", maintenance_state="ON")
    client.put(f"{C}/hosts/n3", "Hosts", maintenance_state="ON")
    status, content = client.put(f"{C}/services/ZOOKEEPER", "ServiceInfo", level, state="INSTALLED")
    assert status == (202 if tasks else 200)
    found = client.request(content["Requests"]["id"])["tasks"] if content else []
    assert {task["Tasks"]["host_name"] for task in found} == tasks


def test_service_in_maintenance_is_left_alone_with_its_clients(client: Client, clock: VirtualClock) -> None:
    client.put(f"{C}/services/HDFS", "ServiceInfo", maintenance_state="ON")
    assert client.put(f"{C}/services/HDFS", "ServiceInfo", "SERVICE", state="INSTALLED")[0] == 202
    clock.advance(30)
    assert client.put(f"{C}/services", "ServiceInfo", state="STARTED") == (200, None)
    assert client.state("n1", "NAMENODE") == ("INSTALLED", "INSTALLED")


@pytest.mark.parametrize(("component", "status"), [("DATANODE", "ALERT"), ("NAMENODE", "UNHEALTHY"), (None, "HEALTHY")])
def test_host_status(client: Client, clock: VirtualClock, agents: SimulatedAgents, component: str | None, status: str) -> None:
    if component:
        agents.kill("n1", component)
    clock.advance(10)
    assert client.get(f"{C}/hosts/n1?fields=Hosts/host_status")["Hosts"]["host_status"] == status


def test_clients_are_left_alone_if_asked(client: Client, clock: VirtualClock) -> None:
    for parameters, roles in (("", {"HDFS_CLIENT", "DATANODE"}), ("?params/reconfigure_client=false", {"DATANODE"})):
        client.put(f"{C}/hosts/n1/host_components/DATANODE", "HostRoles", state="INSTALLED")
        clock.advance(20)
        number = client.put(f"{C}/services/HDFS{parameters}", "ServiceInfo", state="STARTED")[1]["Requests"]["id"]
        assert {task["Tasks"]["role"] for task in client.request(number)["tasks"]} == roles
        clock.advance(20)


def test_stale_configuration(client: Client, clock: VirtualClock) -> None:
    wanted = {"type": "accumulo-site", "tag": "two", "properties": {"a": "2"}}
    assert client.ask("PUT", C, {"Clusters": {"desired_config": wanted}})[0] == 200
    query = f"{C}/host_components?HostRoles/stale_configs=true&fields=HostRoles/service_name&minimal_response=true"
    assert {item["HostRoles"]["service_name"] for item in client.get(query)["items"]} == {"ACCUMULO"}
    stale = {"hosts_predicate": "HostRoles/stale_configs=true&HostRoles/cluster_name=lab"}
    body = {"RequestInfo": {"command": "RESTART", "context": "x"}, "Requests/resource_filters": [stale]}
    assert client.ask("POST", f"{C}/requests", body)[0] == 202
    clock.advance(30)
    assert client.get(query)["items"] == []
    assert client.ask("POST", f"{C}/requests", body) == (201, None)


def test_state_in_the_url_of_a_put(clock: VirtualClock) -> None:
    """2.7 documents it as its "start all"; 3.0 refuses it."""
    path = f"{C}/services?ServiceInfo/state=INSTALLED"
    for stack, expected, version in (("2.7", 202, "2.7.5.0"), ("3.0", 400, "3.0.0.0")):
        with Emulator({**DESCRIPTION, "running": ["ZOOKEEPER_SERVER"]}, clock=clock, stack=stack) as emulator:
            client = Client(emulator)
            assert client.put(path, "ServiceInfo", state="STARTED")[0] == expected
            server = client.get("/api/v1/services/AMBARI/components/AMBARI_SERVER")["RootServiceComponents"]
            assert server["component_version"] == version


def test_sorting_of_requests_comes_after_paging(client: Client, clock: VirtualClock) -> None:
    for _number in range(2):
        client.service("KOVERSE", "INSTALLED")
        clock.advance(10)
        client.service("KOVERSE", "STARTED")
        clock.advance(10)
    found = client.get(f"{C}/requests?sortBy=Requests/id.desc&page_size=1")["items"]
    assert [item["Requests"]["id"] for item in found] == [1]
    found = client.get(f"{C}/requests?page_size=1&to=end")["items"]
    assert [item["Requests"]["id"] for item in found] == [4]


@pytest.mark.parametrize(
    ("kind", "state"), [("EMAIL", "DELIVERED"), ("SNMP", "DELIVERED"), ("SLACK", "DISPATCHED"), ("WEBHOOK", "DISPATCHED")]
)
def test_alerts_are_dispatched_every_two_minutes(ambari: Emulator, client: Client, clock: VirtualClock, kind: str, state: str) -> None:
    target = {"name": "t", "notification_type": kind, "global": True, "alert_states": ["CRITICAL"], "properties": {"x": "y"}}
    assert client.ask("POST", "/api/v1/alert_targets", {"AlertTarget": target}) == (201, None)
    ambari.engine.alert("namenode_process", "n1", "WARNING", "slow")
    ambari.engine.alert("namenode_process", "n1", "CRITICAL", "down")
    ambari.engine.alert("namenode_process", "n2", "CRITICAL", "down", firmness="SOFT")
    notices = f"{C}/alert_notices?fields=AlertNotice/notification_state&minimal_response=true"
    assert [item["AlertNotice"]["notification_state"] for item in client.get(notices)["items"]] == ["PENDING"]
    clock.advance(120)
    assert [item["AlertNotice"]["notification_state"] for item in client.get(notices)["items"]] == [state]
    assert len(ambari.engine.dispatched) == 1


def test_alerts_in_maintenance_are_not_told(ambari: Emulator, client: Client) -> None:
    target = {"name": "t", "notification_type": "EMAIL", "global": True}
    client.ask("POST", "/api/v1/alert_targets", {"AlertTarget": target})
    client.put(f"{C}/services/HDFS", "ServiceInfo", maintenance_state="ON")
    ambari.engine.alert("namenode_process", "n1", "CRITICAL", "down")
    assert client.get(f"{C}/alert_notices")["items"] == []
    summary = client.get(f"{C}/alerts?format=summary")["alerts_summary"]["CRITICAL"]
    assert (summary["count"], summary["maintenance_count"]) == (0, 1)


def test_rolling_restart_goes_on_after_a_restart_of_the_server(ambari: Emulator, client: Client, clock: VirtualClock) -> None:
    requests = [
        {
            "order_id": number,
            "type": "POST",
            "uri": "/clusters/lab/requests",
            "RequestBodyInfo": {
                "RequestInfo": {"command": "RESTART", "context": host},
                "Requests/resource_filters": [{"service_name": "ZOOKEEPER", "component_name": "ZOOKEEPER_SERVER", "hosts": host}],
            },
        }
        for number, host in enumerate(("n1", "n2"), 1)
    ]
    settings = {"batch_separation_in_seconds": 30, "task_failure_tolerance": 0}
    body = [{"RequestSchedule": {"batch": [{"requests": requests}, {"batch_settings": settings}]}}]
    assert client.ask("POST", f"{C}/request_schedules", body)[0] == 201
    clock.advance(20)
    ambari.restart()
    clock.advance(60)
    shown = client.get(f"{C}/request_schedules/1")["RequestSchedule"]
    assert shown["status"] == "COMPLETED"
    assert [batch["request_status"] for batch in shown["batch"]["batch_requests"]] == ["COMPLETED", "COMPLETED"]


def test_description_with_an_unknown_component() -> None:
    with pytest.raises(KeyError, match="HIVE_SERVER on n1 belongs to no known service"):
        model.build({"hosts": {"n1": ["HIVE_SERVER"]}})


# ----- queries


THING = {"A/x": 5, "A/name": "zoo.cfg", "A/on": True, "A/none": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A/x=5", True),
        ("A/x!=5", False),
        ("A/x<10&A/x>4", True),
        ("A/x<=4|A/name=zoo.cfg", True),
        ("A/x=1|A/x=5&A/name=other", False),
        ("(A/x=1|A/x=5)&A/name=zoo.cfg", True),
        ("!(A/x=5)", False),
        ("A/x.in(1,5)", True),
        ("A/x.in(1, 2)", False),
        ("A/name.matches(zoo.*)", True),
        ("A/name.matches((a|zoo).cfg)", True),
        ("A/name.matches(zoo)", False),
        ("A/on=true", True),
        ("A/none.isEmpty()", True),
        ("fields=A/x&A/x=6&minimal_response=true", False),
        ("", True),
    ],
)
def test_predicates(text: str, expected: bool) -> None:
    assert parse(text).predicate(lambda name: [THING[name]]) is expected


@pytest.mark.parametrize("text", ["A/x", "A/x=1&", "(A/x=1", "A/x=1)", "=1"])
def test_bad_predicates(text: str) -> None:
    if text == "A/x=1&":  # Ambari, too, overlooks an ampersand at the end
        assert parse(text).properties == ("A/x",)
    else:
        with pytest.raises(BadQuery):
            parse(text)


def test_bad_predicate_in_a_url(client: Client) -> None:
    status, content = client.ask("GET", f"{C}/services?(ServiceInfo/state=STARTED")
    assert (status, content["status"]) == (400, 400)


# ----- order


def test_stages_end_also_in_a_circle() -> None:
    circle = {"A-START": ["B-START"], "B-START": ["A-START"]}
    assert stages([("A", "START"), ("B", "START"), ("C", "START")], circle) == [{("C", "START")}, {("A", "START"), ("B", "START")}]


def test_stop_order_is_not_the_start_order() -> None:
    order = stages([("ACCUMULO_MASTER", "STOP"), ("ACCUMULO_TSERVER", "STOP"), ("ACCUMULO_GC", "STOP")], ROLE_ORDER)
    assert order == [{("ACCUMULO_GC", "STOP")}, {("ACCUMULO_TSERVER", "STOP")}, {("ACCUMULO_MASTER", "STOP")}]


def test_java_order() -> None:
    """ "a" to "c" have the hash codes 97 to 99; "q" is 113, in the same of 16 buckets as "a"."""
    assert java_order(["c", "a", "b"]) == ["a", "b", "c"]
    assert java_order(["q", "b", "a"]) == ["q", "a", "b"]


# ----- the comparison with recordings


class Answered:
    """A response as the comparison reads it."""

    def __init__(self, exchange: dict[str, Any]) -> None:
        recorded_answer = exchange["response"]
        self.status = recorded_answer["status"]
        self.headers = {"Content-Type": recorded_answer["content_type"]}
        self.content = recorded_answer["body"]


def compare(change: Callable[[Any], Any], name: str = "02a-start-stop-service", index: int = 4) -> str:
    """What the comparison says of a recorded answer in which something was changed."""
    exchange = recorded(name)[index]
    answered = Answered(exchange)
    content = json.loads(exchange["response"]["body"])
    change(content)
    answered.content = json.dumps(content)
    return difference(exchange, answered, "http://AMBARI")  # type: ignore[arg-type]


def test_comparison_finds_what_differs() -> None:
    assert not compare(lambda _content: None)
    assert "task_count" in compare(lambda content: content["Requests"].update(task_count=5))
    assert "progress_percent" in compare(lambda content: content["Requests"].update(progress_percent=99.9))
    assert "missing ['tasks']" in compare(lambda content: content.pop("tasks"))
    assert "too many ['more']" in compare(lambda content: content.update(more=1))
    assert "expected 4 items, got 3" in compare(lambda content: content["tasks"].pop())
    assert "tasks[0]" in compare(lambda content: content["tasks"].reverse())
    assert "expected 4, got '4'" in compare(lambda content: content["Requests"].update(task_count="4"))


def test_comparison_of_a_trimmed_answer() -> None:
    def trimmed(change: Callable[[Any], Any]) -> str:
        return compare(change, "12a-alerts", 4)

    assert not trimmed(lambda content: content["items"].insert(1, {"Alert": {"id": 1, "state": "OK"}}))
    assert "not found" in trimmed(lambda content: content["items"].pop(1))
    assert "not found" in trimmed(lambda content: content["items"].reverse())


def test_comparison_of_status_and_content_type() -> None:
    exchange = recorded("04-nothing-to-do")[0]
    for change in ({"status": 202}, {"headers": {"Content-Type": "application/json"}}, {"content": "{}"}):
        answered = Answered(exchange)
        vars(answered).update(copy.deepcopy(change))
        assert difference(exchange, answered, "http://AMBARI")  # type: ignore[arg-type]


def test_moments_come_from_notes() -> None:
    def noted(*notes: str) -> list[dict[str, Any]]:
        return [{"note": note, "request": {"path": "/x"}} for note in notes]

    polls = noted("start", "poll 0, 0.0 s after the first poll", "poll 1, 0.7 s after the first poll", "service at the same time", "stop")
    assert moments(polls, {}) == pytest.approx([0.0, 0.02, 0.72, 0.72, 0.74])
    assert moments(noted("a", "b", "c"), {1: 5.0}) == pytest.approx([0.0, 5.0, 5.02])
    assert moments(noted("a", "2 s later"), {}) == pytest.approx([0.0, 2.0])


def test_agents_work_between_the_polls_that_saw_it() -> None:
    exchanges = recorded("02a-start-stop-service")
    when = moments(exchanges, {})
    tasks, queued = fit(exchanges, when)
    assert (
        when[0]
        < queued[7, 0]
        < when[1]
        < tasks[30][0]
        < tasks[30][1]
        < when[2]
        < queued[7, 1]
        < tasks[31][0]
        < when[3]
        < tasks[31][1]
        < when[4]
    )
