"""TCP segments (RFC 9293 section 3.1), their window scale and timestamps (RFC 7323), and SACK (RFC 2018).

Most segments carry no options or only timestamps; both have a path of their own, since every packet passes here.
"""

from struct import Struct
from typing import NamedTuple

from actors.wire.checksum import transport_checksum
from actors.wire.malformed import Malformed

PROTOCOL = 6
HEADER_BYTES = 20

FIN = 0x001
SYN = 0x002
RST = 0x004
PSH = 0x008
ACK = 0x010
URG = 0x020
ECE = 0x040
CWR = 0x080
AE = 0x100
_FLAG_NAMES = {
    SYN: "SYN", FIN: "FIN", RST: "RST", PSH: "PSH", ACK: "ACK", URG: "URG", ECE: "ECE", CWR: "CWR", AE: "AE",
}  # fmt: skip
_ALL_FLAGS = 0x1FF

_HEADER = Struct(">HHIIHHHH")
_TIMESTAMPS = Struct(">4sII")
_NOP_NOP_TIMESTAMPS = b"\x01\x01\x08\x0a"
_END, _NOP, _MSS, _WINDOW_SCALE, _SACK_PERMITTED, _SACK, _TIMESTAMP = 0, 1, 2, 3, 4, 5, 8
_LENGTHS = {
    _MSS: (4,),
    _WINDOW_SCALE: (3,),
    _SACK_PERMITTED: (2,),
    _SACK: (10, 18, 26, 34),
    _TIMESTAMP: (10,),
}


class Options(NamedTuple):
    """TCP options by meaning.

    `sack` holds (left edge, right edge) pairs, `timestamps` is (TSval, TSecr), `unknown` keeps
    (kind, data) of the rest. The order on the wire is not kept."""

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None
    unknown: tuple[tuple[int, bytes], ...] = ()


NO_OPTIONS = Options()


class Segment(NamedTuple):
    """A TCP segment; `checksum` is what `decode` found (0: offloaded), and `encode` makes its own."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int = 0
    checksum: int = 0
    urgent: int = 0
    options: Options = NO_OPTIONS
    payload: bytes = b""


def flags_text(flags: int) -> str:
    """`SYN,ACK` for 0x012."""
    return ",".join(name for flag, name in _FLAG_NAMES.items() if flags & flag)


def decode(data: bytes, source: bytes | None = None, destination: bytes | None = None) -> Segment:
    """Raises `Malformed` for wrong lengths or options and, given the addresses, for a wrong checksum other
    than 0."""
    if len(data) < HEADER_BYTES:
        raise Malformed(f"a TCP segment of {len(data)} bytes has no full header")
    source_port, destination_port, sequence, acknowledgment, offset, window, found, urgent = (
        _HEADER.unpack_from(data)
    )
    if source and destination and found and transport_checksum(source, destination, PROTOCOL, data):
        raise Malformed("wrong TCP checksum")
    header = (offset >> 12) << 2
    options = NO_OPTIONS
    if header != HEADER_BYTES:
        if not HEADER_BYTES < header <= len(data):
            raise Malformed(f"a TCP header of {header} bytes in {len(data)}")
        options = _decode_options(data[HEADER_BYTES:header])
    return Segment(
        source_port,
        destination_port,
        sequence,
        acknowledgment,
        offset & _ALL_FLAGS,
        window,
        found,
        urgent,
        options,
        data[header:],
    )


def encode(segment: Segment, source: bytes, destination: bytes, offload: bool = True) -> bytes:
    """The segment's bytes; the checksum is 0 when offloaded, else real.

    Raises ValueError for more than 40 bytes of options."""
    source_port, destination_port, sequence, acknowledgment, flags, window, _, urgent, options, payload = (
        segment
    )
    raw = b"" if options is NO_OPTIONS else _encode_options(options)
    first = (20 + len(raw)) << 10 | flags
    body = raw + payload if raw else payload
    data = (
        _HEADER.pack(source_port, destination_port, sequence, acknowledgment, first, window, 0, urgent) + body
    )
    if offload:
        return data
    value = transport_checksum(source, destination, PROTOCOL, data)
    return (
        _HEADER.pack(source_port, destination_port, sequence, acknowledgment, first, window, value, urgent)
        + body
    )


def _decode_options(raw: bytes) -> Options:
    if len(raw) == 12 and raw.startswith(_NOP_NOP_TIMESTAMPS):
        _, value, echo = _TIMESTAMPS.unpack(raw)
        return Options(timestamps=(value, echo))
    found: dict[int, bytes] = {}
    unknown: list[tuple[int, bytes]] = []
    position = 0
    while position < len(raw):
        kind = raw[position]
        if kind == _END:
            break
        if kind == _NOP:
            position += 1
            continue
        length = raw[position + 1] if position + 1 < len(raw) else 0
        if length < 2 or position + length > len(raw):
            raise Malformed(f"TCP option {kind} has length {length} with {len(raw) - position} bytes left")
        value_bytes = raw[position + 2 : position + length]
        if kind not in _LENGTHS:
            unknown.append((kind, value_bytes))
        elif length not in _LENGTHS[kind]:
            raise Malformed(f"TCP option {kind} has length {length}")
        else:
            found[kind] = value_bytes
        position += length
    return _options(found, tuple(unknown))


def _options(found: dict[int, bytes], unknown: tuple[tuple[int, bytes], ...]) -> Options:
    def number(kind: int) -> int | None:
        return int.from_bytes(found[kind]) if kind in found else None

    edges = _numbers(found.get(_SACK, b""))
    times = _numbers(found.get(_TIMESTAMP, b""))
    return Options(
        mss=number(_MSS),
        window_scale=number(_WINDOW_SCALE),
        sack_permitted=_SACK_PERMITTED in found,
        sack=tuple(zip(edges[::2], edges[1::2], strict=True)),
        timestamps=(times[0], times[1]) if times else None,
        unknown=unknown,
    )


def _numbers(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 4]) for at in range(0, len(raw), 4)]


def _encode_options(options: Options) -> bytes:
    mss, window_scale, sack_permitted, sack, timestamps, unknown = options
    if timestamps is not None and options == (None, None, False, (), timestamps, ()):
        return _TIMESTAMPS.pack(_NOP_NOP_TIMESTAMPS, *timestamps)
    parts: list[bytes] = []
    if mss is not None:
        parts.append(b"\x02\x04" + mss.to_bytes(2))
    if sack_permitted:
        parts.append(b"\x04\x02")
    if timestamps is not None:
        parts.append(b"\x08\x0a" + timestamps[0].to_bytes(4) + timestamps[1].to_bytes(4))
    if window_scale is not None:
        parts.append(b"\x03\x03" + window_scale.to_bytes(1))
    if sack:
        edges = b"".join(left.to_bytes(4) + right.to_bytes(4) for left, right in sack)
        parts.append(bytes((_SACK, 2 + len(edges))) + edges)
    parts.extend(bytes((kind, 2 + len(value))) + value for kind, value in unknown)
    raw = b"".join(parts)
    if len(raw) > 40:
        raise ValueError(f"TCP options of {len(raw)} bytes do not fit a header")
    return raw + b"\x01" * (-len(raw) % 4)
