"""Heads of responses as an ALB writes them: its own error pages, fixed responses, and what targets answered."""

from functools import lru_cache
from http import HTTPStatus

from actors.protocols.http1 import Response, http_date
from actors.protocols.listener_rules import FixedResponse

SERVER = b"awselb/2.0"

REASONS = {
    301: "Moved Permanently",
    302: "Found",
    400: "Bad Request",
    403: "Forbidden",
    405: "Not Allowed",
    408: "Request Time-out",
    414: "Request-URI Too Large",
    463: "",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}

_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"


@lru_cache(maxsize=64)
def _error_page(status: int) -> tuple[bytes, bytes]:
    title = f"{status} {REASONS[status]}".rstrip()
    return title.encode(), _PAGE.format(title).encode()


def persistence(keep_alive: bool) -> bytes:
    return b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n"


def error_answer(status: int, unix_s: int, keep_alive: bool) -> tuple[bytes, bytes]:
    """Head and body of the ALB's own answer with an error status."""
    title, page = _error_page(status)
    return _own_answer(title, b"text/html", page, unix_s, keep_alive)


def fixed_answer(action: FixedResponse, unix_s: int, keep_alive: bool) -> tuple[bytes, bytes]:
    """Head and body of a fixed-response action."""
    try:
        phrase = HTTPStatus(action.status_code).phrase
    except ValueError:
        phrase = ""
    title = f"{action.status_code} {phrase}".encode()
    media = f"{action.content_type}; charset=utf-8".encode()
    return _own_answer(title, media, action.message_body, unix_s, keep_alive)


def redirect_answer(status: int, url: str, unix_s: int, keep_alive: bool) -> tuple[bytes, bytes]:
    """Head and body of a redirect action."""
    title, page = _error_page(status)
    location = b"Location: %b\r\n" % url.encode("latin-1", "replace")
    return _own_answer(title, b"text/html", page, unix_s, keep_alive, location)


def _own_answer(
    title: bytes, media: bytes, body: bytes, unix_s: int, keep_alive: bool, more: bytes = b""
) -> tuple[bytes, bytes]:
    head = b"HTTP/1.1 %b\r\nServer: %b\r\nDate: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b" % (
        title,
        SERVER,
        http_date(unix_s).encode(),
        media,
        len(body),
        more,
        persistence(keep_alive),
    )
    return head, body


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
        persistence(keep_alive),
    )
