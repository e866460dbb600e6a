"""A laptop on the home network: DHCP client, the operating system's resolver, a browser, and a load generator."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from yarl import URL

from actors.element import JOURNEY, CallFailed, Context, Element, ElementConfig
from actors.parts.browser import Browser, Fetched
from actors.parts.config_fields import Part
from actors.parts.dhcp_udp import DhcpInterface
from actors.parts.dns_asking import ask
from actors.parts.dns_metrics import counted, follow_cache
from actors.parts.dns_serving import DnsService
from actors.parts.dns_sharing import SharedResolve
from actors.parts.load.closed import ClosedRun
from actors.parts.load.mix import BadRequest, mix_of
from actors.parts.load.open_model import OpenRun
from actors.parts.load.plan import CLOSED, HTTP_2, OPEN, BadPlan, Plan, plan_of, trace_plan_of
from actors.parts.load.run import BadChange, LoadRun
from actors.parts.load.site import Site
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
        context.metrics.on_collect(self._count_connections)
        self._online = asyncio.Event()
        self._load: LoadRun | None = None
        self.lobby: Lobby | None = None
        self._guests: Guests | None = None
        self._shell_door: Path | None = None

    async def start(self) -> None:
        self.browser.warm_up()
        await self.dhcp.start()

    async def stop(self) -> None:
        if self._load is not None:
            self._load.stop()
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
        target = _url(url)
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

    # ---- load ----------------------------------------------------------------------------------------------

    async def call_load_start(self, url: str, concurrency: int, duration_s: float) -> dict[str, Any]:
        """Begin a closed model of `concurrency` users for so many seconds; returns its status."""
        return await self.call_load_plan(url, [{"duration_s": duration_s, "users": concurrency}])

    async def call_load_plan(
        self, url: str, stages: list[dict[str, float]], **options: Any
    ) -> dict[str, Any]:
        """Begin a load; returns its status.

        A stage of an open model, whose requests come whatever becomes of those before them, is `{"duration_s", "rate",
        "rate_at_end"?}` (requests a second); of a closed one, whose users each ask again when they have been answered,
        `{"duration_s", "users", "users_at_end"?}`. Options of both are `timeout_s`, `seed`,
        `warm_up_s` (of the stages' time; nothing is counted of it), `trace_every` (one of so many requests is a journey
        that everybody records; 0: none) and `trace_ids` (what the journeys' ids are drawn from), `retries` and
        `retry_wait_s`, `requests` (as `mix.py` has them, with weights), `keepalive` (the share of requests that go out
        on a connection that is kept), `http` (1.1 or 2) and `paused`; an open one has `arrivals` (poisson or uniform),
        `max_connections` and `max_inflight`, a closed one `think_s`."""
        return await self._begin(url, lambda: plan_of(stages, options))

    async def call_load_trace(
        self, url: str, due_us: list[int], which: list[int] | None, duration_s: float, **options: Any
    ) -> dict[str, Any]:
        """Begin an open model whose requests are due at these moments, and which of `requests` each of them is (None:
        by weight); it ends after `duration_s`, or the last of them. Options are those of an open model."""
        return await self._begin(url, lambda: trace_plan_of(due_us, which, duration_s, options))

    async def _begin(self, url: str, planned: Callable[[], Plan]) -> dict[str, Any]:
        self._check_idle()
        target = _url(url)
        try:
            plan = planned()
            mix = mix_of(target, plan.requests)
        except (BadPlan, BadRequest) as error:
            raise CallFailed(f"{self.context.name}: {error}") from None
        kind = ClosedRun if plan.executor == CLOSED else OpenRun
        site = await self._site(target, plan)
        self._load = kind(self.context, site, mix, plan, self._told)
        return self._load.status()

    def _check_idle(self) -> None:
        if self._load is not None and self._load.running:
            raise CallFailed("a load is running already; stop it first")

    async def _site(self, target: URL, plan: Plan) -> Site:
        tls = None
        if target.scheme == "https":
            tls = self.browser.tls_h2 if plan.http == HTTP_2 else self.browser.tls
        elif plan.http == HTTP_2:
            raise CallFailed(f"HTTP/2 is agreed on in TLS: {target} has none, ask for https")
        if not await self.online():
            raise CallFailed(_NETWORK_DOWN.error)
        return Site(self.stack, self._resolve, tls, target)

    async def call_load_status(self, percentiles: bool = True) -> dict[str, Any]:
        """What the latest load has counted so far; see `LoadRun.status`. Percentiles can be left to those who add the
        histograms of several clients up: here they would take time from the load."""
        if self._load is None:
            raise CallFailed("there has been no load yet")
        return self._load.status(percentiles=percentiles)

    async def call_load_change(
        self, do: str, rate: float | None = None, users: int | None = None
    ) -> dict[str, Any]:
        """`pause`, `resume` or `stop` the load that runs, or `set` its rate or its users: `what` was done, and its
        `status`; `before` is the level that it had."""
        if self._load is None:
            raise CallFailed("there has been no load yet")
        before = self._load.wanted_now()
        try:
            what = self._load.change(do, rate, users)
        except (BadChange, BadPlan) as error:
            raise CallFailed(str(error)) from None
        return {"what": what, "before": before, "status": self._load.status()}

    async def call_latencies(self, more: bool) -> list[tuple[int, int]]:
        """How long requests took that were answered since this was asked last, each from when it was due: `(ns, how
        often)`. They are counted from the first time on, while there will be `more` questions."""
        return self._told.lately.take(more)

    async def call_load_watch(self, per_s: float) -> bool:
        """From now on so many requests a second at most of the load that runs are journeys, beside those that its plan
        wants to have recorded; 0: none. Whether there is a load."""
        if self._load is None or not self._load.running:
            return False
        if per_s < 0:
            raise CallFailed(f"{per_s:g} requests a second cannot be recorded")
        self._load.watch_ns = round(SECOND / per_s) if per_s else None
        return True

    async def call_load_stop(self) -> dict[str, Any]:
        """End the load; requests that are under way are still waited for."""
        if self._load is None:
            raise CallFailed("there has been no load yet")
        self._load.stop()
        return self._load.status()

    def _count_connections(self) -> None:
        """Of the load; those of the browser are gone as soon as they have been used."""
        load = self._load
        self._told.tell_connections({} if load is None else load.connections())
        wanted = 0.0 if load is None else load.wanted_now()
        is_open = load is not None and load.plan.executor == OPEN
        self._told.tell_plan(wanted if is_open else 0.0, 0.0 if is_open else wanted)

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


def _url(text: str) -> URL:
    """An http or https URL with a host; raises `CallFailed`."""
    try:
        url = URL(text)
    except ValueError as error:
        raise CallFailed(f"{text!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise CallFailed(f"{text!r} is not a URL such as https://packet-journey.com/")
    return url
