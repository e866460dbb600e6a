"""Speakers joined by wires without loss, on a clock that a test turns."""

from collections import deque
from random import Random
from typing import Any

from actors.protocols.bgp import Peering, Policy, Relationship, Session, Settings, Speaker
from actors.protocols.bgp.convergence import Converged
from actors.protocols.bgp.decision import Path
from actors.units import SECOND
from actors.wire.addresses import Prefix, ip_bytes

LINK = Prefix.parse("10.0.0.0/8")


class Router:
    """A speaker with its surroundings: a forwarding table and a journal."""

    def __init__(self, net: "Net", name: str, asn: int, address: str, networks: list[str]) -> None:
        self.net, self.name, self.asn, self.address = net, name, asn, ip_bytes(address)
        self.networks = [Prefix.parse(text) for text in networks]
        self.peerings: list[Peering] = []
        self.table: dict[str, str] = {}
        self.journal: list[tuple[str, dict[str, Any]]] = []
        self.settled: list[Converged] = []
        self.speaker: Speaker

    def boot(self) -> None:
        self.table.clear()
        self.speaker = Speaker(self.asn, self.address, self.networks, self.peerings, self, Random(self.asn))
        self.speaker.start(self.net.now_ns)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.journal if each == kind]

    # ---- surroundings --------------------------------------------------------------------------------------

    def dial(self, neighbour: str, session: Session) -> None:
        self.net.queue.append(("dial", self, neighbour, session))

    def transmit(self, session: Session, data: bytes) -> None:
        self.net.queue.append(("data", session, data))

    def hang_up(self, session: Session) -> None:
        self.net.queue.append(("end", session))

    def install(self, prefix: Prefix, path: Path | None) -> None:
        self.table.pop(str(prefix), None)
        if path is not None:
            self.table[str(prefix)] = path.neighbour

    def tell(self, kind: str, **fields: Any) -> None:
        self.journal.append((kind, fields))

    def converged(self, what: Converged) -> None:
        self.settled.append(what)


class Net:
    """Routers, who is whose neighbour, and what is on its way."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.routers: dict[str, Router] = {}
        self.queue: deque[Any] = deque()
        self.ends: dict[Session, tuple[Router, str, Session]] = {}
        self.silent: set[frozenset[str]] = set()
        self.sent: list[tuple[str, str, bytes]] = []

    def add(self, name: str, asn: int, address: str, *networks: str) -> Router:
        self.routers[name] = Router(self, name, asn, address, list(networks))
        return self.routers[name]

    def peer(self, one: str, other: str, is_its: str = "peer", **more: Any) -> None:
        """`other` is `one`'s customer, peer or provider."""
        mirror = {"customer": "provider", "provider": "customer", "peer": "peer"}
        self._peer(one, other, is_its, more)
        self._peer(other, one, mirror[is_its], {})

    def _peer(self, own: str, other: str, relationship: str, more: dict[str, Any]) -> None:
        mine, theirs = self.routers[own], self.routers[other]
        settings = Settings(mine.asn, mine.address, theirs.asn, connect_retry_ns=5 * SECOND)
        settings = settings._replace(hold_time_s=more.pop("hold_time_s", 90))
        mrai_ns = more.pop("mrai_ns", 0)
        policy = Policy(Relationship(relationship), **more)
        mine.peerings.append(Peering(other, theirs.address, mine.address, LINK, settings, policy, mrai_ns))

    def boot(self) -> "Net":
        for router in self.routers.values():
            router.boot()
        self.run(0.5)
        return self

    def run(self, seconds: float) -> None:
        """Let messages arrive at once and timers ring in their time."""
        end_ns = self.now_ns + round(seconds * SECOND)
        self._deliver()
        while True:
            deadlines = [router.speaker.deadline_ns() for router in self.routers.values()]
            due_ns = min((each for each in deadlines if each is not None), default=end_ns + 1)
            if due_ns > end_ns:
                break
            self.now_ns = max(self.now_ns, due_ns)
            for router in self.routers.values():
                router.speaker.on_deadline(self.now_ns)
            self._deliver()
        self.now_ns = end_ns

    def cut(self, one: str, other: str, up: bool = False) -> None:
        self.routers[one].speaker.carrier(other, up, self.now_ns)
        self.routers[other].speaker.carrier(one, up, self.now_ns)
        self._deliver()

    def _deliver(self) -> None:
        while self.queue:
            what, *about = self.queue.popleft()
            getattr(self, f"_{what}")(*about)

    def _dial(self, router: Router, name: str, session: Session) -> None:
        if frozenset((router.name, name)) in self.silent:
            return
        other = self.routers[name]
        found = other.speaker.accepted(router.address, self.now_ns)
        if found is None:
            router.speaker.lost(name, session, "refused", self.now_ns)
            return
        self.ends[session] = (other, router.name, found[1])
        self.ends[found[1]] = (router, name, session)
        router.speaker.connected(name, session, self.now_ns)
        other.speaker.connected(router.name, found[1], self.now_ns)

    def _data(self, session: Session, data: bytes) -> None:
        if session in self.ends:
            router, name, end = self.ends[session]
            if frozenset((router.name, name)) in self.silent:
                return
            self.sent.append((name, router.name, data))
            if end in router.speaker.neighbours[name].sessions:
                router.speaker.receive(name, end, data, self.now_ns)
            else:  # a router that has begun anew resets what it does not know
                self._end(end)

    def _end(self, session: Session) -> None:
        if session in self.ends:
            router, name, end = self.ends.pop(session)
            self.ends.pop(end, None)
            if frozenset((router.name, name)) not in self.silent:
                router.speaker.lost(name, end, "reset", self.now_ns)
