"""One connection to nginx: requests are read, served by the connection's worker, and answered one after another.

There is no task behind it: a request costs one timer, the end of its service time. What a user has gone wrong (see
`modes.py`) comes between that and the answer.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY
from actors.parts.nginx_pages import Answer
from actors.parts.pod.modes import ANSWER, RESET, STALL, Fate
from actors.parts.pod.nginx_files import content
from actors.protocols.http1 import Request, RequestReader
from actors.protocols.nginx_workers import Service, Worker
from actors.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from actors.parts.pod.nginx_server import NginxServer

CLIENT_HEADER_TIMEOUT_NS = 60 * SECOND
"""How long a client may take until its first request (nginx's client_header_timeout)."""
SEND_TIMEOUT_NS = 60 * SECOND
"""How long a client may take nothing of an answer (nginx's send_timeout)."""
CHUNK_BYTES = 32 * 1024
"""What is read of a file at a time (nginx's output_buffers)."""
_METHOD = re.compile(rb"[A-Z_-]+")
"""What nginx takes for a method (ngx_http_parse_request_line)."""
ANSWERED = Fate(ANSWER, None, 0)
"""What becomes of requests as long as no user meddles."""


class Visit:
    """A request that is being served."""

    __slots__ = ("arrived_ns", "fate", "journey", "request", "service", "service_ns")

    def __init__(
        self,
        request: Request,
        journey: str | None,
        arrived_ns: int,
        service_ns: int,
        service: Service,
        fate: Fate,
    ) -> None:
        self.request = request
        self.journey = journey
        self.arrived_ns = arrived_ns
        self.service_ns = service_ns
        self.service = service
        self.fate = fate


class Sending:
    """An answer whose content is on its way."""

    __slots__ = ("at", "began", "end", "keep_alive", "status", "visit")

    def __init__(self, visit: Visit, status: int, answer: Answer, keep_alive: bool) -> None:
        self.visit, self.status, self.keep_alive = visit, status, keep_alive
        self.began = self.at = answer.start
        self.end = answer.start + answer.body_bytes


class NginxConnection(asyncio.Protocol):
    """A connection, with the worker that has accepted it and the requests that it has had."""

    def __init__(self, nginx: "NginxServer") -> None:
        self.nginx = nginx
        self.worker: Worker | None = None
        self.opened_ns = self.idle_since_ns = nginx.now_ns()
        self.requests = 0
        self._reader = RequestReader()
        self._transport: Any = None
        self._remote = "-"
        self._visit: Visit | None = None
        self._unfinished: Request | None = None
        """Has been answered before all of its content had come; the rest is read and thrown away."""
        self._sending: Sending | None = None
        self._paused = self._closing = False
        self._timer: Any = None

    # ---- the connection ------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._remote = transport.get_extra_info("peername")[0]
        self.worker = self.nginx.accept(self, transport)
        if self.worker is not None:
            self._await_silence(self.opened_ns + CLIENT_HEADER_TIMEOUT_NS)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self.worker is not None:
            self.nginx.release(self, self.worker)
        visit = self._visit
        if self._sending is not None:
            self._sent(self._sending)
        elif visit is not None and visit.fate.end == STALL:
            self._end_visit(visit)

    def is_idle(self) -> bool:
        """Whether it waits for a request."""
        return self._visit is None and not self._reader.mid_head

    def close(self) -> None:
        """Close it now, whatever it is busy with."""
        self._closing = True
        self._transport.close()

    def close_when_idle(self) -> None:
        """Close it now, or when the request that it is busy with has been answered (nginx drains)."""
        if self.is_idle():
            self.close()

    def _await_silence(self, due_ns: int) -> None:
        self._timer = self.nginx.call_at(due_ns, self._look_whether_silent)

    def _look_whether_silent(self) -> None:
        """One timer per connection: it looks how long the silence is, and comes back when it may be long enough."""
        now_ns = self.nginx.now_ns()
        waits = self._sending is not None and self._paused
        since_ns = now_ns if self._visit is not None and not waits else self.idle_since_ns
        limit_ns = self.nginx.settings.keepalive_timeout if self.requests else CLIENT_HEADER_TIMEOUT_NS
        limit_ns = SEND_TIMEOUT_NS if waits else limit_ns
        due_ns = since_ns + limit_ns
        if now_ns < due_ns:
            self._await_silence(due_ns)
            return
        self.close()
        if self._sending is not None:  # what the kernel has of it is the kernel's
            self._sent(self._sending)

    # ---- requests ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._reader.feed(data)
        if self._visit is None:
            self._next()
        elif self._reader.requests:
            self._transport.pause_reading()

    def _next(self) -> None:
        """Serve the next request that has come."""
        if self._unfinished is not None:
            self._unfinished.body.clear()
            if not self._unfinished.complete and self._unfinished.error is None:
                return
            self._unfinished = None
        requests = self._reader.requests
        if not requests:
            return
        request = requests.popleft()
        if request.error is None and _METHOD.fullmatch(request.method):
            self._serve(request)
        else:
            self._transport.write(self.nginx.site.answer(request.method.decode("latin-1"), 400, False).data)
            self.close()

    def _serve(self, request: Request) -> None:
        nginx, worker = self.nginx, self.worker
        assert worker is not None
        journey = self._transport.get_extra_info("journey")
        self._visit = visit = nginx.begin(request, worker, journey)
        if visit.service.ends_ns <= visit.arrived_ns:
            self._worked()
            return
        token = JOURNEY.set(journey)  # the timer's: this connection may have been opened in another one
        nginx.call_at(visit.service.ends_ns, self._worked)
        JOURNEY.reset(token)

    def _worked(self) -> None:
        """The worker has done its part. Comes once for each visit, also if the connection has gone meanwhile."""
        visit = self._visit
        if visit is None:
            return
        self.nginx.worked(visit)
        if visit.fate.delay_ns and not self.nginx.has_ended:
            self.nginx.call_at(self.nginx.now_ns() + visit.fate.delay_ns, self._suffered)
        else:
            self._suffered()

    def _suffered(self) -> None:
        """The time has come for an answer, or for what a user has put in its place."""
        visit = self._visit
        if visit is None:
            return
        if self.nginx.has_ended:
            self.requests += 1
            self._end_visit(visit)
        elif visit.fate.end == ANSWER:
            self._answer(visit)
        else:
            self._do_not_answer(visit)

    def _do_not_answer(self, visit: Visit) -> None:
        fate, record = visit.fate, self.nginx.context.record
        record("nginx.no_answer", mode=fate.end, latency_ms=fate.delay_ns / MILLISECOND)
        self.requests += 1
        if fate.end == STALL and not self._closing:
            return  # until the client, or nginx, has gone
        self._end_visit(visit)
        if fate.end == RESET:
            self._closing = True
            self._transport.abort()
        else:
            self.close()

    def _answer(self, visit: Visit) -> None:
        request, nginx = visit.request, self.nginx
        self.requests += 1
        keep_alive = request.keep_alive and nginx.may_persist(self)
        status, answer = nginx.site.visit(request, self._remote, visit.fate.status, keep_alive)
        if visit.journey is not None:
            self._tell_answer(visit, status, answer)
        if answer.streamed:
            self._sending = Sending(visit, status, answer, keep_alive)
            if self._closing:
                self._sent(self._sending)
                return
            self._transport.write(answer.data)
            self._send_on()
            return
        self._end_visit(visit)
        if not self._closing:
            self._transport.write(answer.data)
            self._after(request, keep_alive)

    def _after(self, request: Request, keep_alive: bool) -> None:
        """An answer is on its way."""
        if not keep_alive:
            self.close()
            return
        self._unfinished = request if not request.complete else None
        if self._reader.requests or self._unfinished is not None:
            self._transport.resume_reading()
            self._next()

    # ---- a file's content ----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._sending is not None:
            self._send_on()

    def _send_on(self) -> None:
        """As much as the socket takes; it says when it takes more."""
        sending = self._sending
        assert sending is not None
        self.idle_since_ns = self.nginx.now_ns()
        while sending.at < sending.end and not self._paused and not self._closing:
            chunk = content(sending.at, min(CHUNK_BYTES, sending.end - sending.at))
            sending.at += len(chunk)
            self._transport.write(chunk)
        if sending.at == sending.end and self._sending is sending:
            self._sent(sending)

    def _sent(self, sending: Sending) -> None:
        """All of it is with the kernel, or the client has gone."""
        self._sending = None
        request = sending.visit.request
        self.nginx.site.sent(request, self._remote, sending.status, sending.at - sending.began)
        self._end_visit(sending.visit)
        if not self._closing:
            self._after(request, sending.keep_alive and self.nginx.may_persist(self))

    # ---- the end of a visit --------------------------------------------------------------------------------

    def _end_visit(self, visit: Visit) -> None:
        self._visit = None
        self.idle_since_ns = self.nginx.now_ns()
        self.nginx.left(visit)
        if self.requests == 1 and not self._closing:  # what is waited for is another silence now
            self._timer.cancel()
            self._await_silence(self.idle_since_ns + self.nginx.settings.keepalive_timeout)

    # ---- the journal ---------------------------------------------------------------------------------------

    def _tell_answer(self, visit: Visit, status: int, answer: Answer) -> None:
        assert self.worker is not None
        self.nginx.context.record(
            "nginx.answer",
            journey=visit.journey,
            status=status,
            bytes=answer.body_bytes,
            service_ms=visit.service_ns / MILLISECOND,
            queued_ms=(visit.service.begins_ns - visit.arrived_ns) / MILLISECOND,
            worker=self.worker.number,
            **({} if visit.fate is ANSWERED else {"latency_ms": visit.fate.delay_ns / MILLISECOND}),
        )
