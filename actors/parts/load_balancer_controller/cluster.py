"""What the controller knows of the cluster, and which TargetGroupBindings a change in it is about."""

from collections.abc import Callable, Iterator

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.informer import Informer, key_of
from actors.parts.load_balancer_controller.endpoints import (
    SERVICE_NAME,
    BackendNotFound,
    Resolved,
    condition,
    resolve_nodes,
    resolve_pods,
)
from actors.parts.load_balancer_controller.gates import gates_of


class Cluster:
    """Follows TargetGroupBindings and all that decides about their targets; `touched(key)` names a binding."""

    def __init__(self, context: Context, client: KubeClient, touched: Callable[[str], None]) -> None:
        self._touched = touched
        self.bindings = Informer(context, client, "TargetGroupBinding", self._binding_changed)
        self._services = Informer(context, client, "Service", self._service_changed)
        self._slices = Informer(context, client, "EndpointSlice", self._slice_changed)
        self.pods = Informer(context, client, "Pod", self._pod_changed)
        self.nodes = Informer(context, client, "Node", self._node_changed)
        self._informers = (self.bindings, self._services, self._slices, self.pods, self.nodes)

    def start(self) -> None:
        for informer in self._informers:
            informer.start()

    @property
    def synced(self) -> bool:
        """Everything has been seen once. Before that no conclusion may be drawn from what is missing."""
        return all(informer.synced for informer in self._informers)

    def service_of(self, binding: Object) -> Object:
        """The Service that a binding refers to. Raises `BackendNotFound`."""
        service = self.find_service(binding)
        if service is None:
            name = binding["spec"]["serviceRef"]["name"]
            raise BackendNotFound(f'backend not found: Service "{name}" not found')
        return service

    def find_service(self, binding: Object) -> Object | None:
        namespace, name = binding["metadata"]["namespace"], binding["spec"]["serviceRef"]["name"]
        return self._services.get(f"{namespace}/{name}")

    def resolve(self, binding: Object) -> Resolved:
        """Who must be a target of its group now. Raises `BackendNotFound`."""
        spec, service = binding["spec"], self.service_of(binding)
        port = spec["serviceRef"]["port"]
        if spec.get("targetType") == "instance":
            return resolve_nodes(service, port, self.nodes.all(), spec.get("nodeSelector"))
        slices = [each for each in self._slices.all() if _service_key(each) == key_of(service)]
        return resolve_pods(service, port, slices, self.pods.objects, self.nodes.objects)

    # ---- which bindings a change is about ----------------------------------------------------------------

    def _binding_changed(self, before: Object | None, now: Object | None) -> None:
        changed = now or before
        assert changed is not None
        if before is None or now is None or before["spec"] != now["spec"]:
            self._touch(lambda binding: True)  # another one may have waited for its target group
            self._touched(key_of(changed))
        elif "deletionTimestamp" in now["metadata"] and "deletionTimestamp" not in before["metadata"]:
            self._touched(key_of(changed))

    def _service_changed(self, before: Object | None, now: Object | None) -> None:
        for each in (before, now):
            if each is not None:
                self._touch_service(key_of(each))

    def _slice_changed(self, before: Object | None, now: Object | None) -> None:
        if before is not None and now is not None and _content(before) == _content(now):
            return
        for each in (before, now):
            if each is not None:
                self._touch_service(_service_key(each))

    def _pod_changed(self, before: Object | None, now: Object | None) -> None:
        """Only pods with gates matter; of the others the slices tell."""
        type_ = "ContainersReady"
        if before is None or now is None or condition(before, type_) != condition(now, type_):
            pod = now or before or {}
            for name in gates_of(pod):
                self._touched(f"{pod['metadata']['namespace']}/{name}")

    def _node_changed(self, before: Object | None, now: Object | None) -> None:
        if condition(before, "Ready") != condition(now, "Ready"):
            self._touch(lambda binding: True)
        elif before is not None and now is not None and _placing(before) != _placing(now):
            self._touch(lambda binding: bool(binding["spec"].get("targetType") == "instance"))

    def _touch_service(self, key: str) -> None:
        self._touch(
            lambda binding: (
                f"{binding['metadata']['namespace']}/{binding['spec']['serviceRef']['name']}" == key
            )
        )

    def _touch(self, concerned: Callable[[Object], bool]) -> None:
        for key in self._keys(concerned):
            self._touched(key)

    def _keys(self, concerned: Callable[[Object], bool]) -> Iterator[str]:
        return (key for key, binding in self.bindings.objects.items() if concerned(binding))


def _placing(node: Object) -> tuple[object, object]:
    return node["metadata"].get("labels"), node["spec"].get("taints")


def _content(slice_: Object) -> tuple[Object, Object]:
    return slice_.get("endpoints") or {}, slice_.get("ports") or {}


def _service_key(slice_: Object) -> str:
    metadata = slice_["metadata"]
    return f"{metadata['namespace']}/{(metadata.get('labels') or {}).get(SERVICE_NAME, '')}"
