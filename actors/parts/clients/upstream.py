"""The emulated side of a program's connection: the one to the site, over which its requests go in turn."""

import asyncio
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY, Journey
from actors.parts.clients.exchange import Exchange
from actors.parts.clients.sites import Site
from actors.protocols.http1 import BadResponse, Response, ResponseReader
from actors.wire.baggage import facts_of

if TYPE_CHECKING:
    from actors.parts.clients.visitor import Visitor


class _Reader(ResponseReader):
    """Keeps interim responses too, for the program."""

    def __init__(self) -> None:
        super().__init__()
        self.interim: list[Response] = []

    def on_interim(self, response: Response) -> None:
        if 100 <= response.status < 200 and response.status != 101 and self._expecting:
            self.interim.append(response)


class Upstream(asyncio.Protocol):
    """A connection to a site, which the program may have asked for by another name."""

    def __init__(self, visitor: "Visitor", site: Site, asked: Site) -> None:
        self.site, self.asked = site, asked
        self.alive = False
        self.fresh = True
        self.transport: Any = None
        self._visitor = visitor
        self._reader = _Reader()
        self._exchange: Exchange | None = None
        self._head_given = False

    # ---- the request -------------------------------------------------------------------------------------

    def send(self, exchange: Exchange) -> None:
        """Send the head of a request, and what has come of its body."""
        self._exchange, self._head_given = exchange, False
        request = exchange.request
        self._reader.expect(request.method, request.websocket)
        exchange.sent = True
        with Journey(exchange.journey):
            self.transport.write(exchange.head() + exchange.take_body())

    def send_body(self, exchange: Exchange) -> None:
        """Send what more has come."""
        data = exchange.take_body()
        if data and self.alive:
            with Journey(exchange.journey):
                self.transport.write(data)

    def relay(self, data: bytes) -> None:
        """Bytes of whatever protocol it has become."""
        self.transport.write(data)

    # ---- the answer --------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport, self.alive = transport, True

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.upgraded:
            self._visitor.relay_down(data)
            return
        try:
            self._reader.feed(data)
        except BadResponse as error:
            self._lose(f"what came is no answer: {error}")
            return
        if exchange is None:
            self.abort()  # an answer that nobody asked for
            return
        self._advance(exchange)

    def _advance(self, exchange: Exchange) -> None:
        reader = self._reader
        if reader.interim:
            interim, reader.interim = reader.interim, []
            for each in interim:
                self._visitor.interim(each)
        response = reader.response
        if response is None:
            return
        opening, self._head_given = not self._head_given, True
        if opening:
            exchange.facts = facts_of(JOURNEY.get())
        if response.complete:
            self._exchange = None
        if response.status == 101:
            self._exchange, exchange.upgraded = exchange, True
            self._visitor.upgraded(exchange, response, reader.rest)
            return
        if response.complete and not (response.keep_alive and exchange.request.complete):
            self.alive = False
            self.transport.close()
        self.fresh = self.fresh and not response.complete
        self._visitor.pass_on(exchange, response, opening)

    # ---- the end, and who is faster ------------------------------------------------------------------------

    def eof_received(self) -> None:
        """It closes; what has no other end is complete by that."""
        if self._exchange is not None and self._reader.end():
            self._advance(self._exchange)

    def connection_lost(self, error: BaseException | None) -> None:
        self.alive = False
        if self._exchange is not None and self._reader.end():
            self._advance(self._exchange)
        if self._exchange is not None:
            self._lose("the connection was closed" if error is None else f"the connection broke off: {error}")

    def _lose(self, words: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.abort()
        if exchange is not None:
            self._visitor.lost(self, exchange, words)

    def abort(self) -> None:
        self.alive, self._exchange = False, None
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        self.alive, self._exchange = False, None
        if self.transport is not None:
            self.transport.close()

    def pause_writing(self) -> None:
        self._visitor.slow_up(True)

    def resume_writing(self) -> None:
        self._visitor.slow_up(False)
