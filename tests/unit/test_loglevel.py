# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels on a host: the file that a process reads, its owner and mode, what it goes back to, and Hadoop's servlet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.action import log_level
from ansible_collections.koverse.runbook.plugins.module_utils import logconfig, loglevel, net, processes, record
from ansible_collections.koverse.runbook.plugins.module_utils.logconfig import PREVIOUS, LogConfigError
from ansible_collections.koverse.runbook.plugins.modules import log_level as module
from ansible_collections.koverse.runbook.plugins.modules.log_level import in_words
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import load
from ansible_collections.koverse.runbook.tests.unit.actions import answers, run, variables
from ansible_collections.koverse.runbook.tests.unit.cluster import ha_plan, healthy, stopped
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, free_port, web

FILES = Path(__file__).parent / "samples"


class Process:
    """What a component's JVM has on its command line; it has started an hour ago, unless it does not run."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.since: float | None = None


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Process:
    """A host whose processes are as the test says, and whose state is in a directory of its own."""
    made = Process()
    monkeypatch.setattr(record, "DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(
        processes, "find", lambda wanted: {name: [{"pid": 1, "since": made.since}] if made.since else [] for name in wanted}
    )
    monkeypatch.setattr(loglevel, "_words", lambda path: made.words if path.endswith("cmdline") else [])
    return made


def entry(*log_config: Path | str, **changes: Any) -> dict[str, Any]:
    return {"name": "koverse_server", "process": "java", "log_config": [str(path) for path in log_config], **changes}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of log4j 1, read by the group."""
    path = tmp_path / "log4j.xml"
    path.write_bytes((FILES / "log4j-1.2-log4j.xml").read_bytes())
    path.chmod(0o640)
    os.utime(path, (1000, 1000))
    return path


def test_it_changes_the_file_once_and_gives_it_back(process: Process, config: Path) -> None:
    before, about = config.read_bytes(), config.stat()
    process.since = 2000.0
    link = config.with_name("link.xml")
    link.symlink_to(config)
    dry = loglevel.in_file(entry(link), "com.koverse.new", "DEBUG", dry=True)
    assert (dry["changed"], dry["restart"], config.read_bytes(), os.path.exists(record.DIRECTORY)) == (True, True, before, False)
    done = loglevel.in_file(entry(link), "com.koverse.new", "DEBUG", dry=False)
    assert {**done, "texts": None} == {**dry, "texts": None}
    assert (done["before"], done["after"], done["muted"]) == (None, "DEBUG", ["FILE: INFO"])
    assert "größer als ein Byte" in done["texts"][0]
    assert link.is_symlink()
    now = config.stat()
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o640, about.st_uid, about.st_gid)
    assert sorted(path.name for path in config.parent.iterdir()) == ["link.xml", "log4j.xml", "state"]
    changed = config.read_bytes()
    again = loglevel.in_file(entry(link), "com.koverse.new", "DEBUG", dry=False)
    assert (again["changed"], again["texts"], config.read_bytes()) == (False, None, changed)
    back = loglevel.in_file(entry(link), "com.koverse.new", PREVIOUS, dry=False)
    assert (back["changed"], back["after"], config.read_bytes()) == (True, None, before)
    nothing = loglevel.in_file(entry(link), "com.koverse.new", PREVIOUS, dry=False)
    assert (nothing["changed"], nothing["why"]) == (False, "no earlier level is noted")


def test_the_owner_stays(process: Process, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _file, uid, gid: given.append((uid, gid)))
    loglevel.in_file(entry(config), "com.koverse", "DEBUG", dry=False)
    assert given == [(config.stat().st_uid, config.stat().st_gid)]
    assert process.since is None


def test_a_restart_that_was_interrupted_is_still_needed(process: Process, config: Path) -> None:
    process.since = 2000.0
    assert not loglevel.in_file(entry(config), "com.koverse", "INFO", dry=False)["restart"]
    assert loglevel.in_file(entry(config), "com.koverse", "DEBUG", dry=False)["restart"]
    assert loglevel.in_file(entry(config), "com.koverse", "DEBUG", dry=False)["restart"], "the process is older than the file"
    process.since = config.stat().st_mtime + 1
    done = loglevel.in_file(entry(config), "com.koverse", "DEBUG", dry=False)
    assert (done["restart"], done["running"]) == (False, True)
    process.since = None
    done = loglevel.in_file(entry(config), "com.koverse", "TRACE", dry=False)
    assert (done["restart"], done["running"]) == (False, False)
    assert loglevel.in_file(entry(config, process=None), "com.koverse", "INFO", dry=False)["running"] is None


def test_no_restart_where_the_file_is_read_again(process: Process, tmp_path: Path) -> None:
    path = tmp_path / "log4j2-service.properties"
    path.write_bytes((FILES / "accumulo-2.1-log4j2-service.properties").read_bytes())
    process.since = 2000.0
    process.words = ["java", "-Dlog4j.configurationFile=log4j2-service.properties", "org.apache.accumulo.start.Main", "tserver"]
    done = loglevel.in_file(entry(path), "org.apache.accumulo", "TRACE", dry=False)
    assert (done["changed"], done["restart"], done["rereads"]) == (True, False, 30.0)
    said = in_words("org.apache.accumulo", done, ["Accumulo gc"], [])
    assert "its process reads the file again every 30 s: no restart; so do Accumulo gc on this host, and have it, too" in said
    said = in_words("org.apache.accumulo", {**done, "running": False}, ["Accumulo gc"], [])
    assert (
        "properties; it does not run there: it counts at its next start; Accumulo gc on this host read the same file again every 30 s, and "
        "have it, too"
    ) in said


def test_the_command_line_goes_before_the_file(process: Process, tmp_path: Path) -> None:
    path = tmp_path / "log4j.properties"
    text = (FILES / "hadoop-3-log4j.properties").read_bytes()
    path.write_bytes(text)
    with pytest.raises(LogConfigError, match=r"log4j.properties: .*HADOOP_ROOT_LOGGER in the environment of its start script"):
        loglevel.in_file(entry(path), "root", "DEBUG", dry=False)
    process.since, process.words = 2000.0, ["java", "-Dhadoop.root.logger=INFO,RFA", "-Dproc_namenode"]
    with pytest.raises(LogConfigError, match=r"-Dhadoop\.root\.logger=INFO,RFA on its command line, from HADOOP_ROOT_LOGGER"):
        loglevel.in_file(entry(path), "root", "DEBUG", dry=False)
    assert path.read_bytes() == text
    process.words = ["java"]
    assert loglevel.in_file(entry(path), "root", "DEBUG", dry=False)["after"] == "DEBUG"


def test_a_threshold_of_the_command_line_is_not_taken_from_the_file(process: Process, tmp_path: Path) -> None:
    path = tmp_path / "log4j.properties"
    path.write_bytes((FILES / "zookeeper-3.4-log4j.properties").read_bytes())
    name = "log4j.appender.CONSOLE.Threshold"
    done = loglevel.in_file(entry(path), "org.apache", "DEBUG", dry=True)
    assert (done["muted"], done["unresolved"]) == ([f"{name}: INFO from ${{zookeeper.console.threshold}}"], [])
    process.since, process.words = 2000.0, ["java", "-Dzookeeper.console.threshold=DEBUG"]
    done = loglevel.in_file(entry(path), "org.apache", "DEBUG", dry=True)
    assert (done["muted"], done["unresolved"]) == ([], [f"{name}: ${{zookeeper.console.threshold}}"])


@pytest.fixture
def zookeeper(tmp_path: Path) -> dict[str, Any]:
    """ZooKeeper's configuration for all its versions side by side, as the role writes it."""
    for name in ("logback.xml", "logback-server.xml"):
        (tmp_path / name).write_bytes((FILES / "zookeeper-3.8-logback.xml").read_bytes())
    (tmp_path / "log4j.properties").write_bytes((FILES / "zookeeper-3.4-log4j.properties").read_bytes())
    return entry(*(tmp_path / name for name in ("logback-server.xml", "logback.xml", "log4j.properties")))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["java", "-cp", "/opt/zk/lib/slf4j-api-1.7.25.jar:/opt/zk/lib/log4j-1.2.17.jar"], "log4j.properties"),
        (["java", "-cp", "/opt/zk/lib/reload4j-1.2.22.jar", "-Dlogback.configurationFile=/x/logback-server.xml"], "log4j.properties"),
        (["java", "-cp", "/opt/zk/lib/logback-classic-1.3.15.jar"], "logback-server.xml"),
        (["java", "-Dlogback.configurationFile={}/logback.xml", "-cp", "/opt/zk/lib/logback-classic-1.3.15.jar"], "logback.xml"),
        (["java", "-Dlogback.configurationFile=file:{}/logback.xml", "-cp", "/a:/opt/zk/lib/logback-classic-1.3.15.jar"], "logback.xml"),
    ],
)
def test_the_file_of_the_framework_that_the_process_has(
    process: Process, zookeeper: Any, tmp_path: Path, words: list[str], name: str
) -> None:
    process.since, process.words = 2000.0, [word.format(tmp_path) for word in words]
    assert loglevel.file_of(zookeeper, loglevel.Jvm(zookeeper))[0] == str(tmp_path / name)


def test_whose_file_counts_is_not_guessed(process: Process, zookeeper: Any) -> None:
    assert process.since is None
    with pytest.raises(LogConfigError, match="expected a running process that has the framework of one of"):
        loglevel.in_file(zookeeper, "root", "DEBUG", dry=False)


def test_a_class_path_with_an_asterisk(tmp_path: Path) -> None:
    (tmp_path / "logback-classic-1.3.15.jar").touch()
    assert loglevel.jars_of(["java", "-cp", f"/etc/zookeeper:{tmp_path}/*"], {}) == [
        "/etc/zookeeper",
        f"{tmp_path}/logback-classic-1.3.15.jar",
    ]
    assert loglevel.jars_of(["java"], {"CLASSPATH": "/a:/b"}) == ["/a", "/b"]


@pytest.mark.parametrize(
    ("words", "log_config", "said"),
    [
        (
            ["-Dlog4j.configuration=file:/srv/log4j.xml"],
            ["{}/log4j.xml"],
            r"its process reads file:/srv/log4j\.xml \(-Dlog4j\.configuration\)",
        ),
        *(
            ([f"-D{name}=/srv/log4j2.properties"], ["{}/log4j2.properties"], rf"its process reads /srv/log4j2.properties \(-D{name}\)")
            for name in ("log4j.configurationFile", "log4j2.configurationFile", "log4j2.configuration.file")
        ),
        (
            ["-Dlog4j.configurationFile=log4j2.properties", "-Dlog4j2.configurationFile=/srv/x.xml"],
            ["{}/log4j2.properties"],
            r"its process reads log4j2.properties \(-Dlog4j.configurationFile\) and /srv/x.xml \(-Dlog4j2.configurationFile\)",
        ),
        ([], ["{}/nowhere.xml"], r"expected one of .*/nowhere\.xml, found none"),
        ([], [], "koverse_server has no log_config in the catalogue"),
        ([], ["{}/broken.xml"], r"broken\.xml: expected well-formed XML"),
    ],
)
def test_what_is_refused(process: Process, config: Path, words: list[str], log_config: list[str], said: str) -> None:
    (config.parent / "log4j2.properties").write_text("rootLogger.level = INFO\n", encoding="utf-8")
    (config.parent / "broken.xml").write_text("<log4j:configuration>", encoding="utf-8")
    process.since, process.words = 2000.0, ["java", *words]
    with pytest.raises(LogConfigError, match=said):
        loglevel.in_file(entry(*(path.format(config.parent) for path in log_config)), "com.koverse", "DEBUG", dry=False)


def test_every_component_but_postgres_has_a_logging_configuration() -> None:
    components = load()[1]
    assert {name for name, one in components.items() if not one["log_config"]} == {"postgres"}


# ---- at run time


def page(*lines: str) -> str:
    """An answer in the form that org.apache.hadoop.log.LogLevel of Hadoop 3 writes; not recorded."""
    return "<html><body>\n<br /><hr /><h3>Results</h3>\n" + "".join(f"<!-- OUTPUT -->{line}<br />\n" for line in lines) + "</body></html>"


def daemon(port: int) -> dict[str, Any]:
    probe = {"type": "hdfs_namenode", "port": "http"}
    return {"name": "hdfs_namenode", "address": HOST, "ports": {"http": port}, "probe": probe}


@pytest.fixture
def servlet(process: Process) -> Iterator[dict[str, Any]]:
    """A NameNode whose logger has the level INFO, and takes DEBUG."""
    assert process.since is None
    pages = {
        "/logLevel?log=a.B%24C&level=DEBUG": page("Setting Level to DEBUG ...", "Effective Level: <b>DEBUG</b>"),
        "/logLevel?log=a.B%24C&level=INFO": page("Setting Level to INFO ...", "Effective Level: <b>INFO</b>"),
        "/logLevel?log=a.B%24C&level=TRACE": page("Setting Level to TRACE ...", "Effective Level: <b>INFO</b>"),
        "/logLevel?log=a.B%24C&level=ALL": page("Bad Level : <b>ALL</b>", "Effective Level: <b>INFO</b>"),
        "/logLevel?log=a.B%24C": page("Submitted Class Name: <b>a.B$C</b>", "Effective Level: <b>INFO</b>"),
        "/logLevel?log=other": "<html>Sorry, class X not supported.<br /></html>",
    }
    with web(pages) as port:
        yield daemon(port)


def test_a_running_daemon_proves_its_level_and_goes_back(servlet: dict[str, Any]) -> None:
    dry = loglevel.at_run_time(servlet, "a.B$C", "DEBUG", dry=True)
    assert (dry["changed"], record.load("loglevel.json")) == (True, {})
    done = loglevel.at_run_time(servlet, "a.B$C", "DEBUG", dry=False)
    assert (done["before"], done["after"], done["changed"]) == ("INFO", "DEBUG", True)
    assert record.load("loglevel.json") == {"processes": {"hdfs_namenode": {"a.B$C": {"old": "INFO", "new": "DEBUG"}}}}
    assert not loglevel.at_run_time(servlet, "a.B$C", "INFO", dry=False)["changed"]


@pytest.mark.parametrize(
    ("logger", "level", "said"),
    [
        ("a.B$C", "TRACE", "expected a.B.C to have the level TRACE, its answer is INFO"),
        ("a.B$C", "ALL", "found the status 200 and: Bad Level : ALL"),
        ("other", "DEBUG", "found the status 200 and: Sorry, class X not supported"),
        ("unknown", "DEBUG", "found the status 404"),
    ],
)
def test_an_answer_that_does_not_prove_it_is_an_error(servlet: dict[str, Any], logger: str, level: str, said: str) -> None:
    with pytest.raises(LogConfigError, match=said):
        loglevel.at_run_time(servlet, logger, level, dry=False)


class Daemon:
    """The servlet of a daemon, whose level somebody may change; it may do what it is asked for and not say so."""

    def __init__(self, level: str = "INFO") -> None:
        self.level, self.lost, self.dead = level, False, False

    def get(self, _address: str, _port: int, path: str) -> tuple[int, str]:
        _log, _sign, wanted = path.partition("&level=")
        if self.dead and wanted:
            raise net.NoAnswer("no answer within 10 s")
        self.level = wanted or self.level
        if self.lost and wanted:
            return 500, "<html>lost</html>"
        return 200, page(f"Effective Level: <b>{self.level}</b>")


@pytest.fixture
def running(process: Process, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    made = Daemon()
    assert process.since is None
    monkeypatch.setattr(net, "http_get", made.get)
    return made


def level(wanted: str) -> dict[str, Any]:
    return loglevel.at_run_time(daemon(1), "a", wanted, dry=False)


def test_it_goes_back_to_what_was_before_the_first_change(running: Daemon) -> None:
    for wanted in ("DEBUG", "TRACE", "TRACE"):
        level(wanted)
    assert (level(PREVIOUS)["changed"], running.level) == (True, "INFO")
    assert level(PREVIOUS)["why"] == "no earlier level is noted"
    level("DEBUG")
    assert (level("INFO")["changed"], level(PREVIOUS)["why"]) == (True, "no earlier level is noted")


def test_what_somebody_else_has_changed_since_stays(running: Daemon) -> None:
    level("DEBUG")
    running.level = "WARN"
    done = level(PREVIOUS)
    assert (done["changed"], done["after"], running.level) == (False, "WARN", "WARN")
    assert done["why"] == "somebody else has changed it since, and that stays"
    level("DEBUG")
    running.level = "ERROR"
    level("TRACE")
    assert (level(PREVIOUS)["after"], running.level) == ("ERROR", "ERROR")


def test_a_level_of_an_earlier_life_does_not_come_back(running: Daemon) -> None:
    level("DEBUG")
    running.level = "WARN"  # started anew, with another file
    level("TRACE")
    assert (level(PREVIOUS)["after"], running.level) == ("WARN", "WARN")
    level("DEBUG")
    running.level = "WARN"
    done = level(PREVIOUS)
    assert (done["changed"], done["why"], done["after"]) == (False, None, "WARN")


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("first", ["INFO", "DEBUG"])
def test_a_lost_answer_is_no_answer(running: Daemon, made: bool, first: str) -> None:
    level(first)
    running.lost, running.dead = made, not made
    with pytest.raises(loglevel.Unsure, match=r"\. Whether a has the level TRACE now is unknown$"):
        level("TRACE")
    assert running.level == ("TRACE" if made else first)
    running.lost = running.dead = False
    assert level(PREVIOUS)["after"] == running.level == "INFO"


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (loglevel.Unsure("x. Whether it is so is unknown"), "Whether it is so is unknown."),
        (LogConfigError("x"), "x. Nothing was changed here."),
    ],
)
def test_only_what_is_known_to_be_unchanged_is_said_to_be(monkeypatch: pytest.MonkeyPatch, error: LogConfigError, end: str) -> None:
    class Module:
        check_mode = False

        def __init__(self, **_words: Any) -> None:
            work = {"entry": {"name": "c"}, "host": "n1", "level": "DEBUG"}
            self.params = {"work": work, "logger": "a", "runtime": True}

        def fail_json(self, msg: str) -> None:
            raise SystemExit(msg)

    def fail(*_words: Any) -> None:
        raise error

    monkeypatch.setattr(module, "AnsibleModule", Module)
    monkeypatch.setattr(loglevel, "at_run_time", fail)
    with pytest.raises(SystemExit) as said:
        module.main()
    assert str(said.value) == f"c on n1: {'' if str(error) == 'x' else 'x. '}{end}"


def test_every_daemon_of_hadoop_with_a_web_server_takes_levels() -> None:
    components = load()[1]
    hadoop = {name for name, one in components.items() if r"org\.apache\.hadoop" in (one["process"] or "")}
    able = {name for name, one in components.items() if loglevel.takes_levels(one)}
    assert able == hadoop - {"hdfs_zkfc"}
    assert {components[name]["probe"]["port"] for name in able} == {"http"}
    assert not loglevel.takes_levels({**components["yarn_historyserver"], "probe": {"type": "tcp", "port": "rpc"}})


def test_a_daemon_that_does_not_run_or_lets_nobody_in() -> None:
    with pytest.raises(LogConfigError, match=r"nobody listens on .* Only what runs can be changed at run time"):
        loglevel.at_run_time(daemon(free_port()), "a", "DEBUG", dry=True)
    with web({"/logLevel": "no"}, status=403) as port, pytest.raises(LogConfigError, match="answers 403: it lets only administrators in"):
        loglevel.at_run_time(daemon(port), "a", "DEBUG", dry=True)


# ---- the action plugin

PLAN = ha_plan()


def asked(
    monkeypatch: pytest.MonkeyPatch, host: str = "n3", plan: Any = None, seen: Any = None, **args: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The result of a task, and what the module was given; empty where it was not run."""
    given: dict[str, Any] = {}
    answer = {"changed": True, "restart": True, "text": "done"}
    monkeypatch.setattr(
        log_level.ActionModule, "_execute_module", lambda _self, _name, **words: given.update(words["module_args"]) or answer
    )
    return run(log_level.ActionModule, variables(plan or PLAN, host, runbook_seen=seen or {}), **args), given


def test_hosts_of_the_component_get_their_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result, given = asked(monkeypatch, component="hdfs_datanode", logger="ROOT", level="debug")
    assert (result["changed"], given["logger"], given["work"]["level"], given["work"]["host"]) == (True, "root", "DEBUG", "n3")
    assert given["work"]["shared"] == ["JournalNode", "NodeManager"]
    assert given["work"]["entry"]["log_config"] == ["/etc/hadoop/log4j.properties"]
    assert "hdfs_datanode on n3: done" in capsys.readouterr().out
    assert asked(monkeypatch, "n1", component="koverse_server", logger="a", level="INFO") == ({"changed": False, "restart": False}, {})
    assert asked(monkeypatch, component="koverse_server", logger="a", level="Previous")[1]["work"]["level"] == PREVIOUS


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"component": "koverse"}, "component: unknown component 'koverse' in this inventory. Did you mean 'koverse_"),
        ({"level": "verbose"}, "level: unknown level 'verbose'. Known are: ALL, TRACE"),
        (
            {"logger": "com.koverse server"},
            "logger: expected the name of a logger, such as com.koverse.server, or root, found 'com.koverse server'",
        ),
        ({"logger": 'a"/><x'}, "logger: expected the name of a logger"),
        ({"logger": "a..b"}, "logger: expected the name of a logger"),
        ({"runtime": True}, "runtime: koverse_server cannot change levels while it runs. Those that can: hdfs_journalnode, hdfs_datanode"),
        (
            {"runtime": "yes", "component": "hdfs_namenode", "logger": "root"},
            "Hadoop's daemons cannot change the root logger while they run",
        ),
    ],
)
def test_what_is_asked_for_is_refused_before_a_host_is_asked(monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], words: str) -> None:
    result, given = asked(monkeypatch, **{"component": "koverse_server", "logger": "com.koverse", "level": "DEBUG", **args})
    assert result["failed"]
    assert words in result["msg"]
    assert "Nothing was changed." in result["msg"]
    assert given == {}


@pytest.mark.parametrize("component", ["hdfs_secondarynamenode", "yarn_historyserver"])
def test_daemons_that_are_probed_as_any_web_server_are_changed_while_they_run(monkeypatch: pytest.MonkeyPatch, component: str) -> None:
    plan = ha_plan(**{component: ["n2"]})
    assert asked(monkeypatch, "n2", plan, component=component, logger="a", level="DEBUG", runtime=True)[1]["runtime"]


def test_the_side_that_runs_instead_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ha_plan(koverse_standby=["n2"])
    usual, standby = (
        {**healthy(plan), **{name: {host: stopped(name, host)} for name, host in down.items()}}
        for down in (
            {"koverse_standby_server": "n2", "koverse_standby_webapp": "n2"},
            {"koverse_server": "n3", "koverse_webapp": "n3"},
        )
    )
    for component, host, picture, instead in (
        ("koverse_server", "n3", usual, []),
        ("koverse_standby_server", "n2", usual, ["koverse_server"]),
        ("koverse_server", "n3", standby, ["koverse_standby_server"]),
        ("koverse_webapp", "n3", standby, ["koverse_standby_webapp"]),
        ("koverse_server", "n3", {}, []),
        ("hdfs_datanode", "n3", usual, []),
    ):
        _result, given = asked(monkeypatch, host, plan, answers(picture), component=component, logger="a", level="DEBUG")
        assert given["work"]["instead"] == instead


def test_what_ambari_would_overwrite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ha_plan({name: {"backend": "ambari"} for name in ("hdfs_namenode", "koverse_server")})
    result, given = asked(monkeypatch, "n1", plan, component="hdfs_namenode", logger="a", level="DEBUG")
    assert result["failed"]
    assert not given
    assert "Ambari writes the logging configuration of hdfs_namenode at each start, from its type hdfs-log4j" in result["msg"]
    for args in ({"component": "hdfs_namenode", "runtime": True, "host": "n1"}, {"component": "koverse_server"}):
        assert asked(monkeypatch, plan=plan, logger="a", level="DEBUG", **args)[1]["work"]["level"] == "DEBUG"


def test_what_came_of_it_in_words() -> None:
    done = {
        "path": "/x/log4j.xml",
        "before": None,
        "after": "DEBUG",
        "changed": True,
        "restart": True,
        "muted": ["FILE: INFO"],
        "why": None,
    }
    assert in_words("a.b", done, ["Koverse"], ["koverse_standby_server"]) == (
        "a.b: none of its own -> DEBUG in /x/log4j.xml; a restart makes it count; Koverse on this host read the same file at their next "
        "start; appenders with a higher threshold write nothing of it (FILE: INFO)"
    )
    assert in_words("a.b", {**done, "muted": [], "unresolved": ["A: ${x}", "B: ${y}"]}, [], []).endswith(
        "; thresholds that are set elsewhere are not resolved, and may keep it back (A: ${x}, B: ${y})"
    )
    assert (
        in_words("a.b", {**done, "changed": False, "restart": False, "muted": []}, ["Koverse"], []) == "a.b: DEBUG already in /x/log4j.xml"
    )
    down = {**done, "restart": False, "running": False, "muted": []}
    assert in_words("a.b", down, [], ["koverse_standby_server"]) == (
        "a.b: none of its own -> DEBUG in /x/log4j.xml; it does not run there: it counts at its next start; koverse_standby_server runs "
        "instead: for what that logs, change its level (component=koverse_standby_server)"
    )
    assert in_words("a.b", {**down, "why": "no earlier level is noted"}, [], ["koverse_server"]) == (
        "a.b: no level of its own in /x/log4j.xml: no earlier level is noted; koverse_server runs instead: for what that logs, change its "
        "level (component=koverse_server)"
    )
    assert in_words("a.b", {**down, "running": None}, [], []).endswith(
        "since the catalogue has no process of it: it counts at its next start"
    )
    assert logconfig.NAME.fullmatch("org.apache.hadoop.mapred.JobInProgress$JobSummary")
