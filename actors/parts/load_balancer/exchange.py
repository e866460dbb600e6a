"""One request on its way through the node: what was decided, what went where and when, and what the log says of it.

How this works. The client's side (`client.py`, or a stream of `h2_client.py`) makes an exchange for each request and
starts it when it is its turn. The exchange asks the listener's rules (`routing.py`), gets a target and is then driven
from both sides: the client's data feed `body_arrived`, the target's connection hands responses to `pass_on`. It ends in
exactly one of `refuse` (an answer of the ALB's own, always for a `Cause`), `answer` (a rule's), `pass_on` (the
response's end), `fail` after a head has been sent, and `client_gone`; all go through `_finish`, which gives
back the target, writes the log line and tells the client's side. After a 101 it carries a WebSocket until one end
closes.
"""

import asyncio
from typing import TYPE_CHECKING

from actors.parts.load_balancer.answers import Answer, error_answer
from actors.parts.load_balancer.routing import route
from actors.parts.load_balancer.stickiness import Stickiness
from actors.parts.load_balancer.target_head import take_trace
from actors.parts.load_balancer.telling import log_entry, tell_request, tell_response, told_on_the_way
from actors.protocols import alb_log
from actors.protocols.alb_causes import Cause
from actors.protocols.balancing import State, Target
from actors.protocols.desync import BLOCKED, REASONS, Class
from actors.protocols.forwarded_fields import Location, locate, too_many_forwarded
from actors.protocols.http1 import LAST_CHUNK, Request, Response, chunk
from actors.protocols.listener_rules import Rule

if TYPE_CHECKING:
    from actors.parts.load_balancer.client_side import Client
    from actors.parts.load_balancer.h2_target_stream import H2TargetStream
    from actors.parts.load_balancer.target import TargetConnection
    from actors.parts.load_balancer.target_group import RunningGroup

UPLOAD_BUFFER = 64 * 1024
"""How much of a body is held while its target's connection is being opened."""

POSTPONED = 1460
"""Content of a known length is held until so much of it has come, or all: one segment.

A target that sends less than it has promised, and then falls silent, thus costs a 504, as AWS says, not half an answer.
How much AWS holds is unknown."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_more",
        "answered_ns",
        "body_ended",
        "cause",
        "client",
        "connection",
        "error_reason",
        "executed",
        "first_byte_ns",
        "given",
        "group",
        "head_sent",
        "journey",
        "location",
        "node",
        "outgoing",
        "over",
        "received_ns",
        "redirect_url",
        "request",
        "rule",
        "sent_bytes",
        "sent_ns",
        "stickiness",
        "target",
        "target_status",
        "trace",
        "tunnelling",
    )

    def __init__(self, client: "Client", request: Request, received_ns: int, journey: str | None) -> None:
        self.client = client
        self.node = client.node
        self.request = request
        self.received_ns = received_ns
        self.journey = journey
        self.location = Location(b"-", b"", request.target)
        self.outgoing = self.location
        """Where the target is asked for: as the client did, but for what a rule's transforms rewrite."""
        self.stickiness: Stickiness | None = None
        """Adds cookies to the target's response."""
        self.redirect_url = "-"
        self.error_reason = "-"
        self.executed = ""
        """The actions that were carried out, as the access log has them."""
        self._more: asyncio.Future[None] | None = None
        self.trace = b""
        self.rule: Rule | None = None
        self.group: RunningGroup | None = None
        self.target: Target | None = None
        self.connection: TargetConnection | H2TargetStream | None = None
        self.sent_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.answered_ns: int | None = None
        """When the head of a target's response was sent on."""
        self.target_status = 0
        self.sent_bytes = 0
        self.head_sent = False
        self.body_ended = False
        self.cause: Cause | None = None
        self.given: tuple[int, State, int] = (0, State.UNUSED, 0)
        """The target when it was chosen: its outstanding requests, its state, and how many targets were healthy."""
        self.tunnelling = False
        self.over = False

    # ---- what is to be done with it ----------------------------------------------------------------------

    def start(self) -> None:
        """Decide what becomes of the request, now that it is its turn."""
        request = self.request
        try:
            self.location = self.outgoing = locate(
                request.target, request.fields.get(b"host"), self.node.dns_name
            )
        except ValueError:
            request.error = request.error or Cause.MALFORMED_REQUEST
        if self.journey is not None:
            tell_request(self)
        cause = request.error or self._objection()
        if cause is not None:
            self.refuse(cause)
        else:
            route(self)

    def _objection(self) -> Cause | None:
        """Why a request that can be read is not served."""
        request, attributes = self.request, self.node.attributes
        if request.oddity:
            mode = attributes.desync_mitigation
            self.node.count_noncompliant()
            if REASONS[request.oddity] in BLOCKED[mode]:
                request.keep_alive = False
                return Cause.DESYNC_MITIGATION
            if REASONS[request.oddity] is Class.AMBIGUOUS and mode == "defensive":
                request.keep_alive = False  # and the target's connection is not used again either
        if request.method == b"TRACE":
            return Cause.METHOD_NOT_ALLOWED
        if request.hosts and not attributes.preserve_host:
            return Cause.MALFORMED_REQUEST
        if too_many_forwarded(request.fields.get(b"x-forwarded-for")):
            return Cause.TOO_MANY_FORWARDED
        return None

    def reusable(self) -> bool:
        """Whether the target's connection may carry other requests after this one."""
        request = self.request
        return request.complete and (not request.oddity or request.keep_alive)

    def note_choice(self, group: "RunningGroup", target: Target) -> None:
        """The target has been chosen, for these numbers."""
        self.target = target
        self.given = (target.outstanding - 1, target.state, group.engine.counts[State.HEALTHY])

    # ---- towards the target ------------------------------------------------------------------------------

    def take_content(self) -> bytes:
        """What has come of the request's content and not been taken yet, as it is."""
        body = self.request.body
        data = b"".join(body)
        body.clear()
        return data

    def take_body(self) -> bytes:
        """What has come of the request's content and not been taken yet, framed for the target."""
        request = self.request
        if request.chunked:
            data = b"".join(map(chunk, request.body))
            if request.complete and not self.body_ended:
                self.body_ended = True
                data += LAST_CHUNK
        else:
            data = b"".join(request.body)
        request.body.clear()
        return data

    def body_arrived(self) -> None:
        """More of the request's content has been read, or it turned out to be broken."""
        if self._more is not None:
            self._wake()
        if self.request.error:
            self.fail(self.request.error)
        elif self.connection is not None:
            self.connection.send_body()

    async def content(self, most_bytes: int) -> bytes:
        """The beginning of the request's content, as soon as so much of it has come, or all."""
        request = self.request
        while not (self.over or request.complete or sum(map(len, request.body)) >= most_bytes):
            self._more = asyncio.get_running_loop().create_future()
            await self._more
        return b"".join(request.body)[:most_bytes]

    def _wake(self) -> None:
        more, self._more = self._more, None
        if more is not None and not more.done():
            more.set_result(None)

    def executes(self, action: str) -> None:
        """An action is being carried out."""
        self.executed = f"{self.executed},{action}" if self.executed else action

    def upload_blocked(self) -> bool:
        """Whether the client should wait with the rest of its request."""
        if self.connection is not None:
            return self.connection.write_paused
        return bool(self.request.body) and sum(map(len, self.request.body)) > UPLOAD_BUFFER

    # ---- towards the client ------------------------------------------------------------------------------

    def pass_on(self, response: Response) -> None:
        """Send what has come of the target's response; its end is the exchange's."""
        opening = not self.head_sent
        if opening:
            if self.first_byte_ns is None:
                self._head_came(response)
            if not response.complete and _postponed(response):
                return
            self.head_sent = True
            self.answered_ns = self.node.context.now_ns()
        with told_on_the_way(self, opening):
            self.sent_bytes += self.client.pass_on(self, response, opening)
        response.body.clear()
        if response.complete:
            self._finish(response.status, "target")

    def cookies(self, response: Response) -> bytes:
        """Lines of the load balancer's own for the head of this response: cookies, and what the listener adds."""
        headers = self.client.listener.headers
        added = headers.of_response(response) if headers.changes_responses else b""
        return added if self.stickiness is None else added + self.stickiness.cookies_for(response)

    def _head_came(self, response: Response) -> None:
        self.first_byte_ns = self.node.context.now_ns()
        self.target_status = response.status
        if self.journey is not None:
            self.node.context.record(
                "http.response",
                journey=self.journey,
                status=response.status,
                source=self.target.text if self.target else "",
                content_length=response.fields.get(b"content-length", b"").decode("latin-1"),
            )

    def refuse(self, cause: Cause) -> None:
        """Answer with an error of the ALB's own."""
        self.cause = cause
        self.answer(error_answer(cause.status), "elb")

    def answer(self, answer: Answer, source: str) -> None:
        """Answer without a target; `source` is `elb`, or the rule's action that says so."""
        headers = self.client.listener.headers
        if headers.changes_answers:
            answer = headers.of_answer(answer)
        with told_on_the_way(self, True):
            self.sent_bytes += self.client.answer(self, answer)
        self._finish(answer.status, source)

    # ---- a WebSocket -------------------------------------------------------------------------------------

    def switch(self, response: Response, rest: bytes) -> None:
        """The target has switched protocols: from now on bytes go both ways as they come, first `rest`."""
        self._head_came(response)
        self.head_sent = self.tunnelling = True
        self.answered_ns = self.first_byte_ns
        self.sent_bytes += self.client.pass_on(self, response, True)
        if rest:
            self.relay(rest)
        early = self.client.tunnel()
        if early:
            self.relay_up(early)

    def relay(self, data: bytes) -> None:
        """Bytes from the target."""
        self.sent_bytes += len(data)
        self.client.send(data)

    def relay_up(self, data: bytes) -> None:
        """Bytes from the client."""
        self.request.body_bytes += len(data)
        if self.connection is not None:
            self.connection.relay(data)

    def _end_tunnel(self) -> None:
        """One end has closed, or it has been quiet for too long: close the other, or both."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.leave()
        self.request.keep_alive = False
        self._finish(101, "target")

    # ---- how it ends -------------------------------------------------------------------------------------

    def fail(self, cause: Cause) -> None:
        """The target, or the rest of the request, is not to be had: refuse, or cut short what has been begun."""
        if self.over:
            return
        if self.tunnelling:
            self._end_tunnel()
            return
        self._drop_target()
        if self.head_sent:
            self.cause = cause
            self.client.break_off()
            self._finish(self.target_status, "target")
        else:
            self.refuse(cause)

    def client_gone(self) -> None:
        """The client closed before its answer was complete: 460, or 400 when its request was not."""
        if self.tunnelling:
            self._end_tunnel()
            return
        self._drop_target()
        cause = Cause.CLIENT_CLOSED if self.request.complete else Cause.CLIENT_CLOSED_MID_REQUEST
        self.cause = cause
        if self.head_sent:
            self._finish(self.target_status, "target")
        else:
            self._finish(cause.status, "elb")

    def _drop_target(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.drop()

    def _finish(self, status: int, source: str) -> None:
        self.over = True
        if self._more is not None:
            self._wake()
        now_ns = self.node.context.now_ns()
        group, target = self.group, self.target
        if not self.trace and self.request.method:
            take_trace(self)
        if self.cause is not None or (status >= 500 and source == "target"):
            self.node.errors.note(self, status, source, now_ns)
        if group is not None and target is not None:
            group.take_back(target, self)
        request = self.request
        self.node.processed_bytes.value += self.sent_bytes + request.head_bytes + request.body_bytes
        self.node.count_request(group.name if group else "-", status, source)
        self.node.log.write(alb_log.line(log_entry(self, status, now_ns)))
        if self.journey is not None:
            tell_response(self, status, source, now_ns)
        self.client.exchange_over(self)


def _postponed(response: Response) -> bool:
    """Whether the little that has come of a response waits for more."""
    if response.chunked or response.until_close:
        return False
    return sum(map(len, response.body)) < POSTPONED
