"""A neighbour: its connections, of which one stays (collision detection, RFC 4271 section 6.8), and what it is told.

How this works. There is always one session that dials, and for each call that is answered another; whoever opens it,
a connection is known as this neighbour's only by its address until an OPEN has come. The first to be Established ends
the others. `outbox` paces announcements by the MRAI (section 9.2.1.1); withdrawals wait only for a neighbour that takes
nothing at all.
"""

from random import Random
from typing import NamedTuple, Protocol

from actors.protocols.bgp.attributes import Attributes
from actors.protocols.bgp.fsm import Event, State
from actors.protocols.bgp.messages import Keepalive, Notification, RouteRefresh, Update, updates
from actors.protocols.bgp.policy import Policy
from actors.protocols.bgp.session import Session, Settings
from actors.units import SECOND
from actors.wire.addresses import Prefix

PENALTY_NS = 60 * SECOND
"""How long a neighbour with too many prefixes is left alone."""


class Peering(NamedTuple):
    """What is configured for a neighbour. `link` is the network that both are in."""

    name: str
    address: bytes
    local_address: bytes
    link: Prefix
    settings: Settings
    policy: Policy
    mrai_ns: int = 0


class Owner(Protocol):
    """The speaker, as its neighbours see it."""

    def dial(self, neighbour: "Neighbour", session: Session) -> None: ...

    def transmit(self, session: Session, data: bytes) -> None: ...

    def hang_up(self, session: Session) -> None: ...

    def on_open(self, neighbour: "Neighbour", session: Session) -> None: ...

    def on_up(self, neighbour: "Neighbour", now_ns: int) -> None: ...

    def on_down(self, neighbour: "Neighbour", session: Session, why: str, now_ns: int) -> None: ...

    def on_message(self, neighbour: "Neighbour", message: Update | RouteRefresh, now_ns: int) -> None: ...

    def on_notification(self, neighbour: "Neighbour", direction: str, message: Notification) -> None: ...


class Neighbour:
    """One peer of a speaker."""

    def __init__(self, peering: Peering, owner: Owner, random: Random) -> None:
        self.peering = peering
        self.name = peering.name
        self.carrier = True
        self.enabled = False
        self.blocked_until_ns = 0
        self.established: Session | None = None
        self.established_ns = 0
        self.last_error = ""
        self.outbox = Outbox(peering.mrai_ns, random)
        self._owner = owner
        self._random = random
        self.outgoing = Session(peering.settings, self, random, dialled=True)
        self.incoming: list[Session] = []

    @property
    def sessions(self) -> list[Session]:
        return [self.outgoing, *self.incoming]

    @property
    def state(self) -> State:
        """The furthest that any of its connections has come."""
        return max((session.state for session in self.sessions), key=list(State).index)

    # ---- what happens --------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        self.enabled = True
        if self.carrier:
            self.outgoing.start_at = None
            self.outgoing.handle(Event.START, now_ns)

    def stop(self, now_ns: int) -> None:
        self.enabled = False
        for session in self.sessions:
            session.handle(Event.STOP, now_ns, why="stopped")
        self.settle(now_ns)

    def set_carrier(self, up: bool, now_ns: int) -> None:
        """The link has gained or lost its carrier: the session falls at once, or is tried at once."""
        if up == self.carrier:
            return
        self.carrier = up
        if not up:
            for session in self.sessions:
                session.handle(Event.TCP_FAILED, now_ns, why="link down")
        elif self.enabled:
            self.outgoing.failures = 0
            self.start(now_ns)
        self.settle(now_ns)

    def accept(self, now_ns: int) -> Session | None:
        """The neighbour has opened a connection; None when there shall be none."""
        if not self.enabled or not self.carrier or now_ns < self.blocked_until_ns:
            return None
        for earlier in self.incoming:
            if earlier is not self.established:  # a peer dials once at a time: it has given that one up
                earlier.handle(Event.COLLISION, now_ns)
        self.settle(now_ns)
        session = Session(self.peering.settings, self, self._random, dialled=False)
        self.incoming.append(session)
        return session

    def settle(self, now_ns: int) -> None:
        """See that somebody dials whenever there is no connection on its way, and forget those that are over."""
        self.incoming = [each for each in self.incoming if each.state is not State.IDLE]
        dialling = self.outgoing
        if not (self.enabled and self.carrier):
            dialling.start_at = None
        elif dialling.state is State.IDLE and dialling.start_at is None and not self.incoming:
            dialling.back_off(now_ns)
        if dialling.start_at is not None:
            dialling.start_at = max(dialling.start_at, self.blocked_until_ns)

    def block(self, now_ns: int) -> None:
        self.blocked_until_ns = now_ns + PENALTY_NS
        self.outgoing.start_at = None

    def deadline_ns(self) -> int | None:
        deadlines = [session.deadline_ns() for session in self.sessions]
        deadlines.append(self.outbox.deadline_ns() if self.established else None)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def on_deadline(self, now_ns: int) -> None:
        for session in self.sessions:
            session.on_deadline(now_ns)
        self.settle(now_ns)

    def tell(self, withdrawn: list[Prefix], announced: dict[Attributes, list[Prefix]]) -> None:
        """Send UPDATEs, if there is a session."""
        session = self.established
        if session is None:
            return
        for message in updates(tuple(withdrawn), None, ()):
            session.send(message)
        for attributes, prefixes in announced.items():
            for message in updates((), attributes, tuple(prefixes)):
                session.send(message)

    # ---- what its sessions ask -----------------------------------------------------------------------------

    def dial(self, session: Session) -> None:
        self._owner.dial(self, session)

    def send(self, session: Session, data: bytes) -> None:
        self._owner.transmit(session, data)

    def hang_up(self, session: Session) -> None:
        self._owner.hang_up(session)

    def on_open(self, session: Session, now_ns: int) -> bool:
        """Collision detection: with two connections, the one that the higher identifier dialled stays."""
        self._owner.on_open(self, session)
        peer, own = session.peer, self.peering.settings.identifier
        assert peer is not None
        keeps_dialled = own > peer.identifier
        for other in self.sessions:
            if other is session or other.state not in (State.OPEN_CONFIRM, State.ESTABLISHED):
                continue
            if other.state is State.ESTABLISHED:
                # Perhaps the peer has lost its memory: then it answers this with a RST, and its next call succeeds.
                other.send(Keepalive())
            elif session.dialled == keeps_dialled:
                other.handle(Event.COLLISION, now_ns)
                continue
            session.handle(Event.COLLISION, now_ns)
            return False
        return True

    def on_up(self, session: Session, now_ns: int) -> None:
        self.established, self.established_ns = session, now_ns
        self.outbox.clear()
        for other in self.sessions:
            if other is not session:
                other.start_at = None
                other.handle(Event.COLLISION, now_ns)
        self._owner.on_up(self, now_ns)

    def on_down(self, session: Session, why: str, now_ns: int) -> None:
        self.established, self.last_error = None, why
        self.outbox.clear()
        self._owner.on_down(self, session, why, now_ns)

    def on_message(self, session: Session, message: Update | RouteRefresh, now_ns: int) -> None:
        self._owner.on_message(self, message, now_ns)

    def on_notification(self, session: Session, direction: str, message: Notification) -> None:
        self._owner.on_notification(self, direction, message)


class Outbox:
    """Prefixes to announce to a neighbour, at most every `mrai_ns` (less up to a quarter, section 10)."""

    def __init__(self, mrai_ns: int, random: Random) -> None:
        self._mrai_ns = mrai_ns
        self._random = random
        self._pending: dict[Prefix, None] = {}
        self._open_at = 0
        self.held = False
        """Whether the neighbour takes nothing at present; each prefix then waits once, however often it changes."""

    def clear(self) -> None:
        self._pending.clear()
        self._open_at = 0
        self.held = False

    def put(self, prefix: Prefix) -> None:
        self._pending[prefix] = None

    def drop(self, prefix: Prefix) -> None:
        """It is to be withdrawn instead."""
        self._pending.pop(prefix, None)

    def deadline_ns(self) -> int | None:
        return self._open_at if self._pending and not self.held else None

    def take(self, now_ns: int) -> list[Prefix]:
        """What may be announced now; the next comes after the interval."""
        if not self._pending or self.held or now_ns < self._open_at:
            return []
        taken = list(self._pending)
        self._pending.clear()
        if self._mrai_ns:
            self._open_at = now_ns + round(self._mrai_ns * self._random.uniform(0.75, 1))
        return taken
