"""How much may be in flight: the place of congestion control.

A connection asks `window_bytes` before it sends, and tells of every acknowledgment and every loss. Slow start,
congestion avoidance and fast recovery come here as other classes with the same verbs.
"""

from typing import Protocol

DEFAULT_LIMIT_BYTES = 1 << 20


class CongestionControl(Protocol):
    """Told of acknowledgments and losses, it says how much may be in flight."""

    window_bytes: int

    def on_acknowledged(self, acknowledged_bytes: int) -> None:
        """Something new was acknowledged."""

    def on_timeout(self, segment_bytes: int) -> None:
        """The retransmission timer expired; a full segment carries `segment_bytes`."""


class FixedWindow:
    """The peer's receive window rules, up to a fixed limit: no slow start and no probing for bandwidth.

    After a timeout a single segment may be in flight, so that a path which has failed is not flooded; the first
    acknowledgment opens the window again."""

    __slots__ = ("_limit_bytes", "window_bytes")

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self.window_bytes = limit_bytes

    def on_acknowledged(self, acknowledged_bytes: int) -> None:
        self.window_bytes = self._limit_bytes

    def on_timeout(self, segment_bytes: int) -> None:
        self.window_bytes = segment_bytes
