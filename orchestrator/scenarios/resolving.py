"""A scenario as one variant runs it: with nothing left to be looked up, merged, or taken from a default."""

from typing import Any

from orchestrator.scenarios.assertions import MOODS
from orchestrator.scenarios.loader import Loaded
from orchestrator.scenarios.models import Scenario
from orchestrator.scenarios.variants import merged


def resolved(loaded: Loaded, name: str, seed: int) -> dict[str, Any]:
    """Plain values; quantities are in base units: durations in ns, rates in requests a second."""
    scenario, variant = loaded.scenario, loaded.scenario.named_variants()[name]
    values = scenario.model_dump(
        mode="json", by_alias=True, exclude={"variants", "thresholds", "assertions", "expect"}
    )
    return {
        **values,
        "seed": seed,
        "variant": name,
        "set": merged(scenario.set_, variant.set_),
        "load": loaded.loads[name].model_dump(mode="json", by_alias=True),
        "overrides": merged(scenario.overrides, variant.overrides),
        "timeline": [each.model_dump(mode="json", by_alias=True) for each in scenario.timeline_of(name)],
        "thresholds": _thresholds(scenario),
        "assertions": _assertions(scenario),
        "expect": scenario.expected(name),
    }


def _thresholds(scenario: Scenario) -> list[dict[str, Any]]:
    return [
        {
            "metric": each.metric,
            "is": each.is_.text,
            **({"where": each.where} if each.where else {}),
            **({"after": f"{each.after}ns"} if each.after else {}),
            **({"during": each.during} if each.during else {}),
        }
        for each in scenario.thresholds
    ]


def _assertions(scenario: Scenario) -> list[dict[str, Any]]:
    rows = []
    for each in scenario.assertions:
        row = each.model_dump(mode="json", include={"within", "after"}, exclude_defaults=True)
        claims = ((mood, getattr(each, mood)) for mood in MOODS)
        rows.append({**{mood: claim.text for mood, claim in claims if claim is not None}, **row})
    return rows
