"""When a protocol is asked to pause writing, and when it may go on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.stack.tcp_transport import TcpTransport

HIGH_WATER_BYTES = 64 * 1024
"""asyncio's default: with more than this unsent, the protocol is asked to pause writing."""


class WaterMarks:
    """Above `high` unsent bytes a transport's protocol pauses, down at `low` it goes on."""

    __slots__ = ("_transport", "high", "low", "paused")

    def __init__(self, transport: "TcpTransport") -> None:
        self._transport = transport
        self.high, self.low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self.paused = False

    def set(self, high: int | None, low: int | None) -> None:
        """As asyncio has it: either follows from the other. Raises ValueError unless high >= low >= 0."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high, self.low = high, low
        self.look()

    def look(self) -> None:
        """Ask for a pause if there is too much by now."""
        connection = self._transport.connection
        if not self.paused and connection.unsent_bytes() > self.high:
            self.paused = True
            connection.room_below_bytes = self.low
            application = self._transport.application
            application.call(application.protocol.pause_writing)

    def on_room(self) -> None:
        """The connection is down at the low mark."""
        self.paused = False
        self._transport.connection.room_below_bytes = -1
        application = self._transport.application
        application.call(application.protocol.resume_writing)
