"""Ethernet II frames (RFC 894), without preamble and frame check sequence, as a card hands them over."""

from struct import Struct
from typing import NamedTuple

from actors.wire.malformed import Malformed

IPV4 = 0x0800
ARP = 0x0806
HEADER_BYTES = 14
_HEADER = Struct(">6s6sH")
_SMALLEST_TYPE = 0x0600


class Frame(NamedTuple):
    """MAC addresses of 6 bytes, the EtherType, and the payload (with its padding, if the wire had any)."""

    destination: bytes
    source: bytes
    ethertype: int
    payload: bytes


def decode(data: bytes) -> Frame:
    """Raises `Malformed` for what is too short, and for IEEE 802.3 lengths in place of a type."""
    if len(data) < HEADER_BYTES:
        raise Malformed(f"an Ethernet frame of {len(data)} bytes has no full header")
    destination, source, ethertype = _HEADER.unpack_from(data)
    if ethertype < _SMALLEST_TYPE:
        raise Malformed(f"EtherType {ethertype:#06x} is an IEEE 802.3 length")
    return Frame(destination, source, ethertype, data[HEADER_BYTES:])


def encode(frame: Frame) -> bytes:
    """The frame's bytes; not padded to 60, as a sending host's capture would show it."""
    destination, source, ethertype, payload = frame
    return _HEADER.pack(destination, source, ethertype) + payload
