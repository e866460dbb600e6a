"""How a scenario came out, in a terminal: the verdict first, then each variant, then what to try next."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.commands.load_display import PERCENTILES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from orchestrator.reports.result import RunResult, VariantResult

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "invalid": "[bold yellow]INVALID[/]"}
BAR_WIDTH = 40

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
        figures = variant.figures
        console.print()
        console.print(
            f"{MARKS[figures['verdict']]}  [bold]{variant.name or 'the run'}[/]{_expected(figures)}"
        )
        for block in _variant(variant):
            console.print(block)
    if len(result.variants) > 1:
        console.print()
        console.print(_compared(result.variants))
    if directory is not None:
        console.print()
        console.print(_next(result, directory, path))


def _expected(figures: Summary) -> str:
    if figures["expected"] == "fail":
        return "  [dim]its thresholds are meant to fail[/]" + (
            "" if figures["outcome"] == "fail" else ", and do not"
        )
    return ""


def _variant(variant: "VariantResult") -> "Iterator[RenderableType]":
    from rich.text import Text

    figures = variant.figures
    if figures["thresholds"]:
        yield _thresholds(figures["thresholds"])
    if figures.get("assertions"):
        yield _assertions(figures["assertions"])
    yield _latency(figures["load"])
    if variant.budget:
        yield _budget(variant)
    yield _pods(figures)
    yield from (Text(line) for line in _errors(figures))
    for event in figures["events"]:
        yield Text(f"  at {event['at_s']:g} s: {event['what']}", style="dim")
    if figures["unsettled"]:
        yield Text(f"  not settled when it began: {', '.join(figures['unsettled'])}", style="yellow")
    yield from _validity(figures)


def _thresholds(rows: list[Summary]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        mark = "[green]ok[/]" if row["ok"] else "[bold red]no[/]"
        of = ", ".join(f"{key} {value}" for key, value in row.get("where", {}).items())
        when = [f"during {row['during']}"] if "during" in row else []
        when += [f"after {row['after_s']:g} s"] if "after_s" in row else []
        what = " ".join([row["metric"], *([f"of {of}"] if of else []), *when])
        table.add_row("  ", mark, what, row["is"], row["told"])
    return table


def _assertions(rows: list[Summary]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        mark = "[green]ok[/]" if row["ok"] else "[bold red]no[/]"
        within = f" within {row['within_s']:g} s" if "within_s" in row else ""
        table.add_row("  ", mark, f"{row['assertion']} {row['claim']}{within}", row["told"])
    return table


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
    for pod in figures["pods"]:
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
    table.caption, table.caption_justify = _spread(figures["pods"]), "left"
    return table


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
    """The variants side by side."""
    from rich.table import Table

    titles = ("p50 ms", "p95 ms", "p99 ms", "errors", "most outstanding", "largest share", "smallest share")
    table = Table("variant", *(_right(title) for title in titles), box=None, padding=(0, 2, 0, 0))
    for variant in variants:
        load, pods = variant.figures["load"], variant.figures["pods"]
        latency = load["latency_ms"]
        shares = [pod["share"] for pod in pods] or [0.0]
        most = max((pod["outstanding"]["max"] for pod in pods), default=0)
        table.add_row(
            variant.name,
            *(f"{latency[key]:.1f}" if latency else "-" for key in ("p50", "p95", "p99")),
            f"{sum(load['errors'].values()):,}",
            str(most),
            f"{max(shares):.1%}",
            f"{min(shares):.1%}",
        )
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
