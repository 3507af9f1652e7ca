#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: zookeeper_info
short_description: Ask the servers of a ZooKeeper ensemble how they are
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Asks every server with the four-letter words C(srvr), which is always allowed, and C(mntr), which needs
    C(4lw.commands.whitelist) from ZooKeeper 3.5 on.
  - A server without a quorum does not serve; it counts as one that does not answer.
options:
  servers:
    description: The servers, as C(host:port), or C(host) where the port is 2181.
    type: list
    elements: str
    default: ["localhost:2181"]
extends_documentation_fragment:
  - koverse.runbook.info
  - koverse.runbook.reads
seealso:
  - module: koverse.runbook.component_info
"""

EXAMPLES = r"""
- name: Ask the ensemble
  koverse.runbook.zookeeper_info:
    servers: [n1, n2, n3]
  register: zookeeper

- name: Go on only with one leader and two followers in sync
  ansible.builtin.assert:
    that:
      - zookeeper.leaders | length == 1
      - zookeeper.servers | map(attribute='synced_followers') | select | sum == 2
"""

RETURN = r"""
servers:
  description: A row for each server, in the order in which they were named.
  type: list
  elements: dict
  returned: always
  contains:
    host: {description: As it was named., type: str}
    port: {description: Its client port., type: int}
    answered: {description: Whether it serves., type: bool}
    error: {description: Why it did not answer; null where it did., type: str}
    mode: {description: "V(leader), V(follower), V(observer) or V(standalone).", type: str}
    version: {description: Its version., type: str}
    synced_followers: {description: "Of a leader, followers that are in sync; null where C(mntr) is not allowed.", type: int}
    connections: {description: Open connections of clients., type: int}
    znodes: {description: Number of znodes., type: int}
    srvr: {description: Every field of C(srvr)., type: dict}
    mntr: {description: "Every field of C(mntr), empty where it is not allowed.", type: dict}
  sample:
    - host: n1
      port: 2181
      answered: true
      error: null
      mode: leader
      version: 3.8.6
      synced_followers: 2
      connections: 1
      znodes: 5
      srvr:
        Zookeeper version: 3.8.6-6df26081269769c160c8c3a24929c60c91cd19c3, built on 2026-01-28 20:28 UTC
        Latency min/avg/max: 0/0.0/0
        Received: "4"
        Sent: "3"
        Connections: "1"
        Outstanding: "0"
        Zxid: "0x100000000"
        Mode: leader
        Node count: "5"
        Proposal sizes last/min/max: -1/-1/-1
      mntr:
        zk_server_state: leader
        zk_synced_followers: "2"
        zk_quorum_size: "3"
    - host: n2
      port: 2181
      answered: false
      error: This ZooKeeper instance is not currently serving requests
      mode: null
      version: null
      synced_followers: null
      connections: null
      znodes: null
      srvr: null
      mntr: null
leaders:
  description: The servers that lead or stand alone. One of an ensemble does, none where there is no quorum.
  type: list
  elements: str
  returned: always
  sample: ["n1:2181"]
"""

from typing import Any

from ansible_collections.koverse.runbook.plugins.module_utils import info
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import four_letter_word, parse_mntr, parse_srvr

PORT = 2181
KEYS = ("mode", "version", "synced_followers", "connections", "znodes", "srvr", "mntr")


def server(host: str, port: int) -> dict[str, Any]:
    """What one server says. Raises NoAnswer."""
    srvr = parse_srvr(four_letter_word(host, port, "srvr"))
    mntr = parse_mntr(four_letter_word(host, port, "mntr"))
    synced = mntr.get("zk_synced_followers")
    return {
        "mode": srvr["Mode"],
        "version": srvr["Zookeeper version"].split("-")[0],
        "synced_followers": None if synced is None else int(float(synced)),
        "connections": int(srvr["Connections"]),
        "znodes": int(srvr["Node count"]),
        "srvr": srvr,
        "mntr": mntr,
    }


def main() -> None:
    """Asks once."""
    module = info.module(servers={"type": "list", "elements": "str", "default": [f"localhost:{PORT}"]})
    servers = info.ask(module.params["servers"], PORT, server, KEYS)
    leaders = info.addresses(servers, mode="leader") + info.addresses(servers, mode="standalone")
    info.finish(module, servers, {"servers": servers, "leaders": leaders})


if __name__ == "__main__":
    main()
