"""What people do to a cluster, as one would write it on a chart: scale, rollout, cordon, uncordon, drain.

It does not matter by which program: `kubectl`, `journey` and a scenario's timeline send the same requests, and what is
told is what they changed. What controllers, the scheduler and kubelets do is not told here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from actors.parts.kubernetes.apiserver.requests import Object, Request, Target
from actors.parts.kubernetes.apiserver.store import Store

PERSON = "kubernetes-admin"
"""The user of kubeconfigs."""
SCALED = ("Deployment", "ReplicaSet")
EVICTION = "eviction"


class Done(NamedTuple):
    """One thing that somebody did: its event's `kind`, what it was done to, and the event's other fields."""

    kind: str
    target: str
    fields: dict[str, Any]


class Operators:
    """Sees requests before and after they are answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._drained: set[str] = set()
        """Cordoned nodes that a pod has been evicted from."""

    def before(self, request: Request, target: Target | None) -> Object | None:
        """What a request is about to change, if somebody might want to know."""
        if request.method not in ("PATCH", "PUT", "POST") or request.user.name != PERSON or request.dry_run:
            return None
        if target is None or target.name is None:
            return None
        if target.subresource in (None, "scale", EVICTION):
            return self._store.get(target.resource.kind, target.namespace or "", target.name)
        return None

    def done(self, before: Object, target: Target) -> Iterator[Done]:
        """What has been done, after the request was granted."""
        kind, name = target.resource.kind, target.name or ""
        if target.subresource == EVICTION:
            yield from self._evicted(before["spec"].get("nodeName"))
            return
        after = self._store.get(kind, target.namespace or "", name) or before
        if kind == "Node":
            yield from self._marked(name, before, after)
        elif kind in SCALED:
            namespace = "" if target.namespace == "default" else f"{target.namespace}/"
            yield from _changed(f"{kind.lower()}/{namespace}{name}", before["spec"], after["spec"])

    def _evicted(self, node: str | None) -> Iterator[Done]:
        found = self._store.get("Node", "", node) if node else None
        if node and found and found["spec"].get("unschedulable") and node not in self._drained:
            self._drained.add(node)
            yield Done("operator.drain", f"node/{node}", {})

    def _marked(self, name: str, before: Object, after: Object) -> Iterator[Done]:
        was, now = (bool(each.get("spec", {}).get("unschedulable")) for each in (before, after))
        if was != now:
            self._drained.discard(name)
            yield Done("operator.cordon" if now else "operator.uncordon", f"node/{name}", {})


def _changed(target: str, before: Object, after: Object) -> Iterator[Done]:
    if before.get("replicas") != after.get("replicas"):
        fields = {"before": before.get("replicas"), "after": after.get("replicas")}
        yield Done("operator.scale", target, fields)
    if before.get("template") != after.get("template"):
        yield Done("operator.rollout", target, {})
