"""A laptop on the home network: DHCP client, the operating system's resolver, a browser, and a load generator."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from yarl import URL

from actors.element import JOURNEY, CallFailed, Context, Element, ElementConfig, answer_call
from actors.parts.browser import Browser, Fetched
from actors.parts.config_fields import Part
from actors.parts.dhcp_udp import DhcpInterface
from actors.parts.dns_asking import ask
from actors.parts.dns_metrics import counted, follow_cache
from actors.parts.dns_serving import DnsService
from actors.parts.dns_sharing import SharedResolve
from actors.parts.load.calls import LoadCalls
from actors.parts.load.plan import HTTP_2
from actors.parts.load.site import Site, url_of
from actors.parts.load.told import ClientMetrics
from actors.parts.names import BrowserDns
from actors.parts.tools import DnsTools
from actors.protocols.dhcp.client import Lease
from actors.protocols.dns.answer import respond
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.stub import OPERATING_SYSTEM, StubResolver
from actors.stack import Stack
from actors.stack.sysctls import Sysctls
from actors.units import MILLISECOND, SECOND, Duration
from actors.wire import dns
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.parts.clients.guests import Guests
    from actors.parts.clients.lobby import Lobby

PORT = "wifi"
LEASE_PATIENCE_S = 15.0
"""How long a request waits for the network to come up."""

DNS_TIMEOUT_S = 5.0
"""resolv.conf's `timeout`."""

OS_CACHE_SIZE = 4096
"""systemd-resolved's."""

_NETWORK_DOWN = Fetched(
    0, {}, 0, 0.0, {}, "the network is down: no DHCP server has given us an address", "dhcp"
)


class BrowserConfig(Part):
    """The browser."""

    dns_cache_max_ttl: Duration = Field(
        default=60 * SECOND,
        description="how long it keeps an answer at most, whatever its TTL; Chrome does 60 s",
    )


class DhcpClientConfig(Part):
    """The DHCP client."""

    dad_timeout: Duration = Field(
        default=200 * MILLISECOND,
        ge=0,
        description="how long at most it asks by ARP whether somebody else has a new address (RFC 5227, scaled as "
        "NetworkManager's ipv4.dad-timeout); 0 for not at all",
    )


class DoorsConfig(Part):
    """Where real programs of this machine walk in as this laptop: docs/real-clients.md. The orchestrator opens them."""

    http: int | None = Field(
        default=None,
        ge=0,
        lt=65_536,
        description="port of 127.0.0.1 for its ingress, or the next that is free; 0 for any. Without it the first "
        "laptop of a world has 8080, others none; `journey up --http` goes before it for the first, `off` for all",
    )
    proxy: int | None = Field(
        default=None,
        ge=0,
        lt=65_536,
        description="the same for its proxy (SOCKS5, HTTP CONNECT), which is 1080 for the first, and `--proxy`",
    )


class Config(ElementConfig):
    """A laptop."""

    hostname: str = Field(
        min_length=1, max_length=63, description="what it calls itself when it asks for a lease"
    )
    browser: BrowserConfig = BrowserConfig()
    sysctls: Sysctls = Field(default=Sysctls(), description="its TCP, by the names of Linux's net.ipv4")
    dhcp: DhcpClientConfig = DhcpClientConfig()
    doors: DoorsConfig = DoorsConfig()

    def port_names(self) -> tuple[str, ...]:
        return (PORT,)


class Laptop(DnsTools, Element):
    """Where journeys begin."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.stack.add_interface(PORT)
        self.dhcp = DhcpInterface(
            context, self.stack, PORT, config.hostname, self._on_lease, config.dhcp.dad_timeout
        )
        self.stub = StubResolver(
            OPERATING_SYSTEM,
            counted(context, "stub", partial(ask, context, self.stack, DNS_TIMEOUT_S)),
            cache=Cache(OS_CACHE_SIZE),
            now_ns=context.now_ns,
            random=context.random,
            record=context.record,
        )
        follow_cache(context, "stub", self.stub.cache)
        self._resolve = SharedResolve(context, self.stub.resolve)
        self.dns_service = DnsService(context, "os", self._answer_here)
        self.browser = Browser(
            context, self.stack, BrowserDns(context, self._resolve, config.browser.dns_cache_max_ttl)
        )
        self._told = ClientMetrics(context)
        self.load = LoadCalls(context, self._told, self._site)
        self._online = asyncio.Event()
        self.lobby: Lobby | None = None
        self._guests: Guests | None = None
        self._shell_door: Path | None = None

    async def start(self) -> None:
        self.browser.warm_up()
        await self.dhcp.start()

    async def stop(self) -> None:
        self.load.stop()
        if self.lobby is not None:
            self.lobby.close()
        await self.browser.close()
        self.dhcp.release()  # as systemd-networkd does (SendRelease); who is killed does not

    def on_frame(self, port: str, frame: bytes) -> None:
        if self._guests is None:
            self.stack.on_frame(port, frame)
        else:
            self._guests.on_frame(port, frame)

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)
        if up:
            self.dhcp.look()

    def _on_lease(self, lease: Lease | None) -> None:
        if lease is None:
            self._online.clear()
            self.stub.servers = ()
        else:
            self._online.set()
            self.stub.servers = lease.dns_servers
            if self._guests is not None:
                self._guests.on_address()

    async def on_call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """Calls of its own, and those about its load."""
        return await answer_call((self, self.load), self.context.name, verb, arguments)

    async def _answer_here(self, query: dns.Message, client: bytes) -> dns.Message:
        """What the operating system's resolver says to a program on this computer, as systemd-resolved does."""
        return await respond(query, self._resolve)

    # ---- requests ------------------------------------------------------------------------------------------

    async def call_fetch(
        self, url: str, journey: str | None = None, method: str = "GET", keep: bool = False
    ) -> dict[str, Any]:
        """One request by the browser, as part of a journey if one is given; DNS answers stay cached.

        It goes out on a fresh connection, as from a new tab; with `keep` on one that stays open for the next.
        Returns status, headers, body_bytes, total_ms, phases (ms, adding up to total_ms), and, if it failed, error
        and phase.
        """
        target = url_of(url)
        token = JOURNEY.set(journey)
        try:
            online = await self.online()
            self.context.record("journey.start", url=url, method=method, via="trace")
            self._told.offered.value += 1
            fetched = await self._fetch(method, target, keep) if online else _NETWORK_DOWN
            self._record_end(fetched)
            self._told.fetched(fetched.status, fetched.total_ms, fetched.phase, fetched.error, journey)
        finally:
            JOURNEY.reset(token)
        return fetched._asdict()

    async def online(self) -> bool:
        """Whether there is a network. A click in the first moments after boot counts from when there is a network."""
        try:
            async with asyncio.timeout(LEASE_PATIENCE_S):
                await self._online.wait()
        except TimeoutError:
            return False
        return True

    async def _fetch(self, method: str, url: URL, keep: bool) -> Fetched:
        self.record_lease()
        return await self.browser.fetch(method, url, keep=keep)

    def record_lease(self) -> None:
        """Tell the journey by which lease it goes out."""
        lease = self.dhcp.engine.lease
        assert lease is not None
        self.context.record(
            "dhcp.lease",
            address=ip_text(lease.address),
            prefix_length=lease.prefix_length,
            server=ip_text(lease.server),
            router=None if lease.router is None else ip_text(lease.router),
            dns_servers=[ip_text(server) for server in lease.dns_servers],
            lease_s=lease.lease_s,
            remaining_s=(lease.expires_at_ns - self.context.now_ns()) // SECOND,
        )

    def _record_end(self, fetched: Fetched) -> None:
        if fetched.error is not None:
            self.context.record("journey.failed", error=fetched.error, phase=fetched.phase)
            return
        self.context.record("http.response", status=fetched.status, bytes=fetched.body_bytes)
        self.context.record(
            "journey.end",
            status=fetched.status,
            total_ms=fetched.total_ms,
            phases=fetched.phases,
            body_bytes=fetched.body_bytes,
        )

    async def call_open_doors(
        self,
        url: str | None,
        page: str,
        ingress: tuple[int, int] | None = None,
        proxy: tuple[int, int] | None = None,
        published: str = "",
    ) -> dict[str, str]:
        """Let real programs on this machine walk in: `ingress` and `proxy` are the port and how many to try from it.

        Returns where they are. `url` is whom the ingress asks for unless it is told, `page` what a journey's id is put
        behind to be looked at, `published` what is put behind the names under which `journey ps` has them."""
        from actors.parts.clients.doors import open_doors  # which few laptops need

        if self.lobby is not None:
            raise CallFailed(f"{self.context.name} has opened its doors already; {self.lobby.ports()}")
        self.lobby, where = await open_doors(
            self,
            self._resolve,
            self._told,
            url=url,
            page=page,
            ingress=ingress,
            proxy=proxy,
            published=published,
        )
        return where

    async def call_open_shell(self) -> dict[str, Any]:
        """Have shells join as hosts behind this laptop: the `socket` that they come to (see `parts.clients.tunnel`)."""
        from actors.parts.clients.guests import Guests
        from actors.parts.clients.tunnel import Tunnel

        if self._guests is None:
            if not await self.online():
                raise CallFailed(_NETWORK_DOWN.error)
            guests = self._guests = Guests(self.context, self.stack, PORT)
            make = partial(Tunnel, guests, lambda: self.stub.servers)
            self._shell_door = await self.context.serve_unix(f"{self.context.name}.shell", make)
        return {"socket": None if self._shell_door is None else str(self._shell_door)}

    async def _site(self, target: URL, http: str) -> Site:
        """Where a load goes to, which speaks this version of HTTP. Raises `CallFailed`."""
        tls = None
        if target.scheme == "https":
            tls = self.browser.tls_h2 if http == HTTP_2 else self.browser.tls
        elif http == HTTP_2:
            raise CallFailed(f"HTTP/2 is agreed on in TLS: {target} has none, ask for https")
        if not await self.online():
            raise CallFailed(_NETWORK_DOWN.error)
        return Site(self.stack, self._resolve, tls, target)

    # ---- looking in ----------------------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        now_ns, lease = self.context.now_ns(), self.dhcp.engine.lease
        return {
            "dhcp": {
                "state": self.dhcp.engine.state,
                "address": None if lease is None else ip_text(lease.address),
                "remaining_s": None if lease is None else (lease.expires_at_ns - now_ns) // SECOND,
            },
            "dns_servers": [ip_text(server) for server in self.stub.servers],
            "os_dns_cache": self.stub.cache.contents(now_ns),
            "browser_dns_cache": self.browser.names.cache.contents(now_ns),
            **self.stack.inspect(),
        }
