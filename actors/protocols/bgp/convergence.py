"""How long routes took to settle after something happened to a session."""

from typing import NamedTuple

from actors.units import SECOND

QUIET_NS = 1 * SECOND
"""Without a change for so long, a router has converged."""


class Converged(NamedTuple):
    """Routes have settled: after which event, how long it took from there to the last change, how many changed."""

    event: str
    duration_ns: int
    changes: int


class Convergence:
    """Watches best paths from an event until they have been quiet for a while."""

    def __init__(self) -> None:
        self._event = ""
        self._since_ns = self._last_ns = self._changes = 0

    def begin(self, event: str, since_ns: int, now_ns: int) -> None:
        """Something has happened; while another is watched it belongs to that, but a loss is never part of a start."""
        if not self._event or (self._event == "session_up" != event):
            self._event, self._since_ns, self._last_ns, self._changes = event, since_ns, now_ns, 0

    def changed(self, now_ns: int) -> None:
        """A best path is another one now."""
        self._changes += 1
        self._last_ns = now_ns

    def deadline_ns(self) -> int | None:
        return self._last_ns + QUIET_NS if self._event else None

    def take(self, now_ns: int) -> Converged | None:
        """The result, when it is there; None also when nothing changed."""
        deadline_ns = self.deadline_ns()
        if deadline_ns is None or now_ns < deadline_ns:
            return None
        done = Converged(self._event, self._last_ns - self._since_ns, self._changes)
        self._event = ""
        return done if done.changes else None
