"""Heads on their way through the ingress: the request's towards the site, the answer's towards the program."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from actors.parts.browser import Stopwatch
from actors.parts.clients.sites import Site
from actors.protocols.http1 import Request, Response

_PASSED_ON = {
    b"x-forwarded-for": b"X-Forwarded-For",
    b"x-forwarded-port": b"X-Forwarded-Port",
    b"x-forwarded-proto": b"X-Forwarded-Proto",
    b"expect": b"Expect",
}
_NOT_OURS_TO_TELL = b"proxy-authorization:"
"""It is for this proxy (RFC 9110 section 11.7.2), and no business of the site's."""


_PRODUCT = re.compile(rb"[A-Za-z][A-Za-z0-9._-]{0,30}(?=/|$)")


def program_of(user_agent: bytes) -> str | None:
    """Who asks, in a word, as a User-Agent field begins (RFC 9110 section 10.1.5); None if it does not say."""
    found = _PRODUCT.match(user_agent)
    if found is None:
        return None
    return "a browser" if found[0] == b"Mozilla" else found[0].decode()


class Pace(NamedTuple):
    """What of a request's time is known when its answer begins, in model nanoseconds; all of it measured."""

    dns_ns: int
    connect_ns: int
    tls_ns: int
    wait_ns: int
    """From when the request could be sent until the head of the answer was here."""
    facts: Mapping[str, int]
    """Of the load balancer, if the answer's mark has brought it: what it took itself, and how long for a target."""

    @classmethod
    def of(cls, watch: Stopwatch, facts: Mapping[str, int]) -> "Pace":
        spent = watch.spent_ns
        return cls(spent["dns"], spent["tcp"], spent["tls"], spent["first_byte"], facts)

    def parts(self) -> list[tuple[bytes, int]]:
        """Each with its name; they add up to the total."""
        own = [(b"dns", self.dns_ns), (b"connect", self.connect_ns), (b"tls", self.tls_ns)]
        alb_ns, target_ns = self.facts.get("alb_ns"), self.facts.get("target_ns")
        network_ns = self.wait_ns - (alb_ns or 0) - (target_ns or 0)
        if alb_ns is None or network_ns < 0:  # nobody has told, or by another clock: what we know, undivided
            return [*own, (b'wait;desc="from request to answer"', self.wait_ns)]
        theirs = [(b'network;desc="to the load balancer and back"', network_ns)]
        theirs.append((b'alb;desc="the load balancer itself"', alb_ns))
        if target_ns is not None:
            theirs.append((b'target;desc="from the load balancer to the target and back"', target_ns))
        return own + theirs

    @property
    def field(self) -> bytes:
        """Server-Timing (W3C Server Timing, section 3), in model ms, up to the head of the answer."""
        parts = self.parts()
        parts.append((b"total", sum(ns for _, ns in parts)))
        return b"Server-Timing: %b\r\n" % b", ".join(b"%b;dur=%.3f" % (name, ns / 1e6) for name, ns in parts)


def request_head(request: Request, site: Site, target: bytes, trace: bytes | None) -> bytes:
    """The request as the laptop sends it: the same, but for what concerned the connection that it came by."""
    fields = request.fields
    framing = request.framing
    if request.chunked and b"trailer" in fields:
        framing += b"Trailer: %b\r\n" % fields[b"trailer"]
    if b"trailers" in fields.get(b"te", b"").lower() and not request.websocket:
        framing += b"TE: trailers\r\nConnection: TE\r\n"
    for lower, name in _PASSED_ON.items():
        if lower in fields:
            framing += b"%b: %b\r\n" % (name, fields[lower])
    lines = [line for line in request.lines if not line.lower().startswith(_NOT_OURS_TO_TELL)]
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (
        request.method,
        target,
        site.authority.encode(),
        b"".join(lines),
        framing if trace is None else b"X-Amzn-Trace-Id: %b\r\n%b" % (trace, framing),
    )


def link_field(page: str, journey: str) -> bytes:
    """Where the journey is described (RFC 8288, with the registered relation `describedby`)."""
    return b'Link: <%b%b>; rel="describedby"\r\n' % (page.encode(), journey.encode())


def response_head(response: Response, *, chunked: bool, connection: bytes, ours: bytes) -> bytes:
    """The answer's head as the program gets it; `ours` is what we say beside."""
    fields, framing = response.fields, b""
    if chunked or (response.chunked and response.complete):
        framing = b"Transfer-Encoding: chunked\r\n"
        if b"trailer" in fields:
            framing += b"Trailer: %b\r\n" % fields[b"trailer"]
    elif b"content-length" in fields:
        framing = b"Content-Length: %b\r\n" % fields[b"content-length"]
    return b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n" % (
        response.status,
        response.reason,
        b"".join(response.lines),
        framing,
        connection,
        ours,
    )


def interim_head(response: Response) -> bytes:
    """A 1xx response, passed on as it came (RFC 9110 section 15.2)."""
    upgrade = b""
    if response.status == 101:
        upgrade = b"Upgrade: %b\r\nConnection: Upgrade\r\n" % response.fields.get(b"upgrade", b"websocket")
    lines = b"".join(response.lines)
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (response.status, response.reason, lines, upgrade)


def refusal(status: int, reason: str, words: str, *, keep: bool, head_only: bool, ours: bytes = b"") -> bytes:
    """An answer of the ingress itself, in plain words."""
    body = words.encode()
    connection = b"" if keep else b"Connection: close\r\n"
    head = (
        b"HTTP/1.1 %d %b\r\nServer: packet-journey\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\nContent-Length: %d\r\n%b%b\r\n"
        % (status, reason.encode(), len(body), connection, ours)
    )
    return head if head_only else head + body
