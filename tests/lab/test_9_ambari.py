"""The playbooks over Ambari, which an emulator stands for (over_ambari.py)."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import over_ambari
import pytest
import receivers
from ansible_collections.koverse.runbook.tests.ambari.agents import CommandAgents
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.ambari.engine import Timing
from conftest import ROOT, Cluster, Ledger, wait_until
from over_ambari import ENTRIES

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

C = "/api/v1/clusters/lab"


@pytest.fixture(scope="module")
def ambari(cluster: Cluster) -> Iterator[Emulator]:
    """A server that runs this cluster."""
    played = cluster.play("recover")
    assert played.returncode == 0, played
    # A lost agent is found after 15 s, not after two to three minutes.
    with over_ambari.emulator(cluster.inventory, timing=Timing(silence=12.0, monitor=2.0, monitor_interval=2.0)) as server:
        yield server
    played = cluster.play("recover")
    assert played.returncode == 0, played


def over(ambari: Emulator, cluster: Cluster, playbook: str, *arguments: str) -> Any:
    """A playbook over Ambari."""
    return cluster.play(playbook, *over_ambari.variables(ambari), *arguments)


def running(cluster: Cluster) -> set[str]:
    """Units of the catalogue that run, as `unit@host`."""
    units = sorted({entry["service"] for entry in ENTRIES.values() if entry["ambari"]})
    found = set()
    for host in cluster.hosts:
        said = cluster.run(host, f"systemctl is-active {' '.join(units)} || true").split()
        found |= {f"{unit}@{host}" for unit, state in zip(units, said, strict=True) if state == "active"}
    return found


def contexts(ambari: Emulator) -> list[str]:
    """What was asked of Ambari, in order."""
    return [request.context for request in list(ambari.world.requests.values())]


@contextlib.contextmanager
def doing(ambari: Emulator, verb: str, script: str) -> Iterator[None]:
    """Its agents begin each start or stop with this."""
    agents = ambari.agents
    assert isinstance(agents, CommandAgents)
    usual = agents.commands[verb]
    agents.commands[verb] = f"{script}; {usual}"
    try:
        yield
    finally:
        agents.commands[verb] = usual


@pytest.fixture
def without_webapp(ambari: Emulator, cluster: Cluster) -> Iterator[None]:
    """Koverse's web application is stopped, and runs again in the end."""
    before = running(cluster)
    stopped = over(ambari, cluster, "shutdown", "-e", "runbook_components=koverse_webapp")
    assert stopped.returncode == 0, stopped
    yield
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before


@pytest.mark.faults
def test_stop_and_start_over_ambari(ambari: Emulator, cluster: Cluster, ledger: Ledger) -> None:
    ledger.end()
    before, records = running(cluster), cluster.counted()
    stopped = over(ambari, cluster, "shutdown")
    assert stopped.returncode == 0, stopped
    assert running(cluster) == set()
    assert "tables flushed" in stopped.output
    layers = [re.match(r"\w+", name)[0] for name in contexts(ambari)]
    assert layers == sorted(layers, key=["application", "data_services", "storage", "coordination"].index)
    again = over(ambari, cluster, "shutdown")
    assert (again.returncode, again.changed) == (0, 0), again
    ambari.calls.clear()
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before
    assert cluster.counted() == records
    healthy = over(ambari, cluster, "startup")
    assert (healthy.returncode, healthy.changed) == (0, 0), healthy
    print(f"over Ambari: {started.seconds:.0f} s, {sum(ambari.calls.values())} calls")


def test_a_server_that_is_restarted_meanwhile(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    stopped = over(ambari, cluster, "shutdown", "-e", "runbook_layers=application")
    assert stopped.returncode == 0, stopped
    ambari.fault("crash", method="PUT", path="host_components", seconds=3.0)
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
@pytest.mark.parametrize(
    ("what", "body", "state"),
    [
        ("services/KOVERSE", {"ServiceInfo": {"maintenance_state": "ON"}}, "IMPLIED_FROM_SERVICE"),
        ("hosts/n3", {"Hosts": {"maintenance_state": "ON"}}, "IMPLIED_FROM_HOST"),
    ],
)
def test_what_is_in_maintenance_is_said(ambari: Emulator, cluster: Cluster, what: str, body: dict[str, Any], state: str) -> None:
    ambari.somebody("PUT", f"{C}/{what}", {"Body": body})
    try:
        refused = over(ambari, cluster, "startup")
        assert refused.returncode != 0, refused
        assert f"KOVERSE_WEBAPP on n3: in maintenance ({state})" in refused.output
    finally:
        off = {kind: {"maintenance_state": "OFF"} for kind in body}
        ambari.somebody("PUT", f"{C}/{what}", {"Body": off})


@pytest.mark.usefixtures("without_webapp")
def test_who_may_not_changes_nothing(ambari: Emulator, cluster: Cluster) -> None:
    asked = len(contexts(ambari))
    refused = over(ambari, cluster, "startup", "-e", "runbook_ambari_password=not-the-secret")
    assert refused.returncode != 0, refused
    assert f"{ambari.url} does not let 'admin' in: Unable to sign in" in " ".join(refused.output.split()), refused
    assert "not-the-secret" not in refused.output
    assert len(contexts(ambari)) == asked


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_an_expired_certificate_is_refused(ambari: Emulator, cluster: Cluster, tmp_path: Path) -> None:
    path = receivers.certificate(tmp_path, days=-1)
    with Emulator(ambari.world, tls=(str(path), str(path))) as expired:
        where = ["-e", f"runbook_ambari_url={expired.url}", "-e", f"runbook_ambari_ca_path={path}"]
        refused = over(ambari, cluster, "startup", *where)
        assert refused.returncode != 0, refused
        assert "certificate has expired" in refused.output
        assert not expired.calls


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_slow_answers(ambari: Emulator, cluster: Cluster) -> None:
    ambari.fault("slow", seconds=4.0, times=6)
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_what_somebody_else_aborts_is_said(ambari: Emulator, cluster: Cluster) -> None:
    with doing(ambari, "start", "sleep 30"), cluster.playing("startup", *over_ambari.variables(ambari)) as playing:
        playing.until("START KOVERSE_WEBAPP on n3")
        number = max(ambari.world.requests)
        ambari.abort(number)
        assert playing.ended() != 0
    assert f"ABORTED: somebody else, or Ambari itself, has aborted its request {number}" in " ".join(playing.output.split()), playing.output


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_what_fails_is_shown(ambari: Emulator, cluster: Cluster) -> None:
    with doing(ambari, "start", "echo 'no space left for the web application' >&2; exit 1"):
        failed = over(ambari, cluster, "startup")
    assert failed.returncode != 0, failed
    assert "KOVERSE_WEBAPP on n3: START FAILED (Ambari's request " in failed.output
    assert "| no space left for the web application" in failed.output


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_a_lost_agent_is_said(ambari: Emulator, cluster: Cluster) -> None:
    ambari.lose_agent("n3")
    try:
        wait_until(lambda: ambari.world.hosts["n3"].state == "HEARTBEAT_LOST", 60, "n3 counts as lost")
        refused = over(ambari, cluster, "startup")
        assert refused.returncode != 0, refused
        assert "the agent of n3 is lost (HEARTBEAT_LOST): Ambari does nothing there" in " ".join(refused.output.split()), refused
    finally:
        ambari.return_agent("n3")
        wait_until(lambda: ambari.world.find("n3", "KOVERSE_WEBAPP").state == "INSTALLED", 60, "n3 has reported")


@pytest.mark.faults
def test_somebody_starts_what_is_stopped(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    start = {
        "RequestInfo": {"context": "somebody's start", "query": "HostRoles/component_name=KOVERSE_WEBAPP&HostRoles/host_name=n3"},
        "Body": {"HostRoles": {"state": "STARTED"}},
    }
    arguments = [*over_ambari.variables(ambari), "-e", "runbook_components=koverse_webapp"]
    with doing(ambari, "stop", "sleep 10"), cluster.playing("shutdown", *arguments) as playing:
        playing.until("STOP KOVERSE_WEBAPP on n3")
        said = ambari.somebody("PUT", f"{C}/host_components", start)
        status = playing.ended()
    stopped = "koverse-webapp@n3" not in running(cluster)
    assert stopped == (status == 0), f"{said}\n{playing.output}"
    assert stopped or "somebody else has asked for STARTED" in " ".join(playing.output.split()), f"{said}\n{playing.output}"
    started = over(ambari, cluster, "startup")
    assert started.returncode == 0, started
    assert running(cluster) == before


@pytest.mark.faults
@pytest.mark.usefixtures("without_webapp")
def test_nothing_is_stopped_while_somebody_is_at_work(ambari: Emulator, cluster: Cluster) -> None:
    start = {
        "RequestInfo": {"context": "somebody's start", "query": "HostRoles/component_name=KOVERSE_WEBAPP&HostRoles/host_name=n3"},
        "Body": {"HostRoles": {"state": "STARTED"}},
    }
    with doing(ambari, "start", "sleep 20"):
        ambari.somebody("PUT", f"{C}/host_components", start)
        refused = over(ambari, cluster, "shutdown", "-e", "runbook_components=koverse_server")
    assert refused.returncode != 0, refused
    assert "'somebody's start' of admin" in " ".join(refused.output.split()), refused
    assert "koverse-server@n3" in running(cluster)


@pytest.mark.faults
def test_what_cannot_be_drained_is_not_stopped(ambari: Emulator, cluster: Cluster) -> None:
    before, asked = cluster.pids(), len(contexts(ambari))
    drain = {"runbook_catalogue": {"hdfs_datanode": {"drain": "sh -c 'echo no such server; exit 1'"}}}
    refused = over(ambari, cluster, "restart", "-e", "runbook_components=hdfs_datanode", "-e", json.dumps(drain))
    assert refused.returncode != 0, refused
    assert "its drain ended with status 1: no such server" in " ".join(refused.output.split()), refused
    assert cluster.pids() == before
    assert len(contexts(ambari)) == asked


def test_three_lines_are_an_inventory(ambari: Emulator, cluster: Cluster, tmp_path: Path) -> None:
    plugin = {"plugin": "koverse.runbook.ambari", "url": ambari.url, "username": "admin", "password": "admin"}
    plugin |= {"postgres_hosts": ["n1"], "standby_hosts": ["n2"]}
    (tmp_path / "ambari.yml").write_text(json.dumps(plugin), encoding="utf-8")
    # As of a user who does not want it in every command: in the inventory's file the password is the plugin's own.
    reached = {
        "runbook_ambari_password": "admin",
        "ansible_user": "ops",
        "ansible_ssh_common_args": f"-F {ROOT / 'lab' / 'build' / 'ssh_config'}",
    }
    own = {"runbook_catalogue": {"zookeeper": {"start_timeout": 119}}}
    others = {"all": {"vars": {**reached, **own, "ansible_python_interpreter": "/usr/bin/python3"}}}
    (tmp_path / "others.yml").write_text(json.dumps(others), encoding="utf-8")
    new = copy.copy(cluster)
    new.inventory = tmp_path
    assert new.report("status")["ambari"]["problem"] is None
    shown = new.play("status", "-e", "runbook_status_fail=true")
    assert shown.returncode == 0, shown
    seen, known = (
        {(row["component"], row["host"], row["state"]) for row in other.report("status")["instances"]} for other in (new, cluster)
    )
    assert seen == known
    asked = len(contexts(ambari))
    restarted = new.play("restart", "-e", "runbook_components=koverse_webapp")
    assert restarted.returncode == 0, restarted
    assert len(contexts(ambari)) == asked + 2


@pytest.mark.faults
def test_what_somebody_has_just_started_is_not_stopped(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    stopped = over(ambari, cluster, "shutdown", "-e", "runbook_components=koverse_server,koverse_webapp")
    assert stopped.returncode == 0, stopped
    asked = len(contexts(ambari))
    start = {
        "RequestInfo": {"context": "somebody's start", "query": "HostRoles/component_name=KOVERSE_WEBAPP&HostRoles/host_name=n3"},
        "Body": {"HostRoles": {"state": "STARTED"}},
    }
    with doing(ambari, "start", "sleep 15"), cluster.playing("startup", *over_ambari.variables(ambari)) as playing:
        playing.until("START KOVERSE_SERVER on n3")
        ambari.somebody("PUT", f"{C}/host_components", start)
        assert playing.ended() == 0, playing.output
    assert running(cluster) == before
    assert len(contexts(ambari)) == asked + 2, contexts(ambari)[asked:]


@pytest.mark.faults
def test_what_died_without_ambaris_knowing_is_started(ambari: Emulator, cluster: Cluster) -> None:
    before = running(cluster)
    cluster.run("n2", "systemctl kill --signal KILL hdfs-datanode")
    recovered = over(ambari, cluster, "recover")
    assert recovered.returncode == 0, recovered
    assert running(cluster) == before


@pytest.mark.faults
def test_a_restart_one_after_the_other(ambari: Emulator, cluster: Cluster, ledger: Ledger) -> None:
    before, asked = cluster.pids(), len(contexts(ambari))
    played = over(ambari, cluster, "restart", "-e", "runbook_components=hdfs_datanode,accumulo_tserver")
    assert played.returncode == 0, played
    after = cluster.pids()
    gone = {host: {what for pid, what in before[host].items() if pid not in after[host]} for host in cluster.hosts}
    assert all(len(what) == 2 for what in gone.values()), gone
    starts = [context.partition(": start")[0] for context in contexts(ambari)[asked:] if ": start" in context]
    assert starts == [f"{title} on {host}" for title in ("DataNode", "Tablet server") for host in cluster.hosts]
    ledger.goes_on()
    ledger.end()
    ledger.check()
    print(f"restart over Ambari: {played.seconds:.0f} s, longest pause {ledger.longest_pause():.1f} s")


@pytest.mark.faults
def test_a_backup_holds_koverse(ambari: Emulator, cluster: Cluster, ledger: Ledger) -> None:
    asked = len(contexts(ambari))
    cluster.run("n1", "install -d -o hdfs /srv/over_ambari")
    place = ["-e", "runbook_backup_uri=file:///srv/over_ambari", "-e", "runbook_backup_tables=kv_schema"]
    played = over(ambari, cluster, "backup", *place)
    assert played.returncode == 0, played
    assert [re.sub(r" \(\w+\)$", "", context) for context in contexts(ambari)[asked:]] == ["a backup: stopped", "a backup: started"]
    held = re.search(r"Koverse was stopped for ([\d.]+) s, and served again after ([\d.]+) s", played.output)
    assert held, played
    ledger.goes_on()
    ledger.end()
    ledger.check()
    print(f"held over Ambari: {held[1]} s, served again after {held[2]} s; longest pause {ledger.longest_pause():.1f} s")


@pytest.mark.faults
def test_koverses_other_side_and_back(ambari: Emulator, cluster: Cluster, ledger: Ledger) -> None:
    before = running(cluster)
    there = over(ambari, cluster, "failover", "-e", "runbook_component=koverse_server")
    assert there.returncode == 0, there
    assert {"koverse-server@n2", "koverse-webapp@n2"} <= running(cluster)
    assert not {"koverse-server@n3", "koverse-webapp@n3"} & running(cluster)
    back = over(ambari, cluster, "failover", "-e", "runbook_component=koverse_server", "-e", "runbook_target=n3")
    assert back.returncode == 0, back
    assert running(cluster) == before
    ledger.end()
    ledger.check()


@pytest.mark.faults
def test_what_ambari_knows_is_shown_and_not_twice(ambari: Emulator, cluster: Cluster) -> None:
    cluster.run("n2", "systemctl stop hdfs-datanode")
    with ambari.engine.lock:
        ambari.engine.alert("datanode_process", "n2", "CRITICAL", "Connection failed to n2:9866")
        ambari.engine.alert("ambari_disk", "n1", "WARNING", "Capacity used: 71 %")
    try:
        diagnosed = over(ambari, cluster, "diagnose")
        report = json.loads((ROOT / "status" / "status.json").read_text(encoding="utf-8"))
    finally:
        recovered = over(ambari, cluster, "recover")
        with ambari.engine.lock:
            ambari.engine.alert("datanode_process", "n2", "OK")
            ambari.engine.alert("ambari_disk", "n1", "OK")
    assert diagnosed.returncode == 0, diagnosed
    assert recovered.returncode == 0, recovered
    alerts = {row["id"]: row["folded"] for row in report["ambari"]["alerts"]}
    assert alerts == {"datanode_process on n2": True, "ambari_disk on n1": False}
    named = {row["code"]: row for row in report["findings"]}
    assert any("Connection failed to n2:9866" in text for text in named["STOPPED"]["evidence"])
    assert "Host Disk Usage" in named["AMBARI_ALERT"]["summary"]


@pytest.mark.faults
def test_what_ambari_calls_stale_is_restarted(ambari: Emulator, cluster: Cluster) -> None:
    nothing = over(ambari, cluster, "restart", "-e", "runbook_only=changed")
    assert (nothing.returncode, nothing.changed) == (0, 0), nothing
    before = cluster.pids()
    changed = {"Clusters": {"desired_config": {"type": "koverse-env", "tag": "of a test", "properties": {"heap": "640m"}}}}
    ambari.somebody("PUT", C, changed)
    shown = over(ambari, cluster, "status")
    for words in ("2 with an older configuration", "Koverse server on n3", "Koverse web app on n3"):
        assert words in shown.output, shown
    restarted = over(ambari, cluster, "restart", "-e", "runbook_only=changed")
    assert restarted.returncode == 0, restarted
    after = cluster.pids()
    gone = {host: {what for pid, what in before[host].items() if pid not in after[host]} for host in cluster.hosts}
    assert not gone["n1"] | gone["n2"], gone
    assert len(gone["n3"]) == 2, gone
    again = over(ambari, cluster, "restart", "-e", "runbook_only=changed")
    assert (again.returncode, again.changed) == (0, 0), again
