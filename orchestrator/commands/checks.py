"""`journey validate`, `schema` and `doctor`: what can be checked without running anything."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.failure import ENVIRONMENT
from orchestrator.commands.options import Json, read_config
from orchestrator.commands.terminal import out, print_json

MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


def validate(file: Annotated[Path, typer.Argument(help="World file.")], as_json: Json = False) -> None:
    """Check a world file; every fault is shown with its line, and nothing is started.

    [bold]Examples[/bold]

      journey validate configs/journey.yaml
    """
    config = read_config(file)
    if as_json:
        print_json({"name": config.name, "elements": len(config.elements), "links": len(config.links)})
    else:
        out().print(f"{file} is sound: {len(config.elements)} elements, {len(config.links)} links")


def schema() -> None:
    """Print the JSON Schema of world files, for editors.

    [bold]Examples[/bold]

      journey schema > world.schema.json
    """
    from orchestrator.config.schema import world_schema

    print_json(world_schema())


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
