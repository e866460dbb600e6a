"""`journey compare`: one scenario with something varied, each with the same seed and arrivals, again and again."""

import re
from collections.abc import Sequence
from itertools import product
from statistics import mean
from typing import Any, NamedTuple

import yaml

from orchestrator.config.errors import ConfigErrors, suggestion
from orchestrator.reports.checks import checks_of
from orchestrator.reports.result import RunResult
from orchestrator.scenarios.loader import Loaded, load_text
from orchestrator.settings.words import refuse

WORLD = ("elements", "links")
"""What is changed in the world's file; all else is set before the load, as `journey set` does it."""
CNI, CNI_KIND = "cni", "cni_agent"
"""`cni.WARM_IP_TARGET`: of the CNI agents of all nodes."""


class Vary(NamedTuple):
    """A key and the values that it is to have."""

    key: str
    values: list[str]


def vary_of(word: str) -> Vary:
    """`alb.algorithm=round_robin,least_outstanding_requests`. Raises `RequestFailed`."""
    key, equals, values = word.partition("=")
    chosen = [value.strip() for value in _split(values)]
    if not key or not equals or not all(chosen):
        raise refuse(
            f"{word!r}: say what is varied, like alb.algorithm=round_robin,least_outstanding_requests"
        )
    if len(set(chosen)) < 2:
        raise refuse(f"{word!r}: there is nothing to compare with only one value")
    return Vary(key, list(dict.fromkeys(chosen)))


def _split(values: str) -> list[str]:
    """At commas that are not inside of brackets: `uniform(1ms,5ms)` is one value."""
    return re.split(r",(?![^(\[{]*[)\]}])", values)


def varied(path: Any, varies: Sequence[Vary]) -> Loaded:
    """A scenario whose variants are all combinations of these values; its own variants are left out.

    Raises `ConfigErrors`, `RequestFailed`."""
    from orchestrator.config.reading import read_text

    text = read_text(path)
    value = yaml.safe_load(text)
    if not isinstance(value, dict):
        raise refuse(f"{path} is not a scenario")
    agents = _cni_agents(path, value) if any(vary.key.startswith(f"{CNI}.") for vary in varies) else []
    variants: dict[str, Any] = {}
    for values in product(*(vary.values for vary in varies)):
        setting = {vary.key: chosen for vary, chosen in zip(varies, values, strict=True)}
        variants[_name(setting)] = _variant(setting, agents)
    whole = {key: inner for key, inner in value.items() if key not in ("variants", "expect")}
    try:
        return load_text(yaml.safe_dump({**whole, "variants": variants}, sort_keys=False), path)
    except ConfigErrors as error:
        faults = [each.what for each in error.errors if tuple(each.path[:1]) == ("variants",)]
        if not faults:
            raise
        raise refuse(f"--vary {varies[0].key}: {faults[0]}") from None


def _cni_agents(path: Any, scenario: dict[str, Any]) -> list[str]:
    from pathlib import Path

    from orchestrator.config.loader import load_world

    world = load_world(Path(path).parent / str(scenario.get("world", "")))
    return [name for name, spec in world.elements.items() if spec.kind == CNI_KIND]


def _name(setting: dict[str, str]) -> str:
    """A variant's name: the values, with the keys' last words where there are several."""
    words = list(setting.values())
    if len(setting) > 1 or not re.search(r"[A-Za-z]", words[0]):
        words = [f"{key.rpartition('.')[2]}-{value}" for key, value in setting.items()]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", "_".join(words)).strip("-_")
    return name[:63].strip("-_")


def _variant(setting: dict[str, str], agents: Sequence[str]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, text in setting.items():
        first, _, rest = key.partition(".")
        if first in WORLD:
            if not rest:
                raise refuse(
                    f"{key!r}: which of the {first}? Say it like elements.cni-node-1.env.WARM_IP_TARGET"
                )
            _put(changed.setdefault("overrides", {}), key.split("."), yaml.safe_load(text))
        elif first == CNI and rest:
            for agent in agents:
                place = ["elements", agent, "env", rest]
                _put(changed.setdefault("overrides", {}), place, yaml.safe_load(text))
        elif "/" in key:
            target, dot, name = key.rpartition(".")
            if not dot:
                raise refuse(f"{key!r}: which of its settings? Say it like deployment/nginx.replicas")
            changed.setdefault("set", {}).setdefault(target, {})[name] = text
        elif first.startswith("alb"):
            changed.setdefault("set", {})[key] = text
        else:
            hint = suggestion(first, ("alb", CNI, *WORLD, "pod", "deployment"), otherwise="it begins with")
            raise refuse(f"{key!r} cannot be varied{hint}")
    return changed


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


# ---- figures -------------------------------------------------------------------------------------------------------


class Figure(NamedTuple):
    """Something that variants are compared by."""

    name: str
    unit: str
    less_is_better: bool


FIGURES = (
    Figure("p50", "ms", True),
    Figure("p95", "ms", True),
    Figure("p99", "ms", True),
    Figure("max", "ms", True),
    Figure("errors", "%", True),
    Figure("5xx", "%", True),
    Figure("largest share", "%", True),
    Figure("most outstanding", "", True),
)


def figures_of(figures: dict[str, Any]) -> dict[str, float | None]:
    """A variant's figures by name; None where nothing was answered."""
    load, pods = figures["load"], figures["pods"]
    latency, offered = load["latency_ms"], load.get("offered", load["requests"]) or 1
    failed = sum(count for code, count in load["statuses"].items() if code[0] == "5")
    return {
        **{name: latency.get(name) for name in ("p50", "p95", "p99", "max")},
        "errors": sum(load["errors"].values()) / offered * 100,
        "5xx": failed / offered * 100,
        "largest share": max((pod["share"] for pod in pods), default=0.0) * 100,
        "most outstanding": float(max((pod["outstanding"]["max"] for pod in pods), default=0)),
    }


class Spread(NamedTuple):
    """A figure over all repetitions."""

    mean: float
    least: float
    most: float


def compared(results: Sequence[RunResult]) -> dict[str, Any]:
    """What came out: for each variant every figure with its spread, and for each figure who is best, and how surely."""
    names = [variant.name for variant in results[0].variants]
    spreads: dict[str, dict[str, Spread]] = {name: {} for name in names}
    for name in names:
        rows = [
            figures_of(variant.figures)
            for result in results
            for variant in result.variants
            if variant.name == name
        ]
        for figure in FIGURES:
            values = [value for row in rows if (value := row[figure.name]) is not None]
            if values:
                spreads[name][figure.name] = Spread(mean(values), min(values), max(values))
    return {
        "variants": {
            name: {figure: spread._asdict() for figure, spread in found.items()}
            for name, found in spreads.items()
        },
        "best": {
            figure.name: best
            for figure in FIGURES
            if (best := _best(figure, spreads, repeated=len(results) > 1)) is not None
        },
        "checks": _checks(results, names),
    }


def _checks(results: Sequence[RunResult], names: list[str]) -> list[dict[str, Any]]:
    """Each threshold and assertion: how often it held for each variant, and what was found each time."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for result in results:
        for variant in result.variants:
            for check in checks_of(variant.figures):
                found = rows.setdefault(check.claim, {name: {"held": 0, "told": []} for name in names})
                found[variant.name]["held"] += check.ok
                found[variant.name]["told"].append(check.told)
    return [{"check": claim, "variants": found} for claim, found in rows.items()]


ALIKE = 0.02
"""Means that differ by less than this share are called the same."""


def _best(figure: Figure, spreads: dict[str, dict[str, Spread]], *, repeated: bool) -> dict[str, Any] | None:
    """Who is best, alone or with others; `clear` if several runs agree: the worst of these is better than all others'
    best. None if there is no difference worth the name."""
    known = {name: found[figure.name] for name, found in spreads.items() if figure.name in found}
    if len(known) < 2:
        return None
    first, *others = sorted(known, key=lambda name: known[name].mean)
    best = [first, *(other for other in others if _same(known[first].mean, known[other].mean))]
    worse = [other for other in others if other not in best]
    if not worse:
        return None
    clear = all(known[one].most < known[other].least for one in best for other in worse)
    return {"variant": first, "variants": best, "clear": clear and repeated}


def _same(one: float, other: float) -> bool:
    return abs(other - one) <= ALIKE * max(abs(one), abs(other))
