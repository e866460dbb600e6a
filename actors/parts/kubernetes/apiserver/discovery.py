"""What the server says it can do: versions, groups, resources; both the old documents and the aggregated ones.

kubectl asks `/api` and `/apis` for an APIGroupDiscoveryList, and keeps the answer for six hours; other clients read the
legacy documents (k8s.io/client-go/discovery, apiserver/pkg/endpoints/discovery/aggregated).
"""

import hashlib
import json
from collections.abc import Iterator
from functools import cache

from actors.parts.kubernetes.apiserver.requests import Object
from actors.protocols.kubernetes.resources import RESOURCES, VERBS, Resource, Subresource

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.9-eks-113cf36",
    "gitCommit": "113cf36",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.23.12",
    "compiler": "gc",
    "platform": "linux/amd64",
}

REVIEWS = (
    Resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", False, None),
    Resource(
        "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False, None
    ),
    Resource("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False, None),
)
"""Kinds that are answered, not stored."""

AGGREGATED = ("apidiscovery.k8s.io/v2", "apidiscovery.k8s.io/v2beta1")


def verbs_of(resource: Resource) -> tuple[str, ...]:
    return ("create",) if resource in REVIEWS else VERBS


def group_versions() -> list[str]:
    """`v1`, `apps/v1`, ... in the order of discovery."""
    return list(dict.fromkeys(resource.group_version for resource in (*RESOURCES, *REVIEWS)))


def document(path: str) -> Object | None:
    """The legacy document at a path; None where there is none."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(_groups())}
        case ["apis", group]:
            found = next((each for each in _groups() if each["name"] == group), None)
            return found and {"kind": "APIGroup", "apiVersion": "v1", **found}
        case ["api", version]:
            return _resource_list(version)
        case ["apis", group, version]:
            return _resource_list(f"{group}/{version}")
    return None


def _groups() -> Iterator[Object]:
    versions: dict[str, list[str]] = {}
    for group_version in group_versions():
        group, slash, version = group_version.partition("/")
        if slash:
            versions.setdefault(group, []).append(version)
    for group, names in versions.items():
        told = [{"groupVersion": f"{group}/{version}", "version": version} for version in names]
        yield {"name": group, "versions": told, "preferredVersion": told[0]}


def _resource_list(group_version: str) -> Object | None:
    resources = [each for each in (*RESOURCES, *REVIEWS) if each.group_version == group_version]
    if not resources:
        return None
    entries = [entry for resource in resources for entry in _legacy(resource)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": entries,
    }


def _legacy(resource: Resource) -> Iterator[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(verbs_of(resource)),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    yield entry
    for sub in resource.subresources:
        group, _, version = sub.group_version.rpartition("/")
        yield {
            "name": f"{resource.plural}/{sub.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **({"group": group, "version": version} if sub.group_version else {}),
            "kind": sub.kind,
            "verbs": list(sub.verbs),
        }


@cache
def aggregated(path: str, api_version: str) -> Object:
    """The APIGroupDiscoveryList at `/api` (the core group) or `/apis` (all others)."""
    core = path.strip("/") == "api"
    groups: dict[str, dict[str, list[Object]]] = {}
    for resource in (*RESOURCES, *REVIEWS):
        if core is (resource.group == ""):
            versions = groups.setdefault(resource.group, {})
            versions.setdefault(resource.version, []).append(_discovered(resource))
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None},
            "versions": [
                {"version": version, "resources": resources, "freshness": "Current"}
                for version, resources in versions.items()
            ],
        }
        for group, versions in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _discovered(resource: Resource) -> Object:
    own = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    entry: Object = {
        "resource": resource.plural,
        "responseKind": own,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(verbs_of(resource)),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_discovered_part(resource, each) for each in resource.subresources]
    return entry


def _discovered_part(resource: Resource, sub: Subresource) -> Object:
    group, _, version = (sub.group_version or resource.group_version).rpartition("/")
    kind = {"group": group, "version": version, "kind": sub.kind}
    return {"subresource": sub.name, "responseKind": kind, "verbs": list(sub.verbs)}


def etag(document: Object) -> str:
    """The hash of a document, quoted as the header has it."""
    return f'"{hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest().upper()}"'
