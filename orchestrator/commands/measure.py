"""`journey simulate` and `journey bench`: the virtual clock, and figures of speed."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from orchestrator.commands.failure import THRESHOLD, usage
from orchestrator.commands.options import FileOption, Json, optional, read_config, seconds
from orchestrator.commands.scenarios import Out, play_scenario
from orchestrator.commands.terminal import out, print_json, say

Seed = Annotated[
    int | None,
    optional("--seed", min=0, help="All dice are thrown from this; the world's own if none is given."),
]
File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="World or scenario file; the default world if none is given.",
        show_default=False,
    ),
]
Concurrency = Annotated[
    int | None,
    optional("--concurrency", "-c", min=1, help="Requests at the same time; 8."),
]
Duration = Annotated[
    str | None,
    optional("--duration", "-d", help="Virtual time of load, such as 5s; 5s."),
]
Output = Annotated[
    Path | None,
    optional("--output", "-o", metavar="FILE", help="Write the journal here, as ndjson."),
]


def simulate(
    file: File = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    duration: Duration = None,
    output: Output = None,
    home: Out = None,
    as_json: Json = False,
) -> None:
    """Run a world under load, or a scenario, on the virtual clock: equal seeds give equal runs, byte for byte.

    [bold]Examples[/bold]

      journey simulate --seed 7
      journey simulate configs/journey.yaml --seed 8 --duration 30s -o journal.ndjson
      journey simulate --seed 7 --json | jq -r .journal_hash
      journey simulate configs/scenarios/lor-vs-round-robin.yaml --seed 1

    With a scenario it ends, and keeps what came of it, as `journey run` does.
    """
    if file is not None and _is_scenario(file):
        if (concurrency, duration, output) != (None, None, None):
            usage(
                "a scenario says itself what its load is: --concurrency, --duration and --output are for worlds"
            )
        play_scenario(file, seed, out=home, as_json=as_json)
        return
    if home is not None:
        usage("only a scenario's run is kept: --out is not for worlds")
    duration, concurrency = duration or "5s", concurrency or 8
    config, duration_s = read_config(file), seconds(duration)
    from orchestrator.simulation import simulate as run

    seed = config.seed if seed is None else seed
    if not as_json:
        say(f"simulating {duration} of {config.name} with seed {seed}")
    result = run(config, seed, concurrency=concurrency, duration_s=duration_s)
    journal = result.pop("journal")
    if output is not None:
        import json

        with output.open("w", encoding="utf-8") as lines:
            lines.writelines(f"{json.dumps(record)}\n" for record in journal)
    if as_json:
        print_json({**result, "records": len(journal)})
        return
    from orchestrator.commands.load_display import show_result, told

    console = out()
    console.print(f"journal_hash {result['journal_hash']}  (seed {seed}, {len(journal):,} records)")
    pace = result["virtual_s"] / result["wall_s"]
    console.print(
        f"{result['virtual_s']:.1f} s of the world in {result['wall_s']:.1f} s ({pace:.1f} times real time)"
    )
    show_result(console, f"{told(result['load'])}, {concurrency} at once", result["load"])


def _is_scenario(file: Path) -> bool:
    from orchestrator.scenarios.loader import is_scenario

    return is_scenario(file)


def bench(file: FileOption = None, as_json: Json = False) -> None:
    """Measure how fast the emulator is, each figure beside its reference from the same run. Takes some minutes.

    [bold]Examples[/bold]

      journey bench
      journey bench --json > bench.json

    Ends with 4 when a figure does not reach its bar.
    """
    config = read_config(file)
    from orchestrator.bench import suite

    figures = []
    for figure in suite.run(config, urlsplit(config.url or "").hostname or ""):
        figures.append(figure)
        if not as_json:
            say(f"measured: {figure.title}")
    if as_json:
        print_json(suite.as_json(figures))
    else:
        from rich.table import Table

        table = Table("", "figure", "measured", "reference", "ratio", "bar", box=None, padding=(0, 2, 0, 0))
        for each in figures:
            mark = "" if each.bar is None else "[green]ok[/]" if each.reached else "[bold red]short[/]"
            reference = (
                "" if each.reference is None else f"{each.told(each.reference)} {each.reference_title}"
            )
            bar = "" if each.bar is None else f"{'≤' if each.most else '≥'} {each.bar:g}"
            ratio = "" if each.reference is None else f"{each.ratio:.2f}"
            table.add_row(mark, each.title, each.told(each.value), reference, ratio, bar)
        out().print(table)
    if not all(figure.reached for figure in figures):
        raise typer.Exit(THRESHOLD)
