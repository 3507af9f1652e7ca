# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's part of a backup, done by its worker: open, hold, freeze, release, collect, publish, name, close."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import hadoop, manifest, postgres, record
from ansible_collections.koverse.runbook.plugins.module_utils.hadoop import Hadoop
from ansible_collections.koverse.runbook.plugins.module_utils.hold import Hold
from ansible_collections.koverse.runbook.plugins.module_utils.manifest import human
from ansible_collections.koverse.runbook.plugins.module_utils.tables import Accumulo, export
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, Part, WorkerError, last_words, written

_EXPORTS = "/tmp/koverse-runbook"  # noqa: S108 in HDFS

Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Backup(Part):
    """Everything that this host does for a set. Arguments:

    id             the set's name
    spool          directory for what is on its way to the set; readable for the user who has logged in
    login          that user's number
    recipients     public keys for age; empty: nothing is encrypted
    files          component to file patterns of its configuration, for an archive; empty: no archive
    hold           None, or `work` (see hold.Hold) and `limit` (seconds)
    secrets        `postgres_password`, which may be missing
    postgres       None, or `login` (see postgres.Login) and `databases`
    set            None, or on the backup host: see `Builder`
    """

    def __init__(self, context: Context, arguments: Mapping[str, Any]) -> None:
        super().__init__(context, arguments)
        held, databases, built = (arguments[key] for key in ("hold", "postgres", "set"))
        spool = Spool(context, arguments)
        self._hold = Hold(context, held["work"], held["limit"]) if held else None
        self._dumps = Dumps(context, spool, databases, arguments["secrets"].get("postgres_password")) if databases else None
        self._builder = Builder(context, arguments["id"], spool, built) if built else None
        self._spool = spool
        self._why = "it was given up; the playbook's output says why"
        self._steps: dict[str, Step] = {
            "open": self._open,
            "hold": self._stop,
            "freeze": self._freeze,
            "release": self._start,
            "collect": self._collect,
            "publish": self._publish,
            "name": self._name,
        }

    def step(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._steps[name](arguments)
        except (WorkerError, OSError) as error:
            self._why = str(error)
            raise

    def _open(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._builder:
            record.began(self.arguments["id"])
        self._spool.open()
        result: dict[str, Any] = {"warnings": []}
        if self._dumps:
            self._dumps.open()
        if self._builder:
            result = self._builder.open()
        return result

    def _stop(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._hold:
            self._hold.stop(arguments["ago"])
        return {}

    def _freeze(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        # At the same time: each second counts, and they wait for different servers.
        problems: list[str] = []

        def do(work: Callable[[], None]) -> None:
            try:
                work()
            except (WorkerError, OSError) as error:
                problems.append(str(error))

        works = [part.freeze for part in (self._dumps, self._builder) if part]
        threads = [threading.Thread(target=do, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise WorkerError("; ".join(problems))
        return {}

    def _start(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._hold.start() if self._hold else {}

    def _collect(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        result: dict[str, Any] = {}
        if self._dumps:
            result["databases"] = self._dumps.collect()
        if self.arguments["files"]:
            with self.context.timed("archive the configuration"):
                result["archived"] = self._spool.archive(self.arguments["files"], self.arguments["archive"])
        if self._builder:
            result["set"] = self._builder.collect()
        if self._hold:
            result["serving"] = self._hold.serving()
        return {**result, "spooled": self._spool.content()}

    def _publish(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._builder.publish(arguments) if self._builder else {}

    def _name(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._builder:
            self._builder.name()
        return {}

    def close(self) -> list[str]:
        left = []
        if self._builder and not self._builder.published:
            record.failed(self.arguments["id"], self._why)
        for part in (self._hold and self._hold.start, self._dumps and self._dumps.close, self._builder and self._builder.close):
            try:
                if part:
                    part()
            except (WorkerError, OSError) as error:
                left.append(str(error))
        self._spool.close()
        shutil.rmtree(self.context.directory, ignore_errors=True)
        return left


class Spool:
    """A directory on this host for what goes into the set, laid out as the set is."""

    def __init__(self, context: Context, arguments: Mapping[str, Any]) -> None:
        self.context = context
        self.path = arguments["spool"]
        self._login, self._recipients = arguments["login"], arguments["recipients"]

    def open(self) -> None:
        """Makes it, empty; what an interrupted run has left goes."""
        parent = os.path.dirname(self.path)
        os.makedirs(parent, exist_ok=True)
        for name in os.listdir(parent):
            shutil.rmtree(os.path.join(parent, name))
        os.makedirs(self.path, mode=0o700)
        os.chown(self.path, self._login, -1)
        if self._recipients:
            self.context.run(["age", "--version"])

    def close(self) -> None:
        """Removes it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, path: str, words: list[str], user: str | None = None, environment: Mapping[str, str] | None = None) -> str:
        """A command's output as a file of the set, encrypted where there are keys; its path in the set."""
        path += ".age" if self._recipients else ""
        target = os.path.join(self.path, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file, tempfile.TemporaryFile() as errors:
            commands = [self.context.popen(words, user, environment, stdout=-1 if self._recipients else file, stderr=errors)]
            if self._recipients:
                keys = [word for key in self._recipients for word in ("-r", key)]
                commands.append(self.context.popen(["age", "--encrypt", *keys], stdin=commands[0].stdout, stdout=file, stderr=errors))
                commands[0].stdout.close()
            codes = [self.context.ended(command) for command in commands]
            if any(codes):
                raise WorkerError(f"'{' '.join(words)}' ended with status {max(codes)}: {last_words(written(errors))}")
        return path

    def bytes(self, path: str, content: bytes) -> str:
        """A file of the set; its path on this host."""
        target = os.path.join(self.path, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        return target

    def text(self, path: str, lines: list[str]) -> None:
        """A file of the set, encrypted where there are keys."""
        plain = self.bytes(f".{os.path.basename(path)}", "".join(f"{line}\n" for line in lines).encode())
        self.write(path, ["cat", plain])
        os.unlink(plain)

    def hand_over(self, user: str) -> dict[str, tuple[int, str]]:
        """Lets `user` read it; the files in it, path to size and SHA-256."""
        found = {}
        for directory, _directories, names in os.walk(self.path):
            shutil.chown(directory, user)
            for name in names:
                path = os.path.join(directory, name)
                shutil.chown(path, user)
                digest = hashlib.sha256()
                with open(path, "rb") as file:
                    for chunk in iter(lambda: file.read(1 << 20), b""):
                        digest.update(chunk)
                found[os.path.relpath(path, self.path)] = (os.path.getsize(path), digest.hexdigest())
        return found

    def archive(self, files: Mapping[str, list[str]], name: str) -> list[str]:
        """An archive of files and directories, with owners and modes; the patterns of which nothing is there are passed over."""
        paths = configuration(files)
        if paths:
            relative = [path.lstrip("/") for path in paths]
            self.write(name, ["tar", "--create", "--gzip", "--numeric-owner", "--directory", "/", "--", *relative])
        return paths

    def content(self) -> dict[str, int]:
        """The files in it, path to size; they belong to the user who has logged in, who takes them to the backup host."""
        found = {}
        for directory, _directories, names in os.walk(self.path):
            os.chown(directory, self._login, -1)
            for name in names:
                path = os.path.join(directory, name)
                os.chown(path, self._login, -1)
                found[os.path.relpath(path, self.path)] = os.path.getsize(path)
        return found


def configuration(files: Mapping[str, list[str]]) -> list[str]:
    """The files and directories that are a host's configuration, from patterns by component; none for those of which nothing is there."""
    paths = {path for patterns in files.values() for pattern in patterns for path in glob.glob(pattern)}
    # A directory that is a link is taken as what it points to, too, or an archive would have a link into nothing.
    return sorted({*paths, *(os.path.realpath(path) for path in paths)})


class Dumps:
    """The databases, as they were at one moment."""

    def __init__(self, context: Context, spool: Spool, arguments: Mapping[str, Any], password: str | None) -> None:
        self.context, self._spool, self._password = context, spool, password
        self._arguments, self._databases = arguments, arguments["databases"]
        self._snapshots: dict[str, postgres.Snapshot] = {}

    def open(self) -> None:
        """Logs in to every database."""
        with self.context.timed("log in to PostgreSQL"):
            self._login = postgres.Login(self.context, self._arguments["login"], self._password)
            for name in self._databases:
                self._snapshots[name] = postgres.Snapshot(self._login, name)
                size = int(self._snapshots[name].ask("select pg_database_size(current_database());")[0][0])
                free = shutil.disk_usage(self._spool.path).free
                # A dump is compressed, and seldom as large as the database with its indexes.
                if size > free:
                    raise WorkerError(f"{self._spool.path} has {free} bytes free, the database {name} has {size}: its dump may not fit")

    def freeze(self) -> None:
        """From now on every database is seen as it is at this moment."""
        with self.context.timed("begin the database snapshot"):
            for snapshot in self._snapshots.values():
                snapshot.begin()

    def collect(self) -> list[dict[str, Any]]:
        """Dumps them; what a restore is compared with."""
        found = []
        for name, snapshot in self._snapshots.items():
            with self.context.timed(f"dump {name}"):
                words = ["pg_dump", "-w", "-Fc", f"--snapshot={snapshot.id}", "--dbname", name]
                dump = self._spool.write(manifest.dump_path(name), words, self._login.os_user, self._login.environment)
                found.append({"name": name, "dump": dump, **snapshot.facts()})
                snapshot.end()
        with self.context.timed("dump roles"):
            words = ["pg_dumpall", "-w", "--globals-only"]
            self._spool.write(manifest.GLOBALS, words, self._login.os_user, self._login.environment)
        return found

    def close(self) -> None:
        """Ends what is open; the worker has ended the commands."""
        self._snapshots.clear()


class Builder:
    """The set itself, on the backup host. Arguments:

    uri, tables (patterns and names), directories (in HDFS), cluster (what the manifest says of it)
    hdfs      the NameNode's catalogue entry: its tool and its user
    accumulo  see tables.Accumulo
    copy      see hadoop.options
    """

    def __init__(self, context: Context, set_id: str, spool: Spool, arguments: Mapping[str, Any]) -> None:
        self.context, self._id, self._spool, self._arguments = context, set_id, spool, arguments
        self._hadoop = Hadoop(context, arguments["hdfs"]["tool"], arguments["hdfs"]["user"])
        self._accumulo = Accumulo(context, arguments["accumulo"])
        self._uri = arguments["uri"].rstrip("/")
        self._partial = ""
        self.published = False
        self._exports = f"{_EXPORTS}/{set_id}"
        self._clones: dict[str, str] = {}
        self._sources: dict[str, int] = {}  # file of the set: the bytes that its source has
        self._tables: list[dict[str, Any]] = []
        self._directories: list[dict[str, Any]] = []

    def open(self) -> dict[str, Any]:
        """Checks all that can be checked before the first table is touched; removes what interrupted runs have left."""
        self._instance = self._accumulo.facts()
        self._known = self._accumulo.tables()
        self._names, missing = manifest.chosen_tables(self._known, self._arguments["tables"])
        if missing:
            raise WorkerError(f"no such table: {', '.join(missing)}. Accumulo has: {', '.join(sorted(self._known)) or 'none'}")
        states = {table["name"]: table["state"] for table in self._instance["tables"].values()}
        offline = [name for name in self._names if states[name] != "ONLINE"]
        if offline:
            raise WorkerError(f"not online, and so not to be cloned: {', '.join(offline)}. Bring them online, or leave them out")
        with self.context.timed("check the destination"):
            removed = self._check_destination()
        leftover = [name for name in self._known if manifest.cloned(name)]
        with self.context.timed("flush"):
            forget = [f"deletetable -f {name}" for name in leftover]
            self._unreadable = self._accumulo.unreadable(self._names, [*forget, *(f"flush -w -t {name}" for name in self._names)])
        return {"warnings": self._warnings(), "removed": removed + leftover, "tables": self._names}

    def _warnings(self) -> list[str]:
        self._own = self._hadoop.default_fs()
        if hadoop.scheme(self._uri) == "hdfs" and (self._uri.startswith("/") or f"{self._uri}/".startswith(f"{self._own}/")):
            return [f"The set lies in the cluster's own HDFS ({self._own}): what destroys the cluster destroys the set, too"]
        return []

    def _check_destination(self) -> list[str]:
        try:
            self._hadoop.fs("-mkdir", "-p", self._uri)
        except WorkerError as error:
            raise WorkerError(f"the user {self._hadoop.user} cannot make the directory {self._uri}: {error}") from error
        removed = []
        for entry in self._hadoop.listing(self._uri):
            # Another cluster may be writing its own set beside this one: its instance is in the name.
            if manifest.is_partial(entry.path, self._instance["instance_id"]):
                self._hadoop.fs("-rm", "-r", "-skipTrash", f"{self._uri}/{entry.path}")
                removed.append(entry.path)
        self._partial = f"{self._uri}/{manifest.partial(self._id, self._instance['instance_id'])}"
        # What DistCp copies to has to be there: a single file would else take its place.
        tables = [manifest.table_path(name) for name in self._names]
        parents = [manifest.directory_path(path).rpartition("/")[0] for path in self._arguments["directories"]]
        self._hadoop.fs("-mkdir", "-p", *(f"{self._partial}/{path}" for path in [*tables, *parents]))
        return removed

    def freeze(self) -> None:
        """Clones every table, in the session that waits for it. A clone takes a permission to read: what is granted is taken back."""
        user = self._accumulo.user()
        self._clones = {name: manifest.clone_of(name, self._id) for name in self._names}
        with self.context.timed("clone the tables"):
            self._accumulo.shell(
                [
                    *(f"grant Table.READ -t {name} -u {user}" for name in self._unreadable),
                    *(f"clonetable {name} {clone}" for name, clone in self._clones.items()),
                    *(f"revoke Table.READ -t {name} -u {user}" for name in self._unreadable),
                ]
            )

    def collect(self) -> dict[str, Any]:
        """Exports the clones and copies them, and everything else that is in Accumulo and HDFS."""
        with self.context.timed("export the clones"):
            export(self._accumulo, self._hadoop, self._clones, self._exports)
        with self.context.timed("count the entries"):
            lists = self._hadoop.lines({name: f"{self._exports}/{name}/distcp.txt" for name in self._clones})
            sizes = self._hadoop.sizes([path for paths in lists.values() for path in paths])
            entries = self._accumulo.entries([path for path in sizes if path.endswith(".rf")])
        for name, paths in lists.items():
            total = sum(sizes[path] for path in paths)
            self._copy(name, ["-f", f"{self._own}{self._exports}/{name}/distcp.txt"], manifest.table_path(name), total)
            self._sources.update({f"{manifest.table_path(name)}/{path.rpartition('/')[2]}": sizes[path] for path in paths})
            self._tables.append(
                {
                    "name": name,
                    "id": self._known[name],
                    "files": len(paths),
                    "bytes": total,
                    "entries": sum(entries.get(path, 0) for path in paths),
                }
            )
        for path in self._arguments["directories"]:
            self._copy_directory(path)
        with self.context.timed("read users and permissions"):
            self._spool.text(manifest.SETTINGS, self._accumulo.settings())
        return {"tables": self._tables, "directories": self._directories}

    def _copy_directory(self, path: str) -> None:
        owner = self._hadoop.owner(path)
        if owner is None:
            self._directories.append({"path": path, "exists": False, "owner": None, "files": 0, "bytes": 0})
            return
        files = [entry for entry in self._hadoop.listing(path, recursive=True) if not entry.directory]
        total = sum(entry.size for entry in files)
        target = manifest.directory_path(path)
        self._copy(path, [f"{self._own}{path}"], target.rpartition("/")[0], total)
        self._sources.update({f"{target}/{entry.path}": entry.size for entry in files})
        self._directories.append({"path": path, "exists": True, "owner": owner, "files": len(files), "bytes": total})

    def _copy(self, name: str, sources: list[str], target: str, total: int) -> None:
        options = hadoop.options(self._arguments["copy"], self._own, self._uri)
        with self.context.timed(f"copy {name}"):
            progress = Progress(self.context, f"copy {name}", total)
            self._hadoop.distcp(options, sources, f"{self._partial}/{target}", total, progress)

    def publish(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Adds what the other hosts have brought, reads the whole set back, and writes its manifest.

        arguments: the manifest's other facts.
        """
        with self.context.timed("add files"):
            spooled = self._spool.hand_over(self._hadoop.user)
            if spooled:
                tops = sorted({path.split("/")[0] for path in spooled})
                self._hadoop.fs("-put", *(os.path.join(self._spool.path, top) for top in tops), f"{self._partial}/")
        files = self._read_back({**self._sources, **{path: size for path, (size, _digest) in spooled.items()}})
        differing = [file["path"] for file in files if file["path"] in spooled and spooled[file["path"]][1] != file["sha256"]]
        if differing:
            raise WorkerError(f"not what was put there: {', '.join(differing)}")
        with self.context.timed("write the manifest"):
            return self._finish(arguments, files)

    def _read_back(self, expected: Mapping[str, int]) -> list[dict[str, Any]]:
        """Every file of the set with its checksum. Raises WorkerError where one is missing, or has another size than its source."""
        with self.context.timed("read the set back"):
            entries = [entry for entry in self._hadoop.listing(self._partial, recursive=True) if not entry.directory]
            found = {entry.path: entry.size for entry in entries}
            wrong = manifest.compare_sizes(expected, found)
            if wrong:
                raise WorkerError(f"{len(wrong)} files are not as they should be: {'; '.join(wrong[:10])}")
            progress = Progress(self.context, "read the set back", sum(found.values()))
            sums = self._hadoop.checksums(self._partial, entries, progress)
            return [{"path": entry.path, "size": entry.size, "sha256": digest} for entry, digest in sums]

    def _finish(self, arguments: Mapping[str, Any], files: list[dict[str, Any]]) -> dict[str, Any]:
        whole = {
            **arguments,
            "format": manifest.FORMAT,
            "id": self._id,
            "created": iso(time.time()),
            "cluster": {
                **arguments["cluster"],
                "instance": self._instance["instance"],
                "instance_id": self._instance["instance_id"],
                "file_system": self._own,
            },
            "software": {**arguments["software"], "accumulo": self._accumulo.version()},
            "tables": self._tables,
            "directories": self._directories,
            "files": files,
        }
        text, checksum = manifest.encode(whole)
        paths = [self._spool.bytes(manifest.MANIFEST, text), self._spool.bytes(manifest.CHECKSUM, checksum)]
        self._spool.hand_over(self._hadoop.user)
        self._hadoop.fs("-put", *paths, f"{self._partial}/")
        read = self._hadoop.manifests([self._partial])[self._partial]
        if isinstance(read, manifest.Damaged):
            raise WorkerError(f"the manifest is not what was put there: {read}")
        return {"uri": f"{self._uri}/{self._id}", "manifest": {key: value for key, value in whole.items() if key != "files"},
                "files": len(files), "bytes": manifest.size(files)}  # fmt: skip

    def name(self) -> None:
        """From now on it is a set. A step of its own: where the controller is gone by now, nobody would know of the set."""
        uri = f"{self._uri}/{self._id}"
        self._hadoop.fs("-mv", self._partial, uri)
        self.published = True
        record.made(self._id, uri, self._instance["instance_id"])

    def close(self) -> None:
        """Removes the clones, and the set where it is not finished."""
        problems = []
        known = [name for name in self._accumulo.tables() if name in self._clones.values()]
        try:
            if known:
                self._accumulo.shell([f"deletetable -f {name}" for name in known])
            self._accumulo.end()
        except WorkerError as error:
            problems.append(str(error))
        unfinished = [self._partial] if self._partial and not self.published else []
        if self._clones or unfinished:
            self._hadoop.fs("-rm", "-r", "-f", "-skipTrash", self._exports, *unfinished)
        if problems:
            raise WorkerError("; ".join(problems))


class Progress:
    """Bytes and percent of something long, as text in the context's progress."""

    def __init__(self, context: Context, what: str, total: int) -> None:
        self._context, self._what, self._total, self._began = context, what, total, time.monotonic()

    def __call__(self, done: int) -> None:
        seconds = max(time.monotonic() - self._began, 0.001)
        percent = 100 * done // self._total if self._total else 100
        self._context.progress = f"{self._what}: {human(done)} of {human(self._total)} ({percent} %), {human(done / seconds)}/s"
