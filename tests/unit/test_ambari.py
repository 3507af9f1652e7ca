# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Ambari against the emulator (tests/ambari), which is held against a real server's recordings."""

from __future__ import annotations

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
    of_services,
    predicate,
)
from ansible_collections.koverse.runbook.tests.ambari.agents import SimulatedAgents
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.lab.receivers import certificate
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION
from ansible_collections.koverse.runbook.tests.unit.servers import free_port

C = "/api/v1/clusters/lab"
DATANODES = [("DATANODE", host) for host in ("n1", "n2", "n3")]
SERVER = ("KOVERSE_SERVER", "n3")
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


@pytest.mark.parametrize("url", ["ambari:8080", "ftp://ambari", "", "http://"])
def test_no_url(url: str) -> None:
    with pytest.raises(AmbariError, match="no URL of an Ambari server: expected https://HOST:PORT"):
        Server(url, "u", "p")


def test_user_in_the_url_is_refused_without_being_said() -> None:
    with pytest.raises(AmbariError) as caught:
        Server("https://me:geheim@ambari:8443", "u", "p")
    assert "geheim" not in str(caught.value)


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
    assert any("n2" in str(row) or "aborted" in row["text"] for row in [*made.failures, *made.left_out])
    assert ["DATANODE", "n2"] not in made.changed or made.failures


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
    assert made.failures == [{"component": None, "host": None, "text": "Ambari's request 1 was aborted by somebody else"}]
    assert ambari.calls["PUT", f"{C}/host_components"] == 1


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
    assert [row["text"] for row in made.failures] == ["Ambari's request 1 was aborted by somebody else"]
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
