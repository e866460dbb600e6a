"""HTTP/2 as a proxy needs it (RFC 9113): header lists to requests and back, and connections that forgive streams.

Frames, header compression and windows are the `h2` library's. `Engine` steps in where the library takes one
stream's faults for the whole connection's: a content length that is not kept, and a stream more than was allowed.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import InvalidBodyLengthError, ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame

from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import (
    MAX_HEADER,
    MAX_REQUEST_HEAD,
    MAX_REQUEST_LINE,
    MAX_RESPONSE_HEAD,
    REQUEST_FIELDS,
    RESPONSE_FIELDS,
    BadResponse,
    Request,
    Response,
    ResponseHeadTooLong,
)

MAX_STREAMS = 128
"""Concurrent streams of one client connection (ALB user guide, "Listeners": HTTP/2)."""

MAX_REQUESTS = 10_000
"""Requests of one client connection, then it gets GOAWAY."""

Headers = list[tuple[bytes, bytes]]

_DECODED = 1024 * 1024
_CONNECTION_FIELDS = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"]
)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_PSEUDO = frozenset([b":method", b":scheme", b":path", b":authority"])


class BrokenStream(NamedTuple):
    """An event: what came on this stream contradicts itself."""

    stream_id: int


class Leaving(NamedTuple):
    """An event: the peer takes no streams after this one, and minds those up to it."""

    last_stream_id: int


class Engine(H2Connection):
    """One end of a connection, of which one stream's faults cost only that stream.

    `on_event` gets each frame's events before the next frame is looked at, so that streams are as they say."""

    def __init__(self, on_event: Callable[[Any], None], *, client_side: bool) -> None:
        super().__init__(
            H2Configuration(
                client_side=client_side,
                header_encoding=None,
                validate_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._on_event = on_event
        self.decoder.max_header_list_size = _DECODED

    def _receive_frame(self, frame: Frame) -> list[Any]:
        for event in self._events_of(frame):
            self._on_event(event)
        return []

    def _events_of(self, frame: Frame) -> list[Any]:
        if isinstance(frame, GoAwayFrame) and not frame.error_code:
            return [Leaving(frame.last_stream_id)]  # the library would let nothing out any more
        try:
            return super()._receive_frame(frame)
        except InvalidBodyLengthError:
            assert isinstance(frame, DataFrame)
            self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
            return [BrokenStream(frame.stream_id)]
        except ProtocolError as error:
            if isinstance(frame, HeadersFrame) and "content-length header" in str(error):
                return [BrokenStream(frame.stream_id)]
            raise

    def frame_size(self) -> int:
        """How much content goes into one frame to the peer."""
        size: int = self.remote_settings[SettingCodes.MAX_FRAME_SIZE]
        return size


class ServerEngine(Engine):
    """The load balancer's end of a client's connection."""

    def __init__(self, on_event: Callable[[Any], None]) -> None:
        super().__init__(on_event, client_side=False)
        codes = {
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.MAX_HEADER_LIST_SIZE: MAX_REQUEST_HEAD,
        }
        self.local_settings = Settings(client=False, initial_values=codes)
        self.initiate_connection()
        # The library ends the connection when there is one stream too many; we refuse the stream ourselves.
        codes[SettingCodes.MAX_CONCURRENT_STREAMS] = 2**31 - 1
        self.local_settings = Settings(client=False, initial_values=codes)


class ClientEngine(Engine):
    """The load balancer's end of a connection to a target."""

    def __init__(self, on_event: Callable[[Any], None]) -> None:
        super().__init__(on_event, client_side=True)
        codes = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: MAX_RESPONSE_HEAD}
        self.local_settings = Settings(client=True, initial_values=codes)
        self.initiate_connection()


class Outlet:
    """What is to be sent on one stream and waits for the peer's windows: content, perhaps trailers, the end."""

    __slots__ = ("_buffer", "_engine", "_stream_id", "closing", "done", "trailers")

    def __init__(self, engine: Engine, stream_id: int) -> None:
        self._engine = engine
        self._stream_id = stream_id
        self._buffer = bytearray()
        self.trailers: Headers | None = None
        self.closing = False
        """Whether all has been put here that there will be."""
        self.done = False
        """Whether the end has been sent, or will never be."""

    def __len__(self) -> int:
        return len(self._buffer)

    def put(self, content: bytes, last: bool) -> None:
        """Add content, the last of it or not."""
        self._buffer += content
        self.closing = last

    def waits(self) -> bool:
        """Whether there is something to send."""
        return not self.done and (bool(self._buffer) or self.closing)

    def send_some(self) -> bool:
        """Give the engine one frame, if the windows allow it. Whether they did."""
        if not self.waits():
            return False
        room = min(self._engine.local_flow_control_window(self._stream_id), self._engine.frame_size())
        if self._buffer and room <= 0:
            return False
        piece = bytes(self._buffer[:room])
        del self._buffer[:room]
        self.done = self.closing and not self._buffer
        if self.done and self.trailers:
            if piece:
                self._engine.send_data(self._stream_id, piece)
            self._engine.send_headers(self._stream_id, self.trailers, end_stream=True)
        else:
            self._engine.send_data(self._stream_id, piece, end_stream=self.done)
        return True

    def discard(self) -> None:
        """Nothing of it is wanted any more."""
        self.done = True
        self._buffer.clear()


def goaway(last_stream_id: int) -> bytes:
    """A GOAWAY frame that lets streams up to this one end in peace, which the library's own does not."""
    frame = GoAwayFrame(0)
    frame.last_stream_id = last_stream_id
    data: bytes = frame.serialize()
    return data


def request_of(headers: Headers, ended: bool) -> Request:
    """A header list as a request; one that breaks the rules of RFC 9113 section 8.2 or 8.3 has an `error`."""
    request = Request()
    request.version, request.keep_alive, request.complete = b"2.0", True, ended
    pseudo: dict[bytes, bytes] = {}
    for name, value in headers:
        size = len(name) + len(value) + 4
        request.head_bytes += size
        if name.startswith(b":"):
            if name not in _PSEUDO or name in pseudo or request.lines or request.fields:
                request.error = Cause.MALFORMED_REQUEST
            pseudo[name] = value
        else:
            _take_field(request, name, value)
            if size > MAX_HEADER:
                request.error = Cause.HEADER_TOO_LONG
    _take_pseudo(request, pseudo)
    _judge(request)
    return request


def sound(name: bytes, value: bytes) -> bool:
    """Whether a field is well formed (RFC 9113 section 8.2.1): a token in lower case, a value of one line."""
    return (
        _NAME.fullmatch(name) is not None
        and not any(octet in value for octet in (b"\r", b"\n", b"\0"))
        and value == value.strip(b" \t")
    )


def _take_field(request: Request, name: bytes, value: bytes) -> None:
    bare = name.replace(b"-", b"")
    if name in _CONNECTION_FIELDS or (name == b"te" and value != b"trailers") or not sound(name, value):
        request.error = Cause.MALFORMED_REQUEST
        return
    if not bare.isalnum():
        request.invalid = True
    if name == b"user-agent":
        request.user_agent = value
    if name not in REQUEST_FIELDS:
        request.lines.append(b"%b: %b\r\n" % (name, value))
    elif name == b"host" and name in request.fields:
        request.hosts += (value,)
    elif name in request.fields and name != b"content-length":
        request.fields[name] += b", " + value
    else:
        request.fields[name] = value


def _take_pseudo(request: Request, pseudo: dict[bytes, bytes]) -> None:
    request.method = pseudo.get(b":method", b"")
    request.target = pseudo.get(b":path", b"")
    if b":authority" in pseudo:
        request.fields[b"host"] = pseudo[b":authority"]
    if not request.method or b":scheme" not in pseudo or not request.target.startswith((b"/", b"*")):
        request.error = Cause.MALFORMED_REQUEST
    if any(octet <= 32 or octet >= 127 for octet in request.target + request.method):
        request.error = Cause.MALFORMED_REQUEST


def _judge(request: Request) -> None:
    length = request.fields.get(b"content-length")
    request.chunked = length is None and not request.complete
    if len(request.target) > MAX_REQUEST_LINE:
        request.error = Cause.REQUEST_LINE_TOO_LONG
    elif request.head_bytes > MAX_REQUEST_HEAD and request.error is None:
        request.error = Cause.HEADERS_TOO_LONG
    elif b"host" not in request.fields or (request.complete and length is not None and length.strip(b"0")):
        request.error = Cause.MALFORMED_REQUEST


def response_headers(response: Response, more: bytes) -> Headers:
    """A target's head as a header list; `more` are lines of our own."""
    headers = [(b":status", b"%d" % response.status)]
    for line in (*response.lines, *more.splitlines(keepends=True)):
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip()))
    if not response.chunked and b"content-length" in response.fields:
        headers.append((b"content-length", response.fields[b"content-length"]))
    return headers


def response_of(headers: Headers, ended: bool) -> Response:
    """A target's header list as a response. Raises `BadResponse`."""
    response = Response()
    for name, value in headers:
        response.head_bytes += len(name) + len(value) + 4
        if name == b":status" and not response.status and value.isdigit():
            response.status = int(value)
        elif name in RESPONSE_FIELDS:
            response.fields[name] = value
        elif not sound(name, value):
            raise BadResponse(f"{name[:40]!r} is no field of a response")
        else:
            response.lines.append(b"%b: %b\r\n" % (name, value))
    if response.head_bytes > MAX_RESPONSE_HEAD:
        raise ResponseHeadTooLong("the head is longer than 32 KB")
    if not 200 <= response.status < 600:
        raise BadResponse("there is no status")
    response.complete, response.keep_alive = ended, True
    response.chunked = not ended and b"content-length" not in response.fields
    return response


def request_headers(head: bytes, scheme: bytes, trailers_wanted: bool) -> Headers:
    """A head of HTTP/1.1, as targets get it, as a header list."""
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    headers = [(b":method", method), (b":scheme", scheme), (b":path", target)]
    fields = []
    for line in lines:
        name, _, value = line.partition(b": ")
        name = name.lower()
        if name == b"host" and len(headers) == 3:
            headers.append((b":authority", value))
        elif name and name not in _CONNECTION_FIELDS:
            fields.append((name, value))
    if trailers_wanted:
        fields.append((b"te", b"trailers"))
    return headers + fields


def size_of(headers: Headers) -> int:
    """About how many bytes a header list takes, uncompressed."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
