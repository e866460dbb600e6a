"""Pod templates: pods made of them, whether two are alike, and their hash."""

import json
from typing import Any

from actors.protocols.kubernetes.names import ALPHABET, SUBDOMAIN_LENGTH
from actors.protocols.kubernetes.workloads.owners import controller_reference

Object = dict[str, Any]

HASH_LABEL = "pod-template-hash"
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


def pod_from(template: Object, owner: Object, kind: str) -> Object:
    """A pod as a controller creates it: the template's labels, annotations and spec, named after the owner."""
    given = template.get("metadata") or {}
    metadata: Object = {
        "generateName": pod_prefix(owner["metadata"]["name"]),
        "namespace": owner["metadata"]["namespace"],
        **{name: given[name] for name in ("labels", "annotations", "finalizers") if given.get(name)},
        "ownerReferences": [controller_reference(owner, kind)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def pod_prefix(name: str) -> str:
    """The beginning of its pods' names: without a dash if that would make no good name."""
    return f"{name}-" if len(name) < SUBDOMAIN_LENGTH else name


def same_but_hash(one: Object, other: Object) -> bool:
    """Whether two templates want the same pods; their hash labels do not count."""
    return one["spec"] == other["spec"] and _metadata_but_hash(one) == _metadata_but_hash(other)


def _metadata_but_hash(template: Object) -> Object:
    metadata = {name: value for name, value in (template.get("metadata") or {}).items() if value}
    labels = {name: value for name, value in metadata.get("labels", {}).items() if name != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    metadata.pop("labels", None)
    return {**metadata, **({"labels": labels} if labels else {})}


def template_hash(template: Object, collisions: int | None = None) -> str:
    """A short name for a template: up to ten characters. `collisions` makes another one when that is taken."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    salt = "" if collisions is None else f"#{collisions}"
    return safe_encode(str(_fnv_1a(f"{text}{salt}".encode())))


def safe_encode(text: str) -> str:
    """The text in the alphabet of generated names (k8s.io/apimachinery: pkg/util/rand, SafeEncodeString)."""
    return "".join(ALPHABET[ord(character) % len(ALPHABET)] for character in text)


def _fnv_1a(octets: bytes) -> int:
    value = _FNV_OFFSET
    for octet in octets:
        value = (value ^ octet) * _FNV_PRIME & 0xFFFFFFFF
    return value
