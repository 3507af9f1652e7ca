"""Build the container images from Debian's packages."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import BUILD, PREFIX, SHAPES, fingerprint, run, say, step

# What the roles need on a host but is long to download: a JDK with the headers and the compiler for Accumulo's
# native maps. PostgreSQL is not installed, only its packages are there.
PACKAGES = [
    "age",
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "python3-apt",
    "python3-psycopg2",
    "openssh-server",
    "iproute2",
    "iptables",
    "procps",
    "sudo",
    "acl",
    "curl",
    "libfaketime",
    "ca-certificates",
    "less",
    "gcc",
    "g++",
    "make",
]
JAVA = "default-jdk-headless"
JAVA8 = "openjdk-8-jdk-headless"
JAVA8_HOME = "usr/lib/jvm/java-8-openjdk-amd64"
# Its libraries, which the JDK of another suite does not bring.
JAVA8_NEEDS = "ca-certificates-java java-common libfontconfig1 libfreetype6 libjpeg62-turbo liblcms2-2 libnss3 zlib1g"

SETUP = """set -e
chroot "$1" apt-get clean
chroot "$1" apt-get install -y -qq --no-install-recommends --download-only postgresql
chroot "$1" useradd -m -s /bin/bash ops
chroot "$1" useradd -m -s /bin/bash -G sudo audit
echo 'audit:lab-audit' | chroot "$1" chpasswd
echo 'ops ALL=(ALL) NOPASSWD: ALL' > "$1/etc/sudoers.d/ops"
chmod 440 "$1/etc/sudoers.d/ops"
# Logs outlive the loss of a host.
mkdir -p "$1/var/log/journal" "$1/etc/systemd/journald.conf.d"
printf '[Journal]\\nSystemMaxUse=200M\\n' > "$1/etc/systemd/journald.conf.d/lab.conf"
# A container's kernel belongs to the machine.
chroot "$1" systemctl mask -q systemd-udevd.service systemd-sysctl.service systemd-networkd.service getty.target
"""
JAVA8_SETUP = f"""set -e
ln -s java-8-openjdk-amd64 "$1/usr/lib/jvm/default-java"
for tool in java javac jps; do ln -s "/{JAVA8_HOME}/bin/$tool" "$1/usr/bin/$tool"; done
"""


def debian(suite: str, tar: Path, packages: list[str], *options: str) -> None:
    """Write a tar of a Debian suite with systemd and the given packages."""
    hooks = [f"--customize-hook={SETUP}", *options]
    include = ",".join([*PACKAGES, *packages])
    # Package lists and the downloaded packages stay.
    run("mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt", f"--include={include}", *hooks, suite, tar)


def java8(target: Path) -> None:
    """Unpack Java 8, which Debian has in sid alone; its Release file may be older than it says it is valid."""
    run(
        "mmdebstrap", "--quiet", "--variant=extract", f"--include={JAVA8}",
        "--aptopt=Acquire::Check-Valid-Until \"false\"", "sid", target,
    )  # fmt: skip


def classic(tar: Path) -> None:
    """Debian 13 with Java 8."""
    with tempfile.TemporaryDirectory(dir=BUILD) as work:
        sid = Path(work) / "sid"
        java8(sid)
        copies = [
            f'--customize-hook=mkdir -p "$1/usr/lib/jvm" && cp -a {sid}/{JAVA8_HOME} "$1/usr/lib/jvm/"',
            f'--customize-hook=cp -a {sid}/etc/java-8-openjdk "$1/etc/"',
        ]
        debian("trixie", tar, JAVA8_NEEDS.split(), *copies, f"--customize-hook={JAVA8_SETUP}")


def recipe(name: str) -> str:
    """What an image is made from, as a hash."""
    java = [JAVA8, JAVA8_NEEDS, JAVA8_SETUP] if name == "classic" else [JAVA]
    return fingerprint([name, *PACKAGES, SETUP, *java])


def names(shape: str | None) -> list[str]:
    """The images of a shape, or of all."""
    hosts = [host for name, hosts in SHAPES.items() if shape in (None, name) for host in hosts.values()]
    return sorted({host["image"] for host in hosts})


def build(name: str) -> None:
    """Build one image, unless this recipe was built before."""
    image, key = f"{PREFIX}-{name}", recipe(name)
    if run("podman", "image", "inspect", "--format", '{{index .Labels "recipe"}}', image, check=False).strip() == key:
        say(f"image {image} is up to date")
        return
    BUILD.mkdir(exist_ok=True)
    tar = BUILD / f"{name}.tar"
    with step(f"image {image} (a few minutes)"):
        try:
            if name == "classic":
                classic(tar)
            else:
                debian(name, tar, [JAVA])
            run("podman", "import", "--change", f"LABEL recipe={key}", tar, image)
        finally:
            tar.unlink(missing_ok=True)


def build_for(shape: str | None) -> None:
    """Build the images of a shape, or all, at once: most of the time goes into downloads."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(build, names(shape)))
