# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels in logging configuration: changed where they stand, and taken back byte for byte."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import logconfig
from ansible_collections.koverse.runbook.plugins.module_utils.logconfig import LOG4J1, LOG4J1_XML, LOG4J2, LOGBACK, LogConfigError
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).parent / "samples"


def template(path: str, **variables: Any) -> str:
    """A file as the roles install it."""
    text = (ROOT / "roles" / path).read_text(encoding="utf-8")
    return Environment(keep_trailing_newline=True, autoescape=False).from_string(text).render(ansible_managed="Managed", **variables)  # noqa: S701


def stored(path: Path) -> str:
    return logconfig.decoded(path.read_bytes())


KOVERSE = ROOT / "lab" / "koverse" / "package" / "tree" / "opt" / "koverse-server" / "conf" / "log4j.xml"
TEXTS: dict[str, tuple[str, str]] = {
    "Hadoop 3": (LOG4J1, stored(FILES / "hadoop-3-log4j.properties")),
    "ZooKeeper 3.4": (LOG4J1, stored(FILES / "zookeeper-3.4-log4j.properties")),
    "ZooKeeper 3.8": (LOGBACK, stored(FILES / "zookeeper-3.8-logback.xml")),
    "Accumulo 2.1": (LOG4J2, stored(FILES / "accumulo-2.1-log4j2-service.properties")),
    "log4j 1.2": (LOG4J1_XML, stored(FILES / "log4j-1.2-log4j.xml")),
    "Koverse's stand-in": (LOG4J1_XML, stored(KOVERSE)),
    "role hdfs": (LOG4J1, template("hdfs/templates/log4j.properties.j2", hdfs_log_dir="/var/log/hadoop")),
    "role zookeeper, log4j": (
        LOG4J1,
        template("zookeeper/templates/log4j.properties.j2", zookeeper_log="/var/log/zookeeper/zookeeper.log"),
    ),
    "role zookeeper, server": (LOGBACK, template("zookeeper/templates/logback.xml.j2", item={"level": "INFO", "file": "/var/log/z.log"})),
    "role zookeeper, tools": (LOGBACK, template("zookeeper/templates/logback.xml.j2", item={"level": "WARN"})),
    "role accumulo 2": (LOG4J2, template("accumulo/templates/log4j2-service.properties.j2")),
    "role accumulo 1": (LOG4J1, template("accumulo/templates/generic_logger.properties.j2")),
}


def changed(kind: str, text: str, logger: str, level: str, note: Any = None, outside: Any = None) -> logconfig.Change:
    return logconfig.change(kind, text, logger, level, note, outside or {})


def lines(before: str, after: str) -> list[str]:
    """The lines that differ."""
    rows = difflib.ndiff(before.splitlines(), after.splitlines())
    return [row for row in rows if row[0] in "+-"]


@pytest.mark.parametrize("name", TEXTS)
def test_whose_configuration_it_is(name: str) -> None:
    kind, text = TEXTS[name]
    assert logconfig.kind_of("/x/log.xml" if kind in (LOG4J1_XML, LOGBACK) else "/x/log.properties", text) == kind


@pytest.mark.parametrize(
    ("name", "logger", "difference"),
    [
        ("Koverse's stand-in", "com.koverse", ['-     <level value="info"/>', '+     <level value="debug"/>']),
        ("Koverse's stand-in", "root", ['-     <level value="error"/>', '+     <level value="debug"/>']),
        (
            "Koverse's stand-in",
            "com.koverse.server",
            ['+   <logger name="com.koverse.server">', '+     <level value="debug"/>', "+   </logger>"],
        ),
        ("log4j 1.2", "com.koverse", ['- \t\t<level value="INFO" />', '+ \t\t<level value="DEBUG" />']),
        ("log4j 1.2", "root", ['- \t\t<priority value ="WARN"></priority>', '+ \t\t<priority value ="DEBUG"></priority>']),
        (
            "log4j 1.2",
            "org.apache.spark",
            [
                "- \t<category name=\"org.apache.spark\"><priority value='WARN'/></category>",
                "+ \t<category name=\"org.apache.spark\"><priority value='DEBUG'/></category>",
            ],
        ),
        (
            "log4j 1.2",
            "org.eclipse.jetty",
            [
                '- \t<logger name="org.eclipse.jetty"/>',
                '+ \t<logger name="org.eclipse.jetty">',
                '+ \t\t<level value="DEBUG"/>',
                "+ \t</logger>",
            ],
        ),
        ("log4j 1.2", "com.koverse.server", ['+ \t<logger name="com.koverse.server">', '+ \t\t<level value="DEBUG"/>', "+ \t</logger>"]),
        ("ZooKeeper 3.8", "root", ['-   <root level="INFO">', '+   <root level="DEBUG">']),
        ("ZooKeeper 3.8", "org.apache.zookeeper", ['+   <logger name="org.apache.zookeeper" level="DEBUG"/>']),
        ("Accumulo 2.1", "org.apache.zookeeper", ["- logger.zookeeper.level = error", "+ logger.zookeeper.level = debug"]),
        ("Accumulo 2.1", "root", ["- rootLogger.level = info", "+ rootLogger.level = debug"]),
        (
            "Accumulo 2.1",
            "org.apache.accumulo.tserver.tablet",
            ["+ logger.tablet.name = org.apache.accumulo.tserver.tablet", "+ logger.tablet.level = debug", "+ "],
        ),
        (
            "Accumulo 2.1",
            "org.example.audit",
            ["+ logger.org_example_audit.name = org.example.audit", "+ logger.org_example_audit.level = debug", "+ "],
        ),
        ("Hadoop 3", "root", ["- hadoop.root.logger=INFO,console", "+ hadoop.root.logger=DEBUG,console"]),
        ("Hadoop 3", "SecurityLogger", ["- hadoop.security.logger=INFO,NullAppender", "+ hadoop.security.logger=DEBUG,NullAppender"]),
        ("Hadoop 3", "org.apache.hadoop.hdfs", ["+ log4j.logger.org.apache.hadoop.hdfs=DEBUG"]),
        (
            "Hadoop 3",
            "org.apache.hadoop.mapred.JobInProgress$JobSummary",
            ["- hadoop.root.logger=INFO,console", "+ hadoop.root.logger=DEBUG,console"],
        ),
        ("ZooKeeper 3.4", "root", ["- zookeeper.root.logger=INFO, CONSOLE", "+ zookeeper.root.logger=DEBUG, CONSOLE"]),
        (
            "role zookeeper, log4j",
            "root",
            ["- log4j.rootLogger=INFO, ${zookeeper.appender}", "+ log4j.rootLogger=DEBUG, ${zookeeper.appender}"],
        ),
        ("role zookeeper, log4j", "org.apache.zookeeper", ["+ log4j.logger.org.apache.zookeeper=DEBUG"]),
        (
            "role accumulo 1",
            "org.apache.zookeeper",
            ["- log4j.logger.org.apache.zookeeper=ERROR", "+ log4j.logger.org.apache.zookeeper=DEBUG"],
        ),
        ("role accumulo 2", "org.apache.accumulo", ["+ logger.accumulo.name = org.apache.accumulo", "+ logger.accumulo.level = debug"]),
    ],
)
def test_a_level_changes_and_nothing_else(name: str, logger: str, difference: list[str]) -> None:
    kind, text = TEXTS[name]
    assert sorted(lines(text, changed(kind, text, logger, "DEBUG").text)) == sorted(difference)


def test_a_new_logger_stands_where_a_human_would_put_it() -> None:
    def after(name: str, logger: str, found: str) -> str:
        kind, text = TEXTS[name]
        rows = changed(kind, text, logger, "DEBUG").text.splitlines()
        return rows[next(number for number, row in enumerate(rows) if found in row) - 1].strip()

    assert "RestS3Service=ERROR" in after("Hadoop 3", "org.apache.hadoop.hdfs", "log4j.logger.org.apache.hadoop.hdfs=DEBUG")
    assert after("ZooKeeper 3.8", "org.apache.zookeeper", '<root level="INFO">') == '<logger name="org.apache.zookeeper" level="DEBUG"/>'
    assert after("Koverse's stand-in", "com.koverse.server", '"com.koverse.server"') == "</logger>"
    kind, text = TEXTS["log4j 1.2"]
    without = re.sub(r"(?s)\t<!-- <logger.*\"org.eclipse.jetty\"/>\n", "", text)
    assert "\t</logger>\n\t<!-- everything else -->\n\t<root>" in changed(kind, without, "com.koverse", "DEBUG").text


@given(
    name=st.sampled_from(sorted(TEXTS)),
    logger=st.sampled_from(
        ["root", "com.koverse", "com.koverse.server", "org.apache.zookeeper", "SecurityLogger", "org.eclipse.jetty", "a.B$C"]
    ),
    levels=st.lists(st.sampled_from([level for level in logconfig.LEVELS if level != "FATAL"]), min_size=1, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
    cut=st.booleans(),
)
def test_previous_gives_the_file_back_byte_for_byte(name: str, logger: str, levels: list[str], end: str, cut: bool) -> None:
    kind, text = TEXTS[name]
    text = (text.rstrip("\n") if cut else text).replace("\n", end)
    now, note = text, None
    for level in levels:
        done = changed(kind, now, logger, level, note)
        again = changed(kind, done.text, logger, level, done.note)
        assert (again.text, again.note) == (done.text, done.note)
        assert again.before is not None
        assert again.before.upper() == level
        assert end == "\n" or "\n" not in done.text.replace(end, "")
        now, note = done.text, done.note
    assert changed(kind, now, logger, logconfig.PREVIOUS, note).text == text


@given(name=st.sampled_from(sorted(TEXTS)), order=st.permutations(["root", "com.koverse", "com.koverse.server", "org.apache.zookeeper"]))
def test_several_loggers_go_back_in_any_order(name: str, order: list[str]) -> None:
    kind, text = TEXTS[name]
    now, notes = text, {}
    for logger in sorted(order):
        done = changed(kind, now, logger, "TRACE")
        now, notes[logger] = done.text, done.note
    for logger in order:
        now = changed(kind, now, logger, logconfig.PREVIOUS, notes[logger]).text
    # What was put in together stands below the last one: taken out in another order, every line is as it was.
    assert now == text


def test_what_somebody_else_has_changed_since_stays() -> None:
    kind, text = TEXTS["Accumulo 2.1"]
    for logger in ("org.apache.zookeeper", "org.example.new"):
        done = changed(kind, text, logger, "DEBUG")
        theirs = done.text.replace("level = debug", "level = warn")
        back = changed(kind, theirs, logger, logconfig.PREVIOUS, done.note)
        assert (back.text, back.note, back.why) == (theirs, None, "somebody else has changed it since, and that stays")


def test_without_a_note_there_is_nothing_to_go_back_to() -> None:
    kind, text = TEXTS["Koverse's stand-in"]
    back = changed(kind, text, "com.koverse", logconfig.PREVIOUS)
    assert (back.text, back.why) == (text, "no earlier level is noted")


@pytest.mark.parametrize("outside", [{"hadoop.root.logger": "-Dhadoop.root.logger=INFO,RFA"}])
def test_a_variable_that_is_set_from_outside_is_refused(outside: dict[str, str]) -> None:
    for name in ("Hadoop 3", "role hdfs"):
        kind, text = TEXTS[name]
        with pytest.raises(
            LogConfigError, match=r"hadoop\.root\.logger, which is set from outside the file \(-Dhadoop\.root\.logger=INFO,RFA\)"
        ):
            changed(kind, text, "root", "DEBUG", outside=outside)
        assert changed(kind, text, "org.apache.hadoop", "DEBUG", outside=outside).after == "DEBUG"


SHORT = """\
property.level = INFO
appender.console.type = Console
appender.console.name = STDERR
rootLogger = ${level}, STDERR
logger.app = warn, STDERR
logger.app.name = com.example.app
logger.app.level = off
logger.lib.name = com.example.lib
logger.lib.additivity = false
logger.sys.name = com.example.sys
logger.sys.level = ${sys:sys.level:-info}
"""


@pytest.mark.parametrize(
    ("logger", "difference"),
    [
        ("root", ["- property.level = INFO", "+ property.level = DEBUG"]),
        ("com.example.app", ["- logger.app = warn, STDERR", "+ logger.app = debug, STDERR"]),
        ("com.example.lib", ["+ logger.lib.level = DEBUG"]),
        ("com.example.sys", ["- logger.sys.level = ${sys:sys.level:-info}", "+ logger.sys.level = DEBUG"]),
    ],
)
def test_the_forms_of_log4j_2(logger: str, difference: list[str]) -> None:
    done = changed(LOG4J2, SHORT, logger, "DEBUG")
    assert sorted(lines(SHORT, done.text)) == sorted(difference)
    assert changed(LOG4J2, done.text, logger, logconfig.PREVIOUS, done.note).text == SHORT


@pytest.mark.parametrize(
    ("text", "logger", "after"),
    [
        ("log4j.rootLogger:\\\n  INFO, A\n", "root", "log4j.rootLogger:\\\n  DEBUG, A\n"),
        ("log4j.rootLogger = , A", "root", "log4j.rootLogger = DEBUG, A"),
        ("log4j.rootCategory INFO,A", "root", "log4j.rootCategory DEBUG,A"),
        ("log4j.rootLogger=INFO\nlog4j.logger.a.b=WARN\nlog4j.logger.a.b=INFO#x\n", "a.b", None),
        ("log4j.rootLogger=${a}\na=${b}\nb=INFO, A\n", "root", "log4j.rootLogger=${a}\na=${b}\nb=DEBUG, A\n"),
        ("! log4j.rootLogger=OFF\nlog4j.rootLogger=INFO\n", "root", "! log4j.rootLogger=OFF\nlog4j.rootLogger=DEBUG\n"),
    ],
)
def test_the_forms_of_properties(text: str, logger: str, after: str | None) -> None:
    expected = after or "log4j.rootLogger=INFO\nlog4j.logger.a.b=WARN\nlog4j.logger.a.b=DEBUG\n"
    assert changed(LOG4J1, text, logger, "DEBUG").text == expected


@pytest.mark.parametrize(
    ("kind", "text", "logger", "words"),
    [
        (LOG4J1, "log4j.rootLogger=${a}\na=${a}\n", "root", "goes round in a circle"),
        (LOG4J1, "log4j.rootLogger=${a}, A\n", "root", "which this file does not define"),
        (LOG4J1, "log4j.rootLogger=X${a}, A\n", "root", "expected a level or a variable for root, found 'X${a}'"),
        (LOG4J1, "log4j.rootLogger=INFO\nlog4j.logger.a=INFO\nlog4j.category.a=WARN\n", "a", "found both"),
        (LOG4J2, "rootLogger = ${sys:l:-INFO}, A\n", "root", "which is set from outside the file"),
        (LOG4J2, "loggers = a\nlogger.a.name = x.y\nrootLogger.level = info\n", "z", "Add the logger by hand"),
        (LOGBACK, '<configuration><include file="x"/><root level="INFO"/></configuration>', "root", "found <include>"),
        (
            LOGBACK,
            '<configuration><if condition="x"><then><logger name="a" level="INFO"/></then></if><root/></configuration>',
            "a",
            "in <then>",
        ),
        (LOGBACK, "<configuration/>", "root", "expected a root logger, found none"),
        (LOGBACK, '<configuration><root level="INFO"/>', "root", "expected well-formed XML"),
    ],
)
def test_what_is_not_understood_is_refused(kind: str, text: str, logger: str, words: str) -> None:
    with pytest.raises(LogConfigError) as caught:
        changed(kind, text, logger, "DEBUG")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("/x/log4j2.xml", '<Configuration><Appenders/><Loggers><Root level="info"/></Loggers></Configuration>', "found <Configuration>"),
        ("/x/log4j2.xml", '<configuration><loggers><root level="info"/></loggers></configuration>', "found <configuration>"),
        ("/x/some.properties", "a=b\n", "found no root logger"),
        ("/x/logback.groovy", "root(INFO)", "the suffix .properties or .xml"),
    ],
)
def test_a_file_of_another_kind_is_refused(path: str, text: str, words: str) -> None:
    with pytest.raises(LogConfigError) as caught:
        logconfig.kind_of(path, text)
    assert words in str(caught.value)


def test_utf_16_is_refused() -> None:
    with pytest.raises(LogConfigError, match="found zero bytes"):
        logconfig.decoded("log4j.rootLogger=INFO".encode("utf-16"))


def test_levels() -> None:
    with pytest.raises(LogConfigError, match="expected a level, one of ALL, TRACE"):
        changed(*TEXTS["Accumulo 2.1"], "root", "VERBOSE")
    with pytest.raises(LogConfigError, match="logback has no level FATAL"):
        changed(*TEXTS["ZooKeeper 3.8"], "root", "FATAL")


def test_which_files_a_running_process_reads_again() -> None:
    assert {name: logconfig.rereads(*of) for name, of in TEXTS.items() if logconfig.rereads(*of)} == {"Accumulo 2.1": 30.0}
    assert logconfig.rereads(LOG4J2, "monitorInterval = 0\nrootLogger.level = info\n") is None
    assert logconfig.rereads(LOGBACK, '<configuration scan="true" scanPeriod="30 seconds"/>') == 30.0
    assert logconfig.rereads(LOGBACK, '<configuration scan="true"/>') == 60.0
    assert logconfig.rereads(LOGBACK, '<configuration scan="false" scanPeriod="30 seconds"/>') is None


def test_thresholds_that_keep_back_what_the_level_lets_through() -> None:
    def muted(name: str, level: str) -> list[str]:
        higher, unresolved = logconfig.muted(*TEXTS[name], level, {})
        assert not unresolved
        return higher

    assert muted("Koverse's stand-in", "DEBUG") == ["errors: error"]
    assert muted("Accumulo 2.1", "DEBUG") == ["appender.console.filter.threshold.level: info"]
    assert muted("Accumulo 2.1", "WARN") == []
    assert muted("Hadoop 3", "TRACE") == []
    assert muted("ZooKeeper 3.4", "DEBUG") == ["log4j.appender.CONSOLE.Threshold: INFO from ${zookeeper.console.threshold}"]
    assert muted("ZooKeeper 3.8", "DEBUG") == ["CONSOLE: INFO from ${zookeeper.console.threshold}"]
    assert muted("ZooKeeper 3.8", "INFO") == []


A = "log4j.appender.A.Threshold"
LOGBACK_FILTER = (
    '<configuration>{}<appender name="A"><filter class="x.ThresholdFilter"><level> {} </level></filter></appender></configuration>'
)
LOG4J2_FILTER = "appender.a.filter.f.type=ThresholdFilter\nappender.a.filter.f.level={}\n"


@pytest.mark.parametrize(
    ("kind", "text", "higher", "unresolved"),
    [
        (LOG4J1, f"{A}=${{x}}\nx=${{y}}\ny=WARN\n", [f"{A}: WARN from ${{x}}"], []),
        (LOG4J1, f"{A}=${{x}}\nx=${{x}}\n", [], [f"{A}: ${{x}}"]),
        (LOG4J1, f"{A}=${{outside}}\noutside=WARN\n", [], [f"{A}: ${{outside}}"]),
        (LOG4J1, f"{A}=${{y}}\nx.threshold=WARN\n", [], [f"{A}: ${{y}}"]),
        (LOG4J1, "log4j.threshold=ERROR\nlog4j.appender.A.filter.1.LevelMin=WARN\n", [
            "log4j.threshold: ERROR", "log4j.appender.A.filter.1.LevelMin: WARN"], []),
        (LOG4J1_XML, '<log4j:configuration xmlns:log4j="x" threshold="WARN"><appender name="A"><filter class="x"><param name="levelMin"'
         ' value="ERROR"/></filter></appender><appender name="B"><param name="Threshold" value="${x}"/></appender></log4j:configuration>',
         ["log4j:configuration: WARN", "A: ERROR"], ["B: ${x}"]),
        (LOG4J2, LOG4J2_FILTER.format("${x}") + "property.x = warn\n", ["appender.a.filter.f.level: warn from ${x}"], []),
        (LOG4J2, LOG4J2_FILTER.format("${x:-warn}"), ["appender.a.filter.f.level: warn from ${x:-warn}"], []),
        (LOG4J2, LOG4J2_FILTER.format("${sys:x:-warn}"), [], ["appender.a.filter.f.level: ${sys:x:-warn}"]),
        (LOG4J2, LOG4J2_FILTER.format("warn") + "appender.a.filter.f.onMismatch=NEUTRAL\n", [], []),
        (LOG4J2, "filter.f.type=ThresholdFilter\n", ["filter.f.level: ERROR"], []),
        (LOGBACK, LOGBACK_FILTER.format('<variable name="x" value="WARN"/>', "${x}"), ["A: WARN from ${x}"], []),
        (LOGBACK, LOGBACK_FILTER.format('<property name="outside" value="WARN"/>', "${outside}"), ["A: WARN from ${outside}"], []),
        (LOGBACK, LOGBACK_FILTER.format("", "${x:-${y:-WARN}}"), ["A: WARN from ${x:-${y:-WARN}}"], []),
        (LOGBACK, LOGBACK_FILTER.format("", "${outside:-WARN}"), [], ["A: ${outside:-WARN}"]),
        (LOGBACK, LOGBACK_FILTER.format("", "${x}"), [], ["A: ${x}"]),
        (LOGBACK, LOGBACK_FILTER.format("", "WARN").replace("Threshold", "Level"), [], []),
    ],
)  # fmt: skip
def test_thresholds_with_variables(kind: str, text: str, higher: list[str], unresolved: list[str]) -> None:
    outside = {"outside": "on its command line"}
    assert logconfig.muted(kind, text, "INFO", outside) == (higher, unresolved)
    assert logconfig.muted(kind, text, "OFF", outside) == ([], [])
    assert logconfig.muted(kind, text, "", outside) == ([], [])


def test_a_logger_that_is_not_in_the_list_of_loggers_is_refused() -> None:
    own = "logger.a.name = x.y\nlogger.a.level = info\nlogger.b.name = x.z\nlogger.b.level = info\nrootLogger.level = info\n"
    with pytest.raises(LogConfigError, match=r"expected logger\.a to be in the file's list of loggers, found loggers = b, c:"):
        changed(LOG4J2, f"loggers = b, c\n{own}", "x.y", "DEBUG")
    for text in (f"loggers = b, \\\n  a\n{own}", own):
        assert "logger.a.level = debug" in changed(LOG4J2, text, "x.y", "DEBUG").text
    assert "logger.b.level = debug" in changed(LOG4J2, f"loggers = b, c\n{own}", "x.z", "DEBUG").text
    assert "rootLogger.level = debug" in changed(LOG4J2, f"loggers = b, c\n{own}", "root", "DEBUG").text
