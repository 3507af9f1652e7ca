#!/usr/bin/python
# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: send_mail
short_description: Send a mail from a host
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Sends a mail of plain text, to see whether a host can. Certificates are always verified.
options:
  host: {description: The mail server., type: str, required: true}
  port: {description: Its port. By default that of O(security)., type: int}
  security:
    description: V(starttls) (port 587), V(tls) (465), or V(none) (25) for a relay without encryption, which gets no password.
    type: str
    choices: [starttls, tls, none]
    default: starttls
  user: {description: Who logs in; nobody by default., type: str}
  password: {description: Their password., type: str}
  ca: {description: A file on the host with the certificates of your own authority; by default those of the system., type: path}
  timeout: {description: Seconds for the connection and for each answer., type: float, default: 20.0}
  sender: {description: The sender's address., type: str, required: true}
  to: {description: The recipients' addresses., type: list, elements: str, required: true}
  subject: {description: The subject., type: str, required: true}
  text: {description: The text., type: str, required: true}
attributes:
  check_mode:
    description: Sends nothing.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
seealso:
  - module: koverse.runbook.ambari_alert_target
"""

EXAMPLES = r"""
- name: See whether the host can send mail
  koverse.runbook.send_mail:
    host: smtp.example.org
    user: koverse
    password: "{{ vault_smtp_password }}"
    sender: koverse@example.org
    to: [ops@example.org]
    subject: Test
    text: This is a test.
"""

RETURN = r"""
sent: {description: Whether the server has taken it., type: bool, returned: always, sample: true}
msg: {description: What the server answered., type: str, returned: always, sample: "accepted by smtp.example.org:587 for ops@example.org"}
"""

import smtplib
import time
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.koverse.runbook.plugins.module_utils.mail import PORTS, MailServer, letter, secrets, unsendable


def send(params: dict[str, Any]) -> str:
    """What the server answered. Raises OSError, ValueError and smtplib's errors."""
    port = params["port"] or PORTS[params["security"]]
    login = (params["user"] or "", params["password"] or "")
    server = MailServer(params["host"], port, params["security"], *login, params["ca"], params["timeout"])
    made = letter(params["subject"], params["text"], params["sender"], params["to"], time.time(), str(uuid.uuid4()))
    refused = server.send(made, params["sender"], params["to"])
    if refused:
        raise smtplib.SMTPRecipientsRefused(dict(refused))
    return f"accepted by {params['host']}:{port} for {', '.join(params['to'])}"


def main() -> None:
    """Sends."""
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "port": {"type": "int"},
            "security": {"type": "str", "choices": list(PORTS), "default": "starttls"},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "ca": {"type": "path"},
            "timeout": {"type": "float", "default": 20.0},
            "sender": {"type": "str", "required": True},
            "to": {"type": "list", "elements": "str", "required": True},
            "subject": {"type": "str", "required": True},
            "text": {"type": "str", "required": True},
        },
        required_together=[["user", "password"]],
        supports_check_mode=True,
    )
    module.no_log_values.update(secrets(module.params))  # a server's answer may repeat what it was sent
    if module.params["user"] and module.params["security"] == "none":
        module.fail_json(sent=False, msg="a password is not sent without encryption; set security to starttls or tls")
    if unsendable(module.params["user"] or "", module.params["password"] or ""):
        module.fail_json(sent=False, msg="expected ASCII characters in user and password, found others")
    if module.check_mode:
        module.exit_json(changed=False, sent=False, msg="not sent, because of check mode")
    try:
        answer = send(module.params)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        where = f"{module.params['host']}:{module.params['port'] or PORTS[module.params['security']]}"
        module.fail_json(sent=False, msg=f"not sent by {where}: {type(error).__name__}: {error}")
    module.exit_json(changed=False, sent=True, msg=answer)


if __name__ == "__main__":
    main()
