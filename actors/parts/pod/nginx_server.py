"""nginx as a program of a container: a master, and workers that take their time.

How this works. A connection (`nginx_connection.py`) belongs to the worker that accepted it, and a worker serves one
request at a time for a service time from the image's distribution (`protocols/nginx_workers.py`): what comes while it
serves waits, and that is recorded. While all workers serve, nobody accepts, so that new connections wait in the
listening socket's accept queue. SIGQUIT lets requests that have begun end (and closes idle connections); SIGTERM does
not. What is answered is in `nginx_site.py`, what a user has it do wrong in `modes.py`.
"""

import asyncio
import re
import signal
from typing import Any

from actors.element import Context
from actors.parts.nginx_pages import SERVER
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.image import NginxSettings
from actors.parts.pod.modes import Modes
from actors.parts.pod.nginx_connection import ANSWERED, NginxConnection, Visit
from actors.parts.pod.nginx_site import NginxSite
from actors.protocols.http1 import Request
from actors.protocols.nginx_workers import Worker, Workers
from actors.stack import Stack, TcpServer
from actors.units import SECOND

BIND_TRIES, BIND_RETRY_S = 5, 0.5
"""nginx tries to bind five times, half a second apart."""
ACCEPT_NS = 1000
"""How long it takes to accept a connection and look what it wants. Connections are accepted one by one, as with
`multi_accept off`, so that what waits in the accept queue is for whichever worker is free first."""
MOST_REUSED = 32
"""Idle connections that are closed at a time when there are too many."""
FIRST_WORKER_PID = 29
"""In the official image's log; the entry point's scripts had those before."""


_REPLICA = re.compile(r"(.+)-[bcdf-hj-np-tv-xz2-9]{6,10}-[bcdf-hj-np-tv-xz2-9]{5}")
_DAEMON = re.compile(r"(.+)-[bcdf-hj-np-tv-xz2-9]{5}")
"""What Kubernetes makes names of has no vowels and no 0, 1 and 3."""


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
        self.context = context
        self.settings = settings
        self.site = NginxSite(
            context, hostname, log, {path: each.size for path, each in settings.locations.items()}
        )
        self.now_ns, self.call_at = context.now_ns, context.call_at
        self.workers = Workers(settings.worker_processes, settings.worker_connections)
        self.running = False
        self._stack, self._log = stack, log
        self._modes = modes
        self._servers: list[TcpServer] = []
        self._accepts = True
        self._connections: dict[NginxConnection, None] = {}
        self._draining = False
        self._ended = asyncio.Event()
        metrics = context.metrics
        self.inflight = metrics.gauge("journey_pod_inflight_requests", pod=hostname)
        self._accept_queue = metrics.gauge("journey_pod_accept_queue", pod=hostname)
        self._rejected = metrics.counter("journey_pod_rejected_connections_total", pod=hostname)
        self._duration = metrics.histogram(
            "journey_pod_request_duration_seconds", deployment=deployment_of(hostname)
        )
        self._waited = metrics.histogram("journey_hop_duration_seconds", kind="queueing")
        self._worked = metrics.histogram("journey_hop_duration_seconds", kind="processing")

    # ---- life ----------------------------------------------------------------------------------------------

    async def bind(self) -> bool:
        """Listen and start the workers; False when the port stays taken."""
        for _ in range(BIND_TRIES):
            taken = await self._listen()
            if taken is None:
                self.running = True
                self._notice(SERVER)
                self._notice("start worker processes")
                for number in range(self.settings.worker_processes):
                    self._notice(f"start worker process {FIRST_WORKER_PID + number}")
                return True
            what = f"bind() to 0.0.0.0:{taken} failed (98: Address already in use)"
            self._log.stderr(f"nginx: [emerg] {what}")
            await self.context.sleep(BIND_RETRY_S)
        self._log.stderr("nginx: [emerg] still could not bind()")
        return False

    async def _listen(self) -> int | None:
        """Open the listening sockets; if a port is taken, none, and that port is returned."""
        for port in self.settings.listen:
            try:
                server = await self._stack.create_server(
                    lambda: NginxConnection(self), port, backlog=self.settings.backlog
                )
            except OSError:
                self._stop_listening()
                return port
            self._servers.append(server)
        self._accepts = True
        if self._modes.refuses:
            self._stop_listening()
        return None

    async def follow_modes(self) -> None:
        """A user may have switched `refuse`: close the listening sockets, or open them again."""
        if not self.running or self._draining:
            return
        if self._modes.refuses:
            self._stop_listening()
        elif not self._servers:
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
            connection.close()
        if self.running:
            self._notice("exit")
        self.running = False

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def _notice(self, text: str) -> None:
        self.site.notice("notice", text)

    # ---- connections ---------------------------------------------------------------------------------------

    def accept(self, connection: NginxConnection, transport: Any) -> Worker | None:
        """A worker accepts a connection. When none may have more, and none of those is idle, it is closed at once."""
        queue = sum(server.accept_queue_length for server in self._servers)
        self._accept_queue.value = queue
        worker = self.workers.accept(self.context.now_ns())
        if worker is None and self._reuse_idle():
            worker = self.workers.accept(self.context.now_ns())
        journey = transport.get_extra_info("journey")
        if journey is not None:
            self.context.record(
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
            self._pause_accepting()  # the other connections may not be for this worker
            self.context.call_at(self.context.now_ns() + ACCEPT_NS, self._accept_next)
        return worker

    def _accept_next(self) -> None:
        """The worker that has accepted knows by now whether there is a request to serve on its new connection."""
        if not self.workers.all_busy(self.context.now_ns()):
            self._resume_accepting()

    def _pause_accepting(self) -> None:
        if self._accepts:
            self._accepts = False
            for server in self._servers:
                server.pause_accepting()

    def _resume_accepting(self) -> None:
        if self._accepts:
            return
        self._accepts = True
        for server in self._servers:
            server.resume_accepting()
        self._accept_queue.value = sum(server.accept_queue_length for server in self._servers)

    def _reuse_idle(self) -> bool:
        """Close connections that have been idle longest, for a new one's sake (nginx: ngx_drain_connections).

        To a load balancer that is about to send a request on one of them, this is a connection that closes on it."""
        limit = f"{self.settings.worker_connections} worker_connections are not enough"
        idle = [each for each in self._connections if each.is_idle()]
        if not idle:
            self.site.notice("alert", limit)
            return False
        self.site.notice("warn", f"{limit}, reusing connections")
        idle.sort(key=lambda each: each.idle_since_ns)
        for each in idle[: max(1, min(MOST_REUSED, len(idle) // 8))]:
            assert each.worker is not None
            self.release(each, each.worker)
            each.close()
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

    def begin(self, request: Request, worker: Worker, journey: str | None) -> Visit:
        """A worker gets to a request, at once or when it is free; while all are busy, nobody accepts."""
        dice, modes, now_ns = self.context.random, self._modes, self.now_ns()
        service_ns = modes.service_ns(dice) if modes.active else None
        if service_ns is None:
            service_ns = self.settings.service_time.draw(dice)
        fate = ANSWERED
        if modes.active:
            path = request.target.partition(b"?")[0].decode("latin-1")
            fate = modes.fate(path, request.user_agent.decode("latin-1"), dice)
        service = self.workers.serve(worker, service_ns, now_ns)
        self.inflight.value += 1
        if service.ends_ns > now_ns and self.workers.all_busy(now_ns):
            self._pause_accepting()
        return Visit(request, journey, now_ns, service_ns, service, fate)

    def worked(self, visit: Visit) -> None:
        """A worker has served: the next connection may be accepted."""
        if self._accepts or self.has_ended:
            return
        if not self.workers.all_busy(
            max(visit.service.ends_ns, self.now_ns())
        ):  # timers may be early by a hair
            self._resume_accepting()

    def left(self, visit: Visit) -> None:
        """A request has been answered, or will not be: how long it was here, waited and was worked on."""
        self.inflight.value -= 1
        service = visit.service
        self._duration.observe((self.now_ns() - visit.arrived_ns) / SECOND, visit.journey)
        self._waited.observe((service.begins_ns - visit.arrived_ns) / SECOND, visit.journey)
        self._worked.observe((service.ends_ns - service.begins_ns) / SECOND, visit.journey)

    def may_persist(self, connection: NginxConnection) -> bool:
        """Whether a connection that has just had another request may have one more."""
        return (
            not self._draining
            and connection.requests < self.settings.keepalive_requests
            and self.now_ns() - connection.opened_ns < self.settings.keepalive_time
        )

    def inspect(self) -> dict[str, Any]:
        """Its requests: being served, and answered by class of status."""
        return {"inflight_requests": int(self.inflight.value), "requests": self.site.counts()}


def deployment_of(pod: str) -> str:
    """The deployment (or other controller) that a pod's name says that it belongs to: `nginx-65cbbfc68c-2467w`."""
    match = _REPLICA.fullmatch(pod) or _DAEMON.fullmatch(pod)
    return match[1] if match else pod
