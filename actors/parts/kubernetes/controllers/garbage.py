"""Deletes what has lost its owners, and what must go before its owner may (pkg/controller/garbagecollector).

How this works. A graph of who owns whom is kept by UID, from everything that is watched. An object wants to be looked
at when an owner of it is gone, unknown, or about to go. Whether an owner is really gone is asked of the API server,
never of the graph, which is a moment behind.
"""

from collections.abc import Sequence
from typing import NamedTuple

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.protocols.kubernetes.resources import BY_KIND, RESOURCES
from actors.protocols.kubernetes.workloads.owners import without_owner

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
IGNORED = ("Event", "Namespace")
"""Events own and are owned by nobody; what is in a namespace goes with it by the API server's hand."""


class Node(NamedTuple):
    """An object in the graph."""

    kind: str
    namespace: str | None
    name: str
    owners: tuple[tuple[str, bool], ...]
    """The UIDs of its owners, and whether it keeps each from going."""
    is_going: bool
    finalizers: tuple[str, ...]

    @property
    def waits_for_dependents(self) -> bool:
        return self.is_going and FOREGROUND in self.finalizers

    @property
    def leaves_orphans(self) -> bool:
        return self.is_going and ORPHAN in self.finalizers


def node_of(value: Object) -> Node:
    metadata = value["metadata"]
    owners = tuple(
        (each["uid"], bool(each.get("blockOwnerDeletion"))) for each in metadata.get("ownerReferences") or ()
    )
    return Node(
        value["kind"],
        metadata.get("namespace"),
        metadata["name"],
        owners,
        "deletionTimestamp" in metadata,
        tuple(metadata.get("finalizers") or ()),
    )


class Owners(NamedTuple):
    """An object's owner references: whose owner is there, is gone, or waits for its dependents to go."""

    solid: list[Object]
    gone: list[Object]
    waiting: list[Object]


class GarbageCollector(Controller):
    """Background, foreground and orphaning deletion, by owner references."""

    name = "garbage-collector-controller"
    workers = 20

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}
        for resource in RESOURCES:
            if resource.kind not in IGNORED:
                cluster.watchers.of(resource.kind).listen(self._on_object)

    # ---- the graph -------------------------------------------------------------------------------------------

    def _on_object(self, before: Object | None, now: Object | None) -> None:
        uid = (now or before or {})["metadata"]["uid"]
        old = self._nodes.get(uid)
        if now is None:
            self._remove(uid, old)
            return
        node = node_of(now)
        if node == old:
            return
        self._nodes[uid] = node
        self._link(uid, old, node)
        if node.waits_for_dependents or node.leaves_orphans:
            self.queue.add(uid)
        if node.waits_for_dependents and not (old and old.waits_for_dependents):
            self.queue.add_all(self._dependents.get(uid, ()))
        if any(self._is_dubious(owner) for owner, _ in node.owners):
            self.queue.add(uid)
        if old is not None:  # it may be the one that its owner has been waiting for
            self._tell_waiting(old)

    def _remove(self, uid: str, old: Node | None) -> None:
        self._nodes.pop(uid, None)
        if old is not None:
            self._link(uid, old, None)
            self._tell_waiting(old)
        self.queue.add_all(self._dependents.get(uid, ()))

    def _link(self, uid: str, old: Node | None, now: Node | None) -> None:
        new = {owner for owner, _ in now.owners} if now is not None else set()
        for owner, _ in old.owners if old is not None else ():
            if owner not in new:
                group = self._dependents.get(owner, {})
                group.pop(uid, None)
                if not group:
                    self._dependents.pop(owner, None)
        for owner, _ in now.owners if now is not None else ():
            self._dependents.setdefault(owner, {})[uid] = None

    def _is_dubious(self, owner: str) -> bool:
        node = self._nodes.get(owner)
        return node is None or node.waits_for_dependents

    def _tell_waiting(self, node: Node) -> None:
        for owner, _ in node.owners:
            known = self._nodes.get(owner)
            if known is not None and known.waits_for_dependents:
                self.queue.add(owner)

    # ---- a look at one object --------------------------------------------------------------------------------

    async def reconcile(self, uid: str) -> None:
        node = self._nodes.get(uid)
        if node is None:
            return
        value = await self._fetch(node.kind, node.namespace, node.name, uid)
        if value is None:
            return
        now = node_of(value)
        if now.leaves_orphans:
            await self._orphan_dependents(uid, value)
        elif now.waits_for_dependents:
            await self._clear_the_way(uid, value)
        elif not now.is_going:
            await self._judge(uid, value)

    async def _fetch(self, kind: str, namespace: str | None, name: str, uid: str) -> Object | None:
        """The object as it is now, None if it is not that very one any more."""
        try:
            value = await self.client.get(kind, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        return value if value["metadata"]["uid"] == uid else None

    async def _orphan_dependents(self, uid: str, value: Object) -> None:
        for dependent in list(self._dependents.get(uid, ())):
            node = self._nodes.get(dependent)
            if node is None:
                continue
            found = await self._fetch(node.kind, node.namespace, node.name, dependent)
            if found is not None:
                await self._patch(found, without_owner(found, uid))
        await self._drop_finalizer(value, ORPHAN)

    async def _clear_the_way(self, uid: str, value: Object) -> None:
        """Foreground: it may go when nobody is left that blocks it."""
        blocking = [
            dependent
            for dependent in self._dependents.get(uid, ())
            if (uid, True) in self._nodes[dependent].owners
        ]
        if not blocking:
            await self._drop_finalizer(value, FOREGROUND)
            return
        for dependent in blocking:
            if not self._nodes[dependent].waits_for_dependents:
                self.queue.add(dependent)

    async def _judge(self, uid: str, value: Object) -> None:
        """It stays while it has an owner that is there."""
        references = value["metadata"].get("ownerReferences") or []
        if not references:
            return
        owners = await self._owners(value, references)
        if owners.solid:
            if owners.gone or owners.waiting:
                await self._forget_owners(value, [*owners.gone, *owners.waiting])
            return
        finalizers = value["metadata"].get("finalizers") or ()
        if owners.waiting and self._dependents.get(uid):
            policy = "Foreground"
        elif ORPHAN in finalizers:
            policy = "Orphan"
        else:
            policy = "Foreground" if FOREGROUND in finalizers else "Background"
        metadata = value["metadata"]
        try:
            await self.client.delete(
                value["kind"], metadata["name"], metadata.get("namespace"), uid=uid, propagation_policy=policy
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def _owners(self, value: Object, references: Sequence[Object]) -> Owners:
        found = Owners([], [], [])
        for reference in references:
            owner = await self._owner(value, reference)
            if owner is None:
                found.gone.append(reference)
            elif node_of(owner).waits_for_dependents:
                found.waiting.append(reference)
            else:
                found.solid.append(reference)
        return found

    async def _owner(self, value: Object, reference: Object) -> Object | None:
        resource = BY_KIND.get(reference["kind"])
        if resource is None or resource.group_version != reference["apiVersion"]:
            return value  # of a kind that nobody here knows: it cannot be said to be gone
        namespace = value["metadata"].get("namespace") if resource.namespaced else None
        return await self._fetch(resource.kind, namespace, reference["name"], reference["uid"])

    async def _forget_owners(self, value: Object, references: Sequence[Object]) -> None:
        uids = {each["uid"] for each in references}
        metadata = value["metadata"]
        kept = [each for each in metadata["ownerReferences"] if each["uid"] not in uids]
        version = metadata["resourceVersion"]
        await self._patch(value, {"metadata": {"resourceVersion": version, "ownerReferences": kept}})

    async def _drop_finalizer(self, value: Object, name: str) -> None:
        metadata = value["metadata"]
        kept = [each for each in metadata.get("finalizers") or () if each != name]
        version = metadata["resourceVersion"]
        await self._patch(value, {"metadata": {"resourceVersion": version, "finalizers": kept or None}})

    async def _patch(self, value: Object, patch: Object) -> None:
        metadata = value["metadata"]
        try:
            await self.client.patch(value["kind"], metadata["name"], patch, metadata.get("namespace"))
        except ApiError as error:
            if error.code != 404:
                raise
