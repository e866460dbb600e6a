"""The orchestrator's end of every control line: one ROUTER socket, with keys and callers where it is on tcp."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgpack
import zmq

from actors.links.curve import Keys, keys_for
from actors.links.gatekeeper import Gatekeeper
from actors.links.zeromq import DrainedSocket
from orchestrator.control.callers import Callers


class ControlLine:
    """Takes what elements say (`on_message`: who, and the bytes), and tells them things, those of a turn together."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        address: str,
        keys: Keys | None,
        on_message: Callable[[bytes, bytes], None],
    ) -> None:
        """Raises `NoKeys` for an address that needs some."""
        self.on_lost: Callable[[bytes], None] = lambda identity: None
        self._on_message = on_message
        self._to_send: dict[bytes, list[dict[str, Any]]] = {}
        socket = context.socket(zmq.ROUTER)
        socket.set(zmq.ROUTER_MANDATORY, 0)
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        self._gate: Gatekeeper | None = None
        self._callers: Callers | None = None
        if (known := keys_for(address, keys)) is not None:
            self._gate = Gatekeeper(context, [known.elements])
            known.serve(socket)
            self._callers = Callers(socket)
            self._callers.on_lost = self._lost
        socket.bind(address)
        take = self._take if self._callers is None else self._take_from
        self._line = DrainedSocket(socket, take, multipart=True, frames=self._callers is not None)

    @property
    def is_remote(self) -> bool:
        """Whether elements may be elsewhere: then processes have numbers of their own, and inboxes an address."""
        return self._callers is not None

    def address_of(self, identity: bytes) -> str:
        """The IP address that an element elsewhere calls from."""
        assert self._callers is not None
        return self._callers.address(identity)

    def say(self, identity: bytes, message: dict[str, Any]) -> None:
        """Say something to whoever is at the other end, at the end of this turn of the event loop."""
        if not self._to_send:
            asyncio.get_running_loop().call_soon(self._send_all)
        self._to_send.setdefault(identity, []).append(message)

    def _send_all(self) -> None:
        to_send, self._to_send = self._to_send, {}
        if self._line.socket.closed:
            return
        for identity, messages in to_send.items():
            with contextlib.suppress(zmq.ZMQError):
                self._line.socket.send_multipart([identity, msgpack.packb(messages)], zmq.NOBLOCK)
        self._line.look_again()

    def _take(self, parts: list[bytes]) -> None:
        identity, *rest = parts
        self._on_message(identity, b"".join(rest))

    def _take_from(self, frames: list[zmq.Frame]) -> None:
        assert self._callers is not None
        self._callers.note(bytes(frames[0].bytes), frames[-1])
        self._take([frame.bytes for frame in frames])

    def _lost(self, identity: bytes) -> None:
        self._to_send.pop(identity, None)
        self.on_lost(identity)

    def close(self) -> None:
        if self._callers is not None:
            self._callers.close()
        self._line.close()
        if self._gate is not None:
            self._gate.close()
