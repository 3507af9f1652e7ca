# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told, when, and to whom: every rule of the watch, and properties that hold for any sequence of looks."""

from __future__ import annotations

import datetime
import itertools
import json
import time
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.plugin_utils import decide, diagnose, status, watch, wording
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError
from ansible_collections.koverse.runbook.tests.unit.actions import UNREACHABLE, answers
from ansible_collections.koverse.runbook.tests.unit.cluster import alert, ambari_says, ha_plan, healthy
from hypothesis import given
from hypothesis import strategies as st

UTC = datetime.timezone.utc
NOON = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LOOK = datetime.timedelta(minutes=5)
PLAN = ha_plan()
BAD = {"state": "unhealthy", "text": "not healthy"}
WELL = {"state": "healthy", "text": "healthy"}
DIED = {"state": "failed", "health": "unhealthy", "role": None, "since": None, "pids": [], "evidence": "exit status 137"}


def finding(
    code: str = "DIED", severity: str = "error", component: str | None = "hdfs_datanode", host: str | None = "n3"
) -> dict[str, Any]:
    return {
        **{"code": code, "severity": severity, "class": "restart", "component": component, "host": host, "layer": "storage"},
        **{"summary": f"{component} on {host}: {code}", "evidence": ["exit status 137"], "stake": "work", "remedy": "recover", "cause": ""},
        **{"alert": None, "concerns": []},
    }


def settings(*, channels: dict[str, watch.Filter] | None = None, **changes: Any) -> watch.Settings:
    return watch.Settings("ha", channels or {"ops": watch.Filter()}, **{"reminder": 0, **changes})


class Watch:
    """A watch that looks every five minutes; every message is sent at once."""

    def __init__(self, at: datetime.datetime = NOON, sends: bool = True, **changes: Any) -> None:
        self.settings, self.at, self.sends = settings(**changes), at, sends
        self.state: watch.State | None = None
        self.events: dict[str, list[tuple[str, str, str]]] = {name: [] for name in self.settings.channels}
        self.texts: list[str] = []

    def look(self, *findings: dict[str, Any], well: Iterable[str] | None = None, left: Iterable[str] = ()) -> dict[str, list[str]]:
        """One look, in which all that is known and not found is well, or that of `well`; by channel what it is told, as `kind CODE`."""
        found = {watch.key_of(row["code"], row["component"], row["host"]): row for row in findings}
        known = set(self.state["things"] if self.state else ()) - set(found)
        seen = watch.Look(BAD if found else WELL, found, frozenset(known if well is None else well), frozenset(left))
        told: dict[str, list[str]] = {}

        def compose(*words: Any) -> tuple[str, str]:
            rows = words[2]
            composed.append(rows)
            return wording.compose(*words)

        composed: list[list[watch.Event]] = []
        self.state, messages = watch.step(self.state, seen, self.at, self.settings, compose)
        self.state = watch.parse(json.dumps(self.state), "watch.json")
        for name, rows in zip(messages, composed):
            told[name] = [f"{row['kind']} {row['finding']['code']}" for row in rows]
            self.events[name] += [(row["kind"], row["key"], row["first"]) for row in rows]
            self.texts.append(messages[name]["subject"] + "\n" + messages[name]["text"])
            if self.sends:
                self.state["channels"][name] = watch.sent(self.state["channels"][name], messages[name], watch.stamp(self.at))
        self.at += LOOK
        return told

    def ops(self, *findings: dict[str, Any], **more: Any) -> list[str]:
        """The same for the one channel."""
        return self.look(*findings, **more).get("ops", [])


def begun(**changes: Any) -> Watch:
    """A watch that has seen a healthy cluster."""
    watching = Watch(**changes)
    assert watching.ops() == []
    return watching


# ---- hysteresis, recovery, unknown


def test_the_first_run_tells_what_is_there_and_calls_nothing_changed() -> None:
    watching = Watch()
    assert watching.ops(finding()) == ["present DIED"]
    assert "Present at the first look (1)" in watching.texts[0]
    assert watching.ops(finding()) == []


def test_a_first_run_without_problems_says_nothing() -> None:
    assert Watch().look() == {}


@pytest.mark.parametrize("confirm", [1, 2, 4])
def test_a_finding_is_told_once_after_so_many_looks_in_a_row(confirm: int) -> None:
    watching = begun(confirm=confirm)
    assert [watching.ops(finding()) for _look in range(6)] == [["new DIED"] if look == confirm else [] for look in range(1, 7)]


def test_looks_that_are_not_in_a_row_do_not_count() -> None:
    watching = begun(confirm=2)
    assert [watching.ops(*([finding()] if bad else [])) for bad in (1, 0, 1, 0, 1)] == [[]] * 5


@pytest.mark.parametrize("clear", [1, 3])
def test_a_recovery_is_told_once_after_so_many_healthy_looks(clear: int) -> None:
    watching = Watch(clear=clear)
    watching.ops(finding())
    assert [watching.ops() for _look in range(5)] == [["recovered DIED"] if look == clear else [] for look in range(1, 6)]
    assert watching.state is not None
    assert watching.state["things"] == {}


def test_unknown_is_no_recovery() -> None:
    watching = Watch(clear=2)
    watching.ops(finding())
    assert [watching.ops(well=()) for _look in range(5)] == [[]] * 5
    # A look that could not tell breaks the row of healthy ones, too.
    assert [watching.ops(), watching.ops(well=()), watching.ops(), watching.ops()] == [[], [], [], ["recovered DIED"]]


def test_what_is_not_seen_any_more_is_said_to_be_unknown() -> None:
    watching = Watch(confirm=1)
    watching.ops(finding())
    unreachable = finding("HOST_UNREACHABLE", component=None)
    assert watching.ops(unreachable, well=()) == ["new HOST_UNREACHABLE"]
    assert "UNKNOWN: HOST_UNREACHABLE (error" in watching.texts[-1]
    assert (
        "DIED (error, simple restart): hdfs_datanode on n3: DIED, for 5 min; unknown now, last seen 2026-11-22T12:00:00Z"
        in watching.texts[-1]
    )


def test_unknown_does_not_break_the_row_of_bad_looks() -> None:
    watching = begun(confirm=2)
    assert [watching.ops(finding()), watching.ops(well=()), watching.ops(finding())] == [[], [], ["new DIED"]]


def test_what_flaps_between_two_codes_is_told() -> None:
    watching = begun(confirm=2)
    told = [watching.ops(finding(code)) for code in ("DIED", "STARTING") * 3]
    assert [row for row in told if row] == [["new STARTING"]]


def test_another_code_or_severity_that_lasts_is_a_change() -> None:
    watching = Watch(confirm=2)
    watching.ops(finding())
    assert [watching.ops(finding(severity="critical")) for _look in range(3)] == [[], ["changed DIED"], []]
    assert "before: DIED (error)" in watching.texts[-1]
    assert [watching.ops(finding("NO_LOCK", "critical")) for _look in range(3)] == [[], ["changed NO_LOCK"], []]


def test_what_is_not_in_the_run_book_any_more_is_not_called_recovered() -> None:
    watching = Watch(clear=1)
    watching.ops(finding())
    assert watching.ops(well=(), left=["hdfs_datanode@n3"]) == ["left DIED"]


# ---- severity, filters, reminders


def test_less_than_the_least_severity_is_not_told() -> None:
    watching = Watch(severity="error", confirm=1)
    assert watching.ops(finding(severity="warning")) == []
    assert watching.ops(finding(severity="error")) == ["new DIED"]
    # What was told is told to its end.
    assert watching.ops(finding(severity="warning")) == ["changed DIED"]
    assert [watching.ops(), watching.ops()] == [[], ["recovered DIED"]]


def test_each_channel_hears_what_it_wants_to_hear_and_its_end() -> None:
    channels = {"all": watch.Filter(), "errors": watch.Filter(("error", "critical")), "disks": watch.Filter((), ("DISK_FULL",))}
    watching = Watch(channels=channels, confirm=1, clear=1)
    full, died = finding("DISK_FULL", "warning", None), finding()
    assert watching.look(full, died) == {
        "all": ["present DISK_FULL", "present DIED"],
        "errors": ["present DIED"],
        "disks": ["present DISK_FULL"],
    }
    assert watching.look(full, finding(severity="warning")) == {"all": ["changed DIED"], "errors": ["changed DIED"]}
    assert watching.look() == {
        "all": ["recovered DISK_FULL", "recovered DIED"],
        "errors": ["recovered DIED"],
        "disks": ["recovered DISK_FULL"],
    }


def test_who_was_told_of_a_warning_hears_that_it_is_critical_and_its_end() -> None:
    channels = {"mail": watch.Filter(("warning", "error")), "pager": watch.Filter(("critical",))}
    watching = Watch(channels=channels, confirm=1, clear=1, reminder=1)
    assert watching.look(finding(severity="warning")) == {"mail": ["present DIED"]}
    assert watching.look(finding(severity="critical")) == {"mail": ["changed DIED"], "pager": ["changed DIED"]}
    for _look in range(11):
        assert watching.look(finding(severity="critical")) == {}
    assert watching.look(finding(severity="critical")) == {"mail": ["reminder DIED"], "pager": ["reminder DIED"]}
    assert watching.look(finding(severity="critical"), finding(severity="error", host="n1")) == {"mail": ["new DIED"]}
    assert "Persists, told before (1)" in watching.texts[-1]
    assert watching.look() == {"mail": ["recovered DIED", "recovered DIED"], "pager": ["recovered DIED"]}


@given(st.lists(st.sampled_from([*watch.SEVERITIES, "well"]), max_size=12), st.integers(1, 3))
def test_who_hears_the_beginning_of_a_thing_hears_its_end_and_nobody_else(looks: list[str], confirm: int) -> None:
    channels = {word: watch.Filter((word,)) for word in watch.SEVERITIES} | {"all": watch.Filter()}
    watching = begun(channels=channels, confirm=confirm, clear=1)
    for word in [*looks, "well"]:
        watching.look(*([] if word == "well" else [finding(severity=word)]))
    for events in watching.events.values():
        kinds = [kind for kind, _key, _first in events]
        assert kinds.count("recovered") == len({first for _kind, _key, first in events})
        assert not kinds or kinds[-1] == "recovered"
        assert all(kind != "recovered" or before in ("new", "changed") for before, kind in itertools.pairwise(["", *kinds]))


def test_another_disk_that_gets_full_is_a_change() -> None:
    watching = Watch(confirm=2)
    one = {**finding("DISK_FULL", component=None), "concerns": ["/data/1"]}
    both = {**one, "concerns": ["/data/1", "/data/2"]}
    assert watching.ops(one) == ["present DISK_FULL"]
    assert [watching.ops(both) for _look in range(3)] == [[], ["changed DISK_FULL"], []]
    assert "before: DISK_FULL (error): /data/1\n" in watching.texts[-1]
    assert [watching.ops({**both, "evidence": [f"{free} bytes free"]}) for free in range(3)] == [[]] * 3
    assert [watching.ops(one) for _look in range(3)] == [[], ["changed DISK_FULL"], []]


def test_a_channel_that_is_new_hears_what_is_known() -> None:
    watching = Watch(confirm=1)
    watching.ops(finding())
    watching.settings = settings(channels={"ops": watch.Filter(), "later": watch.Filter()})
    watching.events["later"] = []
    assert watching.look(finding()) == {"later": ["present DIED"]}
    assert watching.look(finding()) == {}


def test_a_reminder_comes_when_it_is_due_and_brings_what_would_be_due_soon() -> None:
    watching = Watch(reminder=1, confirm=1)  # an hour is twelve looks
    first, second, third = finding(host="n1"), finding(host="n2"), finding(host="n3")
    watching.ops(first)
    for _look in range(4):
        watching.ops(first)
    assert watching.ops(first, second) == ["new DIED"]  # 35 minutes before the first is due
    for _look in range(6):
        watching.ops(first, second)
    assert watching.ops(first, second, third) == ["new DIED", "reminder DIED", "reminder DIED"]
    assert [watching.ops(first, second, third) for _look in range(11)] == [[]] * 11
    assert watching.ops(first, second, third) == ["reminder DIED"] * 3


def test_a_reminder_does_not_bring_what_was_told_a_moment_ago() -> None:
    watching = Watch(reminder=1, confirm=1)
    first, second = finding(host="n1"), finding(host="n2")
    for look in range(12):
        watching.ops(first, *([second] if look > 6 else []))  # 25 minutes before the first is due
    assert (watching.ops(first, second), watching.events["ops"][-1][1]) == (["reminder DIED"], "hdfs_datanode@n1")


def test_no_reminder_without_an_interval_or_of_what_seems_to_be_over() -> None:
    watching = Watch(reminder=0)
    watching.ops(finding())
    assert not any(watching.ops(finding()) for _look in range(300))
    watching = Watch(reminder=0.05, clear=5)
    watching.ops(finding())
    assert watching.ops() == []


# ---- quiet hours


def test_in_quiet_hours_only_what_is_critical_is_sent_and_the_rest_at_their_end() -> None:
    night = datetime.datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    watching = Watch(at=night, quiet=watch.quiet_hours("22:00-07:00"), zone=UTC, confirm=1, clear=1)
    died, lost = finding(), finding("BLOCKS_MISSING", "critical", "hdfs_namenode", None)
    assert watching.ops(died) == []
    assert watching.ops(died, lost) == ["new BLOCKS_MISSING"]
    assert "DIED" not in watching.texts[-1]
    assert watching.ops(died) == ["recovered BLOCKS_MISSING"]
    gone = finding("STOPPED", host="n1")
    assert [watching.ops(died, gone), watching.ops(died)] == [[], []]
    watching.at = night.replace(hour=6, minute=59) + datetime.timedelta(days=1)
    assert watching.ops(died) == []
    watching.at = night.replace(hour=7) + datetime.timedelta(days=1)
    assert watching.ops(died) == ["present DIED", "passed STOPPED"]
    assert watching.ops(died) == []


def quiet_until(hour: int, **changes: Any) -> Watch:
    return begun(quiet=((12 * 60, hour * 60),), zone=UTC, confirm=1, clear=1, **changes)


def test_after_quiet_hours_what_lasts_is_told_as_it_is_then() -> None:
    watching = quiet_until(13)
    assert watching.ops(finding()) == []
    while watching.at.hour < 13:
        assert watching.ops(well=[]) == []
    assert watching.ops(well=[]) == ["new DIED"]
    assert "now: unknown, the last look could not tell" in watching.texts[-1]


def test_after_quiet_hours_what_is_not_confirmed_yet_is_not_told() -> None:
    watching = begun(quiet=((12 * 60 + 30, 13 * 60),), zone=UTC)
    while watching.at.minute < 30:
        watching.ops(finding())
    while watching.at.hour < 13:
        assert watching.ops(finding("UNHEALTHY")) == []
    assert watching.ops(finding()) == ["changed UNHEALTHY"]
    assert "before: DIED" in watching.texts[-1]
    assert watching.ops(finding()) == ["changed DIED"]


def test_after_quiet_hours_what_was_well_meanwhile_is_as_old_as_its_return() -> None:
    watching = quiet_until(13)
    watching.ops(finding())
    watching.ops()
    returned = watching.at
    while watching.at.hour < 13:
        watching.ops(finding())
    assert watching.ops(finding()) == ["new DIED"]
    assert f"since: {watch.stamp(returned)}" in watching.texts[-1]


def test_what_becomes_critical_in_quiet_hours_is_told_once() -> None:
    watching = begun(quiet=watch.quiet_hours("11:00-13:00"), zone=UTC, confirm=1)
    assert watching.ops(finding()) == []
    assert watching.ops(finding(severity="critical")) == ["new DIED"]
    watching.at = NOON.replace(hour=13)
    assert watching.ops(finding(severity="critical")) == []


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [
        *(("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("06:59", True), ("07:00", False)),
        *(("11:59", False), ("12:30", True), ("13:00", False)),
    ],
)
def test_quiet_hours_go_over_midnight(clock: str, quiet: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    chosen = settings(quiet=watch.quiet_hours("22:00-07:00, 12:00-13:00"), zone=UTC)
    assert watch.is_quiet(NOON.replace(hour=hour, minute=minute), chosen) is quiet


@pytest.mark.parametrize(
    ("instant", "quiet"),
    [
        ("2026-03-29T00:59Z", True),  # 01:59 in winter time; one minute later it is 03:00 in summer time
        ("2026-03-29T01:00Z", False),
        ("2026-10-25T00:29Z", True),  # 02:29 in summer time
        ("2026-10-25T00:30Z", False),
        ("2026-10-25T01:00Z", True),  # 02:00 for the second time, in winter time
        ("2026-10-25T01:30Z", False),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_quiet_hours_follow_the_clock_on_the_wall_when_summer_time_begins_and_ends(
    instant: str, quiet: bool, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Apia" if named else "Europe/Berlin")
    time.tzset()
    try:
        chosen = settings(quiet=watch.quiet_hours("00:00-02:30"), zone=zoneinfo.ZoneInfo("Europe/Berlin") if named else None)
        now = datetime.datetime.strptime(instant, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        assert watch.is_quiet(now, chosen) is quiet
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["22-07", "22:00", "24:00-07:00", "22:60-07:00", "07:00-07:00", "22:00-07:00-09:00", "x"])
def test_bad_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(RunbookError, match="runbook_watch_quiet: expected a span such as 22:00-07:00"):
        watch.quiet_hours(text)


def test_a_zone_that_is_not_known_is_refused() -> None:
    assert watch.time_zone("") is None
    assert str(watch.time_zone("Europe/Berlin")) == "Europe/Berlin"
    for name in ("Europe/Berlinn", "../etc/passwd"):
        with pytest.raises(RunbookError, match="runbook_watch_timezone"):
            watch.time_zone(name)


# ---- what could not be sent


def test_what_is_not_sent_waits_and_is_bounded_in_count() -> None:
    watching = Watch(confirm=1, sends=False, keep_messages=3)
    for number in range(5):
        watching.ops(finding(host=f"n{number}"), *(finding(host=f"n{before}") for before in range(number)))
    assert watching.state is not None
    channel = watching.state["channels"]["ops"]
    assert len(channel["pending"]) == 3
    assert (channel["dropped"], channel["dropped_untold"]) == (2, 1)
    assert "given up: 1" in channel["pending"][-1]["text"]


def test_how_many_were_given_up_is_not_given_up() -> None:
    watching = begun(confirm=1, clear=1, sends=False, keep_messages=3)
    for _number in range(6):
        watching.ops(finding())
        watching.ops()
    assert watching.state
    channel = watching.state["channels"]["ops"]
    assert (len(channel["pending"]), channel["dropped"]) == (3, 9)
    assert channel["dropped_untold"] + sum(row["dropped"] for row in channel["pending"]) == 9


def test_what_is_not_sent_is_given_up_when_it_is_old() -> None:
    watching = Watch(confirm=1, sends=False, keep_hours=1)
    watching.ops(finding())
    for _look in range(12):
        watching.ops(finding())
    assert watching.state is not None
    assert len(watching.state["channels"]["ops"]["pending"]) == 1
    watching.ops(finding())
    assert watching.state["channels"]["ops"]["pending"] == []
    watching.ops()
    watching.ops()
    assert "could not be sent and were given up: 1" in watching.state["channels"]["ops"]["pending"][0]["text"]


def test_a_failure_is_noted_and_forgotten_when_it_is_over() -> None:
    watching = Watch(sends=False)
    watching.ops(finding())
    assert watching.state is not None
    (message,) = watching.state["channels"]["ops"]["pending"]
    channel = watch.failed(watching.state["channels"]["ops"], message, "2026-11-22T12:00:01Z", "HTTP 500", ["b@x"])
    assert channel["failure"] == {"at": "2026-11-22T12:00:01Z", "why": "HTTP 500"}
    assert [(row["id"], row["tries"], row["to"]) for row in channel["pending"]] == [(message["id"], 1, ["b@x"])]
    after = watch.sent(channel, message, "2026-11-22T12:05:00Z")
    assert (after["pending"], after["failure"], after["sent"], after["failed"]) == ([], None, 1, 1)


def test_why_a_message_waits_stays_said_though_a_later_one_is_taken() -> None:
    watching = Watch(sends=False, confirm=1)
    watching.ops(finding())
    watching.ops(finding(), finding(host="n2"))
    assert watching.state is not None
    first, second = watching.state["channels"]["ops"]["pending"]
    refused = watch.failed(watching.state["channels"]["ops"], first, "2026-11-22T12:00:01Z", "554 spam", None)
    after = watch.sent(refused, second, "2026-11-22T12:00:02Z")
    assert ([row["id"] for row in after["pending"]], after["failure"]["why"]) == ([first["id"]], "554 spam")
    over = watch.failed(after, first, "2026-11-22T12:05:00Z", "c@x: 550 nobody, given up", [], 1)
    assert (over["pending"], over["sent"], over["failed"], over["refused"]) == ([], 2, 2, 1)
    assert over["failure"]["why"] == "c@x: 550 nobody, given up"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"version": 1}'),
        '{"version": 2, "things": {}, "channels": {}, "looked": "2026-11-22T12:00:00Z"}',
        '{"version": 1, "things": {"x": {}}, "channels": {}, "looked": "2026-11-22T12:00:00Z"}',
        '{"version": 1, "things": {}, "channels": {"x": {}}, "looked": "2026-11-22T12:00:00Z"}',
        '{"version": 1, "things": {}, "channels": {}, "looked": "yesterday"}',
    ],
)
def test_a_state_that_is_none_is_a_clear_error(text: str) -> None:
    with pytest.raises(RunbookError, match=r"status/watch.json: expected the state of the watch .* Move the file away"):
        watch.parse(text, "status/watch.json")


# ---- properties


def expected(looks: str, confirm: int, clear: int) -> list[str]:
    """What is to be told of one thing, by its definition: `b`ad, `w`ell or `u`nknown in each look after a healthy first one."""
    told, kinds = False, []
    for end in range(1, len(looks) + 1):
        past = looks[:end]
        if not told:
            row = "".join(itertools.takewhile(lambda sign: sign in "bu", reversed(past)))
            if past[-1] == "b" and row.count("b") >= confirm:
                told = True
                kinds.append("new")
        elif past.endswith("w" * clear):
            told = False
            kinds.append("recovered")
    return kinds


def runs(text: str) -> Iterator[str]:
    for _sign, group in itertools.groupby(text):
        yield "".join(group)


@given(st.text("bwu", max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_every_change_that_lasts_is_told_exactly_once(looks: str, confirm: int, clear: int) -> None:
    watching = begun(confirm=confirm, clear=clear)
    for sign in looks:
        watching.look(*([finding()] if sign == "b" else []), well=["hdfs_datanode@n3"] if sign == "w" else ())
    kinds = [kind for kind, _key, _first in watching.events["ops"]]
    assert kinds == expected(looks, confirm, clear)
    assert all(one != other for one, other in itertools.pairwise(kinds))
    longest = max((len(run) for run in runs(looks) if run[0] == "b"), default=0)
    assert longest < confirm or "new" in kinds


SIGNS = st.lists(st.tuples(*[st.sampled_from(["bad", "worse", "well", "unknown"])] * 3), max_size=40)


@given(SIGNS, st.booleans())
def test_with_quiet_hours_and_any_findings_nothing_is_told_twice_and_nothing_that_lasts_is_lost(
    looks: list[tuple[str, ...]], sends: bool
) -> None:
    """Every third hour is quiet. After a loud look the channel knows of each thing what the watch knows."""
    watching = begun(quiet=tuple((hour * 60, hour * 60 + 60) for hour in range(0, 24, 3)), zone=UTC, sends=sends, keep_messages=1000)
    for look in [*looks, *[looks[-1] if looks else ()] * 40]:
        names = [f"n{number}" for number in range(len(look))]
        rows = [
            finding(severity="critical" if word == "worse" else "error", host=name)
            for name, word in zip(names, look)
            if word in ("bad", "worse")
        ]
        watching.look(*rows, well=[f"hdfs_datanode@{name}" for name, word in zip(names, look) if word == "well"])
    assert watching.state is not None
    assert watching.state["channels"]["ops"]["held"] == [] or watch.is_quiet(watching.at - LOOK, watching.settings)
    held = {event["key"] for event in watching.state["channels"]["ops"]["held"]}
    events = watching.events["ops"]
    for key in {key for _kind, key, _first in events} | set(watching.state["things"]):
        known, began = False, set()
        for kind, first in ((kind, first) for kind, other, first in events if other == key):
            assert kind in ("new", "changed", "recovered", "passed")
            # What ended and began again in quiet hours is new, though its end was not told: it began at another time.
            assert kind != "new" or first not in began
            assert kind not in ("recovered", "changed") or known
            assert kind != "passed" or not known
            known = kind in ("new", "changed")
            began.add(first)
        told = key in watching.state["things"] and bool(watching.state["things"][key]["told"])
        assert known == told or key in held


# ---- one look


def report(
    whole: Any, plan: Any = None, silent: tuple[str, ...] = (), left_out: tuple[str, ...] = (), ambari: Any = None, **more: Any
) -> status.Report:
    looked = {host: result for host, result in answers(whole).items() if host not in (*silent, *left_out)}
    for result in looked.values():
        result.update(more)
    unseen = dict.fromkeys(silent, UNREACHABLE["msg"])
    seen = {host: result["instances"] for host, result in looked.items()}
    about = {"inventory": [], "collection_version": "0.1.0", "ansible_version": "2.19"}
    everybody = {**looked, **dict.fromkeys(silent, UNREACHABLE)}
    plan = plan or PLAN
    return status.report(plan, decide.picture(plan, seen, unseen), everybody, unseen, about, NOON, ambari=ambari)


def changed(plan: Any = None, **changes: dict[str, Any]) -> Any:
    """A healthy cluster, with changes of instances: `zookeeper__n1={...}`."""
    whole = healthy(plan or PLAN)
    for key, change in changes.items():
        name, _underscores, host = key.rpartition("__")
        whole[name][host].update(change)
    return whole


def severities(seen: watch.Look) -> dict[str, tuple[str, str]]:
    return {key: (row["code"], row["severity"]) for key, row in seen.findings.items()}


def test_a_healthy_cluster_has_no_findings_and_all_that_is_known_is_well() -> None:
    known = ["hdfs_datanode@n3", "HOST_UNREACHABLE n3", "NONE_ACTIVE hdfs_namenode", "DISK_FULL n1", "CLOCK_SKEW n2", "HOST_STOPPED n2"]
    known += ["NOT_WHOLE hdfs_datanode", "ZOOKEEPER_NO_QUORUM zookeeper", "backup"]
    seen = watch.look(report(healthy(PLAN)), PLAN, known)
    assert seen.findings == {}
    assert seen.healthy == set(known)


def test_critical_is_what_does_not_serve_at_all_or_may_lose_data() -> None:
    one = watch.look(report(changed(hdfs_datanode__n3=DIED)), PLAN)
    assert severities(one) == {"hdfs_datanode@n3": ("DIED", "error")}
    all_of_them = watch.look(report(changed(**{f"hdfs_datanode__{host}": DIED for host in ("n1", "n2", "n3")})), PLAN)
    assert {severities(all_of_them)[f"hdfs_datanode@{host}"] for host in ("n1", "n2", "n3")} == {("DIED", "critical")}
    lost = {"live_datanodes": 3, "missing_blocks": 2, "safe_mode": False}
    missing = watch.look(report(changed(hdfs_namenode__n1={"details": lost, "health": "unhealthy"})), PLAN)
    assert severities(missing)["BLOCKS_MISSING hdfs_namenode"] == ("BLOCKS_MISSING", "critical")


def test_leftovers_of_a_healthy_journal_node_wake_nobody() -> None:
    seen = watch.look(report(healthy(PLAN), evidence={"leftovers": {"hdfs_journalnode": ["/j/edits_1"]}, "time": 0, "asked": 0}), PLAN)
    assert {row["severity"] for row in seen.findings.values()} == {"warning"}
    assert {row["code"] for row in seen.findings.values()} == {"JOURNAL_LEFTOVERS"}


def test_a_host_that_does_not_answer_is_unknown_and_nothing_on_it_recovers() -> None:
    known = ["hdfs_datanode@n3", "HOST_UNREACHABLE n3", "DISK_FULL n3", "hdfs_datanode@n1", "koverse_server@n3"]
    seen = watch.look(report(healthy(PLAN), silent=("n3",)), PLAN, known)
    assert seen.findings["HOST_UNREACHABLE n3"]["code"] in watch.UNKNOWN_CODES
    assert seen.healthy == {"hdfs_datanode@n1"}
    # Koverse has no other host: nobody sees it serve.
    assert seen.findings["HOST_UNREACHABLE n3"]["severity"] == "critical"


def test_hosts_left_out_of_the_run_are_neither_new_nor_well() -> None:
    seen = watch.look(report(healthy(PLAN), left_out=("n2",)), PLAN, ["hdfs_datanode@n2", "HOST_UNREACHABLE n2"])
    assert seen.findings == {}
    assert seen.healthy == set()


def test_what_no_finding_names_is_told_all_the_same() -> None:
    lost = {"state": "unknown", "health": "unknown", "role": None, "since": None, "pids": [], "evidence": "there is no unit x.service"}
    seen = watch.look(report(changed(koverse_webapp__n3=lost)), PLAN)
    assert severities(seen) == {"koverse_webapp@n3": ("UNKNOWN", "critical")}
    assert seen.findings["koverse_webapp@n3"]["evidence"] == ["there is no unit x.service"]
    few = {"details": {"live_datanodes": 2, "missing_blocks": 0}}
    seen = watch.look(report(changed(hdfs_namenode__n1=few)), PLAN)
    assert [code for code, _severity in severities(seen).values()] == ["NOT_WHOLE"]


@given(st.lists(st.tuples(st.sampled_from([(n, h) for n, hs in PLAN["instances"].items() for h in hs]), st.integers(0, 3)), max_size=6))
def test_a_verdict_that_is_not_healthy_has_a_finding_and_no_finding_is_well(broken: list[tuple[tuple[str, str], int]]) -> None:
    kinds = [
        DIED,
        {**DIED, "state": "stopped", "evidence": "inactive"},
        {"health": "unknown", "role": None, "details": {}, "evidence": "no answer"},
        {"health": "unhealthy", "evidence": "not well"},
    ]
    whole = changed(**{f"{name}__{host}": kinds[kind] for (name, host), kind in broken})
    made = report(whole)
    seen = watch.look(made, PLAN)
    assert bool(seen.findings) or made["verdict"]["state"] == "healthy"
    assert not watch.look(made, PLAN, seen.findings).healthy


def test_a_component_is_well_again_only_when_it_is_seen_to_serve() -> None:
    """Without an active NameNode nobody says that blocks are missing; that is not the same as that none are."""
    known = ["BLOCKS_MISSING hdfs_namenode", "ZOOKEEPER_NO_QUORUM zookeeper"]
    without = changed(hdfs_namenode__n1=DIED)
    assert "BLOCKS_MISSING hdfs_namenode" not in watch.look(report(without), PLAN, known).healthy
    two_of_three = changed(zookeeper__n3=DIED)
    assert "ZOOKEEPER_NO_QUORUM zookeeper" in watch.look(report(two_of_three), PLAN, known).healthy
    assert "ZOOKEEPER_NO_QUORUM zookeeper" not in watch.look(report(changed(zookeeper__n3=DIED, zookeeper__n2=DIED)), PLAN, known).healthy


def test_all_full_disks_of_a_host_are_one_finding_that_names_them() -> None:
    disks = [{"path": f"/data/{number}", "size": 10_000, "free": 0, "files_free": 10, "components": ["hdfs_datanode"]} for number in (2, 1)]
    looked = report(healthy(PLAN), evidence={"filesystems": disks, "time": 0, "asked": 0})
    seen = watch.look(looked, PLAN)
    assert seen.findings["DISK_FULL n1"]["concerns"] == ["/data/1", "/data/2"]
    assert seen.findings["DISK_FULL n1"]["summary"] == "/data/1, /data/2 on n1 are full"


def test_a_disk_of_which_nobody_tells_any_more_is_not_well() -> None:
    assert watch.look(report(changed(hdfs_datanode__n3=DIED)), PLAN, ["DISK_FULL n3"]).healthy == set()
    assert watch.look(report(healthy(PLAN)), PLAN, ["DISK_FULL n3"]).healthy == {"DISK_FULL n3"}


def test_two_active_ones_are_over_only_when_nobody_is_unknown_and_wake_somebody() -> None:
    both = {"hdfs_namenode__n1": {"role": "active"}, "hdfs_namenode__n2": {"role": "active"}}
    seen = watch.look(report(changed(**both)), PLAN)
    key = "SEVERAL_ACTIVE hdfs_namenode"
    assert seen.findings[key]["severity"] == "critical"
    assert watch.look(report(changed(**both), silent=("n2",)), PLAN, [key]).healthy == set()
    assert watch.look(report(healthy(PLAN)), PLAN, [key]).healthy == {key}


def test_a_full_disk_is_not_forgotten_while_what_filled_it_does_not_run() -> None:
    before, after, more = (
        watch.Look(BAD, {"DISK_FULL n1": {**finding("DISK_FULL", severity, None, "n1"), "concerns": concerns}}, partial=frozenset(partial))
        for severity, concerns, partial in (
            ("warning", ["/data/1", "/data/2"], []),
            ("error", ["/data/1"], ["DISK_FULL n1"]),
            ("error", ["/data/3"], ["DISK_FULL n1"]),
        )
    )
    watching = begun(confirm=1)

    def looked(seen: watch.Look) -> list[str]:
        watching.state, messages = watch.step(watching.state, seen, watching.at, watching.settings, wording.compose)
        assert watching.state
        return list(watching.state["things"]["DISK_FULL n1"]["finding"]["concerns"]) if messages else []

    assert looked(before) == ["/data/1", "/data/2"]
    assert looked(after) == ["/data/1", "/data/2"], "only the severity has changed"
    assert looked(after) == []
    assert looked(more) == ["/data/1", "/data/2", "/data/3"]
    disk = {"path": "/data/1", "free": 0, "size": 100, "files_free": 5, "components": ["zookeeper"]}
    dead = report(changed(hdfs_datanode__n1=DIED), evidence={"filesystems": [disk], "time": 0, "asked": 0})
    assert watch.look(dead, PLAN).partial == {"DISK_FULL n1"}


def test_a_host_is_not_cut_off_any_more_when_somebody_reaches_it() -> None:
    port = PLAN["components"]["zookeeper"]["ports"]["client"]
    knock = {"component": "zookeeper", "host": "n2", "port": port, "open": True}
    assert watch.look(report(healthy(PLAN)), PLAN, ["HOST_CUT_OFF n2"]).healthy == set()
    assert watch.look(report(healthy(PLAN), reached=[knock]), PLAN, ["HOST_CUT_OFF n2"]).healthy == {"HOST_CUT_OFF n2"}


def test_what_is_not_in_the_inventory_any_more_has_left() -> None:
    smaller = ha_plan(workers=["n1", "n2"])
    seen = watch.look(report(healthy(smaller), smaller), smaller, ["hdfs_datanode@n3", "HOST_UNREACHABLE n9", "hdfs_datanode@n1"])
    assert seen.left == {"hdfs_datanode@n3", "HOST_UNREACHABLE n9"}


@pytest.mark.parametrize(("verdict", "code"), [("failed", "BACKUP_FAILED"), ("damaged", "BACKUP_DAMAGED"), ("too_old", "BACKUP_TOO_OLD")])
def test_a_backup_that_is_not_good_is_told(verdict: str, code: str) -> None:
    made = report(healthy(PLAN))
    made["backups"].update(verdict=verdict, text="file:///b/1, 30 h old")
    seen = watch.look(made, PLAN, ["backup"])
    assert (seen.findings["backup"]["code"], seen.findings["backup"]["evidence"]) == (code, ["file:///b/1, 30 h old"])
    assert seen.healthy == set()
    made["backups"]["verdict"] = "unknown"
    assert watch.look(made, PLAN, ["backup"]) == watch.Look(made["verdict"], {})


ID = "datanode_storage on n2.example.com"
STORAGE = f"AMBARI_ALERT {ID}"


def test_alerts_of_ambari_are_things_of_their_own_and_never_critical() -> None:
    alerts = [
        alert("datanode_storage", "hdfs_datanode", "n2", state="WARNING"),
        alert("datanode_heap", "hdfs_datanode", "n2"),
        alert("broker", host="n9", ambari_component="KAFKA_BROKER"),
        alert("percent"),
    ]
    said = ambari_says(*alerts)
    seen = watch.look(report(healthy(PLAN), ambari=said), PLAN, said=said)
    assert {key: severity for key, (_code, severity) in severities(seen).items()} == {
        STORAGE: "warning",
        "AMBARI_ALERT datanode_heap on n2.example.com": "error",
        "AMBARI_ALERT broker on n9.example.com": "error",
        "AMBARI_ALERT percent": "error",
    }


def test_an_alert_does_not_hide_that_nobody_can_tell() -> None:
    lost = {"state": "unknown", "health": "unknown", "role": None, "since": None, "pids": [], "evidence": "there is no unit x.service"}
    said = ambari_says(alert("web", "koverse_webapp", "n3"))
    seen = watch.look(report(changed(koverse_webapp__n3=lost), ambari=said), PLAN, said=said)
    assert {code for code, _severity in severities(seen).values()} == {"UNKNOWN", "AMBARI_ALERT"}


@pytest.mark.parametrize(
    ("ambari", "whole", "where"),
    [
        (ambari_says(well=[ID]), {}, "healthy"),
        (ambari_says(unsure=[ID]), {}, ""),
        (ambari_says(), {}, "left"),
        (ambari_says(problem="nobody listens"), {}, ""),
        (ambari_says(alert("datanode_storage", "hdfs_datanode", "n2", maintenance=True)), {}, "left"),
        # It is in the evidence of another finding now: that is no recovery.
        (ambari_says(alert("datanode_storage", "hdfs_datanode", "n2")), {"hdfs_datanode__n2": DIED}, "folded"),
        (None, {}, "left"),
    ],
    ids=["OK", "SOFT or SKIPPED", "switched off", "silent", "maintenance", "folded", "no more Ambari's"],
)
def test_when_an_alert_is_over(ambari: Any, whole: dict[str, Any], where: str) -> None:
    seen = watch.look(report(changed(**whole), ambari=ambari), PLAN, [STORAGE], ambari)
    found = {name: keys for name in ("healthy", "left", "folded") if (keys := getattr(seen, name))}
    assert found == ({where: {STORAGE}} if where else {})
    assert STORAGE not in seen.findings


def test_an_alert_on_what_is_stopped_as_it_is_meant_to_be_is_not_looked_at() -> None:
    plan = ha_plan({"koverse_webapp": {"desired": "stopped"}})
    stopped = {"state": "stopped", "health": "unhealthy", "role": None, "since": None, "pids": [], "evidence": "inactive"}
    said = ambari_says(alert("web", "koverse_webapp", "n3"))
    key = "AMBARI_ALERT web on n3.example.com"
    seen = watch.look(report(changed(plan, koverse_webapp__n3=stopped), plan, ambari=said), plan, [key], said)
    assert (seen.left, seen.folded) == ({key}, set())


def looks_at(watching: Watch, made: Any, said: Any) -> list[str]:
    """A look at a report; the texts of the messages."""
    seen = watch.look(made, PLAN, watching.state["things"] if watching.state else (), said)
    watching.state, messages = watch.step(watching.state, seen, watching.at, watching.settings, wording.compose)
    watching.at += LOOK
    return [f"{message['subject']}\n{message['text']}" for message in messages.values()]


def test_an_alert_that_another_finding_tells_is_neither_unknown_nor_told_twice() -> None:
    watching = begun(confirm=1, clear=1, reminder=1)
    said = ambari_says(alert("datanode_storage", "hdfs_datanode", "n2"))
    alone, dead = report(healthy(PLAN), ambari=said), report(changed(hdfs_datanode__n2=DIED), ambari=said)
    assert "AMBARI_ALERT" in looks_at(watching, alone, said)[0]
    (text,) = looks_at(watching, dead, said)
    assert "DIED" in text
    assert "AMBARI_ALERT" not in text
    later = [text for _number in range(30) for text in looks_at(watching, dead, said)]
    assert len(later) == 2, "it is reminded of every hour"
    assert not any("AMBARI_ALERT" in text for text in later)
    well = ambari_says(well=[ID])
    (text,) = looks_at(watching, report(healthy(PLAN), ambari=well), well)
    assert "Recovered (2)" in text


def test_an_alert_in_another_finding_was_seen_by_that_look() -> None:
    watching = begun(confirm=1)
    said, silent = ambari_says(alert("datanode_storage", "hdfs_datanode", "n2")), ambari_says(problem="nobody listens")
    looks_at(watching, report(healthy(PLAN), ambari=said), said)
    last = watch.stamp(watching.at)
    looks_at(watching, report(changed(hdfs_datanode__n2=DIED), ambari=said), said)
    (text,) = looks_at(watching, report(changed(hdfs_datanode__n2=DIED), ambari=silent), silent)
    assert f"unknown now, last seen {last}" in text


def test_that_ambari_cannot_be_asked_is_told_and_its_end() -> None:
    watching = begun(confirm=2, clear=1)
    silent, answers_again = ambari_says(problem="nobody listens on https://ambari"), ambari_says()
    texts = [looks_at(watching, report(healthy(PLAN), ambari=said), said) for said in (silent, silent, silent, answers_again)]
    assert [len(told) for told in texts] == [0, 1, 0, 1]
    assert "UNKNOWN: AMBARI_SILENT (warning" in texts[1][0]
    assert "nobody listens on https://ambari" in texts[1][0]
    assert "recovered: UNKNOWN: what Ambari says is not known" in texts[3][0]
    assert watch.look(report(healthy(PLAN)), PLAN, ["ambari"]).left == {"ambari"}


def test_an_alert_whose_text_changes_is_told_once_and_its_state_is_a_change() -> None:
    watching = begun()

    def looked(**changes: Any) -> list[str]:
        said = ambari_says(alert("datanode_storage", "hdfs_datanode", "n2", **changes))
        return [text.partition("\n")[0] for text in looks_at(watching, report(healthy(PLAN), ambari=said), said)]

    subjects = [looked(state="WARNING", text=f"{number} % left", since=f"2026-11-22T1{number}:00:00Z") for number in range(6)]
    assert [len(subject) for subject in subjects] == [0, 1, 0, 0, 0, 0]
    assert "new: Ambari's alert Datanode Storage, DataNode on n2, is WARNING" in subjects[1][0]
    assert [len(looked(text=f"{number} % left")) for number in range(4)] == [0, 1, 0, 0]


def test_every_code_that_can_be_found_can_be_filtered_and_is_documented() -> None:
    codes = watch.codes(rule.code for rule in diagnose.RULES)
    assert {"DIED", "UNKNOWN", "NOT_WHOLE", "BACKUP_TOO_OLD"} < set(codes)
    assert set(watch.UNKNOWN_CODES) < set(codes)


# ---- words


def test_a_message_says_what_a_finding_is_and_what_to_do() -> None:
    watching = Watch(status_url="https://status.example.org/")
    row = {**finding(), "evidence": ["exit status 137", "ERROR\x1b[31m no space"], "cause": "n3 is full", "remedy": diagnose.RECOVER}
    watching.ops(row)
    subject, _newline, text = watching.texts[0].partition("\n")
    assert subject == "[ha] error (1): present: hdfs_datanode on n3: DIED"
    for words in (
        "DIED (error, simple restart): hdfs_datanode on n3: DIED",
        "seen: exit status 137",
        "seen: ERROR?[31m no space",
        "follows from: n3 is full",
        "at stake: work",
        f"next: {diagnose.RECOVER}",
        "Status page: https://status.example.org/",
    ):
        assert words in text


def test_a_subject_counts_and_is_short() -> None:
    watching = Watch(confirm=1, clear=1)
    watching.ops(finding(host="n1"))
    watching.ops(finding(host="n2"), finding(host="n3"), finding("DISK_FULL", "critical", None, "n3"))
    assert watching.texts[-1].startswith("[ha] critical (3): 3 new, 1 recovered\n")
    watching.ops()
    assert watching.texts[-1].startswith("[ha] cluster healthy: 3 recovered\n")
    long = Watch()
    long.ops({**finding(), "summary": "x" * 500 + "\nBcc: all@example.org"})
    assert len(long.texts[0].partition("\n")[0]) == 120


def test_hundreds_of_findings_make_no_endless_message() -> None:
    watching = Watch()
    watching.ops(*(finding(host=f"n{number}") for number in range(300)))
    assert "New" not in watching.texts[0]
    assert "Present at the first look (300)" in watching.texts[0]
    assert "and 280 more" in watching.texts[0]
    assert len(watching.texts[0].splitlines()) < 200


@pytest.mark.parametrize(
    ("sources", "name"),
    [(["inventories/ha"], "ha"), (["/x/ha/hosts.yml"], "ha"), (["my-cluster.yml"], "my-cluster"), (["n1,n2,"], "koverse"), ([], "koverse")],
)
def test_a_cluster_has_a_name(sources: list[str], name: str) -> None:
    assert watch.cluster_name(sources) == name
