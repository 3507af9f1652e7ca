#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: watch_report
short_description: Tell by mail, Slack or Apprise what has changed since the last look
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Compares what all hosts have answered to M(koverse.runbook.component_info) (registered as C(runbook_seen)) with what was seen before,
    and tells the channels what is new, what has changed, what has recovered, and after a while what is still there.
  - A recovery is told when a look has seen the thing to be well. What nobody could see is unknown, and not recovered.
  - The channels are in the variable C(runbook_watch_channels) and no option, so that nothing that shows a task's options shows a
    password or a URL. They are in no output, and not in the state either. The collection's C(docs/watch.md) describes them.
  - What a channel does not take is kept, and tried again at the next run. The task then fails, after all channels were tried.
  - Backups are judged as M(koverse.runbook.status_report) does.
  - Two runs with one state do not work at the same time; the second is refused.
  - Runs on the controller and touches no host.
options:
  directory:
    description:
      - Where on the controller C(status.json) and C(status.html) are written, as M(koverse.runbook.status_report) does.
      - Writes neither when empty.
    type: path
    default: ''
  state:
    description: The file in which is kept what was seen and sent. C(watch.json) in O(directory) when empty.
    type: path
    default: ''
  metrics:
    description: A file for the textfile collector of Prometheus' node_exporter; its name must end in C(.prom). None when empty.
    type: path
    default: ''
  test:
    description: Sends a test notification to every channel and says what each answered. Needs no look, and leaves the state as it is.
    type: bool
    default: false
  cluster:
    description: Name of the cluster in subjects and metrics. From the inventory's path when empty.
    type: str
    default: ''
  interval:
    description: Minutes between looks. It changes nothing here, but for a metric by which an alert rule knows that the watch is late.
    type: int
    default: 5
  confirm:
    description: For how many looks in a row something has to be seen before it is told. The first run tells all that it finds.
    type: int
    default: 2
  clear:
    description: For how many looks in a row it has to be seen well before its recovery is told.
    type: int
    default: 2
  reminder:
    description: Hours after which what is still there is told again. V(0) never.
    type: float
    default: 24
  severity:
    description: The least that is told. The collection's C(docs/watch.md) says what is critical.
    type: str
    choices: [warning, error, critical]
    default: warning
  quiet:
    description:
      - Quiet hours, such as V(22:00-07:00), several as a list or with commas. Only what is critical is sent then; the rest is kept, and
        sent as one message after their end.
    type: raw
    default: ''
  timezone:
    description: Time zone of the quiet hours, such as V(Europe/Berlin). The controller's when empty.
    type: str
    default: ''
  keep_messages:
    description: How many messages wait for a channel at most. The oldest is given up first; the next message says how many were.
    type: int
    default: 20
  keep_hours:
    description: Hours after which a message that could not be sent is given up.
    type: float
    default: 48
  status_url:
    description: Where the status page is found, for the messages.
    type: str
    default: ''
attributes:
  check_mode:
    description: Says what would be sent. Sends and writes nothing.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
seealso:
  - module: koverse.runbook.component_info
  - module: koverse.runbook.status_report
"""

EXAMPLES = r"""
- name: Look at every component and every port
  koverse.runbook.component_info:
    ports: true
    evidence: true
  become: true
  register: runbook_seen
  ignore_unreachable: true
  failed_when: false

- name: Tell what has changed; only what is critical at night
  koverse.runbook.watch_report:
    directory: status
    quiet: 22:00-07:00
    timezone: Europe/Berlin
  vars:
    runbook_watch_channels:
      ops:
        type: mail
        host: smtp.example.org
        user: koverse
        password: "{{ vault_smtp_password }}"
        from: koverse@example.org
        to: [ops@example.org]
  run_once: true
"""

RETURN = r"""
msg:
  description: The verdict as a sentence, and what could not be sent and why; or what each channel answered to the test.
  type: str
  returned: always
  sample: "The cluster is not healthy: first unhealthy layer storage: DataNode on n3: hdfs-datanode.service failed"
verdict:
  description: V(healthy), V(unhealthy), V(stopped) or V(unknown).
  type: str
  returned: when O(test) is false
  sample: unhealthy
state:
  description: The file in which the state is kept.
  type: str
  returned: when O(test) is false
  sample: status/watch.json
sent:
  description: The notifications sent, each as channel and subject.
  type: list
  elements: str
  returned: when O(test) is false
  sample: ["ops: [ha] error (1): new: DataNode on n3 has died"]
answers:
  description: What each channel answered.
  type: dict
  returned: when O(test) is true
  sample: {ops: "accepted by smtp.example.org:587 for ops@example.org"}
"""
