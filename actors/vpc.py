"""The VPC: its implicit router, the mapping of private addresses to network interfaces, and its security groups.

How this works. `VpcFabric` (protocols) decides about packets; this file carries frames. Once both security groups have
seen a connection established, what was decided about its packets is kept as an Ethernet header and a port, by the
bytes that name the flow: all that a packet then costs is one look-up. FIN, SYN and RST still take the long way, and a
change of interfaces, routes or groups empties the cache. A journey's first packet has the kept decision's story told.
"""

from struct import Struct
from struct import error as TooShort
from typing import Any

from actors.element import JOURNEY, CallFailed, Context, Element
from actors.parts.aws.client import follow
from actors.parts.vpc_layout import begin, lay_out
from actors.parts.vpc_state import VpcState
from actors.parts.vpc_world import Config, fabric_of
from actors.protocols.connection_tracking import Connection, ConnectionTracker, Timeouts
from actors.protocols.ec2.fabric_items import REVISION, items_of
from actors.protocols.ec2.state import Ec2State
from actors.protocols.eni_map import Eni
from actors.protocols.flows import FIN_SYN_RST
from actors.protocols.vpc_fabric import Decision, Note
from actors.stack.alarm import Alarm
from actors.stack.interfaces import Interface
from actors.wire import arp, ethernet, ipv4
from actors.wire.addresses import InterfaceAddress, ip_bytes, ip_text, mac_for, mac_text
from actors.wire.malformed import Malformed

__all__ = ["Config", "Vpc"]

HANDED_OVER = {
    "cidr",
    "internet_gateway",
    "subnets",
    "route_tables",
    "security_groups",
    "network_interfaces",
    "instances",
}
"""What of the config EC2 gets, and owns from then on."""
FIRST_RETRY_S, LAST_RETRY_S = 0.02, 1.0
"""Between attempts to reach the AWS API."""

_TCP_FLAGS = 47
"""Where the TCP flags stand in a frame whose IPv4 header has no options."""
_flow_bytes = Struct(">15s5xHxBxx12s").unpack_from
"""MACs, EtherType and IP version; fragment word; protocol; addresses and ports: what a kept decision depends on."""


class _Kept:
    """A decision about an established flow, ready for its next packet; `told` is the journey that has its story."""

    __slots__ = ("connections", "header", "notes", "send", "tcp", "told")

    def __init__(self, decision: Decision, header: bytes, send: Any, tcp: bool) -> None:
        self.connections = decision.connections
        self.notes = decision.notes
        self.header = header
        self.send = send
        self.tcp = tcp
        self.told = JOURNEY.get()


_Cache = dict[tuple[Any, ...], _Kept]


class Vpc(Element):
    """The implicit router of a VPC and its mapping service."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        tracking = config.connection_tracking
        timeouts = Timeouts(
            tcp_established_ns=tracking.tcp_established_timeout,
            udp_ns=tracking.udp_timeout,
            udp_stream_ns=tracking.udp_stream_timeout,
        )
        self.tracker = ConnectionTracker(tracking.max_connections, timeouts, self._forget)
        self.fabric = fabric_of(config, context.name, self.tracker, context.now_ns())
        self.state = VpcState(self.fabric, config.cidr, self.forget_decisions)
        self._caches: dict[str, _Cache] = {port: {} for port in config.port_names()}
        self._alarm = Alarm(context, self._deadline_ns, self._on_deadline)
        self._gateway: Interface | None = None
        self._tracked = context.metrics.gauge("journey_vpc_tracked_connections")
        if config.aws_api is None:
            self._stay_as_it_is()

    # ---- EC2 -----------------------------------------------------------------------------------------------

    async def _follow(self, aws_api: str) -> None:
        """Hand over what was there before the world began, then be as EC2 says."""
        config = self.config.model_dump(mode="json", include=HANDED_OVER)
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self.context.call(aws_api, "adopt_vpc", vpc=self.context.name, config=config)
                break
            except CallFailed:
                await self.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LAST_RETRY_S)
        await follow(self.context, aws_api, f"vpc/{self.context.name}", self.state.apply)

    def _stay_as_it_is(self) -> None:
        """There is no EC2: what the config says stays."""
        state = Ec2State("", "")
        vpc = lay_out(state, self.context.name, self.config)
        begin(state, vpc, self.config, self.context.unix_ns())
        items = {**items_of(state, vpc.id), REVISION: 1}
        self.state.apply(items, items.keys())

    async def call_caught_up(self, revision: int) -> None:
        """Returns when packets meet what EC2's state of this revision says."""
        await self.state.caught_up(revision)

    async def call_describe_instance(
        self, instance_id: str | None = None, port: str | None = None
    ) -> dict[str, Any]:
        """What the instance with this id, or at this port, finds in its own metadata (IMDS), at once."""
        return await self.state.describe_instance(instance_id, port)

    # ---- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self.config.aws_api is not None:
            self.context.spawn(self._follow(self.config.aws_api), "EC2's changes")
        if gateway := self.config.internet_gateway:
            self._gateway = Interface(
                gateway.port,
                self.context.ports[gateway.port],
                mac_for(self.context.name, gateway.port),
                self.context,
                changed=self.forget_decisions,
                undeliverable=lambda packet: self._drop("gateway_unreachable"),
                arm=self._alarm.arm_for,
            )
            self._gateway.address = InterfaceAddress.parse(gateway.address)
            self._gateway.neighbours.addresses.add(self._gateway.address.address)
            self._peer = ip_bytes(gateway.peer)

    def on_link(self, port: str, up: bool) -> None:
        if self._gateway is not None and port == self._gateway.name and not up:
            self._gateway.carry_out(self._gateway.neighbours.flush())

    def forget_decisions(self) -> None:
        """Interfaces, routes or groups have changed: every flow is decided again. Tracked connections stay."""
        for cache in self._caches.values():
            cache.clear()

    # ---- frames --------------------------------------------------------------------------------------------

    def on_frame(self, port: str, frame: bytes) -> None:
        try:
            kept = self._caches[port].get(_flow_bytes(frame))
            if kept is not None and kept.tcp and frame[_TCP_FLAGS] & FIN_SYN_RST:
                kept = None
        except (TooShort, IndexError):
            self._drop("malformed")
            return
        if kept is None:
            self._decide(port, frame)
            return
        now_ns = self.context.now_ns()
        for connection in kept.connections:
            connection.seen_ns = now_ns
        journey = JOURNEY.get()
        if journey is not None and kept.told != journey:
            kept.told = journey
            self._tell(kept.notes)
        kept.send(kept.header + frame[14:])

    def _decide(self, port: str, frame: bytes) -> None:
        try:
            _, mac, ethertype, payload = ethernet.decode(frame)
            if self._gateway is not None and port == self._gateway.name:
                self._from_gateway(port, frame, ethertype, payload)
                return
            sender = self.fabric.interfaces.by_mac.get(mac)
            if sender is None or sender.port != port:
                self._drop("unknown_source_mac")
            elif ethertype == ethernet.ARP:
                self._on_arp(sender, arp.decode(payload))
            elif ethertype == ethernet.IPV4:
                packet = ipv4.decode(payload)
                decision = self.fabric.from_interface(sender, frame[:6], packet, self.context.now_ns())
                self._carry_out(decision, port, frame, payload, packet)
            else:
                self._drop("ethertype")
        except Malformed:
            self._drop("malformed")

    def _from_gateway(self, port: str, frame: bytes, ethertype: int, payload: bytes) -> None:
        assert self._gateway is not None
        if ethertype == ethernet.ARP:
            self._gateway.on_arp(payload)
        elif ethertype != ethernet.IPV4 or frame[:6] != self._gateway.mac:
            self._drop("not_for_us")
        else:
            packet = ipv4.decode(payload)
            decision = self.fabric.from_internet_gateway(packet, self.context.now_ns())
            self._carry_out(decision, port, frame, payload, packet)

    def _on_arp(self, sender: Eni, request: arp.Packet) -> None:
        mac = self.fabric.answer_arp(request, sender)
        if mac is None:
            return
        reply = arp.Packet(arp.REPLY, mac, request.target_ip, request.sender_mac, request.sender_ip)
        self.context.record("arp.reply", address=ip_text(request.target_ip), mac=mac_text(mac))
        frame = ethernet.Frame(sender.mac, mac, ethernet.ARP, arp.encode(reply))
        self.context.ports[sender.port].send(ethernet.encode(frame))

    def _carry_out(
        self, decision: Decision, port: str, frame: bytes, payload: bytes, packet: ipv4.Packet
    ) -> None:
        self._alarm.arm()
        self._tracked.value = len(self.tracker)
        self._tell(decision.notes)
        if decision.drop is not None:
            self._count_drop(decision.drop)
            return
        if decision.eni is not None:
            receiver = decision.eni
            router = self.fabric.interfaces.subnets[receiver.subnet].gateway_mac
            header = receiver.mac + router + frame[12:14]
            port_there = self.context.ports.get(receiver.port)
            if port_there is None:
                self._count_drop("no_link")
                return
            send = port_there.send
            send(header + payload)
        else:
            assert self._gateway is not None, "only an internet gateway is a target that is no interface"
            mac = self._gateway.send(self._peer, payload)
            if mac is None:
                return
            header = mac + self._gateway.mac + frame[12:14]
            send = self.context.ports[self._gateway.name].send
        if decision.settled and packet.protocol in (ipv4.TCP, ipv4.UDP) and not packet.options:
            self._keep(decision, port, frame, _Kept(decision, header, send, packet.protocol == ipv4.TCP))

    def _keep(self, decision: Decision, port: str, frame: bytes, kept: _Kept) -> None:
        cache, key = self._caches[port], _flow_bytes(frame)
        cache[key] = kept
        for connection in decision.connections:
            connection.note = [*(connection.note or ()), (cache, key)]

    def _forget(self, connection: Connection) -> None:
        """A tracked connection is over, and so is what was decided about its packets."""
        for cache, key in connection.note or ():
            cache.pop(key, None)

    def _tell(self, notes: tuple[Note, ...]) -> None:
        if self.context.recording():
            for note in notes:
                self.context.record(note.kind, **note.fields)

    def _drop(self, reason: str) -> None:
        self._count_drop(reason)
        self.context.record("vpc.drop", reason=reason)

    def _count_drop(self, reason: str) -> None:
        self.context.metrics.counter("journey_vpc_dropped_packets_total", reason=reason).value += 1

    def inspect(self) -> dict[str, Any]:
        return {
            "network_interfaces": [self._described(eni) for eni in self.fabric.interfaces.by_id.values()],
            "kept_decisions": sum(map(len, self._caches.values())),
        }

    def _described(self, eni: Eni) -> dict[str, Any]:
        return {
            "id": eni.id,
            "mac": mac_text(eni.mac),
            "port": eni.port,
            "subnet": eni.subnet,
            "availability_zone": self.config.subnets[eni.subnet].availability_zone,
            "private_ips": [ip_text(address) for address in eni.addresses],
            "security_groups": list(eni.groups),
            "tracked_connections": self.tracker.owned(eni.id),
        }

    # ---- time ----------------------------------------------------------------------------------------------

    def _deadline_ns(self) -> int | None:
        deadlines = [self.tracker.deadline_ns()]
        if self._gateway is not None:
            deadlines.append(self._gateway.neighbours.deadline_ns())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _on_deadline(self, now_ns: int) -> None:
        self.tracker.on_deadline(now_ns)
        if self._gateway is not None:
            self._gateway.on_deadline(now_ns)
        self._tracked.value = len(self.tracker)
