# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore is to do, from the plan, the whole picture and the user's settings. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import manifest

from . import backup, decide
from .catalogue import RunbookError, did_you_mean
from .plan import Plan

PARTS = ("postgres", "addons", "accumulo", "config")


def decided(plan: Plan, whole: decide.Picture, settings: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The run: `id`, `parts`, `stops` (components to stop meanwhile), and `backup.places`.

    Raises RunbookError with all that forbids it.
    """
    parts = settings["parts"] or (["accumulo"] if settings["tables"] else list(PARTS))
    problems = backup.uri_problems(settings) + _setting_problems(settings, parts)
    needed = []
    if set(parts) & {"accumulo", "addons"}:
        needed += decide.needed_to_persist(plan)
    if "postgres" in parts:
        needed += [name for name in (backup.one(plan, "postgres"),) if name]
    judged = decide.verdicts(plan, whole, dict.fromkeys(needed))
    problems += decide.lines(plan, {name: verdict.problems for name, verdict in judged.items()})
    if problems:
        raise RunbookError(
            [*problems, "Nothing was changed. What is to be restored must be up and healthy below Koverse: see startup.yml."]
        )
    return {
        "id": manifest.new_id(now),
        "parts": parts,
        "stops": [] if settings["rename"] else users_of_data(plan),
        **backup.places(plan, whole, settings),
    }


def _setting_problems(settings: Mapping[str, Any], parts: Sequence[str]) -> list[str]:
    problems = [f"runbook_restore_parts: unknown part '{part}'. {did_you_mean(part, PARTS)}" for part in parts if part not in PARTS]
    if settings["tables"] and list(parts) != ["accumulo"]:
        problems.append("runbook_restore_tables: single tables are brought back alone. Leave out runbook_restore_parts.")
    if settings["rename"] and len(settings["tables"]) != 1:
        problems.append("runbook_restore_as: expected exactly one table in runbook_restore_tables, because one name can be given.")
    return problems


def users_of_data(plan: Plan) -> list[str]:
    """The components that keep data of their own, and those that depend on them: they are down while it is replaced."""
    keepers = {name for name in plan["instances"] if plan["components"][name]["data"]}
    return [name for name in plan["instances"] if name in keepers or keepers & set(plan["components"][name]["depends_on"])]


def arguments(plan: Plan, run: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What the worker of a host is to know; see module_utils/restore.py."""
    settings = run["settings"]
    given: dict[str, Any] = {**backup.common(run), "postgres": None, "set": None}
    if host == run["postgres_host"] and "postgres" in run["parts"]:
        given["postgres"] = {"login": backup.login(plan, settings)}
    if host == run["backup_host"]:
        given["set"] = {
            **backup.tools(plan, run),
            "set": settings["set"],
            "parts": run["parts"],
            "tables": settings["tables"],
            "rename": settings["rename"],
        }
    return given


def files_for(run: Mapping[str, Any], whole: Mapping[str, Any], host: str) -> list[str]:
    """The files of the set that a host needs in its spool."""
    files = []
    if host == run["postgres_host"] and "postgres" in run["parts"]:
        ending = ".age" if whole["encrypted"] else ""
        files += [manifest.GLOBALS + ending] + [entry["dump"] for entry in whole["databases"]]
    if "config" in run["parts"]:
        files += [entry["archive"] for entry in whole["hosts"] if entry["name"] == host]
    return files


def in_the_way(looks: Mapping[str, Mapping[str, Any]], aside: bool) -> list[str]:
    """What stands in the way and may not be renamed aside, as lines. looks: host to what it found."""
    if aside:
        return []
    return [
        line
        for host, found in looks.items()
        for line in [*found.get("in_the_way", []), *(f"file {path} on {host}" for path in found.get("differing", []))]
    ]


def report(run: Mapping[str, Any], whole: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The closing table. results: host to what its steps made."""
    merged: dict[str, list[Any]] = {}
    for result in results.values():
        for key in ("aside", "tables", "databases", "roles", "unknown_passwords"):
            merged.setdefault(key, []).extend(result.get(key, []))
    rows = [("what", "as in the manifest")]
    rows += [(f"table {table['name']}", f"{table['entries']:,} entries") for table in merged["tables"]]
    rows += [(f"database {entry['name']}", f"{sum(entry['tables'].values()):,} rows") for entry in merged["databases"]]
    if "addons" in run["parts"]:
        rows += [(f"directory {entry['path']}", f"{entry['files']:,} files") for entry in whole["directories"] if entry["exists"]]
    width = max(len(row[0]) for row in rows)
    lines = [f"Set {whole['id']} of {whole['created']}", *(f"{row[0]:<{width}}  {row[1]}" for row in rows)]
    for host, result in results.items():
        if "made" in result:
            lines.append(f"configuration of {host}: {len(result['made'])} files made, {len(result['renamed'])} replaced")
            merged["aside"] += [f"file {old} on {host} is now {new}" for old, new in result["renamed"].items()]
    absent = sorted({entry["name"] for entry in whole["hosts"]} - set(run["hosts"]))
    if "config" in run["parts"] and absent:
        lines.append(f"not in the inventory, so their configuration stays in the set: {', '.join(absent)}")
    if merged["unknown_passwords"]:
        lines.append(
            f"Accumulo's users {', '.join(merged['unknown_passwords'])} have a new password that nobody knows, for no backup can carry the "
            "old one. Set theirs with 'passwd -u USER' in Accumulo's shell, or name them beforehand in runbook_restore_passwords."
        )
    if merged["roles"]:
        lines.append(f"roles made in PostgreSQL: {', '.join(merged['roles'])}")
    return lines + [f"renamed aside: {line}" for line in merged["aside"]]
