"""Calls over the management network that wait for their answers, at whichever end of a control line."""

import asyncio
import itertools
from typing import Any

from actors.element import CallFailed


class OpenCalls:
    """Numbers calls, and brings each its answer, or the news that there will be none."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[Any, asyncio.Future[Any]]] = {}

    def open(self, whom: Any = None) -> int:
        """The number of a call that is about to be made; `whom` it is put to is for `fail`."""
        number = next(self._numbers)
        self._open[number] = (whom, asyncio.get_running_loop().create_future())
        return number

    async def answer(self, number: int, timeout_s: float, late: str) -> Any:
        """Wait for the answer. Raises `CallFailed`: with what the other end says, or `late` after the time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._open[number][1]
        except TimeoutError:
            raise CallFailed(late) from None
        finally:
            del self._open[number]

    def settle(self, message: dict[str, Any]) -> None:
        """An answer has come: `id`, and `value` or `error`. One that nobody waits for any more is dropped."""
        _, future = self._open.get(message["id"], (None, None))
        if future is None or future.done():
            return
        if message.get("error") is not None:
            future.set_exception(CallFailed(message["error"]))
        else:
            future.set_result(message.get("value"))

    def fail(self, whom: Any, why: str) -> None:
        """Nobody is there any more who could answer what was put to `whom`."""
        for asked, future in self._open.values():
            if asked is whom and not future.done():
                future.set_exception(CallFailed(why))
