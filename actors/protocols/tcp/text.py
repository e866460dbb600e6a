"""What a segment brings: its text and its FIN (RFC 9293 section 3.10.7.4, the seventh and the eighth check)."""

from typing import TYPE_CHECKING

from actors.protocols.tcp import output
from actors.protocols.tcp.reassembly import NOTHING_HELD, Reassembly
from actors.protocols.tcp.sequence import MASK, after, distance
from actors.protocols.tcp.states import Event, State

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

_RECEIVING = (State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2)


def take_text(c: "Connection", sequence: int, payload: bytes, now_ns: int) -> None:
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
    if c.unread.paused:
        c.unread.keep(payload)
        c.update_window()
    else:
        c.host.on_data(payload)


def take_fin(c: "Connection", sequence: int, now_ns: int) -> None:
    """The peer's FIN, perhaps before its turn, perhaps not for the first time."""
    c.unacknowledged_bytes = c.ack_threshold_bytes
    if c.state in _RECEIVING:
        c.peer_fin = sequence
        c.predictable = False
        return
    c.move(Event.FIN)
    if c.state is State.TIME_WAIT:
        c.linger(now_ns)


def stream_ends(c: "Connection", now_ns: int) -> None:
    """All before the peer's FIN has been received, so the FIN has."""
    if c.state not in _RECEIVING:
        return
    c.rcv_nxt = (c.rcv_nxt + 1) & MASK
    c.move(Event.FIN)
    if c.state is State.TIME_WAIT:
        c.linger(now_ns)
    if c.unread:
        c.unread.ended = True
    else:
        c.host.on_end()
