"""Percentiles of the last seconds, from what laptops have measured: not estimated from the buckets of metrics."""

import asyncio
from collections import Counter, deque
from itertools import accumulate
from typing import Any, Protocol

from actors.element import CallFailed

MOST_ASKED = 64
"""Laptops that are asked each second. Where there are more, percentiles are estimated from buckets."""
PATIENCE_S = 0.8


class Asked(Protocol):
    """What is asked of a world."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...


class Latencies:
    """What laptops have measured within a window; `exact` is whether all of them were asked."""

    def __init__(self, world: Asked, window_s: float) -> None:
        self._world, self._window_s = world, window_s
        self._looks: deque[tuple[float, Counter[int]]] = deque()
        self.exact = False

    async def look(self, laptops: list[str], now_s: float) -> None:
        """Ask them what there was since the last time."""
        self.exact = len(laptops) <= MOST_ASKED
        if not self.exact:
            self._looks.clear()
            return
        counts: Counter[int] = Counter()
        for told in await asyncio.gather(*(self._ask(laptop, more=True) for laptop in laptops)):
            for latency_ns, count in told:
                counts[latency_ns] += count
        self._looks.append((now_s, counts))
        while self._looks and now_s - self._looks[0][0] >= self._window_s:
            self._looks.popleft()

    async def stop(self, laptops: list[str]) -> None:
        """Nobody looks on any more: what they have counted is forgotten, and no more is counted."""
        self._looks.clear()
        if self.exact:
            await asyncio.gather(*(self._ask(laptop, more=False) for laptop in laptops))
        self.exact = False

    async def _ask(self, laptop: str, more: bool) -> list[tuple[int, int]]:
        try:
            return await asyncio.wait_for(self._world.call(laptop, "latencies", more=more), PATIENCE_S)
        except (CallFailed, TimeoutError):
            return []

    def percentiles_ms(self) -> dict[str, float | None]:
        """`p50_ms` and `p99_ms`, as HdrHistogram has them, of all that was measured; None of nothing."""
        counts: Counter[int] = Counter()
        for _, each in self._looks:
            counts.update(each)
        return {"p50_ms": percentile_ms(counts, 50), "p99_ms": percentile_ms(counts, 99)}


def percentile_ms(counts: Counter[int], percent: float) -> float | None:
    """What so many of a hundred did not exceed; `counts` are in ns."""
    values = sorted(counts)
    if not values:
        return None
    up_to = list(accumulate(counts[value] for value in values))
    rank = max(int(up_to[-1] * percent / 100 + 0.5), 1)
    return next(value for value, seen in zip(values, up_to, strict=True) if seen >= rank) / 1e6
