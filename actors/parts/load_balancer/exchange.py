"""One request on its way through the node: what was decided, what went where and when, and what the log says of it.

How this works. A `ClientConnection` makes an exchange for each request and starts it when those before it are over.
The exchange asks the listener's rules, chooses a target and is then driven from both sides: the client's data feed
`body_arrived`, the target's connection hands responses to `pass_on`. It ends in exactly one of `refuse` (an answer of
the ALB's own), `pass_on` (the response's end), `fail` after a head has been sent, and `client_gone`; all of them go
through `_finish`, which gives back the target, writes the log line and tells the client connection.
"""

from typing import TYPE_CHECKING

from actors.parts.load_balancer.answers import error_answer, fixed_answer, passed_on
from actors.protocols import alb_log
from actors.protocols.balancing import Target
from actors.protocols.forwarded_fields import (
    Location,
    forwarded_for,
    host_field,
    locate,
    too_many_forwarded,
    trace_id,
    trace_root,
)
from actors.protocols.http1 import CONTINUE, LAST_CHUNK, Request, Response, chunk
from actors.protocols.listener_rules import FixedResponse, Rule
from actors.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from actors.parts.load_balancer.client import ClientConnection
    from actors.parts.load_balancer.target import TargetConnection
    from actors.parts.load_balancer.target_group import RunningGroup

UPLOAD_BUFFER = 64 * 1024
"""How much of a body is held while its target's connection is being opened."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "body_ended",
        "chunked",
        "client",
        "closes",
        "connection",
        "first_byte_ns",
        "group",
        "head_sent",
        "journey",
        "location",
        "node",
        "over",
        "received_ns",
        "request",
        "rule",
        "sent_bytes",
        "sent_ns",
        "target",
        "target_status",
        "trace",
    )

    def __init__(
        self, client: "ClientConnection", request: Request, received_ns: int, journey: str | None
    ) -> None:
        self.client = client
        self.node = client.node
        self.request = request
        self.received_ns = received_ns
        self.journey = journey
        self.location = Location(b"-", b"", request.target)
        self.trace = b""
        self.rule: Rule | None = None
        self.group: RunningGroup | None = None
        self.target: Target | None = None
        self.connection: TargetConnection | None = None
        self.sent_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.target_status = 0
        self.sent_bytes = 0
        self.head_sent = False
        self.chunked = False
        self.closes = False
        self.body_ended = False
        self.over = False

    # ---- what is to be done with it ----------------------------------------------------------------------

    def start(self) -> None:
        """Decide what becomes of the request, now that it is its turn."""
        request = self.request
        try:
            self.location = locate(request.target, request.fields.get(b"host"), self.node.dns_name)
        except ValueError:
            request.error = request.error or 400
        self._tell_request()
        if request.error:
            self.refuse(request.error)
        elif request.method == b"TRACE":
            self.refuse(405)
        elif too_many_forwarded(request.fields.get(b"x-forwarded-for")):
            self.refuse(463)
        else:
            self._follow_rules()

    def _tell_request(self) -> None:
        if self.journey is not None:
            self.node.context.record(
                "http.request",
                journey=self.journey,
                method=self.request.method.decode("latin-1"),
                url=self._url(),
                version=f"HTTP/{self.request.version.decode()}",
                client=self.client.peer,
            )

    def _follow_rules(self) -> None:
        listener = self.client.listener
        host = self.location.host.decode("latin-1")
        path = self.location.target.partition(b"?")[0].decode("latin-1")
        match = listener.rules.match(host, path, self.journey is not None)
        self.rule = rule = match.rule
        if self.journey is not None:
            self.node.context.record(
                "alb.rule",
                journey=self.journey,
                listener=listener.name,
                priority=rule.priority or "default",
                conditions=[str(condition) for condition in rule.conditions],
                action=rule.action.type,
                evaluated=match.evaluated,
            )
        if isinstance(rule.action, FixedResponse):
            self._answer_fixed(rule.action)
        else:
            self._forward(listener.groups[rule.action.target_group])

    def _forward(self, group: "RunningGroup") -> None:
        self.group = group
        recording = self.journey is not None
        choice = group.engine.choose(recording, now_ns=self.node.context.now_ns())
        if choice is None:
            self.refuse(503)
            return
        self.target = choice.target
        if recording:
            self.node.context.record(
                "alb.target",
                journey=self.journey,
                target_group=group.name,
                algorithm=group.engine.algorithm.name,
                candidates=choice.candidates,
                left_out=choice.left_out,
                chosen=choice.target.text,
                why=choice.why,
            )
        if b"expect" in self.request.fields and not self.request.complete and self.request.version == b"1.1":
            self.client.send(CONTINUE)
        group.give(choice.target, self)

    # ---- towards the target ------------------------------------------------------------------------------

    def head_for_target(self) -> bytes:
        """The request's head as the target gets it, as far as the body's framing."""
        request, client, node = self.request, self.client, self.node
        fields = request.fields
        self.trace = trace_id(
            fields.get(b"x-amzn-trace-id"),
            node.fresh_trace() if self.journey is None else trace_root(self.journey),
        )
        forwarded = forwarded_for(
            fields.get(b"x-forwarded-for"), client.forwarded_as, node.attributes.xff_mode
        )
        host = fields.get(b"host", node.dns_name)
        if not node.attributes.preserve_host:
            host = host_field(self.location, client.listener.port)
        if request.chunked:
            framing = b"Transfer-Encoding: chunked\r\n"
        elif b"content-length" in fields:
            framing = b"Content-Length: %b\r\n" % fields[b"content-length"]
        else:
            framing = b""
        return b"%b %b HTTP/1.1\r\n%b%bHost: %b\r\nX-Amzn-Trace-Id: %b\r\n%b%b\r\n" % (
            request.method,
            self.location.target,
            b"" if forwarded is None else b"X-Forwarded-For: %b\r\n" % forwarded,
            client.listener.forwarded_lines,
            host,
            self.trace,
            framing,
            b"".join(request.lines),
        )

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
        if self.request.error:
            self.fail(self.request.error)
        elif self.connection is not None:
            self.connection.send_body()

    def upload_blocked(self) -> bool:
        """Whether the client should wait with the rest of its request."""
        if self.connection is not None:
            return self.connection.write_paused
        return bool(self.request.body) and sum(map(len, self.request.body)) > UPLOAD_BUFFER

    # ---- towards the client ------------------------------------------------------------------------------

    def pass_on(self, response: Response) -> None:
        """Send what has come of the target's response; its end is the exchange's."""
        out = [] if self.head_sent else [self._open(response)]
        if self.chunked:
            out += map(chunk, response.body)
            if response.complete:
                out.append(LAST_CHUNK)
        else:
            out += response.body
        response.body.clear()
        if out:
            self._send(b"".join(out))
        if response.complete:
            self._finish(response.status, "target")

    def _open(self, response: Response) -> bytes:
        """The target has begun to answer: the head for the client."""
        self.first_byte_ns = self.node.context.now_ns()
        self.target_status = response.status
        self.head_sent = True
        endless = response.chunked or response.until_close
        self.chunked = endless and self.request.version == b"1.1"
        self.closes = not self.client.may_persist(self.request) or (endless and not self.chunked)
        if self.journey is not None:
            self.node.context.record(
                "http.response",
                journey=self.journey,
                status=response.status,
                source=self.target.text if self.target else "",
                content_length=response.fields.get(b"content-length", b"").decode("latin-1"),
            )
        return passed_on(response, self.chunked, not self.closes)

    def refuse(self, status: int) -> None:
        """Answer with an error of the ALB's own."""
        self.closes = not self.client.may_persist(self.request)
        head, body = error_answer(status, self.node.context.unix_ns() // SECOND, not self.closes)
        self._answer(status, head, body, "elb")

    def _answer_fixed(self, action: FixedResponse) -> None:
        self.closes = not self.client.may_persist(self.request)
        head, body = fixed_answer(action, self.node.context.unix_ns() // SECOND, not self.closes)
        self._answer(action.status_code, head, body, "fixed_response")

    def _answer(self, status: int, head: bytes, body: bytes, source: str) -> None:
        self._send(head if self.request.method == b"HEAD" else head + body)
        self._finish(status, source)

    def _send(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self.client.send(data)

    # ---- how it ends -------------------------------------------------------------------------------------

    def fail(self, status: int) -> None:
        """The target, or the rest of the request, is not to be had: refuse, or cut short what has been begun."""
        if self.over:
            return
        self._drop_target()
        if self.head_sent:
            self.closes = True
            self.client.abort()
            self._finish(self.target_status, "target")
        else:
            self.refuse(status)

    def client_gone(self) -> None:
        """The client closed before its answer was complete: 460, or 400 when its request was not."""
        self._drop_target()
        if self.head_sent:
            self._finish(self.target_status, "target")
        else:
            self._finish(460 if self.request.complete else 400, "elb")

    def _drop_target(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.drop()

    def _finish(self, status: int, source: str) -> None:
        self.over = True
        now_ns = self.node.context.now_ns()
        group, target = self.group, self.target
        if group is not None and target is not None:
            group.take_back(target, self)
        self.node.count_request(group.name if group else "-", status, source)
        self.node.log.write(alb_log.line(self._entry(status, now_ns)))
        if self.journey is not None:
            self._tell_response(status, source)
        self.client.exchange_over(self)

    def _tell_response(self, status: int, source: str) -> None:
        sent_ns, first_byte_ns = self.sent_ns, self.first_byte_ns
        self.node.context.record(
            "alb.response",
            journey=self.journey,
            status=status,
            target_status=self.target_status or None,
            source=source,
            target_ms=None
            if sent_ns is None or first_byte_ns is None
            else (first_byte_ns - sent_ns) / MILLISECOND,
            bytes=self.sent_bytes,
        )

    def _url(self) -> str:
        listener, location = self.client.listener, self.location
        host, target = location.host.decode("latin-1"), location.target.decode("latin-1")
        return f"{listener.scheme}://{host}:{listener.port}{target}"

    def _entry(self, status: int, now_ns: int) -> alb_log.Entry:
        """The facts for the access log."""
        request, client, group, rule = self.request, self.client, self.group, self.rule
        return alb_log.Entry(
            origin=client.origin,
            target="-" if self.target is None or self.sent_ns is None else self.target.text,
            unix_offset_ns=self.node.context.unix_ns() - now_ns,
            received_ns=self.received_ns,
            sent_ns=self.sent_ns,
            first_byte_ns=self.first_byte_ns,
            answered_ns=self.first_byte_ns or now_ns,
            elb_status=status,
            target_status=self.target_status,
            received_bytes=request.head_bytes + request.body_bytes,
            sent_bytes=self.sent_bytes,
            request=self._request_line(),
            user_agent=request.user_agent.decode("latin-1"),
            target_group_arn=group.arn if group else "-",
            trace_id=self.trace.decode("latin-1") or "-",
            matched_rule_priority=str(rule.priority) if rule else "-",
            actions=rule.action.type if rule else "-",
        )

    def _request_line(self) -> str:
        """As AWS writes it: with the whole URL, and with dashes for what could not be read."""
        method = self.request.method.decode("latin-1")
        if not method:
            listener = self.client.listener
            return f"- {listener.scheme}://{self.node.dns_name.decode()}:{listener.port}- -"
        return f"{method} {self._url()} HTTP/{self.request.version.decode()}"
