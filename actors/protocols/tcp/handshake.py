"""The handshake: a segment arrives in LISTEN or SYN-SENT (RFC 9293 sections 3.10.7.2 and 3.10.7.3), and what a SYN and
the ACK of ours say about the connection to come, in whichever state they are taken.
"""

import errno
import os
from typing import TYPE_CHECKING

from actors.protocols.tcp import output, receive_buffer, timestamps
from actors.protocols.tcp.sequence import MASK
from actors.protocols.tcp.states import Event, State
from actors.wire.tcp import ACK, FIN, RST, SYN, Segment

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

MAXIMUM_SHIFT = 14
"""RFC 7323 section 2.3: a larger window scale is taken as this."""
DEFAULT_MSS = 536
"""RFC 9293 section 3.7.1: the MSS of a peer that names none."""
MINIMUM_MSS = 48
"""Linux's tcp_min_snd_mss: no peer makes us send byte by byte."""


def in_listen(c: "Connection", segment: Segment, now_ns: int) -> None:
    if segment.flags & RST:
        c.move(Event.RST)
        return
    if segment.flags & ACK:
        output.send_reset_at(c, segment.acknowledgment)
    if segment.flags & (ACK | SYN) != SYN:
        c.move(event_of(segment))  # which the table does not know
    c.move(Event.SYN)
    c.opened_at_ns = now_ns
    _take_syn(c, segment)
    output.send_syn(c, now_ns)


def in_syn_sent(c: "Connection", segment: Segment, now_ns: int) -> None:
    flags = segment.flags
    acceptable = flags & ACK and segment.acknowledgment == c.snd_nxt
    if flags & ACK and not acceptable:
        if not flags & RST:
            refuse_acknowledgment(c, segment.acknowledgment)
        return
    if flags & RST:
        if acceptable:
            c.move(Event.RST)
            c.host.observer.on_reset("received", "refused")
            c.finish(refused())
        return
    if not flags & SYN:
        c.move(event_of(segment))
    c.move(Event.SYN_ACK if acceptable else Event.SYN)
    _take_syn(c, segment)
    if acceptable:
        syn_acknowledged(c, segment, now_ns)
        c.unacknowledged_bytes = c.ack_threshold_bytes
        c.flush(now_ns)
    else:
        output.send_syn(c, now_ns)


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


def syn_acknowledged(c: "Connection", segment: Segment, now_ns: int) -> None:
    """Our SYN has arrived: ESTABLISHED, or closing already."""
    c.syn_acknowledged = True
    lost = c.attempts
    c.acknowledge((c.iss + 1) & MASK, 0, now_ns)
    if lost and not timestamps.sample_round_trip(c, segment, now_ns):
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


def refuse_acknowledgment(c: "Connection", acknowledgment: int) -> None:
    """An ACK of some other SYN than ours: whoever sent it believes in a connection that does not exist."""
    output.send_reset_at(c, acknowledgment)
    c.host.observer.on_protocol_error(f"ACK of what was not sent in {c.state.name}")


def event_of(segment: Segment) -> Event:
    """What a segment that is not acceptable wants to be."""
    if segment.flags & RST:
        return Event.RST
    if segment.flags & SYN:
        return Event.SYN_ACK if segment.flags & ACK else Event.SYN
    return Event.FIN if segment.flags & FIN else Event.ACK_OF_SYN


def refused() -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
