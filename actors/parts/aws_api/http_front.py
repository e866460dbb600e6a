"""The API's door for the `aws` CLI and the SDKs: HTTP on loopback, requests signed but their signatures not checked.

How this works. The service is the one that the request was signed for (the credential scope of Signature Version 4),
the operation is in the form, in a header or in the path, as the service's protocol has it. botocore's models say how
its parameters are read and its output is written; in between it is the same request as an element's.
"""

import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from actors.parts.aws_api.plane import Plane
from actors.parts.certificates_unread import certificates_unread
from actors.protocols.aws import json_body, rest
from actors.protocols.aws.answers import Answer, fail, succeed
from actors.protocols.aws.checks import check, unreadable
from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.query import read_query
from actors.protocols.aws.scalars import Unreadable

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from actors.parts.aws_api.models import Model

with certificates_unread():
    from aiohttp import web

log = logging.getLogger("actors")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_BODY = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
SIGNING_NAMES = {"elasticloadbalancing": "elbv2"}
"""Services whose name in signatures is another than botocore's."""
_GLOBAL = ("route53", "sts", "iam")
"""Services that may be signed for another region than the one where they are used."""
MISSING_TOKEN = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)


class Scope(NamedTuple):
    """Who asks whom: from the credential scope `AKID/20260101/eu-west-1/ec2/aws4_request`."""

    access_key: str
    region: str
    service: str


class HttpFront:
    """An aiohttp application in front of the plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, http: web.Request) -> web.Response:
        known: Model | None = None
        request_id = str(UUID(bytes=self._plane.context.random.randbytes(16), version=4))
        try:
            scope = scope_of(http)
            known = self._model(scope)
            answer = await self._answer(http, scope, known, request_id)
        except AwsError as error:
            answer = fail(known and known.service, error, request_id)
        except Exception as error:
            log.exception("aws-api: %s %s", http.method, http.path)
            failure = AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500)
            answer = fail(known and known.service, failure, request_id)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _model(self, scope: Scope) -> "Model":
        if scope.service not in self._plane.services:
            services = ", ".join(sorted(self._plane.services))
            raise AwsError(
                "InvalidAction", f"There is no service {scope.service} here; there are {services}."
            )
        from actors.parts.aws_api.models import model  # botocore is slow to load, and not always wanted

        return model(scope.service)

    async def _answer(self, http: web.Request, scope: Scope, known: "Model", request_id: str) -> Answer:
        region = self._plane.region
        if scope.service not in _GLOBAL and scope.region != region:
            what = f"Credential should be scoped to a valid region, not '{scope.region}'; this is {region}."
            raise AwsError("SignatureDoesNotMatch", what, 403)
        operation, parameters = read(known, http, await body_of(http))
        check(operation, parameters)
        caller = f"user/{scope.access_key}"
        output = await self._plane.request(scope.service, operation.name, parameters, caller)
        return succeed(operation, output, request_id)


def scope_of(http: web.Request) -> Scope:
    """Raises `AwsError` if the request is not signed, or comes from a page in a browser.

    A page can make a name of its own lead to this machine (DNS rebinding); then the host is that name."""
    of_a_page = "Origin" in http.headers or http.headers.get("Sec-Fetch-Site", "none") != "none"
    if of_a_page or http.url.host not in LOOPBACK:
        raise AwsError("AccessDenied", "Requests from web pages are not accepted.", 403)
    authorization = http.headers.get("Authorization")
    if authorization is None:
        credential = http.query.get("X-Amz-Credential")
        if credential is None:
            raise MISSING_TOKEN
    else:
        match = _CREDENTIAL.search(authorization)
        if not authorization.startswith("AWS4-") or match is None:
            what = f"Authorization header requires 'Credential' parameter. Authorization={authorization}"
            raise AwsError("IncompleteSignature", what)
        credential = match[1]
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        form = "e.g. keyid/date/region/service/term"
        what = f"Credential must have exactly 5 slash-delimited elements, {form}, got '{credential}'"
        raise AwsError("IncompleteSignature", what)
    return Scope(parts[0], parts[2], SIGNING_NAMES.get(parts[3], parts[3]))


async def body_of(http: web.Request) -> bytes:
    try:
        return await http.read()
    except web.HTTPRequestEntityTooLarge:
        raise AwsError("RequestEntityTooLarge", f"Request size exceeded {MAX_BODY} bytes", 413) from None


def read(known: "Model", http: web.Request, body: bytes) -> tuple["OperationModel", dict[str, Any]]:
    """The operation and its parameters. Raises `AwsError` for what has not the form that it asks for."""
    match known.protocol:
        case "json":
            operation = _json_operation(known, http)
            return operation, _read(operation, lambda: json_body.read(body, operation.input_shape))
        case "rest-xml":
            found = rest.find(known.routes, http.method, http.rel_url.raw_path)
            operation = None if found is None else known.operation(found[0])
            if found is None or operation is None:
                raise AwsError("InvalidInput", f"There is no {http.method} {http.path} here", 404)
            query = parse_qsl(http.rel_url.raw_query_string, keep_blank_values=True)
            return operation, _read(operation, lambda: rest.read_request(operation, found[1], query, body))
    form = _form(http, body)
    operation = _query_operation(known, dict(form))
    ec2 = known.protocol == "ec2"
    return operation, _read(operation, lambda: read_query(form, operation.input_shape, ec2=ec2))


def _read(operation: "OperationModel", reader: Any) -> dict[str, Any]:
    try:
        parameters = reader()
    except Unreadable as error:
        raise unreadable(operation, error) from None
    assert isinstance(parameters, dict)
    return parameters


def _form(http: web.Request, body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode() if body else http.rel_url.raw_query_string
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except ValueError as error:
        raise AwsError("MalformedQueryString", f"The query string is not a form: {error}") from None


def _query_operation(known: "Model", form: dict[str, str]) -> "OperationModel":
    name, version = form.get("Action"), form.get("Version", "")
    if not name:
        raise AwsError("MissingAction", "The request must contain the parameter Action")
    expected = known.service.api_version
    operation = known.operation(name) if version in ("", expected) else None
    if operation is None:
        what = f"Could not find operation {name} for version {version or expected}"
        if known.protocol == "ec2":
            raise AwsError("InvalidAction", f"The action {name} is not valid for this web service.")
        raise AwsError("InvalidAction", what)
    return operation


def _json_operation(known: "Model", http: web.Request) -> "OperationModel":
    prefix, _, name = http.headers.get("X-Amz-Target", "").rpartition(".")
    operation = known.operation(name) if prefix == known.target_prefix else None
    if operation is None:
        raise AwsError(
            "UnknownOperationException", f"There is no operation {name!r} of {known.target_prefix}"
        )
    return operation
