"""Responses of one connection, one at a time."""

import httptools

from actors.protocols.http1.common import (
    MAX_RESPONSE_HEAD,
    RESPONSE_FIELDS,
    BadResponse,
    ResponseHeadTooLong,
    drop_named,
    trailer,
)


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
        "trailer_lines",
        "trailers",
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
        self.trailer_lines: list[bytes] = []
        """What came behind the content's last chunk, for who passes it on."""
        self.trailers: list[tuple[bytes, bytes]] | None = None
        """What an HTTP/2 target has sent behind the content."""


class ResponseReader:
    """Reads the responses of one connection, one at a time: `expect`, then `feed` until `response.complete`.

    `response` is None until the head is complete; interim (1xx) responses are skipped. Raises `BadResponse`.
    What comes behind the end of a response is ignored and takes away its `keep_alive`. After a 101 that was asked for,
    `rest` is what came behind its head.
    """

    def __init__(self) -> None:
        self.response: Response | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._next = Response()
        self._head_only = False
        self.rest = b""
        self._expecting = False
        self._upgrading = False
        self._fed = 0

    def expect(self, method: bytes, upgrading: bool = False) -> None:
        """A request with this method has been sent, one that may switch protocols when `upgrading`."""
        self.response = None
        self._head_only = method == b"HEAD"
        self._expecting = True
        self._upgrading = upgrading
        self._fed = 0

    def feed(self, data: bytes) -> None:
        """Take in what arrived."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.response is None or self.response.status != 101:
                raise BadResponse("switched protocols unasked") from None
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, BadResponse):
                raise error.__context__ from None
            raise BadResponse(str(error.__context__ or error)) from None
        if self.response is None:
            self._fed += len(data)
            if self._fed > MAX_RESPONSE_HEAD:
                raise ResponseHeadTooLong("the head is longer than 32 KB")

    def on_interim(self, response: Response) -> None:
        """An interim response (1xx) has come, or one that nobody expects. For those who pass the former on."""

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
        response = self._next
        response.head_bytes += len(name) + len(value) + 4
        if self.response is not None:
            if response is self.response and response.head_bytes <= MAX_RESPONSE_HEAD:
                response.trailer_lines += trailer(name, value)
            return
        lower = name.lower()
        if lower in RESPONSE_FIELDS:
            response.fields[lower] = value.rstrip()
        else:
            response.lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        response = self._next
        response.status = self._parser.get_status_code()
        if response.status == 101 and self._upgrading and self._expecting:
            self.response = response
            self._complete(response)
            return
        if response.status < 200 or not self._expecting:
            self.on_interim(response)
            return
        if response.head_bytes > MAX_RESPONSE_HEAD:
            raise ResponseHeadTooLong("the head is longer than 32 KB")
        response.keep_alive = self._parser.should_keep_alive()
        fields = response.fields
        if b"connection" in fields:
            drop_named(response.lines, fields[b"connection"])
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
