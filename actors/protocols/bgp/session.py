"""One connection to a peer: carries out what the FSM's table says, keeps its timers, and reads its messages."""

from random import Random
from typing import NamedTuple, Protocol

from actors.protocols.bgp.errors import BAD_PEER_AS, COLLISION, SHUTDOWN, BgpError, Code, error_text
from actors.protocols.bgp.fsm import TABLE, UNEXPECTED, Action, Event, State, expects
from actors.protocols.bgp.messages import (
    Capability,
    Keepalive,
    Message,
    Notification,
    Open,
    RouteRefresh,
    Stream,
    Update,
    decode,
    encode,
    own_capabilities,
)
from actors.units import MILLISECOND, SECOND

LARGE_HOLD_NS = 240 * SECOND
"""RFC 4271 section 8.2.2: "a HoldTimer value of 4 minutes is suggested" until one is agreed on."""
FIRST_BACK_OFF_NS = 50 * MILLISECOND
"""How long the first retry waits; each failure after it doubles that, up to the connect retry time."""

LEAST_SEND_HOLD_NS = 480 * SECOND
"""RFC 9687 section 4: a peer that takes nothing is left after 8 minutes, or twice the hold time if that is longer."""

STABLE_NS = 30 * SECOND
"""A connection that was up for so long does not count as a failure when it ends."""


class Settings(NamedTuple):
    """What a speaker tells this peer of itself, expects of it, and how patient it is."""

    asn: int
    identifier: bytes
    peer_asn: int
    hold_time_s: int = 90
    connect_retry_ns: int = 120 * SECOND


class Host(Protocol):
    """What a session asks of those around it."""

    def dial(self, session: "Session") -> None: ...

    def send(self, session: "Session", data: bytes) -> None: ...

    def hang_up(self, session: "Session") -> None: ...

    def on_open(self, session: "Session", now_ns: int) -> bool:
        """The peer has said who it is; False when this connection has lost a collision (it is over by then)."""
        ...

    def on_up(self, session: "Session", now_ns: int) -> None: ...

    def on_down(self, session: "Session", why: str, now_ns: int) -> None: ...

    def on_message(self, session: "Session", message: Update | RouteRefresh, now_ns: int) -> None: ...

    def on_notification(self, session: "Session", direction: str, message: Notification) -> None: ...


class Session:
    """The FSM of one connection. `dialled` says who opened it: of two at once, that decides which one stays."""

    def __init__(self, settings: Settings, host: Host, random: Random, *, dialled: bool) -> None:
        self.settings = settings
        self.dialled = dialled
        self.state = State.IDLE if dialled else State.ACTIVE
        self.peer: Open | None = None
        self.hold_ns = 0
        self.heard_ns = 0
        self.failures = 0
        self.up_ns: int | None = None
        self.retry_at: int | None = None
        self.hold_at: int | None = None
        self.keepalive_at: int | None = None
        self.start_at: int | None = None
        self.send_hold_at: int | None = None
        self._host = host
        self._random = random
        self._stream = Stream()
        self._why = ""

    @property
    def four_octet(self) -> bool:
        """Whether both sides spell AS numbers with four octets."""
        return self.peer is not None and self.peer.can(Capability.FOUR_OCTET_AS)

    # ---- what happens --------------------------------------------------------------------------------------

    def handle(
        self,
        event: Event,
        now_ns: int,
        *,
        error: BgpError | None = None,
        message: Message | None = None,
        why: str = "",
    ) -> None:
        """Something has happened: do what the table says."""
        before, row = self.state, TABLE[self.state, event]
        if row.state is State.ACTIVE and not self.dialled:
            row = TABLE[
                State.OPEN_CONFIRM, event
            ]  # a call from outside that breaks off is not for us to repeat
        if error is None and Action.NOTIFY in row.actions:
            error = self._error_for(event)
        self._why = why or (error_text(error.code, error.subcode) if error else event.name.lower())
        self.state = row.state
        for action in row.actions:
            self._do(action, now_ns, error, message)
        if row.state is State.IDLE and before is not State.IDLE:
            self._reset(before, now_ns)

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes have arrived. Takes any; what is wrong with them ends the session with a NOTIFICATION."""
        try:
            for raw in self._stream.feed(data):
                self._on_message(decode(raw, four_octet=self.four_octet), now_ns)
                if self.state is State.IDLE:
                    return
        except BgpError as error:
            self.handle(Event.MESSAGE_ERROR, now_ns, error=error, why=f"sent NOTIFICATION: {error.why}")

    def send(self, message: Message) -> None:
        self._host.send(self, encode(message, four_octet=self.four_octet))

    @property
    def is_deaf(self) -> bool:
        """Whether the peer takes nothing at present: what is sent to it would only pile up here."""
        return self.send_hold_at is not None

    def set_deaf(self, deaf: bool, now_ns: int) -> None:
        """The connection's buffer is full of what the peer does not take, or no longer is."""
        self.send_hold_at = now_ns + max(2 * self.hold_ns, LEAST_SEND_HOLD_NS) if deaf else None

    def back_off(self, now_ns: int) -> None:
        """Dial again after a while; each failure doubles it, and a connection that held for long forgives them all."""
        if not self.dialled:
            return
        if self.up_ns is not None and now_ns - self.up_ns >= STABLE_NS:
            self.failures = 0
        self.up_ns = None
        self.start_at = now_ns + self._back_off_ns()
        self.failures += 1

    def deadline_ns(self) -> int | None:
        timers = (self.retry_at, self.hold_at, self.keepalive_at, self.start_at, self.send_hold_at)
        return min((timer for timer in timers if timer is not None), default=None)

    def on_deadline(self, now_ns: int) -> None:
        """Let every timer ring that is due, hold before keepalive."""
        for name, event in _TIMERS:
            due_ns = getattr(self, name)
            if due_ns is not None and due_ns <= now_ns:
                setattr(self, name, None)
                self.handle(event, now_ns)
        if self.send_hold_at is not None and self.send_hold_at <= now_ns:
            error = BgpError(Code.SEND_HOLD_TIMER_EXPIRED, 0, "the peer takes nothing")
            self.handle(Event.MESSAGE_ERROR, now_ns, error=error)

    # ---- messages ------------------------------------------------------------------------------------------

    def _on_message(self, message: Message, now_ns: int) -> None:
        self.heard_ns = now_ns
        match message:
            case Open():
                self._on_open(message, now_ns)
            case Update() | RouteRefresh():
                event = Event.UPDATE if isinstance(message, Update) else Event.REFRESH
                self.handle(event, now_ns, message=message)
            case Keepalive():
                self.handle(Event.KEEPALIVE, now_ns)
            case Notification(code, subcode):
                self._host.on_notification(self, "received", message)
                self.handle(
                    Event.NOTIFICATION, now_ns, why=f"received NOTIFICATION {error_text(code, subcode)}"
                )

    def _on_open(self, message: Open, now_ns: int) -> None:
        if expects(self.state, Event.OPEN):
            if message.asn != self.settings.peer_asn:
                why = f"AS {message.asn}, where AS {self.settings.peer_asn} was expected"
                raise BgpError(Code.OPEN_MESSAGE, BAD_PEER_AS, why)
            self.peer = message
            if not self._host.on_open(self, now_ns):
                return
        self.handle(Event.OPEN, now_ns, message=message)

    def _error_for(self, event: Event) -> BgpError:
        match event:
            case Event.STOP:
                return BgpError(Code.CEASE, SHUTDOWN, "stopped")
            case Event.COLLISION:
                return BgpError(Code.CEASE, COLLISION, "another connection to this peer stays")
            case Event.HOLD_EXPIRED:
                return BgpError(Code.HOLD_TIMER_EXPIRED, 0, "nothing was heard for the hold time")
        return BgpError(Code.FINITE_STATE_MACHINE, UNEXPECTED[self.state], f"unexpected {event.name}")

    # ---- actions -------------------------------------------------------------------------------------------

    def _do(self, action: Action, now_ns: int, error: BgpError | None, message: Message | None) -> None:
        host, settings = self._host, self.settings
        match action:
            case Action.DIAL:
                host.dial(self)
            case Action.HANG_UP:
                host.hang_up(self)
            case Action.SEND_OPEN:
                hello = Open(settings.asn, settings.hold_time_s, settings.identifier)
                self.send(hello._replace(capabilities=own_capabilities(settings.asn)))
            case Action.SEND_KEEPALIVE:
                self._send_keepalive(now_ns)
            case Action.NOTIFY:
                assert error is not None
                notification = Notification(error.code, error.subcode, error.data)
                self.send(notification)
                host.on_notification(self, "sent", notification)
            case Action.START_RETRY:
                self.retry_at = now_ns + self._back_off_ns()
            case Action.STOP_RETRY:
                self.retry_at = None
            case Action.START_LARGE_HOLD:
                self.hold_at = now_ns + LARGE_HOLD_NS
            case Action.NEGOTIATE:
                assert self.peer is not None
                self.hold_ns = min(settings.hold_time_s, self.peer.hold_time_s) * SECOND
                self.hold_at = now_ns + self.hold_ns if self.hold_ns else None
            case Action.RESTART_HOLD:
                self.hold_at = now_ns + self.hold_ns if self.hold_ns else None
            case Action.BACK_OFF:
                self.back_off(now_ns)
            case Action.COME_UP:
                self.up_ns = now_ns
                host.on_up(self, now_ns)
            case Action.DELIVER:
                assert isinstance(message, Update | RouteRefresh)
                host.on_message(self, message, now_ns)

    def _send_keepalive(self, now_ns: int) -> None:
        """A third of the hold time until the next one, less up to a quarter (section 10, jitter)."""
        self.send(Keepalive())
        if self.hold_ns:
            self.keepalive_at = now_ns + round(self.hold_ns / 3 * self._random.uniform(0.75, 1))

    def _back_off_ns(self) -> int:
        whole_ns = min(FIRST_BACK_OFF_NS << min(self.failures, 20), self.settings.connect_retry_ns)
        return round(whole_ns * self._random.uniform(0.75, 1))

    def _reset(self, before: State, now_ns: int) -> None:
        self.retry_at = self.hold_at = self.keepalive_at = self.send_hold_at = None
        self.hold_ns = 0
        self._stream = Stream()
        if before is State.ESTABLISHED:
            self._host.on_down(self, self._why, now_ns)
        self.peer = None


_TIMERS = (
    ("hold_at", Event.HOLD_EXPIRED),
    ("keepalive_at", Event.KEEPALIVE_EXPIRED),
    ("retry_at", Event.RETRY_EXPIRED),
    ("start_at", Event.START),
)
