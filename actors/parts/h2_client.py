"""A client's HTTP/2 connection (RFC 9113): requests as streams of one TCP connection, with windows in both directions.

How this works. What arrives goes to the `h2` engine, whose events go to the exchange of their stream. A window is
opened again as soon as content has been read; a request's content leaves as the server's windows allow, a frame of
each stream in turn. No request is sent before the server's SETTINGS have said how many streams it takes.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from actors.element import JOURNEY
from actors.protocols.http2 import BrokenStream, ClientEngine, Headers, Leaving, Outlet, goaway

ALPN = "h2"
BAD_RESPONSE, CLOSED, RESET = "bad_response", "closed", "reset"
STREAM_RESET, GOAWAY, UNPROCESSED, NOT_SPOKEN = "stream_reset", "goaway", "unprocessed", "no_http2"
"""How exchanges fail. `stream_reset`: RST_STREAM; `goaway`: the server gave the connection up for an error, and may
have looked at the request; `unprocessed`: it says that it has not, and that it may be sent again (RFC 9113, section
8.7); `no_http2`: it has not agreed to HTTP/2."""
LAST_STREAM = 2**31 - 1
MANY_STREAMS = 1000
"""A server that has set no limit is not sent more at once."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "body",
        "bytes",
        "fields",
        "most_bytes",
        "on_end",
        "on_head",
        "outlet",
        "status",
        "stream_id",
    )

    def __init__(
        self,
        on_end: Callable[["Exchange", str], None],
        most_bytes: int = 0,
        on_head: Callable[["Exchange"], None] | None = None,
    ) -> None:
        """`on_end` is called once, with how it failed or nothing; `most_bytes` of the content are kept."""
        self.on_end, self.on_head = on_end, on_head
        self.most_bytes = most_bytes
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.bytes = 0
        self.stream_id = 0
        self.outlet: Outlet | None = None

    def head_came(self, headers: Headers) -> None:
        """The head of the answer."""
        for name, value in headers:
            if name == b":status" and value.isdigit():
                self.status = int(value)
            elif not name.startswith(b":"):
                self.fields[name] = self.fields[name] + b", " + value if name in self.fields else value
        if self.on_head is not None:
            self.on_head(self)

    def content_came(self, content: bytes) -> None:
        """A piece of the content."""
        self.bytes += len(content)
        if len(self.body) < self.most_bytes:
            self.body += content


class H2Connection(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        on_settled: Callable[["H2Connection"], None],
        on_free: Callable[["H2Connection"], None],
        on_lost: Callable[["H2Connection"], None],
    ) -> None:
        """Called when it takes requests, when it takes one more than before, and when it is gone."""
        self._on_settled, self._on_free, self._on_lost = on_settled, on_free, on_lost
        self._engine = ClientEngine(self._on_event)
        self.exchanges: dict[int, Exchange] = {}
        self._transport: Any = None
        self._settled = self._leaving = self._feeding = self._buffer_full = self._terminated = False
        self.spoken = True
        """Whether the server has agreed to HTTP/2, or not been asked yet."""
        self.heard = 0
        """How often something has come."""

    @property
    def most_streams(self) -> int:
        """How many requests it takes at once, as far as is known."""
        return min(self._engine.remote_settings.max_concurrent_streams, MANY_STREAMS)

    @property
    def open(self) -> bool:
        """Whether it can be used for anything."""
        return self._transport is not None and not self._transport.is_closing()

    def has_room(self) -> bool:
        """Whether it takes another request now."""
        return (
            self._settled
            and not self._leaving
            and self.open
            and len(self.exchanges) < self.most_streams
            and self._engine.highest_outbound_stream_id < LAST_STREAM - 2
        )

    # ---- requests ------------------------------------------------------------------------------------------

    def send(self, exchange: Exchange, headers: Headers, content: bytes, journey: str | None = None) -> None:
        """Send a request, as part of a journey or none; there must be room."""
        exchange.stream_id = self._engine.get_next_available_stream_id()
        self.exchanges[exchange.stream_id] = exchange
        if journey is not None:
            self._flush_now()  # what others have to say is not the journey's
        token = JOURNEY.set(journey)
        try:
            self._engine.send_headers(exchange.stream_id, headers, end_stream=not content)
            if content:
                exchange.outlet = Outlet(self._engine, exchange.stream_id)
                exchange.outlet.put(content, last=True)
                self._pump()
            if journey is not None or not self._feeding:
                self._flush_now()  # what a journey sends is its own, and does not wait for others
        finally:
            JOURNEY.reset(token)

    def cancel(self, exchange: Exchange) -> None:
        """Nobody waits for it any more: the server is told, and the connection stays."""
        if self.exchanges.pop(exchange.stream_id, None) is not None and self.open:
            self._reset(exchange, ErrorCodes.CANCEL)
            self._freed()

    def leave(self) -> None:
        """No more requests: it is closed when those under way are over."""
        self._leaving = True
        self._freed()

    def close(self) -> None:
        """Say goodbye, and close; what is under way fails."""
        self._leaving = True
        if self.open:
            self._flush_now()
            self._transport.write(goaway(0))
            self._transport.close()

    def abort(self) -> None:
        """Cut it."""
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()

    # ---- what the transport calls --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        tls = transport.get_extra_info("ssl_object")
        self.spoken = tls is not None and tls.selected_alpn_protocol() == ALPN
        if not self.spoken or self._leaving:
            self.abort()
        else:
            self._flush_now()

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        self._feeding = True
        try:
            self._engine.receive_data(data)
        except ProtocolError:
            self._feeding = False
            self._leaving = True
            self._flush_now()  # the engine has a GOAWAY that says why
            self._fail_all(BAD_RESPONSE)
            self._transport.close()
            return
        self._feeding = False
        if self._terminated:
            self._transport.close()
            return
        self._pump()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return  # a handshake failed; whoever connects knows
        self._leaving = True
        self._fail_all(CLOSED if error is None else RESET)
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._buffer_full = True

    def resume_writing(self) -> None:
        self._buffer_full = False
        self._pump()
        self._flush()

    # ---- what arrives --------------------------------------------------------------------------------------

    def _on_event(self, event: Any) -> None:
        match event:
            case RemoteSettingsChanged():
                first, self._settled = not self._settled, True
                (self._on_settled if first else self._on_free)(self)
            case Leaving():
                self._leave(event.last_stream_id)
            case ConnectionTerminated():
                self._terminated = True
                self._leave(event.last_stream_id or 0)
                self._fail_all(GOAWAY)
            case DataReceived():
                self._engine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if (exchange := self.exchanges.get(event.stream_id)) is not None:
                    exchange.content_came(event.data)
            case ResponseReceived() if event.stream_id in self.exchanges:
                self.exchanges[event.stream_id].head_came(event.headers)
            case StreamEnded() if event.stream_id in self.exchanges:
                exchange = self.exchanges[event.stream_id]
                self._end(exchange, "" if exchange.status else BAD_RESPONSE)
            case StreamReset() if event.stream_id in self.exchanges:
                refused = event.error_code == ErrorCodes.REFUSED_STREAM
                self._end(self.exchanges[event.stream_id], UNPROCESSED if refused else STREAM_RESET)
            case BrokenStream() if event.stream_id in self.exchanges:
                exchange = self.exchanges[event.stream_id]
                self._reset(exchange, ErrorCodes.PROTOCOL_ERROR)
                self._end(exchange, BAD_RESPONSE)

    def _end(self, exchange: Exchange, error: str) -> None:
        del self.exchanges[exchange.stream_id]
        if exchange.outlet is not None and not exchange.outlet.done:
            exchange.outlet.discard()
            if not error:
                self._reset(exchange, ErrorCodes.NO_ERROR)  # it wants no more of the request (section 8.1)
        exchange.on_end(exchange, error)
        self._freed()

    def _freed(self) -> None:
        if self._leaving:
            if not self.exchanges and not self._terminated:
                self.close()
        elif self.has_room():
            self._on_free(self)

    def _leave(self, last_stream_id: int) -> None:
        """The server takes no more requests; those after this one it has not looked at."""
        self._leaving = True
        for exchange in [each for each in self.exchanges.values() if each.stream_id > last_stream_id]:
            del self.exchanges[exchange.stream_id]
            exchange.on_end(exchange, UNPROCESSED)
        self._freed()

    def _fail_all(self, error: str) -> None:
        exchanges, self.exchanges = list(self.exchanges.values()), {}
        for exchange in exchanges:
            exchange.on_end(exchange, error)

    def _reset(self, exchange: Exchange, code: ErrorCodes) -> None:
        try:
            self._engine.reset_stream(exchange.stream_id, code)
        except ProtocolError:
            return  # the server has ended it, or the connection
        self._flush()

    # ---- what goes out -------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send of each request's content in turn what the windows let out."""
        waiting = [each.outlet for each in self.exchanges.values() if each.outlet is not None]
        while waiting and not self._buffer_full:
            waiting = [outlet for outlet in waiting if outlet.send_some() and outlet.waits()]

    def _flush(self) -> None:
        if not self._feeding:
            self._flush_now()

    def _flush_now(self) -> None:
        if self.open and (data := self._engine.data_to_send()):
            self._transport.write(data)
