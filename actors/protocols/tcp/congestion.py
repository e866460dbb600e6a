"""How much may be in flight: slow start and congestion avoidance (RFC 5681), and what all controls share.

A connection asks `window_bytes` before it sends. It tells of acknowledgments only while the window is what keeps it
from sending more: a window that nobody fills says nothing about the path (RFC 7661), and an acknowledgment of
a request that was answered costs no call. `NewReno` is here, `Cubic` in `cubic.py`; which one is a setting.
"""

from typing import Protocol

from actors.protocols.tcp.settings import TcpSettings

UNLIMITED = 0x7FFFFFFF
"""Linux's TCP_INFINITE_SSTHRESH: slow start until the first loss."""


class CongestionControl(Protocol):
    """Told of acknowledgments and losses, it says how much may be in flight. Sizes in bytes."""

    name: str
    window_bytes: int
    ssthresh_bytes: int

    def begin(self, segment_bytes: int, window_bytes: int) -> None:
        """The handshake is over: a full segment carries this much, and so much may be in flight at first."""

    def set_segment(self, segment_bytes: int) -> None:
        """Full segments have become smaller."""

    def on_acknowledged(self, acknowledged_bytes: int, now_ns: int, srtt_ns: int) -> None:
        """Something new was acknowledged while the window was full."""

    def on_loss(self, in_flight_bytes: int) -> None:
        """A loss was found by what was acknowledged around it: less, but not much less."""

    def on_timeout(self, in_flight_bytes: int) -> None:
        """The retransmission timer expired: begin anew with one segment."""

    def on_idle(self, idle_ns: int, initial_bytes: int | None) -> None:
        """Nothing was sent for so long; with `initial_bytes` the window falls to that (RFC 5681 section 4.1)."""

    def undo(self) -> None:
        """The last loss was none: everything had arrived, only later."""


class NewReno:
    """RFC 5681 with byte counting (RFC 3465): doubles in slow start, then one segment more in each round trip; half
    of it after a loss."""

    name = "reno"
    __slots__ = (
        "_acknowledged_bytes", "_limited_from_bytes", "_max_ssthresh_segments", "_prior", "segment_bytes",
        "ssthresh_bytes", "window_bytes",
    )  # fmt: skip

    def __init__(self, settings: TcpSettings) -> None:
        self._max_ssthresh_segments = settings.max_ssthresh_segments
        self._acknowledged_bytes = 0
        self._prior: tuple[int, int] | None = None
        self.ssthresh_bytes = UNLIMITED
        self.segment_bytes = self.window_bytes = self._limited_from_bytes = 0

    def begin(self, segment_bytes: int, window_bytes: int) -> None:
        self.set_segment(segment_bytes)
        self.window_bytes = window_bytes

    def set_segment(self, segment_bytes: int) -> None:
        self.segment_bytes = segment_bytes
        self._limited_from_bytes = self._max_ssthresh_segments * segment_bytes

    def on_acknowledged(self, acknowledged_bytes: int, now_ns: int, srtt_ns: int) -> None:
        if self.window_bytes < self.ssthresh_bytes:
            acknowledged_bytes = self.slow_start(acknowledged_bytes)
        if acknowledged_bytes:
            self.avoid(acknowledged_bytes, now_ns, srtt_ns)

    def slow_start(self, acknowledged_bytes: int) -> int:
        """Grow by what was acknowledged, up to ssthresh; what is left of it is for congestion avoidance."""
        limit = self._limited_from_bytes
        if limit and self.window_bytes > limit:
            # RFC 3742: K = cwnd / (max_ssthresh / 2), and an ACK adds a Kth of a segment
            self.window_bytes += acknowledged_bytes * limit // (2 * self.window_bytes)
            return 0
        grown = min(self.window_bytes + acknowledged_bytes, self.ssthresh_bytes)
        acknowledged_bytes -= grown - self.window_bytes
        self.window_bytes = grown
        return acknowledged_bytes

    def avoid(self, acknowledged_bytes: int, now_ns: int, srtt_ns: int) -> None:
        """RFC 5681 section 3.1: one segment for each window that was acknowledged."""
        self._acknowledged_bytes += acknowledged_bytes
        if self._acknowledged_bytes >= self.window_bytes:
            self._acknowledged_bytes -= self.window_bytes
            self.window_bytes += self.segment_bytes

    def on_loss(self, in_flight_bytes: int) -> None:
        self._prior = (self.window_bytes, self.ssthresh_bytes)
        used = min(in_flight_bytes, self.window_bytes)
        self.ssthresh_bytes = max(self.decrease(used), 2 * self.segment_bytes)
        self.window_bytes = self.ssthresh_bytes
        self._acknowledged_bytes = 0

    def decrease(self, used_bytes: int) -> int:
        """What is left of the window after a loss."""
        return used_bytes // 2

    def on_timeout(self, in_flight_bytes: int) -> None:
        self.on_loss(in_flight_bytes)
        self.window_bytes = self.segment_bytes

    def on_idle(self, idle_ns: int, initial_bytes: int | None) -> None:
        if initial_bytes is not None and initial_bytes < self.window_bytes:
            # Linux's tcp_current_ssthresh(): what was reached need not be searched for again
            if self.ssthresh_bytes != UNLIMITED:
                self.ssthresh_bytes = max(self.ssthresh_bytes, self.window_bytes * 3 // 4)
            self.window_bytes = initial_bytes

    def undo(self) -> None:
        if self._prior is not None:
            window, ssthresh = self._prior
            self.window_bytes = max(self.window_bytes, window)
            self.ssthresh_bytes = max(self.ssthresh_bytes, ssthresh)
            self._prior = None
