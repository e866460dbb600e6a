"""Links between processes: one PULL socket per element for all that comes, one PUSH socket per neighbour.

How this works. A message is a batch of envelopes (`wire/envelope.py`). The sockets are plain ones: the PULL socket's
file descriptor sits in the event loop, a wake-up drains what is there up to a bound, and what was sent meanwhile goes
out as one message per neighbour when the draining ends (or, for sends from coroutines, at the end of the loop's turn).
The descriptor is edge-triggered, so draining goes on until the socket itself says that nothing is left.

A link is lossy like a wire: PUSH sockets queue for completed connections only (IMMEDIATE), so frames for a neighbour
that is gone, or that does not keep up, are dropped and counted; and it finds its way back within milliseconds.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import zmq

from actors.links.port import LinkPort, Way
from actors.wire.envelope import encode_batch, pack

log = logging.getLogger("actors")

FULL = 64
"""Frames that make a batch worth sending at once."""

DRAIN = 64
"""Messages handled in one turn of the event loop, so that timers get theirs."""


def descriptor(socket: "zmq.Socket[bytes]") -> int:
    """The file descriptor that tells of news from a socket."""
    return int(socket.getsockopt(zmq.FD))


class DrainedSocket:
    """A ZeroMQ socket whose messages are handed to a function from the running event loop."""

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        on_message: Callable[[Any], None],
        *,
        multipart: bool = False,
        frames: bool = False,
    ) -> None:
        """`multipart` hands over lists; of `zmq.Frame`s, which know who sent them, with `frames`."""
        self.socket = socket
        self._receive: Callable[[int], Any] = socket.recv_multipart if multipart else socket.recv
        if frames:
            self._receive = partial(socket.recv_multipart, copy=False)
        self._on_message = on_message
        self.after_drain: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor(socket)
        self._loop.add_reader(self._descriptor, self._drain)
        self._again: asyncio.Handle | None = self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        receive, on_message = self._receive, self._on_message
        self._again = None
        dry = False
        try:
            for _ in range(DRAIN):
                on_message(receive(zmq.NOBLOCK))
        except zmq.Again:
            dry = True
        except Exception:  # a pump that dies in silence makes an element deaf
            log.exception("a message was dropped")
        self.after_drain()
        if not dry:
            self.look_again()

    def look_again(self) -> None:
        """Drain once more before the loop sleeps. To be called after sending on this socket, too: the descriptor is
        edge-triggered, and whatever is done with the socket may swallow its news; `Again` alone says there is none."""
        if self._again is None and not self.socket.closed:
            self._again = self._loop.call_soon(self._drain)

    def close(self, linger_ms: int = 0) -> None:
        """Let go of the socket; what waits to be sent has `linger_ms` to leave."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._descriptor)
        self.socket.close(linger=linger_ms)


class Neighbour:
    """What waits to be sent to one other element, and the socket that it leaves by."""

    __slots__ = ("endpoint", "lost", "socket", "waiting")

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self.socket = socket
        self.endpoint = ""
        self.waiting: list[bytes] = []
        self.lost = 0

    def flush(self) -> None:
        waiting = self.waiting
        try:
            self.socket.send(encode_batch(waiting), zmq.NOBLOCK)
        except zmq.Again:
            self.lost += len(waiting)
        self.waiting = []


class ZeroMQCarrier:
    """Carries the frames of one element's ports to its neighbours."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        loop: asyncio.AbstractEventLoop,
        secure: Callable[["zmq.Socket[bytes]", str], None] | None = None,
    ) -> None:
        """`secure` prepares a socket for the endpoint that it is about to connect to."""
        self._context, self._loop = context, loop
        self._secure = secure
        self._neighbours: dict[str, Neighbour] = {}
        self._lost_before = 0
        """At neighbours that have gone."""
        self._pending: list[Neighbour] = []
        self._scheduled = False
        self.draining = False

    def connect(self, element: str, endpoint: str) -> None:
        """Open the way to a neighbour; to another place if it has moved. Where it is may be unknown yet (""): what is
        sent until then is lost, as on a cable that is not plugged in."""
        neighbour = self._neighbours.get(element)
        if neighbour is None:
            neighbour = self._neighbours[element] = Neighbour(self._socket())
        if not endpoint or endpoint == neighbour.endpoint:
            return
        if neighbour.endpoint:
            neighbour.socket.close(linger=0)
            neighbour.socket = self._socket()
        if self._secure is not None:
            self._secure(neighbour.socket, endpoint)
        neighbour.socket.connect(endpoint)
        neighbour.endpoint = endpoint

    def _socket(self) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.PUSH)
        socket.set(zmq.IMMEDIATE, 1)
        socket.set(zmq.RECONNECT_IVL, 10)
        return socket

    def disconnect(self, element: str) -> None:
        """Close the way to a neighbour that will not come back; what waits for it is lost."""
        neighbour = self._neighbours.pop(element, None)
        if neighbour is not None:
            self._pending = [other for other in self._pending if other is not neighbour]
            self._lost_before += neighbour.lost + len(neighbour.waiting)
            neighbour.socket.close(linger=0)

    def away(self) -> list[str]:
        """The neighbours that there is no connection to."""
        return [name for name, one in self._neighbours.items() if not one.socket.poll(0, zmq.POLLOUT)]

    def way(self, port: LinkPort) -> Way:
        """The way from a port to the neighbour at the other end; to be opened by `connect` first."""
        neighbour, link = self._neighbours[port.peer], port.link

        def carry(arrive_ns: int, journey: str | None, frame: bytes) -> None:
            waiting = neighbour.waiting
            if not waiting:
                self._will_flush(neighbour)
            waiting.append(pack((link, arrive_ns, journey, frame)))

        return carry

    def _will_flush(self, neighbour: Neighbour) -> None:
        self._pending.append(neighbour)
        if not self._scheduled and not self.draining:
            self._scheduled = True
            self._loop.call_soon(self._flush_soon)

    def flush(self) -> None:
        """Send what waits: one message per neighbour."""
        for neighbour in self._pending:
            neighbour.flush()
        self._pending.clear()

    def flush_full(self) -> None:
        """Send what waits where it has become a batch worth sending. Without this all that is under way gathers, hop
        by hop, into one great batch that keeps one process busy at a time."""
        if any(len(neighbour.waiting) >= FULL for neighbour in self._pending):
            for neighbour in self._pending:
                if len(neighbour.waiting) >= FULL:
                    neighbour.flush()
            self._pending = [neighbour for neighbour in self._pending if neighbour.waiting]

    def _flush_soon(self) -> None:
        self._scheduled = False
        self.flush()

    def lost(self) -> int:
        """Frames that could not be handed over, to any neighbour."""
        return self._lost_before + sum(neighbour.lost for neighbour in self._neighbours.values())

    def close(self) -> None:
        self.flush()
        for neighbour in self._neighbours.values():
            neighbour.socket.close(linger=0)
