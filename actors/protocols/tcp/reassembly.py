"""Segments that came before their turn, kept until the gap in front of them is filled."""

from bisect import bisect_left

from actors.protocols.tcp.sequence import MASK

MAXIMUM_PIECES = 1024
"""A peer that sends every second byte must not make us hold a list without end."""


class Reassembly:
    """The out-of-order queue: pieces in order, not overlapping, none empty; what follows a piece is appended to it.

    Positions are counted from the sequence number that was expected when the queue was last empty. The receive window
    bounds the bytes, `MAXIMUM_PIECES` the pieces; what does not fit is dropped and will be sent again."""

    __slots__ = ("_origin", "_pieces", "_recent", "_starts")

    def __init__(self) -> None:
        self._origin = 0
        self._starts: list[int] = []
        self._pieces: list[bytearray] = []
        self._recent: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._pieces))

    def put(self, sequence: int, payload: bytes, expected: int) -> None:
        """Keep a payload that starts after `expected`; of an overlap one copy is kept."""
        starts, pieces = self._starts, self._pieces
        if not pieces:
            self._origin = expected
        start = (sequence - self._origin) & MASK
        end = start + len(payload)
        at = bisect_left(starts, start)
        if at > 0 and (known := starts[at - 1] + len(pieces[at - 1])) > start:
            payload, start = payload[known - start :], known
        while at < len(starts) and starts[at] < end:
            if starts[at] + len(pieces[at]) > end:
                payload = payload[: starts[at] - start]
                break
            del starts[at], pieces[at]  # wholly covered by the new one
        if payload and at > 0 and starts[at - 1] + len(pieces[at - 1]) == start:
            pieces[at - 1] += payload
        elif payload and len(pieces) < MAXIMUM_PIECES:
            starts.insert(at, start)
            pieces.insert(at, bytearray(payload))
        elif payload:
            return
        self._remember((sequence - self._origin) & MASK, end)

    def _remember(self, start: int, end: int) -> None:
        apart = []
        for left, right in self._recent:
            if left <= end and right >= start:
                start, end = min(start, left), max(end, right)
            else:
                apart.append((left, right))
        self._recent = [(start, end), *apart]

    def blocks(self) -> list[tuple[int, int]]:
        """The sequence numbers that are held, (first, one after the last), those that changed last first."""
        origin = self._origin
        return [((origin + start) & MASK, (origin + end) & MASK) for start, end in self._recent]

    def take(self, expected: int) -> bytes:
        """All that is in order from `expected` on, joined; empty while the gap is open."""
        position = (expected - self._origin) & MASK
        ready: list[bytearray] = []
        while self._starts and self._starts[0] <= position:
            fresh = self._pieces.pop(0)[position - self._starts.pop(0) :]
            ready.append(fresh)
            position += len(fresh)
        self._recent = [each for each in self._recent if each[1] > position]
        return b"".join(ready)


NOTHING_HELD = Reassembly()
"""What most connections hold: they share it, and get their own when something comes out of order."""
