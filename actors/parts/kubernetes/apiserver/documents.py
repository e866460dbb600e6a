"""Paths that lead to no resource: discovery, the version, the schema, and whether the server is well."""

from functools import cache

from actors.parts.kubernetes.apiserver import discovery
from actors.parts.kubernetes.apiserver.authorization import review
from actors.parts.kubernetes.apiserver.discovery import etag
from actors.parts.kubernetes.apiserver.errors import NO_PATH
from actors.parts.kubernetes.apiserver.representation import negotiate
from actors.parts.kubernetes.apiserver.requests import Request, Response
from actors.protocols.kubernetes import openapi_v3
from actors.protocols.kubernetes.status import ApiError

HEALTH = ("/healthz", "/livez", "/readyz")
_OPENAPI_2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_OPENAPI_2_PROTOBUF_LATER = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_REVIEW_PATHS = {each.path(): each.kind for each in discovery.REVIEWS}


def is_known(path: str) -> bool:
    """Whether something may be sent there although no resource has that path."""
    return path.rstrip("/") in _REVIEW_PATHS


def answer_document(request: Request) -> Response:
    """Raises `ApiError` 404, 405 or 406."""
    path = request.path.rstrip("/")
    if path in _REVIEW_PATHS:
        return _review(request, _REVIEW_PATHS[path])
    if request.method != "GET":
        raise NO_PATH
    if path in HEALTH:
        return Response(200, "ok")
    if path.startswith("/openapi/"):
        return _schema(request, path)
    if path in ("/api", "/apis"):
        return _groups(request, path)
    found = discovery.document(path)
    if found is None:
        raise NO_PATH
    return Response(200, found, content_type=negotiate(request.accept).content_type)


def _review(request: Request, kind: str) -> Response:
    if request.method != "POST":
        message = f"{request.method.lower()} is not supported on resources of kind"
        raise ApiError(405, f'{message} "{kind.lower()}s"')
    return Response(201, review(kind, request))


@cache
def _schema_hashes() -> dict[str, str]:
    """By the path of a group version (`apis/apps/v1`), the hash of its document: a client may keep what it has."""
    return {
        path: etag(openapi_v3.document(path.partition("/")[2])).strip('"')
        for path in openapi_v3.group_versions()
    }


def _schema(request: Request, path: str) -> Response:
    if path == "/openapi/v2":
        return _old_schema(request)
    negotiate(request.accept)
    if path == "/openapi/v3":
        links = {
            each: {"serverRelativeURL": f"/openapi/v3/{each}?hash={known}"}
            for each, known in _schema_hashes().items()
        }
        return Response(200, {"paths": links})
    name = path.removeprefix("/openapi/v3/")
    if name not in _schema_hashes():
        raise NO_PATH
    tag = f'"{_schema_hashes()[name]}"'
    headers = {"ETag": tag, "Vary": "Accept"}
    if request.if_none_match == tag:
        return Response(304, "", headers=headers)
    return Response(200, openapi_v3.document(name.partition("/")[2]), headers=headers)


def _old_schema(request: Request) -> Response:
    """OpenAPI 2, which kubectl asks for when version 3 does not know a kind, and takes in protobuf only.

    It defines nothing: what there is stands in version 3. So kubectl goes on, and finds that there is no such kind."""
    if not any(request.accept.startswith(each) for each in (_OPENAPI_2_PROTOBUF, _OPENAPI_2_PROTOBUF_LATER)):
        raise ApiError(
            406, f"only the following media types are accepted: {_OPENAPI_2_PROTOBUF}", "NotAcceptable"
        )
    title, version = b"Kubernetes", discovery.VERSION["gitVersion"].encode()
    info = b"\x0a" + bytes([len(title)]) + title + b"\x12" + bytes([len(version)]) + version
    document = b"\x0a\x032.0\x12" + bytes([len(info)]) + info  # openapi.v2.Document: swagger = 1, info = 2
    return Response(200, document, content_type=_OPENAPI_2_PROTOBUF_LATER)


def _groups(request: Request, path: str) -> Response:
    form = negotiate(request.accept, "APIGroupDiscoveryList")
    if not form.kind:
        return Response(
            200, discovery.document(path), content_type=form.content_type, headers={"Vary": "Accept"}
        )
    found = discovery.aggregated(path, form.api_version)
    tag = etag(found)
    headers = {"ETag": tag, "Vary": "Accept"}
    if request.if_none_match == tag:
        return Response(304, "", headers=headers)
    return Response(200, found, content_type=form.content_type, headers=headers)
