"""A home router: a switch for the LAN, DHCP server, DNS forwarder, and NAT towards the Internet provider.

How this works. A frame from the LAN that is addressed to the router's MAC address, but not to an address of its own,
is translated (see `actors.protocols.nat`) and given to the forwarder, which knows routes, TTLs and MAC addresses; a
frame from outside takes the same way back. Frames of one session and length begin with the same 38 bytes (Ethernet
and IPv4 header, ports), and leave with the same 38 bytes: these are kept, so most frames cost one lookup here and one
in the forwarder. What cannot be sent on is given to the forwarder untranslated: it will complain, and its complaint
then quotes the packet as its sender knows it. The NAT is the firewall too: what comes from outside and belongs to no
session reaches at most the router's own sockets and its ICMP. What computers at home send to the outside address of
another one is turned round here (hairpinning), and what is sent to a port that nobody has is for the router itself.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from pydantic import Field, model_validator

from actors.element import JOURNEY, Claim, Context, Element, ElementConfig
from actors.parts.config_fields import fault
from actors.parts.dhcp_service import DhcpService
from actors.parts.dns_asking import ask
from actors.parts.dns_metrics import follow_cache
from actors.parts.dns_serving import DnsService
from actors.parts.dns_sharing import SharedResolve
from actors.parts.home_router_config import DhcpConfig, DnsConfig, LanConfig, NatConfig, WanConfig, parse_pool
from actors.parts.home_router_view import leases_of, nat_of, pool_of, sessions_of
from actors.parts.kept_heads import Way, known, remember
from actors.parts.lan import Lan
from actors.parts.nat_failures import NatFailures
from actors.parts.tools import DnsTools
from actors.protocols import icmp as icmp_rules
from actors.protocols.connection_tracking import State
from actors.protocols.dns.answer import respond
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.stub import FORWARDER, StubResolver
from actors.protocols.fragments import Reassembler
from actors.protocols.nat import Nat, Refusal, Session
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.stack.forwarding import Forwarder
from actors.stack.interfaces import IPV4_TYPE
from actors.stack.sysctls import Sysctls
from actors.wire import dns, ethernet, ipv4
from actors.wire.addresses import InterfaceAddress, ip_bytes, ip_text, mac_for, mac_text
from actors.wire.icmp import FRAGMENTATION_NEEDED
from actors.wire.malformed import Malformed

LAN, WAN = "lan", "wan"
DNS_TIMEOUT_S = 5.0
"""How long the forwarder waits for a resolver before it asks again (resolv.conf's own default)."""


class Config(ElementConfig):
    """A home router."""

    lan: LanConfig = Field(description="the inside")
    wan: WanConfig = Field(description="the outside, plugged into port wan")
    dhcp: DhcpConfig = Field(description="addresses for the computers at home")
    dns: DnsConfig = Field(description="the DNS forwarder that these are told to ask")
    nat: NatConfig = Field(default=NatConfig(), description="address and port translation")
    sysctls: Sysctls = Field(
        default=Sysctls(), description="the TCP of its own DNS, by the names of Linux's net.ipv4"
    )

    @model_validator(mode="after")
    def _check(self) -> "Config":
        lan, wan = InterfaceAddress.parse(self.lan.address), InterfaceAddress.parse(self.wan.address)
        if lan.address in wan.prefix or wan.address in lan.prefix:
            raise fault(("wan", "address"), f"{wan.prefix} overlaps the LAN, {lan.prefix}", self.wan.address)
        for end in parse_pool(self.dhcp.pool):
            if end not in lan.prefix or end in (lan.prefix.network.to_bytes(4), lan.prefix.broadcast):
                what = f"{ip_text(end)} is no host's address in the LAN, {lan.prefix}"
                raise fault(("dhcp", "pool"), what, self.dhcp.pool)
        for index, port in enumerate(self.lan.ports):
            if port == WAN or port in self.lan.ports[:index]:
                raise fault(("lan", "ports", index), f"there is a port {port!r} already", port)
        return self

    def port_names(self) -> Iterable[str]:
        return (*self.lan.ports, WAN)

    def claims(self) -> Iterable[Claim]:
        for side, text in ((LAN, self.lan.address), (WAN, self.wan.address)):
            yield Claim("address", text, (side, "address"), private=side == LAN)
            yield Claim("subnet", text, (side, "address"), private=side == LAN)


class HomeRouter(DnsTools, Element):
    """Connects a home to the Internet by one public address."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        inside = InterfaceAddress.parse(config.lan.address)
        self._inside = inside.prefix
        self._outside = InterfaceAddress.parse(config.wan.address).address
        self._wan_mac = mac_for(context.name, WAN)
        self._frame_bytes = {LAN: 0, WAN: 0}
        self.lan = Lan(context, config.lan.ports, mac_for(context.name, LAN))
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.forwarder = Forwarder(context, self.stack)
        self.nat = Nat(config.nat.settings(self._outside), context.random, self._is_own)
        self._failures = NatFailures(context, self.nat)
        self.stack.ip.as_received = self.nat.original
        self._outward = Way(
            LAN, WAN, self.lan.mac, "out", self.nat.settled_outbound, self._from_inside_carefully, {}
        )
        self._inward = Way(
            WAN, LAN, self._wan_mac, "in", self.nat.settled_inbound, self._from_outside_carefully, {}
        )
        self.dhcp = DhcpService(context, self.stack, LAN, config.dhcp.settings(inside))
        self._dns_cache = Cache(config.dns.cache_size)
        self.dns_service = self._forwarder()
        self._reassembler = Reassembler()
        self._nat_alarm = Alarm(context, self.nat.deadline_ns, self._on_nat_deadline)
        self._fragment_alarm = Alarm(context, self._reassembler.deadline_ns, self._on_fragment_deadline)
        self._sessions = context.metrics.gauge("journey_nat_sessions", router=context.name)
        limit = context.metrics.gauge("journey_nat_session_limit", router=context.name)
        limit.value = config.nat.max_mappings

    async def start(self) -> None:
        self.stack.add_interface(LAN, self.config.lan.address, mac=self.lan.mac, port=self.lan)
        self.stack.add_interface(WAN, self.config.wan.address, mac=self._wan_mac)
        self.stack.add_route("default", WAN, self.config.wan.gateway)
        for side in (LAN, WAN):
            self._frame_bytes[side] = ethernet.HEADER_BYTES + self.stack.ip.interfaces[side].mtu
        await self.dhcp.start()
        await self.dns_service.open(self.stack, interface=LAN)

    def _forwarder(self) -> DnsService:
        """The DNS forwarder: a stub with a cache, for all who ask."""
        stub = StubResolver(
            FORWARDER,
            partial(ask, self.context, self.stack, DNS_TIMEOUT_S),
            cache=self._dns_cache,
            now_ns=self.context.now_ns,
            random=self.context.random,
            record=self.context.record,
            servers=[ip_bytes(server) for server in self.config.dns.forward_to],
        )
        follow_cache(self.context, "forwarder", self._dns_cache)
        resolve = SharedResolve(self.context, stub.resolve)

        async def answer(query: dns.Message, client: bytes) -> dns.Message:
            return await respond(query, resolve)

        return DnsService(self.context, "forwarder", answer)

    def on_link(self, port: str, up: bool) -> None:
        if port == WAN:
            self.stack.on_link(WAN, up)
        elif self.lan.on_link(port, up):
            self.stack.on_link(LAN, self.lan.up)

    # ---- frames --------------------------------------------------------------------------------------------

    def on_frame(self, port: str, frame: bytes) -> None:
        now_ns = self.context.now_ns()
        try:
            if port == WAN:
                self._pass(self._inward, frame, now_ns)
            elif self.lan.on_frame(port, frame, now_ns):
                self._pass(self._outward, frame, now_ns)
        except Malformed as error:
            self.stack.ip.drop("malformed", str(error))

    def _pass(self, way: Way, frame: bytes, now_ns: int) -> None:
        """A frame for the router alone, or for all."""
        translated = known(way.heads, frame, now_ns)
        if translated is None:
            rewrite = way.settled(frame, now_ns)
            if (
                rewrite is None or frame[22] < 2 or len(frame) > self._frame_bytes[way.far] or frame[:6] != way.mac
            ):  # fmt: skip
                way.carefully(frame)
                return
            self._tell(rewrite.session, way.direction)
            translated = rewrite.apply(frame)
            remember(way.heads, frame, translated, rewrite.session)
        self.forwarder.forward(way.near, translated)

    # ---- the careful way -----------------------------------------------------------------------------------

    def _from_inside_carefully(self, frame: bytes) -> None:
        if frame[:6] != self.lan.mac or frame[12:14] != IPV4_TYPE:
            self.stack.on_frame(LAN, frame)
            return
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        own, destination = self.stack.ip.local, packet.destination
        if packet.source in own or icmp_rules.is_group(destination):
            self.stack.on_frame(LAN, frame)
        elif destination in own:
            if destination != self._outside or not self._turn_round(frame, packet):
                self.stack.on_frame(LAN, frame)
        elif packet.source not in self._inside:
            self.stack.ip.drop("martian", f"from {ip_text(packet.source)}, which is not at home")
        elif not self.forwarder.expires(LAN, frame):
            if self._leaves(packet):
                self._send_out(frame, packet)
            else:
                self.forwarder.forward(LAN, frame)

    def _turn_round(self, frame: bytes, packet: ipv4.Packet) -> bool:
        """What goes from inside to the outside address, if it is for somebody inside; False when it is for us."""
        if packet.source not in self._inside:
            return False
        found = self.nat.hairpin(frame, self.context.now_ns())
        self._nat_alarm.arm()
        self._sessions.value = len(self.nat)
        if found is Refusal.FRAGMENT:
            whole = self._put_together(frame, packet)
            if whole is not None:
                self._from_inside_carefully(whole)
        elif found is Refusal.NOT_MINE:
            return False
        elif isinstance(found, Refusal):
            self._refuse(found, packet)
        elif not self.forwarder.expires(LAN, frame):
            self._tell(found.session, "hairpin")
            self.forwarder.forward(LAN, found.apply(frame))
        return True

    def _leaves(self, packet: ipv4.Packet) -> bool:
        """Whether the packet's way leads out, and there is room for it."""
        route = self.stack.routes.lookup(packet.destination)
        return route is not None and route.port == WAN and not _too_big(packet, self._frame_bytes[WAN])

    def _send_out(self, frame: bytes, packet: ipv4.Packet) -> None:
        found = self.nat.outbound(frame, self.context.now_ns())
        self._nat_alarm.arm()
        self._sessions.value = len(self.nat)
        if found is Refusal.FRAGMENT:
            whole = self._put_together(frame, packet)
            if whole is not None:
                self._from_inside_carefully(whole)
        elif isinstance(found, Refusal):
            self._refuse(found, packet)
        else:
            self._tell(found.session, "out")
            self.forwarder.forward(LAN, found.apply(frame))

    def _from_outside_carefully(self, frame: bytes) -> None:
        if frame[:6] != self._wan_mac or frame[12:14] != IPV4_TYPE:
            self.stack.on_frame(WAN, frame)
            return
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        source = packet.source
        if packet.destination != self._outside:
            self.stack.ip.drop("unsolicited", f"to {ip_text(packet.destination)}")
        elif source in self._inside or source == self._outside or icmp_rules.is_martian(source):
            self.stack.ip.drop("martian", f"from {ip_text(source)}, from outside")
        else:
            self._let_in(frame, packet)

    def _let_in(self, frame: bytes, packet: ipv4.Packet) -> None:
        found = self.nat.inbound(frame, self.context.now_ns())
        if found is Refusal.FRAGMENT:
            whole = self._put_together(frame, packet)
            if whole is not None:
                self._from_outside_carefully(whole)
        elif found is Refusal.NOT_MINE and self._may_have(packet):
            self.stack.on_frame(WAN, frame)
        elif found is Refusal.NOT_MINE:
            self.stack.ip.drop("unsolicited", f"TCP from {ip_text(packet.source)}")
        elif isinstance(found, Refusal):
            self._refuse(found, packet)
        elif not self.forwarder.expires(WAN, frame):
            if _too_big(packet, self._frame_bytes[LAN]):
                self._refuse_too_big(frame)
                return
            self._tell(found.session, "in")
            self.forwarder.forward(WAN, found.apply(frame))

    def _may_have(self, packet: ipv4.Packet) -> bool:
        """Whether what belongs to no session may reach the router itself: of TCP only what it asked for."""
        return packet.protocol != ipv4.TCP or self._is_own(ipv4.TCP, int.from_bytes(packet.payload[2:4]))

    def _is_own(self, protocol: int, port: int) -> bool:
        return self.stack.uses_port(protocol, port, WAN)

    def _put_together(self, frame: bytes, piece: ipv4.Packet) -> bytes | None:
        """A frame with the whole packet when this was its last missing piece."""
        whole = self._reassembler.handle(piece, self.context.now_ns())
        self._fragment_alarm.arm()
        return None if whole is None else frame[: ethernet.HEADER_BYTES] + ipv4.encode(whole)

    def _refuse(self, refusal: Refusal, packet: ipv4.Packet) -> None:
        self.stack.ip.drop(refusal.value, f"from {ip_text(packet.source)} to {ip_text(packet.destination)}")
        self._failures.refused(refusal, packet)

    def _refuse_too_big(self, frame: bytes) -> None:
        packet, mtu = frame[ethernet.HEADER_BYTES :], self.lan.mtu
        self.stack.ip.drop("mtu", f"{len(packet)} bytes on a link of {mtu}")
        message = icmp_rules.unreachable(packet, FRAGMENTATION_NEEDED, mtu)
        self.stack.icmp.complain(packet, message, self.stack.ip.interfaces[WAN])

    def _tell(self, session: Session, direction: str) -> None:
        """Tell a journey of the session, once in each direction."""
        journey = JOURNEY.get()
        if journey is None or session.told.get(direction) == journey:
            return
        created = direction != "in" and session.opened_ns == self.context.now_ns()
        session.told[direction] = journey
        self.context.record("nat.mapping", **session.described(), created=created, direction=direction)

    # ---- time ----------------------------------------------------------------------------------------------

    def _on_nat_deadline(self, now_ns: int) -> None:
        for session in self.nat.on_deadline(now_ns):
            if session.mapping.protocol == ipv4.TCP and session.connection.state is State.ESTABLISHED:
                self._failures.timed_out()  # neither side has closed it, so one of them may yet speak
        self._sessions.value = len(self.nat)

    def _on_fragment_deadline(self, now_ns: int) -> None:
        for first in self._reassembler.on_deadline(now_ns):
            self.stack.icmp.give_up_fragments(first)

    # ---- looking in ----------------------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        now_ns = self.context.now_ns()
        return {
            "stations": {mac_text(mac): port for mac, port in self.lan.switch.stations(now_ns)},
            "leases": leases_of(self.dhcp.engine, now_ns),
            "pool": pool_of(self.dhcp.engine, now_ns),
            "dns_cache": self._dns_cache.contents(now_ns),
            "nat": nat_of(self.nat),
            "nat_sessions": sessions_of(self.nat, now_ns),
            **self.stack.inspect(),
        }


def _too_big(packet: ipv4.Packet, frame_bytes: int) -> bool:
    """Whether the packet may not be cut and is too long for such a link."""
    room = frame_bytes - ethernet.HEADER_BYTES - ipv4.HEADER_BYTES - len(packet.options)
    return packet.dont_fragment and len(packet.payload) > room
