"""When a host or router sends ICMP messages, and what they say (RFC 792, RFC 1122 section 3.2.2, RFC 1812 4.3).

Errors are dangerous: two hosts complaining about each other's complaints never stop, and a complaint about a
broadcast comes from everybody at once. `may_complain` holds the rules against that, and `RateLimit` the last line of
defence. What ICMP tells us about packets of our own is read back by `quoted`.
"""

import errno
from collections.abc import Container

from actors.units import SECOND
from actors.wire import icmp, ipv4
from actors.wire.icmp import TimeExceeded, Unreachable
from actors.wire.malformed import Malformed

MAX_ERROR_BYTES = 576
"""RFC 1812 section 4.3.2.3: as much of the original as fits into a datagram that every host can take."""
_QUOTED = MAX_ERROR_BYTES - ipv4.HEADER_BYTES - 8
_ERRNO = {
    icmp.NET_UNREACHABLE: errno.ENETUNREACH,
    icmp.PROTOCOL_UNREACHABLE: errno.ENOPROTOOPT,
    icmp.PORT_UNREACHABLE: errno.ECONNREFUSED,
    icmp.FRAGMENTATION_NEEDED: errno.EMSGSIZE,
}


def is_group(address: bytes) -> bool:
    """Whether the address is no single host: 0/8 ("this network"), multicast, the reserved 240/4 with broadcast."""
    return address[0] == 0 or address[0] >= 224


def is_martian(source: bytes) -> bool:
    """Whether no packet on a wire can honestly come from there (RFC 1812 section 5.3.7)."""
    return is_group(source) or source[0] == 127


def may_complain(packet: ipv4.Packet, own_broadcasts: Container[bytes] = ()) -> bool:
    """Whether an ICMP error may be sent about this packet (RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7)."""
    return not (
        packet.fragment_offset
        or is_martian(packet.source)
        or is_group(packet.destination)
        or packet.destination in own_broadcasts
        or (packet.protocol == ipv4.ICMP and not _is_query(packet.payload))
    )


def _is_query(message: bytes) -> bool:
    """An ICMP message of a type we do not know might be an error too, so only echoes count as harmless."""
    return bool(message) and message[0] in (icmp.ECHO_REQUEST, icmp.ECHO_REPLY)


def time_exceeded(packet: bytes, code: int = icmp.TTL_EXCEEDED) -> bytes:
    """The message that a packet (its bytes from the IP header on) lived too long; code 1: waiting for fragments."""
    return icmp.encode(TimeExceeded(code, packet[:_QUOTED]))


def unreachable(packet: bytes, code: int, next_hop_mtu: int = 0) -> bytes:
    """The message that a packet (its bytes from the IP header on) cannot be delivered."""
    return icmp.encode(Unreachable(code, packet[:_QUOTED], next_hop_mtu))


def quoted(original: bytes) -> ipv4.Packet:
    """The packet of ours that an error message quotes, with as much payload as it quotes.

    Its header is not verified: whoever forwarded it changed TTL and checksum. Raises `Malformed`."""
    header = (original[0] & 0x0F) * 4 if original else 0
    if (
        len(original) < max(header, ipv4.HEADER_BYTES) + 8
        or original[0] >> 4 != 4
        or header < ipv4.HEADER_BYTES
    ):
        raise Malformed(f"an ICMP error quotes {len(original)} bytes, which hold no packet")
    return ipv4.Packet(original[12:16], original[16:20], original[9], original[header:], original[8])


class TimeToLiveExceeded(OSError):
    """A packet of ours was on its way, and a router ended it."""


def as_error(message: Unreachable | TimeExceeded, reporter: str) -> OSError:
    """What the error message means to a socket: Linux's errno for it."""
    if isinstance(message, TimeExceeded):
        return TimeToLiveExceeded(errno.EHOSTUNREACH, f"time to live exceeded, says {reporter}")
    number = _ERRNO.get(message.code, errno.EHOSTUNREACH)
    text = f"unreachable (ICMP code {message.code}), says {reporter}"
    return ConnectionRefusedError(number, text) if number == errno.ECONNREFUSED else OSError(number, text)


class RateLimit:
    """A bucket of tokens: Linux's `icmp_msgs_per_sec` and `icmp_msgs_burst` for all errors of a host."""

    def __init__(self, per_second: int = 1000, burst: int = 50) -> None:
        self._cost_ns = SECOND // per_second
        self._depth_ns = burst * self._cost_ns
        self._empty_ns = -self._depth_ns

    def allow(self, now_ns: int) -> bool:
        """Take a token, if there is one."""
        start_ns = max(self._empty_ns, now_ns - self._depth_ns)
        if start_ns + self._cost_ns > now_ns:
            return False
        self._empty_ns = start_ns + self._cost_ns
        return True
