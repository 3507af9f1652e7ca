"""Start, stop and remove the lab's hosts: containers with systemd, reached by SSH."""

import json
import time
from collections.abc import Callable

import images
from common import BUILD, CONFIG, PREFIX, SHAPES, LabError, run, say, step, succeeds

NETWORK: dict[str, str] = CONFIG["network"]
KEY, SSH_CONFIG = BUILD / "ssh_key", BUILD / "ssh_config"
HOSTS = {name: host for hosts in SHAPES.values() for name, host in hosts.items()}
SSH_HOST = """Host {name}
  HostName {ip}
"""
SSH_COMMON = """Host {names}
  User ops
  IdentityFile {key}
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""


def container(host: str) -> str:
    """The container of a host."""
    return f"{PREFIX}-{host}"


def states() -> dict[str, str]:
    """The state of every container of the lab that exists, by host: running, exited, created."""
    listing = run("podman", "ps", "-a", "--format", "json", "--filter", f"name=^{PREFIX}-")
    return {entry["Names"][0].removeprefix(f"{PREFIX}-"): entry["State"] for entry in json.loads(listing or "[]")}


def selected(words: list[str]) -> list[str]:
    """The hosts meant by shape and host names; all hosts when there are none."""
    hosts = [name for word in words for name in SHAPES.get(word, [word])]
    if unknown := [name for name in hosts if name not in HOSTS]:
        raise LabError(f"{', '.join(unknown)}: not a shape ({', '.join(SHAPES)}) nor a host ({', '.join(HOSTS)})")
    return hosts or list(HOSTS)


def wait(what: str, condition: Callable[[], bool], seconds: int = 60) -> None:
    """Wait until the condition holds."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(0.2)


def write_ssh_files() -> None:
    """Make the key once; write an SSH configuration in which every host of the lab has its name."""
    BUILD.mkdir(exist_ok=True)
    if not KEY.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PREFIX, "-f", KEY)
    entries = [SSH_HOST.format(name=name, ip=host["ip"]) for name, host in HOSTS.items()]
    SSH_CONFIG.write_text("".join([*entries, SSH_COMMON.format(names=" ".join(HOSTS), key=KEY)]))


def create(name: str, neighbours: dict[str, dict[str, str]]) -> None:
    """Run a new container. Fixed addresses and host files on both sides: forward and reverse names agree.

    With a new hardware address at each start, neighbours would not reach the host for half a minute (ARP).
    """
    host = neighbours[name]
    mac = "02:00:" + ":".join(f"{int(octet):02x}" for octet in host["ip"].split("."))
    others = [f"--add-host={other}:{entry['ip']}" for other, entry in neighbours.items() if other != name]
    run(
        # runc and the limits: crun and the default limits do not start on every cgroup layout.
        "podman", "run", "--detach", "--runtime", "runc", "--systemd=always", "--privileged",
        "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000", "--stop-timeout", "60",
        "--name", container(name), "--hostname", name, "--network", NETWORK["name"], "--ip", host["ip"],
        "--mac-address", mac, *others, f"{PREFIX}-{host['image']}", "/sbin/init",
    )  # fmt: skip
    key = KEY.with_suffix(".pub").read_text()
    for user in ("ops", "audit"):
        script = f"install -d -m 700 -o {user} -g {user} ~{user}/.ssh && cat > ~{user}/.ssh/authorized_keys"
        run("podman", "exec", "-i", container(name), "bash", "-c", script, stdin=key)


def await_host(name: str) -> None:
    """Wait until systemd has booted and SSH lets us in. Debian 13 calls itself degraded in a container."""

    def booted() -> bool:
        state = run("podman", "exec", container(name), "systemctl", "is-system-running", check=False)
        return state.strip() in ("running", "degraded")

    wait(f"{name}: systemd", booted)
    wait(f"{name}: SSH", lambda: succeeds("ssh", "-F", SSH_CONFIG, "-o", "ConnectTimeout=2", name, "true"))


def up(shape: str) -> None:
    """Bring up the hosts of a shape; those that exist keep their data."""
    images.build_for(shape)
    write_ssh_files()
    if not succeeds("podman", "network", "exists", NETWORK["name"]):
        run("podman", "network", "create", "--subnet", NETWORK["subnet"], NETWORK["name"])
    present = states()
    with step(f"hosts of {shape}: {', '.join(SHAPES[shape])}"):
        for name in SHAPES[shape]:
            if name not in present:
                create(name, SHAPES[shape])
            elif present[name] != "running":
                run("podman", "start", container(name))
        for name in SHAPES[shape]:
            await_host(name)
            say(f"{name} is up")


def start(words: list[str]) -> None:
    """Start hosts that exist."""
    for name in [name for name in selected(words) if name in states()]:
        run("podman", "start", container(name))
        await_host(name)
        say(f"{name} is up")


def stop(words: list[str]) -> None:
    """Shut hosts down; their data stays."""
    present = states()
    if hosts := [container(name) for name in selected(words) if name in present]:
        with step(f"stopping {len(hosts)} hosts"):
            run("podman", "stop", *hosts)


def kill(words: list[str]) -> None:
    """End hosts at once, without a word to any process; what has reached their disks stays."""
    present = states()
    if hosts := [container(name) for name in selected(words) if present.get(name) == "running"]:
        run("podman", "kill", *hosts)


def down(words: list[str]) -> None:
    """Remove hosts and all their data."""
    present = states()
    if hosts := [container(name) for name in selected(words) if name in present]:
        with step(f"removing {len(hosts)} hosts"):
            run("podman", "rm", "--force", "--time", "0", "--volumes", *hosts)


def clean() -> None:
    """Remove everything that carries the lab's prefix."""
    down([])
    if succeeds("podman", "network", "exists", NETWORK["name"]):
        run("podman", "network", "rm", NETWORK["name"])
    # By name and without force: an image that someone else has tagged or uses stays, with its containers.
    listing = run("podman", "images", "--format", "{{.Repository}}:{{.Tag}}")
    if tags := [tag for tag in listing.split() if tag.startswith(f"localhost/{PREFIX}-")]:
        run("podman", "rmi", *tags)


def status() -> None:
    """Print every host with its state."""
    present = states()
    for shape, hosts in SHAPES.items():
        for name, host in hosts.items():
            print(f"{shape:12} {name:4} {host['ip']:14} {host['image']:9} {present.get(name, 'absent')}")
