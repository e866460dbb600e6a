"""Informers that several controllers share: one watch per kind, any number of listeners and indexes."""

from collections.abc import Callable, Iterable, ValuesView

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.informer import Changed, Informer

Keys = Callable[[Object], Iterable[str]]

POLL_S = 0.01
CATCH_UP_S = 20.0


class Watched:
    """A followed collection. Treat what is in it as read-only.

    A new object under an old name is told as the end of one and the beginning of another."""

    def __init__(self, context: Context, client: KubeClient, kind: str) -> None:
        self.kind = kind
        self._context, self._client = context, client
        self._informer = Informer(context, client, kind, self._changed)
        self._listeners: list[Changed] = []
        self._keys: dict[str, Keys] = {}
        self._indexes: dict[str, dict[str, dict[str, Object]]] = {}

    def start(self) -> None:
        self._informer.start()

    @property
    def synced(self) -> bool:
        return self._informer.synced

    def get(self, key: str) -> Object | None:
        return self._informer.objects.get(key)

    def all(self) -> ValuesView[Object]:
        return self._informer.objects.values()

    def listen(self, changed: Changed) -> None:
        self._listeners.append(changed)

    def index(self, name: str, keys: Keys) -> None:
        """Make objects findable by what `keys` says of them; to be called before the start."""
        self._keys[name] = keys
        self._indexes[name] = {}

    def by(self, name: str, key: str) -> list[Object]:
        """The objects of which the index says that."""
        return list(self._indexes[name].get(key, {}).values())

    def _changed(self, before: Object | None, now: Object | None) -> None:
        if before is not None and now is not None and before["metadata"]["uid"] != now["metadata"]["uid"]:
            self._tell(before, None)
            before = None
        self._tell(before, now)

    def _tell(self, before: Object | None, now: Object | None) -> None:
        for name, keys in self._keys.items():
            self._reindex(self._indexes[name], keys, before, now)
        for listener in self._listeners:
            listener(before, now)

    @staticmethod
    def _reindex(
        index: dict[str, dict[str, Object]], keys: Keys, before: Object | None, now: Object | None
    ) -> None:
        uid = (now or before or {})["metadata"]["uid"]
        new = list(keys(now)) if now is not None else []
        for key in keys(before) if before is not None else ():
            if key not in new:
                group = index.get(key, {})
                group.pop(uid, None)
                if not group:
                    index.pop(key, None)
        for key in new:
            assert now is not None
            index.setdefault(key, {})[uid] = now

    async def catch_up(self, namespace: str) -> None:
        """Wait until all that the API server has in a namespace by now is known here.

        For who does not know what has become of a request. Raises `ApiError`, `CallFailed`."""
        listing = await self._client.list(self.kind, namespace)
        for _ in range(round(CATCH_UP_S / POLL_S)):
            if self._informer.version >= int(listing.resource_version) or all(
                map(self._knows, listing.items)
            ):
                return
            await self._context.sleep(POLL_S)

    def _knows(self, value: Object) -> bool:
        metadata = value["metadata"]
        own = self.get(f"{metadata['namespace']}/{metadata['name']}")
        return own is not None and int(own["metadata"]["resourceVersion"]) >= int(metadata["resourceVersion"])


class Watchers:
    """All collections that a process follows."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._context, self._client = context, client
        self._watched: dict[str, Watched] = {}

    def of(self, kind: str) -> Watched:
        if kind not in self._watched:
            self._watched[kind] = Watched(self._context, self._client, kind)
        return self._watched[kind]

    def start(self) -> None:
        for watched in self._watched.values():
            watched.start()

    async def synced(self) -> None:
        """Wait until everything has been seen once."""
        while not all(watched.synced for watched in self._watched.values()):
            await self._context.sleep(POLL_S)

    def counts(self) -> dict[str, int]:
        return {kind: len(watched.all()) for kind, watched in self._watched.items()}
