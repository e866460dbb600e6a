"""Equal questions that are asked at the same time share one errand."""

import asyncio

from actors.element import Context
from actors.protocols.dns.answer import Answer, Resolve
from actors.protocols.dns.cache import rotated
from actors.protocols.dns.story import question
from actors.wire import dns


class SharedResolve:
    """Lets equal questions that are asked at the same time share one errand: call it like the `resolve` it wraps.

    Those who join get the addresses rotated, as they would have out of the cache a moment later.
    """

    def __init__(self, context: Context, resolve: Resolve) -> None:
        self._context = context
        self._resolve = resolve
        self._running: dict[tuple[dns.Name, dns.Type], _Errand] = {}

    async def __call__(self, name: dns.Name, rdtype: dns.Type) -> Answer:
        key = (name, rdtype)
        errand = self._running.get(key)
        if errand is None:
            task = self._context.spawn(self._resolve(name, rdtype), f"resolve {dns.text(name)}")
            errand = self._running[key] = _Errand(task)
            task.add_done_callback(lambda _: self._running.pop(key))
        else:
            errand.joined += 1
            self._context.record("dns.wait", **question(name, rdtype), why="it is being asked already")
        place = errand.joined
        answer = await asyncio.shield(errand.task)
        if not answer.found or not place:
            return answer
        return answer._replace(records=(*answer.records[:-1], rotated(answer.records[-1], place)))


class _Errand:
    """A question that is being asked, and how many joined in asking it."""

    def __init__(self, task: asyncio.Task[Answer]) -> None:
        self.task = task
        self.joined = 0
