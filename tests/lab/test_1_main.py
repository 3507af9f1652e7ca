"""The main job, on every shape: cold start, status, shutdown, start again; every record is there. The tests build on each other."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Cluster

ROWS = 200_000


def ingest(cluster: Cluster, program: str) -> str:
    """Accumulo's own TestIngest or VerifyIngest, which re-reads and compares every value."""
    create = "--createTable" if program == "TestIngest" else ""
    login = "-c /etc/accumulo/accumulo-client.properties"
    if cluster.shape == "classic":
        # 1.9.3 has no properties file for these two; their arguments may come from a file, so that the password is on no command line.
        cluster.run(
            cluster.groups["accumulo_manager"][0],
            "install -m 600 -o accumulo /dev/null /tmp/login && { echo -p; cat /etc/accumulo/root-password; } > /tmp/login",
        )
        login = "-i accumulo -z c1:2181 -u root @/tmp/login"
    return cluster.accumulo(f"org.apache.accumulo.test.{program} {login} {create} --table verify --rows {ROWS} --cols 1 --size 100")


def test_check_mode_of_a_cold_start_touches_nothing(cluster: Cluster) -> None:
    before = cluster.processes()
    assert not any(before.values()), "the cluster is not cold"
    played = cluster.play("startup", "--check")
    assert played.returncode == 0, played
    assert played.changed > 0, "it predicts no change on a cold cluster"
    assert cluster.processes() == before


def test_status_of_a_cold_cluster_says_stopped(cluster: Cluster, tmp_path: Path) -> None:
    played = cluster.play("status", "-e", f"runbook_status_dir={tmp_path}")
    assert played.returncode == 0, played
    states = {row["state"] for row in json.loads((tmp_path / "status.json").read_text())["instances"]}
    assert states == {"stopped"}


def test_cold_start(cluster: Cluster) -> None:
    played = cluster.play("startup")
    assert played.returncode == 0, played
    assert played.changed > 0
    for layer in ("coordination", "storage", "data_services 1/2", "data_services 2/2", "application 1/2", "application 2/2"):
        assert f"{layer}: healthy after" in played.output, played
    webapp = cluster.groups["koverse"][0]
    assert "The server answers and is ready" in cluster.run(webapp, "curl --fail --silent http://localhost:8080/")


def test_second_start_changes_nothing(cluster: Cluster) -> None:
    before = cluster.pids()
    played = cluster.play("startup")
    assert played.returncode == 0, played
    assert played.changed == 0, played
    assert cluster.pids() == before


def test_status_of_a_running_cluster(cluster: Cluster, tmp_path: Path) -> None:
    before = cluster.pids()
    played = cluster.play("status", "-e", f"runbook_status_dir={tmp_path}", "-e", "runbook_status_fail=true")
    assert played.returncode == 0, played
    assert played.changed == 0
    status = json.loads((tmp_path / "status.json").read_text())
    standbys = {component["name"] for component in status["components"] if component["desired"] == "stopped"}
    states = {(row["component"] in standbys, row["state"], row["health"]) for row in status["instances"]}
    assert states - {(True, "stopped", "unhealthy")} == {(False, "running", "healthy")}
    assert "<html" in (tmp_path / "status.html").read_text()
    assert cluster.pids() == before


def test_records_are_written(cluster: Cluster) -> None:
    ingest(cluster, "TestIngest")
    webapp = cluster.groups["koverse"][0]
    cluster.run(
        webapp,
        'curl --fail --silent -H \'Content-Type: application/json\' -d \'[{"id":"1","name":"a"}]\' '
        "'http://localhost:8080/records?data_set=t'",
    )


def test_check_mode_of_a_shutdown_touches_nothing(cluster: Cluster) -> None:
    before = cluster.pids()
    played = cluster.play("shutdown", "--check")
    assert played.returncode == 0, played
    assert played.changed > 0
    assert cluster.pids() == before


def test_shutdown_leaves_no_process(cluster: Cluster) -> None:
    played = cluster.play("shutdown")
    assert played.returncode == 0, played
    order = [
        played.output.index(f"{stage}: down after")
        for stage in ("application 2/2", "application 1/2", "data_services 2/2", "data_services 1/2", "storage", "coordination")
    ]
    assert order == sorted(order)
    assert not any(cluster.processes().values())


def test_second_shutdown_changes_nothing(cluster: Cluster) -> None:
    played = cluster.play("shutdown")
    assert played.returncode == 0, played
    assert played.changed == 0, played


def test_every_record_is_there_after_the_next_start(cluster: Cluster) -> None:
    played = cluster.play("startup")
    assert played.returncode == 0, played
    assert "goal state set from CLEAN_STOP to NORMAL" in played.output
    ingest(cluster, "VerifyIngest")
    assert cluster.counted("t") == {"records": 1, "rows": 1}


@pytest.mark.parametrize("playbook", ["startup", "status"])
def test_from_the_installed_collection(cluster: Cluster, playbook: str, tmp_path: Path) -> None:
    """The archive that `ansible-galaxy collection build` makes, without the lab and the tests, does the same."""
    # As a user has it: without what Molecule tells Ansible about the checkout.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(tmp_path)
    subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path)], cwd=ROOT, check=True)
    archive = next(tmp_path.glob("koverse-runbook-*.tar.gz"))
    install = ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", str(tmp_path), str(archive)]
    subprocess.run(install, cwd=tmp_path, env=environment, check=True)
    installed = tmp_path / "ansible_collections" / "koverse" / "runbook"
    assert (installed / "catalogue.yml").exists()
    assert not (installed / "lab").exists()
    assert not (installed / "tests").exists()
    done = subprocess.run(
        ["ansible-playbook", "-i", str(cluster.inventory), f"koverse.runbook.{playbook}", "-e", f"runbook_status_dir={tmp_path}"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
