"""`link/fibre delay=80ms loss=1% for=30s`: a fault as a user says it, in a terminal and on a scenario's timeline.

What a link can suffer is said once, as `Weather` has it: its fields are the words of `journey fault add` and `set`, and
the keys of `fault.add` and `fault.set` in scenario files. Here stands what goes with what.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError

from actors.links.impairments import Weather
from actors.units import duration_text, parse_duration, rate_text
from orchestrator.config.errors import suggestion
from orchestrator.control.api import USAGE, RequestFailed

LINK, ELEMENT, POD, ZONE, PARTITION = "link", "element", "pod", "zone", "partition"
KINDS = (LINK, ELEMENT, POD, ZONE)
WEATHER = tuple(Weather.model_fields)
CRASH, FOR, CUT, DOWN = "crash", "for", "cut", "down"
SWITCHES = (CUT, DOWN, CRASH)
KEYS = (*WEATHER, CRASH, FOR)
EXAMPLES = "link/fibre, element/alb-1a, pod/nginx-0 and zone/eu-west-1a"
_SAID = {"on": True, "true": True, "off": None, "false": None, "0": 0}
_TEXTS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("delay", "jitter", FOR), duration_text),
    **dict.fromkeys(("loss", "reorder", "duplicate", "corrupt"), lambda share: f"{share * 100:.12g}%"),
    "rate": rate_text,
}


class BadFault(RequestFailed):
    """What was said makes no sense; `key` is the word that is to blame."""

    def __init__(self, message: str, key: str = "target") -> None:
        super().__init__(message, USAGE)
        self.key = key


class Place(NamedTuple):
    """What a fault is of."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


Side = tuple[Place, ...]


class Fault(NamedTuple):
    """What is to go wrong where, and for how long (None: until it is cleared)."""

    place: Place
    weather: dict[str, Any]
    """As `Weather` has it, in words: `{"delay": "80ms"}`."""
    crash: bool = False
    for_ns: int | None = None
    sides: tuple[Side, Side] | None = None
    """Of a partition: who is kept from whom."""

    def told(self) -> str:
        """`delay 80ms, loss 1%`."""
        if self.sides is not None:
            return "nothing passes"
        words = [key if value is True else f"{key} {value}" for key, value in self.weather.items()]
        return ", ".join([*words, *([CRASH] if self.crash else [])])


# ---- where -------------------------------------------------------------------------------------------------------


def place_of(text: str, default: str = "") -> Place:
    """`link/fibre`, or `link:fibre`; a bare name is of the `default` kind. Raises `BadFault`."""
    kind, slash, name = text.replace(":", "/", 1).partition("/")
    if not slash and default:
        kind, name = default, kind
    if kind not in KINDS:
        hint = suggestion(kind, KINDS, otherwise="kinds are")
        raise BadFault(f"nothing can go wrong with {text!r}{hint}; {EXAMPLES}")
    if not name:
        raise BadFault(f"which {kind}? Say it like {kind}/NAME")
    return Place(kind, name)


def partition_of(one: str | list[str], other: str | list[str], for_: Any = None) -> Fault:
    """Between two sides, each an element, a pod, a zone, or several with commas between. Raises `BadFault`."""
    sides = (_side(one), _side(other))
    if both := [str(place) for place in sides[0] if place in sides[1]]:
        raise BadFault(f"{', '.join(both)} is on both sides: nobody is kept from himself", "between")
    name = "..".join(",".join(place.name for place in side) for side in sides)
    return Fault(Place(PARTITION, name), {}, False, lasting(for_), sides)


def _side(said: str | list[str]) -> Side:
    names = said if isinstance(said, list) else said.split(",")
    places = [place_of(name.strip(), ELEMENT) for name in names if name.strip()]
    if not places:
        raise BadFault(
            "whom is nothing to reach? Say elements, pods or zones: transit-1,transit-2", "between"
        )
    if links := [str(place) for place in places if place.kind == LINK]:
        raise BadFault(f"{links[0]} is no side of a partition; a link can be cut", "between")
    return tuple(dict.fromkeys(places))


# ---- what --------------------------------------------------------------------------------------------------------


def fields_of(words: Iterable[str]) -> dict[str, Any]:
    """`delay=80ms cut`: as fields; what is off is None. Raises `BadFault`."""
    fields: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and key in SWITCHES:
            value = "on"
        elif not equals:
            raise BadFault(f"{word!r} is not KEY=VALUE{suggestion(key, KEYS, otherwise='keys are')}", key)
        if key in fields:
            raise BadFault(f"{key} is said twice", key)
        fields[key] = _SAID.get(value, value)
    return fields


def only_for(words: Iterable[str]) -> Any:
    """How long, as the only thing that can be said. Raises `BadFault`."""
    fields = fields_of(words)
    for key in fields:
        if key != FOR:
            raise BadFault(f"{key} makes no sense here: only for=TIME does", key)
    return fields.get(FOR)


def said_by(model: Weather, for_: int | None) -> dict[str, Any]:
    """What a model has been given, as fields in words."""
    given = {key: getattr(model, key) for key in WEATHER if key in model.model_fields_set}
    if "for_" in model.model_fields_set:
        given[FOR] = for_
    return {key: _TEXTS.get(key, _as_is)(value) if value else None for key, value in given.items()}


def _as_is(value: Any) -> Any:
    return value


def from_words(target: str, words: Iterable[str]) -> Fault:
    """What is typed after `journey fault add`. Raises `BadFault`."""
    return fault_of(target, fields_of(words))


def fault_of(target: str, fields: dict[str, Any], default: str = "") -> Fault:
    """A fault from its fields, checked. Raises `BadFault`."""
    place = place_of(target, default)
    crash = fields.get(CRASH)
    if crash not in (None, False, True):
        raise BadFault(f"{CRASH} is on or off, not {crash!r}", CRASH)
    weather = _weather({key: value for key, value in fields.items() if key != CRASH})
    if crash and place.kind == LINK:
        raise BadFault("a link cannot crash; it can be cut, or down", CRASH)
    if crash and weather:
        raise BadFault(f"what has crashed has no weather: either crash, or {', '.join(weather)}", CRASH)
    if not crash and not weather:
        raise BadFault(f"what is to go wrong with {place}? Say {', '.join(WEATHER)} or {CRASH}")
    for_ns = lasting(fields.get(FOR))
    if crash and for_ns and place.kind == POD:
        raise BadFault(
            "a pod that has crashed is started again by its node, whenever that likes: leave out for", FOR
        )
    return Fault(place, weather, bool(crash), for_ns)


def changed(fault: Fault, fields: dict[str, Any]) -> Fault:
    """The fault with some fields changed (None takes one away), and all others as they are. Raises `BadFault`."""
    if not fields:
        raise BadFault(f"what is to change? Say KEY=VALUE: {', '.join((*WEATHER, FOR))}")
    if CRASH in fields:
        raise BadFault("a crash is an end: another one is another fault", CRASH)
    if (fault.crash or fault.sides) and (other := [key for key in fields if key in WEATHER]):
        what = "what has crashed has no" if fault.crash else "where nothing passes there is no"
        raise BadFault(f"{what} {other[0]}: only for can be changed", other[0])
    weather = _weather({**fault.weather, **fields})
    if not weather and not (fault.crash or fault.sides):
        what = f"nothing would be left of {fault.told()}: `journey fault clear` ends it"
        raise BadFault(what, next(iter(fields)))
    for_ns = lasting(fields[FOR]) if FOR in fields else fault.for_ns
    return fault._replace(weather=weather, for_ns=for_ns)


def _weather(fields: dict[str, Any]) -> dict[str, Any]:
    """Those that make a difference, each checked, and all together. Raises `BadFault`."""
    for key in fields:
        if key not in KEYS:
            raise BadFault(f"unknown key {key!r}{suggestion(key, KEYS, otherwise='a fault has')}", key)
    said = {key: value for key, value in fields.items() if key in WEATHER and value not in (None, False)}
    try:
        model = Weather.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, what = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        if first["type"] == "literal_error":
            names = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            hint = suggestion(str(first["input"]), names, otherwise="there are")
            what = f"there is no {first['input']!r}{hint}"
        raise BadFault(f"{key}: {what}", key) from None
    weather = {key: value for key, value in said.items() if getattr(model, key)}
    _agree(weather)
    return weather


def _agree(weather: dict[str, Any]) -> None:
    """Whether each makes a difference beside the others. Raises `BadFault`."""
    nothing = CUT if CUT in weather else DOWN
    if nothing in weather and (others := [key for key in weather if key != nothing]):
        raise BadFault(
            f"over a link that is {nothing} nothing arrives: leave out {', '.join(others)}", others[0]
        )
    if "distribution" in weather and "jitter" not in weather:
        raise BadFault("distribution says how the jitter varies: say jitter, too", "distribution")


def lasting(value: Any) -> int | None:
    """How long; None: until it is cleared. Raises `BadFault`."""
    if value is None:
        return None
    try:
        for_ns = parse_duration(value)
    except ValueError as error:
        raise BadFault(f"{FOR}: {error}", FOR) from None
    if not for_ns:
        raise BadFault(f"{FOR}: a fault lasts longer than nothing", FOR)
    return for_ns
