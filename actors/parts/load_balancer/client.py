"""The client's side: one connection that a client has opened to a listener, and its requests one after another.

Requests that a client sends ahead (pipelining) wait in the reader until those before them are answered, and the
connection is not read meanwhile. JOURNEY is not trusted here: which journey a request belongs to is asked of the
connection's transport.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY
from actors.parts.load_balancer.exchange import Exchange
from actors.protocols.alb_log import Origin
from actors.protocols.http1 import Request, RequestReader
from actors.wire.addresses import ip_bytes

if TYPE_CHECKING:
    from actors.parts.load_balancer.listener import Listener


class ClientConnection(asyncio.Protocol):
    """A client's connection: `exchange` is the request that is being answered now."""

    def __init__(self, listener: "Listener") -> None:
        self.listener = listener
        self.node = listener.node
        self.exchange: Exchange | None = None
        self.write_paused = False
        self.peer = "-"
        self.source = b""
        self.forwarded_as = b""
        self.origin = Origin(
            type=listener.scheme,
            elb=self.node.log_name,
            client="-",
            ssl_cipher="-",
            ssl_protocol="-",
            domain_name="-",
            chosen_cert_arn="-",
            conn_trace_id=f"TID_{self.node.context.random.getrandbits(64):016x}",
        )
        self._reader = RequestReader()
        self._transport: Any = None
        self._journey: str | None = None
        self._received_ns = 0
        self._reading_paused = False
        self._advancing = False
        self._closing = False
        self._timer: Any = None
        self._accepted_ns = self.node.context.now_ns()
        self._active_ns = self._expires_ns = self._accepted_ns

    # ---- the connection ----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        node = self.node
        self._transport = transport
        self._active_ns = node.context.now_ns()
        self._expires_ns = self._active_ns + node.client_keep_alive_ns
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.source = ip_bytes(host)
        self.origin = self.origin._replace(client=self.peer)
        self.forwarded_as = (self.peer if node.attributes.xff_client_port else host).encode()
        self._timer = node.context.call_at(self._active_ns + node.idle_timeout_ns, self._check_idle)
        node.client_connections.value += 1
        self.listener.connections[self] = None
        node.new_connections.value += 1
        if (tls := transport.get_extra_info("ssl_object")) is not None:
            self._secured(tls)

    def _secured(self, tls: Any) -> None:
        cipher, server_name = tls.cipher(), getattr(tls, "server_name", None) or "-"
        certificate = getattr(tls, "certificate", self.listener.default_certificate)
        self.origin = self.origin._replace(
            ssl_cipher=cipher[0] if cipher else "-",
            ssl_protocol=tls.version() or "-",
            domain_name=server_name,
            chosen_cert_arn=self.listener.certificate_arn(certificate),
        )
        self.node.context.record(
            "tls.established",
            journey=self._transport.get_extra_info("journey"),
            role="server",
            version=self.origin.ssl_protocol,
            cipher=self.origin.ssl_cipher,
            server_name=server_name,
            handshake_ms=(self._active_ns - self._accepted_ns) / 1e6,
            certificate=certificate,
        )

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        reader = self._reader
        self._active_ns = self.node.context.now_ns()
        if not reader.mid_head:
            self._received_ns = self._active_ns
        reader.feed(data)
        if self.exchange is not None:
            self.exchange.body_arrived()
        self._advance()

    def eof_received(self) -> None:
        """A client that closes its half has gone, as far as an ALB is concerned."""

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._timer.cancel()
        self.node.client_connections.value -= 1
        del self.listener.connections[self]
        if self.exchange is not None:
            self.exchange.client_gone()

    # ---- one exchange after another ----------------------------------------------------------------------

    def _advance(self) -> None:
        """Start the next exchanges while they end at once; then read on, or do not."""
        if self._advancing:
            return
        self._advancing = True
        while self.exchange is None and self._reader.requests and not self._closing:
            self._journey = self._transport.get_extra_info("journey")
            self.exchange = Exchange(self, self._reader.requests.popleft(), self._received_ns, self._journey)
            self.exchange.start()
        self._advancing = False
        self.control_reading()

    def exchange_over(self, exchange: Exchange) -> None:
        """The exchange has been answered, or given up."""
        self.exchange = None
        if exchange.closes:
            self._closing = True
            self._transport.close()
        elif self._reader.requests and not self._advancing:
            token = JOURNEY.set(self._journey)
            self._advance()
            JOURNEY.reset(token)
        else:
            self.control_reading()

    def may_persist(self, request: Request) -> bool:
        """Whether the connection lives on after the answer to this request."""
        return request.keep_alive and request.complete and self._active_ns < self._expires_ns

    # ---- the answers, and who is faster ------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._active_ns = self.node.context.now_ns()
        self._transport.write(data)

    def abort(self) -> None:
        """Cut the connection; what has been begun cannot be ended properly."""
        self._closing = True
        self._transport.abort()

    def retire(self) -> None:
        """The listener is going: answer what is being answered, then close."""
        self._expires_ns = 0
        if self.exchange is None and not self._closing:
            self._closing = True
            self._transport.close()

    def control_reading(self) -> None:
        """Read from the client only while what it sends can be put somewhere."""
        exchange = self.exchange
        pause = bool(self._reader.requests) or (exchange is not None and exchange.upload_blocked())
        if pause == self._reading_paused or self._closing:
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._throttle_target(True)

    def resume_writing(self) -> None:
        self._active_ns = self.node.context.now_ns()
        self._throttle_target(False)

    def _throttle_target(self, paused: bool) -> None:
        self.write_paused = paused
        if self.exchange is not None and self.exchange.connection is not None:
            self.exchange.connection.hold_reading(paused)

    # ---- silence -----------------------------------------------------------------------------------------

    def _check_idle(self) -> None:
        """One timer per connection: it looks how long the silence is, and comes back when it may be long enough."""
        now_ns = self.node.context.now_ns()
        silent_since_ns = self._active_ns
        exchange = self.exchange
        if exchange is not None and exchange.request.complete and not self.write_paused:
            silent_since_ns = now_ns  # it is the target's turn, and its connection has a timer too
        due_ns = silent_since_ns + self.node.idle_timeout_ns
        if now_ns < due_ns:
            self._timer = self.node.context.call_at(due_ns, self._check_idle)
        elif exchange is not None:
            JOURNEY.set(exchange.journey)
            exchange.fail(408)
        elif self._reader.mid_head:
            self._reader.give_up(408)
            self._advance()
        else:
            self._closing = True
            self._transport.close()
