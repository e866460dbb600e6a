"""One timer for many deadlines."""

from collections.abc import Callable

from actors.element import JOURNEY, Context, TimerHandle
from actors.units import MILLISECOND

TICK_NS = 4 * MILLISECOND
"""Deadlines are met at the next tick, as by a Linux kernel with HZ=250: many of them in one go."""


class Alarm:
    """Calls `due(now_ns)` at the earliest deadline that `deadline_ns()` names; set it again with `arm()`.

    A timer that is already set for an earlier moment stays: it fires, finds little to do, and is set again. So a
    deadline that moves away with every packet costs nothing."""

    def __init__(
        self, context: Context, deadline_ns: Callable[[], int | None], due: Callable[[int], None]
    ) -> None:
        self._context = context
        self._deadline_ns = deadline_ns
        self._due = due
        self._timer: TimerHandle | None = None
        self._when_ns = 0

    def arm(self) -> None:
        """Look at all deadlines."""
        self.arm_for(self._deadline_ns())

    def arm_for(self, deadline_ns: int | None) -> None:
        """This is the deadline that may have come nearer: for who has many, and knows which one has changed."""
        if deadline_ns is None:
            return
        when_ns = -(-deadline_ns // TICK_NS) * TICK_NS
        if self._timer is not None:
            if self._when_ns <= when_ns:
                return
            self._timer.cancel()
        self._when_ns = when_ns
        self._timer = self._context.call_at(when_ns, self._ring)

    def _ring(self) -> None:
        self._timer = None
        JOURNEY.set(None)  # the timer was set in somebody's journey, but what is due now is everybody's
        deadline_ns, now_ns = self._deadline_ns(), self._context.now_ns()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self._due(now_ns)
        self.arm()
