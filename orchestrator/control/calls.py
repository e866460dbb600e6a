"""Questions to elements over the control line, the orchestrator's own and those that elements ask each other."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgpack

from actors.element import CallFailed
from actors.runtime.element_line import ORCHESTRATOR
from actors.runtime.open_calls import OpenCalls
from orchestrator.control.members import Member, Members

TIMEOUT_S = 60.0

Say = Callable[..., None]
"""`say(member, t="call", ...)`"""


class Calls:
    """All that are open."""

    def __init__(self, members: Members, say: Say) -> None:
        self.on_request: Callable[[Member, str, dict[str, Any]], Awaitable[Any]] = _nothing_to_ask
        """What elements ask the orchestrator itself: who asks, the verb and its arguments."""
        self._members = members
        self._say = say
        self._open = OpenCalls()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(
        self, element: str, verb: str, arguments: dict[str, Any], timeout_s: float = TIMEOUT_S
    ) -> Any:
        """Ask an element. Raises `CallFailed`."""
        return msgpack.unpackb(await self._call(element, verb, msgpack.packb(arguments), timeout_s))

    async def _call(self, element: str, verb: str, packed: bytes, timeout_s: float) -> bytes:
        """Ask an element, with arguments and value packed."""
        member = self._members.find(element)
        if member.state != "up":
            raise CallFailed(f"{element} is {member.state}")
        number = self._open.open(member)
        self._say(member, t="call", id=number, verb=verb, arguments=packed)
        late = f"{element}: no answer to {verb!r} within {timeout_s:g} s"
        value = await self._open.answer(number, timeout_s, late)
        assert isinstance(value, bytes)
        return value

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything that elements have recorded so far is here, but not long for a busy one."""
        waits = []
        for member in list(self._members.values()):
            if member.state == "up":
                number = self._open.open(member)
                self._say(member, t="flush", id=number)
                waits.append(self._open.answer(number, timeout_s, f"{member.name} does not answer"))
        await asyncio.gather(*waits, return_exceptions=True)

    def settle(self, message: dict[str, Any]) -> None:
        """An answer has come."""
        self._open.settle(message)

    def fail(self, member: Member, why: str) -> None:
        """It will answer nothing any more."""
        self._open.fail(member, why)

    def tell(self, element: str, verb: str, arguments: dict[str, Any]) -> None:
        """Ask an element, whose answer nobody waits for: one that ends meanwhile has nothing to say."""
        self._run(self._told(element, verb, arguments))

    async def _told(self, element: str, verb: str, arguments: dict[str, Any]) -> None:
        with contextlib.suppress(CallFailed):
            await self.call(element, verb, arguments)

    def carry(self, asking: Member, message: dict[str, Any]) -> None:
        """An element asks another one, or the orchestrator: see that it is answered."""
        self._run(self._carry(asking, message))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, asking: Member, message: dict[str, Any]) -> None:
        try:
            verb, packed = message["verb"], message["arguments"]
            if message["to"] == ORCHESTRATOR:
                value = msgpack.packb(await self.on_request(asking, verb, msgpack.unpackb(packed)))
            else:
                value = await self._call(message["to"], verb, packed, TIMEOUT_S)
            self._say(asking, t="result", id=message["id"], value=value)
        except CallFailed as error:
            self._say(asking, t="result", id=message["id"], error=str(error))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


async def _nothing_to_ask(member: Member, verb: str, arguments: dict[str, Any]) -> Any:
    raise CallFailed(f"nobody answers {verb!r} here")
