"""Ambari for the lab's cluster: the emulator (tests/ambari) starts and stops the units of the real hosts, as an agent's scripts would."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.koverse.runbook.plugins.plugin_utils.catalogue import load
from ansible_collections.koverse.runbook.tests.ambari.agents import CommandAgents
from ansible_collections.koverse.runbook.tests.ambari.emulator import Emulator

ROOT = Path(__file__).parents[2]
ENTRIES = load()[1]
SERVICES = {"KOVERSE": {"KOVERSE_SERVER": "MASTER", "KOVERSE_WEBAPP": "MASTER"}}  # Ambari's stacks do not know it
CONFIGURATIONS = {"koverse-env": {"service": "KOVERSE", "versions": [{"properties": {"heap": "512m"}}]}}
ALERTS = [
    {
        "id": 1,
        "name": "datanode_process",
        "label": "DataNode Process",
        "service_name": "HDFS",
        "component_name": "DATANODE",
        "scope": "HOST",
    },
    {
        "id": 2,
        "name": "ambari_disk",
        "label": "Host Disk Usage",
        "service_name": "AMBARI",
        "component_name": "AMBARI_AGENT",
        "scope": "HOST",
    },
]


def emulator(inventory: Path, **options: Any) -> Emulator:
    """A server that takes the inventory's cluster for started; to be entered. options: see Emulator."""
    words = ["ansible-inventory", "-i", str(inventory), "--list", "--export"]
    groups = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    hosts: dict[str, list[str]] = {}
    running = []
    for entry in ENTRIES.values():
        members = next((groups[name].get("hosts", []) for name in entry["groups"] if name in groups), [])
        for host in members if entry["ambari"] else []:
            if entry["ambari"] not in hosts.setdefault(host, []):
                hosts[host].append(entry["ambari"])
            if entry["ambari"] not in SERVICES["KOVERSE"] or host in groups["koverse"]["hosts"]:  # not on the warm standby
                running.append(f"{entry['ambari']}@{host}")
    description = {
        "hosts": hosts,
        "services": SERVICES,
        "running": running,
        "configurations": CONFIGURATIONS,
        "alert_definitions": ALERTS,
    }
    return Emulator(description, agents=_agents(), **options)


def _agents() -> CommandAgents:
    keep = "-o ControlMaster=auto -o ControlPersist=60 -o ControlPath=lab/build/agent-%h"
    ssh = f"cd {shlex.quote(str(ROOT))} && ssh -F lab/build/ssh_config {keep} {{host}}"
    commands = {
        "start": f"{ssh} sudo systemctl start {{unit}}",
        "stop": f"{ssh} sudo systemctl stop {{unit}}",
        "status": f"{ssh} systemctl is-active {{units}}",
    }
    return CommandAgents(commands, {entry["ambari"]: entry["service"] for entry in ENTRIES.values() if entry["ambari"]}, parallel=True)


def variables(server: Emulator) -> list[str]:
    """What a playbook is given to work over this server."""
    given = {"backend": "ambari", "ambari_url": server.url, "ambari_username": "admin", "ambari_password": "admin"}
    return [word for key, value in given.items() for word in ("-e", f"runbook_{key}={value}")]
