# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""alerts.yml itself, run on this host against an emulator of Ambari, with a real mail server and webhook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.lab.receivers import HOST, Hook, MailServer, listening
from ansible_collections.koverse.runbook.tests.unit.emulated import DESCRIPTION

ROOT = Path(__file__).parents[2]
SECRET = "T0SECRET/B0SECRET"  # noqa: S105
PASSPHRASE = "of Ambari"  # noqa: S105
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_become": False}


class Site:
    """An inventory of one host, and below a directory the files and the process of an Ambari server."""

    def __init__(self, directory: Path, emulator: Emulator, server: MailServer, hook: Hook) -> None:
        self.directory, self.emulator, self.server, self.hook = directory, emulator, server, hook
        self.scripts, self.lib = directory / "resources" / "scripts", directory / "lib"
        self.scripts.mkdir(parents=True)
        self.environment = directory / "ambari-env.sh"
        self.environment.write_text(f"export AMBARI_PASSPHRASE='{PASSPHRASE}'\n", encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.mail = {"type": "mail", "host": HOST, "port": server.port, "security": "none", "from": "k@example.org", "to": "a@example.org"}
        self.chat = {"type": "slack", "url": f"http://{HOST}:{hook.port}/services/{SECRET}"}

    def restart(self, user: str | None = None) -> None:
        """A process with the PATH that a server's would have."""
        self.stop()
        self.process = subprocess.Popen(["/bin/sh", "-c", f". {self.environment}; exec sleep 3600"], user=user)
        (self.directory / "pid").write_text(f"{self.process.pid}\n", encoding="utf-8")

    def stop(self) -> None:
        """Ends it."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def play(self, targets: dict[str, Any], *arguments: str, group: str = "ambari_server", **environment: str) -> tuple[int, str]:
        """Exit code and output of a run, without line breaks."""
        settings = {
            "runbook_ambari_url": self.emulator.url,
            "runbook_ambari_username": "admin",
            "runbook_ambari_password": "admin",
            "runbook_ambari_scripts": str(self.scripts),
            "runbook_ambari_environment": str(self.environment),
            "runbook_ambari_pid_file": str(self.directory / "pid"),
            "runbook_alerts_directory": str(self.lib),
            "runbook_alerts_targets": targets,
        }
        inventory = self.directory / "inventory.json"
        inventory.write_text(json.dumps({group: {"hosts": {"m1": LOCAL}}, "all": {"vars": settings}}), encoding="utf-8")
        words = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, "--diff", "playbooks/alerts.yml", *arguments]
        given = {**os.environ, **environment}
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=given, timeout=300, check=False)
        assert "SECRET" not in done.stdout + done.stderr
        assert PASSPHRASE not in done.stdout + done.stderr
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def targets(self) -> dict[str, dict[str, Any]]:
        """What Ambari has."""
        answer = json.loads(self.emulator.somebody("GET", "/api/v1/alert_targets?fields=AlertTarget/*,AlertTarget/properties").body)
        return {item["AlertTarget"]["name"]: item["AlertTarget"] for item in answer["items"]}


@pytest.fixture
def site() -> Iterator[Site]:
    """In a directory of its own: those above tmp_path are closed to other users whenever a run of pytest begins beside this one."""
    with (
        tempfile.TemporaryDirectory() as directory,
        listening(MailServer()) as server,
        listening(Hook()) as hook,
        Emulator(DESCRIPTION) as emulator,
    ):
        made = Site(Path(directory), emulator, server, hook)
        try:
            yield made
        finally:
            made.stop()


def test_without_the_servers_host(site: Site) -> None:
    """Mail needs no host of the server; what is absent is removed from Ambari, and that its files were not looked for is said."""
    targets = {"ops": site.mail, "quiet": {**site.mail, "enabled": False}, "old": {"state": "absent", "type": "slack"}}
    code, said = site.play(targets, "-e", "runbook_alerts_test=true", group="others")
    assert code == 0, said
    assert "were not looked for (koverse_slack_ops, koverse_slack_quiet, koverse_slack_old)" in said
    assert list(site.targets()) == ["ops", "quiet"]
    assert len(site.server.letters) == 1
    assert (
        f"ops: accepted by {HOST}:{site.server.port} for a@example.org (from the control host; not enabled, and so not tested: quiet)"
        in said
    )


def test_a_slack_target_comes_is_tested_and_becomes_one_of_mail(site: Site) -> None:
    targets = {"chat": site.chat, "ops": site.mail}
    site.restart()
    code, said = site.play(targets, "--check")
    assert code == 0, said
    assert f"still takes {shutil.which('sh')} for its alert scripts" in said
    assert f"would bring {site.lib}/bin/sh and stop here, until ambari-server is restarted" in said
    code, said = site.play(targets)
    assert code != 0, said
    assert "Nothing was declared in Ambari" in said
    assert site.targets() == {}
    site.restart()
    code, said = site.play(targets, "-e", "runbook_alerts_test=true", TZ="Asia/Tokyo")
    assert code == 0, said
    assert re.search(r"has taken the test notification: chat: sent; ops: accepted by \S+ for a@example.org \(from m1\)", said)
    (post,) = site.hook.posted
    assert "It has $(signs) and `signs` that a shell would not leave alone." in post["text"]
    posted = time.strptime(re.findall(r" at ([-0-9: ]+) UTC_$", post["text"])[0], "%Y-%m-%d %H:%M:%S")
    assert abs(time.mktime(posted) - time.mktime(time.gmtime())) < 600
    site.hook.status, site.hook.body = 404, "Cannot POST {path}"
    site.server.refuses["a@example.org"] = "550 accepted by nobody"
    code, said = site.play(targets, "-e", "runbook_alerts_test=true")
    assert code != 0, said
    assert "Not every target has taken the test notification: chat: not sent: 404 Cannot POST /***; ops: not sent by " in said
    code, said = site.play({"chat": site.mail})
    assert code == 0, said
    assert site.targets()["chat"]["notification_type"] == "EMAIL"
    assert list(site.scripts.iterdir()) == []
    assert [path.name for path in site.lib.iterdir()] == ["bin"]


def test_certificates_that_are_not_there(site: Site) -> None:
    site.restart()
    code, said = site.play({"chat": {**site.chat, "ca": str(site.directory / "gone.pem")}})
    assert code != 0, said
    assert f"found none at {site.directory}/gone.pem: bring them there, or mend 'ca' of chat" in said
    assert not site.lib.exists()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("runuser"), reason="needs root, who can be another user")
def test_what_ambaris_user_cannot_reach_is_not_there(site: Site) -> None:
    """The shell is looked for by Ambari's own user; root can read everything."""
    site.directory.chmod(0o711)
    shell = site.lib / "bin" / "sh"
    shell.parent.mkdir(parents=True)
    shell.write_text("#!/bin/sh\n", encoding="utf-8")
    shell.chmod(0o755)
    site.environment.write_text(f"export PATH={shell.parent}:$PATH\n", encoding="utf-8")
    site.restart("nobody")
    assert f"Ambari takes {shell}" in site.play({"chat": site.chat}, "--check")[1]
    shell.parent.chmod(0o700)
    assert f"still takes {shutil.which('sh')}" in site.play({"chat": site.chat}, "--check")[1]
