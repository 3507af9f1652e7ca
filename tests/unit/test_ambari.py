# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Ambari against the emulator (tests/ambari), which is held against a real server's recordings."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import (
    STARTED,
    STOPPED,
    AmbariError,
    Change,
    Cluster,
    NoContact,
    Server,
    failure_text,
    obstacles,
    of_services,
    predicate,
)
from ansible_collections.koverse.runbook.tests.ambari.agents import SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.lab.receivers import certificate
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION
from ansible_collections.koverse.runbook.tests.unit.servers import free_port, says, serve

C = "/api/v1/clusters/lab"
DATANODES = [("DATANODE", host) for host in ("n1", "n2", "n3")]
SERVER = ("KOVERSE_SERVER", "n3")
HANDSHAKE_FAILURE = bytes.fromhex("15 0303 0002 02 28")  # a fatal alert of TLS
TICK = Callable[[], None]


def server(ambari: Emulator, user: str = "admin", **options: Any) -> Server:
    """A client whose time is the emulator's: it waits without waiting."""
    clock = ambari.clock
    assert isinstance(clock, VirtualClock)
    return Server(ambari.url, user, user, clock=clock.now, sleep=clock.advance, **options)


@pytest.fixture
def cluster(ambari: Emulator) -> Cluster:
    return Cluster(server(ambari), "lab", patience=0.0)


def states(ambari: Emulator, name: str) -> dict[str, str]:
    return {row["host"]: row["state"] for row in Cluster(server(ambari), "lab").host_components([name])}


def change(
    cluster: Cluster, instances: list[tuple[str, str]], state: str, meanwhile: dict[int, TICK] | None = None, **options: Any
) -> Change:
    """A change in slices of seven seconds, each with the memory of the one before; meanwhile: what happens after that many slices."""
    memory = None
    for number in range(1000):
        (meanwhile or {}).get(number, lambda: None)()
        made = Change(cluster, instances, state, "test", memory=memory, **options)
        made.run(7.0, 600.0, 120.0)
        memory = made.memory
        if made.done or made.failures:
            return made
    raise AssertionError("it does not end")


# ---- the server


@pytest.mark.parametrize("url", ["ambari:8080", "ftp://ambari", "", "http://", "https://ambari:abc", "https://ambari:99999", "http://[::1"])
def test_no_url(url: str) -> None:
    with pytest.raises(AmbariError, match=r"no URL of an Ambari server( \(.*\))?: expected https://HOST:PORT"):
        Server(url, "u", "p")


@pytest.mark.parametrize("url", ["https://me:geheim@ambari:8443", "https://me:geheim@[::1", "https://me:geheim/@ambari"])
def test_user_in_the_url_is_refused_without_being_said(url: str) -> None:
    with pytest.raises(AmbariError, match="has a user in it") as caught:
        Server(url, "u", "p")
    assert "geheim" not in str(caught.value)


def test_no_authority(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with pytest.raises(AmbariError, match=f"ca_path: '.*/{name}' cannot be read as a file of certificates"):
            Server("https://ambari:8443", "u", "p", ca_path=str(tmp_path / name))


@pytest.mark.parametrize("password", ["wrong", ""])
def test_not_let_in(ambari: Emulator, password: str) -> None:
    with pytest.raises(AmbariError, match=r"does not let 'admin' in: .*(Unable to sign in|Missing authentication)") as caught:
        Server(ambari.url, "admin", password).get("clusters")
    assert caught.value.status == 403
    assert "wrong" not in str(caught.value)


def test_who_may_only_read(ambari: Emulator) -> None:
    cluster = Cluster(server(ambari, "viewer"), "lab")
    assert cluster.services()["HDFS"]["state"] == "STARTED"
    with pytest.raises(
        AmbariError, match=r"'viewer' may not do that \(.*authorizations.*\): it takes the role Service Operator, for alerts"
    ):
        cluster.change("PUT", "services/HDFS", {"Body": {"ServiceInfo": {"maintenance_state": "ON"}}})
    made = change(cluster, [SERVER], STOPPED)
    assert "500" in made.failures[0]["text"]
    assert "role Service Operator" in made.failures[0]["text"]
    assert states(ambari, "KOVERSE_SERVER") == {"n3": "STARTED"}


def test_nobody_listens() -> None:
    with pytest.raises(NoContact, match="nobody listens on http://localhost"):
        Server(f"http://localhost:{free_port()}", "u", "p", patience=0).get("clusters")


def test_unknown_name() -> None:
    with pytest.raises(AmbariError, match="the name cannot be resolved"):
        Server("http://nowhere.invalid:8080", "u", "p", patience=0).get("clusters")


def test_something_else_answers(ambari: Emulator) -> None:
    ambari.fault("answer", status=200, body="<html>")
    with pytest.raises(AmbariError, match="something else than JSON: is that an Ambari server"):
        server(ambari).get("clusters")


def test_a_look_outlasts_a_restart(ambari: Emulator) -> None:
    ambari.fault("refuse", times=3)
    ambari.fault("answer", status=503, times=2)
    assert server(ambari, patience=60.0).get("clusters")["items"]
    ambari.fault("refuse", times=None)
    with pytest.raises(NoContact, match="breaks off"):
        server(ambari, patience=60.0).get("clusters")


def test_slow_answer(ambari: Emulator) -> None:
    ambari.fault("slow", seconds=1.0)
    with pytest.raises(NoContact, match=r"does not answer within 0\.1 s"):
        server(ambari, timeout=0.1, patience=0.0).get("clusters")


def test_certificates(tmp_path: Path) -> None:
    for days, message in ((1, None), (-1, "expired")):
        directory = tmp_path / str(days)
        directory.mkdir()
        files = (str(certificate(directory, days=days)),) * 2
        with Emulator(DESCRIPTION, host="localhost", clock=VirtualClock(), tls=files) as emulator:
            with pytest.raises(AmbariError, match=r"certificate of .* is not accepted: .*Name its authority with ca_path"):
                server(emulator).get("clusters")
            if message:
                with pytest.raises(AmbariError, match=message):
                    server(emulator, ca_path=files[0]).get("clusters")
            else:
                assert server(emulator, ca_path=files[0]).get("clusters")["items"]
            assert server(emulator, validate_certs=False).get("clusters")["items"]


@pytest.mark.parametrize("answer", [b"", HANDSHAKE_FAILURE])
def test_a_broken_handshake_says_nothing_of_the_certificate(answer: bytes) -> None:
    with serve(says(answer)) as port, pytest.raises(NoContact, match="breaks off"):
        Server(f"https://localhost:{port}", "u", "p", patience=0.0).get("clusters")


def test_server_behind_tls_is_restarted_in_mid_request(tmp_path: Path) -> None:
    pem, agents, clock = str(certificate(tmp_path, days=1)), SimulatedAgents(), VirtualClock()
    agents.takes(20.0)
    with Emulator(DESCRIPTION, host="localhost", clock=clock, agents=agents, tls=(pem, pem)) as ambari, contextlib.ExitStack() as between:

        def end() -> None:
            ambari.stop()
            between.enter_context(serve(says(b""), int(ambari.url.rpartition(":")[2])))

        def begin() -> None:
            between.close()
            ambari.start()

        made = change(Cluster(server(ambari, ca_path=pem), "lab", patience=0.0), DATANODES, STOPPED, {1: end, 3: begin})
        assert (made.done, made.failures, len(made.memory["requests"])) == (True, [], 2)


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_whose_body_breaks_off_is_no_answer(status: int) -> None:
    head = f"HTTP/1.1 {status} No\r\nContent-Length: 99\r\n\r\n".encode()
    with serve(says(head + b"{")) as port, pytest.raises(NoContact, match="breaks off: IncompleteRead"):
        Server(f"http://localhost:{port}", "u", "p").change("PUT", "clusters")


# ---- the cluster


def test_the_only_cluster_is_found(ambari: Emulator) -> None:
    assert Cluster.find(server(ambari), None).name == "lab"
    assert Cluster.find(server(ambari), "lab").name == "lab"
    with pytest.raises(AmbariError, match="has no cluster 'la'; it has: lab"):
        Cluster.find(server(ambari), "la")


def test_services_become_their_masters_and_slaves(cluster: Cluster) -> None:
    assert of_services(cluster, ["KOVERSE"]) == [SERVER]
    with pytest.raises(AmbariError, match="has no service NOPE; it has: ACCUMULO"):
        of_services(cluster, ["KOVERSE", "NOPE"])


def test_predicate() -> None:
    assert predicate(DATANODES[:1]) == "HostRoles/component_name.in(DATANODE)&HostRoles/host_name.in(n1)"
    assert predicate([*DATANODES[:2], ("NODEMANAGER", "n2"), ("NODEMANAGER", "n1"), SERVER]) == (
        "(HostRoles/component_name.in(DATANODE,NODEMANAGER)&HostRoles/host_name.in(n1,n2))|"
        "(HostRoles/component_name.in(KOVERSE_SERVER)&HostRoles/host_name.in(n3))"
    )


# ---- changes


def test_stop_and_start_on_several_hosts_with_one_request(ambari: Emulator, cluster: Cluster) -> None:
    instances = [*DATANODES, SERVER]
    made = change(cluster, instances, STOPPED)
    assert (made.changed, made.failures, made.left_out) == ([list(pair) for pair in instances], [], [])
    assert set(states(ambari, "DATANODE").values()) == {"INSTALLED"}
    assert change(cluster, instances, STARTED).changed == made.changed
    assert ambari.calls["PUT", f"{C}/host_components"] == 2
    assert set(states(ambari, "DATANODE").values()) == {"STARTED"}


def test_what_is_there_is_not_asked_for(ambari: Emulator, cluster: Cluster) -> None:
    made = change(cluster, DATANODES, STARTED)
    assert (made.changed, made.memory["requests"]) == ([], [])
    assert ("PUT", f"{C}/host_components") not in ambari.calls


def test_only_what_is_not_there_is_asked_for(cluster: Cluster) -> None:
    change(cluster, DATANODES[:1], STOPPED)
    assert change(cluster, DATANODES, STARTED).changed == [["DATANODE", "n1"]]


def test_check_mode(ambari: Emulator, cluster: Cluster) -> None:
    made = Change(cluster, DATANODES, STOPPED, "test")
    made.only_look()
    assert made.changed == [list(pair) for pair in DATANODES]
    assert made.diff["before"].splitlines()[0] == "DATANODE on n1: STARTED"
    assert made.diff["after"].splitlines()[0] == "DATANODE on n1: INSTALLED"
    assert ("PUT", f"{C}/host_components") not in ambari.calls


def test_unknown_instances(cluster: Cluster) -> None:
    made = change(cluster, [("NAMENODE", "n9"), ("NOPE", "n1")], STOPPED)
    assert made.failures == [
        {"component": None, "host": None, "text": "the cluster 'lab' of Ambari has no NAMENODE on n9, NOPE on n1"},
    ]


def test_polls_do_not_grow_with_the_hosts(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(60.0)
    change(cluster, DATANODES, STOPPED)
    assert sum(ambari.calls.values()) < 35


def test_maintenance_is_told_apart_from_nothing_to_do(ambari: Emulator, cluster: Cluster) -> None:
    ambari.somebody("PUT", f"{C}/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    made = change(cluster, DATANODES, STOPPED)
    assert made.changed == [["DATANODE", "n1"], ["DATANODE", "n3"]]
    (row,) = made.left_out
    assert (row["component"], row["host"]) == ("DATANODE", "n2")
    assert row["why"] == "in maintenance (IMPLIED_FROM_HOST), STARTED: Ambari skips it. Turn its maintenance off in Ambari"
    assert states(ambari, "DATANODE")["n2"] == "STARTED"


def test_lost_host_is_not_said_to_be_started(ambari: Emulator, cluster: Cluster, clock: VirtualClock) -> None:
    change(cluster, DATANODES, STOPPED)
    ambari.lose_agent("n2")
    clock.advance(200)
    made = change(cluster, DATANODES, STARTED)
    assert made.changed == [["DATANODE", "n1"], ["DATANODE", "n3"]]
    assert "the agent of n2 is lost (HEARTBEAT_LOST)" in made.left_out[0]["why"]


def test_host_that_is_lost_in_between(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    change(cluster, DATANODES, STOPPED)
    agents.takes(1000.0, host="n2")
    made = change(cluster, DATANODES, STARTED, {1: lambda: ambari.lose_agent("n2")})
    assert (made.done, made.failures, made.changed) == (True, [], [["DATANODE", "n1"], ["DATANODE", "n3"]])
    (row,) = made.left_out
    assert (row["component"], row["host"]) == ("DATANODE", "n2")
    assert row["why"].startswith("the agent of n2 is lost (HEARTBEAT_LOST)")


def test_what_should_have_followed_a_lost_host_is_named_beside_it(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    instances = [("ZOOKEEPER_SERVER", "n2"), ("ACCUMULO_MASTER", "n1")]
    change(cluster, instances, STOPPED)
    agents.takes(1000.0, host="n2")
    made = change(cluster, instances, STARTED, {1: lambda: ambari.lose_agent("n2")})
    assert [row["host"] for row in made.left_out] == ["n2"]
    text = "START ABORTED: somebody else, or Ambari itself, has aborted its request 2"
    assert made.failures == [{"component": "ACCUMULO_MASTER", "host": "n1", "text": text}]


@pytest.mark.parametrize("state", ["INIT", "INSTALL_FAILED", "UNINSTALLED", "DISABLED"])
@pytest.mark.parametrize("wanted", [STARTED, STOPPED])
def test_what_is_not_installed_is_not_installed_by_the_way(ambari: Emulator, cluster: Cluster, state: str, wanted: str) -> None:
    change(cluster, DATANODES, STOPPED if wanted == STARTED else STARTED)
    ambari.world.find("n2", "DATANODE").state = state
    told = obstacles(cluster, *((DATANODES, []) if wanted == STARTED else ([], DATANODES)))
    assert len(told) == 1
    assert told[0].startswith(f"DATANODE on n2: not installed in Ambari ({state})")
    made = change(cluster, DATANODES, wanted)
    assert made.changed == [["DATANODE", "n1"], ["DATANODE", "n3"]]
    assert [(row["host"], row["why"]) for row in made.left_out] == [("n2", told[0].partition(": ")[2])]
    assert states(ambari, "DATANODE")["n2"] == state
    commands = {(task.host, task.command) for request in ambari.world.requests.values() for task in request.tasks}
    assert ("n2", "INSTALL") not in commands


def test_what_an_agent_has_not_reported_yet_is_waited_for(ambari: Emulator, cluster: Cluster) -> None:
    component = ambari.world.find("n2", "DATANODE")
    component.state, component.told = "UNKNOWN", None
    assert obstacles(cluster, [], DATANODES) == []
    first = Change(cluster, DATANODES, STOPPED, "test")
    first.run(1.0, 600.0, 120.0)
    assert (first.progress, ambari.world.requests) == ("waiting, because DATANODE on n2 is UNKNOWN", {})
    made = change(cluster, DATANODES, STOPPED)
    assert (made.failures, made.changed) == ([], [list(pair) for pair in DATANODES])


def test_what_an_agent_does_not_report_is_waited_for_a_minute(ambari: Emulator, cluster: Cluster, clock: VirtualClock) -> None:
    component = ambari.world.find("n2", "DATANODE")
    component.state, component.told = "UNKNOWN", "STARTED"
    began = clock.now()
    made = change(cluster, DATANODES, STOPPED)
    why = "UNKNOWN for 60 s, although the agent of n2 is not lost. Restart ambari-agent there"
    assert (made.failures, made.left_out) == ([], [{"component": "DATANODE", "host": "n2", "why": why}])
    assert made.changed == [["DATANODE", "n1"], ["DATANODE", "n3"]]
    assert 60 < clock.now() - began < 90
    commands = {(task.host, task.command) for request in ambari.world.requests.values() for task in request.tasks}
    assert commands == {("n1", "STOP"), ("n3", "STOP")}


def test_what_is_being_installed_is_waited_for(ambari: Emulator, cluster: Cluster) -> None:
    change(cluster, DATANODES, STOPPED)
    component = ambari.world.find("n2", "DATANODE")
    component.state = "INSTALLING"
    assert obstacles(cluster, DATANODES, []) == []
    first = Change(cluster, DATANODES, STARTED, "test")
    first.run(1.0, 600.0, 120.0)
    assert first.progress == "waiting, because DATANODE on n2 is INSTALLING"
    component.state = STOPPED
    assert change(cluster, DATANODES, STARTED).changed == [list(pair) for pair in DATANODES]


def test_failed_task_with_its_last_lines(cluster: Cluster, agents: SimulatedAgents) -> None:
    change(cluster, DATANODES, STOPPED)
    agents.fail("DATANODE", host="n2", stderr="\n".join(f"line {number}" for number in range(20)))
    made = change(cluster, DATANODES, STARTED)
    (row,) = made.failures
    assert (row["component"], row["host"]) == ("DATANODE", "n2")
    assert row["text"].startswith(f"START FAILED (Ambari's request {made.memory['requests'][0]}, task ")
    assert row["text"].endswith("  | line 18\n  | line 19")
    assert "line 11\n" not in row["text"]
    assert failure_text(made.failures).startswith("DATANODE on n2: START FAILED")


@pytest.mark.parametrize("fault", [{"kind": "answer", "status": 500, "body": "no"}, {"kind": "refuse"}])
def test_a_failure_without_its_last_lines_is_one(
    ambari: Emulator, cluster: Cluster, agents: SimulatedAgents, fault: dict[str, Any]
) -> None:
    change(cluster, DATANODES, STOPPED)
    for host in ("n1", "n2"):
        agents.fail("DATANODE", host=host, stderr="no disk")
    ambari.fault(**fault, path="/tasks/")
    made = change(cluster, DATANODES, STARTED)
    assert [row["host"] for row in made.failures] == ["n1", "n2"]
    assert re.search(r"START FAILED \(.*\), last lines:\n  \| \(they cannot be read: http", made.failures[0]["text"])
    assert made.failures[1]["text"].endswith("  | no disk")
    assert made.changed == [["DATANODE", "n3"]]


def test_failed_is_not_over_before_the_last_task(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents, clock: VirtualClock) -> None:
    change(cluster, DATANODES, STOPPED)
    agents.fail("DATANODE", host="n2", stderr="no")
    agents.takes(50.0, host="n3")
    began = clock.now()
    made = change(cluster, DATANODES, STARTED)
    assert made.failures
    assert clock.now() - began >= 50
    assert states(ambari, "DATANODE") == {"n1": "STARTED", "n2": "INSTALLED", "n3": "STARTED"}


def test_progress_names_what_is_under_way(cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(30.0)
    made = Change(cluster, DATANODES, STOPPED, "test")
    made.run(5.0, 60.0, 10.0)
    assert made.progress == (
        f"Ambari's request {made.memory['request']}, 0 of 3 tasks done: STOP DATANODE on n1, STOP DATANODE on n2, STOP DATANODE on n3"
    )


def test_request_of_somebody_else_is_waited_for(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents, clock: VirtualClock) -> None:
    agents.takes(30.0)
    ambari.somebody("PUT", f"{C}/services/YARN", {"RequestInfo": {"context": "Stop YARN"}, "Body": {"ServiceInfo": {"state": "INSTALLED"}}})
    clock.advance(2)
    first = Change(cluster, [SERVER], STOPPED, "test")
    first.run(1.0, 600.0, 120.0)
    assert first.progress.startswith("waiting for Ambari's request 1 'Stop YARN' of ")
    assert change(cluster, [SERVER], STOPPED).changed == [list(SERVER)]


def test_request_of_somebody_else_is_not_waited_for_where_the_decision_would_be_stale(
    ambari: Emulator, cluster: Cluster, agents: SimulatedAgents
) -> None:
    agents.takes(30.0)
    ambari.somebody("PUT", f"{C}/services/YARN", {"RequestInfo": {"context": "Stop YARN"}, "Body": {"ServiceInfo": {"state": "INSTALLED"}}})
    (failure,) = change(cluster, [SERVER], STOPPED, patient=False).failures
    assert re.match(r"Ambari's request 1 'Stop YARN' of \w+ \(\d+ %\) is under way\. .* Wait for its end, then run again", failure["text"])
    assert states(ambari, "KOVERSE_SERVER") == {"n3": "STARTED"}


def test_request_that_hangs_behind_more_than_ambari_returns_by_itself(
    ambari: Emulator, cluster: Cluster, agents: SimulatedAgents, clock: VirtualClock
) -> None:
    agents.takes(10_000.0, "KOVERSE_SERVER")
    ambari.somebody("PUT", f"{C}/services/KOVERSE", {"RequestInfo": {"context": "hangs"}, "Body": {"ServiceInfo": {"state": "INSTALLED"}}})
    for number in range(24):
        state = "STARTED" if number % 2 else "INSTALLED"
        ambari.somebody("PUT", f"{C}/hosts/n1/host_components/HDFS_CLIENT", {"HostRoles": {"state": state}})
        ambari.somebody("PUT", f"{C}/hosts/n1/host_components/RESOURCEMANAGER", {"HostRoles": {"state": state}})
        clock.advance(5)
    assert len(ambari.world.requests) > 21
    (failure,) = change(cluster, DATANODES, STOPPED, patient=False).failures
    assert failure["text"].startswith("Ambari's request 1 'hangs' of admin (")


def test_what_somebody_has_asked_for_and_has_not_begun_is_not_taken_for_done(
    ambari: Emulator, cluster: Cluster, agents: SimulatedAgents
) -> None:
    change(cluster, [SERVER], STOPPED)
    agents.takes(30.0)
    for service, state in (("YARN", "INSTALLED"), ("KOVERSE", "STARTED")):
        ambari.somebody("PUT", f"{C}/services/{service}", {"Body": {"ServiceInfo": {"state": state}}})
    assert states(ambari, "KOVERSE_SERVER") == {"n3": "INSTALLED"}  # its turn comes after YARN's
    assert len(change(cluster, [SERVER], STOPPED, patient=False).failures) == 1
    assert change(cluster, [SERVER], STOPPED).done
    assert (states(ambari, "KOVERSE_SERVER"), cluster.requests_under_way()) == ({"n3": "INSTALLED"}, [])


def test_what_rests_where_it_died_is_stopped_already(cluster: Cluster, agents: SimulatedAgents, clock: VirtualClock) -> None:
    agents.kill("n2", "DATANODE")
    clock.advance(120)
    made = change(cluster, DATANODES, STOPPED, patient=False)
    assert (made.failures, made.changed) == ([], [["DATANODE", "n1"], ["DATANODE", "n3"]])


def test_a_request_that_has_failed_is_under_way_until_its_last_task(
    ambari: Emulator, cluster: Cluster, agents: SimulatedAgents, clock: VirtualClock
) -> None:
    change(cluster, DATANODES, STOPPED)
    agents.fail("DATANODE", host="n2", stderr="no")
    agents.takes(50.0, host="n3")
    ambari.somebody("PUT", f"{C}/services/HDFS", {"Body": {"ServiceInfo": {"state": "STARTED"}}})
    assert [row["id"] for row in cluster.requests_under_way()] == [2]  # PENDING
    clock.advance(20)
    assert cluster.request(2)["status"] == "FAILED"
    assert [row["id"] for row in cluster.requests_under_way()] == [2]
    clock.advance(60)
    assert cluster.requests_under_way() == []


def test_limit(cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(1000.0)
    made = Change(cluster, [SERVER], STOPPED, "test")
    made.run(100.0, 20.0, 10.0)
    assert made.failures[0]["text"].startswith("not INSTALLED after 20 s; last seen: Ambari's request 1, 0 of 1 tasks done")


def test_aborted_by_somebody_else(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(100.0)
    made = change(cluster, [SERVER], STOPPED, {1: lambda: ambari.abort(1)})
    text = "STOP ABORTED: somebody else, or Ambari itself, has aborted its request 1"
    assert made.failures == [{"component": "KOVERSE_SERVER", "host": "n3", "text": text}]
    assert ambari.calls["PUT", f"{C}/host_components"] == 1


def test_what_had_succeeded_before_an_abort_or_the_limit_is_changed(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(1000.0, host="n2")
    made = change(cluster, DATANODES, STOPPED, {2: lambda: ambari.abort(1)})
    assert (made.failures[0]["host"], made.changed) == ("n2", [["DATANODE", "n1"], ["DATANODE", "n3"]])
    assert made.diff["after"].splitlines() == ["DATANODE on n1: INSTALLED", "DATANODE on n2: STARTED", "DATANODE on n3: INSTALLED"]
    change(cluster, DATANODES, STARTED)
    made = Change(cluster, DATANODES, STOPPED, "test")
    made.run(100.0, 20.0, 10.0)
    assert made.failures[0]["text"].startswith("not INSTALLED after 20 s")
    assert made.changed == [["DATANODE", "n1"], ["DATANODE", "n3"]]


def test_somebody_starts_what_we_stop(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(5.0)

    def start() -> None:
        ambari.somebody("PUT", f"{C}/services/KOVERSE", {"Body": {"ServiceInfo": {"state": "STARTED"}}})

    made = change(cluster, [SERVER], STOPPED, {1: start})
    assert made.done or "somebody else has asked for STARTED meanwhile" in made.failures[0]["text"]


@pytest.mark.parametrize("kind", ["drop", "refuse", "crash"])
def test_answer_to_the_change_is_lost(ambari: Emulator, cluster: Cluster, kind: str) -> None:
    ambari.fault(kind, method="PUT")
    made = change(cluster, DATANODES, STOPPED)
    assert (made.done, made.failures) == (True, [])
    assert set(states(ambari, "DATANODE").values()) == {"INSTALLED"}


def test_lost_answer_does_not_make_a_second_request(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(20.0)
    ambari.fault("drop", method="PUT")
    made = change(cluster, DATANODES, STOPPED)
    assert (made.done, made.memory["requests"]) == (True, [1])
    assert ambari.calls["PUT", f"{C}/host_components"] == 1


def test_server_is_restarted_in_mid_request(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(20.0)

    def down() -> None:
        ambari.stop()

    made = change(cluster, DATANODES, STOPPED, {1: down, 3: ambari.start})
    assert (made.done, made.failures) == (True, [])
    assert set(states(ambari, "DATANODE").values()) == {"INSTALLED"}


def test_an_abort_long_after_a_silence_is_a_persons(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(300.0)
    ambari.fault("drop", method="GET", path="requests")
    made = change(cluster, [SERVER], STOPPED, {10: lambda: ambari.abort(1)})
    assert [row["text"] for row in made.failures] == ["STOP ABORTED: somebody else, or Ambari itself, has aborted its request 1"]
    assert ambari.calls["PUT", f"{C}/host_components"] == 1


def test_server_that_does_not_come_back(ambari: Emulator, cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.takes(20.0)
    made = change(cluster, DATANODES, STOPPED, {1: ambari.stop})
    assert "nobody listens on" in made.failures[0]["text"]
    assert "look before you go on" in made.failures[0]["text"]


def test_500_whose_request_runs_nevertheless(cluster: Cluster, agents: SimulatedAgents) -> None:
    """What the recording 03 shows; here the request is carried out, and its answer replaced."""
    agents.takes(20.0)
    real = cluster.change

    def broken(*arguments: Any) -> Any:
        real(*arguments)
        raise AmbariError("answers 500: Internal server error, please refer the exception by 358d95aa", 500)

    cluster.change = broken  # type: ignore[method-assign]
    made = change(cluster, [SERVER], STOPPED)
    assert (made.done, made.memory["requests"]) == (True, [1])


# ---- what Ambari does not know yet


def test_start_of_what_has_died_unnoticed(cluster: Cluster, agents: SimulatedAgents) -> None:
    agents.kill("n2", "DATANODE")
    assert change(cluster, DATANODES[1:2], STARTED).changed == []  # Ambari still says that it runs
    made = change(cluster, DATANODES[1:2], STARTED, known=True)
    assert made.changed == [["DATANODE", "n2"]]
    assert len(made.memory["requests"]) == 2
