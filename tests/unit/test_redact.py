# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret survives, whatever kind of file it is in; what is none stays as it is, byte for byte."""

from __future__ import annotations

import base64
import json
import string
import time
import urllib.parse
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from ansible_collections.koverse.runbook.plugins.module_utils import redact
from ansible_collections.koverse.runbook.plugins.module_utils.redact import REMOVED, Refused
from hypothesis import assume, given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
S = "Tr0ub4dor&3"  # the secret: it has a sign that XML and URLs write otherwise
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
AZURE = base64.b64encode(bytes(range(64))).decode()
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJCrze8=\n-----END RSA PRIVATE KEY-----"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n"
CODED = [base64.b64encode(b"\n" * before + PEM.encode()).decode() for before in range(3)]
XS = S.replace("&", "&amp;")
# Made up, in the form that each service gives out: what is before the secret, and the secret.
SLACK = ("https://hooks.slack.com/", "services/T0AB12CD3/B0EF45GH6/9aZxYwVuTsRqPoNmLkJiHgFe")
WEBHOOKS = [
    SLACK,
    ("https://hooks.slack.com/", "workflows/T0AB12CD3/A0EF45GH6/123456789/aZxYwVuTsRqP"),
    ("https://hooks.slack.com/", "triggers/E0AB12CD3/123456789/aZxYwVuTsRqP"),
    ("https://chat.example.com:8065/mattermost/hooks/", "xn3kq7r1pbfyzc8oi5s4wdm6ue"),
    ("http://rocket/hooks/", "5f3c1a2b9d/aZxYwVuTsRqPoNmLkJiHgFe"),
    ("https://discord.com/api/webhooks/", "112233445566778899/aZ-xYw_VuTsRqPoNm"),
    ("https://discordapp.com/api/v10/webhooks/", "112233445566778899/aZ-xYw_VuTsRqPoNm"),
    ("https://example.webhook.office.com/", "webhookb2/0a1b2c3d-0000@4e5f-0000/IncomingWebhook/9a8b7c/1d2e"),
    ("https://outlook.office.com/webhook/", "0a1b2c3d-0000@4e5f-0000/IncomingWebhook/9a8b7c/1d2e"),
    ("https://api.telegram.org/bot", "123456789:AAx-Yw_VuTsRqPoNmLkJiHgFeDcBa"),
]

# File, its text, and what must not be left of it.
PLANTED = [
    # ---- properties
    ("/opt/koverse-server/conf/koverse-server.properties", f"com.koverse.server.jdbc.password={S}\n", S),
    ("/opt/koverse-server/conf/koverse-server.properties", f"dataStoreSetting.password = {S}\r\nx=1\r\n", S),
    ("/opt/koverse-server/conf/koverse-server.properties", "com.koverse.license.verification=A1B2-C3D4\n", "A1B2-C3D4"),
    ("/a/koverse-webapp.properties", f"com.koverse.webapp.jetty.tls.keystore.password: {S}", S),
    ("/a/x.properties", f"jetty.truststore.password\t{S}\n", S),
    ("/a/x.properties", "password=Tr0ub\\\n    4dor\\\n\t&3\nuser=x\n", "4dor"),
    ("/a/x.properties", f"pass\\u0077ord={S}\n", S),
    ("/a/x.properties", "password=Tr0ub\\u0034dor\n", "dor"),
    ("/a/x.properties", f"pass\\\n  word={S}\n", S),
    ("/a/x.properties", f"#password={S}\n", S),
    ("/a/x.properties", f"! db.secret : {S}\n", S),
    ("/a/x.properties", "#password=abc\\\n#defghi\n", "defghi"),
    ("/a/x.properties", f"jdbc.url=jdbc:postgresql://db/koverse?user=k&pass\\u0077ord={S}\n", S),
    ("/a/x.properties", f"jdbc.url=jdbc:postgresql://db/koverse?user=k&password={S}\n", S),
    ("/a/accumulo.properties", f"instance.secret={S}\n", S),
    ("/a/accumulo.properties", f"trace.token.property.password={S}\n", S),
    ("/a/accumulo.properties.bak", f"instance.secret={S}\n", S),
    ("/a/log4j.properties", f"log4j.appender.mail.SMTPPassword={S}\n", S),
    ("/a/log4j.properties", f"log4j.appender.db.URL=jdbc:oracle:thin:scott/{S}@db:1521\n", S),
    ("/a/x.properties", f"ssl.client.keystore.keypassword={S}\n", S),
    ("/a/x.properties", "jetty.password=OBF:1v2j1uum1xtv1zej\n", "1v2j1uum1xtv1zej"),
    # ---- XML
    (
        "/etc/hadoop/core-site.xml",
        f"<configuration><property><name>fs.s3a.secret.key</name><value>{XS}</value></property></configuration>",
        XS,
    ),
    (
        "/etc/hadoop/core-site.xml",
        f"<configuration>\n<property>\n <value>{XS}</value>\n <final>true</final><name> ssl.server.keystore.password </name>\n</property>"
        "</configuration>",
        XS,
    ),
    (
        "/etc/hadoop/core-site.xml",
        f"<c><property><name>fs.azure.account.key.x.blob.core.windows.net</name><value><![CDATA[{S}]]></value></property></c>",
        S,
    ),
    ("/etc/hadoop/core-site.xml", f"<c><!-- <property><name>a.password</name><value>{XS}</value></property> --></c>", XS),
    ("/etc/hadoop/core-site.xml", f"<c><!-- <broken <name>a.password</name><value>{S} --></c>", S),
    ("/etc/hadoop/core-site.xml", f"<c><p><name>ha.zookeeper.auth</name><value>digest:hdfs:{XS}</value></p></c>", XS),
    ("/a/accumulo-site.xml", f"<c><property><name>instance.secret</name><value>{XS}</value></property></c>", XS),
    ("/a/x-site.xml", f"<c><property name='a'><value>-Djavax.net.ssl.keyStorePassword={XS}</value></property></c>", XS),
    ("/a/x-site.xml", f"<c><v>&#112;assword={XS}</v></c>", XS),
    ("/a/log4j.xml", f'<c><appender><param name="SMTPPassword" value="{XS}"/></appender></c>', XS),
    ("/a/log4j.xml", f"<c><param value='{XS}' name='password'/></c>", XS),
    ("/a/log4j2.xml", f'<c><JDBC password="{XS}" url="x"/></c>', XS),
    ("/a/log4j2.xml", f'<c><Property name="smtpPassword">{XS}</Property></c>', XS),
    ("/a/spring.xml", f'<c><bean><property name="password"><value>{XS}</value></property></bean></c>', XS),
    ("/a/x.xml", f"<c><password>{XS}</password></c>", XS),
    ("/a/x.xml", f"<c><url>https://bob:{XS}@host/x</url></c>", XS),
    # ---- YAML
    ("/a/x.yml", f"db:\n  password: {S}\n  user: bob\n", S),
    ("/a/x.yml", f"db:\n  password: |\n    line\n    {S}\n  user: bob\n", S),
    ("/a/x.yml", f'db:\n  "password": "{S}"\n', S),
    ("/a/x.yml", f"db:\n  password: >-\n\n    {S}\n\n    more\nuser: bob\n", S),
    ("/a/x.yml", f"tokens:\n- {S}\n- other\nuser: x\n", S),
    ("/a/x.yml", f"secrets:\n  one: {S}\n", S),
    ("/a/x.yml", f"db: {{user: bob, password: {S}, port: 1}}\n", S),
    ("/a/x.yml", f"db: {{user: bob, 'password': '{S}'}}\n", S),
    ("/a/x.yml", f"env:\n- name: DB_PASSWORD\n  value: {S}\n- name: X\n  value: y\n", S),
    ("/a/x.yml", f"env:\n- value: {S}\n  name: DB_PASSWORD\n", S),
    ("/a/x.yml", f"#password: {S}\n", S),
    ("/a/x.yml", f"- password: {S}\n- user: x\n", S),
    ("/a/x.yml", f"password: first\n  {S}\nuser: x\n", S),
    # ---- JSON
    ("/a/x.json", json.dumps({"db": {"password": S, "user": "bob"}}), S),
    ("/a/x.json", json.dumps({"secrets": [S, {"a": S}]}, indent=1), S),
    ("/a/x.json", json.dumps([{"name": "password", "value": S}]), S),
    ("/a/x.json", '{"pass\\u0077ord": "Tr0ub\\u0034dor"}', "dor"),
    ("/a/x.json", json.dumps({"url": f"jdbc:postgresql://h/d?password={S}"}), S),
    ("/a/x.json", '{"password": 1234567}', "1234567"),
    # ---- shell, environment, units
    ("/a/hadoop-env.sh", f"export DB_PASSWORD='{S} x'\n", S),
    ("/a/hadoop-env.sh", f'export HADOOP_OPTS="$HADOOP_OPTS -Djavax.net.ssl.trustStorePassword={S} -Xmx1g"\n', S),
    ("/a/hadoop-env.sh", f"PASSWORD=\"a\"'{S}'b; export PASSWORD\n", S),
    ("/a/hadoop-env.sh", f'PASSWORD="first\n{S}"\n', S),
    ("/a/hadoop-env.sh", f"PASSWORD=first\\\n{S}\n", S),
    ("/etc/default/koverse-server", f"# DB_PASSWORD={S}\n", S),
    ("/etc/default/koverse-server", f"JAVA_OPTS=\"-Dpassword='{S}'\"\n", S),
    ("/etc/init.d/koverse-webapp", f"mysql -u bob -p{S} db\n", S),
    ("/etc/init.d/koverse-webapp", f"accumulo shell -u root -p {S} -e x\n", S),
    ("/etc/init.d/koverse-webapp", f"curl -s -u bob:{S} http://x\n", S),
    ("/etc/init.d/koverse-webapp", f"tool --password '{S} x' --other\n", S),
    ("/a/hadoop-env.sh", f'export OPTS="-Djavax.net.ssl.keyStorePassword=\\"correct horse {S}\\" -Xmx1g"\n', S),
    ("/a/hadoop-env.sh", f"PASSWORDS=(first {S})\n", S),
    ("/a/hadoop-env.sh", f"PASSWORDS=(\n  'first one'\n  \"{S}\"\n)\n", S),
    ("/a/hadoop-env.sh", f"DB_PASSWORD=$(echo x {S})\n", S),
    ("/a/hadoop-env.sh", f'DB_PASSWORD="$(echo "x {S}")"\n', S),
    ("/a/hadoop-env.sh", f"OPTS=$(DB_PASSWORD='a {S}' x)\n", S),
    ("/a/hadoop-env.sh", f"OPTS=(-Dx.password='a {S}')\n", S),
    ("/a/hadoop-env.sh", f"DB_PASSWORD=`echo x {S}`\n", S),
    ("/a/hadoop-env.sh", f"DB_PASSWORD=${{X:-x {S}}}\n", S),
    ("/a/hadoop-env.sh", f"tool --a b \\\n  --password \\\n  {S}\n", S),
    ("/a/hadoop-env.sh", f"tool --password \\\r\n  '{S} x'\r\n", S),
    ("/a/hadoop-env.sh", f"accumulo shell -u root \\\n  -p \\\n {S}\n", S),
    ("/a/hadoop-env.sh", f"curl -s \\\n  -u \\\n bob:{S} http://x\n", S),
    ("/etc/default/koverse-server", f"A=b c\nDB_PASSWORD=correct horse {S}\n", S),
    ("/etc/sysconfig/koverse-server", f"#DB_PASSWORD=correct horse {S}\r\nA=b\r\n", S),
    ("/a/.env", f"DB_PASSWORD=correct \\\n{S}\n", S),
    ("/a/db.env", f"export DB_PASSWORD=correct horse {S}\n", S),
    ("/etc/systemd/system/x.service", f'[Service]\nEnvironment="A=b" "DB_PASSWORD={S} x" C=d\n', S),
    ("/etc/systemd/system/x.service", f"[Service]\nEnvironment=DB_PASSWORD={S}\n", S),
    ("/etc/systemd/system/x.service.d/y.conf", f"[Service]\nExecStart=/x --token={S}\n", S),
    # ---- INI and PostgreSQL
    ("/a/x.ini", f"[db]\npassword = {S}\n", S),
    ("/a/x.ini", f"[db]\npassword = first\n  {S}\nuser = x\n", S),
    ("/a/x.ini", f"[db]\n;password = {S}\n", S),
    ("/a/x.conf", f"requirepass {S}\n", S),
    ("/a/x.conf", f"bindpw {S}\n", S),
    ("/var/lib/pgsql/.pgpass", f"db:5432:*:bob:{S}\n# x\n", S),
    ("/var/lib/pgsql/.pgpass", "db\\:x:5432:*:bob:Tr0\\:ub4dor\n", "ub4dor"),
    ("/etc/pg_service.conf", f"[koverse]\nuser=bob\npassword={S}\n", S),
    ("/etc/postgresql/15/main/postgresql.conf", f"primary_conninfo = 'host=db user=r password={S}'\n", S),
    ("/etc/postgresql/15/main/postgresql.conf", f"primary_conninfo = 'host=db password=''{S} x'' user=r'\n", S),
    ("/etc/postgresql/15/main/postgresql.conf", f"#ssl_passphrase_command = 'echo {S}'\n", S),
    ("/etc/postgresql/15/main/pg_hba.conf", f'host all all 0.0.0.0/0 ldap ldapserver=x ldapbindpasswd="{S}"\n', S),
    # ---- login modules
    ("/a/jaas.conf", f'Server {{ x.DigestLoginModule required\n user_super="{S}"\n user_bob="x{S}"; }};\n', S),
    ("/a/zookeeper-client.conf", f'Client {{ x.PlainLoginModule required username="bob" password="{S}"; }};\n', S),
    # ---- keys of alerting services
    ("/etc/default/koverse-server", f"WEBHOOK={SLACK[0]}{SLACK[1]}\n", SLACK[0]),
    ("/etc/default/koverse-server", "ALERT_WEBHOOK_URL=https://chat.example.com/x/in/plain\n", "in/plain"),
    ("/a/x.properties", "alert.webhook.path=/in/plain\n", "in/plain"),
    ("/a/x.properties", f"alert.url=https\\://hooks.slack.com/{SLACK[1]}\n", SLACK[1]),
    ("/a/x.properties", f"pagerduty.routing_key={S}\n", S),
    ("/a/x.properties", f"pagerduty.integration_key={S}\n", S),
    ("/a/x.properties", f"pagerduty.serviceKey={S}\n", S),
    ("/a/x.properties", f"pagerduty.routingkey={S}\n", S),
    ("/a/x.yml", f"receivers:\n- pagerduty_configs:\n  - service_key: {S}\n", S),
    ("/a/x.yml", f"webhook_configs:\n- url: http://n1/{S}\n", S),
    ("/a/x.json", json.dumps({"webHook": {"url": f"http://n1/{S}"}}), S),
    ("/a/log4j2.xml", f'<c><Http url="{SLACK[0]}{SLACK[1]}"/></c>', SLACK[1]),
    ("/a/x.xml", f"<c><p><name>alert.webhook</name><value>http://n1/{XS}</value></p></c>", XS),
    # ---- wherever they are
    ("/a/x.conf", f"a=http://bob:{S}@host:80/\n", S),
    ("/a/x.conf", "a=AKIAIOSFODNN7EXAMPLE\n", "AKIAIOSFODNN7EXAMPLE"),
    ("/a/x.conf", f"x DefaultEndpointsProtocol=https;AccountKey={AZURE};x\n", AZURE),
    ("/a/x.conf", f"a={AZURE}\n", AZURE),
    ("/a/x.conf", f"a={JWT}\n", JWT),
    ("/a/x.conf", f"a\n{PEM}\nb=c\n", "q83vEjRWeJCrze8="),
    ("/root/x.yml", f"users:\n- user:\n    client-key-data: {CODED[0]}\n", CODED[0]),
    ("/root/x.yml", f"data:\n  tls.crt: {CODED[1]}\n", CODED[1]),
    ("/root/x.yml", f"data:\n  tls.crt: {CODED[2]}\n", CODED[2]),
    ("/a/x.conf", "a=$6$rounds=1$abcdefgh$kLmNoPqRsTuV\n", "kLmNoPqRsTuV"),
    ("/a/x.conf", "a={SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3\n", "DkMTwBl"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "said", "planted"), PLANTED)
def test_no_planted_secret_is_left_in_a_file(path: str, said: str, planted: str) -> None:
    clean = redact.file(path, said.encode())
    assert planted not in clean.text
    assert REMOVED in clean.text or "&lt;removed&gt;" in clean.text


@pytest.mark.parametrize(("path", "said"), [(path, said) for path, said, planted in PLANTED if planted in (S, XS)])
def test_what_was_removed_is_known(path: str, said: str) -> None:
    assert any(S in value or "4dor" in value for value in redact.file(path, said.encode()).values)


LOGGED = [
    (f"2026-11-22 INFO connecting with password={S}", S),
    (f"INFO {{user=bob, password={S}, port=1}}", S),
    (f'INFO {{"user":"bob","password":"{S}","x":1}}', S),
    (f'INFO {{\\"password\\":\\"{S}\\",\\"x\\":1}}', S),
    (f"Authorization: Bearer {JWT}", JWT),
    (f"Authorization: Basic {base64.b64encode(b'bob:hunter22').decode()}", base64.b64encode(b"bob:hunter22").decode()),
    ("headers {Authorization=[Bearer abcdef012345], Accept=[*/*]}", "abcdef012345"),
    ("sent Bearer abcdef012345 to x", "abcdef012345"),
    ("Cookie: hadoop.auth=u=bob&p=bob&s=3kjh2k3jh; JSESSIONID=node01abc", "node01abc"),
    ("Set-Cookie: x=3kjh2k3jh; Path=/", "3kjh2k3jh"),
    (f"X-Auth-Token: {S}", S),
    (f"GET /x?password={S}&a=b HTTP/1.1", S),
    ("GET /x?sv=2020&sig=3kjh2k3jh%3D&a=b HTTP/1.1", "3kjh2k3jh"),
    (f"could not connect to jdbc:postgresql://bob:{S}@db/koverse", S),
    (f"STATEMENT: ALTER ROLE bob WITH PASSWORD '{S}'", S),
    (f"addauth digest bob:{S}", S),
    (f"acl digest:bob:{S}:cdrwa", S),
    ("hash SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "c3RvcmVk"),
    ("hash md5a6343a68d964ca596d9752250d54bb8a", "a6343a68d964ca596d9752250d54bb8a"),
    ("hash $2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
    (f"x\n{PEM}\ny", "MIIEowIBAAKCAQEA"),
    (PEM.partition("-----END")[0], "MIIEowIBAAKCAQEA"),
    ("key: " + PEM.replace("\n", " | "), "MIIEowIBAAKCAQEA"),
    (f"exec java -Dpassword={S} -jar x", S),
    (f"exec tool --secret-key {S}", S),
    ("GET http://n1:9870/webhdfs/v1/x?op=OPEN&delegation=HgAEaGRmcwRoZGZzAIoBhF&offset=0", "HgAEaGRmcwRoZGZzAIoBhF"),
    ("to http%3A%2F%2Fn1%2Fx%3Fop%3DOPEN%26delegation%3DHgAEaGRmcwRoZGZzAIoBhF%26a", "HgAEaGRmcwRoZGZzAIoBhF"),
    ('token hadoop.auth="u=hdfs&p=hdfs/n1@X&t=kerberos&e=1795376341000&s=q83vEjRWeJCrze8=" was sent', "q83vEjRWeJCrze8="),
    ('{"hadoop.auth": "u=hdfs&p=hdfs/n1@X&t=kerberos&e=1795376341000&s=q83vEjRWeJCrze8="}', "q83vEjRWeJCrze8="),
    ("invalid signature: u=hdfs&p=hdfs&t=simple&e=1795376341000&s=q83vEjRWeJCrze8=", "q83vEjRWeJCrze8="),
    (f"<property><name>javax.jdo.option.ConnectionPassword</name><value>{S}</value></property>", S),
    (f"<property>\n <name> a.password </name>\n <value><![CDATA[{S}]]></value></property>", S),
    (f"n1 journal: <name>a.password</name>\nn1 journal: <value>{S}</value>", S),
    (f"&lt;name&gt;a.password&lt;/name&gt;&lt;value&gt;{S}&lt;/value&gt;", S),
    (f"<value>x</value><db><password>{S}</password></db>", S),
    (f"&lt;db&gt;&lt;password&gt;{S}&lt;/password&gt;&lt;/db&gt;", S),
    ("<db><password>Tr0ub4dor&lt;3</password></db>", "Tr0ub4dor"),
    ("<name>a.password</name> <value><![CDATA[Tr0<ub>4dor]]></value>", "4dor"),
    (f"env &lt;DB_PASSWORD&gt;{S}&lt;/DB_PASSWORD&gt;", S),
    (f"clientKey LS0t {CODED[0]} x", CODED[0]),
    (f"key\n{base64.encodebytes(PEM.encode()).decode()}", base64.encodebytes(PEM.encode()).decode().split()[-1]),
    (f"sh -c beeline -u jdbc:hive2://n1:10000/x -n bob -p {S}", S),
    ("java org.apache.hive.beeline.BeeLine -n bob -p 1234", " 1234"),
    (f"ALTER ROLE bob PASSWORD E'{S}\\'x'", f"{S}\\'x"),
    (f"ALTER ROLE bob ENCRYPTED PASSWORD\n\t$${S} x$$ VALID", f"{S} x"),
    (f"ALTER ROLE bob PASSWORD $a${S}$a$", S),
    (f"CREATE USER bob IDENTIFIED BY N'{S}'", S),
    ("clone https://x:ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/x", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "planted"), LOGGED)
def test_no_planted_secret_is_left_in_a_log(said: str, planted: str) -> None:
    clean = redact.text(f"before\n{said}\nafter: x\n")
    assert planted not in clean.text
    assert REMOVED in clean.text
    assert clean.text.startswith("before\n")
    assert redact.text(clean.text).text == clean.text


KEY = [base64.b64encode(bytes((7 * row + place) % 256 for place in range(48))).decode() for row in range(5)] + ["Zm9yIGFsbA=="]
BORDERS = [f"-----{which} RSA PRIVATE KEY-----" for which in ("BEGIN", "END")]


@pytest.mark.parametrize("before", ["2026-11-22T19:39:01.000Z koverse_server journal: ", "2026-11-22 19:39:01,671 INFO [main] x - ", ""])
@pytest.mark.parametrize("part", [slice(None), slice(1, None), slice(4, None), slice(-1), slice(5)])
@pytest.mark.parametrize("between", [[], ["2026-11-22T19:39:01.001Z postgres /var/log/postgresql.log: LOG: checkpoint starting."]])
def test_a_private_key_goes_from_a_log_line_by_line(before: str, part: slice, between: list[str]) -> None:
    own = [f"{before}{line}" for line in [BORDERS[0], "Proc-Type: 4,ENCRYPTED", *KEY, BORDERS[1]][part]]
    said = ["2026-11-22T19:39:00.000Z koverse_server journal: up", *own[:3], *between, *own[3:], "2026-11-22T19:39:02.000Z x y: z: end."]
    clean = redact.text("\n".join(said))
    assert not [line for line in KEY if line in clean.text]
    assert any(KEY[3] in value for value in clean.values) or part == slice(5)
    shown = clean.text.splitlines()
    assert (shown[0], shown[-1]) == (said[0], said[-1])
    assert set(between) <= set(shown) or not before
    assert f"{before}{REMOVED}" in shown or not before
    assert "INFO up" in redact.text(f"key {KEY[0]} {BORDERS[1]}\nINFO up\n").text
    assert redact.text(clean.text).text == clean.text


@pytest.mark.parametrize(("before", "planted"), WEBHOOKS)
def test_a_webhook_is_known_by_its_form(before: str, planted: str) -> None:
    for said, shown in {
        f"POST to {before}{planted} failed": f"POST to {before}{REMOVED} failed",
        f'{{"a": "{before}{planted}"}}, 12 s': f'{{"a": "{before}{REMOVED}"}}, 12 s',
        f"(see {before}{planted}).": f"(see {before}{REMOVED}).",
    }.items():
        clean = redact.text(said)
        assert clean.text == shown
        assert planted in clean.values
        assert redact.text(shown).text == shown
    for written in (f"{before}{planted}".replace("/", "\\/"), urllib.parse.quote(f"{before}{planted}", safe="")):
        clean = redact.text(f"INFO {written} x")
        assert clean.text.startswith(f"INFO {written[:8]}")
        assert planted[-8:] not in clean.text
    command = redact.command(["java", f"-Dalert.to={before}{planted}", "-jar", "x"])
    assert command.text == f"java -Dalert.to={before}{REMOVED} -jar x"


def test_the_path_of_a_webhook_is_known_where_its_url_was_removed() -> None:
    values = redact.known(redact.file("/etc/default/koverse-server", f"WEBHOOK={SLACK[0]}{SLACK[1]}\n".encode()).values)
    said = f"POST /{SLACK[1]} HTTP/1.1: no {SLACK[1].rpartition('/')[2]}"
    assert redact.forget(said, values) == f"POST /{REMOVED} HTTP/1.1: no {REMOVED}"


HARMLESS = [
    "2026-11-22 12:00:00,123 [server.Accumulo] INFO : sessionid = 0x10000ab, tserver n1:9997 lock held",
    "hdfs://n1:8020/accumulo/tables/2/t-0001.rf",
    "http://n1:9870/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus",
    "psql -h db -p 5432 -U koverse",
    "mkdir -p /var/log/accumulo",
    "Basic authentication is off; Bearer tokens too",
    "hadoop.http.authentication.signature.secret.file=/etc/hadoop/http-secret",
    "dfs.block.access.token.enable=true",
    "general.delegation.token.lifetime=7d",
    "trace.token.type=org.apache.accumulo.core.client.security.tokens.PasswordToken",
    "hadoop.security.credential.provider.path=jceks://file/etc/hadoop/x.jceks",
    "ssl_key_file = '/etc/ssl/private/server.key'",
    "password_encryption = scram-sha-256",
    "at org.apache.hadoop.security.token.Token.decode(Token.java:12)",
    "com.koverse.server.kerberos.keytab.path=/etc/security/keytabs/koverse.service.keytab",
    "host all all 10.0.0.0/8 scram-sha-256",
    "alert.webhook.timeout=10s alert.webhook.enabled=true",
    "https://git.example.com/project/hooks/update",
    "/opt/koverse/hooks/a1b2c3",
    "https://discord.com/api/webhooks",
    "<property><name>dfs.token.enable</name><value>true</value></property><name>bob</name><value>x</value>",
    "<passwordPolicy>3</passwordPolicy2> <user>bob</user>",
    "password $1 and $2; PASSWORD changed",
    f"client-certificate-data: {base64.b64encode(CERTIFICATE.encode()).decode()}",
    "http://n1/x?delegations=3 op=GETDELEGATIONTOKEN",
    CERTIFICATE,
]


@pytest.mark.parametrize("said", HARMLESS)
def test_what_is_no_secret_stays(said: str) -> None:
    assert redact.text(said).text == said


def test_harmless_files_stay_byte_for_byte() -> None:
    xml = (
        '<?xml version="1.0"?>\r\n<!-- a & b -->\n<configuration>\n <property><name>dfs.x</name>\t<value>1 &lt; 2</value></property>\n'
        "</configuration>\n"
    )
    for path, said in {
        "/a/core-site.xml": xml,
        "/a/x.properties": "a = b\\\n  c\r\nd:\\u0041\n\n# x: y\n",
        "/a/x.yml": "a:\n  - b: c # d\n  - {e: f}\ng: |\n  h: i\n",
        "/a/x.json": '{"a": [1, "b\\u0041", null],\n "c": {}}\n',
        "/a/x.sh": "set -e\nA=\"b $C\" D='e'\n[ -f x ] && echo 'y'\n",
        "/a/y.sh": 'A=(b \'c d\')\nB=$(c "d e")\nC=`d e`\nD="$(e "f g")"\ntool --a \\\n  b\n',
        "/etc/default/x": 'A=b c\nB=d; export B\nC="d e" # f\nTOKEN_FILE=/a/b\n',
        "/a/x.ini": "[a]\nb = c\n d\n",
        "/a/server.crt": CERTIFICATE,
        "/a/workers": "n1\nn2\n",
    }.items():
        assert redact.file(path, said.encode()).text == said


def test_xml_stays_well_formed_and_keeps_its_keys() -> None:
    said = f"<c><p><name>a.password</name><value>{XS}</value></p><p><name>b</name><value>1</value></p><x password='{XS}'/></c>"
    root = ElementTree.fromstring(redact.file("/a/b.xml", said.encode()).text)
    assert [found.text for found in root.iter("value")] == [REMOVED, "1"]
    assert [found.text for found in root.iter("name")] == ["a.password", "b"]
    assert root.find("x").get("password") == REMOVED  # type: ignore[union-attr]


REFUSED = {
    "/etc/security/keytabs/koverse.service.keytab": b"\x05\x02x",
    "/a/x.jks": b"\xfe\xed\xfe\xed",
    "/a/truststore.p12": b"x",
    "/a/cacerts": b"x",
    "/a/server.key": b"x",
    "/a/id_ed25519": b"x",
    "/a/ssh_host_rsa_key": b"x",
    "/a/server.pem": (CERTIFICATE + PEM).encode(),
    "/a/krb5cc_1000": b"x",
    "/a/root-password": b"hunter22",
    "/a/http-auth-signature-secret": b"hunter22",
    "/a/realm.properties": b"bob: hunter22,admin\n",
    "/a/koverse.lic": b"x",
    "/a/lib/x.jar": b"PK",
    "/a/something": b"x",
    "/a/x.properties": b"a=b\x00",
    "/a/y.properties": b"a=\xff\xfe",
    "/a/broken.xml": b"<a><password>hunter22</a>",
    "/a/entity.xml": b'<!DOCTYPE a [<!ENTITY p "hunter22">]><a>&p;</a>',
    "/a/broken.json": b'{"password": "hunter22"',
    "/a/x.yml": b"? password\n: hunter22\n",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_read_safely_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        redact.file(path, REFUSED[path])


@pytest.mark.parametrize(
    ("argv", "planted"),
    [
        (["java", f"-Dpassword={S} x", "-jar", "x"], S),
        (["tool", "--password", S], S),
        (["tool", f"--password={S}"], S),
        (["mysql", "-u", "bob", "-p", "12345"], "12345"),
        (["mysqldump", f"-p{S}"], S),
        (["/opt/accumulo/bin/accumulo", "shell", "-u", "root", "-p", S], S),
        (["tool", "-p", S], S),
        (["java", "-cp", "x", "org.apache.hive.beeline.BeeLine", "-n", "bob", "-p", "12345"], "12345"),
        (["/usr/bin/beeline", "-n", "bob", "-p", "12345"], "12345"),
        (["psql", f"postgresql://bob:{S}@db/x"], S),
        (["psql", f"host=db password={S}"], S),
        (["curl", "-u", f"bob:{S}", "http://x"], S),
        (["env", f"PGPASSWORD={S}", "psql"], S),
    ],
)
def test_command_lines(argv: list[str], planted: str) -> None:
    clean = redact.command(argv)
    assert planted not in clean.text
    assert REMOVED in clean.text
    assert any(planted in value for value in clean.values)


@pytest.mark.parametrize(
    "argv", [["psql", "-h", "db", "-p", "5432"], ["java", "-Xmx1g", "-Dx=y", "org.apache.accumulo.start.Main", "tserver"]]
)
def test_harmless_command_lines_stay(argv: list[str]) -> None:
    assert redact.command(argv).text == " ".join(argv)


# ---- properties of all

KEYS = st.sampled_from(
    [
        "password", "com.koverse.server.jdbc.password", "dataStoreSetting.password", "instance.secret", "javax.net.ssl.keyStorePassword",
        "fs.s3a.secret.key", "fs.s3a.access.key", "DB_PASSWORD", "dbPasswd", "api-key", "authToken", "bindpw", "license.key",
        "clientSecret", "zookeeper.DigestAuthenticationProvider.superDigest", "credentials", "encryption.key", "db.pwd",
    ]
)  # fmt: skip
SIGNS = string.ascii_letters + string.digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~ "
SECRETS = st.text(SIGNS, min_size=6, max_size=24).filter(
    lambda said: said == said.strip() and said not in REMOVED and len(set(said)) > 3 and any(sign.isalnum() for sign in said)
)


def not_left(path: str, said: str, planted: str) -> None:
    clean = redact.file(path, said.encode())
    assert planted not in clean.text
    assert "&" not in planted or planted.replace("&", "&amp;") not in clean.text


def alone(key: str, secret: str) -> None:
    """A secret that is a part of what stays, such as the key, cannot be told from it."""
    assume(secret not in f"{key} = : name value property configuration")


@given(KEYS, SECRETS, st.sampled_from(["=", " = ", ": ", " "]))
def test_no_secret_survives_in_properties(key: str, secret: str, sign: str) -> None:
    alone(key, secret)
    escaped = secret.replace("\\", "\\\\")
    escaped = f"\\{escaped}" if escaped[0] in "=:" else escaped
    clean = redact.file("/a/x.properties", f"a=b\n{key}{sign}{escaped}\nc=d\n".encode())
    assert clean.text == f"a=b\n{key}{sign}{REMOVED}\nc=d\n"
    assert secret in clean.values


@given(KEYS, SECRETS)
def test_no_secret_survives_in_xml(key: str, secret: str) -> None:
    alone(key, secret)
    written = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    clean = redact.file("/a/x.xml", f"<c><property><name>{key}</name><value>{written}</value></property></c>".encode())
    assert clean.text == f"<c><property><name>{key}</name><value>&lt;removed&gt;</value></property></c>"
    assert secret in clean.values


@given(KEYS, SECRETS)
def test_no_secret_survives_in_json(key: str, secret: str) -> None:
    clean = redact.file("/a/x.json", json.dumps({"a": {key: secret}, "b": [1]}, indent=2).encode())
    assert json.loads(clean.text) == {"a": {key: REMOVED}, "b": [1]}
    assert secret in clean.values


@given(KEYS, SECRETS, st.sampled_from([None, '"', "'", "|", ">"]), st.booleans())
def test_no_secret_survives_in_yaml(key: str, secret: str, style: str | None, flow: bool) -> None:
    alone(key, secret)
    said = yaml.safe_dump({"a": {key: secret, "z": 1}}, default_style=style, default_flow_style=flow, width=10_000)
    clean = redact.file("/a/x.yml", said.encode())
    assert secret not in clean.text
    assert secret.replace("'", "''") not in clean.text


@given(KEYS.filter(lambda key: "." not in key and "-" not in key), SECRETS)
def test_no_secret_survives_in_shell(key: str, secret: str) -> None:
    alone(key, secret)
    for written in (f"'{secret}'", json.dumps(secret)):
        clean = redact.file("/a/x.sh", f"A=b\nexport {key}={written}\nC=d\n".encode())
        assert clean.text == f"A=b\nexport {key}={REMOVED}\nC=d\n"


@given(KEYS, SECRETS.filter(lambda said: " " not in said))
def test_no_secret_survives_in_a_log(key: str, secret: str) -> None:
    alone(key, secret)
    for said in (f"12:00 INFO {key}={secret} x", f'12:00 INFO "{key}":"{secret}" x', f"12:00 INFO --{key} {secret}"):
        assert secret not in redact.text(said).text


HARMLESS_SIGNS = st.text(
    string.ascii_lowercase.replace("p", "").replace("k", "").replace("s", "") + string.digits + " \n.,()-", max_size=200
)


@given(HARMLESS_SIGNS)
def test_text_without_secrets_is_unchanged(said: str) -> None:
    assume(not redact._HINT.search(said))
    assert redact.text(said).text == said
    assert redact.file("/a/x.conf", said.encode()).text == said
    assert redact.file("/a/x.sh", said.encode()).text == said


def told(path: str, content: bytes) -> bool:
    """Whether a file is read, or refused with a reason."""
    try:
        return isinstance(redact.file(path, content).text, str)
    except Refused as error:
        return bool(str(error))


@given(st.binary(max_size=200))
def test_no_bytes_are_a_reason_to_fall_over(content: bytes) -> None:
    for name in ("x.properties", "x.xml", "x.json", "x.yml", "x.sh", "x.ini", ".pgpass", "jaas.conf"):
        assert told(f"/a/{name}", content)


@given(st.text(max_size=200))
def test_no_text_is_a_reason_to_fall_over(said: str) -> None:
    for name in ("x.properties", "x.xml", "x.json", "x.yml", "x.sh", "x.ini", ".pgpass", "jaas.conf"):
        assert told(f"/a/{name}", said.encode("utf-8", "replace"))
    redact.text(said)


@pytest.mark.parametrize(
    "sign",
    [
        "#",
        "\\",
        '"',
        "'",
        "-",
        "a",
        "=",
        "{",
        "<",
        ";",
        "a ",
        'a"',
        "key=",
        "://u:",
        '\\"',
        "accumulo ",
        "- ",
        "http://hooks/",
        "hooks.slack.com/",
        "<a>",
        "a=(",
        "a=`",
        'a=\\"',
        "-----BEGIN PRIVATE KEY-----a-----END PRIVATE KEY-----",
        'x="\\\n',
        "&lt;a&gt;",
        "<name>a</name>",
        "a.password</name>",
        "BSSVZBVEUgS0VZ",
        "BSSVZBVEUgS0VZ ",
        "PASSWORD $a$",
        "PASSWORD e'",
        "beeline ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----\n",
    ],
)
def test_no_long_line_takes_long(sign: str) -> None:
    """Python holds its lock while it matches: an expression that takes hours stops the whole worker."""
    said = "password " + sign * (20_000 // len(sign))
    began = time.process_time()
    redact.text(said)
    for name in ("x.properties", "x.yml", "x.sh", "x.ini", "jaas.conf", ".pgpass"):
        assert told(f"/a/{name}", said.encode())
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "said",
    [f"<name>p</name>\n<value>{' ' * 30000}<!-- none --></value>", "u=" * 50000 + "&s=", f"<name>{' ' * 30000}</name>"],
    ids=["blanks", "u=", "a name of blanks"],
)
def test_no_text_takes_long(said: str) -> None:
    began = time.process_time()
    redact.text(said)
    assert time.process_time() - began < 5  # it takes 0.1 s; what is not linear takes minutes


# ---- known values


@given(st.text(SIGNS, min_size=9, max_size=30).filter(lambda said: said.strip() == said), st.binary(max_size=7), st.binary(max_size=7))
def test_a_known_value_is_found_however_it_is_written(secret: str, before: bytes, after: bytes) -> None:
    assume(len(set(secret)) > 4)
    coded = base64.b64encode(before + secret.encode() + after).decode()
    forgotten = redact.forget(coded, {secret})
    assert secret.encode() not in base64.b64decode(forgotten.replace(REMOVED, "")[: len(forgotten) // 4 * 4] + "", validate=False)
    assert REMOVED in forgotten
    for written in (secret, json.dumps({"a": secret}), secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")):
        assert redact.forget(f"x {written} y", {secret}) in (f"x {REMOVED} y", f'x {{"a": "{REMOVED}"}} y')


def test_words_that_everybody_knows_are_not_looked_for() -> None:
    assert redact.known({"koverse", "Accumulo", "hdfs-datanode", "short", "hunter22", REMOVED}, {"hdfs-datanode"}) == {"hunter22"}


def test_plain_words_of_running_text_are_not_looked_for() -> None:
    assert redact.distinct({"expected", "Hunter22x!", "12", "org.apache.foo"}) == {"Hunter22x!"}


@given(st.sets(st.text(max_size=30)))
def test_sealed_values_come_back(values: set[str]) -> None:
    key = redact.new_key()
    sealed = redact.seal(values, key)
    assert redact.unseal(sealed, key) == values
    assert sealed != redact.seal(values, key)
    assert not any(len(value) > 3 and value in sealed for value in values)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 whatever is not JSON
        redact.unseal(redact.seal({"hunter22"}, redact.new_key()), redact.new_key())
