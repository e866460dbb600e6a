"""SYN cookies (RFC 4987 section 3.6): a handshake that the server keeps nothing of.

When its SYN queue is full a server chooses as its first sequence number a keyed hash of what identifies the connection,
of the minute, and of the client's MSS. The ACK that ends the handshake brings the number back, and with it all that is
needed. What does not fit in it is lost: window scale, SACK and timestamps, as in Linux when the client has
no timestamps to carry them.
"""

from hashlib import blake2s

from actors.protocols.tcp.sequence import MASK
from actors.units import SECOND

PERIOD_NS = 64 * SECOND
"""Linux's COOKIE jiffies: a cookie is good in the period in which it was made, and in the next."""
MSS_BYTES = (536, 1300, 1440, 1460)
"""Linux's msstab: the largest that is not larger than the client's is kept."""
_DATA_BITS = 24
_DATA = (1 << _DATA_BITS) - 1


class SynCookies:
    """Makes and recognises them. `secret` comes from the host's dice."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, connection: bytes, sequence: int, mss_bytes: int, now_ns: int) -> int:
        """The first sequence number for a SYN; `connection` are addresses and ports, `sequence` is the SYN's."""
        kept = max((at for at, each in enumerate(MSS_BYTES) if each <= mss_bytes), default=0)
        period = now_ns // PERIOD_NS
        return (
            self._hash(connection, None)
            + sequence
            + ((period & 0xFF) << _DATA_BITS)
            + ((self._hash(connection, period) + kept) & _DATA)
        ) & MASK

    def mss_of(self, connection: bytes, sequence: int, cookie: int, now_ns: int) -> int | None:
        """The MSS that a cookie tells; None when it is not one of ours, or too old."""
        rest = (cookie - self._hash(connection, None) - sequence) & MASK
        period = now_ns // PERIOD_NS
        age = (period - (rest >> _DATA_BITS)) & 0xFF
        if age > 1:
            return None
        kept = ((rest & _DATA) - self._hash(connection, period - age)) & _DATA
        return MSS_BYTES[kept] if kept < len(MSS_BYTES) else None

    def _hash(self, connection: bytes, period: int | None) -> int:
        salt = b"" if period is None else period.to_bytes(8, signed=True)
        return int.from_bytes(blake2s(connection + salt, key=self._secret, digest_size=4).digest())
