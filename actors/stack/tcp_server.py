"""A listening socket: what `create_server` returns."""

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.protocols.tcp import Admission, Listener
from actors.stack.secure import TlsConnection
from actors.stack.tcp_transport import TcpTransport
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.stack.tcp import TcpLayer


class TcpServer:
    """Accepts connections for as long as it is open, in the loop's next turn, as asyncio does with real sockets.

    An application that is out of workers calls `pause_accepting`: connections then wait in the accept queue, and
    beyond it the kernel's manners begin (see `protocols.tcp.listener`)."""

    def __init__(
        self,
        layer: "TcpLayer",
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        address: bytes,
        port: int,
        backlog: int,
        context: tls.SSLContext | None,
    ) -> None:
        self.address = address
        self.port = port
        self.listener: Listener[TcpTransport] = Listener(backlog, layer.settings.somaxconn)
        self._layer = layer
        self._loop = asyncio.get_running_loop()
        self._factory = protocol_factory
        self._tls = context
        self._open = True
        self._accepting = True
        self._woken = False
        self._queue_gauge = layer.context.metrics.gauge(
            "journey_tcp_accept_queue_connections", port=str(port)
        )

    # ---- for applications ----------------------------------------------------------------------------------

    def set_tls(self, context: tls.SSLContext | None) -> None:
        """Connections that are accepted from now on get this context; None is no TLS."""
        self._tls = context

    @property
    def accept_queue_length(self) -> int:
        """How many established connections wait to be accepted."""
        return len(self.listener.accept_queue)

    @property
    def backlog(self) -> int:
        return self.listener.backlog

    def pause_accepting(self) -> None:
        self._accepting = False

    def resume_accepting(self) -> None:
        self._accepting = True
        self._wake()

    def close(self) -> None:
        """Stop listening: connections that were not accepted are reset, the others live on."""
        if not self._open:
            return
        self._open = False
        del self._layer.servers[self.address, self.port]
        for transport in [*self.listener.syn_queue, *self.listener.accept_queue]:
            transport.abort()
        self._queue_gauge.value = 0

    async def wait_closed(self) -> None:
        """Closing is done when `close` returns; this is here because asyncio's servers have it."""

    def is_serving(self) -> bool:
        return self._open

    def inspect(self) -> dict[str, Any]:
        listener = self.listener
        return {
            "local": f"{ip_text(self.address)}:{self.port}",
            "syn_queue": len(listener.syn_queue),
            "accept_queue": len(listener.accept_queue),
            "backlog": listener.backlog,
            "overflows": listener.overflows,
            "syn_drops": listener.syn_drops,
        }

    # ---- for the layer and its transports ------------------------------------------------------------------

    def admit_syn(self, source: bytes, source_port: int) -> Admission:
        """Whether this SYN gets a place in the SYN queue; a dropped one is counted and nobody told."""
        listener, context = self.listener, self._layer.context
        admission = listener.admission(self._layer.settings.syncookies)
        if context.recording():
            context.record(
                "tcp.listen_queue",
                remote=f"{ip_text(source)}:{source_port}",
                port=self.port,
                syn_queue=len(listener.syn_queue),
                accept_queue=len(listener.accept_queue),
                backlog=listener.backlog,
                decision=admission.value,
            )
        if admission not in (Admission.QUEUED, Admission.COOKIE):
            self._layer.listen_drops.value += 1
        return admission

    def complete(self, transport: TcpTransport) -> bool:
        """The handshake ends: into the accept queue, if there is room."""
        if not self.listener.complete(transport):
            self._layer.listen_overflows.value += 1
            return False
        self._queue_gauge.value = len(self.listener.accept_queue)
        self._wake()
        return True

    def forget(self, transport: TcpTransport) -> None:
        """The connection ended before it was accepted."""
        self.listener.forget(transport)
        self._queue_gauge.value = len(self.listener.accept_queue)

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._accept)

    def _accept(self) -> None:
        self._woken = False
        while self._accepting and (transport := self.listener.accept()) is not None:
            self._queue_gauge.value = len(self.listener.accept_queue)
            try:
                transport.accept(self._protocol())
            except Exception as error:
                self._report(transport, error)

    def _protocol(self) -> asyncio.BaseProtocol:
        application = self._factory()
        if self._tls is None:
            return application
        return TlsConnection(application, self._tls, server_side=True)

    def _report(self, transport: TcpTransport, error: Exception) -> None:
        transport.abort()
        message = "an accepted connection could not be set up"
        self._loop.call_exception_handler({"message": message, "exception": error, "transport": transport})
