"""What a process costs the machine, as the kernel says."""

import re
import resource
from pathlib import Path

from actors.runtime.metrics import MetricStore

MEMORY_EVERY = 10
"""In how many collections memory is asked for once: the kernel walks all pages for it, half a millisecond's work."""

_ROLLUP = Path("/proc/self/smaps_rollup")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


class Costs:
    """Counts from when the process began to be this element: what the fork server had used before is not its own."""

    def __init__(self, metrics: MetricStore) -> None:
        self._cpu = metrics.counter("journey_runtime_cpu_seconds_total")
        self._memory = metrics.gauge("journey_runtime_memory_bytes")
        self._before_s = _cpu_s()
        self._collections = 0
        metrics.on_collect(self._collect)

    def _collect(self) -> None:
        self._cpu.value = _cpu_s() - self._before_s
        self._collections += 1
        if self._collections % MEMORY_EVERY == 2:  # not in the first second, when all are starting
            self._memory.value = memory_bytes()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_bytes() -> int:
    """The proportional set size: pages that several processes share count in parts, so that the sum over processes is
    what they use together. 0 where the kernel does not tell (proc(5), smaps_rollup)."""
    try:
        found = _PSS.search(_ROLLUP.read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
