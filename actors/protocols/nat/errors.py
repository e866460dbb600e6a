"""ICMP errors quote the packet that they are about, so the quote has to be translated as well (RFC 5508 section 4).

An error that comes in quotes a packet as it went out: its source is the outside endpoint and becomes the inside one. An
error that goes out quotes a packet as it came in: its destination is the inside endpoint and becomes the outside one.
The quote's own checksums are mended as far as they are quoted; a TCP or UDP checksum of 0 stays 0.
"""

from actors.protocols.icmp import quoted
from actors.wire import icmp, ipv4
from actors.wire.checksum import adjust, word_sum

_ECHO_IDENTIFIER_AT = 4
_CHECKSUM_AT = {ipv4.TCP: 16, ipv4.UDP: 6, ipv4.ICMP: 2}
_SOURCE_AT, _DESTINATION_AT = 12, 16


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
        ports = packet.payload[_ECHO_IDENTIFIER_AT : _ECHO_IDENTIFIER_AT + 2] * 2
    else:
        ports = packet.payload[2:4] + packet.payload[:2]
    return packet.destination + packet.source + ports + packet.protocol.to_bytes(1)


def with_quote(message: icmp.Message, original: bytes) -> icmp.Message:
    if isinstance(message, icmp.Other):
        return message._replace(payload=original)
    assert not isinstance(message, icmp.Echo)
    return message._replace(original=original)


def readdressed(original: bytes, *, source: bool, address: bytes, port: bytes) -> bytes:
    """The quoted packet with another source (else: destination) endpoint."""
    protocol, header = original[9], (original[0] & 0x0F) * 4
    address_at = _SOURCE_AT if source else _DESTINATION_AT
    if protocol == ipv4.ICMP:
        port_at = header + _ECHO_IDENTIFIER_AT
    else:
        port_at = header if source else header + 2
    address_difference = word_sum(address) - word_sum(original[address_at : address_at + 4])
    port_difference = word_sum(port) - word_sum(original[port_at : port_at + 2])
    quote = bytearray(original)
    quote[address_at : address_at + 4] = address
    quote[port_at : port_at + 2] = port
    _mend(quote, 10, address_difference)
    checksum_at = header + _CHECKSUM_AT[protocol]
    if protocol == ipv4.ICMP:
        _mend(quote, checksum_at, port_difference)
    elif bytes(quote[checksum_at : checksum_at + 2]) not in (b"", b"\0\0"):
        _mend(quote, checksum_at, address_difference + port_difference)
    return bytes(quote)


def _mend(quote: bytearray, at: int, difference: int) -> None:
    if at + 2 <= len(quote):
        quote[at : at + 2] = adjust(int.from_bytes(quote[at : at + 2]), difference).to_bytes(2)
