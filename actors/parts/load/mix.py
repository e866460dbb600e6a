"""What a load asks for: one request, or several by weight, each as the bytes that go over the wire.

Bytes are made once, before the load begins; while it runs a request costs a throw of dice and a write.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Any

from yarl import URL

from actors.parts.pod.nginx_files import PREFIX, size_in

USER_AGENT = "packet-journey-load"
MAX_BODY_BYTES = 10_000_000
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2"""
_TARGET = re.compile(r"/[!-~]*")
"""A request target in origin form (RFC 9112, section 3.2.1): a path, and perhaps a query."""
_HOST = re.compile(r"[0-9A-Za-z.\-\[\]:*_]+")
_STATUS = re.compile(r"[1-5](xx|[0-9][0-9])")
_OURS = {
    "host": "say host",
    "content-length": "say body or body_bytes",
    "transfer-encoding": "bodies are sent with their length",
    "connection": "keepalive says how many connections are kept",
    "expect": "bodies are sent at once",
    "upgrade": "a load speaks HTTP",
}
"""Header fields that are not for a user to set, and what to do instead."""
KEYS = ("path", "method", "host", "headers", "body", "body_bytes", "weight", "name", "expect")
EXPECT_KEYS = ("status", "contains")
DEFAULT: dict[str, Any] = {}
"""The request of a load that says nothing of it: GET of the URL."""


class BadRequest(ValueError):
    """There is no such request; says what is wrong with it. `key` is which of its keys, if it is one."""

    def __init__(self, what: str, key: str | None = None) -> None:
        super().__init__(what)
        self.key = key


class Wanted:
    """A request that can be sent."""

    __slots__ = ("alone", "contains", "expected", "is_head", "kept", "method", "name", "url")

    def __init__(self, url: URL, given: Mapping[str, Any]) -> None:
        """Raises `BadRequest`."""
        check(given)
        self.method: str = given.get("method", "GET")
        path = given.get("path", url.raw_path_qs)
        self.url = str(url.origin()) + path
        self.name: str = given.get("name") or f"{self.method} {path}"
        self.is_head = self.method == "HEAD"
        self.kept = self._wire(url, given, path, ())
        """Its bytes on a connection that stays."""
        self.alone = self._wire(url, given, path, ("Connection: close",))
        """And on one that is its own."""
        expect = given.get("expect") or {}
        statuses = expect.get("status")
        self.expected: frozenset[str] | None = None if statuses is None else frozenset(map(str, statuses))
        self.contains: bytes | None = expect["contains"].encode() if "contains" in expect else None

    def _wire(self, url: URL, given: Mapping[str, Any], path: str, more: tuple[str, ...]) -> bytes:
        assert url.raw_host is not None
        own = url.raw_host if url.is_default_port() else f"{url.raw_host}:{url.port}"
        body = given["body"].encode() if "body" in given else bytes(given.get("body_bytes", 0))
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
        for name, value in given.get("headers", {}).items():
            same = next((each for each in headers if each.lower() == name.lower()), None)
            if same is not None:
                del headers[same]
            headers[name] = value
        lines = [f"{self.method} {path} HTTP/1.1", f"Host: {given.get('host', own)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        return "".join(f"{line}\r\n" for line in (*lines, *more, "")).encode() + body

    def met(self, status: int, body: bytes) -> bool | None:
        """Whether an answer is the one that is expected; None if nothing is said about that."""
        if self.expected is None and self.contains is None:
            return None
        if self.expected is not None and not self.expected & {str(status), f"{status // 100}xx"}:
            return False
        return self.contains is None or self.contains in body


class Mix:
    """Requests by weight."""

    def __init__(self, wanted: Sequence[Wanted], weights: Sequence[float]) -> None:
        self.wanted = list(wanted)
        self.reads = any(each.contains is not None for each in wanted)
        """Whether anybody looks into bodies."""
        self._sums = list(accumulate(weights))

    def draw(self, dice: Random) -> Wanted:
        """One of them; a single one needs no dice."""
        if len(self.wanted) == 1:
            return self.wanted[0]
        return self.wanted[bisect_right(self._sums, dice.random() * self._sums[-1])]


def mix_of(url: URL, requests: Sequence[Mapping[str, Any]]) -> Mix:
    """The mix of requests to a URL's site. Raises `BadRequest`."""
    given = list(requests) or [DEFAULT]
    wanted: list[Wanted] = []
    for number, each in enumerate(given):
        try:
            wanted.append(Wanted(url, each))
        except BadRequest as error:
            raise BadRequest(f"request {number + 1}: {error}", error.key) from None
    names = [each.name for each in wanted]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise BadRequest(
                f"request {number + 1}: there is a request {name!r} already: give it a name", "name"
            )
    return Mix(wanted, [each.get("weight", 1) for each in given])


# ---- checks --------------------------------------------------------------------------------------------------------


def check(given: Mapping[str, Any]) -> None:
    """Whether a request can be sent. Raises `BadRequest`."""
    _check_keys(given, KEYS, "a request")
    for key, pattern, example in (
        ("path", _TARGET, "/products?page=2"),
        ("method", _TOKEN, "POST"),
        ("host", _HOST, "api.packet-journey.com"),
    ):
        value = given.get(key, example)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadRequest(f"{value!r} is not a {key} such as {example}", key)
    _check_size(given.get("path", ""))
    if given.get("method") == "CONNECT":
        raise BadRequest("CONNECT asks for a tunnel, which no load needs", "method")
    weight = given.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e9:
        raise BadRequest(f"a weight is above 0, not {weight!r}", "weight")
    if "name" in given and (not isinstance(given["name"], str) or not given["name"].strip()):
        raise BadRequest("a name is a few words", "name")
    _check_headers(given.get("headers", {}))
    _check_body(given)
    _check_expectation(given.get("expect", {}))


def _check_size(path: str) -> None:
    """Nginx has files of any size, but no others under `/bytes/`."""
    path = path.partition("?")[0]
    if path.startswith(PREFIX):
        try:
            size_in(path)
        except ValueError as error:
            raise BadRequest(f"{path}: {error}", "path") from None


def _check_keys(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise BadRequest(f"unknown key {key!r}; {what} has {', '.join(known)}", key)


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, Mapping):
        raise BadRequest("headers are names with values", "headers")
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise BadRequest(f"{name!r} is not the name of a header field", "headers")
        if name.lower() in _OURS:
            raise BadRequest(f"{name} is not set here: {_OURS[name.lower()]}", "headers")
        if not isinstance(value, str) or not value.isprintable():
            raise BadRequest(f"{name} has a value of printable text, not {value!r}", "headers")


def _check_body(given: Mapping[str, Any]) -> None:
    if "body" in given and "body_bytes" in given:
        raise BadRequest("body is the text of it, body_bytes its size: give one of them", "body_bytes")
    if not isinstance(given.get("body", ""), str):
        raise BadRequest(f"a body is text, not {given['body']!r}", "body")
    size = given.get("body_bytes", 0)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_BODY_BYTES:
        raise BadRequest(f"a body has up to {MAX_BODY_BYTES:,} bytes, not {size!r}", "body_bytes")


def _check_expectation(expect: Any) -> None:
    if not isinstance(expect, Mapping):
        raise BadRequest(f"what is expected has {' and '.join(EXPECT_KEYS)}", "expect")
    _check_keys(expect, EXPECT_KEYS, "what is expected")
    statuses = expect.get("status", ["200"])
    if not isinstance(statuses, list) or not statuses:
        raise BadRequest("expected statuses are a list such as [200, 3xx]", "expect")
    for status in statuses:
        if not _STATUS.fullmatch(str(status)):
            raise BadRequest(f"{status!r} is not a status such as 200 or 2xx", "expect")
    if not isinstance(expect.get("contains", "x"), str) or not expect.get("contains", "x"):
        raise BadRequest("an answer contains some text", "expect")
