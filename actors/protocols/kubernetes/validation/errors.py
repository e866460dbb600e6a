"""What is wrong with an object's fields, said as the API says it (k8s.io/apimachinery: pkg/util/validation/field)."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError

IMMUTABLE = "field is immutable"


class Literal(str):
    """Text that stands in a message as it is, such as a value in Go's own notation."""


class FieldError(NamedTuple):
    """One mistake: where, of which sort, and the text for it."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class FieldErrors:
    """Collects mistakes, in the order in which they are found."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def required(self, field: str, detail: str = "") -> None:
        self._add(field, "FieldValueRequired", _detailed("Required value", detail))

    def invalid(self, field: str, value: Any, detail: str) -> None:
        self._add(field, "FieldValueInvalid", _detailed(f"Invalid value: {told(value)}", detail))

    def forbidden(self, field: str, detail: str) -> None:
        self._add(field, "FieldValueForbidden", _detailed("Forbidden", detail))

    def not_supported(self, field: str, value: Any, supported: Iterable[str]) -> None:
        detail = "supported values: " + ", ".join(json.dumps(each) for each in supported)
        self._add(field, "FieldValueNotSupported", _detailed(f"Unsupported value: {told(value)}", detail))

    def duplicate(self, field: str, value: Any) -> None:
        self._add(field, "FieldValueDuplicate", f"Duplicate value: {told(value)}")

    def not_found(self, field: str, value: Any) -> None:
        self._add(field, "FieldValueNotFound", f"Not found: {told(value)}")

    def too_long(self, field: str, most: int) -> None:
        self._add(field, "FieldValueTooLong", f"Too long: may not be more than {most} bytes")

    def too_many(self, field: str, count: int, most: int) -> None:
        self._add(field, "FieldValueTooMany", f"Too many: {count}: must have at most {most} items")

    def invalid_each(self, field: str, value: Any, problems: Iterable[str]) -> None:
        """One mistake for each of the things that are wrong with one value."""
        for problem in problems:
            self.invalid(field, value, problem)

    def _add(self, field: str, reason: str, message: str) -> None:
        self.found.append(FieldError(field, reason, message))

    def check(self, kind: str, name: str) -> None:
        """Raises `ApiError` 422 if there are any."""
        if self.found:
            raise invalid(kind, name, self.found)


def _detailed(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def invalid(kind: str, name: str, errors: list[FieldError]) -> ApiError:
    """The 422 for an object that has these mistakes."""
    resource = BY_KIND.get(kind)
    group = resource.group if resource else ""
    qualified = f"{kind}.{group}" if group else kind
    unique = list(dict.fromkeys(str(each) for each in errors))
    text = unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"
    causes = [{"reason": each.reason, "message": each.message, "field": each.field} for each in errors]
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind, "causes": causes}
    if not group:
        del details["group"]
    return ApiError(422, f'{qualified} "{name}" is invalid: {text}', "Invalid", details)


def told(value: Any) -> str:
    """A value as messages show it: Go's notation."""
    if isinstance(value, Literal):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return go_map(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _go_strings(value)
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def go_map(value: dict[str, str] | None) -> Literal:
    """`map[string]string{"app":"nginx"}`."""
    if value is None:
        return Literal("map[string]string(nil)")
    held = ", ".join(f"{json.dumps(key)}:{json.dumps(each)}" for key, each in sorted(value.items()))
    return Literal("map[string]string{" + held + "}")


def go_selector(selector: dict[str, Any]) -> Literal:
    """A LabelSelector as Go shows it."""
    expressions = selector.get("matchExpressions")
    shown = "[]v1.LabelSelectorRequirement(nil)"
    if expressions:
        each = (
            f"v1.LabelSelectorRequirement{{Key:{json.dumps(one['key'])}, Operator:{json.dumps(one['operator'])},"
            f" Values:{_go_strings(one.get('values'))}}}"
            for one in expressions
        )
        shown = "[]v1.LabelSelectorRequirement{" + ", ".join(each) + "}"
    labels = go_map(selector.get("matchLabels"))
    return Literal(f"v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:{shown}}}")


def _go_strings(values: list[str] | None) -> str:
    if values is None:
        return "[]string(nil)"
    return "[]string{" + ", ".join(json.dumps(each) for each in values) + "}"
