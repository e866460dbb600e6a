"""`journey run`: a scenario, live; and how `journey simulate` plays one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.failure import INTERRUPTED, INVALID, THRESHOLD, environment
from orchestrator.commands.options import Json, Metrics, Page, optional
from orchestrator.commands.terminal import pages, print_json, say

if TYPE_CHECKING:
    from orchestrator.reports.result import RunResult
    from orchestrator.scenarios.live import Outlook

Scenario = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file.")]
Seed = Annotated[
    int | None,
    optional("--seed", min=0, help="All dice are thrown from this; the scenario's own if none is given."),
]


Out = Annotated[
    Path | None,
    optional("--out", metavar="DIR", help="Where the run's directory is made; ./runs."),
]


def run(
    scenario: Scenario,
    seed: Seed = None,
    out: Out = None,
    metrics: Metrics = None,
    page: Page = None,
    as_json: Json = False,
) -> None:
    """Run a scenario as processes, in real time: load, what happens meanwhile, and a verdict.

    Each variant gets a world of its own, with the same seed and arrivals; a world that runs already is left alone. What
    came of it is kept in runs/, a directory for each run, with a report.html; runs/latest is the newest. Meanwhile
    Prometheus may watch: its metrics say which scenario and variant runs, and what of the timeline is in effect. So may
    you: the live page is printed, and is at one address for all variants.

    [bold]Examples[/bold]

      journey run configs/scenarios/lor-vs-round-robin.yaml
      journey run configs/scenarios/lor-vs-round-robin.yaml --json | jq .verdict

    Ends with 4 when a threshold does not hold (or one that is meant to fail does), with 5 when the figures cannot be
    believed because the generator could not keep up.
    """
    from orchestrator.scenarios.live import Outlook

    outlook = Outlook(metrics, page, tell=lambda where: say(f"the live page is {where}"))
    play_scenario(scenario, seed, out=out, as_json=as_json, outlook=outlook)


def play_scenario(
    path: Path,
    seed: int | None,
    *,
    out: Path | None,
    as_json: bool,
    outlook: "Outlook | None" = None,
) -> None:
    """Play it, keep and show how it came out, and exit accordingly. `outlook` is where worlds in real time may be
    watched; without one it is played on the virtual clock."""
    from orchestrator.scenarios.actions import NotReady
    from orchestrator.scenarios.loader import load_scenario
    from orchestrator.scenarios.play import perform

    loaded = load_scenario(path)
    see_that_runs_are_kept(out)
    try:
        result = perform(
            loaded,
            on_virtual_clock=outlook is None,
            seed=seed,
            tell=say,
            outlook=outlook,
            display=_display,
        )
    except NotReady as error:
        environment(str(error))
    directory = keep(result, out, html=loaded.scenario.report.html)
    if as_json:
        print_json(result.plain())
        say(f"kept in {directory}")
    else:
        from orchestrator.commands.scenario_report import show

        show(pages(), result, directory=directory, path=path)
    if result.interrupted:
        say("interrupted: what had been played until then is kept")
        raise typer.Exit(INTERRUPTED)
    code = {"invalid": INVALID, "fail": THRESHOLD}.get(result.verdict)
    if code is not None:
        raise typer.Exit(code)


@contextmanager
def _display(duration_s: float) -> Iterator[Callable[[dict[str, Any]], None]]:
    from orchestrator.commands.load_display import load_display

    with load_display(duration_s) as display:
        yield display.update


def see_that_runs_are_kept(out: Path | None) -> None:
    """Ends with 3, before anything is played, where that cannot be."""
    from orchestrator.reports.directory import HOME, make_home

    try:
        make_home(out or HOME)
    except OSError as error:
        environment(f"the run cannot be kept: {error}; --out says where to")


def keep(result: "RunResult", out: Path | None, *, html: bool) -> Path:
    """Write the run's directory; where that is."""
    from datetime import datetime

    from orchestrator.reports.directory import HOME, new_run
    from orchestrator.reports.files import write_run

    try:
        began = datetime.fromisoformat(result.wall.started)
        directory = new_run(out or HOME, result.scenario, result.seed, began)
        write_run(result, directory, html=html)
    except OSError as error:
        environment(f"the run cannot be kept: {error}; --out says where to")
    return directory
