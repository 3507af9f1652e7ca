# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""How mail is sent: with Python's smtplib, because community.general.mail does not verify certificates, knows no CA file, and by default
goes on without encryption."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, NamedTuple

PORTS = {"starttls": 587, "tls": 465, "none": 25}
_SHORTEST = 4  # characters of what is a secret by itself


class MailServer(NamedTuple):
    """How a mail server is reached. ca: a file, None for the system's authorities."""

    host: str
    port: int
    security: str
    user: str
    password: str
    ca: str | None
    timeout: float

    def send(self, letter: EmailMessage, sender: str, recipients: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        """The recipients that were refused, with the server's answers. Raises OSError and smtplib's errors."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            return server.send_message(letter, sender, recipients)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):  # what it has accepted is sent, however it says good-bye
                server.quit()


def unsendable(user: str, password: str) -> bool:
    """Whether a login has other characters than ASCII: smtplib sends no such one, and its error would show one of them and its place."""
    return not f"{user}{password}".isascii()


def letter(subject: str, text: str, sender: str, to: Sequence[str], moment: float, identity: str) -> EmailMessage:
    """A mail of plain text. moment: seconds since 1970; identity: the part of its Message-ID before the sender's domain."""
    made = EmailMessage(policy=SMTP)
    made["Subject"], made["From"], made["To"] = subject, sender, ", ".join(to)
    made["Date"] = formatdate(moment, usegmt=True)
    made["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no holiday notice answers
    made.set_content(text)
    return made


def secrets(entry: Mapping[str, Any]) -> list[str]:
    """All texts by which a channel's secrets could be recognised, the longest first."""
    found: set[str] = set()
    password, url = str(entry.get("password") or ""), str(entry.get("url") or "")
    if password:
        plain = f"\0{entry.get('user', '')}\0{password}"  # as AUTH PLAIN and LOGIN send it
        found |= {password, *(base64.b64encode(text.encode()).decode() for text in (password, plain))}
    if url:
        found.add(url)
        rest = url.partition("://")[2]
        found |= {part for part in re.split(r"[/?&=:@,#]", rest) if len(part) >= _SHORTEST}
        found |= {part for part in (rest, rest.partition("/")[2]) if len(part) >= _SHORTEST}
    found |= {urllib.parse.unquote(text) for text in found} | {urllib.parse.quote(text, safe="") for text in found}
    return sorted(filter(None, found), key=len, reverse=True)
