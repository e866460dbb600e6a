"""Who owns whom: `metadata.ownerReferences`, and what a controller may adopt or must release.

The rules are those of k8s.io/kubernetes: pkg/controller/controller_ref_manager.go.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.selectors import match_object

Object = dict[str, Any]


def controller_of(value: Object) -> Object | None:
    """The owner reference that says `controller: true`."""
    for reference in value["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def controller_uid(value: Object) -> str:
    """The UID of the controller, empty if there is none."""
    for reference in value["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""


def controller_reference(owner: Object, kind: str) -> Object:
    """What a controller writes into what it creates or adopts."""
    return {
        "apiVersion": BY_KIND[kind].group_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


class Claims(NamedTuple):
    """What is one's own already, what may be adopted, and what no longer fits one's selector."""

    own: list[Object]
    adopt: list[Object]
    release: list[Object]


def claims(owner: Object, candidates: Iterable[Object]) -> Claims:
    """Sort objects by what their labels and owners say; those of other controllers are left out."""
    uid, selector = owner["metadata"]["uid"], owner["spec"].get("selector")
    going = "deletionTimestamp" in owner["metadata"]
    found = Claims([], [], [])
    for value in candidates:
        metadata = value["metadata"]
        holder, fits = controller_uid(value), match_object(selector, metadata.get("labels"))
        if holder == uid:
            if fits:
                found.own.append(value)
            elif not going:
                found.release.append(value)
        elif not holder and fits and not going and "deletionTimestamp" not in metadata:
            found.adopt.append(value)
    return found


def adoption(owner: Object, kind: str, value: Object) -> Object:
    """The merge patch that makes an orphan one's own; it fails if the orphan is not that very object any more."""
    metadata = value["metadata"]
    references = [*(metadata.get("ownerReferences") or ()), controller_reference(owner, kind)]
    return {"metadata": {**_only_this(metadata), "ownerReferences": references}}


def without_owner(value: Object, uid: str) -> Object:
    """The merge patch by which an owner lets an object go."""
    metadata = value["metadata"]
    references = [each for each in metadata.get("ownerReferences") or () if each["uid"] != uid]
    return {"metadata": {**_only_this(metadata), "ownerReferences": references or None}}


def _only_this(metadata: Object) -> Object:
    return {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
