# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: what it says, what an inventory may change, and what it refuses."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils.probes import PROBES
from ansible_collections.koverse.runbook.plugins.plugin_utils import catalogue
from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import RunbookError, load, merge
from hypothesis import given
from hypothesis import strategies as st

BILLING = {"layer": "application", "service": "billing"}


def problems(overrides: Any) -> list[str]:
    """What is wrong with an inventory's runbook_catalogue."""
    with pytest.raises(RunbookError) as caught:
        load(overrides)
    return caught.value.problems


def test_layers_are_those_of_the_run_book_in_order() -> None:
    layers, _components = load()
    assert list(layers) == ["coordination", "storage", "data_services", "application"]


def test_what_every_cluster_must_have() -> None:
    _layers, components = load()
    assert {name for name, entry in components.items() if entry["required"]} == {
        "postgres",
        "zookeeper",
        "hdfs_datanode",
        "hdfs_namenode",
        "hdfs_zkfc",
        "yarn_resourcemanager",
        "yarn_nodemanager",
        "accumulo_tserver",
        "accumulo_manager",
        "accumulo_monitor",
        "accumulo_gc",
        "koverse_server",
        "koverse_webapp",
    }


def test_standbys_of_koverse_are_meant_to_be_down() -> None:
    _layers, components = load()
    standbys = {name for name, entry in components.items() if entry["desired"] == "stopped"}
    assert standbys == {"koverse_standby_server", "koverse_standby_webapp"}
    assert components["koverse_standby_server"]["ports"] == components["koverse_server"]["ports"]


@pytest.mark.parametrize("part", ["server", "webapp"])
def test_standbys_of_koverse_are_like_what_they_stand_by_for(part: str) -> None:
    _layers, components = load()
    own = {
        "name": f"koverse_standby_{part}",
        "title": f"Koverse standby {'server' if part == 'server' else 'web app'}",
        "groups": [f"koverse_standby_{part}", "koverse_standby"],
        "required": False,
        "desired": "stopped",
        "standby_of": f"koverse_{part}",
        "depends_on": [] if part == "server" else ["koverse_standby_server"],
    }
    assert components[f"koverse_standby_{part}"] == {**components[f"koverse_{part}"], **own}


def test_workers_stop_before_what_they_report_to() -> None:
    _layers, components = load()
    assert {name: entry["stops_before"] for name, entry in components.items() if entry["stops_before"]} == {
        "hdfs_datanode": ["hdfs_namenode"],
        "hdfs_zkfc": ["hdfs_namenode"],
        "yarn_nodemanager": ["yarn_resourcemanager"],
    }
    for entry in components.values():
        assert {components[name]["layer"] for name in entry["stops_before"]} <= {entry["layer"]}


def test_every_shipped_entry_is_complete_and_its_own() -> None:
    _layers, components = load()
    for name, entry in components.items():
        assert entry["name"] == name
        assert set(entry) == {*catalogue.DEFAULTS, "name"}
        assert entry["probe"]["type"] in PROBES
    components["accumulo_tracer"]["before_start"].append("x")
    assert components["accumulo_gc"]["before_start"] == []


def test_backend_is_the_inventorys_unless_the_entry_says_so() -> None:
    _layers, components = load({"zookeeper": {"backend": "systemd"}}, backend="init")
    assert components["zookeeper"]["backend"] == "systemd"
    assert components["hdfs_namenode"]["backend"] == "init"
    assert load()[1]["hdfs_namenode"]["backend"] == "systemd"
    assert load()[1]["koverse_server"]["backend"] == "init"


def test_an_added_component_gets_defaults() -> None:
    _layers, components = load({"billing": BILLING})
    billing = components["billing"]
    assert (billing["title"], billing["groups"], billing["required"]) == ("billing", ["billing"], False)
    assert (billing["ha"], billing["min_healthy"], billing["probe"]) == ("none", "all", {"type": "process"})
    assert (billing["start_timeout"], billing["stop_timeout"]) == (120, 60)


def test_an_override_changes_only_what_it_names() -> None:
    before = load()[1]["hdfs_namenode"]
    after = load({"hdfs_namenode": {"ports": {"http": 50070}, "start_timeout": 900.5}})[1]["hdfs_namenode"]
    assert after == {**before, "ports": {"rpc": 8020, "http": 50070}, "start_timeout": 900.5}
    assert load()[1]["hdfs_namenode"] == before


def test_a_probe_of_another_type_takes_no_options_of_the_old_one() -> None:
    tcp = load({"koverse_webapp": {"probe": {"type": "tcp", "port": "https"}}})[1]["koverse_webapp"]
    assert tcp["probe"] == {"type": "tcp", "port": "https"}


@pytest.mark.parametrize("change", [{"path": "/login"}, {"type": "http", "path": "/login"}])
def test_a_probe_of_the_same_type_keeps_its_other_options(change: dict[str, str]) -> None:
    assert load({"koverse_webapp": {"probe": change}})[1]["koverse_webapp"]["probe"] == {
        "type": "http",
        "port": "http",
        "path": "/login",
    }


def test_a_change_of_a_model_reaches_what_is_like_it() -> None:
    changes = {"ports": {"usergroup": 12399}, "service": "koverse", "backend": "systemd", "start_timeout": 900, "log": ["/a"]}
    components = load({"koverse_server": {**changes, "title": "Koverse", "groups": ["app"], "required": False}})[1]
    standby = components["koverse_standby_server"]
    assert standby["ports"] == components["koverse_server"]["ports"]
    assert (standby["ports"]["usergroup"], standby["ports"]["admin"]) == (12399, 12325)
    assert {key: standby[key] for key in changes if key != "ports"} == {key: value for key, value in changes.items() if key != "ports"}
    assert (standby["title"], standby["groups"][0], standby["desired"]) == ("Koverse standby server", "koverse_standby_server", "stopped")


def test_a_change_of_what_is_like_a_model_does_not_reach_the_model() -> None:
    before = load()[1]["koverse_server"]
    change = {"ports": {"usergroup": 12399}, "user": "standby"}
    components = load({"koverse_standby_server": change, "koverse_server": {"start_timeout": 900}})[1]
    standby = components["koverse_standby_server"]
    assert (standby["ports"]["usergroup"], standby["ports"]["admin"]) == (12399, 12325)
    assert (standby["user"], standby["start_timeout"]) == ("standby", 900)
    assert components["koverse_server"] == {**before, "start_timeout": 900}


def test_an_added_component_can_be_like_another() -> None:
    archive = {"like": "hdfs_datanode", "title": "Archive", "groups": ["archive"], "required": False, "ports": {"http": 9964}}
    components = load({"archive_datanode": archive, "hdfs_datanode": {"user": "hadoop"}})[1]
    own = {"name": "archive_datanode", "title": "Archive", "groups": ["archive"], "required": False}
    model = components["hdfs_datanode"]
    assert components["archive_datanode"] == {**model, **own, "ports": {**model["ports"], "http": 9964}}
    assert (components["archive_datanode"]["user"], components["archive_datanode"]["stops_before"]) == ("hadoop", ["hdfs_namenode"])


@pytest.mark.parametrize("names", [("billing", "invoices"), ("invoices", "billing")])
def test_an_added_component_can_be_like_another_added_one_in_any_order(names: tuple[str, str]) -> None:
    added = {"billing": {**BILLING, "user": "bill"}, "invoices": {"like": "billing", "service": "invoices"}}
    invoices = load({name: added[name] for name in names})[1]["invoices"]
    assert (invoices["layer"], invoices["user"], invoices["service"]) == ("application", "bill", "invoices")
    assert (invoices["title"], invoices["groups"]) == ("invoices", ["invoices"])


def test_what_is_like_another_with_a_probe_of_another_type_takes_no_options_of_the_old_one() -> None:
    probe = {"type": "tcp", "port": "https"}
    assert load({"portal": {"like": "koverse_webapp", "probe": probe}})[1]["portal"]["probe"] == probe
    assert load({"portal": {"like": "koverse_webapp", "probe": {"path": "/login"}}})[1]["portal"]["probe"] == {
        "type": "http",
        "port": "http",
        "path": "/login",
    }


def test_merge_replaces_lists_and_leaves_its_input_alone() -> None:
    base = {"log": ["a"], "ports": {"http": 1, "rpc": 2}}
    assert merge(base, {"log": ["b"], "ports": {"http": 3}}) == {"log": ["b"], "ports": {"http": 3, "rpc": 2}}
    assert base == {"log": ["a"], "ports": {"http": 1, "rpc": 2}}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("zookeeper", "runbook_catalogue must be a mapping of component names to entries, found 'zookeeper'."),
        ({"zookeeper": 3}, "runbook_catalogue.zookeeper must be a component's name with a mapping, found 3."),
        ({1: BILLING}, "runbook_catalogue.1 must be a component's name with a mapping"),
        ({"zookeper": {"service": "zk"}}, "Did you mean 'zookeeper'?"),
        ({"zookeper": {"service": "zk"}}, "needs at least 'layer' and 'service'"),
        ({"zookeper": {"service": "zk"}}, "or 'like'."),
        ({"billing": {"like": "koverse_servr"}}, "billing.like: 'koverse_servr' is no entry of its own. Did you mean 'koverse_server'?"),
        (
            {"billing": {"like": "koverse_standby_server"}},
            "billing.like: 'koverse_standby_server' is no entry of its own. Did you mean 'koverse_server'?",
        ),
        ({"billing": {"like": "invoices"}, "invoices": {"like": "zookeeper"}}, "billing.like: 'invoices' is no entry of its own."),
        ({"billing": {"like": "invoices"}, "invoices": {"like": "billing"}}, "invoices.like: 'billing' is no entry of its own."),
        ({"zookeeper": {"like": "zookeeper"}}, "zookeeper.like: 'zookeeper' is no entry of its own."),
        ({"billing": {"like": 3}}, "billing.like: '3' is no entry of its own."),
        ({"billing": {"like": "zookeeper", "start_timout": 5}}, "billing: unknown key 'start_timout'. Did you mean 'start_timeout'?"),
        ({"billing": {"like": "zookeeper", "probe": {"port": "clint"}}}, "billing.probe.port: 'clint' is none of its ports (client"),
        ({"zookeeper": {"start_timout": 5}}, "zookeeper: unknown key 'start_timout'. Did you mean 'start_timeout'?"),
        ({"zookeeper": {"layer": "storag"}}, "zookeeper.layer: unknown value 'storag'. Did you mean 'storage'?"),
        ({"zookeeper": {"layer": "xyz"}}, "Known are: coordination, storage, data_services, application."),
        ({"zookeeper": {"ha": "quorom"}}, "zookeeper.ha: unknown value 'quorom'. Did you mean 'quorum'?"),
        ({"zookeeper": {"backend": "upstart"}}, "zookeeper.backend: unknown value 'upstart'."),
        ({"zookeeper": {"desired": "running"}}, "zookeeper.desired: unknown value 'running'."),
        ({"Billing": BILLING}, "Billing: a component's name is an inventory group's name: lower case"),
        ({"zookeeper": {"start_timeout": "soon"}}, "start_timeout: expected seconds as a number above 0, found 'soon'."),
        ({"zookeeper": {"start_timeout": "60"}}, "start_timeout: expected seconds as a number above 0, found '60'."),
        ({"zookeeper": {"start_timeout": True}}, "start_timeout: expected seconds as a number above 0, found True."),
        ({"zookeeper": {"start_timeout": None}}, "start_timeout: expected seconds as a number above 0, found None."),
        ({"zookeeper": {"stop_timeout": 0}}, "stop_timeout: expected seconds as a number above 0, found 0."),
        ({"zookeeper": {"stop_timeout": -1}}, "stop_timeout: expected seconds as a number above 0, found -1."),
        ({"zookeeper": {"min_healthy": "most"}}, "expected 'all', 'majority' or a whole number, found 'most'."),
        ({"zookeeper": {"min_healthy": -1}}, "expected 'all', 'majority' or a whole number, found -1."),
        ({"zookeeper": {"min_healthy": 1.5}}, "expected 'all', 'majority' or a whole number, found 1.5."),
        ({"zookeeper": {"min_healthy": True}}, "expected 'all', 'majority' or a whole number, found True."),
        ({"zookeeper": {"ports": 2181}}, "ports: expected a mapping, found 2181."),
        ({"zookeeper": {"ports": {"client": "2181"}}}, "ports: expected names and numbers from 1 to 65535"),
        ({"zookeeper": {"ports": {"client": 0}}}, "ports: expected names and numbers from 1 to 65535"),
        ({"zookeeper": {"ports": {"client": 65536}}}, "ports: expected names and numbers from 1 to 65535"),
        ({"zookeeper": {"depends_on": "postgres"}}, "zookeeper.depends_on: expected a list of texts, found 'postgres'."),
        ({"zookeeper": {"groups": "zk"}}, "zookeeper.groups: expected a list of texts, found 'zk'."),
        ({"zookeeper": {"log": "/var/log/x"}}, "zookeeper.log: expected a list of texts, found '/var/log/x'."),
        ({"zookeeper": {"log_config": "/etc/x"}}, "zookeeper.log_config: expected a list of texts, found '/etc/x'."),
        ({"zookeeper": {"before_stop": "flush"}}, "zookeeper.before_stop: expected a list of texts, found 'flush'."),
        ({"zookeeper": {"depends_on": ["postgre"]}}, "depends_on: unknown component 'postgre'. Did you mean 'postgres'?"),
        ({"zookeeper": {"stops_before": ["postgre"]}}, "stops_before: unknown component 'postgre'. Did you mean 'postgres'?"),
        ({"hdfs_namenode": {"stops_before": ["accumulo_tserver"]}}, "'accumulo_tserver' is in another layer"),
        ({"koverse_server": {"stops_before": ["koverse_webapp"]}}, "'koverse_webapp' is stopped earlier"),
        ({"billing": {"like": ["zookeeper"]}}, "runbook_catalogue.billing.like: '['zookeeper']' is no entry of its own"),
        ({"zookeeper": {"stops_before": "postgres"}}, "zookeeper.stops_before: expected a list of texts, found 'postgres'."),
        ({"zookeeper": {"only_with": "zkfc"}}, "zookeeper.only_with: unknown component 'zkfc'."),
        (
            {"zookeeper": {"depends_on": ["hdfs_namenode"]}},
            "zookeeper.depends_on: 'hdfs_namenode' is in the layer 'storage', which starts after 'coordination'.",
        ),
        ({"accumulo_manager": {"before_start": ["sweep"]}}, "accumulo_manager.before_start: unknown step 'sweep'."),
        ({"zookeeper": {"commands": {"start": "a"}}}, "has commands and the backend 'systemd'. One component has one backend"),
        (
            {"zookeeper": {"backend": "init", "commands": {"start": "a"}}},
            "has commands and the backend 'init'. One component has one backend",
        ),
        ({"zookeeper": {"backend": "command"}}, "needs start, stop and status; missing: start, stop, status."),
        (
            {"zookeeper": {"backend": "command", "commands": {"start": "a", "status": "b"}}},
            "the command backend needs start, stop and status; missing: stop.",
        ),
        (
            {"zookeeper": {"backend": "command", "commands": {"start": "a", "status": "b", "stop": ""}}},
            "the command backend needs start, stop and status; missing: stop.",
        ),
        ({"billing": {"layer": "application"}}, "billing.service: expected the name of its unit or init script"),
        ({"zookeeper": {"service": ""}}, "zookeeper.service: expected the name of its unit or init script"),
        ({"zookeeper": {"probe": "tcp"}}, "zookeeper.probe: expected a mapping, found 'tcp'."),
        ({"zookeeper": {"probe": {"type": ["tcp"]}}}, "zookeeper.probe.type: expected text, found ['tcp']."),
        ({"zookeeper": {"layer": ["storage"]}}, "zookeeper.layer: expected text, found ['storage']."),
        ({"zookeeper": {"user": 1000}}, "zookeeper.user: expected text, found 1000."),
        ({"zookeeper": {"groups": [["zk"]]}}, "zookeeper.groups: expected a list of texts, found [['zk']]."),
        ({"zookeeper": {"commands": ["a"]}}, "zookeeper.commands: expected a mapping, found ['a']."),
        (
            {"zookeeper": {"backend": "command", "commands": {"start": 1}}},
            "zookeeper.commands.start: expected a command as text or a list of words, found 1.",
        ),
        ({"zookeeper": {"process": "java ("}}, "zookeeper.process: 'java (' is not a regular expression"),
        (
            {"billing": {**BILLING, "before_start": ["accumulo_flush"]}},
            "billing: before_start, before_stop, before_leave, on_return, after_return, failover need 'tool'",
        ),
        (
            {"accumulo_manager": {"user": ""}},
            "before_start, before_stop, before_leave, on_return, after_return, failover need 'tool', their command line, and 'user'",
        ),
        (
            {"accumulo_manager": {"tool": ""}},
            "before_start, before_stop, before_leave, on_return, after_return, failover need 'tool', their command line, and 'user'",
        ),
        ({"billing": {**BILLING, "probe": {"type": "zookeeper"}}}, "the type 'zookeeper' needs 'port', the name of one of its"),
        ({"zookeeper": {"probe": {"type": "tpc", "port": "client"}}}, "probe: unknown type 'tpc'. Did you mean 'tcp'?"),
        ({"zookeeper": {"probe": {"port": "clint"}}}, "probe.port: 'clint' is none of its ports (client, peer, election)."),
        ({"billing": {**BILLING, "probe": {"type": "tcp", "port": "x"}}}, "'x' is none of its ports (it has none)."),
        ({"billing": {**BILLING, "probe": {"type": "tcp"}}}, "the type 'tcp' needs 'port', the name of one of its ports."),
        ({"billing": {**BILLING, "probe": {"type": "http"}}}, "the type 'http' needs 'port', the name of one of its ports."),
        ({"billing": {**BILLING, "probe": {"type": "command"}}}, "the type 'command' needs 'command', a list of words."),
    ],
)
def test_bad_input_says_what_is_wrong(overrides: Any, said: str) -> None:
    assert said in "\n".join(problems(overrides))


def test_bad_input_is_one_problem_each() -> None:
    found = problems({"zookeeper": {"start_timeout": "soon", "ha": "quorom"}, "postgres": {"stop_timeout": 0}})
    assert len(found) == 3
    assert str(RunbookError(found)) == "\n".join(f"- {problem}" for problem in found)


def test_a_cut_down_command_backend_is_accepted() -> None:
    commands = {"start": "s", "stop": "t", "status": "u"}
    entry = {"layer": "application", "backend": "command", "commands": commands}
    assert load({"billing": entry})[1]["billing"]["service"] is None


json = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 99999) | st.text(max_size=5) | st.sampled_from(["zookeeper", "tcp"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["zookeeper", "hdfs_zkfc", "billing", "Billing"])
models = st.fixed_dictionaries({}, optional={"like": names | st.text(max_size=5) | st.integers()})
keys = st.dictionaries(st.sampled_from(sorted(catalogue.DEFAULTS)), json | names, max_size=4)
entries = json | st.builds(merge, models, keys)


@given(json | st.dictionaries(names | st.integers(), entries, max_size=3))
def test_any_input_is_taken_or_refused_with_words(overrides: Any) -> None:
    with contextlib.suppress(RunbookError):
        load(overrides)


def test_over_ambari_is_what_ambari_knows() -> None:
    entries = load(None, "ambari")[1]
    beside = {name for name, entry in entries.items() if entry["backend"] != "ambari"}
    assert beside == {name for name, entry in entries.items() if not entry["ambari"]}
    assert entries["postgres"]["backend"] == "systemd"
    assert entries["koverse_server"]["backend"] == "ambari"  # an init script without Ambari
    assert load({"koverse_server": {"backend": "init"}}, "ambari")[1]["koverse_server"]["backend"] == "init"
