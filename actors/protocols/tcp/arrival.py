"""A segment arrives: RFC 9293 section 3.10.7, in its order, with the answers of RFC 5961 to what is not acceptable.

Everything may come here; the connection's fast path merely spares the expected segments the walk.
"""

import errno
import os
from typing import TYPE_CHECKING

from actors.protocols.tcp import loss, output, receive_buffer
from actors.protocols.tcp.reassembly import NOTHING_HELD, Reassembly
from actors.protocols.tcp.sequence import HALF, MASK, after, distance
from actors.protocols.tcp.states import Event, RemoteProtocolError, State
from actors.units import MILLISECOND
from actors.wire import tcp as wire
from actors.wire.tcp import ACK, FIN, RST, SYN, Segment

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

MAXIMUM_SHIFT = 14
"""RFC 7323 section 2.3: a larger window scale is taken as this."""
DEFAULT_MSS = 536
"""RFC 9293 section 3.7.1: the MSS of a peer that names none."""
MINIMUM_MSS = 48
"""Linux's tcp_min_snd_mss: no peer makes us send byte by byte."""

_UNSYNCHRONIZED = (State.CLOSED, State.LISTEN, State.SYN_SENT)
_RECEIVING = (State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2)


def segment_arrives(c: "Connection", data: bytes, now_ns: int) -> None:
    """Move the connection by this segment; what its state does not allow is answered and reported.

    Raises `Malformed`."""
    segment = wire.decode(data)
    c.heard_at_ns = now_ns
    unsynchronized = c.state in _UNSYNCHRONIZED
    try:
        if not unsynchronized:
            _in_synchronized(c, segment, now_ns)
        elif c.state is State.LISTEN:
            _in_listen(c, segment, now_ns)
        elif c.state is State.SYN_SENT:
            _in_syn_sent(c, segment, now_ns)
        else:
            c.move(_event(segment))
    except RemoteProtocolError as error:
        c.host.on_protocol_error(str(error))
        if not unsynchronized:
            output.send_challenge(c, now_ns)


def _event(segment: Segment) -> Event:
    """What a segment that is not acceptable wants to be."""
    if segment.flags & RST:
        return Event.RST
    if segment.flags & SYN:
        return Event.SYN_ACK if segment.flags & ACK else Event.SYN
    return Event.FIN if segment.flags & FIN else Event.ACK_OF_SYN


# ---- before both ends know each other's sequence numbers ----------------------------------------------------


def _in_listen(c: "Connection", segment: Segment, now_ns: int) -> None:
    if segment.flags & RST:
        c.move(Event.RST)
        return
    if segment.flags & ACK:
        output.send_reset_at(c, segment.acknowledgment)
    if segment.flags & (ACK | SYN) != SYN:
        c.move(_event(segment))  # which the table does not know
    c.move(Event.SYN)
    c.opened_at_ns = now_ns
    _take_syn(c, segment)
    output.send_syn(c, now_ns)


def _in_syn_sent(c: "Connection", segment: Segment, now_ns: int) -> None:
    flags = segment.flags
    acceptable = flags & ACK and segment.acknowledgment == c.snd_nxt
    if flags & ACK and not acceptable:
        if not flags & RST:
            _refuse_acknowledgment(c, segment.acknowledgment)
        return
    if flags & RST:
        if acceptable:
            c.move(Event.RST)
            c.host.on_reset("received", "refused")
            c.finish(_refused())
        return
    if not flags & SYN:
        c.move(_event(segment))
    c.move(Event.SYN_ACK if acceptable else Event.SYN)
    _take_syn(c, segment)
    if acceptable:
        _syn_acknowledged(c, segment, now_ns)
        c.unacknowledged_bytes = c.ack_threshold_bytes
        c.flush(now_ns)
    else:
        output.send_syn(c, now_ns)


def _refuse_acknowledgment(c: "Connection", acknowledgment: int) -> None:
    """An ACK of some other SYN than ours: whoever sent it believes in a connection that does not exist."""
    output.send_reset_at(c, acknowledgment)
    c.host.on_protocol_error(f"ACK of what was not sent in {c.state.name}")


def recall_syn(c: "Connection", syn: Segment) -> None:
    """A SYN that was answered statelessly is taken once its answer's ACK is here."""
    c.move(Event.SYN)
    _take_syn(c, syn)
    c.snd_nxt = (c.iss + 1) & MASK


def _take_syn(c: "Connection", segment: Segment) -> None:
    """The peer's first sequence number and what it can do."""
    c.irs = c.snd_wl1 = segment.sequence
    c.rcv_nxt = (segment.sequence + 1) & MASK
    c.snd_wnd = c.maximum_snd_wnd = segment.window  # never scaled in a SYN
    options = segment.options
    mss_bytes = min(max(options.mss or DEFAULT_MSS, MINIMUM_MSS), c.advertised_mss_bytes)
    c.sacking = c.sacking and options.sack_permitted
    c.timestamps = c.timestamps and options.timestamps is not None
    if c.timestamps and options.timestamps is not None:
        c.ts_recent = options.timestamps[0]
        mss_bytes -= output.TIMES_BYTES
    c.set_segment(mss_bytes)
    c.scaling = c.scaling and options.window_scale is not None
    if c.scaling:
        c.snd_shift = min(options.window_scale or 0, MAXIMUM_SHIFT)
        c.rcv_shift = c.settings.window_scale or 0
    c.update_window()


def _syn_acknowledged(c: "Connection", segment: Segment, now_ns: int) -> None:
    """Our SYN has arrived: ESTABLISHED, or closing already."""
    c.syn_acknowledged = True
    lost = c.attempts
    c.acknowledge((c.iss + 1) & MASK, 0, now_ns)
    if lost and not _sample_by_echo(c, segment, now_ns):
        c.round_trip.syn_was_lost()
    c.snd_wl1, c.snd_wl2 = segment.sequence, segment.acknowledgment
    if not segment.flags & SYN:
        c.snd_wnd = segment.window << c.snd_shift
    # RFC 6928 section 2: who had to repeat a SYN begins with one segment; Linux overlooks one repetition
    segments = 1 if lost > 1 else c.settings.initial_window_segments
    c.congestion.begin(c.mss_bytes, segments * c.mss_bytes)
    c.keep_alive(c.settings.keepalive, now_ns)
    receive_buffer.begin(c, now_ns)
    c.predict()
    if c.state is State.ESTABLISHED:
        c.host.on_established()


def _sample_by_echo(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The round trip time by timestamps, which know which of two transmissions was answered (RFC 7323 section 4)."""
    times = segment.options.timestamps
    if not c.timestamps or times is None:
        return False
    elapsed_ms = (c.clock(now_ns) - times[1]) & MASK
    if elapsed_ms >= HALF:
        return False
    c.round_trip.sample(max(elapsed_ms, 1) * MILLISECOND)
    return True


# ---- after that ---------------------------------------------------------------------------------------------


def _in_synchronized(c: "Connection", segment: Segment, now_ns: int) -> None:
    sequence, flags, payload = segment.sequence, segment.flags, segment.payload
    if c.state is State.SYN_RECEIVED and flags & SYN and sequence == c.irs:
        if not _syn_again(c, segment, now_ns):
            return
        # both opened at once: the SYN has been taken, the rest counts
        sequence, flags = c.rcv_nxt, flags & ~SYN
    if c.state is State.TIME_WAIT and flags & (SYN | ACK | RST) == SYN and _is_newer(c, segment):
        c.move(Event.NEW_INCARNATION)  # RFC 9293 section 3.10.7.4, as Linux does
        c.finish(None)
        c.host.on_successor(segment)
        return
    size = len(payload) + (flags & FIN)
    if not (_in_time(c, segment) or flags & RST) or not _acceptable(c, sequence, size):
        if not flags & RST:
            _answer_unacceptable(c, sequence, size, flags, now_ns)
        return
    _take_time(c, segment)
    if flags & RST:
        _reset(c, sequence, now_ns)
        return
    if flags & SYN:
        # RFC 5961 section 4: whatever its number, it only gets an answer
        raise RemoteProtocolError(f"{_event(segment).value} in {c.state.name}")
    if not flags & ACK:
        return
    if not _take_acknowledgment(c, segment, now_ns) or c.state is State.CLOSED:
        return
    if payload:
        _take_text(c, sequence, payload, now_ns)
    if flags & FIN and c.state is not State.CLOSED:
        _take_fin(c, (sequence + len(payload)) & MASK, now_ns)
    if c.state is not State.CLOSED and c.rcv_nxt == c.peer_fin:
        _stream_ends(c, now_ns)
    c.flush(now_ns)


def _syn_again(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The peer's SYN once more: it has not seen our SYN,ACK. True if it brings the ACK of ours (simultaneous open)."""
    if not segment.flags & ACK:
        c.move(Event.SYN)
        _take_time(c, segment)
        output.send_syn(c, now_ns)
    return bool(segment.flags & ACK)


def _acceptable(c: "Connection", sequence: int, size: int) -> bool:
    """As Linux's tcp_sequence(): touches what is still to come, and begins inside the window. Laxer than the RFC for
    a shut window, whose acknowledgments must be taken all the same."""
    ends_in_the_past = after(c.rcv_nxt, (sequence + size) & MASK)
    return not ends_in_the_past and distance(sequence, c.rcv_nxt) <= c.receive_room_bytes()


def _answer_unacceptable(c: "Connection", sequence: int, size: int, flags: int, now_ns: int) -> None:
    """Tell where we are: at once to a peer that repeats itself, else not too often (see `send_challenge`)."""
    if not size and not flags & SYN:
        output.send_challenge(c, now_ns)
        return
    end = (sequence + size) & MASK
    twice = size and 0 <= distance(c.rcv_nxt, end) <= c.receive_buffer_bytes
    output.send_ack(c, now_ns, (sequence, end) if twice else None)


def _in_time(c: "Connection", segment: Segment) -> bool:
    """Protection against wrapped sequence numbers (RFC 7323 section 5): a segment's clock does not go back."""
    times = segment.options.timestamps
    return not c.timestamps or times is None or (times[0] - c.ts_recent) & MASK < HALF


def _take_time(c: "Connection", segment: Segment) -> None:
    """What we echo is the time of the segment that our next acknowledgment answers (section 4.3)."""
    times = segment.options.timestamps
    if times is not None and c.timestamps:
        ahead = distance(segment.sequence, c.rcv_nxt)
        if ahead < 0 or (ahead == 0 and not c.unacknowledged_bytes):
            c.ts_recent = times[0]


def _is_newer(c: "Connection", segment: Segment) -> bool:
    """Whether a SYN in TIME_WAIT cannot be one of long ago: by its number, or by its clock."""
    times = segment.options.timestamps
    by_clock = c.timestamps and times is not None and 0 < (times[0] - c.ts_recent) & MASK < HALF
    return by_clock or after(segment.sequence, c.rcv_nxt)


def _reset(c: "Connection", sequence: int, now_ns: int) -> None:
    """RFC 5961 section 3: only a RST that names the very next byte is believed."""
    if sequence != c.rcv_nxt:
        output.send_challenge(c, now_ns)
        return
    opening, over = c.state is State.SYN_RECEIVED, c.state is State.TIME_WAIT
    c.host.on_reset("received", f"in {c.state.name}")
    c.move(Event.RST)
    if over:
        c.finish(None)
    elif opening:
        c.finish(_refused())
    else:
        c.finish(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


def _refused() -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def _take_acknowledgment(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The ACK field; False when the rest of the segment must not be looked at."""
    acknowledgment = segment.acknowledgment
    if not c.syn_acknowledged:
        if not 0 < distance(acknowledgment, c.iss) <= distance(c.snd_nxt, c.iss):
            _refuse_acknowledgment(c, acknowledgment)
            return False
        if c.state is State.SYN_RECEIVED:
            if not c.host.admit():
                if c.settings.abort_on_overflow:
                    c.abort("accept queue full")
                return False
            c.move(Event.SYN_ACK if segment.flags & SYN else Event.ACK_OF_SYN)
        _syn_acknowledged(c, segment, now_ns)
    if after(acknowledgment, c.snd_nxt):
        raise RemoteProtocolError(f"ACK of what was not sent in {c.state.name}")
    new = distance(acknowledgment, c.snd_una)
    if new < -c.maximum_snd_wnd:
        raise RemoteProtocolError(f"ACK of long ago in {c.state.name}")  # RFC 5961 section 5
    c.probes = 0
    window = c.snd_wnd
    if new >= 0:
        _update_send_window(c, segment)
    if new > 0:
        _take_new_acknowledgment(c, segment, new, now_ns)
    if new >= 0 and c.state is not State.CLOSED:
        loss.take(c, segment, new, window == c.snd_wnd, now_ns)
    return True


def _update_send_window(c: "Connection", segment: Segment) -> None:
    """Only a segment that is not older than the last one that told the window may tell it (section 3.10.7.4)."""
    newer = distance(segment.sequence, c.snd_wl1)
    if newer > 0 or (newer == 0 and distance(segment.acknowledgment, c.snd_wl2) >= 0):
        c.snd_wnd = segment.window if segment.flags & SYN else segment.window << c.snd_shift
        c.snd_wl1, c.snd_wl2 = segment.sequence, segment.acknowledgment


def _take_new_acknowledgment(c: "Connection", segment: Segment, new: int, now_ns: int) -> None:
    fin_acknowledged = c.fin_pending and new > len(c.send_buffer)
    timed = c.timed_at_ns != output.NEVER
    c.acknowledge(segment.acknowledgment, new, now_ns)
    if not timed:
        _sample_by_echo(c, segment, now_ns)
    if not fin_acknowledged:
        return
    c.fin_pending = False
    c.move(Event.ACK_OF_FIN)
    if c.state is State.CLOSED:
        c.finish(None)
    elif c.state is State.TIME_WAIT or c.orphaned:
        c.linger(now_ns)


def _take_text(c: "Connection", sequence: int, payload: bytes, now_ns: int) -> None:
    """The payload of a segment that touches the window: deliver it, keep it for later, or drop what is known."""
    if c.state not in _RECEIVING or (c.peer_fin is not None and not after(c.peer_fin, sequence)):
        c.unacknowledged_bytes = c.ack_threshold_bytes
        return
    known = distance(c.rcv_nxt, sequence)
    if known > 0:
        if known >= len(payload):
            output.send_ack(c, now_ns, (sequence, (sequence + len(payload)) & MASK))
            return
        sequence, payload = c.rcv_nxt, payload[known:]
    if payload and c.orphaned:
        # nobody will ever read this; Linux counts TCPAbortOnData
        c.abort("data after close")
        return
    ahead = distance(sequence, c.rcv_nxt)
    payload = payload[: max(c.receive_room_bytes() - ahead, 0)]
    if ahead or not payload:
        c.unacknowledged_bytes = c.ack_threshold_bytes
        if payload:
            if c.out_of_order is NOTHING_HELD:
                c.out_of_order = Reassembly()
            c.out_of_order.put(sequence, payload, c.rcv_nxt)
            c.predictable = False
        return
    _advance(c, payload, now_ns)


def _advance(c: "Connection", payload: bytes, now_ns: int) -> None:
    """The next bytes in order are here, and perhaps some that waited for them."""
    c.rcv_nxt = (c.rcv_nxt + len(payload)) & MASK
    c.unacknowledged_bytes += len(payload)
    if c.out_of_order:
        waited = c.out_of_order.take(c.rcv_nxt)
        c.rcv_nxt = (c.rcv_nxt + len(waited)) & MASK
        payload += waited
        # RFC 5681 section 4.2: a gap was filled, say so at once
        c.unacknowledged_bytes = c.ack_threshold_bytes
        c.predict()
    if c.ack_at_ns == output.NEVER:
        c.ack_at_ns = now_ns + c.settings.delayed_ack_ns
        if c.ack_at_ns < c.wake_at_ns:
            c.wake(c.ack_at_ns)
    if c.paused:
        c.unread.append(payload)
        c.unread_bytes += len(payload)
        c.update_window()
    else:
        c.host.on_data(payload)


def _take_fin(c: "Connection", sequence: int, now_ns: int) -> None:
    """The peer's FIN, perhaps before its turn, perhaps not for the first time."""
    c.unacknowledged_bytes = c.ack_threshold_bytes
    if c.state in _RECEIVING:
        c.peer_fin = sequence
        c.predictable = False
        return
    c.move(Event.FIN)
    if c.state is State.TIME_WAIT:
        c.linger(now_ns)


def _stream_ends(c: "Connection", now_ns: int) -> None:
    """All before the peer's FIN has been received, so the FIN has."""
    if c.state not in _RECEIVING:
        return
    c.rcv_nxt = (c.rcv_nxt + 1) & MASK
    c.move(Event.FIN)
    if c.state is State.TIME_WAIT:
        c.linger(now_ns)
    if c.unread or c.paused:
        c.end_unread = True
    else:
        c.host.on_end()
