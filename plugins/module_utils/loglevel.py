# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The level of a logger of a component on this host: in the file that its process reads, or in the running process.

entry: a component's catalogue entry with `address`, that of its host.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ansible_collections.koverse.runbook.plugins.module_utils import logconfig, net, processes, record
from ansible_collections.koverse.runbook.plugins.module_utils.files import rewrite
from ansible_collections.koverse.runbook.plugins.module_utils.logconfig import (
    LOG4J1,
    LOG4J1_XML,
    LOG4J2,
    LOGBACK,
    NOT_NOTED,
    OTHERS_CHANGE,
    PREVIOUS,
    LogConfigError,
)
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer

Entry = Mapping[str, Any]

# The web servers of Hadoop's daemons (HttpServer2) answer at /logLevel (org.apache.hadoop.log.LogLevel), which `hadoop daemonlog` asks.
_PROBES = ("hdfs_namenode", "hdfs_datanode", "hdfs_journalnode", "yarn_resourcemanager", "yarn_nodemanager")
_PROBED_AS_ANY = ("hdfs_secondarynamenode", "yarn_historyserver")  # by HTTP, as what is not Hadoop's is, too

_STATE = "loglevel.json"  # {"files": {path: {logger: note}}, "processes": {component: {logger: {"old": level, "new": level}}}}
# The properties that name a process's file; log4j 2 has had the last two since 2.10.
_PATHS = {
    LOG4J1: ("log4j.configuration",),
    LOG4J1_XML: ("log4j.configuration",),
    LOG4J2: ("log4j.configurationFile", "log4j2.configurationFile", "log4j2.configuration.file"),
    LOGBACK: ("logback.configurationFile",),
}
_JARS = {
    LOG4J1: re.compile(r"/(log4j-1\.2\.\d|reload4j-)"),
    LOG4J1_XML: re.compile(r"/(log4j-1\.2\.\d|reload4j-)"),
    LOG4J2: re.compile(r"/log4j-core-"),
    LOGBACK: re.compile(r"/logback-classic-"),
}
# What the start scripts of Hadoop 3 and of ZooKeeper 3.4 to 3.7 set on every command line, and from which variable of the environment.
_BY_SCRIPTS = {
    "hadoop.root.logger": "HADOOP_ROOT_LOGGER",
    "hadoop.security.logger": "HADOOP_SECURITY_LOGGER",
    "hdfs.audit.logger": "HDFS_AUDIT_LOGGER",
    "zookeeper.root.logger": "ZOO_LOG4J_PROP",
}
_SAID = re.compile(r"<!-- OUTPUT -->(.*)")
_MARKUP = re.compile(r"<[^>]*>")


class Unsure(LogConfigError):
    """A change was asked for, and whether it was made is not known; the text says so."""


class Jvm:
    """What is known of a component's process: whether it runs, since when, and what its command line says."""

    def __init__(self, entry: Entry) -> None:
        found = processes.find({entry["name"]: entry}).get(entry["name"], [])
        self.since: float | None = found[0]["since"] if found else None
        self.words = _words(f"/proc/{found[0]['pid']}/cmdline") if found else []
        environment = dict(word.partition("=")[::2] for word in _words(f"/proc/{found[0]['pid']}/environ")) if found else {}
        self.properties = properties_of(self.words)
        self.jars = jars_of(self.words, environment)

    def outside(self) -> dict[str, str]:
        """The variables of log4j 1 that are set from outside its file, and how."""
        if self.since is None:
            return {name: f"{variable} in the environment of its start script" for name, variable in _BY_SCRIPTS.items()}
        names = {name: f", from {variable} in the environment of its start script" for name, variable in _BY_SCRIPTS.items()}
        return {name: f"-D{name}={value} on its command line{names.get(name, '')}" for name, value in self.properties.items()}


def _words(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return [word.decode("utf-8", "replace") for word in file.read().split(b"\0") if word]
    except OSError:
        return []  # it has ended meanwhile


def properties_of(words: list[str]) -> dict[str, str]:
    """The system properties on a JVM's command line; of one that is named twice the last."""
    return {word[2:].partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("-D")}


def jars_of(words: list[str], environment: Mapping[str, str]) -> list[str]:
    """The class path of a JVM, from its command line or its environment; `directory/*` stands for the jars in it, as for Java."""
    named = [after for word, after in zip(words, words[1:]) if word in ("-cp", "-classpath", "--class-path")]
    path = (named or [environment.get("CLASSPATH", "")])[-1]
    found: list[str] = []
    for part in filter(None, path.split(":")):
        found += sorted(glob.glob(f"{part}.jar")) if part.endswith("/*") else [part]
    return found


def file_of(entry: Entry, jvm: Jvm) -> tuple[str, str, str]:
    """The path, the kind and the text of the file that a component's process reads. Raises LogConfigError."""
    paths = list(dict.fromkeys(path for pattern in entry["log_config"] for path in sorted(glob.glob(pattern)) if os.path.isfile(path)))
    if not entry["log_config"]:
        raise LogConfigError(
            f"{entry['name']} has no log_config in the catalogue: it logs by other means, or nobody has said where. "
            f"Name its file with runbook_catalogue.{entry['name']}.log_config"
        )
    if not paths:
        raise LogConfigError(f"expected one of {', '.join(entry['log_config'])}, found none")
    known = {path: _read(path) for path in paths}
    if len({_PATHS[kind] for kind, _text in known.values()}) > 1:
        # Files of several frameworks: after an upgrade, or where a configuration is meant for several versions.
        loaded = {kind for kind, jar in _JARS.items() if any(map(jar.search, jvm.jars))}
        known = {path: (kind, text) for path, (kind, text) in known.items() if kind in loaded}
        if len({_PATHS[kind] for kind, _text in known.values()}) != 1:
            raise LogConfigError(
                f"expected a running process that has the framework of one of {', '.join(paths)} on its class path, found none: "
                f"start it, or name its file with runbook_catalogue.{entry['name']}.log_config"
            )
    kind = next(iter(known.values()))[0]
    named = {name: jvm.properties[name] for name in _PATHS[kind] if jvm.properties.get(name)}
    for path, (own, text) in known.items():
        if all(_same(path, value) for value in named.values()):
            return path, own, text
    said = " and ".join(f"{value} (-D{name})" for name, value in named.items())
    raise LogConfigError(
        f"its process reads {said}, found {', '.join(known)}: name that file with runbook_catalogue.{entry['name']}.log_config"
    )


def _read(path: str) -> tuple[str, str]:
    try:
        with open(path, "rb") as file:
            text = logconfig.decoded(file.read())
        return logconfig.kind_of(path, text), text
    except LogConfigError as error:
        raise LogConfigError(f"{path}: {error}") from error


def _same(path: str, named: str) -> bool:
    """Whether a system property means this file: by a path, a URL, or a name that is looked for on the class path."""
    named = re.sub(r"^file:(//)?", "", named)
    return os.path.realpath(path) == os.path.realpath(named) if "/" in named else os.path.basename(path) == named


def in_file(entry: Entry, logger: str, level: str, dry: bool) -> dict[str, Any]:
    """Changes the level in the file of a component on this host; what came of it.

    `changed`; `path`; `before` and `after`, levels as the file has them, None where the logger has none of its own; `running`: whether its
    process runs, None where the entry has no `process` to tell by; `restart`: whether the running process does not know the file as it is,
    and does not read it again by itself; `rereads`: after how many seconds it does, else None; `muted` and `unresolved`: thresholds
    of appenders, see logconfig.muted; `why`: a sentence where PREVIOUS had nothing to do; `texts`: before and after, None where they are
    the same.
    dry: changes nothing, tells what would be. Raises LogConfigError.
    """
    jvm = Jvm(entry)
    path, kind, text = file_of(entry, jvm)
    state = record.load(_STATE)
    notes = state.get("files", {}).get(path, {})
    outside = jvm.outside()
    try:
        change = logconfig.change(kind, text, logger, level, notes.get(logger), outside)
        rereads = logconfig.rereads(kind, text)
        muted, unresolved = logconfig.muted(kind, text, (change.after or "").upper(), outside)
    except LogConfigError as error:
        raise LogConfigError(f"{path}: {error}") from error
    changed = change.text != text
    if not dry:
        # The note first: where the file cannot be written, it is a note of what is not there, and that does no harm.
        _note(state, "files", path, logger, change.note)
        if changed:
            rewrite(path, logconfig.encoded(change.text))
    return {
        "changed": changed,
        "path": path,
        "before": change.before,
        "after": change.after,
        "running": jvm.since is not None if entry["process"] else None,
        "rereads": rereads,
        "restart": rereads is None and jvm.since is not None and (changed or os.stat(path).st_mtime > jvm.since + 1),
        "muted": muted,
        "unresolved": unresolved,
        "why": change.why,
        "texts": [logconfig.encoded(part).decode("utf-8", "replace") for part in (text, change.text)] if changed else None,
    }


def _note(state: dict[str, Any], part: str, key: str, logger: str, note: Any) -> None:
    """Writes or takes away what is to come back."""
    known = state.setdefault(part, {}).setdefault(key, {})
    if known.get(logger) == note:
        return
    known[logger] = note
    if note is None:
        del known[logger]
    record.store(_STATE, state)


def takes_levels(entry: Entry) -> bool:
    """Whether a component's running process can change levels: a daemon of Hadoop whose web server is asked how it is."""
    probe = entry["probe"]["type"]
    return probe in _PROBES or (probe == "http" and entry["name"] in _PROBED_AS_ANY)


def at_run_time(entry: Entry, logger: str, level: str, dry: bool) -> dict[str, Any]:
    """Changes the level in a running daemon of Hadoop, until it ends.

    `changed`, `before`, `after` and `why` are as in `in_file`, `path` is the daemon's URL. Raises LogConfigError, Unsure where the daemon's
    answer tells neither that the level was changed nor that it was not.
    """
    state = record.load(_STATE)
    note = state.get("processes", {}).get(entry["name"], {}).get(logger)
    before = _ask(entry, logger)
    # Where it is not the one that was set, the daemon has started since, or somebody else has set it, and that is what to go back to.
    ours = note is not None and before in (note["new"], note.get("before"))
    old = note["old"] if ours else before
    wanted = level
    why: str | None = None
    if level == PREVIOUS:
        wanted = old
        if note is None:
            why = NOT_NOTED
        elif not ours and note["old"] != before:
            why = OTHERS_CHANGE
    changed = wanted != before
    if changed and not dry:
        if level != PREVIOUS:  # with `before`, as long as it may still be that one
            _note(state, "processes", entry["name"], logger, {"old": old, "new": wanted, "before": before})
        after = _ask(entry, logger, wanted)
        if after != wanted:
            text = f"{_url(entry)}: expected {logger} to have the level {wanted}, its answer is {after}"
            raise LogConfigError(text) if after == before else Unsure(text)
    if not dry and (changed or level == PREVIOUS):
        _note(state, "processes", entry["name"], logger, None if wanted == old else {"old": old, "new": wanted})
    return {"path": _url(entry), "before": before, "after": wanted, "changed": changed, "why": why}


def _url(entry: Entry) -> str:
    return f"http://{entry['address']}:{entry['ports'][entry['probe']['port']]}/logLevel"


def _ask(entry: Entry, logger: str, level: str | None = None) -> str:
    """The level that counts for a logger of a running daemon, after it was set where `level` is given. Raises LogConfigError, Unsure."""
    query = urlencode({"log": logger, **({"level": level} if level else {})})
    try:
        status, body = net.http_get(entry["address"], entry["ports"][entry["probe"]["port"]], f"/logLevel?{query}")
    except NoAnswer as error:
        if level:
            raise _unsure(f"{_url(entry)}: {error}", logger, level) from error
        raise LogConfigError(f"{_url(entry)}: {error}. Only what runs can be changed at run time") from error
    if status in (401, 403):
        raise LogConfigError(
            f"{_url(entry)} answers {status}: it lets only administrators in. Type `hadoop daemonlog -setlevel`, or leave runtime away"
        )
    try:
        return effective(status, body, _url(entry))
    except LogConfigError as error:
        if level and "Bad Level" not in body:
            raise _unsure(f"{error}", logger, level) from error
        raise


def _unsure(why: str, logger: str, level: str) -> Unsure:
    return Unsure(f"{why}. Whether {logger} has the level {level} now is unknown")


def effective(status: int, body: str, url: str) -> str:
    """The level in an answer of /logLevel. Raises LogConfigError where there is none, or where it refuses."""
    said = [_MARKUP.sub("", line).strip() for line in _SAID.findall(body)]
    found = [line.partition(":")[2].strip() for line in said if line.startswith("Effective Level:")]
    bad = [line for line in said if line.startswith("Bad Level")]
    if status != 200 or bad or not found:
        words = "; ".join(bad) or " ".join(_MARKUP.sub(" ", body).split())[:200]
        raise LogConfigError(f"{url}: expected an effective level, found the status {status} and: {words}")
    return found[-1]
