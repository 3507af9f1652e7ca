"""watch.yml on the lab: what breaks and recovers arrives as mail and by webhook, and is in the metrics; the timer runs it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CONTROL, ROOT, Cluster, Played, wait_until
from faults import lab, unit
from receivers import HOST, Hook, MailServer, certificate, listening

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="needs three hosts")
PASSWORD = "correct horse"  # noqa: S105 (of the test's own mail server)
SECRET = "T0SECRET/B0SECRET"  # noqa: S105


@pytest.fixture(scope="module", autouse=True)
def _healthy(cluster: Cluster) -> None:
    played = cluster.play("recover")
    assert played.returncode == 0, played


class Watch:
    """A watch of this control host, with a state of its own; a look confirms."""

    def __init__(self, cluster: Cluster, directory: Path, server: MailServer, hook: Hook, pem: Path) -> None:
        self.cluster, self.directory, self.server, self.hook = cluster, directory, server, hook
        mail = {"type": "mail", "host": HOST, "port": server.port, "ca": str(pem), "user": "koverse", "password": PASSWORD}
        self.settings = {
            "runbook_status_dir": str(directory),
            "runbook_watch_metrics": str(directory / "koverse.prom"),
            "runbook_watch_confirm": 1,
            "runbook_watch_clear": 1,
            "runbook_watch_channels": {
                "ops": {**mail, "from": "koverse@example.org", "to": ["a@example.org", "b@example.org"]},
                "chat": {"type": "slack", "url": f"http://{HOST}:{hook.port}/services/{SECRET}"},
            },
        }

    def look(self, *arguments: str, **changes: Any) -> Played:
        """One run."""
        settings = self.directory / "settings.json"
        settings.write_text(json.dumps({**self.settings, **changes}), encoding="utf-8")
        played = self.cluster.play("watch", "-e", f"@{settings}", *arguments)
        assert PASSWORD not in played.output
        assert "SECRET" not in played.output
        return played

    def subjects(self) -> list[str]:
        """Of all mails so far."""
        return [str(letter.message["Subject"]) for letter in self.server.letters]

    def metric(self, name: str, **labels: str) -> str | None:
        """A sample's value in the file for Prometheus."""
        text = (self.directory / "koverse.prom").read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                return line.rpartition(" ")[2]
        return None


@pytest.fixture
def watch(cluster: Cluster, tmp_path: Path) -> Iterator[Watch]:
    """A watch that has seen the healthy cluster; what other tests have left (faults.causes) is told at first, and forgotten."""
    pem = certificate(tmp_path)
    with listening(MailServer(pem, "starttls", {"koverse": PASSWORD})) as server, listening(Hook()) as hook:
        watching = Watch(cluster, tmp_path, server, hook, pem)
        played = watching.look()
        assert played.returncode == 0, played
        server.letters.clear()
        hook.posted.clear()
        yield watching


def test_every_channel_says_what_it_answered(watch: Watch) -> None:
    watch.hook.status, watch.hook.body = 404, "no_service"
    played = watch.look("-e", "runbook_watch_test=true")
    assert played.returncode != 0
    assert f"ops: accepted by {HOST}:{watch.server.port}" in " ".join(played.output.split())
    assert "chat: HTTP 404 no_service" in " ".join(played.output.split())
    (letter,) = watch.server.letters
    assert (letter.encrypted, letter.user) == (True, "koverse")
    assert letter.message["Subject"] == "[ha] test notification"


def test_a_component_that_breaks_and_comes_back(cluster: Cluster, watch: Watch) -> None:
    assert watch.metric("koverse_cluster_healthy") == "1"
    try:
        unit(cluster, "stop", "hdfs_datanode", "n3")
        predicted = watch.look("--check")
        assert "Would be sent by ops: " in predicted.output, predicted
        assert watch.server.letters == []
        broken = watch.look()
        assert broken.returncode == 0, broken
        (letter,) = watch.server.letters
        assert re.fullmatch(r"\[ha\] error \(\d\): new: DataNode on n3 is stopped", letter.message["Subject"])
        text = letter.message.get_content()
        assert "STOPPED" in text
        assert "next: ansible-playbook playbooks/startup.yml" in text
        assert watch.hook.posted[0]["text"].startswith(f"*{letter.message['Subject']}*")
        assert watch.metric("koverse_component_up", component="hdfs_datanode", host="n3") == "0"
        assert watch.metric("koverse_finding", code="STOPPED", component="hdfs_datanode", host="n3") == "1"
        again = watch.look()
        assert again.returncode == 0, again
        assert len(watch.server.letters) == 1, "it was told twice"
        shown = cluster.play("status", "-e", f"runbook_status_dir={watch.directory}")
        assert "Notifications: the watch looked" in shown.output, shown
        assert "ops: last sent" in shown.output
    finally:
        healed = cluster.play("startup")
        assert healed.returncode == 0, healed
    over = watch.look()
    assert over.returncode == 0, over
    assert watch.subjects()[1].endswith(": recovered: DataNode on n3 is stopped")
    assert len(watch.hook.posted) == 2
    assert watch.metric("koverse_component_up", component="hdfs_datanode", host="n3") == "1"
    assert watch.metric("koverse_finding", component="hdfs_datanode", host="n3") is None


def test_what_a_channel_does_not_take_comes_with_the_next_run(cluster: Cluster, watch: Watch) -> None:
    watch.hook.status = 500
    try:
        unit(cluster, "stop", "yarn_nodemanager", "n2")
        failed = watch.look()
        assert failed.returncode != 0, failed
        assert "tried again at the next run: chat: HTTP 500" in " ".join(failed.output.split())
        assert len(watch.server.letters) == 1
        watch.hook.status = 200
        sent = watch.look()
        assert sent.returncode == 0, sent
        assert (len(watch.server.letters), len(watch.hook.posted)) == (1, 1)
    finally:
        healed = cluster.play("startup")
        assert healed.returncode == 0, healed


@pytest.mark.faults
@pytest.mark.usefixtures("healthy_again")
def test_a_host_that_is_gone_is_unknown_and_nothing_on_it_recovers(cluster: Cluster, watch: Watch) -> None:
    unit(cluster, "stop", "hdfs_datanode", "n3")
    assert watch.look().returncode == 0
    lab("kill", "n3")
    try:
        gone = watch.look()
        assert gone.returncode == 0, gone
        text = watch.server.letters[-1].message.get_content()
        assert "UNKNOWN: HOST_UNREACHABLE" in text
        assert "unknown now, last seen" in text
        assert "recovered" not in " ".join(watch.subjects())
        assert watch.metric("koverse_host_answers", host="n3") == "0"
        assert watch.metric("koverse_component_unknown", component="hdfs_datanode", host="n3") == "1"
    finally:
        lab("start", "n3")


@pytest.mark.faults
def test_a_timer_runs_the_watch(cluster: Cluster, control_host: str) -> None:
    def schedule(inventory: str = "ha", interval: int = 1) -> str:
        playbook = f"-i inventories/lab/{inventory} playbooks/watch_schedule.yml -e runbook_watch_interval={interval}"
        done = cluster.host(control_host).run(f"cd {ROOT} && {CONTROL}/bin/ansible-playbook {playbook}")
        return str(done.stdout + done.stderr)

    name = "koverse-runbook-watch"

    def runs() -> int:
        log = cluster.run(control_host, f"journalctl -u {name} -o cat")
        return log.count("The cluster is healthy")

    try:
        assert "changed=2" in (first := schedule()), first
        assert "changed=0" in (again := schedule()), again
        assert "runbook_watch_interval: expected at least 1 minute, found 0" in (refused := schedule(interval=0)), refused
        other = " ".join(schedule("classic").split())
        assert "is for the inventory" in other, other
        assert "Give each cluster a unit of its own (runbook_watch_unit)" in other, other
        wait_until(lambda: runs() >= 2, 300, "the timer has run the watch twice")
        state = json.loads(cluster.run(control_host, f"cat {ROOT}/status/watch.json"))
        assert state["interval"] == 60
    finally:
        cluster.run(control_host, f"systemctl disable --now {name}.timer")
