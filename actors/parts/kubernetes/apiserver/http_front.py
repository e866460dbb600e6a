"""The API server's door for kubectl and other programs: HTTPS on loopback, bearer tokens, watches as chunked lines.

How this works. It turns a real request into a `Request`, and the answer into bytes; everything in between is the same
for elements, who come over the management network. Only the streams live here: a watch is written line by line as its
events come, and a log that is followed is asked for again and again.
"""

import hmac
import json
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import yaml

from actors.parts.certificates_unread import certificates_unread
from actors.parts.kubernetes.apiserver.authorization import AUTHENTICATED, FOR_EVERYBODY, Act, may
from actors.parts.kubernetes.apiserver.documents import is_known
from actors.parts.kubernetes.apiserver.errors import NO_PATH
from actors.parts.kubernetes.apiserver.logs import follow
from actors.parts.kubernetes.apiserver.representation import YAML
from actors.parts.kubernetes.apiserver.requests import ANONYMOUS, Request, Response, User, target_of
from actors.parts.kubernetes.apiserver.server import ApiServer
from actors.parts.kubernetes.apiserver.values import decode_json, decode_yaml
from actors.protocols.kubernetes import protobuf
from actors.protocols.kubernetes.status import ApiError

with certificates_unread():
    from aiohttp import web

log = logging.getLogger("actors")

MAX_BODY = 3 * 1024 * 1024
"""kube-apiserver's MaxRequestBodyBytes."""
_JSON_TYPES = (
    "", "application/json", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
_YAML_TYPES = (YAML, "text/yaml", "application/apply-patch+yaml")

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class HttpFront:
    """An aiohttp application in front of the server."""

    def __init__(self, server: ApiServer, tokens: Mapping[str, User]) -> None:
        """`tokens` are the bearer tokens, and whose they are."""
        self._server = server
        self._tokens = {token.encode(): user for token, user in tokens.items()}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        try:
            request = await self._read(http)
            if request.method == "GET" and request.flag("watch"):
                return await self._watch(http, request)
            if request.method == "GET" and request.path.endswith("/log") and request.flag("follow"):
                return await self._follow(http, request)
            return respond(await self._server.handle(request))
        except ApiError as error:
            return respond(Response(error.code, error.status()))
        except Exception as error:
            log.exception("kube-api: %s %s", http.method, http.path)
            failed = ApiError(500, f"Internal error occurred: {type(error).__name__}: {error}")
            return respond(Response(500, failed.status()))

    # ---- what comes in --------------------------------------------------------------------------------------

    async def _read(self, http: web.Request) -> Request:
        """The request without its wrapping. Raises `ApiError` 400, 401, 413 or 415."""
        user = self._user(http)
        if http.method != "GET" and target_of(http.path) is None and not is_known(http.path):
            raise NO_PATH
        body, content_type = await _body(http)
        return Request(
            http.method,
            http.path,
            dict(http.query),
            body,
            content_type or "application/json",
            user,
            http.headers.get("Accept", ""),
            http.headers.get("User-Agent", ""),
            http.headers.get("If-None-Match", ""),
        )

    def _user(self, http: web.Request) -> User:
        scheme, _, token = http.headers.get("Authorization", "").partition(" ")
        if not scheme and http.path.rstrip("/") in FOR_EVERYBODY:
            return ANONYMOUS
        given = token.strip().encode()
        if scheme.lower() == "bearer":
            for known, user in self._tokens.items():
                if hmac.compare_digest(given, known):
                    return _impersonated(http, user)
        raise ApiError(401, "Unauthorized")

    # ---- streams --------------------------------------------------------------------------------------------

    async def _watch(self, http: web.Request, request: Request) -> web.StreamResponse:
        form, batches = self._server.stream(request)
        response = web.StreamResponse(
            headers={"Content-Type": form.media_type, "Cache-Control": "no-cache, private"}
        )
        await response.prepare(http)
        async with aclosing(batches):
            async for lines in batches:
                await response.write("".join(lines).encode())
        return response

    async def _follow(self, http: web.Request, request: Request) -> web.StreamResponse:
        texts = await follow(self._server.registry, request)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(http)
        async with aclosing(texts):
            async for text in texts:
                await response.write(text.encode())
        return response


def _impersonated(http: web.Request, user: User) -> User:
    """Whom the user wants to be taken for (`kubectl --as`). Raises `ApiError` 403 for who may not ask for that."""
    name = http.headers.get("Impersonate-User")
    if name is None:
        return user
    if not may(user, Act("impersonate", resource="users", name=name)):
        what = 'cannot impersonate resource "users" in API group "" at the cluster scope'
        raise ApiError(403, f'users "{name}" is forbidden: User "{user.name}" {what}')
    return User(name, (*http.headers.getall("Impersonate-Group", []), AUTHENTICATED))


async def _body(http: web.Request) -> tuple[Any, str]:
    """The body as a value, and its type."""
    content_type = http.content_type if "Content-Type" in http.headers else ""
    if not http.can_read_body:
        return None, content_type
    try:
        data = await http.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, f"Request entity too large: limit is {MAX_BODY}") from None
    if not data:
        return None, content_type
    if content_type == protobuf.MEDIA_TYPE:
        return _decode_protobuf(data), content_type
    if content_type in _YAML_TYPES:
        return decode_yaml(data), content_type
    if content_type in _JSON_TYPES:
        return decode_json(data), content_type
    if http.method == "PATCH":
        return None, content_type  # whoever handles patches says what it takes
    types = ", ".join(("application/json", YAML, protobuf.MEDIA_TYPE))
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    raise ApiError(415, message)


def _decode_protobuf(data: bytes) -> Any:
    try:
        return protobuf.decode(data)
    except protobuf.Undecodable as error:
        raise ApiError(400, str(error)) from None


def respond(response: Response) -> web.Response:
    """The answer as HTTP has it."""
    headers = {"Cache-Control": "no-cache, private", **response.headers}
    if response.code == 304:
        return web.Response(status=304, headers=headers)
    body, content_type = response.body, response.content_type
    if isinstance(body, str):
        content_type = "text/plain"
    elif not isinstance(body, bytes):
        body = yaml.safe_dump(body, allow_unicode=True) if content_type == YAML else encode(body) + "\n"
    data = body if isinstance(body, bytes) else body.encode()
    http = web.Response(status=response.code, body=data, headers={**headers, "Content-Type": content_type})
    for warning in response.warnings:
        http.headers.add("Warning", f"299 - {json.dumps(warning, ensure_ascii=True)}")
    return http
