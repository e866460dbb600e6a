"""HTTP/1.1 messages as a proxy needs them (RFC 9112): bytes in, requests or responses out, and heads written again.

How this works. A reader is fed whatever arrives. `RequestReader.requests` gets a `Request` as soon as its head is
complete; the body's pieces are appended to `request.body` as they come, and `request.complete` says when that was
all. So a body of any size streams through, and pipelined requests queue up in order. `ResponseReader` does the same
for one response at a time, and has to be told the method that it answers.

What the fast parser does not take as it stands is looked at again by `desync.py`, which may know how it was meant. An
upgrade to WebSocket stops the reader behind the head: it keeps what comes until it is told to `tunnel` or to `resume`.

A method can be any token: what the fast parser does not know is read as if it were POST, and keeps its name.

Framing is the reader's own business: pieces are bare content, and whoever passes them on frames them again
(`chunk`). Hop-by-hop fields (RFC 9110 section 7.6.1) end here. Limits are those of an ALB.
"""

from actors.protocols.http1.common import (
    CONTINUE,
    LAST_CHUNK,
    MAX_HEADER,
    MAX_REQUEST_HEAD,
    MAX_REQUEST_LINE,
    MAX_RESPONSE_HEAD,
    REQUEST_FIELDS,
    RESPONSE_FIELDS,
    BadResponse,
    ResponseHeadTooLong,
    chunk,
    http_date,
    last_chunk,
    valid_lines,
)
from actors.protocols.http1.requests import Request, RequestReader
from actors.protocols.http1.responses import Response, ResponseReader

__all__ = [
    "CONTINUE",
    "LAST_CHUNK",
    "MAX_HEADER",
    "MAX_REQUEST_HEAD",
    "MAX_REQUEST_LINE",
    "MAX_RESPONSE_HEAD",
    "REQUEST_FIELDS",
    "RESPONSE_FIELDS",
    "BadResponse",
    "Request",
    "RequestReader",
    "Response",
    "ResponseHeadTooLong",
    "ResponseReader",
    "chunk",
    "http_date",
    "last_chunk",
    "valid_lines",
]
