# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at components and answers with instances, the rows of the state model (see health.py)."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import net, processes, services
from ansible_collections.koverse.runbook.plugins.module_utils.health import unknown
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import PROBES, Answer, Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso, seconds

Entry = Mapping[str, Any]
Rows = dict[str, dict[str, Any]]

# Probes that only the instance's own host can make.
LOCAL_PROBES = ("process", "command", "postgres")
_PROBES_AT_ONCE = 16
_LOG_LINES = 15


def look(
    entries: Mapping[str, Entry],
    host: str,
    address: str,
    cluster: Cluster,
    ask: Collection[str],
    before: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Rows:
    """The instances of `entries` on this host: from its services, its processes and, of those named in `ask`, their probes.

    before: instances as a look a moment ago found them. Where an instance's processes are still the same its service is not asked
    again, and where it is not in `ask` its earlier answer stands: looks at JVMs that start must not take the processor from them.
    """
    same = {name: dict(row) for name, row in before.items() if _still_runs(row)}
    others = {name: entry for name, entry in entries.items() if name not in same}
    statuses, found = (services.status(others), processes.find(others)) if others else ({}, {})
    rows = {name: same.get(name) or _from_host(entry, host, statuses[name], found.get(name)) for name, entry in entries.items()}
    running = [name for name, row in rows.items() if name in ask and row["state"] == "running" and not row.get("signalled")]
    with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
        answers = dict(zip(running, pool.map(lambda name: _ask({**entries[name], "since": _since(rows[name])}, address, cluster), running)))
    for name, answer in answers.items():
        _add(rows[name], answer)
    return rows


def _since(row: Mapping[str, Any]) -> float | None:
    """The start of an instance's process in seconds since 1970, where it is known."""
    return seconds(row["since"]) if row["since"] else None


def _still_runs(row: Mapping[str, Any]) -> bool:
    """Whether a running instance's processes are the same as in `row`."""
    if row["state"] != "running" or not row["pids"] or row.get("signalled"):
        return False
    described = [processes.describe(pid) for pid in row["pids"]]
    return not any(process is None or process["stopped"] for process in described)


def look_from_afar(
    entries: Mapping[str, Entry], hosts: Mapping[str, Sequence[str]], addresses: Mapping[str, str], cluster: Cluster
) -> dict[str, Rows]:
    """What the instances of `entries` answer over the network: component to host to instance.

    An instance that answers runs; of one that does not, nothing is known. `refused` says that nobody listens on its port.
    """
    pairs = [(name, host) for name in entries for host in hosts[name]]
    with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
        answers = list(pool.map(lambda pair: _ask(entries[pair[0]], addresses.get(pair[1], pair[1]), cluster), pairs))
    picture: dict[str, Rows] = {name: {} for name in entries}
    for (name, host), answer in zip(pairs, answers):
        row = unknown(name, host, "")
        if isinstance(answer, Answer):
            row["state"] = "running"
        _add(row, answer)
        picture[name][host] = row
    return picture


def _ask(entry: Entry, address: str, cluster: Cluster) -> Answer | NoAnswer:
    try:
        return PROBES[entry["probe"]["type"]](entry, address, cluster)
    except NoAnswer as error:
        return error
    except (KeyError, ValueError, TypeError, IndexError) as error:
        return NoAnswer(f"its answer is not understood ({type(error).__name__}: {error})")


def _add(row: dict[str, Any], answer: Answer | NoAnswer) -> None:
    """Puts a probe's answer into an instance."""
    if isinstance(answer, NoAnswer):
        row.update(health="unknown", evidence=str(answer), role=None, details={})
        row.update(refused=answer.refused, elsewhere=answer.elsewhere)
        return
    row.pop("refused", None)
    row.pop("elsewhere", None)
    row.update(
        health="healthy" if answer.healthy else "unhealthy", evidence=answer.evidence, role=answer.role, details=dict(answer.details)
    )


def _from_host(entry: Entry, host: str, status: Mapping[str, Any], found: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """An instance from its service's status and its processes.

    found: its processes; None where the entry has no pattern to know them by: then the service's word is taken.
    """
    row = unknown(entry["name"], host, status["text"])
    if found is None:
        found = [process for process in map(processes.describe, status.get("pids", [])) if process]
        row["state"] = status["unit"]
    elif found:
        row["state"] = "running"
        if status["unit"] in ("stopped", "failed"):
            row["evidence"] = f"runs outside of its service, pid {found[0]['pid']}; {status['text']}"
            row["outside"] = True
    elif status["unit"] == "running" and not status.get("pids"):
        # An init script's unit, or a wrapper's, counts as active long after its process has gone.
        row["state"] = "failed"
        row["evidence"] = f"{status['text']}, but its process is not there"
    else:
        row["state"] = status["unit"] or "stopped"
    if status.get("queued"):
        row["queued"] = True
    row["pids"] = sorted({process["pid"] for process in found} | set(status.get("pids", [])))
    if found:
        row["since"] = iso(min(process["since"] for process in found))
        if all(process["stopped"] for process in found):
            row["evidence"] = f"pid {found[0]['pid']} is stopped by a signal (SIGSTOP)"
            # It is not asked: the kernel still accepts connections for it.
            row.update(signalled=True, health="unhealthy")
    if row["state"] in ("stopped", "failed"):
        row["health"] = "unhealthy"
    return row


def configured(entry: Entry) -> str | None:
    """When the newest of a component's configuration files was changed; None where it has none."""
    paths = [path for pattern in [*entry["config"], *entry["log_config"]] for path in glob.glob(pattern)]
    files = [path for path in paths if os.path.isfile(path)]
    files += [os.path.join(directory, name) for path in paths for directory, _directories, names in os.walk(path) for name in names]
    times = [os.lstat(path).st_mtime for path in files]
    return iso(max(times)) if times else None


def last_words(entry: Entry, since: float, count: int = _LOG_LINES) -> list[str]:
    """The last `count` lines that a component wrote after `since` to its newest log file, and to the journal."""
    files = [path for pattern in entry["log"] for path in glob.glob(pattern) if os.path.isfile(path)]
    fresh = [path for path in files if os.path.getmtime(path) >= since - 1 and os.path.getsize(path)]
    lines = []
    if fresh:
        path = max(fresh, key=os.path.getmtime)
        lines = [f"{path}:", *tail(path, count)]
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(max(0, since - 1)))
    code, output = services.journal(entry, "-o", "cat", "-n", str(count), "--since", start) or (0, "")
    return lines + (["journal:", *output.splitlines()] if code == 0 and output else [])


def tail(path: str, count: int) -> list[str]:
    """The last `count` lines of a file."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 400 * count))
        return file.read().decode("utf-8", "replace").splitlines()[-count:]


def ports(entries: Mapping[str, Entry], host: str) -> list[dict[str, Any]]:
    """A row for each port of `entries`: `component`, `host`, `name`, `port` and its `holders` (see processes.listeners)."""
    held = processes.listeners({port for entry in entries.values() for port in entry["ports"].values()})
    return [
        {"component": name, "host": host, "name": title, "port": port, "holders": held[port]}
        for name, entry in entries.items()
        for title, port in entry["ports"].items()
    ]


def reached(neighbour: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Which of another host's ports accept a connection from this one.

    neighbour: `host`, `address` and `ports` (rows of `component`, `port`); None where there is no other host.
    """
    if neighbour is None:
        return []
    rows = [{**row, "host": neighbour["host"], "open": False} for row in neighbour["ports"]]

    def knock(row: dict[str, Any]) -> None:
        try:
            net.connect(neighbour["address"], row["port"], timeout=1.0).close()
            row["open"] = True
        except NoAnswer as error:
            row["why"] = str(error)

    with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
        list(pool.map(knock, rows))
    return rows
