"""Half-closed connections end as those on asyncio's own sockets do: the same callbacks, in the same order, at once."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.stack.hosts import pair, stack

Rest = Callable[[], Awaitable[None]]


class Teller(asyncio.Protocol):
    """Writes down what it is told. `keeps` is what it answers to an EOF; `replies`: it ends its own stream then."""

    def __init__(self, name: str, log: list[str], keeps: bool, replies: bool) -> None:
        self.name, self.log, self.keeps, self.replies = name, log, keeps, replies

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.log.append(f"{self.name} gets {data.decode()}")

    def eof_received(self) -> bool:
        self.log.append(f"{self.name} hears the end")
        if self.replies:
            self.transport.write(b"bye")
            self.transport.write_eof()
        return self.keeps

    def connection_lost(self, error: Exception | None) -> None:
        self.log.append(f"{self.name} is over: {error}")


SCRIPTS = {
    "one ends, both close": ["one.write_eof", "one.close", "two.close"],
    "one ends, two answers and ends": [
        "one.write_eof",
        "two.write bye",
        "two.write_eof",
        "one.close",
        "two.close",
    ],
    "both end": ["one.write_eof", "two.write_eof"],
    "one closes": ["one.write x", "one.close"],
    "two closes": ["two.write x", "two.close"],
    "one ends and is aborted": ["one.write_eof", "one.abort", "two.close"],
}


async def follow(script: list[str], ends: dict[str, Teller], log: list[str], rest: Rest) -> None:
    await rest()
    for step in script:
        verb, _, argument = step.partition(" ")
        name, _, method = verb.partition(".")
        transport = ends[name].transport
        if not transport.is_closing():
            log.append(f"-- {step}")
            try:
                getattr(transport, method)(*([argument.encode()] if argument else []))
            except RuntimeError as error:
                log.append(str(error))
            await rest()


def on_real_sockets(script: list[str], keeps: bool, replies: bool) -> list[str]:
    log: list[str] = []

    async def rest() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        ends = {name: Teller(name, log, keeps, replies and name == "two") for name in ("one", "two")}
        for end, own in zip(ends.values(), socket.socketpair(), strict=True):
            await loop.create_connection(lambda end=end: end, sock=own)
        await follow(script, ends, log, rest)
        for end in ends.values():
            end.transport.abort()
        await rest()

    asyncio.run(story())
    return log


def on_ours(script: list[str], keeps: bool, replies: bool) -> list[str]:
    log: list[str] = []
    net = pair()

    async def story() -> None:
        ends = {name: Teller(name, log, keeps, replies and name == "two") for name in ("one", "two")}
        await stack(net, "two").create_server(lambda: ends["two"], 80)
        await stack(net, "one").create_connection(lambda: ends["one"], "10.0.0.2", 80)
        await follow(script, ends, log, lambda: net.host("one").sleep(0.2))
        for end in ends.values():
            end.transport.abort()
        await net.host("one").sleep(0.2)

    net.run(story())
    return log


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_who_is_told_what_and_when(script: list[str]):
    assert on_ours(script, False, False) == on_real_sockets(script, False, False)


@pytest.mark.parametrize("script", ["one ends, both close", "one closes", "two closes"])
def test_who_keeps_its_own_stream_open_is_told_the_same(script: str):
    assert on_ours(SCRIPTS[script], True, False) == on_real_sockets(SCRIPTS[script], True, False)


def test_an_answer_with_an_end_of_its_own_arrives_and_both_are_over():
    script = SCRIPTS["one ends, both close"]
    assert on_ours(script, False, True) == on_real_sockets(script, False, True)


def test_who_keeps_a_connection_that_both_have_ended_is_told_that_it_is_over():
    """asyncio's sockets would wait for a close() that has nothing left to do."""
    log = on_ours(["one.write_eof", "two.write_eof"], True, False)
    assert sorted(line for line in log if "over" in line) == ["one is over: None", "two is over: None"]
