"""What a process says that it costs."""

import mmap

from actors.runtime.costs import MEMORY_EVERY, Costs, memory_bytes
from actors.runtime.metrics import MetricStore


def test_memory_is_asked_for_now_and_then_and_processor_time_always():
    metrics = MetricStore()
    Costs(metrics)
    seen = []
    for _ in range(2 + MEMORY_EVERY):
        sum(range(100_000))
        seen.append(metrics.values())
    times = [each["journey_runtime_cpu_seconds_total"] for each in seen]
    assert times == sorted(times) and 0 <= times[0] < times[-1]
    told = [each["journey_runtime_memory_bytes"] for each in seen]
    assert told[0] == 0 < told[1] == told[MEMORY_EVERY]


def test_memory_that_is_taken_shows():
    before = memory_bytes()
    with mmap.mmap(
        -1, 30_000_000
    ) as taken:  # the allocator may have such a piece at hand, which shows no more
        taken.write(b"x" * 30_000_000)
        assert memory_bytes() - before > 25_000_000
