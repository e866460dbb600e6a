"""A visitor's way to the site: the connection that its requests go over, opened for the first, kept for the next."""

import asyncio
from typing import TYPE_CHECKING

from actors.element import Journey
from actors.parts.clients.dialing import NoConnection
from actors.parts.clients.exchange import Exchange
from actors.parts.clients.sites import Site
from actors.parts.clients.upstream import Upstream

if TYPE_CHECKING:
    from actors.parts.clients.lobby import Lobby
    from actors.parts.clients.visitor import Visitor


class Outbound:
    """None yet, one that is being opened, or one that is there; another site needs another one."""

    def __init__(self, visitor: "Visitor", lobby: "Lobby") -> None:
        self._visitor, self._lobby = visitor, lobby
        self._upstream: Upstream | None = None
        self._opening: asyncio.Task[None] | None = None

    # ---- requests ------------------------------------------------------------------------------------------

    def carry(self, exchange: Exchange) -> None:
        """Send a request over the connection that is there, or over a new one."""
        upstream = self._upstream
        if upstream is not None and upstream.alive and upstream.asked == exchange.site:
            exchange.site = upstream.site
            exchange.watch.enter("first_byte")
            upstream.send(exchange)
        else:
            self.open(exchange)

    def open(self, exchange: Exchange) -> None:
        """Send a request over a new connection."""
        self.close()
        self._upstream = None
        with Journey(exchange.journey):
            self._opening = self._lobby.context.spawn(self._open(exchange), "ingress connect")

    async def _open(self, exchange: Exchange) -> None:
        asked = exchange.site
        try:
            exchange.site = site = await self._reached(exchange)
            upstream = Upstream(self._visitor, site, asked)
            await self._lobby.dialler.dial(
                lambda: upstream, site.host, site.port, exchange.watch, secure=site.secure
            )
        except NoConnection as error:
            self._opening = None
            self._visitor.fail(exchange, error.failure.status, str(error))
            return
        self._opening = None
        if not self._visitor.waits_for(exchange):
            upstream.close()
            return
        self._upstream = upstream
        if upstream.alive:
            upstream.send(exchange)
            self._visitor.control_reading()
        else:
            self._visitor.fail(exchange, 502, "the connection was closed as soon as it was open")

    async def _reached(self, exchange: Exchange) -> Site:
        """The site itself, or the world's own for who asks by a name of this machine's, which nobody here has."""
        asked, own = exchange.site, self._lobby.site
        if (
            not exchange.by_field
            or own is None
            or asked == own
            or await self._lobby.dialler.known(asked.host)
        ):
            return asked
        return own

    def send_body(self, exchange: Exchange) -> None:
        """Send what more has come of a request that is under way."""
        if self._upstream is not None:
            self._upstream.send_body(exchange)

    def relay(self, data: bytes) -> None:
        """Bytes of whatever protocol it has become."""
        if self._upstream is not None:
            self._upstream.relay(data)

    # ---- the end, and who is faster ------------------------------------------------------------------------

    def close(self) -> None:
        if self._upstream is not None:
            self._upstream.close()

    def leave(self, *, waits: bool) -> None:
        """The program has gone away; an answer that it `waits` for is broken off."""
        if self._opening is not None:
            self._opening.cancel()
        if self._upstream is not None:
            self._upstream.abort() if waits else self._upstream.close()

    def pause_reading(self) -> None:
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.resume_reading()
