"""Support bundles of the HA cluster: no planted secret in them, and all that they promise."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Cluster
from faults import signal

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")

# Where secrets are planted, besides those that the lab's own configuration has: host, file that exists, and a line. {} is the secret.
PLANTED = [
    ("n1", "/etc/accumulo/accumulo.properties", "planted.trace.token.property.password={}"),
    ("n2", "/etc/accumulo/accumulo-env.sh", "PLANTED_PASSWORD='{}'"),
    ("n1", "/etc/hadoop/hadoop-env.sh", '# export PLANTED_OPTS="-Djavax.net.ssl.trustStorePassword={}"'),
    ("n3", "/opt/koverse-server/conf/koverse-server.properties", "planted.license.key={}"),
    ("n3", "/opt/koverse-webapp/conf/koverse-webapp.properties", "planted.jetty.tls.keystore.password : {}"),
    ("n2", "/etc/hadoop/hadoop-env.sh", "export PLANTED_ALERTS=https://hooks.slack.com/services/T0/B0/{}"),
]
# What the lab sets (inventories/lab/ha): it must not be in a bundle either.
OF_THE_LAB = ("accumulo_instance_secret", "koverse_database_password", "koverse_accumulo_password")


class Planted:
    """Secrets in files of the lab's hosts, which are put back."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.values = [f"Pl4nted-{secrets.token_hex(8)}" for _line in PLANTED]
        self.logged = f"Pl4nted-{secrets.token_hex(8)}"

    def plant(self) -> None:
        """Appends a line to each file, and to a log of each host what is known from other files and hosts, alone and in base64."""
        for (host, path, line), value in zip(PLANTED, self.values):
            self.cluster.run(host, "cp --archive %s %s.unplanted && printf '%%s\\n' %s >> %s", path, path, line.format(value), path)
        said = " ".join([*self.values, base64.b64encode(self.values[0].encode()).decode(), f"password={self.logged}"])
        for host in self.cluster.hosts:
            self.cluster.run(
                host,
                "f=$(ls -t /var/log/accumulo/tserver_*.log | head -1) && echo \"$(date '+%%Y-%%m-%%dT%%H:%%M:%%S'),000 INFO \"%s >> $f",
                said,
            )
            self.cluster.run(
                host, "printf x%s > /etc/hadoop/planted.keytab && printf x%s > /etc/hadoop/planted.p12", self.logged, self.logged
            )

    def pull_out(self) -> None:
        """Puts the files back; the logs stay as they are."""
        for host, path, _line in PLANTED:
            self.cluster.run(host, "test ! -e %s.unplanted || mv %s.unplanted %s", path, path, path)
        for host in self.cluster.hosts:
            self.cluster.run(host, "rm -f /etc/hadoop/planted.keytab /etc/hadoop/planted.p12")


@pytest.fixture
def planted(cluster: Cluster) -> Iterator[Planted]:
    """Secrets in real configuration and logs while the test lasts."""
    made = Planted(cluster)
    try:
        made.plant()
        yield made
    finally:
        made.pull_out()


class Made:
    """A bundle, unpacked in memory."""

    def __init__(self, path: Path) -> None:
        self.path, self.raw = path, path.read_bytes()
        with tarfile.open(path) as tar:
            self.members = tar.getmembers()
            self.files = {one.name.partition("/")[2]: tar.extractfile(one).read() for one in self.members}  # type: ignore[union-attr]
        self.manifest: dict[str, Any] = json.loads(self.files["manifest.json"])

    def text(self, path: str) -> str:
        """A file's text."""
        return self.files[path].decode()

    def without(self, value: str) -> None:
        """Asserts that a value is in no file, neither as it is nor in base64."""
        for content in (self.raw, gzip.decompress(self.raw)):
            assert value.encode() not in content
            for before in range(3):
                assert base64.b64encode(b"x" * before + value.encode())[4 : len(value) // 3 * 4] not in content


def bundle(cluster: Cluster, directory: Path, *arguments: str) -> tuple[Made, str]:
    """Makes a bundle; and what was said on the screen."""
    played = cluster.play("support_bundle", "-e", f"runbook_bundle_dir={directory}", "-e", "runbook_bundle_name=lab", *arguments)
    assert (played.returncode, played.changed) == (0, 0), played
    path = directory / "koverse-support-lab.tar.gz"
    assert f"Written: {path}" in played.output
    assert [one.name for one in directory.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    return Made(path), played.output


def nothing_left(cluster: Cluster) -> None:
    """No file of a bundle is left on a host."""
    for host in cluster.hosts:
        assert cluster.run(host, "ls -d /var/tmp/koverse-runbook-bundle-* /run/koverse-runbook/bundle 2>/dev/null || true") == ""


@pytest.mark.usefixtures("healthy_again")
def test_no_secret_and_the_threads_of_what_hangs(cluster: Cluster, planted: Planted, tmp_path: Path) -> None:
    signal(cluster, "accumulo_tserver", "n2", "STOP")
    try:
        made, said = bundle(cluster, tmp_path, "-vvv")
    finally:
        signal(cluster, "accumulo_tserver", "n2", "CONT")
    for value in [*planted.values, planted.logged]:
        made.without(value)
        assert value not in said
    variables = json.loads(cluster_variables(cluster))
    for name in OF_THE_LAB:
        made.without(variables[name])
    assert "planted.license.key=<removed>" in made.text("n3/config/opt/koverse-server/conf/koverse-server.properties")
    assert "instance.secret=<removed>" in made.text("n1/config/etc/accumulo/accumulo.properties")
    assert "INFO <removed> <removed> <removed>" in made.text("n1/logs.txt")
    left = {(row["host"], name) for row in made.manifest["left_out"] for name in row["what"]}
    assert {(host, f"/etc/hadoop/planted.{end}") for host in cluster.hosts for end in ("keytab", "p12")} <= left
    assert "planted.keytab" in said
    assert "stopped by a signal (SIGSTOP): its threads cannot be dumped" in made.text("n2/threads/accumulo_tserver.txt")
    assert "STOPPED_BY_SIGNAL" in made.text("diagnosis.txt")
    the_manifest_is_right(cluster, made)
    nothing_left(cluster)


def cluster_variables(cluster: Cluster) -> str:
    """A host's variables, as Ansible sees them."""
    words = ["ansible-inventory", "-i", str(cluster.inventory), "--host", "n1"]
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def the_manifest_is_right(cluster: Cluster, made: Made) -> None:
    """Every file is in it, with its size and checksum; every host is there."""
    assert {row["path"] for row in made.manifest["files"]} == set(made.files) - {"manifest.json"}
    for row in made.manifest["files"]:
        content = made.files[row["path"]]
        assert (row["bytes"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (made.manifest["hosts"], made.manifest["hosts_not_reached"]) == (cluster.hosts, [])
    expected = {f"{host}/{name}.txt" for host in cluster.hosts for name in ("logs", "journal", "limits", "disk", "processes", "versions")}
    assert {"status.json", "status.html", "diagnosis.txt", "inventory.json", *expected} <= set(made.files)
    assert all(one.isreg() and one.name.startswith("koverse-support-lab/") for one in made.members)
    assert "accumulo-" in made.text("n1/versions.txt")
    assert "Java " in made.text("n1/versions.txt")


@pytest.mark.faults
def test_the_threads_of_a_jvm_that_hangs(cluster: Cluster, tmp_path: Path) -> None:
    """One that is asked at a port where nobody listens runs and does not answer. Nothing is changed for that."""
    before = cluster.pids()
    asked = json.dumps({"runbook_catalogue": {"hdfs_datanode": {"ports": {"http": 9}}}})
    made, _said = bundle(cluster, tmp_path, "-e", asked)
    threads = made.text("n3/threads/hdfs_datanode.txt")
    assert "Full thread dump" in threads
    assert "org.apache.hadoop.hdfs.server.datanode.DataNode" in threads
    assert {path for path in made.files if "/threads/" in path} == {f"{host}/threads/hdfs_datanode.txt" for host in cluster.hosts}
    assert cluster.pids() == before


@pytest.mark.faults
def test_its_size_is_bounded(cluster: Cluster, tmp_path: Path) -> None:
    made, said = bundle(cluster, tmp_path, "-e", "runbook_bundle_max_size=2MB", "-e", "since=30d")
    assert sum(row["bytes"] for row in made.manifest["files"]) <= 2 << 20
    assert {"logs", "logs.txt", "journal.txt"} & {name for row in made.manifest["left_out"] for name in row["what"]}
    assert "Left out:" in said


@pytest.mark.faults
def test_a_cluster_that_is_down(cluster: Cluster, tmp_path: Path) -> None:
    stopped = cluster.play("shutdown")
    assert stopped.returncode == 0, stopped
    try:
        made, _said = bundle(cluster, tmp_path)
        the_manifest_is_right_but_for_java(made)
    finally:
        healed = cluster.play("startup")
        assert healed.returncode == 0, healed


def the_manifest_is_right_but_for_java(made: Made) -> None:
    """All hosts are there, though nothing runs."""
    assert json.loads(made.files["status.json"])["verdict"]["state"] == "stopped"
    assert made.manifest["hosts_not_reached"] == []
    assert not [path for path in made.files if "/threads/" in path]
    assert "accumulo-" in made.text("n1/versions.txt")


@pytest.mark.faults
def test_a_host_that_cannot_be_reached_is_named(cluster: Cluster, tmp_path: Path) -> None:
    played = cluster.play(
        "support_bundle", "-e", f"runbook_bundle_dir={tmp_path}", "-e", "runbook_bundle_name=lab", "--limit", "n1,n2,localhost"
    )
    assert played.returncode == 0, played
    made = Made(tmp_path / "koverse-support-lab.tar.gz")
    assert (made.manifest["hosts"], made.manifest["hosts_not_reached"]) == (["n1", "n2"], ["n3"])
    assert "n3: everything: it was not asked" in " ".join(played.output.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("since=yesterday", "since: expected a time such as 14:05"),
        ("runbook_bundle_max_size=1k", "runbook_bundle_max_size: expected at least"),
    ],
)
def test_bad_input(cluster: Cluster, tmp_path: Path, arguments: str, words: str) -> None:
    played = cluster.play("support_bundle", "-e", arguments, "-e", f"runbook_bundle_dir={tmp_path / 'none'}")
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
    assert not (tmp_path / "none").exists()
