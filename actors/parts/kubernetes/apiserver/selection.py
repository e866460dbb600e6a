"""Which objects a list or a watch is about: its namespace and its selectors."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from actors.parts.kubernetes.apiserver.requests import Target
from actors.parts.kubernetes.apiserver.store import Event, Object, at_version
from actors.protocols.kubernetes.selectors import Matcher, parse_fields, parse_labels

Matches = Callable[[Object], bool]


class News(NamedTuple):
    """An event as a follower is told of it, with its object as JSON where that is at hand."""

    type: str
    object: Object
    text: str | None


class Selection(NamedTuple):
    """A namespace (None: all of them) and a test (None: all objects pass)."""

    kind: str
    namespace: str | None
    matches: Matches | None

    def has(self, value: Object) -> bool:
        if self.namespace is not None and value["metadata"].get("namespace") != self.namespace:
            return False
        return self.matches is None or self.matches(value)

    def seen(self, event: Event) -> News | None:
        """The event for who looks through this: an object that leaves it is DELETED, one that enters it ADDED."""
        now, text = event.now.object, event.now.text
        if self.namespace is not None and now["metadata"].get("namespace") != self.namespace:
            return None
        if self.matches is None:
            return News(event.type, now, text)
        had = event.before is not None and self.matches(event.before.object)
        if event.type == "DELETED":
            return News("DELETED", now, text) if had else None
        if self.matches(now):
            return News("MODIFIED" if had else "ADDED", now, text)
        if had and event.before is not None:
            return News("DELETED", at_version(event.before.object, event.revision), None)
        return None


def selection_of(target: Target, query: Mapping[str, str]) -> Selection:
    """The selection of a request. Raises `ApiError` 400 for selectors that are none."""
    tests: list[Matches] = []
    if text := query.get("labelSelector"):
        tests.append(_by_labels(parse_labels(text)))
    if text := query.get("fieldSelector"):
        tests.append(parse_fields(target.resource.kind, text))
    if target.name is not None:
        tests.append(lambda value: value["metadata"]["name"] == target.name)
    matches = tests[0] if len(tests) == 1 else (lambda value: all(test(value) for test in tests))
    return Selection(target.resource.kind, target.namespace, matches if tests else None)


def _by_labels(matcher: Matcher) -> Matches:
    return lambda value: matcher(value["metadata"].get("labels") or {})
