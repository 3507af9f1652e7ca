# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: entries as components write them, read from files and the journal of a host, merged on the controller."""

from __future__ import annotations

import datetime
import gzip
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action import logs_info, logs_report
from ansible_collections.koverse.runbook.plugins.module_utils import logs, services
from ansible_collections.koverse.runbook.plugins.plugin_utils import logs as merging
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError, load
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan
from hypothesis import given
from hypothesis import strategies as st

# 2026-11-22 19:39:01 UTC
BASE = 1795376341.0
# Written in the form of `journalctl -o json`.
JOURNAL = Path(__file__).parent / "samples" / "journal.json"
pytestmark = pytest.mark.usefixtures("berlin")


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("2026-11-22 20:39:01,671 INFO org.apache.hadoop.hdfs.StateChange: STATE* Safe mode is OFF", BASE + 0.671),
        ("2026-11-22 20:39:01,671 [myid:1] - INFO  [main:QuorumPeer@1]", BASE + 0.671),
        ("2026-11-22T20:39:01,671 [tserver.TabletServer] INFO : started", BASE + 0.671),
        ("2026-11-22 19:39:01.671 UTC [123] LOG:  database system is ready to accept connections", BASE + 0.671),
        ("2026-11-22 20:39:01.671 CET [123] LOG:  checkpoint starting: time", BASE + 0.671),
        ("2026-11-22T19:39:01.671Z WARN x", BASE + 0.671),
        ("2026-11-22T21:39:01+0200 WARN x", BASE),
        ("[2026-11-22 20:39:01,671] INFO x", BASE + 0.671),
        ("26/11/22 20:39:01 INFO SparkContext: Running Spark version 2.3.0", BASE),
        ("2026-07-22 21:39:01,000 INFO summer", BASE - 123 * 86400),
        ("2026-10-25 02:30:00.000 CEST [1] LOG:  the first half past two", 1792888200.0),
        ("2026-10-25 02:30:00.000 CET [1] LOG:  the second half past two", 1792891800.0),
        ("2026-13-45 20:39:01,671 INFO no date", None),
        ("java.io.IOException: 2026-11-22 20:39:01", None),
        ("99/99/99 20:39:01 INFO no date", None),
        ("", None),
    ],
)
def test_times(line: str, when: float | None) -> None:
    assert logs.moment(line) == (None if when is None else pytest.approx(when))


TRACE = """\
2026-11-22 20:39:01,671 ERROR server.Thrift: failed
java.io.IOException: no
\tat com.koverse.X.y(X.java:1)
Caused by: java.lang.Error: really

\t... 12 more
2026-11-22 20:39:02,000 INFO server.Thrift: goes on"""


def test_a_stack_trace_belongs_to_its_entry() -> None:
    found = list(logs.grouped(TRACE.splitlines()))
    assert [when for when, _text in found] == [pytest.approx(BASE + 0.671), BASE + 1]
    assert found[0][1].splitlines()[-1] == "\t... 12 more"
    assert "\n".join(text for _when, text in found) == TRACE


def test_without_times_only_what_looks_like_it_goes_on() -> None:
    text = 'SLF4J: one\nSLF4J: two\nException in thread "main" java.lang.Error\n\tat a.B.c(B.java:1)\nlast'
    assert [said for _when, said in logs.grouped(text.splitlines())] == [
        "SLF4J: one",
        "SLF4J: two",
        'Exception in thread "main" java.lang.Error\n\tat a.B.c(B.java:1)',
        "last",
    ]


@given(st.lists(st.sampled_from(["2026-11-22 20:39:01,671 INFO a", "\tat b", "plain", "java.lang.Error: c"]), max_size=12))
def test_no_line_is_lost(lines: list[str]) -> None:
    assert "\n".join(text for _when, text in logs.grouped(lines)) == "\n".join(line.rstrip() for line in lines).rstrip()


def test_what_has_no_time_keeps_its_place() -> None:
    assert logs.placed([(None, "a"), (5.0, "b"), (None, "c")], 99.0) == [(5.0, None, "a"), (5.0, 5.0, "b"), (5.0, None, "c")]
    assert logs.placed([(None, "a")], 99.0) == [(99.0, None, "a")]


def test_the_journal() -> None:
    found = logs.from_journal(JOURNAL.read_text(encoding="utf-8"))
    assert [text.splitlines()[0] for _when, text in found] == [
        "Started koverse-server.service - Koverse server.",
        'Exception in thread "main" java.lang.IllegalStateException: no',
        "größer",
    ]
    assert found[1][1].splitlines()[1:] == ["\tat com.koverse.Main.main(Main.java:12)", "Caused by: java.io.IOException: x"]
    assert found[0][0] == BASE + 0.671234


def test_entries_of_the_journal_whatever_is_in_them() -> None:
    said = ["next\u2028line", "next\u0085line", [97, 98, 255], None, ["one", "two"], ["one", [116, 119, 111]]]
    rows = [
        json.dumps({"__REALTIME_TIMESTAMP": str(number * 10**6), "_PID": str(number), "MESSAGE": text}, ensure_ascii=False)
        for number, text in enumerate(said)
    ]
    found = logs.from_journal("\n".join(rows))
    assert [text for _when, text in found] == ["next\u2028line", "next\u0085line", "ab\ufffd", "", "one\ntwo", "one\ntwo"]


# ---- a host's files


def entry(*log: str, service: str | None = None) -> dict[str, Any]:
    return {"log": list(log), "service": service}


def line(second: int, text: str = "x") -> str:
    """A line of log4j so many seconds after BASE, in the host's zone."""
    return f"{datetime.datetime.fromtimestamp(BASE + second):%Y-%m-%d %H:%M:%S},000 INFO {text}\n"


def put(path: Path, text: str, second: float) -> Path:
    """A file that was written last so many seconds after BASE."""
    path.parent.mkdir(exist_ok=True)
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    os.utime(path, (BASE + second, BASE + second))
    return path


def texts(found: dict[str, Any]) -> list[str]:
    return [row["text"].rpartition(" ")[2] for row in found["entries"]]


def test_the_last_lines_of_several_files(tmp_path: Path) -> None:
    put(tmp_path / "a.log", line(1, "one") + line(5, "five") + "\tgoes on\n", 5)
    put(tmp_path / "server.err", line(3, "three"), 3)
    put(tmp_path / "b.log", line(4, "four"), 4)
    entries = {"koverse_server": entry(f"{tmp_path}/a.log", f"{tmp_path}/server.err"), "b": entry(f"{tmp_path}/b.log")}
    found = logs.read(entries, "n1", None, None, lines=2)
    assert found["left_out"] == []
    assert found["entries"] == [
        {
            "time": BASE + 3,
            "component": "koverse_server",
            "host": "n1",
            "source": f"{tmp_path}/server.err",
            "text": line(3, "three").strip(),
        },
        {"time": BASE + 4, "component": "b", "host": "n1", "source": f"{tmp_path}/b.log", "text": line(4, "four").strip()},
        {
            "time": BASE + 5,
            "component": "koverse_server",
            "host": "n1",
            "source": f"{tmp_path}/a.log",
            "text": line(5, "five") + "\tgoes on",
        },
    ]


def test_rotated_and_compressed_files_where_the_window_needs_them(tmp_path: Path) -> None:
    put(tmp_path / "a.log", line(30, "30") + line(40, "40"), 40)
    put(tmp_path / "a.log.1", line(20, "20"), 20)
    put(tmp_path / "a.log.2.gz", line(10, "10") + line(11, "11"), 11)
    put(tmp_path / "a.log-20261121.gz", line(-86400, "yesterday"), -86400)
    entries = {"a": entry(f"{tmp_path}/*.log")}
    assert texts(logs.read(entries, "n1", BASE + 11, BASE + 30)) == ["11", "20", "30"]
    assert texts(logs.read(entries, "n1", None, None, lines=4)) == ["11", "20", "30", "40"]
    assert texts(logs.read(entries, "n1", None, None, lines=9)) == ["yesterday", "10", "11", "20", "30", "40"]
    assert texts(logs.read(entries, "n1", None, BASE + 25, lines=2)) == ["11", "20"]


def test_files_that_the_window_does_not_need_are_not_opened(tmp_path: Path) -> None:
    put(tmp_path / "a.log", line(30, "30"), 30)
    put(tmp_path / "a.log.1.gz", "no gzip: it must not be read", 10).write_bytes(b"no gzip")
    os.utime(tmp_path / "a.log.1.gz", (BASE + 10, BASE + 10))
    entries = {"a": entry(f"{tmp_path}/*.log")}
    assert logs.read(entries, "n1", BASE + 20, None)["left_out"] == []
    assert logs.read(entries, "n1", None, None, lines=1)["left_out"] == []
    (said,) = logs.read(entries, "n1", BASE, None)["left_out"]
    assert said.startswith(f"{tmp_path}/a.log.1.gz: Not a gzipped file")


def test_a_compressed_file_of_which_no_part_may_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_READ_HOST", 40)
    put(tmp_path / "a.log", line(30, "30" + "." * 40), 30)
    put(tmp_path / "a.log.1.gz", line(10, "10"), 10)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE, None)
    assert found["left_out"][-1] == f"{tmp_path}/a.log.1.gz: more than what is read of a file or a host"


def test_a_damaged_file_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    put(tmp_path / "a.log", line(30, "30"), 30)
    damaged = put(tmp_path / "a.log.1.gz", "".join(line(second, str(second)) for second in range(100)), 10)
    damaged.write_bytes(damaged.read_bytes()[:10] + b"\xff" * 200)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE, None)
    assert texts(found) == ["30"]
    assert found["left_out"][0].startswith(f"{tmp_path}/a.log.1.gz: Error -3 while decompressing")


@pytest.mark.parametrize("end", ["1.xz", "1.bz2", "1.zst", "1.lz4", "1.zip", "1.tar.gz"])
def test_files_that_are_compressed_in_other_ways_are_said_and_not_read(tmp_path: Path, end: str) -> None:
    put(tmp_path / "a.log", line(30, "30"), 30)
    put(tmp_path / f"a.log.{end}", line(10, "as if it were text"), 10)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE, None)
    assert texts(found) == ["30"]
    assert found["left_out"] == [f"{tmp_path}/a.log.{end}: compressed in a way that is not read"]
    assert logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE + 20, None)["left_out"] == []


def test_a_pattern_is_looked_for_in_the_whole_entry(tmp_path: Path) -> None:
    put(tmp_path / "a.log", TRACE + "\n", 2)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", None, None, pattern="Caused by: .*really", lines=5)
    assert [row["text"] for row in found["entries"]] == ["\n".join(TRACE.splitlines()[:-1])]


def test_a_window_of_a_large_file_is_found(tmp_path: Path) -> None:
    many = 40_000
    put(tmp_path / "a.log", "".join(line(second, f"{second} {'.' * 40}") for second in range(many)), many)
    entries = {"a": entry(f"{tmp_path}/a.log")}
    found = logs.read(entries, "n1", BASE + 1000, BASE + 1002, limit=200_000)
    assert [row["time"] - BASE for row in found["entries"]] == [1000, 1001, 1002]
    assert found["left_out"] == []
    last = logs.read(entries, "n1", None, None, lines=3)
    assert [row["time"] - BASE for row in last["entries"]] == [many - 3, many - 2, many - 1]
    assert last["left_out"] == []
    many_lines = logs.read(entries, "n1", None, None, lines=3000)
    assert [row["time"] - BASE for row in many_lines["entries"]] == list(range(many - 3000, many))


def test_what_is_at_the_end_of_a_window_belongs_to_it(tmp_path: Path) -> None:
    many = 10_000
    put(tmp_path / "a.log", "".join(line(number // many, "." * 40) for number in range(3 * many)), 3)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE + 1, BASE + 1)
    assert [row["time"] - BASE for row in found["entries"]] == [1] * many


# In New York, 2026-11-01 01:00:00 EDT, from when on clocks show an hour twice.
TWICE = 1793509200


def autumn(second: int, text: str) -> str:
    """A line so many seconds after TWICE."""
    return f"{datetime.datetime.fromtimestamp(TWICE + second):%Y-%m-%d %H:%M:%S},000 INFO {text}\n"


@pytest.mark.parametrize("dots", [0, 300])
@pytest.mark.parametrize(
    ("first", "last", "since", "until", "lines"),
    [
        (-600, 6600, 4800, None, None),  # 01:50 EST, the last half an hour
        (-600, 6600, 4800, None, 5),
        (-600, 6600, 600, 1200, None),
        (-600, 6600, 3000, 4200, None),
        (-600, 9000, 4800, 5400, None),
        (-600, 9000, 6600, 7800, None),
        (4200, 6600, 4800, None, None),  # rotated meanwhile
        (4200, 9000, 4800, 7800, None),
        (600, 3000, 1200, None, None),
        (-600, 6600, None, None, 5),
    ],
)
def test_no_entry_is_lost_in_the_hour_that_there_is_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dots: int,
    first: int,
    last: int,
    since: int | None,
    until: int | None,
    lines: int | None,
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    path = tmp_path / "a.log"
    path.write_text("".join(autumn(second, f"{'.' * dots} {second}") for second in range(first, last + 1, 10)))
    os.utime(path, (TWICE + last, TWICE + last))
    bounds = [None if one is None else float(TWICE + one) for one in (since, until)]
    found = logs.read({"a": entry(str(path))}, "n1", *bounds, lines=lines)
    wanted = [second for second in range(first, last + 1, 10) if (since or first) <= second <= (until or last)]
    assert [row["time"] - TWICE for row in found["entries"]] == wanted[-lines if lines else 0 :]
    assert texts(found) == [str(second) for second in wanted[-lines if lines else 0 :]]


def test_times_at_the_end_of_the_calendar_are_read(tmp_path: Path) -> None:
    put(tmp_path / "a.log", "9999-12-31 23:59:59,000 INFO last\n", 5)
    assert texts(logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", None, None)) == ["last"]


def test_a_search_for_a_time_reads_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without times, and one with a hole, as a log has that was emptied under a process that does not append."""
    monkeypatch.setattr(logs, "_SEARCHED", 4 * logs._BLOCK)
    for name, begin in (("stdout", b"x\n" * 2**19), ("hole", b"")):
        path = tmp_path / name
        path.write_bytes(begin)
        with path.open("r+b") as file:
            file.truncate(16 * 2**20)
            file.seek(0, os.SEEK_END)
            file.write(f"\n{line(5)}".encode())
        read: list[int] = []
        with Counted(path, read) as file:
            size = path.stat().st_size
            assert logs._around(file, size, BASE) == (0, size)
        assert max(read) <= logs._BLOCK
        assert sum(read) <= 5 * logs._BLOCK


def test_lines_without_times_in_the_middle_hide_no_window(tmp_path: Path) -> None:
    trace = "\tat a.b.C.method(C.java:1)\n" * (2 * 2**20 // 28)
    text = "".join(line(second, "." * 40) for second in range(20000)) + trace + "".join(line(second) for second in range(30000, 50000))
    put(tmp_path / "a.log", text, 50000)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", BASE + 1000, BASE + 1100)
    assert len(found["entries"]) == 101
    assert found["left_out"] == []


class Counted(io.BufferedReader):
    """A file, and how much of it was read at once."""

    def __init__(self, path: Path, read: list[int]) -> None:
        super().__init__(io.FileIO(path))
        self.sizes = read

    def readline(self, size: int | None = -1) -> bytes:
        part = super().readline(size)
        self.sizes.append(len(part))
        return part


def test_a_time_is_found_only_where_a_line_begins(tmp_path: Path) -> None:
    path = put(tmp_path / "a.log", f"{'x' * (2 * logs._BLOCK)}{line(1)}{line(2)}", 2)
    with path.open("rb") as file:
        assert logs._next_time(file, 0, path.stat().st_size) == (2 * logs._BLOCK + len(line(1)), BASE + 2)
        assert logs._next_time(file, path.stat().st_size - 5, path.stat().st_size) is None


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.log", "".join(line(second, "." * 60) for second in range(1000)), 1000)
    put(tmp_path / "b.log.gz", "".join(line(second, "." * 60) for second in range(1000)), 1000)
    found = logs.read({"a": entry(f"{tmp_path}/a.log"), "b": entry(f"{tmp_path}/b.log")}, "n1", BASE, None, limit=10_000)
    assert sum(len(row["text"]) for row in found["entries"]) <= 10_000
    assert {row["component"] for row in found["entries"]} == {"a", "b"}
    assert found["entries"][-1]["time"] == BASE + 999
    a, b, cut = found["left_out"]
    assert a.startswith(f"{tmp_path}/a.log: 79 KiB, before 2026-11-22T19:")
    assert b.startswith(f"{tmp_path}/b.log.gz: 79 KiB, before 2026-11-22T19:")
    assert "older entries, up to 2026-11-22T19:" in cut
    assert cut.endswith("more than 10 KiB")


def test_an_entry_without_an_end_is_cut(tmp_path: Path) -> None:
    put(tmp_path / "a.log", line(1, "x" * 100_000), 1)
    found = logs.read({"a": entry(f"{tmp_path}/a.log")}, "n1", None, None, lines=1)
    assert len(found["entries"][0]["text"]) == 64 * 1024
    assert found["left_out"] == [f"{tmp_path}/a.log: the end of an entry of 98 KiB at 2026-11-22T19:39:02Z"]


def test_a_file_without_times_is_in_a_window_by_its_own_time(tmp_path: Path) -> None:
    put(tmp_path / "stderr", "".join(f"line {number}\n" for number in range(300)), 50)
    entries = {"a": entry(f"{tmp_path}/stderr")}
    assert logs.read(entries, "n1", BASE + 60, None)["entries"] == []
    found = logs.read(entries, "n1", BASE + 40, None)
    assert texts(found) == [str(number) for number in range(200, 300)]
    assert {row["time"] for row in found["entries"]} == {None}
    assert found["left_out"] == [f"{tmp_path}/stderr: it has no times, and the last 100 of its 300 lines are shown"]


def test_a_file_without_times_that_was_written_after_the_window_may_have_lines_of_it(tmp_path: Path) -> None:
    put(tmp_path / "stderr", "".join(f"line {number}\n" for number in range(300)), 50)
    put(tmp_path / "a.log", line(20, "20") + line(25, "25") + line(40, "40"), 40)
    entries = {"a": entry(f"{tmp_path}/stderr", f"{tmp_path}/a.log")}
    found = logs.read(entries, "n1", BASE + 20, BASE + 30)
    assert texts(found) == ["20", "25", *(str(number) for number in range(200, 300))]
    assert [row["time"] for row in found["entries"][1:]] == [BASE + 25, *[None] * 100]
    assert found["left_out"] == [f"{tmp_path}/stderr: it has no times, and the last 100 of its 300 lines are shown"]
    assert texts(logs.read(entries, "n1", BASE + 20, BASE + 30, pattern="2[59]9|25$")) == ["25", "225", "259", "299"]


@pytest.mark.parametrize(("since", "pattern"), [(None, None), (BASE, None), (None, "line|INFO")])
def test_lines_without_times_take_no_place_of_the_last_ones_before_a_time(tmp_path: Path, since: float | None, pattern: str | None) -> None:
    put(tmp_path / "stderr", "line 1\nline 2\n", 50)
    put(tmp_path / "stdout", "", 50)
    put(tmp_path / "a.log", line(20, "20") + line(25, "25") + line(40, "40"), 40)
    entries = {"a": entry(f"{tmp_path}/std*", f"{tmp_path}/a.log")}
    found = logs.read(entries, "n1", since, BASE + 30, pattern=pattern, lines=2)
    assert texts(found) == ["20", "25"]
    assert found["left_out"] == [
        f"{tmp_path}/stderr: it has no times, and was written after 2026-11-22T19:39:31Z: none of its lines are shown"
    ]
    assert texts(logs.read(entries, "n1", since, BASE + 60, pattern=pattern, lines=2)) == ["1", "2"]


def test_a_cut_entry_without_a_time_is_given_none(tmp_path: Path) -> None:
    put(tmp_path / "stderr", "x" * 100_000, 1)
    assert logs.read({"a": entry(f"{tmp_path}/stderr")}, "n1", None, None, lines=1)["left_out"] == [
        f"{tmp_path}/stderr: the end of an entry of 98 KiB"
    ]


def test_a_file_that_several_patterns_have_is_the_more_exact_ones(tmp_path: Path) -> None:
    put(tmp_path / "hadoop-hdfs-secondarynamenode-n1.log", line(1), 1)
    put(tmp_path / "hadoop-hdfs-namenode-n1.log", line(2), 2)
    entries = {"namenode": entry(f"{tmp_path}/*namenode*.log"), "secondary": entry(f"{tmp_path}/*secondarynamenode*.log")}
    assert [row["component"] for row in logs.read(entries, "n1", None, None, lines=5)["entries"]] == ["secondary", "namenode"]


def test_the_journal_is_asked_for_the_window_and_said_where_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    answers = [(0, JOURNAL.read_text(encoding="utf-8")), (1, "no permission")]

    def run(words: list[str]) -> tuple[int, str]:
        asked.append(words)
        return answers[len(asked) - 1]

    monkeypatch.setattr(services, "has_systemd", lambda: True)
    monkeypatch.setattr(services, "run", run)
    entries = {"postgres": entry(service="postgresql")}
    found = logs.read(entries, "n1", BASE, BASE + 60.5)
    assert {row["source"] for row in found["entries"]} == {logs.JOURNAL}
    assert len(found["entries"]) == 3
    assert "--all" in asked[0]
    assert asked[0][-6:] == [f"--since=@{BASE:.0f}", f"--until=@{BASE + 61:.0f}", "-u", "postgresql.service", "-u", "postgresql@*"]
    assert logs.read(entries, "n1", BASE, None)["left_out"] == ["the journal of postgresql.service: no permission"]


def test_koverse_has_all_its_files_in_the_catalogue() -> None:
    components = load()[1]
    names = {Path(path).name for path in components["koverse_server"]["log"]}
    assert names == {"*.log", "server.err", "stdout", "stderr"}
    assert components["koverse_standby_server"]["log"] == components["koverse_server"]["log"]


# ---- on the controller

NOW = BASE


def test_what_is_asked_for() -> None:
    nothing = {"since": None, "until": None, "pattern": None}
    assert merging.query({}, NOW) == {**nothing, "lines": 50}
    assert merging.query({"lines": 7, "pattern": "a|b"}, NOW) == {**nothing, "pattern": "a|b", "lines": 7}
    assert merging.query({"since": "10m"}, NOW) == {**nothing, "since": BASE - 600, "lines": None}
    with pytest.raises(RunbookError) as caught:
        merging.query({"since": "soon", "until": "x", "pattern": "(", "lines": "0"}, NOW)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["since", "until", "pattern", "lines"]
    with pytest.raises(RunbookError, match="expected a time after since"):
        merging.query({"since": "10m", "until": "20m"}, NOW)


def row(host: str, when: float | None, text: str, component: str = "zookeeper") -> dict[str, Any]:
    return {"time": when, "component": component, "host": host, "source": "/a", "text": text}


ANSWERS = {
    "n1": {"entries": [row("n1", BASE, "a"), row("n1", None, "a2"), row("n1", BASE + 2, "c\n\tat x")], "left_out": ["/a: much"]},
    "n2": {"entries": [row("n2", BASE + 1, "b", "postgres")], "left_out": []},
    "n3": UNREACHABLE,
}


def test_all_hosts_in_one_order() -> None:
    found, older = merging.merged({host: answer["entries"] for host, answer in ANSWERS.items() if "entries" in answer}, 100)
    assert ([entry["text"] for entry in found], older) == (["a", "a2", "b", "c\n\tat x"], 0)
    found, older = merging.merged({"n1": ANSWERS["n1"]["entries"], "n2": ANSWERS["n2"]["entries"]}, 1)
    assert ([entry["text"] for entry in found], older) == (["c\n\tat x"], 3)


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=6), max_size=4))
def test_the_merge_keeps_each_hosts_order_and_loses_nothing(times: list[list[float | None]]) -> None:
    hosts = {str(host): [row(str(host), when, str(number)) for number, when in enumerate(whens)] for host, whens in enumerate(times)}
    found, _older = merging.merged(hosts, 1000)
    for host, entries in hosts.items():
        assert [one for one in found if one["host"] == host] == entries


def test_lines_have_time_host_and_component() -> None:
    assert merging.text(ANSWERS["n1"]["entries"][1:] + ANSWERS["n2"]["entries"], None).splitlines() == [
        "                        n1 zookeeper a2",
        "2026-11-22 20:39:03.000 n1 zookeeper c",
        "2026-11-22 20:39:03.000 n1 zookeeper \tat x",
        "2026-11-22 20:39:02.000 n2 postgres  b",
    ]


def test_the_report_names_its_zone_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(logs_report.ActionModule, variables(ha_plan(), runbook_logs=ANSWERS))
    assert result == {
        "changed": False,
        "count": 4,
        "left_out": [
            "n3: the host is unreachable: Failed to connect to the host via ssh: ssh: connect to host n3 port 22: No route to host",
            "n1: /a: much",
        ],
    }
    said = capsys.readouterr().out
    assert "this controller's zone." in said
    assert "2026-11-22 20:39:02.000 n2 postgres  b" in said


def test_the_report_in_a_file(tmp_path: Path) -> None:
    lines = tmp_path / "new" / "logs.jsonl"
    run(logs_report.ActionModule, variables(ha_plan(), runbook_logs=ANSWERS), path=str(lines))
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert [row["time"] for row in rows] == ["2026-11-22T19:39:01.000Z", None, "2026-11-22T19:39:02.000Z", "2026-11-22T19:39:03.000Z"]
    assert rows[3]["text"] == "c\n\tat x"
    plain = tmp_path / "logs.txt"
    run(logs_report.ActionModule, variables(ha_plan(), runbook_logs=ANSWERS), path=str(plain))
    assert plain.read_text(encoding="utf-8").splitlines()[1].endswith("n1 zookeeper a")
    refused = run(logs_report.ActionModule, variables(ha_plan(), runbook_logs=ANSWERS), path="/proc/nowhere/logs")
    assert refused["msg"].startswith("The logs cannot be written to /proc/nowhere/logs")


def test_a_host_reads_what_is_wanted_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(logs_info.ActionModule, "_execute_module", lambda _self, _name, **given: asked.append(given["module_args"]) or {})
    plan = {**ha_plan(), "wanted": ["zookeeper", "hdfs_namenode"]}
    run(logs_info.ActionModule, variables(plan, "n3"), lines=5, pattern="")
    assert (list(asked[0]["work"]["entries"]), asked[0]["work"]["host"], asked[0]["lines"]) == (["zookeeper"], "n3", 5)
    assert "pattern" not in asked[0]
