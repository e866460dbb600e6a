"""The doors that an element opens to real programs: management interfaces, on this machine's loopback address only.

In a container they are open on its own network, and the engine publishes them on the machine's loopback address."""

import asyncio
import errno
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors.parts.certificates_unread import certificates_unread

if TYPE_CHECKING:
    from aiohttp.web import AppRunner

LOOPBACK = "127.0.0.1"
BACKLOG = 511
"""Connections that wait to be accepted; nginx's."""


def reset(transport: asyncio.Transport) -> None:
    """Close a connection at once and with RST, whatever has not been sent (SO_LINGER with no time)."""
    opened = transport.get_extra_info("socket")
    if opened is not None and opened.family != socket.AF_UNIX and not transport.is_closing():
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class ManagementListeners:
    """What one element serves over HTTP or HTTPS, in real time."""

    def __init__(self, directory: Path, address: str = LOOPBACK) -> None:
        """`address` is where to listen; in a container every address, of which this machine sees its loopback one."""
        self._directory, self._address = directory, address
        self._runners: list[AppRunner] = []
        self._servers: list[asyncio.Server] = []

    async def listen(self, app: Any, certificate: str | None, port: int) -> str:
        """Serve an `aiohttp.web.Application`; returns `host:port`. Raises OSError when the port is taken."""
        with certificates_unread():
            from aiohttp import web  # which few elements need; in a container of its own each would load it

        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        context = None if certificate is None else self._tls(certificate)
        site = web.TCPSite(runner, self._address, port, ssl_context=context, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runners.append(runner)
        return f"{LOOPBACK}:{runner.addresses[0][1]}"

    async def listen_raw(
        self, make_protocol: Callable[[], asyncio.Protocol], port: int, tries: int = 1
    ) -> str:
        """Take TCP connections at this port, or the next that is free; returns `host:port`. Raises OSError."""
        loop = asyncio.get_running_loop()
        for candidate in range(port, min(port + max(tries, 1), 65_536)) if port else (0,):
            try:
                server = await loop.create_server(
                    make_protocol, self._address, candidate, reuse_address=True, backlog=BACKLOG
                )
            except OSError as error:
                if error.errno != errno.EADDRINUSE or candidate == port + tries - 1:
                    raise
            else:
                self._servers.append(server)
                return f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        raise OSError(errno.EADDRINUSE, f"no port from {port} on is free")

    async def listen_unix(self, path: Path, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Take connections at a Unix socket, whose like from an earlier life is replaced. Raises OSError."""
        server = await asyncio.get_running_loop().create_unix_server(make_protocol, str(path))
        path.chmod(0o600)
        self._servers.append(server)

    def _tls(self, certificate: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._directory / "certs" / f"{certificate}.pem")
        return context

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
