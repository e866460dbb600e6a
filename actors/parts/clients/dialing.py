"""From a name to a connection over the emulated Internet, on behalf of a real program; or to why there is none."""

import asyncio
import errno
import ssl
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from actors.element import Context
from actors.parts.browser import CONNECT_TIMEOUT_S, Stopwatch
from actors.parts.names import NameNotResolved, addresses
from actors.protocols.dns.answer import Resolve
from actors.protocols.icmp import TimeToLiveExceeded
from actors.protocols.socks5 import Reply
from actors.stack import Stack
from actors.stack.secure import HandshakeTimeout, TlsConnection
from actors.wire.malformed import Malformed

HANDSHAKE_TIMEOUT_S = 10.0


class Failure(StrEnum):
    """Why there is no connection: `status` is what a gateway answers, `reply` what a SOCKS server does."""

    status: int
    reply: Reply

    def __new__(cls, word: str, status: int, reply: Reply) -> "Failure":
        failure = str.__new__(cls, word)
        failure._value_ = word
        failure.status = status
        failure.reply = reply
        return failure

    NETWORK_DOWN = "network down", 502, Reply.NETWORK_UNREACHABLE
    NAME = "name not resolved", 502, Reply.HOST_UNREACHABLE
    NOT_ALLOWED = "not allowed", 403, Reply.NOT_ALLOWED
    UNREACHABLE = "unreachable", 502, Reply.HOST_UNREACHABLE
    NETWORK = "network unreachable", 502, Reply.NETWORK_UNREACHABLE
    REFUSED = "connection refused", 502, Reply.CONNECTION_REFUSED
    TTL = "time to live exceeded", 502, Reply.TTL_EXPIRED
    TIMEOUT = "timeout", 504, Reply.TTL_EXPIRED
    RESET = "connection reset", 502, Reply.GENERAL_FAILURE
    TLS = "TLS failed", 502, Reply.GENERAL_FAILURE
    TLS_TIMEOUT = "TLS timeout", 504, Reply.GENERAL_FAILURE


class NoConnection(Exception):
    """There is none; `failure` says of which kind, the text what happened."""

    def __init__(self, failure: Failure, words: str) -> None:
        super().__init__(words)
        self.failure = failure


class Laptop(Protocol):
    """What is asked of the laptop."""

    context: Context
    stack: Stack

    @property
    def tls(self) -> ssl.SSLContext: ...

    async def online(self) -> bool: ...

    def record_lease(self) -> None: ...


class Dialler:
    """Opens connections for those who have walked in."""

    def __init__(self, laptop: Laptop, resolve: Resolve) -> None:
        self._laptop = laptop
        self._context, self._stack, self._resolve = laptop.context, laptop.stack, resolve

    @cached_property
    def tls(self) -> ssl.SSLContext:
        return self._laptop.tls

    async def known(self, host: str) -> bool:
        """Whether the world has an address for this name; an address is one. False while the network is down."""
        if not await self._laptop.online():
            return False
        try:
            return bool(await addresses(self._resolve, host))
        except (NameNotResolved, Malformed, ValueError):
            return False

    async def dial(
        self, make_protocol: Any, host: str, port: int, watch: Stopwatch, *, secure: bool = False
    ) -> asyncio.Transport:
        """A connection to the first address of a host that takes one; with `secure`, and TLS on it.

        The stopwatch is in phase `first_byte` then. Raises `NoConnection`."""
        if not 0 < port < 65_536:
            raise NoConnection(Failure.NOT_ALLOWED, f"{port} is no port")
        if not await self._laptop.online():
            raise NoConnection(
                Failure.NETWORK_DOWN,
                "the laptop is not on the network: no DHCP server has given it an address",
            )
        self._laptop.record_lease()
        found = await self._addresses(host)
        watch.enter("tcp")
        tcp = await self._connect(found, port)
        application = make_protocol()
        transport = tcp
        if secure:
            watch.enter("tls")
            transport = await self._secure(tcp, application, host)
        else:
            tcp.set_protocol(application)
            application.connection_made(tcp)
        watch.enter("first_byte")
        return transport

    async def _addresses(self, host: str) -> list[str]:
        try:
            found = await addresses(self._resolve, host)
        except NameNotResolved as error:
            raise NoConnection(Failure.NAME, str(error)) from None
        except (Malformed, ValueError) as error:
            raise NoConnection(Failure.NAME, f"{host!r} is not a name: {error}") from None
        allowed = [address for address in found if not _is_nowhere(address)]
        if not allowed:
            raise NoConnection(Failure.NOT_ALLOWED, f"{found[0]} is no address of the emulated Internet")
        return allowed

    async def _connect(self, hosts: list[str], port: int) -> asyncio.Transport:
        failed = NoConnection(Failure.NAME, "no address")
        for host in hosts:
            try:
                transport, _ = await self._stack.create_connection(
                    asyncio.Protocol, host, port, timeout_s=CONNECT_TIMEOUT_S
                )
                return transport
            except OSError as error:
                failed = _why(error, f"{host}:{port}")
        raise failed

    async def _secure(self, tcp: asyncio.Transport, application: Any, host: str) -> asyncio.Transport:
        context, began_ns = self._context, self._context.now_ns()
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        layer = TlsConnection(application, self.tls, server_hostname=host, ready=ready)
        tcp.set_protocol(layer)
        layer.connection_made(tcp)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                transport: asyncio.Transport = await ready
        except (TimeoutError, HandshakeTimeout):
            tcp.abort()
            words = f"{host} has not agreed on TLS within {HANDSHAKE_TIMEOUT_S:g} s"
            raise NoConnection(Failure.TLS_TIMEOUT, words) from None
        except ssl.SSLCertVerificationError as error:
            words = f"the certificate of {host} is not good: {error.verify_message}"
            raise NoConnection(Failure.TLS, words) from None
        except ssl.SSLError as error:
            raise NoConnection(Failure.TLS, f"TLS with {host}: {error.reason or error}") from None
        except OSError as error:
            raise NoConnection(Failure.TLS, f"TLS with {host}: {error.strerror or error}") from None
        except BaseException:
            tcp.abort()
            raise
        if context.recording():
            self._record_tls(transport, host, (context.now_ns() - began_ns) / 1e6)
        return transport

    def _record_tls(self, transport: asyncio.Transport, host: str, handshake_ms: float) -> None:
        certificate = transport.get_extra_info("peercert")
        fields = dict(pair for relative in certificate["issuer"] for pair in relative)
        self._context.record(
            "tls.established",
            role="client",
            version=transport.get_extra_info("ssl_object").version(),
            cipher=transport.get_extra_info("cipher")[0],
            server_name=host,
            handshake_ms=handshake_ms,
            certificate=f"issued by {fields.get('commonName', 'nobody')}",
        )


def _why(error: OSError, where: str) -> NoConnection:
    if isinstance(error, TimeoutError):
        return NoConnection(Failure.TIMEOUT, f"{where} does not answer within {CONNECT_TIMEOUT_S:g} s")
    if isinstance(error, TimeToLiveExceeded):
        failure = Failure.TTL
    elif isinstance(error, ConnectionRefusedError):
        failure = Failure.REFUSED
    elif isinstance(error, ConnectionResetError):
        failure = Failure.RESET
    elif error.errno == errno.ENETUNREACH:
        failure = Failure.NETWORK
    elif error.errno in (errno.EACCES, errno.EPERM):
        failure = Failure.NOT_ALLOWED
    else:
        failure = Failure.UNREACHABLE
    return NoConnection(failure, f"{where}: {error.strerror or error}")


def _is_nowhere(address: str) -> bool:
    """This host, loopback, groups and broadcast: no site has such an address (RFC 6890)."""
    first = int(address.partition(".")[0])
    return first in (0, 127) or first >= 224
