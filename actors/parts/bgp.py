"""BGP on a router: the speaker's connections over the router's own stack, its best paths in the router's own table."""

import asyncio
from typing import TYPE_CHECKING, Any

from actors.bounds import CONVERGENCE_S
from actors.element import JOURNEY, Context
from actors.protocols.bgp import Peering, Session, Settings, Speaker
from actors.protocols.bgp.convergence import Converged
from actors.protocols.bgp.decision import Path
from actors.protocols.bgp.messages import PORT
from actors.protocols.bgp.shown import decision_shown, explained, neighbours_shown, ribs_shown
from actors.protocols.routes import Route
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.units import SECOND
from actors.wire.addresses import InterfaceAddress, Prefix, ip_bytes

if TYPE_CHECKING:
    from actors.parts.border import BorderConfig

BGP_DISTANCE = 20
"""The administrative distance of routes from other autonomous systems, which is their metric."""


class BgpRouter:
    """The speaker of one border router."""

    def __init__(self, config: "BorderConfig", context: Context, stack: Stack) -> None:
        assert config.bgp is not None
        self._context, self._stack = context, stack
        self._ports = {
            name: config.port_towards(each.address) or "" for name, each in config.bgp.neighbours.items()
        }
        self._transports: dict[Session, asyncio.Transport] = {}
        self._dialling: dict[Session, tuple[asyncio.Task[Any], Connection]] = {}
        self._installed: dict[Prefix, Route] = {}
        self._asn = str(config.asn)
        self.speaker = Speaker(
            config.asn,
            _identifier(config),
            map(Prefix.parse, config.bgp.networks),
            _peerings(config),
            self,
            context.random,
        )
        self._alarm = Alarm(context, self.speaker.deadline_ns, self.speaker.on_deadline)
        context.metrics.on_collect(self._collect)

    async def start(self) -> None:
        await self._stack.create_server(lambda: Connection(self), PORT)
        self.speaker.start(self._context.now_ns())
        self._alarm.arm()

    async def stop(self) -> None:
        self.speaker.stop(self._context.now_ns())

    def on_link(self, port: str, up: bool) -> None:
        """Fast fallover: who loses the carrier loses the session (RFC 4271 event 18), and tries again with it."""
        for name, towards in self._ports.items():
            if towards == port:
                self.speaker.carrier(name, up, self._context.now_ns())
        self._alarm.arm()

    # ---- connections ---------------------------------------------------------------------------------------

    def dial(self, neighbour: str, session: Session) -> None:
        connection = Connection(self, neighbour, session)
        task = self._context.spawn(self._connect(neighbour, session, connection), f"bgp {neighbour}")
        self._dialling[session] = (task, connection)

    async def _connect(self, neighbour: str, session: Session, connection: "Connection") -> None:
        JOURNEY.set(None)
        address = self.speaker.neighbours[neighbour].peering.address
        try:
            await self._stack.create_connection(lambda: connection, ".".join(map(str, address)), PORT)
        except OSError as error:
            if self.is_dialling(session, connection):
                self.gone(neighbour, session, None, str(error) or type(error).__name__)

    def is_dialling(self, session: Session, connection: "Connection") -> bool:
        """Whether this is the call that the session waits for: one that it has given up may be answered yet."""
        return self._dialling.get(session, (None, None))[1] is connection

    def greet(self, neighbour: str, session: Session, transport: asyncio.Transport) -> None:
        """A connection stands, whoever opened it."""
        self._dialling.pop(session, None)
        self._transports[session] = transport
        self.speaker.connected(neighbour, session, self._context.now_ns())
        self._alarm.arm()

    def take(self, neighbour: str, session: Session, transport: Any, data: bytes) -> None:
        if self._transports.get(session) is not transport:
            return  # what still comes from a connection that was hung up: the session may have another by now
        self.speaker.receive(neighbour, session, data, self._context.now_ns())
        self._alarm.arm()

    def set_deaf(self, neighbour: str, session: Session, transport: Any, deaf: bool) -> None:
        """The peer takes nothing at present, or something again."""
        if self._transports.get(session) is transport:
            self.speaker.set_deaf(neighbour, session, deaf, self._context.now_ns())
            self._alarm.arm()

    def gone(self, neighbour: str, session: Session, transport: Any, why: str) -> None:
        """A connection has ended, or (`transport` is None) could not be made."""
        if self._transports.get(session) is not transport:
            return
        self._dialling.pop(session, None)
        self._transports.pop(session, None)
        self.speaker.lost(neighbour, session, why, self._context.now_ns())
        self._alarm.arm()

    def admit(self, address: str) -> tuple[str, Session] | None:
        return self.speaker.accepted(ip_bytes(address), self._context.now_ns())

    def transmit(self, session: Session, data: bytes) -> None:
        transport = self._transports.get(session)
        if transport is not None:
            transport.write(data)

    def hang_up(self, session: Session) -> None:
        """End a connection; what was written last, a NOTIFICATION perhaps, goes out before."""
        call, transport = self._dialling.pop(session, None), self._transports.pop(session, None)
        if call is not None:
            call[0].cancel()
        if transport is not None and session.is_deaf:
            transport.abort()  # what lies in its buffer will never be taken
        elif transport is not None:
            transport.close()

    # ---- what comes of it ----------------------------------------------------------------------------------

    def install(self, prefix: Prefix, path: Path | None) -> None:
        routes = self._stack.routes
        before = self._installed.pop(prefix, None)
        if before is not None:
            routes.remove(before)
        if path is not None:
            port = self._ports[path.neighbour]
            route = self._installed[prefix] = Route(
                prefix, port, path.attributes.next_hop, BGP_DISTANCE, "bgp"
            )
            routes.add(route)

    def tell(self, kind: str, **fields: Any) -> None:
        self._context.event(kind, **fields)

    def converged(self, what: Converged) -> None:
        name = "journey_bgp_convergence_duration_seconds"
        histogram = self._context.metrics.histogram(name, buckets=CONVERGENCE_S, event=what.event)
        histogram.observe(what.duration_ns / SECOND)
        self._context.event(
            "bgp.converged",
            event=what.event,
            duration_ms=what.duration_ns / 1e6,
            changes=what.changes,
            settled_ns=what.settled_ns,
        )

    def explain_lookup(self, route: Route, destination: bytes) -> None:
        """A recorded packet was routed: if that was by a path of BGP's, say which ones lost, and why."""
        verdict = self.speaker.ribs.chosen.get(route.prefix)
        if route.origin == "bgp" and verdict is not None:
            self._context.record("bgp.decision", **decision_shown(verdict))

    # ---- looking in ----------------------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        identifier = ".".join(map(str, self.speaker.identifier))
        neighbours = neighbours_shown(self.speaker, self._context.now_ns())
        return {"identifier": identifier, "neighbours": neighbours, **ribs_shown(self.speaker)}

    def explain(self, destination: str) -> dict[str, Any]:
        return explained(self.speaker, ip_bytes(destination))

    def _collect(self) -> None:
        gauge, counter, speaker = self._context.metrics.gauge, self._context.metrics.counter, self.speaker
        for neighbour in speaker.neighbours.values():
            peer_asn = str(neighbour.peering.settings.peer_asn)
            up = gauge("journey_bgp_session_up", asn=self._asn, peer_asn=peer_asn)
            up.value = neighbour.established is not None
        ribs = speaker.ribs
        sizes = {
            "adj_in": sum(map(len, ribs.heard.values())),
            "loc": len(ribs.chosen),
            "adj_out": sum(map(len, ribs.told.values())),
        }
        for rib, size in sizes.items():
            gauge("journey_bgp_routes", asn=self._asn, rib=rib).value = size
        for kind, count in speaker.received.items():
            counter("journey_bgp_updates_total", asn=self._asn, kind=kind).value = count
        counter("journey_bgp_best_path_changes_total", asn=self._asn).value = speaker.best_path_changes


class Connection(asyncio.Protocol):
    """One TCP connection of a speaker; one that was opened by others learns whose it is by its address."""

    def __init__(self, router: BgpRouter, neighbour: str = "", session: Session | None = None) -> None:
        self._router, self._neighbour, self._session = router, neighbour, session
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        JOURNEY.set(None)
        self._transport = transport
        if self._session is None:
            admitted = self._router.admit(transport.get_extra_info("peername")[0])
            if admitted is None:
                transport.abort()
                return
            self._neighbour, self._session = admitted
        elif not self._router.is_dialling(self._session, self):
            transport.abort()
            return
        self._router.greet(self._neighbour, self._session, transport)

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            self._router.take(self._neighbour, self._session, self._transport, data)

    def pause_writing(self) -> None:
        if self._session is not None:
            self._router.set_deaf(self._neighbour, self._session, self._transport, True)

    def resume_writing(self) -> None:
        if self._session is not None:
            self._router.set_deaf(self._neighbour, self._session, self._transport, False)

    def connection_lost(self, error: Exception | None) -> None:
        if self._session is not None:
            why = str(error) if error else "connection closed"
            self._router.gone(self._neighbour, self._session, self._transport, why)


def _identifier(config: "BorderConfig") -> bytes:
    assert config.bgp is not None
    if config.bgp.router_id is not None:
        return ip_bytes(config.bgp.router_id)
    return min(InterfaceAddress.parse(text).address for text in config.interfaces.values())


def _peerings(config: "BorderConfig") -> list[Peering]:
    bgp = config.bgp
    assert bgp is not None
    identifier, peerings = _identifier(config), []
    for name, each in bgp.neighbours.items():
        port = config.port_towards(each.address)
        assert port is not None, "the config was checked"
        own = InterfaceAddress.parse(config.interfaces[port])
        settings = Settings(config.asn, identifier, each.asn, bgp.hold_time // SECOND, bgp.connect_retry_time)
        mrai_ns = bgp.min_route_advertisement_interval
        peerings.append(
            Peering(name, ip_bytes(each.address), own.address, own.prefix, settings, each.policy(), mrai_ns)
        )
    return peerings
