"""UDP datagrams (RFC 768)."""

from struct import Struct
from typing import NamedTuple

from actors.wire.checksum import transport_checksum
from actors.wire.malformed import Malformed

PROTOCOL = 17
HEADER_BYTES = 8
_HEADER = Struct(">HHHH")


class Datagram(NamedTuple):
    """A UDP datagram; `checksum` is what `decode` found (0: none or offloaded), `encode` makes its own."""

    source_port: int
    destination_port: int
    payload: bytes
    checksum: int = 0


def decode(data: bytes, source: bytes | None = None, destination: bytes | None = None) -> Datagram:
    """Raises `Malformed` for wrong lengths and, given the addresses, for a wrong checksum other than 0."""
    if len(data) < HEADER_BYTES:
        raise Malformed(f"a UDP datagram of {len(data)} bytes has no full header")
    source_port, destination_port, length, found = _HEADER.unpack_from(data)
    if not HEADER_BYTES <= length <= len(data):
        raise Malformed(f"UDP length {length} in {len(data)} bytes")
    if source and destination and found and transport_checksum(source, destination, PROTOCOL, data[:length]):
        raise Malformed("wrong UDP checksum")
    return Datagram(source_port, destination_port, data[HEADER_BYTES:length], found)


def encode(datagram: Datagram, source: bytes, destination: bytes, offload: bool = True) -> bytes:
    """The datagram's bytes; the checksum is 0 when offloaded, else real, with 0 sent as 0xFFFF (RFC 768)."""
    source_port, destination_port, payload, _ = datagram
    length = HEADER_BYTES + len(payload)
    data = _HEADER.pack(source_port, destination_port, length, 0) + payload
    if offload:
        return data
    value = transport_checksum(source, destination, PROTOCOL, data) or 0xFFFF
    return _HEADER.pack(source_port, destination_port, length, value) + payload
