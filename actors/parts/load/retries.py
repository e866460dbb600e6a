"""Requests of a load between two tries."""

from collections.abc import Callable

from actors.element import Context
from actors.parts.load.arrival import Arrival
from actors.parts.load.plan import Plan


class Retries:
    """Who waits to try again; each time it is twice as long. True while anybody does."""

    def __init__(self, context: Context, plan: Plan, send: Callable[[Arrival], None]) -> None:
        """`send` has an arrival tried again, now."""
        self._context, self._plan, self._send = context, plan, send
        self._waiting: dict[Arrival, None] = {}
        self.count = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def takes(self, arrival: Arrival, *, counts: bool) -> bool:
        """Whether the client asks once more; if so, in a while."""
        if arrival.retries >= self._plan.retries:
            return False
        wait_ns = self._plan.retry_wait_ns << arrival.retries
        arrival.retries += 1
        arrival.line = None
        self.count += counts
        self._waiting[arrival] = None
        self._context.call_at(self._context.now_ns() + wait_ns, self._try_again, arrival)
        return True

    def _try_again(self, arrival: Arrival) -> None:
        if arrival not in self._waiting:
            return
        del self._waiting[arrival]
        arrival.tried_ns = self._context.now_ns()
        self._send(arrival)

    def end(self) -> list[Arrival]:
        """Nobody tries again: those who would have."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
