"""A clock that never waits: an event loop whose time jumps to the next thing that is due.

How this works. asyncio asks its selector to sleep until the next timer; ours does not sleep. Instead it delivers, in
order of their due times, the frames that arrive before that timer, sets the clock to each, and returns as soon as one
of them has made something runnable; else it sets the clock to the timer. Frames wait in a heap of tuples, not in
asyncio timers, because a hop is the thing that happens most. Ties are broken by the order of sending, and nothing
real (socket, thread, wall clock) can wake the loop: equal seeds give equal runs.
"""

import asyncio
import heapq
import selectors
from collections import deque
from collections.abc import Callable
from typing import Any

from actors.element import JOURNEY
from actors.wire.baggage import journey_of

_FOREVER_NS = 1 << 62


class Deadlock(RuntimeError):
    """Nothing is left to happen, yet somebody waits."""


class _TimelessSelector(selectors.SelectSelector):
    """Instead of sleeping for a timeout it lets the loop's virtual time pass."""

    advance: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            self.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the model's; see the head of this file."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    """Both asyncio's own."""

    def __init__(self) -> None:
        selector = _TimelessSelector()
        selector.advance = self._advance
        super().__init__(selector)
        self.now_ns = 0
        self.frames = 0
        self._sent = 0
        self._arrivals: list[tuple[int, int, Callable[[str, bytes], None], str, bytes, str | None]] = []

    def time(self) -> float:
        return self.now_ns / 1e9

    def arrive_at(
        self,
        when_ns: int,
        deliver: Callable[[str, bytes], None],
        port: str,
        frame: bytes,
        journey: str | None,
    ) -> None:
        """Call `deliver(port, frame)` at that model time, as part of the journey."""
        self._sent += 1
        heapq.heappush(self._arrivals, (when_ns, self._sent, deliver, port, frame, journey))

    def _advance(self, timeout: float | None) -> None:
        arrivals, ready, scheduled = self._arrivals, self._ready, self._scheduled
        if timeout is None and not arrivals:
            raise Deadlock("nothing is left to happen, yet somebody waits")
        first, horizon_ns = None, _FOREVER_NS
        while not ready:
            if scheduled and scheduled[0] is not first:
                first = scheduled[0]
                horizon_ns = max(round(first.when() * 1e9), self.now_ns)
            if not arrivals or arrivals[0][0] > horizon_ns:
                # one more nanosecond, lest rounding leave the timer a hair in the future for ever
                self.now_ns = horizon_ns if horizon_ns > self.now_ns else horizon_ns + 1
                return
            when_ns, _, deliver, port, frame, journey = heapq.heappop(arrivals)
            if when_ns > self.now_ns:
                self.now_ns = when_ns
            self.frames += 1
            if journey is None:
                deliver(port, frame)
            else:
                token = JOURNEY.set(journey_of(journey))
                deliver(port, frame)
                JOURNEY.reset(token)
            if not arrivals and not scheduled:
                return
