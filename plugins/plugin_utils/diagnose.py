# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a cluster, what is the cause and what follows from it, and what to do next. Pure functions.

`RULES` is the whole of it: one rule per code, with a paragraph per code in docs/findings.md. A finding::

    {"code": "HOST_UNREACHABLE", "severity": "error", "class": "intervention", "component": None, "host": "n2",
     "summary": "n2 cannot be reached", "evidence": ["ssh: connect to host n2 port 22: No route to host"],
     "concerns": [],          # what on the host it is about, where code, component and host do not say that: full file systems
     "stake": "...", "remedy": "...",
     "accept": None,          # or the value of runbook_accept without which recover.yml does not do what may lose data
     "follows_from": None,    # or the position of the finding that is its cause
     "alert": None}           # or the id of the alert of Ambari that it is (ambari_look.py)

class: recovers (by itself), restart (a simple one), zombie (it runs and does not serve), intervention (an administrator's), data_at_risk.

Ambari's alerts come last. One on what a finding of our own names is none: it goes to that one's evidence.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.koverse.runbook.plugins.module_utils import health
from ansible_collections.koverse.runbook.plugins.module_utils.times import seconds

from . import ambari_look, decide
from .plan import Plan, majority

CLASSES = {
    "recovers": "recovers by itself",
    "restart": "simple restart",
    "zombie": "zombie",
    "intervention": "needs intervention",
    "data_at_risk": "data may be lost",
}
_FILES = 0.95  # of the files that a process may have open
_DISK = 0.02  # of a file system that has to be free
_FRESH = 3600.0  # seconds for which a boot counts as the reason that nothing runs
_ALERTS = 3  # of Ambari, in the evidence of one finding
_SKEW = 30.0  # seconds; Kerberos gives up at 300, Accumulo's and HBase's kind of timestamps suffer earlier


class Facts(NamedTuple):
    """All that was seen.

    hosts: host to what module_utils/evidence.py found there, with `asked`, the controller's time of it. ports: host to the ports there
    on which something listens. reached: host to the rows of observe.reached. backup: the newest good set, empty where none is known.
    alerts: of Ambari, see ambari_look.py.
    """

    plan: Plan
    whole: decide.Picture
    judged: Mapping[str, health.Verdict]
    unseen: Mapping[str, str]
    hosts: Mapping[str, Mapping[str, Any]]
    now: datetime.datetime
    ports: Mapping[str, set[int]] = {}
    reached: Mapping[str, Sequence[Mapping[str, Any]]] = {}
    backup: str = ""
    alerts: Sequence[Mapping[str, Any]] = ()

    def rows(self, *probes: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Component, host and instance: of all that are meant to run, or of those with one of these probes."""
        for name, rows in self.whole.items():
            entry = self.plan["components"][name]
            if entry["desired"] == "started" and (not probes or entry["probe"]["type"] in probes):
                for host, row in rows.items():
                    if host not in self.unseen:
                        yield name, host, row

    def idle(self) -> list[str]:
        """Hosts on which all that is meant to run is cleanly stopped."""
        states: dict[str, set[str]] = {}
        for _name, host, row in self.rows():
            states.setdefault(host, set()).add(row["state"])
        return [host for host, found in states.items() if found == {"stopped"}]

    def words(self, name: str, host: str) -> list[str]:
        """The last errors in an instance's log."""
        return list((self.hosts.get(host) or {}).get("words", {}).get(name, []))

    def queue(self, host: str) -> list[str]:
        """How many compactions wait on a host's tablet server, as the manager knows."""
        here = (host, self.plan["addresses"][host])
        found = [
            count
            for _name, _host, row in self.rows("accumulo_manager")
            for server, count in row["details"].get("queued", {}).items()
            if server.rpartition(":")[0] in here
        ]
        return [f"{sum(found)} compactions wait on {host}"] if found else []

    def title(self, name: str) -> str:
        """The component's name for people."""
        return str(self.plan["components"][name]["title"])

    def age(self, row: Mapping[str, Any]) -> float:
        """For how many seconds an instance has run."""
        if not row["since"]:
            return 0.0
        return self.now.timestamp() - seconds(row["since"])


def facts(
    plan: Plan,
    whole: decide.Picture,
    looked: Mapping[str, Mapping[str, Any]],
    unseen: Mapping[str, str],
    now: datetime.datetime | None = None,
    alerts: Sequence[Mapping[str, Any]] = (),
) -> Facts:
    """All that was seen. looked: host to what koverse.runbook.component_info returned there. unseen: host to why it did not answer.
    alerts: see Facts."""
    hosts = {host: answer.get("evidence") or {} for host, answer in looked.items()}
    ports = {host: {row["port"] for row in answer.get("ports", []) if row["holders"]} for host, answer in looked.items()}
    reached = {host: answer.get("reached", []) for host, answer in looked.items()}
    good = [answer["backups"]["good"] for answer in looked.values() if (answer.get("backups") or {}).get("good")]
    newest = max(good, key=lambda row: row["id"], default={"uri": "", "damage": None})
    backup = f"{newest['uri']}{', which is damaged: ' + newest['damage'] if newest['damage'] else ''}"
    at = now or datetime.datetime.now(datetime.timezone.utc)
    return Facts(plan, whole, decide.verdicts(plan, whole), unseen, hosts, at, ports, reached, backup, alerts)


class Match(NamedTuple):
    """Where a rule holds. alert: the alert of Ambari that it is. concerns: see a finding's."""

    component: str | None
    host: str | None
    summary: str
    evidence: list[str]
    alert: Mapping[str, Any] = {}
    concerns: Sequence[str] = ()


class Rule(NamedTuple):
    """A code, what it means, and where it holds.

    because: components whose findings may be its cause, beside those that it depends on. accept: what recover.yml does only where
    runbook_accept names it (a function of module_utils/mends.py).
    """

    code: str
    kind: str
    find: Callable[[Facts], Iterator[Match]]
    stake: str
    remedy: str
    because: Sequence[str] = ()
    accept: str | None = None


def _unreachable(facts: Facts) -> Iterator[Match]:
    for host, why in facts.unseen.items():
        yield Match(None, host, f"{host} cannot be reached", [why])


def _cut_off(facts: Facts) -> Iterator[Match]:
    for host, listening in facts.ports.items():
        knocked = [row for rows in facts.reached.values() for row in rows if row["host"] == host and row["port"] in listening]
        others = [row for row in facts.reached.get(host, []) if row["port"] in facts.ports.get(row["host"], set())]
        if knocked and others and not any(row["open"] for row in [*knocked, *others]):
            said = f"nobody reaches its port {knocked[0]['port']} ({knocked[0]['why']}), it reaches no port of {others[0]['host']}"
            yield Match(None, host, f"{host} is cut off from the other hosts", [f"it answers over SSH; {said}"])


def _idle(facts: Facts) -> Iterator[Match]:
    for host in facts.idle():
        found = facts.hosts.get(host) or {}
        since = found["time"] - found["booted"] if found.get("booted") else None
        said = f"{host} was booted {since:.0f} s ago" if since is not None and since < _FRESH else "its units are stopped"
        yield Match(None, host, f"nothing runs on {host}", [said])


def _full(facts: Facts) -> Iterator[Match]:
    for host, found in facts.hosts.items():
        full = [system for system in found.get("filesystems", []) if _is_full(system)]
        said = {
            system["path"]: f"{system['path']}: {system['free']} of {system['size']} bytes free, files that can be made: "
            f"{system['files_free']}; open there are files of {', '.join(facts.title(name) for name in system['components'])}"
            for system in sorted(full, key=lambda system: str(system["path"]))
        }
        if said:
            summary = f"{', '.join(said)} on {host} {'is' if len(said) == 1 else 'are'} full"
            yield Match(None, host, summary, list(said.values()), concerns=list(said))


def _is_full(system: Mapping[str, Any]) -> bool:
    return bool(system["free"] < _DISK * system["size"] or system["files_free"] == 0)


def _skewed(facts: Facts) -> Iterator[Match]:
    for host, found in facts.hosts.items():
        ahead = found["time"] - found["asked"] if found else 0.0
        if abs(ahead) > _SKEW:
            word = "ahead of" if ahead > 0 else "behind"
            yield Match(None, host, f"the clock of {host} is {abs(ahead):.0f} s {word} the controller's", [])


def _signalled(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if row.get("signalled"):
            yield Match(name, host, f"{facts.title(name)} on {host} is stopped by a signal", [row["evidence"]])


def _without_files(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        found = facts.hosts.get(host, {}).get("instances", {}).get(name)
        if found and found["open_files"] >= _FILES * found["open_files_limit"]:
            said = f"{found['open_files']} files open, {found['open_files_limit']} allowed"
            yield Match(name, host, f"{facts.title(name)} on {host} is out of file handles", [said, row["evidence"]])


def _deaf(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        limit = facts.plan["components"][name]["start_timeout"]
        if row["state"] == "running" and row["health"] == "unknown" and not row.get("elsewhere") and facts.age(row) > limit:
            waits = facts.queue(host) if facts.plan["components"][name]["probe"]["type"] == "accumulo_tserver" else []
            said = [row["evidence"], *waits, *facts.words(name, host)]
            yield Match(name, host, f"{facts.title(name)} on {host} runs and does not answer", said)


def _starting(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if health.has_no_part(row, math.inf):
            what, limit = "has not taken its place in ZooKeeper", health.LOCK_WITHIN
        elif row["state"] == "running" and row["health"] == "unknown" and not row.get("elsewhere"):
            what, limit = "does not answer", facts.plan["components"][name]["start_timeout"]
        else:
            continue
        if facts.age(row) <= limit:
            said = f"{facts.title(name)} on {host} has run for {facts.age(row):.0f} s and {what} yet"
            yield Match(name, host, said, [row["evidence"], f"it may take {limit:.0f} s"])


def _not_told(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if row["state"] == "running" and row.get("elsewhere"):
            yield Match(name, host, f"{facts.title(name)} on {host} runs; whether it serves, only others could tell", [row["evidence"]])


def _without_lock(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if health.has_no_part(row, facts.age(row)):
            yield Match(name, host, f"{facts.title(name)} on {host} runs without a part in the cluster", [row["evidence"]])


def _stopped(facts: Facts) -> Iterator[Match]:
    idle = facts.idle()
    for name, host, row in facts.rows():
        if row["state"] == "stopped" and host not in idle:
            yield Match(name, host, f"{facts.title(name)} on {host} is stopped", [row["evidence"]])


def _died(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if row["state"] == "failed":
            yield Match(name, host, f"{facts.title(name)} on {host} has died", [row["evidence"], *facts.words(name, host)])


# What a component that has died says of its storage in the last errors of its log.
_NO_STORAGE = {
    "hdfs_namenode": r"NameNode is not formatted|storage directory does not exist",
    "zookeeper": r"myid file is missing",
    "postgres": r"is not accessible or does not exist|could not access directory|is missing or empty|could not open file .*/pg_control",
}


def _without_storage(probe: str) -> Callable[[Facts], Iterator[Match]]:
    def find(facts: Facts) -> Iterator[Match]:
        for name, host, row in facts.rows(probe):
            said = [line for line in facts.words(name, host) if re.search(_NO_STORAGE[probe], line)]
            if row["state"] == "failed" and said:
                yield Match(name, host, f"{facts.title(name)} on {host} has lost what it had on its disk", said[-1:])

    return find


def _not_formatted(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows("hdfs_journalnode"):
        if row["state"] == "running" and "not formatted" in row["evidence"]:
            yield Match(name, host, f"{facts.title(name)} on {host} has lost what it had on its disk", [row["evidence"]])


def _no_quorum(probe: str) -> Callable[[Facts], Iterator[Match]]:
    def find(facts: Facts) -> Iterator[Match]:
        for name, rows in facts.whole.items():
            if facts.plan["components"][name]["probe"]["type"] == probe:
                serving = [host for host, row in rows.items() if row["health"] == "healthy"]
                if len(serving) < majority(len(rows)):
                    said = f"{len(serving)} of {len(rows)} serve, {majority(len(rows))} are needed"
                    yield Match(name, None, f"{facts.title(name)} has no majority", [said])

    return find


def _roles(facts: Facts) -> Iterator[tuple[str, list[str]]]:
    """Components of which one has to be active, with the hosts of those that are."""
    for name, rows in facts.whole.items():
        entry = facts.plan["components"][name]
        if entry["ha"] == "active_standby" and entry["desired"] == "started" and entry["probe"]["type"] in health.CLUSTER_CHECKS:
            yield name, [host for host, row in rows.items() if row["role"] == "active"]


def _none_active(facts: Facts) -> Iterator[Match]:
    for name, active in _roles(facts):
        if not active:
            said = [f"{host}: {row['role'] or row['state']}, {row['evidence']}" for host, row in facts.whole[name].items()]
            yield Match(name, None, f"no {facts.title(name)} is active", said)


def _several_active(facts: Facts) -> Iterator[Match]:
    for name, active in _roles(facts):
        if len(active) > 1:
            yield Match(name, None, f"{len(active)} of {facts.title(name)} are active", [f"on {', '.join(active)}"])


def _safe_mode(kept: bool) -> Callable[[Facts], Iterator[Match]]:
    def find(facts: Facts) -> Iterator[Match]:
        for name, host, row in facts.rows("hdfs_namenode"):
            # What the NameNode does not leave by itself it says with this word: turned on manually, or to be turned off manually.
            if row["role"] == "active" and row["details"].get("safe_mode") and kept == ("manually" in row["evidence"]):
                yield Match(
                    name, host, f"HDFS {'is kept' if kept else 'is'} in safe mode ({facts.title(name)} on {host})", [row["evidence"]]
                )

    return find


def _missing_blocks(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows("hdfs_namenode"):
        if row["role"] == "active" and row["details"].get("missing_blocks"):
            said = [f"{host}: {row['evidence']}", *(facts.hosts.get(host) or {}).get("corrupt_files", [])]
            said.append(f"last good backup: {facts.backup or 'none is known'}")
            yield Match(name, None, f"{row['details']['missing_blocks']} blocks of HDFS have no replica", said)


def _journal_behind(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows("hdfs_namenode"):
        if row["role"] == "active" and row["details"].get("journals_behind"):
            behind = row["details"]["journals_behind"]
            said = f"of {row['details']['journals']}: {', '.join(behind)}"
            yield Match(name, None, f"the {facts.title(name)} on {host} does not write to {len(behind)} JournalNodes", [said])


def _journal_leftovers(facts: Facts) -> Iterator[Match]:
    for name, host, _row in facts.rows("hdfs_journalnode"):
        found = (facts.hosts.get(host) or {}).get("leftovers", {}).get(name)
        if found:
            yield Match(name, host, f"{facts.title(name)} on {host} cannot give its older edits to anybody", found)


def _goal_state(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows("accumulo_manager"):
        goal = row["details"].get("goal_state", "NORMAL")
        if row["role"] == "active" and goal != "NORMAL":
            yield Match(name, None, f"Accumulo's goal state is {goal}, so that tablets stay offline", [f"{host}: {row['evidence']}"])


def _tablets_offline(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows("accumulo_manager"):
        details = row["details"]
        if row["role"] == "active" and (details.get("unassigned") or details.get("not_loaded")):
            yield Match(name, None, f"{details['unassigned']} tablets are offline", [f"{host}: {row['evidence']}"])


def _unhealthy(facts: Facts) -> Iterator[Match]:
    for name, host, row in facts.rows():
        if row["state"] == "running" and row["health"] == "unhealthy" and not row.get("signalled"):
            yield Match(name, host, f"{facts.title(name)} on {host} says that it is not well", [row["evidence"]])


def _alerts(facts: Facts) -> Iterator[Match]:
    titles = {name: facts.title(name) for name in facts.whole}
    for alert in facts.alerts:
        name, host = alert["component"], alert["host"]
        row = facts.whole.get(name, {}).get(host)
        if not ambari_look.is_meant(alert, row["state"] if row else None, facts.plan["components"][name]["desired"] if row else None):
            said = f"Ambari's alert {alert['label']}, {ambari_look.named(alert, titles)}, is {alert['state']}"
            yield Match(name, host, said, [f"since {alert['since']}: {alert['text']}"], alert)


RECOVER = "ansible-playbook playbooks/recover.yml"
CUT_OFF = "HOST_CUT_OFF"
ALERT = "AMBARI_ALERT"
WHOLE_HOST = ("HOST_UNREACHABLE", CUT_OFF, "HOST_STOPPED")  # they say why nothing on a host is healthy
ACCEPT = f"{RECOVER} -e runbook_accept="
START = "ansible-playbook playbooks/startup.yml"

RULES: tuple[Rule, ...] = (
    Rule(
        "HOST_UNREACHABLE",
        "intervention",
        _unreachable,
        "nobody knows what runs there; nothing is done on the strength of that",
        "bring the host, its network or SSH back, then look again; if it is gone for good, take it out of the inventory",
    ),
    Rule(
        CUT_OFF,
        "intervention",
        _cut_off,
        "what runs there serves nobody; what it led is led by others",
        "bring its network back (switch, route, firewall); then recover.yml: what ran there has ended, or has lost its place",
    ),
    Rule("HOST_STOPPED", "restart", _idle, "what it did is done by others, or by nobody", RECOVER),
    Rule(
        "DISK_FULL",
        "intervention",
        _full,
        "what writes there fails, and may end",
        "make room there; nothing is deleted for you",
    ),
    Rule("CLOCK_SKEW", "intervention", _skewed, "timestamps of new records, leases and Kerberos tickets", "set the clock (chronyd, ntpd)"),
    Rule("STOPPED_BY_SIGNAL", "zombie", _signalled, "its clients wait for it", RECOVER),
    Rule("FILES_EXHAUSTED", "zombie", _without_files, "it can open no file and take no connection", RECOVER),
    Rule("NOT_ANSWERING", "zombie", _deaf, "its clients wait for it", RECOVER),
    Rule("NO_LOCK", "zombie", _without_lock, "it does no work, and does not take over", RECOVER),
    Rule("NOT_TOLD", "recovers", _not_told, "nothing by itself", "cure what does not answer, then look again"),
    Rule("STARTING", "recovers", _starting, "nothing", "wait, then look again"),
    Rule(
        "NAMENODE_STORAGE_LOST",
        "data_at_risk",
        _without_storage("hdfs_namenode"),
        "the other NameNode has the only copy of the names, beside the edits of the JournalNodes",
        f"mount the disk if it is only missing; if it is lost, copy the names from the other NameNode: {ACCEPT}bootstrap_standby",
        accept="bootstrap_standby",
    ),
    Rule(
        "ZOOKEEPER_STORAGE_LOST",
        "data_at_risk",
        _without_storage("zookeeper"),
        "one more member that is lost is the majority",
        f"mount the disk if it is only missing; if it is lost, let it copy from the others: {ACCEPT}rejoin_ensemble",
        accept="rejoin_ensemble",
    ),
    Rule(
        "JOURNAL_STORAGE_LOST",
        "data_at_risk",
        _not_formatted,
        "one more JournalNode that is lost ends the NameNode",
        f"mount the disk if it is only missing; if it is lost, let it copy from the others: {ACCEPT}rejoin_journal",
        accept="rejoin_journal",
    ),
    Rule(
        "POSTGRES_STORAGE_LOST",
        "data_at_risk",
        _without_storage("postgres"),
        "Koverse's users, data sets and settings",
        "mount the disk if it is only missing; if it is lost, docs/recover.md is the way back from the last good backup",
    ),
    Rule("DIED", "restart", _died, "what it did is done by others, or by nobody", RECOVER),
    Rule("STOPPED", "restart", _stopped, "what it did is done by others, or by nobody", START),
    Rule("ZOOKEEPER_NO_QUORUM", "intervention", _no_quorum("zookeeper"), "roles are frozen; Accumulo's servers end themselves", RECOVER),
    Rule("JOURNAL_NO_MAJORITY", "intervention", _no_quorum("hdfs_journalnode"), "the active NameNode ends itself", RECOVER),
    Rule("NONE_ACTIVE", "intervention", _none_active, "nobody does its work", RECOVER),
    Rule("SEVERAL_ACTIVE", "intervention", _several_active, "both may write", "stop all but one of them, and find out why fencing failed"),
    Rule(
        "BLOCKS_MISSING",
        "data_at_risk",
        _missing_blocks,
        "the files that they belong to; a write-ahead log among them keeps its tablets offline",
        "bring every DataNode back first; tables come back from the backup (docs/backup.md); "
        f"files outside of Accumulo are given up with {ACCEPT}give_up_files",
        ("hdfs_datanode",),
        accept="give_up_files",
    ),
    Rule(
        "SAFE_MODE_KEPT",
        "intervention",
        _safe_mode(kept=True),
        "nothing can be written to HDFS",
        f"find out who turned it on, and why; if it may end: {ACCEPT}leave_safe_mode",
        accept="leave_safe_mode",
    ),
    Rule("SAFE_MODE", "intervention", _safe_mode(kept=False), "nothing can be written to HDFS", RECOVER, ("hdfs_datanode",)),
    Rule(
        "JOURNAL_BEHIND",
        "recovers",
        _journal_behind,
        "the NameNode ends itself when a majority of them is missing",
        "start those that do not run; hdfs dfsadmin -rollEdits takes them in at once, the standby NameNode does it every two minutes",
    ),
    Rule(
        "JOURNAL_LEFTOVERS",
        "data_at_risk",
        _journal_leftovers,
        "a NameNode that needs them, because it has no newer image, does not start",
        f"{ACCEPT}set_leftovers_aside",
        accept="set_leftovers_aside",
    ),
    Rule("GOAL_STATE", "restart", _goal_state, "tablets are not served", START),
    Rule("TABLETS_OFFLINE", "recovers", _tablets_offline, "reads and writes of those tablets wait", RECOVER, ("accumulo_tserver",)),
    Rule("UNHEALTHY", "intervention", _unhealthy, "what its evidence names", "read its log; then look again"),
    Rule(
        ALERT,
        "intervention",
        _alerts,
        "what the alert names; the run book's own look has not seen it",
        "read in Ambari what it means; what is meant to be so is put into maintenance there",
    ),
)


def zombies(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Component and host of those findings that are zombies. Only what does not answer may do so because of something else."""
    return [
        (row["component"], row["host"])
        for row in found
        if row["class"] == "zombie" and (row["follows_from"] is None or row["code"] != "NOT_ANSWERING")
    ]


def findings(facts: Facts) -> list[dict[str, Any]]:
    """All that is wrong: causes before what follows from them, the lowest layer first."""
    found = []
    for rule in RULES:
        for match in rule.find(facts):
            found.append((rule, match))
    own = _only_the_first_of_an_instance([pair for pair in found if not pair[1].alert])
    found = _with_alerts(facts, own, [pair for pair in found if pair[1].alert])
    found.sort(key=lambda pair: _height(facts.plan, pair[1]))
    rows: list[dict[str, Any]] = [
        {
            "code": rule.code,
            "severity": _severity(facts, match),
            "class": "recovers" if rule.code == "DIED" and _others_serve(facts, match) else rule.kind,
            "component": match.component,
            "host": match.host,
            "summary": match.summary,
            "evidence": match.evidence,
            "concerns": list(match.concerns),
            "stake": rule.stake,
            "remedy": rule.remedy,
            "accept": rule.accept,
            "follows_from": None,
            "alert": match.alert["id"] if match.alert else None,
        }
        for rule, match in found
    ]
    for position, (rule, match) in enumerate(found):
        causes = [other for other, cause in enumerate(found) if other != position and _may_cause(facts, *cause, rule, match)]
        rows[position]["follows_from"] = causes[0] if causes else None
    return rows


def _only_the_first_of_an_instance(found: Sequence[tuple[Rule, Match]]) -> list[tuple[Rule, Match]]:
    """Rules are in the order of what they know: the first of an instance says most, and one of its component more than UNHEALTHY."""
    said: set[tuple[str, str | None]] = {(match.component, None) for _rule, match in found if match.component and not match.host}
    kept = []
    for rule, match in found:
        if match.component and match.host:
            if (match.component, match.host) in said or (rule.code == "UNHEALTHY" and (match.component, None) in said):
                continue
            said.add((match.component, match.host))
        kept.append((rule, match))
    return kept


def _with_alerts(facts: Facts, own: Sequence[tuple[Rule, Match]], alerts: Sequence[tuple[Rule, Match]]) -> list[tuple[Rule, Match]]:
    """Our own findings, with Ambari's alerts on what they name in their evidence, and the other alerts."""
    told_by: dict[str, int] = {}  # an alert's id to a position in `own`
    by_service: dict[str, int] = {}
    for _rule, match in sorted(alerts, key=lambda pair: _is_of_a_service(pair[1])):
        service = match.alert["service"]
        positions = [position for position, (rule, finding) in enumerate(own) if _names(facts, rule, finding, match)]
        if _is_of_a_service(match) and service in by_service:
            # That something is worse with the service than the finding says is told.
            taker = by_service[service]
            positions = [taker] if _severity(facts, match) == "warning" or _severity(facts, own[taker][1]) == "error" else []
        if positions:
            told_by[match.alert["id"]] = positions[0]
            by_service.setdefault(service, positions[0])
    found = []
    for position, (rule, match) in enumerate(own):
        texts = [f"{alert.summary} {alert.evidence[0]}" for _rule, alert in alerts if told_by.get(alert.alert["id"]) == position]
        more = [f"and {len(texts) - _ALERTS} more of Ambari's alerts"] if len(texts) > _ALERTS else []
        found.append((rule, match._replace(evidence=[*match.evidence, *texts[:_ALERTS], *more])))
    return found + [pair for pair in alerts if pair[1].alert["id"] not in told_by]


def _is_of_a_service(match: Match) -> bool:
    """Whether an alert is of a service as a whole: how many of its components answer."""
    return not match.alert["ambari_component"] and not match.alert["ambari_host"]


def _names(facts: Facts, rule: Rule, finding: Match, alert: Match) -> bool:
    """Whether a finding of our own names what an alert is about: its instance; its host as a whole; or, where the instance is not healthy,
    its component as a whole."""
    if rule.code in WHOLE_HOST:
        ours = alert.component is not None  # what is not may run on a host on which all of ours is stopped
        return finding.host == alert.host and (ours or rule.code != "HOST_STOPPED")
    if not alert.component or finding.component != alert.component:
        return False
    row = facts.whole[alert.component].get(str(alert.host))
    return finding.host == alert.host or (finding.host is None and row is not None and row["health"] != "healthy")


def _height(plan: Plan, match: Match) -> tuple[bool, int, int, int]:
    """Ambari's alerts above everything, hosts below; then layer by layer, in a layer in the order of starting, instances before their
    component as a whole."""
    last = len(plan["order"])
    where = plan["order"].index(match.host) if match.host in plan["order"] else last
    if match.component is None:
        return (bool(match.alert), len(plan["layers"]) if match.alert else -1, 0, where)
    order = [name for stage in plan["stages"] for name in stage["components"]]
    layer = list(plan["layers"]).index(plan["components"][match.component]["layer"])
    return (bool(match.alert), layer, order.index(match.component), where)


def _severity(facts: Facts, match: Match) -> str:
    """A warning where the component does without it; of an alert, where it is not critical."""
    if match.alert:
        return "error" if match.alert["state"] == "CRITICAL" else "warning"
    if match.component is None:
        here = [name for name, hosts in facts.plan["instances"].items() if match.host in hosts]
        return "error" if any(facts.judged[name].problems for name in here) else "warning"
    return "error" if match.host is None or facts.judged[match.component].problems else "warning"


def _others_serve(facts: Facts, match: Match) -> bool:
    """Whether the others of its kind do the work of an instance that is gone, and what depends on them goes on: who hands it to them."""
    name = str(match.component)
    entries = facts.plan["components"]
    spared = len(facts.plan["instances"][name]) > 1 and entries[name]["ha"] != "none"
    concerned = [name, *(other for other, entry in entries.items() if name in entry["depends_on"])]
    judged = decide.verdicts(facts.plan, facts.whole, concerned, decide.fewest(facts.plan))
    return spared and not any(verdict.problems for verdict in judged.values())


def _may_cause(facts: Facts, by: Rule, cause: Match, rule: Rule, match: Match) -> bool:
    """Whether `cause` can be why there is `match`."""
    if match.component is None or match.component in by.because or cause.alert:
        return False
    below = {*decide.needs(facts.plan, match.component), *rule.because}
    if cause.component is None:
        concerned = {match.component, *below} if match.host is None else {match.component}
        there = [name for name in concerned if cause.host in facts.plan["instances"].get(name, [])]
        return bool(there) and match.host in (None, cause.host)
    if cause.component == match.component:
        return cause.host is not None and match.host is None
    # A clean stop was somebody's will, or its host's.
    return cause.component in below and bool(facts.judged[cause.component].problems) and rule.code != "STOPPED"
