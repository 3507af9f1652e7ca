"""200 hosts with 1,000 component instances on this machine: local connections, addresses of 127.0.0.0/8, small stand-in services.

Each of five services listens on all addresses, so that every host seems to run each of them; its status command asks the process.
Usage: many_hosts.py DIRECTORY HOSTS, which writes DIRECTORY/inventory.yml, starts the services and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import yaml

LAYERS = ("coordination", "storage", "data_services", "data_services", "application")
FIRST_PORT = 7101


def inventory(directory: Path, count: int, shipped: dict[str, Any]) -> dict[str, Any]:
    """An inventory of `count` hosts with one instance of each service, and without the catalogue's own components."""
    overrides: dict[str, Any] = {name: {"required": False} for name in shipped}
    for number, layer in enumerate(LAYERS):
        status = f"kill -0 {os.getpid()} && test -e {directory}/service{number}"
        overrides[f"service{number}"] = {
            "layer": layer,
            "groups": ["everywhere"],
            "backend": "command",
            "ports": {"http": FIRST_PORT + number},
            "probe": {"type": "http", "port": "http"},
            "commands": {
                "start": ["touch", f"{directory}/service{number}"],
                "stop": ["rm", f"{directory}/service{number}"],
                "status": ["sh", "-c", status],
            },
        }
        (directory / f"service{number}").touch()
    hosts = {f"h{number:03}": {"runbook_address": f"127.0.{number // 250 + 1}.{number % 250 + 1}"} for number in range(count)}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3", "runbook_catalogue": overrides}
    return {"everywhere": {"hosts": hosts, "vars": variables}}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Any request gets a 200."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def serve() -> None:
    """Listens on every service's port, on all addresses of the loopback network."""
    for number in range(len(LAYERS)):
        await asyncio.start_server(answer, "0.0.0.0", FIRST_PORT + number, backlog=1000)  # noqa: S104
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    components = yaml.safe_load((Path(__file__).parents[2] / "catalogue.yml").read_text(encoding="utf-8"))["components"]
    (target / "inventory.yml").write_text(yaml.safe_dump(inventory(target, int(sys.argv[2]), components)), encoding="utf-8")
    asyncio.run(serve())
