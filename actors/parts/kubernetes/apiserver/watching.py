"""Watches: who waits for which events, and what they are told.

How this works. A watch is a place in the store's log and a selection. It is asked for what has happened since; when
that is nothing, it waits until an event of its selection is written. So a slow follower costs nothing but its place,
and one whose place has been forgotten gets 410.
"""

import asyncio
from typing import Any

from actors.element import Gauge, Metrics
from actors.parts.kubernetes.apiserver.errors import expired
from actors.parts.kubernetes.apiserver.selection import News, Selection
from actors.parts.kubernetes.apiserver.store import Event, Gone, Store
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError


class Watch:
    """A place in the log of one kind, and a selection."""

    def __init__(self, watches: "Watches", selection: Selection, revision: int) -> None:
        self.selection = selection
        self.revision = revision
        """Everything up to this one has been told."""
        self.waiter: asyncio.Future[None] | None = None
        self._watches = watches
        self._store = watches.store

    def initial(self) -> list[News]:
        """The objects that there are, as if they were new."""
        kind, namespace, _ = self.selection
        self.revision = self._store.revision
        return [
            News("ADDED", each.object, each.text)
            for each in self._store.versions(kind, namespace)
            if self.selection.has(each.object)
        ]

    def news(self) -> list[News]:
        """What has happened since the last call. Raises `ApiError` 410 if that is no longer known."""
        try:
            events = self._store.events_after(self.revision, self.selection.kind)
        except Gone as gone:
            raise expired(gone.revision, gone.oldest) from None
        self.revision = self._store.revision
        return [news for event in events if (news := self.selection.seen(event)) is not None]

    async def wait(self, timeout_s: float) -> None:
        """Until there are news, or the time is over. To be called right after `news` has had none."""
        waiter = self.waiter = asyncio.get_running_loop().create_future()
        self._watches.add(self)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            if waiter.cancelled():  # nobody has told of anything
                self.revision = self._store.revision
        finally:
            self._watches.remove(self)
            self.waiter = None


class Watches:
    """The watches that wait, by kind."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self.store = store
        self._metrics = metrics
        self._waiting: dict[str, dict[Watch, None]] = {}
        store.listeners.append(self._on_event)

    def open(self, selection: Selection, revision: int) -> Watch:
        """A watch for what comes after the revision. Raises `ApiError` 504 if that has not come yet."""
        if revision > self.store.revision:
            message = f"Too large resource version: {revision}, current: {self.store.revision}"
            causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
            raise ApiError(504, f"Timeout: {message}", "Timeout", {"causes": causes, "retryAfterSeconds": 1})
        return Watch(self, selection, revision)

    def counts(self) -> dict[str, int]:
        return {kind: len(waiting) for kind, waiting in sorted(self._waiting.items()) if waiting}

    def add(self, watch: Watch) -> None:
        waiting = self._waiting.setdefault(watch.selection.kind, {})
        waiting[watch] = None
        self._gauge(watch.selection.kind).value = len(waiting)

    def remove(self, watch: Watch) -> None:
        waiting = self._waiting[watch.selection.kind]
        waiting.pop(watch, None)
        self._gauge(watch.selection.kind).value = len(waiting)

    def _gauge(self, kind: str) -> Gauge:
        resource = BY_KIND[kind].plural
        return self._metrics.gauge("apiserver_longrunning_requests", verb="WATCH", resource=resource)

    def _on_event(self, event: Event) -> None:
        for watch in self._waiting.get(event.kind, ()):
            waiter = watch.waiter
            if waiter is not None and not waiter.done() and watch.selection.seen(event) is not None:
                watch.revision = event.revision - 1  # what was before it was nothing to this one
                waiter.set_result(None)


def parse_revision(text: str, name: str = "resourceVersion") -> int | None:
    """A resource version as a number, None for none. Raises `ApiError` 400."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise ApiError(
            400, f'{name}: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def described(news: list[News]) -> list[dict[str, Any]]:
    return [{"type": each.type, "object": each.object} for each in news]
