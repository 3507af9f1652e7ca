# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declared state of Ambari's alerts: what is asked of the modules, and that all that is wrong is said before anything is changed."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action.alerts_plan import ActionModule
from ansible_collections.koverse.runbook.plugins.module_utils import ambari as ambari_client
from ansible_collections.koverse.runbook.plugins.module_utils.ambari import NoContact, Server
from ansible_collections.koverse.runbook.plugins.plugin_utils import alerts
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.ambari.clock import VirtualClock
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator
from ansible_collections.koverse.runbook.tests.lab.receivers import HOST, MailServer, certificate, listening
from ansible_collections.koverse.runbook.tests.unit.actions import run
from ansible_collections.koverse.runbook.tests.unit.test_ambari_emulator import DESCRIPTION

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"  # noqa: S105
URL = "https://hooks.example.org/services/T0SECRET/B0SECRET"
MAIL = {"type": "mail", "host": "smtp.example.org", "from": "a@example.org", "to": "b@example.org, c@example.org"}
LOGIN = {"user": "koverse", "password": PASSWORD}
SLACK = {"type": "slack", "url": URL}


@pytest.fixture
def ambari() -> Iterator[Emulator]:
    with Emulator(DESCRIPTION, clock=VirtualClock()) as emulator:
        yield emulator


# ---- what is asked for


def target(**entry: Any) -> dict[str, Any]:
    """The only target of a plan."""
    planned = alerts.plan({"ops": entry}, {}, {})
    assert PASSWORD not in str(planned)
    assert "SECRET" not in str(planned)
    (row,) = planned["targets"]
    return row


PLAIN = {
    "ambari.dispatch.recipients": ["b@example.org", "c@example.org"],
    "mail.smtp.host": "smtp.example.org",
    "mail.smtp.from": "a@example.org",
}
NAMES = {"mail.smtp.ssl.checkserveridentity": "true"}
STARTTLS = {**NAMES, "mail.smtp.starttls.enable": "true", "mail.smtp.starttls.required": "true"}
AUTH = {"mail.smtp.auth": "true", "ambari.dispatch.credential.username": "koverse"}


@pytest.mark.parametrize(
    ("entry", "properties"),
    [
        ({}, {"mail.smtp.port": "587", **STARTTLS}),
        (LOGIN, {"mail.smtp.port": "587", **STARTTLS, **AUTH}),
        ({"security": "tls", **LOGIN}, {"mail.smtp.port": "465", **NAMES, "mail.smtp.ssl.enable": "true", **AUTH}),
        ({"security": "none", "port": 2525}, {"mail.smtp.port": "2525"}),
    ],
)
def test_a_mail_target(entry: dict[str, Any], properties: dict[str, Any]) -> None:
    row = target(**MAIL, **entry)
    assert (row["type"], row["kind"], row["state"], row["enabled"]) == ("EMAIL", "mail", "present", True)
    assert row["properties"] == {**PLAIN, **properties}
    assert row["mail"]["port"] == int(properties["mail.smtp.port"])
    assert row["mail"]["to"] == PLAIN["ambari.dispatch.recipients"]


@pytest.mark.parametrize("to", ["a@example.org,", " , a@example.org , ", ["a@example.org", ""]])
def test_recipients_are_read_as_they_are_checked(to: str | list[str]) -> None:
    assert target(**{**MAIL, "to": to})["properties"]["ambari.dispatch.recipients"] == ["a@example.org"]


def test_a_slack_target() -> None:
    row = target(**SLACK, states=["CRITICAL"], groups=["HDFS"], ca="/etc/ssl/ours.pem")
    assert (row["type"], row["states"], row["groups"], row["ca"]) == ("ALERT_SCRIPT", ["CRITICAL"], ["HDFS"], "/etc/ssl/ours.pem")
    assert row["properties"] == {"ambari.dispatch-property.script.filename": "koverse_slack_ops"}


def test_what_is_not_set_is_not_asked_for() -> None:
    planned = alerts.plan({"old": {"state": "absent"}}, {"mine": {}}, {"x": {"critical": "5"}})
    assert planned["definitions"] == [{"name": "x", "critical": 5.0, "parameters": {}}]
    assert planned["groups"] == [{"name": "mine", "state": "present"}]
    assert planned["targets"][0]["state"] == "absent"
    assert "type" not in planned["targets"][0]


@pytest.mark.parametrize("entry", [{}, {"type": "slack"}, {"type": "mail", "host": "smtp.example.org"}])
def test_what_is_gone_needs_no_settings(entry: dict[str, Any]) -> None:
    row = target(state="absent", **entry)
    assert (row["state"], row["script"], "properties" in row) == ("absent", "koverse_slack_ops", False)


def test_a_name_that_is_no_part_of_a_path_has_no_script() -> None:
    names = ["../x", "old list", "größe", "a/b"]
    assert ["script" in row for row in alerts.plan({key: {"state": "absent"} for key in names}, {}, {})["targets"]] == [False] * 4


def test_all_that_is_wrong_is_said_at_once() -> None:
    targets = {
        "a b": MAIL,
        "b": {"type": "slak"},
        "c": {"type": "slack", "url": PASSWORD},
        "d": {**MAIL, "severities": ["critical"]},
        "e": {**MAIL, "states": ["BAD"]},
        "f": 3,
        "g": {**MAIL, "password": PASSWORD},
        "größe": SLACK,
        "h": {**MAIL, "states": []},
        24: MAIL,
    }
    with pytest.raises(RunbookError) as caught:
        alerts.plan(targets, {"x": {"targets": []}, "": {}}, {"y": {"interval": "x"}})
    assert PASSWORD not in str(caught.value)
    for said in (
        "runbook_alerts_targets.a b: a name has letters",
        "runbook_alerts_targets.b.type: unknown type 'slak'. Did you mean 'slack'?",
        "runbook_alerts_targets.c.url: is missing, or has spaces in it.",
        "runbook_alerts_targets.d: unknown key 'severities'",
        "runbook_alerts_targets.e: value of states must be one or more of: OK, WARNING, CRITICAL, UNKNOWN",
        "runbook_alerts_targets.f: expected a dictionary, found int.",
        "runbook_alerts_targets.g: 'user' and 'password' go together.",
        "runbook_alerts_targets.größe: the name of a Slack target becomes a file's",
        "runbook_alerts_targets.h.states: is empty, which Ambari takes for all: name at least one of OK, WARNING, CRITICAL, UNKNOWN.",
        "runbook_alerts_targets.24: expected a name that is a text, found int; put it into quotes.",
        "runbook_alerts_groups.: expected a name",
        "runbook_alerts_groups.x: unknown key 'targets'. Known are: definitions, state.",
        "runbook_alerts_definitions.y: argument 'interval'",
    ):
        assert said in str(caught.value)
    assert len(caught.value.problems) == 13
    with pytest.raises(RunbookError, match="runbook_alerts_groups: expected a dictionary of names and their settings, found list"):
        alerts.plan({}, ["x"], {})


# ---- whether Ambari has it


def test_what_ambari_does_not_have(ambari: Emulator) -> None:
    server = Server(ambari.url, "admin", "admin", patience=0.0)
    good = alerts.plan({"ops": {**MAIL, "groups": ["HDFS", "mine"]}}, {"mine": {"definitions": ["namenode_process"]}}, {})
    alerts.check(good, server, None)
    wrong = alerts.plan(
        {"ops": {**MAIL, "groups": ["HDSF", "gone"]}},
        {"mine": {"definitions": ["namenode_proces"]}, "gone": {"state": "absent"}, "HDFS": {"definitions": []}},
        {"namenode_process": {"warning": 3}},
    )
    with pytest.raises(RunbookError) as caught:
        alerts.check(wrong, server, None)
    assert caught.value.problems == [
        "runbook_alerts_definitions.namenode_process: the alert definition 'namenode_process' (None) has no threshold 'warning';"
        " it has: neither thresholds nor parameters.",
        "runbook_alerts_groups.mine.definitions: Ambari has no 'namenode_proces'. Did you mean 'namenode_process'?",
        "runbook_alerts_groups.HDFS: is Ambari's own, which keeps its definitions and stays.",
        "runbook_alerts_targets.ops.groups: Ambari has no 'HDSF'. Did you mean 'HDFS'?",
        "runbook_alerts_targets.ops.groups: Ambari has no 'gone'. Known are: HDFS, mine.",
    ]
    with pytest.raises(RunbookError) as caught:
        alerts.check(alerts.plan({}, {}, {"nope": {}, "namenode_process": {"parameters": {"x": 1}}}), server, None)
    assert [problem.partition(" '")[0] for problem in caught.value.problems] == [
        "runbook_alerts_definitions: Ambari has no",
        "runbook_alerts_definitions.namenode_process: the alert definition",
    ]
    assert not [call for call in ambari.calls if call[0] != "GET"]


# ---- the action


def plan_of(url: str, hosts: dict[str, dict[str, Any]] | None = None, ambari_server: Sequence[str] = (), **given: Any) -> dict[str, Any]:
    """What alerts_plan says."""
    hosts = hosts or {"c1": {}}
    options = {"directory": "/opt/x", "scripts": "/var/lib/y"}
    options |= {key: given.pop(key) for key in options if key in given}
    reached = {"url": url, "username": "admin", "password": "admin", **given.pop("reached", {})}
    variables = {"groups": {"all": list(hosts), "ambari_server": list(ambari_server)}, "hostvars": hosts}
    variables |= {f"runbook_ambari_{key}": value for key, value in reached.items()}
    return run(ActionModule, {**variables, **{f"runbook_alerts_{key}": value for key, value in given.items()}}, **options)


def test_the_plan_names_the_host_of_the_server(ambari: Emulator) -> None:
    chat = {"chat": SLACK}
    assert plan_of(ambari.url, ambari_server=["m1"], targets=chat)["host"] == "m1"
    assert plan_of(ambari.url, {"c1": {}, "m2": {"ansible_host": HOST}}, targets=chat)["host"] == "m2"
    assert plan_of(ambari.url, targets={"ops": MAIL})["host"] == ""
    refused = plan_of(ambari.url, targets=chat)
    assert refused["failed"]
    assert "which is not in the inventory: put it into the group ambari_server" in refused["msg"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Nothing is declared: set one of runbook_alerts_targets, "),
        ({"targets": {"chat": SLACK}, "ambari_server": ["m1"], "scripts": "/a b"}, "runbook_ambari_scripts: expected a path of letters"),
        ({"targets": {"chat": SLACK}, "ambari_server": ["m1"], "directory": "x"}, "runbook_alerts_directory: expected a path of letters"),
        *(
            ({"targets": {"ops": MAIL}, "directory": path, "scripts": "/r/resources/scripts"}, "is not below /r/resources, found")
            for path in ("/r/resources", "/r/resources/scripts/x", "/r/x/../resources/y")
        ),
        ({"targets": {"old": {"state": "absent"}}, "directory": "/a%s"}, "runbook_alerts_directory: expected a path of letters"),
        ({"definitions": {"nope": {}}}, "runbook_alerts_definitions: Ambari has no 'nope'"),
    ],
)
def test_the_plan_refuses(ambari: Emulator, given: dict[str, Any], said: str) -> None:
    refused = plan_of(ambari.url, **given)
    assert refused["failed"]
    assert said in refused["msg"]


def test_an_ambari_that_falls_silent_is_no_fault_of_a_definition(ambari: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_words: Any) -> dict[str, Any]:
        raise NoContact("nobody listens")

    monkeypatch.setattr(alerts.ambari_alert_definition, "read", silent)
    with pytest.raises(NoContact):
        alerts.check(alerts.plan({}, {}, {"namenode_process": {}}), Server(ambari.url, "admin", "admin", patience=0.0), None)


def test_what_is_not_set_is_named_before_anybody_is_asked(ambari: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMBARI_PASSWORD", raising=False)
    for reached, named in (
        ({"password": None}, "runbook_ambari_password: not set."),
        ({"password": ""}, "runbook_ambari_password: not set."),
        ({"url": None, "username": None}, "runbook_ambari_url, runbook_ambari_username: not set."),
        ({"validate_certs": "perhaps"}, "runbook_ambari_validate_certs: expected true or false, found 'perhaps'."),
    ):
        refused = plan_of(ambari.url, targets={"ops": MAIL}, reached=reached)
        assert refused["failed"]
        assert refused["msg"].startswith(named)
    assert not ambari.calls
    monkeypatch.setenv("AMBARI_PASSWORD", "admin")
    assert "failed" not in plan_of(ambari.url, targets={"ops": MAIL}, reached={"password": None})
    assert "has no cluster 'nope'" in plan_of(ambari.url, targets={"ops": MAIL}, reached={"cluster": "nope"})["msg"]


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ambari_client, "Server", functools.partial(Server, patience=0.0))
    refused = plan_of(f"http://{HOST}:1", targets={"ops": MAIL})
    assert (refused["failed"], refused["msg"]) == (True, f"nobody listens on http://{HOST}:1. Nothing was done.")


# ---- send_mail


def send(*, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module, as a host runs it."""
    given = {"host": HOST, "sender": "a@example.org", "to": ["b@example.org"], "subject": "Größe", "text": "Ein Text.", **options}
    words = [str(Path(sys.executable).with_name("ansible")), "localhost", "--inventory=localhost,", "--connection=local", "--one-line"]
    words += ["--module-name=koverse.runbook.send_mail", f"--args={json.dumps(given)}", *(["--check"] if check else [])]
    environment = {**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert PASSWORD not in done.stdout + done.stderr
    return dict(json.loads(done.stdout.partition("=> ")[2]))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_is_sent(tmp_path: Path, security: str) -> None:
    pem = certificate(tmp_path)
    with listening(MailServer(pem, security, {"koverse": PASSWORD})) as server:
        there = {"port": server.port, "security": security, **LOGIN}
        assert send(**there, ca=str(pem))["msg"] == f"accepted by {HOST}:{server.port} for b@example.org"
        (letter,) = server.letters
        assert (letter.to, letter.encrypted, letter.user) == (["b@example.org"], True, "koverse")
        assert (letter.message["Subject"], letter.message.get_content()) == ("Größe", "Ein Text.\r\n")


def test_who_is_not_trusted_and_does_not_trust(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with listening(MailServer(pem, "starttls", {"koverse": PASSWORD})) as server:
        assert "CERTIFICATE_VERIFY_FAILED" in send(port=server.port, **LOGIN)["msg"]
        refused = send(port=server.port, ca=str(pem), user="koverse", password="wrong horse")["msg"]  # noqa: S106
        assert refused.startswith(f"not sent by {HOST}:{server.port}: SMTPAuthenticationError: (535")
        assert "wrong horse" not in refused
        assert server.letters == []


def test_a_mail_that_is_not_sent() -> None:
    with listening(MailServer(refuses={"b@example.org": "550 no such user"})) as server:
        there = {"port": server.port, "security": "none"}
        assert "no such user" in send(**there)["msg"]
        assert "a password is not sent without encryption" in send(**there, **LOGIN)["msg"]
        assert send(**there, to=["c@example.org"], check=True)["msg"] == "not sent, because of check mode"
        assert server.letters == []
    assert send(port=1, security="none")["msg"].startswith(f"not sent by {HOST}:1: ConnectionRefusedError")
