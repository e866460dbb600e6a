"""The client's side of an exchange: what is asked of it, and what all connections of clients have in common.

How this works. A connection to an HTTPS listener is an `Arrival` until its TLS handshake is over; ALPN says then
whether HTTP/1.1 (`client.py`) or HTTP/2 (`h2_client.py`) is spoken on it. An exchange knows neither: it talks to a
`Client`, which is the connection itself in HTTP/1.1, where one request follows the other, and a stream in HTTP/2.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from actors.parts.load_balancer.node import Node
from actors.protocols.alb_log import Origin
from actors.wire.addresses import ip_bytes

if TYPE_CHECKING:
    from actors.parts.load_balancer.answers import Answer
    from actors.parts.load_balancer.exchange import Exchange
    from actors.parts.load_balancer.listener import Listener
    from actors.protocols.http1 import Response


class Client(Protocol):
    """Who has sent a request and gets its answer."""

    listener: "Listener"
    node: Node
    peer: str
    source: bytes
    """The client's address, for rules."""
    forwarded_as: bytes
    """The client as X-Forwarded-For has it."""
    origin: Origin
    tls_lines: bytes
    """X-Amzn-Tls-Version and -Cipher-Suite."""
    write_paused: bool
    """Whether the client does not take what it has been sent."""

    def answer(self, exchange: "Exchange", answer: "Answer") -> int:
        """Send an answer of the load balancer's own; returns its size in bytes."""
        ...

    def pass_on(self, exchange: "Exchange", response: "Response", opening: bool) -> int:
        """Send what has come of a target's response, with its head when it is the first; returns how many bytes."""
        ...

    def send_continue(self) -> None:
        """Tell the client to go on with its request."""
        ...

    def send(self, data: bytes) -> None:
        """Send the bytes of a WebSocket."""
        ...

    def tunnel(self) -> bytes:
        """From now on what the client sends is a WebSocket's; returns what has come of it already."""
        ...

    def break_off(self) -> None:
        """What has been begun cannot be ended properly."""
        ...

    def control_reading(self) -> None:
        """Read from the client only while what it sends can be put somewhere."""
        ...

    def exchange_over(self, exchange: "Exchange") -> None:
        """The exchange has been answered, or given up."""
        ...


class ClientSide(asyncio.Protocol, ABC):
    """A client's connection, whatever is spoken on it."""

    def __init__(self, listener: "Listener", accepted_ns: int) -> None:
        self.listener = listener
        self.node = listener.node
        self.write_paused = False
        self.peer = "-"
        self.source = b""
        self.forwarded_as = b""
        self.tls_lines = b""
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
        self._transport: Any = None
        self._closing = False
        self._timer: Any = None
        self._accepted_ns = self._active_ns = self._expires_ns = accepted_ns

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
        self.tls_lines = (
            f"{self.listener.headers.tls_version}: {self.origin.ssl_protocol}\r\n"
            f"{self.listener.headers.tls_cipher_suite}: {self.origin.ssl_cipher}\r\n"
        ).encode()
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

    def eof_received(self) -> None:
        """A client that closes its half has gone, as far as an ALB is concerned."""

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._timer.cancel()
        self.node.client_connections.value -= 1
        del self.listener.connections[self]

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        self._transport.abort()

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._transport.close()

    @abstractmethod
    def retire(self) -> None:
        """The listener is going: answer what is being answered, then close."""

    @abstractmethod
    def _check_idle(self) -> None:
        """One timer per connection: it looks how long the silence is, and comes back when it may be long enough."""


class Arrival(asyncio.Protocol):
    """A connection to an HTTPS listener whose handshake is not over."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._failed = False
        self._accepted_ns = listener.node.context.now_ns()

    def connection_made(self, transport: Any) -> None:
        tls = transport.get_extra_info("ssl_object")
        connection: ClientSide
        if tls.selected_alpn_protocol() == "h2":
            from actors.parts.load_balancer.h2_client import H2Client

            connection = H2Client(self._listener, self._accepted_ns)
        else:
            from actors.parts.load_balancer.client import ClientConnection

            connection = ClientConnection(self._listener, self._accepted_ns)
        transport.set_protocol(connection)
        connection.connection_made(transport)

    def handshake_failed(self, error: BaseException) -> None:
        """The client and the listener have found no common ground, or the client went away."""
        if not self._failed:
            self._failed = True
            self._listener.node.client_tls_errors.value += 1
