"""Responses as an ALB writes them: its own error pages, fixed responses, and the heads of what targets answered."""

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from actors.protocols.http1 import Response, http_date
from actors.protocols.listener_rules import FixedResponse

SERVER = b"awselb/2.0"

REASONS = {
    301: "Moved Permanently",
    302: "Found",
    400: "Bad Request",
    401: "Authorization Required",
    403: "Forbidden",
    405: "Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    460: "",
    463: "",
    464: "",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
    561: "",
    562: "",
}

_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"

SWITCHED = b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"


class Answer(NamedTuple):
    """An answer of the load balancer's own; `more` are further fields, such as `Location`, as (name, value)."""

    status: int
    reason: bytes
    media: bytes
    body: bytes
    more: tuple[tuple[bytes, bytes], ...] = ()
    server: bool = True
    """Whether it says who has answered."""

    def fields(self, unix_s: int) -> list[tuple[bytes, bytes]]:
        """The header fields, without those that belong to a connection."""
        return [
            *([(b"Server", SERVER)] if self.server else []),
            (b"Date", http_date(unix_s).encode()),
            (b"Content-Type", self.media),
            (b"Content-Length", b"%d" % len(self.body)),
            *self.more,
        ]

    def head(self, unix_s: int, keep_alive: bool) -> bytes:
        """The head in HTTP/1.1."""
        lines = b"".join(b"%b: %b\r\n" % field for field in self.fields(unix_s))
        return b"HTTP/1.1 %d %b\r\n%b%b" % (self.status, self.reason, lines, persistence(keep_alive))


@lru_cache(maxsize=64)
def error_answer(status: int) -> Answer:
    """The page of an error."""
    title = f"{status} {REASONS[status]}".rstrip()
    return Answer(status, REASONS[status].encode(), b"text/html", _PAGE.format(title).encode())


def fixed_answer(action: FixedResponse) -> Answer:
    """What a fixed-response action says."""
    try:
        phrase = HTTPStatus(action.status_code).phrase
    except ValueError:
        phrase = ""
    media = f"{action.content_type}; charset=utf-8".encode()
    return Answer(action.status_code, phrase.encode(), media, action.message_body)


def redirect_answer(status: int, url: str) -> Answer:
    """Sends the client to another URL."""
    location = (b"Location", url.encode("latin-1", "replace"))
    return error_answer(status)._replace(more=(location,))


def persistence(keep_alive: bool) -> bytes:
    return b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n"


def passed_on(response: Response, chunked: bool, keep_alive: bool, more: bytes = b"") -> bytes:
    """A target's head as the client gets it; `chunked` when content of unknown length goes out in chunks.

    `more` are lines of our own, such as cookies."""
    length = response.fields.get(b"content-length")
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif length is None or response.chunked:
        framing = b""
    else:
        framing = b"Content-Length: %b\r\n" % length
    return b"HTTP/1.1 %d %b\r\n%b%b%b%b" % (
        response.status,
        response.reason,
        b"".join(response.lines),
        more,
        framing,
        SWITCHED if response.status == 101 else persistence(keep_alive),
    )
