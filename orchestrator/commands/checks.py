"""`journey validate`, `schema` and `doctor`: what can be checked without running anything."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.failure import ENVIRONMENT, usage
from orchestrator.commands.options import Json, read_config
from orchestrator.commands.terminal import out, print_json

MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


def validate(
    file: Annotated[Path, typer.Argument(help="World or scenario file.")], as_json: Json = False
) -> None:
    """Check a world or scenario file; every fault is shown with its line, and nothing is started.

    [bold]Examples[/bold]

      journey validate configs/journey.yaml
      journey validate configs/scenarios/lor-vs-round-robin.yaml
    """
    from orchestrator.scenarios.loader import is_scenario, load_scenario

    if is_scenario(file):
        scenario = load_scenario(file).scenario
        variants = list(scenario.variants)
        if as_json:
            print_json({"name": scenario.name, "variants": variants, "thresholds": len(scenario.thresholds)})
        else:
            many = f"{len(variants)} variants" if variants else "no variants"
            out().print(f"{file} is sound: {many}, {len(scenario.thresholds)} thresholds")
        return
    config = read_config(file)
    if as_json:
        print_json({"name": config.name, "elements": len(config.elements), "links": len(config.links)})
    else:
        out().print(f"{file} is sound: {len(config.elements)} elements, {len(config.links)} links")


def schema(
    what: Annotated[str, typer.Argument(metavar="[world|scenario|summary]", help="Which files.")] = "world",
) -> None:
    """Print the JSON Schema of world or scenario files, for editors, or of a run's summary.json.

    [bold]Examples[/bold]

      journey schema > world.schema.json
      journey schema scenario > scenario.schema.json
      journey schema summary > summary.schema.json
    """
    from orchestrator.config.errors import suggestion
    from orchestrator.config.schema import scenario_schema, world_schema
    from orchestrator.reports.schema import summary_schema

    makers = {"world": world_schema, "scenario": scenario_schema, "summary": summary_schema}
    if what not in makers:
        usage(f"there is no schema of {what!r}{suggestion(what, makers, otherwise='there are')}")
    print_json(makers[what]())


def doctor(as_json: Json = False) -> None:
    """Check whether this machine can run a world well. Ends with 3 when it cannot.

    [bold]Examples[/bold]

      journey doctor
    """
    from orchestrator.doctor import examine

    checks = examine()
    if as_json:
        print_json([check._asdict() for check in checks])
    else:
        from rich.table import Table

        table = Table.grid(padding=(0, 2, 0, 0))
        for check in checks:
            table.add_row(MARKS[check.status], check.name, check.found)
            if check.advice:
                table.add_row("", "", f"[dim]{check.advice}[/]")
        out().print(table)
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(ENVIRONMENT)
