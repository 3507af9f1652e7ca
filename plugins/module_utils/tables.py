# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accumulo's tables on their way to a backup set and back."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils.hadoop import Hadoop
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.probes import Cluster
from ansible_collections.koverse.runbook.plugins.module_utils.services import argv
from ansible_collections.koverse.runbook.plugins.module_utils.shell import Shell, quoted
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError

_AT_ONCE = 200  # files that one rfile-info takes
_HAS_LOGS = "Write ahead logs found"  # the manager says so of a table that is to be exported
_SYSTEM_NAMESPACES = ("", "accumulo")
_USER_FILE = "_user.cfg"
_NAMESPACE_FILE = "_ns.cfg"


class Accumulo:
    """Accumulo's command-line tools, run as its user."""

    def __init__(self, context: Context, work: Mapping[str, Any]) -> None:
        """work: `manager` (its catalogue entry), `zookeeper` (the ensemble's servers)."""
        self.context, self.entry = context, work["manager"]
        self._cluster = Cluster(work["zookeeper"])
        self._session: Shell | None = None

    def facts(self) -> dict[str, Any]:
        """What ZooKeeper says of the instance; see module_utils/accumulo.py."""
        self._cluster.forget()
        try:
            return self._cluster.accumulo(self.entry["probe"].get("instance"))
        except NoAnswer as error:
            raise WorkerError(str(error)) from error

    def tables(self) -> dict[str, str]:
        """The tables of users: name to id."""
        return {
            table["name"]: number
            for number, table in self.facts()["tables"].items()
            if table["name"] and not table["name"].startswith("accumulo.")
        }

    def shell(self, commands: Sequence[str]) -> str:
        """What commands print in Accumulo's shell."""
        return self._logged_in().run(commands)

    def user(self) -> str:
        """Whose the shell's session is."""
        return self._logged_in().user

    def _logged_in(self) -> Shell:
        if self._session is None or not self._session.usable:
            self.end()
            self._session = Shell(self.context, self.entry)
        return self._session

    def end(self) -> None:
        """Ends the shell's session."""
        if self._session is not None:
            self._session.end()
            self._session = None

    def run(self, *words: str) -> str:
        """The output of `accumulo WORDS`."""
        return self.context.run([*argv(self.entry["tool"]), *words], self.entry["user"])

    def version(self) -> str:
        """Accumulo's version, such as 2.1.4."""
        found = re.search(r"\d+(\.\d+)+\S*", self.run("version"))
        return found[0] if found else ""

    def entries(self, files: Sequence[str]) -> dict[str, int]:
        """How many entries each of these RFiles holds, deleted and hidden ones included."""
        found: dict[str, int] = {}
        for first in range(0, len(files), _AT_ONCE):
            found.update(counted(self.run("rfile-info", *files[first : first + _AT_ONCE])))
        missing = [file for file in files if file not in found]
        if missing:
            raise WorkerError(f"rfile-info does not say how many entries there are in: {', '.join(missing[:5])}")
        return found

    def unreadable(self, tables: Sequence[str], commands: Sequence[str]) -> list[str]:
        """Runs commands, and tells those of the tables that the shell's user may not read, which a clone needs."""
        output = self.shell([*commands, "userpermissions"])
        granted = {match[1]: match[2] for match in re.finditer(r"^Table permissions \((.+?)\): (.*)$", output, re.MULTILINE)}
        return [table for table in tables if "Table.READ" not in granted.get(table, "")]

    def users(self) -> list[str]:
        """Accumulo's users."""
        return [line.strip() for line in self.shell(["users"]).splitlines() if line.strip()]

    def import_tables(self, directories: Mapping[str, str], files: Mapping[str, int]) -> None:
        """Imports tables, each from a directory of HDFS, which is empty afterwards; a table of its name, left by an interrupted run, goes.

        From 2.1 on they stay offline. files: how many each must have then. Raises WorkerError where it has not.
        """
        facts, known = self.facts(), self.tables()
        namespaces = {name.partition(".")[0] for name in directories if "." in name}
        missing = namespaces - set(self.shell(["namespaces"]).split()) if namespaces else set()
        option = "-o " if facts["renamed"] else ""
        self.shell(
            [
                *(f"createnamespace {name}" for name in sorted(missing)),
                *(f"deletetable -f {name}" for name in directories if name in known),
                *(f"importtable {option}{name} {directory}" for name, directory in directories.items()),
            ]
        )
        known = self.tables()
        found = self.shell([f"scan -t accumulo.metadata -b {known[name]}; -e {known[name]}< -c file -np" for name in directories])
        for name, number in files.items():
            have = len(set(re.findall(rf"^{re.escape(known[name])}[;<]\S* file:(\S+)", found, re.MULTILINE)))
            if have != number:
                raise WorkerError(f"table {name}: expected {number} files after its import, found {have}")

    def settings(self) -> list[str]:
        """Shell commands that bring back what an export does not carry: namespaces, users without their passwords, permissions,
        authorizations, and the system configuration that is kept in ZooKeeper."""
        directory = os.path.join(self.context.directory, "settings")
        os.makedirs(directory)
        try:
            shutil.chown(directory, self.entry["user"])
            self.run("admin", "dumpConfig", "-a", "-d", directory)
            texts = {}
            for name in sorted(os.listdir(directory)):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    texts[name] = file.read().splitlines()
        finally:
            shutil.rmtree(directory)
        return settings_script(texts, system_properties(self.shell(["config -np"])))


def counted(output: str) -> dict[str, int]:
    """Entries of each file, from what rfile-info prints: a block for each file, in it a number for each locality group."""
    found: dict[str, int] = {}
    for block in re.split(r"^Reading file: ", output, flags=re.MULTILINE)[1:]:
        numbers = re.findall(r"^\s*Num\s+entries\s*:\s*([\d,]+)", block, re.MULTILINE)
        found[block.split("\n", 1)[0].strip()] = sum(int(number.replace(",", "")) for number in numbers)
    return found


def system_properties(output: str) -> dict[str, str]:
    """What is configured in ZooKeeper for the whole instance, from what the shell's `config -np` prints."""
    found, name = {}, ""
    for line in output.splitlines():
        match = re.match(r"^(default|site|system)\s+\|\s+(\S+)[ .]* \| ?(.*)$", line)
        if match:
            name = name if match[2] == "@override" else match[2]
            if match[1] == "system":
                found[name] = match[3]
    return found


def settings_script(texts: Mapping[str, Sequence[str]], system: Mapping[str, str]) -> list[str]:
    """The commands of `Accumulo.settings`, from the files that `accumulo admin dumpConfig` writes (name to lines).

    Its lines are not fit to be replayed as they are: nothing is quoted, and what every instance has by itself is among them.
    """
    namespaces, users = [], []
    for name, lines in texts.items():
        if name.endswith(_NAMESPACE_FILE) and name[: -len(_NAMESPACE_FILE)] not in _SYSTEM_NAMESPACES:
            namespaces += [requoted(line) for line in lines if line.strip()]
        elif name.endswith(_USER_FILE):
            users += [requoted(line) for line in lines if line.strip() and not _of_the_system(line)]
    return [*namespaces, *users, *(f"config -s {quoted(f'{name}={value}')}" for name, value in sorted(system.items()))]


def _of_the_system(line: str) -> bool:
    """Permissions on what Accumulo makes itself: every user has them."""
    return bool(re.search(r" -(t accumulo\.\S+|ns accumulo|ns ) -u ", line))


def requoted(line: str) -> str:
    """A line of dumpConfig with its values quoted."""
    for pattern in (
        r"^(createuser|createnamespace) (.*)$",
        r"^(setauths -u) (.*) (-s) (.*)$",
        r"^(grant \S+ -s -u) (.*)$",
        r"^(grant \S+ -t) (.*) (-u) (.*)$",
        r"^(grant \S+ -ns) (.*) (-u) (.*)$",
        r"^(config -ns) (.*) (-s) (.*)$",
    ):
        match = re.match(pattern, line)
        if match:
            words = match.groups()
            return " ".join(word if position % 2 == 0 else quoted(word) for position, word in enumerate(words))
    raise WorkerError(f"dumpConfig wrote a line that is not known: {line}")


def export(accumulo: Accumulo, hadoop: Hadoop, clones: Mapping[str, str], directory: str) -> None:
    """Takes the clones offline and exports them. clones: table to its clone. directory: in HDFS; each table gets one below it."""
    hadoop.fs("-rm", "-r", "-f", "-skipTrash", directory.rpartition("/")[0])
    hadoop.fs("-mkdir", "-p", directory)
    hadoop.fs("-chown", accumulo.entry["user"], directory)
    for table, clone in clones.items():
        commands = [f"offline -w -t {clone}", f"exporttable -t {clone} {directory}/{table}"]
        try:
            accumulo.shell(commands)
        except WorkerError as error:
            if _HAS_LOGS not in str(error):
                raise
            # A tablet server died that served a part of it. Its tablets are given the server's logs, and lose them when they are served.
            with accumulo.context.timed(f"recover the clone of {table}"):
                accumulo.shell([f"online -w -t {clone}", *commands])


def users(lines: Sequence[str]) -> list[str]:
    """The users that a settings script makes."""
    return [_unquoted(line.partition(" ")[2]) for line in lines if line.startswith("createuser ")]


def grants(lines: Sequence[str], names: Mapping[str, str], present: Collection[str], partial: bool) -> list[str]:
    """The commands of a settings script that concern users who are there, and tables that came back.

    names: table of the set to the name that it has now. partial: only these tables came back, so that nothing else is touched.
    """
    commands = []
    for line in lines:
        words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", line)
        user = _unquoted(words[words.index("-u") + 1]) if "-u" in words else None
        if user is not None and user not in present:
            continue
        if words[0] == "grant" and "-t" in words:
            position = words.index("-t") + 1
            table = _unquoted(words[position])
            if table in names:
                commands.append(" ".join([*words[:position], names[table], *words[position + 1 :]]))
        elif not partial and words[0] == "setauths":
            labels = words[words.index("-s") + 1]
            commands.append(f"setauths -u {quoted(user or '')} " + (f"-s {labels}" if _unquoted(labels) else "-c"))
        elif not partial and (words[0] == "config" or (words[0] == "grant" and "-s" in words)):
            commands.append(line)
        elif not partial and words[0] == "grant" and "-ns" in words:
            namespace = _unquoted(words[words.index("-ns") + 1])
            if any(name.startswith(f"{namespace}.") for name in names.values()):
                commands.append(line)
    return commands


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in "'\"" and word[:1] == word[-1:] and len(word) > 1 else word
