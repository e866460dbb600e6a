"""What all controllers have in common: a queue of keys, workers, and the state of the world to compare with.

How this works. Whatever happens only says which object (key `namespace/name`) wants to be looked at. `reconcile` looks
at how things are now and does what is missing; it can be called at any moment, and does nothing when all is well. So a
controller that has been killed halfway just looks at everything again. What goes wrong is tried again, later and later.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.kubernetes.informer import key_of
from actors.parts.kubernetes.watched import Watchers
from actors.parts.kubernetes.work_queue import WorkQueue
from actors.protocols.kubernetes.workloads.owners import controller_of, controller_uid
from actors.units import SECOND

API_AWAY_S = 1.0
"""While the API server is away it is asked again at least this often."""


class Cluster:
    """What controllers share: the API, copies of its collections, and the time."""

    def __init__(self, context: Context, api: str, user: str) -> None:
        self.context = context
        self.client = KubeClient(context, api, user)
        self.watchers = Watchers(context, self.client)
        self._api, self._user = api, user
        self._index()

    def _index(self) -> None:
        pods = self.watchers.of("Pod")
        pods.index("owner", lambda pod: (controller_uid(pod) or f"orphan/{pod['metadata']['namespace']}",))
        pods.index("node", lambda pod: (pod["spec"].get("nodeName") or "",))
        pods.index("label", _label_keys)

    def recorder(self, component: str) -> EventRecorder:
        return EventRecorder(self.context, self.client, component)

    def now_s(self) -> float:
        """Seconds since 1970."""
        return self.context.unix_ns() / SECOND


def _label_keys(pod: Object) -> list[str]:
    metadata = pod["metadata"]
    return [
        f"{metadata['namespace']}/{name}={value}" for name, value in (metadata.get("labels") or {}).items()
    ]


class Controller(ABC):
    """One controller: `name` is what it calls itself, in events too."""

    name: str
    workers = 5

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.queue = WorkQueue(cluster.context, self.name)
        self.events = cluster.recorder(self.name)

    def start(self) -> None:
        """Begin to work; everything has been seen once by now."""
        for number in range(self.workers):
            self.cluster.context.spawn(self._work(), f"{self.name} {number}")

    @abstractmethod
    async def reconcile(self, key: str) -> None:
        """Make the object of this key what it should be. May raise `ApiError` and `CallFailed`: it is called again."""

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                await self.reconcile(key)
            except CallFailed:
                self.queue.again(key, API_AWAY_S)
            except ApiError as error:
                self.failed(key, error)
                self.queue.again(key)
            else:
                self.queue.forget(key)
            finally:
                self.queue.done(key)

    def failed(self, key: str, error: ApiError) -> None:
        """The API server has refused something; conflicts are daily bread."""

    # ---- for those whose objects own others ------------------------------------------------------------------

    def follow(self, kind: str) -> None:
        """Look at an object of a kind whenever it has changed."""
        self.cluster.watchers.of(kind).listen(self._on_own)

    def _on_own(self, before: Object | None, now: Object | None) -> None:
        self.queue.add(key_of(now or before or {}))

    def owner_key(self, value: Object, kind: str) -> str | None:
        """The key of the controller of an object if it is of that kind, and still that very one."""
        reference = controller_of(value)
        if reference is None or reference["kind"] != kind:
            return None
        key = f"{value['metadata']['namespace']}/{reference['name']}"
        owner = self.cluster.watchers.of(kind).get(key)
        return key if owner is not None and owner["metadata"]["uid"] == reference["uid"] else None

    async def check_alive(self, owner: Object, kind: str) -> None:
        """Only who is alive, and still the very one, may adopt: asked of the API server. Raises `ApiError`."""
        metadata = owner["metadata"]
        fresh = await self.client.get(kind, metadata["name"], metadata["namespace"])
        if fresh["metadata"]["uid"] != metadata["uid"] or "deletionTimestamp" in fresh["metadata"]:
            raise ApiError(409, f"{key_of(owner)} has just been deleted")


def namespace_of(key: str) -> str:
    return key.partition("/")[0]


def uids(values: Sequence[Object]) -> list[str]:
    return [value["metadata"]["uid"] for value in values]
