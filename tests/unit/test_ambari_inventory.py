# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin against the emulator of Ambari, as ansible-inventory runs it; and what it takes from a configuration."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.koverse.runbook.plugins.action.plan import ActionModule as Plan
from ansible_collections.koverse.runbook.plugins.module_utils.services import argv
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_facts, catalogue
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.unit.actions import run
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

ADMIN = "admin"  # name and password of the emulator's administrator
ROOT = Path(__file__).resolve().parents[2]
PORTS = {name: entry["ports"] for name, entry in catalogue.load()[1].items()}
VARIABLES = ("runbook_backend", "runbook_catalogue", "runbook_ambari_catalogue")
SETTINGS = {
    "zoo.cfg": {"service": "ZOOKEEPER", "versions": [{"properties": {"clientPort": "2182"}}]},
    "hadoop-env": {"service": "HDFS", "versions": [{"properties": {"hdfs_user": "hadoop", "hdfs_log_dir_prefix": "/data/log/hadoop"}}]},
}


@pytest.fixture
def ambari() -> Iterator[Emulator]:
    with Emulator({**DESCRIPTION, "configurations": SETTINGS}, clock=VirtualClock()) as emulator:
        yield emulator


def listed(path: Path, password: str = ADMIN) -> subprocess.CompletedProcess[str]:
    """What ansible-inventory says of an inventory file, in whose directory its user is at home."""
    own = {"HOME": str(path.parent), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "AMBARI_PASSWORD": password}
    environment = {**os.environ, **own}
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
    assert variables["runbook_ambari_catalogue"]["zookeeper"] == {"ports": {"client": 2182}}
    assert variables["runbook_ambari_catalogue"]["hdfs_namenode"] == {"user": "hadoop", "log": ["/data/log/hadoop/hadoop/*namenode*.log"]}
    assert "runbook_catalogue" not in variables, "it is the inventory's own"
    host = found["_meta"]["hostvars"]["n3"]
    assert host["ambari_components"] == sorted(DESCRIPTION["hosts"]["n3"])
    assert host["runbook_ambari_host"] == "n3"


def documented(ambari: Emulator, *without: str) -> str:
    """The inventory file that docs/ambari.md shows, for this server and its hosts; without some of its keys."""
    text = (ROOT / "docs" / "ambari.md").read_text(encoding="utf-8")
    shown = next(block for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if "plugin:" in block)
    found = yaml.safe_load(shown.replace("https://ambari.example.com:8443", ambari.url).replace("n1.example.com", "n1"))
    return yaml.safe_dump({key: value for key, value in found.items() if key not in without})


def planned(directory: Path, file: str, own: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a playbook plans with an Ambari inventory's file, and with group_vars beside it."""
    (directory / "ambari.yml").write_text(file, encoding="utf-8")
    if own:
        (directory / "group_vars").mkdir()
        (directory / "group_vars" / "all.yml").write_text(yaml.safe_dump({"runbook_catalogue": own}), encoding="utf-8")
    done = listed(directory / "ambari.yml", "operator")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout, object_hook=lambda row: row.get("__ansible_unsafe", row))
    hosts = list(found["_meta"]["hostvars"])
    variables = {key: found["all"]["vars"].get(key) for key in VARIABLES}
    groups = {"all": hosts, **{name: group["hosts"] for name, group in found.items() if "hosts" in group}}
    return run(Plan, {"groups": groups, "hostvars": {host: {} for host in hosts}, "inventory_hostname": hosts[0], **variables})


@pytest.fixture
def whole() -> Iterator[Emulator]:
    """A cluster in which nothing is missing but what Ambari does not know."""
    hosts = {**DESCRIPTION["hosts"], "n3": [*DESCRIPTION["hosts"]["n3"], "KOVERSE_WEBAPP"]}
    services = {**DESCRIPTION["services"], "KOVERSE": {"KOVERSE_SERVER": "MASTER", "KOVERSE_WEBAPP": "MASTER"}}
    with Emulator({**DESCRIPTION, "hosts": hosts, "services": services, "configurations": SETTINGS}, clock=VirtualClock()) as emulator:
        yield emulator


def test_the_documented_file_is_enough(whole: Emulator, tmp_path: Path) -> None:
    plan = planned(tmp_path, documented(whole))["plan"]
    assert plan["instances"]["postgres"] == ["n1"]
    assert (plan["components"]["postgres"]["backend"], plan["components"]["zookeeper"]["backend"]) == ("systemd", "ambari")
    assert plan["zookeeper"] == ["n1:2182", "n2:2182", "n3:2182"]


def test_the_inventorys_own_catalogue_changes_that_of_ambari(whole: Emulator, tmp_path: Path) -> None:
    own = {"zookeeper": {"min_healthy": "majority", "ports": {"peer": 2889}}, "hdfs_namenode": {"user": "nn"}}
    entries = planned(tmp_path, documented(whole), own)["plan"]["components"]
    assert entries["zookeeper"]["ports"] == {"client": 2182, "peer": 2889, "election": 3888}
    assert entries["zookeeper"]["min_healthy"] == "majority"
    assert (entries["hdfs_namenode"]["user"], entries["hdfs_datanode"]["user"]) == ("nn", "hadoop")
    assert entries["hdfs_namenode"]["log"] == ["/data/log/hadoop/hadoop/*namenode*.log"]


def test_without_postgresql_its_option_is_named_and_its_remedy_works(whole: Emulator, tmp_path: Path) -> None:
    refused = planned(tmp_path, documented(whole, "postgres_hosts"))
    assert refused["msg"].startswith("PostgreSQL: the inventory has no hosts in the group 'postgres'. Ambari does not know it: ")
    assert "'postgres_hosts' in the Ambari inventory's file" in refused["msg"]
    assert "set runbook_catalogue.postgres.required to false" in refused["msg"]
    plan = planned(tmp_path, documented(whole, "postgres_hosts"), {"postgres": {"required": False}})["plan"]
    assert plan["components"]["zookeeper"]["ports"]["client"] == 2182


def test_a_host_for_postgresql_that_ambari_does_not_have(ambari: Emulator, tmp_path: Path) -> None:
    refused = listed(written(tmp_path, ambari, "postgres_hosts: [db1]\n"))
    said = "postgres_hosts: Ambari has no host db1; it has: n1, n2, n3. Such a host goes into an inventory file beside this one"
    assert said in " ".join(refused.stderr.split())


def test_the_packages_of_a_stack_say_where_tools_are(tmp_path: Path) -> None:
    root = {"service": "", "versions": [{"properties": {"stack_root": '{"BIGTOP": "/usr/bigtop"}', "user_group": "hadoop"}}]}
    with Emulator({**DESCRIPTION, "configurations": {**SETTINGS, "cluster-env": root}}, clock=VirtualClock()) as ambari:
        found = json.loads(listed(written(tmp_path, ambari)).stdout, object_hook=lambda row: row.get("__ansible_unsafe", row))
        assert sum(ambari.calls.values()) == 6
    read = found["all"]["vars"]["runbook_ambari_catalogue"]
    assert read["zookeeper"] == {"config": ["/etc/zookeeper/conf"], "ports": {"client": 2182}}
    assert read["hdfs_namenode"]["tool"] == "/usr/bigtop/current/hadoop-client/bin/hdfs"
    assert read["hdfs_namenode"]["config"] == read["hdfs_datanode"]["config"] == ["/etc/hadoop/conf"]
    entry = catalogue.load(read, "ambari")[1]["accumulo_manager"]
    place = "/usr/bigtop/current/accumulo-client"
    assert argv(entry["tool"]) == ["env", f"ACCUMULO_CONF_DIR={place}/conf/server", f"{place}/bin/accumulo"]
    assert "koverse_server" not in read


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ('{"HDP": "/usr/hdp"}', "/usr/hdp"),
        ('{"HDP":"/opt/hdp/"}', "/opt/hdp"),
        ("/usr/hdp", "/usr/hdp"),
        ('{"BIGTOP": "/usr/bigtop"}', None),
        ('{"HDP": "usr"}', None),
        ('{"HDP": 3}', None),
        ("{}", None),
        ("[]", None),
        (None, None),
    ],
)
def test_root_of_a_stack(text: str | None, root: str | None) -> None:
    settings = {} if text is None else {"cluster-env": {"stack_root": text}}
    assert ambari_facts.stack_root(settings, "HDP-3.1") == root


def test_every_tool_of_the_catalogue_has_a_place_in_a_stack() -> None:
    entries = catalogue.load()[1]
    read = ambari_facts.catalogue({}, PORTS, list(entries), "/usr/hdp")
    theirs = [name for name, entry in entries.items() if entry["ambari"] and not name.startswith("koverse")]
    assert sorted(read) == sorted(theirs)
    assert [name for name in theirs if "tool" in read[name]] == [name for name in theirs if entries[name]["tool"]]


def test_the_password_is_nowhere(ambari: Emulator, tmp_path: Path) -> None:
    ambari.world.users["admin"].password = "geheim-4711"  # noqa: S105
    done = listed(written(tmp_path, ambari), "geheim-4711")
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout + done.stderr
    refused = listed(written(tmp_path, ambari), "geheim-4712")
    assert "does not let 'admin' in" in refused.stderr
    assert "geheim" not in refused.stdout + refused.stderr


def test_the_last_answer_is_used_where_nobody_answers(ambari: Emulator, tmp_path: Path) -> None:
    path = written(tmp_path, ambari, "cache: true\npostgres_hosts: [n1]\n")
    first = listed(path)
    (kept,) = (tmp_path / ".ansible" / "koverse.runbook").iterdir()
    for secret in (f'"{ADMIN}"', "hdfs_log_dir_prefix"):
        assert secret not in kept.read_text(encoding="utf-8")
    ambari.fault("refuse", times=None)
    again = listed(path)
    assert json.loads(again.stdout) == json.loads(first.stdout)
    warning = " ".join(again.stderr.split())
    assert re.search(r"breaks off: .*\. Hosts and variables are what Ambari said \d+ s ago\.", warning), warning
    for other in (written(tmp_path, ambari, "cache: true\ncluster: other\n"), written(tmp_path, ambari)):
        refused = listed(other)
        assert "breaks off" in refused.stderr
        assert "zookeeper" not in refused.stdout


def test_the_last_answer_is_not_used_where_ambari_refuses(ambari: Emulator, tmp_path: Path) -> None:
    path = written(tmp_path, ambari, "cache: true\n")
    assert "zookeeper" in listed(path).stdout
    ambari.somebody("PUT", "/api/v1/clusters/lab/hosts/n2", {"Body": {"Hosts": {"maintenance_state": "ON"}}})
    assert json.loads(listed(path).stdout)["_meta"]["hostvars"]["n2"]["ambari_maintenance_state"] == {"__ansible_unsafe": "ON"}
    refused = listed(path, "wrong")
    assert "does not let 'admin' in" in " ".join(refused.stderr.split())
    assert "zookeeper" not in refused.stdout


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


def test_every_port_has_a_name_of_the_catalogue() -> None:
    unknown = [(name, title) for name, title, _kind, _key in ambari_facts.PORTS if title not in PORTS.get(name, {})]
    assert not unknown, "these would be taken from Ambari, and nobody would ask there"


def test_user_and_logs_of_all_that_ambari_runs_but_koverse() -> None:
    names = [name for name, entry in catalogue.load()[1].items() if entry["ambari"] and not name.startswith("koverse")]
    users = {"zookeeper-env": "zk_user", "hadoop-env": "hdfs_user", "yarn-env": "yarn_user", "mapred-env": "mapred_user"}
    logs = {"zookeeper-env": "zk_log_dir", "accumulo-env": "accumulo_log_dir"}
    settings = {
        kind: {users.get(kind, "accumulo_user"): kind, logs.get(kind, f"{kind.replace('hadoop', 'hdfs')[:-4]}_log_dir_prefix"): "/data/"}
        for kind in (*users, "accumulo-env")
    }
    made = ambari_facts.catalogue(settings, PORTS, names)
    assert set(made) == set(names) == set(ambari_facts.LOGGING)
    found = {name: (made[name]["user"], *made[name]["log"]) for name in ("hdfs_secondarynamenode", "yarn_historyserver", "accumulo_tracer")}
    assert found == {
        "hdfs_secondarynamenode": ("hadoop-env", "/data/hadoop-env/*secondarynamenode*.log"),
        "yarn_historyserver": ("mapred-env", "/data/mapred-env/*historyserver*.log"),
        "accumulo_tracer": ("accumulo-env", "/data/tracer*.log"),
    }


def test_accumulos_ports() -> None:
    keys = {"accumulo_manager": "master", "accumulo_tserver": "tserver", "accumulo_tracer": "trace", "accumulo_gc": "gc"}
    settings = {"accumulo-site": {f"{key}.port.client": str(20000 + number) for number, key in enumerate(keys.values())}}
    made = ambari_facts.catalogue(settings, PORTS, list(keys))
    assert made == {name: {"ports": {"client": 20000 + number}} for number, name in enumerate(keys)}


def test_what_is_not_there_is_not_in_the_catalogue() -> None:
    assert ambari_facts.catalogue({"zoo.cfg": {"clientPort": "2182"}}, PORTS, ["hdfs_namenode"]) == {}
