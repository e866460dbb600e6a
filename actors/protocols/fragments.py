"""IPv4 fragments: cutting a packet to a smaller MTU (RFC 791 section 3.2), and putting the pieces together again.

How this works. Pieces are kept by (source, destination, protocol, identification) until the last one is known and
nothing is missing before it. Memory is bounded in packets, bytes and time. A packet whose pieces overlap is
thrown away with all of them, as Linux does since 2018 (RFC 5722 says so for IPv6): no honest sender makes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from actors.units import SECOND
from actors.wire.ipv4 import HEADER_BYTES, Packet

TIMEOUT_NS = 30 * SECOND
"""Linux's `ipfrag_time`; RFC 1122 section 3.3.2 would give it 60 s or more."""
MAX_PACKETS = 64
MAX_BYTES = 65_535
MAX_PIECES = 128
"""Enough for the largest packet over the smallest MTU that is met in practice (576)."""

Key = tuple[bytes, bytes, int, int]


def fragment(packet: Packet, mtu: int) -> Iterator[Packet]:
    """The packet in pieces of at most `mtu` bytes; options that do not say they want it stay on the first only."""
    step = (mtu - HEADER_BYTES - len(packet.options)) & ~7
    payload = packet.payload
    for start in range(0, len(payload), step):
        yield packet._replace(
            payload=payload[start : start + step],
            fragment_offset=packet.fragment_offset + start,
            more_fragments=packet.more_fragments or start + step < len(payload),
            options=packet.options if start == 0 else copied_options(packet.options),
        )


def copied_options(options: bytes) -> bytes:
    """Those options whose copied flag is set (RFC 791 section 3.1), padded to a multiple of 4."""
    kept, at = b"", 0
    while at < len(options) and options[at] != 0:
        length = 1 if options[at] == 1 else options[at + 1] if at + 1 < len(options) else 0
        if length == 0:
            break
        if options[at] & 0x80:
            kept += options[at : at + length]
        at += length
    return kept + bytes(-len(kept) % 4)


@dataclass(slots=True)
class _Pieces:
    deadline_ns: int
    first: Packet | None = None
    total: int | None = None
    have: int = 0
    parts: dict[int, bytes] = field(default_factory=dict)

    def add(self, piece: Packet) -> bool:
        """Whether the piece fits to the others; a copy of one that is there already does."""
        start, end = piece.fragment_offset, piece.fragment_offset + len(piece.payload)
        if self.parts.get(start) == piece.payload:
            return True
        if len(self.parts) >= MAX_PIECES or end > MAX_BYTES:
            return False
        if (piece.more_fragments and len(piece.payload) & 7) or not piece.payload:
            return False
        if any(start < other + len(part) and other < end for other, part in self.parts.items()):
            return False
        if not piece.more_fragments:
            if self.total is not None or any(other >= end for other in self.parts):
                return False
            self.total = end
        elif self.total is not None and end > self.total:
            return False
        if start == 0:
            self.first = piece
        self.parts[start] = piece.payload
        self.have += len(piece.payload)
        return True

    def whole(self) -> Packet | None:
        if self.first is None or self.have != self.total:
            return None
        if HEADER_BYTES + len(self.first.options) + self.have > MAX_BYTES:
            return None  # the "ping of death": no header can say how long it is
        payload = b"".join(part for _, part in sorted(self.parts.items()))
        return self.first._replace(payload=payload, more_fragments=False)


class Reassembler:
    """Takes fragments, gives whole packets."""

    def __init__(self) -> None:
        self._waiting: dict[Key, _Pieces] = {}

    def handle(self, piece: Packet, now_ns: int) -> Packet | None:
        """The whole packet when this was the last missing piece."""
        key = (piece.source, piece.destination, piece.protocol, piece.identification)
        pieces = self._waiting.get(key)
        if pieces is None:
            if len(self._waiting) >= MAX_PACKETS:
                del self._waiting[next(iter(self._waiting))]
            pieces = self._waiting[key] = _Pieces(now_ns + TIMEOUT_NS)
        if not pieces.add(piece):
            del self._waiting[key]
            return None
        whole = pieces.whole()
        if whole is not None:
            del self._waiting[key]
        return whole

    def deadline_ns(self) -> int | None:
        """When `on_deadline` wants to be called; None for never. The oldest stands first."""
        return next((pieces.deadline_ns for pieces in self._waiting.values()), None)

    def on_deadline(self, now_ns: int) -> list[Packet]:
        """Gives up what is late; the first pieces of it, about which RFC 1122 wants the sender told."""
        late = [key for key, pieces in self._waiting.items() if pieces.deadline_ns <= now_ns]
        given_up = [self._waiting.pop(key).first for key in late]
        return [first for first in given_up if first is not None]
