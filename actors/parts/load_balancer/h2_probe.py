"""A health check over HTTP/2: a GET of which the status matters, or a gRPC call of which its `grpc-status` does."""

import asyncio
from typing import Any

from h2.events import ConnectionTerminated, ResponseReceived, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

from actors.protocols.http1 import BadResponse
from actors.protocols.http2 import ClientEngine, Headers, Leaving

_NO_MESSAGE = b"\0\0\0\0\0"
"""An empty message as gRPC frames it."""


class H2Probe(asyncio.Protocol):
    """Sends one request; `status` is the code that comes back: of HTTP, or of gRPC if it is a call.

    It fails with `BadResponse`, with `EOFError` when the peer closes before it has answered, or with the OSError that
    ended the connection."""

    def __init__(self, path: str, host: str, secure: bool, grpc: bool) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A probe whose time is over as the connection opens asks for no status, and an error of it is nobody's.
        self.status.add_done_callback(lambda status: status.cancelled() or status.exception())
        self._grpc = grpc
        self._headers: Headers = [
            (b":method", b"POST" if grpc else b"GET"),
            (b":scheme", b"https" if secure else b"http"),
            (b":path", path.encode()),
            (b":authority", host.encode()),
            (b"user-agent", b"ELB-HealthChecker/2.0"),
            *([(b"content-type", b"application/grpc"), (b"te", b"trailers")] if grpc else []),
        ]
        self._transport: Any = None
        self._engine = ClientEngine(self._on_event)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._engine.send_headers(1, self._headers, end_stream=not self._grpc)
        if self._grpc:
            self._engine.send_data(1, _NO_MESSAGE, end_stream=True)
        transport.write(self._engine.data_to_send())

    def data_received(self, data: bytes) -> None:
        if self.status.done():
            return
        try:
            self._engine.receive_data(data)
        except ProtocolError as error:
            self._fail(BadResponse(str(error)))
            return
        answer = self._engine.data_to_send()
        if answer and not self._transport.is_closing():
            self._transport.write(answer)

    def _on_event(self, event: Any) -> None:
        if self.status.done():
            return
        match event:
            case ResponseReceived() if not self._grpc:
                self._take(event.headers, b":status")
            case ResponseReceived() if event.stream_ended is not None:
                self._take(event.headers, b"grpc-status")
            case TrailersReceived():
                self._take(event.headers, b"grpc-status")
            case StreamReset() | ConnectionTerminated() | Leaving():
                self._fail(EOFError("ended before it answered"))

    def _take(self, headers: Headers, name: bytes) -> None:
        value = dict(headers).get(name, b"")
        if value.isdigit():
            self.status.set_result(int(value))
        else:
            self._fail(BadResponse(f"there is no {name.decode()}"))

    def _fail(self, error: Exception) -> None:
        if not self.status.done():
            self.status.set_exception(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or EOFError("closed before it answered"))
