"""AWS's border router (AS 16509) with the VPC's internet gateway behind it: public addresses outside, private inside.

How this works. It routes as any border router does; what passes between the Internet and the port of the internet
gateway has its Elastic IP exchanged on the way, one address for one, without state. Frames of one flow and length begin
with the same 34 bytes, so what these become is kept, and the next such frame costs a look-up and a concatenation before
it is forwarded. Kept rewrites are for offloaded checksums (0); a packet that carries a real one takes the long way.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, model_validator

from actors.element import JOURNEY, CallFailed, Claim, Context, Element, ElementName
from actors.parts.aws.client import follow
from actors.parts.border import BorderConfig, explain_route
from actors.parts.config_fields import Address, Cidr, fault, unknown
from actors.parts.tools import Tools
from actors.protocols.elastic_ips import ElasticIps, Refusal, Translation
from actors.protocols.icmp import is_martian
from actors.protocols.translation import translated
from actors.stack import Stack
from actors.stack.forwarding import Forwarder
from actors.stack.interfaces import IPV4_TYPE
from actors.wire import ipv4
from actors.wire.addresses import Prefix, ip_bytes, ip_text
from actors.wire.malformed import Malformed

MAX_REWRITES = 16_384
FIRST_RETRY_S, LAST_RETRY_S = 0.02, 1.0
"""Between attempts to reach the AWS API."""
_CHECKSUM_AT = {ipv4.TCP: 50, ipv4.UDP: 40}
"""Where the transport checksum stands in a frame whose IPv4 header has no options."""


class Config(BorderConfig):
    """AWS's edge: a border router and an internet gateway."""

    internet_gateway: str = Field(description="the port that leads to the VPC; its addresses are private")
    announces: tuple[Cidr, ...] = Field(
        description="AWS's public addresses: what is sent to one that is associated with nothing ends here"
    )
    elastic_ips: dict[Address, Address] = Field(
        default={},
        description="public addresses and the private one that each stands for, when the world begins",
    )
    aws_api: ElementName | None = Field(
        default=None,
        description="the AWS API that gives public addresses away: it is told once which are announced here and which "
        "stand for what, and from then on says so itself; without it elastic_ips stay as they are",
    )

    @model_validator(mode="after")
    def _check_gateway(self) -> "Config":
        if self.internet_gateway not in self.interfaces:
            what = unknown("interface", self.internet_gateway, self.interfaces)
            raise fault(("internet_gateway",), what, self.internet_gateway)
        self._check_elastic_ips()
        return self

    def _check_elastic_ips(self) -> None:
        public_prefixes = [Prefix.parse(text) for text in self.announces]
        holders: dict[str, str] = {}
        for public, private in self.elastic_ips.items():
            where = ("elastic_ips", public)
            if not any(ip_bytes(public) in prefix for prefix in public_prefixes):
                raise fault(
                    where, f"{public} is in none of the announced {', '.join(self.announces)}", public
                )
            if private in holders:
                raise fault(where, f"{private} has the public address {holders[private]} already", private)
            holders[private] = public

    def claims(self) -> Iterable[Claim]:
        """Private addresses are claimed by those who hold them."""
        yield from super().claims()
        for public in self.elastic_ips:
            yield Claim("address", public, ("elastic_ips", public))


class AwsEdge(Tools, Element):
    """Routes between the Internet and a VPC, exchanging public for private addresses."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.forwarder = Forwarder(context, self.stack, config.forwarding_delay)
        self.bgp = config.speaker(context, self.stack, self.forwarder)
        self.elastic_ips = ElasticIps(
            {}
            if config.aws_api
            else {ip_bytes(public): ip_bytes(private) for public, private in config.elastic_ips.items()}
        )
        self._announced = [Prefix.parse(text) for text in config.announces]
        self._rewrites: dict[bytes, tuple[bytes, int]] = {}

    async def start(self) -> None:
        self.config.bring_up(self.stack)
        if self.bgp is not None:
            await self.bgp.start()
        if self.config.aws_api is not None:
            self.context.spawn(self._follow(self.config.aws_api), "public addresses")

    async def _follow(self, aws_api: str) -> None:
        """Hand over what there is in the beginning, then translate what EC2 says."""
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self.context.call(
                    aws_api,
                    "adopt_edge",
                    edge=self.context.name,
                    announces=list(self.config.announces),
                    elastic_ips=dict(self.config.elastic_ips),
                )
                break
            except CallFailed:
                await self.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LAST_RETRY_S)
        await follow(self.context, aws_api, "public-addresses", self._be_told)

    def _be_told(self, items: dict[str, str], keys: set[str]) -> None:
        """These public addresses stand for these private ones; those of other edges are not ours."""
        self.elastic_ips = ElasticIps(
            {
                ip_bytes(public): ip_bytes(private)
                for public, private in sorted(items.items())
                if any(ip_bytes(public) in prefix for prefix in self._announced)
            }
        )
        self._rewrites.clear()

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)
        if self.bgp is not None:
            self.bgp.on_link(port, up)

    async def stop(self) -> None:
        if self.bgp is not None:
            await self.bgp.stop()

    def on_frame(self, port: str, frame: bytes) -> None:
        rewrite = self._rewrites.get(frame[:34])
        if rewrite is not None and JOURNEY.get() is None:
            head, checksum_at = rewrite
            if frame[checksum_at : checksum_at + 2] == b"\0\0":
                self.forwarder.forward(port, head + frame[34:])
                return
        try:
            self._look_at(port, frame)
        except Malformed as error:
            self.stack.ip.drop("malformed", str(error))

    def _look_at(self, port: str, frame: bytes) -> None:
        interface = self.stack.ip.interfaces.get(port)
        if interface is None or frame[:6] != interface.mac or frame[12:14] != IPV4_TYPE:
            self.stack.on_frame(port, frame)
            return
        packet, own = ipv4.decode(frame[14:]), self.stack.ip.local
        if packet.destination in own or packet.source in own or is_martian(packet.source):
            self.stack.on_frame(port, frame)
            return
        translation = self._translation(port, packet)
        if isinstance(translation, Refusal):
            self.stack.ip.drop(
                translation.value, f"from {ip_text(packet.source)} to {ip_text(packet.destination)}"
            )
        elif translation is None:
            self.stack.on_frame(port, frame)
        elif not self.forwarder.expires(port, frame):
            self._translate(port, frame, packet, translation)

    def _translation(self, port: str, packet: ipv4.Packet) -> Translation | Refusal | None:
        """How the packet's addresses change; None when it only passes through, from one network to another."""
        source, destination = packet.source, packet.destination
        if port == self.config.internet_gateway:
            return self.elastic_ips.outward(source, destination) or Refusal.NO_ELASTIC_IP
        inward = self.elastic_ips.inward(destination)
        if inward is not None:
            return inward
        if any(destination in prefix for prefix in self._announced):
            return Refusal.UNASSOCIATED
        route = self.stack.routes.lookup(destination)
        if route is not None and route.port == self.config.internet_gateway:
            return Refusal.PRIVATE_DESTINATION
        return None

    def _translate(self, port: str, frame: bytes, packet: ipv4.Packet, translation: Translation) -> None:
        change = translation.change
        for exchange in translation.exchanges:
            public, private = ip_text(exchange.public), ip_text(exchange.private)
            self.context.record("eip.translate", public=public, private=private, direction=exchange.direction)
        if change.destination is None and not self._leaves(packet):
            # Handed on as it is, it fails just so, and the error goes to its sender instead of to our own address.
            self.forwarder.forward(port, frame)
            return
        changed = frame[:14] + translated(frame[14:], change)
        checksum_at = _CHECKSUM_AT.get(packet.protocol)
        constant = packet.identification == 0 and not packet.options and not packet.fragment_offset
        if constant and checksum_at is not None:
            if len(self._rewrites) >= MAX_REWRITES:
                self._rewrites.clear()
            self._rewrites[frame[:34]] = (changed[:34], checksum_at)
        self.forwarder.forward(port, changed)

    def _leaves(self, packet: ipv4.Packet) -> bool:
        """Whether there is a route for the packet, and room on its link."""
        route = self.stack.routes.lookup(packet.destination)
        if route is None:
            return False
        room = self.stack.ip.interfaces[route.port].mtu
        return (
            not packet.dont_fragment or ipv4.HEADER_BYTES + len(packet.options) + len(packet.payload) <= room
        )

    def associate(self, public: str, private: str) -> None:
        """Let the public address stand for the private one; raises ValueError when either is taken."""
        self.elastic_ips.associate(ip_bytes(public), ip_bytes(private))
        self._rewrites.clear()

    def disassociate(self, public: str) -> None:
        """The public address stands for nothing from now on; raises KeyError when it did not before."""
        self.elastic_ips.disassociate(ip_bytes(public))
        self._rewrites.clear()

    async def call_explain_route(self, destination: str) -> dict[str, Any]:
        """Why packets to this address go where they go: the forwarding table's answer, and BGP's ladder behind it."""
        return explain_route(self.stack, self.bgp, destination)

    def inspect(self) -> dict[str, Any]:
        associations = {
            ip_text(public): ip_text(private) for public, private in self.elastic_ips.private_of.items()
        }
        bgp = {} if self.bgp is None else {"bgp": self.bgp.inspect()}
        return {"asn": self.config.asn, "elastic_ips": associations, **self.stack.inspect(), **bgp}
