"""One TCP connection (RFC 9293), without sockets, clocks or tasks.

How this works
--------------

A `Connection` holds the RFC's variables under the RFC's names (`snd_una`, `rcv_nxt`, ...), and its host (the
`ConnectionHost` it was made with: a transport, or a test) holds everything else. The host calls the verbs below and
says what time it is; the connection answers through the host: `transmit` this segment, here is data, wake me then.
That is the one liberty taken with "events in, list of outputs out": a list per segment, and somebody to walk it,
would cost as much as the segment itself.

The room has these corners:

    states.py      every move between states; `move` below asks it, nobody else sets `state`
    host.py        what a connection asks of its host
    connection.py  the verbs of the user, and the fast path of both directions
    arrival.py     a segment arrives, in full (RFC 9293 section 3.10.7)
    handshake.py   the SYNs, and the ACKs of them
    text.py        what a segment brings: data, and the stream's end
    unread.py      what waits while the application does not read
    timestamps.py  how old a segment is, and how long its way was (RFC 7323)
    output.py      what may be sent now, and how segments are put together
    timers.py      what happens when a deadline passes
    loss.py        what acknowledgments say about segments that did not arrive
    recovery.py    sending again what was lost
    congestion.py, cubic.py: how much may be in flight
    scoreboard.py, reassembly.py, send_buffer.py, rtt.py, listener.py, sequence.py, settings.py: parts

**The fast path.** Most segments are expected: the connection is established, the segment is the next in order, and
carries no flag but ACK and PSH. `on_segment` tells them by two comparisons ("header prediction", Van Jacobson) and
handles them there; everything else is decoded in full and goes to `arrival.py`, which could handle the others, too.
`predictable` is true while the connection's own side of that bargain holds: ESTABLISHED, nothing out of order, nothing
unread, nothing missing. Likewise `send` sends small data at once when nothing is in its way. Timestamps (RFC 7323) are
part of the bargain: `plain_control` says which length of header is expected.

**Acknowledgments** wait for data to ride on: until two full segments are unacknowledged, or 40 ms. What must be
answered now sets `unacknowledged_bytes` to the threshold, and the segment's handling ends with `flush`.

**Deadlines.** Each timer is a number (`NEVER` when off). `host.wake_at` is called only for a deadline that is earlier
than the last one asked for (`wake_at_ns`); a timer that moves into the future costs nothing: when the host wakes the
connection too early, `on_deadline` finds nothing to do and asks again.

**Losses** are found in `loss.py`, which sees every acknowledgment that the fast path has no eye for, and repaired by a
`Recovery` while there is one. `snd_nxt` never goes back. Nothing is written down about segments that were sent: the
scoreboard and a recovery's three marks are enough, and most connections never have either.
"""

from struct import Struct

from actors.protocols.tcp import arrival, handshake, loss, output, timers, unread
from actors.protocols.tcp.congestion import CongestionControl, NewReno
from actors.protocols.tcp.cubic import Cubic
from actors.protocols.tcp.host import ConnectionHost
from actors.protocols.tcp.reassembly import NOTHING_HELD
from actors.protocols.tcp.recovery import Cause, Recovery
from actors.protocols.tcp.rtt import RoundTrip
from actors.protocols.tcp.scoreboard import NOTHING_SACKED
from actors.protocols.tcp.send_buffer import SendBuffer
from actors.protocols.tcp.sequence import HALF, MASK
from actors.protocols.tcp.settings import DEFAULTS, TcpSettings
from actors.protocols.tcp.states import MOVES, Event, LocalProtocolError, State, next_state
from actors.protocols.tcp.unread import Unread
from actors.units import MILLISECOND
from actors.wire import tcp as wire

NEVER = 1 << 62
"""The deadline of a timer that is off."""
_SPREAD = 0x9E3779B1
"""Makes of the initial sequence number, which is random, another number that nobody guesses from it at sight."""

_ARRIVED = Struct("!4xIIHH4x").unpack_from
"""sequence, acknowledgment, header length and flags, window."""
_ARRIVED_WITH_TIMES = Struct("!4xIIHH4xII4x").unpack_from
"""The same, the mark of NOP, NOP, timestamps, and TSval."""
_PLAIN_ACK = 5 << 12 | wire.ACK
_PLAIN_ACK_WITH_TIMES = 8 << 12 | wire.ACK
_ALL_BUT_PUSH = 0xFFFF ^ wire.PSH
_DATA = 5 << 12 | wire.ACK | wire.PSH
_DATA_WITH_TIMES = 8 << 12 | wire.ACK | wire.PSH

CONTROLS: dict[str, type[NewReno]] = {"cubic": Cubic, "reno": NewReno}
"""tcp_available_congestion_control."""

_ESTABLISHED = State.ESTABLISHED
_MAY_SEND = (State.ESTABLISHED, State.CLOSE_WAIT)
_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)


class Connection:
    """A connection to one peer; see the head of this file. `ports` are the first 4 bytes of what it sends."""

    __slots__ = (
        "ack_at_ns", "ack_threshold_bytes", "advertised_mss_bytes", "attempts", "challenged_at_ns",
        "clock_offset", "congestion", "cwnd_limited", "duplicates", "early_at_ns", "fin_pending",
        "header_bytes", "heard_at_ns", "host", "irs", "iss", "keepalive_at_ns", "keepalives", "left_bytes",
        "linger_at_ns", "maximum_snd_wnd", "measured_from_ns", "measured_to", "mss_bytes", "opened_at_ns",
        "orphaned", "out_of_order", "passive", "peer_fin", "persist_at_ns", "persist_interval_ns",
        "plain_control", "ports", "predictable", "probe_end", "probes", "rcv_nxt", "rcv_shift",
        "receive_buffer_bytes", "recover", "recovery", "reordering_steps", "retransmit_at_ns",
        "retransmits", "room_below_bytes", "round_trip", "sacking", "scaling", "scoreboard", "send_buffer",
        "sent_at_ns", "settings", "snd_nxt", "snd_shift", "snd_una", "snd_wl1", "snd_wl2", "snd_wnd",
        "stamped_ns", "state", "syn_acknowledged", "timed_at_ns", "timed_sequence", "timestamps",
        "ts_recent", "unacknowledged_bytes", "unread", "wake_at_ns", "window_field",
    )  # fmt: skip

    def __init__(
        self,
        host: ConnectionHost,
        ports: bytes,
        initial_sequence: int,
        mss_bytes: int,
        settings: TcpSettings = DEFAULTS,
    ) -> None:
        """`mss_bytes` is what we can take in a segment: the path's MTU less 40."""
        self.host = host
        self.ports = ports
        self.settings = settings
        self.state = State.CLOSED
        self.passive = self.orphaned = self.fin_pending = self.syn_acknowledged = self.predictable = False
        self.scaling = settings.window_scale is not None
        self.sacking, self.timestamps = settings.sack, settings.timestamps
        self.clock_offset = initial_sequence * _SPREAD & MASK
        self.ts_recent = 0
        # sending
        self.iss = self.snd_una = self.snd_nxt = self.snd_wl2 = self.recover = initial_sequence
        self.snd_wnd = self.maximum_snd_wnd = self.snd_wl1 = self.snd_shift = 0
        self.advertised_mss_bytes = mss_bytes
        self.send_buffer = SendBuffer()
        self.room_below_bytes = -1
        self.congestion: CongestionControl = CONTROLS[settings.congestion_control](settings)
        self.set_segment(mss_bytes)
        self.cwnd_limited = False
        self.recovery: Recovery | None = None
        self.scoreboard = NOTHING_SACKED
        self.duplicates = self.left_bytes = self.reordering_steps = self.probe_end = 0
        self.round_trip = RoundTrip(settings)
        self.timed_at_ns, self.timed_sequence = NEVER, 0
        self.attempts = self.probes = self.keepalives = self.retransmits = 0
        # receiving
        self.irs = self.rcv_nxt = self.rcv_shift = self.unacknowledged_bytes = 0
        self.receive_buffer_bytes = settings.receive_buffer_bytes
        self.measured_to = self.measured_from_ns = 0
        self.window_field = min(self.receive_buffer_bytes, 0xFFFF)
        self.out_of_order = NOTHING_HELD
        self.peer_fin: int | None = None
        self.unread = Unread()
        # deadlines
        self.retransmit_at_ns = self.ack_at_ns = self.persist_at_ns = self.linger_at_ns = NEVER
        self.early_at_ns = self.keepalive_at_ns = self.wake_at_ns = NEVER
        self.persist_interval_ns = 0
        self.challenged_at_ns = -NEVER
        self.opened_at_ns = self.sent_at_ns = self.heard_at_ns = self.stamped_ns = 0

    # ---- the user's verbs ---------------------------------------------------------------------------------

    def listen(self) -> None:
        """Passive open: wait for the SYN that is given to `on_segment` next."""
        self.move(Event.PASSIVE_OPEN)
        self.passive = True

    def recall(self, syn: wire.Segment, now_ns: int) -> None:
        """Passive open with a SYN that was answered by a cookie: as if that SYN,ACK had been ours."""
        self.listen()
        self.opened_at_ns = self.sent_at_ns = now_ns
        handshake.recall_syn(self, syn)

    def connect(self, now_ns: int) -> None:
        """Active open: send a SYN."""
        self.move(Event.ACTIVE_OPEN)
        self.opened_at_ns = now_ns
        output.send_syn(self, now_ns)

    def send(self, data: bytes | bytearray | memoryview, now_ns: int) -> None:
        """Queue data and send what may be sent; before the handshake's end it waits for that.

        Raises `LocalProtocolError` when our stream has ended."""
        buffer = self.send_buffer.data
        in_flight = (self.snd_nxt - self.snd_una) & MASK
        size = len(data)
        ahead = in_flight + size
        if (
            not self.predictable
            or in_flight != len(buffer)
            or size > self.mss_bytes
            or ahead > self.snd_wnd
            or ahead > self.congestion.window_bytes
        ):
            self._send_carefully(data, now_ns)
            return
        buffer += data
        sequence = self.snd_nxt
        self.snd_nxt = (sequence + size) & MASK
        self.unacknowledged_bytes = 0
        self.ack_at_ns = NEVER
        if self.timed_at_ns == NEVER:
            self.timed_at_ns, self.timed_sequence = now_ns, self.snd_nxt
        if self.retransmit_at_ns == NEVER:
            at_ns = self.retransmit_at_ns = now_ns + self.round_trip.rto_ns
            if at_ns < self.wake_at_ns:
                self.wake(at_ns)
            if at_ns - self.sent_at_ns > 2 * self.round_trip.rto_ns:
                output.after_idle(self, now_ns)
        self.sent_at_ns = now_ns
        if self.timestamps:
            if now_ns > self.stamped_ns:
                self.stamped_ns = now_ns
            self.host.transmit(
                output.HEADER_WITH_TIMES(
                    self.ports, sequence, self.rcv_nxt, _DATA_WITH_TIMES, self.window_field, 0,
                    output.TIMES, (self.stamped_ns // MILLISECOND + self.clock_offset) & MASK, self.ts_recent,
                ) + data
            )  # fmt: skip
            return
        self.host.transmit(
            output.HEADER(self.ports, sequence, self.rcv_nxt, _DATA, self.window_field, 0) + data
        )

    def _send_carefully(self, data: bytes | bytearray | memoryview, now_ns: int) -> None:
        """Something is in the way: the handshake, a window, a loss, or data that waits already."""
        if self.state not in _MAY_SEND and self.state not in _OPENING:
            raise LocalProtocolError(f"send in {self.state.name}")
        self.send_buffer.data += data
        output.send_pending(self, now_ns)

    def shut_writing(self, now_ns: int) -> None:
        """End our stream after what was written; the peer's goes on (half-close)."""
        self.move(Event.CLOSE)
        if self.state is State.CLOSED:
            self.finish(None)
            return
        self.fin_pending = True
        self.predictable = False
        output.send_pending(self, now_ns)

    def close(self, now_ns: int) -> None:
        """End both streams: what was written is still delivered, what arrives from now on is refused.

        With data that nobody has read the peer gets a RST, as from Linux (RFC 2525 section 2.17)."""
        if self.unread.size_bytes:
            self.abort("closed with unread data")
            return
        self.orphaned = True
        if Event.CLOSE in MOVES[self.state]:
            self.shut_writing(now_ns)
        elif self.state is State.FIN_WAIT_2:
            self.linger(now_ns)

    def abort(self, reason: str = "aborted", error: OSError | None = None) -> None:
        """Forget everything; a peer that knows of the connection is told by RST."""
        known = self.state not in (State.LISTEN, State.SYN_SENT, State.TIME_WAIT)
        self.move(Event.ABORT)
        if known:
            output.send_reset(self)
            self.host.observer.on_reset("sent", reason)
        self.finish(error)

    def give_up(self, error: OSError) -> None:
        """Nobody answers, or nobody can be reached: CLOSED, and the peer is not told."""
        self.move(Event.GIVE_UP)
        self.finish(error)

    def limit_mss(self, mss_bytes: int, now_ns: int) -> None:
        """The path takes smaller packets than thought (RFC 1191): what did not fit is sent again in pieces."""
        mss_bytes = max(mss_bytes, handshake.MINIMUM_MSS) - (output.TIMES_BYTES if self.timestamps else 0)
        if mss_bytes >= self.mss_bytes or not self.syn_acknowledged:
            return
        self.set_segment(mss_bytes)
        self.congestion.set_segment(mss_bytes)
        in_flight = (self.snd_nxt - self.snd_una) & MASK
        if in_flight:
            self.recovery = None
            loss.enter(self, Cause.PATH_MTU, in_flight, now_ns)
            output.send_pending(self, now_ns)

    def keep_alive(self, wanted: bool, now_ns: int) -> None:
        """SO_KEEPALIVE: ask a silent peer now and then whether it is there."""
        self.keepalive_at_ns = NEVER
        if wanted and self.syn_acknowledged:
            at_ns = self.keepalive_at_ns = now_ns + self.settings.keepalive_time_ns
            if at_ns < self.wake_at_ns:
                self.wake(at_ns)

    def pause_reading(self) -> None:
        """Keep what arrives; the window offered shrinks by it."""
        self.unread.paused = True
        self.predictable = False

    def resume_reading(self, now_ns: int) -> None:
        """Hand over what was kept, in one piece; tells the peer when that opens the window well."""
        unread.hand_over(self, now_ns)

    # ---- events -------------------------------------------------------------------------------------------

    def on_segment(self, data: bytes, now_ns: int) -> None:
        """A segment of at least 20 bytes with a right (or offloaded) checksum. Raises `Malformed` for bad options."""
        size = len(data) - self.header_bytes
        if not self.predictable or size < 0:
            arrival.segment_arrives(self, data, now_ns)
            return
        if self.timestamps:
            sequence, acknowledgment, control, window, mark, value = _ARRIVED_WITH_TIMES(data)
            if mark != output.TIMES or (value - self.ts_recent) & MASK > HALF:
                arrival.segment_arrives(self, data, now_ns)
                return
        else:
            sequence, acknowledgment, control, window = _ARRIVED(data)
            value = 0
        if sequence != self.rcv_nxt or control & _ALL_BUT_PUSH != self.plain_control:
            arrival.segment_arrives(self, data, now_ns)
            return
        acknowledged = (acknowledgment - self.snd_una) & MASK
        if acknowledged > (self.snd_nxt - self.snd_una) & MASK or not (acknowledged or size):
            arrival.segment_arrives(self, data, now_ns)
            return
        if not self.unacknowledged_bytes:
            self.ts_recent = value
        self.snd_wnd = window << self.snd_shift
        self.snd_wl1, self.snd_wl2 = sequence, acknowledgment
        self.heard_at_ns = now_ns
        self.probes = 0
        if acknowledged:
            if self.cwnd_limited:
                self.congestion.on_acknowledged(acknowledged, now_ns, self.round_trip.srtt_ns)
            self.acknowledge(acknowledgment, acknowledged, now_ns)
        if size:
            self.rcv_nxt = (sequence + size) & MASK
            self.unacknowledged_bytes += size
            if self.ack_at_ns == NEVER:
                at_ns = self.ack_at_ns = now_ns + self.settings.delayed_ack_ns
                if at_ns < self.wake_at_ns:
                    self.wake(at_ns)
            self.host.on_data(data[self.header_bytes :])
            if self.unacknowledged_bytes >= self.ack_threshold_bytes:
                self.flush(now_ns)
                return
        if len(self.send_buffer.data) > (self.snd_nxt - self.snd_una) & MASK:
            output.send_pending(self, now_ns)

    def deadline_ns(self) -> int:
        """The earliest moment at which `on_deadline` has something to do, or `NEVER`."""
        return min(
            self.retransmit_at_ns, self.ack_at_ns, self.early_at_ns, self.persist_at_ns, self.linger_at_ns,
            self.keepalive_at_ns,
        )  # fmt: skip

    def on_deadline(self, now_ns: int) -> None:
        """A moment asked for with `wake_at` has come; it may be too early."""
        self.wake_at_ns = NEVER
        timers.expire(self, now_ns)
        if (at_ns := self.deadline_ns()) < self.wake_at_ns:
            self.wake(at_ns)

    # ---- what the corners of the room share ---------------------------------------------------------------

    def move(self, event: Event) -> None:
        """Change the state as the table says; raises `LocalProtocolError` or `RemoteProtocolError`."""
        self.state = next_state(self.state, event)

    def predict(self) -> None:
        """Find out whether the fast path may be taken."""
        self.predictable = (
            self.state is _ESTABLISHED
            and not self.unread
            and not self.out_of_order
            and self.peer_fin is None
            and self.recovery is None
            and not self.left_bytes
            and not self.duplicates
            and not self.probe_end
        )

    def set_segment(self, mss_bytes: int) -> None:
        """So much data is in a full segment from now on; the headers that are expected follow from the handshake."""
        self.mss_bytes = mss_bytes
        self.ack_threshold_bytes = 2 * mss_bytes
        self.header_bytes, self.plain_control = wire.HEADER_BYTES, _PLAIN_ACK
        if self.timestamps:
            self.header_bytes += output.TIMES_BYTES
            self.plain_control = _PLAIN_ACK_WITH_TIMES

    def clock(self, now_ns: int) -> int:
        """Our timestamps count milliseconds, from somewhere.

        A frame that is handled late is handled at the time at which it was due, which may lie before what we have done
        meanwhile; timestamps must not go back."""
        if now_ns > self.stamped_ns:
            self.stamped_ns = now_ns
        return (self.stamped_ns // MILLISECOND + self.clock_offset) & MASK

    def acknowledge(self, acknowledgment: int, data_bytes: int, now_ns: int) -> None:
        """The peer has all before `acknowledgment`, `data_bytes` of them new from the send buffer."""
        self.snd_una = acknowledgment
        del self.send_buffer.data[:data_bytes]
        if self.timed_at_ns != NEVER and (acknowledgment - self.timed_sequence) & MASK < HALF:
            self.round_trip.sample(now_ns - self.timed_at_ns)
            self.timed_at_ns = NEVER
        self.attempts = 0
        if acknowledgment == self.snd_nxt:
            self.retransmit_at_ns = self.early_at_ns = NEVER
            self.cwnd_limited = False
        else:
            if self.early_at_ns != NEVER:
                output.arm_early(self, now_ns + 2 * self.round_trip.srtt_ns + output.PROBE_SLACK_NS)
            at_ns = self.retransmit_at_ns = now_ns + self.round_trip.rto_ns
            if at_ns < self.wake_at_ns:
                self.wake(at_ns)

    def flush(self, now_ns: int) -> None:
        """Send what may be sent, and an acknowledgment if one is due and nothing carried it."""
        if self.state is State.CLOSED:
            return
        output.send_pending(self, now_ns)
        if self.unacknowledged_bytes >= self.ack_threshold_bytes:
            output.send_ack(self, now_ns)

    def update_window(self) -> None:
        """The window offered is what the receive buffer still has room for."""
        self.window_field = min(self.receive_room_bytes() >> self.rcv_shift, 0xFFFF)

    def receive_room_bytes(self) -> int:
        return self.receive_buffer_bytes - self.unread.size_bytes

    def has_in_flight(self, sequence: bytes) -> bool:
        """Whether a segment that begins with this sequence number (4 bytes) may be under way."""
        offset = (int.from_bytes(sequence) - self.snd_una) & MASK
        return offset <= (self.snd_nxt - self.snd_una) & MASK

    def unsent_bytes(self) -> int:
        """How much of what was written was never sent."""
        if not self.syn_acknowledged:
            return len(self.send_buffer.data)
        return max(len(self.send_buffer.data) - ((self.snd_nxt - self.snd_una) & MASK), 0)

    def congestion_state(self) -> str:
        """Linux's words: open, disorder (something may be missing), recovery, loss (after a timeout)."""
        if self.recovery is None:
            return "disorder" if self.left_bytes or self.duplicates else "open"
        return "recovery" if self.recovery.cause is Cause.FAST else "loss"

    def linger(self, now_ns: int) -> None:
        """Wait for what may still come: 2 MSL in TIME_WAIT, the peer's FIN in an abandoned FIN_WAIT_2."""
        at_ns = self.linger_at_ns = now_ns + self.settings.time_wait_ns
        if at_ns < self.wake_at_ns:
            self.wake(at_ns)

    def wake(self, at_ns: int) -> None:
        self.wake_at_ns = at_ns
        self.host.wake_at(at_ns)

    def finish(self, error: OSError | None) -> None:
        """CLOSED: let go of everything and say so."""
        self.predictable = False
        self.send_buffer = SendBuffer()
        self.out_of_order, self.scoreboard, self.recovery = NOTHING_HELD, NOTHING_SACKED, None
        self.unacknowledged_bytes = 0
        self.retransmit_at_ns = self.ack_at_ns = self.persist_at_ns = self.linger_at_ns = NEVER
        self.early_at_ns = self.keepalive_at_ns = NEVER
        self.host.on_closed(error)
