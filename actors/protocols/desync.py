"""Requests that servers may read differently: how an ALB classifies them, and what it makes of those it lets pass.

The fast parser takes requests that are well formed and stops at all others. `examine` looks at the head of such a one
again, slowly: which class it is of, why, and the head as it can be sent on without two ways to read it. Classes and
reasons are those of "Desync mitigation mode" and "Classification reasons" of the ALB user guide; how far a head is
repaired is our choice: first Content-Length of several, Transfer-Encoding before Content-Length, escapes in a URI.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Class(StrEnum):
    """How far a request is from RFC 7230, as access logs spell it."""

    COMPLIANT = "-"
    ACCEPTABLE = "Acceptable"
    AMBIGUOUS = "Ambiguous"
    SEVERE = "Severe"


_RANK = {each: rank for rank, each in enumerate(Class)}

BLOCKED = {
    "monitor": frozenset[Class](),
    "defensive": frozenset([Class.SEVERE]),
    "strictest": frozenset([Class.SEVERE, Class.AMBIGUOUS, Class.ACCEPTABLE]),
}
"""Which classes each mode of `routing.http.desync_mitigation_mode` answers with 400."""

REASONS = {
    **dict.fromkeys(
        ("GetHeadZeroContentLength", "NonCompliantHeader", "NonCompliantVersion", "SpaceInUri"),
        Class.ACCEPTABLE,
    ),
    **dict.fromkeys(
        (
            "AmbiguousUri",
            "BothTeClPresent",
            "DuplicateContentLength",
            "EmptyHeader",
            "SuspiciousHeader",
            "UndefinedContentLengthSemantics",
            "UndefinedTransferEncodingSemantics",
        ),
        Class.AMBIGUOUS,
    ),
    **dict.fromkeys(
        (
            "BadContentLength",
            "BadHeader",
            "BadMethod",
            "BadTransferEncoding",
            "BadUri",
            "BadVersion",
            "MultipleContentLength",
            "MultipleTransferEncodingChunked",
        ),
        Class.SEVERE,
    ),
}
"""Every reason with its class."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MOST_METHOD = 40
"""Characters of an `http-request-method` condition."""
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
_FRAMING = (b"transferencoding", b"contentlength")


class Finding(NamedTuple):
    """`head` is the request's head as it can be read without doubt, None if there is no such thing.

    `version` is true when nothing but an unknown version of HTTP stands in the way."""

    reason: str
    head: bytes | None
    version: bool = False


class _Broken(Exception):
    """The head cannot be understood, whatever the mode; `args` are the reason."""


def suspicious(name: bytes) -> bool:
    """Whether a field's name could be taken for Transfer-Encoding or Content-Length by a sloppy reader."""
    return re.sub(rb"[^a-z]", b"", name.lower()) in _FRAMING and name.lower() not in (
        b"transfer-encoding",
        b"content-length",
    )


def worse(one: str, other: str) -> str:
    """Of two reasons the one with the graver class; "" is none."""
    if not one or (other and _RANK[REASONS[other]] > _RANK[REASONS[one]]):
        return other
    return one


def framing_reason(method: bytes, length: bytes | None, has_coding: bool) -> str:
    """What is odd about a well-formed request's framing: GET and HEAD have no content by rights."""
    if method not in (b"GET", b"HEAD"):
        return ""
    if has_coding:
        return "UndefinedTransferEncodingSemantics"
    if length is None:
        return ""
    return "GetHeadZeroContentLength" if not length.strip(b"0") else "UndefinedContentLengthSemantics"


def is_method(text: bytes) -> bool:
    """Whether this can be a method: any token is one (RFC 9110 section 9.1), of a length that rules can name."""
    return len(text) <= MOST_METHOD and _TOKEN.fullmatch(text) is not None


def may_go_on(start: bytes) -> bool:
    """Whether the beginning of a head is worth waiting for its rest: its request line can be understood."""
    line, newline, _ = start.partition(b"\n")
    if not newline:
        method, space, uri = line.partition(b" ")
        return is_method(method) and (not space or uri[:1] in (b"", b"/", b"*", b"h"))
    try:
        _request_line(line.rstrip(b"\r"), [])
    except _Broken:
        return False
    return True


def examine(head: bytes) -> Finding:
    """Look at a whole head (or its request line, if that is all there is) that the parser did not take."""
    reasons: list[str] = []
    first, *lines = head.split(b"\n")
    try:
        request_line = _request_line(first.rstrip(b"\r"), reasons)
        fields = _fields([line.rstrip(b"\r") for line in lines], reasons)
        fields = _framed(fields, reasons)
    except _Broken as broken:
        reason = str(broken)
        return Finding(reason or "BadVersion", None, version=not reason)
    worst = ""
    for reason in reasons:
        worst = worse(worst, reason)
    repaired = b"".join(b"%b: %b\r\n" % field for field in fields)
    return Finding(worst, b"%b\r\n%b\r\n" % (request_line, repaired)) if worst else Finding("BadHeader", None)


def _request_line(line: bytes, reasons: list[str]) -> bytes:
    method, _, rest = line.partition(b" ")
    if not _TOKEN.fullmatch(method):
        raise _Broken("BadMethod")
    uri, space, version = rest.rpartition(b" ")
    uri = uri.strip(b" ")
    if not space or not uri:
        raise _Broken("BadUri")
    numbers = _VERSION.fullmatch(version)
    if numbers is None:
        raise _Broken("BadVersion")
    if numbers[1] != b"1":
        raise _Broken("")
    if numbers[2] not in b"01":
        reasons.append("NonCompliantVersion")
        version = b"HTTP/1.1"
    if b"\0" in uri or b"\r" in uri:
        raise _Broken("BadUri")
    if b" " in uri:
        reasons.append("SpaceInUri")
    if re.search(rb"[\x01-\x1f\x7f-\xff]", uri):
        reasons.append("AmbiguousUri")
    uri = re.sub(rb"[\x01-\x20\x7f-\xff]", lambda found: b"%%%02X" % found[0][0], uri)
    return b"%b %b %b" % (method, uri, version)


def _fields(lines: list[bytes], reasons: list[str]) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if not line:
            continue  # the end of the head
        if not line.strip(b" \t") or line.startswith(b":"):
            reasons.append("EmptyHeader")
            continue
        name, colon, value = line.partition(b":")
        if not colon or b"\0" in line or b"\r" in line or line.startswith((b" ", b"\t")):
            raise _Broken("BadHeader")
        value = value.strip(b" \t")
        if not _TOKEN.fullmatch(name):
            reasons.append("SuspiciousHeader" if suspicious(name) else "NonCompliantHeader")
            continue  # no target could be sure of what it is
        if re.search(rb"[\x01-\x08\x0a-\x1f\x7f]", value):
            reasons.append("NonCompliantHeader")
            value = re.sub(rb"[\x01-\x08\x0a-\x1f\x7f]", b"", value)
        fields.append((name, value))
    return fields


def _framed(fields: list[tuple[bytes, bytes]], reasons: list[str]) -> list[tuple[bytes, bytes]]:
    """With at most one field that says how long the content is."""
    codings = [value.lower() for name, value in fields if name.lower() == b"transfer-encoding"]
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    if not all(re.fullmatch(rb"\d{1,18}", length) for length in lengths):
        raise _Broken("BadContentLength")
    if b",".join(codings).count(b"chunked") > 1:
        reasons.append("MultipleTransferEncodingChunked")
    elif codings and not re.fullmatch(rb"[\w-]+(\s*,\s*[\w-]+)*", b",".join(codings)):
        raise _Broken("BadTransferEncoding")
    if len(lengths) > 1:
        reasons.append("DuplicateContentLength" if len(set(lengths)) == 1 else "MultipleContentLength")
    if lengths and codings:
        reasons.append("BothTeClPresent")
    kept = [each for each in fields if each[0].lower() not in (b"transfer-encoding", b"content-length")]
    if b"chunked" in b",".join(codings):
        kept.append((b"Transfer-Encoding", b"chunked"))
    elif codings:
        kept.append((b"Transfer-Encoding", b", ".join(codings)))
    elif lengths:
        kept.append((b"Content-Length", lengths[0]))
    return kept
