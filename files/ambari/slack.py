# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Posts one of Ambari's alerts to an incoming webhook of Slack. Runs on the Ambari server's host, with Python 3.8 or later.

Arguments: a directory, and the command line that Ambari made, as it is; sh.j2 beside this file sees to that. The line's first word is the
script's own path, whose last part names the file with the webhook in the directory: {"url": ..., "ca": a file with certificates or null}.
Ends with 1 where Slack has not taken it. Ambari drops what a script writes: the reason is in syslog, too.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import sys
import syslog
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 4  # Ambari ends a script after 5
LONGEST = 3000  # characters of a text
SHORTEST = 4  # characters of what is a secret by itself
SIGNS = {"OK": ":white_check_mark:", "WARNING": ":warning:", "CRITICAL": ":red_circle:"}

# SCRIPT DEFINITION "LABEL" SERVICE STATE "TEXT" MILLISECONDS HOST; before Ambari 2.7 it ends with the text. In label and text \" stands
# for " and \! for !, and nothing else is escaped. A host that is not known is empty.
LINE = re.compile(
    r'(?P<script>\S+) (?P<definition>\S+) "(?P<label>.*?)" (?P<service>\S*) (?P<state>[A-Z]+) '
    r'"(?P<text>.*)"(?: (?P<moment>\d+) (?P<host>\S*))?\Z',
    re.DOTALL,
)


class Alert(NamedTuple):
    """What Ambari says of it. moment: milliseconds since 1970, empty before Ambari 2.7; host: empty where it is not known."""

    definition: str
    label: str
    service: str
    state: str
    text: str
    moment: str
    host: str


class NotSent(Exception):
    """Why not; without the webhook, which is a secret."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would become a GET, and the secret would go elsewhere."""

    def redirect_request(self, *_words: Any) -> None:
        return None


def read(line: str) -> tuple[str, Alert]:
    """The script's name and the alert of a command line. Raises NotSent."""
    found = LINE.match(line)
    if not found:
        raise NotSent(f'expected SCRIPT DEFINITION "LABEL" SERVICE STATE "TEXT" MILLISECONDS HOST, found {line[:200]!r}')
    parts = {key: (found.group(key) or "").replace('\\"', '"').replace("\\!", "!") for key in Alert._fields}
    return os.path.basename(found.group("script")), Alert(**parts)


def escaped(text: str) -> str:
    """As Slack wants it: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(alert: Alert) -> str:
    """What is posted."""
    when = time.strftime(" at %Y-%m-%d %H:%M:%S UTC", time.gmtime(int(alert.moment) / 1000)) if alert.moment else ""
    where = f" on {alert.host}" if alert.host else ""
    text = alert.text if len(alert.text) <= LONGEST else alert.text[:LONGEST] + " ..."
    head = f"{SIGNS.get(alert.state, ':question:')} *{alert.state}: {escaped(alert.label)}*{escaped(where)}"
    return f"{head}\n{escaped(text)}\n_{escaped(alert.service)}, {escaped(alert.definition)}{when}_"


def settings(path: Path) -> tuple[str, str | None]:
    """The webhook's URL and the file with certificates. Raises NotSent."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return str(found["url"]), found.get("ca")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise NotSent(f"{path}: expected the webhook, found {type(error).__name__}; run alerts.yml again") from None


def post(url: str, ca: str | None, text: str) -> None:
    """Raises NotSent unless the answer is a good one."""
    try:
        opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
        body = json.dumps({"text": text}).encode("ascii")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 (alerts.yml has checked it)
        opener.open(request, timeout=SECONDS).close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotSent(redacted(reason(error), url)) from None


def reason(error: Exception) -> str:
    """What went wrong, or what the server says of it."""
    if isinstance(error, urllib.error.HTTPError):
        try:
            said = error.read(200).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            said = ""
        return f"{error.code} {said or error.reason}"
    return f"{type(error).__name__} {getattr(error, 'reason', None) or error}"


def redacted(text: str, url: str) -> str:
    """A text without the webhook: servers answer with its path, of which each part may be the secret."""
    rest = url.partition("://")[2]
    hidden = {url, rest, rest.partition("/")[2], *re.split(r"[/?&=:@,#]", rest)}
    hidden |= {urllib.parse.unquote(part) for part in hidden} | {urllib.parse.quote(part, safe="") for part in hidden}
    for part in sorted((part for part in hidden if len(part) >= SHORTEST), key=len, reverse=True):
        text = re.sub(re.escape(part), "***", text, flags=re.IGNORECASE)
    return text


def late(_number: int, _frame: Any) -> None:
    """Of the signal that ends it in time."""
    raise NotSent(f"no answer within {SECONDS} s")


def main(words: list[str]) -> int:
    """The exit code."""
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    name = "alert"
    try:
        if len(words) != 2:
            raise NotSent("a shell has expanded the alert before: restart ambari-server, so that it takes its sh from koverse-runbook")
        directory, line = words
        name, alert = read(os.fsencode(line).decode("utf-8", "replace"))
        url, ca = settings(Path(directory, f"{name}.json"))
        post(url, ca, message(alert))
    except NotSent as error:
        syslog.openlog("koverse-runbook")
        syslog.syslog(syslog.LOG_ERR, f"{name}: not sent: {error}".replace("\n", " "))
        print(f"not sent: {error}", file=sys.stderr)
        return 1
    print("sent")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
