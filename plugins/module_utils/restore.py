# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's part of a restore, done by its worker: open, stage, look, unpack, databases, tables, finish, close.

Everything comes back under another name first, is compared with the manifest, and then takes its own name. A journal on the host says
what has its own name already, so that a restore that was interrupted goes on.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import archive, hadoop, manifest, postgres, record
from ansible_collections.koverse.runbook.plugins.module_utils.backup import Progress
from ansible_collections.koverse.runbook.plugins.module_utils.hadoop import Entry, Hadoop
from ansible_collections.koverse.runbook.plugins.module_utils.manifest import Damaged, Manifest
from ansible_collections.koverse.runbook.plugins.module_utils.shell import quoted
from ansible_collections.koverse.runbook.plugins.module_utils.tables import Accumulo, grants, users
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, Part, WorkerError

_STAGING = "/tmp/koverse-runbook-restore"  # noqa: S108 in HDFS

Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Restore(Part):
    """Everything that this host does for a restore. Arguments:

    id         the run's name, for what is renamed aside
    spool      directory for what is on its way from the set
    login      number of the user who has logged in
    secrets    `postgres_password`; `identity`, age's secret key; `passwords`, user of Accumulo to password; each may be missing
    postgres   None, or see `Databases`
    set        None, or on the backup host: see `Reader`
    """

    def __init__(self, context: Context, arguments: Mapping[str, Any]) -> None:
        super().__init__(context, arguments)
        self._spool = arguments["spool"]
        key = Key(context, arguments["secrets"].get("identity"))
        self._key = key
        self._databases = Databases(context, self._spool, key, arguments) if arguments["postgres"] else None
        self._reader = Reader(context, self._spool, key, arguments) if arguments["set"] else None
        self._steps: dict[str, Step] = {
            "open": self._open,
            "look": self._look,
            "stage": self._stage,
            "unpack": self._unpack,
            "databases": self._restore_databases,
            "tables": self._restore_tables,
            "finish": self._finish,
            "drill": self._drill,
        }

    def step(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._steps[name](arguments)

    def _open(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        shutil.rmtree(os.path.dirname(self._spool), ignore_errors=True)
        os.makedirs(self._spool, mode=0o700)
        os.chown(self._spool, self.arguments["login"], -1)
        return self._reader.open() if self._reader else {}

    def _look(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What stands in the way on this host."""
        found: dict[str, Any] = {"in_the_way": []}
        if arguments["archive"]:
            found["differing"] = self._unpack_archive(arguments, dry=True)["differing"]
        if self._databases:
            found["in_the_way"] += self._databases.in_the_way(arguments["manifest"])
        if self._reader:
            found["in_the_way"] += self._reader.in_the_way()
        return found

    def _stage(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Takes files out of the set, for this host and others; they belong to the user who has logged in."""
        if self._reader:
            self._reader.take(arguments["paths"])
            for directory, _directories, names in os.walk(self._spool):
                for name in [".", *names]:
                    os.chown(os.path.join(directory, name), self.arguments["login"], -1)
        return {}

    def _unpack(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Brings back this host's configuration from its archive."""
        if not arguments["archive"]:
            return {}
        with self.context.timed("bring back the configuration"):
            return self._unpack_archive(arguments, dry=False)

    def _unpack_archive(self, arguments: Mapping[str, Any], dry: bool) -> dict[str, Any]:
        path = self._key.opened(os.path.join(self._spool, arguments["archive"]))
        found = archive.unpack(path, "/", f".aside-{self.arguments['id']}" if arguments["aside"] else None, dry)
        if found["differing"] and not dry:
            raise WorkerError(f"nobody said that these may be renamed aside: {', '.join(found['differing'])}")
        return found

    def _restore_databases(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._databases.restore(arguments["manifest"], arguments["aside"]) if self._databases else {}

    def _restore_tables(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._reader.restore(arguments["aside"]) if self._reader else {}

    def _drill(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        databases = self._databases.drill(arguments["manifest"]) if self._databases else []
        return {"drilled": databases + (self._reader.drill() if self._reader else [])}

    def _finish(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        for part in (self._databases, self._reader):
            if part:
                part.finish()
        return {}

    def close(self) -> list[str]:
        left = []
        for part in (self._databases, self._reader):
            try:
                if part:
                    part.close()
            except (WorkerError, OSError) as error:
                left.append(str(error))
        shutil.rmtree(self._spool, ignore_errors=True)
        shutil.rmtree(self.context.directory, ignore_errors=True)
        return left


class Journal:
    """What of a set is back under its own name already: kind and name to what identifies it."""

    def __init__(self, name: str) -> None:
        self._name = f"restored-{name}.json"
        self._entries = record.load(self._name)

    def begin(self, what: str) -> None:
        """what: the set and the cluster. A journal of another one is of no use."""
        if self._entries.get("of") != what:
            self._entries = {"of": what}

    def note(self, kind: str, name: str, identity: str) -> None:
        """Before something takes its own name: how it is recognised then."""
        self._entries[f"{kind} {name}"] = identity
        record.store(self._name, self._entries)

    def knows(self, kind: str, name: str, identity: str | None) -> bool:
        """Whether this is what was brought back."""
        return identity is not None and self._entries.get(f"{kind} {name}") == identity

    def end(self) -> None:
        """All is done: whatever is there from now on stands in the way of the next restore."""
        record.remove(self._name)


class Key:
    """What opens encrypted files."""

    def __init__(self, context: Context, identity: str | None) -> None:
        self._context, self._path = context, os.path.join(context.directory, "identity")
        self._given = bool(identity)
        if identity is not None:
            with open(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(identity)

    def opened(self, path: str) -> str:
        """The path of a file as it was before it was encrypted."""
        if not path.endswith(".age"):
            return path
        if not self._given:
            raise WorkerError(f"{os.path.basename(path)} is encrypted: name the file with age's secret key as runbook_restore_identity")
        target = path[: -len(".age")]
        self._context.run(["age", "--decrypt", "-i", self._path, "-o", target, path])
        return target


class Databases:
    """The databases, on PostgreSQL's host. Arguments: `login` (see postgres.Login); the spool holds their dumps."""

    def __init__(self, context: Context, spool: str, key: Key, arguments: Mapping[str, Any]) -> None:
        self.context, self._spool, self._key, self._id = context, spool, key, arguments["id"]
        self._journal = Journal("databases")
        self._login = postgres.Login(context, arguments["postgres"]["login"], arguments["secrets"].get("postgres_password"))

    def _known(self) -> dict[str, str]:
        """The databases there are: name to number."""
        return dict(row for row in self._login.sql("postgres", "select datname, oid from pg_database;") if len(row) == 2)

    def in_the_way(self, whole: Manifest) -> list[str]:
        """Databases of the same name that hold something. Raises WorkerError where what is encrypted cannot be read."""
        self._key.opened(self._path(manifest.GLOBALS, whole))
        self._journal.begin(f"{whole['id']} {self._login.sql('postgres', postgres.SYSTEM)[0][0]}")
        known = self._known()
        return [
            f"database {entry['name']}"
            for entry in whole["databases"]
            if entry["name"] in known
            and not self._journal.knows("database", entry["name"], known[entry["name"]])
            and not self._empty(entry["name"])
        ]

    def _empty(self, database: str) -> bool:
        return self._login.sql(database, postgres.CONTENTS) == [["0"]]

    def restore(self, whole: Manifest, aside: bool) -> dict[str, Any]:
        """Brings the databases back; what was renamed aside, and the rows of every table."""
        result: dict[str, Any] = {"aside": [], "back": [], "databases": []}
        with self.context.timed("bring back roles"):
            with open(self._key.opened(self._path(manifest.GLOBALS, whole)), encoding="utf-8") as file:
                known = {row[0] for row in self._login.sql("postgres", "select rolname from pg_roles;")}
                statements, roles = postgres.missing_roles(file.read(), known)
            self._login.sql("postgres", "\n".join(statements))
            result["roles"] = roles
        for entry in whole["databases"]:
            name, known_databases = entry["name"], self._known()
            if not self._journal.knows("database", name, known_databases.get(name)):
                with self.context.timed(f"bring back database {name}"):
                    result["aside"] += self._bring_back(whole, entry, known_databases, aside)
                    result["back"].append(name)
            result["databases"].append({"name": name, **postgres.facts(self._login, name)})
        return result

    def finish(self) -> None:
        """The restore is complete."""
        self._journal.end()

    def _path(self, path: str, whole: Manifest) -> str:
        return os.path.join(self._spool, path + (".age" if whole["encrypted"] else ""))

    def _load(self, entry: Mapping[str, Any], new: str, scratch: bool) -> None:
        """Brings a database back under a name that is free, and compares it. A scratch database has no owner nor rights of others."""
        sql = postgres.quoted
        dump = self._key.opened(os.path.join(self._spool, entry["dump"]))
        for path in (self._spool, os.path.dirname(dump), dump):
            shutil.chown(path, self._login.os_user)
        owner = "" if scratch else f"owner {sql(entry['owner'])} "
        options = f"{owner}encoding {postgres.literal(entry['encoding'])} template template0"
        self._login.sql("postgres", f"drop database if exists {sql(new)};\ncreate database {sql(new)} {options};")
        rights = ["--no-owner", "--no-privileges"] if scratch else []
        self._login.run(["pg_restore", "-w", "--exit-on-error", *rights, "--dbname", new, dump])
        differing = postgres.differences(entry, postgres.facts(self._login, new))
        if differing:
            raise WorkerError(f"database {entry['name']} is not what the manifest says: {'; '.join(differing)}")

    def drill(self, whole: Manifest) -> list[str]:
        """Brings every database back beside the live one, and removes it again; what was compared."""
        self._remove_scratch()
        for entry in whole["databases"]:
            with self.context.timed(f"drill database {entry['name']}"):
                self._load(entry, manifest.scratch(entry["name"], self._id), scratch=True)
        self._remove_scratch()
        return [f"database {entry['name']}: {sum(entry['tables'].values()):,} rows" for entry in whole["databases"]]

    def _remove_scratch(self) -> None:
        for name in self._known():
            if manifest.drilled(name):
                self._login.sql("postgres", f"drop database {postgres.quoted(name)};")

    def close(self) -> None:
        """Removes what a drill has not removed itself."""
        self._remove_scratch()

    def _bring_back(self, whole: Manifest, entry: Mapping[str, Any], known: Mapping[str, str], aside: bool) -> list[str]:
        name = entry["name"]
        new, old = f"{name}_restoring_{whole['id']}", f"{name}_aside_{self._id}"
        sql = postgres.quoted
        self._load(entry, new, scratch=False)
        moved = []
        statements = []
        if name in known and self._empty(name):
            statements.append(f"drop database {sql(name)};")
        elif name in known:
            if not aside:
                raise WorkerError(f"database {name} is there, and nobody said that it may be renamed aside")
            statements.append(f"alter database {sql(name)} rename to {sql(old)};")
            moved.append(f"database {name} is now {old}")
        self._journal.note("database", name, self._known()[new])
        self._login.sql("postgres", "\n".join([*statements, f"alter database {sql(new)} rename to {sql(name)};"]))
        return moved


class Reader:
    """The set, and what of it goes to Accumulo and HDFS, on the backup host. Arguments:

    uri, set      where sets are kept; a set's name, or empty for the newest
    parts         of `accumulo`, `postgres`, `config`, `addons`
    tables        the tables to bring back; empty: all
    rename        the name that the only table gets; empty: its own
    hdfs, accumulo, copy   as for backup.Builder
    """

    def __init__(self, context: Context, spool: str, key: Key, arguments: Mapping[str, Any]) -> None:
        self.context, self._spool, self._key = context, spool, key
        self._journal = Journal("tables")
        self._id, self._given = arguments["id"], arguments["set"]
        self._passwords = arguments["secrets"].get("passwords") or {}
        self._hadoop = Hadoop(context, self._given["hdfs"]["tool"], self._given["hdfs"]["user"])
        self._accumulo = Accumulo(context, self._given["accumulo"])
        self._base = self._given["uri"].rstrip("/")
        self._staged = False

    def open(self) -> dict[str, Any]:
        """Finds the set, and reads all of it: nothing is changed before it is known to be what was written."""
        with self.context.timed("find the set"):
            found = find(self._hadoop, self._base, self._given["set"])
            self._uri = f"{self._base}/{found}"
            files = {entry.path: entry for entry in self._hadoop.listing(self._uri, recursive=True) if not entry.directory}
            whole = self._hadoop.manifest(self._uri, files)
        try:
            if isinstance(whole, Damaged):
                raise whole
            verify(self.context, self._hadoop, self._uri, whole, files)
        except Damaged as error:
            record.damaged(self._uri, str(error))
            raise WorkerError(f"{self._uri} is damaged: {error}. Nothing was changed") from error
        record.verified(found, self._uri)
        self.whole = whole
        names = [table["name"] for table in whole["tables"]]
        missing = [name for name in self._given["tables"] if name not in names]
        if missing:
            raise WorkerError(f"{self._uri} has no table {', '.join(missing)}; it has: {', '.join(names)}")
        if {"accumulo", "addons"} & set(self._given["parts"]):
            self._journal.begin(f"{whole['id']} {self._accumulo.facts()['instance_id']}")
        return {"uri": self._uri, "manifest": {key: value for key, value in whole.items() if key != "files"}}

    def _tables(self) -> list[tuple[dict[str, Any], str]]:
        """What comes back: entries of the manifest, and the name that each gets."""
        if "accumulo" not in self._given["parts"]:
            return []
        chosen = [table for table in self.whole["tables"] if not self._given["tables"] or table["name"] in self._given["tables"]]
        return [(table, self._given["rename"] or table["name"]) for table in chosen]

    def _directories(self) -> list[dict[str, Any]]:
        return [entry for entry in self.whole["directories"] if entry["exists"]] if "addons" in self._given["parts"] else []

    def in_the_way(self) -> list[str]:
        """Tables and directories of the same name. Raises WorkerError where what is encrypted cannot be read."""
        tables = []
        names = [name for _table, name in self._tables()]
        if names:
            self._settings()
            known = self._accumulo.tables()
            tables = [f"table {name}" for name in names if name in known and not self._journal.knows("table", name, known[name])]
        return tables + [
            f"directory {entry['path']}" for entry in self._directories() if self._stands(entry["path"]) and not self._is_back(entry)
        ]

    def _stands(self, path: str) -> bool:
        return bool(self._hadoop.content(path))

    def _is_back(self, entry: Mapping[str, Any]) -> bool:
        """A directory has nothing by which it could be known again: it is back where its files are those of the set."""
        if not self._journal.knows("directory", entry["path"], self.whole["id"]):
            return False
        below = manifest.directory_path(entry["path"]) + "/"
        wanted = {file["path"][len(below) :]: file["size"] for file in self.whole["files"] if file["path"].startswith(below)}
        there = self._hadoop.content(entry["path"], recursive=True)
        return there is not None and {file.path: file.size for file in there if not file.directory} == wanted

    def take(self, paths: Sequence[str]) -> None:
        """Files of the set into the spool."""
        with self.context.timed("take files out of the set"):
            for directory in sorted({os.path.dirname(path) for path in paths}):
                os.makedirs(os.path.join(self._spool, directory), exist_ok=True)
                target = os.path.join(self._spool, directory)
                shutil.chown(target, self._hadoop.user)
                shutil.chown(self._spool, self._hadoop.user)
                here = [f"{self._uri}/{path}" for path in paths if os.path.dirname(path) == directory]
                self._hadoop.fs("-get", *here, f"{target}/")

    def restore(self, aside: bool) -> dict[str, Any]:
        """Brings back directories and tables, then users and permissions; what was renamed aside, and what was compared."""
        result: dict[str, Any] = {"aside": [], "back": [], "tables": [], "unknown_passwords": []}
        own = self._hadoop.default_fs()
        for entry in self._directories():
            if not self._is_back(entry):
                result["aside"] += self._bring_back_directory(entry, own, aside)
                result["back"].append(entry["path"])
        tables = self._tables()
        if tables:
            lines = self._settings()
            known = self._accumulo.tables()
            missing = [(table, name) for table, name in tables if not self._journal.knows("table", name, known.get(name))]
            if missing:
                result["aside"] += self._bring_back_tables(missing, own, aside)
                result["back"] += [name for _table, name in missing]
            result["tables"] = [{"name": name, "of": table["name"], "entries": table["entries"]} for table, name in tables]
            with self.context.timed("bring back users and permissions"):
                result["unknown_passwords"] = self._bring_back_users(lines, {table["name"]: name for table, name in tables})
        return result

    def finish(self) -> None:
        """The restore is complete."""
        self._journal.end()

    def _settings(self) -> list[str]:
        path = manifest.SETTINGS + (".age" if self.whole["encrypted"] else "")
        if not os.path.exists(os.path.join(self._spool, path)):
            self.take([path])
        with open(self._key.opened(os.path.join(self._spool, path)), encoding="utf-8") as file:
            return file.read().splitlines()

    def _copy(self, name: str, sources: Sequence[str], target: str, total: int) -> None:
        options = hadoop.options(self._given["copy"], self._uri, target)
        with self.context.timed(f"copy {name}"):
            self._hadoop.distcp(options, sources, target, total, Progress(self.context, f"copy {name}", total))

    def _bring_back_directory(self, entry: Mapping[str, Any], own: str, aside: bool) -> list[str]:
        path, new = entry["path"], f"{entry['path']}_restoring_{self.whole['id']}"
        parent = path.rpartition("/")[0]
        self._hadoop.fs("-mkdir", "-p", parent)
        beside = {f"{parent}/{found.path}" for found in self._hadoop.listing(parent)}
        if new in beside:
            self._hadoop.fs("-rm", "-r", "-skipTrash", new)
        self._copy(path, [f"{self._uri}/{manifest.directory_path(path)}"], f"{own}{new}", entry["bytes"])
        self._hadoop.fs("-chown", "-R", entry["owner"], new)
        moved = []
        if path in beside and self._stands(path):
            if not aside:
                raise WorkerError(f"directory {path} is there, and nobody said that it may be renamed aside")
            old = f"{path}_aside_{self._id}"
            self._hadoop.fs("-mv", path, old)
            moved.append(f"directory {path} is now {old}")
        elif path in beside:
            self._hadoop.fs("-rmdir", path)
        self._journal.note("directory", path, self.whole["id"])
        self._hadoop.fs("-mv", new, path)
        return moved

    def _bring_back_tables(self, tables: Sequence[tuple[Mapping[str, Any], str]], own: str, aside: bool) -> list[str]:
        new = {name: manifest.imported(name, self.whole["id"]) for _table, name in tables}
        self._import([(table, new[name]) for table, name in tables], own)
        return self._rename(new, aside)

    def _import(self, tables: Sequence[tuple[Mapping[str, Any], str]], own: str) -> None:
        """Imports tables of the set under names that are free, from a copy, and compares them with the manifest."""
        staging = f"{_STAGING}/{self._id}"
        self._staged = True
        self._hadoop.fs("-mkdir", "-p", staging)
        paths = {table["name"]: manifest.table_path(table["name"]) for table, _name in tables}
        # All in one job: each becomes a directory with the table's name.
        self._copy("tables", [f"{self._uri}/{path}" for path in paths.values()], f"{own}{staging}", sum(t["bytes"] for t, _name in tables))
        self._hadoop.fs("-chown", "-R", self._accumulo.entry["user"], staging)
        files: dict[str, list[str]] = {
            table: [
                f"{own}{staging}/{table}/{file['path'].rpartition('/')[2]}"
                for file in self.whole["files"]
                if file["path"].startswith(f"{path}/") and file["path"].endswith(".rf")
            ]
            for table, path in paths.items()
        }
        with self.context.timed("compare the entries"):
            entries = self._accumulo.entries([file for found in files.values() for file in found])
            for table, _name in tables:
                number = sum(entries[file] for file in files[table["name"]])
                if number != table["entries"]:
                    raise WorkerError(f"table {table['name']}: expected {table['entries']} entries, found {number} in the copy of the set")
        with self.context.timed("import the tables"):
            counts = {name: len(files[table["name"]]) for table, name in tables}
            self._accumulo.import_tables({name: f"{staging}/{table['name']}" for table, name in tables}, counts)

    def drill(self) -> list[str]:
        """Brings every table back beside the live one, and removes it again; what was compared."""
        self._remove_scratch()
        tables = [(table, manifest.scratch(table["name"], self._id)) for table in self.whole["tables"]]
        self._import(tables, self._hadoop.default_fs())
        with self.context.timed("read the tables"):
            self._accumulo.shell([f"online -w -t {name}" for _table, name in tables])
        self._remove_scratch()
        return [f"table {table['name']}: {table['entries']:,} entries" for table, _name in tables]

    def _remove_scratch(self) -> None:
        doomed = [name for name in self._accumulo.tables() if manifest.drilled(name)]
        if doomed:
            self._accumulo.shell([f"deletetable -f {name}" for name in doomed])

    def _rename(self, new: Mapping[str, str], aside: bool) -> list[str]:
        """Gives imported tables their own names. new: name to the name that it has yet."""
        known = self._accumulo.tables()
        moved, commands = [], []
        for name, imported in new.items():
            if name in known:
                if not aside:
                    raise WorkerError(f"table {name} is there, and nobody said that it may be renamed aside")
                old = manifest.renamed_aside(name, self._id)
                commands.append(f"renametable {name} {old}")
                moved.append(f"table {name} is now {old}")
            self._journal.note("table", name, known[imported])
            commands += [f"renametable {imported} {name}", f"online -w -t {name}"]
        self._accumulo.shell(commands)
        return moved

    def _bring_back_users(self, lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
        """Users that are missing get the password that was given, else a new one that nobody knows; those are returned.

        Nobody's password is changed. Single tables bring no users.
        """
        here, partial = set(self._accumulo.users()), bool(self._given["tables"])
        made = [user for user in users(lines) if user not in here] if not partial else []
        commands = []
        for user in made:
            password = self._passwords.get(user) or secrets.token_urlsafe(24)
            commands += [f"createuser {quoted(user)}", password, password]
        commands += grants(lines, names, here | set(made), partial)
        if commands:
            self._accumulo.shell(commands)
        return [user for user in made if user not in self._passwords]

    def close(self) -> None:
        """Removes the copies that were imported from, and what a drill has not removed itself."""
        if self._staged:
            self._remove_scratch()
        self._accumulo.end()
        if self._staged:
            self._hadoop.fs("-rm", "-r", "-f", "-skipTrash", f"{_STAGING}/{self._id}")


def find(tool: Hadoop, base: str, wanted: str) -> str:
    """The name of a set: `wanted`, or the newest. Raises WorkerError where there is none."""
    names = tool.set_names(base)
    if wanted and wanted not in names:
        raise WorkerError(f"{base} has no set {wanted}; it has: {', '.join(names) or 'none'}")
    if not names:
        raise WorkerError(f"{base} has no set")
    return wanted or names[-1]


def verify(context: Context, tool: Hadoop, uri: str, whole: Manifest, entries: Mapping[str, Entry]) -> None:
    """Reads every file of a set. Raises Damaged that names each that is missing, or not what the manifest says.

    entries: what there is, by path.
    """
    with context.timed("verify the set"):
        sizes = {file["path"]: file["size"] for file in whole["files"]}
        problems = manifest.compare_sizes(sizes, {path: entry.size for path, entry in entries.items()})
        if problems:
            raise Damaged("; ".join(problems[:10]))
        wanted = {file["path"]: file["sha256"] for file in whole["files"]}
        progress = Progress(context, "verify the set", manifest.size(whole["files"]))
        sums = tool.checksums(uri, [entries[path] for path in wanted], progress)
        wrong = [
            f"{entry.path}: expected the SHA-256 {wanted[entry.path]}, found {found}"
            for entry, found in sums
            if found != wanted[entry.path]
        ]
        if wrong:
            raise Damaged("; ".join(wrong[:10]))
