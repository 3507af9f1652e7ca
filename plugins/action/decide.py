# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import health
from ansible_collections.koverse.runbook.plugins.module_utils.mends import MENDS
from ansible_collections.koverse.runbook.plugins.plugin_utils import (
    ambari_action,
    ambari_look,
    decide,
    diagnose,
    leave,
    recover,
    relocate,
    restart,
)
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError, did_you_mean
from ansible_collections.koverse.runbook.plugins.plugin_utils.controller import (
    RunbookAction,
    answers,
    display,
    go_on_although,
    seen,
    why_unseen,
)
from ansible_collections.koverse.runbook.plugins.plugin_utils.plan import words


class ActionModule(RunbookAction):
    """Compares what is wanted with what was seen; fails, before anything is changed, where it must not begin."""

    _requires_connection = False

    def work(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = self.plan(task_vars)
        whole = seen(plan, task_vars)
        wanted = plan.get("wanted")
        if wanted is None:
            wanted = [name for stage in plan["stages"] for name in stage["components"]]
        chosen = {
            "started": self._start,
            "stopped": self._stop,
            "restarted": self._restart,
            "failed_over": self._fail_over,
            "recovered": self._recover,
            "relocated": self._relocate,
            "decommissioned": self._leave,
            "recommissioned": self._leave,
        }[args["goal"]]
        looked = answers(task_vars, "runbook_seen")
        unseen = {host: why_unseen(result) for host, result in looked.items() if "instances" not in result}
        found = diagnose.findings(diagnose.facts(plan, whole, looked, unseen))
        if args["goal"] == "recovered":
            # What is cut off from the others is left alone, as if it could not be reached.
            unseen |= {row["host"]: row["summary"] for row in found if row["code"] == diagnose.CUT_OFF}
            whole = {
                name: {host: health.unknown(name, host, unseen[host]) if host in unseen else row for host, row in rows.items()}
                for name, rows in whole.items()
            }
        zombies = [(name, host) for name, host in diagnose.zombies(found) if host not in unseen]
        known = {"looked": looked, "found": found, "zombies": zombies, "unseen": list(unseen), "ambari": ambari_look.registered(task_vars)}
        decided = chosen(plan, whole, wanted, {**args, **known, "check_mode": task_vars.get("ansible_check_mode")})
        stages = decided["stages"] + decided["lift"]
        for stage in stages:
            stage["unseen"] = list(unseen)
        # A recovery does what can be done; what Ambari leaves alone is said when its turn comes.
        forced = args["goal"] == "stopped" and args.get("on_unhealthy") == "force"
        left_alone = ambari_action.require(self._templar, task_vars, plan, stages, whole=args["goal"] != "recovered" and not forced)
        go_on_although(left_alone if forced else ())
        return {"changed": False, **decided, "unseen": list(unseen)}

    @staticmethod
    def _start(plan: dict[str, Any], whole: decide.Picture, wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        problems = decide.no_unit(plan, whole, wanted) + _zombies(plan, whole, wanted, args["zombies"])
        stages, below = decide.to_start(plan, whole, wanted)
        if below:
            problems += [f"{line}. It has to be healthy first, and this run cannot start it" for line in below]
            layer = decide.first_unhealthy_layer(plan, decide.verdicts(plan, whole))
            problems.append(
                f"First unhealthy layer: {layer}. Nothing was changed. Start the lower layers first: startup.yml without "
                "runbook_layers and runbook_components, when all their hosts can be reached."
            )
        if problems:
            raise RunbookError(problems)
        return {"stages": stages, "lift": [], "healthy": not stages}

    @staticmethod
    def _restart(plan: dict[str, Any], whole: decide.Picture, wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        only, hosts = args.get("only", "all"), words(args.get("hosts"))
        if args.get("source"):
            plan = leave.without(plan, args["source"])
        unknown_hosts = [host for host in hosts if host not in plan["addresses"]]
        problems = [f"runbook_restart_hosts: unknown host '{host}'. {did_you_mean(host, plan['addresses'])}" for host in unknown_hosts]
        if only not in ("all", "changed", "written"):
            problems.append(f"runbook_only: expected all or changed, found '{only}'.")
        by_ambari = [name for name in wanted if only == "changed" and plan["components"][name]["backend"] == "ambari"]
        said = args.get("ambari") or ambari_look.unknown("it was not asked")
        if by_ambari and said["problem"]:
            problems.append(
                f"Ambari alone can tell what runs with an older configuration, and that is unknown: {said['problem'].rstrip('.')}. "
                "Cure that, or name what is to be restarted with runbook_components."
            )
        theirs = {plan["components"][name]["ambari"] for name in by_ambari}
        problems += [
            f"Ambari calls {row['ambari_component']} on {row['ambari_host']} stale, and the inventory knows no such instance. Where the "
            "host is called otherwise there, set its runbook_ambari_host."
            for row in said["stale"]
            if row["ambari_component"] in theirs and row["component"] is None
        ]
        ours = {entry["ambari"] for entry in plan["components"].values()}
        others = [f"{row['ambari_component']} on {row['ambari_host']}" for row in said["stale"] if row["ambari_component"] not in ours]
        if by_ambari and others:
            display.warning(
                f"Ambari calls stale what this cluster's run book does not have; that is left to Ambari: {', '.join(sorted(others))}"
            )
        stale = {(row["component"], row["host"]) for row in said["stale"]}

        def is_changed(name: str, host: str, row: Mapping[str, Any]) -> bool:
            return (name, host) in stale if name in by_ambari else (row.get("configured") or "") > row["since"]

        run = restart.selection(wanted, hosts, only)
        noted = {host: answer.get("restart") or {} for host, answer in args["looked"].items()}
        began = {host: note["began"] for host, note in noted.items() if note.get("selection") == run}
        judged = {name: verdict.problems for name, verdict in decide.verdicts(plan, whole).items()}
        unhealthy = [f"{line}. A restart without an outage begins with a healthy cluster" for line in decide.lines(plan, judged)]
        behind = bool(unhealthy and began and args.get("on_unhealthy", "start") == "start")
        if problems or (unhealthy and not behind):
            raise RunbookError([*problems, *unhealthy, "Nothing was changed. recover.yml brings back what is missing."])
        chosen = [
            (name, host)
            for name in wanted
            for host, row in whole[name].items()
            if row["state"] == "running"
            and (not hosts or host in hosts)
            and (only == "all" or is_changed(name, host, row))
            and row["since"] < began.get(host, "9999")
        ]
        if began:
            display.display(f"    the restart of {min(began.values())} that was interrupted goes on: {len(chosen)} instances are left")
        stages, outages = restart.stages(plan, whole, chosen, args.get("batch", 1))
        for line in outages:
            display.warning(line)
        if args.get("source"):
            # A tablet server that is restarted takes nobody's place away.
            stages = [{**stage, "instances": plan["instances"]} for stage in stages if stage["goal"] != "recovered"]
        return {"stages": [] if behind else stages, "lift": [], "behind": behind, "healthy": not stages, "selection": run}

    @staticmethod
    def _recover(plan: dict[str, Any], whole: decide.Picture, _wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        layer, accept = args["layer"], words(args.get("accept"))
        strange = [word for word in accept if word not in MENDS]
        if strange:
            raise RunbookError([f"runbook_accept: unknown value '{word}'. {did_you_mean(word, MENDS)}" for word in strange])
        # A restart of a few components, too, brings back whatever has lost its place because of it.
        members = [name for name, entry in plan["components"].items() if entry["layer"] == layer]
        risky = [row for row in args["found"] if row["accept"] and row["follows_from"] is None and row["component"] in members]
        accepted = [row for row in risky if row["accept"] in accept]
        stages, below = recover.stages(plan, whole, members, args["zombies"], float(args.get("patience", 30)), args["unseen"], accepted)
        left = [row for row in risky if row not in accepted]
        said = [f"{row['code']}: {row['summary']}. Next: {row['remedy']}" for row in left]
        # What serves all the same keeps nobody from being started.
        waits = [
            line
            for line, row in zip(said, left)
            if row["severity"] == "error" and (row["host"] is None or whole[row["component"]][row["host"]]["health"] != "healthy")
        ]
        # What a run would cure in the layers below stands in the way of nothing that it only predicts.
        problems = [] if args["check_mode"] else [*below, *waits]
        problems += decide.no_unit(plan, whole, members)
        for line in said if args["check_mode"] else [line for line in said if line not in waits]:
            display.display(f"    {plan['layers'][layer]}: not without your word: {line}")
        if problems:
            raise RunbookError(
                [*problems, f"The layer {layer} and those above were left as they are. Next: cure this, then run recover.yml again."]
            )
        for line in recover.plan_lines(plan, stages):
            display.display(f"    {plan['layers'][layer]}: {line}")
        return {"stages": stages, "lift": [], "healthy": not stages}

    @staticmethod
    def _relocate(plan: dict[str, Any], whole: decide.Picture, wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        problems = decide.no_unit(plan, whole, wanted)
        if problems:
            raise RunbookError([*problems, "Nothing was changed."])
        stages = relocate.stages(plan, whole, wanted, args["source"])
        return {"stages": stages, "lift": [], "healthy": not stages}

    @staticmethod
    def _leave(plan: dict[str, Any], whole: decide.Picture, _wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        stages = (leave.out if args["goal"] == "decommissioned" else leave.back)(plan, whole, args.get("source") or "")
        return {"stages": stages, "lift": [], "healthy": not stages}

    @staticmethod
    def _fail_over(plan: dict[str, Any], whole: decide.Picture, _wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        component = args.get("component") or ""
        if component not in plan["components"]:
            raise RunbookError(
                [f"runbook_component: unknown component '{component}' in this inventory. {did_you_mean(component, plan['components'])}"]
            )
        needed = decide.verdicts(plan, whole, decide.needs(plan, component), decide.fewest(plan))
        below = [
            f"{line}. A failover needs it" for line in decide.lines(plan, {name: verdict.problems for name, verdict in needed.items()})
        ]
        if below:
            raise RunbookError([*below, "Nothing was changed."])
        stages = restart.failover(plan, whole, component, args.get("target") or "")
        return {"stages": stages, "lift": [], "healthy": not stages}

    @staticmethod
    def _stop(plan: dict[str, Any], whole: decide.Picture, wanted: list[str], args: Mapping[str, Any]) -> dict[str, Any]:
        mode = args.get("on_unhealthy", "start")
        unknown = [
            f"{plan['components'][name]['title']} on {host}: {row['evidence']}"
            for name in wanted
            for host, row in whole[name].items()
            if row["state"] == "unknown"
        ]
        problems = [f"{line}. It can neither be stopped nor proven to be gone" for line in unknown]
        problems += [f"{line}, which is to be stopped" for line in decide.in_the_way_of_a_stop(plan, whole, wanted)]
        lift: list[decide.Stage] = []
        if decide.unpersisted(plan, whole, wanted):
            needed = decide.needed_to_persist(plan)
            judged = decide.verdicts(plan, whole, needed)
            unhealthy = decide.lines(plan, {name: verdict.problems for name, verdict in judged.items()})
            problems += _zombies(plan, whole, needed, args["zombies"])
            if unhealthy and mode == "start":
                lift, forbidding = decide.to_start(plan, whole, needed)
                problems += [f"{line}. Tablet servers cannot bring their data to disk" for line in forbidding]
            elif unhealthy:
                problems += [f"{line}. Tablet servers cannot bring their data to disk" for line in unhealthy]
        if problems and mode == "force":
            go_on_although(problems)
        elif problems:
            raise RunbookError(
                [
                    *problems,
                    "Nothing was changed. Cure this, or give up what is at stake with -e runbook_shutdown=force.",
                ]
            )
        return {"stages": decide.to_stop(plan, whole, wanted), "lift": lift, "healthy": False}


def _zombies(plan: dict[str, Any], whole: decide.Picture, components: list[str], zombies: list[tuple[str, str]]) -> list[str]:
    """What runs and does not serve, so that no start and no waiting helps."""
    return [
        f"{plan['components'][name]['title']} on {host} runs and does not serve ({whole[name][host]['evidence']}). "
        "recover.yml ends it and starts it again"
        for name, host in zombies
        if name in components
    ]
