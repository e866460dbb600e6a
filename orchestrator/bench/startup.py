"""From `journey up` to the first 200 from nginx, cold, against an interpreter that only imports what we stand on."""

import os
import subprocess
import sys
import tempfile
import time

from orchestrator.bench.figures import Figure, in_turn

JOURNEY = [sys.executable, "-m", "orchestrator.cli"]


def _seconds(*command: str, home: str | None = None) -> float:
    environment = {**os.environ, "JOURNEY_HOME": home} if home else dict(os.environ)
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def _up() -> float:
    """`up --detach` returns when the first journey has been told; that it got its 200 is in its exit code."""
    with tempfile.TemporaryDirectory(prefix="jb") as home:
        try:
            return _seconds(*JOURNEY, "up", "--detach", home=home)
        finally:
            _seconds(*JOURNEY, "down", home=home)


def _imports() -> float:
    return _seconds(sys.executable, "-c", "import aiohttp, zmq, msgpack")


def measure(rounds: int) -> Figure:
    """`journey up` against bare imports, in turn."""
    _imports()  # the first one pays for a cold disk
    value, reference = in_turn(rounds, _up, _imports)
    title = "journey up, first 200"
    return Figure("up_s", title, "s", value, reference, "bare imports", 10, most=True)
