# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations over real sockets: who answers, who does not, and what is said of those."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import net
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.tests.unit.servers import HOST, closes, free_port, says, serve, silent, web

Talk = Callable[[int], object]
EVERY_CONVERSATION = [
    pytest.param(lambda port: net.exchange(HOST, port, b"srvr"), id="exchange"),
    pytest.param(lambda port: net.http_get(HOST, port, "/"), id="http_get"),
    pytest.param(lambda port: net.http_json(HOST, port, "/"), id="http_json"),
    pytest.param(lambda port: net.jmx(HOST, port, "*"), id="jmx"),
]
every_conversation = pytest.mark.parametrize("talk", EVERY_CONVERSATION)


@every_conversation
def test_nobody_listens(talk: Talk) -> None:
    port = free_port()
    with pytest.raises(NoAnswer, match=rf"^nobody listens on {HOST}:{port}$") as caught:
        talk(port)
    assert caught.value.refused


@every_conversation
def test_a_process_that_is_stopped_accepts_and_says_nothing(talk: Talk, short_timeout: float) -> None:
    with silent() as port:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match=rf"^{HOST}:{port} does not answer within {short_timeout:g} s$") as caught:
            talk(port)
        assert time.monotonic() - began < short_timeout + 1
    assert not caught.value.refused


@pytest.mark.parametrize("talk", EVERY_CONVERSATION[1:])
def test_the_connection_is_closed_without_an_answer(talk: Talk) -> None:
    with serve(closes) as port, pytest.raises(NoAnswer, match=rf"^{HOST}:{port}: .*(closed|reset)") as caught:
        talk(port)
    assert not caught.value.refused


@every_conversation
def test_the_connection_is_reset(talk: Talk) -> None:
    def resets(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with serve(resets) as port, pytest.raises(NoAnswer, match=rf"^{HOST}:{port}: .") as caught:
        talk(port)
    assert not caught.value.refused


def test_a_name_that_cannot_be_resolved() -> None:
    with pytest.raises(NoAnswer, match=r"^the name 'no-such-host\.invalid' cannot be resolved$") as caught:
        net.connect("no-such-host.invalid", 2181)
    assert not caught.value.refused


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError("timed out"), "n1:2181 does not answer within 3 s"),
        (OSError(113, "No route to host"), "n1:2181: [Errno 113] No route to host"),
        (ConnectionResetError(), "n1:2181: ConnectionResetError"),
    ],
)
def test_what_an_error_means(error: OSError, said: str) -> None:
    answer = net.no_answer("n1", 2181, error)
    assert net.no_answer("n1", 2181, TimeoutError(), 1.0).args == ("n1:2181 does not answer within 1 s",)
    assert (str(answer), answer.refused) == (said, False)


def test_connect_waits_for_as_long_as_it_is_told() -> None:
    with silent() as port, net.connect(HOST, port, timeout=0.05) as one, net.connect(HOST, port) as other:
        assert (one.gettimeout(), other.gettimeout()) == (0.05, net.TIMEOUT)


def test_exchange_reads_to_the_end() -> None:
    with serve(says(b"mode: x\n" * 20_000)) as port:
        assert len(net.exchange(HOST, port, b"mntr")) == 160_000


def test_exchange_of_what_is_no_text() -> None:
    with serve(says(b"\xff\xfe")) as port:
        assert net.exchange(HOST, port, b"ruok") == "\ufffd\ufffd"


def test_http_get_takes_any_status_and_follows_no_redirect() -> None:
    with web({"/": "This is standby RM"}, status=307) as port:
        assert net.http_get(HOST, port, "/ws/v1/cluster/metrics") == (307, "This is standby RM")


def test_http_get_of_what_is_no_http() -> None:
    said = b"This ZooKeeper instance is not currently serving requests\n"
    with serve(says(said)) as port, pytest.raises(NoAnswer, match=rf"^{HOST}:{port}: This ZooKeeper"):
        net.http_get(HOST, port, "/")


def test_http_json() -> None:
    with web({"/ws": '{"a": [1]}'}) as port:
        assert net.http_json(HOST, port, "/ws/v1") == {"a": [1]}
        with pytest.raises(NoAnswer, match=rf"^http://{HOST}:{port}/other answers 404$"):
            net.http_json(HOST, port, "/other")


@pytest.mark.parametrize("body", ["", "<html>", '{"a": '])
def test_http_json_of_what_is_no_json(body: str) -> None:
    with web({"/": body}) as port, pytest.raises(NoAnswer, match="/ does not answer with JSON: '"):
        net.http_json(HOST, port, "/")


def test_jmx_names_beans_by_the_last_part(recordings: Path) -> None:
    with web({"/jmx?qry=Hadoop:service=NameNode,name=*": recordings / "namenode-3.5.0-jmx-active.json"}) as port:
        beans = net.jmx(HOST, port, "Hadoop:service=NameNode,name=*")
    assert beans["NameNodeStatus"]["State"] == "active"
    assert beans["FSNamesystemState"]["FSState"] == "Operational"


@pytest.mark.parametrize("answer", [{"beans": []}, {}])
def test_jmx_without_the_bean(answer: dict[str, list[str]]) -> None:
    said = r"/jmx has no bean Hadoop:name=X yet$"
    with web({"/": json.dumps(answer)}) as port, pytest.raises(NoAnswer, match=said):
        net.jmx(HOST, port, "Hadoop:name=X")
