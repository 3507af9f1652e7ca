# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the info modules share: all servers are asked at the same time, and a silent one is an answer, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import split_server

_ASKED_AT_ONCE = 16

Row = dict[str, Any]


def module(**own: Any) -> AnsibleModule:
    """A module that reads, with its own options and those of the doc fragment `info`."""
    common = {"timeout": {"type": "float", "default": 3.0}, "required": {"type": "bool", "default": False}}
    new = AnsibleModule(argument_spec={**own, **common}, supports_check_mode=True)
    if new.params["timeout"] <= 0:
        new.fail_json(msg=f"timeout must be above 0 seconds, found {new.params['timeout']:g}.")
    net.TIMEOUT = new.params["timeout"]
    return new


def answer(question: Callable[[], Row], keys: Sequence[str]) -> Row:
    """`answered`, `error`, and `keys` as `question()` returns them; None where it is not answered."""
    try:
        said = question()
        return {"answered": True, "error": None, **{key: said[key] for key in keys}}
    except net.NoAnswer as error:
        why = str(error)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        why = f"its answer is not understood ({type(error).__name__}: {error})"
    return {"answered": False, "error": why, **dict.fromkeys(keys)}


def ask(servers: Sequence[str], port: int, question: Callable[[str, int], Row], keys: Sequence[str]) -> list[Row]:
    """A row for each server: its `host` and `port`, and the `answer` to `question(host, port)`.

    servers: `host:port`, or `host` where the port is the usual one, `port`.
    """

    def row(server: str) -> Row:
        host, number = split_server(server if ":" in server else f"{server}:{port}")
        return {"host": host, "port": number, **answer(lambda: question(host, number), keys)}

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        return list(pool.map(row, servers))


def addresses(rows: Sequence[Row], **wanted: Any) -> list[str]:
    """`host:port` of the rows that have these values."""
    return [f"{row['host']}:{row['port']}" for row in rows if all(row[key] == value for key, value in wanted.items())]


def finish(new: AnsibleModule, asked: Sequence[Row], facts: Mapping[str, Any]) -> None:
    """Ends the module with its facts; as a failure where something is required to answer and nothing did."""
    if new.params["required"] and not any(row["answered"] for row in asked):
        new.fail_json(msg=f"Nothing answers: {'; '.join(row['error'] for row in asked) or 'no server is named'}", **facts)
    new.exit_json(changed=False, **facts)
