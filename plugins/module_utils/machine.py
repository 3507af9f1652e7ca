# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself as text: versions, file systems, limits, processes, and what the threads of a JVM do. No JVM is started.

Nothing here is without secrets: command lines have them. See redact.py.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import processes, services
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso

Entry = Mapping[str, Any]

_TIMEOUT = 10.0  # seconds for a command; df waits for ever where a network file system is gone
_JSTACK = 20.0  # seconds
_SIGQUIT = 10.0  # seconds in which a JVM has to have written its threads
_POLL = 0.2  # seconds
_DEEP = 5  # directories below a component's home in which its archives are looked for
_END_OF_DUMP = "JNI global ref"  # HotSpot's last words of a thread dump, since Java 5
# The archives that carry a component's own version.
_ARCHIVE = re.compile(
    r"(?:accumulo-(?:start|core|tserver|server-base)|hadoop-(?:common|hdfs|yarn-common|mapreduce-client-core)|zookeeper|koverse[a-z-]*"
    r"|spark-core_[\d.]+|postgresql)-\d[^/]*\.jar$"
)
_PACKAGES = ("koverse*", "accumulo*", "hadoop*", "zookeeper*", "postgresql*", "openjdk*", "java-*", "temurin*", "systemd", "libc6", "glibc")
_SYSCTLS = (
    "fs/file-max", "fs/file-nr", "fs/nr_open", "fs/inotify/max_user_watches", "kernel/pid_max", "kernel/threads-max", "vm/swappiness",
    "vm/max_map_count", "vm/overcommit_memory", "vm/overcommit_ratio", "vm/dirty_ratio", "vm/dirty_background_ratio",
    "vm/zone_reclaim_mode", "net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog", "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_keepalive_time", "net/ipv4/tcp_fin_timeout", "net/ipv6/conf/all/disable_ipv6",
)  # fmt: skip
_STATE = re.compile(r"(?:Name|State|Threads|VmRSS|VmSize|VmSwap|voluntary_ctxt_switches|nonvoluntary_ctxt_switches):")


def content(path: str, most: int = 1 << 20) -> str:
    """A small file's text; empty where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def titled(title: str, said: str) -> str:
    """A part of a text, with its title."""
    return f"== {title}\n{said.rstrip()}\n\n"


def _said(words: list[str]) -> str:
    code, output = services.run(words, _TIMEOUT)
    return titled(" ".join(words), output if code == 0 else f"{output}\n(exit status {code})")


# ---- versions


def versions(entries: Mapping[str, Entry], rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Operating system, kernel, packages; for each component its Java and the archives that carry its version."""
    kernel = os.uname()
    found = [
        titled("operating system", content("/etc/os-release")),
        titled("kernel", f"{kernel.sysname} {kernel.release} {kernel.version}"),
    ]
    found.append(titled("packages", "\n".join(_packages())))
    for name, entry in entries.items():
        pids = rows.get(name, {}).get("pids", [])
        lines = sorted({_java(pid) for pid in pids} - {""})
        lines += sorted({*_open_archives(pids), *_archives_at_home(entry)}) or ["no archive with a version was found"]
        found.append(titled(name, "\n".join(lines)))
    return "".join(found)


def _packages() -> list[str]:
    """Name and version of the packages that matter, as the host's package manager knows them."""
    if shutil.which("dpkg-query"):
        words = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package} ${Version}\n", *_PACKAGES]
        _code, output = services.run(words, _TIMEOUT)  # it complains of each name of which there is none
        return [line.partition(" ")[2] for line in output.splitlines() if line.startswith("installed ")]
    return services.run(["rpm", "--query", "--all", *_PACKAGES], _TIMEOUT)[1].splitlines()


def _java(pid: int) -> str:
    """The Java of a JVM, from the `release` file of its home; empty for another program."""
    program = _program(pid)
    if os.path.basename(program) != "java":
        return f"program {program}" if program else ""
    home = os.path.dirname(os.path.dirname(program))
    release = content(os.path.join(home, "release")) or content(os.path.join(os.path.dirname(home), "release"))
    version = re.search(r'^JAVA_VERSION="?([^"\n]+)', release, re.MULTILINE)
    return f"Java {version[1] if version else 'of an unknown version'}, {program}"


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _open_archives(pids: Iterable[int]) -> set[str]:
    """A JVM keeps the archives of its class path open."""
    found = set()
    for pid in pids:
        for link in glob.glob(f"/proc/{pid}/fd/*"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(link))
    return {path for path in found if _ARCHIVE.search(os.path.basename(path))}


def _archives_at_home(entry: Entry) -> set[str]:
    """The archives below a component's home: that of its tool, or a directory below /opt of its configuration, or of its unit's program."""
    homes = {os.path.dirname(os.path.dirname(os.path.realpath(services.argv(entry["tool"])[-1])))} if entry.get("tool") else set()
    homes |= {path for path in entry["config"] if path.startswith("/opt/")}
    for unit in glob.glob(f"/etc/systemd/system/{entry['service']}.service") if entry.get("service") else ():
        homes |= {os.path.realpath(path) for path in re.findall(r"^ExecStart=[-@:+!]*(/opt/[^/\s]+)", content(unit), re.MULTILINE)}
    found = set()
    for home in homes:
        for directory, directories, names in os.walk(home):
            if directory.count("/") - home.count("/") >= _DEEP:
                directories.clear()
            found |= {os.path.join(directory, name) for name in names if _ARCHIVE.search(name)}
    return found


# ---- file systems and limits


def disk() -> str:
    """Free space and free inodes."""
    return _said(["df", "-PTh"]) + _said(["df", "-Pi"])


def limits(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Memory, load and kernel settings; for each component's process its limits, and what it has open."""
    found = [titled(path, content(path)) for path in ("/proc/loadavg", "/proc/meminfo", "/proc/swaps")]
    found += [
        titled(path, said) for path in ("/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io") if (said := content(path))
    ]
    huge = "/sys/kernel/mm/transparent_hugepage/enabled"
    settings = [f"{name.replace('/', '.')} = {' '.join(said.split())}" for name in _SYSCTLS if (said := content(f"/proc/sys/{name}"))]
    found.append(titled("sysctl", "\n".join([*settings, f"{huge} = {content(huge).strip()}"])))
    for name, row in rows.items():
        for pid in row["pids"]:
            try:
                files, threads = (len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))
            except OSError:
                continue  # it has ended
            found.append(titled(f"{name}, pid {pid}: {files} open files, {threads} threads", content(f"/proc/{pid}/limits")))
    return "".join(found)


# ---- processes


def listed() -> Iterator[tuple[str, list[str]]]:
    """For every process but the kernel's: pid, parent, user, state, resident memory, threads and start as a line; its command's words."""
    page = os.sysconf("SC_PAGE_SIZE")
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        line, process = content(f"/proc/{pid}/cmdline", 1 << 18), processes.describe(pid)
        try:
            fields = content(f"/proc/{pid}/stat").rpartition(")")[2].split()
            owner = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue
        if line and process and len(fields) > 21:
            memory = int(fields[21]) * page >> 20
            user = _user(owner)
            words = [word for word in line.split("\0") if word]
            yield f"{pid:>8} {fields[1]:>8} {user:<12} {fields[0]} {memory:>7} MiB {fields[17]:>5} {iso(process['since'])}", words


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


# ---- threads


def silent(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, list[int]]:
    """The JVMs that run and do not answer: component to processes."""
    found = {}
    for name, row in rows.items():
        if row["state"] == "running" and (row["health"] == "unknown" or row.get("signalled")):
            pids = [pid for pid in row["pids"] if os.path.basename(_program(pid)) == "java"]
            if pids:
                found[name] = pids
    return found


def threads(entry: Entry, pids: Sequence[int]) -> str:
    """What the threads of JVMs do, from jstack; where that does not come, from the JVM itself, which writes them when it gets SIGQUIT.

    A JVM that a signal has stopped can tell nothing; it says so.
    """
    return "".join(titled(f"pid {pid}", _kernel_says(pid)) + titled(f"pid {pid}: threads", _dumped(entry, pid)) for pid in pids)


def _kernel_says(pid: int) -> str:
    lines = [line for line in content(f"/proc/{pid}/status").splitlines() if _STATE.match(line)]
    waits: dict[str, int] = {}
    for path in glob.glob(f"/proc/{pid}/task/*/wchan"):
        place = content(path) or "0"
        waits[place] = waits.get(place, 0) + 1
    return "\n".join([*lines, *(f"{count} threads wait in {place}" for place, count in sorted(waits.items()) if place != "0")])


def _dumped(entry: Entry, pid: int) -> str:
    process = processes.describe(pid)
    if process is None:
        return "it has ended"
    if _namespace(pid) != _namespace(os.getpid()):
        return "it runs in a container of this host, and is not asked from here"
    if process["stopped"]:
        return f"stopped by a signal (SIGSTOP): its threads cannot be dumped. After 'kill -CONT {pid}' they can, if it hangs then, too."
    # jstack sends SIGQUIT, too: a JVM with the option -Xrs would end.
    if not _catches(pid, signal.SIGQUIT):
        return "it does not catch SIGQUIT, which is how a JVM is asked for its threads (option -Xrs): it was not asked"
    said = []
    for jstack in (os.path.join(os.path.dirname(_program(pid)), "jstack"), shutil.which("jstack")):
        if jstack and os.access(jstack, os.X_OK):
            user = _user(os.stat(f"/proc/{pid}").st_uid)
            words = [jstack, "-l", str(pid)]
            code, output = services.run(words if user == _user(os.getuid()) else ["runuser", "-u", user, "--", *words], _JSTACK)
            if code == 0 and "Full thread dump" in output:
                return output
            said.append(f"{jstack}: exit status {code}: {output[-500:]}")
            break
    return "\n".join([*(said or ["there is no jstack on this host"]), _from_itself(entry, pid)])


def _catches(pid: int, number: int) -> bool:
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", content(f"/proc/{pid}/status"), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def _namespace(pid: int) -> str:
    """Among whose processes a process is."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _from_itself(entry: Entry, pid: int) -> str:
    """The threads as the JVM writes them to its standard output."""
    began = time.time()
    output = f"/proc/{pid}/fd/1"
    try:
        is_file = stat.S_ISREG(os.stat(output).st_mode)
        start = os.path.getsize(output) if is_file else 0
        os.kill(pid, signal.SIGQUIT)
    except OSError as error:
        return f"SIGQUIT cannot be sent: {error.strerror}"
    end = time.monotonic() + _SIGQUIT
    while True:
        said = _after(output, start) if is_file else _journal(entry, began)
        if _END_OF_DUMP in said:
            return said
        if time.monotonic() > end:
            return f"SIGQUIT was sent; within {_SIGQUIT:g} s its threads were not written to {os.readlink(output)}\n{said}"
        time.sleep(_POLL)


def _after(path: str, start: int) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(16 << 20).decode("utf-8", "replace")
    except OSError:
        return ""


def _journal(entry: Entry, since: float) -> str:
    if not entry.get("service") or not services.has_systemd():
        return ""
    words = ["journalctl", "--quiet", "--no-pager", "-o", "cat", f"--since=@{since - 1:.0f}", "-u", services.unit(entry)]
    code, output = services.run(words, _TIMEOUT)
    return output if code == 0 else ""
