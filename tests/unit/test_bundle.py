# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support bundle: what hosts collect, within its size and without secrets, and how it becomes one archive, whole or not at all."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.koverse.runbook.plugins.action import support_bundle_report
from ansible_collections.koverse.runbook.plugins.action.support_bundle_plan import ActionModule as Plan
from ansible_collections.koverse.runbook.plugins.action.support_bundle_report import ActionModule as Report
from ansible_collections.koverse.runbook.plugins.module_utils import bundle, machine, redact
from ansible_collections.koverse.runbook.plugins.module_utils.bundle import Box, Bundle
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context
from ansible_collections.koverse.runbook.plugins.plugin_utils import bundle as planned
from ansible_collections.koverse.runbook.plugins.plugin_utils import watch, wording
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import STAGING, key_file
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, answers, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, row

JDBC, ACCUMULO, LOGGED = "jdbc-Hunter22&x", "Tr0ub4dor+3", "c0rrect-Horse"
KEY = bytes(range(32))
NOW = 1795600800.0  # 2026-11-25T10:00:00Z


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's files, and places for an archive."""
    conf, log = tmp_path / "conf", tmp_path / "log"
    (conf / "sub").mkdir(parents=True)
    log.mkdir()
    (conf / "koverse-server.properties").write_text(f"com.koverse.server.jdbc.password={JDBC}\na=b\n")
    (conf / "sub" / "accumulo-site.xml").write_text(
        f"<configuration><property><name>instance.secret</name><value>{ACCUMULO}</value></property></configuration>"
    )
    (conf / "koverse.service.keytab").write_bytes(b"\x05\x02" + JDBC.encode())
    (conf / "lib.jar").write_bytes(b"PK\x03\x04")
    (conf / "large.conf").write_text("a = b\n" * 200_000)
    (conf / "shadow.conf").symlink_to("/etc/shadow")
    os.mkfifo(conf / "pipe.conf")
    coded = base64.b64encode(f"xx{JDBC}".encode()).decode()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    (log / "server.log").write_text(f"{stamp},123 INFO {ACCUMULO} said {coded}\n{stamp},124 WARN password={LOGGED}\n\tat x.Y(Y.java:1)\n")
    for name in ("big", "small"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(bundle, "_PLACES", (str(tmp_path / "big"), str(tmp_path / "small")))
    return tmp_path


def part(tree: Path, **changes: Any) -> Bundle:
    """A host's part."""
    entry = {"name": "koverse_server", "log": [f"{tree}/log/*.log"], "config": [f"{tree}/conf"], "service": None, "tool": None}
    arguments = {
        "directory": str(tree / "worker"),
        "login": os.getuid(),
        "secrets": {"key": KEY.hex()},
        "archive": "n1.tar.gz",
        "host": "n1",
        "entries": {"koverse_server": entry},
        "rows": {"koverse_server": {"state": "stopped", "health": "unhealthy", "pids": []}},
        "files": {"koverse_server": [f"{tree}/conf", f"{tree}/nothing"]},
        "since": time.time() - 3600,
        "until": None,
        "share": 10 << 20,
        "seconds": 60,
        "public": ["koverse"],
        **changes,
    }
    return Bundle(Context(arguments["directory"]), arguments)


def collected(tree: Path, **changes: Any) -> tuple[dict[str, str], dict[str, Any], bytes]:
    """The texts of a host's archive, the result of the step, and the archive as it is."""
    one = part(tree, **changes)
    result = dict(one.step("collect", {}))
    path = os.path.join(result["spool"], "n1.tar.gz")
    assert (os.stat(path).st_mode & 0o777, os.stat(result["spool"]).st_mode & 0o777) == (0o600, 0o700)
    raw = Path(path).read_bytes()
    texts = bundle.texts_of(path, 1 << 30)
    assert one.close() == []
    assert not os.path.exists(result["spool"])
    return texts, result, raw


def reasons(texts: dict[str, str]) -> dict[str, str]:
    """Why each was left out."""
    return {name: row["why"] for row in json.loads(texts[bundle.LEFT_OUT]) for name in row["what"]}


def not_in(planted: str, raw: bytes) -> None:
    """Neither as it is nor in base64, in an archive's bytes and in what they unpack to."""
    for content in (raw, gzip.decompress(raw)):
        assert planted.encode() not in content
        for before in range(3):
            core = base64.b64encode(b"x" * before + planted.encode())[4 : len(planted) // 3 * 4]
            assert core not in content


def test_a_hosts_part(tree: Path) -> None:
    texts, result, raw = collected(tree)
    root = f"config{tree}/conf"
    assert texts[f"{root}/koverse-server.properties"] == "com.koverse.server.jdbc.password=<removed>\na=b\n"
    assert "<name>instance.secret</name><value>&lt;removed&gt;</value>" in texts[f"{root}/sub/accumulo-site.xml"]
    assert "INFO <removed> said <removed>" in texts["logs.txt"]
    assert "WARN password=<removed>\n\tat x.Y(Y.java:1)" in texts["logs.txt"]
    assert {"limits.txt", "processes.txt", "disk.txt", "versions.txt"} <= set(texts)
    left = reasons(texts)
    assert left[f"{tree}/conf/koverse.service.keytab"] == "a key, a keytab, a keystore or a license"
    assert left[f"{tree}/conf/shadow.conf"] == "a link to /etc/shadow"
    assert left[f"{tree}/conf/pipe.conf"] == "not a file"
    assert left[f"{tree}/conf/large.conf"] == "larger than 1 MiB"
    assert f"{tree}/conf/lib.jar" in left
    for planted in (JDBC, ACCUMULO, LOGGED):
        not_in(planted, raw)
    assert {JDBC, ACCUMULO, LOGGED} <= redact.unseal(result["sealed"], KEY)
    assert JDBC not in json.dumps(result)


def test_logs_without_times_keep_their_place(tree: Path) -> None:
    path, now = tree / "log" / "stdout.log", time.time()
    path.write_text("out of memory\n")
    os.utime(path, (now + 2, now + 2))  # after the other log's entries, which have the second of now and a part of their own
    for until in (None, now + 60):
        logged = collected(tree, until=until)[0]["logs.txt"]
        assert logged.splitlines()[-1] == f"- koverse_server {path}: out of memory"
    os.utime(path, (now + 600, now + 600))
    assert collected(tree, until=now + 60)[0]["logs.txt"] == logged


def test_a_private_key_in_a_log_without_times_does_not_leave_the_host(tree: Path) -> None:
    lines = [base64.b64encode(bytes((7 * row + place) % 256 for place in range(48))).decode() for row in range(5)]
    text = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    (tree / "log" / "stdout.log").write_text(f"up\n{text}\ndown\n")
    texts, _result, raw = collected(tree)
    assert f"{tree}/log/stdout.log: {redact.REMOVED}\n" in texts["logs.txt"]
    for line in lines:
        not_in(line, raw)


def test_no_more_than_the_share_and_the_newest_of_the_logs(tree: Path) -> None:
    now = time.time()
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now - 3000 + number))},000 INFO line {number:05d}" for number in range(2900)
    ]
    (tree / "log" / "server.log").write_text("\n".join(lines) + "\n")
    share = 100_000
    texts, _result, _raw = collected(tree, share=share)
    assert sum(bundle.size(text) for text in texts.values()) <= share
    assert "line 02899" in texts["logs.txt"]
    assert "line 00000" not in texts["logs.txt"]
    assert texts["logs.txt"].startswith("20")
    assert any("logs" in name for name in reasons(texts))


def test_a_part_that_hangs_or_falls_over_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_arguments: Any, **_keywords: Any) -> Any:
        raise ZeroDivisionError("a fault of the code")

    monkeypatch.setattr(bundle.logs, "read", fall)
    monkeypatch.setattr(machine, "disk", lambda: time.sleep(60))
    texts, _result, _raw = collected(tree, seconds=4)
    left = reasons(texts)
    assert left["logs"] == "ZeroDivisionError: a fault of the code"
    assert left["limits and processes"].startswith("it took longer than")
    assert "limits.txt" in texts
    assert "disk.txt" not in texts
    assert f"config{tree}/conf/koverse-server.properties" in texts


def test_where_the_disk_is_full_another_place_is_taken(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {str(tree / "big"): 10, str(tree / "small"): 1 << 30}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, free[str(path)]))  # type: ignore[attr-defined]
    left = tree / "big" / "koverse-runbook-bundle-old"
    left.mkdir()
    assert Path(bundle.place(1000)).parent == tree / "small"
    assert not left.exists(), "what a killed run has left is removed"
    free[str(tree / "small")] = 10
    with pytest.raises(bundle.WorkerError, match="no room for 1000 bytes"):
        bundle.place(1000)


@pytest.mark.parametrize(
    ("most", "newest", "kept"), [(100, False, "a\nbb\nccc\n"), (5, False, "a\nbb\n"), (5, True, "ccc\n"), (0, True, ""), (1, False, "")]
)
def test_shortened(most: int, newest: bool, kept: str) -> None:
    assert bundle.shortened("a\nbb\nccc\n", most, newest) == kept


def test_what_is_too_large_is_noted() -> None:
    box = Box(10)
    box.put("a", "1234\n")
    box.put("b", "5\n678901\n")
    assert (box.texts, box.room) == ({"a": "1234\n", "b": "5\n"}, 3)
    assert box.left_out == [{"what": "b", "why": "the end: 7 of 9 bytes, above this host's share of the size"}]


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a/./b", ".."])
def test_an_archive_with_a_path_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(ValueError, match="is not expected"):
        bundle.texts_of(str(path), 1 << 20)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_an_archive_with_anything_but_files_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ValueError, match="is not expected"):
        bundle.texts_of(str(path), 1 << 20)


def test_an_archive_that_is_too_large_or_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(bundle.archive({"a": "x" * 1000}))
    with pytest.raises(ValueError, match="is not expected"):
        bundle.texts_of(str(path), 999)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cannot be read"):
        bundle.texts_of(str(path), 1 << 20)


# ---- threads


@pytest.fixture
def jvm(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A JVM with a thread of a known name, whose standard output is a file."""
    if not shutil.which("java"):
        pytest.skip("no java here")
    source = tmp_path / "Hang.java"
    source.write_text(
        'public class Hang { public static void main(String[] a) throws Exception { Thread.currentThread().setName("planted");'
        ' System.out.println("up"); Thread.sleep(600000); } }'
    )
    output = tmp_path / "stdout"
    with output.open("wb") as file:
        process = subprocess.Popen(["java", str(source)], stdout=file, stderr=subprocess.STDOUT)
    end = time.monotonic() + 60
    while b"up" not in output.read_bytes():
        assert time.monotonic() < end
        time.sleep(0.1)
    yield process
    process.kill()
    process.wait()


def test_threads_of_a_jvm(jvm: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {
        "a": {"state": "running", "health": "unknown", "pids": [jvm.pid]},
        "b": {"state": "running", "health": "healthy", "pids": [jvm.pid]},
    }
    assert machine.silent(rows) == {"a": [jvm.pid]}
    assert '"planted"' in machine.threads({}, [jvm.pid])
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    assert '"planted"' in machine.threads({}, [jvm.pid]), "written by the JVM itself, at SIGQUIT"
    os.kill(jvm.pid, signal.SIGSTOP)
    os.waitpid(jvm.pid, os.WUNTRACED)
    assert "stopped by a signal (SIGSTOP): its threads cannot be dumped" in machine.threads({}, [jvm.pid])
    assert jvm.poll() is None


def test_what_sigquit_would_end_does_not_get_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert "does not catch SIGQUIT" in machine.threads({}, [child.pid])
        assert child.poll() is None
        child.kill()


# ---- settings

SETTINGS = {"since": "1h", "up_to": "", "max_size": "100MB", "directory": "/nowhere", "name": "", "timeout": 300.0}


def test_the_settings() -> None:
    decided = planned.decided(["n1", "n2", "n3"], SETTINGS, NOW)
    assert decided["path"] == "/nowhere/koverse-support-20261125T100000Z.tar.gz"
    assert (decided["since"], decided["until"], decided["max_size"]) == (NOW - 3600, None, 100 << 20)
    assert decided["share"] == (decided["max_size"] - decided["max_size"] // 10) // 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"since": "yesterday"}, "since: expected a time such as 14:05"),
        ({"since": "1h", "up_to": "2h"}, "since: expected a time before until"),
        ({"up_to": "3600"}, "until: expected a time such as 14:05"),
        ({"max_size": "much"}, "runbook_bundle_max_size: expected a size"),
        ({"max_size": "500k"}, "expected at least 853.3 KiB for 3 hosts, found 500k"),
        ({"name": "../x"}, "runbook_bundle_name: expected letters"),
        ({"timeout": 1.0}, "runbook_bundle_timeout: expected at least 10 seconds"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RunbookError) as raised:
        planned.decided(["n1", "n2", "n3"], {**SETTINGS, **changes}, NOW)
    assert words in str(raised.value)
    assert raised.value.problems[-1] == "Nothing was collected."


def test_what_a_host_is_told() -> None:
    plan = ha_plan()
    plan["zookeeper"] = ["n1:2181"]
    told = planned.arguments(
        plan, planned.decided(plan["order"], SETTINGS, NOW), "n3", [row("koverse_server", "n3"), row("postgres", "n1")]
    )
    assert "/opt/koverse-server" in told["files"]["koverse_server"]
    assert "/etc/init.d/koverse-server" in told["files"]["koverse_server"]
    assert list(told["rows"]) == ["koverse_server"]
    assert "postgres" not in told["entries"]
    assert {"koverse", "accumulo", "zookeeper"} <= set(told["public"])
    inventory = planned.inventory(plan)
    assert inventory["hosts"]["n1"]["components"][0] == "postgres"
    assert inventory["components"]["zookeeper"]["ports"]["client"] == 2181
    assert "commands" not in json.dumps(inventory)


# ---- the bundle


@pytest.fixture
def made(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Path]:
    """A bundle of a cluster with a host that cannot be reached; its result, and the file."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    staging = tmp_path / STAGING
    staging.mkdir()
    plan = ha_plan()
    settings = {"directory": str(tmp_path / "support"), "name": "lab", "max_size": "30MB"}
    decided = run(Plan, variables(plan), **settings)
    assert not decided.get("failed"), decided
    key = key_file().read_bytes()
    _texts, result, raw = collected(tree, secrets={"key": key.hex()})
    (staging / "n1.tar.gz").write_bytes(raw)
    # What n1 has as a secret, n2 has in a log.
    (staging / "n2.tar.gz").write_bytes(
        bundle.archive({"logs.txt": f"x {JDBC} y\n", "config/a.xml": f"<a>{JDBC}</a>", bundle.LEFT_OUT: "[]"})
    )
    picture = healthy(plan)
    picture["zookeeper"]["n1"].update(health="unknown", evidence=f"password={LOGGED}")
    seen = {**answers(picture), "n3": UNREACHABLE}
    got = {
        "n1": {"result": result},
        "n2": {"result": {"sealed": redact.seal(set(), key)}},
        "n3": {"skipped": True, "result": {}, "why": "the host is unreachable: No route to host"},
    }
    task_vars = {**variables(plan, runbook_seen=seen, runbook_collected=got), "runbook_bundle": decided, "runbook_backup_max_age": 26}
    channels = watch.Settings("ha", {"ops": watch.Filter()})
    told, _messages = watch.step(None, watch.Look({}, {}), datetime.datetime.now(datetime.timezone.utc), channels, wording.compose)
    (tmp_path / "watch.json").write_text(json.dumps(told), encoding="utf-8")
    return run(Report, task_vars, status_directory=str(tmp_path)), Path(decided["path"])


def test_the_bundle(made: tuple[dict[str, Any], Path]) -> None:
    result, path = made
    assert not result.get("failed"), result
    assert path.name == "koverse-support-lab.tar.gz"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert result["bytes"] == path.stat().st_size
    assert result["hosts_not_reached"] == ["n3"]
    for planted in (JDBC, ACCUMULO, LOGGED):
        not_in(planted, path.read_bytes())
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        files = {member.name.partition("/")[2]: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    assert all(member.isreg() and member.name.startswith("koverse-support-lab/") and member.mode == 0o600 for member in members)
    manifest = json.loads(files["manifest.json"])
    assert {"status.json", "status.html", "diagnosis.txt", "inventory.json", "n1/logs.txt", "n1/limits.txt"} <= set(files)
    assert {entry["path"] for entry in manifest["files"]} == set(files) - {"manifest.json"}
    for entry in manifest["files"]:
        assert (entry["bytes"], entry["sha256"]) == (len(files[entry["path"]]), hashlib.sha256(files[entry["path"]]).hexdigest())
    assert files["n2/logs.txt"] == b"x <removed> y\n"
    assert files["n2/config/a.xml"] == b"<a>&lt;removed&gt;</a>"
    said = json.loads(files["status.json"])
    assert said["verdict"]["state"]
    assert (said["backups"]["max_age_hours"], [row["name"] for row in said["notifications"]["channels"]]) == (26, ["ops"])
    assert (manifest["hosts"], manifest["hosts_not_reached"]) == (["n1", "n2"], ["n3"])
    missing = {"host": "n3", "why": "the host is unreachable: No route to host", "count": 1, "what": ["everything"]}
    assert missing in manifest["left_out"]
    assert {(row["host"], row["why"]) for row in manifest["left_out"]} >= {("n1", "not a file"), ("n1", "a link to /etc/shadow")}


def test_what_is_said_on_the_screen() -> None:
    names = [f"/a/{number}.jar" for number in range(5)]
    rows = [
        {"host": "n1", "why": "of a kind that is not known", "count": 5, "what": names},
        {"host": "n1", "why": "not text", "count": 4, "what": names[:2]},
        {"host": "n1", "why": "not a file", "count": 1, "what": names[:1]},
        {"host": "n1", "why": "other reasons", "count": 7, "what": []},
    ]
    lines = planned.report("support/x.tar.gz", 2048, {"files": [{"bytes": 4096}], "left_out": rows})
    assert lines == [
        "Written: support/x.tar.gz, 2.0 KiB (2 files, 4.0 KiB unpacked)",
        "Left out:",
        "  n1: /a/0.jar, /a/1.jar, /a/2.jar and 2 more, which manifest.json has: of a kind that is not known",
        "  n1: /a/0.jar, /a/1.jar and 2 more: not text",
        "  n1: /a/0.jar: not a file",
        "  n1: 7: other reasons",
    ]


@pytest.mark.parametrize("reasons", [1, 7, 5000])
def test_what_was_left_out_is_counted_and_has_room(reasons: int) -> None:
    rows = [{"what": f"/a/{number}/{'x' * 100}", "why": f"a link to {number % reasons}/{'y' * 100}"} for number in range(5000)]
    for most in (1024, 32 << 10, 64 << 10):
        found = bundle.summed_up(rows, most)
        assert len(json.dumps(found)) <= most
        assert sum(row["count"] for row in found) == 5000
    assert [len(row["what"]) for row in found[:7]] == ([50] if reasons == 1 else [50] * 7 if reasons == 7 else [1] * 7)


def test_a_host_with_thousands_of_files_that_are_left_out_keeps_its_share(tree: Path) -> None:
    many = tree / "conf" / "many"
    many.mkdir()
    for number in range(2000):
        (many / f"{number}-{'x' * 200}.conf").symlink_to(f"/nowhere/{number}")
    share = 256 << 10
    texts, _result, raw = collected(tree, share=share)
    assert sum(map(bundle.size, texts.values())) <= share
    assert sum(row["count"] for row in json.loads(texts[bundle.LEFT_OUT])) > 2000
    (tree / "n1.tar.gz").write_bytes(raw)
    assert bundle.texts_of(str(tree / "n1.tar.gz"), 2 * share) == texts


def test_it_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunbookError, match="cannot be written: No space left on device"):
        support_bundle_report.write(tmp_path / "x.tar.gz", b"x")
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "koverse-support-lab.tar.gz").touch()
    refused = run(Plan, variables(ha_plan()), directory=str(tmp_path), name="lab")
    assert refused["failed"]
    assert "is there already" in refused["msg"]
