"""ARP for IPv4 over Ethernet (RFC 826)."""

from struct import Struct
from typing import NamedTuple

from actors.wire.malformed import Malformed

REQUEST = 1
REPLY = 2
_PACKET = Struct(">HHBBH6s4s6s4s")
_ETHERNET_IPV4 = (1, 0x0800, 6, 4)


class Packet(NamedTuple):
    """Who asks or answers (`operation`), with the MAC and IPv4 addresses of both sides."""

    operation: int
    sender_mac: bytes
    sender_ip: bytes
    target_mac: bytes
    target_ip: bytes


def decode(data: bytes) -> Packet:
    """Raises `Malformed` unless it is a request or reply for IPv4 over Ethernet; padding may follow."""
    if len(data) < _PACKET.size:
        raise Malformed(f"an ARP packet of {len(data)} bytes is too short")
    hardware, protocol, hardware_bytes, protocol_bytes, *rest = _PACKET.unpack_from(data)
    if (hardware, protocol, hardware_bytes, protocol_bytes) != _ETHERNET_IPV4:
        raise Malformed(
            f"ARP for hardware type {hardware} and protocol {protocol:#06x}, not IPv4 over Ethernet"
        )
    if rest[0] not in (REQUEST, REPLY):
        raise Malformed(f"ARP operation {rest[0]} is neither request nor reply")
    return Packet(*rest)


def encode(packet: Packet) -> bytes:
    return _PACKET.pack(*_ETHERNET_IPV4, *packet)
