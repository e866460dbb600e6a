"""`p(99) < 400ms`: what a threshold says, what it can be about, and whether it holds."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from actors.parts.latencies import Ranks
from actors.parts.load.counts import CLIENT_ERRORS
from actors.protocols.alb_causes import Cause
from actors.units import MILLISECOND, parse_duration
from orchestrator.config.errors import suggestion
from orchestrator.journal.convergence import WHEN

TIME, SHARE, NUMBER, RATE = "time", "share", "number", "per second"

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_TIMES = {"p(N)": TIME, "med": TIME, "max": TIME}


class Metric(NamedTuple):
    """What can be judged: its aggregations with what they give, and what it can be narrowed down to."""

    aggregations: dict[str, str]
    where: tuple[str, ...] = ()
    needs: str = ""


METRICS = {
    "latency": Metric(_TIMES, ("pod",)),
    "service_latency": Metric(_TIMES),
    "requests": Metric({"count": NUMBER, "rate": RATE}, ("pod",)),
    "errors": Metric({"count": NUMBER, "rate": SHARE}, ("kind",)),
    "responses": Metric({"count": NUMBER, "rate": SHARE}, ("code",), "code"),
    "dropped": Metric({"count": NUMBER, "rate": SHARE}),
    "share": Metric({"value": SHARE}, ("pod",), "pod"),
    "outstanding": Metric({"avg": NUMBER, "max": NUMBER}, ("pod", "node"), "pod"),
    "alb_errors": Metric({"count": NUMBER}, ("cause", "code")),
    "convergence": Metric({"max": TIME}, ("fault", "when", "router")),
}
LABELS = {"kind": CLIENT_ERRORS, "cause": tuple(str(cause) for cause in Cause), "when": tuple(WHEN.values())}
"""Labels whose values are known before a run."""
CODE = re.compile(r"[1-5]xx|[1-5][0-9][0-9]")


class Condition(NamedTuple):
    """`p(99) < 400ms`: the value of an aggregation, compared with a limit (ms, a share, or a number)."""

    text: str
    aggregation: str
    operator: str
    limit: float
    unit: str

    def holds(self, value: float) -> bool:
        return _OPERATORS[self.operator](value, self.limit)

    @property
    def percentile(self) -> float | None:
        match = re.fullmatch(r"p\((.*)\)", self.aggregation)
        return None if match is None else float(match[1])

    def told(self, value: float) -> str:
        """A value in the limit's unit."""
        match self.unit:
            case "time":
                return f"{value:.1f}ms"
            case "%":
                return f"{value * 100:.2f}%"
            case _:
                return f"{value:.2f}".rstrip("0").rstrip(".")


def parse(text: Any) -> Condition:
    """Raises ValueError."""
    aggregation = r"(p\(\d+(?:\.\d+)?\)|[a-z]+)"
    match = (
        re.fullmatch(rf"{aggregation}\s*(<=|>=|==|!=|<|>)\s*(\S+)", text.strip())
        if isinstance(text, str)
        else None
    )
    if match is None:
        raise ValueError(
            f"{text!r} is not a condition; write it like p(99) < 400ms, rate < 0.1% or count == 0"
        )
    percentile = re.fullmatch(r"p\((.*)\)", match[1])
    if percentile is not None and not 0 < float(percentile[1]) <= 100:
        raise ValueError(f"{match[1]}: a percentile is above 0 and at most 100")
    limit, unit = _limit(match[3])
    return Condition(match[0], match[1], match[2], limit, unit)


def _limit(text: str) -> tuple[float, str]:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text), ""
    if re.fullmatch(r"\d+(\.\d+)?%", text):
        return float(text[:-1]) / 100, "%"
    if re.fullmatch(r"\d+(\.\d+)?/s", text):
        return float(text[:-2]), "/s"
    try:
        return parse_duration(text) / MILLISECOND, "time"
    except ValueError:
        raise ValueError(f"{text!r} is not a limit; write it like 400ms, 0.1%, 300/s or 20") from None


def complaints(metric: str, condition: Condition, where: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What does not go together in a threshold: the key that is at fault, and why."""
    known = METRICS.get(metric)
    if known is None:
        yield "metric", f"unknown metric {metric!r}{suggestion(metric, METRICS, otherwise='metrics are')}"
        return
    name = "p(N)" if condition.percentile is not None else condition.aggregation
    gives = known.aggregations.get(name)
    if gives is None:
        yield "is", f"{metric} has no {name}{suggestion(name, known.aggregations, otherwise='it has')}"
    elif condition.unit not in _UNITS[gives]:
        yield "is", f"{name} of {metric} is a {gives}: write the limit like {_EXAMPLES[gives]}"
    for key, value in where.items():
        if key not in known.where:
            hint = suggestion(key, known.where, otherwise="it can be of a") if known.where else ""
            yield "where", f"{metric} cannot be of a {key}{hint}"
        elif key == "code" and not CODE.fullmatch(value):
            yield "where", f"{value!r} is not a code such as 502 or 5xx"
        elif key in LABELS and value not in LABELS[key]:
            hint = suggestion(value, LABELS[key], otherwise="there are")
            yield "where", f"there is no {key} {value!r}{hint}"
    if known.needs and known.needs not in where:
        yield "where", f"{metric} is always of a {known.needs}: say which"


_UNITS = {TIME: ("time",), SHARE: ("%",), NUMBER: ("",), RATE: ("", "/s")}
_EXAMPLES = {TIME: "400ms", SHARE: "0.1%", NUMBER: "20", RATE: "300/s"}


# ---- values --------------------------------------------------------------------------------------------------------


class NoValue(LookupError):
    """There is nothing that a threshold could be about; says why."""


def value_of(metric: str, condition: Condition, where: dict[str, str], variant: dict[str, Any]) -> float:
    """The value, from a variant's summary. Raises `NoValue`."""
    load = variant["load"]
    match metric:
        case "latency" | "service_latency":
            return _latency(metric, condition, where, variant)
        case "requests":
            count = _pod(where, variant)["requests"] if where else load["requests"]
            return float(count if condition.aggregation == "count" else count / (load["elapsed_s"] or 1))
        case "errors":
            return _counted(load["errors"], where.get("kind"), condition, load["offered"])
        case "responses":
            count = sum(count for code, count in load["statuses"].items() if _is_code(code, where["code"]))
            return float(count if condition.aggregation == "count" else count / (load["requests"] or 1))
        case "dropped":
            return _counted(load["dropped"], None, condition, load["offered"])
        case "share":
            return float(_pod(where, variant)["share"])
        case "convergence":
            return _convergence(where, variant["convergence"])
        case "alb_errors":
            return float(sum(each["count"] for each in variant["alb_errors"] if _is_such(each, where)))
    return _outstanding(condition, where, variant)


def _convergence(where: dict[str, str], rows: list[dict[str, Any]]) -> float:
    """The longest time (ms) from an event of a fault until no router found a better path any more."""
    found = []
    for row in rows:
        if where.get("fault") in (None, row.get("name"), row["target"]) and where.get("when") in (
            None,
            row["when"],
        ):
            router = row["routers"].get(where.get("router"), {})
            found.append(row["took_s"] if "router" not in where else router.get("took_s"))
    times = [took_s for took_s in found if took_s is not None]
    if not times:
        raise NoValue("no router had to find other paths")
    return float(max(times) * 1000)


def _latency(metric: str, condition: Condition, where: dict[str, str], variant: dict[str, Any]) -> float:
    if "pod" in where:
        found = _pod(where, variant)["latency_ms"]
    else:
        found = variant["load"]["latency_ms" if metric == "latency" else "service_ms"]
    name = {"med": "p50", "max": "max"}.get(condition.aggregation) or f"p{condition.percentile:g}"
    if name not in found and metric == "latency" and not where and variant["load"]["latency_ms"]:
        return _any_percentile(variant["load"]["hdr"], condition.percentile or 0.0)
    if name not in found:
        known = f"; there are {', '.join(found)}" if found else ": no request was answered"
        raise NoValue(f"no {condition.aggregation}{known}")
    return float(found[name])


def _any_percentile(encoded: str, percentile: float) -> float:
    return Ranks(HdrHistogram.decode(encoded)).ms(percentile)


def _counted(counts: dict[str, int], only: str | None, condition: Condition, offered: int) -> float:
    count = sum(counts.values()) if only is None else counts.get(only, 0)
    return float(count if condition.aggregation == "count" else count / (offered or 1))


def _outstanding(condition: Condition, where: dict[str, str], variant: dict[str, Any]) -> float:
    pod = _pod(where, variant)
    found = pod["outstanding"]
    if "node" in where:
        if where["node"] not in pod["per_node"]:
            known = suggestion(where["node"], pod["per_node"], otherwise="nodes are")
            raise NoValue(f"no load balancer node {where['node']!r}{known}")
        found = pod["per_node"][where["node"]]
    return float(found["mean" if condition.aggregation == "avg" else "max"])


def _pod(where: dict[str, str], variant: dict[str, Any]) -> dict[str, Any]:
    wanted = where["pod"].removeprefix("pod/")
    for pod in variant["pods"]:
        if wanted in (pod["pod"], pod["as"]):
            found: dict[str, Any] = pod
            return found
    names: Iterable[str] = [pod["as"] or pod["pod"] for pod in variant["pods"]]
    raise NoValue(f"no pod {wanted!r}{suggestion(wanted, names, otherwise='pods are')}")


def _is_code(code: str, wanted: str) -> bool:
    return code == wanted or (wanted.endswith("xx") and code[0] == wanted[0])


def _is_such(error: dict[str, Any], where: dict[str, str]) -> bool:
    return where.get("cause") in (None, error["cause"]) and (
        "code" not in where or _is_code(str(error["status"]), where["code"])
    )
