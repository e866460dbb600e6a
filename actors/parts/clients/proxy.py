"""The proxy's port: SOCKS5, HTTP CONNECT and plain `http://` requests, told apart by how they begin.

A tunnel carries the program's own bytes: with TLS in it they end at whoever the emulated Internet has at that address.
Names are resolved by the laptop, in the emulated world only; nobody gets from here to the real Internet.
"""

import asyncio
import re
from abc import ABC, abstractmethod
from typing import Any

from actors.element import Journey
from actors.parts.browser import Stopwatch
from actors.parts.clients.dialing import NoConnection
from actors.parts.clients.head import link_field, program_of, refusal
from actors.parts.clients.lobby import Lobby
from actors.parts.clients.relay import End
from actors.parts.clients.visitor import Visitor
from actors.protocols.socks5 import Refused, Reply, SocksServer, Wanted, reply
from actors.wire.addresses import ip_bytes

CONNECT = b"CONNECT "
_USER_AGENT = re.compile(rb"(?i)\r\nuser-agent:[ \t]*([^\r\n]+)")
MAX_CONNECT_HEAD = 16 * 1024
PATIENCE_S = 30.0
"""How long a program may take to say what it wants."""


class ProxyGuest(asyncio.Protocol):
    """A connection to the proxy's port, until it is known what it wants; then another protocol has it."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._socks: SocksServer | None = None
        self._head = b""
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self.active_ns = lobby.context.now_ns()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._lobby.enter(self):
            transport.abort()  # which protocol it speaks is not known yet, so there are no words
            return
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_timer()
        self._lobby.leave(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def idle(self) -> bool:
        return True

    def cut(self) -> None:
        self._transport.abort()

    # ---- what it speaks ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.active_ns = self._lobby.context.now_ns()
        if self._socks is None and not self._head and data[0] in (4, 5):
            self._socks = SocksServer()
        if self._socks is not None:
            self._speak_socks(self._socks, data)
            return
        self._head += data
        if CONNECT.startswith(self._head[: len(CONNECT)]):
            self._speak_connect()
        else:
            visitor = Visitor(self._lobby, proxy=True)
            self._stop_timer()
            self._lobby.leave(self)
            self._transport.set_protocol(visitor)
            visitor.connection_made(self._transport)
            visitor.data_received(self._head)

    def _speak_socks(self, socks: SocksServer, data: bytes) -> None:
        answer, outcome = socks.feed(data)
        if answer:
            self._transport.write(answer)
        if isinstance(outcome, Refused):
            self._transport.write(outcome.answer)
            self._transport.close()
        elif isinstance(outcome, Wanted):
            self._tunnel(SocksTunnel(self._lobby, outcome), socks.buffer)

    def _speak_connect(self) -> None:
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(head) > MAX_CONNECT_HEAD:
                self._refuse("the head of this CONNECT is longer than 16 KB")
            return
        try:
            wanted = _connect_target(head)
        except ValueError as error:
            self._refuse(str(error))
            return
        agent = _USER_AGENT.search(head)
        program = None if agent is None else program_of(agent[1])
        self._tunnel(ConnectTunnel(self._lobby, wanted, program), rest)

    def _refuse(self, words: str) -> None:
        self._transport.write(refusal(400, "Bad Request", f"{words}\n", keep=False, head_only=False))
        self._transport.close()

    def _tunnel(self, tunnel: "Tunnel", early: bytes) -> None:
        self._stop_timer()
        self._lobby.swap(self, tunnel)
        self._transport.set_protocol(tunnel)
        tunnel.connection_made(self._transport)
        tunnel.early(early)
        tunnel.begin()


def _connect_target(head: bytes) -> Wanted:
    """Of `CONNECT host:port HTTP/1.1` (RFC 9110 section 9.3.6). Raises ValueError."""
    words = head.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise ValueError("a request line is CONNECT HOST:PORT HTTP/1.1")
    host, _, port = words[1].decode("latin-1").rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise ValueError(f"{words[1].decode('latin-1')!r} is not HOST:PORT")
    if host.startswith("["):
        raise ValueError(f"{host} is an IPv6 address, and this Internet has IPv4 only")
    return Wanted(host, int(port))


class Tunnel(End, ABC):
    """The program's end of a tunnel. What it is told at the beginning depends on how it asked."""

    def __init__(self, lobby: Lobby, wanted: Wanted, program: str | None = None) -> None:
        super().__init__()
        self._program = program
        self.active_ns = lobby.context.now_ns()
        self.journey = lobby.ids.journey()
        self._lobby, self._wanted = lobby, wanted
        self._watch = Stopwatch(lobby.context)
        self._task: asyncio.Task[None] | None = None

    def idle(self) -> bool:
        return False

    def cut(self) -> None:
        self.transport.abort()

    def break_off(self) -> None:
        self._lobby.context.reset(self.transport)

    def begin(self) -> None:
        """Open the other end."""
        with Journey(self.journey):
            self._task = self._lobby.context.spawn(self._open(), "proxy connect")

    async def _open(self) -> None:
        wanted, context = self._wanted, self._lobby.context
        where = f"{wanted.host}:{wanted.port}"
        context.record("journey.start", url=where, method="CONNECT", via="proxy", program=self._program)
        far = End()
        try:
            out = await self._lobby.dialler.dial(lambda: far, wanted.host, wanted.port, self._watch)
        except NoConnection as error:
            self._watch.stop()
            context.record("journey.failed", error=str(error), phase=self._watch.phase)
            self.refused(error)
            self.transport.close()
            return
        if self._lost:
            out.abort()
            return
        self._lobby.told.tunnels.value += 1
        self.granted(out)
        self.join(far)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._lobby.leave(self)
        if self._task is not None and not self._task.done():
            self._task.cancel()
        if self.other is not None:
            self._tell_end()

    def _tell_end(self) -> None:
        assert self.other is not None
        self._watch.stop()
        self._lobby.context.record(
            "journey.end",
            journey=self.journey,
            total_ms=self._watch.total_ms,
            phases=self._watch.phases_ms,
            body_bytes=self.other.bytes_in,
        )

    @abstractmethod
    def granted(self, out: asyncio.Transport) -> None:
        """Tell the program that the connection is there."""

    @abstractmethod
    def refused(self, error: NoConnection) -> None:
        """Tell the program why it is not."""


class SocksTunnel(Tunnel):
    """As SOCKS5 has it."""

    def granted(self, out: asyncio.Transport) -> None:
        address, port = out.get_extra_info("sockname")
        self.transport.write(reply(Reply.SUCCEEDED, ip_bytes(address), port))

    def refused(self, error: NoConnection) -> None:
        self.transport.write(reply(error.failure.reply))


class ConnectTunnel(Tunnel):
    """As HTTP has it."""

    def granted(self, out: asyncio.Transport) -> None:
        self.transport.write(b"HTTP/1.1 200 Connection Established\r\n%b\r\n" % self._link())

    def refused(self, error: NoConnection) -> None:
        reason = {403: "Forbidden", 502: "Bad Gateway", 504: "Gateway Timeout"}[error.failure.status]
        words = f"No connection to {self._wanted.host}:{self._wanted.port}: {error}.\n"
        if self.journey is not None:
            words += f"journey {self.journey}: `journey explain request {self.journey}` tells it hop by hop\n"
        status = error.failure.status
        self.transport.write(refusal(status, reason, words, keep=False, head_only=False, ours=self._link()))

    def _link(self) -> bytes:
        return b"" if self.journey is None else link_field(self._lobby.page, self.journey)
