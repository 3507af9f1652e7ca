# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels against a real mail server and a real receiver of webhooks on loopback, and the real Apprise."""

from __future__ import annotations

import asyncio
import http
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apprise
import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import notify, watch
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.lab.receivers import HOST, Hook, MailServer, certificate, listening
from ansible_collections.koverse.runbook.tests.unit.servers import silent

PASSWORD = "correct horse/battery"  # noqa: S105
SECRET = "T0SECRET/B0SECRET/xoxSECRET"  # noqa: S105
CODES = ["DIED", "DISK_FULL"]
TEXT = "Cluster ha: DataNode on n3 has died\n\n.a line with a dot\nseen: <no> & größer\n"


def message(**changes: Any) -> watch.Message:
    made = watch.message("ops", "2026-11-22T12:00:00Z", "[ha] error (1): new: DataNode", TEXT, "error")
    return {**made, **changes}


def channel(**entry: Any) -> notify.Channel:
    (made,) = notify.channels({"ops": {"timeout": 5, **entry}}, CODES)
    return made


def mail_to(server: MailServer, **changes: Any) -> notify.Channel:
    entry = {"type": "mail", "host": HOST, "port": server.port, "from": "koverse@example.org", "to": "a@example.org, b@example.org"}
    return channel(**{**entry, "security": server.security, **changes})


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening(Hook()) as receiver:
        yield receiver


def slack_to(hook: Hook, **changes: Any) -> notify.Channel:
    return channel(**{"type": "slack", "url": f"http://{HOST}:{hook.port}/services/{SECRET}", **changes})


def why(made: notify.Channel, **changes: Any) -> notify.NotSent:
    with pytest.raises(notify.NotSent) as caught:
        made.send(message(**changes))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "a traceback would lead to the first error and its text"
    return caught.value


# ---- mail


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_encrypted_and_logged_in(security: str, pem: Path) -> None:
    with listening(MailServer(pem, security, {"koverse": PASSWORD})) as server:
        answer = mail_to(server, ca=str(pem), user="koverse", password=PASSWORD).send(message())
    assert answer == f"accepted by {HOST}:{server.port} for a@example.org, b@example.org"
    (letter,) = server.letters
    assert (letter.to, letter.encrypted, letter.user) == (["a@example.org", "b@example.org"], True, "koverse")
    sent = letter.message
    assert (sent["Subject"], sent["From"], sent["To"]) == (
        "[ha] error (1): new: DataNode",
        "koverse@example.org",
        "a@example.org, b@example.org",
    )
    assert sent["Date"].datetime.isoformat() == "2026-11-22T12:00:00+00:00"
    assert sent["Message-ID"].startswith(f"<{message()['id']}.ops@example.org")
    assert sent.get_content_type() == "text/plain"
    assert sent.get_content().replace("\r\n", "\n") == TEXT


def test_plain_mail_to_a_relay_that_wants_no_login() -> None:
    with listening(MailServer()) as server:
        mail_to(server).send(message())
    assert [letter.encrypted for letter in server.letters] == [False]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_ends_the_conversation_before_the_password(security: str, pem: Path) -> None:
    with listening(MailServer(pem, security, {"koverse": PASSWORD})) as server:
        error = why(mail_to(server, user="koverse", password=PASSWORD))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert server.letters == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with listening(MailServer()) as server:
        error = why(mail_to(server, security="starttls"))
    assert "STARTTLS extension not supported" in str(error)
    assert server.letters == []


def test_a_wrong_password_is_said_and_not_shown(pem: Path) -> None:
    with listening(MailServer(pem, "starttls", {"koverse": "another"})) as server:
        text = str(why(mail_to(server, ca=str(pem), user="koverse", password=PASSWORD)))
    assert text == "the mail server answers 535 5.7.8 bad login *** *** for koverse ***"


def test_recipients_that_are_refused_are_named_and_only_they_are_tried_again() -> None:
    with listening(MailServer(refuses={"b@example.org": "450 4.2.0 greylisted"})) as server:
        made = mail_to(server)
        error = why(made)
        assert (str(error), error.to) == ("b@example.org: the mail server answers 450 4.2.0 greylisted", ["b@example.org"])
        assert (error.refused, error.given_up) == (True, 0)
        assert [letter.to for letter in server.letters] == [["a@example.org"]]
        again = why(made, to=error.to)
        assert again.to == ["b@example.org"]
        server.refuses.clear()
        made.send(message(to=error.to))
    assert [letter.to for letter in server.letters] == [["a@example.org"], ["b@example.org"]]
    assert server.letters[0].message["Message-ID"] == server.letters[1].message["Message-ID"]


THREE = "a@example.org, b@example.org, c@example.org"
LEFT = "c@example.org: the mail server answers 550 5.1.1 nobody"


def test_who_is_refused_for_good_is_given_up_when_others_have_the_mail() -> None:
    with listening(MailServer(refuses={"b@example.org": "450 4.2.0 greylisted", "c@example.org": "550 5.1.1 nobody"})) as server:
        made = mail_to(server, to=THREE)
        error = why(made)
        assert str(error) == f"b@example.org: the mail server answers 450 4.2.0 greylisted; {LEFT}, given up"
        assert (error.to, error.given_up, error.refused) == (["b@example.org"], 1, True)
        server.refuses["b@example.org"] = "554 5.7.1 no"
        error = why(made, to=["b@example.org"])
        assert (error.to, error.given_up, error.refused) == ([], 1, True), "the first one has it"
    assert [letter.to for letter in server.letters] == [["a@example.org"]]


def test_a_mail_that_everybody_is_refused_is_kept_for_everybody() -> None:
    with listening(MailServer(refuses={f"{name}@example.org": "550 5.7.1 relaying denied" for name in "ab"})) as server:
        error = why(mail_to(server))
    assert (error.to, error.given_up, error.refused) == (None, 0, True)
    assert "given up" not in str(error)


def test_a_server_that_ends_the_conversation_has_refused_nobody() -> None:
    """421 comes to whatever command is next; smtplib then tells of the recipients up to there only."""
    with listening(MailServer(refuses={"b@example.org": "421 4.3.2 going down"})) as server:
        error = why(mail_to(server, to=THREE))
    assert (error.to, error.given_up, error.refused) == (None, 0, False)


@pytest.mark.parametrize(("answer", "refused"), [("451 4.3.0 try later", False), ("552 5.3.4 too big", True), ("554 5.7.1 spam", True)])
def test_what_the_server_does_not_take_is_not_sent(answer: str, refused: bool) -> None:
    with listening(MailServer()) as server:
        server.rejects_content = answer
        error = why(mail_to(server))
    assert (str(error), error.to, error.refused) == (f"the mail server answers {answer}", None, refused)


def test_that_a_server_wants_a_login_is_not_about_the_message(pem: Path) -> None:
    with listening(MailServer(pem, "starttls", {"koverse": PASSWORD})) as server:
        error = why(mail_to(server, ca=str(pem)))
    assert (str(error), error.refused) == (
        "a@example.org: the mail server answers 530 5.7.0 login first; b@example.org: the mail server answers 530 5.7.0 login first",
        False,
    )


def test_what_the_server_has_taken_is_sent_however_it_ends_the_conversation() -> None:
    class Rude(MailServer):
        async def handle_QUIT(self, server: Any, *_words: Any) -> None:  # noqa: N802
            """Closes the connection instead of saying good-bye."""
            server.transport.abort()
            await asyncio.Event().wait()  # aiosmtpd ends this with the connection

    with listening(Rude()) as server:
        mail_to(server).send(message())
    assert len(server.letters) == 1


def test_nobody_listens_and_nobody_answers() -> None:
    server = MailServer()
    with silent() as server.port:
        assert str(why(mail_to(server, timeout=0.2))).startswith(f"{HOST}:{server.port}: ")
    assert "Connection refused" in str(why(mail_to(server)))


def test_a_subject_cannot_make_headers() -> None:
    with listening(MailServer()) as server:
        mail_to(server).send(message(subject="down\r\nBcc: all@example.org\nX: ü\x07"))
    (letter,) = server.letters
    assert letter.message["Subject"] == "down Bcc: all@example.org X: ü?"
    assert letter.message["Bcc"] is None
    assert letter.to == ["a@example.org", "b@example.org"]


def test_what_is_critical_is_marked() -> None:
    letter = notify.mail(message(severity="critical"), "koverse@example.org", ["a@example.org"], "ops")
    assert (letter["Importance"], letter["Auto-Submitted"]) == ("high", "auto-generated")
    assert notify.mail(message(), "koverse@example.org", ["a@example.org"], "ops")["Importance"] is None


# ---- Slack


def test_a_webhook_gets_escaped_text(hook: Hook) -> None:
    assert slack_to(hook).send(message(subject="a < b & c")) == "HTTP 200 ok"
    assert hook.paths == [f"/services/{SECRET}"]
    assert hook.posted == [{"text": "*a &lt; b &amp; c*\n" + TEXT.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}]


def test_a_long_text_is_cut_at_a_line() -> None:
    text = notify.slack_text(message(text="a line of thirty signs, or so..\n" * 500))
    assert len(text) < 4200
    assert text.endswith("so..\n... and more, which the status page has")


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (429, "rate_limited", {"Retry-After": "30"}, "HTTP 429 rate_limited, to be tried again after 30 s"),
        (500, "", {}, "HTTP 500 Internal Server Error"),
        (400, "invalid_payload", {}, "HTTP 400 invalid_payload"),
        (413, "", {}, f"HTTP 413 {http.HTTPStatus(413).phrase}"),
        (401, "", {}, "HTTP 401 Unauthorized"),
        (404, "no_service", {}, "HTTP 404 no_service"),
        (302, "", {"Location": "https://elsewhere.example.org/"}, "HTTP 302 Found"),
        (403, f"invalid_token {SECRET} at /services/{SECRET}", {}, "HTTP 403 invalid_token ***/***/*** at /***"),
    ],
)
def test_what_a_webhook_does_not_take(hook: Hook, status: int, body: str, headers: dict[str, str], said: str) -> None:
    hook.status, hook.body, hook.headers = status, body, headers
    error = why(slack_to(hook))
    assert (str(error), error.refused) == (said, status in (400, 413))
    assert hook.posted == []


def test_a_webhook_that_does_not_answer(hook: Hook) -> None:
    hook.silent = True
    assert str(why(slack_to(hook, timeout=0.2))) == "no answer in time"


def test_a_webhook_that_is_not_there(hook: Hook) -> None:
    made = slack_to(hook)
    with listening(Hook()) as other:
        pass
    gone = slack_to(other)
    assert "Connection refused" in str(why(gone))
    made.send(message())


def test_a_webhook_in_clear_text_where_tls_is_expected(hook: Hook) -> None:
    text = str(why(slack_to(hook, url=f"https://{HOST}:{hook.port}/services/{SECRET}")))
    assert "SSL" in text
    assert "SECRET" not in text


# ---- Apprise


def test_apprise_takes_subject_and_text(hook: Hook) -> None:
    made = channel(type="apprise", url=f"json://{HOST}:{hook.port}/hidden-path")
    assert made.send(message(severity="critical")) == "taken by Apprise"
    made.send(message())
    posted = [(post["title"], post["message"].strip(), post["type"]) for post in hook.posted]
    assert posted == [("[ha] error (1): new: DataNode", TEXT.strip(), kind) for kind in ("failure", "warning")]
    hook.status = 500
    text = str(why(made))
    assert text.startswith("Apprise: Failed to send ")
    assert "hidden-path" not in text


@pytest.mark.parametrize("fails", ["cannot post to pover://userkey@apptoken/device", ValueError("bad pover://userkey@apptoken")])
def test_what_apprise_says_has_no_url(monkeypatch: pytest.MonkeyPatch, fails: Any, caplog: pytest.LogCaptureFixture) -> None:
    def notify_fails(*_words: Any, **_more: Any) -> bool:
        if isinstance(fails, Exception):
            raise fails  # pylint: disable=raising-bad-type
        logging.getLogger("apprise").warning("%s", fails)
        return False

    monkeypatch.setattr(apprise.Apprise, "notify", notify_fails)
    text = str(why(channel(type="apprise", url="pover://userkey@apptoken/device")))
    assert "***" in text
    assert "userkey" not in text + caplog.text
    assert "apptoken" not in text + caplog.text


def test_an_apprise_url_that_is_none_is_refused_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(
        RunbookError, match=r"runbook_watch_channels.ops.url: Apprise does not understand it: Unparseable URL \*\*\*"
    ) as caught:
        channel(type="apprise", url="nothing://userkey")
    assert "userkey" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url", ["ntfy://host/topic-one/topic-two", "json://host/topic-a,json://host/topic-b", "mailto://u:p@example.org?to=topic@a.org,b@a.org"]
)
def test_an_apprise_url_with_several_targets_is_refused(url: str) -> None:
    with pytest.raises(RunbookError) as caught:
        channel(type="apprise", url=url)
    words = "runbook_watch_channels.ops.url: it names 2 targets; one target per channel: make a channel of each."
    assert str(caught.value).endswith(words)
    assert "topic" not in str(caught.value)


def test_apprise_is_only_needed_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    channel(type="slack", url="https://hooks.slack.com/services/x")
    with pytest.raises(RunbookError, match=r"ops: needs the Python library apprise, .* -m pip install apprise"):
        channel(type="apprise", url="ntfy://topic")


# ---- settings and secrets

MAIL = {"type": "mail", "host": "h", "from": "k@example.org", "to": ["a@example.org"]}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("x", "ops: expected a dictionary, found str"),
        ({}, "ops.type: unknown type ''"),
        ({"type": "email"}, "Did you mean 'mail'?"),
        ({"type": "slack"}, "ops.url: is missing"),
        ({"type": "slack", "url": "hooks.slack.com/services/x"}, "ops.url: expected an address that begins with https://"),
        ({"type": "slack", "url": "file:///etc/passwd"}, "ops.url: expected an address that begins with https://"),
        ({"type": "slack", "url": "https://h/x", "chanel": "y"}, "ops: unknown key 'chanel'"),
        ({"type": "slack", "url": "https://h/x", "severities": ["fatal"]}, "ops.severities: unknown 'fatal'"),
        ({"type": "slack", "url": "https://h/x", "codes": "DIED, DEID"}, "Did you mean 'DIED'?"),
        ({"type": "slack", "url": "https://h/x", "timeout": 0}, "ops.timeout: expected seconds"),
        ({"type": "slack", "url": "https://h/x", "ca": "/no/such/file"}, "ops.ca: there is no file /no/such/file"),
        ({"type": "mail"}, "ops.host: is missing"),
        ({**MAIL, "to": []}, "ops.to: is missing"),
        ({**MAIL, "to": "a@example.org\nBcc: b@example.org"}, "is no mail address"),
        ({**MAIL, "to": "All <a@example.org>"}, "is no mail address"),
        ({**MAIL, "from": "koverse"}, "'koverse' is no mail address"),
        ({**MAIL, "security": "ssl"}, "ops.security: unknown 'ssl'"),
        ({**MAIL, "port": "smtp"}, "ops.port: expected a number"),
        ({**MAIL, "user": "k"}, "'user' and 'password' go together"),
        ({**MAIL, "user": "k", "password": "Straße"}, "expected ASCII characters in 'user' and 'password', found others"),
        ({**MAIL, "user": "k", "password": PASSWORD, "security": "none"}, "a password is not sent without encryption"),
    ],
)
def test_bad_settings_are_refused(entry: Any, words: str) -> None:
    with pytest.raises(RunbookError) as caught:
        notify.channels({"ops": entry}, CODES)
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once_and_no_secret() -> None:
    with pytest.raises(RunbookError) as caught:
        notify.channels({"a": {"type": "slack", "url": f"ftp://{SECRET}"}, "b": {"type": "mail"}, "c d": {}}, CODES)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "runbook_watch_channels.a.url",
        "runbook_watch_channels.b.host",
        "runbook_watch_channels.b.from",
        "runbook_watch_channels.b.to",
        "runbook_watch_channels.c d",
    ]
    assert SECRET not in str(caught.value)
    with pytest.raises(RunbookError, match="expected a dictionary of names"):
        notify.channels([MAIL], CODES)


def test_a_filter_is_a_list_or_a_text() -> None:
    made = channel(type="slack", url="https://h/x", severities="error, critical", codes=["DIED"])
    assert made.filter == watch.Filter(("error", "critical"), ("DIED",))


def test_every_part_of_a_url_that_could_be_a_secret_is_redacted() -> None:
    url = "https://hooks.example.org/services/T0AAAA/B0BBBB/c%2Fdef?token=tok-en-1"
    hidden = notify.secrets({"url": url})
    for part in ("T0AAAA", "b0bbbb", "c%2Fdef", "c/def", "tok-en-1", url, "/services/T0AAAA/B0BBBB/c%2Fdef?token=tok-en-1"):
        text = notify.redacted(f"cannot reach ({part})\nat all", hidden)
        assert part not in text
        assert "***" in text
    assert notify.redacted("x" * 1000, []) == "x" * 300
