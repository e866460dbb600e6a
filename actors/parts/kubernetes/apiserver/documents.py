"""Paths that lead to no resource: discovery, the version, the schema, and whether the server is well."""

from actors.parts.kubernetes.apiserver import discovery
from actors.parts.kubernetes.apiserver.authorization import review
from actors.parts.kubernetes.apiserver.errors import NO_PATH
from actors.parts.kubernetes.apiserver.representation import negotiate
from actors.parts.kubernetes.apiserver.requests import Request, Response
from actors.protocols.kubernetes.status import ApiError

HEALTH = ("/healthz", "/livez", "/readyz")
_REVIEW_PATHS = {each.path(): each.kind for each in discovery.REVIEWS}


def answer_document(request: Request) -> Response:
    """Raises `ApiError` 404, 405 or 406."""
    path = request.path.rstrip("/")
    if path in _REVIEW_PATHS:
        return _review(request, _REVIEW_PATHS[path])
    if request.method != "GET":
        raise NO_PATH
    if path in HEALTH:
        return Response(200, "ok")
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


def _groups(request: Request, path: str) -> Response:
    form = negotiate(request.accept, "APIGroupDiscoveryList")
    if not form.kind:
        return Response(
            200, discovery.document(path), content_type=form.content_type, headers={"Vary": "Accept"}
        )
    found = discovery.aggregated(path, form.api_version)
    etag = discovery.etag(found)
    headers = {"ETag": etag, "Vary": "Accept"}
    if request.if_none_match == etag:
        return Response(304, "", headers=headers)
    return Response(200, found, content_type=form.content_type, headers=headers)
