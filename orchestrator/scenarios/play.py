"""A whole scenario: every variant in a world of its own, one after the other, with the same seed and arrivals."""

from collections.abc import Callable
from typing import Any

from orchestrator.scenarios import live, virtual
from orchestrator.scenarios.loader import Loaded
from orchestrator.scenarios.runner import Run
from orchestrator.scenarios.scene import Scene
from orchestrator.scenarios.summary import judged, verdict_of

FORMAT = 1


def play(
    loaded: Loaded,
    *,
    on_virtual_clock: bool,
    seed: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run it: the summary, as `--json` prints it. Raises what a run can fail by."""
    scenario = loaded.scenario
    seed = scenario.seed if seed is None else seed
    stage = virtual.play if on_virtual_clock else live.play
    variants: dict[str, dict[str, Any]] = {}
    for name, variant in scenario.named_variants().items():
        world = loaded.worlds[name]
        if tell is not None:
            tell(f"running {scenario.name}{f', variant {name}' if name else ''}")

        async def story(scene: Scene) -> dict[str, Any]:
            return await Run(scene, scenario, variant, world.url or "", seed).run()  # noqa: B023 (awaited at once)

        variants[name] = judged(scenario, name, stage(world, seed, story))
    return {
        "format": FORMAT,
        "scenario": scenario.name,
        "title": scenario.title,
        "clock": "virtual" if on_virtual_clock else "real",
        "seed": seed,
        "verdict": verdict_of(variants),
        "variants": variants,
    }
