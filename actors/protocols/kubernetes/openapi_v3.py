"""The OpenAPI 3 documents of `/openapi/v3/<group version>`: what kubectl explains, validates and merges by."""

import copy
from functools import cache
from typing import Any

from actors.protocols.kubernetes.resources import RESOURCES, Resource, Subresource
from actors.protocols.kubernetes.schema import Schema, definition_of, definitions

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_LIST_META = _META + "ListMeta"
_STATUS = _META + "Status"
_DELETE_OPTIONS = _META + "DeleteOptions"
_PATCH = _META + "Patch"
_REFERENCE = "#/components/schemas/"

Document = dict[str, Any]

PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_PATCH_SCHEMA = {
    "description": "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.",
    "type": "object",
}


def group_versions() -> list[str]:
    """Those that have a document, as they stand in its path: `api/v1`, `apis/apps/v1`, ..."""
    return list(dict.fromkeys(resource.root.removeprefix("/") for resource in RESOURCES))


@cache
def document(group_version: str) -> Document:
    """The document of a group version (`v1`, `apps/v1`). Not to be changed. Raises KeyError for one not served."""
    resources = [each for each in RESOURCES if each.group_version == group_version]
    if not resources:
        raise KeyError(group_version)
    paths: Document = {}
    for resource in resources:
        paths |= _paths(resource)
    schemas = _schemas(resources)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0"},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas},
    }


def _schemas(resources: list[Resource]) -> Document:
    found: Document = {_PATCH: _PATCH_SCHEMA}
    waiting = [_STATUS, _DELETE_OPTIONS, _LIST_META]
    for resource in resources:
        waiting += [
            definition_of(resource.kind),
            *(definition_of(each.kind) for each in resource.subresources),
        ]
        found[_list_name(resource)] = _list_schema(resource)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _converted(definitions()[name])
            waiting += _referred(definitions()[name])
    return dict(sorted(found.items()))


def _referred(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for each in schema for name in _referred(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for each in schema.values() for name in _referred(each)]


def _converted(schema: Schema) -> Schema:
    """A schema of OpenAPI 2 as OpenAPI 3 has it: nothing may stand beside a `$ref`, so that goes into `allOf`."""
    result = copy.copy(schema)
    if "properties" in schema:
        result["properties"] = {name: _converted(each) for name, each in schema["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            result[name] = _converted(schema[name])
    reference = result.pop("$ref", None)
    if isinstance(reference, str):
        if not result:
            return {"allOf": [{"$ref": _REFERENCE + reference}]}
        result["allOf"] = [{"$ref": _REFERENCE + reference}]
    # The real documents name no values here: the server's kinds are in x-kubernetes-group-version-kind.
    if result.get("type") == "string" and schema.get("description", "").startswith(
        ("APIVersion ", "Kind is")
    ):
        result.pop("enum", None)
    return result


def _list_name(resource: Resource) -> str:
    return definition_of(resource.kind) + "List"


def _list_schema(resource: Resource) -> Schema:
    own = definitions()[definition_of(resource.kind)]["properties"]
    return {
        "description": f"{resource.kind}List is a list of {resource.kind} objects.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": _converted(own["apiVersion"]),
            "items": {"type": "array", "items": _reference(definition_of(resource.kind))},
            "kind": _converted(own["kind"]),
            "metadata": {"allOf": [_reference(_LIST_META)]},
        },
        "x-kubernetes-group-version-kind": [_gvk(resource, resource.kind + "List")],
    }


def _reference(name: str) -> Schema:
    return {"$ref": _REFERENCE + name}


def _gvk(resource: Resource, kind: str, group_version: str = "") -> Document:
    group, _, version = (group_version or resource.group_version).rpartition("/")
    return {"group": group, "version": version, "kind": kind}


def _paths(resource: Resource) -> Document:
    namespace = "{namespace}" if resource.namespaced else None
    collection = resource.path(namespace)
    name = [_path_parameter("namespace", "object name and auth scope, such as for teams and projects")]
    outer = name if resource.namespaced else []
    inner = [_path_parameter("name", f"name of the {resource.kind}"), *outer]
    paths = {
        collection: {
            "parameters": outer,
            "get": _operation(resource, "list"),
            "post": _operation(resource, "create"),
            "delete": _operation(resource, "deletecollection"),
        },
        resource.path(namespace, "{name}"): {
            "parameters": inner,
            "get": _operation(resource, "get"),
            "put": _operation(resource, "update"),
            "patch": _operation(resource, "patch"),
            "delete": _operation(resource, "delete"),
        },
    }
    if resource.namespaced:
        paths[resource.path()] = {"parameters": [], "get": _operation(resource, "list", everywhere=True)}
    for each in resource.subresources:
        methods = {_METHODS[verb]: _operation(resource, verb, each) for verb in each.verbs}
        paths[resource.path(namespace, "{name}", each.name)] = {"parameters": inner, **methods}
    return paths


_METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch"}
_ACTIONS = {"create": "post", "update": "put"}
_WRITES = ("create", "update", "patch")


def _operation(
    resource: Resource, verb: str, subresource: Subresource | None = None, *, everywhere: bool = False
) -> Document:
    kind = subresource.kind if subresource else resource.kind
    group_version = (subresource.group_version if subresource else "") or resource.group_version
    answer = _reference(definition_of(kind))
    if subresource and subresource.name == "log":
        answer = {"type": "string"}
    elif verb == "list":
        answer = _reference(_list_name(resource))
    elif verb in ("delete", "deletecollection"):
        answer = _reference(_STATUS)
    operation: Document = {
        "operationId": _operation_id(resource, verb, subresource, everywhere),
        "description": f"{verb} {kind}",
        "tags": [resource.root.removeprefix("/api").removeprefix("s/").replace("/", "_").strip("_")],
        "parameters": _query(verb, subresource),
        "responses": {
            "201" if verb == "create" else "200": {
                "description": "Created" if verb == "create" else "OK",
                "content": {_answer_type(subresource): {"schema": answer}},
            },
            "401": {"description": "Unauthorized"},
        },
        "x-kubernetes-action": _ACTIONS.get(verb, verb),
        "x-kubernetes-group-version-kind": _gvk(resource, kind, group_version),
    }
    if body := _body(verb, kind, custom=resource.definition is None):
        operation["requestBody"] = {"content": body, **({"required": True} if verb in _WRITES else {})}
    return operation


def _answer_type(subresource: Subresource | None) -> str:
    return "text/plain" if subresource and subresource.name == "log" else "application/json"


def _operation_id(resource: Resource, verb: str, subresource: Subresource | None, everywhere: bool) -> str:
    group = (resource.group.split(".")[0] or "core").capitalize() + resource.version.capitalize()
    what = resource.kind + (subresource.name.capitalize() if subresource else "")
    scope = "Namespaced" if resource.namespaced and not everywhere else ""
    names = {"get": "read", "update": "replace", "deletecollection": f"delete{group}Collection"}
    prefix = names.get(verb, verb) + ("" if verb == "deletecollection" else group)
    return f"{prefix}{scope}{what}" + ("ForAllNamespaces" if everywhere else "")


def _body(verb: str, kind: str, *, custom: bool) -> Document:
    if verb in ("create", "update"):
        return {"*/*": {"schema": _reference(definition_of(kind))}}
    if verb == "patch":
        types = [each for each in PATCH_TYPES if not (custom and "strategic" in each)]
        return {each: {"schema": _reference(_PATCH)} for each in types}
    if verb in ("delete", "deletecollection"):
        return {"*/*": {"schema": _reference(_DELETE_OPTIONS)}}
    return {}


def _path_parameter(name: str, description: str) -> Document:
    return {
        "name": name,
        "in": "path",
        "description": description,
        "required": True,
        "schema": {"type": "string", "uniqueItems": True},
    }


_PARAMETERS = {
    "allowWatchBookmarks": ("boolean", 'whether watchers may get events with type "BOOKMARK"'),
    "continue": ("string", "the token of the list's last answer, to get what follows it"),
    "container": ("string", "the container for which to stream logs; the only one, or the first, by default"),
    "dryRun": ("string", "when present, indicates that modifications should not be persisted; the only value is All"),
    "fieldManager": ("string", "the name associated with the actor or entity that is making these changes"),
    "fieldSelector": ("string", "restricts the list of returned objects by their fields"),
    "fieldValidation": ("string", "what becomes of unknown and duplicate fields: Ignore, Warn (default), or Strict"),
    "follow": ("boolean", "follow the log stream of the pod"),
    "force": ("boolean", "apply although others own fields that are changed; only for apply patches"),
    "gracePeriodSeconds": ("integer", "the duration in seconds before the object should be deleted"),
    "labelSelector": ("string", "restricts the list of returned objects by their labels"),
    "limit": ("integer", "the maximum number of objects to return; the answer says how to go on"),
    "previous": ("boolean", "return the log of the container's previous run"),
    "propagationPolicy": ("string", "whether and how what depends on it is deleted: Orphan, Background, Foreground"),
    "resourceVersion": ("string", "what a list must at least show, or where a watch begins"),
    "resourceVersionMatch": ("string", "how resourceVersion is applied to lists"),
    "sinceSeconds": ("integer", "show only what was logged in so many seconds before now"),
    "tailLines": ("integer", "the number of lines from the end of the log to show"),
    "timeoutSeconds": ("integer", "limits the duration of the call"),
    "timestamps": ("boolean", "add an RFC 3339 timestamp at the beginning of every line"),
    "watch": ("boolean", "watch for changes and return them as a stream of events"),
}  # fmt: skip
_LISTING = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "timeoutSeconds", "watch",
)  # fmt: skip
_DELETING = ("dryRun", "gracePeriodSeconds", "propagationPolicy")
_QUERIES: dict[str, tuple[str, ...]] = {
    "create": ("dryRun", "fieldManager", "fieldValidation"),
    "delete": _DELETING,
    "deletecollection": (*_DELETING, "fieldSelector", "labelSelector"),
    "list": _LISTING,
    "patch": ("dryRun", "fieldManager", "fieldValidation", "force"),
    "update": ("dryRun", "fieldManager", "fieldValidation"),
}
_LOG_QUERY = ("container", "follow", "previous", "sinceSeconds", "tailLines", "timestamps")


def _query(verb: str, subresource: Subresource | None) -> list[Document]:
    names = _QUERIES.get(verb, ())
    if subresource and subresource.name == "log":
        names = _LOG_QUERY
    return [
        {
            "name": name,
            "in": "query",
            "description": _PARAMETERS[name][1],
            "schema": {"type": _PARAMETERS[name][0], "uniqueItems": True},
        }
        for name in names
    ]
