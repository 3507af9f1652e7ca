# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declared state of Ambari's alerts (runbook_alerts_targets, _groups, _definitions), checked as a whole before anything is changed.

A target has the keys of a channel of the watch, of which it takes those of mail and Slack, and its own (TARGET). What is planned has no
secret in it: password and webhook stay in the variable.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.koverse.runbook.plugins.module_utils import ambari
from ansible_collections.koverse.runbook.plugins.modules import ambari_alert_definition
from ansible_collections.koverse.runbook.plugins.modules.ambari_alert_target import STATES

from . import notify
from .catalogue import RunbookError, did_you_mean

TARGETS, GROUPS, DEFINITIONS = (f"runbook_alerts_{name}" for name in ("targets", "groups", "definitions"))
SCRIPT = "koverse_slack_"  # beginning of the names of alert scripts, before the target's
_STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}
TARGET: Mapping[str, Any] = {
    "state": _STATE,
    "description": {"type": "str", "default": ""},
    "enabled": {"type": "bool", "default": True},
    "states": {"type": "list", "elements": "str", "choices": list(STATES), "default": list(STATES)},
    "groups": {"type": "list", "elements": "str", "default": []},
}
GROUP: Mapping[str, Any] = {"state": _STATE, "definitions": {"type": "list", "elements": "str"}}
_CHANNEL = {
    "mail": ("type", "host", "port", "security", "user", "password", "from", "to", "ca"),
    "slack": ("type", "url", "ca"),
}
_TYPES = {"mail": "EMAIL", "slack": "ALERT_SCRIPT"}

Row = dict[str, Any]


def plan(targets: Any, groups: Any, definitions: Any) -> dict[str, list[Row]]:
    """What the modules are asked for: `targets`, `groups`, `definitions`, each a list of rows with `name` and what is set.

    A target has `state`, `kind` (mail or slack), `type`, `description`, `enabled`, `states`, `groups`, `properties`, and for a test `mail`:
    the options of send_mail but for the password. `script` is the name that its script for Slack has or had; without it none can be.
    Raises RunbookError with all that is wrong; it repeats no value that may be a secret.
    """
    problems: list[str] = []
    found: dict[str, list[Row]] = {}
    for key, variable, given, row in (
        ("targets", TARGETS, targets, _target),
        ("groups", GROUPS, groups, _group),
        ("definitions", DEFINITIONS, definitions, _definition),
    ):
        if not isinstance(given, Mapping):
            problems.append(f"{variable}: expected a dictionary of names and their settings, found {type(given).__name__}.")
            continue
        found[key] = []
        for name, entry in given.items():
            where = f"{variable}.{name}"
            try:
                if not isinstance(name, str) or not name.strip():
                    raise RunbookError([f"{where}: expected a name that is a text, found {type(name).__name__}; put it into quotes."])
                if not isinstance(entry, Mapping):
                    raise RunbookError([f"{where}: expected a dictionary, found {type(entry).__name__}."])
                settings = row(where, name, dict(entry))
                found[key].append({"name": name, **{key: value for key, value in settings.items() if value is not None}})
            except RunbookError as error:
                problems += error.problems
    if problems:
        raise RunbookError(problems)
    return found


def _checked(where: str, options: Mapping[str, Any], entry: Mapping[str, Any], more: Iterable[str] = ()) -> Row:
    """An entry with its defaults, and everything in its type. more: keys that are known, and checked elsewhere."""
    known = sorted({*options, *more})
    unknown = [f"{where}: unknown key '{key}'. {did_you_mean(str(key), known)}" for key in entry if key not in options]
    if unknown:
        raise RunbookError(unknown)
    result = ArgumentSpecValidator(dict(options)).validate(dict(entry))
    if result.error_messages:
        raise RunbookError([f"{where}: {text}" for text in result.error_messages])
    return dict(result.validated_parameters)


def _definition(where: str, _name: str, entry: Row) -> Row:
    options = {key: option for key, option in ambari_alert_definition.OPTIONS.items() if key != "name"}
    return _checked(where, options, entry)


def _group(where: str, _name: str, entry: Row) -> Row:
    return _checked(where, GROUP, entry)


def _target(where: str, name: str, entry: Row) -> Row:
    kind = str(entry.get("type", ""))
    if kind not in _CHANNEL and not (entry.get("state") == "absent" and not kind):
        raise RunbookError([f"{where}.type: unknown type '{kind}'. {did_you_mean(kind, list(_CHANNEL))}"])
    channel = {key: value for key, value in entry.items() if key in _CHANNEL.get(kind, ())}
    row = _checked(where, TARGET, {key: value for key, value in entry.items() if key not in channel}, _CHANNEL.get(kind, ()))
    if not row["states"]:
        raise RunbookError([f"{where}.states: is empty, which Ambari takes for all: name at least one of {', '.join(STATES)}."])
    script = f"{SCRIPT}{name}" if re.fullmatch(r"[\w.-]+", name, re.ASCII) else None
    if row["state"] == "present":
        # A file with certificates is on the server's host, and not here.
        notify.channels({name: {key: value for key, value in channel.items() if key != "ca"}}, (), TARGETS)
        if kind == "slack" and not script:
            raise RunbookError([f"{where}: the name of a Slack target becomes a file's: expected ASCII."])
        row |= _SETTINGS[kind](where, channel, script)
    return {**row, "kind": kind, "type": _TYPES.get(kind), "script": script}


def _mail(where: str, channel: Mapping[str, Any], _script: str | None) -> Row:
    mail = {**notify.mail_settings(where, channel), "ca": channel.get("ca") or ""}
    return {"mail": mail, "properties": _mail_properties(mail)}


def _slack(_where: str, channel: Mapping[str, Any], script: str | None) -> Row:
    return {"properties": {"ambari.dispatch-property.script.filename": script}, "ca": channel.get("ca")}


def _mail_properties(mail: Mapping[str, Any]) -> Row:
    """As JavaMail names them, which sends Ambari's mails; without more words it would neither insist on encryption nor look at names."""
    properties = {
        "ambari.dispatch.recipients": mail["to"],
        "mail.smtp.host": mail["host"],
        "mail.smtp.port": str(mail["port"]),
        "mail.smtp.from": mail["sender"],
    }
    if mail["security"] != "none":
        properties["mail.smtp.ssl.checkserveridentity"] = "true"
    if mail["security"] == "starttls":
        properties |= {"mail.smtp.starttls.enable": "true", "mail.smtp.starttls.required": "true"}
    if mail["security"] == "tls":
        properties["mail.smtp.ssl.enable"] = "true"
    if mail["user"]:
        properties |= {"mail.smtp.auth": "true", "ambari.dispatch.credential.username": mail["user"]}
    return properties


_SETTINGS: Mapping[str, Callable[[str, Mapping[str, Any], str | None], Row]] = {"mail": _mail, "slack": _slack}


def check(planned: Mapping[str, list[Row]], server: ambari.Server, cluster: str | None) -> None:
    """Whether Ambari has what the plan names. Raises RunbookError with all that it does not have, and AmbariError."""
    there = ambari.Cluster.find(server, cluster)
    groups, known = there.alert_groups(), there.alert_definitions()
    problems = _missing(DEFINITIONS, [row["name"] for row in planned["definitions"]], known)
    for row in planned["definitions"]:
        if row["name"] not in known:
            continue
        definition = ambari_alert_definition.read(there, known[row["name"]])
        try:
            ambari_alert_definition.wanted({**dict.fromkeys(ambari_alert_definition.OPTIONS), **row}, definition)
        except ambari.AmbariError as error:
            problems.append(f"{DEFINITIONS}.{row['name']}: {error}.")
    after = (set(groups) | _names(planned["groups"], "present")) - _names(planned["groups"], "absent")
    for row in planned["groups"]:
        own = groups.get(row["name"], {}).get("default")
        if own and (row["state"] == "absent" or "definitions" in row):
            problems.append(f"{GROUPS}.{row['name']}: is Ambari's own, which keeps its definitions and stays.")
        problems += _missing(f"{GROUPS}.{row['name']}.definitions", row.get("definitions", []), known)
    for row in planned["targets"]:
        problems += _missing(f"{TARGETS}.{row['name']}.groups", row["groups"], after)
    if problems:
        raise RunbookError(problems)


def _names(rows: Iterable[Row], state: str) -> set[str]:
    return {row["name"] for row in rows if row["state"] == state}


def _missing(where: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    return [f"{where}: Ambari has no '{name}'. {did_you_mean(name, sorted(known))}" for name in names if name not in known]


def server_host(url: str, groups: Mapping[str, list[str]], hostvars: Mapping[str, Mapping[str, Any]]) -> str:
    """The inventory's name of the Ambari server's host: of the group ambari_server, else of the host that the URL names; else empty."""
    if groups.get("ambari_server"):
        return groups["ambari_server"][0]
    wanted = urllib.parse.urlsplit(url).hostname
    for host in groups.get("all", []):
        if wanted in (host.lower(), *(str(hostvars[host].get(key, "")).lower() for key in ("ansible_host", "runbook_ambari_host"))):
            return host
    return ""
