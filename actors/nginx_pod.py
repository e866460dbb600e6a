"""A pod with nginx in it: asks its node for a network, then serves one page, with workers that take their time.

How this works. The pod's network namespace is the emulated stack; nginx's stand-in is aiohttp's server on it. A
connection belongs to the worker that accepted it, and a worker serves one request at a time for a service time from
the config's distribution (`protocols/nginx_workers.py`): what comes while it serves waits, and that is recorded.
While all workers serve, nobody accepts, so that new connections wait in the listening socket's accept queue.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from pydantic import Field

from actors.element import JOURNEY, CallFailed, Context, Counter, Element, ElementConfig, ElementName
from actors.parts.access_log import AccessLog
from actors.parts.distributions import Distribution
from actors.parts.nginx_pages import Answer, answer, status_of
from actors.protocols.log_text import quoted
from actors.protocols.nginx_workers import Worker, Workers
from actors.stack import Stack, TcpServer
from actors.units import MILLISECOND, SECOND, Duration
from actors.wire.addresses import mac_bytes

PORT = 80
RETRY_S = 0.02
"""How soon the pod asks its node again, while that is not up yet."""


class Config(ElementConfig):
    """A pod on a node, and nginx's directives."""

    node: ElementName = Field(description="the node that it runs on")
    pod: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9.-]+$", description="namespace/name")
    worker_processes: int = Field(default=1, ge=1, le=512, description="each serves one request at a time")
    worker_connections: int = Field(
        default=1024, ge=1, description="connections that each worker has at most"
    )
    backlog: int = Field(
        default=511,
        ge=1,
        le=65_535,
        description="connections that wait to be accepted at most; the kernel drops the SYNs of more",
    )
    keepalive_timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=65 * SECOND, description="an idle connection is closed after this"
    )
    keepalive_requests: int = Field(
        default=1000, ge=1, description="a connection is closed after so many requests"
    )
    service_time: Distribution = Field(description="how long a worker is busy with a request")

    def port_names(self) -> Iterable[str]:
        return ("eth0",)


class NginxConnection(RequestHandler):
    """aiohttp's side of one connection, with the worker that it belongs to and the requests it has had."""

    def __init__(self, pod: "NginxPod", server: web.Server) -> None:
        timeout_s = pod.config.keepalive_timeout / SECOND
        loop, timeout_s = asyncio.get_running_loop(), pod.config.keepalive_timeout / SECOND
        super().__init__(server, loop=loop, keepalive_timeout=timeout_s, access_log=None)  # type: ignore[arg-type]
        self.pod = pod
        self.worker: Worker | None = None
        self.requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.worker = self.pod.accept(transport)
        if self.worker is not None:
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.worker is not None:
            self.pod.workers.release(self.worker)
            super().connection_lost(exc)

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What aiohttp could not parse, or could not do, in nginx's words."""
        if exc is not None and status >= 500:
            self.log_exception("nginx's stand-in failed", exc_info=exc)
        return self.pod.answer(request.method, status, keep_alive=False)  # type: ignore[return-value]


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


class NginxPod(Element):
    """nginx in a pod, with its own network namespace."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context)
        self.stack.add_interface("eth0")
        self.workers = Workers(config.worker_processes, config.worker_connections)
        self._name = config.pod.partition("/")[2]
        self._log = AccessLog(context.directory / "logs" / f"{context.name}.access.log", context)
        self._server: TcpServer | None = None
        self._http: web.Server | None = None
        metrics = context.metrics
        self._inflight = metrics.gauge("journey_pod_inflight_requests", pod=self._name)
        self._accept_queue = metrics.gauge("journey_pod_accept_queue", pod=self._name)
        self._rejected = metrics.counter("journey_pod_rejected_connections_total", pod=self._name)
        self._requests: dict[int, Counter] = {
            code_class: metrics.counter(
                "journey_pod_requests_total", pod=self._name, code_class=f"{code_class}xx"
            )
            for code_class in (2, 3, 4, 5)
        }

    # ---- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._plug_in(await self._ask_for_sandbox())
        http = self._http = web.Server(self._serve)  # type: ignore[arg-type]
        self._server = await self.stack.create_server(
            lambda: NginxConnection(self, http), PORT, backlog=self.config.backlog
        )

    async def _ask_for_sandbox(self) -> dict[str, Any]:
        """What the kubelet does before it starts a container; a node that is still starting is asked again."""
        while True:
            try:
                sandbox: dict[str, Any] = await self.context.call(
                    self.config.node, "sandbox", pod=self.config.pod
                )
            except CallFailed:
                await self.context.sleep(RETRY_S)
            else:
                return sandbox

    def _plug_in(self, sandbox: dict[str, Any]) -> None:
        """The inside of the sandbox: a /32, and everything by way of a gateway that is only a static ARP entry."""
        gateway = sandbox["gateway"]
        self.stack.set_address("eth0", sandbox["address"])
        self.stack.set_neighbour("eth0", gateway, mac_bytes(sandbox["gateway_mac"]))
        self.stack.add_route(f"{gateway}/32", "eth0")
        self.stack.add_route("default", "eth0", gateway)

    async def stop(self) -> None:
        if self._server is not None and self._http is not None:
            self._server.close()
            for connection in self._http.connections:
                connection.force_close()  # not shutdown(): that waits for the keep-alive timeout
        self._log.flush()

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    # ---- connections ---------------------------------------------------------------------------------------

    def accept(self, transport: Any) -> Worker | None:
        """A worker accepts a connection; when none may have more, it is closed at once, as nginx does."""
        assert self._server is not None
        queue = self._server.accept_queue_length
        self._accept_queue.value = queue
        worker = self.workers.accept(self.context.now_ns())
        journey = transport.get_extra_info("journey")
        if journey is not None:
            self.context.record(
                "nginx.accept",
                journey=journey,
                queue=queue,
                backlog=self.config.backlog,
                worker=None if worker is None else worker.number,
            )
        if worker is None:
            self._rejected.value += 1
            transport.abort()
        return worker

    # ---- requests ------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> Ready:
        connection = request.protocol
        assert isinstance(connection, NginxConnection) and connection.worker is not None
        transport = request.transport
        journey = None if transport is None else transport.get_extra_info("journey")
        JOURNEY.set(journey)  # this task's own; it was started in the journey that opened the connection
        arrived_ns = self.context.now_ns()
        service_ns = self.config.service_time.draw(self.context.random)
        service = self.workers.serve(connection.worker, service_ns, arrived_ns)
        self._inflight.value += 1
        try:
            await self._work_until(service.ends_ns, arrived_ns)
        finally:
            self._inflight.value -= 1
        connection.requests += 1
        ready = self._answer(request, connection)
        if journey is not None:
            self.context.record(
                "nginx.answer",
                journey=journey,
                status=ready.status,
                bytes=ready.answer.body_bytes,
                service_ms=service_ns / MILLISECOND,
                queued_ms=(service.begins_ns - arrived_ns) / MILLISECOND,
                worker=connection.worker.number,
            )
        return ready

    async def _work_until(self, when_ns: int, now_ns: int) -> None:
        """Be busy; nobody accepts while all workers are."""
        server = self._server
        assert server is not None
        if when_ns <= now_ns:
            return
        if self.workers.all_busy(now_ns):
            server.pause_accepting()
        done = asyncio.get_running_loop().create_future()
        self.context.call_at(when_ns, _set_done, done)
        await done
        if not self.workers.all_busy(max(when_ns, self.context.now_ns())):  # timers may be early by a hair
            server.resume_accepting()
        self._accept_queue.value = server.accept_queue_length

    def _answer(self, request: web.BaseRequest, connection: NginxConnection) -> Ready:
        path = request.raw_path.partition("?")[0]
        fields = request.headers
        status = status_of(request.method, path, fields.get("If-None-Match"), fields.get("If-Modified-Since"))
        keep_alive = request.keep_alive and connection.requests < self.config.keepalive_requests
        ready = self.answer(request.method, status, keep_alive)
        self._write_log(request, ready)
        return ready

    def answer(self, method: str, status: int, keep_alive: bool) -> Ready:
        """nginx's answer with this status, counted."""
        self._requests[status // 100].value += 1
        unix_s = self.context.unix_ns() // SECOND
        return Ready(status, answer(status, method == "HEAD", keep_alive, unix_s, self._name), keep_alive)

    def _write_log(self, request: web.BaseRequest, ready: Ready) -> None:
        """A line in nginx's `combined` format."""
        major, minor = request.version
        line = quoted(f"{request.method} {request.raw_path} HTTP/{major}.{minor}")
        fields = request.headers
        referer, agent = quoted(fields.get("Referer", "-")), quoted(fields.get("User-Agent", "-"))
        self._log.write(
            f"{request.remote} - - [{_local_time(self.context.unix_ns() // SECOND)}] "
            f'"{line}" {ready.status} {ready.answer.body_bytes} "{referer}" "{agent}"\n'
        )

    def inspect(self) -> dict[str, Any]:
        return {
            "pod": self.config.pod,
            "inflight_requests": int(self._inflight.value),
            "requests": {f"{code}xx": int(counter.value) for code, counter in self._requests.items()},
            **self.stack.inspect(),
        }


@lru_cache(maxsize=8)
def _local_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def _set_done(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
