"""A target that speaks HTTP/2, for tests: the `h2` library as a server."""

import asyncio
from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset

from tests.elements.alb_bed import Bed, Target

H2Answer = Callable[["H2Serving", int], None]
Fields = list[tuple[str, str]]


def reply(
    status: int = 200, body: bytes = b"ok", fields: Fields | None = None, trailers: Fields | None = None
) -> H2Answer:
    """A target that always answers this."""

    def answer(serving: "H2Serving", stream: int) -> None:
        head = [(":status", str(status)), *(fields or [("content-length", str(len(body)))])]
        serving.engine.send_headers(stream, head, end_stream=not body and not trailers)
        if body:
            serving.engine.send_data(stream, body, end_stream=not trailers)
        if trailers:
            serving.engine.send_headers(stream, trailers, end_stream=True)
        serving.flush()

    return answer


class H2Serving(asyncio.Protocol):
    """A target's end of a connection."""

    greedy = True
    probe: H2Answer = staticmethod(reply())
    answer: H2Answer = staticmethod(reply())

    def __init__(self, target: Target) -> None:
        self.target = target
        self.engine = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.resets: list[int] = []
        self.probing = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.target.connections.append(self)  # type: ignore[arg-type]
        self.engine.initiate_connection()
        self.flush()

    def flush(self) -> None:
        data = self.engine.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        for event in self.engine.receive_data(data):
            self._on_event(event)
        self.flush()

    def _on_event(self, event: Any) -> None:
        match event:
            case RequestReceived():
                self.heads[event.stream_id] = dict(event.headers)
                self.bodies[event.stream_id] = b""
            case DataReceived():
                self.bodies[event.stream_id] += event.data
                if self.greedy:
                    self.engine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.probing = self.heads[event.stream_id].get("user-agent") == "ELB-HealthChecker/2.0"
                kind = type(self)
                (kind.probe if self.probing else kind.answer)(self, event.stream_id)
            case StreamReset():
                self.resets.append(event.stream_id)


def speak_h2(bed: Bed, version: str = "HTTP2") -> type[H2Serving]:
    """All targets of the bed speak HTTP/2, and the group knows; how they do is the class's to change."""

    class Speaking(H2Serving):
        pass

    for key, item in bed.items.items():
        if key.startswith("target-group/"):
            item["protocol_version"] = version
    bed.serving = Speaking
    return Speaking


def busy(bed: Bed, number: int = 0) -> list[H2Serving]:
    """The connections of a target that have carried requests."""
    connections: list[Any] = bed.target(number).connections
    return [each for each in connections if each.heads and not each.probing]
