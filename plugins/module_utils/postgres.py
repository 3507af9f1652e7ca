# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL with its own tools: a snapshot, its dump, and its way back.

They log in as the operating system's user `postgres` without a password, or with the login that the inventory names; its password
goes through a file that only that user can read (PGPASSFILE).
"""

from __future__ import annotations

import os
import pwd
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError, last_words, written

_SEPARATOR = "\x1f"
_PSQL = ("psql", "-X", "-q", "-A", "-t", "-w", "-F", _SEPARATOR, "-v", "ON_ERROR_STOP=1", "-f", "-", "-d")
_SENTINEL = "koverse-runbook-answered"

TABLES = """select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 1;"""
# How many things a database holds that a restore would overwrite.
CONTENTS = """select (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema') + (select count(*) from pg_largeobject_metadata);"""
SYSTEM = "select system_identifier from pg_control_system();"
OWNER = "select pg_get_userbyid(datdba) from pg_database where datname = current_database();"


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


class Login:
    """How the tools log in."""

    def __init__(self, context: Context, arguments: Mapping[str, Any], password: str | None = None) -> None:
        """arguments: `os_user`, `port`, and empty where not given: `host`, `user`."""
        self.context, self.os_user = context, arguments["os_user"]
        self.environment = {"PGPORT": str(arguments["port"]), "PGAPPNAME": "koverse-runbook", "PGCONNECT_TIMEOUT": "10"}
        self.environment.update({key: arguments[name] for key, name in (("PGHOST", "host"), ("PGUSER", "user")) if arguments[name]})
        if password:
            path = os.path.join(context.directory, "pgpass")
            escaped = re.sub(r"([\\:])", r"\\\1", password)
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(f"*:*:*:*:{escaped}\n")
            account = pwd.getpwnam(self.os_user)
            os.chown(path, account.pw_uid, account.pw_gid)
            self.environment["PGPASSFILE"] = path

    def run(self, words: Sequence[str], stdin: bytes = b"") -> str:
        """A tool's output."""
        return self.context.run(words, self.os_user, stdin, self.environment)

    def sql(self, database: str, text: str) -> list[list[str]]:
        """Rows of a script's answer. Raises WorkerError at its first error."""
        return [line.split(_SEPARATOR) for line in self.run([*_PSQL, database], text.encode()).splitlines()]


class Snapshot:
    """A transaction that sees the database as it was at one moment, and exports that view to pg_dump."""

    def __init__(self, login: Login, database: str) -> None:
        self.login, self.database = login, database
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 pylint: disable=consider-using-with
        self._child = login.context.popen([*_PSQL, database], login.os_user, login.environment, stdin=-1, stderr=self._errors)
        self.id = ""

    def ask(self, text: str) -> list[list[str]]:
        """Rows of the answer, in this session."""
        rows: list[list[str]] = []
        try:
            self._child.stdin.write(f"{text}\n\\echo {_SENTINEL}\n".encode())
            self._child.stdin.flush()
        except BrokenPipeError:
            pass
        for raw in self._child.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            if line == _SENTINEL:
                return rows
            rows.append(line.split(_SEPARATOR))
        self.login.context.ended(self._child)
        raise WorkerError(f"PostgreSQL, database {self.database}: {last_words(written(self._errors))}")

    def begin(self) -> None:
        """From now on it sees one moment."""
        self.id = self.ask("begin isolation level repeatable read read only;\nselect pg_export_snapshot();")[0][0]

    def facts(self) -> dict[str, Any]:
        """What a restore is compared with: `owner`, `encoding`, `tables` (name to rows), `large_objects`."""
        tables = [row[0] for row in self.ask(TABLES)]
        rows = {table: int(self.ask(f"select count(*) from {table};")[0][0]) for table in tables}  # noqa: S608 quoted by PostgreSQL itself
        return {
            "owner": self.ask(OWNER)[0][0],
            "encoding": self.ask("show server_encoding;")[0][0],
            "tables": rows,
            "large_objects": int(self.ask("select count(*) from pg_largeobject_metadata;")[0][0]),
        }

    def end(self) -> None:
        """The snapshot is gone."""
        self._child.stdin.close()
        self._child.wait()


def facts(login: Login, database: str) -> dict[str, Any]:
    """The same of a database as it is now."""
    snapshot = Snapshot(login, database)
    try:
        snapshot.begin()
        return snapshot.facts()
    finally:
        snapshot.end()


def missing_roles(text: str, known: Collection[str]) -> tuple[list[str], list[str]]:
    """The statements of `pg_dumpall --globals-only` that make the roles that are not `known`, and those roles' names.

    A role that is there keeps its password and its rights. Tablespaces are directories of another host: they are left out.
    """
    statements, made = [], []
    for line in text.splitlines():
        match = re.match(r'^(?:(CREATE|ALTER) ROLE|GRANT) ("(?:[^"]|"")+"|[^\s;]+)(?: TO ("(?:[^"]|"")+"|[^\s;]+))?', line)
        if not match:
            continue
        member = match[3] if line.startswith("GRANT") else match[2]
        if not member or _bare(member) in known:
            continue
        statements.append(re.sub(r" GRANTED BY .*;$", ";", line))
        if match[1] == "CREATE":
            made.append(_bare(member))
    return statements, made


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where a database (see `Snapshot.facts`) is not what the manifest says."""
    tables = {**dict.fromkeys(found["tables"]), **expected["tables"]}
    wrong = [
        f"table {table}: expected {_rows(rows)}, found {_rows(found['tables'].get(table))}"
        for table, rows in tables.items()
        if rows != found["tables"].get(table)
    ]
    if expected["large_objects"] != found["large_objects"]:
        wrong.append(f"large objects: expected {expected['large_objects']}, found {found['large_objects']}")
    return wrong


def _rows(number: int | None) -> str:
    return "no such table" if number is None else f"{number} rows"
