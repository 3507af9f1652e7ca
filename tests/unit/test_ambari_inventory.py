# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin against the emulator of Ambari, as ansible-inventory runs it; and what it takes from a configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_facts, catalogue
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

ADMIN = "admin"  # name and password of the emulator's administrator
ROOT = Path(__file__).resolve().parents[2]
PORTS = {name: entry["ports"] for name, entry in catalogue.load()[1].items()}
SETTINGS = {
    "zoo.cfg": {"service": "ZOOKEEPER", "versions": [{"properties": {"clientPort": "2182"}}]},
    "hadoop-env": {"service": "HDFS", "versions": [{"properties": {"hdfs_user": "hadoop", "hdfs_log_dir_prefix": "/data/log/hadoop"}}]},
}


@pytest.fixture
def ambari() -> Iterator[Emulator]:
    with Emulator({**DESCRIPTION, "configurations": SETTINGS}, clock=VirtualClock()) as emulator:
        yield emulator


def listed(path: Path, password: str = ADMIN) -> subprocess.CompletedProcess[str]:
    """What ansible-inventory says of an inventory file."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "AMBARI_PASSWORD": password}
    words = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(path), "--list", "--export"]
    return subprocess.run(words, cwd=path.parent, env=environment, capture_output=True, text=True, check=False)


def written(directory: Path, ambari: Emulator, more: str = "") -> Path:
    """The three-line inventory file, and what else."""
    path = directory / "prod.ambari.yml"
    path.write_text(f"plugin: koverse.runbook.ambari\nurl: {ambari.url}\nusername: admin\n{more}", encoding="utf-8")
    return path


def test_three_lines_are_an_inventory(ambari: Emulator, tmp_path: Path) -> None:
    done = listed(written(tmp_path, ambari))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout, object_hook=lambda row: row.get("__ansible_unsafe", row))
    assert found["zookeeper"]["hosts"] == ["n1", "n2", "n3"]
    assert found["hdfs_namenode"]["hosts"] == ["n1", "n2"]
    assert found["koverse_server"]["hosts"] == ["n3"]
    assert "postgres" not in found  # Ambari does not run it
    variables = found["all"]["vars"]
    assert variables["runbook_backend"] == "ambari"
    assert (variables["runbook_ambari_url"], variables["runbook_ambari_cluster"]) == (ambari.url, "lab")
    assert variables["runbook_catalogue"]["zookeeper"] == {"ports": {"client": 2182}}
    assert variables["runbook_catalogue"]["hdfs_namenode"] == {"user": "hadoop", "log": ["/data/log/hadoop/hadoop/*namenode*.log"]}
    host = found["_meta"]["hostvars"]["n3"]
    assert host["ambari_components"] == sorted(DESCRIPTION["hosts"]["n3"])
    assert host["runbook_ambari_host"] == "n3"
    assert catalogue.load(variables["runbook_catalogue"], "ambari")[1]["zookeeper"]["ports"]["client"] == 2182


def test_the_password_is_nowhere(ambari: Emulator, tmp_path: Path) -> None:
    ambari.world.users["admin"].password = "geheim-4711"  # noqa: S105
    done = listed(written(tmp_path, ambari), "geheim-4711")
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout + done.stderr
    refused = listed(written(tmp_path, ambari), "geheim-4712")
    assert "does not let 'admin' in" in refused.stderr
    assert "geheim" not in refused.stdout + refused.stderr


def test_constructed_groups(ambari: Emulator, tmp_path: Path) -> None:
    more = (
        "compose: {ansible_host: ambari_ip}\n"
        "groups: {postgres: inventory_hostname == 'n3'}\n"
        "keyed_groups: [{key: ambari_maintenance_state, prefix: maintenance}]\n"
    )
    found = json.loads(listed(written(tmp_path, ambari, more)).stdout)
    assert found["postgres"]["hosts"] == ["n3"]
    assert found["maintenance_OFF"]["hosts"] == ["n1", "n2", "n3"]
    assert found["_meta"]["hostvars"]["n1"]["ansible_host"]


def test_a_warm_standby_is_told_apart(ambari: Emulator, tmp_path: Path) -> None:
    found = json.loads(listed(written(tmp_path, ambari)).stdout)
    assert "koverse_standby_server" not in found
    hosts = {**DESCRIPTION["hosts"], "n2": [*DESCRIPTION["hosts"]["n2"], "KOVERSE_SERVER"]}
    with Emulator({**DESCRIPTION, "hosts": hosts}, clock=VirtualClock()) as two:
        found = json.loads(listed(written(tmp_path, two, "standby_hosts: [n2]\n")).stdout)
        refused = listed(written(tmp_path, two, "standby_hosts: [n2.example.com]\n"))
    assert (found["koverse_server"]["hosts"], found["koverse_standby_server"]["hosts"]) == (["n3"], ["n2"])
    assert found["hdfs_namenode"]["hosts"] == ["n1", "n2"]
    assert "standby_hosts: Ambari has no host n2.example.com; it has: n1, n2, n3" in refused.stderr


def test_few_requests_whatever_the_size(tmp_path: Path) -> None:
    many = {f"w{number:03}": ["DATANODE", "NODEMANAGER", "ACCUMULO_TSERVER"] for number in range(500)}
    with Emulator({**DESCRIPTION, "hosts": {**DESCRIPTION["hosts"], **many}}, clock=VirtualClock()) as ambari:
        found = json.loads(listed(written(tmp_path, ambari)).stdout)
        assert len(found["hdfs_datanode"]["hosts"]) == 503
        assert sum(ambari.calls.values()) == 5


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ({"hdfs-site": {"dfs.namenode.http-address.koverse.nn1": "n1:50070", "dfs.namenode.http-address.koverse.nn2": "n2:50070"}}, 50070),
        ({"hdfs-site": {"dfs.namenode.http-address": "0.0.0.0:50070"}}, 50070),
        ({"hdfs-site": {"dfs.namenode.http-address": "0.0.0.0:9870"}}, None),  # as the catalogue has it
        ({"hdfs-site": {"dfs.namenode.http-address": "n1:http"}}, None),
        ({"hdfs-site": {"dfs.namenode.https-address": "n1:50470"}}, None),
        ({}, None),
    ],
)
def test_ports_of_a_configuration(settings: dict[str, dict[str, str]], port: int | None) -> None:
    made = ambari_facts.catalogue(settings, PORTS, ["hdfs_namenode"])
    assert made == ({} if port is None else {"hdfs_namenode": {"ports": {"http": port}}})


def test_what_is_not_there_is_not_in_the_catalogue() -> None:
    assert ambari_facts.catalogue({"zoo.cfg": {"clientPort": "2182"}}, PORTS, ["hdfs_namenode"]) == {}
