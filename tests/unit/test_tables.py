# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Accumulo's tools print, as they printed it (2.1.4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import tables
from ansible_collections.koverse.runbook.plugins.module_utils.shell import quoted
from ansible_collections.koverse.runbook.plugins.module_utils.worker import Context, WorkerError

RECORDINGS = Path(__file__).parent / "recordings"
FILES = {path.name: path.read_text(encoding="utf-8").splitlines() for path in (RECORDINGS / "dumpconfig-2.1.4").iterdir()}


def read(name: str) -> str:
    return (RECORDINGS / name).read_text(encoding="utf-8")


def test_entries_of_each_file() -> None:
    below = "hdfs://koverse/accumulo/tables"
    assert tables.counted(read("rfile-info-2.1.4.txt")) == {
        f"{below}/7/default_tablet/F000002x.rf": 2,
        f"{below}/8/default_tablet/F000006r.rf": 1,
    }


def test_a_tool_of_several_words(tmp_path: Path) -> None:
    accumulo = tables.Accumulo(Context(str(tmp_path)), {"manager": {"tool": "env V=2.1.4 printenv", "user": None}, "zookeeper": []})
    assert accumulo.run("V").strip() == "2.1.4"


def test_entries_of_all_locality_groups_count() -> None:
    text = "Reading file: a.rf\n\tNum entries : 1,234\nLocality group\n\tNum   entries          : 6\nReading file: b.rf\n"
    assert tables.counted(text) == {"a.rf": 1240, "b.rf": 0}


def test_what_is_configured_in_zookeeper() -> None:
    assert tables.system_properties(read("shell-config-2.1.4.txt")) == {"table.bulk.max.tablets": "99"}


def test_a_property_of_which_accumulo_knows_no_default() -> None:
    assert tables.system_properties("system     | general.custom.mine ........ | a | b\n") == {"general.custom.mine": "a | b"}


def test_the_settings_script_has_what_a_new_instance_has_not() -> None:
    script = tables.settings_script(FILES, {"table.bulk.max.tablets": "99", "general.custom.x": "it's"})
    assert script[0] == "createnamespace 'ns1'"
    assert "createuser 'bob'" in script
    assert "setauths -u 'root' -s 'A,B'" in script
    assert "grant Table.READ -t 'ns1.t1' -u 'bob'" in script
    assert script[-2:] == ['config -s "general.custom.x=it\'s"', "config -s 'table.bulk.max.tablets=99'"]
    assert not [line for line in script if "accumulo.metadata" in line or " -ns 'accumulo' " in line or line == "createnamespace ''"]


def test_a_line_that_is_not_known_is_not_lost() -> None:
    with pytest.raises(WorkerError, match="a line that is not known: revoke it all"):
        tables.requoted("revoke it all")


def test_replay_of_everything() -> None:
    script = tables.settings_script(FILES, {"table.bulk.max.tablets": "99"})
    assert tables.users(script) == ["bob", "root"]
    replayed = tables.grants(script, {"ns1.t1": "ns1.t1"}, {"bob", "root"}, partial=False)
    assert "setauths -u 'bob' -c" in replayed
    assert "setauths -u 'root' -s 'A,B'" in replayed
    assert "grant Table.READ -t ns1.t1 -u 'bob'" in replayed
    assert "grant Namespace.READ -ns 'ns1' -u 'bob'" in replayed
    assert "grant System.CREATE_TABLE -s -u 'bob'" in replayed
    assert "config -s 'table.bulk.max.tablets=99'" in replayed
    assert not [line for line in replayed if "'plain'" in line], "a table that did not come back"


def test_replay_for_one_table_under_another_name_touches_nothing_else() -> None:
    script = tables.settings_script(FILES, {"table.bulk.max.tablets": "99"})
    assert tables.grants(script, {"ns1.t1": "rescued"}, {"bob"}, partial=True) == ["grant Table.READ -t rescued -u 'bob'"]


@pytest.mark.parametrize(("text", "word"), [("a", "'a'"), ("it's", '"it\'s"'), ('say "x"', "'say \"x\"'")])
def test_quotes(text: str, word: str) -> None:
    assert quoted(text) == word


def test_both_quotes_are_refused() -> None:
    with pytest.raises(WorkerError, match="both kinds of quotes"):
        quoted("'\"")
