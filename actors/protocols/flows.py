"""Which conversation a packet belongs to, as 13 bytes: what trackers, filters and caches of flows look up.

    source (4) | destination (4) | source port (2) | destination port (2) | protocol (1)

The first 12 stand in an IPv4 packet without options in just this order, so that a fast path can cut them out of a
frame. ICMP echo has its identifier as both ports: turning the key round then gives the key of the reply. Everything
else has zeros: of other protocols only addresses and protocol are told apart.
"""

from typing import NamedTuple

from actors.wire import icmp, ipv4
from actors.wire.addresses import ip_text

_PORTLESS = bytes(4)

SHORTEST_FRAME = 54
"""A frame with Ethernet, IPv4 and TCP headers: what a fast path may index without looking."""

FIN_SYN_RST = 0x07
"""The TCP flags that begin or end a connection."""


class Flow(NamedTuple):
    """A flow key taken apart; ports are 0 where the protocol has none."""

    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    protocol: int

    def __str__(self) -> str:
        name = ipv4.NAMES.get(self.protocol, f"protocol {self.protocol}")
        if self.protocol not in (ipv4.TCP, ipv4.UDP):
            return f"{name} {ip_text(self.source)} > {ip_text(self.destination)}"
        source = f"{ip_text(self.source)}:{self.source_port}"
        return f"{name} {source} > {ip_text(self.destination)}:{self.destination_port}"


def key_of(packet: ipv4.Packet) -> bytes:
    """The flow key of a packet; for a fragment other than the first the ports are zero, since it carries none."""
    payload, ports = packet.payload, _PORTLESS
    if not packet.fragment_offset:
        if packet.protocol in (ipv4.TCP, ipv4.UDP) and len(payload) >= 4:
            ports = payload[:4]
        elif packet.protocol == ipv4.ICMP and len(payload) >= 8 and is_echo(payload):
            ports = payload[4:6] * 2
    return packet.source + packet.destination + ports + packet.protocol.to_bytes(1)


def is_echo(message: bytes) -> bool:
    """Whether this ICMP message is an echo request or its reply, the only ones that begin or end a flow."""
    return message[0] in (icmp.ECHO_REQUEST, icmp.ECHO_REPLY)


def turned(key: bytes) -> bytes:
    """The key of the packets that answer."""
    return key[4:8] + key[:4] + key[10:12] + key[8:10] + key[12:]


def taken_apart(key: bytes) -> Flow:
    return Flow(key[:4], key[4:8], int.from_bytes(key[8:10]), int.from_bytes(key[10:12]), key[12])


def icmp_message(packet: ipv4.Packet) -> tuple[int, int]:
    """The type and code of an ICMP message; -1 and -1 when the packet carries none."""
    if packet.protocol != ipv4.ICMP or packet.fragment_offset or len(packet.payload) < 2:
        return -1, -1
    return packet.payload[0], packet.payload[1]


def tcp_flags(packet: ipv4.Packet) -> int:
    """The TCP flags (FIN is 1, SYN 2, RST 4, ACK 16) of a packet; 0 when it carries no TCP header."""
    if packet.protocol != ipv4.TCP or packet.fragment_offset or len(packet.payload) < 14:
        return 0
    return packet.payload[13]
