"""What an application hears of its connection: the end of its `create_connection`, and its protocol's callbacks."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.stack.buffered import receiver_of

if TYPE_CHECKING:
    from actors.stack.tcp_transport import TcpTransport


class Application:
    """The other side of a `TcpTransport`. A callback that fails ends the connection, not us."""

    __slots__ = ("_loop", "_lost", "_transport", "deliver", "established", "protocol")

    def __init__(self, transport: "TcpTransport") -> None:
        self.established: asyncio.Future[None] | None = None
        """What whoever connects waits for; None on a connection that we accepted."""
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._lost = False
        self.set_protocol(asyncio.Protocol())

    def set_protocol(self, protocol: Any) -> None:
        self.protocol: Any = protocol
        self.deliver = receiver_of(protocol)

    def discard(self) -> None:
        """It has closed: what still comes is thrown away."""
        self.deliver = _discard

    def connected(self) -> None:
        """The handshake of a connection that it opened is over."""
        if self.established is None:
            return
        if not self.established.done():
            # first: a protocol that closes at once was connected all the same
            self.established.set_result(None)
        self.call(self.protocol.connection_made, self._transport)

    def keeps_open(self) -> bool:
        """The peer's stream has ended: whether the application wants to go on writing."""
        try:
            return bool(self.protocol.eof_received())
        except Exception as error:
            self.fail(error)
            return True  # there is nothing left to close

    def lose(self, error: BaseException | None) -> None:
        """Its part is over: tell it, once, when it is not in the middle of something."""
        if self._lost:
            return
        self._lost = True
        if self.established is not None and not self.established.done():
            self.established.set_exception(error or ConnectionAbortedError("aborted while connecting"))
            return
        self._loop.call_soon(self._connection_lost, error)

    def _connection_lost(self, error: BaseException | None) -> None:
        protocol = self.protocol
        self.set_protocol(asyncio.Protocol())
        protocol.connection_lost(error)

    def call(self, callback: Callable[..., object], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """A callback raised this: report it as asyncio does, and end the connection."""
        message = "a protocol's callback failed"
        transport = self._transport
        self._loop.call_exception_handler(
            {"message": message, "exception": error, "transport": transport, "protocol": self.protocol}
        )
        transport.ending.force(error)


def _discard(data: bytes) -> None:
    """What comes after the end."""
