"""ICMP errors belong to the session of the packet that they quote (RFC 5508 section 4)."""

from actors.protocols.icmp import quoted
from actors.wire import icmp, ipv4

_ECHO_IDENTIFIER = slice(4, 6)


def quote_of(message: icmp.Message) -> bytes | None:
    """What the message quotes; None when it is no error that a NAT passes on (redirects are for neighbours only)."""
    match message:
        case icmp.Unreachable(_, original) | icmp.TimeExceeded(_, original):
            return original
        case icmp.Other(icmp.PARAMETER_PROBLEM, _, _, original):
            return original
    return None


def answering_flow(original: bytes) -> bytes:
    """The flow key of packets that go the other way than the quoted one; raises `Malformed`."""
    packet = quoted(original)
    if packet.protocol == ipv4.ICMP:
        ports = packet.payload[_ECHO_IDENTIFIER] * 2
    else:
        ports = packet.payload[2:4] + packet.payload[:2]
    return packet.destination + packet.source + ports + packet.protocol.to_bytes(1)
