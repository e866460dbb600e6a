"""Stream protocols of a few lines each, to try TCP sockets with."""

import asyncio
from collections.abc import Callable
from typing import Any


class Collector(asyncio.Protocol):
    """Keeps what it is told; `lost` and `ended` are futures."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.data = bytearray()
        self.eof = self.paused = False
        self.lost: asyncio.Future[Exception | None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._more = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._more.set()

    def eof_received(self) -> bool | None:
        self.eof = True
        self.ended.set_result(None)
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)

    def pause_writing(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_writing(self) -> None:
        assert self.paused
        self.paused = False

    async def got(self, size: int) -> bytes:
        """Wait until that many bytes have come."""
        while len(self.data) < size:
            self._more.clear()
            await self._more.wait()
        return bytes(self.data)


class Echo(Collector):
    """Says everything back."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(data)


def collectors() -> tuple[list[Collector], Callable[[], Collector]]:
    """A server's protocols in the order of their connections, and what makes them."""
    made: list[Collector] = []

    def make() -> Collector:
        made.append(Collector())
        return made[-1]

    return made, make
