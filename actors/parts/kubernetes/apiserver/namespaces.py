"""Namespaces that are to go: their content is deleted, and when nothing is left, so are they (namespace controller)."""

import asyncio

from actors.parts.kubernetes.apiserver.deleting import DeleteOptions, delete
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.parts.kubernetes.apiserver.store import Event
from actors.protocols.kubernetes.resources import RESOURCES

FINALIZER = "kubernetes"
_CONTENT = tuple(resource for resource in RESOURCES if resource.namespaced)


class NamespaceFinalizer:
    """Empties terminating namespaces, whenever one begins to terminate or something in one is gone."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._changed = asyncio.Event()
        self._terminating: dict[str, None] = {}
        for value in self._store.objects("Namespace"):
            self._look_at(value)
        self._store.listeners.append(self._on_event)

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for name in list(self._terminating):
                self._finalize(name)

    def _on_event(self, event: Event) -> None:
        value = event.now.object
        if event.kind == "Namespace":
            self._look_at(value, gone=event.type == "DELETED")
        elif value["metadata"].get("namespace") in self._terminating:
            self._changed.set()

    def _look_at(self, namespace: Object, gone: bool = False) -> None:
        name = namespace["metadata"]["name"]
        if gone:
            self._terminating.pop(name, None)
        elif "deletionTimestamp" in namespace["metadata"]:
            self._terminating[name] = None
            self._changed.set()

    def _finalize(self, name: str) -> None:
        """Delete what can be deleted; let the namespace go if nothing is left."""
        for resource in _CONTENT:
            for value in self._store.objects(resource.kind, name):
                if "deletionTimestamp" not in value["metadata"]:
                    target = Target(resource, name, value["metadata"]["name"])
                    delete(self._registry, target, DeleteOptions(policy="Background"))
        namespace = self._store.get("Namespace", "", name)
        if namespace is None or any(self._store.objects(resource.kind, name) for resource in _CONTENT):
            return
        others = [each for each in namespace["spec"].get("finalizers", ()) if each != FINALIZER]
        finalized = {**namespace, "spec": {**namespace["spec"], "finalizers": others}}
        if not others and not namespace["metadata"].get("finalizers"):
            self._store.delete("Namespace", finalized)
        elif finalized != namespace:
            self._store.put("Namespace", finalized)
