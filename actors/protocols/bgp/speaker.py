"""A BGP speaker: neighbours around three RIBs (RFC 4271).

How this works. The caller owns the TCP connections and one alarm. It reports what happens to them (`connected`,
`accepted`, `received`, `lost`, `carrier`), and is asked by `Surroundings` to dial, send, hang up and to put best paths
into its forwarding table. Each report runs to its end: messages are read, the decision process runs for the prefixes
they name, and neighbours are told. Nothing here waits or knows what time it is.
"""

from collections.abc import Iterable
from random import Random
from typing import Any, Protocol

from actors.protocols.bgp.attributes import Attributes, Origin
from actors.protocols.bgp.convergence import Converged, Convergence
from actors.protocols.bgp.decision import Path
from actors.protocols.bgp.diary import Diary
from actors.protocols.bgp.errors import MAX_PREFIXES, BgpError, Code
from actors.protocols.bgp.fsm import Event
from actors.protocols.bgp.messages import Notification, RouteRefresh, Update
from actors.protocols.bgp.neighbour import Neighbour, Peering
from actors.protocols.bgp.policy import imported, refusal
from actors.protocols.bgp.rib import Heard, Ribs
from actors.protocols.bgp.routes_out import RoutesOut
from actors.protocols.bgp.session import Session
from actors.wire.addresses import Prefix, ip_text


class Surroundings(Protocol):
    """What a speaker asks of its router."""

    def dial(self, neighbour: str, session: Session) -> None: ...

    def transmit(self, session: Session, data: bytes) -> None: ...

    def hang_up(self, session: Session) -> None: ...

    def install(self, prefix: Prefix, path: Path | None) -> None:
        """The best path to the prefix, for the forwarding table; None when there is none, or it is our own."""

    def tell(self, kind: str, **fields: Any) -> None:
        """Something that belongs into the journal."""

    def converged(self, what: Converged) -> None: ...


class Speaker:
    """One BGP router."""

    def __init__(
        self,
        asn: int,
        identifier: bytes,
        networks: Iterable[Prefix],
        peerings: Iterable[Peering],
        surroundings: Surroundings,
        random: Random,
    ) -> None:
        self.asn, self.identifier = asn, identifier
        self.neighbours = {each.name: Neighbour(each, self, random) for each in peerings}
        self.ribs = Ribs(list(self.neighbours))
        self.received = {"announce": 0, "withdraw": 0}
        self.best_path_changes = 0
        self._surroundings = surroundings
        self._convergence = Convergence()
        self._diary = Diary(surroundings.tell)
        self.routes_out = RoutesOut(asn, self.ribs, self.neighbours)
        self._by_address = {each.peering.address: each for each in self.neighbours.values()}
        for prefix in networks:
            self.ribs.own[prefix] = Path(prefix, Attributes(Origin.IGP, (), bytes(4)), identifier=identifier)
            self.ribs.decide(prefix)

    # ---- what is reported ----------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        for neighbour in self.neighbours.values():
            neighbour.start(now_ns)

    def stop(self, now_ns: int) -> None:
        """Take leave of all neighbours (Cease, administrative shutdown)."""
        for neighbour in self.neighbours.values():
            neighbour.stop(now_ns)

    def carrier(self, name: str, up: bool, now_ns: int) -> None:
        """The neighbour's link has gained or lost its carrier."""
        self.neighbours[name].set_carrier(up, now_ns)

    def connected(self, name: str, session: Session, now_ns: int) -> None:
        """A connection that was dialled stands."""
        session.handle(Event.CONNECTED, now_ns)
        self.neighbours[name].settle(now_ns)

    def accepted(self, address: bytes, now_ns: int) -> tuple[str, Session] | None:
        """Somebody has opened a connection: whose it is and its session, to be `connected`; None: refuse it."""
        neighbour = self._by_address.get(address)
        session = None if neighbour is None else neighbour.accept(now_ns)
        return None if neighbour is None or session is None else (neighbour.name, session)

    def receive(self, name: str, session: Session, data: bytes, now_ns: int) -> None:
        """Bytes from a connection; any bytes whatever."""
        session.feed(data, now_ns)
        self.neighbours[name].settle(now_ns)

    def set_deaf(self, name: str, session: Session, deaf: bool, now_ns: int) -> None:
        """A connection's send buffer is full, or has room again. Meanwhile nothing is added to it but keepalives."""
        neighbour = self.neighbours[name]
        session.set_deaf(deaf, now_ns)
        if session is neighbour.established:
            neighbour.outbox.held = deaf
            self.routes_out.flush(neighbour, now_ns)

    def lost(self, name: str, session: Session, why: str, now_ns: int) -> None:
        """A connection has ended, or could not be made."""
        session.handle(Event.TCP_FAILED, now_ns, why=why)
        self.neighbours[name].settle(now_ns)

    def deadline_ns(self) -> int | None:
        deadlines = [neighbour.deadline_ns() for neighbour in self.neighbours.values()]
        deadlines.append(self._convergence.deadline_ns())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def on_deadline(self, now_ns: int) -> None:
        for neighbour in self.neighbours.values():
            neighbour.on_deadline(now_ns)
            self.routes_out.flush(neighbour, now_ns)
        done = self._convergence.take(now_ns)
        if done is not None:
            self._surroundings.converged(done)

    # ---- what neighbours ask -------------------------------------------------------------------------------

    def dial(self, neighbour: Neighbour, session: Session) -> None:
        self._surroundings.dial(neighbour.name, session)

    def transmit(self, session: Session, data: bytes) -> None:
        self._surroundings.transmit(session, data)

    def hang_up(self, session: Session) -> None:
        self._surroundings.hang_up(session)

    def on_open(self, neighbour: Neighbour, session: Session) -> None:
        self._diary.opened(neighbour, session)

    def on_up(self, neighbour: Neighbour, now_ns: int) -> None:
        self._diary.up(neighbour)
        self._convergence.begin("session_up", now_ns, now_ns)
        self.routes_out.advertise_all(neighbour, now_ns)

    def on_down(self, neighbour: Neighbour, session: Session, why: str, now_ns: int) -> None:
        gone = self.ribs.forget(neighbour.name)
        self._diary.down(neighbour, why, len(gone))
        silent = why.startswith(f"{Code.HOLD_TIMER_EXPIRED.value}/")
        event = "hold_timer" if silent else "link_down" if why == "link down" else "session_down"
        self._convergence.begin(event, session.heard_ns if silent else now_ns, now_ns)
        self._decide(gone, now_ns)

    def on_notification(self, neighbour: Neighbour, direction: str, message: Notification) -> None:
        self._diary.notified(neighbour, direction, message)

    def on_message(self, neighbour: Neighbour, message: Update | RouteRefresh, now_ns: int) -> None:
        if isinstance(message, RouteRefresh):
            self.routes_out.refresh(neighbour, now_ns)
            return
        if message.attributes is None:
            self._withdraw(neighbour, message, now_ns)
        else:
            self._learn(neighbour, message, message.attributes, now_ns)

    # ---- routes in -----------------------------------------------------------------------------------------

    def _withdraw(self, neighbour: Neighbour, message: Update, now_ns: int) -> None:
        gone = [*message.withdrawn, *message.announced]
        if not gone:
            return  # End-of-RIB (RFC 4724)
        self.received["withdraw"] += len(gone)
        self._diary.withdrawn(neighbour, message, gone)
        heard = self.ribs.heard[neighbour.name]
        self._decide([prefix for prefix in gone if heard.pop(prefix, None)], now_ns)

    def _learn(self, neighbour: Neighbour, message: Update, attributes: Attributes, now_ns: int) -> None:
        peering, heard = neighbour.peering, self.ribs.heard[neighbour.name]
        session = neighbour.established
        assert session is not None and session.peer is not None
        changed = [prefix for prefix in message.withdrawn if heard.pop(prefix, None)]
        self.received["withdraw"] += len(message.withdrawn)
        self.received["announce"] += len(message.announced)
        let_in = imported(peering.policy, attributes)
        refused: dict[str, str] = {}
        for prefix in message.announced:
            why = self._refusal(peering, prefix, attributes)
            if why is not None and len(refused) < 20:
                refused[str(prefix)] = why
            path = Path(prefix, let_in, neighbour.name, session.peer.identifier, peering.address)
            heard[prefix] = Heard(attributes, why, path)
            changed.append(prefix)
        self._diary.updated(neighbour, message, attributes, refused)
        if len(heard) > peering.policy.max_prefixes:
            neighbour.block(now_ns)
            error = BgpError(Code.CEASE, MAX_PREFIXES, f"more than {peering.policy.max_prefixes} prefixes")
            session.handle(Event.MESSAGE_ERROR, now_ns, error=error)
            return
        self._decide(changed, now_ns)

    def _refusal(self, peering: Peering, prefix: Prefix, attributes: Attributes) -> str | None:
        if attributes.next_hop not in peering.link or attributes.next_hop == peering.local_address:
            return f"next hop {ip_text(attributes.next_hop)} is no neighbour on this link"
        return refusal(peering.policy, self.asn, peering.settings.peer_asn, prefix, attributes)

    # ---- the decision --------------------------------------------------------------------------------------

    def _decide(self, prefixes: Iterable[Prefix], now_ns: int) -> None:
        changed = []
        for prefix in dict.fromkeys(prefixes):
            before, now = self.ribs.decide(prefix)
            old, new = before and before.best, now and now.best
            if old == new:
                continue
            changed.append(prefix)
            self.best_path_changes += 1
            self._convergence.changed(now_ns)
            self._surroundings.install(prefix, new if new and new.neighbour else None)
            self._diary.decided(prefix, old, now)
        if changed:
            for neighbour in self.neighbours.values():
                self.routes_out.advertise(neighbour, changed, now_ns)
