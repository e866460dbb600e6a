"""The round trip time as RFC 6298 estimates it, and the retransmission timeout that follows from it."""

from actors.protocols.tcp.settings import TcpSettings
from actors.units import SECOND


class RoundTrip:
    """SRTT and RTTVAR in ns (0 until the first sample), and `rto_ns`, doubled by `back_off` until the next sample.

    Karn's rule is the caller's: never give a sample of a segment that was sent twice."""

    __slots__ = ("_maximum_ns", "_minimum_ns", "rto_ns", "rttvar_ns", "srtt_ns")

    def __init__(self, settings: TcpSettings) -> None:
        self.srtt_ns = 0
        self.rttvar_ns = 0
        self.rto_ns = settings.initial_rto_ns
        self._minimum_ns = settings.minimum_rto_ns
        self._maximum_ns = settings.maximum_rto_ns

    def sample(self, rtt_ns: int) -> None:
        """A segment sent once was acknowledged after `rtt_ns` (RFC 6298 sections 2.2 and 2.3)."""
        if rtt_ns < 1:
            rtt_ns = 1  # frames handled late carry the time at which they were due: no time may seem to have passed
        if self.srtt_ns:
            self.rttvar_ns += (abs(self.srtt_ns - rtt_ns) - self.rttvar_ns) >> 2
            self.srtt_ns += (rtt_ns - self.srtt_ns) >> 3
        else:
            self.srtt_ns = rtt_ns
            self.rttvar_ns = rtt_ns >> 1
        # as in Linux the minimum bounds the variance's share: RTO >= SRTT + 200 ms
        self.rto_ns = min(self.srtt_ns + max(self.rttvar_ns << 2, self._minimum_ns), self._maximum_ns)

    def back_off(self) -> None:
        """The timer expired: wait twice as long next time (section 5.5)."""
        self.rto_ns = min(self.rto_ns << 1, self._maximum_ns)

    def syn_was_lost(self) -> None:
        """The handshake needed its timer, so there is no sample: begin with 3 s (section 5.7)."""
        self.rto_ns = 3 * SECOND
