"""The header fields that an ALB adds or rewrites on the way to a target: Host, X-Forwarded-*, X-Amzn-Trace-Id.

Texts are bytes, as they stand in a head. Rules: ALB user guide, "HTTP headers and Application Load Balancers",
"Request tracing", and the attributes `routing.http.preserve_host_header.enabled`, `.xff_client_port.enabled`,
`.xff_header_processing.mode`.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_FORWARDED_FOR = 30


class Location(NamedTuple):
    """Where a request wants to go: host without port, port of the Host field or b"", path with query."""

    host: bytes
    port: bytes
    target: bytes


def locate(target: bytes, host: bytes | None, default_host: bytes) -> Location:
    """Host and origin-form target of a request; an absolute-form target's host wins over the Host field.

    `default_host` (the load balancer's own name) stands in where an HTTP/1.0 request has none. Raises ValueError.
    """
    if not target.startswith((b"/", b"*")):
        parts = urlsplit(target)
        if parts.scheme.lower() not in (b"http", b"https") or not parts.netloc:
            raise ValueError(f"{target[:80]!r} is not a request target")
        host = parts.netloc.rpartition(b"@")[2]
        target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    if not host:
        return Location(default_host.lower(), b"", target)
    name, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        return Location(name.lower(), port, target)
    return Location(host.lower(), b"", target)


def host_field(location: Location, listener_port: int) -> bytes:
    """Host as the target gets it: no port for listeners on 80 and 443, the listener's where it is missing elsewhere."""
    if listener_port in (80, 443):
        return location.host
    return b"%b:%b" % (location.host, location.port or b"%d" % listener_port)


def forwarded_for(existing: bytes | None, client: bytes, mode: str) -> bytes | None:
    """X-Forwarded-For for the target: `append`, `preserve` or `remove`; None for no such field."""
    match mode:
        case "append":
            return b"%b, %b" % (existing, client) if existing else client
        case "preserve":
            return existing
        case _:
            return None


def too_many_forwarded(existing: bytes | None) -> bool:
    """More than 30 addresses: an ALB answers 463."""
    return existing is not None and existing.count(b",") >= MAX_FORWARDED_FOR


def trace_root(journey: str) -> bytes:
    """32 hex digits as `1-<8>-<24>`, the version, time and random part of a trace id."""
    return b"1-%b-%b" % (journey[:8].encode(), journey[8:].encode())


def trace_id(existing: bytes | None, fresh: bytes) -> bytes:
    """X-Amzn-Trace-Id for the target; `fresh` is `1-<8>-<24>`.

    None before: a Root. A Root before: our Self in front of it (a Self that was there is replaced). Neither (unknown
    at AWS): a Root in front of the custom fields.
    """
    if not existing:
        return b"Root=" + fresh
    kept = [part for part in existing.split(b";") if not re.match(rb"\s*Self=", part)]
    rest = b";".join(kept)
    has_root = any(part.strip().startswith(b"Root=") for part in kept)
    return b"%b=%b%b%b" % (b"Self" if has_root else b"Root", fresh, b";" if rest else b"", rest)
