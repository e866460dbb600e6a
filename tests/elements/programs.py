"""A program on this machine that has walked in at a laptop, as far as the laptop can see: the near end of a socket."""

import asyncio
from typing import Any


class Program(asyncio.Transport):
    """What the laptop writes to. `room` is how much the program takes before it stops reading."""

    def __init__(self, protocol: Any, room: int = 1 << 30) -> None:
        super().__init__()
        self.protocol = protocol
        self.heard = b""
        self.waiting = b""
        self.room = room
        self.ended = self.lost = self.was_reset = self.paused = False
        self.gone = self.broken = False
        protocol.connection_made(self)

    # ---- what the program does -----------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        assert not self.lost
        self.protocol.data_received(data)

    def shut(self) -> None:
        """Its last byte has been sent."""
        if not self.protocol.eof_received():
            self.close()

    def vanish(self, error: Exception | None = None) -> None:
        self._lose(error or ConnectionResetError("reset by peer"))

    def take(self, room: int = 1 << 30) -> None:
        """It reads on."""
        self.room = room
        waiting, self.waiting = self.waiting, b""
        self.heard += waiting
        self.protocol.resume_writing()

    # ---- what the laptop does --------------------------------------------------------------------------------

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        if self.lost:
            return
        if len(self.heard) + len(data) > self.room:
            self.waiting += data
            self.protocol.pause_writing()
        else:
            self.heard += data

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.lost

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def close(self) -> None:
        self.ended = True
        self._lose(None)

    def abort(self) -> None:
        self.was_reset = not self.lost
        self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, error)
