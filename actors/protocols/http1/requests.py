"""Requests: bytes in, `Request`s out, each as soon as its head is complete."""

from collections import deque
from functools import lru_cache

import httptools

from actors.protocols.alb_causes import Cause
from actors.protocols.desync import examine, framing_reason, is_method, may_go_on, suspicious, worse
from actors.protocols.http1.common import (
    MAX_HEADER,
    MAX_REQUEST_HEAD,
    MAX_REQUEST_LINE,
    REQUEST_FIELDS,
    drop_named,
    trailer,
)

STAND_IN = b"POST "
"""In place of a method that the fast parser does not know: what it makes of a request's rest depends on none."""


class Request:
    """One request. `fields` are those of `REQUEST_FIELDS`, by lower-case name; `lines` are all others, as they came.

    `error` is why the request must be refused, None if it need not; it may still come while the body does. `oddity` is
    the reason of its desync class ("" for a compliant one), `invalid` whether a name has more than letters, digits and
    hyphens, `hosts` the Host fields behind the first, `websocket` whether it wants to go on as one.
    """

    __slots__ = (
        "body",
        "body_bytes",
        "chunked",
        "complete",
        "error",
        "fields",
        "head_bytes",
        "hosts",
        "invalid",
        "keep_alive",
        "lines",
        "method",
        "oddity",
        "target",
        "trailers",
        "user_agent",
        "version",
        "websocket",
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
        self.trailers: list[bytes] = []
        """Lines behind the content, for who passes them on; who does not may drop them (RFC 9110 section 6.5.1)."""
        self.head_bytes = 0
        self.chunked = False
        self.complete = False
        self.keep_alive = False
        self.error: Cause | None = None
        self.oddity = ""
        self.invalid = False
        self.hosts: tuple[bytes, ...] = ()
        self.websocket = False

    @property
    def framing(self) -> bytes:
        """The fields that say what follows the head, for who passes it on: a body by chunks or length, a WebSocket."""
        if self.chunked:
            return b"Transfer-Encoding: chunked\r\n"
        if b"content-length" in self.fields:
            return b"Content-Length: %b\r\n" % self.fields[b"content-length"]
        return b"Upgrade: websocket\r\nConnection: Upgrade\r\n" if self.websocket else b""


class RequestReader:
    """Reads the requests of one connection. `mid_head` is true while a head has begun and is not complete."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        self.mid_head = False
        self.failed = False
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._in_body = False
        self._head = b""
        self._begun = 0
        self._doubtful = self._rare = False
        self._method = b""
        self._oddity = ""
        self._ascii = True
        self._kept: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take in what arrived. After an error, or after the last request of a connection, the rest is ignored."""
        if self.failed:
            return
        if self._kept is not None:
            self._kept += data
            return
        if self.mid_head:
            self._head += data
            if len(self._head) > MAX_REQUEST_LINE + MAX_REQUEST_HEAD:
                self._give_up_head(_excess(self._head))
                return
            if self._doubtful:
                self._look_again()
                return
        else:
            self._head = data
            self._begun = int(self._in_body)  # what begins behind a body does not begin with `data`
        self._ascii = data.isascii()
        self._parse(data)
        if self.mid_head and b"\n" in self._head[:MAX_REQUEST_LINE] and not self.failed:
            self._maybe_ancient()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._at_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._doubt(str(error))

    def give_up(self, cause: Cause) -> None:
        """Read no further: what has been begun is a request to refuse for this cause."""
        self.failed = True
        if self._in_body:
            self._request.error = cause
        elif self.mid_head:
            self._request.error = cause
            self._request.complete = True
            self.requests.append(self._request)
        self.mid_head = False

    # ---- what the parser does not take -------------------------------------------------------------------

    def _doubt(self, complaint: str) -> None:
        """A body, or a head behind other requests, is given up; a head alone may still be understood."""
        if self.failed:
            return
        if "invalid `Transfer-Encoding`" in complaint:
            self.give_up(Cause.UNSUPPORTED_TRANSFER_ENCODING)
        elif self._in_body or not self.mid_head or self._begun > 1:
            self.give_up(Cause.MALFORMED_REQUEST)
        elif "PRI/Upgrade" in complaint:
            self.give_up(Cause.UNSUPPORTED_VERSION)
        else:
            self._doubtful = True
            self._rare = "method" in complaint
            self._look_again()

    def _look_again(self) -> None:
        head = self._head.lstrip(b"\r\n")
        method, space, rest = head.partition(b" ")
        if self._rare and space and is_method(method):
            self._doubtful = self._rare = False
            self._method, self._begun, self._head = method, 0, STAND_IN + rest
            self._parser = httptools.HttpRequestParser(self)
            self._parse(self._head)
            return
        end = head.find(b"\r\n\r\n")
        if end < 0 and may_go_on(head):
            return
        finding = examine(head[:end] if end >= 0 else head.partition(b"\n")[0])
        self._doubtful = False
        if finding.head is None:
            self._request.oddity = finding.reason
            self._give_up_head(Cause.UNSUPPORTED_VERSION if finding.version else Cause.MALFORMED_REQUEST)
            return
        self._oddity, self._begun = finding.reason, 1
        self._parser = httptools.HttpRequestParser(self)
        self._parse(finding.head + head[end + 4 :])

    def _give_up_head(self, cause: Cause) -> None:
        self._doubtful = False
        self.give_up(cause)

    def _maybe_ancient(self) -> None:
        """HTTP/0.9 is `GET /path`, and nothing behind it (RFC 1945 section 4.1)."""
        words = self._head.partition(b"\n")[0].split()
        if self._begun == 1 and len(words) == 2 and words[0] == b"GET" and words[1].startswith(b"/"):
            request = self._request
            request.method, request.target, request.version = b"GET", words[1], b"0.9"
            request.head_bytes = len(self._head)
            request.complete = True
            self.failed, self.mid_head = True, False
            self.requests.append(request)

    # ---- upgrades ----------------------------------------------------------------------------------------

    def _at_upgrade(self, rest: bytes) -> None:
        request = self._request
        if (
            request.method == b"CONNECT"
            or request.chunked
            or request.fields.get(b"content-length", b"0") != b"0"
        ):
            request.error, request.keep_alive, self.failed = Cause.MALFORMED_REQUEST, False, True
        elif request.method == b"GET" and request.fields.get(b"upgrade", b"").lower() == b"websocket":
            request.websocket = True
            self._kept = rest
        else:
            # as if it had not been asked for (RFC 9110 section 7.8)
            self.resume(rest)

    def resume(self, rest: bytes = b"") -> None:
        """The connection goes on with HTTP behind a request to upgrade."""
        kept, self._kept = self._kept, None
        self._parser = httptools.HttpRequestParser(self)
        if kept or rest:
            self.feed((kept or b"") + rest)

    def tunnel(self) -> bytes:
        """The connection goes on with another protocol: what has come of it. Nothing more is read here."""
        kept, self._kept = self._kept, None
        self.failed = True
        return kept or b""

    # ---- what the parser calls ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request = Request()
        if self._oddity:
            self._request.oddity, self._oddity = self._oddity, ""
        self._in_body = False
        self._begun += 1
        if self._begun > 1:
            self._head = b""
        self.mid_head = True

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._request
        size = len(name) + len(value) + 4
        request.head_bytes += size
        if self._in_body:
            if request.head_bytes > MAX_REQUEST_HEAD:
                request.error = Cause.HEADERS_TOO_LONG
            request.trailers += trailer(name, value)
            return
        if size > MAX_HEADER:
            request.error = Cause.HEADER_TOO_LONG
        lower, kept_apart, invalid = _field(name)
        if kept_apart:
            if lower in request.fields:
                if lower == b"host":
                    request.hosts += (value.rstrip(),)
                    return
                value = request.fields[lower] + b", " + value
            request.fields[lower] = value.rstrip()
            return
        if lower == b"user-agent":
            request.user_agent = value
        if invalid:
            request.invalid = True
            if suspicious(lower):
                request.oddity = worse(request.oddity, "SuspiciousHeader")
        if not self._ascii and not value.isascii():
            request.oddity = worse(request.oddity, "NonCompliantHeader")
        request.lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        request = self._request
        parser = self._parser
        request.method = self._method or parser.get_method()
        self._method = b""
        request.version = parser.get_http_version().encode()
        request.keep_alive = parser.should_keep_alive()
        request.head_bytes += len(request.method) + len(request.target) + 14
        fields = request.fields
        if b"transfer-encoding" in fields:
            coding = fields[b"transfer-encoding"].lower()
            request.chunked = coding == b"chunked"
            if coding not in (b"chunked", b"identity"):
                request.error = Cause.UNSUPPORTED_TRANSFER_ENCODING
        if b"content-length" in fields or b"transfer-encoding" in fields:
            reason = framing_reason(
                request.method, fields.get(b"content-length"), b"transfer-encoding" in fields
            )
            request.oddity = worse(request.oddity, reason)
        if len(request.target) > MAX_REQUEST_LINE:
            request.error = Cause.REQUEST_LINE_TOO_LONG
        elif request.head_bytes > MAX_REQUEST_HEAD + MAX_REQUEST_LINE:
            request.error = Cause.HEADERS_TOO_LONG
        elif b"host" not in fields and request.version == b"1.1":
            request.error = Cause.MALFORMED_REQUEST
        if b"connection" in fields:
            drop_named(request.lines, fields[b"connection"])
        self._in_body = True
        self.mid_head = False
        self.requests.append(request)

    def on_body(self, piece: bytes) -> None:
        self._request.body.append(piece)
        self._request.body_bytes += len(piece)

    def on_message_complete(self) -> None:
        self._request.complete = True
        self._in_body = False


@lru_cache(maxsize=1024)
def _field(name: bytes) -> tuple[bytes, bool, bool]:
    """A field's name in lower case, whether it is one of `REQUEST_FIELDS`, and whether it has other characters than
    letters, digits and hyphens."""
    lower = name.lower()
    return lower, lower in REQUEST_FIELDS, not lower.replace(b"-", b"").isalnum()


def _excess(head: bytes) -> Cause:
    """Which limit a head breaks that has no end in sight."""
    line, newline, fields = head.partition(b"\n")
    if not newline or len(line) > MAX_REQUEST_LINE:
        return Cause.REQUEST_LINE_TOO_LONG
    longest = max(map(len, fields.split(b"\n")))
    return Cause.HEADER_TOO_LONG if longest > MAX_HEADER else Cause.HEADERS_TOO_LONG
