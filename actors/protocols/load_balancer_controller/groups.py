"""Which Ingress belongs to which group (pkg/ingress/group_loader.go, class_loader.go, finalizer.go).

A group is called `namespace/ingress` if it is that Ingress alone, else by the name that its members give.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.load_balancer_controller.annotations import Annotations, BuildError

Object = dict[str, Any]

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
CLASS_NAME = "alb"
"""`--ingress-class`."""
CONTROLLER = "ingress.k8s.aws/alb"
IMPLICIT_FINALIZER = "ingress.k8s.aws/resources"
EXPLICIT_FINALIZER = "group.ingress.k8s.aws/"
ORDERS = range(-1000, 1001)


class GroupError(ValueError):
    """What group an Ingress is in cannot be said."""


class Class(NamedTuple):
    """How an Ingress is ours: its IngressClass and the parameters of that, empty if an annotation says it."""

    ingress_class: Object | None
    parameters: Object


class Member(NamedTuple):
    """An Ingress of a group."""

    ingress: Object
    parameters: Object
    """The spec of its class's IngressClassParams."""

    @property
    def key(self) -> str:
        metadata = self.ingress["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    @property
    def annotations(self) -> Annotations:
        return Annotations(self.ingress["metadata"].get("annotations"))


class Group(NamedTuple):
    """Those who share a load balancer, in their order, and those who must be let go."""

    id: str
    members: tuple[Member, ...]
    leaving: tuple[Object, ...]


def class_of(
    ingress: Object,
    classes: Mapping[str, Object],
    parameters: Mapping[str, Object],
    namespaces: Mapping[str, Object],
) -> Class | None:
    """All by name. None: it is another controller's. Raises `GroupError` if its class cannot be found out."""
    annotation = (ingress["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    if annotation is not None:
        return Class(None, {}) if annotation == CLASS_NAME else None
    name = ingress["spec"].get("ingressClassName")
    if name is None:
        return None
    found = classes.get(name)
    if found is None:
        raise GroupError(f'invalid ingress class: ingressclasses.networking.k8s.io "{name}" not found')
    if found["spec"].get("controller") != CONTROLLER:
        return None
    reference = found["spec"].get("parameters")
    if reference is None:
        return Class(found, {})
    if reference.get("apiGroup") != "elbv2.k8s.aws" or reference.get("kind") != "IngressClassParams":
        raise GroupError(
            "invalid ingress class: IngressClass parameters must be an elbv2.k8s.aws IngressClassParams"
        )
    of_class = parameters.get(reference["name"])
    if of_class is None:
        missing = f'ingressclassparams.elbv2.k8s.aws "{reference["name"]}" not found'
        raise GroupError(f"invalid ingress class: {missing}")
    spec = of_class.get("spec") or {}
    namespace = namespaces.get(ingress["metadata"]["namespace"]) or {"metadata": {}}
    if not match_object(spec.get("namespaceSelector") or {}, namespace["metadata"].get("labels")):
        raise GroupError("invalid ingress class: namespaceSelector of IngressClassParams mismatch")
    return Class(found, spec)


def says_two_classes(ingress: Object) -> bool:
    """By the annotation and by the field."""
    annotations = ingress["metadata"].get("annotations") or {}
    return CLASS_ANNOTATION in annotations and ingress["spec"].get("ingressClassName") is not None


def group_of(ingress: Object, parameters: Object) -> str:
    """The group that an Ingress of ours asks to be in. Raises `GroupError`."""
    name = (parameters.get("group") or {}).get("name")
    if name is None:
        name = Annotations(ingress["metadata"].get("annotations")).text("group.name")
    if name is None:
        return f"{ingress['metadata']['namespace']}/{ingress['metadata']['name']}"
    if not re.fullmatch(r"([a-z0-9][-a-z0-9.]*)?[a-z0-9]", name):
        rule = "lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        raise GroupError(f"invalid ingress group: groupName must consist of {rule}")
    if len(name) > 63:
        raise GroupError("invalid ingress group: groupName must be no more than 63 characters")
    return str(name)


def finalizer_of(group: str) -> str:
    return IMPLICIT_FINALIZER if "/" in group else EXPLICIT_FINALIZER + group


def groups_held(ingress: Object) -> list[str]:
    """The groups whose finalizers an Ingress carries: they have made something for it."""
    found, metadata = [], ingress["metadata"]
    for finalizer in metadata.get("finalizers") or ():
        if finalizer == IMPLICIT_FINALIZER:
            found.append(f"{metadata['namespace']}/{metadata['name']}")
        elif finalizer.startswith(EXPLICIT_FINALIZER):
            found.append(finalizer.removeprefix(EXPLICIT_FINALIZER))
    return found


def load(group: str, ingresses: Iterable[Object], classify: Callable[[Object], Class | None]) -> Group:
    """The group as it is now. Raises `GroupError`, `BuildError`."""
    members, leaving = [], []
    for ingress in ingresses:
        is_going = "deletionTimestamp" in ingress["metadata"]
        of_class = None if is_going else classify(ingress)
        if of_class is not None and group_of(ingress, of_class.parameters) == group:
            members.append(Member(ingress, of_class.parameters))
        elif group in groups_held(ingress):
            leaving.append(ingress)
    members.sort(key=lambda each: (_order(each), each.key))
    return Group(group, tuple(members), tuple(leaving))


def _order(member: Member) -> int:
    order = member.annotations.number("group.order") or 0
    if order not in ORDERS:
        where = f"Ingress: {member.key}, order: {order}"
        raise BuildError(f"explicit Ingress group order must be within [-1000:1000], {where}")
    return order
