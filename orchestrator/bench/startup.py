"""From `journey up` to the first 200 from nginx, cold, against an interpreter that only imports what we stand on."""

import os
import subprocess
import sys
import tempfile
import time

from orchestrator.bench.figures import Figure, in_turn

JOURNEY = [sys.executable, "-m", "orchestrator.cli"]


def _seconds(*command: str, home: str | None = None) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if home:
        environment["JOURNEY_HOME"] = home
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
    """`journey up` against bare imports, in turn. Once before, unmeasured: the first start pays for a cold disk, and
    for compiling what has changed (what the reference imports was compiled when it was installed)."""
    _imports()
    _up()
    value, reference = in_turn(rounds, _up, _imports)
    title = "journey up, first 200"
    return Figure("up_s", title, "s", value, reference, "bare imports", 10, most=True)
