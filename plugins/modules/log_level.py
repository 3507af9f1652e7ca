#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: log_level
short_description: Change the level of a logger of a component
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Changes the level in the logging configuration that the component's process reads (C(log_config) in the catalogue), where it stands;
    comments, layout, line ends, owner and mode stay as they are. Knows the properties and XML files of log4j 1, the properties files of
    log4j 2, and logback.
  - A logger that the file does not have yet is added below the others.
  - Restarts nothing; RV(restart) says whether the process has to be.
  - Does nothing on a host without the component.
options:
  component:
    description: Name in the catalogue.
    type: str
    required: true
  logger:
    description: Name of the logger, such as V(com.koverse.server). V(root) is the root logger.
    type: str
    required: true
  level:
    description:
      - The level, in capitals or not.
      - V(previous) for the one that it had before this module changed it for the first time; a logger that was added is removed. What
        somebody else has changed meanwhile stays, as does with O(runtime) what a process that was started since has by itself.
    type: str
    required: true
  runtime:
    description:
      - Change it in the running process, and not in the file. Until the process ends.
      - Only for Hadoop's NameNode, SecondaryNameNode, DataNode, JournalNode, ResourceManager, NodeManager and JobHistoryServer, which
        change levels by HTTP.
    type: bool
    default: false
  work:
    description: What is known of it, worked out on the controller. Filled in by the action plugin of the same name; do not set it.
    type: dict
attributes:
  check_mode:
    description: Tells what would be changed; refuses what cannot be.
    support: full
  diff_mode:
    description: Shows the file's lines.
    support: full
seealso:
  - module: koverse.runbook.logs_info
"""

EXAMPLES = r"""
- name: Let Koverse's server log more
  koverse.runbook.log_level:
    component: koverse_server
    logger: com.koverse.server
    level: DEBUG
  become: true

- name: Let the running NameNodes log more, without a restart
  koverse.runbook.log_level:
    component: hdfs_namenode
    logger: org.apache.hadoop.hdfs.StateChange
    level: DEBUG
    runtime: true
  become: true

- name: Back to what it was
  koverse.runbook.log_level:
    component: koverse_server
    logger: com.koverse.server
    level: previous
  become: true
"""

RETURN = r"""
path:
  description: The file that was changed, or the URL that changes the running process.
  type: str
  returned: on the component's hosts
  sample: /opt/koverse-server/conf/log4j.xml
before:
  description: The level as it was; null where the logger had none of its own.
  type: str
  returned: on the component's hosts
  sample: info
after:
  description: The level as it is; null where the logger has none of its own.
  type: str
  returned: on the component's hosts
  sample: debug
running:
  description: Whether the component's process runs there; null where the catalogue has no C(process) to tell by. What does not run has
    the level from its next start on.
  type: bool
  returned: on the component's hosts, without O(runtime)
  sample: true
restart:
  description: Whether the process runs with an older file, and does not read it again by itself.
  type: bool
  returned: on the component's hosts
  sample: true
text:
  description: The same in a sentence.
  type: str
  returned: on the component's hosts
  sample: "com.koverse.server: info -> debug in /opt/koverse-server/conf/log4j.xml; a restart makes it count"
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils import loglevel
from ansible_collections.koverse.runbook.plugins.module_utils.logconfig import LogConfigError


def main() -> None:
    """Changes the level, or tells what would be changed."""
    module = AnsibleModule(
        argument_spec={
            "component": {"type": "str", "required": True},
            "logger": {"type": "str", "required": True},
            "level": {"type": "str", "required": True},
            "runtime": {"type": "bool", "default": False},
            "work": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    work, logger = module.params["work"], module.params["logger"]
    if not work:
        module.fail_json(msg="koverse.runbook.log_level is run by its action plugin, which was not found. Call it by its full name.")
    change = loglevel.at_run_time if module.params["runtime"] else loglevel.in_file
    try:
        done = change(work["entry"], logger, work["level"], module.check_mode)
    except loglevel.Unsure as error:
        module.fail_json(msg=f"{work['entry']['name']} on {work['host']}: {error}.")
    except (LogConfigError, OSError, ValueError) as error:
        module.fail_json(msg=f"{work['entry']['name']} on {work['host']}: {error}. Nothing was changed here.")
    texts = done.pop("texts", None)
    if texts and module._diff:
        done["diff"] = {"before": texts[0], "after": texts[1], "before_header": done["path"], "after_header": done["path"]}
    module.exit_json(**{"restart": False, **done, "text": in_words(logger, done, work["shared"], work["instead"])})


def in_words(logger: str, done: dict[str, Any], shared: list[str], instead: list[str]) -> str:
    """What came of it, as a sentence.

    shared: titles of other components on the host that read the same file. instead: names of those that run in its place.
    """
    runs_not = done.get("running") is False
    other = [f"{name} runs instead: for what that logs, change its level (component={name})" for name in instead if runs_not]
    if done["why"]:
        return "; ".join([f"{logger}: {done['before'] or 'no level of its own'} in {done['path']}: {done['why']}", *other])
    levels = (
        f"{done['before'] or 'none of its own'} -> {done['after'] or 'none of its own'}" if done["changed"] else f"{done['after']} already"
    )
    parts = [f"{logger}: {levels} in {done['path']}", *_when(done), *other]
    if done["changed"] and shared:
        parts.append(_also(", ".join(shared), done.get("rereads"), runs_not))
    if done.get("muted"):
        parts.append(f"appenders with a higher threshold write nothing of it ({', '.join(done['muted'])})")
    if done.get("unresolved"):
        parts.append(f"thresholds that are set elsewhere are not resolved, and may keep it back ({', '.join(done['unresolved'])})")
    return "; ".join(parts)


def _when(done: dict[str, Any]) -> list[str]:
    """From when on the level counts."""
    if done.get("running") is False:
        return ["it does not run there: it counts at its next start"]
    if done.get("rereads"):
        return [f"its process reads the file again every {done['rereads']:g} s: no restart"]
    if done.get("restart"):
        return ["a restart makes it count"]
    if done["changed"] and done.get("running", True) is None:
        return ["whether it runs is not known, since the catalogue has no process of it: it counts at its next start"]
    return []


def _also(shared: str, rereads: float | None, runs_not: bool) -> str:
    """What others have of it that read the same file."""
    if not rereads:
        return f"{shared} on this host read the same file at their next start"
    if runs_not:
        return f"{shared} on this host read the same file again every {rereads:g} s, and have it, too"
    return f"so do {shared} on this host, and have it, too"


if __name__ == "__main__":
    main()
