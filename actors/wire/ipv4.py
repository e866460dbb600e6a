"""IPv4 packets (RFC 791). The header checksum is always real: written by `encode`, verified by `decode`."""

from struct import Struct
from typing import NamedTuple

from actors.wire.checksum import word_sum
from actors.wire.malformed import Malformed

ICMP = 1
TCP = 6
UDP = 17
NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}
HEADER_BYTES = 20
_HEADER = Struct(">BBHHHBBH4s4s")
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_OFFSET = 0x1FFF


class Packet(NamedTuple):
    """An IPv4 packet; `fragment_offset` is in bytes, `options` are raw and padded to a multiple of 4."""

    source: bytes
    destination: bytes
    protocol: int
    payload: bytes
    ttl: int = 64
    identification: int = 0
    dont_fragment: bool = True
    more_fragments: bool = False
    fragment_offset: int = 0
    dscp_ecn: int = 0
    options: bytes = b""


def decode(data: bytes) -> Packet:
    """Raises `Malformed` for a wrong version, length or header checksum; padding behind is cut off."""
    if len(data) < HEADER_BYTES:
        raise Malformed(f"an IPv4 packet of {len(data)} bytes has no full header")
    version, dscp_ecn, total, identification, fragment, ttl, protocol, _, source, destination = (
        _HEADER.unpack_from(data)
    )
    options = b""
    header = HEADER_BYTES
    if version != 0x45:
        header = (version & 0x0F) * 4
        if version >> 4 != 4 or header < HEADER_BYTES or header > len(data):
            raise Malformed(f"IP version {version >> 4} with a header of {header} bytes")
        options = data[HEADER_BYTES:header]
    if not header <= total <= len(data):
        raise Malformed(f"IPv4 total length {total} in {len(data)} bytes")
    if word_sum(data[:header]):
        raise Malformed("wrong IPv4 header checksum")
    return Packet(
        source,
        destination,
        protocol,
        data[header:total],
        ttl,
        identification,
        fragment & _DONT_FRAGMENT != 0,
        fragment & _MORE_FRAGMENTS != 0,
        (fragment & _OFFSET) << 3,
        dscp_ecn,
        options,
    )


def encode(packet: Packet) -> bytes:
    """The packet's bytes with its checksum; raises ValueError for options or offsets that fit no header."""
    source, destination, protocol, payload, ttl, identification, dont, more, offset, dscp_ecn, options = (
        packet
    )
    if offset & 7 or len(options) & 3 or len(options) > 40:
        raise ValueError(f"fragment offset {offset} or options of {len(options)} bytes do not fit a header")
    version = 0x45 + (len(options) >> 2)
    total = HEADER_BYTES + len(options) + len(payload)
    fragment = offset >> 3 | (_DONT_FRAGMENT if dont else 0) | (_MORE_FRAGMENTS if more else 0)
    # The sum of the header's words, taken from the values, saves packing the header twice.
    words = (
        (version << 8) + dscp_ecn + total + identification + fragment + (ttl << 8) + protocol
        + int.from_bytes(source) + int.from_bytes(destination) + int.from_bytes(options)
    )  # fmt: skip
    remainder = words % 0xFFFF
    header = _HEADER.pack(
        version, dscp_ecn, total, identification, fragment, ttl, protocol,
        0xFFFF - remainder if remainder else 0, source, destination,
    )  # fmt: skip
    return header + options + payload if options else header + payload
