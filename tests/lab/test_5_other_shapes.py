"""Backup and restore on one node, and with the versions of Koverse's own time."""

from __future__ import annotations

import pytest
from conftest import Cluster
from test_1_main import ingest

SETS = "/srv/sets"
PLACE = ["-e", f"runbook_backup_uri=file://{SETS}", "-e", "runbook_backup_tables=kv_*,verify"]


@pytest.fixture(scope="module", autouse=True)
def _not_ha(cluster: Cluster) -> None:
    if cluster.shape == "ha":
        pytest.skip("it has its own, larger tests")
    played = cluster.play("startup")
    assert played.returncode == 0, played


def test_a_set_is_taken_listed_and_verified(cluster: Cluster) -> None:
    host = cluster.hosts[0]
    cluster.run(host, f"install -d -o hdfs {SETS}")
    played = cluster.play("backup", *PLACE)
    assert played.returncode == 0, played
    assert "table verify" in played.output
    assert "200,000" in played.output
    listed = cluster.play("backup_list", *PLACE)
    assert (listed.returncode, listed.changed) == (0, 0), listed
    assert cluster.run(host, f"ls {SETS}").split()[0] in listed.output
    verified = cluster.play("backup_verify", *PLACE)
    assert (verified.returncode, verified.changed) == (0, 0), verified
    assert "every file is what the manifest says" in verified.output


def test_it_comes_back_where_everything_stands_in_the_way(cluster: Cluster) -> None:
    host = cluster.hosts[0]
    before = cluster.counted()
    assert before["records"] == before["rows"] > 0
    cluster.run(host, "echo '# edited' >> /opt/koverse-server/conf/koverse-server.properties")
    refused = cluster.play("restore", *PLACE)
    assert refused.returncode != 0, refused
    assert f"conf/koverse-server.properties on {host} is there already" in " ".join(refused.output.split()), refused
    played = cluster.play("restore", *PLACE, "-e", "runbook_restore_aside=true")
    assert played.returncode == 0, played
    for words in ("table verify is now verify_aside_", "database koverse is now koverse_aside_", "koverse-server.properties.aside-"):
        assert words in played.output, played
    ingest(cluster, "VerifyIngest")
    assert cluster.counted() == before
