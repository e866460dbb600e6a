"""The head of a request as its target gets it: fields that an ALB adds, rewrites, drops (ALB guide, "HTTP headers")."""

from typing import TYPE_CHECKING

from actors.protocols.forwarded_fields import forwarded_for, host_field, trace_id, trace_root
from actors.protocols.http1 import valid_lines

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange

LONG_HEAD = 7 * 1024
"""With longer headers X-Amzn-Trace-Id is rewritten to a Root alone (ALB guide, "Request tracing")."""


def head_for_target(exchange: "Exchange") -> bytes:
    """The request's head as the target gets it, as far as the body's framing."""
    request, client, node = exchange.request, exchange.client, exchange.node
    fields, attributes = request.fields, node.attributes
    take_trace(exchange)
    forwarded = forwarded_for(fields.get(b"x-forwarded-for"), client.forwarded_as, attributes.xff_mode)
    if attributes.preserve_host and exchange.outgoing.host == exchange.location.host:
        host = b"\r\nHost: ".join((fields.get(b"host", node.dns_name), *request.hosts))
    else:
        host = host_field(exchange.outgoing, client.listener.port)
    framing = request.framing
    lines = request.lines
    if request.invalid:
        dropping = attributes.drop_invalid_header_fields
        lines = valid_lines(lines) if dropping else lines
        node.count_invalid(dropping)
    return b"%b %b HTTP/1.1\r\n%b%b%bHost: %b\r\nX-Amzn-Trace-Id: %b\r\n%b%b\r\n" % (
        request.method,
        exchange.outgoing.target,
        b"" if forwarded is None else b"X-Forwarded-For: %b\r\n" % forwarded,
        client.listener.forwarded_lines,
        client.tls_lines if attributes.tls_fields else b"",
        host,
        exchange.trace,
        framing,
        b"".join(lines),
    )


def take_trace(exchange: "Exchange") -> None:
    """The request's trace id: the journey's, or a fresh one."""
    node, journey = exchange.node, exchange.journey
    existing = exchange.request.fields.get(b"x-amzn-trace-id")
    if existing and exchange.request.head_bytes > LONG_HEAD:
        existing = None
    exchange.trace = trace_id(existing, node.fresh_trace() if journey is None else trace_root(journey))
