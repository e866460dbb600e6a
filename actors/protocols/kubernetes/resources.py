"""The kinds of objects that the API serves, and how each is named in paths, by kubectl and in its schema."""

from typing import NamedTuple

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Subresource(NamedTuple):
    """A part of an object with a path of its own, such as `deployments/scale`; `kind` is what goes in and out."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group_version: str = ""
    """Of that kind, where it is not the resource's own."""


class Resource(NamedTuple):
    """One kind of object; `definition` is its name in `openapi.json`, None for a custom resource."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    definition: str | None
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()

    @property
    def group_version(self) -> str:
        """As `apiVersion` has it: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As error messages have it: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def root(self) -> str:
        """The path that all of its objects lie under, without the namespace: `/apis/apps/v1`."""
        return f"/apis/{self.group_version}" if self.group else f"/api/{self.version}"

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The path of a collection, an object, or a subresource."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        parts = [self.root + inside, self.plural, *(part for part in (name, subresource) if part)]
        return "/".join(parts)

    def subresource(self, name: str) -> Subresource | None:
        return next((each for each in self.subresources if each.name == name), None)


_STATUS = ("get", "patch", "update")
_CORE, _APPS = "io.k8s.api.core.v1", "io.k8s.api.apps.v1"


def _status(kind: str) -> Subresource:
    return Subresource("status", kind, _STATUS)


_SCALE = Subresource("scale", "Scale", _STATUS, "autoscaling/v1")

RESOURCES = (
    Resource("", "v1", "Namespace", "namespaces", False, f"{_CORE}.Namespace", ("ns",), (), (_status("Namespace"),)),
    Resource("", "v1", "Node", "nodes", False, f"{_CORE}.Node", ("no",), (), (_status("Node"),)),
    Resource(
        "", "v1", "Pod", "pods", True, f"{_CORE}.Pod", ("po",), ("all",),
        (
            _status("Pod"),
            Subresource("binding", "Binding", ("create",)),
            Subresource("eviction", "Eviction", ("create",), "policy/v1"),
            Subresource("log", "Pod", ("get",)),
        ),
    ),
    Resource("", "v1", "Service", "services", True, f"{_CORE}.Service", ("svc",), ("all",), (_status("Service"),)),
    Resource("", "v1", "Endpoints", "endpoints", True, f"{_CORE}.Endpoints", ("ep",)),
    Resource("", "v1", "Event", "events", True, f"{_CORE}.Event", ("ev",)),
    Resource("", "v1", "ConfigMap", "configmaps", True, f"{_CORE}.ConfigMap", ("cm",)),
    Resource(
        "apps", "v1", "Deployment", "deployments", True, f"{_APPS}.Deployment", ("deploy",), ("all",),
        (_SCALE, _status("Deployment")),
    ),
    Resource(
        "apps", "v1", "ReplicaSet", "replicasets", True, f"{_APPS}.ReplicaSet", ("rs",), ("all",),
        (_SCALE, _status("ReplicaSet")),
    ),
    Resource(
        "apps", "v1", "DaemonSet", "daemonsets", True, f"{_APPS}.DaemonSet", ("ds",), ("all",), (_status("DaemonSet"),)
    ),
    Resource("apps", "v1", "ControllerRevision", "controllerrevisions", True, f"{_APPS}.ControllerRevision"),
    Resource(
        "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", True, "io.k8s.api.discovery.v1.EndpointSlice"
    ),
    Resource(
        "networking.k8s.io", "v1", "Ingress", "ingresses", True, "io.k8s.api.networking.v1.Ingress", ("ing",), (),
        (_status("Ingress"),),
    ),
    Resource(
        "networking.k8s.io", "v1", "IngressClass", "ingressclasses", False, "io.k8s.api.networking.v1.IngressClass"
    ),
    Resource("coordination.k8s.io", "v1", "Lease", "leases", True, "io.k8s.api.coordination.v1.Lease"),
    Resource(
        "elbv2.k8s.aws", "v1beta1", "TargetGroupBinding", "targetgroupbindings", True, None, (), ("all",),
        (_status("TargetGroupBinding"),),
    ),
    Resource("elbv2.k8s.aws", "v1beta1", "IngressClassParams", "ingressclassparams", False, None),
)  # fmt: skip
"""Everything that is stored, in the order in which discovery lists it."""

BY_KIND = {resource.kind: resource for resource in RESOURCES}
BY_PLURAL = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
