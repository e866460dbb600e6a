"""How a scenario came out, in a terminal: the verdict first, then each variant, then what to try next."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.commands.load_display import PERCENTILES
from orchestrator.reports.checks import checks_of, outcome_told

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from orchestrator.reports.result import RunResult, VariantResult

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "invalid": "[bold yellow]INVALID[/]"}
OK = {True: "[green]ok[/]", False: "[bold red]no[/]"}
BAR_WIDTH = 40
MOST_PODS = 12
"""How many pods are told of one by one."""

Summary = dict[str, Any]


def show(
    console: "Console", result: "RunResult", *, directory: Path | None = None, path: Path | None = None
) -> None:
    """Everything. `directory` is where the run is kept, `path` the scenario's file."""
    from rich.markup import escape

    console.print(f"{MARKS[result.verdict]}  [bold]{escape(result.title)}[/]")
    clock = "on the virtual clock" if result.clock == "virtual" else "in real time"
    console.print(f"[dim]{result.scenario}, seed {result.seed}, {clock}[/]")
    for variant in result.variants:
        console.print()
        console.print(_heading(variant))
        for block in _variant(variant):
            console.print(block)
    if len(result.variants) > 1:
        console.print()
        console.print(_compared(result.variants))
    if directory is not None:
        console.print()
        console.print(_next(result, directory, path))


def _heading(variant: "VariantResult") -> str:
    figures, name = variant.figures, f"[bold]{variant.name or 'the run'}[/]"
    told = outcome_told(figures)
    if told and figures["verdict"] == "pass":
        return f"[green]ok[/]    {name}  [green]{told}[/]"
    return f"{MARKS[figures['verdict']]}  {name}{f'  {told}' if told else ''}"


def _variant(variant: "VariantResult") -> "Iterator[RenderableType]":
    from rich.text import Text

    figures = variant.figures
    yield from _checks(figures)
    yield _latency(figures["load"])
    if variant.budget:
        yield _budget(variant)
    yield _pods(figures)
    yield from (Text(line) for line in _errors(figures))
    for event in figures["events"]:
        yield Text(f"  at {event['at_s']:g} s: {event['what']}", style="dim")
    for row in figures.get("convergence", ()):
        yield Text(f"  {row['told']}")
    if figures["unsettled"]:
        yield Text(f"  not settled when it began: {', '.join(figures['unsettled'])}", style="yellow")
    yield from _validity(figures)


def _checks(figures: Summary) -> "Iterator[RenderableType]":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for check in checks_of(figures):
        table.add_row("  ", OK[check.ok], check.what, check.limit, check.told)
    if table.row_count:
        yield table


def _latency(load: Summary) -> "RenderableType":
    from rich.table import Table

    table = Table("  ms", *(_right(name) for name in PERCENTILES), box=None, padding=(0, 2, 0, 0))
    for title, key in (("  from when due", "latency_ms"), ("  from when sent", "service_ms")):
        if load.get(key):
            table.add_row(title, *(f"{load[key][name]:.1f}" for name in PERCENTILES))
    offered = load.get("offered", load["requests"])
    counts = f"{offered:,} offered, {load['requests']:,} answered"
    table.caption = f"  {counts}, {load['requests_per_s']:.0f}/s"
    table.caption_justify = "left"
    return table


def _budget(variant: "VariantResult") -> "RenderableType":
    """Where the time of the recorded requests went."""
    from rich.table import Table

    most = max(tier["ms"] for tier in variant.budget) or 1.0
    table = Table.grid(padding=(0, 2, 0, 0))
    title = f"where the time went, of {variant.traced:,} recorded requests on average"
    table.add_row("  [dim]" + title + "[/]")
    rows = Table.grid(padding=(0, 2, 0, 0))
    for tier in variant.budget:
        bar = "█" * round(tier["ms"] / most * BAR_WIDTH)
        ways = ", ".join(f"{way} {ms:.2f}" for way, ms in tier["ways"].items() if ms >= 0.005)
        rows.add_row("  ", tier["tier"], f"{tier['ms']:.2f} ms", f"[cyan]{bar}[/]", f"[dim]{ways}[/]")
    table.add_row(rows)
    return table


def _pods(figures: Summary) -> "RenderableType":
    """Share and latency of each pod, and what was outstanding at it: altogether, and as each node saw it."""
    from rich.table import Table

    nodes = figures["nodes"]
    columns = [_right(title) for title in ("share", "p50", "p99", "outstanding", "max")]
    per_node = [_right(node) for node in nodes]
    table = Table("  pod", "", *columns, *per_node, box=None, padding=(0, 2, 0, 0))
    shown, left = _worth_telling(figures["pods"])
    for pod in shown:
        modes = " ".join(f"{key}={value}" for key, value in pod["modes"].items())
        latency, outstanding = pod["latency_ms"], pod["outstanding"]
        seen = [_seen(pod["per_node"].get(node)) for node in nodes]
        table.add_row(
            f"  {pod['as'] or pod['pod']}",
            f"[yellow]{modes}[/]",
            f"{pod['share']:.1%}",
            *(f"{latency[name]:.1f}" if latency else "-" for name in ("p50", "p99")),
            f"{outstanding['mean']:.2f}",
            str(outstanding["max"]),
            *seen,
        )
    if left:
        shares = [pod["share"] for pod in left]
        table.add_row(f"  {len(left)} more", "", f"{min(shares):.1%}-{max(shares):.1%}")
    table.caption, table.caption_justify = _spread(figures["pods"]), "left"
    return table


def _worth_telling(pods: list[Summary]) -> tuple[list[Summary], list[Summary]]:
    """All pods if they are few; else those that behave oddly, have most under way, or are slowest; and the rest."""
    if len(pods) <= MOST_PODS:
        return pods, []

    def oddness(pod: Summary) -> tuple[bool, int, float]:
        return bool(pod["modes"]), pod["outstanding"]["max"], pod["latency_ms"].get("p99", 0.0)

    names = {pod["pod"] for pod in sorted(pods, key=oddness, reverse=True)[:MOST_PODS]}
    return [pod for pod in pods if pod["pod"] in names], [pod for pod in pods if pod["pod"] not in names]


def _spread(pods: list[Summary]) -> str:
    """How far apart the pods' p99 are."""
    worst = sorted(pod["latency_ms"]["p99"] for pod in pods if pod["latency_ms"])
    return f"  p99 from {worst[0]:.1f} to {worst[-1]:.1f} ms between pods" if len(worst) > 1 else ""


def _seen(found: Summary | None) -> str:
    return "-" if found is None else f"{found['mean']:.2f} ({found['max']})"


def _errors(figures: Summary) -> Iterator[str]:
    """By who caused them, and each cause of the load balancer's in a sentence."""
    from orchestrator.reports.origins import errors_by_origin

    for origin, errors in errors_by_origin(figures).items():
        told = ", ".join(f"{count:,} x {what}" for what, count in errors.items())
        yield f"  errors by the {origin}: {told}"
    for error in figures["alb_errors"]:
        yield f"  {error['node']}: {error['count']:,} x {error['status']} {error['cause']}: {error['sentence']}"


def _validity(figures: Summary) -> "Iterator[RenderableType]":
    """Whether the figures may be believed, with what that is judged by."""
    from rich.panel import Panel
    from rich.text import Text

    lag = figures["load"].get("dispatch_lag_ms", {})
    if figures["invalid"]:
        text = "\n".join(f"INVALID: {doubt}" for doubt in figures["invalid"])
        yield Panel(Text(text), border_style="bold yellow", expand=False)
    elif lag:
        dropped = sum(figures["load"]["dropped"].values())
        yield Text(f"  valid: generator late by p99 {lag['p99']:.1f} ms, {dropped:,} dropped", style="dim")


def _compared(variants: "list[VariantResult]") -> "RenderableType":
    """The variants side by side: figures that are always of interest, and each check with what was found."""
    from rich.table import Table
    from rich.text import Text

    columns = [_right(variant.name) for variant in variants]
    table = Table("", *columns, box=None, padding=(0, 3, 0, 0))
    for name in ("p50", "p95", "p99"):
        found = [variant.figures["load"]["latency_ms"].get(name) for variant in variants]
        table.add_row(f"{name} ms", *("-" if value is None else f"{value:.1f}" for value in found))
    failed = [sum(variant.figures["load"]["errors"].values()) for variant in variants]
    table.add_row("failed requests", *(f"{count:,}" for count in failed))
    for row in zip(*(checks_of(variant.figures) for variant in variants), strict=True):
        cells = [Text(check.told, style="green" if check.ok else "bold red") for check in row]
        table.add_row(Text(row[0].claim), *cells)
    return table


def _next(result: "RunResult", directory: Path, path: Path | None) -> "RenderableType":
    """What to do with it."""
    from rich.table import Table

    home = "" if directory.parent == Path("runs") else f" --out {directory.parent}"
    things = [(f"journey runs open{home}", f"the report: {directory / 'report.html'}")]
    if path is not None:
        verb = "run" if result.clock == "virtual" else "simulate"
        how = "the same as processes, in real time" if verb == "run" else "the same on the virtual clock"
        things.append((f"journey {verb} {path} --seed {result.seed}", how))
    table = Table.grid(padding=(0, 2, 0, 0))
    for command, what in things:
        table.add_row(f"  {command}", f"[dim]{what}[/]")
    return table


def _right(title: str) -> Any:
    from rich.table import Column

    return Column(title, justify="right")
