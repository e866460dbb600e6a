"""The bare relay that routers are measured against: drains its socket, unpacks, packs and sends on, and no more.

Run as `python -m orchestrator.bench.relay FROM TO`.
"""

import asyncio
import sys
from typing import Any

import zmq

from actors.links.zeromq import FULL, DrainedSocket
from actors.wire.envelope import decode_batch, encode_batch, pack


class Relay:
    """Passes frames from one socket to another."""

    def __init__(self, source: str, target: str) -> None:
        context: zmq.Context[Any] = zmq.Context()
        self._push = context.socket(zmq.PUSH)
        self._push.connect(target)
        pull = context.socket(zmq.PULL)
        pull.bind(source)
        self._waiting: list[bytes] = []
        line = DrainedSocket(pull, self._take)
        line.after_drain = self._flush

    def _take(self, message: bytes) -> None:
        self._waiting += [
            pack((link, due_ns, journey, frame)) for link, due_ns, journey, frame in decode_batch(message)
        ]
        if len(self._waiting) >= FULL:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._push.send(encode_batch(self._waiting))
            self._waiting = []


async def main() -> None:
    relay = Relay(*sys.argv[1:3])
    await asyncio.Event().wait()
    del relay


if __name__ == "__main__":
    asyncio.run(main())
