"""A listener's rules, compiled: which is the first that holds for a request.

How this works. Each of host, path and method has a mask of the rules that it leaves open, one bit for each rule by
ascending priority, worked out once for each different text and remembered. The lowest bit that all three have in
common is the rule, unless it has conditions on header fields, the query or the client, which are tried then. So a
request costs three lookups, with one rule or with a hundred, when somebody has asked for the same path before.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from actors.protocols.authentication.gates import Gate
from actors.protocols.listener_rules.actions import Action
from actors.protocols.listener_rules.conditions import (
    Condition,
    Facts,
    Test,
    compiled,
    seen,
    subject,
    text_tests,
)
from actors.protocols.listener_rules.patterns import Like, literal
from actors.protocols.listener_rules.transforms import Transforms

DEFAULT_PRIORITY = 0
REMEMBERED = 4096
"""So many different texts of each field are kept in mind."""


class Rule(NamedTuple):
    """Priority 1 to 50000, or 0 for the default rule, as access logs write it."""

    priority: int
    conditions: tuple[Condition, ...]
    action: Action
    transforms: Transforms | None = None
    arn: str = ""
    gates: tuple[Gate, ...] = ()
    """What a request must pass before the action is carried out."""


class Match(NamedTuple):
    """The rule that holds, and each rule that was tried on the way: `{priority, conditions, matched, why}`.

    `tried` is how many rules were tried, this one included."""

    rule: Rule
    evaluated: list[dict[str, Any]]
    tried: int


class _Field:
    """What one field of requests says of all rules.

    Most patterns are literal texts or beginnings of texts, which are looked up; only the others are tried."""

    def __init__(self, field: str) -> None:
        self._text = subject(field)
        self._ignore_case = field == "host-header"
        self._exact: dict[str, int] = {}
        self._prefixes: dict[int, dict[str, int]] = {}  # by their length
        self._tests: list[tuple[int, Like]] = []
        self._open = 0
        self._masks: dict[bytes, int] = {}
        self.matters = False
        """Whether any rule looks at it."""

    def add(self, bit: int, condition: Condition | None) -> None:
        """The next rule; None when it does not look at this field."""
        if condition is None:
            self._open |= bit
            return
        self.matters = True
        others = []
        for value in condition.values:
            plain = literal(value) if condition.field != "http-request-method" else (value, False)
            if plain is None:
                others.append(value)
            else:
                self._add_literal(bit, *plain)
        rest = condition._replace(values=tuple(others))
        self._tests += [(bit, like) for like in text_tests(rest)]

    def _add_literal(self, bit: int, text: str, prefix: bool) -> None:
        if self._ignore_case:
            text = text.lower()
        known = self._prefixes.setdefault(len(text), {}) if prefix else self._exact
        known[text] = known.get(text, 0) | bit

    def mask(self, value: bytes) -> int:
        """The rules that this value leaves open."""
        mask = self._masks.get(value)
        if mask is None:
            mask = self._worked_out(self._text(value))
            if len(self._masks) >= REMEMBERED:
                self._masks.clear()
            self._masks[value] = mask
        return mask

    def _worked_out(self, text: str) -> int:
        if self._ignore_case:
            text = text.lower()
        mask = self._open | self._exact.get(text, 0)
        for length, prefixes in self._prefixes.items():
            mask |= prefixes.get(text[:length], 0)
        for bit, like in self._tests:
            if not mask & bit and like(text):
                mask |= bit
        return mask


class ListenerRules:
    """One listener's rules and default action; raises `BadPattern` for what cannot be compiled."""

    def __init__(
        self,
        rules: Iterable[Rule],
        default_action: Action,
        default_arn: str = "",
        default_gates: tuple[Gate, ...] = (),
    ) -> None:
        self.default = Rule(DEFAULT_PRIORITY, (), default_action, None, default_arn, default_gates)
        self.rules = [*sorted(rules, key=lambda rule: rule.priority), self.default]
        self.gates = tuple(dict.fromkeys(gate for rule in self.rules for gate in rule.gates))
        """Of all rules."""
        fields = {name: _Field(name) for name in ("host-header", "path-pattern", "http-request-method")}
        self._others: list[list[Test]] = []
        for number, rule in enumerate(self.rules):
            for name, field in fields.items():
                field.add(1 << number, next((each for each in rule.conditions if each.field == name), None))
            self._others.append([compiled(each) for each in rule.conditions if each.field not in fields])
        self._host, self._path, self._method = fields.values()
        self._all = (1 << len(self.rules)) - 1

    def match(self, facts: Facts, explain: bool = False) -> Match:
        """The first rule that holds for a request."""
        mask = self._all
        if self._host.matters:
            mask = self._host.mask(facts.host)
        if self._path.matters:
            mask &= self._path.mask(facts.path)
        if self._method.matters:
            mask &= self._method.mask(facts.method)
        while True:
            bit = mask & -mask
            number = bit.bit_length() - 1
            tests = self._others[number]
            if not tests or all(test(facts) for test in tests):
                break
            mask ^= bit
        evaluated = [_told(rule, facts) for rule in self.rules[: number + 1]] if explain else []
        return Match(self.rules[number], evaluated, number + 1)


def _told(rule: Rule, facts: Facts) -> dict[str, Any]:
    """A rule that was tried, and why it holds or does not."""
    against = next((each for each in rule.conditions if not _holds(each)(facts)), None)
    if against is not None:
        why = f"{against}, but {seen(against, facts)}"
    elif rule.conditions:
        why = "; ".join(seen(each, facts) for each in rule.conditions)
    else:
        why = "no rule before it holds"
    return {
        "priority": rule.priority or "default",
        "conditions": [str(condition) for condition in rule.conditions],
        "matched": against is None,
        "why": why,
    }


def _holds(condition: Condition) -> Test:
    """The test of any condition, for the stories of single requests: compiled anew each time."""
    value: Callable[[Facts], bytes]
    match condition.field:
        case "host-header":
            value = _host
        case "path-pattern":
            value = _path
        case "http-request-method":
            value = _method
        case _:
            return compiled(condition)
    text, likes = subject(condition.field), text_tests(condition)
    return lambda facts: any(like(text(value(facts))) for like in likes)


def _host(facts: Facts) -> bytes:
    return facts.host


def _path(facts: Facts) -> bytes:
    return facts.path


def _method(facts: Facts) -> bytes:
    return facts.method
