"""alerts.yml on the lab: an emulator of Ambari is brought to the declared state, and mail and webhook get a test notification."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from conftest import ROOT, Cluster, Played
from receivers import HOST, Hook, MailServer, certificate, listening

pytestmark = pytest.mark.skipif(os.environ["MOLECULE_SCENARIO_NAME"] != "ha", reason="once is enough")
PASSWORD = "correct horse"  # noqa: S105 (of the test's own mail server)
SECRET = "T0SECRET/B0SECRET"  # noqa: S105
C = "/api/v1/clusters/lab"
LAB = json.loads((ROOT / "tests" / "ambari" / "clusters" / "recorded.json").read_text(encoding="utf-8"))


class Alerting:
    """An emulator of Ambari on the control host, with the files and the process of a server."""

    def __init__(self, cluster: Cluster, directory: Path, ambari: Emulator, server: MailServer, hook: Hook, pem: Path) -> None:
        self.cluster, self.directory, self.ambari, self.server, self.hook = cluster, directory, ambari, server, hook
        self.environment = directory / "ambari-env.sh"
        self.environment.write_text("", encoding="utf-8")
        (directory / "resources" / "scripts").mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.restart()
        place = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_become": False}
        self.inventory = directory / "server.json"
        self.inventory.write_text(json.dumps({"ambari_server": {"hosts": {"ambari": place}}}), encoding="utf-8")
        mail = {"type": "mail", "host": HOST, "port": server.port, "ca": str(pem), "user": "koverse", "password": PASSWORD}
        self.settings = {
            "runbook_ambari_url": ambari.url,
            "runbook_ambari_username": "admin",
            "runbook_ambari_password": "admin",
            "runbook_ambari_scripts": str(directory / "resources" / "scripts"),
            "runbook_ambari_environment": str(self.environment),
            "runbook_ambari_pid_file": str(directory / "pid"),
            "runbook_alerts_directory": str(directory / "lib"),
            "runbook_alerts_targets": {
                "ops": {**mail, "from": "koverse@example.org", "to": "a@example.org", "groups": ["storage"]},
                "chat": {"type": "slack", "url": f"http://{HOST}:{hook.port}/services/{SECRET}", "states": ["CRITICAL"]},
            },
            "runbook_alerts_groups": {"storage": {"definitions": ["namenode_ha_health"]}},
            "runbook_alerts_definitions": {"zookeeper_server_process": {"interval": 2, "critical": 10}},
        }

    def restart(self) -> None:
        """A process with the PATH that a server's would have."""
        self.stop()
        words = ["/bin/sh", "-c", f". {self.environment}; exec sleep 3600"]
        self.process = subprocess.Popen(words)
        (self.directory / "pid").write_text(f"{self.process.pid}\n", encoding="utf-8")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def play(self, *arguments: str, **changes: Any) -> Played:
        """A run of the playbook."""
        settings = self.directory / "settings.json"
        settings.write_text(json.dumps({**self.settings, **changes}), encoding="utf-8")
        played = self.cluster.play("alerts", "-i", str(self.inventory), "--diff", "-e", f"@{settings}", *arguments)
        assert PASSWORD not in played.output
        assert "SECRET" not in played.output
        return played

    def targets(self) -> dict[str, dict[str, Any]]:
        """What Ambari has."""
        answer = json.loads(self.ambari.somebody("GET", "/api/v1/alert_targets?fields=AlertTarget/*,AlertTarget/properties").body)
        return {item["AlertTarget"]["name"]: item["AlertTarget"] for item in answer["items"]}


@pytest.fixture
def alerting(cluster: Cluster, tmp_path: Path) -> Iterator[Alerting]:
    """A server without any target."""
    pem = certificate(tmp_path)
    description = {"hosts": {"n1": ["NAMENODE", "ZOOKEEPER_SERVER"]}, "alert_definitions": LAB["alert_definitions"], "running": True}
    with (
        listening(MailServer(pem, "starttls", {"koverse": PASSWORD})) as server,
        listening(Hook()) as hook,
        Emulator(description) as ambari,
    ):
        made = Alerting(cluster, tmp_path, ambari, server, hook, pem)
        try:
            yield made
        finally:
            made.stop()


def test_declared_and_tested(alerting: Alerting) -> None:
    predicted = alerting.play("--check")
    assert predicted.returncode == 0, predicted
    assert "+interval: 2" in predicted.output
    assert "and stop here, until ambari-server is restarted" in " ".join(predicted.output.split())
    unsafe = alerting.play()
    assert unsafe.returncode != 0, unsafe
    assert f"still takes {shutil.which('sh')} for its alert scripts" in " ".join(unsafe.output.split())
    assert alerting.targets() == {}
    alerting.restart()
    declared = alerting.play()
    assert declared.returncode == 0, declared
    assert alerting.targets()["chat"]["properties"] == {"ambari.dispatch-property.script.filename": "koverse_slack_chat"}
    assert alerting.targets()["ops"]["properties"]["ambari.dispatch.credential.password"] == PASSWORD
    assert (alerting.directory / "lib" / "koverse_slack_chat.json").stat().st_mode & 0o777 == 0o600
    tested = alerting.play("-e", "runbook_alerts_test=true")
    assert (tested.returncode, tested.changed) == (0, 0), tested
    (letter,) = alerting.server.letters
    assert (letter.encrypted, letter.user, letter.message["Subject"]) == (True, "koverse", "Test of the alert target ops")
    (post,) = alerting.hook.posted
    assert "It has $(signs) and `signs` that a shell would not leave alone." in post["text"]


def test_a_test_that_does_not_arrive_and_a_target_that_goes(alerting: Alerting) -> None:
    alerting.play()
    alerting.restart()
    alerting.hook.status, alerting.hook.body = 404, "no_service"
    failed = alerting.play("-e", "runbook_alerts_test=true")
    assert failed.returncode != 0, failed
    said = " ".join(failed.output.split())
    assert "Not every target has taken the test notification: chat: not sent: 404 no_service; ops: accepted by" in said
    gone = alerting.play(runbook_alerts_targets={"chat": {"state": "absent"}})
    assert gone.returncode == 0, gone
    assert list(alerting.targets()) == ["ops"]
    assert list((alerting.directory / "resources" / "scripts").iterdir()) == []


def test_nothing_is_done_where_something_is_wrong(alerting: Alerting) -> None:
    wrong = alerting.play(runbook_alerts_groups={"storage": {"definitions": ["namenode_ha_helth"]}})
    assert wrong.returncode != 0, wrong
    assert "Ambari has no 'namenode_ha_helth'. Did you mean 'namenode_ha_health'?" in " ".join(wrong.output.split())
    assert list((alerting.directory / "resources" / "scripts").iterdir()) == []
    assert {method for method, _path in alerting.ambari.calls} == {"GET"}
