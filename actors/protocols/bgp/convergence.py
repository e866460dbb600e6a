"""How long routes took to settle after something happened to a session."""

from typing import NamedTuple

from actors.units import SECOND

QUIET_NS = 1 * SECOND
"""Without a change for so long, a router has converged."""


START = "session_up"
"""The event that is no loss."""


class Converged(NamedTuple):
    """Routes have settled: after which event, how long it took from there to the last change, how many changed."""

    event: str
    duration_ns: int
    changes: int
    settled_ns: int
    """When the last one changed."""


class Convergence:
    """Watches best paths from an event until they have been quiet for a while."""

    def __init__(self) -> None:
        self._event = ""
        self._since_ns = self._last_ns = self._changes = 0
        self._over: list[Converged] = []

    def begin(self, event: str, since_ns: int, now_ns: int) -> None:
        """Something has happened. While another is watched it belongs to that; but a loss is no part of a start, nor a
        start of a loss: the one ends where the other begins."""
        if self._event and (self._event == START) != (event == START):
            self._close()
        if not self._event:
            self._event, self._since_ns, self._last_ns, self._changes = event, since_ns, now_ns, 0

    def changed(self, now_ns: int) -> None:
        """A best path is another one now."""
        self._changes += 1
        self._last_ns = now_ns

    def deadline_ns(self) -> int | None:
        if self._over:
            return self._over[0].settled_ns
        return self._last_ns + QUIET_NS if self._event else None

    def take(self, now_ns: int) -> Converged | None:
        """The result, when it is there; None also when nothing changed."""
        if self._event and now_ns >= self._last_ns + QUIET_NS:
            self._close()
        return self._over.pop(0) if self._over else None

    def _close(self) -> None:
        if self._changes:
            duration_ns = self._last_ns - self._since_ns
            self._over.append(Converged(self._event, duration_ns, self._changes, self._last_ns))
        self._event = ""
