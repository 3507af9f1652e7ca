"""Backups on the HA cluster while something breaks, encrypted ones, and those that a timer takes."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import CONTROL, ROOT, Cluster, wait_until

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

SETS = "/srv/fault-sets"
TABLE = "backup_faults"
PLACE = ["-e", f"runbook_backup_uri=file://{SETS}", "-e", f"runbook_backup_tables={TABLE}"]
ROWS = 50_000


@pytest.fixture(scope="module", autouse=True)
def _a_table(cluster: Cluster) -> None:
    played = cluster.play("startup")
    assert played.returncode == 0, played
    cluster.accumulo(
        f"org.apache.accumulo.test.TestIngest -c /etc/accumulo/accumulo-client.properties --createTable --table {TABLE} "
        f"--rows {ROWS} --cols 1 --size 50 --random 7"  # random values: compressed, they are still large
    )
    tablets = " ".join(f"row_{row:010d}" for row in range(ROWS // 6, ROWS, ROWS // 6))  # so that every tablet server has some
    cluster.accumulo(f"shell -e 'addsplits -t {TABLE} {tablets}'")
    cluster.run("n1", f"install -d -o hdfs {SETS}")


def sets(cluster: Cluster, place: str = SETS) -> list[str]:
    return [name for name in cluster.run("n1", f"ls {place}").split() if "partial" not in name]


def verified(cluster: Cluster) -> str:
    """The newest set, read whole by backup_verify.yml."""
    played = cluster.play("backup_verify", *PLACE)
    assert played.returncode == 0, played
    assert "every file is what the manifest says" in played.output
    return sets(cluster)[-1]


def read_manifest(cluster: Cluster, name: str) -> Any:
    return json.loads(cluster.run("n1", f"cat {SETS}/{name}/manifest.json"))


def serving(cluster: Cluster) -> str:
    """The host whose tablet server serves most of the table, and so of its clone: a tablet is given to the server that had it last."""
    number = re.search(rf"^{TABLE} +=> +(\w+)$", cluster.accumulo("shell -e 'tables -l'"), re.MULTILINE)
    assert number
    found = cluster.accumulo(f"shell -e 'scan -t accumulo.metadata -b {number[1]}; -e {number[1]}< -c loc -np'")
    return Counter(re.findall(r"\s(\w+):\d+$", found, re.MULTILINE)).most_common(1)[0][0]


def said(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.faults
def test_a_destination_that_gets_full(cluster: Cluster) -> None:
    pids = cluster.pids()
    cluster.run("n1", "mkdir -p /srv/full && mount -t tmpfs -o size=600k,mode=777 tmpfs /srv/full")
    try:
        played = cluster.play("backup", *PLACE, "-e", "runbook_backup_uri=file:///srv/full")
        assert played.returncode != 0, played
        assert "No space left on device" in played.output, played
        assert sets(cluster, "/srv/full") == []
    finally:
        cluster.run("n1", "umount /srv/full")
    after = cluster.pids()
    assert {host: after[host] for host in ("n1", "n2")} == {host: pids[host] for host in ("n1", "n2")}, "more than Koverse was restarted"
    shown = cluster.play("status", "-e", "runbook_status_fail=true")
    assert shown.returncode == 0, shown
    assert "failed: n1, step collect" in said(shown.output) or "failed: DistCp" in said(shown.output), shown
    assert "No space left on device" in shown.output


@pytest.mark.faults
def test_through_a_lost_tablet_server_and_a_failover(cluster: Cluster) -> None:
    """A tablet server dies while the clones are exported, the active NameNode while they are copied; the set is whole."""
    serves = serving(cluster)
    with cluster.playing("backup", *PLACE, "-e", "runbook_backup_bandwidth=0.3") as playing:
        playing.until("TASK [Copy tables")  # which begins with the export
        cluster.run(serves, "systemctl kill -s KILL accumulo-tserver")
        playing.until(f"copy {TABLE}")
        former = next(service for service in ("nn1", "nn2") if state(cluster, service) == "active")
        cluster.run({"nn1": "n1", "nn2": "n2"}[former], "systemctl kill -s KILL hdfs-namenode")
        assert playing.ended() == 0, playing.output
    assert state(cluster, "nn2" if former == "nn1" else "nn1") == "active"
    healed = cluster.play("startup")
    assert healed.returncode == 0, healed
    steps = [step["step"] for step in read_manifest(cluster, verified(cluster))["steps"]]
    assert f"recover the clone of {TABLE}" in steps, "it served no part of the clone"


def state(cluster: Cluster, service: str) -> str:
    done = cluster.host("n1").run(f"runuser -u hdfs -- /opt/hadoop/bin/hdfs haadmin -getServiceState {service}")
    return str(done.stdout).strip()


@pytest.mark.faults
def test_without_yarn_the_local_runner_copies(cluster: Cluster) -> None:
    for host in ("n1", "n2"):
        cluster.run(host, "systemctl stop yarn-resourcemanager")
    played = cluster.play("backup", "-e", "runbook_backup_uri=hdfs://koverse/fault-sets", "-e", f"runbook_backup_tables={TABLE}")
    assert played.returncode == 0, played
    assert f"table {TABLE}" in played.output
    healed = cluster.play("startup")
    assert healed.returncode == 0, healed


@pytest.mark.faults
def test_clocks_that_do_not_agree(cluster: Cluster) -> None:
    """The backup host is two hours behind the others and the controller."""
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    for host, offset in (("n1", "-2h"), ("n2", "+0"), ("n3", "+3h")):
        script = f'#!/bin/sh\nLD_PRELOAD={library} FAKETIME={offset} exec /usr/bin/python3 "$@"\n'
        cluster.run(host, "printf %s > /usr/local/bin/skewed-python && chmod 755 /usr/local/bin/skewed-python", script)
    skewed = ["-e", "ansible_python_interpreter=/usr/local/bin/skewed-python"]
    began = time.time()
    played = cluster.play("backup", *PLACE, *skewed)
    assert played.returncode == 0, played
    name = verified(cluster)
    assert time.strftime("%Y%m%dT%H%M", time.gmtime(began)) <= name <= time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    manifest = read_manifest(cluster, name)
    assert manifest["created"] < time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began - 3600)), "the backup host's clock was right"
    assert 0 < manifest["hold"]["seconds"] < 60
    shown = cluster.play("status", *skewed, "-e", "runbook_backup_max_age=1")
    assert f"{name}, " in shown.output
    assert "expected at most" not in shown.output, shown


def test_what_is_encrypted_is_read_with_the_key_only(cluster: Cluster, tmp_path: Path) -> None:
    key = cluster.run("n1", "age-keygen 2>/dev/null")
    identity = tmp_path / "key"
    identity.write_text(key)
    wrong = tmp_path / "wrong"
    wrong.write_text(cluster.run("n1", "age-keygen 2>/dev/null"))
    recipient = key.partition("# public key: ")[2].split()[0]
    played = cluster.play("backup", *PLACE, "-e", f"runbook_backup_recipients={recipient}")
    assert played.returncode == 0, played
    name = verified(cluster)
    files = cluster.run("n1", f"cd {SETS}/{name} && find postgres settings hosts -type f ! -name '.*.crc'").split()
    assert len(files) == 6, files
    for file in files:
        assert file.endswith(".age")
        assert cluster.run("n1", f"head -c 22 {SETS}/{name}/{file}") == "age-encryption.org/v1\n"
    before, pids = cluster.counted(), cluster.pids()
    restore = ["-e", "runbook_restore_parts=postgres", "-e", "runbook_restore_aside=true"]
    for given, words in (
        ([], "name the file with age's secret key as runbook_restore_identity"),
        (["-e", f"runbook_restore_identity={wrong}"], "no identity matched any of the recipients"),
    ):
        refused = cluster.play("restore", *PLACE, *restore, *given)
        assert refused.returncode != 0, refused
        assert words in said(refused.output), refused
        assert cluster.pids() == pids
    back = cluster.play("restore", *PLACE, *restore, "-e", f"runbook_restore_identity={identity}")
    assert back.returncode == 0, back
    assert "database koverse is now koverse_aside_" in back.output
    assert key.strip().rpartition("\n")[2] not in back.output
    assert cluster.counted() == before


def test_a_timer_takes_backups_and_makes_up_for_a_missed_one(cluster: Cluster, control_host: str) -> None:
    settings = {
        "runbook_backup_uri": f"file://{SETS}",
        "runbook_backup_keep": {"last": 1},
        "runbook_schedule_arguments": ["-e", f"runbook_backup_tables={TABLE}"],
    }

    def schedule(**more: str) -> str:
        words = [f"{CONTROL}/bin/ansible-playbook", "-i", "inventories/lab/ha", "playbooks/backup_schedule.yml"]
        command = shlex.join([*words, "-e", json.dumps({**settings, **more})])
        done = cluster.host(control_host).run(f"cd {ROOT} && {command}")
        return str(done.stdout + done.stderr)

    refused = schedule(runbook_schedule_calendar="every day")
    assert "every day" in refused, refused
    assert "failed=1" in refused, refused
    assert "changed=2" in (first := schedule()), first
    assert "changed=0" in (again := schedule()), again
    old = sets(cluster)
    unit = "koverse-runbook-backup"
    stamp = f"/var/lib/systemd/timers/stamp-{unit}.timer"
    assert cluster.run(control_host, f"systemctl is-active {unit}.timer; systemctl is-active {unit} || true").split() == [
        "active",
        "inactive",
    ]
    # As if this host had been down at the last time.
    cluster.run(control_host, f"systemctl stop {unit}.timer && touch -d '2 days ago' {stamp} && systemctl start {unit}.timer")

    def over() -> bool:
        shown = cluster.run(control_host, f"systemctl show -p ActiveState,ExecMainExitTimestampMonotonic {unit}")
        return "ActiveState=activating" not in shown and "TimestampMonotonic=0" not in shown

    wait_until(over, 300, "the timer's backup is over")
    log = cluster.run(control_host, f"journalctl -u {unit} -o cat")
    assert cluster.run(control_host, f"systemctl show -p Result --value {unit}").strip() == "success", log
    new = sets(cluster)
    assert len(new) == 1, new
    assert new[0] > max(old)
    shown = cluster.play("status", "-e", f"runbook_backup_uri=file://{SETS}")
    assert f"Backup: file://{SETS}/{new[0]}, " in shown.output, shown
    cluster.run(control_host, f"systemctl disable --now {unit}.timer")
