"""How a protocol is given what comes: at once, or into a buffer of its own (`asyncio.BufferedProtocol`)."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any


def receiver_of(protocol: Any) -> Callable[[bytes], None]:
    """What takes data for the protocol."""
    if isinstance(protocol, asyncio.BufferedProtocol):
        return partial(_fill_buffer, protocol)
    receiver: Callable[[bytes], None] = protocol.data_received
    return receiver


def _fill_buffer(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """In as many pieces as there is room for."""
    view = memoryview(data)
    while view:
        buffer: Any = protocol.get_buffer(len(view))
        count = min(len(buffer), len(view))
        if not count:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:count] = view[:count]
        protocol.buffer_updated(count)
        view = view[count:]
