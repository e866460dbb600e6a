"""Rewriting the addresses and ports of a packet, and every checksum that covers them (RFC 3022, RFC 1624).

TCP and UDP checksums of 0 stay 0: they are offloaded, and whoever fills them in sees the new addresses. What an ICMP
error quotes is a packet that went the other way, so it is rewritten with source and destination exchanged (RFC 5508).
"""

from typing import NamedTuple

from actors.protocols.flows import is_echo
from actors.wire import icmp, ipv4
from actors.wire.checksum import adjust, checksum, word_sum
from actors.wire.malformed import Malformed

_CHECKSUM_AT = {ipv4.TCP: 16, ipv4.UDP: 6}


class Change(NamedTuple):
    """What a packet is to have; None stays as it is. Ports of ICMP echo are its identifier."""

    source: bytes | None = None
    destination: bytes | None = None
    source_port: int | None = None
    destination_port: int | None = None

    def exchanged(self) -> "Change":
        """The change for packets in the other direction that carry the same addresses."""
        return Change(self.destination, self.source, self.destination_port, self.source_port)


def translated(packet: bytes, change: Change) -> bytes:
    """The IPv4 packet with other addresses or ports; raises `Malformed` when it is shorter than its own header.

    An error message that quotes a packet keeps the quotation in step."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if header < ipv4.HEADER_BYTES or len(packet) < header:
        raise Malformed(f"a packet of {len(packet)} bytes has no full IPv4 header")
    before = packet[12:20]
    after = (change.source or before[:4]) + (change.destination or before[4:])
    difference = word_sum(after) - word_sum(before)
    head_sum = adjust(int.from_bytes(packet[10:12]), difference).to_bytes(2)
    head = packet[:10] + head_sum + after + packet[20:header]
    body = packet[header:]
    if int.from_bytes(packet[6:8]) & 0x1FFF:  # a later fragment has neither ports nor checksum
        return head + body
    protocol = packet[9]
    if protocol in _CHECKSUM_AT and len(body) >= 8:
        return head + _ports_changed(body, change, _CHECKSUM_AT[protocol], difference)
    if protocol == ipv4.ICMP and len(body) >= 8:
        return head + _message_changed(body, change, before)
    return head + body


def _ports_changed(body: bytes, change: Change, checksum_at: int, difference: int) -> bytes:
    before = body[:4]
    after = _port(change.source_port, before[:2]) + _port(change.destination_port, before[2:])
    covered = body[checksum_at : checksum_at + 2]
    if len(covered) == 2 and covered != b"\0\0":
        difference += word_sum(after) - word_sum(before)
        new_sum = adjust(int.from_bytes(covered), difference) or 0xFFFF  # 0 would say: not filled in
        body = body[:checksum_at] + new_sum.to_bytes(2) + body[checksum_at + 2 :]
    return after + body[4:]


def _port(port: int | None, unchanged: bytes) -> bytes:
    return unchanged if port is None else port.to_bytes(2)


def _message_changed(message: bytes, change: Change, before: bytes) -> bytes:
    if is_echo(message):
        identifier = change.source_port if message[0] == icmp.ECHO_REQUEST else change.destination_port
        if identifier is None:
            return message
        # Adjusted, since of a message that an error quotes the end may be missing.
        new_sum = adjust(int.from_bytes(message[2:4]), identifier - int.from_bytes(message[4:6]))
        return message[:2] + new_sum.to_bytes(2) + identifier.to_bytes(2) + message[6:]
    if message[0] not in icmp.ERRORS or len(message) < 8 + ipv4.HEADER_BYTES:
        return message
    quoted, other_way = message[8:], change.exchanged()
    if quoted[12:16] != before[4:]:
        other_way = other_way._replace(source=None, source_port=None)
    if quoted[16:20] != before[:4]:
        other_way = other_way._replace(destination=None, destination_port=None)
    return _summed(message[:8] + translated(quoted, other_way))


def _summed(message: bytes) -> bytes:
    return message[:2] + checksum(message[:2] + b"\0\0" + message[4:]).to_bytes(2) + message[4:]
