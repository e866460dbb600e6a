"""CUBIC (RFC 9438): after a loss the window climbs back along a cubic curve of time, flat where the loss had been.

The curve does not hang on the round trip time, so that long ways get as much as short ones. Where NewReno would be
faster (short round trips, small windows), it does what NewReno would do ("Reno-friendly region").
Windows are bytes outside and segments inside, as in the RFC.
"""

from actors.protocols.tcp.congestion import NewReno
from actors.protocols.tcp.settings import TcpSettings
from actors.units import SECOND

C = 0.4
BETA = 0.7
_ALPHA = 3 * (1 - BETA) / (1 + BETA)
"""Section 4.3: with this increase and BETA, the average window equals that of NewReno."""


class Cubic(NewReno):
    """The names are the RFC's: `w_max` the window before the last loss, `k_s` the time until it is reached again,
    `w_est` what NewReno would have reached."""

    name = "cubic"
    __slots__ = ("_epoch_ns", "_fraction_bytes", "_k_s", "_prior_segments", "_w_est", "_w_max")

    def __init__(self, settings: TcpSettings) -> None:
        super().__init__(settings)
        self._epoch_ns: int | None = None
        self._w_max = self._w_est = self._k_s = self._prior_segments = self._fraction_bytes = 0.0

    def avoid(self, acknowledged_bytes: int, now_ns: int, srtt_ns: int) -> None:
        """Section 4.2 to 4.5."""
        window = self.window_bytes / self.segment_bytes
        if self._epoch_ns is None:
            self._begin_epoch(window, now_ns)
        assert self._epoch_ns is not None
        acknowledged = acknowledged_bytes / self.segment_bytes
        alpha = _ALPHA if self._w_est < self._prior_segments else 1.0
        self._w_est += alpha * acknowledged / window
        elapsed_s = (now_ns - self._epoch_ns) / SECOND
        if self._w_cubic(elapsed_s) < self._w_est:
            window = max(window, self._w_est)
        else:
            target = min(max(self._w_cubic(elapsed_s + srtt_ns / SECOND), window), 1.5 * window)
            window += (target - window) / window * acknowledged
        grown = window * self.segment_bytes + self._fraction_bytes
        self.window_bytes = int(grown)
        self._fraction_bytes = grown - self.window_bytes

    def _begin_epoch(self, window: float, now_ns: int) -> None:
        self._epoch_ns = now_ns
        self._w_est = window
        if window < self._w_max:
            self._k_s = ((self._w_max - window) / C) ** (1 / 3)
        else:
            self._k_s, self._w_max = 0.0, window

    def _w_cubic(self, elapsed_s: float) -> float:
        return C * float((elapsed_s - self._k_s) ** 3) + self._w_max

    def decrease(self, used_bytes: int) -> int:
        """Section 4.6, and fast convergence (4.7): who had less than last time leaves room for a newcomer."""
        window = used_bytes / self.segment_bytes
        self._w_max = window * (1 + BETA) / 2 if window < self._w_max else window
        self._prior_segments = window
        self._epoch_ns = None
        self._fraction_bytes = 0.0
        return int(used_bytes * BETA)

    def on_timeout(self, in_flight_bytes: int) -> None:
        super().on_timeout(in_flight_bytes)
        self._w_max = 0.0  # section 4.8: K is 0 in the epoch after a timeout

    def on_idle(self, idle_ns: int, initial_bytes: int | None) -> None:
        super().on_idle(idle_ns, initial_bytes)
        if self._epoch_ns is not None:
            self._epoch_ns += idle_ns  # section 5.8: the curve does not go on while nobody climbs it

    def undo(self) -> None:
        super().undo()
        self._epoch_ns = None
        self._w_max = max(self._w_max, self.window_bytes / self.segment_bytes)
