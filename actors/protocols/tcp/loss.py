"""Finding losses: what acknowledgments say about segments that did not arrive.

- Three duplicate acknowledgments, or three segments' worth of selectively acknowledged data, behind a hole: it is lost
  (RFC 5681, RFC 6675). Fewer do when so few segments are in flight that there cannot be three (RFC 5827).
- Once the path has been seen to reorder, counting misleads: a hole is lost when it is still there after a quarter of
  the round trip time, and longer each time that this was too soon (the reordering window of RACK, RFC 8985).
- Nothing comes back at all: a probe at the tail (RFC 8985 section 7), then the retransmission timer (`timers.py`).

A loss that was none is found out by timestamps (Eifel, RFC 3522): an acknowledgment that echoes a time before the
retransmission was caused by the original. Then the congestion window is what it was.
"""

from typing import TYPE_CHECKING

from actors.protocols.tcp import output
from actors.protocols.tcp.recovery import Cause, Proportional, Recovery
from actors.protocols.tcp.scoreboard import DUPLICATE_THRESHOLD, NOTHING_SACKED, Scoreboard
from actors.protocols.tcp.sequence import HALF, MASK, distance
from actors.wire.tcp import FIN, SYN, Segment

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

MAXIMUM_STEPS = 4
"""Quarters of the round trip time that a hole may be given."""
MINIMUM_PATIENCE_NS = 1_000_000


def take(c: "Connection", segment: Segment, new: int, same_window: bool, now_ns: int) -> None:
    """Look at an acknowledgment of `new` bytes, 0 for an old one, once `snd_una` has moved."""
    episode = c.recovery
    if not new and c.snd_nxt == c.snd_una:
        return
    known = new - c.scoreboard.sacked_bytes
    if new and c.scoreboard.ranges:
        if episode is None:
            _notice_reordering(c)
        c.scoreboard.advance(new)
    news = _take_ranges(c, segment) if c.sacking else 0
    if episode is not None and episode.reduction is not None:
        episode.reduction.arrived(known + c.scoreboard.sacked_bytes)
    if new:
        _progress(c, segment, new, now_ns)
    elif news or (same_window and not segment.payload and not segment.flags & (SYN | FIN)):
        c.duplicates += 1
    _find(c, bool(new), now_ns)
    c.left_bytes = c.scoreboard.sacked_bytes or _left_without_sack(c)
    c.predict()


def _left_without_sack(c: "Connection") -> int:
    """Limited transmit (RFC 3042): the first two duplicates let a segment more go, each."""
    if c.sacking or c.recovery is not None:
        return 0
    return min(c.duplicates, DUPLICATE_THRESHOLD - 1) * c.mss_bytes


def _take_ranges(c: "Connection", segment: Segment) -> int:
    """Put the blocks into the scoreboard; duplicate ones (RFC 2883) and nonsense fall out."""
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    news = 0
    for left, right in segment.options.sack:
        start, end = distance(left, c.snd_una), distance(right, c.snd_una)
        if 0 < start < end <= in_flight:
            if c.scoreboard is NOTHING_SACKED:
                c.scoreboard = Scoreboard()
            news += c.scoreboard.add(start, end)
    return news


def _notice_reordering(c: "Connection") -> None:
    """A hole has been filled though nothing was sent again: the path has reordered."""
    if c.reordering_steps == 0:
        c.reordering_steps = 1


# ---- getting on -----------------------------------------------------------------------------------------------


def _progress(c: "Connection", segment: Segment, new: int, now_ns: int) -> None:
    """Something new was acknowledged."""
    episode = c.recovery
    c.probe_end = 0
    if episode is None:
        c.duplicates = 0
        if c.cwnd_limited:
            c.congestion.on_acknowledged(new, now_ns, c.round_trip.srtt_ns)
        return
    episode.advance(new, c.sacking and episode.cause is Cause.FAST and not c.reordering_steps)
    if _was_premature(c, segment, episode):
        c.congestion.undo()
        c.reordering_steps = min(c.reordering_steps + 1, MAXIMUM_STEPS)
        leave(c, "undone")
    elif episode.point <= 0:
        leave(c, "complete")
        if episode.sent_to:
            # losses of this round trip were found and repaired already: they count as the next episode's
            enter(c, Cause.FAST, episode.lost_to, now_ns, episode)
    elif episode.cause is not Cause.FAST:
        c.congestion.on_acknowledged(new, now_ns, c.round_trip.srtt_ns)
    elif not c.sacking:
        # RFC 6582 section 3.2 step 3: a partial acknowledgment says that the next segment is lost as well
        c.duplicates = max(c.duplicates - max(new // c.mss_bytes - 1, 0), 0)
        episode.lost_to = min(c.mss_bytes, episode.point)
        if not episode.sent_to:
            episode.send(c, now_ns, at_once=True)


def _was_premature(c: "Connection", segment: Segment, episode: Recovery) -> bool:
    times = segment.options.timestamps
    if not c.timestamps or times is None or episode.cause is Cause.PATH_MTU or not episode.began_at:
        return False
    earlier = (times[1] - episode.began_at) & MASK > HALF
    episode.began_at = 0  # only the first one tells
    return earlier


def leave(c: "Connection", outcome: str) -> None:
    """The recovery is over."""
    c.recovery = None
    c.duplicates = 0
    c.host.observer.on_recovered(outcome)


# ---- finding out ----------------------------------------------------------------------------------------------


def _find(c: "Connection", moved: bool, now_ns: int) -> None:
    board, episode = c.scoreboard, c.recovery
    if episode is not None:
        if c.sacking:
            if episode.cause is Cause.FAST:
                _find_more(c, episode, moved, now_ns)
            episode.send_lost_once_more(c, now_ns)
        return
    if not c.duplicates and not board.ranges:
        return
    if not c.sacking:
        if c.duplicates >= _threshold(c) and distance(c.snd_una, c.recover) > 0:
            enter(c, Cause.FAST, c.mss_bytes, now_ns)
        return
    if not board.ranges:
        return
    if c.probe_end and board.highest >= c.probe_end:
        enter(
            c, Cause.FAST, board.ranges[-1][0], now_ns
        )  # the probe came through, what lay before it did not
        return
    if not c.reordering_steps:
        lost_to = board.lost_to(c.mss_bytes)
        if not lost_to and c.duplicates >= _threshold(c):
            lost_to = board.ranges[0][0]
        if lost_to:
            enter(c, Cause.FAST, lost_to, now_ns)
            return
    if moved or not c.left_bytes:
        _be_patient(c, now_ns)


def _find_more(c: "Connection", episode: Recovery, moved: bool, now_ns: int) -> None:
    """Further holes show up while the first is being repaired."""
    board = c.scoreboard
    if not c.reordering_steps:
        episode.lost_to = max(episode.lost_to, board.lost_to(c.mss_bytes))
    elif board.hole(episode.lost_to)[0] < board.highest and (moved or c.early_at_ns == output.NEVER):
        _be_patient(c, now_ns)


def _threshold(c: "Connection") -> int:
    """Three duplicates, or all that can be when less is in flight and nothing is left to send (RFC 5827)."""
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    segments = -(-in_flight // c.mss_bytes)
    if segments > DUPLICATE_THRESHOLD or (len(c.send_buffer) > in_flight and c.snd_wnd > in_flight):
        return DUPLICATE_THRESHOLD
    return max(segments - 1, 1)


def _be_patient(c: "Connection", now_ns: int) -> None:
    """Give the first hole a reordering window's time; `expire_early` looks at it again."""
    quarter_ns = max(c.round_trip.srtt_ns >> 2, MINIMUM_PATIENCE_NS)
    output.arm_early(c, now_ns + quarter_ns * max(c.reordering_steps, 1))


def expire_early(c: "Connection", now_ns: int) -> None:
    """The reordering window, or the time until a probe at the tail, is over."""
    c.early_at_ns = output.NEVER
    board, episode = c.scoreboard, c.recovery
    if episode is not None:
        if episode.cause is Cause.FAST and c.sacking and board.hole(episode.lost_to)[0] < board.highest:
            episode.lost_to = board.hole(episode.lost_to)[1]
            output.send_pending(c, now_ns)
            _find_more(c, episode, False, now_ns)
        return
    if c.scoreboard.ranges:
        enter(c, Cause.FAST, c.scoreboard.ranges[0][0], now_ns)
        output.send_pending(c, now_ns)
    else:
        output.send_tail_probe(c, now_ns)


def enter(c: "Connection", cause: Cause, lost_to: int, now_ns: int, previous: Recovery | None = None) -> None:
    """Begin a recovery with the first lost segment, or with what the `previous` one has sent again already;
    `Cause.PATH_MTU` is no fault of the congestion window's."""
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    if cause is Cause.FAST:
        c.congestion.on_loss(in_flight)
    elif cause is Cause.TIMEOUT:
        c.congestion.on_timeout(in_flight)
    began_at = c.clock(now_ns) if c.timestamps and previous is None else 0
    c.recovery = Recovery(cause, in_flight, min(lost_to, in_flight), began_at)
    c.recover = c.snd_nxt
    c.cwnd_limited = True
    c.predictable = False
    c.timed_at_ns = output.NEVER  # Karn: an answer to something sent twice tells nothing about the round trip
    c.early_at_ns = output.NEVER
    c.probe_end = 0
    c.host.observer.on_recovery(cause.value, in_flight, lost_to)
    if cause is Cause.FAST and c.sacking:
        c.recovery.reduction = Proportional(in_flight, c.congestion.window_bytes)
    if previous is not None:
        c.recovery.sent_to, c.recovery.marks = previous.sent_to, previous.marks
    c.recovery.send(c, now_ns, at_once=previous is None)
