"""The schema of what the API serves: `openapi.json` (Kubernetes 1.32) and the controller's custom resources.

How this works. Definitions are named as in the real OpenAPI documents (`io.k8s.api.apps.v1.Deployment`); a `$ref` in
`openapi.json` is such a name. `Shape` is what the other modules walk along with an object: it resolves references,
and says how the lists and maps of a place are merged (x-kubernetes-list-type, -list-map-keys, -patch-strategy, ...).
Everything is read once, when it is first asked for, and is not to be changed.
"""

import json
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from actors.protocols.kubernetes.resources import BY_KIND

Schema = dict[str, Any]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
TARGET_GROUP_BINDING = "aws.k8s.elbv2.v1beta1.TargetGroupBinding"
INGRESS_CLASS_PARAMS = "aws.k8s.elbv2.v1beta1.IngressClassParams"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_TIMES = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "micro-time",
}
_OTHER_KINDS = {
    "Binding": "io.k8s.api.core.v1.Binding",
    "DeleteOptions": "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "Eviction": "io.k8s.api.policy.v1.Eviction",
    "IngressClassParams": INGRESS_CLASS_PARAMS,
    "PodDisruptionBudget": "io.k8s.api.policy.v1.PodDisruptionBudget",
    "Scale": "io.k8s.api.autoscaling.v1.Scale",
    "Secret": "io.k8s.api.core.v1.Secret",
    "SelfSubjectAccessReview": "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    "SelfSubjectRulesReview": "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    "ServiceAccount": "io.k8s.api.core.v1.ServiceAccount",
    "TargetGroupBinding": TARGET_GROUP_BINDING,
}
KEY_DEFAULTS = {"protocol": "TCP"}
"""What the keys of list items are taken to be where they are left out (the real schema has `default: TCP`)."""


@cache
def definitions() -> dict[str, Schema]:
    """All definitions by their names."""
    there = files("actors.protocols.kubernetes")
    read: dict[str, Schema] = {}
    for name in ("openapi.json", "targetgroupbinding.json", "ingressclassparams.json"):
        read |= json.loads(there.joinpath(name).read_text("utf-8"))
    return read


def definition_of(kind: str) -> str:
    """The definition of a kind of object. Raises KeyError for one that is not served."""
    resource = BY_KIND.get(kind)
    return (resource.definition if resource else None) or _OTHER_KINDS[kind]


def field(definition: str, name: str) -> Schema | None:
    """The schema of a field as the definition has it, or None if there is no such field."""
    found: Schema | None = definitions()[definition].get("properties", {}).get(name)
    return found


def group_version_kind(definition: str) -> list[dict[str, str]]:
    """The kinds that a definition is the schema of: `[{group, version, kind}]`; empty for parts of objects."""
    found: list[dict[str, str]] = definitions()[definition].get("x-kubernetes-group-version-kind", [])
    return found


class Shape:
    """What a place in an object may hold.

    `type` is `object` (with fields), `map` (any keys, one shape of values), `array`, `string`, `integer`, `number`,
    `boolean`, `quantity`, `int-or-string`, `time`, `micro-time` or `any` (not looked into).
    """

    def __init__(self, schema: Schema) -> None:
        target = schema.get("$ref", "")
        self.definition: str = target
        """Its name, of a place that refers to one; else empty."""
        resolved = {**definitions()[target], **schema} if target else schema
        self._schema = resolved
        self.type = _type_of(target, resolved)
        self.format: str = resolved.get("format", "")
        self.required: tuple[str, ...] = tuple(resolved.get("required", ()))
        self.enum: tuple[str, ...] = tuple(resolved.get("enum", ()))
        self.keys: tuple[str, ...] = tuple(resolved.get("x-kubernetes-list-map-keys", ()))
        self.list_type: str = resolved.get("x-kubernetes-list-type", "atomic")
        self.atomic: bool = self._is_atomic()
        self.merge_key: str = resolved.get("x-kubernetes-patch-merge-key", "")
        strategies = resolved.get("x-kubernetes-patch-strategy", "").split(",")
        self.merges_lists: bool = "merge" in strategies
        self.replaces: bool = "replace" in strategies

    def _is_atomic(self) -> bool:
        if self.type == "array":
            return self.list_type == "atomic"
        if self.type in ("object", "map"):
            return self._schema.get("x-kubernetes-map-type") == "atomic"
        return True

    @cached_property
    def fields(self) -> dict[str, "Shape"]:
        return {name: Shape(each) for name, each in self._schema.get("properties", {}).items()}

    @cached_property
    def values(self) -> "Shape":
        """The shape of a map's values."""
        of_values = self._schema.get("additionalProperties")
        return Shape(of_values) if isinstance(of_values, dict) else ANY

    @cached_property
    def items(self) -> "Shape":
        """The shape of a list's items."""
        return Shape(self._schema.get("items", {}))

    def child(self, name: str) -> "Shape":
        """The shape of a field or of a map's value; ANY where the schema knows none."""
        if self.type == "object":
            return self.fields.get(name, ANY)
        return self.values if self.type == "map" else ANY


def _type_of(target: str, schema: Schema) -> str:
    if target in _TIMES:
        return _TIMES[target]
    if target == _QUANTITY:
        return "quantity"
    if target == _INT_OR_STRING or schema.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if schema.get("type") == "object" or "properties" in schema:
        if "properties" in schema:
            return "object"
        return "map" if "additionalProperties" in schema else "any"
    kind = schema.get("type", "any")
    assert isinstance(kind, str)
    return kind


ANY = Shape({})


@cache
def shape(definition: str) -> Shape:
    """Where a walk along an object of this definition begins."""
    return Shape({"$ref": definition})


def key_of(item: Any, keys: tuple[str, ...]) -> tuple[Any, ...] | None:
    """What an item of a list with keys is known by, None if it is no object or lacks one."""
    if not isinstance(item, dict):
        return None
    found = tuple(item.get(key, KEY_DEFAULTS.get(key)) for key in keys)
    return None if None in found else found
