# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup is to do, from the plan, the whole picture and the user's settings. Pure functions, but for what they warn of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import manifest, record

from . import decide
from .catalogue import RunbookError, did_you_mean
from .controller import RunbookAction, collection_version, remote
from .plan import Plan

_DIRECTORY = f"{record.DIRECTORY}/backup"
_SPOOL = "/var/tmp/koverse-runbook"  # noqa: S108 below it, a directory that only its user can read

# Options of every task that knows where sets are and how they are read and written.
PLACE_SPEC: dict[str, Any] = {
    "uri": {"type": "str", "required": True},
    "backup_host": {"type": "str", "default": ""},
    "maps": {"type": "int", "default": 0},
    "bandwidth": {"type": "float", "default": 0.0},
    "runner": {"type": "str", "choices": ["auto", "local"], "default": "auto"},
    "postgres_login": {
        "type": "dict",
        "default": {},
        "options": {"host": {"default": ""}, "user": {"default": ""}},
        "apply_defaults": True,
    },
}


def of_data(plan: Plan, kind: str) -> list[str]:
    """What the catalogue's components keep of a kind: tables, databases, directories."""
    return list(dict.fromkeys(item for name in plan["instances"] for item in plan["components"][name]["data"].get(kind, [])))


def one(plan: Plan, probe: str) -> str | None:
    """The component with a type of probe, None where the cluster has none."""
    return next((name for name in plan["instances"] if plan["components"][name]["probe"]["type"] == probe), None)


def held(plan: Plan, whole: decide.Picture) -> tuple[dict[str, list[str]], list[str]]:
    """Host to the components that have to be stopped while their data is frozen, and what forbids that.

    Those are the ones that run now; one that is stopped does not write. Of one that is not seen nothing is known.
    """
    hosts: dict[str, list[str]] = {}
    problems = []
    for name in plan["instances"]:
        if not plan["components"][name]["data"]:
            continue
        for host, row in whole[name].items():
            if row["state"] == "running" and row["health"] == "healthy":
                hosts.setdefault(host, []).append(name)
            elif not decide.is_gone(row):
                problems.append(f"{plan['components'][name]['title']} on {host}: {row['evidence']}. It writes what is to be backed up")
    return hosts, problems


def decided(
    plan: Plan, whole: decide.Picture, settings: Mapping[str, Any], now: float, under_way: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The run: `id`, `held` (host to components), `hold` (the same as a stage, for Ambari), `degraded` (lines: what is not healthy, and
    does not matter for a backup), and `places`.

    Raises RunbookError with all that forbids it. A backup is wanted most when something is broken: one host of each component is enough, as
    long as all tablets are served and all blocks are there.
    under_way: host to the backup that seems to run from there. Whether it does, the worker there knows; it may be why something is stopped.
    """
    problems = uri_problems(settings) + _setting_problems(plan, settings)
    needed = dict.fromkeys(decide.needed_to_persist(plan) + [name for name in (one(plan, "postgres"),) if name])
    forbidding, degraded = (
        decide.lines(plan, {name: verdict.problems for name, verdict in decide.verdicts(plan, whole, needed, least).items()})
        for least in (decide.fewest(plan), decide.minimums(plan))
    )
    problems += forbidding
    hosts, forbidding = held(plan, whole)
    problems += forbidding
    if not one(plan, "accumulo_manager") or not one(plan, "hdfs_namenode"):
        problems.append("The inventory has no Accumulo manager or no NameNode: there is nothing to take a backup of.")
    if problems:
        others = [f"The backup {name} is under way from {host}: wait for its end." for host, name in (under_way or {}).items()]
        raise RunbookError(
            [*problems, *others, "Nothing was changed. Below Koverse every layer has to serve: startup.yml says what is missing."]
        )
    stopped = f"Koverse on {', '.join(hosts)} was stopped for the backup, and nobody has started it again. Next: startup.yml"
    hold = {"name": "a backup", "hosts": hosts, "absent": hosts, "otherwise": stopped}
    return {"id": manifest.new_id(now), "held": hosts, "hold": hold, "degraded": degraded, **places(plan, whole, settings)}


def places(plan: Plan, whole: decide.Picture, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where what is done: `backup_host`, `postgres_host`, `yarn`, `hosts`; and the settings."""
    manager, database = one(plan, "accumulo_manager"), one(plan, "postgres")
    workers = [name for name in (one(plan, "yarn_resourcemanager"), one(plan, "yarn_nodemanager")) if name]
    runs = len(workers) == 2 and all(any(row["health"] == "healthy" for row in whole[name].values()) for name in workers)
    return {
        "backup_host": settings["backup_host"] or plan["instances"][manager or ""][0],
        "postgres_host": plan["instances"][database][0] if database and of_data(plan, "databases") else None,
        "yarn": runs and settings["runner"] == "auto",
        "hosts": plan["order"],
        "settings": settings,
        "version": collection_version(),
    }


def uri_problems(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the place where sets are kept."""
    problems = []
    if not settings["uri"] or ("://" not in settings["uri"] and not settings["uri"].startswith("/")):
        problems.append(
            f"runbook_backup_uri: expected where sets are kept, such as hdfs://other/backups, file:///mnt/backups or s3a://bucket/backups, "
            f"found {settings['uri'] or 'nothing'!r}."
        )
    return problems


def _setting_problems(plan: Plan, settings: Mapping[str, Any]) -> list[str]:
    problems = []
    if settings["backup_host"] and settings["backup_host"] not in plan["addresses"]:
        problems.append(
            f"runbook_backup_host: '{settings['backup_host']}' is none of the cluster's hosts. "
            f"{did_you_mean(settings['backup_host'], plan['addresses'])}"
        )
    for key in ("maps", "bandwidth"):
        if settings[key] < 0:
            problems.append(f"runbook_backup_{key}: expected a number from 0 (DistCp's own), found {settings[key]}.")
    if settings["hold_limit"] < 5:
        problems.append(f"runbook_backup_hold_limit: expected at least 5 seconds, found {settings['hold_limit']}.")
    return problems


def spool(run: Mapping[str, Any]) -> str:
    """The directory on each host for files on their way."""
    return f"{_SPOOL}/{run['id']}"


def common(run: Mapping[str, Any]) -> dict[str, Any]:
    """What the workers of all hosts are to know."""
    return {"id": run["id"], "directory": f"{_DIRECTORY}/{run['id']}", "spool": spool(run)}


def login(plan: Plan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """How PostgreSQL's tools log in; see postgres.Login."""
    entry = plan["components"][one(plan, "postgres") or ""]
    return {"os_user": entry["user"], "port": entry["ports"]["sql"], **settings["postgres_login"]}


def tools(plan: Plan, run: Mapping[str, Any]) -> dict[str, Any]:
    """What runs the tools of Hadoop and Accumulo; see backup.Builder."""
    components, settings = plan["components"], run["settings"]
    return {
        "uri": settings["uri"],
        "hdfs": remote(components[one(plan, "hdfs_namenode") or ""]),
        "accumulo": {"manager": remote(components[one(plan, "accumulo_manager") or ""]), "zookeeper": plan["zookeeper"]},
        "copy": {"yarn": run["yarn"], "maps": settings["maps"], "bandwidth": settings["bandwidth"]},
    }


def arguments(plan: Plan, run: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What the worker of a host is to know; see module_utils/backup.py."""
    settings, components = run["settings"], plan["components"]
    here = [name for name, hosts in plan["instances"].items() if host in hosts]
    given: dict[str, Any] = {
        **common(run),
        "recipients": settings["recipients"],
        "files": {name: components[name]["config"] + service_files(components[name]) for name in here},
        "archive": f"hosts/{host}.tar.gz",
        "hold": None,
        "postgres": None,
        "set": None,
    }
    if host in run["held"]:
        work = RunbookAction.work_for(plan, host, run["held"][host])
        given["hold"] = {"work": work, "limit": settings["hold_limit"]}
    if host == run["postgres_host"]:
        given["postgres"] = {"login": login(plan, settings), "databases": of_data(plan, "databases")}
    if host == run["backup_host"]:
        tables, directories = settings["tables"] or of_data(plan, "tables"), of_data(plan, "directories")
        given["set"] = {**tools(plan, run), "tables": tables, "directories": directories}
    return given


def service_files(entry: Mapping[str, Any]) -> list[str]:
    """Where a service's unit, init script and options may be."""
    service = entry["service"]
    return [f"/etc/systemd/system/{service}.service*", f"/etc/init.d/{service}", f"/etc/default/{service}"] if service else []


def report(published: Mapping[str, Any], warnings: Sequence[str]) -> list[str]:
    """The closing table."""
    whole = published["manifest"]
    human = manifest.human
    rows = [("what", "entries or rows", "size")]
    rows += [(f"table {table['name']}", f"{table['entries']:,}", human(table["bytes"])) for table in whole["tables"]]
    rows += [
        (f"database {database['name']}", f"{sum(database['tables'].values()):,}", human(database["bytes"]))
        for database in whole["databases"]
    ]
    rows += [(f"directory {entry['path']}", f"{entry['files']:,} files", human(entry["bytes"])) for entry in whole["directories"]]
    rows += [(f"configuration of {len(whole['hosts'])} hosts", "", human(sum(entry["bytes"] for entry in whole["hosts"])))]
    rows += [("whole set", f"{published['files']:,} files", human(published["bytes"]))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}" for row in rows]
    hold = whole["hold"]
    said = [f"Set {whole['id']}: {published['uri']}, verified", *lines]
    if hold["seconds"] is not None:
        said.append(f"Koverse was stopped for {hold['seconds']:.1f} s, and served again after {hold['serving']:.1f} s")
    return [*said, *(f"Warning: {line}" for line in warnings)]


def listing(sets: Sequence[Mapping[str, Any]], refused: Mapping[str, str]) -> list[str]:
    """The table of all sets."""
    rows = [("set", "finished", "entries", "rows", "size", "")]
    rows += [
        (
            entry["id"],
            entry["created"],
            f"{sum(entry['tables'].values()):,}",
            f"{sum(entry['databases'].values()):,}",
            manifest.human(entry["bytes"]),
            "encrypted" if entry["encrypted"] else "",
        )
        for entry in sets
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
    return (lines if sets else ["no set"]) + [f"{name} is no set: {why}" for name, why in refused.items()]
