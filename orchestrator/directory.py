"""Run directories: where a world keeps its sockets, certificates, logs and journal while it runs."""

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path

LONGEST_SOCKET_PATH = 107
"""What fits into a Unix socket's address, in bytes."""


class WorldFailed(RuntimeError):
    """The world could not be started, or has fallen apart; says what and where to look."""


def home() -> Path:
    """Where run directories lie: short, because the paths of Unix sockets may have 107 bytes only."""
    chosen = os.environ.get("JOURNEY_HOME")
    path = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"packet-journey-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise WorldFailed(f"{path} belongs to somebody else; set JOURNEY_HOME to a directory of yours")
    path.chmod(0o700)
    return path


def inbox(directory: Path, element: str) -> str:
    """The address of an element's inbox: `ipc://.../links/<its name>`, or a digest of that where it is too long."""
    path = f"{directory}/links/{element}"
    if len(path) > LONGEST_SOCKET_PATH:
        path = f"{directory}/links/{hashlib.sha1(element.encode()).hexdigest()[:12]}"
    return f"ipc://{path}"


def new_directory() -> Path:
    """A fresh run directory. It is removed when the world ends, however it ends."""
    directory = home() / secrets.token_hex(3)
    try:
        directory.mkdir(mode=0o700)
        for name in ("certs", "links", "logs"):
            (directory / name).mkdir(mode=0o700)
    except BaseException:  # an interrupt, too
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory


def last_words(directory: Path) -> str:
    """The last line of each process's log, each on a line of its own."""
    words = []
    for path in sorted((directory / "logs").glob("*.log")):
        with contextlib.suppress(OSError):
            lines = path.read_text(errors="replace").strip().splitlines()
            if lines and not path.name.endswith(".access.log"):
                words.append(f"\n  {path.name}: {lines[-1]}")
    return "".join(words)
