"""What the Ingress controller knows of the cluster, and which groups of Ingresses a change in it is about."""

from collections.abc import Callable, Iterable

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.informer import Informer
from actors.protocols.load_balancer_controller.groups import (
    Class,
    Group,
    GroupError,
    class_of,
    group_of,
    groups_held,
    load,
)

Complain = Callable[[Object, str], None]


class IngressCluster:
    """Follows Ingresses, Services, and classes; `touched(group)` names a group, `complain` tells why one has none."""

    def __init__(
        self, context: Context, client: KubeClient, touched: Callable[[str], None], complain: Complain
    ) -> None:
        self._touched, self._complain = touched, complain
        self._ingresses = Informer(context, client, "Ingress", self._ingress_changed)
        self._services = Informer(context, client, "Service", self._service_changed)
        self._classes = Informer(context, client, "IngressClass", self._class_changed)
        self._parameters = Informer(context, client, "IngressClassParams", self._class_changed)
        self._namespaces = Informer(context, client, "Namespace", self._namespace_changed)
        self._informers = (
            self._ingresses,
            self._services,
            self._classes,
            self._parameters,
            self._namespaces,
        )

    def start(self) -> None:
        for informer in self._informers:
            informer.start()

    @property
    def synced(self) -> bool:
        return all(informer.synced for informer in self._informers)

    @property
    def services(self) -> dict[str, Object]:
        return self._services.objects

    def group(self, id: str) -> Group:
        """The group as it is now. Raises `GroupError`, `BuildError`."""
        return load(id, list(self._ingresses.all()), self._classify_or_none)

    def groups(self) -> list[str]:
        """Every group that somebody is in, or carries the finalizer of."""
        found: dict[str, None] = {}
        for ingress in self._ingresses.all():
            found.update(dict.fromkeys(self._groups_of(ingress)))
        return sorted(found)

    def touch_all(self) -> None:
        """Once everything has been seen."""
        for ingress in list(self._ingresses.all()):
            self._touch(ingress)

    def has_members(self) -> bool:
        """Whether there is any group with somebody in it who stays."""
        return any(
            "deletionTimestamp" not in each["metadata"] and self._classify_or_none(each) is not None
            for each in self._ingresses.all()
        )

    def members_of(self, group: str) -> list[Object]:
        return [each for each in self._ingresses.all() if group in self._groups_of(each)]

    def _classify(self, ingress: Object) -> Class | None:
        return class_of(ingress, self._classes.objects, self._parameters.objects, self._namespaces.objects)

    def _classify_or_none(self, ingress: Object) -> Class | None:
        """One whose group cannot be said is in none: it has been told so."""
        try:
            found = self._classify(ingress)
            if found is not None:
                group_of(ingress, found.parameters)
            return found
        except GroupError:
            return None

    def _groups_of(self, ingress: Object) -> Iterable[str]:
        held = groups_held(ingress)
        of_class = None if "deletionTimestamp" in ingress["metadata"] else self._classify_or_none(ingress)
        return held if of_class is None else {*held, group_of(ingress, of_class.parameters)}

    # ---- changes -------------------------------------------------------------------------------------------

    def _ingress_changed(self, before: Object | None, now: Object | None) -> None:
        if before is not None and now is not None and _wants(before) == _wants(now):
            return
        for each in (before, now):
            if each is not None and self.synced:
                self._touch(each)

    def _touch(self, ingress: Object) -> None:
        try:
            of_class = self._classify(ingress)
            groups = set(groups_held(ingress))
            if of_class is not None:
                groups.add(group_of(ingress, of_class.parameters))
        except GroupError as error:
            self._complain(ingress, str(error))
            groups = set(groups_held(ingress))
        for group in sorted(groups):
            self._touched(group)

    def _service_changed(self, before: Object | None, now: Object | None) -> None:
        if not self.synced or (before is not None and now is not None and _wants(before) == _wants(now)):
            return
        namespace = (now or before or {})["metadata"]["namespace"]
        for ingress in list(self._ingresses.all()):
            if ingress["metadata"]["namespace"] == namespace:
                self._touch(ingress)

    def _namespace_changed(self, before: Object | None, now: Object | None) -> None:
        labels = [(each or {"metadata": {}})["metadata"].get("labels") for each in (before, now)]
        if self.synced and labels[0] != labels[1]:
            self.touch_all()

    def _class_changed(self, before: Object | None, now: Object | None) -> None:
        if self.synced:
            self.touch_all()


def _wants(value: Object) -> tuple[object, ...]:
    metadata = value["metadata"]
    names = ("uid", "annotations", "deletionTimestamp")
    return value.get("spec"), *(metadata.get(name) for name in names)
