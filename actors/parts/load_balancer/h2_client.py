"""HTTP/2 with a client: one connection, each of its streams the `Client` of one exchange (`client_side.py`).

How this works. `H2Client` gives what arrives to the `h2` engine and its events to the streams. A stream keeps what its
client's windows do not let out yet, and holds its target's reading meanwhile; the other way round, a window is only
opened again for what the target has taken. `pump` sends what the windows allow, a frame of each stream in turn.
"""

from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    PingReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from actors.element import JOURNEY
from actors.parts.load_balancer.client_side import ClientSide
from actors.parts.load_balancer.h2_stream import H2Stream
from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import Request
from actors.protocols.http2 import (
    MAX_REQUESTS,
    MAX_STREAMS,
    BrokenStream,
    Leaving,
    ServerEngine,
    goaway,
    request_of,
)

if TYPE_CHECKING:
    from actors.parts.load_balancer.listener import Listener


class H2Client(ClientSide):
    """A client's connection that speaks HTTP/2."""

    def __init__(self, listener: "Listener", accepted_ns: int) -> None:
        super().__init__(listener, accepted_ns)
        self.origin = self.origin._replace(type="h2")
        self.engine = ServerEngine(self._on_event)
        self.streams: dict[int, H2Stream] = {}
        self.buffer_full = False
        """Whether the connection's own buffer takes no more."""
        self._requests = 0
        self._last_stream: int | None = None
        self._feeding = False

    # ---- the connection ----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._feeding = True
        try:
            self.engine.receive_data(data)
        except ProtocolError:
            self._feeding = False
            self._end_connection()
            return
        self._feeding = False
        self.pump()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        for stream in list(self.streams.values()):
            stream.client_gone()

    def _end_connection(self) -> None:
        """It cannot go on: say so (the engine has a GOAWAY ready), and close."""
        self.flush()
        self._close()
        for stream in list(self.streams.values()):
            stream.client_gone()

    def flush(self) -> None:
        """Send what the engine has ready; at the end of a batch of events, once."""
        if not self._feeding and not self._closing:
            data = self.engine.data_to_send()
            if data:
                self._transport.write(data)

    # ---- what arrives ------------------------------------------------------------------------------------

    def _on_event(self, event: Any) -> None:
        if isinstance(event, PingReceived | PingAckReceived):
            return  # the engine has answered; it is no sign of life as far as the idle timeout goes
        self._active_ns = self.node.context.now_ns()
        match event:
            case RequestReceived():
                request = request_of(event.headers, event.stream_ended is not None)
                self._begin(event.stream_id, request)
            case DataReceived():
                stream = self.streams.get(event.stream_id)
                if stream is None:
                    self.engine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                else:
                    stream.data_received(event.data, event.flow_controlled_length)
            case StreamEnded() if event.stream_id in self.streams:
                self.streams[event.stream_id].request_ended()
            case StreamReset() if event.stream_id in self.streams:
                self.streams[event.stream_id].client_gone()
            case BrokenStream():
                self._broken(event.stream_id)
            case Leaving():
                self._last_stream = self.engine.highest_inbound_stream_id
                self._close_when_done()
            case ConnectionTerminated():
                self._end_connection()

    def _begin(self, stream_id: int, request: Request) -> None:
        if self._last_stream is not None or len(self.streams) >= MAX_STREAMS:
            self.engine.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._requests += 1
        if self._requests >= MAX_REQUESTS or self._active_ns >= self._expires_ns:
            self._go_away(stream_id)
        journey = self._transport.get_extra_info("journey")
        stream = self.streams[stream_id] = H2Stream(self, stream_id, request, self._active_ns, journey)
        token = JOURNEY.set(journey)
        stream.exchange.start()
        JOURNEY.reset(token)

    def _broken(self, stream_id: int) -> None:
        """A content length that is none, or is not kept."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.exchange.fail(Cause.MALFORMED_REQUEST)
        else:
            request = Request()
            request.version, request.error = b"2.0", Cause.MALFORMED_REQUEST
            self._begin(stream_id, request)

    def _go_away(self, last_stream: int) -> None:
        """No new streams from now on; those that there are end as usual."""
        self._last_stream = last_stream
        self._transport.write(self.engine.data_to_send() + goaway(last_stream))

    # ---- what goes out -----------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send of each stream in turn what its window lets out."""
        waiting = [stream for stream in self.streams.values() if stream.outlet.waits()]
        while waiting and not self.buffer_full:
            waiting = [stream for stream in waiting if stream.send_some()]
            self.flush()
        self.flush()

    def forget(self, stream: H2Stream) -> None:
        """The stream is over, and all of its answer has been sent."""
        self.streams.pop(stream.id, None)
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self._last_stream is not None and not self.streams and not self._closing:
            self.flush_now()
            self._close()

    def flush_now(self) -> None:
        """Send what the engine has ready, also in the middle of a batch."""
        if not self._closing:
            self._transport.write(self.engine.data_to_send())

    def pause_writing(self) -> None:
        self.buffer_full = True
        for stream in list(self.streams.values()):
            stream.throttle()

    def resume_writing(self) -> None:
        self.buffer_full = False
        self._active_ns = self.node.context.now_ns()
        for stream in list(self.streams.values()):
            stream.throttle()
        self.pump()

    def retire(self) -> None:
        if self._last_stream is None:
            self._go_away(self.engine.highest_inbound_stream_id)
            self._close_when_done()

    # ---- silence -----------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closing

    def touch(self) -> None:
        """Something of a stream has been sent."""
        self._active_ns = self.node.context.now_ns()

    def _check_idle(self) -> None:
        """Streams that wait for their client time out by themselves; a connection without streams is closed."""
        now_ns, idle_ns = self.node.context.now_ns(), self.node.idle_timeout_ns
        for stream in list(self.streams.values()):
            if stream.waits_for_client() and now_ns - stream.active_ns >= idle_ns:
                JOURNEY.set(stream.exchange.journey)
                stream.time_out()
        waiting = [stream.active_ns for stream in self.streams.values() if stream.waits_for_client()]
        since_ns = min(waiting, default=now_ns if self.streams else self._active_ns)
        if self._closing:
            return
        if now_ns < since_ns + idle_ns:
            self._timer = self.node.context.call_at(since_ns + idle_ns, self._check_idle)
        else:
            self._go_away(self.engine.highest_inbound_stream_id)
            self._close()
