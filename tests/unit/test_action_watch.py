# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""watch_report as a playbook runs it: state, channels, lock, files and what is said; the channels are real receivers on loopback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import syslog
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.koverse.runbook.plugins.action import status_report, watch_report
from ansible_collections.koverse.runbook.plugins.action.watch_report import ActionModule
from ansible_collections.koverse.runbook.plugins.modules import watch_report as documented
from ansible_collections.koverse.runbook.plugins.plugin_utils import watch
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import display
from ansible_collections.koverse.runbook.tests.lab.receivers import HOST, Hook, MailServer, listening
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, action, answers, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan
from ansible_collections.koverse.runbook.tests.unit.test_watch import DIED, changed

ROOT = Path(__file__).parents[2]
PLAN = ha_plan()
SECRET = "T0SECRET/B0SECRET"  # noqa: S105


class Watched:
    """A control host with a mail server and a receiver of webhooks; what is said to the operator and to the journal is kept."""

    def __init__(self, directory: Path, server: MailServer, hook: Hook) -> None:
        self.directory, self.server, self.hook = directory, server, hook
        self.said: list[str] = []
        self.journal: list[tuple[int, str]] = []
        self.channels: dict[str, Any] = {
            "mail": {"type": "mail", "host": HOST, "port": server.port, "security": "none", "from": "k@example.org", "to": "a@example.org"},
            "slack": {"type": "slack", "url": f"http://{HOST}:{hook.port}/services/{SECRET}", "timeout": 5},
        }

    @property
    def path(self) -> Path:
        return self.directory / "status" / "watch.json"

    def look(self, *, silent: str = "", check: bool = False, broken: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
        """A run of the task."""
        seen = {**answers(changed(**(broken or {}))), **({silent: UNREACHABLE} if silent else {})}
        task = action(ActionModule, **{"directory": str(self.directory / "status"), "confirm": 1, "clear": 1, **args})
        task._task.check_mode = check
        given = {"runbook_watch_channels": self.channels, "ansible_inventory_sources": ["inventories/ha"]}
        return task.run(None, {**variables(PLAN, runbook_seen=seen), **given})

    def state(self) -> dict[str, Any]:
        """What was kept."""
        return dict(json.loads(self.path.read_text(encoding="utf-8")))

    def everything(self, *results: Any) -> str:
        """All that was said and written, anywhere."""
        files = [path.read_text(encoding="utf-8") for path in self.directory.rglob("*") if path.is_file()]
        return "\n".join([*self.said, *(text for _priority, text in self.journal), *files, *map(str, results)])


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    with listening(MailServer()) as server, listening(Hook()) as hook:
        made = Watched(tmp_path, server, hook)
        monkeypatch.setattr(display, "display", lambda text, **_more: made.said.append(text))
        monkeypatch.setattr(syslog, "syslog", lambda priority, text: made.journal.append((priority, text)))
        yield made


BROKEN = {"hdfs_datanode__n3": DIED}
SUBJECT = "[ha] error (1): present: DataNode on n3 has died"


def test_what_breaks_and_recovers_arrives_by_every_channel(watched: Watched) -> None:
    first = watched.look(broken=BROKEN)
    assert (first["changed"], first["failed"], first["verdict"]) == (True, False, "unhealthy")
    assert first["sent"] == [f"mail: {SUBJECT}", f"slack: {SUBJECT}"]
    assert [letter.message["Subject"] for letter in watched.server.letters] == [SUBJECT]
    assert watched.hook.posted[0]["text"].startswith(f"*{SUBJECT}*\nCluster ha, ")
    again = watched.look(broken=BROKEN)
    assert (again["changed"], again["sent"]) == (False, [])
    unknown = watched.look(silent="n3")
    assert "recovered" not in str(unknown)
    assert "UNKNOWN: HOST_UNREACHABLE" in watched.server.letters[-1].message.get_content()
    over = watched.look()
    assert over["sent"][0] == "mail: [ha] cluster healthy: 3 recovered"
    assert (len(watched.server.letters), len(watched.hook.posted)) == (3, 3)


def test_what_was_sent_is_in_the_journal_and_in_status(watched: Watched) -> None:
    watched.look(broken=BROKEN, metrics=str(watched.directory / "koverse.prom"))
    assert [priority for priority, _text in watched.journal] == [syslog.LOG_NOTICE] * 2
    assert watched.journal[0][1].startswith(f"sent by mail: {SUBJECT} (accepted by ")
    assert [text for text in watched.said if text.startswith("sent by slack: ")]
    schema = json.loads((ROOT / "docs" / "status.schema.json").read_text(encoding="utf-8"))
    written = json.loads((watched.directory / "status" / "status.json").read_text(encoding="utf-8"))
    jsonschema.validate(written, schema)
    assert [(row["name"], row["sent"], row["last"]["subject"]) for row in written["notifications"]["channels"]] == [
        ("mail", 1, SUBJECT),
        ("slack", 1, SUBJECT),
    ]
    page = (watched.directory / "status" / "status.html").read_text(encoding="utf-8")
    assert "<h2>Notifications</h2>" in page
    assert re.search(rf"mail: last sent \d+ s ago \({re.escape(SUBJECT)}\)", page)
    prom = watched.directory / "koverse.prom"
    assert prom.stat().st_mode & 0o777 == 0o644
    assert 'koverse_finding{cluster="ha",code="DIED",severity="error"' in prom.read_text(encoding="utf-8")
    assert [path.name for path in watched.directory.iterdir() if path.name.startswith(".")] == []


def status_of(watched: Watched, **args: Any) -> dict[str, Any]:
    task = action(status_report.ActionModule, **{"directory": str(watched.directory / "status"), **args})
    return task.run(None, variables(PLAN, runbook_seen=answers(changed())))


def test_status_says_what_the_watch_has_sent_and_nothing_where_it_never_ran(watched: Watched) -> None:
    status_of(watched)
    assert "Notifications" not in watched.everything()
    watched.hook.status = 500
    watched.look(broken=BROKEN)
    watched.said.clear()
    status_of(watched)
    lines = "\n".join(watched.said).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Notifications: the watch looked "))
    assert re.fullmatch(rf"  mail: last sent \d+ s ago \({re.escape(SUBJECT)}\)", lines[at + 1])
    assert re.fullmatch(r"  slack: nothing sent yet, 1 pending; failed \d+ s ago: HTTP 500 ok", lines[at + 2])
    assert "Notifications" not in str(status_of(watched, directory=""))


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ({}, 0),
        ({"runbook_backup_uri": ""}, 0),
        ({"runbook_backup_uri": "hdfs://other/backups"}, 26),
        ({"runbook_backup_uri": "hdfs://other/backups", "runbook_backup_max_age": 0}, 0),
        ({"runbook_backup_max_age": "1.5"}, 1.5),
    ],
)
def test_every_report_judges_backups_by_the_same_age(watched: Watched, given: dict[str, Any], hours: float) -> None:
    seen = {**variables(PLAN, runbook_seen=answers(changed())), **given}
    for kind, args in ((status_report.ActionModule, {"show": "findings"}), (status_report.ActionModule, {}), (ActionModule, {})):
        directory = watched.directory / f"{len(list(watched.directory.iterdir()))}"
        task = action(kind, directory=str(directory), **args)
        assert not task.run(None, seen).get("failed")
        backups = json.loads((directory / "status.json").read_text(encoding="utf-8"))["backups"]
        assert (backups["max_age_hours"], backups["verdict"]) == (hours, "too_old" if hours else "none")


@pytest.mark.parametrize("age", ["often", "", -1, "nan", "inf", [26]])
def test_an_age_that_is_none_is_refused(watched: Watched, age: Any) -> None:
    task = action(status_report.ActionModule, directory=str(watched.directory / "status"))
    refused = task.run(None, {**variables(PLAN, runbook_seen=answers(changed())), "runbook_backup_max_age": age})
    assert refused["failed"]
    assert refused["msg"] == f"runbook_backup_max_age: expected hours, 0 or more, found '{age}'."


def test_status_goes_on_where_the_state_cannot_be_read(watched: Watched) -> None:
    watched.look()
    watched.path.write_text("{", encoding="utf-8")
    assert not status_of(watched)["failed"]
    assert any("watch.json: expected the state of the watch" in text for text in watched.said)


def test_a_channel_that_fails_does_not_stop_the_others_and_is_tried_again(watched: Watched) -> None:
    watched.server.rejects_content = "451 4.3.0 try later"
    failed = watched.look(broken=BROKEN)
    assert failed["failed"]
    assert failed["msg"].endswith("Not sent, kept, and tried again at the next run: mail: the mail server answers 451 4.3.0 try later")
    assert failed["sent"] == [f"slack: {SUBJECT}"]
    assert (syslog.LOG_ERR, f"not sent by mail: {SUBJECT} (the mail server answers 451 4.3.0 try later)") in watched.journal
    assert [row["tries"] for row in watched.state()["channels"]["mail"]["pending"]] == [1]
    watched.look()
    assert [row["tries"] for row in watched.state()["channels"]["mail"]["pending"]] == [2, 0]
    watched.server.rejects_content = ""
    assert watched.look()["sent"] == [f"mail: {SUBJECT}", "mail: [ha] cluster healthy: recovered: DataNode on n3 has died"]
    assert len(watched.server.letters) == 2
    assert len(watched.hook.posted) == 2, "what has arrived is not sent again"


def test_a_mail_that_one_recipient_gets_later_comes_once_to_the_others(watched: Watched) -> None:
    watched.channels["mail"]["to"] = ["a@example.org", "b@example.org"]
    watched.server.refuses["b@example.org"] = "450 4.2.0 greylisted"
    assert watched.look(broken=BROKEN)["failed"]
    watched.server.refuses.clear()
    assert not watched.look(broken=BROKEN)["failed"]
    assert [letter.to for letter in watched.server.letters] == [["a@example.org"], ["b@example.org"]]


def test_a_dead_mailbox_is_given_up_for_each_mail_and_holds_back_none(watched: Watched) -> None:
    watched.channels = {"mail": {**watched.channels["mail"], "to": ["ops@example.org", "left@example.org"]}}
    watched.server.refuses["left@example.org"] = "550 5.1.1 nobody"
    refusal = "left@example.org: the mail server answers 550 5.1.1 nobody, given up"
    first = watched.look(broken=BROKEN)
    assert (first["failed"], first["sent"]) == (True, [f"mail: {SUBJECT}"])
    assert first["msg"].endswith(f". Sent, but not to these, who are refused for good: mail: {refusal}")
    assert (syslog.LOG_ERR, f"not sent to all by mail: {SUBJECT} ({refusal})") in watched.journal
    channel = watched.state()["channels"]["mail"]
    assert (channel["pending"], channel["refused"], channel["failure"]["why"]) == ([], 1, refusal)
    assert not watched.look(broken=BROKEN)["failed"], "it is said once"
    status_of(watched)
    assert re.search(r"1 refused for one recipient; failed \d+ s ago: left@example.org: ", "\n".join(watched.said))
    assert watched.look()["sent"] == ["mail: [ha] cluster healthy: recovered: DataNode on n3 has died"]
    assert [letter.to for letter in watched.server.letters] == [["ops@example.org"]] * 2


def test_a_message_that_is_refused_waits_and_holds_back_none(watched: Watched) -> None:
    watched.channels = {"slack": watched.channels["slack"]}
    watched.hook.status, watched.hook.body = 400, "invalid_payload"
    watched.look(broken=BROKEN)
    failed = watched.look()
    assert [row["tries"] for row in watched.state()["channels"]["slack"]["pending"]] == [2, 1], "the second one was tried, too"
    assert failed["msg"].count("slack: HTTP 400 invalid_payload") == 1
    watched.hook.status = 200
    assert len(watched.look()["sent"]) == 2


@pytest.mark.parametrize("status", [200, 403, 500])
def test_no_secret_is_anywhere(watched: Watched, status: int) -> None:
    watched.hook.status, watched.hook.body = status, f"you sent /services/{SECRET}"
    tried = watched.look(test=True)
    result = watched.look(broken=BROKEN, metrics=str(watched.directory / "koverse.prom"))
    refused = watched.look(quiet="x")
    watched.channels["slack"]["chanel"] = "ops"
    everything = watched.everything(tried, result, refused, watched.look(), status_of(watched))
    assert watched.hook.paths == [f"/services/{SECRET}"] * 2
    assert "SECRET" not in everything


def test_a_test_tries_every_channel_and_leaves_the_state_alone(watched: Watched) -> None:
    watched.hook.status, watched.hook.body = 404, "no_service"
    tried = watched.look(test=True)
    assert tried["failed"]
    accepted = f"accepted by {HOST}:{watched.server.port} for a@example.org"
    assert tried["answers"] == {"mail": accepted, "slack": "HTTP 404 no_service"}
    assert tried["msg"] == f"Test failed for slack: mail: {accepted}; slack: HTTP 404 no_service"
    assert watched.server.letters[0].message["Subject"] == "[ha] test notification"
    assert not watched.path.exists()
    watched.channels.clear()
    assert "There is no channel to test" in watched.look(test=True)["msg"]


def test_check_mode_says_what_would_be_sent(watched: Watched) -> None:
    predicted = watched.look(check=True, broken=BROKEN)
    assert (predicted["changed"], predicted["sent"]) == (True, [])
    assert f"Would be sent by mail: {SUBJECT}" in "\n".join(watched.said)
    assert (watched.server.letters, watched.hook.posted, list(watched.directory.iterdir())) == ([], [], [])


def test_check_mode_says_what_waits_to_be_sent(watched: Watched) -> None:
    watched.hook.status = 500
    watched.look(broken=BROKEN)
    watched.said.clear()
    kept = watched.path.read_text(encoding="utf-8")
    predicted = watched.look(check=True, broken=BROKEN)
    assert predicted["changed"]
    assert watched.said[-1] == f"Would be sent by slack: {SUBJECT}"
    assert watched.path.read_text(encoding="utf-8") == kept


def test_another_clusters_state_is_refused(watched: Watched) -> None:
    watched.look(broken=BROKEN)
    kept = watched.path.read_text(encoding="utf-8")
    for check in (True, False):
        refused = watched.look(cluster="other", check=check)
        assert refused["failed"]
        assert "expected the state of 'other', found that of 'ha'. Nobody was told anything. Set runbook_watch_state" in refused["msg"]
    assert watched.path.read_text(encoding="utf-8") == kept


def test_metrics_that_cannot_be_written_hide_nothing(watched: Watched) -> None:
    watched.hook.status = 500
    failed = watched.look(broken=BROKEN, metrics=str(watched.directory / "missing" / "k.prom"))
    assert failed["failed"]
    assert "slack: HTTP 500" in failed["msg"]
    assert "k.prom" in failed["msg"]
    assert "The watch has to write there" in failed["msg"]
    written = json.loads((watched.directory / "status" / "status.json").read_text(encoding="utf-8"))
    assert written["notifications"]["channels"][1]["failure"]["why"].startswith("HTTP 500")


HOLDS = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


def test_a_second_run_is_refused_while_the_first_one_works(watched: Watched) -> None:
    watched.look()
    before = watched.path.read_text(encoding="utf-8")
    command = [sys.executable, "-c", HOLDS, str(watched.path.with_name(".watch.json.lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refused = watched.look(broken=BROKEN)
        assert refused["failed"]
        assert "Another watch with the state" in refused["msg"]
        assert watched.path.read_text(encoding="utf-8") == before
        other.kill()
    assert watched.look(broken=BROKEN)["changed"], "a process that was killed holds nothing"


def test_a_state_that_cannot_be_read_is_an_error_and_nobody_is_told(watched: Watched) -> None:
    watched.look()
    watched.path.write_text('{"version": 1', encoding="utf-8")
    failed = watched.look(broken=BROKEN)
    assert failed["failed"]
    assert "Move the file away: the next run is then a first one" in failed["msg"]
    assert watched.path.read_text(encoding="utf-8") == '{"version": 1'
    assert watched.server.letters == []
    watched.path.unlink()
    watched.path.mkdir()
    assert "cannot be read" in watched.look()["msg"]


def test_what_was_not_sent_when_the_controller_died_is_sent_by_the_next_run(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(watch_report, "_deliver", interrupted)
        with pytest.raises(KeyboardInterrupt):
            watched.look(broken=BROKEN)
    assert watched.look(broken=BROKEN)["sent"] == [f"mail: {SUBJECT}", f"slack: {SUBJECT}"]


def test_without_channels_the_watch_works_and_says_so(watched: Watched) -> None:
    kept, watched.channels = watched.channels, {}
    assert not watched.look(broken=BROKEN)["failed"]
    assert watched.said[0] == "No channel is set (runbook_watch_channels): nobody is told."
    watched.channels = kept
    assert watched.look(broken=BROKEN)["sent"] == [f"mail: {SUBJECT}", f"slack: {SUBJECT}"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"confirm": 0}, "runbook_watch_confirm: expected at least 1, found 0."),
        ({"interval": "often"}, "interval"),
        ({"reminder": -1}, "runbook_watch_reminder: expected at least 0, found -1."),
        ({"severity": "fatal"}, "runbook_watch_severity: unknown severity 'fatal'"),
        ({"quiet": "22-7"}, "runbook_watch_quiet"),
        (
            {"timezone": "Europe/Berlinn"},
            "runbook_watch_timezone: this host knows no time zone 'Europe/Berlinn'. Did you mean 'Europe/Berlin'?",
        ),
        ({"quiett": "x"}, "quiett"),
        ({"metrics": "/srv/koverse.txt"}, "node_exporter reads names that end in .prom only, found /srv/koverse.txt."),
        ({"directory": ""}, "set runbook_watch_state"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(watched: Watched, args: dict[str, Any], words: str) -> None:
    refused = watched.look(broken=BROKEN, **args)
    assert refused["failed"]
    assert words in refused["msg"]
    assert (watched.server.letters, watched.path.exists()) == ([], False)


def test_a_place_that_cannot_be_written_is_named(watched: Watched) -> None:
    failed = watched.look(broken=BROKEN, metrics=str(watched.directory / "missing" / "koverse.prom"))
    assert failed["failed"]
    assert "missing" in failed["msg"]
    assert len(watched.server.letters) == 1, "who had to be told was told first"


def test_the_documentation_has_the_options_and_defaults_that_there_are() -> None:
    options = yaml.safe_load(documented.DOCUMENTATION)["options"]
    said = {name: option["default"] for name, option in options.items()}
    assert said == {name: option["default"] for name, option in watch_report._OPTIONS.items()}
    text = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    for code in watch.codes([]):
        assert f"`{code}`" in text
    playbook = yaml.safe_load((ROOT / "playbooks" / "watch.yml").read_text(encoding="utf-8"))
    given = playbook[1]["tasks"][1]["koverse.runbook.watch_report"]
    assert set(given) == set(options)
    for expression in given.values():
        assert f"`{expression.split()[1]}`" in text, expression
