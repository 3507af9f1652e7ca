# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Posts one of Ambari's alerts to an incoming webhook of Slack. Runs on the Ambari server's host, with Python 2.7 or 3.

Arguments: a directory, and the command line that Ambari made, as it is; sh.j2 beside this file sees to that. The line's first word is the
script's own path, whose last part names the file with the webhook in the directory: {"url": ..., "ca": a file with certificates or null}.
Ends with 1 where Slack has not taken it. Ambari drops what a script writes: the reason is in syslog, too.
"""

from __future__ import absolute_import, division, print_function

import collections
import importlib
import io
import json
import os
import re
import signal
import socket
import ssl
import sys
import syslog
import time

try:
    import urllib.request as web
except ImportError:  # Python 2.7
    web = importlib.import_module("urllib2")

SECONDS = 4  # Ambari ends a script after 5
LONGEST = 3000  # characters of a text
SIGNS = {"OK": ":white_check_mark:", "WARNING": ":warning:", "CRITICAL": ":red_circle:"}

# SCRIPT DEFINITION "LABEL" SERVICE STATE "TEXT" MILLISECONDS HOST; before Ambari 2.7 it ends with the text. In label and text \" stands
# for " and \! for !, and nothing else is escaped. A host that is not known is empty.
LINE = re.compile(
    r'(?P<script>\S+) (?P<definition>\S+) "(?P<label>.*?)" (?P<service>\S*) (?P<state>[A-Z]+) '
    r'"(?P<text>.*)"(?: (?P<moment>\d+) (?P<host>\S*))?\Z',
    re.DOTALL,
)

Alert = collections.namedtuple("Alert", "definition label service state text moment host")


class NotSent(Exception):
    """Why not; without the webhook, which is a secret."""


class NoRedirect(web.HTTPRedirectHandler):
    """A POST that is redirected would become a GET, and the secret would go elsewhere."""

    def redirect_request(self, *_words):
        return None


def read(line):
    """The script's name and the alert of a command line. Raises NotSent."""
    found = LINE.match(line)
    if not found:
        raise NotSent('expected SCRIPT DEFINITION "LABEL" SERVICE STATE "TEXT" MILLISECONDS HOST, found %r' % line[:200])
    parts = {key: (found.group(key) or "").replace('\\"', '"').replace("\\!", "!") for key in Alert._fields}
    return os.path.basename(found.group("script")), Alert(**parts)


def escaped(text):
    """As Slack wants it: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(alert):
    """What is posted."""
    when = time.strftime(" at %Y-%m-%d %H:%M:%S UTC", time.gmtime(int(alert.moment) / 1000)) if alert.moment else ""
    where = " on %s" % alert.host if alert.host else ""
    text = alert.text if len(alert.text) <= LONGEST else alert.text[:LONGEST] + " ..."
    head = "%s *%s: %s*%s" % (SIGNS.get(alert.state, ":question:"), alert.state, escaped(alert.label), escaped(where))
    return "%s\n%s\n_%s, %s%s_" % (head, escaped(text), escaped(alert.service), escaped(alert.definition), when)


def settings(path):
    """The webhook's URL and the file with certificates. Raises NotSent."""
    try:
        with io.open(path, encoding="utf-8") as file:
            found = json.load(file)
        return str(found["url"]), found.get("ca")
    except (IOError, KeyError, TypeError, ValueError) as error:
        raise NotSent("%s: expected the webhook, found %s; run alerts.yml again" % (path, type(error).__name__))


def post(url, ca, text):
    """Raises NotSent unless the answer is a good one."""
    opener = web.build_opener(NoRedirect, web.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    request = web.Request(url, json.dumps({"text": text}).encode("ascii"), {"Content-Type": "application/json; charset=utf-8"})
    try:
        opener.open(request, timeout=SECONDS).close()
    except (EnvironmentError, ValueError, ssl.SSLError, socket.timeout) as error:
        said = error.read(200).decode("utf-8", "replace") if hasattr(error, "code") else getattr(error, "reason", None) or error
        raise NotSent("%s %s" % (getattr(error, "code", type(error).__name__), str(said).replace(url, "(the webhook)")))


def late(_number, _frame):
    """Of the signal that ends it in time."""
    raise NotSent("no answer within %d s" % SECONDS)


def main(words):
    """The exit code."""
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    name = "alert"
    try:
        if len(words) != 2:
            raise NotSent("a shell has expanded the alert before: restart ambari-server, so that it takes its sh from koverse-runbook")
        line = words[1] if isinstance(words[1], bytes) else os.fsencode(words[1])
        name, alert = read(line.decode("utf-8", "replace"))
        url, ca = settings(os.path.join(words[0], name + ".json"))
        post(url, ca, message(alert))
    except NotSent as error:
        syslog.openlog("koverse-runbook")
        syslog.syslog(syslog.LOG_ERR, ("%s: not sent: %s" % (name, error)).replace("\n", " "))
        print("not sent: %s" % error, file=sys.stderr)
        return 1
    print("sent")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
