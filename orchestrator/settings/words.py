"""`pod/nginx-0 latency=200ms`, `alb.algorithm=round_robin`: what is to be set, as a user says it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from orchestrator.config.errors import suggestion
from orchestrator.control.api import USAGE, RequestFailed

POD, DEPLOYMENT, ALB, TARGET_GROUP = "pod", "deployment", "alb", "tg"
_NAMED = (POD, DEPLOYMENT, TARGET_GROUP)
EXAMPLES = "pod/nginx-0, deployment/nginx, alb, alb[NAME] and tg/NAME"


class Calls(Protocol):
    """What settings need of a world."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def kinds(self) -> dict[str, str]: ...


class Target(NamedTuple):
    """Something that has settings; `name` is empty for the only load balancer."""

    kind: str
    name: str

    def __str__(self) -> str:
        if self.kind == ALB:
            return f"alb[{self.name}]" if self.name else "alb"
        return f"{self.kind}/{self.name}"

    def assignment(self, key: str, value: str) -> str:
        """As it would be typed after `journey set`."""
        return f"{self}.{key}={value}" if self.kind == ALB else f"{self} {key}={value}"


class Changed(NamedTuple):
    """One setting that is another now."""

    target: Target
    key: str
    before: str
    after: str


Settings = dict[Target, dict[str, str]]
"""What is to be set on which target, in the order in which it was said."""


def refuse(message: str) -> RequestFailed:
    """What was said makes no sense."""
    return RequestFailed(message, USAGE)


def target_of(text: str) -> Target:
    """Raises `RequestFailed`."""
    if match := re.fullmatch(r"alb(?:\[([^\[\]]+)\])?", text):
        return Target(ALB, match[1] or "")
    kind, slash, name = text.partition("/")
    if slash and kind in _NAMED and name:
        return Target(kind, name)
    if slash and kind not in _NAMED:
        raise refuse(f"{text!r} has no settings{suggestion(kind, _NAMED, otherwise='kinds are')}")
    if text.partition(".")[0] == "cni":
        raise refuse(
            f"{text!r} is of the world, and set before it is made: "
            "overrides: {elements: {cni-node-1: {env: {WARM_IP_TARGET: 2}}}}"
        )
    raise refuse(f"{text!r} has no settings; {EXAMPLES} have")


def from_words(words: Iterable[str]) -> Settings:
    """`TARGET KEY=VALUE ...` and `alb.KEY=VALUE`, in any number. Raises `RequestFailed`."""
    settings: Settings = {}
    target: Target | None = None
    for word in words:
        left, equals, value = word.partition("=")
        if not equals:
            target = target_of(word)
            settings.setdefault(target, {})
        elif owner := _owner(left):
            settings.setdefault(owner[0], {})[owner[1]] = value
        elif target is None:
            raise refuse(f"{word!r}: of what? Say TARGET KEY=VALUE; {EXAMPLES} have settings")
        else:
            settings[target][left] = value
    for each, values in settings.items():
        if not values:
            raise refuse(f"what is to be set on {each}? Say KEY=VALUE; `journey get {each}` lists its keys")
    return settings


def from_mapping(mapping: Mapping[str, Any]) -> Settings:
    """A scenario's `set`: `{"alb.algorithm": "round_robin", "pod/nginx-0": {"latency": "200ms"}}`."""
    settings: Settings = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            target = target_of(key)
            settings.setdefault(target, {}).update(
                {name: _said(target, each) for name, each in value.items()}
            )
        elif owner := _owner(key):
            settings.setdefault(owner[0], {})[owner[1]] = _said(owner[0], value)
        else:
            target_of(key)
            raise refuse(f"{key}: a mapping such as {{latency: 200ms}} belongs here, not {value!r}")
    return settings


def _said(target: Target, value: Any) -> str:
    """AWS's attributes are true or false, all else is on or off."""
    return (
        str(value).lower()
        if isinstance(value, bool) and target.kind in (ALB, TARGET_GROUP)
        else as_text(value)
    )


def as_text(value: Any) -> str:
    """A YAML value as it would be typed."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _owner(left: str) -> tuple[Target, str] | None:
    match = re.fullmatch(r"(alb(?:\[[^\[\]]+\])?)\.(.+)", left)
    return (target_of(match[1]), match[2]) if match else None
