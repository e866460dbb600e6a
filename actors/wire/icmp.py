"""ICMP messages (RFC 792), with the next-hop MTU of RFC 1191. The checksum is always real."""

from struct import Struct
from typing import NamedTuple

from actors.wire.checksum import checksum
from actors.wire.malformed import Malformed

ECHO_REPLY = 0
DESTINATION_UNREACHABLE = 3
REDIRECT = 5
ECHO_REQUEST = 8
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12
ERRORS = frozenset({DESTINATION_UNREACHABLE, 4, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})
"""Types whose payload is the packet in error; none of them may ever cause another error (RFC 1122 3.2.2)."""

NET_UNREACHABLE = 0
HOST_UNREACHABLE = 1
PROTOCOL_UNREACHABLE = 2
PORT_UNREACHABLE = 3
FRAGMENTATION_NEEDED = 4
ADMINISTRATIVELY_PROHIBITED = 13
TTL_EXCEEDED = 0

_HEADER = Struct(">BBH4s")
_ECHO = Struct(">BBHHH")
_UNREACHABLE = Struct(">BBHHH")


class Echo(NamedTuple):
    """An echo request, or the reply to one."""

    identifier: int
    sequence: int
    payload: bytes = b""
    reply: bool = False


class Unreachable(NamedTuple):
    """The packet that began with `original` (its IP header and at least 8 bytes more) was not delivered."""

    code: int
    original: bytes
    next_hop_mtu: int = 0


class TimeExceeded(NamedTuple):
    """The TTL (code 0) or reassembly time (code 1) of the packet that began with `original` ran out."""

    code: int
    original: bytes


class Other(NamedTuple):
    """Any other message: the 4 bytes after its checksum, and what follows."""

    type: int
    code: int
    rest: bytes
    payload: bytes


Message = Echo | Unreachable | TimeExceeded | Other


def decode(data: bytes) -> Message:
    """Raises `Malformed` for what is too short or has a wrong checksum."""
    if len(data) < _HEADER.size:
        raise Malformed(f"an ICMP message of {len(data)} bytes is too short")
    if checksum(data):
        raise Malformed("wrong ICMP checksum")
    kind, code, _, rest = _HEADER.unpack_from(data)
    payload = data[8:]
    if kind in (ECHO_REQUEST, ECHO_REPLY) and code == 0:
        _, _, _, identifier, sequence = _ECHO.unpack_from(data)
        return Echo(identifier, sequence, payload, kind == ECHO_REPLY)
    if kind == DESTINATION_UNREACHABLE:
        return Unreachable(code, payload, int.from_bytes(rest[2:]))
    if kind == TIME_EXCEEDED:
        return TimeExceeded(code, payload)
    return Other(kind, code, rest, payload)


def encode(message: Message) -> bytes:
    match message:
        case Echo(identifier, sequence, payload, reply):
            kind = ECHO_REPLY if reply else ECHO_REQUEST
            data = _ECHO.pack(kind, 0, 0, identifier, sequence) + payload
        case Unreachable(code, original, next_hop_mtu):
            data = _UNREACHABLE.pack(DESTINATION_UNREACHABLE, code, 0, 0, next_hop_mtu) + original
        case TimeExceeded(code, original):
            data = _HEADER.pack(TIME_EXCEEDED, code, 0, bytes(4)) + original
        case Other(kind, code, rest, payload):
            data = _HEADER.pack(kind, code, 0, rest) + payload
    return b"%b%b%b" % (data[:2], checksum(data).to_bytes(2), data[4:])
