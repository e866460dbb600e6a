"""Between a connection and everything around it: the way out, the alarm, the accept queue, the application."""

from typing import TYPE_CHECKING

from actors.element import JOURNEY
from actors.wire import tcp as wire

if TYPE_CHECKING:
    from actors.stack.tcp import TcpLayer
    from actors.stack.tcp_transport import TcpTransport


class TcpHost:
    """The `ConnectionHost` of a transport's connection."""

    __slots__ = ("_application", "_layer", "_send", "_sent", "_transport", "observer")

    def __init__(self, layer: "TcpLayer", transport: "TcpTransport") -> None:
        self.observer = transport.trace
        self._layer = layer
        self._transport = transport
        self._application = transport.application
        self._send = layer.ip.route_to(transport.remote[0], transport.local[0]).send
        self._sent = layer.sent

    def transmit(self, segment: bytes) -> None:
        self._sent.value += 1
        journey = self._transport.journey
        if JOURNEY.get() == journey:
            self._send(segment)
            return
        token = JOURNEY.set(journey)
        self._send(segment)
        JOURNEY.reset(token)

    def wake_at(self, when_ns: int) -> None:
        self._layer.wake_at(self._transport.connection, when_ns)

    def admit(self) -> bool:
        server = self._transport.server
        return server is None or server.complete(self._transport)

    def on_established(self) -> None:
        self.observer.established(self._layer.context.now_ns())
        self._application.connected()

    def on_data(self, data: bytes) -> None:
        try:
            self._application.deliver(data)
        except Exception as error:
            self._application.fail(error)

    def on_end(self) -> None:
        transport = self._transport
        if transport.ending.begun:
            transport.ending.stop_waiting()
        elif not self._application.keeps_open():
            transport.close()

    def on_room(self) -> None:
        self._transport.marks.on_room()

    def on_fin_sent(self) -> None:
        self._transport.ending.fin_sent()

    def on_closed(self, error: OSError | None) -> None:
        transport = self._transport
        transport.ending.stop_waiting()
        self._layer.forget(transport)
        if transport.server is not None:
            transport.server.forget(transport)
        self.observer.closed(error)
        transport.ending.lose(error)

    def on_successor(self, segment: wire.Segment) -> None:
        transport = self._transport
        self._layer.on_unexpected(transport.remote[0], transport.local[0], segment)
