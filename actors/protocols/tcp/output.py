"""What a connection sends: segments as they are put together, and how much of the send buffer may go now."""

from struct import Struct
from typing import TYPE_CHECKING

from actors.protocols.tcp.sequence import MASK, after
from actors.protocols.tcp.states import State
from actors.wire import tcp as wire
from actors.wire.tcp import ACK, FIN, PSH, RST, SYN

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

NEVER = 1 << 62
HEADER = Struct("!4sIIHHI").pack
"""ports, sequence, acknowledgment, header length and flags, window, checksum (offloaded: 0) and urgent pointer (0)."""
_LENGTH = 5 << 12


def transmit(c: "Connection", sequence: int, flags: int, payload: bytes | bytearray = b"") -> None:
    """Send a segment without options; it carries the newest acknowledgment, so none is due any more."""
    c.unacknowledged_bytes = 0
    c.ack_at_ns = NEVER
    c.host.transmit(HEADER(c.ports, sequence, c.rcv_nxt, _LENGTH | flags, c.window_field, 0) + payload)


def send_ack(c: "Connection") -> None:
    """From `snd_max`, as in BSD: while we go back, a peer that has more than we think would find `snd_nxt` too old to
    look at, and if it goes back as well, neither would ever take the other's ACK."""
    transmit(c, c.snd_max, ACK)


def send_challenge(c: "Connection", now_ns: int) -> None:
    """Answer nonsense with where we are (RFC 5961), though not to all of it: two ends that take each other's
    answers for nonsense must fall silent."""
    if now_ns - c.challenged_at_ns >= c.settings.challenge_interval_ns:
        c.challenged_at_ns = now_ns
        send_ack(c)


def send_reset(c: "Connection") -> None:
    transmit(c, c.snd_max, RST | ACK)


def send_reset_at(c: "Connection", sequence: int) -> None:
    """The RST for a segment with an unacceptable ACK: it takes its sequence number from that."""
    c.host.transmit(HEADER(c.ports, sequence, 0, _LENGTH | RST, 0, 0))
    c.host.on_reset("sent", f"unacceptable ACK in {c.state.name}")


def send_syn(c: "Connection", now_ns: int) -> None:
    """Our SYN, with an ACK when the peer's has come; again, when it was lost."""
    # RFC 7323 section 1.3: a SYN,ACK scales only if the peer's SYN offered it
    scale = c.settings.window_scale if c.scaling else None
    options = wire.Options(mss=c.advertised_mss_bytes, window_scale=scale)
    flags, acknowledgment = (SYN | ACK, c.rcv_nxt) if c.state is not State.SYN_SENT else (SYN, 0)
    segment = wire.Segment(
        int.from_bytes(c.ports[:2]),
        int.from_bytes(c.ports[2:]),
        c.iss,
        acknowledgment,
        flags,
        min(c.settings.receive_buffer_bytes, 0xFFFF),  # the window of a SYN is never scaled
        options=options,
    )
    if c.snd_max == c.iss:
        c.snd_nxt = c.snd_max = (c.iss + 1) & MASK
        c.timed_at_ns, c.timed_sequence = now_ns, c.snd_nxt
    arm_retransmission(c, now_ns)
    c.host.transmit(wire.encode(segment, b"", b""))


def send_pending(c: "Connection", now_ns: int) -> None:
    """Send what the peer's window and congestion control allow of the send buffer, and the FIN behind it."""
    if not c.syn_acknowledged or c.state is State.CLOSED:
        return
    if c.snd_wnd > c.maximum_snd_wnd:
        c.maximum_snd_wnd = c.snd_wnd
    limit = min(c.snd_wnd, c.congestion.window_bytes)
    while True:
        in_flight = (c.snd_nxt - c.snd_una) & MASK
        remaining = len(c.send_buffer) - in_flight
        if remaining < 0 or (remaining == 0 and not c.fin_pending):
            break  # all is sent, the FIN (one beyond the buffer) included
        usable = limit - in_flight
        size = min(remaining, c.mss_bytes, usable)
        if usable <= 0 or (size < c.mss_bytes and size < remaining and size < c.maximum_snd_wnd // 2):
            break  # the window is closed, or would be filled by crumbs (RFC 9293 section 3.8.6.2.1)
        _send_piece(c, in_flight, size, now_ns)
    _arm(c, now_ns)
    if c.unsent_bytes() <= c.room_below_bytes:
        c.host.on_room()


def _send_piece(c: "Connection", offset: int, size: int, now_ns: int) -> None:
    """Send the piece of the send buffer that begins at `snd_nxt`, with the FIN if it ends the stream."""
    sequence = c.snd_nxt
    last = offset + size == len(c.send_buffer)
    flags = ACK
    if last and c.fin_pending:
        flags |= FIN
    if last and size:
        flags |= PSH
    c.snd_nxt = (sequence + size + (flags & FIN)) & MASK
    if sequence != c.snd_max:
        c.retransmits += 1
        c.host.on_retransmit("data" if size else "FIN", size)
    elif c.timed_at_ns == NEVER:
        c.timed_at_ns, c.timed_sequence = now_ns, c.snd_nxt
    if after(c.snd_nxt, c.snd_max):
        c.snd_max = c.snd_nxt
        if flags & FIN:
            transmit(c, sequence, flags, c.send_buffer.piece(offset, size))
            c.host.on_fin_sent()
            return
    transmit(c, sequence, flags, c.send_buffer.piece(offset, size))


def send_again(c: "Connection", now_ns: int) -> None:
    """Go back to the first unacknowledged byte and send one segment, whatever the window is now: it once allowed it."""
    c.snd_nxt = c.snd_una
    _send_piece(c, 0, min(len(c.send_buffer), c.mss_bytes), now_ns)
    c.predict()


def _arm(c: "Connection", now_ns: int) -> None:
    """With something in flight the retransmission timer runs; with only something to send, the persist timer."""
    if c.snd_nxt == c.snd_max and not c.predictable:
        c.predict()
    if c.snd_nxt != c.snd_una:
        c.persist_at_ns = NEVER
        c.persist_interval_ns = 0
        if c.retransmit_at_ns == NEVER:
            arm_retransmission(c, now_ns)
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


def send_crumb(c: "Connection", now_ns: int) -> bool:
    """Fill a window that was too small to be worth it, now that waiting has brought no larger one."""
    usable = min(c.snd_wnd, c.mss_bytes)
    if usable:
        _send_piece(c, 0, min(len(c.send_buffer), usable), now_ns)
        _arm(c, now_ns)
    return usable > 0


def send_probe(c: "Connection") -> None:
    """Ask for the window as Linux does: an old sequence number and no data, which must be answered by an ACK.

    The peer looks at nothing else in it, so an acknowledgment that is due stays due."""
    sequence = (c.snd_una - 1) & MASK
    c.host.transmit(HEADER(c.ports, sequence, c.rcv_nxt, _LENGTH | ACK, c.window_field, 0))
