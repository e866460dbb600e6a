"""An HTTP/2 client for tests: the `h2` library over a connection of the emulated stack."""

import asyncio
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from hyperframe.frame import Frame, GoAwayFrame

from tests.elements.alb_bed import Bed, Talk


class Reply:
    """What has come on one stream."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.interim: list[str] = []
        self.trailers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class Engine(H2Connection):
    """As browsers do and the library does not: take answers that come behind a GOAWAY."""

    goaway: GoAwayFrame | None = None

    def _receive_frame(self, frame: Frame) -> list[Any]:
        if isinstance(frame, GoAwayFrame):
            self.goaway = frame
            return []
        return super()._receive_frame(frame)


class H2Talk(Talk):
    """A client's end of a connection: begins streams, and collects what comes on each. `greedy` opens windows."""

    greedy = True

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(
            H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.engine.config.normalize_outbound_headers = False
        self.replies: dict[int, Reply] = {}

    @property
    def goaway(self) -> GoAwayFrame | None:
        return self.engine.goaway

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.engine.initiate_connection()
        self.flush()

    def flush(self) -> None:
        data = self.engine.data_to_send()
        if data:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        for event in self.engine.receive_data(data):
            self._on_event(event)
        self.flush()
        self.news.set()

    def _on_event(self, event: Any) -> None:
        match event:
            case InformationalResponseReceived():
                self.replies[event.stream_id].interim.append(dict(event.headers)[":status"])
            case ResponseReceived():
                self.replies[event.stream_id].headers.update(event.headers)
            case DataReceived():
                self.replies[event.stream_id].body += event.data
                if self.greedy:
                    self.engine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case TrailersReceived():
                self.replies[event.stream_id].trailers.update(event.headers)
            case StreamEnded():
                self.replies[event.stream_id].ended = True
            case StreamReset():
                self.replies[event.stream_id].reset = int(event.error_code)

    def begin(self, *more: tuple[str, str], ended: bool = True, **pseudo: str) -> int:
        """Begin a stream: GET / of example.com unless said otherwise. Returns its id."""
        fields = {"method": "GET", "scheme": "https", "path": "/", "authority": "example.com", **pseudo}
        headers = [(f":{name}", value) for name, value in fields.items() if value]
        stream = self.engine.get_next_available_stream_id()
        self.replies[stream] = Reply()
        self.engine.send_headers(stream, [*headers, *more], end_stream=ended)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, ended: bool = False) -> None:
        self.engine.send_data(stream, data, end_stream=ended)
        self.flush()

    def reset(self, stream: int) -> None:
        self.engine.reset_stream(stream, ErrorCodes.CANCEL)
        self.flush()

    async def reply(self, stream: int) -> Reply:
        """The stream's reply, when it has ended or been reset."""
        reply = self.replies[stream]
        while not reply.ended and reply.reset is None:
            assert not self.lost.is_set(), "closed before the reply was complete"
            self.news.clear()
            await self.news.wait()
        return reply

    async def fetch(self, *more: tuple[str, str], **pseudo: str) -> Reply:
        return await self.reply(self.begin(*more, **pseudo))


async def connect_h2(bed: Bed, kind: type[H2Talk] = H2Talk) -> H2Talk:
    """A connection that has agreed on HTTP/2."""
    import ssl

    context = ssl.create_default_context(cafile=bed.directory / "ca.pem")
    context.set_alpn_protocols(["h2"])
    stack = bed.net.element("client").stack
    _, talk = await stack.create_connection(
        kind, "10.0.0.10", 443, ssl=context, server_hostname="example.com"
    )
    assert talk.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    bed.talks.append(talk)
    assert isinstance(talk, H2Talk)
    return talk


def run_h2(bed: Bed, story: Any) -> Any:
    """Connect, and run the story with the connection."""

    async def whole() -> Any:
        return await asyncio.wait_for(story(await connect_h2(bed)), 20_000)

    return bed.run(whole())
