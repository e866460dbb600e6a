"""`journey run`: a scenario, live; and how `journey simulate` plays one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.commands.failure import INVALID, THRESHOLD, environment
from orchestrator.commands.options import Json
from orchestrator.commands.terminal import pages, print_json, say

Scenario = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file.")]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        help="All dice are thrown from this; the scenario's own if none is given.",
        show_default=False,
    ),
]


def run(scenario: Scenario, seed: Seed = None, as_json: Json = False) -> None:
    """Run a scenario as processes, in real time: load, what happens meanwhile, and a verdict.

    Each variant gets a world of its own, with the same seed and arrivals; a world that runs already is left alone.

    [bold]Examples[/bold]

      journey run configs/scenarios/lor-vs-round-robin.yaml
      journey run configs/scenarios/lor-vs-round-robin.yaml --json | jq .verdict

    Ends with 4 when a threshold does not hold (or one that is meant to fail does), with 5 when the figures cannot be
    believed because the generator could not keep up.
    """
    play_scenario(scenario, seed, on_virtual_clock=False, as_json=as_json)


def play_scenario(path: Path, seed: int | None, *, on_virtual_clock: bool, as_json: bool) -> None:
    """Play it, show how it came out, and exit accordingly."""
    from orchestrator.scenarios.actions import NotReady
    from orchestrator.scenarios.loader import load_scenario
    from orchestrator.scenarios.play import play

    loaded = load_scenario(path)
    try:
        summary: dict[str, Any] = play(loaded, on_virtual_clock=on_virtual_clock, seed=seed, tell=say)
    except NotReady as error:
        environment(str(error))
    if as_json:
        print_json(summary)
    else:
        from orchestrator.commands.scenario_report import show

        show(pages(), summary)
    code = {"invalid": INVALID, "fail": THRESHOLD}.get(summary["verdict"])
    if code is not None:
        raise typer.Exit(code)
