"""A queue of keys to look at: each at most once in it, and never in two hands (k8s.io/client-go: util/workqueue)."""

import asyncio
from collections import deque
from collections.abc import Iterable

from actors.element import Context, TimerHandle
from actors.units import SECOND

BASE_S = 0.005
MOST_S = 1000.0


class WorkQueue:
    """Keys that want to be looked at, oldest first.

    A key that is added while somebody has it comes again when that one is `done` with it."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._waiting: deque[str] = deque()
        self._dirty: set[str] = set()
        self._in_hand: set[str] = set()
        self._failures: dict[str, int] = {}
        self._taken_ns: dict[str, int] = {}
        self._took = context.metrics.histogram("journey_kube_reconcile_duration_seconds", controller=name)
        self._timers: dict[str, tuple[int, TimerHandle]] = {}
        self._takers: deque[asyncio.Future[None]] = deque()
        self._depth = context.metrics.gauge("journey_kube_workqueue_items", controller=name)
        self._retries = context.metrics.counter("journey_kube_workqueue_retries_total", controller=name)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: str) -> None:
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._in_hand:
            self._append(key)

    def add_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.add(key)

    def _append(self, key: str) -> None:
        self._waiting.append(key)
        self._depth.value = len(self._waiting)
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    def add_after(self, key: str, seconds: float) -> None:
        """Add the key in so many seconds; of several such wishes the soonest holds."""
        if seconds <= 0:
            self.add(key)
            return
        when_ns = self._context.now_ns() + round(seconds * SECOND)
        known = self._timers.get(key)
        if known is not None:
            if known[0] <= when_ns:
                return
            known[1].cancel()
        self._timers[key] = (when_ns, self._context.call_at(when_ns, self._ring, key))

    def _ring(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def again(self, key: str, most_s: float = MOST_S) -> None:
        """It did not work: add the key after 5 ms, 10 ms, ... the longer the more often it has failed in a row."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._retries.value += 1
        self.add_after(key, min(BASE_S * 2 ** min(failures, 30), most_s))

    def failures(self, key: str) -> int:
        """How often in a row it did not work."""
        return self._failures.get(key, 0)

    def forget(self, key: str) -> None:
        """It did work."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """The next key, which is the caller's until `done`."""
        while not self._waiting:
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            await taker
        key = self._waiting.popleft()
        self._depth.value = len(self._waiting)
        self._dirty.discard(key)
        self._in_hand.add(key)
        self._taken_ns[key] = self._context.now_ns()
        return key

    def done(self, key: str) -> None:
        taken_ns = self._taken_ns.pop(key, None)
        if taken_ns is not None:
            self._took.observe((self._context.now_ns() - taken_ns) / SECOND)
        self._in_hand.discard(key)
        if key in self._dirty:
            self._append(key)
