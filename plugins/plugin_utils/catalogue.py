# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: what the layers and components are. Loaded from catalogue.yml, changed by an inventory's overrides."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.koverse.runbook.plugins.module_utils.probes import PROBES
from ansible_collections.koverse.runbook.plugins.module_utils.steps import STEPS

CATALOGUE_FILE = Path(__file__).resolve().parents[2] / "catalogue.yml"

HA_MODES = ("none", "quorum", "active_standby", "active_active")
BACKENDS = ("systemd", "init", "command", "ambari")
DESIRED = ("started", "stopped")
DATA = ("tables", "databases", "directories")
# What an entry may hold, and what it holds when the catalogue does not say.
DEFAULTS: dict[str, Any] = {
    "layer": None,
    "title": None,
    "groups": None,
    "required": False,
    "only_with": None,
    "desired": "started",
    "standby_of": None,
    "drain": [],
    "undrain": [],
    "service": None,
    "backend": None,
    "ambari": None,
    "commands": {},
    "user": None,
    "process": None,
    "ports": {},
    "log": [],
    "log_config": [],
    "config": [],
    "data": {},
    "depends_on": [],
    "stops_before": [],
    "ha": "none",
    "min_healthy": "all",
    "probe": {"type": "process"},
    "tool": None,
    "shell_arguments": [],
    "before_start": [],
    "before_stop": [],
    "before_leave": [],
    "on_return": [],
    "after_return": [],
    "failover": None,
    "role_of": None,
    "excluded_by": None,
    "moves": False,
    "start_timeout": 120,
    "stop_timeout": 60,
}

_TEXTS = (
    "layer",
    "title",
    "only_with",
    "desired",
    "service",
    "backend",
    "ambari",
    "user",
    "process",
    "ha",
    "tool",
    "failover",
    "role_of",
    "standby_of",
    "excluded_by",
)
_MAPPINGS = ("commands", "ports", "probe", "data")
_STEPS = ("before_start", "before_stop", "before_leave", "on_return", "after_return", "failover")
_FLAGS = ("required", "moves")
_HOOKS = ("drain", "undrain")
_LISTS = ("groups", "log", "log_config", "config", "depends_on", "stops_before", "shell_arguments", *_STEPS[:-1])
_NOT_TAKEN_OVER = ("groups", "required", "title")  # by an entry that is `like` another
_PROBES_WITHOUT_PORT = ("process", "command")

Component = dict[str, Any]


class RunbookError(Exception):
    """The input is wrong. `problems` lists all that is: what was expected, what was found, where, and what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(f"- {problem}" for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known are: {', '.join(known)}."


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` changed by `changes`: mappings are merged key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        # A probe of another type has other options: those of the old one do not go with it.
        if (isinstance(old, Mapping) and isinstance(value, Mapping) and value.get("type") == old.get("type", value.get("type"))) or (
            key == "probe" and isinstance(old, Mapping) and isinstance(value, Mapping) and "type" not in value
        ):
            value = merge(old, value)
        merged[key] = value
    return merged


def overrides(ambari: Any, own: Any) -> Any:
    """What changes catalogue.yml for an inventory, as `load` takes it: its own word goes before what was read from Ambari.

    ambari, own: the variables `runbook_ambari_catalogue` and `runbook_catalogue`; None where they are not set.
    """
    return merge(ambari, own or {}) if ambari and (own is None or isinstance(own, Mapping)) else own


def shipped() -> dict[str, Any]:
    """catalogue.yml as it is: `{"layers": {...}, "components": {...}}`."""
    return yaml_load(CATALOGUE_FILE.read_text(encoding="utf-8"))


def load(overrides: Mapping[str, Any] | None = None, backend: str = "systemd") -> tuple[dict[str, str], dict[str, Component]]:
    """The layers (name: title, in order) and the components (name: complete entry), with an inventory's overrides.

    backend: how services are driven where an entry does not say so.
    Raises RunbookError with every problem found.
    """
    base = shipped()
    layers = {name: layer["title"] for name, layer in base["layers"].items()}
    entries: dict[str, Any] = {name: {"required": True, **entry} for name, entry in base["components"].items()}
    problems: list[str] = []
    if overrides is not None and not isinstance(overrides, Mapping):
        raise RunbookError([f"runbook_catalogue must be a mapping of component names to entries, found {overrides!r}."])
    for name, entry in (overrides or {}).items():
        if not isinstance(name, str) or not isinstance(entry, Mapping):
            problems.append(f"runbook_catalogue.{name} must be a component's name with a mapping, found {entry!r}.")
            continue
        if name not in entries and not {"layer", "like"} & set(entry):
            problems.append(
                f"runbook_catalogue.{name}: a component that the catalogue does not know needs at least "
                f"'layer' and 'service', or 'like'. {did_you_mean(name, entries)}"
            )
            continue
        entries[name] = merge(entries.get(name, {}), entry)
    components: dict[str, Component] = {}
    own = {name: entry.get("backend") for name, entry in (overrides or {}).items() if isinstance(entry, Mapping)}
    for name, entry in entries.items():
        if "like" in entry:
            model = entry["like"]
            models = [other for other in entries if "like" not in entries[other]]
            if model not in models:
                problems.append(f"runbook_catalogue.{name}.like: '{model}' is no entry of its own. {did_you_mean(model, models)}")
                continue
            taken = {key: value for key, value in entries[model].items() if key not in _NOT_TAKEN_OVER}
            entry = merge(taken, {key: value for key, value in entry.items() if key != "like"})
        component = {**copy.deepcopy(DEFAULTS), **entry, "name": name}
        component["groups"] = component["groups"] or [name]
        component["title"] = component["title"] or name
        component["backend"] = _backend(component, own.get(name), backend)
        components[name] = component
        problems += _entry_problems(component, set(entry) - set(DEFAULTS), layers)
    if not problems:
        for component in components.values():
            problems += _reference_problems(component, components, list(layers))
    if problems:
        raise RunbookError(problems)
    return layers, components


def _backend(component: Component, own: str | None, backend: str) -> str:
    """How a component's service is driven. own: as the inventory says for this one; backend: as it says for all.

    What Ambari does not know, PostgreSQL for one, is driven beside it as without Ambari.
    """
    if backend == "ambari" and component["ambari"] and own is None:
        return "ambari"
    return str(component["backend"] or ("systemd" if backend == "ambari" else backend))


def _entry_problems(component: Component, unknown_keys: Iterable[str], layers: Mapping[str, str]) -> list[str]:
    """What is wrong with one entry by itself: its form first, its values when that is right."""
    where = f"runbook_catalogue.{component['name']}"
    problems = [f"{where}: unknown key '{key}'. {did_you_mean(key, DEFAULTS)}" for key in sorted(map(str, unknown_keys))]
    problems += _form_problems(component, where)
    return problems or _value_problems(component, where, layers) + _probe_problems(component, where)


def _form_problems(component: Component, where: str) -> list[str]:
    """Keys whose values are of another form than expected."""
    problems = []
    for key in _TEXTS:
        if not isinstance(component[key], (str, type(None))):
            problems.append(f"{where}.{key}: expected text, found {component[key]!r}.")
    for key in _MAPPINGS:
        if not isinstance(component[key], Mapping):
            problems.append(f"{where}.{key}: expected a mapping, found {component[key]!r}.")
    for key in _LISTS:
        if not isinstance(component[key], list) or not all(isinstance(item, str) for item in component[key]):
            problems.append(f"{where}.{key}: expected a list of texts, found {component[key]!r}.")
    commands = (
        {f"commands.{verb}": words for verb, words in component["commands"].items()} if isinstance(component["commands"], Mapping) else {}
    )
    for key, words in {**commands, **{hook: component[hook] for hook in _HOOKS}}.items():
        if not isinstance(words, (str, list)):
            problems.append(f"{where}.{key}: expected a command as text or a list of words, found {words!r}.")
    problems += [
        f"{where}.{key}: expected true or false, found {component[key]!r}." for key in _FLAGS if not isinstance(component[key], bool)
    ]
    probe = component["probe"]
    for key in ("type", "port") if isinstance(probe, Mapping) else ():
        if not isinstance(probe.get(key, ""), str):
            problems.append(f"{where}.probe.{key}: expected text, found {probe[key]!r}.")
    return problems


def _value_problems(component: Component, where: str, layers: Mapping[str, str]) -> list[str]:
    choices = [("layer", layers), ("ha", HA_MODES), ("backend", BACKENDS), ("desired", DESIRED)]
    problems = [
        f"{where}.{key}: unknown value '{component[key]}'. {did_you_mean(component[key], known)}"
        for key, known in choices
        if component[key] not in known
    ]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", component["name"]):
        problems.append(f"{where}: a component's name is an inventory group's name: lower case letters, digits, underscores.")
    for key in ("start_timeout", "stop_timeout"):
        value = component[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            problems.append(f"{where}.{key}: expected seconds as a number above 0, found {value!r}.")
    minimum = component["min_healthy"]
    if minimum not in ("all", "majority") and (isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 0):
        problems.append(f"{where}.min_healthy: expected 'all', 'majority' or a whole number, found {minimum!r}.")
    if not all(isinstance(port, int) and 0 < port < 65536 for port in component["ports"].values()):
        problems.append(f"{where}.ports: expected names and numbers from 1 to 65535, found {component['ports']!r}.")
    try:
        re.compile(component["process"] or "")
    except re.error as error:
        problems.append(f"{where}.process: '{component['process']}' is not a regular expression: {error}.")
    if any(component[key] for key in _STEPS) and not (component["tool"] and component["user"]):
        problems.append(f"{where}: {', '.join(_STEPS)} need 'tool', their command line, and 'user', who runs it.")
    for key, value in component["data"].items():
        if key not in DATA:
            problems.append(f"{where}.data: unknown key '{key}'. {did_you_mean(key, DATA)}")
        elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            problems.append(f"{where}.data.{key}: expected a list of texts, found {value!r}.")
    return problems + _service_problems(component, where)


def _service_problems(component: Component, where: str) -> list[str]:
    """A component has one backend, with what that backend needs."""
    if component["backend"] == "command":
        missing = [verb for verb in ("start", "stop", "status") if not component["commands"].get(verb)]
        return [f"{where}.commands: the command backend needs start, stop and status; missing: {', '.join(missing)}."] if missing else []
    if component["backend"] == "ambari":
        needed = {"ambari": "its name in Ambari", "process": "by which it is seen whether it runs"}
        return [f"{where}.{key}: the ambari backend needs it, {why}." for key, why in needed.items() if not component[key]]
    if component["commands"]:
        return [
            f"{where}: has commands and the backend '{component['backend']}'. One component has one backend: "
            "set backend to 'command', or take the commands away."
        ]
    return [] if component["service"] else [f"{where}.service: expected the name of its unit or init script, found nothing."]


def _probe_problems(component: Component, where: str) -> list[str]:
    probe, ports = component["probe"], component["ports"]
    if probe.get("type") not in PROBES:
        return [f"{where}.probe: unknown type '{probe.get('type')}'. {did_you_mean(str(probe.get('type')), PROBES)}"]
    if "port" in probe and probe["port"] not in ports:
        return [f"{where}.probe.port: '{probe['port']}' is none of its ports ({', '.join(map(str, ports)) or 'it has none'})."]
    if probe["type"] not in _PROBES_WITHOUT_PORT and "port" not in probe:
        return [f"{where}.probe: the type '{probe['type']}' needs 'port', the name of one of its ports."]
    if probe["type"] == "command" and not probe.get("command"):
        return [f"{where}.probe: the type 'command' needs 'command', a list of words."]
    return []


def _reference_problems(component: Component, components: Mapping[str, Component], layers: list[str]) -> list[str]:
    """Names that an entry gives and nobody has; a layer that would have to start before one below it."""
    where = f"runbook_catalogue.{component['name']}"
    rank = {layer: number for number, layer in enumerate(layers)}
    problems = []
    for key, names in (
        ("depends_on", component["depends_on"]),
        ("stops_before", component["stops_before"]),
        ("only_with", [component["only_with"]]),
        ("role_of", [component["role_of"]]),
        ("standby_of", [component["standby_of"]]),
        ("excluded_by", [component["excluded_by"]]),
    ):
        for name in names:
            if name is None:
                continue
            if name not in components:
                problems.append(f"{where}.{key}: unknown component '{name}'. {did_you_mean(name, components)}")
            elif key == "stops_before":
                elsewhere = components[name]["layer"] != component["layer"]
                if elsewhere or component["name"] in components[name]["depends_on"]:
                    problems.append(
                        f"{where}.{key}: '{name}' is {'in another layer' if elsewhere else 'stopped earlier'}, because layers and "
                        "depends_on are the order already. Take it away."
                    )
            elif rank.get(components[name]["layer"], 0) > rank.get(component["layer"], len(rank)):
                problems.append(
                    f"{where}.{key}: '{name}' is in the layer '{components[name]['layer']}', which starts after "
                    f"'{component['layer']}'. Move one of the two, or take the dependency away."
                )
    for key in _STEPS:
        for step in [component[key]] if isinstance(component[key], str) else component[key] or []:
            if step not in STEPS:
                problems.append(f"{where}.{key}: unknown step '{step}'. {did_you_mean(str(step), STEPS)}")
    return problems
