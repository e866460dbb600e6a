"""DHCP messages (RFC 2131) and their options (RFC 2132), for clients on Ethernet.

Options are kept by meaning, in `Options`; those without a field there are kept as they came. Reading follows option
overload (options in the `file` and `sname` fields) and joins split options (RFC 3396); writing needs neither but for
values of more than 255 bytes, which are split.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, NamedTuple

from actors.wire.malformed import Malformed

SERVER_PORT = 67
CLIENT_PORT = 68

BOOT_REQUEST = 1
BOOT_REPLY = 2

DISCOVER = 1
OFFER = 2
REQUEST = 3
DECLINE = 4
ACK = 5
NAK = 6
RELEASE = 7
INFORM = 8
TYPE_NAMES = {
    DISCOVER: "Discover", OFFER: "Offer", REQUEST: "Request", DECLINE: "Decline", ACK: "ACK", NAK: "NAK",
    RELEASE: "Release", INFORM: "Inform",
}  # fmt: skip

_FIXED = Struct(">BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE = b"\x63\x82\x53\x63"
_BROADCAST = 0x8000
_PAD, _OVERLOAD, _END = 0, 52, 255
_SMALLEST_MESSAGE = 300  # what BOOTP relays and servers of old expect (RFC 1542 section 2.1)


class Options(NamedTuple):
    """The options by meaning; None, an empty tuple or empty bytes stand for an option that is not there.

    Addresses are bytes of 4, times are seconds, `parameter_request_list` holds one byte per wanted option code,
    `unknown` keeps (code, data) of all others."""

    message_type: int
    subnet_mask: bytes | None = None
    routers: tuple[bytes, ...] = ()
    dns_servers: tuple[bytes, ...] = ()
    host_name: str | None = None
    domain_name: str | None = None
    requested_address: bytes | None = None
    lease_time_s: int | None = None
    server_identifier: bytes | None = None
    parameter_request_list: bytes = b""
    message: str | None = None
    maximum_message_size: int | None = None
    renewal_time_s: int | None = None
    rebinding_time_s: int | None = None
    client_identifier: bytes = b""
    interface_mtu: int | None = None
    unknown: tuple[tuple[int, bytes], ...] = ()


class Message(NamedTuple):
    """A DHCP message; the address fields are those that RFC 2131 calls ciaddr, yiaddr, siaddr and giaddr."""

    operation: int
    transaction_id: int
    client_mac: bytes
    options: Options
    client_ip: bytes = bytes(4)
    your_ip: bytes = bytes(4)
    server_ip: bytes = bytes(4)
    relay_ip: bytes = bytes(4)
    seconds: int = 0
    broadcast: bool = False
    hops: int = 0
    server_name: bytes = b""
    boot_file: bytes = b""


class _Kind(NamedTuple):
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def _exactly(length: int, data: bytes) -> bytes:
    if len(data) != length:
        raise Malformed(f"{len(data)} bytes in place of {length}")
    return data


def _at_least_one(data: bytes) -> bytes:
    if not data:
        raise Malformed("it is empty")
    return data


def _addresses(data: bytes) -> tuple[bytes, ...]:
    if not data or len(data) % 4:
        raise Malformed(f"{len(data)} bytes are no list of addresses")
    return tuple(data[at : at + 4] for at in range(0, len(data), 4))


def _text(data: bytes) -> str:
    try:
        return _at_least_one(data.rstrip(b"\0")).decode()
    except UnicodeDecodeError:
        raise Malformed("it is not text") from None


_ADDRESS = _Kind(lambda data: _exactly(4, data), bytes)
_ADDRESSES = _Kind(_addresses, b"".join)
_TEXT = _Kind(_text, str.encode)
_BYTES = _Kind(_at_least_one, bytes)
_UINT8 = _Kind(lambda data: _exactly(1, data)[0], lambda value: value.to_bytes(1))
_UINT16 = _Kind(lambda data: int.from_bytes(_exactly(2, data)), lambda value: value.to_bytes(2))
_UINT32 = _Kind(lambda data: int.from_bytes(_exactly(4, data)), lambda value: value.to_bytes(4))

_OPTIONS: dict[int, tuple[str, _Kind]] = {
    53: ("message_type", _UINT8),
    54: ("server_identifier", _ADDRESS),
    61: ("client_identifier", _BYTES),
    50: ("requested_address", _ADDRESS),
    51: ("lease_time_s", _UINT32),
    58: ("renewal_time_s", _UINT32),
    59: ("rebinding_time_s", _UINT32),
    1: ("subnet_mask", _ADDRESS),
    3: ("routers", _ADDRESSES),
    6: ("dns_servers", _ADDRESSES),
    12: ("host_name", _TEXT),
    15: ("domain_name", _TEXT),
    26: ("interface_mtu", _UINT16),
    57: ("maximum_message_size", _UINT16),
    55: ("parameter_request_list", _BYTES),
    56: ("message", _TEXT),
}
CODES = {field: code for code, (field, _) in _OPTIONS.items()}
"""The option code of each field of `Options`, as `parameter_request_list` wants it."""


def decode(data: bytes) -> Message:
    """Raises `Malformed` for anything but a DHCP message from or to a client on Ethernet."""
    if len(data) < _FIXED.size:
        raise Malformed(f"a DHCP message of {len(data)} bytes is too short")
    (operation, hardware, mac_length, hops, transaction_id, seconds, flags, client_ip, your_ip, server_ip, relay_ip,
     mac, server_name, boot_file, cookie) = _FIXED.unpack_from(data)  # fmt: skip
    if operation not in (BOOT_REQUEST, BOOT_REPLY):
        raise Malformed(f"BOOTP operation {operation} is neither request nor reply")
    if (hardware, mac_length) != (1, 6):
        raise Malformed(f"DHCP for hardware type {hardware} with {mac_length} bytes of address, not Ethernet")
    if cookie != _COOKIE:
        raise Malformed("no DHCP magic cookie")
    values = _collect(data[_FIXED.size :])
    overload = values.pop(_OVERLOAD, b"\0")
    if overload not in (b"\0", b"\1", b"\2", b"\3"):
        raise Malformed(f"DHCP option overload of {overload.hex()}")
    for bit, field in ((1, boot_file), (2, server_name)):
        if overload[0] & bit:
            for code, value in _collect(field).items():
                values[code] = values.get(code, b"") + value
    return Message(
        operation=operation,
        transaction_id=transaction_id,
        client_mac=mac[:6],
        options=_decode_options(values),
        client_ip=client_ip,
        your_ip=your_ip,
        server_ip=server_ip,
        relay_ip=relay_ip,
        seconds=seconds,
        broadcast=bool(flags & _BROADCAST),
        hops=hops,
        server_name=b"" if overload[0] & 2 else server_name.rstrip(b"\0"),
        boot_file=b"" if overload[0] & 1 else boot_file.rstrip(b"\0"),
    )


def encode(message: Message) -> bytes:
    """The message's bytes, padded to the 300 that old relays ask for."""
    fixed = _FIXED.pack(
        message.operation, 1, 6, message.hops, message.transaction_id, message.seconds,
        _BROADCAST if message.broadcast else 0,
        message.client_ip, message.your_ip, message.server_ip, message.relay_ip,
        message.client_mac, message.server_name, message.boot_file, _COOKIE,
    )  # fmt: skip
    options = b"".join(_encode_options(message.options))
    return (fixed + options + b"\xff").ljust(_SMALLEST_MESSAGE, b"\0")


def _collect(raw: bytes) -> dict[int, bytes]:
    """The options of one field by code; the parts of a split one are joined (RFC 3396)."""
    values: dict[int, bytes] = {}
    position = 0
    while position < len(raw) and raw[position] != _END:
        code = raw[position]
        if code == _PAD:
            position += 1
            continue
        if position + 1 >= len(raw) or position + 2 + raw[position + 1] > len(raw):
            raise Malformed(f"DHCP option {code} runs over the end")
        end = position + 2 + raw[position + 1]
        values[code] = values.get(code, b"") + raw[position + 2 : end]
        position = end
    return values


def _decode_options(values: dict[int, bytes]) -> Options:
    fields: dict[str, Any] = {}
    unknown = []
    for code, value in values.items():
        if code not in _OPTIONS:
            unknown.append((code, value))
            continue
        name, kind = _OPTIONS[code]
        try:
            fields[name] = kind.decode(value)
        except Malformed as error:
            raise Malformed(f"DHCP option {code} ({name}): {error}") from None
    if fields.get("message_type") not in TYPE_NAMES:
        raise Malformed(f"DHCP message type {fields.get('message_type')}")
    return Options(**fields, unknown=tuple(unknown))


def _encode_options(options: Options) -> Iterator[bytes]:
    for code, (name, kind) in _OPTIONS.items():
        value = getattr(options, name)
        if value is not None and value != () and value != b"":
            yield from _split(code, kind.encode(value))
    for code, data in options.unknown:
        yield from _split(code, data)


def _split(code: int, data: bytes) -> Iterator[bytes]:
    for at in range(0, max(len(data), 1), 255):
        part = data[at : at + 255]
        yield bytes((code, len(part))) + part
