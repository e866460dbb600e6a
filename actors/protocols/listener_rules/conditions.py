"""Conditions of a rule: what each of the six fields looks at, and how its values are compared.

Every condition of a rule must hold, and one of a condition's values is enough. `host-header`, `http-header` and
`query-string` ignore case, `path-pattern` and `http-request-method` do not; `source-ip` is who is at the other end
of the TCP connection, whatever X-Forwarded-For says. Sources: ALB user guide, "Condition types for listener rules".
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from actors.protocols.listener_rules.patterns import Like, expression, normalised, wildcard
from actors.wire.addresses import Prefix, ip_text
from actors.wire.malformed import Malformed


class Head(Protocol):
    """A request's header fields: `fields` by lower-case name, and `lines` (`Name: value CRLF`) for all others."""

    fields: dict[bytes, bytes]
    lines: list[bytes]


class Facts(NamedTuple):
    """What rules look at: host without port, path as it came, what stands behind its `?`, and the TCP peer."""

    host: bytes
    path: bytes
    query: bytes
    method: bytes
    source: bytes
    head: Head


class Condition(NamedTuple):
    """`name` is the header's for `http-header`; `regexes` are regular expressions, as good as `values`.

    `source-ip` has prefixes for values, `query-string` has `key=value`, or only `value` where any key will do.
    """

    field: str
    values: tuple[str, ...]
    name: str = ""
    regexes: tuple[str, ...] = ()
    pairs: tuple[tuple[str | None, str], ...] = ()

    def __str__(self) -> str:
        what = f"{self.field} {self.name}" if self.name else self.field
        wanted = [f"is {' or '.join(self.values)}"] if self.values else []
        wanted += [f"matches {' or '.join(self.regexes)}"] if self.regexes else []
        return f"{what} {' or '.join(wanted)}"


Test = Callable[[Facts], bool]


def header_values(head: Head, name: bytes) -> list[str]:
    """What a request says in all fields of this (lower-case) name."""
    if (value := head.fields.get(name)) is not None:
        return [value.decode("latin-1")]
    found = []
    for line in head.lines:
        field, _, value = line.partition(b":")
        if field.lower() == name:
            found.append(value.strip().decode("latin-1"))
    return found


def text_tests(condition: Condition) -> list[Like]:
    """The tests of `host-header`, `path-pattern` and `http-request-method`, whose subject is one text."""
    ignore_case = condition.field == "host-header"
    if condition.field == "http-request-method":
        return [value.__eq__ for value in condition.values]
    likes = [wildcard(value, ignore_case=ignore_case) for value in condition.values]
    return likes + [expression(regex, ignore_case=ignore_case).search for regex in condition.regexes]


def compiled(condition: Condition) -> Test:
    """The test of one of the other conditions; raises `BadPattern` or ValueError."""
    match condition.field:
        case "http-header":
            return _header_test(condition)
        case "query-string":
            return _query_test(condition)
        case "source-ip":
            return _source_test(condition)
    raise ValueError(f"there is no condition {condition.field!r}")


def _header_test(condition: Condition) -> Test:
    name = condition.name.lower().encode()
    likes = [wildcard(value, ignore_case=True) for value in condition.values]
    likes += [expression(regex, ignore_case=True).search for regex in condition.regexes]

    def test(facts: Facts) -> bool:
        return any(like(value) for value in header_values(facts.head, name) for like in likes)

    return test


def _query_test(condition: Condition) -> Test:
    likes = [
        (
            None if key is None else wildcard(key, ignore_case=True, escapes=True),
            wildcard(value, ignore_case=True, escapes=True),
        )
        for key, value in condition.pairs
    ]

    def test(facts: Facts) -> bool:
        if not facts.query:
            return False
        for part in facts.query.decode("latin-1").split("&"):
            key, _, value = part.partition("=")
            if any((of_key is None or of_key(key)) and of_value(value) for of_key, of_value in likes):
                return True
        return False

    return test


def _source_test(condition: Condition) -> Test:
    try:
        # a rule may have IPv6 prefixes too; nobody comes by IPv6 here
        prefixes = [Prefix.parse(value) for value in condition.values if ":" not in value]
    except (ValueError, Malformed) as error:
        raise ValueError(f"source-ip: {error}") from None
    return lambda facts: any(facts.source in prefix for prefix in prefixes)


def seen(condition: Condition, facts: Facts) -> str:
    """What a condition found instead of what it wants, for those who ask why a rule does not hold."""
    match condition.field:
        case "host-header":
            return f"host is {facts.host.decode('latin-1')}"
        case "path-pattern":
            return f"path is {normalised(facts.path.decode('latin-1'))}"
        case "http-request-method":
            return f"method is {facts.method.decode('latin-1')}"
        case "source-ip":
            return f"client is {ip_text(facts.source)}"
        case "query-string":
            query = facts.query.decode("latin-1")
            return f"query is {query}" if query else "there is no query"
    values = header_values(facts.head, condition.name.lower().encode())
    return f"{condition.name} is {', '.join(values)}" if values else f"there is no {condition.name}"


def subject(field: str) -> Callable[[bytes], Any]:
    """How the bytes of a request become the text that a field's patterns are compared with."""
    if field == "path-pattern":
        return lambda path: normalised(path.decode("latin-1"))
    return lambda text: text.decode("latin-1")
