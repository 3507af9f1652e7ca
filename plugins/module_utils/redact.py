# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out of texts. Pure functions.

What is taken out becomes `<removed>` (`&lt;removed&gt;` in XML, which stays well-formed); keys stay, and so does every other byte.
`file` knows the kinds of configuration files and reads each as its own program does, as far as it takes to find where a value ends;
a file of which it does not know that is refused. `text` looks for what has the form of a secret in any text. `forget` takes out values that
are known from elsewhere.

A doubt is decided for removal: a harmless value under a key that sounds secret goes, too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import os
import posixpath
import re
import secrets
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.parsers import expat
from xml.sax import saxutils

REMOVED = "<removed>"
_IN_XML = "&lt;removed&gt;"
SHORTEST = 6  # characters of a value that is looked for elsewhere


class Redacted(NamedTuple):
    """A text without its secrets, and what they were."""

    text: str
    values: set[str]


class Refused(Exception):
    """A file that is not to be read, or not surely understood; the text says why."""


# ---- keys

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_STEMS = (
    "passw", "passphrase", "passcode", "passkey", "pwd", "secret", "credential", "apikey", "accesskey", "privatekey", "accountkey",
    "sharedkey", "encryptionkey", "signingkey", "masterkey", "storagekey", "licensekey", "licencekey", "superdigest", "requirepass",
    "storepass", "keypass", "masterauth", "jsessionid", "phpsessid", "connectionstring", "routingkey", "integrationkey", "servicekey",
    "webhook",
)  # fmt: skip
_PAIRS = {
    "password", "passphrase", "apikey", "accesskey", "privatekey", "accountkey", "sharedkey", "encryptionkey", "signingkey", "masterkey",
    "storagekey", "licensekey", "licencekey", "licenseverification", "licensecode", "licensestring", "superdigest", "sshkey", "aeskey",
    "hmackey", "authkey", "cryptkey", "sessionkey", "sharedaccess", "routingkey", "integrationkey", "servicekey", "webhook", "keydata",
}  # fmt: skip
_WORDS = {"pass", "pw", "token", "tokens", "salt", "sas", "psk", "cookie", "cookies", "cred", "creds", "jwt"}
_ENDS = ("token", "pass", "pw")
_NOT_THESE = {"bypass", "compass", "encompass", "surpass", "trespass"}
# Last words of a key that speaks of a secret and does not hold it, as long as its value looks like that.
_ABOUT = {
    "path", "file", "files", "filename", "location", "dir", "directory", "class", "classname", "type", "provider", "providers", "factory",
    "interval", "lifetime", "expiration", "expiry", "timeout", "ttl", "enabled", "enable", "disabled", "required", "size", "length", "max",
    "min", "algorithm", "count", "period", "cache", "version", "format", "impl", "fallback", "encryption", "hours", "days", "seconds", "ms",
    "millis", "age", "validity", "rotation", "java", "scala", "manager", "renewer", "renewal", "update", "keytab", "url", "uri", "secs",
    "persistent", "paths",
}  # fmt: skip
_ADDRESSES = {"url", "uri", "path", "paths"}  # of a webhook they are the secret
_NAMES = {"domain", "name", "user", "username", "host", "service", "kind", "alias", "realm", "principal"}
_NOTHING = re.compile(r"""\s*(?:["']{2})?\s*|(?i:["']?(?:true|false|yes|no|on|off|null|none|nil)["']?)""")
_LOOKS_HARMLESS = re.compile(
    r"""["']?(?:[+-]?\d{1,19}(?:\.\d+)?\s*(?i:ms|s|m|h|d|w|min|sec|[kmgt]i?b?|days|hours|minutes|seconds)?
    |(?:/|\./|\.\./|(?:file|hdfs|jceks|localjceks|https?)[:@])[^\s:@?;]*(?:://?[^\s@?;]*)?(?:@file[^\s@?;]*)?
    |[a-z]\w*(?:\.\w+){2,}
    |(?i:scram-sha-256|md5|sha-?\d+|aes[\w/-]*|hmac[\w-]*|jks|pkcs12))["']?""",
    re.VERBOSE,
)
_PLAIN_NAME = re.compile(r"""["']?[\w.@/*:-]*["']?""")


def words(key: str) -> list[str]:
    """The words of a key, in small letters: `db.keyStorePassword` is db, key, store, password."""
    return [word.lower() for word in _CAMEL.findall(key)]


def names_a_secret(key: str) -> bool:
    """Whether a key sounds as if its value were secret."""
    parts = words(key)
    if any(
        part in _WORDS or any(stem in part for stem in _STEMS) or (part.endswith(_ENDS) and part not in _NOT_THESE and len(part) > 3)
        for part in parts
    ):
        return True
    return any(one + other in _PAIRS for one, other in zip(parts, parts[1:])) or parts[-1:] in (["digest"], ["authorization"])


def is_secret(key: str, value: str) -> bool:
    """Whether a value has to go, because of its key; not where it is empty, a mere yes or no, or gone already."""
    value = value.strip()
    if not names_a_secret(key) or _NOTHING.fullmatch(value) or value.strip("\"'") in (REMOVED, _IN_XML):
        return False
    *before, last = words(key)
    if last in _ADDRESSES and "webhook" in "".join(before):
        return True
    if last in _NAMES and _PLAIN_NAME.fullmatch(value):
        return False
    return not (last in _ABOUT and _LOOKS_HARMLESS.fullmatch(value))


_HIDDEN = "********"  # as Ansible shows what is secret


def sides(before: Mapping[str, object], after: Mapping[str, object], secret: Collection[str]) -> dict[str, dict[str, str]]:
    """Properties `before` and `after` a change, to be shown. Of a secret (one of `secret`, or by its name on either side) is left whether
    it is there, and whether it becomes another one."""

    def shown(key: str, value: object) -> str:
        if key in secret or any(is_secret(key, str(properties.get(key, ""))) for properties in (before, after)):
            return f"{_HIDDEN} (another one)" if after.get(key, value) != value else _HIDDEN
        return text(str(value), _HIDDEN).text

    both = {"before": before, "after": after}
    return {side: {key: shown(key, properties[key]) for key in sorted(properties)} for side, properties in both.items()}


# ---- any text

# Each key that names a secret has one of these in it.
_HINTS = (
    "pass", "pwd", "pw", "secret", "token", "cred", "key", "salt", "sas", "psk", "cookie", "authorization", "jwt", "digest", "masterauth",
    "sessid", "sessionid", "shared", "connectionstring", "license", "licence", "hook",
)  # fmt: skip
_HINT = re.compile("|".join(_HINTS), re.IGNORECASE)
_GAP = r"(?:[ \t]|\\\r?\n)"  # of a command, which goes on in the next line where one ends with a backslash
_ON = r"(?:[^\n]|(?<=\\)\n|(?<=\\\r)\n)"
_ASSIGNED = re.compile(
    rf"""(?<![\w.$\-\]\[])(?P<key>[\w.$\-\[\]]+)
    (?:\\*["'])?[ \t]*(?:=>|:=|[=:]){_GAP}*
    (?:(?P<escaped>\\+["'])(?P<in_escaped>.{{0,4000}}?)(?P=escaped)
    |''(?P<doubled>(?:[^'\\]|\\.)+?)''
    |"(?P<quoted>(?:[^"\\]|\\.)*)(?:"|\\?$)
    |'(?P<single>(?:[^'\\]|\\.|'')*)(?:'|\\?$)
    |\[(?P<listed>[^\]\n]+)\](?=[\s,;)}}\]]|$)
    |(?P<plain>[^\s"'\[]\S*|\[\S*))""",
    re.VERBOSE | re.MULTILINE,
)
_OPTION = re.compile(
    rf"""(?<![\w-])--?(?P<key>[A-Za-z][\w.-]*){_GAP}+
    (?:"(?P<quoted>(?:[^"\\]|\\.)*)(?:"|$)|'(?P<single>[^']*)(?:'|$)|(?P<plain>[^\s"']\S*))""",
    re.VERBOSE | re.MULTILINE,
)
_VALUES = ("in_escaped", "doubled", "quoted", "single", "listed", "plain")
_CLOSERS = re.compile(r"""["')\]},;]+$""")
_IN_QUOTES = r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"']\S*))"""
# Tokens of GitHub, GitLab, Slack and Google, and keys of age.
_ISSUED = r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|AIza[\w-]{35}|AGE-SECRET-KEY-1\w+"
_HEADER = r"(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-[a-z-]*(?:token|key|auth|secret|signature)[a-z-]*)"
# A string of SQL, and PostgreSQL's with escapes or between dollars.
_SQL_TEXT = (
    r"""(?:(?:u&|n)?'(?P<single>(?:[^']|'')+)'|e'(?P<quoted>(?:[^'\\]|\\.|'')+)'"""
    r"|(?P<dollars>\$(?:[a-z_]\w*)?\$)(?P<plain>.+?)(?P=dollars))"
)
# XML in running text, as it is and as it is shown in another one: how a tag begins and ends, and what is between two.
_TAGS = (
    ("<", ">", r"(?:\s*<!\[CDATA\[(?P<listed>.{1,4000}?)\]\]>\s*|(?P<plain>[^<>]{1,4000}))"),
    ("&lt;", "&gt;", r"(?P<plain>(?:(?!&lt;)[^<>]){1,4000})"),
)
# PRIVATE KEY in base64, from each of the three places where it may begin.
_KEY_IN_BASE64 = ("BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW", "UFJJVkFURSBLRV")
_USER = r"""[^\s/@:"'<>]*"""
_SLASH = r"(?:\\*/|%2f)"  # of a URL, also in JSON or in another URL


class _Rule(NamedTuple):
    """A form that secrets have. Its groups named in `_VALUES` are the secret; `hint`, in small letters, is in every text that has it.

    Where it has a group `key`, that has to name a secret.
    parts: what of a secret is one by itself.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    counts: Callable[[str], bool] = lambda _value: True
    parts: Callable[[str], list[str]] = lambda _value: []


def _is_basic(value: str) -> bool:
    """Whether it is the credentials of HTTP's basic authentication: base64 of user:password."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_token(value: str) -> bool:
    """Whether it is more than a word."""
    return len(value) >= 16 or any(sign.isdigit() for sign in value)


_RULES = (
    _Rule(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----"
            r"""(?P<plain>(?:[A-Za-z0-9+/=\\\s]|(?:Proc-Type|DEK-Info):[^\n]*\n)*)(?=-----END|(?!<removed>)["'<,;)}\]]|\Z)"""
        ),
    ),
    _Rule(
        ("authorization", "cookie", "x-"),
        re.compile(
            rf"""(?im)\b{_HEADER}
            (?:\\*["'])?[ \t]*[:=][ \t]*
            (?:"(?P<quoted>[^"\n]*)|'(?P<single>[^'\n]*)|\[(?P<listed>[^\]\n]*)|(?P<plain>[^\s"'\[][^\n]*?))["'\r]*$""",
            re.VERBOSE,
        ),
    ),
    _Rule(
        ("authorization", "cookie", "x-"),
        re.compile(
            rf"""(?im)\b{_HEADER}
            (?:\\*["'])?[ \t]*[:=][ \t]*(?:\\?"(?P<quoted>[^"\\\n]+)|'(?P<single>[^'\n]+)|\[(?P<listed>[^\]\n]+))""",
            re.VERBOSE,
        ),
    ),
    _Rule(("bearer",), re.compile(r"(?i)\bbearer[ \t]+(?P<plain>[\w.~+/-]{6,}=*)"), _is_token),
    _Rule(("basic",), re.compile(r"(?i)\bbasic[ \t]+(?P<plain>[\w+/-]{4,}={0,2})"), _is_basic),
    _Rule(("negotiate", "ntlm"), re.compile(r"(?i)\b(?:negotiate|ntlm)[ \t]+(?P<plain>[\w+/-]{16,}={0,2})")),
    _Rule(("://",), re.compile(rf"""://{_USER}:(?!\d{{1,5}}[/?,])(?P<plain>(?:(?!://)[^\s"'<>])+)@""")),
    _Rule(("jdbc:",), re.compile(r"""jdbc:\w+:\w+:[^\s/@"']+/(?P<plain>[^\s@"']+)@""")),
    _Rule(("digest",), re.compile(r"""\bdigest:[^\s:,"'<>]+:(?P<plain>[^\s,"'<>]+)""")),
    _Rule(("addauth",), re.compile(r"""\baddauth[ \t]+\w+[ \t]+(?P<plain>\S+)""")),
    _Rule(("password",), re.compile(rf"(?i)\bpassword\s+{_SQL_TEXT}")),
    _Rule(("identified",), re.compile(rf"(?i)\bidentified\s+by\s+(?:password\s+)?{_SQL_TEXT}")),
    _Rule(
        ("mysql", "mariadb", "accumulo", "sshpass", "beeline"),
        re.compile(rf"""(?m)\b(?:mysql\w*|mariadb[\w-]*|accumulo|sshpass|(?i:beeline))\b{_ON}{{0,400}}?[ \t]-p{_GAP}*{_IN_QUOTES}"""),
    ),
    _Rule(
        ("psql", "pg_", "ldap", "redis"),
        re.compile(rf"""(?m)\b(?:psql|pg_\w+|ldap\w+|redis-cli)\b{_ON}{{0,400}}?[ \t](?:-p|-w|-a){_GAP}+{_IN_QUOTES}"""),
        lambda value: not re.fullmatch(r"\d{1,5}|-.*", value),
    ),
    _Rule(
        ("curl", "wget"),
        re.compile(
            rf"""\b(?:curl|wget)\b{_ON}{{0,400}}?[ \t](?:-u|--user|--proxy-user|-U)(?:{_GAP}|=)*["']?[^\s:"']+:(?P<plain>[^\s"']+)"""
        ),
    ),
    _Rule(("delegation",), re.compile(r"""(?i)(?:[?&;]|%3f|%26)delegation(?:=|%3d)(?P<plain>[^\s&"'<>%]+)""")),  # WebHDFS
    # Hadoop's own cookie, by its name, or by what is in it.
    _Rule(("hadoop.auth",), re.compile(r"""\bhadoop\.auth\\*["']?[ \t]*[:=][ \t]*\\*["']?(?P<plain>[^\s"'\\;,<>]+)""")),
    _Rule(("&s=",), re.compile(r"""\bu=[^\s&"']{0,200}&p=[^\s&"']{0,400}&t=[^\s&"']{0,200}&e=\d{1,20}&s=(?P<plain>[\w+/=-]+)""")),
    *(
        _Rule((f"{begin}/name{end}",), re.compile(
            rf"{begin}name{end}(?P<key>[^<>&]{{1,200}}){begin}/name{end}[^<>&]{{0,200}}{begin}value{end}{value}{begin}/value{end}"
        ))
        for begin, end, value in _TAGS
    ),
    *(
        _Rule((f"{begin}/",), re.compile(rf"{begin}(?P<key>[A-Za-z][\w.:-]{{0,200}}){end}{value}{begin}/(?P=key){end}"))
        for begin, end, value in _TAGS
    ),
    _Rule(
        tuple(part.lower() for part in _KEY_IN_BASE64),
        re.compile(
            rf"(?<![\w+/-])(?P<plain>[\w+/-]*(?:{'|'.join(_KEY_IN_BASE64)})[\w+/-]*={{0,2}}(?:\s+[A-Za-z0-9+/]{{40,}}={{0,2}})*"
            r"(?:\s+[A-Za-z0-9+/]+={1,2})?)"
        ),
    ),
    _Rule(("sig",), re.compile(r"""(?i)[?&;](?:sig|signature|x-amz-(?:signature|credential|security-token))=(?P<plain>[^\s&"'<>]+)""")),
    _Rule(  # Slack, Teams, Discord; Mattermost, Rocket.Chat and others that have /hooks/ in their path
        ("hook",),
        re.compile(
            rf"""(?ix)(?:hooks\.slack(?:-gov)?\.com | \.webhook\.office\.com | outlook\.office(?:365)?\.com{_SLASH}webhook
            | discord(?:app)?\.com{_SLASH}api(?:{_SLASH}v\d+)?{_SLASH}webhooks
            | https?(?::|%3a){_SLASH}{{2}}[^\s"'<>]{{0,200}}?{_SLASH}hooks){_SLASH}
            (?P<plain>[^\s"'<>()\[\]{{}},;&?\#]*[\w=-])"""
        ),
        _is_token,
        re.compile(r"[\w-]{16,}").findall,
    ),
    _Rule(("telegram",), re.compile(rf"""(?i)api\.telegram\.org{_SLASH}(?:file{_SLASH})?bot(?P<plain>\d+(?::|%3a)[\w-]+)""")),
    _Rule(("akia", "asia"), re.compile(r"(?<![A-Za-z0-9])(?P<plain>(?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])")),
    _Rule(("eyj",), re.compile(r"(?<![\w-])(?P<plain>eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*)")),
    _Rule(("gh", "glpat-", "xox", "aiza", "age-"), re.compile(rf"(?<!\w)(?P<plain>{_ISSUED})")),
    _Rule(("==",), re.compile(r"(?<![A-Za-z0-9+/])(?P<plain>[A-Za-z0-9+/]{86}==)")),
    _Rule(("scram-sha", "md5"), re.compile(r"(?P<plain>SCRAM-SHA-\d+\$\d+:[\w+/=]+\$[\w+/=:]+|(?<![\w])md5[0-9a-f]{32}(?![\w]))")),
    _Rule(("$",), re.compile(r"(?<![\w$])(?P<plain>\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2\w*|pbkdf2[\w-]*|scrypt)\$[\w./$=,+-]{8,})")),
    _Rule(("{",), re.compile(r"(?P<plain>\{(?:S?SHA\d*|S?MD5|CRYPT|PBKDF2[\w-]*)\}[\w+/=.$-]{8,})")),
    _Rule(("obf:",), re.compile(r"\bOBF:(?P<plain>\w{4,})")),
)  # fmt: skip


def text(said: str, marker: str = REMOVED) -> Redacted:
    """A text of any kind: logs, thread dumps, what commands print."""
    values: set[str] = set()
    lowered = said.lower()
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints):
            said = _replaced(said, rule, values, marker)
    if "private key" in lowered:
        said = _without_private_keys(said, values, marker)
    return Redacted(_lines_with_keys(said, values, marker), values)


_KEY_BORDER = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----")
_KEY_IN_LINE = re.compile(r"(?<=PRIVATE KEY-----)(?!<removed>-|&lt;removed&gt;-)[^\n]+?(?=-----END )")
# The lines of a private key: words in base64 of 64 to 76 signs, of which the last one may be short.
_KEY_WORD = re.compile(r"(?<![\w+/.])[A-Za-z0-9+/]{40,}={0,2}|(?<![\w+/.-])[A-Za-z0-9+/]{16,}={0,2}(?=\W*$)")
_KEY_LINE = re.compile(r"(?<![\w+/.])[A-Za-z0-9+/]{60,}={0,2}(?=\W*$)")
_KEY_TAIL = re.compile(r"""(?<![^\s"'])[A-Za-z0-9+/]+={0,2}(?=[\s"'\\]*$)""")
_KEY_LENGTH = 400  # lines: of RSA with 16384 bits, and what others have logged meanwhile


def _without_private_keys(said: str, values: set[str], marker: str) -> str:
    """Private keys whose lines have something before them, as in a log, or of which the beginning or the end is not there."""
    lines = said.split("\n")
    borders = []
    for number, line in enumerate(lines):
        kinds = _KEY_BORDER.findall(line)
        if kinds and (kinds[0], kinds[-1]) == ("BEGIN", "END"):
            lines[number] = _cut(line, _KEY_IN_LINE, values, marker)
        elif kinds:
            borders.append((number, kinds[-1]))
    for (number, kind), (following, next_kind) in zip([(0, ""), *borders], [*borders, (len(lines) - 1, "")]):
        if kind == "BEGIN" and next_kind == "END":
            _cut_key(lines, range(number, following + 1), _KEY_WORD, following, values, marker)
        elif kind == "BEGIN":
            _cut_key(lines, range(number, min(following, number + _KEY_LENGTH) + 1), _KEY_WORD, None, values, marker)
        elif next_kind == "END":
            _cut_key(lines, range(max(number, following - _KEY_LENGTH), following + 1), _KEY_LINE, following, values, marker)
    return "\n".join(lines)


def _cut_key(lines: list[str], inside: range, word: re.Pattern[str], end: int | None, values: set[str], marker: str) -> None:
    """Cuts a key's long words out of lines, and the short last one: at the end of each line up to `end`, else of the next one."""
    found = [number for number in inside if word.search(lines[number])]
    for number in found:
        lines[number] = _cut(lines[number], word, values, marker)
    if found:
        for number in range(found[-1] + 1, min(found[-1] + 2, len(lines)) if end is None else end):
            lines[number] = _cut(lines[number], _KEY_TAIL, values, marker)


def _cut(line: str, pattern: re.Pattern[str], values: set[str], marker: str) -> str:
    values.update(match[0] for match in pattern.finditer(line))
    return pattern.sub(lambda _match: marker, line)


def _replaced(said: str, rule: _Rule, values: set[str], marker: str) -> str:
    def cut(match: re.Match[str]) -> str:
        start, end = _span(match)
        value = match.string[start:end]
        if not value.strip() or value in (REMOVED, _IN_XML) or not rule.counts(value):
            return match[0]
        if "key" in rule.pattern.groupindex and not is_secret(match["key"].strip(), value):
            return match[0]
        values.update({value, *rule.parts(value)})
        return match.string[match.start() : start] + marker + match.string[end : match.end()]

    return rule.pattern.sub(cut, said)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Where the secret of a match is."""
    return next(match.span(name) for name in _VALUES if name in match.re.groupindex and match[name] is not None)


def _lines_with_keys(said: str, values: set[str], marker: str) -> str:
    """Assignments and options with a key that names a secret. Only lines with a word of such keys are looked at."""
    lines = re.split(r"(?<!\\)(?<!\\\r)\n", said)  # a command goes on behind a backslash
    for number, line in enumerate(lines):
        lowered = line.lower()
        if any(hint in lowered for hint in _HINTS):
            lines[number] = _line(_line(line, _ASSIGNED, values, marker), _OPTION, values, marker)
    return "\n".join(lines)


def _line(line: str, pattern: re.Pattern[str], values: set[str], marker: str) -> str:
    found, done = [], 0
    match = pattern.search(line)
    while match:
        start, end = _span(match)
        if match.lastgroup == "plain":
            end = _end_of_plain(line, start, end, marker)
        if is_secret(match["key"], line[start:end]):
            values.add(line[start:end])
            found += [line[done:start], marker]
            done = following = end
        else:
            following = max(start, match.end("key") + 1)  # in a value there may be keys
        match = pattern.search(line, following)
    return "".join([*found, line[done:]])


def _end_of_plain(line: str, start: int, end: int, marker: str) -> int:
    """Where a value without quotes ends: what closes something around it stays, and in XML a tag does."""
    if marker == _IN_XML and "<" in line[start:end]:
        end = line.index("<", start)
    closers = _CLOSERS.search(line, start, end)
    return closers.start() if closers and closers.start() > start else end


def command(argv: Sequence[str]) -> Redacted:
    """A process's command line, from its words."""
    values: set[str] = set()
    shown: list[str] = []
    program = posixpath.basename(argv[0]) if argv else ""
    takes_password = (
        re.match(r"mysql|mariadb|sshpass|accumulo|beeline", program) or "shell" in argv or "org.apache.hive.beeline.BeeLine" in argv
    )
    for position, word in enumerate(argv):
        before = argv[position - 1] if position else ""
        option = before.lstrip("-") if before.startswith("-") and "=" not in before else ""
        key, equals, value = word.partition("=")
        if (option and not word.startswith("--") and is_secret(option, word)) or (
            before == "-p" and (takes_password or not re.fullmatch(r"\d{1,5}|/.*", word))
        ):
            values.add(word)
            shown.append(REMOVED)
        elif equals and is_secret(key.rpartition(":")[2] or key, value):
            values.add(value)
            shown.append(f"{key}={REMOVED}")
        elif takes_password and re.match(r"-p.", word):
            values.add(word[2:])
            shown.append(f"-p{REMOVED}")
        elif before in ("-u", "--user", "-U") and ":" in word and program in ("curl", "wget"):
            user, _colon, password = word.partition(":")
            values.add(password)
            shown.append(f"{user}:{REMOVED}")
        else:
            clean = text(word)
            values |= clean.values
            shown.append(clean.text)
    whole = text(" ".join(" ".join(shown).split()))
    return Redacted(whole.text, values | whole.values)


# ---- properties, and what is like them

_NEWLINE = re.compile(r"\r\n|\n|\r")
_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\(?:\r\n|\n|\r)?$")
_PROPERTY = re.compile(
    r"(?P<head>[ \t\f]*(?:[#!;][#!; \t]*)?(?:export[ \t]+)?)(?P<key>(?:\\(?:\r\n|\n|\r)[ \t\f]*|\\[^\r\n]|[^=:\s\\])+)"
    r"(?P<sep>[ \t\f]*[=:][ \t\f]*|[ \t\f]+)(?P<value>.*)",
    re.DOTALL,
)
_BEHIND = re.compile(r"\s+#.*", re.DOTALL)  # a comment behind a value
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(\r\n|\n|\r)[ \t\f]*(?:[#!][ \t]*)?|(.))", re.DOTALL)


def _natural_lines(said: str) -> list[str]:
    """Lines with their ends, as Java and INI readers see them: no other sign ends one."""
    cuts = [0, *(match.end() for match in _NEWLINE.finditer(said)), len(said)]
    return [said[start:end] for start, end in zip(cuts, cuts[1:]) if end > start]


def _logical_lines(said: str) -> Iterator[str]:
    """Lines of which each has the whole of a value."""
    pending = ""
    for line in _natural_lines(said):
        pending += line
        if not _CONTINUED.search(line):
            yield pending
            pending = ""
    if pending:
        yield pending


def _unescaped(raw: str) -> str:
    """A key or value of a properties file as Java sees it."""

    def sign(match: re.Match[str]) -> str:
        number, newline, other = match.groups()
        if number:
            return chr(int(number, 16))
        return "" if newline else {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(other, other)

    return _ESCAPE.sub(sign, raw)


def _properties(said: str, values: set[str], indented: bool = False) -> str:
    """Properties files. indented: what is indented below a value belongs to it, as in INI files."""
    found: list[str] = []
    inside = False  # a value that goes on in indented lines
    for line in _logical_lines(said):
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        if inside and body[:1] in (" ", "\t") and body.strip():
            values.add(body.strip())
            found.append(f"{body[: len(body) - len(body.lstrip())]}{REMOVED}{end}")
            continue
        match = _PROPERTY.fullmatch(body)
        inside = False
        if not match:
            found.append(line)
            continue
        key, value = _unescaped(match["key"]), _unescaped(match["value"])
        is_comment = any(sign in match["head"] for sign in "#!;")
        if match["sep"].strip() or not is_comment:  # prose in a comment has no sign between its words
            inside = indented and not is_comment and names_a_secret(key)
            if is_secret(key, _BEHIND.sub("", value) if indented else value):
                values |= {value.strip(), match["value"].strip(), value.strip().strip("\"'")}
                found.append(f"{match['head']}{match['key']}{match['sep']}{REMOVED}{end}")
                continue
        # What is written with escapes has to be looked at as it will be read.
        clean = text(value) if "\\" in match["value"] else Redacted(value, set())
        if clean.text != value:
            values |= clean.values
            readable = clean.text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
            found.append(f"{match['head']}{match['key']}{match['sep']}{readable}{end}")
        else:
            found.append(line)
    return "".join(found)


def _ini(said: str, values: set[str]) -> str:
    return _properties(said, values, indented=True)


# ---- shell, environment files, units

# What a word of a shell is made of: strings, also in a string; what a command prints, what stands for a variable, a list; single signs.
_IN_PARENTHESES = r"""\((?:[^()"'\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|\([^()]{0,4000}\)){0,4000}\)"""
_LISTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|[^\s()"']+""", re.DOTALL)
_SHELL_WORD = rf"""(?:
    \\(?P<quote>["'])(?:(?!\\(?P=quote))[^\n]){{0,4000}}\\(?P=quote)
    |'[^']*'
    |"(?:[^"\\$]|\\.|\$(?!\()|\${_IN_PARENTHESES})*"
    |"(?:[^"\\]|\\.)*"
    |\$?{_IN_PARENTHESES}
    |\$\{{[^}}\n]{{0,4000}}\}}
    |`[^`]{{0,4000}}`
    |\\.
    |[^\s'";&|)\\])+"""
_SHELL = re.compile(rf"""(?P<before>["']?)(?<![\w.])(?P<key>[A-Za-z_][\w.]*)(?:\+)?=(?P<value>{_SHELL_WORD})""", re.VERBOSE | re.DOTALL)


_NESTED = 5  # strings, lists and commands in each other that are looked into


def _shell(said: str, values: set[str]) -> str:
    """Assignments to variables, with any mixture of quotes, over any number of lines."""
    return _assignments(_quoted_assignments(said, values), values, _NESTED)


def _assignments(said: str, values: set[str], depth: int) -> str:
    def cut(match: re.Match[str]) -> str:
        value = match["value"]
        head = match[0][: -len(value)]
        if match["before"]:  # "NAME=what it is", as in a unit
            return match[0]
        if is_secret(match["key"], value):
            values.update({value, value.strip("\"'"), re.sub(r"""["']|\\(.)""", r"\1", value)})
            values.update(_LISTED.findall(value) if value[0] == "(" else ())
            return f"{head}{REMOVED}"
        opened = re.match(r"\$?\(|[\"'`]", value)
        if not opened or value == opened[0] or not depth:
            return match[0]
        return f"{head}{opened[0]}{_assignments(value[opened.end() : -1], values, depth - 1)}{value[-1]}"

    return _SHELL.sub(cut, said)


_TO_THE_END = re.compile(
    r"""(?m)^(?P<head>[ \t]*(?:[#;][#; \t]*)?(?:export[ \t]+)?(?P<key>[A-Za-z_][\w.]*)=)(?![\s"'`(]|\$\()"""
    r"""(?P<value>(?:[^\r\n\\]|\\\r\n|\\[\s\S])+)"""
)


def _environment(said: str, values: set[str]) -> str:
    """Files of variables: to systemd and others a value without quotes goes on to the end of its line, to a shell to the first blank."""

    def cut(match: re.Match[str]) -> str:
        if not is_secret(match["key"], match["value"]):
            return match[0]
        values.update({match["value"].strip(), match["value"].split()[0]})
        return f"{match['head']}{REMOVED}"

    return _shell(_TO_THE_END.sub(cut, said), values)


_QUOTED_ASSIGNMENT = re.compile(r"""(?P<quote>["'])(?P<key>[A-Za-z_][\w.]*)=(?P<value>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)""", re.DOTALL)


def _quoted_assignments(said: str, values: set[str]) -> str:
    """Environment="PASSWORD=what it is" "OTHER=x"."""

    def cut(match: re.Match[str]) -> str:
        if not is_secret(match["key"], match["value"]):
            return match[0]
        values.add(match["value"])
        return f"{match['quote']}{match['key']}={REMOVED}{match['quote']}"

    return _QUOTED_ASSIGNMENT.sub(cut, said)


# ---- login modules, password files

_LOGIN_OPTION = re.compile(
    r"""\b(?P<key>user_[^\s="]+|[\w.]+)[ \t\r\n]*=[ \t\r\n]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s;"]+))""", re.DOTALL
)
_LOGIN_MODULE = re.compile(r"LoginModule\s+(?:required|requisite|sufficient|optional)\b", re.IGNORECASE)


def _jaas(said: str, values: set[str]) -> str:
    def cut(match: re.Match[str]) -> str:
        start, end = _span(match)
        value = match.string[start:end]
        if not value or not (match["key"].startswith("user_") or is_secret(match["key"], value)):
            return match[0]
        values.add(value)
        return match.string[match.start() : start] + REMOVED + match.string[end : match.end()]

    return _LOGIN_OPTION.sub(cut, said)


def _pgpass(said: str, values: set[str]) -> str:
    """host:port:database:user:password, where a colon in a field is written with a backslash."""

    def cut(match: re.Match[str]) -> str:
        values.update({match[2], _unescaped(match[2])})
        return f"{match[1]}{REMOVED}"

    return re.sub(r"(?m)^((?:(?:[^:\\\r\n]|\\.)*:){4})([^\r\n]+)", cut, said)


def _plain(said: str, _values: set[str]) -> str:
    return said


# ---- XML


class _Node:
    def __init__(self, name: str, attributes: dict[str, str], start: int, end_of_tag: int) -> None:
        self.name, self.attributes, self.start, self.end_of_tag = name.rpartition(":")[2], attributes, start, end_of_tag
        self.end = end_of_tag
        self.text = ""
        self.children: list[_Node] = []


_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_KEY_ATTRIBUTES = ("name", "key", "id", "property")
_KEY_ELEMENTS = ("name", "key", "param-name", "entry-key")
_VALUE_ATTRIBUTES = ("value", "content", "default", "val")


def _xml(said: str, values: set[str]) -> str:
    """Hadoop's *-site.xml, log4j's, logback's and others': elements and attributes with a secret's name, and pairs of name and value."""
    raw = said.encode()
    cuts: list[tuple[int, int, bytes]] = []
    try:
        root, comments = _parsed(raw)
        _look_into(root, "", raw, cuts, values)
    except (expat.ExpatError, RecursionError, UnicodeError) as error:
        raise Refused(f"it is not well-formed XML ({error})") from error
    cuts += [(start, end, _comment(raw[start:end].decode(), values).encode()) for start, end in comments]
    for start, end, new in sorted(cuts, reverse=True):
        raw = raw[:start] + new + raw[end:]
    return raw.decode()


def _parsed(raw: bytes) -> tuple[_Node, list[tuple[int, int]]]:
    """The elements, and where the comments' texts are; positions in bytes."""
    parser = expat.ParserCreate()
    root = _Node("", {}, 0, 0)
    stack, comments = [root], []

    def refuse(*_arguments: object) -> None:
        raise Refused("it declares entities or other parts of its own")

    def doctype(_name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        if has_internal_subset:
            refuse()

    def encoding(_version: str, name: str | None, _standalone: int) -> None:
        if name and name.lower() not in ("utf-8", "us-ascii", "ascii"):
            raise Refused(f"its encoding is {name}, not UTF-8")

    def start(name: str, attributes: dict[str, str]) -> None:
        tag = _TAG.match(raw, parser.CurrentByteIndex)
        if not tag:
            raise Refused("a tag in it is not understood")
        node = _Node(name, attributes, tag.start(), tag.end())
        stack[-1].children.append(node)
        stack.append(node)

    def end(_name: str) -> None:
        node = stack.pop()
        node.end = max(parser.CurrentByteIndex, node.end_of_tag)

    def characters(data: str) -> None:
        stack[-1].text += data

    def comment(_data: str) -> None:
        begin = parser.CurrentByteIndex + len("<!--")
        comments.append((begin, raw.index(b"-->", begin)))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = characters, comment
    parser.StartDoctypeDeclHandler, parser.XmlDeclHandler, parser.EntityDeclHandler = doctype, encoding, refuse
    parser.Parse(raw, True)
    return root, comments


def _look_into(node: _Node, above: str, raw: bytes, cuts: list[tuple[int, int, bytes]], values: set[str]) -> None:
    """Notes what has to be cut out of an element and what is in it. above: the key that speaks for it, empty for none."""
    own = next((node.attributes[name] for name in _KEY_ATTRIBUTES if names_a_secret(node.attributes.get(name, ""))), "")
    key = own or (node.name if names_a_secret(node.name) else above)
    for name, value in node.attributes.items():
        about = key if name in _VALUE_ATTRIBUTES and key else name
        clean = _IN_XML if is_secret(about, value) else saxutils.escape(text(value).text, {'"': "&quot;"})
        if clean == _IN_XML or text(value).text != value:
            values.update({value} if clean == _IN_XML else text(value).values)
            cuts.append((*_attribute(raw, node, name), clean.replace(REMOVED, _IN_XML).encode()))
    if not node.children:
        _leaf(node, key, raw, cuts, values)
        return
    said = next((child.text.strip() for child in node.children if child.name in _KEY_ELEMENTS and names_a_secret(child.text)), "")
    for child in node.children:
        if said and (child.name.endswith("value") or child.name == "default"):
            _look_into(child, said, raw, cuts, values)
        else:
            _look_into(child, "" if child.name in _KEY_ELEMENTS else key, raw, cuts, values)


def _leaf(node: _Node, key: str, raw: bytes, cuts: list[tuple[int, int, bytes]], values: set[str]) -> None:
    inside = (node.end_of_tag, node.end)
    if node.end == node.end_of_tag:
        return
    if key and is_secret(key, node.text):
        values.add(node.text.strip())
        cuts[:] = [cut for cut in cuts if not (inside[0] <= cut[0] < inside[1])]
        cuts.append((*inside, _IN_XML.encode()))
        return
    written = raw[slice(*inside)].decode()
    # What is written with entities has to be looked at as it will be read.
    clean = text(node.text) if html.unescape(written) != written or "<![CDATA[" in written else Redacted(node.text, set())
    if clean.text != node.text:
        values |= clean.values
        cuts.append((*inside, saxutils.escape(clean.text).encode()))


def _attribute(raw: bytes, node: _Node, name: str) -> tuple[int, int]:
    """Where an attribute's value is."""
    pattern = re.compile(rb"\s" + re.escape(name.encode()) + rb"""\s*=\s*(?:"([^"]*)"|'([^']*)')""")
    match = pattern.search(raw, node.start, node.end_of_tag)
    if not match:
        raise Refused("an attribute in it is not understood")
    return match.span(1) if match[1] is not None else match.span(2)


def _comment(inside: str, values: set[str]) -> str:
    """A comment: XML that is switched off, or prose. What is neither, and may have a secret, goes."""
    if not _HINT.search(inside) or inside.strip() == "":
        return inside
    try:
        return _xml(f"<x>{inside}</x>", values)[len("<x>") : -len("</x>")]
    except Refused:
        if "<" not in inside:
            return inside
        values |= distinct(word for part in re.split("<[^>]*>", inside) for word in part.split())
        return f" {REMOVED} "


# ---- JSON

_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class _Level:
    """An object or array: the key at hand, the secret's key that speaks for all in it, and its scalars with their places."""

    def __init__(self, above: str) -> None:
        self.above = above if names_a_secret(above) else ""
        self.key = ""
        self.scalars: list[tuple[str, str, tuple[int, int]]] = []


def _json(said: str, values: set[str]) -> str:
    try:
        json.loads(said)
    except (ValueError, RecursionError) as error:
        raise Refused(f"it is not JSON ({error})") from error
    cuts: dict[tuple[int, int], str] = {}
    levels = [_Level("")]
    tokens = list(_JSON.finditer(said))
    for token, following in zip(tokens, [*(token[0] for token in tokens[1:]), ""]):
        sign, level = token[0], levels[-1]
        if sign in "{[":
            levels.append(_Level(level.key or level.above))
        elif sign in "}]":
            _pair(level.scalars, cuts, values)
            levels.pop()
        elif following == ":":
            level.key = json.loads(sign)
        elif sign not in ",:":
            _scalar(json.loads(sign), level, token.span(), cuts, values)
    for (start, end), new in sorted(cuts.items(), reverse=True):
        said = said[:start] + new + said[end:]
    return said


def _scalar(value: object, level: _Level, place: tuple[int, int], cuts: dict[tuple[int, int], str], values: set[str]) -> None:
    level.scalars.append((level.key, str(value), place))
    if any(is_secret(key, str(value)) for key in (level.key, level.above)):
        values.add(str(value))
        cuts[place] = json.dumps(REMOVED)
    elif isinstance(value, str) and (clean := text(value)).text != value:
        values |= clean.values
        cuts[place] = json.dumps(clean.text, ensure_ascii=False)


def _pair(scalars: Sequence[tuple[str, str, tuple[int, int]]], cuts: dict[tuple[int, int], str], values: set[str]) -> None:
    """{"name": "password", "value": "x"}"""
    key = next((value for name, value, _place in scalars if name in _KEY_ATTRIBUTES and names_a_secret(value)), "")
    for name, value, place in scalars:
        if name in _VALUE_ATTRIBUTES and is_secret(key, value):
            values.add(value)
            cuts[place] = json.dumps(REMOVED)


# ---- YAML

_YAML_KEY = re.compile(
    r"""(?P<head>[ ]*(?:\#[ ]?)?(?P<items>(?:-[ ]+)*))
    (?P<key>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'\#{\[][^:\#\n]*?)(?P<sep>[ ]*:(?:[ \t]+|$))(?P<value>.*)""",
    re.VERBOSE,
)
_YAML_FLOW = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"|'[^']*'|[\w.$-]+)[ ]*:[ ]*(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\]\s][^,}\]\n]*)"""
)


def _yaml(said: str, values: set[str]) -> str:
    """By lines: what is indented deeper than a secret's key belongs to it. What cannot be told by lines is refused."""
    found: list[str] = []
    covered: int | None = None  # the column of the secret key above
    pair: tuple[int, str] | None = None  # column and value of a `name` whose `value` is a sibling
    lines = _natural_lines(said)
    for position, line in enumerate(lines):
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        bare = body.lstrip(" ")
        column = len(body) - len(bare)
        if bare.startswith(("? ", "?\n")) or bare == "?" or "\t" in body[: len(body) - len(body.lstrip())]:
            raise Refused("it has keys that are not read by lines")
        if covered is not None:
            if not bare or column > covered or (column == covered and bare.startswith(("- ", "#")) and "- " in bare[:2]):
                if bare:
                    values.add(bare.removeprefix("- ").strip("\"' "))
                    body = f"{body[:column]}{REMOVED}"
                found.append(body + end)
                continue
            covered = None
        match = _YAML_KEY.fullmatch(body)
        if not match:
            found.append(_flow(body, values) + end)
            continue
        key, value = _yaml_scalar(match["key"]), match["value"]
        column += len(match["items"])
        if "#" in match["head"]:
            column = len(body)  # a comment has nothing below it
        if pair is not None and (column != pair[0] or match["items"]):
            pair = None
        sibling = pair[1] if pair and key in _VALUE_ATTRIBUTES else _sibling(lines, position, column) if key in _VALUE_ATTRIBUTES else ""
        about = key if names_a_secret(key) else sibling
        if key in _KEY_ATTRIBUTES and names_a_secret(_yaml_scalar(value)):
            pair = (column, _yaml_scalar(value))
        if about and (is_secret(about, _yaml_scalar(value)) or (not value.strip() and names_a_secret(about) and "#" not in match["head"])):
            covered = column
            if value.strip():
                values |= {_yaml_scalar(value), value.strip()} if value.strip()[0] not in "|>&*!" else set()
                body = f"{match['head']}{match['key']}{match['sep']}{REMOVED}"
            found.append(body + end)
        else:
            found.append(f"{match['head']}{match['key']}{match['sep']}{_flow(value, values)}{end}" if value[:1] in "{[" else line)
    return "".join(found)


def _sibling(lines: Sequence[str], position: int, column: int) -> str:
    """The secret that a `name` below a `value` names."""
    for line in lines[position + 1 :]:
        match = _YAML_KEY.fullmatch(line.rstrip("\r\n"))
        if not match or len(match["head"]) != column or match["items"]:
            return ""
        if match["key"] in _KEY_ATTRIBUTES and names_a_secret(match["value"]):
            return _yaml_scalar(match["value"])
    return ""


def _yaml_scalar(raw: str) -> str:
    """A scalar as it is read."""
    raw = raw.strip()
    if raw[:1] == '"':
        try:
            return str(json.loads(raw))
        except ValueError:
            return raw.strip('"')
    if raw[:1] == "'":
        return raw.strip("'").replace("''", "'")
    return re.sub(r"\s+#.*", "", raw)


def _flow(body: str, values: set[str]) -> str:
    """{user: a, password: b}"""

    def cut(match: re.Match[str]) -> str:
        key, value = _yaml_scalar(match["key"]), match["value"]
        if not is_secret(key, _yaml_scalar(value)):
            return match[0]
        values.update({_yaml_scalar(value), value.strip()})
        return f"{match[0][: -len(value)]}{REMOVED}"

    if "{" not in body and "[" not in body and "," not in body and "}" not in body:
        return body
    if re.search(r":[ ]*[\[{]", body) and names_a_secret(body):
        return re.sub(
            r"""((?:[\w.$-]|"|')+[ ]*:[ ]*)([\[{].*)""",
            lambda m: f"{m[1]}{REMOVED}" if names_a_secret(m[1]) else m[0],
            _YAML_FLOW.sub(cut, body),
        )
    return _YAML_FLOW.sub(cut, body)


# ---- files

Reader = Callable[[str, "set[str]"], str]

_KINDS: tuple[tuple[str, Reader], ...] = (
    (r"\.?pgpass(\.conf)?", _pgpass),
    (r"pg_hba\.conf|pg_ident\.conf", _plain),
    (r".*\.(properties|props)", _properties),
    (r".*\.(xml|xsl|xslt|xsd)", _xml),
    (r".*\.(json)", _json),
    (r".*\.(yml|yaml)", _yaml),
    (r".*\.env|\.env|environment", _environment),
    (r".*\.(sh|bash|service|socket|timer|target|path|mount|slice)|.*-env|init|functions", _shell),
    (r".*\.(conf|cnf|cfg|ini|toml|config|cf)|config|.*_service\.conf", _ini),
    (r".*\.(pub|crt|cer|cert|pem|crl)", _plain),
    (r"workers|slaves|masters|managers|tservers|tracers|gc|monitor|regionservers|myid|.*\.(include|exclude|hosts)|.*(exclude|include)|hosts|"
     r"PG_VERSION|VERSION|.*\.policy", _plain),
)  # fmt: skip
_ENVIRONMENTS = ("/etc/default/", "/etc/sysconfig/", "/etc/conf.d/")
_COPY = re.compile(
    r"(\.(bak|old|orig|save|rpmsave|rpmnew|rpmorig|dpkg-\w+|ucf-\w+|template|tmpl|sample|example|disabled|default|swp|\d+)|~)$"
)
_KEPT = re.compile(
    r"(?i).*\.(keytab|jks|jceks|bcfks|bks|keystore|truststore|ks|ts|p12|pfx|pkcs12|pkcs8|p8|kdb|kdbx|key|der|ppk|gpg|pgp|asc|age|token|jwt|"
    r"pwd|passwd|password|secret|secrets|creds|lic|license|licence|crc)|krb5cc.*|(id|ssh_host)_(rsa|dsa|ecdsa|ed25519).*(?<!\.pub)|"
    r"cacerts|.*(keystore|truststore|keytab)|\.?htpasswd|g?shadow-?|userlist\.txt|(realm|users|roles)\.properties|license\.key"
)
_CERTIFICATES = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_PUBLIC = {"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL", "PUBLIC KEY", "RSA PUBLIC KEY", "DH PARAMETERS", "CERTIFICATE REQUEST"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def refused_by_name(path: str) -> str | None:
    """Why a file is left out whatever is in it; None where it is not."""
    name = _original(path)
    if _KEPT.fullmatch(name):
        return "a key, a keytab, a keystore or a license"
    if names_a_secret(name.rpartition(".")[0] or name) and not re.fullmatch(r"\.?pgpass(\.conf)?", name):
        return "its name says that it is a secret"
    return None if _reader(path) else "of a kind that is not known"


def _original(path: str) -> str:
    """The name of a file, and of a copy that of its original."""
    name = posixpath.basename(path)
    while _COPY.search(name):
        name = _COPY.sub("", name)
    return name


def _reader(path: str) -> Reader | None:
    name = _original(path)
    if path.startswith(_ENVIRONMENTS):
        return _environment
    if path.startswith("/etc/init.d/") or ("/systemd/" in path and name.endswith(".conf")):
        return _shell
    return next((reader for pattern, reader in _KINDS if re.fullmatch(pattern, name, re.IGNORECASE)), None)


def file(path: str, content: bytes) -> Redacted:
    """A configuration file. Raises Refused where it has to be left out, with the reason."""
    why = refused_by_name(path)
    reader = _reader(path)
    if why or reader is None:
        raise Refused(why or "of a kind that is not known")
    try:
        said = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("it is not text in UTF-8") from error
    if _CONTROL.search(said):
        raise Refused("it is not text")
    if path.lower().endswith((".pem", ".crt", ".cer", ".cert", ".crl")) and not set(_CERTIFICATES.findall(said)) <= _PUBLIC:
        raise Refused("it has a private key")
    values: set[str] = set()
    if reader is not _json and _LOGIN_MODULE.search(said):
        said = _jaas(said, values)
    said = reader(said, values)
    if reader is not _json:
        marker = _IN_XML if reader is _xml else REMOVED
        whole = text(said, marker)
        values |= whole.values | {html.unescape(value) for value in whole.values if reader is _xml}
        said = whole.text
    if reader is _xml:
        try:
            expat.ParserCreate().Parse(said.encode(), True)
        except expat.ExpatError as error:
            raise Refused("it cannot be read without its secrets") from error
    return Redacted(said, {value for value in values if value.strip()})


# ---- known values

_OUR_WORDS = {
    "removed", "default", "password", "secret", "changeit", "changeme", "accumulo", "koverse", "postgres", "postgresql", "hadoop",
    "zookeeper", "required", "expected", "invalid", "missing", "localhost", "kerberos", "simple", "authentication", "token",
}  # fmt: skip
_PLAIN_WORD = re.compile(r"[A-Za-z]?[a-z]+[.:,]?|[A-Z_]+|\d{1,9}|[\w.-]+\.[a-z]{2,4}|/[\w./-]*")


def known(values: Iterable[str], public: Iterable[str] = ()) -> set[str]:
    """The values that are looked for elsewhere: long enough, and no word that everybody knows.

    public: words that say nothing to who reads them, such as the names of components and users. Where one of them is a password, what
    has it as its value is removed; elsewhere it stays, or nothing of the bundle could be read.
    """
    common = {word.casefold() for word in public} | _OUR_WORDS
    # Of a URL with a secret in it logs may have the secret alone.
    values = {part for value in values for part in (value, *distinct(text(value).values))}
    stripped = {value.strip().strip("\"'") for value in values} | {value.strip() for value in values}
    return {value for value in stripped if len(value) >= SHORTEST and value.casefold() not in common and REMOVED not in value}


def distinct(values: Iterable[str]) -> set[str]:
    """Of values that were found by their form in running text, those that are no plain words: the others may be prose."""
    return {value for value in values if not _PLAIN_WORD.fullmatch(value.strip("\"'"))}


def forget(said: str, values: Iterable[str], path: str = "") -> str:
    """A text without these values, as they are or as they are written in URLs, XML, JSON, properties, SQL, shell, base64 or hexadecimal.

    path: the file's, by which XML and HTML are known, where what was removed is said otherwise.
    """
    marker = _IN_XML if path.endswith(".html") or _reader(path) is _xml else REMOVED
    values = sorted(values, key=len, reverse=True)
    for form in sorted({form for value in values for form in _forms(value)}, key=len, reverse=True):
        if form in said:
            said = said.replace(form, marker)
    for core in {core for value in values for core in _in_base64(value)}:
        if core in said:
            said = re.sub(rf"[A-Za-z0-9+/_-]*{re.escape(core)}[A-Za-z0-9+/_-]*={{0,2}}", lambda _match: marker, said)
    return said


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        saxutils.escape(value, {'"': "&quot;", "'": "&apos;"}),
        urllib.parse.quote(raw, safe=""),
        urllib.parse.quote(raw),
        urllib.parse.quote_plus(raw),
        re.sub(r"([:=#!\\ ])", r"\\\1", value),
        re.sub(r"([:=#!\\])", r"\\\1", value),
        value.replace("'", "''"),
        value.replace("'", "'\\''"),
        raw.hex(),
        raw.hex().upper(),
    }


def _in_base64(value: str) -> set[str]:
    """What of a value is the same in any text in base64 that has it, for each of the three places where it may begin."""
    found = set()
    raw = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * before + raw).decode().rstrip("=")
            whole = (before + len(raw)) // 3 * 4
            core = coded[(0, 2, 3)[before] : whole]
            if len(core) >= SHORTEST:
                found.add(core)
    return found


# ---- on the way to the controller


def seal(values: Iterable[str], key: bytes) -> str:
    """Values so that only who has the key can read them. The key is for one run; every seal has a number of its own."""
    nonce = secrets.token_bytes(16)
    plain = json.dumps(sorted(values)).encode()
    return base64.b64encode(nonce + _mixed(plain, key, nonce)).decode()


def unseal(sealed: str, key: bytes) -> set[str]:
    """The reverse. Raises ValueError where the key is another one."""
    raw = base64.b64decode(sealed)
    return set(json.loads(_mixed(raw[16:], key, raw[:16])))


def _mixed(content: bytes, key: bytes, nonce: bytes) -> bytes:
    stream = hashlib.shake_256(key + nonce).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream))


def new_key() -> bytes:
    """A key for one run."""
    return os.urandom(32)
