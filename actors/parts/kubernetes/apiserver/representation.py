"""In which form an answer goes out: as the objects themselves, their metadata alone, or a Table; as JSON or YAML.

kubectl names what it takes in its Accept header, best first: `application/json;as=Table;v=v1;g=meta.k8s.io`.
"""

from typing import NamedTuple

from actors.parts.kubernetes.apiserver.discovery import AGGREGATED
from actors.parts.kubernetes.apiserver.requests import Object, Request
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.tables import table
from actors.units import SECOND

JSON, YAML = "application/json", "application/yaml"
TABLE, PARTIAL, PARTIAL_LIST = "Table", "PartialObjectMetadata", "PartialObjectMetadataList"
INCLUDES = ("None", "Metadata", "Object")
_META_VERSIONS = {"v1": "meta.k8s.io/v1", "v1beta1": "meta.k8s.io/v1beta1"}


class Form(NamedTuple):
    """`kind` is "" for the objects themselves; `api_version` is that of the kind they are turned into."""

    kind: str = ""
    api_version: str = ""
    media_type: str = JSON

    @property
    def content_type(self) -> str:
        """Discovery documents say what they are in their Content-Type; everything else is plain JSON or YAML."""
        if self.kind == "APIGroupDiscoveryList":
            version = self.api_version.partition("/")[2]
            return f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        return self.media_type


PLAIN = Form()


def negotiate(accept: str, *kinds: str) -> Form:
    """The first clause of an Accept header that can be had, among these kinds or none. Raises `ApiError` 406."""
    if not accept:
        return PLAIN
    for clause in _by_quality(accept):
        form = _form(clause, kinds)
        if form is not None:
            return form
    types = f"{JSON}, {YAML}"
    message = f"only the following media types are accepted: {types}"
    raise ApiError(406, message, "NotAcceptable")


def _by_quality(accept: str) -> list[str]:
    """The clauses, the best first; equal ones stay in their order."""
    clauses = [clause.strip() for clause in accept.split(",") if clause.strip()]
    return sorted(clauses, key=lambda clause: -_quality(clause))


def _quality(clause: str) -> float:
    for part in clause.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _form(clause: str, kinds: tuple[str, ...]) -> Form | None:
    media_type, *parameters = (part.strip() for part in clause.split(";"))
    media_type = {"*/*": JSON, "application/*": JSON, "text/yaml": YAML}.get(media_type, media_type)
    if media_type not in (JSON, YAML):
        return None
    said = dict(part.partition("=")[::2] for part in parameters)
    kind = said.get("as", "")
    if not kind:
        return Form("", "", media_type)
    if kind not in kinds:
        return None
    group, version = said.get("g", ""), said.get("v", "")
    if kind == "APIGroupDiscoveryList":
        known = f"{group}/{version}" in AGGREGATED
        return Form(kind, f"{group}/{version}", media_type) if known else None
    known = group == "meta.k8s.io" and version in _META_VERSIONS
    return Form(kind, _META_VERSIONS[version], media_type) if known else None


def partial(value: Object, form: Form) -> Object:
    """An object, or a list of them, reduced to metadata."""
    if "items" in value and form.kind == PARTIAL_LIST:
        item = Form(PARTIAL, form.api_version)
        items = [partial(each, item) for each in value["items"]]
        return {
            "kind": PARTIAL_LIST, "apiVersion": form.api_version, "metadata": value["metadata"], "items": items
        }  # fmt: skip
    return {"kind": PARTIAL, "apiVersion": form.api_version, "metadata": value["metadata"]}


def as_table(
    resource: Resource, value: Object, form: Form, unix_ns: int, request: Request, *, columns: bool = True
) -> Object:
    """An object, or a list of them, as a Table."""
    include = request.query.get("includeObject") or "Metadata"
    if include not in INCLUDES:
        message = f'unable to decode query: unrecognized includeObject value: "{include}"'
        raise ApiError(400, message)
    is_list = value.get("kind") == f"{resource.kind}List"
    objects = value["items"] if is_list else [value]
    made = table(resource.kind, objects, now=unix_ns / SECOND, include_object=include, with_columns=columns)
    names = ("resourceVersion", "continue", "remainingItemCount") if is_list else ("resourceVersion",)
    metadata = {name: value["metadata"][name] for name in names if name in value["metadata"]}
    return {**made, "apiVersion": form.api_version, "metadata": metadata}
