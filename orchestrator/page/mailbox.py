"""What is new for one browser: the newest state, and so many single things at most, however slowly it reads."""

import asyncio
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

MOST_REQUESTS, MOST_EVENTS = 120, 60


class Frame:
    """Something that all browsers are told. Its text is made once, however many there are."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @cached_property
    def text(self) -> bytes:
        """As an event of a stream (WHATWG HTML, server-sent events)."""
        return b"data: " + json.dumps(self.values, separators=(",", ":")).encode() + b"\n\n"

    def after(self, older: "Frame") -> "Frame":
        """This one, with what was said once only in an older one that nobody has read."""
        both = {**older.values, **self.values}
        for name, most in (("requests", MOST_REQUESTS), ("events", MOST_EVENTS)):
            together = [*older.values.get(name, ()), *self.values.get(name, ())]
            if together:
                both[name] = together[-most:]
        return Frame(both)


class Mailbox:
    """One browser's. Latest wins: what was not fetched before the next frame comes is dropped, and counted."""

    def __init__(self, on_drop: Callable[[], None]) -> None:
        self._on_drop = on_drop
        self._frame: Frame | None = None
        self._new = asyncio.Event()

    def put(self, frame: Frame) -> None:
        if self._frame is not None:
            frame = frame.after(self._frame)
            self._on_drop()
        self._frame = frame
        self._new.set()

    async def take(self) -> Frame:
        """The next frame, as soon as there is one."""
        await self._new.wait()
        self._new.clear()
        frame, self._frame = self._frame, None
        assert frame is not None
        return frame
