"""`journey compare`: which of several settings is better, with how much of the difference is chance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.failure import INTERRUPTED, INVALID, environment
from orchestrator.commands.options import Json, Metrics, optional
from orchestrator.commands.scenarios import Out, Scenario, Seed, keep, see_that_runs_are_kept
from orchestrator.commands.terminal import pages, print_json, say

if TYPE_CHECKING:
    from orchestrator.reports.result import RunResult


def compare(
    scenario: Scenario,
    vary: Annotated[
        list[str] | None,
        optional(
            "--vary",
            metavar="KEY=A,B",
            help="What differs: alb.algorithm=..., deployment/nginx.replicas=..., cni.WARM_IP_TARGET=..., "
            "elements.NAME....=...",
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=100, help="How often, each time with another seed.")
    ] = 1,
    seed: Seed = None,
    live: Annotated[bool, typer.Option("--live", help="As processes, in real time.")] = False,
    out: Out = None,
    metrics: Metrics = None,
    as_json: Json = False,
) -> None:
    """Run a scenario with something varied, the same seed and arrivals for each, and tell who did better.

    Without --vary the scenario's own variants are compared; with it they give way to all combinations of the values.
    Runs are on the virtual clock unless --live is said. With --repeat each figure has its spread, and a difference
    counts as clear only when the spreads do not touch. Every run is kept, as `journey run` does. Prometheus can watch
    with --live only.

    [bold]Examples[/bold]

      journey compare configs/scenarios/lor-vs-round-robin.yaml --repeat 3
      journey compare configs/scenarios/lor-vs-round-robin.yaml --vary alb.algorithm=round_robin,weighted_random
      journey compare configs/scenarios/zone-loss.yaml --vary deployment/nginx.replicas=2,4,6
      journey compare configs/scenarios/rollout-502s.yaml --vary deployment/nginx.preStop=off,5s,10s,15s

    Thresholds are shown, and do not decide how it ends: it ends with 5 when the figures cannot be believed.
    """
    from orchestrator.scenarios.comparing import compared

    loaded = _loaded(scenario, vary or [])
    see_that_runs_are_kept(out)
    first = loaded.scenario.seed if seed is None else seed
    results = []
    for number in range(repeat):
        results.append(_play(loaded, first + number, live=live, metrics=metrics))
        _keep(results[-1], loaded, out)
    found, doubts = compared(results), _doubts(results)
    if as_json:
        seeds = [each.seed for each in results]
        print_json({"scenario": loaded.scenario.name, "seeds": seeds, **found, "invalid": doubts})
    else:
        _show(loaded.scenario.title, results, found)
        for doubt in doubts:
            say(f"INVALID: {doubt}")
    if doubts:
        raise typer.Exit(INVALID)


def _keep(result: "RunResult", loaded: Any, out: Path | None) -> None:
    """Write the run's directory; an interrupted one is the last."""
    say(f"kept in {keep(result, out, html=loaded.scenario.report.html)}")
    if result.interrupted:
        say("interrupted: what had been played until then is kept")
        raise typer.Exit(INTERRUPTED)


def _doubts(results: list["RunResult"]) -> list[str]:
    """Why the figures cannot be believed, each with the run that it is about."""
    return [
        f"seed {result.seed}{f', {variant.name}' if variant.name else ''}: {doubt}"
        for result in results
        for variant in result.variants
        for doubt in variant.figures["invalid"]
    ]


def _loaded(path: Path, vary: list[str]) -> Any:
    from orchestrator.scenarios.comparing import varied, vary_of
    from orchestrator.scenarios.loader import load_scenario
    from orchestrator.settings.words import refuse

    if vary:
        return varied(path, [vary_of(word) for word in vary])
    loaded = load_scenario(path)
    if len(loaded.scenario.variants) < 2:
        raise refuse(f"{path} has no variants that could be compared: say what differs, with --vary KEY=A,B")
    return loaded


def _play(loaded: Any, seed: int, *, live: bool, metrics: str | None) -> "RunResult":
    from orchestrator.scenarios.actions import NotReady
    from orchestrator.scenarios.live import Outlook
    from orchestrator.scenarios.play import perform

    try:
        return perform(
            loaded,
            on_virtual_clock=not live,
            seed=seed,
            tell=lambda what: say(f"{what}, seed {seed}"),
            outlook=Outlook(metrics),
        )
    except NotReady as error:
        environment(str(error))


def _show(title: str, results: "list[RunResult]", found: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from orchestrator.scenarios.comparing import FIGURES

    names = list(found["variants"])
    console = pages()
    console.print(f"[bold]{escape(title)}[/]")
    repeated = len(results) > 1
    many = f"{len(results)} seeds: mean, and least to most" if repeated else f"seed {results[0].seed} alone"
    console.print(f"[dim]{many}[/]\n")
    table = Table("", *names, "best", box=None, padding=(0, 2, 0, 0))
    for figure in FIGURES:
        cells = [_cell(found["variants"][name].get(figure.name), figure.unit, repeated) for name in names]
        table.add_row(figure.name, *cells, _told(found["best"].get(figure.name), names, repeated))
    for row in found["checks"]:
        table.add_row(escape(row["check"]), *(_check(row["variants"][name]) for name in names), "")
    passed = [
        sum(
            variant.figures["outcome"] == "pass"
            for result in results
            for variant in result.variants
            if variant.name == name
        )
        for name in names
    ]
    table.add_row("all checks hold", *(f"{count} of {len(results)}" for count in passed), "")
    console.print(table)
    if not repeated:
        console.print("\n[dim]--repeat 3 plays other seeds, too, and tells a difference from luck[/]")


def _cell(spread: dict[str, float] | None, unit: str, with_spread: bool) -> str:
    if spread is None:
        return "-"
    digits = 2 if unit == "%" else 1 if unit else 0
    told = f"{spread['mean']:.{digits}f}{'%' if unit == '%' else f' {unit}' if unit else ''}"
    return (
        f"{told} [dim]{spread['least']:.{digits}f}..{spread['most']:.{digits}f}[/]" if with_spread else told
    )


def _check(found: dict[str, Any]) -> str:
    """What was found, or how often it held where there is more than one answer."""
    held, told = found["held"], found["told"]
    colour = "green" if held == len(told) else "bold red" if not held else "yellow"
    return f"[{colour}]{told[0] if len(told) == 1 else f'{held} of {len(told)}'}[/]"


def _told(best: dict[str, Any] | None, names: list[str], repeated: bool) -> str:
    if best is None:
        return "[dim]no difference[/]"
    others = [name for name in names if name not in best["variants"]]
    all_but = len(others) == 1 and len(names) > 2
    told = f"all but {others[0]}" if all_but else ", ".join(best["variants"])
    if best["clear"]:
        return f"[green]{told}[/]"
    return f"{told} [dim](spreads touch)[/]" if repeated else told
