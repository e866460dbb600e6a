"""One request of a program on its way to a site, and the answer on its way back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.parts.browser import Stopwatch
from actors.parts.clients.asking import Asked
from actors.parts.clients.framing import Framing
from actors.parts.clients.head import Pace, link_field, program_of, request_head
from actors.protocols.forwarded_fields import trace_root
from actors.protocols.http1 import Request, Response, chunk, last_chunk

if TYPE_CHECKING:
    from actors.parts.clients.lobby import Lobby


class Exchange:
    """A request, what was decided about it, and how far it is. `journey` is None when it is not being recorded."""

    __slots__ = (
        "answered", "body_bytes", "body_ended", "by_field", "facts", "framing", "journey", "lobby", "request",
        "retries", "sent", "site", "status", "target", "trace", "upgraded", "watch",
    )  # fmt: skip

    framing: Framing
    """Of the answer, once that has begun to come."""

    def __init__(self, lobby: "Lobby", request: Request, asked: Asked, via: str) -> None:
        self.lobby = lobby
        self.request = request
        self.site, self.target, self.by_field = asked
        self.journey = lobby.ids.journey()
        self.trace = request.fields.get(b"x-amzn-trace-id")
        self.watch = Stopwatch(lobby.context)
        self.sent = self.answered = self.upgraded = self.body_ended = False
        self.retries = 0
        self.body_bytes = self.status = 0
        self.facts: Mapping[str, int] = {}
        """What the load balancer tells of its part (`wire.baggage`)."""
        lobby.told.offered.value += 1
        if self.journey is not None:
            method, url = request.method.decode("latin-1"), f"{self.site}{self.target.decode('latin-1')}"
            program = program_of(request.user_agent)
            self.record("journey.start", url=url, method=method, via=via, program=program)

    def record(self, kind: str, /, **fields: object) -> None:
        self.lobby.context.record(kind, journey=self.journey, **fields)

    def head(self) -> bytes:
        """The request's head as it goes out. A journey's trace id the load balancer makes itself; else we make one."""
        self.body_ended = False
        sent = self.trace
        if self.trace is None:
            self.trace = b"Root=" + trace_root(self.journey or self.lobby.ids.fresh())
            if self.journey is None:
                sent = self.trace
        if self.journey is not None:
            self.record("http.request", method=self.request.method.decode("latin-1"), url=f"{self.site}")
        return request_head(self.request, self.site, self.target, sent)

    def take_body(self) -> bytes:
        """What has come of the request's content and not been taken yet, framed."""
        request = self.request
        if request.chunked:
            pieces = [*map(chunk, request.body)]
            if request.complete and not self.body_ended:
                self.body_ended = True
                pieces.append(last_chunk(request.trailers))
            data = b"".join(pieces)
        else:
            data = b"".join(request.body)
        request.body.clear()
        return data

    def open_answer(self, response: Response) -> bytes:
        """An answer has begun to come: its head, as the program gets it."""
        self.answered, self.status = True, response.status
        self.watch.enter("download")
        self.framing = Framing.of(self.request, response)
        return self.framing.head(response, self.ours())

    def may_retry(self) -> bool:
        """Whether it may be sent again after a kept connection has turned out to be closed (RFC 9110 section 9.2.2)."""
        request = self.request
        safe = request.method in (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE")
        return safe and request.complete and not request.body_bytes and not self.answered and not self.retries

    def ours(self) -> bytes:
        """The fields that we add to the answer; with the times, if it is the site's."""
        out = [Pace.of(self.watch, self.facts).field] if self.answered else []
        if self.trace is not None:
            out.append(b"X-Amzn-Trace-Id: %b\r\n" % self.trace)
        if self.journey is not None:
            out.append(link_field(self.lobby.page, self.journey))
        return b"".join(out)

    def explained(self, words: str) -> str:
        """What the ingress answers in place of the site."""
        if self.journey is None:
            where = "not recorded, as too many requests came at once; ask again for its journey"
        else:
            where = f"journey {self.journey}: `journey explain request {self.journey}` tells it hop by hop"
        return f"No answer from {self.site}: {words}.\n{where}\n"

    def done(self) -> None:
        """The whole answer has come."""
        watch = self.watch
        watch.stop()
        self.lobby.told.fetched(self.status, watch.total_ms, None, None, self.journey)
        if self.journey is not None:
            self.record("http.response", status=self.status, bytes=self.body_bytes)
            self.record(
                "journey.end",
                status=self.status,
                total_ms=watch.total_ms,
                phases=watch.phases_ms,
                body_bytes=self.body_bytes,
            )

    def failed(self, words: str) -> None:
        """There will be no (whole) answer."""
        watch = self.watch
        watch.stop()
        self.lobby.told.fetched(0, watch.total_ms, watch.phase, words, self.journey)
        if self.journey is not None:
            self.record("journey.failed", error=words, phase=watch.phase)
