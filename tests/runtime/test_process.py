"""An element in real time: frames over ZeroMQ, held until due, handled as of when they were due."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

from actors.element import JOURNEY, Context, Element
from actors.links.impairments import LinkConfig
from actors.runtime.process import ProcessHost
from actors.wire.envelope import encode_batch, pack


class Scribe(Element):
    """Writes down what comes, and when the model says it came."""

    def __init__(self, config: object, context: Context) -> None:
        super().__init__(config, context)
        self.seen: list[tuple[bytes, int, str | None]] = []

    def on_frame(self, port: str, frame: bytes) -> None:
        if frame == b"bad":
            raise ZeroDivisionError("on purpose")
        self.seen.append((frame, self.context.now_ns(), JOURNEY.get()))
        if frame.startswith(b"?"):
            self.context.ports[port].send(b"!" + frame[1:])


class Desk:
    """Stands in for the control line."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    async def call(self, element: str, verb: str, arguments: dict[str, Any]) -> Any:
        return (element, verb, arguments)

    def write(self, record: dict[str, Any]) -> None:
        self.records.append(record)


async def until(true: Callable[[], bool]) -> None:
    """Wait, in real time, for what other processes and threads bring about."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.001)


class Rig:
    def __init__(self, a: ProcessHost, b: ProcessHost, context: Any, desk: Desk, directory: Path) -> None:
        self.a, self.b, self.context, self.desk, self.directory = a, b, context, desk, directory

    async def until_seen(self, host: ProcessHost, count: int) -> list[tuple[bytes, int, str | None]]:
        await until(lambda: len(host.element.seen) >= count)
        return host.element.seen

    def junk(self) -> "zmq.Socket[bytes]":
        socket = self.context.socket(zmq.PUSH)
        socket.connect(f"ipc://{self.directory}/b")
        return socket


@asynccontextmanager
async def rig(directory: Path, **link: str) -> AsyncIterator[Rig]:
    context: zmq.Context[Any] = zmq.Context()
    desk = Desk()
    hosts = {name: ProcessHost(name, 1, directory, 0, context, desk) for name in "ab"}
    config = LinkConfig.model_validate({"between": ("a.eth0", "b.eth0"), **link})
    for name, host in hosts.items():
        host.bind(f"ipc://{directory}/{name}")
    for name, peer in ("ab", "ba"):
        hosts[name].attach("eth0", "wire", config, (peer, "eth0"), f"ipc://{directory}/{peer}")
    for host in hosts.values():
        await host.meet(5)
        assert host.carrier.away() == []
        host.make(lambda h: Scribe(None, h))
        host.listen()
        await host.start()
    try:
        yield Rig(hosts["a"], hosts["b"], context, desk, directory)
    finally:
        for host in hosts.values():
            await host.close()
        context.destroy(linger=0)


async def test_frames_cross_and_come_back(tmp_path: Path):
    async with rig(tmp_path) as r:
        for number in range(1000):
            r.a.ports["eth0"].send(b"?%d" % number)
        answers = await r.until_seen(r.a, 1000)
        assert [frame for frame, _, _ in answers] == [b"!%d" % number for number in range(1000)]
        assert r.a.ports["eth0"].packets == 1000


async def test_a_frame_is_handled_as_of_its_due_time(tmp_path: Path):
    async with rig(tmp_path, delay="20ms") as r:
        sent_ns = r.a.now_ns()
        r.a.ports["eth0"].send(b"?x")
        _, back_ns, _ = (await r.until_seen(r.a, 1))[0]
        _, there_ns, _ = r.b.element.seen[0]
        assert back_ns - there_ns == 20_000_000, (
            "what is sent while a frame is handled leaves when it was due"
        )
        assert 0 <= there_ns - sent_ns - 20_000_000 < 1_000_000_000
        assert time.monotonic_ns() >= back_ns - 1_000_000, (
            "it was not handled before its time, but for the slack"
        )


async def test_the_clock_does_not_run_backwards_after_an_early_frame(tmp_path: Path):
    async with rig(tmp_path, delay="3ms") as r:
        for _ in range(20):
            r.a.ports["eth0"].send(b"x")
            await asyncio.sleep(0.0005)
            seen = r.b.element.seen
            assert not seen or r.b.now_ns() >= seen[-1][1]


async def test_a_journey_travels_with_its_frames(tmp_path: Path):
    async with rig(tmp_path) as r:
        journey = "ab" * 16
        JOURNEY.set(journey)
        r.a.ports["eth0"].send(b"?x")
        JOURNEY.set(None)
        r.a.ports["eth0"].send(b"?y")
        seen = await r.until_seen(r.a, 2)
        assert [(frame, mark) for frame, _, mark in seen] == [(b"!x", journey), (b"!y", None)]
        kinds = [(record["element"], record["kind"]) for record in r.desk.records]
        assert kinds == [
            ("a", "link.transmit"),
            ("b", "link.receive"),
            ("b", "link.transmit"),
            ("a", "link.receive"),
        ]


async def test_junk_is_counted_and_kills_nothing(tmp_path: Path):
    now = time.monotonic_ns()
    junk = [
        b"",
        b"\xc1",
        b"hello",
        msgpack.packb({"a": 1}),
        msgpack.packb([1]),
        msgpack.packb([["wire", "soon", None, b"x"]]),
        msgpack.packb([["wire", -1, None, b"x"]]),
        msgpack.packb([["wire", now + 10**15, None, b"x"]]),
        msgpack.packb([["nowhere", now, None, b"x"]]),
        msgpack.packb([[["wire"], now, None, b"x"]]),
        msgpack.packb([["wire", now, None, "text"]]),
        msgpack.packb([["wire", now, 7, b"x"]]),
        encode_batch([pack(("wire", now, None, b"x"))])[:-1],
        encode_batch([pack(("wire", now, None, b"x"))]) + b"x",
    ]
    async with rig(tmp_path) as r:
        socket = r.junk()
        for message in junk:
            socket.send(message)
        r.a.ports["eth0"].send(b"still alive")
        await r.until_seen(r.b, 1)
        async with asyncio.timeout(10):
            while r.b.inbox.malformed < len(junk):
                await asyncio.sleep(0.001)
        assert [frame for frame, _, _ in r.b.element.seen] == [b"still alive"]


async def test_an_element_that_raises_loses_the_frame_and_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with rig(tmp_path) as r:
        r.a.ports["eth0"].send(b"bad")
        r.a.ports["eth0"].send(b"good")
        await r.until_seen(r.b, 1)
        assert r.b.metrics.counter("journey_runtime_element_errors_total").value == 1
        assert "on purpose" in caplog.text


async def test_frames_for_a_neighbour_that_is_gone_are_dropped_and_counted(tmp_path: Path):
    async with rig(tmp_path) as r:
        await r.b.close()
        async with asyncio.timeout(10):
            while not r.a.carrier.lost():
                r.a.ports["eth0"].send(b"x")
                await asyncio.sleep(0.01)


async def test_a_cable_that_goes_takes_what_is_held_of_it_and_nothing_else(tmp_path: Path):
    async with rig(tmp_path, delay="200ms") as r:
        r.b.inbox.plug("other", "eth0")
        now = time.monotonic_ns()
        late = [pack((link, now + 200_000_000, None, link.encode())) for link in ("other", "wire")]
        socket = r.junk()
        socket.send(encode_batch([*late, pack(("wire", now, None, b"first"))]))
        await r.until_seen(r.b, 1)
        r.b.inbox.unplug("other")
        seen = await r.until_seen(r.b, 2)
        assert [frame for frame, _, _ in seen] == [b"first", b"wire"]
