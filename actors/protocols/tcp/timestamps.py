"""What the timestamps of an arriving segment are good for (RFC 7323): its age, and the round trip time."""

from typing import TYPE_CHECKING

from actors.protocols.tcp.sequence import HALF, MASK, after, distance
from actors.units import MILLISECOND
from actors.wire.tcp import Segment

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection


def in_time(c: "Connection", segment: Segment) -> bool:
    """Protection against wrapped sequence numbers (RFC 7323 section 5): a segment's clock does not go back."""
    times = segment.options.timestamps
    return not c.timestamps or times is None or (times[0] - c.ts_recent) & MASK < HALF


def take(c: "Connection", segment: Segment) -> None:
    """What we echo is the time of the segment that our next acknowledgment answers (section 4.3)."""
    times = segment.options.timestamps
    if times is not None and c.timestamps:
        ahead = distance(segment.sequence, c.rcv_nxt)
        if ahead < 0 or (ahead == 0 and not c.unacknowledged_bytes):
            c.ts_recent = times[0]


def is_newer(c: "Connection", segment: Segment) -> bool:
    """Whether a SYN in TIME_WAIT cannot be one of long ago: by its number, or by its clock."""
    times = segment.options.timestamps
    by_clock = c.timestamps and times is not None and 0 < (times[0] - c.ts_recent) & MASK < HALF
    return by_clock or after(segment.sequence, c.rcv_nxt)


def sample_round_trip(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The round trip time by timestamps, which know which of two transmissions was answered (RFC 7323 section 4)."""
    times = segment.options.timestamps
    if not c.timestamps or times is None:
        return False
    elapsed_ms = (c.clock(now_ns) - times[1]) & MASK
    if elapsed_ms >= HALF:
        return False
    c.round_trip.sample(max(elapsed_ms, 1) * MILLISECOND)
    return True
