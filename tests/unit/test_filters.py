# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters, as a template finds them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.koverse.runbook.plugins.filter.runbook import FilterModule
from ansible_collections.koverse.runbook.tests.unit.cluster import HA, NODES

FILTERS = FilterModule().filters()


def test_catalogue() -> None:
    assert FILTERS["catalogue"]()["zookeeper"]["ports"]["client"] == 2181
    changed = FILTERS["catalogue"]({"zookeeper": {"ports": {"client": 2182}}}, "init")["zookeeper"]
    assert (changed["ports"]["client"], changed["backend"]) == (2182, "init")


def test_component_hosts() -> None:
    assert FILTERS["component_hosts"]("hdfs_datanode", HA) == NODES
    assert FILTERS["component_hosts"]("accumulo_tracer", HA) == []
    billing = {"billing": {"layer": "application", "service": "billing", "groups": ["desk"]}}
    assert FILTERS["component_hosts"]("billing", {"desk": ["d1"]}, billing) == ["d1"]


def test_plan() -> None:
    assert FILTERS["plan"](HA)["instances"]["zookeeper"] == NODES
    assert FILTERS["plan"](HA, {"zookeeper": {"min_healthy": 2}}, "init")["components"]["zookeeper"]["min_healthy"] == 2


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("catalogue", ({"zookeeper": {"ha": "x"}},), "runbook_catalogue.zookeeper.ha: unknown value 'x'"),
        ("component_hosts", ("zookeper", HA), "unknown component 'zookeper'. Did you mean 'zookeeper'?"),
        ("component_hosts", ("zookeeper", HA, {"zookeeper": 3}), "with a mapping, found 3"),
        ("plan", ({"all": []},), "The inventory is empty."),
    ],
)
def test_bad_input(name: str, arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        FILTERS[name](*arguments)
    assert said in str(caught.value)
