"""Build installable archives, laid out like Apache's own, from the jars on Maven Central."""

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

from common import BUILD, CONFIG, LAB, fingerprint, run, say, step

ARCHIVES = BUILD / "archives"
SOFTWARE = LAB / "software"

# The first pattern that matches a jar's name decides where it goes; the rest goes to the last one.
LAYOUT: dict[str, list[tuple[str, str]]] = {
    "hadoop": [
        (r"hadoop-client-(api|runtime)-", "share/hadoop/client"),
        (r"hadoop-(annotations|auth|shaded|registry)", "share/hadoop/common/lib"),
        (r"hadoop-common-", "share/hadoop/common"),
        (r"hadoop-hdfs-", "share/hadoop/hdfs"),
        (r"hadoop-yarn-", "share/hadoop/yarn"),
        (r"hadoop-mapreduce-", "share/hadoop/mapreduce"),
        (r"hadoop-distcp-", "share/hadoop/tools/lib"),
        (r"", "share/hadoop/common/lib"),
    ],
    "accumulo": [(r"", "lib")],
    # Accumulo 1.9 looks for ZooKeeper 3.4 in the top directory, where Apache's archive has it.
    "zookeeper": [(r"zookeeper-3\.4\.", "."), (r"", "lib")],
}
# The jars lack the web pages; the servers start only where the directories exist. /jmx needs no page.
WEBAPPS = {"hadoop": "share/hadoop/hdfs/webapps"}
WEBAPP_NAMES = ("hdfs", "datanode", "journal", "secondary", "static")


def sources(name: str) -> tuple[Path, Path]:
    """The pom and the tree of scripts for an archive such as hadoop-3.5.0."""
    product, version = name.rsplit("-", 1)
    return SOFTWARE / product / f"pom-{version}.xml", SOFTWARE / product / "tree"


def place(product: str, jar: str) -> str:
    """The directory of a jar inside its archive."""
    return next(target for pattern, target in LAYOUT[product] if re.match(pattern, jar))


def lay_out(name: str, downloads: Path, root: Path) -> None:
    """Make the directory tree of an archive below root."""
    product = name.rsplit("-", 1)[0]
    shutil.copytree(sources(name)[1], root)
    for file in sorted(downloads.iterdir()):
        target = root / place(product, file.name)
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    if product in WEBAPPS:
        for webapp in WEBAPP_NAMES:
            page = root / WEBAPPS[product] / webapp / "WEB-INF" / "web.xml"
            page.parent.mkdir(parents=True)
            page.write_text("<web-app/>\n")


def pack(root: Path, archive: Path) -> None:
    """Pack a tree; the same tree gives the same bytes. Jars hardly shrink, so speed goes before size."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = "root"
        return entry

    partial = archive.with_suffix(".partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", 1, raw, 0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for path in [root, *sorted(root.rglob("*"))]:
            tar.add(path, f"{root.name}/{path.relative_to(root)}", recursive=False, filter=plain)
    partial.replace(archive)


def build(name: str) -> None:
    """Build one archive and its checksum, unless the same pom and scripts were built before."""
    pom, tree = sources(name)
    archive, stamp = ARCHIVES / f"{name}.tar.gz", ARCHIVES / f".{name}.key"
    key = fingerprint([pom, *([tree] if tree.exists() else []), Path(__file__)])
    if archive.exists() and stamp.exists() and stamp.read_text() == key:
        say(f"{archive.name} is up to date")
        return
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    with step(f"{archive.name}"), tempfile.TemporaryDirectory(dir=ARCHIVES) as work:
        downloads, root = Path(work) / "jars", Path(work) / name
        goal = "dependency:copy-dependencies"
        run("mvn", "-q", "-B", "-f", pom, goal, f"-DoutputDirectory={downloads}", "-DincludeScope=runtime")
        whole = [file for file in downloads.iterdir() if file.name == f"{name}-bin.tar.gz"]
        if whole:
            shutil.move(whole[0], archive)
        else:
            lay_out(name, downloads, root)
            pack(root, archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (ARCHIVES / f"{archive.name}.sha256").write_text(f"{digest}  {archive.name}\n")
    stamp.write_text(key)
    say(f"{archive.name}: {archive.stat().st_size >> 20} MB")


def build_for(shape: str) -> None:
    """Build the archives that a shape installs."""
    names = CONFIG["archives"][shape]
    for number, name in enumerate(names, 1):
        say(f"archive {number} of {len(names)}: {name}")
        build(name)
