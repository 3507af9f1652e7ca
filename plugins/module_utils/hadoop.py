# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hadoop's own tools, as a worker uses them on any of its file systems: hdfs, file, s3a."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.koverse.runbook.plugins.module_utils import manifest
from ansible_collections.koverse.runbook.plugins.module_utils.manifest import Damaged, Manifest
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError, last_words, written

_CHUNK = 1 << 20
_AT_ONCE = 500  # files that one command takes: a command line has its limit
_LISTED = re.compile(r"^(?P<kind>[d-])\S+\s+\S+\s+\S+\s+\S+\s+(?P<size>\d+)\s+\S+\s+\S+\s(?P<path>.*)$")

# Options of modules that work on sets; see the doc fragment `sets`.
SETS_SPEC: dict[str, Any] = {
    "uri": {"type": "str", "required": True},
    "tool": {"type": "path", "default": "/opt/hadoop/bin/hdfs"},
    "user": {"type": "str", "default": "hdfs"},
}


class Entry(NamedTuple):
    """A file or directory: its path below the one that was listed (no leading slash), its size in bytes."""

    path: str
    size: int
    directory: bool


def scheme(uri: str) -> str:
    """A URI's scheme; `hdfs` where it has none, because Hadoop's tools take the cluster's own file system then."""
    return urlsplit(uri).scheme or "hdfs"


def escaped(path: str) -> str:
    """A path in which Hadoop's tools do not look for patterns."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


class Hadoop:
    """Hadoop's command line, run as the file system's own user."""

    def __init__(self, context: Context, tool: str, user: str) -> None:
        """tool: path of `hdfs`; `hadoop` is beside it."""
        self.context, self.tool, self.user = context, tool, user

    def fs(self, *words: str, stdin: bytes = b"") -> str:
        """`hdfs dfs WORDS`: its output. Raises WorkerError with what it said."""
        return self.context.run([self.tool, "dfs", *words], self.user, stdin)

    def default_fs(self) -> str:
        """The cluster's own file system, such as `hdfs://koverse`."""
        return self.context.run([self.tool, "getconf", "-confKey", "fs.defaultFS"], self.user).strip().rstrip("/")

    def _there(self, uri: str, *words: str) -> str | None:
        """What `hdfs dfs WORDS URI` prints, None where there is nothing at the URI. Raises WorkerError where that cannot be told."""
        child = self.context.popen([self.tool, "dfs", *words, escaped(uri)], self.user)
        output, errors = child.communicate()
        if self.context.ended(child) == 0:
            return str(output.decode("utf-8", "replace"))
        said = last_words(errors.decode("utf-8", "replace"))
        if said.endswith("No such file or directory"):
            return None
        raise WorkerError(f"{uri}: {said}")

    def owner(self, uri: str) -> str | None:
        """`user:group` of a file or directory, None where it is not there."""
        found = self._there(uri, "-stat", "%u:%g")
        return None if found is None else found.strip()

    def content(self, uri: str, recursive: bool = False) -> list[Entry] | None:
        """What is below a directory, None where it is not there."""
        output = self._there(uri, "-ls", *(["-R"] if recursive else []))
        if output is None:
            return None
        bare = urlsplit(uri).path.rstrip("/")
        entries = []
        for line in output.splitlines():
            match = _LISTED.match(line)
            if match:
                path = match["path"]
                path = urlsplit(path).path if "://" in path or path.startswith("file:") else path
                entries.append(Entry(path[len(bare) :].lstrip("/"), int(match["size"]), match["kind"] == "d"))
        return entries

    def listing(self, uri: str, recursive: bool = False) -> list[Entry]:
        """What is below a directory. Raises WorkerError where it is not there."""
        found = self.content(uri, recursive)
        if found is None:
            raise WorkerError(f"{uri}: no such directory")
        return found

    def lines(self, files: Mapping[str, str]) -> dict[str, list[str]]:
        """The lines of small text files, all read at once. files: name to path."""
        entries = [Entry(path, size, False) for path, size in self.sizes(list(files.values())).items()]
        contents = self._contents([(entry.path, entry.size) for entry in entries])
        return {name: contents[path].decode().split("\n")[:-1] for name, path in files.items()}

    def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        """The bytes of every file. Raises WorkerError that names a missing one."""
        found = {}
        for first in range(0, len(paths), _AT_ONCE):
            output = self.fs("-ls", *(escaped(path) for path in paths[first : first + _AT_ONCE]))
            matches = (_LISTED.match(line) for line in output.splitlines())
            found.update({match["path"]: int(match["size"]) for match in matches if match})
        return found

    def _contents(self, files: Sequence[tuple[str, int]]) -> dict[str, bytes]:
        """Small files, read at once and told apart by their sizes."""
        child = self.context.popen([self.tool, "dfs", "-cat", *(escaped(path) for path, _size in files)], self.user)
        output, errors = child.communicate()
        if self.context.ended(child) != 0 or len(output) != sum(size for _path, size in files):
            raise WorkerError(f"{files[0][0]}: {last_words(errors.decode('utf-8', 'replace'))}")
        found, position = {}, 0
        for path, size in files:
            found[path], position = output[position : position + size], position + size
        return found

    def manifests(self, sets: Sequence[str]) -> dict[str, Manifest | Damaged]:
        """The manifests of sets (URIs), or why they are none."""
        wanted = {uri: [f"{uri}/{name}" for name in manifest.BOTH] for uri in sets}
        sizes = self.sizes([path for paths in wanted.values() for path in paths])
        contents = self._contents(list(sizes.items()))
        return {uri: _decoded(contents[text], contents[checksum]) for uri, (text, checksum) in wanted.items()}

    def manifest(self, uri: str, files: Mapping[str, Entry]) -> Manifest | Damaged:
        """The manifest of a set, or why it is none. files: the set's own, by their paths."""
        missing = [name for name in manifest.BOTH if name not in files]
        if missing:
            return Damaged(f"{missing[0]}: expected it, found no such file")
        contents = self._contents([(f"{uri}/{name}", files[name].size) for name in manifest.BOTH])
        return _decoded(*contents.values())

    def set_names(self, uri: str) -> list[str]:
        """The directories below a URI that have a set's name, the oldest first. What is not finished is not among them."""
        return sorted(entry.path for entry in self.listing(uri) if entry.directory and manifest.is_id(entry.path))

    def sets(self, uri: str) -> dict[str, Manifest | Damaged]:
        """Every set below a URI by its name, or why a directory with a set's name is none."""
        names = self.set_names(uri)
        if not names:
            return {}
        there = self.context.run([self.tool, "dfs", "-ls", f"{escaped(uri)}/*/{{{','.join(manifest.BOTH)}}}"], self.user, allowed=(0, 1))
        whole = [name for name in names if all(f"/{name}/{file}\n" in there for file in manifest.BOTH)]
        read = self.manifests([f"{uri}/{name}" for name in whole]) if whole else {}
        return {name: read.get(f"{uri}/{name}", Damaged("it has no manifest")) for name in names}

    def remove_set(self, uri: str, name: str, instance_id: str) -> None:
        """Removes a set. It loses its name first, so that an interruption leaves no half set, and the next backup removes the rest."""
        doomed = f"{uri}/{manifest.partial(name, instance_id)}"
        self.fs("-mv", f"{uri}/{name}", doomed)
        self.fs("-rm", "-r", "-skipTrash", doomed)

    def checksums(self, uri: str, files: Sequence[Entry], each: Callable[[int], None]) -> Iterator[tuple[Entry, str]]:
        """The SHA-256 of every file, read whole and in order. each: called with the bytes read so far.

        Raises WorkerError that names the file that is missing, shorter or longer than its size, or cannot be read.
        """
        done = 0
        for first in range(0, len(files), _AT_ONCE):
            batch = files[first : first + _AT_ONCE]
            words = [self.tool, "dfs", "-cat", *(escaped(f"{uri}/{entry.path}") for entry in batch)]
            with tempfile.TemporaryFile() as errors:
                child = self.context.popen(words, self.user, stderr=errors)
                for entry in batch:
                    digest, left = hashlib.sha256(), entry.size
                    while left:
                        chunk = child.stdout.read(min(left, _CHUNK))
                        if not chunk:
                            self.context.ended(child)
                            raise WorkerError(
                                f"{uri}/{entry.path} cannot be read to its end of {entry.size} bytes: {last_words(written(errors))}"
                            )
                        digest.update(chunk)
                        left -= len(chunk)
                        done += len(chunk)
                        each(done)
                    yield entry, digest.hexdigest()
                rest = child.stdout.read(1)
                code = self.context.ended(child)
                if rest or code != 0:
                    raise WorkerError(f"reading {uri} ended with status {code}: {last_words(written(errors))}")

    def distcp(self, options: Sequence[str], sources: Sequence[str], target: str, total: int, each: Callable[[int], None]) -> None:
        """Copies with DistCp. sources: its arguments that say what to copy. each: called with the bytes copied so far, of `total`."""
        words = [f"{self.tool.rpartition('/')[0]}/hadoop", "distcp", *options, *sources, target]
        child = self.context.popen(words, self.user, stdout=subprocess.DEVNULL)
        log: list[str] = []
        whole = 0
        for raw in child.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            log = [*log[-200:], line]
            copied = re.search(r"Completed writing .* \((\d+) bytes\)", line)
            percent = re.search(r"\bmap (\d+)%", line)
            whole += int(copied[1]) if copied else 0
            if copied or percent:
                each(min(total, max(whole, total * int(percent[1]) // 100 if percent else 0)))
        code = self.context.ended(child)
        if code != 0:
            # A mapper's own words come long before the last ones.
            causes = list(dict.fromkeys(line for line in log if line.startswith(("Error: ", "Caused by: "))))[-2:]
            said = " / ".join(causes) or last_words("\n".join(log))
            raise WorkerError(f"DistCp to {target} ended with status {code}: {said}")


def _decoded(text: bytes, checksum: bytes) -> Manifest | Damaged:
    try:
        return manifest.decode(text, checksum)
    except Damaged as error:
        return error


def options(arguments: dict[str, Any], *between: str) -> list[str]:
    """DistCp's options.

    arguments: `yarn` (whether YARN runs; else DistCp's local runner copies), `maps` (how many copy at the same time), `bandwidth`
    (MB/s each), both 0 for DistCp's own. between: the two file systems' URIs. From HDFS to HDFS it keeps the block size, so that it can
    compare checksums. A directory of the backup host is not one of the NodeManagers' hosts: only the local runner reaches it.
    """
    schemes = {scheme(uri) for uri in between}
    words = [] if arguments["yarn"] and "file" not in schemes else ["-Dmapreduce.framework.name=local"]
    words += ["-pb"] if schemes == {"hdfs"} else []
    words += ["-m", str(arguments["maps"])] if arguments["maps"] else []
    return words + (["-bandwidth", str(arguments["bandwidth"])] if arguments["bandwidth"] else [])
