"""One connection of a load: busy with one request at a time."""

import asyncio
from typing import TYPE_CHECKING, Any

import httptools

from actors.element import JOURNEY
from actors.parts.load.arrival import Arrival
from actors.parts.load.counts import NOBODY

if TYPE_CHECKING:
    from actors.parts.load.pool import Pool

MAX_READ_BYTES = 1_000_000
"""Of an answer that somebody looks into."""


class Line(asyncio.Protocol):
    """A connection; with `own`, that of one request only."""

    def __init__(self, pool: "Pool", own: Arrival | None = None) -> None:
        self.own = own
        self.body = b""
        self._pool = pool
        self._arrival: Arrival | None = None
        self._transport: Any = None
        self._parser: Any = None
        self._server = NOBODY
        self._complete = False
        self._status = 0
        self._keep_alive = False

    def send(self, arrival: Arrival) -> None:
        arrival.line, arrival.sent_ns = self, self._pool.now_ns()
        self._arrival = arrival
        if arrival.journey == JOURNEY.get():  # none, as nearly always
            self._transport.write(arrival.wanted.alone if arrival.alone else arrival.wanted.kept)
        else:
            self._send_as(arrival)

    def _send_as(self, arrival: Arrival) -> None:
        """What goes out now, and what others do because of it, is of this journey, and not of that whose answer has
        just made the connection free."""
        wanted = arrival.wanted
        token = JOURNEY.set(arrival.journey)
        try:
            self._pool.record("journey.start", url=wanted.url, method=wanted.method)
            self._transport.write(wanted.alone if arrival.alone else wanted.kept)
        finally:
            JOURNEY.reset(token)

    def cut(self, *, politely: bool = False) -> None:
        """End the connection; whoever waits for an answer knows."""
        self._arrival = None
        if politely:
            self._transport.close()
        else:
            self._transport.abort()

    # ---- what the transport calls --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._pool.ready(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return  # a handshake failed; whoever connects knows
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._pool.run.failed(arrival, "reset" if error is not None else "closed")
        self._pool.gone(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # nobody asked to switch protocols
            self._spoiled()
            return
        if self._complete:
            self._answered()

    def _answered(self) -> None:
        self._complete = False
        arrival, self._arrival = self._arrival, None
        if arrival is None:
            self._spoiled()  # nobody asked
            return
        if arrival.wanted.is_head:
            self._parser = httptools.HttpResponseParser(
                self
            )  # the old one waits for content that never comes
        body, self.body = self.body, b""
        self._pool.run.answered(arrival, self._status, self._server, body)
        self._server = NOBODY
        if self._keep_alive and not arrival.alone:
            self._pool.ready(self)
        else:
            self._transport.close()

    def _spoiled(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._pool.run.failed(arrival, "bad_response")
        self._transport.abort()

    # ---- what the parser calls -----------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"X-Served-By" or name.lower() == b"x-served-by":
            self._server = value

    def on_headers_complete(self) -> None:
        if self._arrival is not None and self._arrival.wanted.is_head:
            self.on_message_complete()

    def on_message_complete(self) -> None:
        self._complete = True
        self._status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()


class ReadingLine(Line):
    """One whose answers are looked into."""

    def on_body(self, data: bytes) -> None:
        if len(self.body) < MAX_READ_BYTES:
            self.body += data
