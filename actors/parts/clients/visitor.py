"""A program that speaks HTTP/1 with the laptop: each of its connections is one of the laptop's to the site.

How this works. A visitor reads requests (`RequestReader`), one at a time goes to the site over the visitor's
`Upstream`, which is opened for the first and for another site, and kept for the next like the program's own. What
comes back is passed on as it comes. Neither side is read faster than the other takes it, and when the program goes
away the emulated request is broken off with it.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from actors.element import Journey
from actors.parts.clients.dialing import NoConnection
from actors.parts.clients.exchange import Exchange
from actors.parts.clients.head import interim_head, refusal, response_head
from actors.parts.clients.sites import Site, named_by, site_of
from actors.parts.clients.upstream import Upstream
from actors.protocols.http1 import Request, RequestReader, Response, chunk, last_chunk
from actors.stack.tcp_ending import LINGER_NS

if TYPE_CHECKING:
    from actors.parts.clients.lobby import Lobby

UPLOAD_BUFFER = 64 * 1024
"""How much of a body is held while the connection to the site is being opened."""


class Visitor(asyncio.Protocol):
    """One connection of a program. `proxy` says that it takes us for one: then its requests name their site in full."""

    def __init__(self, lobby: "Lobby", *, proxy: bool = False) -> None:
        self._lobby = lobby
        self._proxy = proxy
        self._reader = RequestReader()
        self._exchange: Exchange | None = None
        self._upstream: Upstream | None = None
        self._opening: asyncio.Task[None] | None = None
        self._transport: Any = None
        self._paused = self._slow = self._last = self._chunked = self._advancing = self._closing = False
        self._by_field = False
        self.active_ns = lobby.context.now_ns()

    # ---- the program's connection --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._lobby.enter(self):
            transport.write(
                refusal(503, "Service Unavailable", self._lobby.full, keep=False, head_only=False)
            )
            self._close()

    def data_received(self, data: bytes) -> None:
        self.active_ns = self._lobby.context.now_ns()
        if self._closing:
            return
        exchange = self._exchange
        if exchange is not None and exchange.upgraded and self._upstream is not None:
            self._upstream.relay(data)
            return
        self._reader.feed(data)
        if exchange is not None and exchange.sent and self._upstream is not None:
            self._upstream.send_body(exchange)
        self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._lobby.leave(self)
        if self._opening is not None:
            self._opening.cancel()
        exchange, self._exchange = self._exchange, None
        if self._upstream is not None:
            self._upstream.abort() if exchange is not None else self._upstream.close()
        if exchange is not None:
            exchange.failed("the program that had asked has gone away")

    def idle(self) -> bool:
        return self._exchange is None

    def cut(self) -> None:
        """End the connection now; the program sees that it was not meant to end."""
        self._lobby.context.reset(self._transport)

    def _close(self, request: Request | None = None) -> None:
        """Close, but take what the program still sends of this request and throw it away: if that met a closed socket,
        the RST could cost the program the answer that it has not read yet (RFC 9112 section 9.6)."""
        self._closing = True
        if self._upstream is not None:
            self._upstream.close()
        if request is None or (request.complete and not self._reader.failed) or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self._control_reading()
        context = self._lobby.context
        context.call_at(context.now_ns() + LINGER_NS, self._transport.close)

    # ---- one request after another -------------------------------------------------------------------------

    def _advance(self) -> None:
        """Begin the next requests while they end at once; then read on, or do not."""
        if self._advancing:
            return
        self._advancing = True
        while self._exchange is None and self._reader.requests and not self._closing:
            self._begin(self._reader.requests.popleft())
        self._advancing = False
        self._control_reading()

    def _begin(self, request: Request) -> None:
        if request.error is not None or request.version not in (b"1.1", b"1.0"):
            why = "HTTP/1.1 or 1.0" if request.error is None else request.error.sentence
            self._refuse(request, 400 if request.error is None else request.error.status, "Bad Request", why)
            return
        try:
            site, target, by_field = self._where(request)
        except ValueError as error:
            self._refuse(request, 400, "Bad Request", str(error))
            return
        self._exchange = exchange = Exchange(
            self._lobby, request, site, target, "proxy" if self._proxy else "ingress"
        )
        self._by_field = by_field
        upstream = self._upstream
        if upstream is not None and upstream.alive and upstream.asked == site:
            exchange.site = upstream.site
            exchange.watch.enter("first_byte")
            upstream.send(exchange)
            return
        self._open(exchange)

    def _where(self, request: Request) -> tuple[Site, bytes, bool]:
        """The site that it is for, its target there, and whether a Host field alone says so. Raises ValueError."""
        target, lobby = request.target, self._lobby
        if b"://" in target[:12]:
            scheme, _, rest = target.partition(b"://")
            authority, slash, path = rest.partition(b"/")
            authority, query, more = authority.partition(b"?")
            site = site_of(f"{scheme.decode('latin-1')}://{authority.decode('latin-1')}/")
            path = slash + path if slash else (b"/?" + more if query else b"/")
            return site, path if request.method != b"OPTIONS" or slash else b"*", False
        if self._proxy:
            raise ValueError(f"this is a proxy: ask for a whole URL, or use the ingress; {lobby.ports()}")
        named = named_by(request.fields.get(b"host", b"").decode("latin-1"), lobby.ingress_port, lobby.site)
        if named is None and lobby.site is None:
            raise ValueError("this world has no url of its own: say by a Host field whom you ask")
        chosen = named or lobby.site
        assert chosen is not None
        return chosen, target, named is not None

    # ---- the connection to the site ------------------------------------------------------------------------

    def _open(self, exchange: Exchange) -> None:
        if self._upstream is not None:
            self._upstream.close()
        self._upstream = None
        with Journey(exchange.journey):
            self._opening = self._lobby.context.spawn(self._connect(exchange), "ingress connect")

    async def _connect(self, exchange: Exchange) -> None:
        lobby = self._lobby
        try:
            asked = site = exchange.site
            if (
                self._by_field
                and lobby.site is not None
                and site != lobby.site
                and not await lobby.dialler.known(site.host)
            ):
                exchange.site = site = (
                    lobby.site
                )  # who asks by a name of this machine's means the world's own site
            upstream = Upstream(self, site, asked)
            await lobby.dialler.dial(
                lambda: upstream, site.host, site.port, exchange.watch, secure=site.secure
            )
        except NoConnection as error:
            self._opening = None
            self._fail(exchange, error.failure.status, str(error))
            return
        self._opening = None
        if self._exchange is not exchange or self._closing:
            upstream.close()
            return
        self._upstream = upstream
        if upstream.alive:
            upstream.send(exchange)
            self._control_reading()
        else:
            self._fail(exchange, 502, "the connection was closed as soon as it was open")

    # ---- the answer ----------------------------------------------------------------------------------------

    def interim(self, response: Response) -> None:
        """A 1xx response."""
        if self._exchange is not None and self._exchange.request.version == b"1.1":
            self._transport.write(interim_head(response))

    def pass_on(self, exchange: Exchange, response: Response, opening: bool) -> None:
        """What has come of the answer."""
        out = [self._open_answer(exchange, response)] if opening else []
        exchange.body_bytes += sum(map(len, response.body))
        if self._chunked:
            out += map(chunk, response.body)
            if response.complete:
                out.append(last_chunk(response.trailer_lines))
        else:
            out += response.body
        response.body.clear()
        if out:
            self._transport.write(b"".join(out))
        if response.complete:
            self._over(exchange)

    def _open_answer(self, exchange: Exchange, response: Response) -> bytes:
        request = exchange.request
        exchange.answered, exchange.status = True, response.status
        exchange.watch.enter("download")
        endless = (response.chunked or response.until_close) and request.method != b"HEAD"
        modern = request.version == b"1.1"
        self._chunked = endless and modern
        self._last = not request.keep_alive or not request.complete or (endless and not modern)
        connection = b"Connection: close\r\n" if self._last else b""
        if not self._last and not modern:
            connection = b"Connection: keep-alive\r\n"
        ours = exchange.ours()
        return response_head(response, chunked=self._chunked, connection=connection, ours=ours)

    def _over(self, exchange: Exchange) -> None:
        exchange.done()
        self._exchange = None
        if self._last:
            self._close(exchange.request)
        elif exchange.request.websocket:
            self._reader.resume()
        self._advance()

    def upgraded(self, exchange: Exchange, response: Response, rest: bytes) -> None:
        """It goes on as another protocol, both ways."""
        exchange.answered, exchange.status = True, 101
        early = self._reader.tunnel()
        self._transport.write(interim_head(response) + rest)
        if early and self._upstream is not None:
            self._upstream.relay(early)

    def relay_down(self, data: bytes) -> None:
        self._transport.write(data)

    # ---- what goes wrong -----------------------------------------------------------------------------------

    def lost(self, upstream: Upstream, exchange: Exchange, words: str) -> None:
        """The connection to the site has ended under this request."""
        if exchange is not self._exchange or self._closing:
            return
        if exchange.upgraded:
            exchange.done()
            self._exchange = None
            self._close()
        elif not upstream.fresh and exchange.may_retry():
            exchange.retries += 1
            exchange.sent = False
            exchange.watch.enter("dns")
            self._open(exchange)
        elif exchange.answered:
            exchange.failed(words)
            self._exchange = None
            self.cut()  # the program sees that the answer is not whole
        else:
            self._fail(exchange, 502, words)

    def _fail(self, exchange: Exchange, status: int, words: str) -> None:
        """An answer of ours: the emulated network has none."""
        exchange.failed(words)
        self._exchange = None
        reason = {403: "Forbidden", 502: "Bad Gateway", 504: "Gateway Timeout"}[status]
        request = exchange.request
        keep = request.keep_alive and request.complete
        ours = exchange.ours()
        self._answer(request, status, reason, exchange.explained(words), keep=keep, ours=ours)

    def _refuse(self, request: Request, status: int, reason: str, words: str) -> None:
        self._answer(request, status, reason, f"{words}\n", keep=False)

    def _answer(
        self, request: Request, status: int, reason: str, words: str, *, keep: bool, ours: bytes = b""
    ) -> None:
        head_only = request.method == b"HEAD"
        self._transport.write(refusal(status, reason, words, keep=keep, head_only=head_only, ours=ours))
        if not keep:
            self._close(request)
        else:
            self._advance()

    # ---- who is faster -------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The program does not take the answer as fast as it comes."""
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.resume_reading()

    def slow_up(self, slow: bool) -> None:
        """The site does not take the request as fast as it comes, or does again."""
        self._slow = slow
        self._control_reading()

    def _control_reading(self) -> None:
        """Whether the program is read: not with requests in hand for later, nor more of a body than there is room."""
        exchange = self._exchange
        waits = exchange is not None and not exchange.sent
        held = sum(map(len, exchange.request.body)) if exchange is not None and waits else 0
        paused = not self._closing and (
            self._slow or held > UPLOAD_BUFFER or bool(self._reader.requests and exchange is not None)
        )
        if paused == self._paused or self._transport.is_closing():
            return
        self._paused = paused
        self._transport.pause_reading() if paused else self._transport.resume_reading()
