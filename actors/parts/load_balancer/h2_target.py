"""HTTP/2 to targets of groups whose protocol version is HTTP2 or gRPC: streams of few connections instead of idle ones.

How this works. An exchange gets a stream of a connection that has room for one, or waits for the connection that is
being opened. Until the target's SETTINGS have come, which say how many streams it allows, one is all it gets, and the
others queue. The stream is what the exchange knows as its `connection`: it takes the request's content as the target's
windows let it out, and turns frames into a `Response` that is passed on like any other.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from actors.element import JOURNEY
from actors.parts.load_balancer.h2_target_stream import H2TargetStream
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target import TargetPool, why_lost
from actors.protocols.alb_causes import Cause
from actors.protocols.balancing import Target
from actors.protocols.http2 import BrokenStream, ClientEngine, Leaving

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange


_SETTINGS = b"\4"
"""The type of the frame that a target must begin with (RFC 9113 section 3.4)."""


class H2TargetConnection(asyncio.Protocol):
    """One connection to a target, with a stream for each exchange."""

    def __init__(self, pool: "H2TargetPool") -> None:
        self.node: Node = pool.node
        self.engine = ClientEngine(self._on_event)
        self.streams: dict[int, H2TargetStream] = {}
        self.buffer_full = False
        self._pool = pool
        self._transport: Any = None
        self._timer: Any = None
        self._active_ns = 0
        self._feeding = False
        self._leaving = False
        self.settled = False
        """Whether the target's SETTINGS have come."""
        self.queue: list[Exchange] = []
        """Who waits for them."""

    def has_room(self) -> bool:
        """Whether it takes another stream."""
        if self._leaving or not self.settled or self._transport.is_closing():
            return False
        return len(self.streams) < self.engine.remote_settings.max_concurrent_streams

    def may_settle(self) -> bool:
        """Whether it is new, and will soon be known to take streams or not."""
        return not self.settled and not self._leaving and not self._transport.is_closing()

    def begin(self, exchange: "Exchange") -> None:
        """Send an exchange's request on a new stream."""
        self._active_ns = self.node.context.now_ns()
        stream = H2TargetStream(self, exchange, self.engine.get_next_available_stream_id())
        self.streams[stream.id] = stream
        stream.begin(self._pool.scheme)

    # ---- the connection ----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._active_ns = self.node.context.now_ns()
        self._timer = self.node.context.call_at(self._active_ns + self.node.idle_timeout_ns, self._check_idle)
        self.node.target_connections.value += 1
        self._pool.open_connections += 1
        self._pool.connections.append(self)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._active_ns = self.node.context.now_ns()
        self._feeding = True
        try:
            if not self.settled and data[3:4] not in (b"", _SETTINGS):
                raise ProtocolError("it does not begin with SETTINGS")
            self.engine.receive_data(data)
        except ProtocolError:
            self._feeding = False
            self._fail_all(Cause.MALFORMED_RESPONSE)
            self._transport.abort()
            return
        self._feeding = False
        self.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self.node.target_connections.value -= 1
        self._pool.connection_gone(self)
        self._fail_all(why_lost(error))

    def _fail_all(self, cause: Cause) -> None:
        self._leaving = True
        for stream in list(self.streams.values()):
            self._pool.target.connection_failed()
            stream.exchange.fail(cause)
        self._give_queue()

    def _give_queue(self) -> None:
        queue, self.queue = self.queue, []
        for exchange in queue:
            if not exchange.over:
                self._pool.find(exchange)

    def close(self) -> None:
        """Close as soon as no exchange needs it any more."""
        self._leaving = True
        if not self.streams:
            self._transport.close()

    def abort(self) -> None:
        """Cut it."""
        self._leaving = True
        self._transport.abort()

    # ---- streams -----------------------------------------------------------------------------------------

    def _on_event(self, event: Any) -> None:
        match event:
            case RemoteSettingsChanged():
                self.settled = True
                self._give_queue()
            case Leaving():
                self._leave(event.last_stream_id)
            case ConnectionTerminated():
                self._fail_all(Cause.TARGET_CLOSED_CONNECTION)
            case _:
                stream = self.streams.get(getattr(event, "stream_id", None) or 0)
                if stream is not None:
                    token = JOURNEY.set(stream.exchange.journey)
                    self._on_stream_event(stream, event)
                    JOURNEY.reset(token)
                elif isinstance(event, DataReceived):
                    self.engine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _on_stream_event(self, stream: H2TargetStream, event: Any) -> None:
        match event:
            case ResponseReceived():
                stream.head_came(event.headers, event.stream_ended is not None)
            case DataReceived():
                ended = event.stream_ended is not None
                stream.content_came(event.data, event.flow_controlled_length, ended)
            case TrailersReceived():
                stream.trailers_came(event.headers)
            case StreamReset():
                stream.exchange.fail(Cause.TARGET_RESET_STREAM)
            case BrokenStream():
                stream.exchange.fail(Cause.MALFORMED_RESPONSE)

    def _leave(self, last_stream_id: int) -> None:
        """The target takes no more streams, and will not answer those after this one."""
        self._leaving = True
        for stream in [each for each in self.streams.values() if each.id > last_stream_id]:
            stream.exchange.fail(Cause.TARGET_CLOSED_CONNECTION)
        if not self.streams:
            self._transport.close()

    def reset(self, stream: H2TargetStream, code: ErrorCodes) -> None:
        """Tell the target that this stream is over, if it does not know."""
        if not self._transport.is_closing():
            try:
                self.engine.reset_stream(stream.id, code)
            except ProtocolError:
                return  # the target has ended it, or the connection
            self._flush()

    def acknowledge(self, stream: H2TargetStream, count: int) -> None:
        """So much of a stream has been passed on: open the windows again."""
        if not self._transport.is_closing():
            self.engine.acknowledge_received_data(count, stream.id)
            self._flush()

    def forget(self, stream: H2TargetStream) -> None:
        """The stream is over."""
        self.streams.pop(stream.id, None)
        if self._leaving and not self.streams and not self._transport.is_closing():
            self._transport.close()

    # ---- what goes out -----------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send of each request in turn what the windows let out."""
        waiting = [stream for stream in self.streams.values() if stream.outlet.waits()]
        while waiting and not self.buffer_full:
            waiting = [stream for stream in waiting if stream.outlet.send_some()]
            self._flush()
        for stream in list(self.streams.values()):
            stream.throttle()
        self._flush()

    def _flush(self) -> None:
        if not self._feeding and not self._transport.is_closing():
            data = self.engine.data_to_send()
            if data:
                self._transport.write(data)

    def pause_writing(self) -> None:
        self.buffer_full = True

    def resume_writing(self) -> None:
        self.buffer_full = False
        self.pump()

    # ---- silence -----------------------------------------------------------------------------------------

    def _check_idle(self) -> None:
        now_ns, idle_ns = self.node.context.now_ns(), self.node.idle_timeout_ns
        for stream in list(self.streams.values()):
            if now_ns - stream.active_ns >= idle_ns:
                JOURNEY.set(stream.exchange.journey)
                begun = stream.response is not None
                stream.exchange.fail(Cause.INCOMPLETE_RESPONSE if begun else Cause.RESPONSE_TIMEOUT)
                if not self.settled:
                    self._fail_all(Cause.RESPONSE_TIMEOUT)
        since_ns = min((stream.active_ns for stream in self.streams.values()), default=self._active_ns)
        if now_ns < since_ns + idle_ns:
            self._timer = self.node.context.call_at(since_ns + idle_ns, self._check_idle)
        else:
            self._transport.close()


class H2TargetPool(TargetPool):
    """The connections to one target that speaks HTTP/2, and the exchanges that it has been given."""

    alpn = "h2"

    def __init__(self, node: Node, target: Target, secure: bool = False) -> None:
        super().__init__(node, target, secure)
        self.scheme = b"https" if secure else b"http"
        self.connections: list[H2TargetConnection] = []
        self._waiting: list[Exchange] = []

    def give(self, exchange: "Exchange") -> None:
        self.exchanges[exchange] = None
        self.find(exchange)

    def find(self, exchange: "Exchange") -> None:
        """A connection for an exchange, now or soon."""
        connection = next((each for each in self.connections if each.has_room()), None)
        if connection is not None:
            self.tell(exchange, True, len(self.connections))
            connection.begin(exchange)
            return
        unsettled = next((each for each in self.connections if each.may_settle()), None)
        if unsettled is not None:
            unsettled.queue.append(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) == 1:
            self.node.context.spawn(self._connect_for_all(), f"connection to {self.target.text}")

    async def _connect_for_all(self) -> None:
        connection = await self.connect(lambda: H2TargetConnection(self))
        waiting, self._waiting = self._waiting, []
        wanted = [exchange for exchange in waiting if not exchange.over]
        if isinstance(connection, Cause):
            for exchange in wanted:
                exchange.fail(connection)
        elif wanted:
            connection.queue += wanted[1:]
            self.tell(wanted[0], False, len(self.connections) - 1)
            connection.begin(wanted[0])

    def connection_gone(self, connection: H2TargetConnection) -> None:
        """The connection is lost or closed."""
        self.open_connections -= 1
        self.connections.remove(connection)

    def drain(self) -> None:
        for connection in list(self.connections):
            connection.close()

    def cut(self) -> None:
        for connection in list(self.connections):
            if not connection.streams:
                connection.abort()
