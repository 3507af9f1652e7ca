# Copyright: Contributors to koverse.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ambari
short_description: Hosts, groups and variables from Ambari
version_added: "0.1.0"
author: [Contributors to koverse.runbook (@koverse)]
description:
  - Reads a cluster from an Ambari server, with six requests whatever its size.
  - Each component of the catalogue that Ambari runs (C(ambari) in C(catalogue.yml)) becomes a group of its hosts. A host without
    such a component is in no group of ours.
  - Sets for all hosts C(runbook_backend=ambari), where the server is (C(runbook_ambari_url), C(runbook_ambari_username),
    C(runbook_ambari_cluster) and how its certificate is checked, but never the password), C(runbook_ambari_stack), and
    C(runbook_ambari_catalogue) with the ports, users and logs that the cluster's configuration has, and the tools and directories of
    configuration that the stack's packages have where C(cluster-env) names a C(stack_root). The inventory's own C(runbook_catalogue)
    changes single values of that.
  - Sets for each host C(runbook_ambari_host), C(ambari_ip), C(ambari_host_state), C(ambari_maintenance_state) and C(ambari_components).
  - The file's name has to end in C(ambari.yml) or C(ambari.yaml).
options:
  plugin:
    description: The plugin's name.
    type: str
    required: true
    choices: [koverse.runbook.ambari]
  url:
    description: The server, for example V(https://ambari.example.com:8443).
    type: str
    required: true
    env: [{name: AMBARI_URL}]
  username:
    description: A user of Ambari with the role Cluster User or higher.
    type: str
    required: true
    env: [{name: AMBARI_USERNAME}]
  password:
    description:
      - Their password. Encrypt it with ansible-vault where it stands in the file.
      - It becomes no variable. Playbooks that ask Ambari take theirs from C(runbook_ambari_password), or from the same environment.
    type: str
    required: true
    env: [{name: AMBARI_PASSWORD}]
  ca_path:
    description: A file with the certificate of the authority that has signed the server's.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked.
    type: bool
    default: true
  cluster:
    description: The cluster's name in Ambari. By default the only one there is.
    type: str
  timeout:
    description: Seconds that one call may take.
    type: float
    default: 30.0
  standby_hosts:
    description: Hosts on which Koverse is the warm standby. Ambari has one name for both sides.
    type: list
    elements: str
    default: []
  postgres_hosts:
    description:
      - Hosts on which PostgreSQL runs, which Ambari does not know; they become the group C(postgres).
      - A host that Ambari does not have either goes into that group in an inventory file beside this one.
    type: list
    elements: str
    default: []
  cache:
    description:
      - Whether Ambari's answer is kept, for runs in which nobody answers there. Ambari is asked all the same, each time, and the kept
        answer is used with a warning that says its age; never where Ambari answers and refuses.
      - Kept are hosts, components, and what becomes variables, but no password and nothing else of the configuration.
    type: bool
    default: false
    env: [{name: ANSIBLE_INVENTORY_CACHE}]
    ini: [{section: inventory, key: cache}]
  cache_plugin:
    description: The cache plugin that keeps it.
    type: str
    default: ansible.builtin.jsonfile
    env: [{name: ANSIBLE_INVENTORY_CACHE_PLUGIN}]
    ini: [{section: inventory, key: cache_plugin}]
  cache_connection:
    description: Where it is kept, for V(ansible.builtin.jsonfile) a directory.
    type: str
    default: ~/.ansible/koverse.runbook
    env: [{name: ANSIBLE_INVENTORY_CACHE_CONNECTION}]
    ini: [{section: inventory, key: cache_connection}]
  cache_timeout:
    description: Seconds after which it is used no more; V(0) is never.
    type: int
    default: 0
    env: [{name: ANSIBLE_INVENTORY_CACHE_TIMEOUT}]
    ini: [{section: inventory, key: cache_timeout}]
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# ambari.yml, with the password in the environment as AMBARI_PASSWORD:
plugin: koverse.runbook.ambari
url: https://ambari.example.com:8443
username: operator
postgres_hosts: [n1.example.com]
cache: true

# With more groups, and addresses instead of names:
# compose:
#   ansible_host: ambari_ip
# keyed_groups:
#   - key: ambari_maintenance_state
#     prefix: maintenance
"""

import time
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.koverse.runbook.plugins.module_utils import ambari
from ansible_collections.koverse.runbook.plugins.module_utils.times import iso
from ansible_collections.koverse.runbook.plugins.plugin_utils import ambari_facts, catalogue
from ansible_collections.koverse.runbook.plugins.plugin_utils.status import age


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """A cluster as Ambari has it."""

    NAME = "koverse.runbook.ambari"

    def verify_file(self, path: str) -> bool:
        """Whether a file may be this plugin's."""
        return bool(super().verify_file(path)) and path.endswith(("ambari.yml", "ambari.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fills the inventory. Raises AnsibleParserError."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        options = {key: self.get_option(key) for key in ("url", "username", "password", "ca_path", "validate_certs", "timeout")}
        kept_as = self.get_cache_key(path)
        source = [options["url"], self.get_option("cluster")]
        try:
            read = self._read(ambari.Server(**options, patience=0.0))
            if self.get_option("cache"):
                self._cache[kept_as] = {"source": source, "at": iso(time.time()), "read": read}
        except ambari.NoContact as error:
            kept = self._cache.get(kept_as) if cache and self.get_option("cache") else None
            if not kept or kept["source"] != source:
                raise AnsibleParserError(f"{path}: {error}") from None
            self.display.warning(f"{path}: {error}. Hosts and variables are what Ambari said {age(kept['at'], iso(time.time()))} ago.")
            read = kept["read"]
        except ambari.AmbariError as error:
            raise AnsibleParserError(f"{path}: {error}") from None
        self._fill(read, options)

    def _read(self, server: ambari.Server) -> dict[str, Any]:
        """What the inventory is made of, as plain data without secrets: `cluster`, `stack`, `hosts` and `rows` (see Cluster), `groups` and
        `catalogue` (see ambari_facts). Raises AmbariError."""
        cluster = ambari.Cluster.find(server, self.get_option("cluster"))
        about = cluster.get("", ambari.fields("Clusters/version", "Clusters/desired_configs"))["Clusters"]
        rows, hosts, stack = cluster.host_components(), cluster.hosts(), str(about["version"])
        configuration = {**cluster.configuration(), **self._of_no_service(cluster, about["desired_configs"])}
        _layers, entries = catalogue.load()
        groups = ambari_facts.groups(rows, entries, self._named("standby_hosts", hosts))
        ports = {name: entry["ports"] for name, entry in entries.items()}
        root = ambari_facts.stack_root(configuration, stack)
        return {
            "cluster": cluster.name,
            "stack": stack,
            "hosts": hosts,
            "rows": rows,
            "groups": groups,
            "catalogue": ambari_facts.catalogue(configuration, ports, list(groups), root),
        }

    @staticmethod
    def _of_no_service(cluster: ambari.Cluster, desired: dict[str, Any]) -> dict[str, dict[str, str]]:
        """The configuration that is none of a service's, of which Cluster.configuration tells: type to properties, where there is one."""
        kind = "cluster-env"
        if kind not in desired:
            return {}
        return {kind: dict(cluster.configuration_version(kind, desired[kind]["tag"]).get("properties") or {})}

    def _fill(self, read: dict[str, Any], options: dict[str, Any]) -> None:
        postgres_hosts = self._named("postgres_hosts", read["hosts"])
        for_all = {
            "runbook_backend": "ambari",
            "runbook_ambari_stack": read["stack"],
            "runbook_ambari_catalogue": read["catalogue"],
            "runbook_ambari_cluster": read["cluster"],
            **{f"runbook_ambari_{key}": options[key] for key in ("url", "username", "validate_certs")},
        }
        if options["ca_path"]:
            for_all["runbook_ambari_ca_path"] = options["ca_path"]
        for key, value in for_all.items():
            self.inventory.set_variable("all", key, value)
        components: dict[str, list[str]] = {}
        for row in read["rows"]:
            components.setdefault(row["host"], []).append(row["component"])
        for host, row in sorted(read["hosts"].items()):
            self.inventory.add_host(host)
            variables = {
                "runbook_ambari_host": host,
                "ambari_ip": row["ip"],
                "ambari_host_state": row["host_state"],
                "ambari_maintenance_state": row["maintenance_state"],
                "ambari_components": sorted(components.get(host, [])),
            }
            for key, value in variables.items():
                self.inventory.set_variable(host, key, value)
        for name, hosts in (*read["groups"].items(), *([("postgres", postgres_hosts)] if postgres_hosts else [])):
            self.inventory.add_group(name)
            for host in hosts:
                self.inventory.add_child(name, host)
        strict = self.get_option("strict")
        for host in sorted(read["hosts"]):
            variables = self.inventory.get_host(host).get_vars()
            self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)

    def _named(self, option: str, known: dict[str, Any]) -> list[str]:
        """The hosts that an option names. Raises AnsibleParserError where Ambari does not have them."""
        hosts: list[str] = self.get_option(option)
        unknown = sorted(set(hosts) - set(known))
        if unknown:
            elsewhere = ". Such a host goes into an inventory file beside this one" if option == "postgres_hosts" else ""
            raise AnsibleParserError(f"{option}: Ambari has no host {', '.join(unknown)}; it has: {', '.join(sorted(known))}{elsewhere}")
        return hosts
