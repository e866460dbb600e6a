"""Path attributes: what a route is said to be (RFC 4271 section 4.3, RFC 1997, RFC 6793)."""

from enum import IntEnum
from typing import NamedTuple

AS_TRANS = 23456
"""Stands for an AS number of four octets where a peer knows only two (RFC 6793 section 9)."""
OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED = 0x80, 0x40, 0x20, 0x10
NO_EXPORT, NO_ADVERTISE = 0xFFFFFF01, 0xFFFFFF02
"""Well-known communities (RFC 1997): keep it within your AS; tell no peer at all."""


class Origin(IntEnum):
    """Where the route was first told; the lower the better."""

    IGP = 0
    EGP = 1
    INCOMPLETE = 2


class SegmentKind(IntEnum):
    AS_SET = 1
    AS_SEQUENCE = 2


class Kind(IntEnum):
    """Type codes of attributes."""

    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    AS4_PATH = 17
    AS4_AGGREGATOR = 18


class Segment(NamedTuple):
    """A stretch of an AS path: in order (AS_SEQUENCE), or those behind an aggregate, in none (AS_SET)."""

    kind: SegmentKind
    asns: tuple[int, ...]


AsPath = tuple[Segment, ...]


class Unknown(NamedTuple):
    """An optional transitive attribute that means nothing to us: handed on with its partial bit set."""

    kind: int
    flags: int
    value: bytes


class Aggregator(NamedTuple):
    """Who aggregated the route."""

    asn: int
    identifier: bytes


class Attributes(NamedTuple):
    """All that an UPDATE says of its routes."""

    origin: Origin
    as_path: AsPath
    next_hop: bytes
    med: int | None = None
    local_pref: int | None = None
    atomic_aggregate: bool = False
    aggregator: Aggregator | None = None
    communities: tuple[int, ...] = ()
    unknown: tuple[Unknown, ...] = ()


def path_length(path: AsPath) -> int:
    """Hops for the decision process: a set counts as one, however many are in it (section 9.1.2.2)."""
    return sum(len(each.asns) if each.kind is SegmentKind.AS_SEQUENCE else 1 for each in path)


def path_asns(path: AsPath) -> tuple[int, ...]:
    """Every AS in the path, sets included."""
    return tuple(asn for segment in path for asn in segment.asns)


def first_asn(path: AsPath) -> int | None:
    """The neighbouring AS, where the path begins with a sequence."""
    return path[0].asns[0] if path and path[0].kind is SegmentKind.AS_SEQUENCE else None


def prepended(path: AsPath, asn: int, times: int = 1) -> AsPath:
    """The path as told by this AS (section 5.1.2): itself in front, in a new segment when the first is full."""
    for _ in range(times):
        if path and path[0].kind is SegmentKind.AS_SEQUENCE and len(path[0].asns) < 255:
            path = (Segment(SegmentKind.AS_SEQUENCE, (asn, *path[0].asns)), *path[1:])
        else:
            path = (Segment(SegmentKind.AS_SEQUENCE, (asn,)), *path)
    return path


def path_text(path: AsPath) -> str:
    """`64510 16509 {64496 64497}`; nothing for a route of our own."""
    return " ".join(
        " ".join(map(str, each.asns))
        if each.kind is SegmentKind.AS_SEQUENCE
        else "{" + " ".join(map(str, each.asns)) + "}"
        for each in path
    )


def community_text(community: int) -> str:
    names = {NO_EXPORT: "no-export", NO_ADVERTISE: "no-advertise"}
    return names.get(community, f"{community >> 16}:{community & 0xFFFF}")


def merged(as_path: AsPath, as4_path: AsPath) -> AsPath:
    """The true path out of one that passed an AS with two octets (RFC 6793 section 4.2.3).

    AS4_PATH replaces the end of AS_PATH; if it is the longer, somebody meddled, and it is ignored."""
    missing = path_length(as_path) - path_length(as4_path)
    if missing < 0:
        return as_path
    leading: list[Segment] = []
    for segment in as_path:
        if missing <= 0:
            break
        whole = segment.kind is SegmentKind.AS_SET or len(segment.asns) <= missing
        leading.append(segment if whole else segment._replace(asns=segment.asns[:missing]))
        missing -= path_length((leading[-1],))
    head, tail = tuple(leading), as4_path
    if head and tail and head[-1].kind is tail[0].kind is SegmentKind.AS_SEQUENCE:
        joined = head[-1].asns + tail[0].asns
        if len(joined) <= 255:
            return (*head[:-1], Segment(SegmentKind.AS_SEQUENCE, joined), *tail[1:])
    return head + tail
