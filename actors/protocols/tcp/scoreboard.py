"""What the peer has beyond what it acknowledged: the sender's side of SACK (RFC 6675)."""

from bisect import bisect_left

MAXIMUM_RANGES = 256
"""A peer that acknowledges every second byte must not make us hold a list without end."""
DUPLICATE_THRESHOLD = 3
"""RFC 6675's DupThresh."""
_ENDLESS = 1 << 62


class Scoreboard:
    """Ranges that were acknowledged selectively: in order, not touching, as offsets from `snd_una` (see `advance`)."""

    __slots__ = ("ranges", "sacked_bytes")

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.sacked_bytes = 0

    @property
    def highest(self) -> int:
        """The end of the last range."""
        return self.ranges[-1][1] if self.ranges else 0

    def add(self, start: int, end: int) -> int:
        """Mark a range; returns how many bytes of it are news."""
        ranges = self.ranges
        first = bisect_left(ranges, (start,))
        if first > 0 and ranges[first - 1][1] >= start:
            first -= 1
        last, known = first, 0
        while last < len(ranges) and ranges[last][0] <= end:
            known += ranges[last][1] - ranges[last][0]
            last += 1
        if last > first:
            start, end = min(start, ranges[first][0]), max(end, ranges[last - 1][1])
        elif len(ranges) >= MAXIMUM_RANGES:
            return 0
        ranges[first:last] = [(start, end)]
        news = end - start - known
        self.sacked_bytes += news
        return news

    def advance(self, count: int) -> None:
        """`snd_una` has moved forward."""
        kept = [(max(start - count, 0), end - count) for start, end in self.ranges if end > count]
        self.ranges = kept
        self.sacked_bytes = sum(end - start for start, end in kept)

    def clear(self) -> None:
        self.ranges.clear()
        self.sacked_bytes = 0

    def unsacked(self, start: int, end: int) -> int:
        """How many bytes between the two are in no range."""
        if end <= start:
            return 0
        covered = sum(min(b, end) - max(a, start) for a, b in self.ranges if a < end and b > start)
        return end - start - covered

    def hole(self, at: int) -> tuple[int, int]:
        """The first stretch at or after `at` that is in no range; behind the last range it has no end."""
        for start, end in self.ranges:
            if at < start:
                return at, start
            at = max(at, end)
        return at, _ENDLESS

    def lost_to(self, segment_bytes: int) -> int:
        """RFC 6675's IsLost(): all holes before this offset have three ranges, or more than two segments' worth of
        acknowledged bytes, behind them. 0 when none has."""
        total = 0
        for count, (start, end) in enumerate(reversed(self.ranges), 1):
            total += end - start
            if count >= DUPLICATE_THRESHOLD or total > (DUPLICATE_THRESHOLD - 1) * segment_bytes:
                return start
        return 0


NOTHING_SACKED = Scoreboard()
"""What most connections have: they share it, and get their own with the first selective acknowledgment."""
