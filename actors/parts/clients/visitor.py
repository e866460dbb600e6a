"""A program that speaks HTTP/1 with the laptop: each of its connections is one of the laptop's to the site.

How this works. A visitor reads requests (`RequestReader`), one at a time goes to the site over its `Outbound`
connection. What comes back is passed on as it comes. Neither side is read faster than the other takes it, and when the
program goes away the emulated request is broken off with it.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from actors.parts.clients.asking import asked_by
from actors.parts.clients.exchange import Exchange
from actors.parts.clients.head import interim_head, refusal
from actors.parts.clients.outbound import Outbound
from actors.parts.clients.upstream import Upstream
from actors.protocols.http1 import Request, RequestReader, Response
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
        self._outbound = Outbound(self, lobby)
        self._transport: Any = None
        self._paused = self._slow = self._advancing = self._closing = False
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
        if exchange is not None and exchange.upgraded:
            self._outbound.relay(data)
            return
        self._reader.feed(data)
        if exchange is not None and exchange.sent:
            self._outbound.send_body(exchange)
        self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._lobby.leave(self)
        exchange, self._exchange = self._exchange, None
        self._outbound.leave(waits=exchange is not None)
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
        self._outbound.close()
        if request is None or (request.complete and not self._reader.failed) or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self.control_reading()
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
        self.control_reading()

    def _begin(self, request: Request) -> None:
        if request.error is not None or request.version not in (b"1.1", b"1.0"):
            why = "HTTP/1.1 or 1.0" if request.error is None else request.error.sentence
            self._refuse(request, 400 if request.error is None else request.error.status, "Bad Request", why)
            return
        try:
            asked = asked_by(request, self._lobby, proxy=self._proxy)
        except ValueError as error:
            self._refuse(request, 400, "Bad Request", str(error))
            return
        via = "proxy" if self._proxy else "ingress"
        self._exchange = exchange = Exchange(self._lobby, request, asked, via)
        self._outbound.carry(exchange)

    def waits_for(self, exchange: Exchange) -> bool:
        """Whether the program still wants to have this answered."""
        return exchange is self._exchange and not self._closing

    # ---- the answer ----------------------------------------------------------------------------------------

    def interim(self, response: Response) -> None:
        """A 1xx response."""
        if self._exchange is not None and self._exchange.request.version == b"1.1":
            self._transport.write(interim_head(response))

    def pass_on(self, exchange: Exchange, response: Response, opening: bool) -> None:
        """What has come of the answer."""
        out = [exchange.open_answer(response)] if opening else []
        exchange.body_bytes += sum(map(len, response.body))
        out += exchange.framing.take_body(response)
        if out:
            self._transport.write(b"".join(out))
        if response.complete:
            self._over(exchange)

    def _over(self, exchange: Exchange) -> None:
        exchange.done()
        self._exchange = None
        if exchange.framing.last:
            self._close(exchange.request)
        elif exchange.request.websocket:
            self._reader.resume()
        self._advance()

    def upgraded(self, exchange: Exchange, response: Response, rest: bytes) -> None:
        """It goes on as another protocol, both ways."""
        exchange.answered, exchange.status = True, 101
        early = self._reader.tunnel()
        self._transport.write(interim_head(response) + rest)
        if early:
            self._outbound.relay(early)

    def relay_down(self, data: bytes) -> None:
        self._transport.write(data)

    # ---- what goes wrong -----------------------------------------------------------------------------------

    def lost(self, upstream: Upstream, exchange: Exchange, words: str) -> None:
        """The connection to the site has ended under this request."""
        if not self.waits_for(exchange):
            return
        if exchange.upgraded:
            exchange.done()
            self._exchange = None
            self._close()
        elif not upstream.fresh and exchange.may_retry():
            exchange.retries += 1
            exchange.sent = False
            exchange.watch.enter("dns")
            self._outbound.open(exchange)
        elif exchange.answered:
            exchange.failed(words)
            self._exchange = None
            self.cut()  # the program sees that the answer is not whole
        else:
            self.fail(exchange, 502, words)

    def fail(self, exchange: Exchange, status: int, words: str) -> None:
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
        self._outbound.pause_reading()

    def resume_writing(self) -> None:
        self._outbound.resume_reading()

    def slow_up(self, slow: bool) -> None:
        """The site does not take the request as fast as it comes, or does again."""
        self._slow = slow
        self.control_reading()

    def control_reading(self) -> None:
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
