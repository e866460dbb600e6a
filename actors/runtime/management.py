"""The doors that an element opens to real programs: management interfaces, on this machine's loopback address only.

In a container they are open on its own network, and the engine publishes them on the machine's loopback address."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors.parts.certificates_unread import certificates_unread

if TYPE_CHECKING:
    from aiohttp.web import AppRunner

LOOPBACK = "127.0.0.1"


class ManagementListeners:
    """What one element serves over HTTP or HTTPS, in real time."""

    def __init__(self, directory: Path, address: str = LOOPBACK) -> None:
        """`address` is where to listen; in a container every address, of which this machine sees its loopback one."""
        self._directory, self._address = directory, address
        self._runners: list[AppRunner] = []

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

    def _tls(self, certificate: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._directory / "certs" / f"{certificate}.pem")
        return context

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
