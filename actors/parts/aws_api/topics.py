"""What elements follow: sets of items by key, told to whoever asks for what has changed since they last asked.

How this works. Each change of an item gives its topic a new version, and the item that version. Who asks for what is
new since a version gets the items with a higher one; if there are none, the answer waits for the first. Topics are
made anew from the store when aws_api starts; a version of an earlier life is unknown, and its holder gets everything.
"""

import asyncio
from typing import Any

Answer = dict[str, Any]


class Topic:
    """Items by key. A value must not be changed once it has been put."""

    def __init__(self, life: str) -> None:
        self.items: dict[str, Any] = {}
        self._life = life
        self._version = 0
        self._changed: dict[str, int] = {}
        """The version of the last change of each key, in the order of these changes."""
        self._waiting: dict[asyncio.Future[None], None] = {}

    def put(self, key: str, value: Any) -> None:
        """The item is now this; nothing happens if it is already equal."""
        if value is None:
            raise ValueError(f"{key}: None is no value, delete the item")
        if key not in self.items or self.items[key] != value:
            self.items[key] = value
            self._note(key)

    def delete(self, key: str) -> None:
        """Nothing happens if there is no such item."""
        if self.items.pop(key, None) is not None:
            self._note(key)

    def replace(self, items: dict[str, Any]) -> None:
        """These are now all items; only those that differ count as changed."""
        for key in [key for key in self.items if key not in items]:
            self.delete(key)
        for key, value in items.items():
            self.put(key, value)

    def _note(self, key: str) -> None:
        self._version += 1
        self._changed.pop(key, None)
        self._changed[key] = self._version
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def since(self, version: str | None) -> Answer:
        """`{"version", "whole", "items"}`: what has changed after that version, or everything."""
        now = f"{self._life}.{self._version}"
        life, _, number = (version or "").rpartition(".")
        if life != self._life or not number.isdigit():
            return {"version": now, "whole": True, "items": dict(self.items)}
        items = {}
        for key in reversed(self._changed):
            if self._changed[key] <= int(number):
                break
            items[key] = self.items.get(key)
        return {"version": now, "whole": False, "items": items}

    async def watch(self, version: str | None, timeout_s: float) -> Answer:
        """As `since`, as soon as there is something to tell, or when the time is over."""
        answer = self.since(version)
        if answer["whole"] or answer["items"]:
            return answer
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = None
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            del self._waiting[waiter]
        return self.since(version)


class Topics:
    """The topics by name; one that nobody has put anything into is empty."""

    def __init__(self, life: str) -> None:
        """`life` tells this life of aws_api from all others."""
        self._life = life
        self._topics: dict[str, Topic] = {}

    def topic(self, name: str) -> Topic:
        return self._topics.setdefault(name, Topic(self._life))

    def counts(self) -> dict[str, int]:
        return {name: len(topic.items) for name, topic in sorted(self._topics.items())}
