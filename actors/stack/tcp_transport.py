"""An emulated connection as asyncio knows connections: everything written for `asyncio.Transport` runs on it.

tcp_transport.py    what the application calls
tcp_application.py  what it hears
tcp_water_marks.py  when it is to pause writing
tcp_ending.py       how the two part
tcp_host.py         what the `Connection` asks of its surroundings
tcp_trace.py        what is counted, recorded and shown of it
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY
from actors.protocols.tcp import Connection, State
from actors.stack.tcp_application import Application
from actors.stack.tcp_ending import MAY_WRITE, Ending
from actors.stack.tcp_trace import Address, TcpTrace, address_text, tcp_info
from actors.stack.tcp_water_marks import WaterMarks
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.stack.tcp import TcpLayer
    from actors.stack.tcp_server import TcpServer


class TcpTransport(asyncio.Transport):
    """What an application holds of a `Connection`.

    What a server accepted it closes as web servers do, lingering (see `linger`); asyncio leaves that to applications.

    `journey` is the connection's current journey: of the last write on a connection that we opened, of the last
    SYN or data received on one that we accepted. Its segments carry it, retransmissions included."""

    __slots__ = (
        "_loop", "_now_ns", "_reading", "_resuming", "application", "connection", "ending", "journey", "key", "local",
        "marks", "remote", "server", "trace",
    )  # fmt: skip

    _start_tls_compatible = True

    connection: Connection

    def __init__(self, layer: "TcpLayer", local: Address, remote: Address) -> None:
        super().__init__()
        self.key = remote[0] + local[0] + remote[1].to_bytes(2) + local[1].to_bytes(2)
        self.local, self.remote = local, remote
        self.journey: str | None = None
        self.server: TcpServer | None = None
        self.application = Application(self)
        self.ending = Ending(self, layer.context)
        self.marks = WaterMarks(self)
        self.trace = TcpTrace(layer, self)
        self._loop = asyncio.get_running_loop()
        self._now_ns = layer.context.now_ns
        self._reading, self._resuming = True, False

    def __repr__(self) -> str:
        ends = f"{address_text(self.local)} > {address_text(self.remote)}"
        return f"<TcpTransport {ends} {self.connection.state.name}>"

    # ---- the beginning -------------------------------------------------------------------------------------

    def open(self, protocol: asyncio.BaseProtocol, established: "asyncio.Future[None]") -> None:
        """Connect; the future gets the end of it, and `connection_made` comes before that."""
        self.application.established = established
        self.application.set_protocol(protocol)
        self.journey = JOURNEY.get()
        self.trace.connecting()
        self.connection.connect(self._now_ns())

    def accept(self, protocol: asyncio.BaseProtocol) -> None:
        """An application takes the connection from the accept queue."""
        self.server = None
        self.application.set_protocol(protocol)
        token = JOURNEY.set(self.journey)
        try:
            protocol.connection_made(self)
        finally:
            JOURNEY.reset(token)
        self._resume()

    # ---- what it is ----------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "journey":
                return self.journey
            case "peername":
                return (ip_text(self.remote[0]), self.remote[1])
            case "sockname":
                return (ip_text(self.local[0]), self.local[1])
            case "tcp_info":
                return tcp_info(self.connection)
        return default

    def inspect(self) -> dict[str, Any]:
        ends = {"local": address_text(self.local), "remote": address_text(self.remote)}
        return {**ends, **tcp_info(self.connection)}

    def set_protocol(self, protocol: Any) -> None:
        self.application.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self.application.protocol
        return protocol

    def set_keepalive(self, wanted: bool) -> None:
        """SO_KEEPALIVE: ask a peer that has long been silent whether it is there (`tcp_keepalive_time`)."""
        self.connection.keep_alive(wanted, self._now_ns())

    # ---- reading -------------------------------------------------------------------------------------------

    def is_reading(self) -> bool:
        return self._reading and not self.ending.begun

    def pause_reading(self) -> None:
        if self.is_reading():
            self._reading = False
            self.connection.pause_reading()

    def resume_reading(self) -> None:
        if self.ending.begun or self._reading:
            return
        self._reading = True
        if not self._resuming:
            self._resuming = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._resuming = False
        if self.is_reading():
            token = JOURNEY.set(self.journey)  # not whoever's turn it was when reading was allowed again
            self.connection.resume_reading(self._now_ns())
            JOURNEY.reset(token)

    # ---- writing -------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        connection = self.connection
        closing = self.ending.begun
        if closing or connection.state not in MAY_WRITE:
            if connection.state is not State.CLOSED and not closing:
                raise RuntimeError("Cannot call write() after write_eof()")
            return
        if not data:
            return
        if not connection.passive:
            self.journey = JOURNEY.get()
        elif self.journey is not None and JOURNEY.get() == self.journey:
            self.journey = JOURNEY.get()  # the same, but it may carry what is to be told on the way back
        connection.send(data, self._now_ns())
        if len(connection.send_buffer.data) > self.marks.high:
            self.marks.look()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self.ending.begun and self.connection.state in MAY_WRITE:
            self.connection.shut_writing(self._now_ns())

    def get_write_buffer_size(self) -> int:
        """What was written and never sent; what is in flight lies in the kernel's buffer, so to speak."""
        return self.connection.unsent_bytes()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return (self.marks.low, self.marks.high)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.marks.set(high, low)

    # ---- the end -------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self.ending.begun

    def close(self) -> None:
        if self.connection.passive:
            self.linger()
        elif not self.ending.begun:
            self.ending.close()

    def linger(self) -> None:
        """Close, but take what the peer still sends, and throw it away (see `Ending.linger`)."""
        if not self.ending.begun:
            self.ending.linger()

    def abort(self) -> None:
        self.ending.force(None)

    def _force_close(self, error: BaseException | None) -> None:
        """As asyncio's own transports have it; its SSLProtocol calls this."""
        self.ending.force(error)
