"""An application of a user's own in a container: aiohttp's server on the pod's emulated sockets.

How this works. The code is loaded (`app_code`), asked for its application if it is a function, and set up by aiohttp's
own runner; only its sockets are the pod's. Each connection runs as the container's program (`inside`), so that what it
prints is logged. A middleware around the whole application marks what a recorded journey causes, counts, and does what
a user has the pod do wrong (`modes`). SIGTERM and SIGINT stop it as `aiohttp.web.run_app` is stopped by them: no new
connections, requests that have begun are answered, then its clean-up runs.
"""

import asyncio
import inspect
import signal
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.web_log import AccessLogger

from actors.element import JOURNEY
from actors.parts.pod.app_code import Surroundings, surrounded
from actors.parts.pod.image import AppPlace
from actors.parts.pod.inside import Inside
from actors.parts.pod.modes import ANSWER, RESET, STALL, Modes
from actors.parts.pod.nginx_server import deployment_of
from actors.stack import TcpServer
from actors.units import MILLISECOND, SECOND

KEEPALIVE_S = 75.0
"""How long an idle connection stays open: longer than a load balancer's 60 s, lest it send into a closed one."""
BACKLOG = 128
"""As `aiohttp.web.run_app` has it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AppServer:
    """One run of an application."""

    def __init__(self, inside: Inside, found: Any, place: AppPlace, modes: Modes) -> None:
        """`found` is what `module:attribute` has led to."""
        self.running = False
        self._inside, self._found, self._place, self._modes = inside, found, place, modes
        self._runner: web.AppRunner | None = None
        self._servers: list[TcpServer] = []
        self._stop = asyncio.Event()
        self._exit_code = 0
        self._connections: dict[Any, Connection] = {}
        self._busy_until_ns = 0
        metrics, pod = inside.context.metrics, inside.environment["HOSTNAME"]
        self._inflight = metrics.gauge("journey_pod_inflight_requests", pod=pod)
        self._requests = {
            code_class: metrics.counter("journey_pod_requests_total", pod=pod, code_class=f"{code_class}xx")
            for code_class in (2, 3, 4, 5)
        }
        self._duration = metrics.histogram(
            "journey_pod_request_duration_seconds", deployment=deployment_of(pod)
        )

    # ---- life ----------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until a signal has ended it; the exit code. What goes wrong at the start is told on stderr."""
        try:
            application = await self._application()
            self._runner = web.AppRunner(
                application, keepalive_timeout=KEEPALIVE_S, access_log_class=_AccessLog
            )
            await self._runner.setup()
            await self._listen()
        except SystemExit as error:
            return _code_of(error)
        except Exception:
            self._tell(traceback.format_exc())
            return 1
        self.running = True
        await self._stop.wait()
        self._stop_listening()
        try:
            await self._runner.cleanup()
        except Exception:
            self._tell(traceback.format_exc())
            return 1
        return self._exit_code

    async def _application(self) -> web.Application:
        found = self._found
        if not isinstance(found, web.Application) and callable(found):
            with surrounded(Surroundings(self._inside.environment, ["app", *self._inside.args])):
                found = found()
        if inspect.isawaitable(found):
            found = await found
        if not isinstance(found, web.Application):
            what = f"a {type(found).__name__}"
            raise TypeError(
                f"the app must be an aiohttp.web.Application, or give one when called; it is {what}"
            )
        found.middlewares.insert(0, self._middleware())
        found.on_response_prepare.append(self._sign)
        return found

    async def _listen(self) -> None:
        if self._modes.refuses:
            return
        for port in self._place.ports:
            self._servers.append(
                await self._inside.stack.create_server(lambda: Connection(self), port, backlog=BACKLOG)
            )

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def follow_modes(self) -> None:
        """A user may have switched `refuse`: close the listening sockets, or open them again."""
        if not self.running or self._stop.is_set():
            return
        if self._modes.refuses:
            self._stop_listening()
        elif not self._servers:
            await self._listen()

    def signal(self, number: int) -> None:
        """SIGTERM and SIGINT stop it; process 1 takes no notice of others."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop.set()

    def end(self) -> None:
        """The process is gone, and with it its connections."""
        self.running = False
        self._stop_listening()
        for connection in list(self._connections.values()):
            connection.transport.abort()

    def _tell(self, text: str) -> None:
        self._inside.say("stderr", text if text.endswith("\n") else text + "\n")

    # ---- connections ---------------------------------------------------------------------------------------

    def protocol(self) -> asyncio.Protocol:
        """aiohttp's end of a new connection."""
        assert self._runner is not None and self._runner.server is not None
        made: asyncio.Protocol = self._runner.server()
        return made

    def opened(self, connection: "Connection") -> None:
        self._connections[connection.inner] = connection

    def closed(self, connection: "Connection") -> None:
        self._connections.pop(connection.inner, None)

    def run_inside(self, function: Callable[..., Any], *args: Any) -> None:
        """Call it as the container's program."""
        self._inside.run(function, *args)

    # ---- requests ------------------------------------------------------------------------------------------

    def _middleware(self) -> Any:
        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            JOURNEY.set(None if transport is None else transport.get_extra_info("journey"))
            return await self._serve(request, handler)

        return around

    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        context, began_ns, status = self._inside.context, self._inside.context.now_ns(), 500
        context.record("app.request", method=request.method, path=request.path_qs)
        self._inflight.value += 1
        delay_ns = 0
        try:
            delay_ns, instead = await self._suffer(request)
            response = await handler(request) if instead is None else instead
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        except SystemExit as error:  # as a process it would be gone now
            self._exit_code = _code_of(error)
            self._stop.set()
            raise web.HTTPServiceUnavailable from None
        finally:
            now_ns, journey = context.now_ns(), JOURNEY.get()
            self._inflight.value -= 1
            self._requests[min(max(status // 100, 2), 5)].value += 1
            self._duration.observe((now_ns - began_ns) / SECOND, journey)
            waited: dict[str, Any] = {"latency_ms": delay_ns / MILLISECOND} if delay_ns else {}
            took_ms = (now_ns - began_ns) / MILLISECOND
            context.record("app.answer", status=status, took_ms=took_ms, **waited)

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say which pod has answered, as the images of nginx do here: loads count by it."""
        response.headers.setdefault("X-Served-By", self._inside.environment["HOSTNAME"])

    async def _suffer(self, request: web.Request) -> tuple[int, web.StreamResponse | None]:
        """What a user has the pod do wrong: how long it was waited for, and an answer instead of the app's."""
        context, modes = self._inside.context, self._modes
        if not modes.active:
            return 0, None
        service_ns = modes.service_ns(context.random)
        if service_ns:  # one event loop: who comes meanwhile waits
            now_ns = context.now_ns()
            self._busy_until_ns = max(self._busy_until_ns, now_ns) + service_ns
            await context.sleep((self._busy_until_ns - now_ns) / SECOND)
        fate = modes.fate(request.path, request.headers.get("User-Agent", ""), context.random)
        if fate.delay_ns:
            await context.sleep(fate.delay_ns / SECOND)
        if fate.end != ANSWER:
            await self._do_not_answer(request, fate.end)
        if fate.status is None:
            return fate.delay_ns, None
        return fate.delay_ns, web.Response(status=fate.status, text=f"{fate.status}, as set\n")

    async def _do_not_answer(self, request: web.Request, end: str) -> None:
        self._inside.context.record("app.no_answer", mode=end)
        connection = self._connections.get(request.protocol)
        if connection is None:
            return
        if end == RESET:
            connection.transport.abort()
        elif end != STALL:
            connection.transport.close()
        await connection.gone.wait()
        raise asyncio.CancelledError

    def inspect(self) -> dict[str, Any]:
        """Its requests: being served, and answered by class of status."""
        return {
            "inflight_requests": int(self._inflight.value),
            "requests": {f"{code}xx": int(counter.value) for code, counter in self._requests.items()},
        }


class Connection(asyncio.Protocol):
    """A connection to the app: aiohttp's protocol, called as the container's program."""

    def __init__(self, server: AppServer) -> None:
        self.inner: Any = server.protocol()
        self.gone = asyncio.Event()
        self._server = server

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._server.opened(self)
        self._server.run_inside(self.inner.connection_made, transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._server.closed(self)
        self.gone.set()
        self._server.run_inside(self.inner.connection_lost, exc)

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        more: bool | None = self.inner.eof_received()
        return more

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class _AccessLog(AbstractAccessLogger):
    """aiohttp's access log, without the machine's time of day; written if the app lets `aiohttp.access` say INFO."""

    enabled = AccessLogger.enabled

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        agent = request.headers.get("User-Agent", "-")
        line = f"{request.method} {request.path_qs} HTTP/{request.version.major}.{request.version.minor}"
        self.logger.info(
            '%s "%s" %d %d "%s"', request.remote, line, response.status, response.body_length, agent
        )


def _code_of(error: SystemExit) -> int:
    """A process's exit code when `sys.exit` was called: text is said on stderr and means 1."""
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1
