"""Where the live page is, from the first moment of a world on; what serves it is loaded when somebody comes.

aiohttp takes longer to import than half of a world takes to start, and most worlds are never looked at.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.metrics.feed import listen
from orchestrator.page.shell import Shell

if TYPE_CHECKING:
    from orchestrator.control.service import Service
    from orchestrator.page.server import PageServer
    from orchestrator.world import World

PORT = 7463


class Door:
    """The page of one world. Use it in its event loop, in an `async with`."""

    def __init__(
        self,
        world: "World",
        service: "Service",
        address: str | None = None,
        *,
        shown: str | None = None,
        shell: Shell = Shell(),
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        """`address` is `HOST:PORT`; None is 127.0.0.1:7463 or the next free port. Raises `PortTaken`.

        `shown` is the URL that browsers use, if that is another one; `admit` raises `RequestFailed` while commands are
        too early."""
        self._world, self._service = world, service
        self._shell, self._admit = shell, admit
        self._server: PageServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._socket = listen(address, PORT, "the page is")
        host, port = self._socket.getsockname()[:2]
        self.host, self.address = str(host), f"{f'[{host}]' if ':' in host else host}:{port}"
        self.url = shown or f"http://{self.address}/"

    async def __aenter__(self) -> "Door":
        """Whoever comes from now on is answered, the first one a moment later. The address is the world's `page`."""
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._first_comes)
        self._world.addresses["page"] = self.url
        return self

    async def __aexit__(self, *exc: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        if self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._opening
        if self._server is not None:
            await self._server.close()
        self._socket.close()

    def _first_comes(self) -> None:
        """The connection waits in the socket's queue until the server takes it."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._opening = loop.create_task(self._open(), name="live page")

    async def _open(self) -> None:
        from importlib import import_module

        await asyncio.to_thread(import_module, "orchestrator.page.server")  # the world goes on meanwhile
        from orchestrator.page.server import PageServer

        self._server = PageServer(self._world, self._service, self.host, self._shell, self._admit)
        await self._server.start(self._socket)
