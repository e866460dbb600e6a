"""Which objects a request or a controller means: label selectors and field selectors.

Sources: k8s.io/apimachinery pkg/labels/selector.go and pkg/fields/selector.go; the fields by which each kind can be
selected are those of the API server (pkg/apis/core/v1/conversion.go and the registries).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from actors.protocols.kubernetes.names import label_value_problems, qualified_name_problems
from actors.protocols.kubernetes.status import ApiError

Object = dict[str, Any]
Labels = Mapping[str, str]
Matcher = Callable[[Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)")
_SET_OPERATORS = ("in", "notin")


class Requirement(NamedTuple):
    """One condition; `operator` is `in`, `notin`, `exists`, `!`, `gt` or `lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        if self.operator == "exists":
            return value is not None
        if self.operator == "!":
            return value is None
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value not in self.values
        return _compares(value, self.operator, int(self.values[0]))


def _compares(value: str | None, operator: str, bound: int) -> bool:
    if value is None or not re.fullmatch("[+-]?[0-9]+", value):
        return False
    return int(value) > bound if operator == "gt" else int(value) < bound


def parse_labels(text: str) -> Matcher:
    """The condition that `a=b,c!=d,e in (f,g),h,!i` puts on labels. Raises `ApiError` 400 for what is none."""
    requirements = label_requirements(text)
    return lambda labels: all(each.matches(labels) for each in requirements)


def label_requirements(text: str) -> list[Requirement]:
    """The same as a list. Raises `ApiError` 400."""
    parser = _Parser(text)
    try:
        return parser.requirements()
    except ValueError as error:
        raise ApiError(400, f"unable to parse requirement: {error}") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def requirements(self) -> list[Requirement]:
        found = []
        while self._peek():
            found.append(self._requirement())
            following = self._next()
            if following not in ("", ","):
                raise ValueError(f"found '{following}', expected: ',' or 'end of string'")
            if following == "," and not self._peek():
                raise ValueError("found '', expected: identifier after ','")
        return found

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._next()
            return Requirement(self._key(), "!")
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return Requirement(key, "exists")
        self._next()
        if operator in _SET_OPERATORS:
            return Requirement(key, operator, self._values())
        if operator in ("<", ">"):
            return Requirement(key, "gt" if operator == ">" else "lt", (self._number(),))
        if operator in ("=", "==", "!="):
            return Requirement(key, "notin" if operator == "!=" else "in", (self._value(),))
        raise ValueError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._next()
        if not key or key in "=!,()<>" or key in ("==", "!="):
            raise ValueError(f"found '{key}', expected: !, identifier, or 'end of string'")
        if problems := qualified_name_problems(key):
            raise ValueError(f'key: Invalid value: "{key}": {"; ".join(problems)}')
        return key

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._next()
        if value in ("=", "==", "!=", "!", "(", ")", "<", ">"):
            raise ValueError(f"found '{value}', expected: identifier")
        return _checked(value)

    def _number(self) -> str:
        value = self._next()
        if not re.fullmatch("[+-]?[0-9]+", value):
            raise ValueError(
                "values[0]: Invalid value: for 'Gt', 'Lt' operators, the value must be an integer"
            )
        return value

    def _values(self) -> tuple[str, ...]:
        if (opening := self._next()) != "(":
            raise ValueError(f"found '{opening}' expected: '('")
        values = []
        while True:
            token = self._next()
            if token == ",":
                values.append("")
            elif token == ")":
                values.append("")
                break
            elif not token or token in "(=!<>":
                raise ValueError(f"found '{token}', expected: ',', ')' or identifier")
            else:
                values.append(_checked(token))
                if (closing := self._next()) == ")":
                    break
                if closing != ",":
                    raise ValueError(f"found '{closing}', expected: ',' or ')'")
        return tuple(values)


def _checked(value: str) -> str:
    if problems := label_value_problems(value):
        raise ValueError(f'values[0]: Invalid value: "{value}": {"; ".join(problems)}')
    return value


_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def match_object(selector: Object | None, labels: Labels | None) -> bool:
    """Whether labels satisfy a LabelSelector: an absent one nothing does, an empty one everything."""
    if selector is None:
        return False
    labels = labels or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(
        Requirement(
            each["key"], _OBJECT_OPERATORS[each["operator"]], tuple(each.get("values") or ())
        ).matches(labels)
        for each in selector.get("matchExpressions") or ()
    )


def object_text(selector: Object | None) -> str:
    """A LabelSelector as a string that `parse_labels` reads, as tables and `scale` show it."""
    if selector is None:
        return "<none>"
    texts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        key, operator = each["key"], each["operator"]
        values = ",".join(sorted(each.get("values") or ()))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        texts.append(forms.get(operator, f"!{key}"))
    return ",".join(texts)


_EVENT_OF = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ),
    "Event": (
        *(f"involvedObject.{each}" for each in _EVENT_OF), "reason", "reportingComponent", "source", "type",
    ),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "ReplicaSet": ("status.replicas",),
    "Service": ("spec.clusterIP", "spec.type"),
}  # fmt: skip
"""Besides `metadata.name` and `metadata.namespace`, which every kind can be selected by."""


def field_value(kind: str, value: Object, label: str) -> str:
    """An object's field as selectors compare it: text, false and 0 for absent flags and numbers, else empty."""
    if kind == "Event" and label == "source":
        return _text((value.get("source") or {}).get("component") or value.get("reportingComponent"))
    if kind == "Pod" and label == "status.podIPs":
        return ",".join(each.get("ip", "") for each in (value.get("status") or {}).get("podIPs") or ())
    found: Any = value
    for part in label.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None and label in ("spec.unschedulable", "spec.hostNetwork"):
        return "false"
    if found is None and label == "status.replicas":
        return "0"
    return _text(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse_fields(kind: str, text: str) -> Callable[[Object], bool]:
    """The condition that `metadata.name=x,spec.nodeName!=y` puts on objects of that kind.

    Raises `ApiError` 400 for what is no selector, and for a field that the kind cannot be selected by.
    """
    terms = field_terms(kind, text)
    return lambda value: all(
        (field_value(kind, value, label) == wanted) is equal for label, equal, wanted in terms
    )


def field_terms(kind: str, text: str) -> list[tuple[str, bool, str]]:
    """The same as a list of (field, whether it is to be equal, value). Raises `ApiError` 400."""
    terms = []
    for term in _split(text):
        match = re.fullmatch(r"((?:[^=!\\]|\\.)*?)(==|!=|=)((?:[^\\]|\\.)*)", term, re.DOTALL)
        if match is None:
            raise ApiError(400, f"invalid selector: '{text}'; can't understand '{term}'")
        label, operator, value = match[1], match[2], re.sub(r"\\([\\,=])", r"\1", match[3])
        if label not in ("metadata.name", "metadata.namespace", *_FIELDS.get(kind, ())):
            raise ApiError(400, f"field label not supported: {label}")
        terms.append((label, operator != "!=", value))
    return terms


def _split(text: str) -> list[str]:
    return [term for term in re.split(r"(?<!\\),", text) if term]
