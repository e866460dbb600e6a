"""An informer: a copy of a collection that follows the API server, and says what has changed in it.

It lists, then watches from there; when the server is away it tries again, and when its place in the watch is too old it
lists again. Whoever follows is told of every object once per change, in order, and of deletions that it slept through.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, ValuesView

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object

RETRY_S = 0.05
LONGEST_RETRY_S = 1.0

Changed = Callable[[Object | None, Object | None], None]
"""`changed(before, now)`: before is None for an object that is new, now is None for one that is gone."""


def key_of(value: Object) -> str:
    """`namespace/name`, or the name alone for what has no namespace."""
    metadata = value["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


class Informer:
    """A local copy of a collection: `objects` by `namespace/name`. Treat what is in it as read-only."""

    def __init__(
        self,
        context: Context,
        client: KubeClient,
        kind: str,
        changed: Changed | None = None,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        self.kind = kind
        self.objects: dict[str, Object] = {}
        self.synced = False
        """The first list is in `objects`."""
        self._context, self._client = context, client
        self._changed = changed or (lambda before, now: None)
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._version = ""

    @property
    def version(self) -> int:
        """Everything up to this resource version is known; 0 before the first list, and while it must list again."""
        return int(self._version or 0)

    def start(self) -> None:
        """Follow the collection until the element stops."""
        self._context.spawn(self._follow(), f"watch {self.kind}")

    def get(self, key: str) -> Object | None:
        return self.objects.get(key)

    def all(self) -> ValuesView[Object]:
        return self.objects.values()

    async def _follow(self) -> None:
        wait_s = RETRY_S
        while True:
            try:
                if not self._version:
                    await self._list()
                    wait_s = RETRY_S
                async with contextlib.aclosing(self._watch()) as marks:
                    async for _ in marks:
                        wait_s = RETRY_S
            except CallFailed:
                await self._context.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            except ApiError:
                self._version = ""
                await self._context.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    async def _list(self) -> None:
        listing = await self._client.list(self.kind, self._namespace, **self._selectors)
        now = {key_of(value): value for value in listing.items}
        for key in [key for key in self.objects if key not in now]:
            self._put(key, None)
        for key, value in now.items():
            known = self.objects.get(key)
            if known is None or known["metadata"]["resourceVersion"] != value["metadata"]["resourceVersion"]:
                self._put(key, value)
        self._version = listing.resource_version
        self.synced = True

    async def _watch(self) -> AsyncGenerator[None, None]:
        events = self._client.watch(self.kind, self._version, self._namespace, **self._selectors)
        async with contextlib.aclosing(events):
            async for type_, value in events:
                if type_ == "BOOKMARK":
                    self._version = value["metadata"]["resourceVersion"]
                    yield
                else:
                    self._put(key_of(value), None if type_ == "DELETED" else value)

    def _put(self, key: str, value: Object | None) -> None:
        before = self.objects.get(key)
        if value is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = value
        if before is not None or value is not None:
            self._changed(before, value)
