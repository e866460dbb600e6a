"""A whole scenario: every variant in a world of its own, one after the other, with the same seed and arrivals."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from orchestrator.reports.environment import environment
from orchestrator.reports.result import RunResult, VariantResult, Wall
from orchestrator.scenarios import live, virtual
from orchestrator.scenarios.live import Outlook
from orchestrator.scenarios.loader import Loaded
from orchestrator.scenarios.resolving import resolved
from orchestrator.scenarios.runner import Run
from orchestrator.scenarios.scene import Scene
from orchestrator.scenarios.summary import INVALID, judged, verdict_of

Look = Callable[[dict[str, Any]], None]
"""Is shown what a load has counted so far."""
Display = Callable[[float], AbstractContextManager[Look]]
"""For a load of so many seconds."""


def play(
    loaded: Loaded,
    *,
    on_virtual_clock: bool,
    seed: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run it: the summary, as `--json` prints it. Raises what a run can fail by."""
    return perform(loaded, on_virtual_clock=on_virtual_clock, seed=seed, tell=tell).plain()


def perform(
    loaded: Loaded,
    *,
    on_virtual_clock: bool,
    seed: int | None = None,
    tell: Callable[[str], None] | None = None,
    outlook: Outlook | None = None,
    display: Display | None = None,
) -> RunResult:
    """Run it; `display` is shown how each variant's load goes. Broken off by ^C it gives what was played until then.
    Raises what a run can fail by.

    In real time each world may be watched as `outlook` says: without one its metrics, at the usual port."""
    scenario = loaded.scenario
    seed = scenario.seed if seed is None else seed
    began_s = time.monotonic()
    wall = Wall(started=datetime.now(UTC).isoformat(timespec="seconds"))
    variants: list[VariantResult] = []
    interrupted = False
    live_at = None if on_virtual_clock else outlook or Outlook()
    for name in scenario.named_variants():
        if tell is not None:
            tell(f"running {scenario.name}{f', variant {name}' if name else ''}")
        try:
            show = display or _no_display
            variants.append(_variant(loaded, name, seed, live_at, show))
        except KeyboardInterrupt:
            interrupted = True
            break
    wall.took_s = round(time.monotonic() - began_s, 3)
    wall.environment = environment()
    return RunResult(
        scenario=scenario.name,
        title=scenario.title,
        description=scenario.description.strip(),
        clock="virtual" if on_virtual_clock else "real",
        seed=seed,
        verdict=INVALID if interrupted else verdict_of({each.name: each.figures for each in variants}),
        variants=variants,
        wall=wall,
        interrupted=interrupted,
    )


@contextmanager
def _no_display(duration_s: float) -> Iterator[Look]:
    yield lambda status: None


def _variant(
    loaded: Loaded, name: str, seed: int, outlook: Outlook | None, display: Display
) -> VariantResult:
    scenario, world = loaded.scenario, loaded.worlds[name]
    variant = scenario.named_variants()[name]

    async def story(scene: Scene) -> VariantResult:
        run = Run(scene, scenario, name, variant, loaded.loads[name], world.url or "", seed)
        with display(run.duration_s) as look:
            result = await run.run(look)
        result.figures = judged(scenario, name, result.figures, run.seconds)
        return result

    if outlook is None:
        result = virtual.play(world, seed, story)
    else:
        result = live.play(world, seed, story, scenario=scenario.name, variant=name, outlook=outlook)
    result.resolved = resolved(loaded, name, seed)
    result.world = world.plain()
    return result
