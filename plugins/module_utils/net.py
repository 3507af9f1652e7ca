# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short conversations over TCP, each with a bound: HTTP, four-letter words, raw sockets."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

TIMEOUT = 3.0  # seconds for a whole probe's connect and each read


class NoAnswer(Exception):
    """Nobody answered, or not in the form expected; the text says what was seen.

    refused: nobody listens on the port (a timeout or a closed connection is not that).
    elsewhere: it was another component that was asked, so that nothing is known of this one.
    """

    def __init__(self, text: str, refused: bool = False, elsewhere: bool = False) -> None:
        super().__init__(text)
        self.refused = refused
        self.elsewhere = elsewhere


def no_answer(address: str, port: int, error: Exception, timeout: float | None = None) -> NoAnswer:
    """What a failed conversation with `address`:`port` means, in words. timeout: seconds that it had, TIMEOUT where it is None."""
    if isinstance(error, ConnectionRefusedError):
        return NoAnswer(f"nobody listens on {address}:{port}", refused=True)
    if isinstance(error, socket.gaierror):
        return NoAnswer(f"the name '{address}' cannot be resolved")
    if isinstance(error, TimeoutError):
        return NoAnswer(f"{address}:{port} does not answer within {timeout or TIMEOUT:g} s")
    return NoAnswer(f"{address}:{port}: {str(error) or type(error).__name__}")


def connect(address: str, port: int, timeout: float | None = None) -> socket.socket:
    """An open connection; timeout: seconds, TIMEOUT where it is None. Raises NoAnswer."""
    try:
        return socket.create_connection((address, port), timeout or TIMEOUT)
    except OSError as error:
        raise no_answer(address, port, error, timeout) from error


def exchange(address: str, port: int, request: bytes) -> str:
    """What the other side says to `request` until it closes the connection. Raises NoAnswer."""
    with connect(address, port) as connection:
        try:
            connection.sendall(request)
            chunks = []
            while chunk := connection.recv(65536):
                chunks.append(chunk)
        except OSError as error:
            raise no_answer(address, port, error) from error
    return b"".join(chunks).decode("utf-8", "replace")


def http_get(address: str, port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Status and body of a GET; redirects are not followed. Raises NoAnswer."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise no_answer(address, port, error) from error
    finally:
        connection.close()


def http_json(address: str, port: int, path: str) -> Any:
    """The JSON that a GET answers with. Raises NoAnswer, also for another status than 200."""
    status, body = http_get(address, port, path, accept="application/json")
    if status != 200:
        raise NoAnswer(f"http://{address}:{port}{path} answers {status}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise NoAnswer(f"http://{address}:{port}{path} does not answer with JSON: {body[:80]!r}") from error


def jmx(address: str, port: int, query: str) -> dict[str, dict[str, Any]]:
    """Hadoop's beans that match `query`, by the last part of their names. Raises NoAnswer."""
    answer = http_json(address, port, f"/jmx?qry={query}")
    beans = {bean["name"].rpartition("name=")[2]: bean for bean in answer.get("beans", [])}
    if not beans:
        raise NoAnswer(f"http://{address}:{port}/jmx has no bean {query} yet")
    return beans
