"""`link/fibre delay=80ms loss=1% for=30s`: a fault as a user says it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError

from actors.links.impairments import LinkFault
from actors.units import parse_duration
from orchestrator.config.errors import suggestion
from orchestrator.settings.words import refuse

LINK, ELEMENT, POD, ZONE = "link", "element", "pod", "zone"
KINDS = (LINK, ELEMENT, POD, ZONE)
WEATHER = tuple(LinkFault.model_fields)
CRASH, FOR = "crash", "for"
SWITCHES = ("cut", CRASH)
KEYS = (*WEATHER, CRASH, FOR)
EXAMPLES = "link/fibre, element/alb-1a, pod/nginx-0 and zone/eu-west-1a"


class Place(NamedTuple):
    """What a fault is of."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Fault(NamedTuple):
    """What is to go wrong where, and for how long (None: until it is cleared)."""

    place: Place
    weather: dict[str, Any]
    """As `LinkFault` has it, in words: `{"delay": "80ms"}`."""
    crash: bool
    for_ns: int | None

    def told(self) -> str:
        """`delay 80ms, loss 1%`."""
        words = [key if value is True else f"{key} {value}" for key, value in self.weather.items()]
        return ", ".join([*words, *([CRASH] if self.crash else [])])


def place_of(text: str) -> Place:
    """`link/fibre`, or `link:fibre`. Raises `RequestFailed`."""
    kind, _, name = text.replace(":", "/", 1).partition("/")
    if kind not in KINDS:
        raise refuse(
            f"nothing can go wrong with {text!r}{suggestion(kind, KINDS, otherwise='kinds are')}; {EXAMPLES}"
        )
    if not name:
        raise refuse(f"which {kind}? Say it like {kind}/NAME")
    return Place(kind, name)


def from_words(target: str, words: Iterable[str]) -> Fault:
    """What is typed after `journey fault add`. Raises `RequestFailed`."""
    fields: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and key in SWITCHES:
            fields[key] = True
        elif not equals:
            raise refuse(f"{word!r} is not KEY=VALUE{suggestion(key, KEYS, otherwise='keys are')}")
        else:
            fields[key] = {"on": True, "true": True, "off": False, "false": False}.get(value, value)
    return fault_of(target, fields)


def fault_of(target: str, fields: dict[str, Any]) -> Fault:
    """A fault from its fields, checked. Raises `RequestFailed`."""
    place = place_of(target)
    for key in fields:
        if key not in KEYS:
            raise refuse(f"unknown key {key!r}{suggestion(key, KEYS, otherwise='a fault has')}")
    weather = {key: value for key, value in fields.items() if key in WEATHER and value not in (False, None)}
    try:
        any_weather = LinkFault.model_validate(weather).is_any()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise refuse(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None
    crash = fields.get(CRASH, False)
    if not isinstance(crash, bool):
        raise refuse(f"{CRASH} is on or off, not {crash!r}")
    if crash and place.kind == LINK:
        raise refuse("a link cannot crash; it can be cut")
    if crash and any_weather:
        raise refuse(
            "what has crashed has no weather: either crash, or delay, jitter, loss, bandwidth or cut"
        )
    if not crash and not any_weather:
        raise refuse(f"what is to go wrong with {place}? Say {', '.join(WEATHER)} or {CRASH}")
    return Fault(place, weather, crash, _lasting(fields.get(FOR), place, crash))


def _lasting(value: Any, place: Place, crash: bool) -> int | None:
    if value is None:
        return None
    try:
        for_ns = parse_duration(value)
    except ValueError as error:
        raise refuse(f"{FOR}: {error}") from None
    if not for_ns:
        raise refuse(f"{FOR}: a fault lasts longer than nothing")
    if crash and place.kind == POD:
        raise refuse(
            "a pod that has crashed is started again by its node, whenever that likes: leave out for"
        )
    return for_ns
