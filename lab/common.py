"""What every part of the lab needs: paths, shapes, running a command, saying how far a step is."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parent
BUILD = LAB / "build"
PREFIX = "koverse-lab"
CONFIG: dict[str, Any] = json.loads((LAB / "shapes.json").read_text())
SHAPES: dict[str, dict[str, dict[str, str]]] = CONFIG["shapes"]


class LabError(Exception):
    """A step failed; the text says which and why."""


def say(message: str) -> None:
    """Print one line of progress."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Announce a long step, and say how long it took."""
    say(f"{message} ...")
    start = time.monotonic()
    yield
    say(f"{message}: done in {time.monotonic() - start:.0f} s")


def run(*command: str | Path, stdin: str | None = None, check: bool = True) -> str:
    """Run a command and return its standard output; raise LabError with the end of its output when it fails."""
    result = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True)
    if check and result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise LabError(f"{' '.join(map(str, command[:4]))} ... exited with {result.returncode}:\n{tail}")
    return result.stdout


def succeeds(*command: str | Path) -> bool:
    """Whether a command exits with 0."""
    return subprocess.run([str(word) for word in command], capture_output=True).returncode == 0


def fingerprint(parts: Iterable[Path | str]) -> str:
    """A hash of texts and of the files (names, modes, contents) below the paths; names what was built from them."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
            continue
        for path in [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file()):
            digest.update(f"{path.relative_to(LAB)} {path.stat().st_mode & 0o111:o}".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
