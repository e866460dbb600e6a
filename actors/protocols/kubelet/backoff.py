"""How long something that fails over and over has to wait: 10 s, then twice as long each time, up to 300 s.

As client-go's `flowcontrol.Backoff`, which the kubelet has for restarts and for image pulls. Sans-IO.
"""

from typing import NamedTuple

from actors.units import SECOND

FIRST_NS = 10 * SECOND
LONGEST_NS = 300 * SECOND


class _Entry(NamedTuple):
    wait_ns: int
    updated_ns: int


class Backoff:
    """Waits by key; a key is forgotten when nothing has failed for twice the longest wait (10 minutes)."""

    def __init__(self, first_ns: int = FIRST_NS, longest_ns: int = LONGEST_NS) -> None:
        self._first_ns, self._longest_ns = first_ns, longest_ns
        self._entries: dict[str, _Entry] = {}

    def wait_ns(self, key: str) -> int:
        """How long its next wait is; 0 when nothing is known of it."""
        entry = self._entries.get(key)
        return 0 if entry is None else entry.wait_ns

    def until_ns(self, key: str, since_ns: int) -> int:
        """When what failed at `since_ns` may be tried again: then, if it is the first time."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, since_ns):
            return since_ns
        return since_ns + entry.wait_ns

    def again_ns(self, key: str) -> int:
        """When a wait that began with the last failure is over; 0 when nothing has failed."""
        entry = self._entries.get(key)
        return 0 if entry is None else entry.updated_ns + entry.wait_ns

    def next(self, key: str, since_ns: int, now_ns: int) -> None:
        """It is tried again now, after a failure at `since_ns`: should it fail, it waits longer."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, since_ns):
            self._entries[key] = _Entry(self._first_ns, now_ns)
        else:
            self._entries[key] = _Entry(min(2 * entry.wait_ns, self._longest_ns), now_ns)

    def forget(self, prefix: str) -> None:
        """Keys that begin so are not needed any more."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]

    def _expired(self, entry: _Entry, since_ns: int) -> bool:
        return since_ns - entry.updated_ns > 2 * self._longest_ns
