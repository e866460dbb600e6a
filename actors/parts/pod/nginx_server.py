"""nginx as a program of a container: one page, served by workers that take their time.

How this works. nginx's stand-in is aiohttp's server on the sandbox's stack. A connection belongs to the worker that
accepted it, and a worker serves one request at a time for a service time from the image's distribution
(`protocols/nginx_workers.py`): what comes while it serves waits, and that is recorded. While all workers serve, nobody
accepts, so that new connections wait in the listening socket's accept queue. SIGQUIT lets requests that have begun end
(and closes idle connections); SIGTERM does not. What a user has it do wrong is in `modes.py`.
"""

import asyncio
import re
import signal
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from actors.element import JOURNEY, Context, Counter
from actors.parts.nginx_pages import SERVER, Answer, answer, status_of
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.image import NginxSettings
from actors.parts.pod.modes import ANSWER, RESET, STALL, Fate, Modes
from actors.protocols.log_text import quoted
from actors.protocols.nginx_workers import Worker, Workers
from actors.stack import Stack, TcpServer
from actors.units import MILLISECOND, SECOND

PORT = 80
BIND_TRIES, BIND_RETRY_S = 5, 0.5
"""nginx tries to bind five times, half a second apart."""
ACCEPT_NS = 1000
"""How long it takes to accept a connection and look what it wants. Connections are accepted one by one, as with
`multi_accept off`, so that what waits in the accept queue is for whichever worker is free first."""
MOST_REUSED = 32
"""Idle connections that are closed at a time when there are too many."""
ANSWERED = Fate(ANSWER, None, 0)
"""What becomes of requests as long as no user meddles."""
FIRST_WORKER_PID = 29
"""In the official image's log; the entry point's scripts had those before."""


class NginxConnection(RequestHandler):
    """aiohttp's side of one connection, with the worker that it belongs to and the requests it has had."""

    def __init__(self, nginx: "NginxServer", server: web.Server) -> None:
        loop, timeout_s = asyncio.get_running_loop(), nginx.settings.keepalive_timeout / SECOND
        super().__init__(server, loop=loop, keepalive_timeout=timeout_s, access_log=None)  # type: ignore[arg-type]
        self.nginx = nginx
        self.worker: Worker | None = None
        self.opened_ns = nginx.now_ns()
        self.idle_since_ns = self.opened_ns
        self.requests = 0
        self.serves = False
        self.gone: asyncio.Future[None] | None = None
        """What a request waits for that is never answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.worker = self.nginx.accept(self, transport)
        if self.worker is not None:
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.worker is not None:
            self.nginx.release(self, self.worker)
            super().connection_lost(exc)
        if self.gone is not None:
            _set_done(self.gone)

    def is_idle(self) -> bool:
        """Whether it waits for a request."""
        return not self.serves and not self._messages

    def close_when_idle(self) -> None:
        """Close it now, or when the request that it is busy with has been answered."""
        if self.is_idle():
            self.force_close()
        else:
            self.close()

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What aiohttp could not parse, or could not do, in nginx's words."""
        if exc is not None and status >= 500:
            self.log_exception("nginx's stand-in failed", exc_info=exc)
        return self.nginx.answer(request.method, status, keep_alive=False)  # type: ignore[return-value]


class Ready:
    """A response whose bytes are ready: what aiohttp's server asks of one, and no more (13 us less, *measured*)."""

    __slots__ = ("_transport", "answer", "keep_alive", "status")

    def __init__(self, status: int, answer: Answer, keep_alive: bool) -> None:
        self.status = status
        self.answer = answer
        self.keep_alive = keep_alive
        self._transport: asyncio.Transport | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        self._transport = request.transport

    async def write_eof(self) -> None:
        if self._transport is not None:
            self._transport.write(self.answer.data)


_REPLICA = re.compile(r"(.+)-[bcdf-hj-np-tv-xz2-9]{6,10}-[bcdf-hj-np-tv-xz2-9]{5}")
_DAEMON = re.compile(r"(.+)-[bcdf-hj-np-tv-xz2-9]{5}")
"""What Kubernetes makes names of has no vowels and no 0, 1 and 3."""

NOTHING = Answer(b"", 0)
"""What is said on a connection that is closed in place of an answer."""


class NginxServer:
    """One nginx, from its start to its end."""

    def __init__(
        self,
        context: Context,
        stack: Stack,
        settings: NginxSettings,
        hostname: str,
        log: ContainerLog,
        modes: Modes,
    ) -> None:
        self.settings = settings
        self.now_ns = context.now_ns
        self.workers = Workers(settings.worker_processes, settings.worker_connections)
        self.running = False
        self._context, self._stack, self._log, self._name = context, stack, log, hostname
        self._modes = modes
        self._http = web.Server(self._serve)  # type: ignore[arg-type]
        self._server: TcpServer | None = None
        self._connections: dict[NginxConnection, None] = {}
        self._draining = False
        self._ended = asyncio.Event()
        metrics = context.metrics
        self._inflight = metrics.gauge("journey_pod_inflight_requests", pod=hostname)
        self._accept_queue = metrics.gauge("journey_pod_accept_queue", pod=hostname)
        self._rejected = metrics.counter("journey_pod_rejected_connections_total", pod=hostname)
        self._duration = metrics.histogram(
            "journey_pod_request_duration_seconds", deployment=deployment_of(hostname)
        )
        self._waited = metrics.histogram("journey_hop_duration_seconds", kind="queueing")
        self._worked = metrics.histogram("journey_hop_duration_seconds", kind="processing")
        self._requests: dict[int, Counter] = {
            code_class: metrics.counter(
                "journey_pod_requests_total", pod=hostname, code_class=f"{code_class}xx"
            )
            for code_class in (2, 3, 4, 5)
        }

    # ---- life ----------------------------------------------------------------------------------------------

    async def bind(self) -> bool:
        """Listen and start the workers; False when the port stays taken."""
        for _ in range(BIND_TRIES):
            try:
                await self._listen()
            except OSError:
                taken = f"bind() to 0.0.0.0:{PORT} failed (98: Address already in use)"
                self._log.stderr(f"nginx: [emerg] {taken}")
                await self._context.sleep(BIND_RETRY_S)
            else:
                self.running = True
                self._notice(SERVER)
                self._notice("start worker processes")
                for number in range(self.settings.worker_processes):
                    self._notice(f"start worker process {FIRST_WORKER_PID + number}")
                return True
        self._log.stderr("nginx: [emerg] still could not bind()")
        return False

    async def _listen(self) -> None:
        self._server = await self._stack.create_server(
            lambda: NginxConnection(self, self._http), PORT, backlog=self.settings.backlog
        )
        if self._modes.refuses:
            self._server.close()

    async def follow_modes(self) -> None:
        """A user may have switched `refuse`: close the listening socket, or open it again."""
        if not self.running or self._draining or self._server is None:
            return
        if self._modes.refuses:
            self._server.close()
        elif not self._server.is_serving():
            await self._listen()

    async def run(self) -> int:
        """Serve until a signal has ended it; the exit code."""
        if not await self.bind():
            return 1
        await self._ended.wait()
        return 0

    def signal(self, number: int) -> None:
        """What a master process does on SIGQUIT, SIGTERM and SIGINT; it takes no notice of others."""
        if not self.running or self._ended.is_set():
            return
        if number == signal.SIGQUIT:
            self._notice("signal 3 (SIGQUIT) received, shutting down")
            self._drain()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._notice(f"signal {number:d} ({signal.Signals(number).name}) received, exiting")
            self.end()

    def _drain(self) -> None:
        """Stop accepting, close what is idle, and let what has begun end."""
        self._draining = True
        self._stop_listening()
        for connection in list(self._connections):
            connection.close_when_idle()
        if not self._connections:
            self.end()

    def end(self) -> None:
        """All its processes are gone, and with them their connections."""
        if self._ended.is_set():
            return
        self._draining = True
        self._stop_listening()
        self._ended.set()
        for connection in list(self._connections):
            connection.force_close()  # not shutdown(): that waits for the keep-alive timeout
        if self.running:
            self._notice("exit")
        self.running = False

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def _notice(self, text: str) -> None:
        self._log_error("notice", text)

    def _log_error(self, level: str, text: str) -> None:
        """A line of the error log, as the official image has it on stderr."""
        self._log.stderr(f"{_error_time(self._context.unix_ns() // SECOND)} [{level}] 1#1: {text}")

    # ---- connections ---------------------------------------------------------------------------------------

    def accept(self, connection: NginxConnection, transport: Any) -> Worker | None:
        """A worker accepts a connection. When none may have more, and none of those is idle, it is closed at once."""
        assert self._server is not None
        queue = self._server.accept_queue_length
        self._accept_queue.value = queue
        worker = self.workers.accept(self._context.now_ns())
        if worker is None and self._reuse_idle():
            worker = self.workers.accept(self._context.now_ns())
        journey = transport.get_extra_info("journey")
        if journey is not None:
            self._context.record(
                "nginx.accept",
                journey=journey,
                queue=queue,
                backlog=self.settings.backlog,
                worker=None if worker is None else worker.number,
            )
        if worker is None:
            self._rejected.value += 1
            transport.abort()
        else:
            self._connections[connection] = None
            self._server.pause_accepting()  # the other connections may not be for this worker
            self._context.call_at(self._context.now_ns() + ACCEPT_NS, self._accept_next)
        return worker

    def _accept_next(self) -> None:
        """The worker that has accepted knows by now whether there is a request to serve on its new connection."""
        server = self._server
        if server is not None and server.is_serving() and not self.workers.all_busy(self._context.now_ns()):
            server.resume_accepting()

    def _reuse_idle(self) -> bool:
        """Close connections that have been idle longest, for a new one's sake (nginx: ngx_drain_connections).

        To a load balancer that is about to send a request on one of them, this is a connection that closes on it."""
        limit = f"{self.settings.worker_connections} worker_connections are not enough"
        idle = [each for each in self._connections if each.is_idle()]
        if not idle:
            self._log_error("alert", limit)
            return False
        self._log_error("warn", f"{limit}, reusing connections")
        idle.sort(key=lambda each: each.idle_since_ns)
        for each in idle[: max(1, min(MOST_REUSED, len(idle) // 8))]:
            assert each.worker is not None
            self.release(each, each.worker)
            each.force_close()
        return True

    def release(self, connection: NginxConnection, worker: Worker) -> None:
        """A connection has closed; the last one of a draining nginx ends it."""
        if connection not in self._connections:
            return  # its place was given to another one before it had closed
        self.workers.release(worker)
        del self._connections[connection]
        if self._draining and not self._connections:
            self.end()

    # ---- requests ------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> Ready:
        connection = request.protocol
        assert isinstance(connection, NginxConnection) and connection.worker is not None
        transport = request.transport
        journey = None if transport is None else transport.get_extra_info("journey")
        JOURNEY.set(journey)  # this task's own; it was started in the journey that opened the connection
        arrived_ns = self._context.now_ns()
        dice, modes = self._context.random, self._modes
        service_ns = modes.service_ns(dice) if modes.active else None
        if service_ns is None:
            service_ns = self.settings.service_time.draw(dice)
        fate = self._fate(request) if modes.active else ANSWERED
        service = self.workers.serve(connection.worker, service_ns, arrived_ns)
        self._inflight.value += 1
        connection.serves = True
        try:
            await self._work_until(service.ends_ns, arrived_ns)
            if fate is not ANSWERED:
                await self._suffer(fate, connection)
        finally:
            connection.serves = False
            connection.idle_since_ns = self.now_ns()
            self._inflight.value -= 1
        connection.requests += 1
        self._duration.observe((self.now_ns() - arrived_ns) / SECOND, journey)
        self._waited.observe((service.begins_ns - arrived_ns) / SECOND, journey)
        self._worked.observe((service.ends_ns - service.begins_ns) / SECOND, journey)
        ready = (
            self._answer(request, connection, fate)
            if fate.end == ANSWER
            else self._no_answer(fate, connection)
        )
        if journey is not None and fate.end == ANSWER:
            self._context.record(
                "nginx.answer",
                journey=journey,
                status=ready.status,
                bytes=ready.answer.body_bytes,
                service_ms=service_ns / MILLISECOND,
                queued_ms=(service.begins_ns - arrived_ns) / MILLISECOND,
                worker=connection.worker.number,
                **({} if fate is ANSWERED else {"latency_ms": fate.delay_ns / MILLISECOND}),
            )
        return ready

    def _fate(self, request: web.BaseRequest) -> Fate:
        path, agent = request.raw_path.partition("?")[0], request.headers.get("User-Agent", "")
        return self._modes.fate(path, agent, self._context.random)

    async def _suffer(self, fate: Fate, connection: NginxConnection) -> None:
        """Wait as the user wants it. Raises CancelledError when nginx, or the connection, ends meanwhile."""
        if fate.delay_ns:
            await self._pause_until(self.now_ns() + fate.delay_ns)
        if fate.end == STALL:
            if connection.transport is not None:
                connection.gone = asyncio.get_running_loop().create_future()
                self._tell_no_answer(fate)
                await connection.gone
            raise asyncio.CancelledError

    async def _pause_until(self, when_ns: int) -> None:
        done = asyncio.get_running_loop().create_future()
        self._context.call_at(when_ns, _set_done, done)
        await done
        if self._ended.is_set():
            raise asyncio.CancelledError

    def _no_answer(self, fate: Fate, connection: NginxConnection) -> Ready:
        """Close the connection, or cut it, in place of an answer."""
        self._tell_no_answer(fate)
        if fate.end == RESET and connection.transport is not None:
            connection.transport.abort()
        return Ready(
            444, NOTHING, False
        )  # nginx's own code in its log for a connection closed without an answer

    def _tell_no_answer(self, fate: Fate) -> None:
        self._context.record("nginx.no_answer", mode=fate.end, latency_ms=fate.delay_ns / MILLISECOND)

    async def _work_until(self, when_ns: int, now_ns: int) -> None:
        """Be busy; nobody accepts while all workers are. Raises CancelledError when nginx ends meanwhile."""
        server = self._server
        assert server is not None
        if when_ns <= now_ns:
            return
        if self.workers.all_busy(now_ns):
            server.pause_accepting()
        await self._pause_until(when_ns)
        server = self._server or server  # it may have been closed and opened again meanwhile
        if not self.workers.all_busy(max(when_ns, self._context.now_ns())):  # timers may be early by a hair
            server.resume_accepting()
        self._accept_queue.value = server.accept_queue_length

    def _answer(self, request: web.BaseRequest, connection: NginxConnection, fate: Fate) -> Ready:
        status = fate.status
        if status is None:
            path, fields = request.raw_path.partition("?")[0], request.headers
            status = status_of(
                request.method, path, fields.get("If-None-Match"), fields.get("If-Modified-Since")
            )
        keep_alive = (
            request.keep_alive
            and not self._draining
            and connection.requests < self.settings.keepalive_requests
            and self.now_ns() - connection.opened_ns < self.settings.keepalive_time
        )
        ready = self.answer(request.method, status, keep_alive)
        self._write_log(request, ready)
        return ready

    def answer(self, method: str, status: int, keep_alive: bool) -> Ready:
        """nginx's answer with this status, counted."""
        self._requests[status // 100].value += 1
        unix_s = self._context.unix_ns() // SECOND
        return Ready(status, answer(status, method == "HEAD", keep_alive, unix_s, self._name), keep_alive)

    def _write_log(self, request: web.BaseRequest, ready: Ready) -> None:
        """A line in the official image's format `main`."""
        major, minor = request.version
        line = quoted(f"{request.method} {request.raw_path} HTTP/{major}.{minor}")
        fields = request.headers
        referer, agent = quoted(fields.get("Referer", "-")), quoted(fields.get("User-Agent", "-"))
        forwarded_for = quoted(fields.get("X-Forwarded-For", "-"))
        self._log.stdout(
            f"{request.remote} - - [{_local_time(self._context.unix_ns() // SECOND)}] "
            f'"{line}" {ready.status} {ready.answer.body_bytes} "{referer}" "{agent}" "{forwarded_for}"'
        )

    def inspect(self) -> dict[str, Any]:
        """Its requests: being served, and answered by class of status."""
        return {
            "inflight_requests": int(self._inflight.value),
            "requests": {f"{code}xx": int(counter.value) for code, counter in self._requests.items()},
        }


def deployment_of(pod: str) -> str:
    """The deployment (or other controller) that a pod's name says that it belongs to: `nginx-65cbbfc68c-2467w`."""
    match = _REPLICA.fullmatch(pod) or _DAEMON.fullmatch(pod)
    return match[1] if match else pod


@lru_cache(maxsize=8)
def _local_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


@lru_cache(maxsize=8)
def _error_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y/%m/%d %H:%M:%S")


def _set_done(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
