"""What a WAF statement looks at (`FieldToMatch`), and what is done to it before (`TextTransformations`).

Sources: AWS WAF API reference, FieldToMatch and TextTransformation; AWS WAF developer guide, "Text transformations".
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

MAX_BODY = 8 * 1024
"""An ALB hands on so much of a body (AWS WAF developer guide, "Body inspection size limit")."""


class Unsupported(ValueError):
    """A statement that this WAF does not know; says which, and which it does."""


class WebRequest(NamedTuple):
    """A request as the WAF sees it. Header names are lower-case; `source` is the client's address."""

    source: str
    method: bytes
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes = b""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "WebRequest":
        """From a management call's plain values. Raises KeyError, TypeError or AttributeError."""
        return cls(
            str(told["source"]),
            bytes(told["method"]),
            bytes(told["path"]),
            bytes(told["query"]),
            {bytes(name).lower(): bytes(value) for name, value in told["headers"]},
            bytes(told["body"])[:MAX_BODY],
        )


Look = Callable[[WebRequest], list[bytes]]


def look_at(field: Mapping[str, Any]) -> Look:
    """The values that a `FieldToMatch` names. Raises `Unsupported`."""
    match dict(field):
        case {"SingleHeader": {"Name": str(name)}}:
            key = name.lower().encode()
            return lambda request: [request.headers[key]] if key in request.headers else []
        case {"SingleQueryArgument": {"Name": str(name)}}:
            wanted = name.lower().encode()
            return lambda request: [
                value
                for key, value in parse_qsl(request.query, keep_blank_values=True)
                if key.lower() == wanted
            ]
        case {"AllQueryArguments": _}:
            return lambda request: [value for _, value in parse_qsl(request.query, keep_blank_values=True)]
        case {"UriPath": _}:
            return lambda request: [request.path]
        case {"QueryString": _}:
            return lambda request: [request.query]
        case {"Method": _}:
            return lambda request: [request.method]
        case {"Body": _}:
            return lambda request: [request.body]
    known = "SingleHeader, SingleQueryArgument, AllQueryArguments, UriPath, QueryString, Method, Body"
    raise Unsupported(f"FieldToMatch {next(iter(field), 'nothing')!r} is not emulated; there are {known}")


def _decode_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return text


def _decode_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("latin-1"))
    except ValueError:
        return text


def _normalise(path: bytes) -> bytes:
    kept: list[bytes] = []
    for part in re.sub(rb"/+", b"/", path).split(b"/"):
        if part == b".." and len(kept) > 1:
            kept.pop()
        elif part not in (b".", b".."):
            kept.append(part)
    return b"/".join(kept)


TRANSFORMATIONS: dict[str, Callable[[bytes], bytes]] = {
    "NONE": lambda text: text,
    "LOWERCASE": bytes.lower,
    "UPPERCASE": bytes.upper,
    "TRIM": bytes.strip,
    "COMPRESS_WHITE_SPACE": lambda text: re.sub(rb"[\t\n\v\f\r \xa0]+", b" ", text),
    "REMOVE_WHITESPACE": lambda text: re.sub(rb"\s+", b"", text),
    "REMOVE_NULLS": lambda text: text.replace(b"\0", b""),
    "REPLACE_NULLS": lambda text: text.replace(b"\0", b" "),
    "URL_DECODE": unquote_to_bytes,
    "HTML_ENTITY_DECODE": lambda text: html.unescape(text.decode("latin-1")).encode("latin-1", "replace"),
    "BASE64_DECODE": _decode_base64,
    "HEX_DECODE": _decode_hex,
    "NORMALIZE_PATH": _normalise,
}


def transformed(look: Look, transformations: list[Mapping[str, Any]]) -> Look:
    """Look at values after these transformations, by their priority. Raises `Unsupported`."""
    steps = []
    for each in sorted(transformations, key=lambda each: int(each["Priority"])):
        if each["Type"] not in TRANSFORMATIONS:
            known = ", ".join(TRANSFORMATIONS)
            raise Unsupported(f"TextTransformation {each['Type']!r} is not emulated; there are {known}")
        if each["Type"] != "NONE":
            steps.append(TRANSFORMATIONS[each["Type"]])
    if not steps:
        return look

    def look_after(request: WebRequest) -> list[bytes]:
        values = look(request)
        for step in steps:
            values = [step(value) for value in values]
        return values

    return look_after
