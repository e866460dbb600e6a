"""Path MTU discovery (RFC 1191): what routers said about how long a packet to a destination may be."""

from actors.units import SECOND

MIN_BYTES = 552
LIFETIME_NS = 600 * SECOND
"""Linux's `min_pmtu` and `mtu_expires`: the way may have changed by then, so longer packets are tried again."""
MAX_DESTINATIONS = 4096
UNLIMITED = 65_535


class PathMtus:
    """The limits that are known, by destination."""

    def __init__(self) -> None:
        self._limits: dict[bytes, tuple[int, int]] = {}

    def learn(self, destination: bytes, mtu: int, now_ns: int) -> bool:
        """A router says so; False when that is nothing new. An old router that names no MTU means the smallest."""
        limit = max(mtu, MIN_BYTES)
        if limit >= self.limit(destination, now_ns):
            return False
        if len(self._limits) >= MAX_DESTINATIONS:
            del self._limits[next(iter(self._limits))]
        self._limits[destination] = (limit, now_ns + LIFETIME_NS)
        return True

    def limit(self, destination: bytes, now_ns: int) -> int:
        """How long packets to this destination may be, as far as is known."""
        limit, until_ns = self._limits.get(destination, (UNLIMITED, now_ns + 1))
        if until_ns <= now_ns:
            del self._limits[destination]
            return UNLIMITED
        return limit
