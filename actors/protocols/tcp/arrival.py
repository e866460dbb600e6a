"""A segment arrives: RFC 9293 section 3.10.7, in its order, with the answers of RFC 5961 to what is not acceptable.

Everything may come here; the connection's fast path merely spares the expected segments the walk.
"""

import errno
import os
from typing import TYPE_CHECKING

from actors.protocols.tcp import handshake, loss, output, text, timestamps
from actors.protocols.tcp.sequence import MASK, after, distance
from actors.protocols.tcp.states import Event, RemoteProtocolError, State
from actors.wire import tcp as wire
from actors.wire.tcp import ACK, FIN, RST, SYN, Segment

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

_UNSYNCHRONIZED = (State.CLOSED, State.LISTEN, State.SYN_SENT)


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
            handshake.in_listen(c, segment, now_ns)
        elif c.state is State.SYN_SENT:
            handshake.in_syn_sent(c, segment, now_ns)
        else:
            c.move(handshake.event_of(segment))
    except RemoteProtocolError as error:
        c.host.observer.on_protocol_error(str(error))
        if not unsynchronized:
            output.send_challenge(c, now_ns)


def _in_synchronized(c: "Connection", segment: Segment, now_ns: int) -> None:
    sequence, flags, payload = segment.sequence, segment.flags, segment.payload
    if c.state is State.SYN_RECEIVED and flags & SYN and sequence == c.irs:
        if not _syn_again(c, segment, now_ns):
            return
        # both opened at once: the SYN has been taken, the rest counts
        sequence, flags = c.rcv_nxt, flags & ~SYN
    if c.state is State.TIME_WAIT and flags & (SYN | ACK | RST) == SYN and timestamps.is_newer(c, segment):
        c.move(Event.NEW_INCARNATION)  # RFC 9293 section 3.10.7.4, as Linux does
        c.finish(None)
        c.host.on_successor(segment)
        return
    size = len(payload) + (flags & FIN)
    if not (timestamps.in_time(c, segment) or flags & RST) or not _acceptable(c, sequence, size):
        if not flags & RST:
            _answer_unacceptable(c, sequence, size, flags, now_ns)
        return
    timestamps.take(c, segment)
    if flags & RST:
        _reset(c, sequence, now_ns)
        return
    if flags & SYN:
        # RFC 5961 section 4: whatever its number, it only gets an answer
        raise RemoteProtocolError(f"{handshake.event_of(segment).value} in {c.state.name}")
    if not flags & ACK:
        return
    if not _take_acknowledgment(c, segment, now_ns) or c.state is State.CLOSED:
        return
    if payload:
        text.take_text(c, sequence, payload, now_ns)
    if flags & FIN and c.state is not State.CLOSED:
        text.take_fin(c, (sequence + len(payload)) & MASK, now_ns)
    if c.state is not State.CLOSED and c.rcv_nxt == c.peer_fin:
        text.stream_ends(c, now_ns)
    c.flush(now_ns)


def _syn_again(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The peer's SYN once more: it has not seen our SYN,ACK. True if it brings the ACK of ours (simultaneous open)."""
    if not segment.flags & ACK:
        c.move(Event.SYN)
        timestamps.take(c, segment)
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


def _reset(c: "Connection", sequence: int, now_ns: int) -> None:
    """RFC 5961 section 3: only a RST that names the very next byte is believed."""
    if sequence != c.rcv_nxt:
        output.send_challenge(c, now_ns)
        return
    opening, over = c.state is State.SYN_RECEIVED, c.state is State.TIME_WAIT
    c.host.observer.on_reset("received", f"in {c.state.name}")
    c.move(Event.RST)
    if over:
        c.finish(None)
    elif opening:
        c.finish(handshake.refused())
    else:
        c.finish(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


def _take_acknowledgment(c: "Connection", segment: Segment, now_ns: int) -> bool:
    """The ACK field; False when the rest of the segment must not be looked at."""
    acknowledgment = segment.acknowledgment
    if not c.syn_acknowledged:
        if not 0 < distance(acknowledgment, c.iss) <= distance(c.snd_nxt, c.iss):
            handshake.refuse_acknowledgment(c, acknowledgment)
            return False
        if c.state is State.SYN_RECEIVED:
            if not c.host.admit():
                if c.settings.abort_on_overflow:
                    c.abort("accept queue full")
                return False
            c.move(Event.SYN_ACK if segment.flags & SYN else Event.ACK_OF_SYN)
        handshake.syn_acknowledged(c, segment, now_ns)
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
        timestamps.sample_round_trip(c, segment, now_ns)
    if not fin_acknowledged:
        return
    c.fin_pending = False
    c.move(Event.ACK_OF_FIN)
    if c.state is State.CLOSED:
        c.finish(None)
    elif c.state is State.TIME_WAIT or c.orphaned:
        c.linger(now_ns)
