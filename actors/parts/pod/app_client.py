"""An HTTP client for apps: aiohttp's, over the pod's own stack."""

import asyncio
import ssl
from typing import Any

from aiohttp import BaseConnector
from aiohttp.client_proto import ResponseHandler

from actors.element import JOURNEY
from actors.parts.pod.inside import Inside

CONNECT_TIMEOUT_S = 127.0
"""How long Linux tries where nobody has said how long."""


class Connector(BaseConnector):
    """aiohttp's pool of connections over the emulated network; trusts the emulator's authority."""

    def __init__(self, inside: Inside, context: ssl.SSLContext | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._inside, self._context = inside, context

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        handler = self._factory()
        limit_s = getattr(timeout, "sock_connect", None)
        transport = await connected(self._inside, req.url.raw_host, req.url.port, limit_s)
        if req.url.scheme in ("https", "wss"):
            secure = await asyncio.get_running_loop().start_tls(
                transport, handler, self._tls, server_hostname=req.url.raw_host
            )
            assert secure is not None
            transport = secure
        else:
            transport.set_protocol(handler)
        handler.connection_made(transport)
        return handler

    @property
    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._inside.context.directory / "ca.pem")
        return self._context


async def connected(
    inside: Inside, host: str, port: int, timeout_s: float | None = None
) -> asyncio.Transport:
    """A TCP connection to the first of a host's addresses that takes one. Raises OSError with where it led."""
    failure: OSError = OSError("no address")
    if JOURNEY.get() is not None:
        inside.context.record("app.call", host=host, port=port)
    for address in await inside.names.addresses(host):
        try:
            transport, _ = await inside.stack.create_connection(
                asyncio.Protocol, address, port, timeout_s=timeout_s or CONNECT_TIMEOUT_S
            )
            return transport
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            failure = type(error)(error.errno or 0, f"{host}:{port} at {address}: {why}")
    raise failure
