"""Services and their pods: who must be looked at when something has changed, and which pods a Service selects."""

from actors.parts.kubernetes.client import Object
from actors.parts.kubernetes.controllers.frame import Controller, namespace_of
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.workloads.endpoints import wants_endpoints, what_matters


class ServicePods:
    """Puts the keys of Services into a controller's queue when they or their pods change."""

    def __init__(self, controller: Controller) -> None:
        self._queue = controller.queue
        self._services = controller.cluster.watchers.of("Service")
        self._services.index("namespace", lambda each: (each["metadata"]["namespace"],))
        self._pods = controller.cluster.watchers.of("Pod")
        self._pods.listen(self._on_pod)
        controller.follow("Service")

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        if before is not None and now is not None and what_matters(before) == what_matters(now):
            return
        pods = [pod for pod in (before, now) if pod is not None]
        for service in self._services.by("namespace", pods[0]["metadata"]["namespace"]):
            if wants_endpoints(service) and any(_selects(service, pod) for pod in pods):
                self._queue.add(key_of(service))

    def pods(self, service: Object) -> list[Object]:
        """The pods that it selects, in the order of their names."""
        namespace = namespace_of(key_of(service))
        pairs = [f"{namespace}/{name}={value}" for name, value in service["spec"]["selector"].items()]
        fewest = min((self._pods.by("label", pair) for pair in pairs), key=len)
        return sorted((pod for pod in fewest if _selects(service, pod)), key=key_of)

    def add_all(self) -> None:
        self._queue.add_all(key_of(each) for each in self._services.all() if wants_endpoints(each))


def _selects(service: Object, pod: Object) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return bool(service["spec"]["selector"].items() <= labels.items())
