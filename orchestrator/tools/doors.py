"""Doors to DNS servers for real programs: loopback ports, UDP and TCP, behind each of which an element answers.

How this works. What comes in is handed to the element over the management network, as a query of its own host's; the
element decides what to answer. While it is away nothing is answered, as by a server that has died.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from actors.element import CallFailed, load_kind
from orchestrator.metrics.feed import PortTaken

log = logging.getLogger("orchestrator")

HOST, PORT = "127.0.0.1", 5300
TRIES = 200
MAX_IN_HAND = 200
"""Queries of one door that wait for their answer; beyond these they are dropped, as by a full socket."""
IDLE_S = 10.0
"""Silence that ends a connection."""

Ask = Callable[..., Awaitable[Any]]
"""`await ask(element, "dns", query=..., tcp=...)`."""


def who_answers(elements: Mapping[str, Any]) -> list[str]:
    """The elements of a world that answer DNS queries: a resolver first, then as the file has them."""
    names = [name for name, spec in elements.items() if hasattr(load_kind(spec.kind)[1], "call_dns")]
    return sorted(names, key=lambda name: "recursive" not in elements[name].raw)


class Doors:
    """The doors of one world."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._opened: list[Door] = []

    async def open(self, elements: Iterable[str], address: str | None) -> dict[str, str]:
        """A door for each of the elements; where they are. Raises `PortTaken`.

        The first is at `HOST:PORT` (port 0: any that is free), or at 127.0.0.1:5300 or the next free port if that is
        None; each of the others at the next free port after the one before it."""
        host, _, first = (address or f"{HOST}:{PORT}").rpartition(":")
        host, port, tries = host.strip("[]"), int(first), 1 if address else TRIES
        where = {}
        for element in elements:
            sockets = _pair(host, port, tries)
            self._opened.append(door := Door(element, self._ask))
            await door.open(*sockets)
            where[element] = f"[{host}]:{door.port}" if ":" in host else f"{host}:{door.port}"
            port, tries = door.port + 1, TRIES
        return where

    async def close(self) -> None:
        for door in self._opened:
            await door.close()
        self._opened.clear()


def _pair(host: str, port: int, tries: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket at the same port, the first of so many that is free. Raises `PortTaken`."""
    problem: OSError | None = None
    for each in range(port, min(port + tries, 65_536)) if port else [0] * TRIES:
        try:
            found = _bound(host, each)
        except OSError as error:
            problem = error
            if error.errno != errno.EADDRINUSE:
                break
        else:
            if each != port:
                log.info("port %d is taken: DNS is at %s:%d", port, host, each)
            return found
    what = f"{host}:{port}" if tries == 1 else f"any of the {tries} ports from {host}:{port} on"
    why = problem.strerror if problem is not None else "there is no such port"
    raise PortTaken(
        f"DNS cannot be served at {what}: {why}; --dns HOST:PORT names another place, --dns off none"
    )


def _bound(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as failed:
        streams = failed.enter_context(socket.socket(family, socket.SOCK_STREAM))
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        streams.bind((host, port))
        streams.listen(128)  # two may be bound to one port as long as nobody listens
        datagrams = failed.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        datagrams.bind(streams.getsockname())
        failed.pop_all()
    return datagrams, streams


class Door(asyncio.DatagramProtocol):
    """One port, and the element behind it."""

    def __init__(self, element: str, ask: Ask) -> None:
        self.port = 0
        self._element = element
        self._ask = ask
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, datagrams: socket.socket, streams: socket.socket) -> None:
        """Serve on these two sockets."""
        datagrams.setblocking(False)
        self.port = datagrams.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=datagrams)
        self._server = await asyncio.start_server(self._serve, sock=streams)

    async def close(self) -> None:
        self._transport.close()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, query: bytes, *, tcp: bool) -> bytes | None:
        try:
            answer: bytes | None = await self._ask(self._element, "dns", query=query, tcp=tcp)
        except CallFailed:
            return None
        return answer

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(self._tasks) < MAX_IN_HAND:
            task = asyncio.get_running_loop().create_task(self._answer_datagram(data, addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer_datagram(self, query: bytes, addr: Any) -> None:
        answer = await self._answer(query, tcp=False)
        if answer is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: queries and their answers, in turn."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while len(self._tasks) <= MAX_IN_HAND:
                async with asyncio.timeout(IDLE_S):
                    query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                answer = await self._answer(query, tcp=True)
                if answer is None:
                    break
                writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # the client has gone, or says nothing any more, or the world ends
        finally:
            self._tasks.discard(task)
            writer.close()
