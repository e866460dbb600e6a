"""Path attributes as bytes; what is wrong with them costs the routes, not the session (RFC 7606).

How this works. A parser for each attribute takes its value and raises `Fault`. A fault either discards that attribute
or turns the announcement into a withdrawal ("treat as withdraw"); both are told, so that somebody may look into it.
Attributes that nobody here knows are kept when they are transitive, and dropped when they are not (section 5).
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from actors.protocols.bgp.attributes import (
    AS_TRANS,
    EXTENDED,
    OPTIONAL,
    PARTIAL,
    TRANSITIVE,
    Aggregator,
    AsPath,
    Attributes,
    Kind,
    Origin,
    Segment,
    SegmentKind,
    Unknown,
    merged,
    path_asns,
)
from actors.protocols.bgp.errors import MALFORMED_ATTRIBUTES, UNKNOWN_WELL_KNOWN, BgpError, Code
from actors.protocols.bgp.reader import Reader


class Approach(Enum):
    """What is done about a bad attribute (RFC 7606 section 2)."""

    WITHDRAW = "treat as withdraw"
    DISCARD = "attribute discard"


class Trouble(NamedTuple):
    """What was wrong with an attribute."""

    kind: int
    approach: Approach
    why: str

    def __str__(self) -> str:
        name = Kind(self.kind).name if self.kind in Kind._value2member_map_ else f"attribute {self.kind}"
        return f"{name}: {self.why}"


class Fault(ValueError):
    """An attribute's value is not what it should be."""


_WELL_KNOWN, _OPTIONAL, _OPTIONAL_TRANSITIVE = TRANSITIVE, OPTIONAL, OPTIONAL | TRANSITIVE
_FLAGS = {
    Kind.ORIGIN: _WELL_KNOWN,
    Kind.AS_PATH: _WELL_KNOWN,
    Kind.NEXT_HOP: _WELL_KNOWN,
    Kind.MULTI_EXIT_DISC: _OPTIONAL,
    Kind.LOCAL_PREF: _WELL_KNOWN,
    Kind.ATOMIC_AGGREGATE: _WELL_KNOWN,
    Kind.AGGREGATOR: _OPTIONAL_TRANSITIVE,
    Kind.COMMUNITIES: _OPTIONAL_TRANSITIVE,
    Kind.AS4_PATH: _OPTIONAL_TRANSITIVE,
    Kind.AS4_AGGREGATOR: _OPTIONAL_TRANSITIVE,
}
_DISCARDED = {Kind.ATOMIC_AGGREGATE, Kind.AGGREGATOR, Kind.AS4_PATH, Kind.AS4_AGGREGATOR}
"""A bad one of these is left out and the route stays (RFC 7606 section 7, RFC 6793 section 6)."""
_MANDATORY = (Kind.ORIGIN, Kind.AS_PATH, Kind.NEXT_HOP)


# ---- bytes to values ---------------------------------------------------------------------------------------


def decode_attributes(
    data: bytes, *, four_octet: bool, external: bool = True
) -> tuple[Attributes | None, tuple[Trouble, ...]]:
    """The attributes of an UPDATE, None where its routes are to be treated as withdrawn, and what was wrong.

    Raises BgpError (3/2) for a well-known attribute that is none: that much may end a session."""
    values: dict[int, Any] = {}
    unknown: list[Unknown] = []
    troubles: list[Trouble] = []
    reader = Reader(data, "path attributes", Code.UPDATE_MESSAGE, MALFORMED_ATTRIBUTES)
    seen: set[int] = set()
    while reader:
        try:
            flags, kind = reader.number(1), reader.number(1)
            value = reader.take(reader.number(2 if flags & EXTENDED else 1))
        except BgpError as error:  # RFC 7606 section 4: the length of all attributes rules
            troubles.append(Trouble(0, Approach.WITHDRAW, error.why))
            break
        if kind in seen:  # RFC 7606 section 3 (g): the first one counts
            troubles.append(Trouble(kind, Approach.DISCARD, "twice in one message"))
            continue
        seen.add(kind)
        if kind not in _FLAGS:
            _keep_unknown(unknown, flags, kind, value)
        elif external and kind == Kind.LOCAL_PREF:
            troubles.append(Trouble(kind, Approach.DISCARD, "from another AS"))
        else:
            _parse(values, troubles, flags, Kind(kind), value, four_octet)
    return _assembled(values, tuple(unknown), troubles), tuple(troubles)


def _keep_unknown(unknown: list[Unknown], flags: int, kind: int, value: bytes) -> None:
    if not flags & OPTIONAL:
        code = Code.UPDATE_MESSAGE
        data = bytes((flags, kind)) + len(value).to_bytes(2 if flags & EXTENDED else 1) + value
        raise BgpError(code, UNKNOWN_WELL_KNOWN, f"well-known attribute {kind} is unknown", data)
    if flags & TRANSITIVE:
        unknown.append(Unknown(kind, (flags & ~EXTENDED & 0xF0) | PARTIAL, value))


def _parse(
    values: dict[int, Any],
    troubles: list[Trouble],
    flags: int,
    kind: Kind,
    value: bytes,
    four_octet: bool,
) -> None:
    approach = Approach.DISCARD if kind in _DISCARDED else Approach.WITHDRAW
    try:
        if flags & (OPTIONAL | TRANSITIVE) != _FLAGS[kind]:
            raise Fault(f"flags {flags:#04x}, where {_FLAGS[kind]:#04x} is right")
        values[kind] = _PARSERS[kind](value, four_octet)
    except (Fault, BgpError) as error:
        troubles.append(Trouble(kind, approach, str(error)))


def _assembled(
    values: dict[int, Any], unknown: tuple[Unknown, ...], troubles: list[Trouble]
) -> Attributes | None:
    bad = any(trouble.approach is Approach.WITHDRAW for trouble in troubles)
    missing = [kind for kind in _MANDATORY if kind not in values]
    if bad or missing:
        if not bad:
            troubles.extend(Trouble(kind, Approach.WITHDRAW, "is missing") for kind in missing)
        return None
    aggregator, as_path = values.get(Kind.AGGREGATOR), values[Kind.AS_PATH]
    if aggregator is None or aggregator.asn == AS_TRANS or Kind.AS4_AGGREGATOR not in values:
        as_path = merged(as_path, values[Kind.AS4_PATH]) if Kind.AS4_PATH in values else as_path
        aggregator = (values.get(Kind.AS4_AGGREGATOR) if aggregator else None) or aggregator
    return Attributes(
        values[Kind.ORIGIN],
        as_path,
        values[Kind.NEXT_HOP],
        values.get(Kind.MULTI_EXIT_DISC),
        values.get(Kind.LOCAL_PREF),
        Kind.ATOMIC_AGGREGATE in values,
        aggregator,
        values.get(Kind.COMMUNITIES, ()),
        unknown,
    )


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise Fault(f"{len(value)} bytes, where {size} are right")
    return value


def _origin(value: bytes, _: bool) -> Origin:
    number = _sized(value, 1)[0]
    if number > Origin.INCOMPLETE:
        raise Fault(f"value {number}")
    return Origin(number)


def _next_hop(value: bytes, _: bool) -> bytes:
    if _sized(value, 4)[0] in (0, 127) or value[0] >= 224:
        raise Fault(f"{'.'.join(map(str, value))} is no host's address")
    return value


def _number(value: bytes, _: bool) -> int:
    return int.from_bytes(_sized(value, 4))


def _nothing(value: bytes, _: bool) -> bool:
    return not _sized(value, 0)


def _aggregator(value: bytes, four_octet: bool) -> Aggregator:
    size = 4 if four_octet else 2
    _sized(value, size + 4)
    return Aggregator(int.from_bytes(value[:size]), value[size:])


def _communities(value: bytes, _: bool) -> tuple[int, ...]:
    if not value or len(value) % 4:
        raise Fault(f"{len(value)} bytes, where a multiple of 4 is right")
    return tuple(int.from_bytes(value[at : at + 4]) for at in range(0, len(value), 4))


def _as_path(value: bytes, four_octet: bool) -> AsPath:
    """RFC 7606 section 7.2: unknown segment types, empty segments and overruns are malformed; so is AS 0 (RFC 7607)."""
    reader = Reader(value, "segment", Code.UPDATE_MESSAGE, MALFORMED_ATTRIBUTES)
    segments = []
    size = 4 if four_octet else 2
    while reader:
        kind, count = reader.number(1), reader.number(1)
        if kind not in SegmentKind._value2member_map_:
            raise Fault(f"segment type {kind}")
        if not count:
            raise Fault("an empty segment")
        asns = tuple(reader.number(size) for _ in range(count))
        if 0 in asns:
            raise Fault("AS 0")
        segments.append(Segment(SegmentKind(kind), asns))
    return tuple(segments)


_PARSERS: dict[Kind, Callable[[bytes, bool], Any]] = {
    Kind.ORIGIN: _origin,
    Kind.AS_PATH: _as_path,
    Kind.NEXT_HOP: _next_hop,
    Kind.MULTI_EXIT_DISC: _number,
    Kind.LOCAL_PREF: _number,
    Kind.ATOMIC_AGGREGATE: _nothing,
    Kind.AGGREGATOR: _aggregator,
    Kind.COMMUNITIES: _communities,
    Kind.AS4_PATH: lambda value, _: _as_path(value, True),
    Kind.AS4_AGGREGATOR: lambda value, _: _aggregator(value, True),
}


# ---- values to bytes ---------------------------------------------------------------------------------------


def encode_attributes(attributes: Attributes, *, four_octet: bool) -> bytes:
    """In the order of their type codes, as section 5 asks for."""
    found = [
        (Kind.ORIGIN, _WELL_KNOWN, bytes((attributes.origin,))),
        (Kind.AS_PATH, _WELL_KNOWN, _path_bytes(attributes.as_path, four_octet)),
        (Kind.NEXT_HOP, _WELL_KNOWN, attributes.next_hop),
    ]
    if attributes.med is not None:
        found.append((Kind.MULTI_EXIT_DISC, _OPTIONAL, attributes.med.to_bytes(4)))
    if attributes.local_pref is not None:
        found.append((Kind.LOCAL_PREF, _WELL_KNOWN, attributes.local_pref.to_bytes(4)))
    if attributes.atomic_aggregate:
        found.append((Kind.ATOMIC_AGGREGATE, _WELL_KNOWN, b""))
    if attributes.communities:
        value = b"".join(community.to_bytes(4) for community in attributes.communities)
        found.append((Kind.COMMUNITIES, _OPTIONAL_TRANSITIVE, value))
    pieces = [(int(kind), flags, value) for kind, flags, value in found]
    pieces += _aggregator_pieces(attributes.aggregator, four_octet)
    if not four_octet and any(asn > 0xFFFF for asn in path_asns(attributes.as_path)):
        pieces.append((Kind.AS4_PATH, _OPTIONAL_TRANSITIVE, _path_bytes(attributes.as_path, True)))
    pieces += [(kind, flags, value) for kind, flags, value in attributes.unknown]
    return b"".join(_piece(*piece) for piece in sorted(pieces, key=lambda piece: piece[0]))


def _aggregator_pieces(aggregator: Aggregator | None, four_octet: bool) -> list[tuple[int, int, bytes]]:
    if aggregator is None:
        return []
    asn, identifier = aggregator
    if four_octet:
        return [(Kind.AGGREGATOR, _OPTIONAL_TRANSITIVE, asn.to_bytes(4) + identifier)]
    if asn <= 0xFFFF:
        return [(Kind.AGGREGATOR, _OPTIONAL_TRANSITIVE, asn.to_bytes(2) + identifier)]
    return [
        (Kind.AGGREGATOR, _OPTIONAL_TRANSITIVE, AS_TRANS.to_bytes(2) + identifier),
        (Kind.AS4_AGGREGATOR, _OPTIONAL_TRANSITIVE, asn.to_bytes(4) + identifier),
    ]


def _path_bytes(path: AsPath, four_octet: bool) -> bytes:
    size = 4 if four_octet else 2
    pieces = []
    for kind, asns in path:
        told = asns if four_octet else (asn if asn <= 0xFFFF else AS_TRANS for asn in asns)
        pieces.append(bytes((kind, len(asns))) + b"".join(asn.to_bytes(size) for asn in told))
    return b"".join(pieces)


def _piece(kind: int, flags: int, value: bytes) -> bytes:
    if len(value) > 255:
        return bytes((flags | EXTENDED, kind)) + len(value).to_bytes(2) + value
    return bytes((flags, kind, len(value))) + value
