"""Two connections joined: what one end says the other hears, as fast as it takes it, and ends when it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

MOST_EARLY_BYTES = 64 * 1024


class End(asyncio.Protocol):
    """One of two ends. What comes before the other is there is kept, up to a limit beyond which nothing is read.

    A half that is closed closes the same half at the other end; a connection that breaks off breaks off the other."""

    def __init__(self, over: Callable[[], None] | None = None) -> None:
        """`over` is called once, when this end is lost."""
        self.transport: Any = None
        self.other: End | None = None
        self.bytes_in = 0
        self._over = over
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._ended = self._lost = False

    def join(self, other: "End") -> None:
        """From now on, both are there."""
        self.other, other.other = other, self
        for end in (self, other):
            end._hand_over()

    def _hand_over(self) -> None:
        assert self.other is not None
        if self._early:
            self.other.transport.writelines(self._early)
            self._early = []
        if self._lost:
            self.other.break_off()
        elif self._ended:
            self._end_other()
        else:
            self.transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self.other is None:
            self._early.append(data)
            self._early_bytes += len(data)
            if self._early_bytes > MOST_EARLY_BYTES:
                self.transport.pause_reading()
        else:
            self.other.transport.write(data)

    def early(self, data: bytes) -> None:
        """Something that had come before this end was one."""
        if data:
            self.data_received(data)

    def break_off(self) -> None:
        """End this connection as one that has failed."""
        self.transport.abort()

    def eof_received(self) -> bool:
        self._ended = True
        if self.other is not None:
            self._end_other()
        return True

    def _end_other(self) -> None:
        assert self.other is not None
        if self.other._ended or not self.other.transport.can_write_eof():
            self.other.transport.close()
            self.transport.close()
        else:
            self.other.transport.write_eof()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other._ended:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        if self.other is not None and not self.other._lost:
            if error is None and (self._ended or self.other._ended):
                self.other.transport.close()
            else:
                self.other.break_off()
        if self._over is not None:
            self._over()
