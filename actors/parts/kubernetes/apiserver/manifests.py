"""Manifests that the server applies to itself when its store is new, as `kubectl apply --server-side` would."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from actors.parts.kubernetes.apiserver.authorization import MASTERS
from actors.parts.kubernetes.apiserver.patching import APPLY
from actors.parts.kubernetes.apiserver.requests import Request, Response, User
from actors.parts.kubernetes.apiserver.values import parse_yaml
from actors.protocols.kubernetes.resources import RESOURCES, Resource
from actors.protocols.kubernetes.status import ApiError

MANAGER = "journey"
_USER = User("journey", (MASTERS,))
_BY_GROUP_VERSION_KIND = {(each.group_version, each.kind): each for each in RESOURCES}

Handle = Callable[[Request], Awaitable[Response]]


class ManifestError(Exception):
    """A manifest that cannot be applied; says which file, which document of it, and why."""


async def apply_manifests(handle: Handle, files: tuple[str, ...], *, dry_run: bool = False) -> int:
    """Apply all documents of all files, in order; returns how many. Raises `ManifestError`.

    A dry run finds faults and changes nothing; that a namespace is missing is none: an earlier document may make it.
    """
    count = 0
    for file in files:
        for number, document in enumerate(_documents(file), 1):
            for value in _objects(document):
                try:
                    await _apply(handle, value, dry_run)
                except ApiError as error:
                    if dry_run and (error.details or {}).get("kind") == "namespaces" and error.code == 404:
                        continue
                    raise ManifestError(f"{file}: document {number}: {_what(value)}{error.message}") from None
                count += 1
    return count


def objects_of(files: tuple[str, ...]) -> Iterator[Any]:
    """Every object of all files, as it is written. Raises `ManifestError`."""
    for file in files:
        for document in _documents(file):
            yield from _objects(document)


def _documents(file: str) -> list[Any]:
    try:
        return parse_yaml(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: {error}") from None
    except ApiError as error:
        raise ManifestError(f"{file}: {error.message}") from None


def _objects(document: Any) -> Iterator[Any]:
    """What a document holds: nothing, one object, or a List of them."""
    if isinstance(document, dict) and document.get("kind") == "List":
        yield from document.get("items") or ()
    elif document is not None:
        yield document


async def _apply(handle: Handle, value: Any, dry_run: bool) -> None:
    resource = _resource(value)
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise ApiError(422, "metadata.name: Required value", "Invalid")
    namespace = str(metadata.get("namespace") or "default") if resource.namespaced else None
    query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
    if dry_run:
        query["dryRun"] = "All"
    path = resource.path(namespace, name)
    response = await handle(Request("PATCH", path, query, value, APPLY, _USER))
    if response.code >= 400:
        raise ApiError.of(response.body)


def _resource(value: Any) -> Resource:
    if not isinstance(value, dict):
        raise ApiError(400, "is no object")
    version, kind = str(value.get("apiVersion")), str(value.get("kind"))
    resource = _BY_GROUP_VERSION_KIND.get((version, kind))
    if resource is None:
        raise ApiError(404, f'no matches for kind "{kind}" in version "{version}"')
    return resource


def _what(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{value.get('kind')} {name!r}: "
