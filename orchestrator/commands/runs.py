"""`journey report` and `journey runs`: what is left of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.failure import environment, usage
from orchestrator.commands.options import Json
from orchestrator.commands.terminal import pages, print_json, say

if TYPE_CHECKING:
    from orchestrator.reports.result import RunResult

Home = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Where runs are kept.", show_default="./runs"),
]
RUNS = Path("runs")
Name = Annotated[str, typer.Argument(metavar="[RUN]", help="A run's name or directory, or `latest`.")]

runs = typer.Typer(no_args_is_help=False)


def report(run: Name = "latest", out: Home = RUNS, as_json: Json = False) -> None:
    """Show how a run came out, and make its report.html and summary.md anew.

    [bold]Examples[/bold]

      journey report
      journey report 20260101T120000Z-rollout-502s-42
      journey report latest --json | jq .verdict
    """
    from orchestrator.commands.scenario_report import show
    from orchestrator.reports.files import PAGE, write_reports

    path, result = _read(out, run)
    html = all(each.resolved.get("report", {}).get("html", True) for each in result.variants)
    try:
        write_reports(result, path, html=html or (path / PAGE).exists())
    except OSError as error:
        environment(f"the reports cannot be written: {error}")
    if as_json:
        from orchestrator.reports.document import summary

        print_json(summary(result))
        return
    show(pages(), result)
    say(f"made anew: {_shown(path / PAGE)}")


def _read(home: Path, name: str) -> "tuple[Path, RunResult]":
    from orchestrator.reports.files import NotARun, read_run

    path = _find(home, name)
    try:
        return path, read_run(path)
    except NotARun as error:
        usage(str(error))
    except (OSError, LookupError, TypeError, ValueError) as error:
        usage(f"{path} is not a whole run: {type(error).__name__}: {error}")


def _find(home: Path, name: str) -> Path:
    from orchestrator.reports.directory import NoSuchRun, find_run

    try:
        return find_run(home, name)
    except NoSuchRun as error:
        usage(str(error))


def _shown(path: Path) -> str:
    """Relative to the working directory, where it lies in it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@runs.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    """Runs that have been kept: list them, open one, remove some.

    [bold]Examples[/bold]

      journey runs
      journey runs open latest
      journey runs rm latest
    """
    if context.invoked_subcommand is None:
        list_runs()


@runs.command("list")
def list_runs(out: Home = RUNS, as_json: Json = False) -> None:
    """Every run, the newest last.

    [bold]Examples[/bold]

      journey runs list
      journey runs list --json | jq -r '.[-1].directory'
    """
    from orchestrator.reports.directory import all_runs

    found = [_about(path) for path in all_runs(out)]
    if as_json:
        print_json(found)
        return
    if not found:
        say(f"{out} has no runs yet: journey run SCENARIO makes one")
        return
    from rich.table import Table

    from orchestrator.commands.scenario_report import MARKS

    table = Table("", "run", "clock", "variants", "took", box=None, padding=(0, 2, 0, 0))
    for each in found:
        took = "-" if each["took_s"] is None else f"{each['took_s']:.1f} s"
        many = str(len(each["variants"]))
        mark = MARKS.get(each["verdict"], each["verdict"])
        table.add_row(mark, each["run"], each["clock"], many, took)
    pages().print(table)


def _about(path: Path) -> dict[str, Any]:
    import json

    from orchestrator.reports.directory import SUMMARY

    about: dict[str, Any] = {"run": path.name, "directory": str(path)}
    try:
        plain = json.loads((path / SUMMARY).read_text())
        return about | {
            "scenario": plain["scenario"],
            "seed": plain["seed"],
            "clock": plain["clock"],
            "verdict": plain["verdict"],
            "variants": list(plain["variants"]),
            "took_s": plain.get("wall", {}).get("took_s"),
        }
    except (OSError, ValueError, LookupError, TypeError):
        return about | {"verdict": "unreadable", "clock": "-", "variants": [], "took_s": None}


@runs.command("open")
def open_run(run: Name = "latest", out: Home = RUNS, as_json: Json = False) -> None:
    """Open a run's report in the browser; prints where it is.

    [bold]Examples[/bold]

      journey runs open
      journey runs open 20260101T120000Z-rollout-502s-42
    """
    import webbrowser

    from orchestrator.reports.files import PAGE

    page = _find(out, run) / PAGE
    if not page.exists():
        usage(f"{_shown(page)} is not there; `journey report {run}` makes it")
    if as_json:
        print_json({"report": str(page)})
        return
    print(_shown(page))
    if not webbrowser.open(page.as_uri()):
        say("no browser could be opened")


@runs.command("rm")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of runs, or `latest`.")],
    out: Home = RUNS,
) -> None:
    """Remove runs.

    [bold]Examples[/bold]

      journey runs rm latest
    """
    from orchestrator.reports.directory import remove_run

    for path in dict.fromkeys([_find(out, name) for name in names]):  # all are known before any goes
        remove_run(path)
        say(f"removed {_shown(path)}")
