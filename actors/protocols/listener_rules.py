"""The rules of an ALB listener: conditions on a request, and the action of the first rule that holds.

Rules are tried by ascending priority; the default comes last and always holds. Every condition of a rule must hold,
and one of a condition's values is enough. `path-pattern` is case-sensitive and looks at the path without its query,
after normalisation; `host-header` ignores case. `*` stands for any characters, also none, and `?` for exactly one.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
DEFAULT_PRIORITY = 0


class Forward(NamedTuple):
    """Give the request to a target of this group."""

    target_group: str
    type: str = "forward"


class FixedResponse(NamedTuple):
    """Answer here and now."""

    status_code: int
    content_type: str
    message_body: bytes
    type: str = "fixed-response"


Action = Forward | FixedResponse


class Condition(NamedTuple):
    """`field` is `path-pattern` or `host-header`."""

    field: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.field} is {' or '.join(self.values)}"


class Rule(NamedTuple):
    """Priority 1 to 50000, or 0 for the default rule, as access logs write it."""

    priority: int
    conditions: tuple[Condition, ...]
    action: Action


class Match(NamedTuple):
    """The rule that holds, and each rule that was tried on the way: `{priority, conditions, matched}`."""

    rule: Rule
    evaluated: list[dict[str, Any]]


def wildcard(pattern: str, *, ignore_case: bool) -> Callable[[str], Any]:
    """A test for texts that are like `pattern`."""
    text = "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)).fullmatch


def normalised(path: str) -> str:
    """The path as rules see it: unreserved characters not escaped, dot segments resolved (RFC 3986 section 6.2.2)."""
    if "%" in path:
        path = re.sub("%([0-9A-Fa-f]{2})", _unescaped, path)
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts[1:]:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return chr(code) if code in UNRESERVED else escape[0].upper()


class ListenerRules:
    """One listener's rules and default action, compiled."""

    def __init__(self, rules: Iterable[Rule], default_action: Action) -> None:
        self.default = Rule(DEFAULT_PRIORITY, (), default_action)
        ordered = sorted(rules, key=lambda rule: rule.priority)
        self._compiled = [(rule, [_compiled(each) for each in rule.conditions]) for rule in ordered]

    def match(self, host: str, path: str, explain: bool = False) -> Match:
        """The first rule that holds for this host (no port) and this path (no query)."""
        path = normalised(path)
        evaluated: list[dict[str, Any]] = []
        for rule, tests in self._compiled:
            matched = all(any(like(host if is_host else path) for like in likes) for is_host, likes in tests)
            if explain:
                evaluated.append(_told(rule, matched))
            if matched:
                return Match(rule, evaluated)
        if explain:
            evaluated.append(_told(self.default, True))
        return Match(self.default, evaluated)


def _compiled(condition: Condition) -> tuple[bool, list[Callable[[str], Any]]]:
    is_host = condition.field == "host-header"
    return is_host, [wildcard(value, ignore_case=is_host) for value in condition.values]


def _told(rule: Rule, matched: bool) -> dict[str, Any]:
    conditions = [str(condition) for condition in rule.conditions]
    return {"priority": rule.priority or "default", "conditions": conditions, "matched": matched}
