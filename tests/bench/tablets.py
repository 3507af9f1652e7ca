"""For by_hand, on a host: exit status 0 when the manager serves every table on N tablet servers, or when the tablet server HOST has a
lock that was made after SECONDS (since 1970); or which host's manager stands by.

Usage: tablets.py ZOOKEEPER N | tablets.py ZOOKEEPER HOST SECONDS | tablets.py ZOOKEEPER standby
"""

from __future__ import annotations

import sys

from ansible_collections.koverse.runbook.plugins.module_utils import accumulo
from ansible_collections.koverse.runbook.plugins.module_utils.net import NoAnswer
from ansible_collections.koverse.runbook.plugins.module_utils.zookeeper import ZooKeeper


def main(server: str, wanted: str, seconds: str = "") -> int:
    """The exit status."""
    with ZooKeeper([server]) as zookeeper:
        facts = accumulo.read_znodes(zookeeper)
        if seconds:
            return 0 if (accumulo.lock_created(zookeeper, facts["root"], f"{wanted}:9997") or 0) > float(seconds) else 1
    hosts = [address.partition(":")[0] for address in facts["managers"]]
    if wanted == "standby":
        print(hosts[-1])
        return 0
    stats = accumulo.manager_stats(hosts[0], 9999, facts["renamed"])
    ready = stats["state"] == "NORMAL" and not stats["unassigned"] and not accumulo.not_loaded(stats, facts["tables"])
    return 0 if ready and len(stats["tservers"]) == int(wanted) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (NoAnswer, IndexError):
        sys.exit(1)
