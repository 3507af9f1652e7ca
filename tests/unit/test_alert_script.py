# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert script for Slack and the sh before it (files/ambari), started as Ambari starts its scripts, with real shells."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import alerts
from ansible_collections.koverse.runbook.tests.lab.receivers import HOST, Hook, certificate, listening

FILES = Path(__file__).parents[2] / "files" / "ambari"
SECRET = "T0SECRET/B0SECRET"  # noqa: S105
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
HOSTILE = [
    "plain",
    "$(touch {marker})",
    "`touch {marker}`",
    '"; touch {marker}; "',
    '\\"; touch {marker}; \\"',
    "\\$(touch {marker})",
    "first\n$(touch {marker})\ntouch {marker}\n",
    '" 1 h\ntouch {marker}\n#',
    "'; touch {marker} #",
    "| touch {marker} & touch {marker} > {marker}",
    "$HOME ${PATH} $((1+1)) * ~ !! \\! \\\\",
    "50 % of 3 < 4 & 5 > 2: Größe 🐘",
    'said "x" 12 host',
    "",
]


def line(script: Path | str, text: str, label: str = "A label", state: str = "CRITICAL", end: str = " 1700000000000 n1.example.com") -> str:
    """The command line as AlertScriptDispatcher.java makes it."""
    escaped, named = (words.replace('"', '\\"').replace("!", "\\!") for words in (text, label))
    return f'{script} datanode_storage "{named}" HDFS {state} "{escaped}"{end}'


class Place:
    """The Ambari server's host as alerts.yml makes it, below a directory."""

    def __init__(self, directory: Path, hook: Hook) -> None:
        self.hook = hook
        self.marker = directory / "executed"
        self.script = directory / "scripts" / "koverse_slack_chat"
        self.settings = directory / "koverse_slack_chat.json"
        self.shell = directory / "bin" / "sh"
        for path in (self.script, self.shell):
            path.parent.mkdir()
        self.script.write_text(f"#!{sys.executable}\n{(FILES / 'slack.py').read_text(encoding='utf-8')}", encoding="utf-8")
        self.script.chmod(0o755)
        text = (FILES / "sh.j2").read_text(encoding="utf-8")
        text = text.replace("{{ runbook_alerts.prefix }}", alerts.SCRIPT).replace("{{ alerts_directory }}", str(directory))
        self.shell.write_text(text, encoding="utf-8")
        self.shell.chmod(0o755)
        self.points_to(f"http://{HOST}:{hook.port}/services/{SECRET}")

    def points_to(self, url: str, ca: str | None = None) -> None:
        """The webhook."""
        self.settings.write_text(json.dumps({"url": url, "ca": ca}), encoding="utf-8")

    def run(self, command: str, shell: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """What Ambari does; its `sh` is the first of its PATH, or this shell."""
        path = f"{self.shell.parent}:/usr/bin:/bin"
        words = [shutil.which(shell) if shell else "sh", "-c", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, env={"PATH": path, **environment}, check=False)
        assert "SECRET" not in done.stdout + done.stderr
        return done


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with listening(Hook()) as hook:
        yield Place(tmp_path, hook)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("script", ["scripts/{name}", "scripts//{name}", "a/../scripts/{name}", "{name}"])
def test_the_text_arrives_whole_and_nothing_of_it_is_executed(place: Place, script: str, text: str) -> None:
    """Ambari's line begins with a directory of its own properties, whatever the run book has."""
    top = place.settings.parent
    (top / "a").mkdir()
    (top / place.script.name).symlink_to(place.script)
    text = text.format(marker=place.marker) if "{marker}" in text else text
    done = place.run(line(f"{top}/{script.format(name=place.script.name)}", text, label=f"Label {text}".replace("\n", " ")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent\n", "")
    assert not place.marker.exists()
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    first, rest = place.hook.posted[0]["text"].split("\n", 1)
    assert first == f":red_circle: *CRITICAL: Label {escaped}* on n1.example.com".replace("\n", " ")
    assert rest == f"{escaped}\n_HDFS, datanode_storage at 2023-11-14 22:13:20 UTC_"
    assert place.hook.paths == [f"/services/{SECRET}"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_of_its_own_would_run_the_text_and_the_script_says_so(place: Place, shell: str) -> None:
    done = place.run(line(place.script, f"$(touch {place.marker})"), shell)
    assert place.marker.exists(), "the danger is gone: is the sh of alerts.yml still needed?"
    assert done.returncode == 1
    assert "a shell has expanded the alert before: restart ambari-server" in done.stderr
    assert place.hook.posted == []


@pytest.mark.parametrize("end", [" 1700000000000 ", ""])
def test_without_a_host_and_as_older_versions_end_it(place: Place, end: str) -> None:
    assert place.run(line(place.script, "text", state="OK", end=end)).returncode == 0
    text = place.hook.posted[0]["text"]
    assert text.startswith(":white_check_mark: *OK: A label*\ntext\n_HDFS, datanode_storage")


def test_everything_else_goes_to_the_shell(place: Place) -> None:
    done = place.run("echo $((1+1)); exit 3")
    assert (done.returncode, done.stdout) == (3, "2\n")
    assert subprocess.run([place.shell, "-e", "-c", 'echo "$0"', "a b"], capture_output=True, text=True, check=True).stdout == "a b\n"


def test_a_long_text_is_cut(place: Place) -> None:
    assert place.run(line(place.script, "x" * 50_000)).returncode == 0
    assert 3000 < len(place.hook.posted[0]["text"]) < 3300


@pytest.mark.parametrize(
    ("status", "said"), [(404, "not sent: 404 no_service"), (403, "not sent: 403 no_service"), (302, "not sent: 302 no_service")]
)
def test_what_slack_refuses_is_an_error(place: Place, status: int, said: str) -> None:
    place.hook.status, place.hook.body = status, "no_service"
    place.hook.headers = {"Location": f"http://{HOST}:{place.hook.port}/elsewhere"}
    done = place.run(line(place.script, "text"))
    assert (done.returncode, done.stderr.strip()) == (1, said)
    assert len(place.hook.paths) == 1


@pytest.mark.parametrize("path", [SECRET, SECRET.lower(), SECRET.replace("/", "%2F"), SECRET.partition("/")[2]])
def test_a_server_that_answers_with_the_path(place: Place, path: str) -> None:
    place.hook.status, place.hook.body = 404, f"Cannot POST {{path}}, {path} is not known"
    done = place.run(line(place.script, "text"))
    assert "SECRET" not in done.stderr.upper()
    assert done.stderr.startswith("not sent: 404 Cannot POST /***, ***")


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (500, {"Transfer-Encoding": "chunked"}, "not sent: 500 Internal Server Error"),
        ("none", {}, "not sent: BadStatusLine "),
    ],
)
def test_an_answer_that_is_none(place: Place, status: int | str, answer: dict[str, str], said: str) -> None:
    class Broken(Hook):
        def talk(self, connection: Any) -> None:
            connection.recv(65536)
            lines = [f"HTTP/1.1 {status} Internal Server Error", *(f"{key}: {value}" for key, value in answer.items())]
            connection.sendall("\r\n".join([*lines, "", "no length"]).encode())

    with listening(Broken()) as hook:
        place.points_to(f"http://{HOST}:{hook.port}/services/{SECRET}")
        done = place.run(line(place.script, "text"))
    assert (done.returncode, done.stderr.startswith(said)) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_certificates(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for ca, said in ((tmp_path / "gone.pem", "FileNotFoundError"), (tmp_path / "empty.pem", "SSLError")):
        place.points_to(f"https://{HOST}:1/services/{SECRET}", str(ca))
        done = place.run(line(place.script, "text"))
        assert (done.returncode, done.stderr.startswith(f"not sent: {said} ")) == (1, True), done.stderr


def test_a_webhook_that_is_silent(place: Place) -> None:
    place.hook.silent = True
    done = place.run(line(place.script, "text"))
    assert done.returncode == 1
    assert "not sent: " in done.stderr


def test_nobody_listens(place: Place) -> None:
    place.points_to(f"http://{HOST}:1/services/{SECRET}")
    done = place.run(line(place.script, "text"))
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_without_its_webhook(place: Place) -> None:
    for content in ("", "{}", "[]"):
        place.settings.write_text(content, encoding="utf-8")
        done = place.run(line(place.script, "text"))
        assert done.returncode == 1
        assert f"{place.settings}: expected the webhook, found " in done.stderr
    place.settings.unlink()
    assert "run alerts.yml again" in place.run(line(place.script, "text")).stderr


def test_a_line_that_is_no_alert(place: Place) -> None:
    done = place.run(f"{place.script} $(touch {place.marker})")
    assert (done.returncode, place.marker.exists()) == (1, False)
    assert "expected SCRIPT DEFINITION" in done.stderr


def test_certificates_are_verified(place: Place, tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    class Encrypted(Hook):
        def talk(self, connection: Any) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            super().talk(context.wrap_socket(connection, server_side=True))

    with listening(Encrypted()) as hook:
        place.points_to(f"https://{HOST}:{hook.port}/services/{SECRET}")
        done = place.run(line(place.script, "text"))
        assert (done.returncode, hook.posted) == (1, [])
        assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
        place.points_to(f"https://{HOST}:{hook.port}/services/{SECRET}", str(pem))
        assert place.run(line(place.script, "text")).returncode == 0
        assert len(hook.posted) == 1
