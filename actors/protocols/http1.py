"""HTTP/1.1 messages as a proxy needs them (RFC 9112): bytes in, requests or responses out, and heads written again.

How this works. A reader is fed whatever arrives. `RequestReader.requests` gets a `Request` as soon as its head is
complete; the body's pieces are appended to `request.body` as they come, and `request.complete` says when that was
all. So a body of any size streams through, and pipelined requests queue up in order. `ResponseReader` does the same
for one response at a time, and has to be told the method that it answers.

Framing is the reader's own business: pieces are bare content, and whoever passes them on frames them again
(`chunk`). Hop-by-hop fields (RFC 9110 section 7.6.1) end here. Limits are those of an ALB.
"""

from collections import deque
from email.utils import formatdate
from functools import lru_cache

import httptools

MAX_REQUEST_LINE = 16 * 1024
MAX_HEADER = 16 * 1024
MAX_REQUEST_HEAD = 64 * 1024
MAX_RESPONSE_HEAD = 32 * 1024

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# Fields that are not passed on as they are: those of this connection, and those that a proxy reads or rewrites.
HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"]
)
REQUEST_FIELDS = HOP_BY_HOP | frozenset(
    [
        b"content-length",
        b"expect",
        b"host",
        b"x-amzn-trace-id",
        b"x-forwarded-for",
        b"x-forwarded-port",
        b"x-forwarded-proto",
    ]
)
RESPONSE_FIELDS = HOP_BY_HOP | frozenset([b"content-length"])
PERSISTENT = frozenset([b"close", b"keep-alive", b"upgrade"])


class BadResponse(Exception):
    """What came is not an HTTP/1 response to the request; says what is wrong."""


@lru_cache(maxsize=8)
def http_date(unix_s: int) -> str:
    """A moment as IMF-fixdate (RFC 9110 section 5.6.7)."""
    return formatdate(unix_s, usegmt=True)


def chunk(piece: bytes) -> bytes:
    """A piece of content in the chunked coding (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Request:
    """One request. `fields` are those of `REQUEST_FIELDS`, by lower-case name; `lines` are all others, as they came.

    `error` is the status with which the request must be refused, 0 for none; it may still come while the body does.
    """

    __slots__ = (
        "body",
        "body_bytes",
        "chunked",
        "complete",
        "error",
        "fields",
        "head_bytes",
        "keep_alive",
        "lines",
        "method",
        "target",
        "user_agent",
        "version",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.version = b"1.1"
        self.fields: dict[bytes, bytes] = {}
        self.lines: list[bytes] = []
        self.user_agent = b"-"
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.head_bytes = 0
        self.chunked = False
        self.complete = False
        self.keep_alive = False
        self.error = 0


class RequestReader:
    """Reads the requests of one connection. `mid_head` is true while a head has begun and is not complete."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        self.mid_head = False
        self.failed = False
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._in_body = False
        self._head_fed = 0

    def feed(self, data: bytes) -> None:
        """Take in what arrived. After an error, or after the last request of a connection, the rest is ignored."""
        if self.failed:
            return
        if self.mid_head:
            self._head_fed += len(data)
            if self._head_fed > MAX_REQUEST_LINE + MAX_REQUEST_HEAD:
                self.give_up(400)
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.give_up(_status_of(str(error)))

    def give_up(self, status: int) -> None:
        """Read no further: what has been begun is a request to refuse with this status."""
        self.failed = True
        if self._in_body:
            self._request.error = status
        elif self.mid_head:
            self._request.error = status
            self._request.complete = True
            self.requests.append(self._request)
        self.mid_head = False

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Answer an upgrade as if it had not been asked for (RFC 9110 section 7.8), and read on behind its head."""
        request = self._request
        if (
            request.method == b"CONNECT"
            or request.chunked
            or request.fields.get(b"content-length", b"0") != b"0"
        ):
            request.error, request.keep_alive, self.failed = 400, False, True
            return
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.feed(rest)

    # ---- what the parser calls ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request = Request()
        self._in_body = False
        self._head_fed = 0
        self.mid_head = True

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._request
        size = len(name) + len(value) + 4
        request.head_bytes += size
        if self._in_body:
            if request.head_bytes > MAX_REQUEST_HEAD:
                request.error = 400
            return  # a trailer; proxies may drop those (RFC 9110 section 6.5.1)
        if size > MAX_HEADER:
            request.error = 400
        lower = name.lower()
        if lower in REQUEST_FIELDS:
            if lower in request.fields:
                if lower == b"host":
                    request.error = 400
                value = request.fields[lower] + b", " + value
            request.fields[lower] = value.rstrip()
            return
        if lower == b"user-agent":
            request.user_agent = value
        request.lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        request = self._request
        parser = self._parser
        request.method = parser.get_method()
        request.version = parser.get_http_version().encode()
        request.keep_alive = parser.should_keep_alive()
        request.head_bytes += len(request.method) + len(request.target) + 14
        fields = request.fields
        if b"transfer-encoding" in fields:
            coding = fields[b"transfer-encoding"].lower()
            request.chunked = coding == b"chunked"
            if coding not in (b"chunked", b"identity"):
                request.error = 501
        if len(request.target) > MAX_REQUEST_LINE:
            request.error = 414
        elif request.head_bytes > MAX_REQUEST_HEAD + MAX_REQUEST_LINE or (
            b"host" not in fields and request.version == b"1.1"
        ):
            request.error = 400
        if b"connection" in fields:
            _drop_named(request.lines, fields[b"connection"])
        self._in_body = True
        self.mid_head = False
        self.requests.append(request)

    def on_body(self, piece: bytes) -> None:
        self._request.body.append(piece)
        self._request.body_bytes += len(piece)

    def on_message_complete(self) -> None:
        self._request.complete = True
        self._in_body = False


def _status_of(complaint: str) -> int:
    """The status of an ALB's answer to what httptools complains about."""
    if "PRI/Upgrade" in complaint or "HTTP version" in complaint:
        return 505
    if "invalid `Transfer-Encoding`" in complaint:
        return 501
    return 400


def _drop_named(lines: list[bytes], connection: bytes) -> None:
    """Take out the fields that `Connection` names as being only for this connection."""
    named = {token.strip() for token in connection.lower().split(b",")} - PERSISTENT
    if named:
        lines[:] = [line for line in lines if line.partition(b":")[0].lower() not in named]


class Response:
    """The head of one response, and the pieces of its content as they come."""

    __slots__ = (
        "body",
        "chunked",
        "complete",
        "fields",
        "head_bytes",
        "keep_alive",
        "lines",
        "reason",
        "status",
        "until_close",
    )

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.head_bytes = 0
        self.fields: dict[bytes, bytes] = {}
        self.lines: list[bytes] = []
        self.body: list[bytes] = []
        self.chunked = False
        self.until_close = False
        self.complete = False
        self.keep_alive = False


class ResponseReader:
    """Reads the responses of one connection, one at a time: `expect`, then `feed` until `response.complete`.

    `response` is None until the head is complete; interim (1xx) responses are skipped. Raises `BadResponse`.
    What comes behind the end of a response is ignored and takes away its `keep_alive`.
    """

    def __init__(self) -> None:
        self.response: Response | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._next = Response()
        self._head_only = False
        self._expecting = False
        self._fed = 0

    def expect(self, method: bytes) -> None:
        """A request with this method has been sent."""
        self.response = None
        self._head_only = method == b"HEAD"
        self._expecting = True
        self._fed = 0

    def feed(self, data: bytes) -> None:
        """Take in what arrived."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise BadResponse("switched protocols unasked") from None
        except httptools.HttpParserError as error:
            raise BadResponse(str(error.__context__ or error)) from None
        if self.response is None:
            self._fed += len(data)
            if self._fed > MAX_RESPONSE_HEAD:
                raise BadResponse("the head is longer than 32 KB")

    def end(self) -> bool:
        """The peer has closed. Whether that completes the response."""
        response = self.response
        if response is None or response.complete or not response.until_close:
            return False
        self._complete(response)
        return True

    # ---- what the parser calls ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._next = Response()
        if not self._expecting and self.response is not None:
            self.response.keep_alive = False

    def on_status(self, reason: bytes) -> None:
        self._next.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.response is not None:
            return  # a trailer; proxies may drop those (RFC 9110 section 6.5.1)
        response = self._next
        response.head_bytes += len(name) + len(value) + 4
        lower = name.lower()
        if lower in RESPONSE_FIELDS:
            response.fields[lower] = value.rstrip()
        else:
            response.lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        response = self._next
        response.status = self._parser.get_status_code()
        if response.status < 200 or not self._expecting:
            return
        if response.head_bytes > MAX_RESPONSE_HEAD:
            raise BadResponse("the head is longer than 32 KB")
        response.keep_alive = self._parser.should_keep_alive()
        fields = response.fields
        if b"connection" in fields:
            _drop_named(response.lines, fields[b"connection"])
        self.response = response
        if self._head_only:
            self._complete(response)
            self._parser = httptools.HttpResponseParser(
                self
            )  # the old one waits for a body that will not come
        elif response.status not in (204, 304):
            response.chunked = b"transfer-encoding" in fields
            response.until_close = not response.chunked and b"content-length" not in fields

    def on_body(self, piece: bytes) -> None:
        if self._expecting:
            self._next.body.append(piece)
        elif self.response is not None:
            self.response.keep_alive = False

    def on_message_complete(self) -> None:
        if self._expecting and self._next.status >= 200:
            self._complete(self._next)

    def _complete(self, response: Response) -> None:
        response.complete = True
        self._expecting = False
