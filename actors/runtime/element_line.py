"""An element's end of the control line, and what the element asks of others over it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgpack
import zmq

from actors.links.curve import Keys
from actors.links.zeromq import DrainedSocket
from actors.runtime.open_calls import OpenCalls
from actors.runtime.post import Post

CALL_TIMEOUT_S = 30.0
LAUNCH_TIMEOUT_S = 120.0
"""As long as a kubelet waits for its container runtime (`runtimeRequestTimeout`): hundreds of pods take turns."""
LINGER_MS = 200

ORCHESTRATOR = ""
"""Whom an element calls for what is no element's business: launching others, and sending them signals."""


class ElementLine:
    """The line itself: what is said in one turn of the event loop goes out as one message."""

    def __init__(self, control: str, keys: Keys | None, on_message: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self.context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, LINGER_MS)
        if keys is not None:
            keys.call(self._socket, keys.orchestrator)
        self._socket.connect(control)
        self._drained = DrainedSocket(self._socket, on_message)
        self._outbox: list[dict[str, Any]] = []

    def say(self, message: dict[str, Any]) -> None:
        """Say something to the orchestrator, at the end of this turn."""
        if not self._outbox:
            self._loop.call_soon(self._send)
        self._outbox.append(message)

    def _send(self) -> None:
        if self._outbox and not self._socket.closed:
            with contextlib.suppress(zmq.Again):
                self._socket.send(msgpack.packb(self._outbox), zmq.NOBLOCK)
            self._drained.look_again()
        self._outbox = []

    def close(self) -> None:
        """What has been said still has a moment to leave."""
        self._send()
        self._drained.close(linger_ms=LINGER_MS)
        self.context.term()


class OverTheLine:
    """The management network as an element has it: what it asks of others, and what it has to tell."""

    def __init__(self, line: ElementLine) -> None:
        self._say = line.say
        self.calls = OpenCalls()
        self.post = Post(line.say)

    async def call(
        self, element: str, verb: str, arguments: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """Ask another element; raises `CallFailed`."""
        number = self.calls.open()
        packed = msgpack.packb(arguments)
        self._say({"t": "call", "id": number, "to": element, "verb": verb, "arguments": packed})
        late = f"{element}: no answer to {verb!r} within {timeout_s:g} s"
        return msgpack.unpackb(await self.calls.answer(number, timeout_s, late))

    async def launch(
        self, name: str, kind: str, config: dict[str, Any], port: str, link: dict[str, Any]
    ) -> None:
        """Have an element of ours started; raises `CallFailed`."""
        arguments = {"name": name, "kind": kind, "config": config, "port": port, "link": link}
        await self.call(ORCHESTRATOR, "launch", arguments, LAUNCH_TIMEOUT_S)

    async def signal(self, name: str, number: int) -> None:
        """Send an element of ours a signal; raises `CallFailed`."""
        await self.call(ORCHESTRATOR, "signal", {"name": name, "number": number})

    def publish(self, name: str, url: str) -> None:
        """Tell where this element serves real programs."""
        self._say({"t": "address", "name": name, "url": url})

    def write(self, record: dict[str, Any]) -> None:
        """Post a record to the journal, soon."""
        self.post.write(record)
