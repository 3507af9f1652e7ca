# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a support bundle is to have, from the plan and the user's settings; and how the hosts' parts become one. Pure functions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import bundle, manifest, redact
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

from .backup import service_files
from .catalogue import RunbookError
from .controller import remote
from .moments import moment
from .plan import Plan
from .status import one_line

_LEAST = 256 << 10  # bytes for each host
_OF_CLUSTER = 10  # a tenth of the size is for what is told of the cluster as a whole
_SHORTEST_TIME = 10.0  # seconds for each host
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_SHOWN = 3  # names of what was left out that are said for each reason
_VENDOR_UNITS = ("/lib/systemd/system", "/usr/lib/systemd/system")

Texts = dict[str, str]
Missing = list[dict[str, Any]]  # rows of `host`, `why`, `count` and `what`, see bundle.summed_up


def in_bytes(text: str) -> int:
    """A size such as 100MB or 2g, in units of 1024, in bytes. Raises RunbookError."""
    match = _SIZE.fullmatch(str(text).strip())
    if not match:
        raise RunbookError([f"runbook_bundle_max_size: expected a size such as 100MB, found {str(text)!r}."])
    return int(float(match[1]) * 1024 ** " kmg".index(match[2].lower() or " "))


def decided(hosts: Sequence[str], settings: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The run: `name`, `path`, `since`, `until`, `share` (bytes for each host), `max_size` and `seconds` (for each host).

    settings: `since`, `up_to`, `max_size`, `directory`, `name`, `timeout`. Raises RunbookError with all that is wrong with them.
    """
    problems: list[str] = []

    def read(reader: Any, *arguments: Any) -> Any:
        try:
            return reader(*arguments)
        except RunbookError as error:
            problems.extend(error.problems)
            return None

    since = read(moment, settings["since"], now, "since")
    until = read(moment, settings["up_to"], now, "until") if settings["up_to"] else None
    most = read(in_bytes, settings["max_size"])
    if since is not None and since >= (until or now):
        problems.append(f"since: expected a time before {'until' if until else 'now'}, found {iso(since)}.")
    share = (most - most // _OF_CLUSTER) // max(1, len(hosts)) if most is not None else 0
    if most is not None and share < _LEAST:
        needed = manifest.human(_LEAST * len(hosts) * _OF_CLUSTER / (_OF_CLUSTER - 1))
        problems.append(f"runbook_bundle_max_size: expected at least {needed} for {len(hosts)} hosts, found {settings['max_size']}.")
    if settings["timeout"] < _SHORTEST_TIME:
        problems.append(f"runbook_bundle_timeout: expected at least {_SHORTEST_TIME:g} seconds, found {settings['timeout']:g}.")
    given = settings["name"] or re.sub("[-:]", "", iso(now))
    name = f"koverse-support-{given}"
    if not _NAME.fullmatch(given):
        problems.append(f"runbook_bundle_name: expected letters, digits, dots, dashes and underscores, found {given!r}.")
    path = Path(settings["directory"]).expanduser() / f"{name}.tar.gz"
    if path.exists():
        problems.append(f"{path} is there already. Name another one with -e runbook_bundle_name=.")
    if problems:
        raise RunbookError([*problems, "Nothing was collected."])
    return {
        "name": name,
        "path": str(path),
        "since": since,
        "until": until,
        "share": share,
        "max_size": most,
        "seconds": settings["timeout"],
    }


def safe(host: str) -> str:
    """A host's name as the name of a directory."""
    return re.sub(r"[^\w.-]", "_", host).lstrip(".") or "_"


def arguments(plan: Plan, run: Mapping[str, Any], host: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the worker of a host is to know; see bundle.Bundle. rows: its instances as they were just seen."""
    here = {name: plan["components"][name] for name, hosts in plan["instances"].items() if host in hosts}
    return {
        "directory": bundle.DIRECTORY,
        "archive": f"{safe(host)}.tar.gz",
        "host": host,
        "entries": {name: remote(entry) for name, entry in here.items()},
        "rows": {row["component"]: dict(row) for row in rows if row["component"] in here},
        "files": {name: [*entry["config"], *service_files(entry), *_vendor_units(entry)] for name, entry in here.items()},
        "since": run["since"],
        "until": run["until"],
        "share": run["share"],
        "seconds": run["seconds"],
        "public": public(plan),
    }


def _vendor_units(entry: Mapping[str, Any]) -> list[str]:
    """Where packages put their units; a backup has no use for them."""
    return [f"{directory}/{entry['service']}.service" for directory in _VENDOR_UNITS] if entry["service"] else []


def public(plan: Plan) -> list[str]:
    """Words that say nothing to who reads the bundle: the names of components, services, users, hosts and data."""
    found = {*plan["layers"], *plan["order"], *plan["addresses"].values()}
    for name, entry in plan["components"].items():
        names = [name, entry["service"] or "", entry["user"] or "", *entry["groups"], *re.split(r"\W+", entry["title"])]
        names += [item for items in entry["data"].values() for item in items]
        found |= {part for one in names for part in (one, *re.split("[_-]", one))}
    return sorted(word for word in found if len(word) >= redact.SHORTEST)


def inventory(plan: Plan) -> dict[str, Any]:
    """Which component is where, with what ports: the plan without commands."""
    keys = ("title", "layer", "service", "backend", "user", "ports", "ha", "min_healthy", "desired", "depends_on")
    return {
        "hosts": {
            host: {
                "address": plan["addresses"][host],
                "components": [name for name, hosts in plan["instances"].items() if host in hosts],
            }
            for host in plan["order"]
        },
        "components": {
            name: {**{key: plan["components"][name][key] for key in keys}, "hosts": list(hosts)}
            for name, hosts in plan["instances"].items()
        },
        "stages": plan["stages"],
        "zookeeper": plan["zookeeper"],
        "warnings": plan["warnings"],
    }


def clean(value: Any) -> Any:
    """Plain data without what has the form of a secret in its texts."""
    if isinstance(value, str):
        return redact.text(value).text
    if isinstance(value, Mapping):
        return {key: clean(one) for key, one in value.items()}
    return [clean(one) for one in value] if isinstance(value, (list, tuple)) else value


def whole(
    of_cluster: Mapping[str, str],
    of_hosts: Mapping[str, Mapping[str, str]],
    known: Iterable[str],
    about: Mapping[str, Any],
    missing: Missing,
) -> tuple[Texts, dict[str, Any]]:
    """All texts of the bundle by path, and its manifest, which is one of them.

    of_hosts: host to its texts. known: secrets of all hosts. about: what the manifest says first. missing: what is left out so far.
    """
    known = set(known)
    left_out = list(missing)
    texts: Texts = dict(of_cluster)
    for host, own in of_hosts.items():
        for path, text in own.items():
            if path == bundle.LEFT_OUT:
                left_out += [{"host": host, **row} for row in json.loads(text)]
            else:
                texts[f"{safe(host)}/{path}"] = text
    texts = {path: redact.forget(text, known, path) for path, text in texts.items()}
    raw = {path: text.encode("utf-8", "replace") for path, text in texts.items()}
    left_out = json.loads(redact.forget(json.dumps(left_out), known))
    made = {
        **about,
        "files": [{"path": path, "bytes": len(one), "sha256": hashlib.sha256(one).hexdigest()} for path, one in raw.items()],
        "left_out": left_out,
    }
    return {"manifest.json": json.dumps(made, indent=1, ensure_ascii=False) + "\n", **texts}, made


def report(path: str, bytes_packed: int, made: Mapping[str, Any]) -> list[str]:
    """The closing lines: where it is, how large, what is not in it."""
    unpacked = sum(row["bytes"] for row in made["files"])
    lines = [f"Written: {path}, {manifest.human(bytes_packed)} ({len(made['files']) + 1} files, {manifest.human(unpacked)} unpacked)"]
    lines += ["Left out:"] if made["left_out"] else ["Nothing was left out."]
    for row in made["left_out"]:
        shown, more = row["what"][:_SHOWN], row["count"] - len(row["what"][:_SHOWN])
        names = f"{', '.join(shown)} and {more} more" if shown and more else ", ".join(shown) or str(more)
        where = ", which manifest.json has" if len(row["what"]) > _SHOWN else ""
        lines.append(f"  {row['host']}: {names}{where}: {row['why']}")
    return [line[: len(line) - len(line.lstrip())] + one_line(line) for line in lines]
