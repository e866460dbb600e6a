"""The live page over HTTP: its files, what is new as server-sent events, single requests and elements, commands.

| path | what |
|---|---|
| `/` | the page |
| `/static/NAME` | its parts |
| `/events` | the stream that `feed.py` makes; it begins with the token that commands carry |
| `/api/journeys`, `/api/journey/ID` | requests that are remembered; one of them as waterfall, messages and story |
| `/api/inspect/ELEMENT` | what `journey inspect` shows |
| `/ca.pem` | the certificate that the world's sites are to be trusted by |
| `POST /api/do` | a command of `commands.py` |
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from actors.element import CallFailed
from actors.protocols.kubernetes.status import ApiError
from orchestrator import operations
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.control.service import Service
from orchestrator.journal.journey import UnknownJourney
from orchestrator.page.commands import Commands
from orchestrator.page.feed import Feed, TooMany
from orchestrator.page.guard import HEADERS, Guard, Refused
from orchestrator.page.shell import Shell
from orchestrator.page.story import recent, told
from orchestrator.world import World

log = logging.getLogger("orchestrator")

HERE = Path(__file__).parent
ROOMS = (HERE / "static", HERE / "vendor")
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PEM = "application/pem-certificate-chain"
"""RFC 8555 section 9.1; browsers offer to save it, and not to trust it."""
MOST_BYTES = 1 << 16
"""Of a command."""
IDLE_S = 5.0
"""A browser's connection is closed after so long without a request: who comes back after the network in between was
cut does not try a pool of dead ones first."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def parts() -> dict[str, Path]:
    """The page's files by name, but for the page itself."""
    return {path.name: path for room in ROOMS for path in sorted(room.iterdir()) if path.suffix in KINDS}


class PageServer:
    """The page of one world."""

    def __init__(
        self, world: World, service: Service, host: str, shell: Shell, admit: Callable[[], None]
    ) -> None:
        """`admit` raises `RequestFailed` while it is too early for commands."""
        self._world, self._service = world, service
        self._shell, self._admit = shell, admit
        self._guard = Guard(host)
        self._feed = Feed(world, service, token=self._guard.token, plays=shell.plays)
        self._commands = Commands(world, service, self._feed.happenings.add, shell)
        self._parts = parts()
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=0.2, keepalive_timeout=IDLE_S
        )
        self._streams: set[asyncio.Task[Any]] = set()

    async def start(self, listening: socket.socket) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        for stream in self._streams:
            stream.cancel()
        await self._commands.close()
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guarded], client_max_size=MOST_BYTES)
        app.router.add_get("/", self._index)
        app.router.add_get("/static/{name}", self._part)
        app.router.add_get("/events", self._events)
        app.router.add_get("/api/journeys", self._journeys)
        app.router.add_get("/api/journey/{id}", self._journey)
        app.router.add_get("/api/inspect/{element}", self._inspect)
        app.router.add_get("/ca.pem", self._authority)
        app.router.add_post("/api/do", self._do)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing is answered to whom it is not for; what goes wrong is told in words."""
        try:
            self._guard.check(request.headers)
            answer = await handler(request)
        except Refused as error:
            answer = _wrong(error.status, str(error))
        except UnknownJourney as error:
            answer = _wrong(404, f"{error.args[0]}; the world remembers the last thousand")
        except (RequestFailed, CallFailed, ApiError, ValueError, LookupError) as error:
            answer = _wrong(409 if isinstance(error, CallFailed | ApiError) else 400, _words(error))
        except web.HTTPException as error:
            answer = _wrong(error.status, error.reason)
        if not answer.prepared:
            answer.headers.update(HEADERS)
        return answer

    # ---- what it shows ------------------------------------------------------------------------------------------

    async def _index(self, request: web.Request) -> web.Response:
        page = (HERE / "static" / "index.html").read_text()
        told = {"world": self._world.config.name, **self._shell._asdict()}
        for name, value in told.items():
            page = page.replace(f"{{{{{name}}}}}", escape(value))
        return web.Response(text=page, content_type="text/html")

    async def _part(self, request: web.Request) -> web.Response:
        path = self._parts.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(reason="the page has no such part")
        answer = web.Response(body=path.read_bytes(), content_type=KINDS[path.suffix], charset="utf-8")
        answer.enable_compression()
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            with self._feed.watched() as box:
                stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
                await stream.prepare(request)
                task = asyncio.current_task()
                assert task is not None
                self._streams.add(task)
                try:
                    while True:
                        await stream.write((await box.take()).text)  # waits for a browser that reads slowly
                except (ConnectionError, asyncio.CancelledError):
                    return stream
                finally:
                    self._streams.discard(task)
        except TooMany as error:
            return _wrong(503, str(error))

    async def _journeys(self, request: web.Request) -> web.Response:
        return web.json_response(recent(self._world.journal))

    async def _journey(self, request: web.Request) -> web.Response:
        await self._world.settle()
        return web.json_response(told(operations.journey_of(self._world, request.match_info["id"])))

    async def _inspect(self, request: web.Request) -> web.Response:
        return web.json_response(await operations.inspect(self._world, request.match_info["element"]))

    async def _authority(self, request: web.Request) -> web.Response:
        return web.Response(text=await self._service.authority(), content_type=PEM)

    # ---- what it does -------------------------------------------------------------------------------------------

    async def _do(self, request: web.Request) -> web.Response:
        self._guard.check_command(request.headers, request.content_type)
        self._admit()
        if self._shell.plays:
            raise RequestFailed(
                "a scenario plays, and what happens stands in its file; `journey up` has a world to try things in",
                USAGE,
            )
        return web.json_response(await self._commands.do(await request.json()))


def _words(error: Exception) -> str:
    if isinstance(error, ApiError):
        return f"Error from server ({error.reason}): {error.message}"
    return str(error)


def _wrong(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)
