"""One HTTPS request on a connection of its own, of whose answer head and body matter: a load balancer asks its
identity provider."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from actors.protocols.http1 import BadResponse, ResponseReader


class Sockets(Protocol):
    """What is asked of the host's stack."""

    async def create_connection(
        self,
        protocol_factory: Any,
        host: str,
        port: int,
        *,
        timeout_s: float,
        ssl: Any = None,
        server_hostname: str | None = None,
    ) -> tuple[Any, Any]: ...


Resolve = Callable[[str], Awaitable[list[str]]]
"""Addresses of a name; none for one that does not resolve."""


class Unreachable(Exception):
    """No answer: the name does not resolve, nobody listens, TLS fails, or the peer talks nonsense."""


class Answer(NamedTuple):
    status: int
    body: bytes


class HttpsClient:
    """Asks servers whose certificates the given context trusts."""

    def __init__(self, stack: Sockets, tls: ssl.SSLContext, resolve: Resolve) -> None:
        self._stack, self._tls, self._resolve = stack, tls, resolve

    async def ask(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout_s: float,
        most_bytes: int,
    ) -> Answer:
        """Send a request to an `https://` URL. Of a longer body `most_bytes` and one more are read.

        Raises `Unreachable`, and TimeoutError when there is no whole answer by then."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        head = _head(method, parts.netloc, parts.path or "/", parts.query, fields or {}, len(body))
        async with asyncio.timeout(timeout_s):
            addresses = await self._resolve(host)
            if not addresses:
                raise Unreachable(f"{host} does not resolve")
            try:
                transport, exchange = await self._stack.create_connection(
                    lambda: _Exchange(method.encode(), head + body, most_bytes),
                    addresses[0],
                    port,
                    timeout_s=timeout_s,
                    ssl=self._tls,
                    server_hostname=host,
                )
            except ssl.SSLError as error:
                raise Unreachable(f"TLS with {host}: {error.reason or error}") from None
            except TimeoutError:
                raise
            except OSError as error:
                raise Unreachable(f"{host}:{port}: {error.strerror or error}") from None
            try:
                answer: Answer = await exchange.answer
                return answer
            except (BadResponse, EOFError, OSError) as error:
                raise Unreachable(f"{host} gave no whole answer: {error}") from None
            finally:
                transport.abort()


def _head(method: str, netloc: str, path: str, query: str, fields: Mapping[str, str], length: int) -> bytes:
    lines = [
        f"{method} {path}{'?' if query else ''}{query} HTTP/1.1",
        f"Host: {netloc}",
        "Connection: close",
        "Accept: application/json",
        *(f"{name}: {value}" for name, value in fields.items()),
        *([f"Content-Length: {length}"] if length else []),
    ]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


class _Exchange(asyncio.Protocol):
    """The request and its answer."""

    def __init__(self, method: bytes, request: bytes, most_bytes: int) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        # One whose time is over is nobody's any more.
        self.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._method, self._request, self._most_bytes = method, request, most_bytes
        self._reader = ResponseReader()

    def connection_made(self, transport: Any) -> None:
        self._reader.expect(self._method)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            self._reader.feed(data)
        except BadResponse as error:
            self.answer.set_exception(error)
            return
        response = self._reader.response
        if response is not None and (response.complete or sum(map(len, response.body)) > self._most_bytes):
            self._give()

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer.done():
            return
        if error is None and self._reader.end() and self._reader.response is not None:
            self._give()
        else:
            self.answer.set_exception(error or EOFError("closed before it answered"))

    def _give(self) -> None:
        response = self._reader.response
        assert response is not None
        body = b"".join(response.body)[: self._most_bytes + 1]
        self.answer.set_result(Answer(response.status, body))
