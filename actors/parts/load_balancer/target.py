"""The targets' side: connections to one target, kept alive and shared by all clients; nothing is opened ahead of time.

A request takes the connection that was used last, or a new one when none is idle; requests are never sent ahead on
one. A target that closes with a request outstanding costs that request a 502: like AWS, nothing is tried again.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_head import head_for_target
from actors.parts.load_balancer.tls import target_context
from actors.protocols.alb_causes import Cause
from actors.protocols.balancing import Target
from actors.protocols.http1 import BadResponse, ResponseHeadTooLong, ResponseReader
from actors.stack.secure import HandshakeCutShort, HandshakeTimeout
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange

CONNECT_TIMEOUT_S = 10.0
"""For the TCP connection, and again for the TLS handshake."""


class TargetConnection(asyncio.Protocol):
    """One connection to a target, idle or busy with one exchange."""

    def __init__(self, pool: "TargetPool") -> None:
        self.exchange: Exchange | None = None
        self.write_paused = False
        self._pool = pool
        self._node = pool.node
        self._reader = ResponseReader()
        self._transport: Any = None
        self._timer: Any = None
        self._reading_held = False
        self._active_ns = 0

    # ---- one exchange ------------------------------------------------------------------------------------

    def begin(self, exchange: "Exchange") -> None:
        """Send the request, as much of it as has come."""
        self.exchange = exchange
        exchange.connection = self
        exchange.sent_ns = self._active_ns = self._node.context.now_ns()
        self._reader.expect(exchange.request.method, exchange.request.websocket)
        self._transport.write(head_for_target(exchange) + exchange.take_body())
        if exchange.client.write_paused:
            self.hold_reading(True)
        exchange.client.control_reading()

    def send_body(self) -> None:
        """Send what more has come of the request."""
        assert self.exchange is not None
        data = self.exchange.take_body()
        if data:
            self._active_ns = self._node.context.now_ns()
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.drop()  # nobody asked
            return
        self._active_ns = self._node.context.now_ns()
        if exchange.tunnelling:
            exchange.relay(data)
            return
        reader = self._reader
        try:
            reader.feed(data)
        except ResponseHeadTooLong:
            exchange.fail(Cause.RESPONSE_HEADERS_TOO_LONG)
            return
        except BadResponse:
            exchange.fail(Cause.MALFORMED_RESPONSE)
            return
        response = reader.response
        if response is None:
            return
        if response.status == 101:
            exchange.switch(response, reader.rest)
            return
        if response.complete:
            self.exchange = exchange.connection = None
            self._pool.put_back(self, reusable=response.keep_alive and exchange.reusable())
        exchange.pass_on(response)

    # ---- a WebSocket -------------------------------------------------------------------------------------

    def relay(self, data: bytes) -> None:
        """Bytes from the client, as they are."""
        self._active_ns = self._node.context.now_ns()
        self._transport.write(data)

    def leave(self) -> None:
        """The client has closed its end of a WebSocket."""
        self.exchange = None
        self._transport.close()

    # ---- the end of an exchange --------------------------------------------------------------------------

    def drop(self) -> None:
        """Cut the connection; whoever waited for it knows."""
        self.exchange = None
        self._transport.abort()

    def close(self) -> None:
        """Close the connection, which is idle."""
        self._transport.close()

    # ---- the connection ----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._active_ns = self._node.context.now_ns()
        self._timer = self._node.context.call_at(
            self._active_ns + self._node.idle_timeout_ns, self._check_idle
        )
        self._node.target_connections.value += 1
        self._pool.open_connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is None:
            return  # it was never made, and whoever wanted it knows
        self._timer.cancel()
        self._node.target_connections.value -= 1
        self._pool.forget(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        exchange.connection = None
        if error is None and self._reader.end() and self._reader.response is not None:
            exchange.pass_on(self._reader.response)
        else:
            self._pool.target.connection_failed()
            exchange.fail(why_lost(error))

    def is_open(self) -> bool:
        return not self._transport.is_closing()

    # ---- who is faster -----------------------------------------------------------------------------------

    def hold_reading(self, held: bool) -> None:
        """Do not read on while the client does not take what has been read."""
        if held == self._reading_held:
            return
        self._reading_held = held
        if held:
            self._transport.pause_reading()
        else:
            self._active_ns = self._node.context.now_ns()
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._throttle_client(True)

    def resume_writing(self) -> None:
        self._throttle_client(False)

    def _throttle_client(self, paused: bool) -> None:
        self.write_paused = paused
        if self.exchange is not None:
            self.exchange.client.control_reading()

    # ---- silence -----------------------------------------------------------------------------------------

    def _check_idle(self) -> None:
        now_ns = self._node.context.now_ns()
        due_ns = self._active_ns + self._node.idle_timeout_ns
        exchange = self.exchange
        if now_ns < due_ns:
            self._timer = self._node.context.call_at(due_ns, self._check_idle)
        elif exchange is not None:
            JOURNEY.set(exchange.journey)
            begun = self._reader.response is not None
            exchange.fail(Cause.INCOMPLETE_RESPONSE if begun else Cause.RESPONSE_TIMEOUT)
        else:
            self.close()


def why_lost(error: Exception | None) -> Cause:
    """Why a connection is gone that had a request to answer."""
    return Cause.TARGET_CLOSED_CONNECTION if error is None else Cause.TARGET_RESET_CONNECTION


def pool_of(node: Node, target: Target, protocol_version: str, secure: bool) -> "TargetPool":
    """The pool for a target of a group with this protocol version."""
    if protocol_version == "HTTP1":
        return TargetPool(node, target, secure)
    from actors.parts.load_balancer.h2_target import H2TargetPool

    return H2TargetPool(node, target, secure)


def _why_none(error: OSError) -> Cause:
    """Why there is no connection."""
    if isinstance(error, TimeoutError):
        return Cause.CONNECT_TIMEOUT
    if isinstance(error, ConnectionRefusedError | ConnectionResetError):
        return Cause.TARGET_REFUSED_CONNECTION
    return Cause.TARGET_UNREACHABLE


class TargetPool:
    """The connections to one target, and the exchanges that it has been given; with TLS if `secure`."""

    alpn: str | None = None
    """What is offered in the TLS handshake."""

    def __init__(self, node: Node, target: Target, secure: bool = False) -> None:
        self.node = node
        self.open_connections = 0
        self._secure = secure
        self.exchanges: dict[Exchange, None] = {}  # a set in order of arrival
        self.target = target
        self._host = ip_text(target.id.address)
        self._idle: list[TargetConnection] = []
        self._open = True

    def give(self, exchange: "Exchange") -> None:
        """Send an exchange's request to the target."""
        self.exchanges[exchange] = None
        idle = len(self._idle)
        connection = self._take()
        self.tell(exchange, connection is not None, idle)
        if connection is not None:
            connection.begin(exchange)
        else:
            self.node.context.spawn(self._connect(exchange), f"connection to {self.target.text}")

    def tell(self, exchange: "Exchange", reused: bool, idle: int) -> None:
        """Record which connection it is for an exchange whose journey is recorded."""
        if exchange.journey is not None:
            self.node.context.record(
                "alb.connection",
                journey=exchange.journey,
                target=self.target.text,
                reused=reused,
                idle_connections=idle,
            )

    def _take(self) -> TargetConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
        return None

    async def _connect(self, exchange: "Exchange") -> None:
        connection = await self.connect(lambda: TargetConnection(self))
        if isinstance(connection, Cause):
            exchange.fail(connection)
        elif exchange.over:
            self.put_back(connection, reusable=True)
        else:
            connection.begin(exchange)

    async def connect(self, factory: Callable[[], Any]) -> Any:
        """A new connection, or the cause why there is none to be had."""
        tls = target_context(self.node.target_policy) if self._secure else None
        if tls is not None and self.alpn is not None:
            tls.set_alpn_protocols([self.alpn])
        try:
            _, connection = await self.node.stack.create_connection(
                factory, self._host, self.target.id.port, timeout_s=CONNECT_TIMEOUT_S, ssl=tls
            )
        except (ssl.SSLError, HandshakeTimeout, HandshakeCutShort) as error:
            self.node.target_tls_errors.value += 1
            self.target.connection_failed()
            late = isinstance(error, TimeoutError)
            return Cause.TARGET_TLS_TIMEOUT if late else Cause.TARGET_TLS_FAILED
        except OSError as error:
            self.node.target_connection_errors.value += 1
            self.target.connection_failed()
            return _why_none(error)
        self.node.new_connections.value += 1
        return connection

    def put_back(self, connection: TargetConnection, reusable: bool) -> None:
        """The connection is free again."""
        if reusable and self._open:
            connection.hold_reading(False)
            self._idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: TargetConnection) -> None:
        """The connection is gone."""
        self.open_connections -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def drain(self) -> None:
        """No new requests: close what is idle, and what becomes so."""
        self._open = False
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def cut(self) -> None:
        """The node's address is gone, and with it the connections that are idle; what is under way ends by itself."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.drop()

    def reopen(self) -> None:
        """The target has been registered again while it was draining."""
        self._open = True

    def fail_all(self) -> None:
        """The deregistration delay is over: what is still waiting is answered with 502."""
        for exchange in list(self.exchanges):
            exchange.fail(Cause.DEREGISTRATION_DELAY_ELAPSED)
