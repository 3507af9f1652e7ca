"""Levels changed on the real components, in files and at run time, and the logs of all hosts in one order."""

from __future__ import annotations

import datetime
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CONTROL, ROOT, Cluster, Played, wait_until

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

LOG4J_XML = "/opt/koverse-server/conf/log4j.xml"
SERVICE_LOGGING = "/etc/accumulo/log4j2-service.properties"
STATE_CHANGE = "org.apache.hadoop.hdfs.StateChange"


@pytest.fixture(scope="module", autouse=True)
def _healthy(cluster: Cluster) -> None:
    played = cluster.play("recover")
    assert played.returncode == 0, played


def loglevel(cluster: Cluster, component: str, logger: str, level: str, *arguments: str) -> Played:
    """One run of loglevel.yml."""
    asked = {"component": component, "logger": logger, "level": level}
    return cluster.play("loglevel", "-e", json.dumps(asked), *arguments)


def servlet(cluster: Cluster, host: str, logger: str) -> str:
    """The level that a NameNode itself says it has."""
    page = cluster.run(host, f"curl --fail --silent 'http://{host}:9870/logLevel?log={logger}'")
    (found,) = re.findall(r"Effective Level: <b>(\w+)</b>", page)
    return str(found)


def about(cluster: Cluster, host: str, path: str) -> str:
    """What must not change with a file's content: its owner, group and mode."""
    return cluster.run(host, f"stat -c '%U %G %a' {path}")


def sums(cluster: Cluster, path: str, hosts: list[str]) -> dict[str, str]:
    """A file's checksum on each host."""
    return {host: cluster.run(host, f"sha256sum {path}").split()[0] for host in hosts}


def entries(cluster: Cluster, tmp_path: Path, *arguments: str) -> list[dict[str, Any]]:
    """What logs.yml writes as lines of JSON."""
    file = tmp_path / "logs.jsonl"
    played = cluster.play("logs", "-e", f"runbook_logs_file={file}", *arguments)
    assert (played.returncode, played.changed) == (0, 0), played
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def given_back(cluster: Cluster) -> Iterator[None]:
    """The files are as they were when the test ends."""
    koverse = cluster.groups["koverse"]
    before = sums(cluster, LOG4J_XML, koverse), sums(cluster, SERVICE_LOGGING, cluster.hosts)
    yield
    assert (sums(cluster, LOG4J_XML, koverse), sums(cluster, SERVICE_LOGGING, cluster.hosts)) == before


def test_a_running_namenode_changes_its_level(cluster: Cluster) -> None:
    hosts = cluster.groups["hdfs_namenode"]
    before, pids = {host: servlet(cluster, host, STATE_CHANGE) for host in hosts}, cluster.pids()
    played = loglevel(cluster, "hdfs_namenode", STATE_CHANGE, "DEBUG", "-e", "runtime=true")
    assert (played.returncode, played.changed) == (0, len(hosts)), played
    assert {servlet(cluster, host, STATE_CHANGE) for host in hosts} == {"DEBUG"}
    again = loglevel(cluster, "hdfs_namenode", STATE_CHANGE, "debug", "-e", "runtime=true")
    assert (again.returncode, again.changed) == (0, 0), again
    back = loglevel(cluster, "hdfs_namenode", STATE_CHANGE, "previous", "-e", "runtime=true")
    assert (back.returncode, back.changed) == (0, len(hosts)), back
    assert {host: servlet(cluster, host, STATE_CHANGE) for host in hosts} == before
    assert cluster.pids() == pids, "a process was restarted"


@pytest.mark.usefixtures("given_back")
@pytest.mark.faults
def test_koverse_logs_more_after_a_restart_and_goes_back(cluster: Cluster) -> None:
    (host,) = cluster.groups["koverse"]
    kept, text = about(cluster, host, LOG4J_XML), cluster.run(host, f"cat {LOG4J_XML}")
    pids = cluster.pids()
    predicted = loglevel(cluster, "koverse_server", "com.koverse.server", "DEBUG", "--check", "--diff")
    assert predicted.returncode == 0, predicted
    assert '+  <logger name="com.koverse.server">' in predicted.output, predicted
    assert (cluster.run(host, f"cat {LOG4J_XML}"), cluster.pids()) == (text, pids)
    played = loglevel(cluster, "koverse_server", "com.koverse.server", "DEBUG")
    assert played.returncode == 0, played
    changed = cluster.run(host, f"cat {LOG4J_XML}")
    assert '<logger name="com.koverse.server">' in changed
    assert changed.replace('\n  <logger name="com.koverse.server">\n    <level value="debug"/>\n  </logger>', "") == text
    assert about(cluster, host, LOG4J_XML) == kept
    gone = {pid: what for pid, what in pids[host].items() if pid not in cluster.pids()[host]}
    assert len(gone) == 1, gone
    assert "koverse" in next(iter(gone.values())), gone
    restarted = cluster.pids()
    again = loglevel(cluster, "koverse_server", "com.koverse.server", "DEBUG")
    assert (again.returncode, again.changed) == (0, 0), again
    assert cluster.pids() == restarted
    back = loglevel(cluster, "koverse_server", "com.koverse.server", "previous")
    assert back.returncode == 0, back
    assert cluster.pids() != restarted


@pytest.mark.usefixtures("given_back")
def test_accumulo_is_not_restarted_where_its_file_says_that_it_is_read_again(cluster: Cluster) -> None:
    pids = cluster.pids()
    for host in cluster.hosts:
        cluster.run(host, f"cp -p {SERVICE_LOGGING} {SERVICE_LOGGING}.kept && echo 'monitorInterval = 5' >> {SERVICE_LOGGING}")
    try:
        played = loglevel(cluster, "accumulo_gc", "org.apache.accumulo", "TRACE")
        assert played.returncode == 0, played
        assert "reads the file again every 5 s: no restart" in " ".join(played.output.split()), played
        assert cluster.pids() == pids
        back = loglevel(cluster, "accumulo_gc", "org.apache.accumulo", "previous")
        assert back.returncode == 0, back
    finally:
        for host in cluster.hosts:
            cluster.run(host, f"mv {SERVICE_LOGGING}.kept {SERVICE_LOGGING}")


@pytest.mark.usefixtures("given_back")
@pytest.mark.parametrize(
    ("component", "logger", "level", "more", "words"),
    [
        ("koverse", "com.koverse", "DEBUG", [], "unknown component 'koverse'"),
        ("koverse_server", "com.koverse", "LOUD", [], "unknown level 'LOUD'"),
        ("koverse_server", "com..koverse", "DEBUG", [], "expected the name of a logger"),
        ("koverse_server", "com.koverse", "DEBUG", ["-e", "runtime=true"], "koverse_server cannot change levels while it runs"),
        ("hdfs_namenode", "root", "DEBUG", [], "hadoop.root.logger, which is set from outside the file"),
        ("postgres", "root", "DEBUG", [], "postgres has no log_config in the catalogue"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    cluster: Cluster, component: str, logger: str, level: str, more: list[str], words: str
) -> None:
    pids = cluster.pids()
    played = loglevel(cluster, component, logger, level, *more)
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
    assert (played.changed, cluster.pids()) == (0, pids), played


@pytest.mark.usefixtures("given_back")
@pytest.mark.faults
def test_a_file_that_is_not_understood_on_one_host_keeps_all_from_changing(cluster: Cluster) -> None:
    cluster.run("n3", f"cp -p {SERVICE_LOGGING} {SERVICE_LOGGING}.kept && echo nothing > {SERVICE_LOGGING}")
    try:
        played = loglevel(cluster, "accumulo_tserver", "org.apache.accumulo", "DEBUG")
        assert played.returncode != 0, played
        assert "found no root logger, no logger and no appender" in " ".join(played.output.split()), played
    finally:
        cluster.run("n3", f"mv {SERVICE_LOGGING}.kept {SERVICE_LOGGING}")


@pytest.mark.faults
@pytest.mark.usefixtures("given_back")
def test_a_level_goes_back_by_itself(cluster: Cluster, control_host: str) -> None:
    hosts = cluster.groups["hdfs_namenode"]
    before = {host: servlet(cluster, host, STATE_CHANGE) for host in hosts}
    play = f"cd {ROOT} && {CONTROL}/bin/ansible-playbook -i inventories/lab/ha playbooks/loglevel.yml -e component=hdfs_namenode"
    played = cluster.host(control_host).run(f"{play} -e logger={STATE_CHANGE} -e level=DEBUG -e runtime=true -e revert_after=20s")
    assert played.rc == 0, played.stdout
    assert {servlet(cluster, host, STATE_CHANGE) for host in hosts} == {"DEBUG"}
    wait_until(lambda: {host: servlet(cluster, host, STATE_CHANGE) for host in hosts} == before, 120, "the level is back")


@pytest.mark.usefixtures("given_back")
@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="this control host has systemd")
def test_without_systemd_nothing_goes_back_and_nothing_changes(cluster: Cluster) -> None:
    played = loglevel(cluster, "koverse_server", "com.koverse", "DEBUG", "-e", "revert_after=30m")
    assert played.returncode != 0, played
    assert "revert_after needs systemd on this control host" in " ".join(played.output.split()), played
    assert played.changed == 0


def test_logs_of_all_components_and_hosts_in_one_order(cluster: Cluster, tmp_path: Path) -> None:
    found = entries(cluster, tmp_path, "-e", "lines=3")
    times = [row["time"] for row in found if row["time"]]
    assert times == sorted(times)
    assert {row["host"] for row in found} == set(cluster.hosts)
    assert {"zookeeper", "hdfs_namenode", "hdfs_datanode", "accumulo_tserver", "postgres", "koverse_server"} <= {
        row["component"] for row in found
    }
    for host, component in {(row["host"], row["component"]) for row in found}:
        assert len([row for row in found if (row["host"], row["component"]) == (host, component)]) <= 3


def test_a_window_has_what_happened_in_it_and_nothing_else(cluster: Cluster, tmp_path: Path) -> None:
    began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    cluster.run("n2", "systemctl restart yarn-nodemanager")
    try:
        wait_until(
            lambda: any(
                row["component"] == "yarn_nodemanager" and row["host"] == "n2"
                for row in entries(
                    cluster, tmp_path, "-e", json.dumps({"since": began, "pattern": "registered UNIX signal handlers|STARTUP_MSG"})
                )
            ),
            60,
            "the NodeManager's first lines",
        )
        found = entries(cluster, tmp_path, "-e", json.dumps({"since": began}))
        assert min(row["time"] for row in found if row["time"]) >= began.replace("+00:00", "")
    finally:
        healed = cluster.play("recover")
        assert healed.returncode == 0, healed


def test_a_stack_trace_in_server_err_is_one_entry_and_rotated_files_are_read(cluster: Cluster, tmp_path: Path) -> None:
    (host,) = cluster.groups["koverse"]
    mark = f"mark{time.time():.0f}"
    trace = f"$(date '+%F %T'),000 ERROR Driver: {mark}\\njava.io.IOException: {mark}\\n\\tat a.B.c(B.java:1)\\n"
    cluster.run(host, f'printf "{trace}" >> /var/log/koverse-server/server.err')
    cluster.run(host, f'printf "{trace}" | gzip > /var/log/koverse-server/server.err.1.gz')
    try:
        asked = {"runbook_components": "koverse_server", "pattern": f"IOException: {mark}", "since": "10m ago"}
        found = entries(cluster, tmp_path, "-e", json.dumps(asked))
        assert sorted(Path(row["source"]).name for row in found) == ["server.err", "server.err.1.gz"]
        assert [row["text"].splitlines()[1:] for row in found] == [[f"java.io.IOException: {mark}", "\tat a.B.c(B.java:1)"]] * 2
    finally:
        cluster.run(host, "rm -f /var/log/koverse-server/server.err.1.gz")


@pytest.mark.faults
def test_a_host_that_cannot_be_reached_is_said_and_the_others_are_shown(cluster: Cluster, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.yml"
    nowhere.write_text("zookeeper: {hosts: {n3: {ansible_port: 1}}}\n", encoding="utf-8")
    file = tmp_path / "logs.jsonl"
    asked = {"runbook_components": "zookeeper", "lines": 1, "runbook_logs_file": str(file)}
    played = cluster.play("logs", "-i", str(nowhere), "-e", json.dumps(asked))
    assert "left out: n3: the host is unreachable" in " ".join(played.output.split()), played
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["host"] for row in found} == {"n1", "n2"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"since": "soon"}, "since: expected a time such as 14:05"),
        ({"pattern": "("}, "pattern: '(' is not a regular expression"),
        ({"lines": "0"}, "lines: expected a number from 1, found '0'"),
        ({"runbook_components": "koverse"}, "unknown component 'koverse'"),
    ],
)
def test_bad_input(cluster: Cluster, arguments: dict[str, str], words: str) -> None:
    played = cluster.play("logs", "-e", json.dumps(arguments))
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
