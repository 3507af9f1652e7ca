"""Backup and restore: a million records of every kind, a cluster whose data is gone, and everything is back, record by record."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import Cluster, wait_until

ROWS = 200_000  # of TestIngest, in each of the five tables
TABLES = ("kv_index", "kv_record", "kv_samples", "kv_field_stats", "kv_schema")
ODD = "archive._2024_x"  # a name with a namespace, and as odd as Accumulo takes
SETS = "/srv/sets"  # on the backup host, as a mounted share would be
PLACE = ["-e", f"runbook_backup_uri=file://{SETS}", "-e", f'{{"runbook_backup_tables": ["kv_*", "{ODD}"]}}']
ONE_TABLE = ["-e", "runbook_backup_tables=kv_schema"]

SHELL = f"""
createnamespace archive
createtable {ODD}
createuser alice
alice-secret
alice-secret
setauths -u alice -s A,B
setauths -u root -s A,B,C
grant Table.READ -t kv_record -u alice
grant System.CREATE_TABLE -s -u alice
addsplits -t kv_record row_0000050000 row_0000100000 row_0000150000
config -t kv_record -s table.file.compress.type=gz
config -t kv_samples -s table.iterator.scan.vers.opt.maxVersions=3
config -t kv_samples -s table.iterator.scan.old=50,org.apache.accumulo.core.iterators.user.AgeOffFilter
config -t kv_samples -s table.iterator.scan.old.opt.ttl=999999999999
config -s table.bulk.max.tablets=99
table kv_record
insert v1 f q public
insert v1 f q secret -l A&B
insert v2 f q hidden -l C
insert gone f q value
flush -w -t kv_record
delete gone f q
insert \\x00\\xff\\x01 \\x02 \\xfe \\x00\\x80
insert empty "" "" ""
table {ODD}
insert a b c d
insert e f g h -l (A|B)&C
addsplits b c d
"""

SQL = """
create role reporter login password 'Reporter''s "secret"' valid until '2099-01-01';
create role readers; grant readers to reporter;
create schema "Odd Schema";
create table "Odd Schema"."Täbel" (id bigserial primary key, name text, body bytea, "from" timestamptz default now());
insert into "Odd Schema"."Täbel" (name, body) select 'n' || i || ' ünïcödé 漢字 ' || chr(9) || E'\\n', decode(md5(i::text), 'hex')
  from generate_series(1, 20000) i;
select setval('"Odd Schema"."Täbel_id_seq"', 777777);
grant select on "Odd Schema"."Täbel" to readers;
alter table "Odd Schema"."Täbel" owner to koverse;
select lo_from_bytea(424242, decode(repeat('00ff10', 100000), 'hex'));
alter large object 424242 owner to koverse;
"""


def shell(cluster: Cluster, commands: str) -> str:
    host = cluster.groups["accumulo_manager"][0]
    cluster.run(host, f"cat > /tmp/commands <<'END'\n{commands}\nEND")
    return cluster.run(host, "runuser -u accumulo -- /opt/accumulo/bin/accumulo shell < /tmp/commands 2>/dev/null")


def sql(cluster: Cluster, database: str, text: str) -> str:
    host = cluster.groups["postgres"][0]
    cluster.run(host, f"cat > /tmp/sql <<'END'\n{text}\nEND")
    return cluster.run(host, f"runuser -u postgres -- psql -X -v ON_ERROR_STOP=1 -d {database} < /tmp/sql")


def hdfs(cluster: Cluster, words: str) -> str:
    return cluster.run(cluster.groups["hdfs_namenode"][0], f"runuser -u hdfs -- /opt/hadoop/bin/hdfs dfs {words}")


def ingest(cluster: Cluster, program: str, table: str) -> None:
    """Accumulo's own TestIngest, and VerifyIngest, which re-reads and compares every value."""
    login = "-c /etc/accumulo/accumulo-client.properties"
    cluster.accumulo(f"org.apache.accumulo.test.{program} {login} --table {table} --rows {ROWS} --cols 1 --size 50")


def post(cluster: Cluster, data_set: str, first: int, number: int) -> bool:
    """Records through Koverse: each is a row in PostgreSQL and entries in Accumulo. Whether they were acknowledged."""
    records = json.dumps([{"id": f"{data_set}-{i}", "name": f"n{i}"} for i in range(first, first + number)])
    host = cluster.groups["koverse"][0]
    url = f"http://localhost:8080/records?data_set={data_set}"
    command = f"curl --fail --silent --max-time 30 -H 'Content-Type: application/json' -d '{records}' '{url}'"
    return bool(cluster.host(host).run(command).rc == 0)


def plain(text: str) -> str:
    """What the shell answers, without its greeting, which names the instance."""
    return "\n".join(line for line in text.splitlines() if line != "-" and not line.startswith("- "))


def entries(cluster: Cluster, table: str) -> str:
    """How many entries a table has, and the digest of all of them in order, with visibility and time; but for the pairs."""
    host = cluster.groups["accumulo_manager"][0]
    shell(cluster, f"setauths -u root -s A,B,C\nflush -w -t {table}")  # VerifyIngest gives root others; a flush drops old versions
    scan = f"runuser -u accumulo -- /opt/accumulo/bin/accumulo shell -e 'scan -np -st -s A,B,C -t {table}' 2>/dev/null"
    cluster.run(host, f"{scan} | grep -v pairs > /tmp/scan")
    return cluster.run(host, "wc -l < /tmp/scan; sha256sum < /tmp/scan")


def digests(cluster: Cluster) -> dict[str, str]:
    """What must be the same: every entry in order, with visibility and time; splits, properties, users; every row; every add-on.

    The pairs that were written during the backup are left out: those of them that came after it are not in the set.
    """
    tables = (*TABLES, ODD)
    found = {table: entries(cluster, table) for table in tables}
    found["splits"] = plain(shell(cluster, "\n".join(f"getsplits -t {table}" for table in tables)))
    lines = shell(cluster, "\n".join(f"config -np -t {table}" for table in tables)).splitlines()
    # A table's own value stands below the name and the value that it overrides.
    found["properties"] = "\n".join(line for pair in zip(lines, lines[1:]) if pair[1].startswith("table ") for line in pair)
    users = "userpermissions -u koverse\nuserpermissions -u alice\ngetauths -u alice\nusers"
    found["users"] = "\n".join(line for line in plain(shell(cluster, users)).splitlines() if "aside" not in line)
    database = "runuser -u postgres -- pg_dump koverse | grep -v -e '^--' -e restrict -e pairs"
    found["database"] = cluster.run(cluster.groups["postgres"][0], f"{database} | sha256sum")
    found["roles"] = sql(cluster, "postgres", "select rolname, rolcanlogin, rolvaliduntil from pg_roles where rolname !~ '^pg_' order by 1")
    found["add-ons"] = hdfs(cluster, "-cat '/koverse/kv/addons/*/*' | sha256sum")
    return found


@contextlib.contextmanager
def pairs(cluster: Cluster) -> Iterator[dict[str, int]]:
    """Writes pairs through Koverse all the time; counts what was acknowledged."""
    acknowledged = {"records": 0, "refused": 0}
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            done = post(cluster, "pairs", 10 * acknowledged["records"] + acknowledged["refused"], 10)
            acknowledged["records" if done else "refused"] += 10

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield acknowledged
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module", autouse=True)
def _only_ha(cluster: Cluster) -> None:
    if cluster.shape != "ha":
        pytest.skip("the other shapes have their own, smaller test")
    played = cluster.play("startup")
    assert played.returncode == 0, played
    cluster.run("n1", f"install -d -o hdfs {SETS}")


def test_there_is_data_of_every_kind(cluster: Cluster) -> None:
    shell(cluster, "\n".join(f"grant Table.{right} -t {table} -u root" for table in TABLES for right in ("READ", "WRITE")))
    for table in TABLES:
        ingest(cluster, "TestIngest", table)
    shell(cluster, SHELL)
    sql(cluster, "koverse", SQL)
    hdfs(cluster, "-mkdir -p '/koverse/kv/addons/first one' /koverse/kv/addons/second")
    for name in ("first one/a%20b.jar", "second/ü.jar"):
        cluster.run("n1", "head -c 300000 /dev/urandom > /tmp/jar && chmod 644 /tmp/jar")
        hdfs(cluster, f"-put -f /tmp/jar '/koverse/kv/addons/{name}'")
    hdfs(cluster, "-chown -R koverse:koverse /koverse/kv/addons")
    cluster.run("n3", "echo '# edited by an operator' >> /opt/koverse-server/conf/koverse-server.properties")
    assert post(cluster, "before", 0, 100)


def sets(cluster: Cluster) -> list[str]:
    """The finished sets, oldest first."""
    return [name for name in cluster.run("n1", f"ls {SETS}").split() if "partial" not in name]


def served(cluster: Cluster) -> bool:
    return bool(cluster.host("n3").run("curl --fail --silent --output /dev/null http://localhost:8080/").rc == 0)


def clones(cluster: Cluster) -> list[str]:
    return re.findall(r"\S+_runbook_backup_\S+", shell(cluster, "tables"))


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> dict[str, str]:
    """The digests before anything is lost."""
    return digests(cluster)


def test_a_backup_while_pairs_are_written(cluster: Cluster, before: dict[str, str]) -> None:
    assert int(before["kv_record"].split()[0]) > ROWS
    with pairs(cluster) as acknowledged:
        wait_until(lambda: acknowledged["records"] > 50, 60, "pairs are written")
        played = cluster.play("backup", *PLACE)
    assert played.returncode == 0, played
    assert acknowledged["refused"] > 0, "Koverse was never held"
    held, serving = re.search(r"stopped for ([\d.]+) s, and served again after ([\d.]+) s", played.output).groups()
    assert float(held) < float(serving), played
    assert len(sets(cluster)) == 1
    assert clones(cluster) == []
    left = cluster.run("n1", "find /var/tmp/koverse-runbook /var/lib/koverse-runbook -type f ! -name backups.json")
    assert left == "", "copies are left on the host"


BAD = {
    "no such table": (["-e", "runbook_backup_tables=kv_record,nowhere"], "no such table: nowhere"),
    "unwritable": (["-e", "runbook_backup_uri=file:///root/sets"], "the user hdfs cannot make the directory file:///root/sets"),
    "no place": (["-e", "runbook_backup_uri=somewhere"], "expected where sets are kept"),
    "wrong password": (
        ["-e", '{"runbook_postgres_login": {"host": "localhost", "user": "koverse"}, "runbook_postgres_password": "not-this-one"}'],
        "password authentication failed",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_backup_that_cannot_be_taken(cluster: Cluster, name: str) -> None:
    arguments, words = BAD[name]
    pids = cluster.pids()
    played = cluster.play("backup", *PLACE, *arguments)
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
    assert "not-this-one" not in played.output
    assert len(sets(cluster)) == 1
    assert clones(cluster) == []
    assert cluster.pids() == pids, "something was restarted"


NAMED = ("Give the set its name", "Clean up")  # the set may be finished by then; one that is listed is whole


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("Check everything", marks=pytest.mark.faults),
        pytest.param("Stop Koverse", marks=pytest.mark.faults),
        pytest.param("Clone the tables", marks=pytest.mark.faults),
        pytest.param("Let Koverse go on", marks=pytest.mark.faults),
        "Copy tables",
        pytest.param("Bring the other hosts' files", marks=pytest.mark.faults),
        pytest.param("Read the set back", marks=pytest.mark.faults),
        pytest.param(NAMED[0], marks=pytest.mark.faults),
        pytest.param(NAMED[1], marks=pytest.mark.faults),
    ],
)
def test_a_backup_that_is_killed(cluster: Cluster, step: str) -> None:
    """Koverse runs again at the latest when its hold is over; no set is listed; what is left is for the next backup."""
    finished = sets(cluster)
    with cluster.playing("backup", *PLACE, *ONE_TABLE, "-e", "runbook_backup_hold_limit=15") as playing:
        playing.until(f"TASK [{step}")
        time.sleep(1)  # somewhere inside the step
    wait_until(lambda: served(cluster), 60, "Koverse serves")
    if step not in NAMED:
        assert sets(cluster) == finished


def test_the_next_backup_cleans_up(cluster: Cluster) -> None:
    played = cluster.play("backup", *PLACE, *ONE_TABLE)
    assert played.returncode == 0, played
    assert cluster.run("n1", f"ls {SETS}").split() == sets(cluster)
    assert clones(cluster) == []
    first, *later = sets(cluster)
    listed = cluster.play("backup_list", *PLACE)
    assert "is no set" not in listed.output, listed
    for name in later:
        cluster.run("n1", f"rm -r {SETS}/{name}")
    assert sets(cluster) == [first]


def lose_everything(cluster: Cluster) -> None:
    """The data of every component."""
    played = cluster.play("shutdown")
    assert played.returncode == 0, played
    for host in cluster.hosts:
        cluster.run(host, "rm -rf /var/lib/hadoop/* /var/lib/zookeeper/* /var/lib/koverse-runbook")
    # Its data alone: its configuration is where it was.
    data, tools = "/var/lib/postgresql/15/main", "/usr/lib/postgresql/15/bin"
    cluster.run("n1", f"rm -rf {data}/* && runuser -u postgres -- {tools}/initdb --encoding=UTF8 --locale=C.UTF-8 -D {data}")


def test_everything_is_lost_and_comes_back(cluster: Cluster, before: dict[str, str]) -> None:
    edited = cluster.run("n3", "cat /opt/koverse-server/conf/koverse-server.properties")
    lose_everything(cluster)
    for playbook, *arguments in (
        ("deploy",),
        ("initialise", "-e", "runbook_initialise=true"),
        ("startup", "-e", "runbook_layers=coordination,storage,data_services"),
    ):
        played = cluster.play(playbook, *arguments)
        assert played.returncode == 0, played
    cluster.run("n3", "rm -r /opt/koverse-server/conf")
    played = cluster.play("restore", *PLACE, "-e", '{"runbook_restore_passwords": {"alice": "alice-secret"}}')
    assert played.returncode == 0, played
    after = digests(cluster)
    assert {name: after[name] for name in before} == before
    for table in TABLES:
        ingest(cluster, "VerifyIngest", table)
    pairs = cluster.counted("pairs")
    assert pairs["records"] == pairs["rows"] > 0
    assert cluster.run("n3", "cat /opt/koverse-server/conf/koverse-server.properties") == edited


def test_a_second_restore_refuses(cluster: Cluster, before: dict[str, str]) -> None:
    pids = cluster.pids()
    played = cluster.play("restore", *PLACE)
    assert played.returncode != 0, played
    for words in ("table kv_record is there already", "database koverse is there already", "directory /koverse/kv/addons is there already"):
        assert words in played.output, played
    assert cluster.pids() == pids
    assert entries(cluster, "kv_record") == before["kv_record"]


def test_one_table_is_rescued_beside_the_live_one(cluster: Cluster) -> None:
    shell(cluster, "deletemany -f -t kv_index")
    pids = cluster.pids()
    played = cluster.play("restore", *PLACE, "-e", "runbook_restore_tables=kv_index", "-e", "runbook_restore_as=kv_index_rescued")
    assert played.returncode == 0, played
    assert cluster.pids() == pids, "Koverse goes on"
    ingest(cluster, "VerifyIngest", "kv_index_rescued")
    assert "Table permissions (kv_index_rescued): Table.READ" in shell(cluster, "userpermissions -u koverse")
    shell(cluster, "deletetable -f kv_index_rescued")


def test_a_table_comes_back_in_the_place_of_a_broken_one(cluster: Cluster) -> None:
    played = cluster.play("restore", *PLACE, "-e", "runbook_restore_tables=kv_index", "-e", "runbook_restore_aside=true")
    assert played.returncode == 0, played
    assert re.search(r"renamed aside: table kv_index is now kv_index_aside_\S+", played.output), played
    ingest(cluster, "VerifyIngest", "kv_index")


FLIP = "printf X | dd of={} bs=1 seek=200 conv=notrunc"


def test_two_backups_at_once(cluster: Cluster) -> None:
    """The second refuses, and the first does not notice."""
    with cluster.playing("backup", *PLACE, *ONE_TABLE) as playing:
        playing.until("TASK [Copy tables")
        wait_until(lambda: served(cluster), 60, "Koverse serves again")
        second = cluster.play("backup", *PLACE)
        first = playing.ended()
    assert second.returncode != 0, second
    assert f"a backup or a restore is under way, by process {playing.process.pid} on" in " ".join(second.output.split()), second
    assert first == 0, playing.output
    assert len(sets(cluster)) == 2


def test_a_drill(cluster: Cluster) -> None:
    pids = cluster.pids()
    played = cluster.play("backup_verify", *PLACE, "-e", "runbook_drill=true")
    assert (played.returncode, cluster.pids()) == (0, pids), played
    for words in ("every file is what the manifest says", "table kv_schema: 200,", "database koverse: 20"):
        assert words in played.output, played
    assert "_runbook_drill_" not in shell(cluster, "tables") + sql(cluster, "postgres", "select datname from pg_database")


def test_retention(cluster: Cluster) -> None:
    old, new = sets(cluster)
    keep = ["-e", '{"runbook_backup_keep": {"last": 1}}']
    refused = cluster.play("backup_expire", *PLACE, "-e", '{"runbook_backup_keep": {"last": 0}}')
    assert "at least one of them above 0" in " ".join(refused.output.split()), refused
    others = cluster.play("backup_expire", *PLACE, *keep)
    assert (others.returncode, sets(cluster)) == (0, [old, new]), others
    former = json.loads(cluster.run("n1", f"cat {SETS}/{old}/manifest.json"))["cluster"]["instance_id"]
    assert f"{old}: {former}" in others.output, others
    keep += ["-e", f"runbook_backup_instances={former}"]
    shown = cluster.play("backup_expire", *PLACE, *keep, "--check")
    assert (shown.returncode, sets(cluster)) == (0, [old, new]), shown
    assert old in shown.output
    played = cluster.play("backup_expire", *PLACE, *keep)
    assert (played.returncode, sets(cluster)) == (0, [new]), played
    again = cluster.play("backup_expire", *PLACE, *keep)
    assert (again.returncode, again.changed) == (0, 0), again


@pytest.mark.faults
def test_into_the_clusters_own_hdfs_with_yarn(cluster: Cluster) -> None:
    uri = ["-e", "runbook_backup_uri=hdfs://koverse/sets", *ONE_TABLE]
    played = cluster.play("backup", *uri)
    assert played.returncode == 0, played
    assert "what destroys the cluster destroys the set, too" in " ".join(played.output.split()), played
    applications = cluster.run("n1", "runuser -u yarn -- /opt/hadoop/bin/yarn application -list -appStates FINISHED 2>/dev/null")
    assert "distcp" in applications.lower(), applications
    verified = cluster.play("backup_verify", *uri)
    assert verified.returncode == 0, verified


DAMAGES = {
    "a flipped byte in the manifest": (
        "manifest.json",
        "printf X | dd of={} bs=1 seek=20 conv=notrunc",
        "manifest.json: expected the SHA-256",
    ),
    "a missing file": ("postgres/globals.sql", "rm {}", "postgres/globals.sql: expected"),
    "a truncated dump": ("postgres/koverse.dump", "truncate -s -1 {}", "postgres/koverse.dump: expected"),
    "a flipped byte in a table": (
        "accumulo/tables/kv_schema/exportMetadata.zip",
        FLIP,
        "kv_schema/exportMetadata.zip: expected the SHA-256",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_set_is_refused(cluster: Cluster, name: str) -> None:
    path, damage, words = DAMAGES[name]
    copy = "/srv/damaged/20200101T000000Z"
    cluster.run("n1", f"rm -rf /srv/damaged && mkdir /srv/damaged && cp -a {SETS}/{sets(cluster)[0]} {copy}")
    # Hadoop's own checksums of local files are beside them; a share that others write to has none.
    cluster.run("n1", f"find {copy} -name '.*.crc' -delete && {damage.format(f'{copy}/{path}')}")
    played = cluster.play("restore", "-e", "runbook_backup_uri=file:///srv/damaged", "-e", "runbook_restore_aside=true")
    assert played.returncode != 0, played
    assert words in " ".join(played.output.split()), played
    assert "Stop Koverse" not in played.output, played
