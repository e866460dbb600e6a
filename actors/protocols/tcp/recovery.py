"""Sending again what was lost, without flooding the path that lost it.

How this works. A `Recovery` begins with a loss (`loss.py` finds those) and ends when all that was in flight then is
acknowledged (`point`). Three marks, offsets from `snd_una` like the scoreboard's, say everything:

    0 ........ sent_to ........ lost_to ........ point ........ in flight
      was sent    is lost and      may be
      again       waits its turn   on its way

With SACK the ranges that the peer has are holes in that picture. `in_the_pipe` is RFC 6675's estimate of what is
under way, and as long as a segment more of it fits the congestion window, the next one is sent: what is lost first,
then new data, then what may be lost. (RFC 6675's last resort, sending the very end again, is missing: `advance` knows.)

A window that has just become smaller is less than what is under way, so the estimate alone would have the sender fall
silent until enough has left the path, and then burst. `Proportional` (RFC 6937, as in Linux) lets it send, for what has
arrived, as much as the new window is of the old one; and for what arrives once less is under way than may be, a segment
more than that.

Without SACK (RFC 6582) each duplicate acknowledgment says that one segment has left the path, and what is known to
be lost is the first segment alone.
"""

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from actors.protocols.tcp import output
from actors.protocols.tcp.sequence import MASK

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection


class Cause(Enum):
    """What a recovery began with."""

    FAST = "fast retransmit"
    TIMEOUT = "timeout"
    PATH_MTU = "path MTU"


class Proportional:
    """Proportional rate reduction, bound by slow start (RFC 6937 section 3): what has arrived is what counts."""

    __slots__ = ("delivered", "fresh", "from_bytes", "sent", "to_bytes")

    def __init__(self, from_bytes: int, to_bytes: int) -> None:
        self.from_bytes, self.to_bytes = max(from_bytes, 1), to_bytes
        self.delivered = self.sent = self.fresh = 0

    def arrived(self, count: int) -> None:
        """The peer has so many bytes more than it was known to have."""
        self.delivered += count
        self.fresh = count

    def room(self, pipe: int, segment_bytes: int) -> int:
        if pipe > self.to_bytes:
            return -(-self.delivered * self.to_bytes // self.from_bytes) - self.sent
        limit = max(self.delivered - self.sent, self.fresh) + segment_bytes
        return min(self.to_bytes - pipe, limit)


class Recovery:
    """An episode of repair; see the head of this file. `began_at` is our timestamp clock at its first segment."""

    __slots__ = ("began_at", "cause", "lost_to", "marks", "point", "reduction", "sent_to")

    def __init__(self, cause: Cause, point: int, lost_to: int, began_at: int) -> None:
        self.cause = cause
        self.point = point
        self.lost_to = lost_to
        self.sent_to = 0
        self.began_at = began_at
        self.reduction: Proportional | None = None
        self.marks: deque[tuple[int, int]] = deque()
        """(offset of a segment sent again, end of all that had been sent by then), oldest first."""

    def advance(self, count: int, in_order: bool) -> None:
        """`snd_una` has moved forward. What was sent again has arrived; so if the path keeps the order, all that was
        sent before it has arrived or is lost (RFC 8985 would say so by their times)."""
        self.point -= count
        self.lost_to = max(self.lost_to - count, 0)
        self.sent_to = max(self.sent_to - count, 0)
        while self.marks and self.marks[0][0] < count:
            mark = self.marks.popleft()[1]
            if in_order:
                self.lost_to = max(self.lost_to, mark - count)
        if self.marks:
            self.marks = deque((start - count, mark - count) for start, mark in self.marks)

    def in_the_pipe(self, c: "Connection") -> int:
        """RFC 6675's pipe: what was sent and is neither lost nor known to have arrived, and what was sent again."""
        in_flight = (c.snd_nxt - c.snd_una) & MASK
        board = c.scoreboard
        pipe = board.unsacked(self.lost_to, in_flight) + board.unsacked(0, min(self.sent_to, self.lost_to))
        if not c.sacking and self.cause is Cause.FAST:
            pipe -= c.duplicates * c.mss_bytes
        return max(pipe, 0)

    def send(self, c: "Connection", now_ns: int, at_once: bool = False) -> None:
        """Send what the congestion window has room for; `at_once`, one lost segment whatever the window says."""
        reduction = self.reduction
        if at_once:
            size = self._next(c, now_ns)
            if reduction is not None:
                reduction.sent += size
        pipe = self.in_the_pipe(c)
        room = c.congestion.window_bytes - pipe
        if reduction is not None:
            room = reduction.room(pipe, c.mss_bytes)
            reduction.fresh = 0
        while room >= c.mss_bytes:
            size = self._next(c, now_ns)
            if not size:
                break
            room -= size
            if reduction is not None:
                reduction.sent += size

    def _next(self, c: "Connection", now_ns: int) -> int:
        """RFC 6675's NextSeg(): send the segment whose turn it is; returns its size, 0 when there is none."""
        start, end = c.scoreboard.hole(self.sent_to)
        if start < self.lost_to:  # rule 1
            return self._again(c, start, min(end, self.lost_to), now_ns)
        size = output.send_more(c, c.snd_wnd, now_ns)  # rule 2
        if size or self.cause is not Cause.FAST or not c.sacking:
            return size
        if start < c.scoreboard.highest:  # rule 3
            return self._again(c, start, end, now_ns)
        return 0

    def _again(self, c: "Connection", start: int, end: int, now_ns: int) -> int:
        size = min(end - start, c.mss_bytes)
        self.sent_to = start + size
        self.marks.append((start, (c.snd_nxt - c.snd_una) & MASK))
        return output.send_again(c, start, size, self.cause.value, now_ns)

    def send_lost_once_more(self, c: "Connection", now_ns: int) -> None:
        """What was sent again may be lost again: if the peer has three segments' worth of what left after it, it is."""
        if not self.marks or self.marks[0][0] != 0:
            return
        mark = self.marks[0][1]
        beyond = sum(end - max(start, mark) for start, end in c.scoreboard.ranges if end > mark)
        if beyond >= 3 * c.mss_bytes:
            self.marks.popleft()
            in_flight = (c.snd_nxt - c.snd_una) & MASK
            self.marks.appendleft((0, in_flight))
            end = c.scoreboard.hole(0)[1]
            output.send_again(c, 0, min(end, in_flight, c.mss_bytes), self.cause.value, now_ns)
