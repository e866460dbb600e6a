"""An identity provider on a wire: a host with HTTPS that answers as a test tells it."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.element import Context, Element
from actors.protocols.http1 import Request, RequestReader
from actors.stack import Stack

IDP = "10.0.0.60"
NAME = "idp.example.com"
Reply = tuple[int, bytes] | None
"""Status and body; None is silence."""


class _Asked(asyncio.Protocol):
    def __init__(self, idp: "IdentityProvider") -> None:
        self._idp = idp
        self._reader = RequestReader()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self._reader.requests and self._reader.requests[0].complete:
            request = self._reader.requests.popleft()
            self._idp.asked.append(request)
            reply = self._idp.answers.get(request.target, lambda request: (404, b""))(request)
            if reply is not None:
                status, body = reply
                head = b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (
                    status,
                    len(body),
                )
                self._transport.write(head + body)


class IdentityProvider(Element):
    """Serves `answers` by request target at port 443 of `idp.example.com`; `asked` is what it was asked."""

    def __init__(self, context: Context, address: str = IDP, name: str = NAME) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", f"{address}/24")
        self.answers: dict[bytes, Callable[[Request], Reply]] = {}
        self.asked: list[Request] = []
        self._name = name

    async def start(self) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate: Path = self.context.directory / "certs" / f"{self._name}.pem"
        tls.load_cert_chain(certificate)
        await self.stack.create_server(lambda: _Asked(self), 443, ssl=tls)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)
