# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels over which a notification goes out: mail, Slack's incoming webhook, and what Apprise can.

A channel is an entry of the variable runbook_watch_channels. Its password and its URL are secrets: they are in no text that leaves this
file, because every reason passes `redacted`.

Slack is a plain POST: community.general.slack builds the URL from a token for Slack's own domains, so that nothing that is
compatible (Mattermost, Rocket.Chat) can be reached, and has no time limit of its own.
"""

from __future__ import annotations

import html
import http.client
import importlib
import json
import logging
import re
import smtplib
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils.mail import PORTS, MailServer, letter, secrets, unsendable
from ansible_collections.koverse.runbook.plugins.module_utils.times import seconds

from .catalogue import RunbookError, did_you_mean
from .status import one_line
from .watch import SEVERITIES, Filter, Message

TIMEOUT = 20.0  # seconds for a connection and each answer
_LONGEST = 300  # characters of a reason
# Slack cuts a text off after 40,000 characters and advises 4,000: https://api.slack.com/methods/chat.postMessage
_SLACK_LONGEST = 4000
# Answers of a mail server to whatever was asked: it ends the conversation (RFC 5321, 3.8), it wants a login first (RFC 4954, 6).
_ABOUT_THE_SERVER = (421, 530)
# Answers of HTTP that are about the channel (its secret, its address, how often it is used) and not about the message.
_ABOUT_THE_CHANNEL = (401, 403, 404, 408, 410, 429)


class NotSent(Exception):
    """A channel has not taken a message, or not for everybody; the text says why, without secrets.

    to: who has still to get it, None for everybody; empty where the others have it, and who has not is given up. given_up: how many
    recipients are. refused: it was this message that was refused, or some of its recipients; the channel itself works.
    """

    def __init__(self, why: str, to: list[str] | None = None, *, given_up: int = 0, refused: bool = False) -> None:
        super().__init__(why)
        self.to, self.given_up, self.refused = to, given_up, refused


class Channel(NamedTuple):
    """A channel that is ready to use. send: returns what was answered, raises NotSent."""

    name: str
    filter: Filter
    send: Callable[[Message], str]


def channels(value: Any, codes: Sequence[str], variable: str = "runbook_watch_channels") -> list[Channel]:
    """The channels of a variable: name to settings, with `type` mail, slack or apprise.

    codes: those that a filter may name. Raises RunbookError with all that is wrong; it repeats no value that may be a secret.
    """
    if not isinstance(value, Mapping):
        raise RunbookError([f"{variable}: expected a dictionary of names and their settings, found {type(value).__name__}."])
    found, problems = [], []
    for name, entry in value.items():
        try:
            found.append(_channel(str(name), entry, codes, variable))
        except RunbookError as error:
            problems += error.problems
    if problems:
        raise RunbookError(problems)
    return found


def _channel(name: str, entry: Any, codes: Sequence[str], variable: str) -> Channel:
    where = f"{variable}.{name}"
    if not re.fullmatch(r"[\w.-]+", name):
        raise RunbookError([f"{where}: a name has letters, digits, '.', '_' and '-' only."])
    if not isinstance(entry, Mapping):
        raise RunbookError([f"{where}: expected a dictionary, found {type(entry).__name__}."])
    kind = str(entry.get("type", ""))
    if kind not in _KINDS:
        raise RunbookError([f"{where}.type: unknown type '{kind}'. {did_you_mean(kind, list(_KINDS))}"])
    keys, make = _KINDS[kind]
    known = {"type", "timeout", "severities", "codes", *keys}
    problems = [f"{where}: unknown key '{key}'. {did_you_mean(str(key), sorted(known))}" for key in entry if key not in known]
    chosen = Filter(tuple(_words(entry.get("severities"))), tuple(_words(entry.get("codes"))))
    for key, words, allowed in (("severities", chosen.severities, SEVERITIES), ("codes", chosen.codes, codes)):
        problems += [f"{where}.{key}: unknown '{word}'. {did_you_mean(word, list(allowed))}" for word in words if word not in allowed]
    timeout = entry.get("timeout", TIMEOUT)
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or not 0 < timeout <= 300:
        problems.append(f"{where}.timeout: expected seconds, more than 0 and at most 300.")
    if problems:
        raise RunbookError(problems)
    return Channel(name, chosen, _guarded(make(where, name, entry, float(timeout)), secrets(entry)))


def _guarded(send: Callable[[Message], str], hidden: Sequence[str]) -> Callable[[Message], str]:
    """`send`, of which whatever goes wrong becomes a NotSent without secrets: one channel must neither stop nor betray another."""

    def guarded(message: Message) -> str:
        why: NotSent
        try:
            return redacted(send(message), hidden)
        except NotSent as error:
            why = NotSent(redacted(str(error), hidden), error.to, given_up=error.given_up, refused=error.refused)
        except Exception as error:  # a library of Apprise may raise anything
            why = NotSent(redacted(_reason(error), hidden))
        # Out of the handler, so that no traceback leads to the first error, whose text may have a secret.
        raise why

    return guarded


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        return _reason(error.reason)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# ---- secrets


def redacted(text: str, hidden: Iterable[str]) -> str:
    """A text of one line, in which each secret is ***."""
    for secret in hidden:
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return one_line(text)[:_LONGEST]


# ---- mail


def _mail(where: str, name: str, entry: Mapping[str, Any], timeout: float) -> Callable[[Message], str]:
    settings = mail_settings(where, entry)
    sender, to = settings["sender"], settings["to"]
    login = (settings["user"], str(entry.get("password") or ""))
    server = MailServer(settings["host"], settings["port"], settings["security"], *login, _authority(where, entry), timeout)

    def send(message: Message) -> str:
        recipients = message["to"] or to
        try:
            refused = server.send(mail(message, sender, to, name), sender, recipients)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients, message["to"], taken=message["to"] is not None) from None
        except smtplib.SMTPResponseException as error:
            why = f"the mail server answers {error.smtp_code} {_text(error.smtp_error)}"
            raise NotSent(why, message["to"], refused=isinstance(error, smtplib.SMTPDataError) and _is_final(error.smtp_code)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"{server.host}:{server.port}: {_reason(error)}", message["to"]) from None
        if refused:
            raise _refusal(refused, list(refused), taken=True)
        return f"accepted by {server.host}:{server.port} for {', '.join(recipients)}"

    return send


def mail_settings(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A mail channel with its defaults, as options of send_mail: `host`, `port`, `security`, `user` (empty for nobody), `sender`, `to`.

    Password and certificates are not among them. Raises RunbookError with all that is wrong.
    """
    security = str(entry.get("security", "starttls"))
    if security not in PORTS:
        raise RunbookError([f"{where}.security: unknown '{security}'. {did_you_mean(security, list(PORTS))}"])
    sender, to = str(entry.get("from") or ""), _words(entry.get("to"))
    problems = [f"{where}.{key}: is missing." for key, value in (("host", entry.get("host")), ("from", sender), ("to", to)) if not value]
    problems += [f"{where}: '{one_line(text)}' is no mail address." for text in (sender, *to) if text and not _address(text)]
    if bool(entry.get("user")) != bool(entry.get("password")):
        problems.append(f"{where}: 'user' and 'password' go together.")
    elif entry.get("user") and security == "none":
        problems.append(f"{where}: a password is not sent without encryption; set 'security' to starttls or tls.")
    if unsendable(str(entry.get("user") or ""), str(entry.get("password") or "")):
        problems.append(f"{where}: expected ASCII characters in 'user' and 'password', found others.")
    port = entry.get("port", PORTS[security])
    if not isinstance(port, int) or not 0 < port < 65536:
        problems.append(f"{where}.port: expected a number from 1 to 65535.")
    if problems:
        raise RunbookError(problems)
    user = str(entry.get("user") or "")
    return {"host": str(entry["host"]), "port": port, "security": security, "user": user, "sender": sender, "to": to}


def mail(message: Message, sender: str, to: Sequence[str], channel: str) -> EmailMessage:
    """A message as a mail. A subject of several lines becomes one, so that it cannot make headers."""
    made = letter(one_line(message["subject"]), message["text"], sender, to, seconds(message["made"]), f"{message['id']}.{channel}")
    if message["severity"] == "critical":
        made["Importance"] = "high"
    return made


def _address(text: str) -> bool:
    """Whether it is one mail address and nothing else."""
    try:
        address = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError):
        return False
    return bool(address.username and address.domain) and text.isprintable() and " " not in text


def _refusal(refused: Mapping[str, tuple[int, bytes | str]], to: list[str] | None, *, taken: bool) -> NotSent:
    """taken: whether others have the message; who is refused for good is given up then. Else a server's wrong setting could lose it.
    to: who has still to get it as long as nobody is given up."""
    final = [recipient for recipient, (code, _words) in refused.items() if taken and _is_final(code)]
    why = [
        f"{recipient}: the mail server answers {code} {_text(words)}{', given up' if recipient in final else ''}"
        for recipient, (code, words) in refused.items()
    ]
    left = [recipient for recipient in to if recipient not in final] if to is not None else None
    about_all = any(code in _ABOUT_THE_SERVER for code, _words in refused.values())
    return NotSent("; ".join(why), left, given_up=len(final), refused=not about_all)


def _is_final(code: int) -> bool:
    """RFC 5321, 4.2.1: after 5yz the client should not ask for the same again, after 4yz it may."""
    return 500 <= code <= 599


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


# ---- Slack


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would become a GET, and the secret would go elsewhere."""

    def redirect_request(self, *_words: Any) -> None:
        return None


def _slack(where: str, _name: str, entry: Mapping[str, Any], timeout: float) -> Callable[[Message], str]:
    url = _url(where, entry)
    if not url.startswith(("https://", "http://")):
        raise RunbookError([f"{where}.url: expected an address that begins with https://."])
    ca = _authority(where, entry)

    def send(message: Message) -> str:
        context = ssl.create_default_context(cafile=ca)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
        body = json.dumps({"text": slack_text(message)}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json; charset=utf-8"})  # noqa: S310 (checked above)
        try:
            with opener.open(request, timeout=timeout) as response:
                return f"HTTP {response.status} {response.read(200).decode('utf-8', 'replace')}".strip()
        except urllib.error.HTTPError as error:
            later = error.headers.get("Retry-After")
            said = error.read(200).decode("utf-8", "replace")
            wait = f", to be tried again after {later} s" if later else ""
            refused = 400 <= error.code <= 499 and error.code not in _ABOUT_THE_CHANNEL
            raise NotSent(f"HTTP {error.code} {said or error.reason}{wait}", refused=refused) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotSent(_reason(error)) from None

    return send


def slack_text(message: Message) -> str:
    """A message as Slack shows it: https://docs.slack.dev/messaging/formatting-message-text says which three signs are escaped."""
    text = message["text"]
    if len(text) > _SLACK_LONGEST:
        text = text[:_SLACK_LONGEST].rpartition("\n")[0] + "\n... and more, which the status page has"
    return f"*{html.escape(one_line(message['subject']), quote=False)}*\n{html.escape(text, quote=False)}"


# ---- Apprise


def _apprise(where: str, _name: str, entry: Mapping[str, Any], _timeout: float) -> Callable[[Message], str]:
    url = _url(where, entry)
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError as error:
        problem = (
            f"{where}: needs the Python library apprise, which this host's Ansible does not have ({sys.executable} -m pip install apprise)."
        )
        raise RunbookError([problem]) from error
    with _Log() as log:
        service = apprise.Apprise()
        understood = service.add(url)
    if not understood:
        said = redacted("; ".join(log), secrets(entry))
        raise RunbookError([f"{where}.url: Apprise does not understand it{': ' + said if said else ''}."])
    # Of several Apprise says only whether all have taken it: those that have would get it again at every try for the others.
    count = sum(len(one) for one in service)
    if count > 1:
        raise RunbookError([f"{where}.url: it names {count} targets; one target per channel: make a channel of each."])

    def send(message: Message) -> str:
        kind = apprise.NotifyType.FAILURE if message["severity"] == "critical" else apprise.NotifyType.WARNING
        with _Log() as log:
            taken = service.notify(title=one_line(message["subject"]), body=message["text"], notify_type=kind)
        if not taken:
            raise NotSent(f"Apprise: {'; '.join(log) or 'not sent, and it does not say why'}")
        return "taken by Apprise"

    return send


class _Log(logging.Handler):
    """What Apprise logs meanwhile. It goes nowhere else, because it may have the URL in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []
        self._logger = logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self._others, self._logger.handlers = self._logger.handlers, [self]
        self._propagated, self._logger.propagate = self._logger.propagate, False
        return self._lines

    def __exit__(self, *_error: object) -> None:
        self._logger.handlers, self._logger.propagate = self._others, self._propagated


# ---- settings


def _url(where: str, entry: Mapping[str, Any]) -> str:
    url = entry.get("url")
    if not url or not str(url).isprintable() or " " in str(url):
        raise RunbookError([f"{where}.url: is missing, or has spaces in it. It is a secret, so it is not shown."])
    return str(url)


def _authority(where: str, entry: Mapping[str, Any]) -> str | None:
    """The file of the certificate authority, None for the system's."""
    if not entry.get("ca"):
        return None
    path = Path(str(entry["ca"])).expanduser()
    if not path.is_file():
        raise RunbookError([f"{where}.ca: there is no file {path}."])
    return str(path)


def _words(value: Any) -> list[str]:
    """A list, or a text with commas."""
    words = (str(word).strip() for word in (value if isinstance(value, (list, tuple)) else str(value or "").split(",")))
    return [word for word in words if word]


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[str, str, Mapping[str, Any], float], Callable[[Message], str]]]] = {
    "mail": (("host", "port", "security", "user", "password", "ca", "from", "to"), _mail),
    "slack": (("url", "ca"), _slack),
    "apprise": (("url",), _apprise),
}
