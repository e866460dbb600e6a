"""Memory of an idle pod's process, against a bare fork with an event loop and a ZeroMQ socket in it.

Both are forked from a process that has imported everything; PSS shares what is common among those who have it, so
there are as many bare forks as elements in the world. Run as `python -m orchestrator.bench.memory` it is the bare
side: prints the median PSS of its forks in bytes.
"""

import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from orchestrator.bench.figures import Figure
from orchestrator.hosts.forkserver import warm_up
from orchestrator.world import World


def pss_bytes(pid: int) -> int:
    """A process's proportional set size."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def measure(world: World) -> Figure:
    """Pods of a running, idle world against bare forks."""
    elements = world.ps()["elements"]
    pods = [pss_bytes(element["pid"]) for element in elements if element["kind"] == "nginx_pod"]
    kinds = {element["kind"] for element in elements}
    bare = subprocess.run(
        [sys.executable, "-m", "orchestrator.bench.memory", str(len(elements)), *sorted(kinds)],
        capture_output=True,
        text=True,
        check=True,
    )
    return Figure(
        "pod_pss_bytes",
        "idle pod, PSS",
        "B",
        statistics.median(pods),
        float(bare.stdout),
        "bare fork",
        2,
        most=True,
    )


async def _idle() -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.bind("inproc://idle")
    asyncio.get_running_loop().add_reader(socket.getsockopt(zmq.FD), lambda: None)
    await asyncio.Event().wait()


def _bare_forks(count: int, kinds: list[str]) -> float:
    warm_up(kinds)
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                asyncio.run(_idle())
            os._exit(0)
        pids.append(pid)
    time.sleep(1.5)
    sizes = [pss_bytes(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return statistics.median(sizes)


if __name__ == "__main__":
    print(_bare_forks(int(sys.argv[1]), sys.argv[2:]))
