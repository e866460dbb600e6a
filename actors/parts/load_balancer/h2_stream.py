"""A stream of a client's HTTP/2 connection: the `Client` of one exchange."""

from contextlib import suppress
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from actors.parts.load_balancer.answers import Answer
from actors.parts.load_balancer.exchange import Exchange
from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import Request, Response
from actors.protocols.http2 import Headers, Outlet, response_headers, size_of
from actors.units import SECOND

if TYPE_CHECKING:
    from actors.parts.load_balancer.h2_client import H2Client

SEND_BUFFER = 64 * 1024
"""How much of an answer is held for a client whose window is closed before its target is held up, too."""


class H2Stream:
    """One request of a client, and what is to be sent in answer."""

    def __init__(
        self, client: "H2Client", stream_id: int, request: Request, received_ns: int, journey: str | None
    ) -> None:
        self.id = stream_id
        self.listener = client.listener
        self.node = client.node
        self.peer = client.peer
        self.source = client.source
        self.forwarded_as = client.forwarded_as
        self.origin = client.origin
        self.tls_lines = client.tls_lines
        self.write_paused = False
        self.active_ns = received_ns
        self._client = client
        self.outlet = Outlet(client.engine, stream_id)
        self._unacknowledged = 0
        self.exchange = Exchange(self, request, received_ns, journey)

    # ---- what the client sends ---------------------------------------------------------------------------

    def data_received(self, data: bytes, flow_controlled: int) -> None:
        """A piece of the request's content."""
        self.active_ns = self.node.context.now_ns()
        self._unacknowledged += flow_controlled
        exchange = self.exchange
        if not exchange.over:
            exchange.request.body.append(data)
            exchange.request.body_bytes += len(data)
            exchange.body_arrived()
        self.control_reading()

    def request_ended(self) -> None:
        """That was the whole request."""
        exchange = self.exchange
        if not exchange.request.complete:
            exchange.request.complete = True
            if not exchange.over:
                exchange.body_arrived()

    def control_reading(self) -> None:
        if self._client.is_closing():
            return
        if self._unacknowledged and (self.exchange.over or not self.exchange.upload_blocked()):
            count, self._unacknowledged = self._unacknowledged, 0
            self._client.engine.acknowledge_received_data(count, self.id)
            self._client.flush()

    def client_gone(self) -> None:
        """The client has reset the stream, or is gone altogether."""
        self._end()
        if not self.exchange.over:
            self.exchange.client_gone()

    # ---- what it gets ------------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, answer: Answer) -> int:
        fields = answer.fields(self.node.context.unix_ns() // SECOND)
        headers = [(b":status", b"%d" % answer.status), *((name.lower(), value) for name, value in fields)]
        body = b"" if exchange.request.method == b"HEAD" else answer.body
        return self._send_head(headers, ended=not body) + self._send_content(body, ended=True)

    def pass_on(self, exchange: Exchange, response: Response, opening: bool) -> int:
        content = b"".join(response.body)
        self.outlet.trailers = response.trailers
        sent = 0
        if opening:
            headers = response_headers(response, exchange.cookies(response))
            sent = self._send_head(headers, ended=response.complete and not content and not response.trailers)
        return sent + self._send_content(content, ended=response.complete)

    def send_continue(self) -> None:
        self._client.engine.send_headers(self.id, [(b":status", b"100")])
        self._client.flush()

    def send(self, data: bytes) -> None:
        raise AssertionError("there are no WebSockets in HTTP/2 here")

    def tunnel(self) -> bytes:
        raise AssertionError("there are no WebSockets in HTTP/2 here")

    def _send_head(self, headers: Headers, ended: bool) -> int:
        if self.outlet.done:
            return 0
        self._touch()
        self._client.engine.send_headers(self.id, headers, end_stream=ended)
        if ended:
            self._answered()
        return size_of(headers)

    def _send_content(self, content: bytes, ended: bool) -> int:
        if self.outlet.done:
            return 0
        self.outlet.put(content, ended)
        self._client.pump()
        self.throttle()
        return len(content)

    def send_some(self) -> bool:
        """Send one frame, if the windows allow. Whether there may be more."""
        if not self.outlet.send_some():
            return False
        self._touch()
        if self.outlet.done:
            self._answered()
        else:
            self.throttle()
        return self.outlet.waits()

    def _touch(self) -> None:
        self.active_ns = self.node.context.now_ns()
        self._client.touch()

    def throttle(self) -> None:
        """Hold the target's reading up while its answer cannot be got rid of."""
        paused = self._client.buffer_full or len(self.outlet) > SEND_BUFFER
        if paused == self.write_paused or self.outlet.done:
            return
        self.write_paused = paused
        connection = self.exchange.connection
        if connection is not None:
            connection.hold_reading(paused)

    # ---- how it ends -------------------------------------------------------------------------------------

    def exchange_over(self, exchange: Exchange) -> None:
        self.control_reading()

    def _answered(self) -> None:
        """All of the answer has been sent. Of a request that has not ended nothing more is wanted (RFC 9113, 8.1)."""
        if not self.exchange.request.complete:
            with suppress(ProtocolError):  # the engine may have closed a stream that broke in its last frame
                self._client.engine.reset_stream(self.id, ErrorCodes.NO_ERROR)
        self._end()
        self._client.flush()

    def break_off(self) -> None:
        if not self.outlet.done:
            self._client.engine.reset_stream(self.id, ErrorCodes.INTERNAL_ERROR)
            self._end()
            self._client.flush()

    def _end(self) -> None:
        self.outlet.discard()
        self._client.forget(self)

    def waits_for_client(self) -> bool:
        """Whether it is the client's turn: to send more of its request, or to take more of the answer."""
        if self.exchange.over:
            return len(self.outlet) > 0
        return not self.exchange.request.complete or len(self.outlet) > 0

    def time_out(self) -> None:
        """The client has been silent for an idle timeout when it was its turn."""
        if self.exchange.over:
            self.break_off()
        else:
            self.exchange.fail(Cause.CLIENT_TIMEOUT)
