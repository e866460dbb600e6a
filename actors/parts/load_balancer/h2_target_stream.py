"""A stream of a connection to an HTTP/2 target: what an exchange knows as its `connection`."""

from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from actors.parts.load_balancer.h2_stream import SEND_BUFFER
from actors.parts.load_balancer.target_head import head_for_target
from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import BadResponse, Response, ResponseHeadTooLong
from actors.protocols.http2 import Headers, Outlet, request_headers, response_of, sound

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange
    from actors.parts.load_balancer.h2_target import H2TargetConnection


class H2TargetStream:
    """One exchange on a connection to a target."""

    def __init__(self, connection: "H2TargetConnection", exchange: "Exchange", stream_id: int) -> None:
        self.exchange = exchange
        self.id = stream_id
        self.write_paused = False
        self.active_ns = connection.node.context.now_ns()
        self.outlet = Outlet(connection.engine, stream_id)
        self.response: Response | None = None
        self._connection = connection
        self._held = False
        self._unacknowledged = 0

    # ---- the request -------------------------------------------------------------------------------------

    def begin(self, scheme: bytes) -> None:
        """Send the request, as much of it as has come."""
        exchange = self.exchange
        exchange.connection = self
        exchange.sent_ns = self.active_ns
        wanted = exchange.request.fields.get(b"te") == b"trailers"
        headers = request_headers(head_for_target(exchange), scheme, wanted)
        content = exchange.take_content()
        ended = exchange.request.complete and not content
        self._connection.engine.send_headers(self.id, headers, end_stream=ended)
        if ended:
            self.outlet.discard()
        else:
            self.outlet.put(content, exchange.request.complete)
        self._connection.pump()
        self._held = exchange.client.write_paused
        exchange.client.control_reading()

    def send_body(self) -> None:
        """Send what more has come of the request."""
        self.active_ns = self._connection.node.context.now_ns()
        if not self.outlet.done:
            self.outlet.put(self.exchange.take_content(), self.exchange.request.complete)
            self._connection.pump()
            self.throttle()

    def throttle(self) -> None:
        """Hold the client up while the target does not take what has come of its request."""
        paused = self._connection.buffer_full or len(self.outlet) > SEND_BUFFER
        if paused != self.write_paused:
            self.write_paused = paused
            self.exchange.client.control_reading()

    # ---- the response ------------------------------------------------------------------------------------

    def head_came(self, headers: Headers, ended: bool) -> None:
        """The head of the response; with its end if it has no content."""
        self.active_ns = self._connection.node.context.now_ns()
        try:
            response = self.response = response_of(headers, ended)
        except ResponseHeadTooLong:
            self.exchange.fail(Cause.RESPONSE_HEADERS_TOO_LONG)
            return
        except BadResponse:
            self.exchange.fail(Cause.MALFORMED_RESPONSE)
            return
        self._pass_on(response)

    def content_came(self, content: bytes, flow_controlled: int, ended: bool) -> None:
        """A piece of the content."""
        self.active_ns = self._connection.node.context.now_ns()
        self._unacknowledged += flow_controlled
        response = self.response
        if response is None:
            self.exchange.fail(Cause.MALFORMED_RESPONSE)
            return
        response.body.append(content)
        response.complete = ended
        self._acknowledge()
        self._pass_on(response)

    def trailers_came(self, trailers: Headers) -> None:
        """What stands behind the content: of gRPC, how the call went."""
        response = self.response
        if response is not None:
            response.trailers = [field for field in trailers if sound(*field)]
            response.complete = True
            self._pass_on(response)

    def _pass_on(self, response: Response) -> None:
        exchange = self.exchange
        if response.complete:
            if not self.outlet.done:
                self._connection.reset(self, ErrorCodes.NO_ERROR)
            self.detach()
        exchange.pass_on(response)

    def hold_reading(self, held: bool) -> None:
        """Open no windows while the client does not take what has come."""
        self._held = held
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self._unacknowledged and not self._held:
            count, self._unacknowledged = self._unacknowledged, 0
            self._connection.acknowledge(self, count)

    # ---- the end -----------------------------------------------------------------------------------------

    def detach(self) -> None:
        """The exchange needs the stream no more."""
        self._held = False
        self._acknowledge()
        self.outlet.discard()
        self.exchange.connection = None
        self._connection.forget(self)

    def drop(self) -> None:
        """The exchange has failed, or its client is gone."""
        self._connection.reset(self, ErrorCodes.CANCEL)
        self.detach()

    def relay(self, data: bytes) -> None:
        raise AssertionError("there are no WebSockets in HTTP/2 here")

    def leave(self) -> None:
        raise AssertionError("there are no WebSockets in HTTP/2 here")
