"""Which requests of a load are journeys that everybody records, and how they end."""

from random import Random
from typing import Any

from actors.element import Context
from actors.parts.load.arrival import Arrival
from actors.parts.load.plan import Plan
from actors.units import MILLISECOND


class Recorded:
    """One in so many, as the plan wants, and some for those who look on."""

    def __init__(self, context: Context, plan: Plan) -> None:
        self._context = context
        self._every = plan.trace_every
        self._ids = context.random if plan.trace_ids is None else Random(plan.trace_ids)
        self.watch_ns: int | None = None
        """One request in so much time is a journey for those who look on; None: nobody does."""
        self._watched_ns = 0

    def journey(self, number: int, due_ns: int) -> str | None:
        """The journey that the request of this number is, 32 hex digits; None for most."""
        if self._is_recorded(number, due_ns):
            return f"{self._ids.getrandbits(128):032x}"
        return None

    def end(self, arrival: Arrival, kind: str, **fields: Any) -> None:
        """Write down how one of them has ended: `journey.end` or `journey.failed`."""
        total_ms = (self._context.now_ns() - arrival.due_ns) / MILLISECOND
        self._context.record(kind, journey=arrival.journey, total_ms=total_ms, phases={}, **fields)

    def _is_recorded(self, number: int, due_ns: int) -> bool:
        if self._every and number % self._every == 0:
            return True
        if self.watch_ns is None or due_ns - self._watched_ns < self.watch_ns:
            return False
        self._watched_ns = due_ns
        return True
