"""BGP-4's messages as bytes and back (RFC 4271 section 4, RFC 2918, RFC 5492, RFC 6793)."""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from actors.protocols.bgp.attribute_codec import Approach, Trouble, decode_attributes, encode_attributes
from actors.protocols.bgp.attributes import AS_TRANS, Attributes
from actors.protocols.bgp.errors import (
    BAD_HOLD_TIME,
    BAD_IDENTIFIER,
    BAD_LENGTH,
    BAD_NETWORK,
    BAD_PARAMETER,
    BAD_PEER_AS,
    BAD_TYPE,
    BAD_VERSION,
    MALFORMED_ATTRIBUTES,
    NOT_SYNCHRONIZED,
    BgpError,
    Code,
)
from actors.protocols.bgp.reader import Reader, encode_prefix
from actors.wire.addresses import Prefix

PORT = 179
VERSION = 4
MARKER = b"\xff" * 16
HEADER_BYTES, MAX_BYTES = 19, 4096
IPV4, UNICAST = 1, 1


class Type(IntEnum):
    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


_LEAST = {Type.OPEN: 29, Type.UPDATE: 23, Type.NOTIFICATION: 21, Type.KEEPALIVE: 19, Type.ROUTE_REFRESH: 23}
_EXACT = {Type.KEEPALIVE, Type.ROUTE_REFRESH}


class Capability(IntEnum):
    """Those that mean something here; others are kept as they came."""

    MULTIPROTOCOL = 1
    ROUTE_REFRESH = 2
    FOUR_OCTET_AS = 65


class Open(NamedTuple):
    """Who a speaker is, and what it can do. `capabilities` are pairs of code and value, in their order."""

    asn: int
    hold_time_s: int
    identifier: bytes
    capabilities: tuple[tuple[int, bytes], ...] = ()

    def can(self, code: int) -> bool:
        return any(known == code for known, _ in self.capabilities)


class Update(NamedTuple):
    """Routes that are no more, and routes that are, with their attributes (None: treat them as withdrawn, too)."""

    withdrawn: tuple[Prefix, ...] = ()
    attributes: Attributes | None = None
    announced: tuple[Prefix, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class Notification(NamedTuple):
    """The end of a session, and why."""

    code: int
    subcode: int
    data: bytes = b""


class Keepalive(NamedTuple):
    """I am still here."""


class RouteRefresh(NamedTuple):
    """Tell me all routes of this kind again (RFC 2918)."""

    afi: int = IPV4
    safi: int = UNICAST


Message = Open | Update | Notification | Keepalive | RouteRefresh


def own_capabilities(asn: int) -> tuple[tuple[int, bytes], ...]:
    """What this speaker offers: IPv4 unicast, route refresh, and AS numbers of four octets."""
    return (
        (Capability.MULTIPROTOCOL, IPV4.to_bytes(2) + bytes((0, UNICAST))),
        (Capability.ROUTE_REFRESH, b""),
        (Capability.FOUR_OCTET_AS, asn.to_bytes(4)),
    )


# ---- values to bytes ---------------------------------------------------------------------------------------


def encode(message: Message, *, four_octet: bool = True) -> bytes:
    """One message with its header. ValueError when it is longer than 4,096 bytes: `updates` makes several."""
    match message:
        case Open():
            kind, body = Type.OPEN, _open_bytes(message)
        case Update():
            kind, body = Type.UPDATE, _update_bytes(message, four_octet)
        case Notification(code, subcode, data):
            kind, body = Type.NOTIFICATION, bytes((code, subcode)) + data
        case Keepalive():
            kind, body = Type.KEEPALIVE, b""
        case RouteRefresh(afi, safi):
            kind, body = Type.ROUTE_REFRESH, afi.to_bytes(2) + bytes((0, safi))
    length = HEADER_BYTES + len(body)
    if length > MAX_BYTES:
        raise ValueError(f"a BGP message of {length} bytes; {MAX_BYTES} is the most")
    return MARKER + length.to_bytes(2) + bytes((kind,)) + body


def _open_bytes(message: Open) -> bytes:
    capabilities = b"".join(
        bytes((code, len(value))) + value for code, value in message.capabilities
    )  # one parameter holds them all (RFC 5492 section 4)
    parameters = bytes((2, len(capabilities))) + capabilities if capabilities else b""
    asn = message.asn if message.asn <= 0xFFFF else AS_TRANS
    return (
        bytes((VERSION,))
        + asn.to_bytes(2)
        + message.hold_time_s.to_bytes(2)
        + message.identifier
        + bytes((len(parameters),))
        + parameters
    )


def _update_bytes(message: Update, four_octet: bool) -> bytes:
    withdrawn = b"".join(map(encode_prefix, message.withdrawn))
    attributes = b""
    if message.attributes is not None:
        attributes = encode_attributes(message.attributes, four_octet=four_octet)
    announced = b"".join(map(encode_prefix, message.announced))
    return len(withdrawn).to_bytes(2) + withdrawn + len(attributes).to_bytes(2) + attributes + announced


def updates(
    withdrawn: tuple[Prefix, ...], attributes: Attributes | None, announced: tuple[Prefix, ...]
) -> Iterator[Update]:
    """As many UPDATEs as these prefixes take: 700 of at most 5 bytes fit behind 500 bytes of attributes."""
    step = 700 if attributes is None or len(encode_attributes(attributes, four_octet=False)) < 500 else 100
    for at in range(0, len(withdrawn), step):
        yield Update(withdrawn[at : at + step])
    for at in range(0, len(announced), step):
        yield Update((), attributes, announced[at : at + step])


# ---- bytes to values ---------------------------------------------------------------------------------------


def frame_length(data: bytes) -> int | None:
    """How long the message is that begins here; None while its header is not whole. Raises BgpError."""
    if data[:16] != MARKER[: len(data)]:
        raise BgpError(Code.MESSAGE_HEADER, NOT_SYNCHRONIZED, "the marker is not all ones")
    if len(data) < HEADER_BYTES:
        return None
    length, kind = int.from_bytes(data[16:18]), data[18]
    if not HEADER_BYTES <= length <= MAX_BYTES:
        raise BgpError(Code.MESSAGE_HEADER, BAD_LENGTH, f"a message of {length} bytes", data[16:18])
    if kind not in Type._value2member_map_:
        raise BgpError(Code.MESSAGE_HEADER, BAD_TYPE, f"message type {kind}", data[18:19])
    least = _LEAST[Type(kind)]
    if length < least or (Type(kind) in _EXACT and length != least):
        why = f"{Type(kind).name} of {length} bytes"
        raise BgpError(Code.MESSAGE_HEADER, BAD_LENGTH, why, data[16:18])
    return length


def decode(data: bytes, *, four_octet: bool = True, external: bool = True) -> Message:
    """One whole message. Raises BgpError with what a NOTIFICATION is to say."""
    length = frame_length(data)
    if length is None or length != len(data):
        raise BgpError(Code.MESSAGE_HEADER, BAD_LENGTH, f"{len(data)} bytes are no whole message")
    body = data[HEADER_BYTES:]
    match Type(data[18]):
        case Type.OPEN:
            return _decode_open(body)
        case Type.UPDATE:
            return _decode_update(body, four_octet, external)
        case Type.NOTIFICATION:
            return Notification(body[0], body[1], body[2:])
        case Type.KEEPALIVE:
            return Keepalive()
        case Type.ROUTE_REFRESH:
            return RouteRefresh(int.from_bytes(body[:2]), body[3])


def _decode_open(body: bytes) -> Open:
    version, asn, hold_time_s = body[0], int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    identifier = body[5:9]
    if version != VERSION:
        raise BgpError(Code.OPEN_MESSAGE, BAD_VERSION, f"version {version}", VERSION.to_bytes(2))
    if hold_time_s in (1, 2):
        raise BgpError(Code.OPEN_MESSAGE, BAD_HOLD_TIME, f"a hold time of {hold_time_s} s")
    if identifier[0] in (0, 127) or identifier[0] >= 224:
        raise BgpError(Code.OPEN_MESSAGE, BAD_IDENTIFIER, f"identifier {'.'.join(map(str, identifier))}")
    capabilities = _decode_parameters(body[9:])
    for code, value in capabilities:
        if code == Capability.FOUR_OCTET_AS:
            if len(value) != 4:
                raise BgpError(Code.OPEN_MESSAGE, 0, f"a four-octet AS capability of {len(value)} bytes")
            asn = int.from_bytes(value)
    if asn == 0:  # RFC 7607
        raise BgpError(Code.OPEN_MESSAGE, BAD_PEER_AS, "AS 0")
    return Open(asn, hold_time_s, identifier, capabilities)


def _decode_parameters(data: bytes) -> tuple[tuple[int, bytes], ...]:
    outer = Reader(data, "optional parameters", Code.OPEN_MESSAGE, 0)
    length = outer.number(1)
    if length == 255 and outer.left >= 3 and data[1] == 255:  # RFC 9072: extended lengths
        outer.take(1)
        length, size = outer.number(2), 2
    else:
        size = 1
    if length != outer.left:
        raise outer.error(f"{length} bytes announced, {outer.left} left")
    capabilities = []
    while outer:
        kind, value = outer.number(1), outer.take(outer.number(size))
        if kind != 2:
            raise BgpError(Code.OPEN_MESSAGE, BAD_PARAMETER, f"optional parameter {kind}")
        inner = Reader(value, "capabilities", Code.OPEN_MESSAGE, 0)
        while inner:
            capabilities.append((inner.number(1), inner.take(inner.number(1))))
    return tuple(capabilities)


def _decode_update(body: bytes, four_octet: bool, external: bool) -> Update:
    whole = Reader(body, "UPDATE", Code.UPDATE_MESSAGE, MALFORMED_ATTRIBUTES)
    gone, described, told = whole.take(whole.number(2)), whole.take(whole.number(2)), whole.rest()
    withdrawn = Reader(gone, "withdrawn routes", Code.UPDATE_MESSAGE, BAD_NETWORK).prefixes()
    announced = Reader(told, "NLRI", Code.UPDATE_MESSAGE, BAD_NETWORK).prefixes()
    if not described and announced:
        missing = Trouble(0, Approach.WITHDRAW, "there are none, but routes")
        return Update(withdrawn, None, announced, (missing,))
    attributes, troubles = decode_attributes(described, four_octet=four_octet, external=external)
    if not announced:
        bad = [trouble for trouble in troubles if trouble.approach is Approach.WITHDRAW]
        bad = [trouble for trouble in bad if trouble.why != "is missing"]
        if bad:  # RFC 7606 section 5.2: nothing here can be withdrawn in place of what was meant
            raise BgpError(Code.UPDATE_MESSAGE, MALFORMED_ATTRIBUTES, f"without routes: {bad[0]}")
        return Update(withdrawn, None, ())
    return Update(withdrawn, attributes, announced, troubles)


class Stream:
    """Messages out of a byte stream. Holds at most one that is not whole, so at most 4,095 bytes."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that these bytes complete, whole; raises BgpError where their headers make no sense."""
        self._pending += data
        while self._pending:
            length = frame_length(self._pending)
            if length is None or length > len(self._pending):
                return
            message, self._pending = self._pending[:length], self._pending[length:]
            yield message
