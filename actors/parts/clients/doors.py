"""The two doors by which real programs walk in at a laptop."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from actors.element import CallFailed, Context
from actors.parts.browser import Browser
from actors.parts.clients.dialing import Dialler
from actors.parts.clients.lobby import Lobby
from actors.parts.clients.proxy import ProxyGuest
from actors.parts.clients.sites import site_of
from actors.parts.clients.visitor import Visitor
from actors.parts.load.told import ClientMetrics
from actors.protocols.dns.answer import Resolve
from actors.stack import Stack


class Host(Protocol):
    """What is asked of the laptop."""

    context: Context
    stack: Stack
    browser: Browser

    async def online(self) -> bool: ...

    def record_lease(self) -> None: ...


class _Laptop:
    """The laptop as the dialler sees it."""

    def __init__(self, host: Host) -> None:
        self.context, self.stack = host.context, host.stack
        self.online, self.record_lease = host.online, host.record_lease
        self._browser = host.browser

    @property
    def tls(self) -> ssl.SSLContext:
        return self._browser.tls


async def open_doors(
    host: Host,
    resolve: Resolve,
    told: ClientMetrics,
    *,
    url: str | None,
    page: str,
    ingress: tuple[int, int] | None,
    proxy: tuple[int, int] | None,
    published: str,
) -> tuple[Lobby, dict[str, str]]:
    """Open them; a door is the first port to try and how many. Where they are, under `ingress` and `proxy`.

    Raises `CallFailed` when a port is taken."""
    context = host.context
    site = None if url is None else site_of(url)
    lobby = Lobby(context, Dialler(_Laptop(host), resolve), told, site, page)
    where: dict[str, str] = {}
    kinds: dict[str, Callable[[], asyncio.Protocol]] = {
        "ingress": partial(Visitor, lobby),
        "proxy": partial(ProxyGuest, lobby),
    }
    for name, wanted in (("ingress", ingress), ("proxy", proxy)):
        if wanted is None:
            continue
        port, tries = wanted
        try:
            place = await context.serve_tcp(f"{name}{published}", kinds[name], port=port, tries=tries)
        except OSError as error:
            raise CallFailed(f"{context.name}: {name} at port {port}: {error.strerror or error}") from None
        if place is not None:
            where[name] = place
            setattr(lobby, f"{name}_port", int(place.rpartition(":")[2]))
    return lobby, where
