"""How a scenario came out, in a terminal: the verdict first, then each variant, then what to try next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.commands.load_display import PERCENTILES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "invalid": "[bold yellow]INVALID[/]"}

Summary = dict[str, Any]


def show(console: "Console", summary: Summary) -> None:
    """Everything."""
    from rich.markup import escape

    console.print(f"{MARKS[summary['verdict']]}  [bold]{escape(summary['title'])}[/]")
    clock = "on the virtual clock" if summary["clock"] == "virtual" else "in real time"
    console.print(f"[dim]{summary['scenario']}, seed {summary['seed']}, {clock}[/]")
    for name, variant in summary["variants"].items():
        console.print()
        console.print(f"{MARKS[variant['verdict']]}  [bold]{name or 'the run'}[/]{_expected(variant)}")
        for block in _variant(variant):
            console.print(block)
    if len(summary["variants"]) > 1:
        console.print()
        console.print(_compared(summary["variants"]))


def _expected(variant: Summary) -> str:
    if variant["expected"] == "fail":
        return "  [dim]its thresholds are meant to fail[/]" + (
            "" if variant["outcome"] == "fail" else ", and do not"
        )
    return ""


def _variant(variant: Summary) -> "Iterator[RenderableType]":
    from rich.text import Text

    if variant["thresholds"]:
        yield _thresholds(variant["thresholds"])
    yield _latency(variant["load"])
    yield _pods(variant)
    errors = list(_errors(variant))
    if errors:
        yield Text("\n".join(errors))
    for event in variant["events"]:
        yield Text(f"  at {event['at_s']:g} s: {event['what']}", style="dim")
    if variant["unsettled"]:
        yield Text(f"  not settled when it began: {', '.join(variant['unsettled'])}", style="yellow")
    for doubt in variant["invalid"]:
        yield Text(f"  INVALID: {doubt}", style="bold yellow")


def _thresholds(rows: list[Summary]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        mark = "[green]ok[/]" if row["ok"] else "[bold red]no[/]"
        of = ", ".join(f"{key} {value}" for key, value in row["where"].items())
        table.add_row("  ", mark, row["metric"] + (f" of {of}" if of else ""), row["is"], row["told"])
    return table


def _latency(load: Summary) -> "RenderableType":
    from rich.table import Table

    table = Table("  ms", *(_right(name) for name in PERCENTILES), box=None, padding=(0, 2, 0, 0))
    for title, key in (("  from when due", "latency_ms"), ("  from when sent", "service_ms")):
        if load[key]:
            table.add_row(title, *(f"{load[key][name]:.1f}" for name in PERCENTILES))
    counts = f"{load['offered']:,} offered, {load['requests']:,} answered"
    table.caption = f"  {counts}, {load['requests_per_s']:.0f}/s"
    table.caption_justify = "left"
    return table


def _pods(variant: Summary) -> "RenderableType":
    """Share and latency of each pod, and what was outstanding at it: altogether, and as each node saw it."""
    from rich.table import Table

    nodes = variant["nodes"]
    columns = [_right(title) for title in ("share", "p50", "p99", "outstanding", "max")]
    per_node = [_right(node) for node in nodes]
    table = Table("  pod", "", *columns, *per_node, box=None, padding=(0, 2, 0, 0))
    for pod in variant["pods"]:
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
    return table


def _seen(found: Summary | None) -> str:
    return "-" if found is None else f"{found['mean']:.2f} ({found['max']})"


def _errors(variant: Summary) -> Iterator[str]:
    load = variant["load"]
    for code, count in load["statuses"].items():
        if code[0] not in "23":
            yield f"  {count:,} x {code}"
    for kind, count in load["errors"].items():
        if not kind.startswith("http_"):
            yield f"  {count:,} x {kind}"
    for error in variant["alb_errors"]:
        yield f"  {error['node']}: {error['count']:,} x {error['status']} {error['cause']}: {error['sentence']}"


def _compared(variants: dict[str, Summary]) -> "RenderableType":
    """The variants side by side."""
    from rich.table import Table

    titles = ("p50 ms", "p95 ms", "p99 ms", "errors", "most outstanding", "largest share", "smallest share")
    table = Table("variant", *(_right(title) for title in titles), box=None, padding=(0, 2, 0, 0))
    for name, variant in variants.items():
        latency, pods = variant["load"]["latency_ms"], variant["pods"]
        shares = [pod["share"] for pod in pods] or [0.0]
        most = max((pod["outstanding"]["max"] for pod in pods), default=0)
        table.add_row(
            name,
            *(f"{latency[key]:.1f}" if latency else "-" for key in ("p50", "p95", "p99")),
            f"{sum(variant['load']['errors'].values()):,}",
            str(most),
            f"{max(shares):.1%}",
            f"{min(shares):.1%}",
        )
    return table


def _right(title: str) -> Any:
    from rich.table import Column

    return Column(title, justify="right")
