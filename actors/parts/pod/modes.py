"""What a user has a pod do wrong, while it runs: slow, failing, silent, rude, deaf.

How this works. `Modes.change` takes settings as people write them (`latency="200ms"`, `errors="20%"`), checks all of
them before any counts, and keeps them for the life of the pod's sandbox. nginx asks `fate` for each request while any
mode is on; dice are thrown in a fixed order, so that equal seeds give equal runs. `latency` is waited for like an
answer from an upstream: the worker takes other requests meanwhile. What keeps a worker busy is `service_time`.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from actors.parts.distributions import Distribution
from actors.parts.nginx_pages import ERROR_STATUSES
from actors.units import parse_duration, parse_share

ANSWER, STALL, CLOSE, RESET = "answer", "stall", "close", "reset"
KUBE_PROBE, ELB_HEALTH_CHECKER = "kube-probe/", "ELB-HealthChecker/"
PROBE_STATUS = 503
"""What a probe gets that a user has fail."""

OFF = "off"
_SHAPES = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("median", "p99"),
}
_DISTRIBUTION: TypeAdapter[Distribution] = TypeAdapter(Distribution)
_EXAMPLES = "200ms, uniform(50ms,300ms), exponential(200ms) or lognormal(100ms,1s)"


class BadMode(ValueError):
    """A setting that a pod has not, or a value that it cannot have; says what would do."""


class Fate(NamedTuple):
    """What becomes of a request: an answer (with `status`, None for the site's own), or one of the other ends."""

    end: str
    status: int | None
    delay_ns: int


class Modes:
    """The modes of one pod; all are off at first."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self.active = False
        """Whether requests must ask for their fate."""

    # ---- what users do -------------------------------------------------------------------------------------

    def change(self, settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Switch modes: all of these, or, when one is not right, none. Raises `BadMode`.

        Returns what changed: `{"latency": {"from": "off", "to": "200ms"}}`."""
        texts, values = dict(self._texts), dict(self._values)
        for key, given in settings.items():
            if key not in KEYS:
                raise BadMode(f"unknown key {key!r}{_meant(key)}")
            text = _plain(given)
            if text == OFF:
                texts.pop(key, None)
                values.pop(key, None)
            else:
                values[key], texts[key] = KEYS[key].parse(key, text), text
        for key, needed in NEEDS.items():
            if key in values and not any(each in values for each in needed):
                raise BadMode(f"{key} does nothing without {' or '.join(needed)}")
        changed = {
            key: {"from": self._texts.get(key, OFF), "to": texts.get(key, OFF)}
            for key in KEYS
            if self._texts.get(key) != texts.get(key)
        }
        self._texts, self._values = texts, values
        self.active = bool(values.keys() - {"refuse"})
        return changed

    def shown(self) -> dict[str, str]:
        """Those that are on, as they were set."""
        return {key: self._texts[key] for key in KEYS if key in self._texts}

    def all(self) -> dict[str, str]:
        """Every key with its value."""
        return {key: self._texts.get(key, OFF) for key in KEYS}

    # ---- what nginx asks -----------------------------------------------------------------------------------

    @property
    def refuses(self) -> bool:
        """Whether nobody listens."""
        return bool(self._values.get("refuse"))

    def service_ns(self, dice: Random) -> int | None:
        """How long a worker is busy with a request, if a user has said so."""
        distribution = self._values.get("service_time")
        return None if distribution is None else int(distribution.draw(dice))

    def fate(self, path: str, agent: str, dice: Random) -> Fate:
        """What becomes of a request for this path by this User-Agent."""
        values = self._values
        if (values.get("readiness") and agent.startswith(KUBE_PROBE)) or (
            values.get("health_check") and agent.startswith(ELB_HEALTH_CHECKER)
        ):
            return Fate(ANSWER, PROBE_STATUS, 0)
        only = values.get("path")
        if only is not None and path != only:
            return Fate(ANSWER, None, 0)
        latency = values.get("latency")
        delay_ns = 0 if latency is None else int(latency.draw(dice))
        for end in (STALL, RESET, CLOSE):
            if end in values and dice.random() < values[end]:
                return Fate(end, None, delay_ns)
        if "errors" in values and dice.random() < values["errors"]:
            return Fate(ANSWER, values.get("error_status", 500), delay_ns)
        return Fate(ANSWER, None, delay_ns)


# ---- what can be set -----------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """A setting: how its text is read, what it looks like, what it does."""

    parse: Callable[[str, str], Any]
    example: str
    what: str


def _time(key: str, text: str) -> Any:
    shape = re.fullmatch(r"([a-z]+)\((.*)\)", text.replace(" ", ""))
    try:
        if shape is None:
            return _DISTRIBUTION.validate_python({"distribution": "constant", "value": _time_text(text)})
        names = _SHAPES.get(shape[1])
        if names is None:
            raise BadMode(f"{key}: unknown distribution {shape[1]!r}; there are {', '.join(_SHAPES)}")
        values = shape[2].split(",")
        if len(values) != len(names):
            raise BadMode(
                f"{key}: {shape[1]} takes {len(names)} durations ({', '.join(names)}), not {len(values)}"
            )
        return _DISTRIBUTION.validate_python(
            {"distribution": shape[1], **dict(zip(names, values, strict=True))}
        )
    except ValidationError as error:
        why = re.sub(r"^Value error, ", "", error.errors(include_url=False)[0]["msg"])
        raise BadMode(f"{key}: {why}") from None


def _time_text(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError:
        raise BadMode(f"{text!r} is not a time; write it like {_EXAMPLES}") from None
    return text


def _share(key: str, text: str) -> float:
    if text == "on":
        return 1.0
    try:
        share = parse_share(text)
    except ValueError as error:
        raise BadMode(f"{key}: {error}") from None
    if share == 0:
        raise BadMode(f"{key}: 0% of requests is what {key}=off says")
    return share


def _switch(key: str, text: str) -> bool:
    if text != "on":
        raise BadMode(f"{key}: it is on or off, not {text!r}")
    return True


def _failing(key: str, text: str) -> bool:
    if text != "fail":
        raise BadMode(f"{key}: it can fail, or be off (nginx answers as ever), not {text!r}")
    return True


def _status(key: str, text: str) -> int:
    if not text.isdecimal() or int(text) not in ERROR_STATUSES:
        known = ", ".join(map(str, sorted(ERROR_STATUSES)))
        raise BadMode(f"{key}: {text!r} is not an error that nginx has a page for; those are {known}")
    return int(text)


def _path(key: str, text: str) -> str:
    if not text.startswith("/") or any(mark in text for mark in "?# "):
        raise BadMode(f"{key}: {text!r} is not a path such as /healthz")
    return text


KEYS: dict[str, Key] = {
    "latency": Key(
        _time, "200ms", "is waited before the answer, as for an upstream: workers go on meanwhile"
    ),
    "service_time": Key(
        _time, "5ms", "a worker is busy this long with a request, in place of the image's own"
    ),
    "errors": Key(_share, "20%", "this share of requests is answered with error_status"),
    "error_status": Key(_status, "503", "the status of errors; 500 if it is off"),
    "stall": Key(_share, "on", "requests (or a share of them) are taken and never answered"),
    "close": Key(_share, "10%", "the connection is closed in place of an answer"),
    "reset": Key(_share, "10%", "the connection is reset in place of an answer"),
    "refuse": Key(_switch, "on", "nobody listens: new connections are refused, those that are open live on"),
    "readiness": Key(_failing, "fail", "kubelet's HTTP probes get 503, everybody else an answer"),
    "health_check": Key(
        _failing, "fail", "the load balancer's health checks get 503, everybody else an answer"
    ),
    "path": Key(_path, "/", "latency, errors, stall, close and reset are for requests of this path alone"),
}
NEEDS = {"error_status": ("errors",), "path": ("latency", "errors", "stall", "close", "reset")}


def _plain(given: Any) -> str:
    if isinstance(given, bool):
        return "on" if given else OFF  # YAML's `on` and `off`
    return str(given).strip()


def _meant(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1)
    return f", did you mean {near[0]!r}?" if near else f"; a pod has {', '.join(KEYS)}"
