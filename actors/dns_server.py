"""A DNS server: a recursive resolver for an ISP's customers, or an authoritative server with zone files."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from actors.element import Claim, Context, Element, ElementConfig, ElementName, FileName
from actors.parts.config_fields import Address, Cidr, Part, Uplink, fault
from actors.parts.dns_asking import ask
from actors.parts.dns_hosted_zones import HostedZones
from actors.parts.dns_metrics import follow_cache
from actors.parts.dns_serving import LOOPBACK, DnsService
from actors.parts.dns_sharing import SharedResolve
from actors.parts.tools import DnsTools
from actors.protocols.dns import story
from actors.protocols.dns.answer import respond
from actors.protocols.dns.authoritative import Authoritative, Decision
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.resolver import Resolver
from actors.protocols.dns.zone import read_zone
from actors.stack import Stack
from actors.stack.sysctls import Sysctls
from actors.wire import dns
from actors.wire.addresses import InterfaceAddress, Prefix

PORT = "eth0"

UPSTREAM_TIMEOUT_S = 1.0
"""How long a resolver waits for one authority before it tries another; BIND and Unbound begin with about as much."""


class RecursiveConfig(Part):
    """A resolver: where the root is, whom it serves, how much it remembers."""

    root_hints: dict[str, Address] = Field(
        min_length=1, description="names of root servers and their addresses"
    )
    allow: list[Cidr] = Field(min_length=1, description="clients that are served; others get REFUSED")
    cache_size: int = Field(default=10_000, gt=0, description="record sets")


class AuthoritativeConfig(Part):
    """A name server: its zones."""

    zones: list[FileName] = Field(
        default=[], description="zone files (RFC 1035), relative to this file; others than those of `aws_api`"
    )
    aws_api: ElementName | None = Field(
        default=None,
        description="where Route 53's hosted zones and load balancers' names are kept: they are served, too",
    )

    @model_validator(mode="after")
    def _something_to_serve(self) -> "AuthoritativeConfig":
        if not self.zones and self.aws_api is None:
            raise fault(("zones",), "there is nothing to serve: give zones, or aws_api to take them from")
        return self


class Config(ElementConfig):
    """A DNS server does one of the two: serve zones, or resolve for others."""

    interface: Uplink
    recursive: RecursiveConfig | None = None
    authoritative: AuthoritativeConfig | None = None
    sysctls: Sysctls = Field(default=Sysctls(), description="its TCP, by the names of Linux's net.ipv4")

    @model_validator(mode="after")
    def _one_role(self) -> "Config":
        if (self.recursive is None) == (self.authoritative is None):
            raise ValueError(
                "a DNS server is either recursive or authoritative: give one of the two sections"
            )
        return self

    def port_names(self) -> Iterable[str]:
        return (PORT,)

    def claims(self) -> Iterable[Claim]:
        address = InterfaceAddress.parse(self.interface.address)
        yield Claim("address", self.interface.address.split("/")[0], ("interface", "address"))
        yield Claim("subnet", str(address.prefix), ("interface", "address"))


class DnsServer(DnsTools, Element):
    """Serves DNS at port 53 of its address, by UDP and TCP."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.stack.add_interface(PORT, config.interface.address)
        self.stack.add_route("default", PORT, config.interface.gateway)
        self.role: _Recursive | _Authoritative
        if config.recursive is not None:
            self.role = _Recursive(config.recursive, context, self.stack)
        else:
            assert config.authoritative is not None
            self.role = _Authoritative(config.authoritative, context)
        self.dns_service = DnsService(context, self.role.resolver, self.role.respond)

    async def start(self) -> None:
        self.role.start()
        await self.dns_service.open(self.stack)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    def inspect(self) -> dict[str, Any]:
        return {"role": self.role.name, **self.role.inspect(), **self.stack.inspect()}


class _Authoritative:
    """The role of a name server."""

    name = "authoritative"

    def __init__(self, config: AuthoritativeConfig, context: Context) -> None:
        self._engine = Authoritative(read_zone(Path(file)) for file in config.zones)
        self._record = context.record
        self.resolver = _rank(self._engine)
        self._hosted = None if config.aws_api is None else HostedZones(context, config.aws_api, self._engine)

    def start(self) -> None:
        if self._hosted is not None:
            self._hosted.start()

    async def respond(self, query: dns.Message, client: bytes) -> dns.Message:
        decision = self._engine.decide(query)
        if query.question:
            self._tell(query.question[0], decision)
        return decision.response

    def _tell(self, question: dns.RRset, decision: Decision) -> None:
        rcode = decision.response.rcode().name
        asked = story.question(question.name, question.rdtype)
        if decision.zone is None:
            self._record("dns.refused", **asked, rcode=rcode, why="it lies in none of my zones")
            return
        self._record(
            "dns.authoritative",
            zone=dns.text(decision.zone),
            **asked,
            rcode=rcode,
            rule=decision.rule,
            answers=decision.texts(),
            ttl_s=decision.ttl_s,
        )

    def inspect(self) -> dict[str, Any]:
        return {"zones": {dns.text(zone.origin): len(zone.nodes) for zone in self._engine.zones.values()}}


class _Recursive:
    """The role of a resolver."""

    name = resolver = "recursive"

    def __init__(self, config: RecursiveConfig, context: Context, stack: Stack) -> None:
        self._context = context
        self._cache = Cache(config.cache_size)
        self._allow = [Prefix.parse(prefix) for prefix in config.allow]
        self._resolver = Resolver(
            _hints(config.root_hints),
            partial(ask, context, stack, UPSTREAM_TIMEOUT_S),
            cache=self._cache,
            now_ns=context.now_ns,
            random=context.random,
            record=context.record,
        )
        self._resolve = SharedResolve(context, self._resolver.resolve)
        follow_cache(context, self.resolver, self._cache)

    def start(self) -> None:
        """It knows nothing but the root until somebody asks."""

    async def respond(self, query: dns.Message, client: bytes) -> dns.Message:
        if client == LOOPBACK or any(client in prefix for prefix in self._allow):
            return await respond(query, self._resolve)
        self._context.record("dns.refused", rcode="REFUSED", why="this client is not allowed to ask")
        return dns.response(query, dns.Rcode.REFUSED)

    def inspect(self) -> dict[str, Any]:
        now_ns = self._context.now_ns()
        return {
            "cache": self._cache.contents(now_ns),
            "delegations": self._resolver.delegations(now_ns),
        }


def _rank(engine: Authoritative) -> str:
    """What metrics call a name server: by the highest of its zones."""
    labels = min((len(zone.origin.labels) - 1 for zone in engine.zones.values()), default=2)
    return {0: "root", 1: "tld"}.get(labels, "authoritative")


def _hints(root_hints: Mapping[str, str]) -> dict[dns.Name, str]:
    return {dns.name(name): address for name, address in root_hints.items()}
