"""What a connection sends: segments as they are put together, and how much of the send buffer may go now."""

from struct import Struct
from typing import TYPE_CHECKING

from actors.protocols.tcp import receive_buffer
from actors.protocols.tcp.sequence import HALF, MASK
from actors.protocols.tcp.states import State
from actors.units import MILLISECOND
from actors.wire import tcp as wire
from actors.wire.tcp import ACK, FIN, PSH, RST, SYN

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

NEVER = 1 << 62
HEADER = Struct("!4sIIHHI").pack
"""ports, sequence, acknowledgment, header length and flags, window, checksum (offloaded: 0) and urgent pointer (0)."""
HEADER_WITH_TIMES = Struct("!4sIIHHIIII").pack
"""The same, and NOP, NOP, timestamps (their four bytes are `TIMES`, TSval, TSecr)."""
TIMES = 0x0101080A
TIMES_BYTES = 12
_LENGTH = 5 << 12
_LENGTH_WITH_TIMES = 8 << 12
_MAXIMUM_BLOCKS = 4
PROBE_SLACK_NS = 2 * MILLISECOND
"""Linux's TCP_TIMEOUT_MIN: a probe is not sent just before the answer comes."""


def transmit(
    c: "Connection", sequence: int, flags: int, now_ns: int, payload: bytes | bytearray = b""
) -> None:
    """Send a segment; it carries the newest acknowledgment, so none is due any more."""
    c.unacknowledged_bytes = 0
    c.ack_at_ns = NEVER
    if c.timestamps:
        if now_ns > c.stamped_ns:
            c.stamped_ns = now_ns
        header = HEADER_WITH_TIMES(
            c.ports, sequence, c.rcv_nxt, _LENGTH_WITH_TIMES | flags, c.window_field, 0,
            TIMES, (c.stamped_ns // MILLISECOND + c.clock_offset) & MASK, c.ts_recent,
        )  # fmt: skip
    else:
        header = HEADER(c.ports, sequence, c.rcv_nxt, _LENGTH | flags, c.window_field, 0)
    c.host.transmit(header + payload if payload else header)


def send_ack(c: "Connection", now_ns: int, duplicate: tuple[int, int] | None = None) -> None:
    """An acknowledgment, with what lies behind the gap, newest first (RFC 2018 section 4), and the sequence numbers
    that have come twice before all others (RFC 2883)."""
    if (c.rcv_nxt - c.measured_to) & MASK < HALF:
        receive_buffer.adjust(c, now_ns)
    blocks = c.out_of_order.blocks() if c.sacking and c.out_of_order else []
    if duplicate is not None and c.sacking:
        blocks = [duplicate, *blocks]
    if not blocks:
        transmit(c, c.snd_nxt, ACK, now_ns)
        return
    c.unacknowledged_bytes = 0
    c.ack_at_ns = NEVER
    times = (c.clock(now_ns), c.ts_recent) if c.timestamps else None
    options = wire.Options(sack=tuple(blocks[: _MAXIMUM_BLOCKS - c.timestamps]), timestamps=times)
    c.host.transmit(_with_options(c, c.snd_nxt, ACK, c.window_field, options))


def _with_options(c: "Connection", sequence: int, flags: int, window: int, options: wire.Options) -> bytes:
    acknowledgment = c.rcv_nxt if flags & ACK else 0
    source, destination = int.from_bytes(c.ports[:2]), int.from_bytes(c.ports[2:])
    segment = wire.Segment(source, destination, sequence, acknowledgment, flags, window, options=options)
    return wire.encode(segment, b"", b"")


def send_challenge(c: "Connection", now_ns: int) -> None:
    """Answer nonsense with where we are (RFC 5961), though not to all of it: two ends that take each other's
    answers for nonsense must fall silent."""
    if now_ns - c.challenged_at_ns >= c.settings.challenge_interval_ns:
        c.challenged_at_ns = now_ns
        send_ack(c, now_ns)


def send_reset(c: "Connection") -> None:
    c.host.transmit(HEADER(c.ports, c.snd_nxt, c.rcv_nxt, _LENGTH | RST | ACK, c.window_field, 0))


def send_reset_at(c: "Connection", sequence: int) -> None:
    """The RST for a segment with an unacceptable ACK: it takes its sequence number from that."""
    c.host.transmit(HEADER(c.ports, sequence, 0, _LENGTH | RST, 0, 0))
    c.host.observer.on_reset("sent", f"unacceptable ACK in {c.state.name}")


def send_syn(c: "Connection", now_ns: int) -> None:
    """Our SYN, with an ACK when the peer's has come; again, when it was lost. A SYN,ACK offers only what the peer's
    SYN has offered."""
    options = wire.Options(
        mss=c.advertised_mss_bytes,
        window_scale=c.settings.window_scale if c.scaling else None,
        sack_permitted=c.sacking,
        timestamps=(c.clock(now_ns), c.ts_recent) if c.timestamps else None,
    )
    flags = SYN | ACK if c.state is not State.SYN_SENT else SYN
    if c.snd_nxt == c.iss:
        c.snd_nxt = (c.iss + 1) & MASK
        c.timed_at_ns, c.timed_sequence = now_ns, c.snd_nxt
    c.sent_at_ns = now_ns
    arm_retransmission(c, now_ns)
    window = min(c.settings.receive_buffer_bytes, 0xFFFF)  # never scaled in a SYN
    c.host.transmit(_with_options(c, c.iss, flags, window, options))


# ---- data ---------------------------------------------------------------------------------------------------


def send_pending(c: "Connection", now_ns: int) -> None:
    """Send what the peer's window and congestion control allow of the send buffer, and the FIN behind it."""
    if not c.syn_acknowledged or c.state is State.CLOSED:
        return
    if c.snd_wnd > c.maximum_snd_wnd:
        c.maximum_snd_wnd = c.snd_wnd
    if c.recovery is not None:
        c.recovery.send(c, now_ns)
    else:
        if c.snd_nxt == c.snd_una:
            after_idle(c, now_ns)
        window = c.congestion.window_bytes + c.left_bytes
        limit = min(c.snd_wnd, window)
        while send_more(c, limit, now_ns):
            pass
        if window <= c.snd_wnd and len(c.send_buffer.data) > (c.snd_nxt - c.snd_una) & MASK:
            c.cwnd_limited = True
    _arm(c, now_ns)
    if c.room_below_bytes >= 0 and c.unsent_bytes() <= c.room_below_bytes:
        c.host.on_room()


def send_more(c: "Connection", limit: int, now_ns: int) -> int:
    """Send the next new segment, with the FIN if it ends the stream, if no more than `limit` bytes are in flight then;
    returns how many bytes of sequence numbers it took, 0 when none was sent."""
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    remaining = len(c.send_buffer.data) - in_flight
    if remaining < 0 or (remaining == 0 and not c.fin_pending):
        return 0  # all is sent, the FIN (one beyond the buffer) included
    usable = limit - in_flight
    size = min(remaining, c.mss_bytes, usable)
    if usable <= 0 or (size < c.mss_bytes and size < remaining and size < c.maximum_snd_wnd // 2):
        return 0  # the window is closed, or would be filled by crumbs (RFC 9293 section 3.8.6.2.1)
    return _send_piece(c, in_flight, size, now_ns)


def _send_piece(c: "Connection", offset: int, size: int, now_ns: int) -> int:
    """Send the piece of the send buffer that begins at `snd_nxt`, with the FIN if it ends the stream."""
    sequence = c.snd_nxt
    last = offset + size == len(c.send_buffer.data)
    flags = ACK
    if last and c.fin_pending:
        flags |= FIN
    if last and size:
        flags |= PSH
    c.snd_nxt = (sequence + size + (flags & FIN)) & MASK
    if c.timed_at_ns == NEVER and c.recovery is None:
        c.timed_at_ns, c.timed_sequence = now_ns, c.snd_nxt
    c.sent_at_ns = now_ns
    transmit(c, sequence, flags, now_ns, c.send_buffer.data[offset : offset + size])
    if flags & FIN:
        c.host.on_fin_sent()
    return size + (flags & FIN)


def send_again(c: "Connection", offset: int, size: int, why: str, now_ns: int) -> int:
    """Send `size` bytes of sequence numbers from `snd_una + offset` on once more, whatever the peer's window is now: it
    once allowed them. Returns the size."""
    buffered = len(c.send_buffer.data)
    flags = ACK
    data = c.send_buffer.data[offset : offset + size]
    if offset + size > buffered:
        flags |= FIN
    if data and offset + size >= buffered:
        flags |= PSH
    c.retransmits += 1
    c.sent_at_ns = now_ns
    c.host.observer.on_retransmit("data" if data else "FIN", len(data), why)
    transmit(c, (c.snd_una + offset) & MASK, flags, now_ns, data)
    return size


def after_idle(c: "Connection", now_ns: int) -> None:
    """Before sending after a silence: what the path can take may have changed (RFC 5681 section 4.1)."""
    idle_ns = now_ns - c.sent_at_ns
    if idle_ns > c.round_trip.rto_ns:
        initial = c.settings.initial_window_segments * c.mss_bytes
        c.congestion.on_idle(idle_ns, initial if c.settings.slow_start_after_idle else None)


def _arm(c: "Connection", now_ns: int) -> None:
    """With something in flight the retransmission timer runs; with only something to send, the persist timer."""
    if c.snd_nxt != c.snd_una:
        c.persist_at_ns = NEVER
        c.persist_interval_ns = 0
        if c.retransmit_at_ns == NEVER:
            arm_retransmission(c, now_ns)
        if c.early_at_ns == NEVER and not c.probe_end:
            _arm_tail_probe(c, now_ns)
    elif (c.send_buffer or c.fin_pending) and c.persist_at_ns == NEVER:
        c.persist_interval_ns = c.round_trip.rto_ns
        arm_persist(c, now_ns)


def arm_retransmission(c: "Connection", now_ns: int) -> None:
    at_ns = c.retransmit_at_ns = now_ns + c.round_trip.rto_ns
    if at_ns < c.wake_at_ns:
        c.wake(at_ns)


def arm_persist(c: "Connection", now_ns: int) -> None:
    at_ns = c.persist_at_ns = now_ns + c.persist_interval_ns
    if at_ns < c.wake_at_ns:
        c.wake(at_ns)


def arm_early(c: "Connection", at_ns: int) -> None:
    """The time of a tail loss probe, or of a hole that was given the benefit of the doubt."""
    c.early_at_ns = at_ns
    if at_ns < c.wake_at_ns:
        c.wake(at_ns)


# ---- probes -------------------------------------------------------------------------------------------------


def _arm_tail_probe(c: "Connection", now_ns: int) -> None:
    """RFC 8985 section 7.2: two round trips without an answer; a lone segment would have to allow for the peer's
    delayed acknowledgment too, and then the retransmission timer is as quick."""
    if (
        c.settings.early_retransmit and c.sacking and c.recovery is None and not c.left_bytes
        and c.round_trip.srtt_ns and (c.snd_nxt - c.snd_una) & MASK > c.mss_bytes
    ):  # fmt: skip
        at_ns = now_ns + 2 * c.round_trip.srtt_ns + PROBE_SLACK_NS
        if at_ns < c.retransmit_at_ns:
            arm_early(c, at_ns)


def send_tail_probe(c: "Connection", now_ns: int) -> None:
    """Section 7.3: a new segment, or the last one again, so that its acknowledgment tells what became of the others."""
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    if in_flight <= c.mss_bytes:
        return
    c.host.observer.on_probe("tail loss", 1)
    if not send_more(c, c.snd_wnd, now_ns):
        size = min(c.mss_bytes, in_flight)
        c.timed_at_ns = NEVER
        send_again(c, in_flight - size, size, "tail loss probe", now_ns)
    c.probe_end = (c.snd_nxt - c.snd_una) & MASK
    arm_retransmission(c, now_ns)


def send_crumb(c: "Connection", now_ns: int) -> bool:
    """Fill a window that was too small to be worth it, now that waiting has brought no larger one."""
    usable = min(c.snd_wnd, c.mss_bytes)
    if usable:
        _send_piece(c, 0, min(len(c.send_buffer), usable), now_ns)
        _arm(c, now_ns)
    return usable > 0


def send_probe(c: "Connection", now_ns: int) -> None:
    """Ask for the window, or whether anybody is there, as Linux does: an old sequence number and no data, which must
    be answered by an ACK.

    The peer looks at nothing else in it, so an acknowledgment that is due stays due."""
    due_bytes, due_at_ns = c.unacknowledged_bytes, c.ack_at_ns
    transmit(c, (c.snd_una - 1) & MASK, ACK, now_ns)
    c.unacknowledged_bytes, c.ack_at_ns = due_bytes, due_at_ns
