"""What is said of an exchange: in the journal of a recorded journey, in the access log, and in the ring of errors."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from actors.element import Journey
from actors.protocols import alb_log
from actors.protocols.alb_causes import Cause
from actors.protocols.desync import REASONS
from actors.protocols.listener_rules import Transforms
from actors.units import MILLISECOND
from actors.wire.baggage import Laden

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange


def tell_request(exchange: "Exchange") -> None:
    """Record that a request has come."""
    exchange.node.context.record(
        "http.request",
        journey=exchange.journey,
        method=exchange.request.method.decode("latin-1"),
        url=url(exchange),
        version=f"HTTP/{exchange.request.version.decode()}",
        client=exchange.client.peer,
    )


def tell_response(exchange: "Exchange", status: int, source: str, now_ns: int) -> None:
    """Record how it was answered, and why if that was the load balancer's own doing."""
    cause = exchange.cause
    exchange.node.context.record(
        "alb.response",
        journey=exchange.journey,
        status=status,
        target_status=exchange.target_status or None,
        source=source,
        cause=None if cause is None else str(cause),
        sentence=None if cause is None else cause.sentence,
        target=None if exchange.target is None else exchange.target.text,
        bytes=exchange.sent_bytes,
        **times(exchange, now_ns),
    )


def times(exchange: "Exchange", now_ns: int) -> dict[str, float | None]:
    """Where the time went: until it was sent on, from then until the head of the answer, and all of it."""
    sent_ns, first_byte_ns = exchange.sent_ns, exchange.first_byte_ns
    return {
        "request_ms": None if sent_ns is None else (sent_ns - exchange.received_ns) / MILLISECOND,
        "target_ms": None
        if sent_ns is None or first_byte_ns is None
        else (first_byte_ns - sent_ns) / MILLISECOND,
        "total_ms": (now_ns - exchange.received_ns) / MILLISECOND,
    }


_UNTOLD = nullcontext()


def told_on_the_way(exchange: "Exchange", opening: bool) -> AbstractContextManager[None]:
    """Around the sending of an answer's head: the marks of its frames carry what the access log will say of the times,
    in `alb_ns` (request_processing_time and response_processing_time) and `target_ns` (target_processing_time)."""
    if exchange.journey is None or not opening:
        return _UNTOLD
    alb_ns = exchange.node.context.now_ns() - exchange.received_ns
    facts = {"alb_ns": alb_ns}
    if exchange.sent_ns is not None and exchange.first_byte_ns is not None:
        facts["target_ns"] = exchange.first_byte_ns - exchange.sent_ns
        facts["alb_ns"] -= facts["target_ns"]
    return Journey(Laden(exchange.journey, facts))


def url(exchange: "Exchange") -> str:
    """As AWS writes it: with the listener's port."""
    listener, location = exchange.client.listener, exchange.location
    host, target = location.host.decode("latin-1"), location.target.decode("latin-1")
    return f"{listener.scheme}://{host}:{listener.port}{target}"


def log_entry(exchange: "Exchange", status: int, now_ns: int) -> alb_log.Entry:
    """The facts for the access log."""
    request, group, rule = exchange.request, exchange.group, exchange.rule
    origin = exchange.client.origin
    if exchange.tunnelling:
        origin = origin._replace(type="wss" if origin.type == "https" else "ws")
    elif group is not None and group.protocol_version == "GRPC" and origin.type == "h2":
        origin = origin._replace(type="grpcs")
    entry = alb_log.Entry(
        origin=origin,
        target="-" if exchange.target is None else exchange.target.text,
        unix_offset_ns=exchange.node.context.unix_ns() - now_ns,
        received_ns=exchange.received_ns,
        sent_ns=exchange.sent_ns,
        first_byte_ns=exchange.first_byte_ns if exchange.head_sent else None,
        answered_ns=now_ns if exchange.answered_ns is None else exchange.answered_ns,
        elb_status=status,
        target_status=exchange.target_status,
        received_bytes=request.head_bytes + request.body_bytes,
        sent_bytes=exchange.sent_bytes,
        request=request_line(exchange),
        user_agent=request.user_agent.decode("latin-1"),
        target_group_arn=group.arn if group else "-",
        trace_id=exchange.trace.decode("latin-1") or "-",
        matched_rule_priority=str(rule.priority) if rule else "-",
        actions=exchange.executed or "-",
        redirect_url=exchange.redirect_url,
        error_reason=exchange.error_reason,
        classification=REASONS[request.oddity] if request.oddity else "-",
        classification_reason=request.oddity or "-",
    )
    if rule is not None and rule.transforms is not None:
        entry = entry._replace(**_transformed(exchange, rule.transforms))
    return entry


def _transformed(exchange: "Exchange", transforms: Transforms) -> dict[str, Any]:
    """Fields 31 to 33: what a rule's transforms have made of host and URI, and whether they could."""
    outgoing = exchange.outgoing
    status = "TransformSuccess"
    if exchange.cause is Cause.TRANSFORM_FAILED:
        sound = outgoing.target.startswith(b"/") and all(0x20 < octet < 0x7F for octet in outgoing.target)
        status = "TransformInvalidHost" if sound else "TransformInvalidPath"
    return {
        "transformed_host": outgoing.host.decode("latin-1") if transforms.host else "-",
        "transformed_uri": outgoing.target.decode("latin-1") if transforms.url else "-",
        "request_transform_status": status,
    }


def request_line(exchange: "Exchange") -> str:
    """As AWS writes it: with the whole URL, and with dashes for what could not be read."""
    method = exchange.request.method.decode("latin-1")
    if not method:
        listener = exchange.client.listener
        return f"- {listener.scheme}://{exchange.node.dns_name.decode()}:{listener.port}- -"
    return f"{method} {url(exchange)} HTTP/{exchange.request.version.decode()}"
