"""How load looks in a terminal: a line that moves (plain lines without one), then tables."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.commands.terminal import err, say
from orchestrator.load.validity import doubts

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAIN_EVERY_S = 2.0
BAR_WIDTH = 30
CLIENT_PERCENTILES = ("p50", "p99", "max")
PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9", "max")

Status = dict[str, Any]


class Display(Protocol):
    def update(self, status: Status) -> None: ...


@contextmanager
def load_display(duration_s: float) -> Iterator[Display]:
    """Shows how a load goes, on stderr."""
    console = err()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Plain(duration_s)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Moving(progress, progress.add_task("load", total=duration_s, told=""))


class _Moving:
    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task

        self._told = 0

    def update(self, status: Status) -> None:
        for line in events(status, self._told):
            self._progress.console.print(line, markup=False, highlight=False, style="dim")
        self._told = len(status.get("changes", ()))
        self._progress.update(self._task, completed=status["elapsed_s"], told=now(status))


class _Plain:
    """A line now and then."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._due = time.monotonic() + PLAIN_EVERY_S
        self._told = 0

    def update(self, status: Status) -> None:
        for line in events(status, self._told):
            say(line)
        self._told = len(status.get("changes", ()))
        if status["running"] and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PLAIN_EVERY_S
        say(f"load: {status['elapsed_s']:4.1f} of {self._duration_s:g} s, {now(status)}")


def events(status: Status, known: int) -> Iterator[str]:
    """What was done to the load or to its world, but for the first so many, which have been told before."""
    for change in status.get("changes", ())[known:]:
        yield f"at {change['at_s']:g} s: {change['what']}"


def told(status: Status) -> str:
    """The state of a load in a line."""
    failed = sum(status["errors"].values())
    errors = f", {failed:,} failed" if failed else ""
    return f"{status['requests']:,} requests, {status['requests_per_s']:,.0f}/s{errors}"


def now(status: Status) -> str:
    """As `told`, with what is of interest while it runs: what is planned, the latency, and lag that spoils the run."""
    parts = [told(status)]
    if status.get("paused"):
        parts.append("paused")
    elif status["running"] and status.get("users"):
        parts.append(f"{status['users']} users")
    elif status["running"] and status.get("rate"):
        parts.append(f"{status['rate']:,.0f}/s planned")
    if status["latency_ms"]:
        parts.append(f"p99 {status['latency_ms']['p99']:.1f} ms")
    if dropped := sum(status.get("dropped", {}).values()):
        parts.append(f"{dropped:,} dropped")
    if status.get("invalid", doubts(status)):  # a scenario has limits of its own
        parts.append("INVALID")
    return ", ".join(parts)


def show_result(console: "Console", headline: str, result: Status) -> None:
    """How a load went, in a line and in tables."""
    console.print(headline)
    for table in load_tables(result):
        console.print()
        console.print(table)


def load_tables(result: Status) -> "Iterable[RenderableType]":
    """Requests per pod, errors, latency, and what must be known to read them rightly."""
    from rich.table import Table
    from rich.text import Text

    yield _pods(result)
    if len(result.get("clients", {})) > 1:
        yield _clients(result["clients"])
    if result["errors"]:
        errors = Table("error", _right("times"), box=None, padding=(0, 2, 0, 0))
        for error, count in sorted(result["errors"].items()):
            errors.add_row(error, f"{count:,}")
        yield errors
    if result["latency_ms"]:
        latency = Table("latency", *(_right(name) for name in PERCENTILES), box=None, padding=(0, 2, 0, 0))
        for name, key in _latencies(result):
            latency.add_row(name, *(f"{result[key][each]:.2f}" for each in PERCENTILES))
        yield latency
    if result.get("per_request"):
        yield _requests(result["per_request"])
    if notes := list(_notes(result)):
        yield Text("\n".join(notes), style="dim")


def _requests(per_request: dict[str, Status]) -> "RenderableType":
    from rich.table import Table

    columns = [_right(name) for name in ("answered", "failed", "p50", "p99", "max")]
    table = Table("request", *columns, box=None, padding=(0, 2, 0, 0))
    for name, each in per_request.items():
        latency = each["latency_ms"]
        times = [f"{latency[name]:.2f}" for name in ("p50", "p99", "max")] if latency else ["", "", ""]
        table.add_row(name, f"{each['requests']:,}", f"{each['failed']:,}", *times)
    return table


def _latencies(result: Status) -> Iterator[tuple[str, str]]:
    if not result.get("service_ms"):
        yield "ms", "latency_ms"
        return
    yield "ms, from when requests were due", "latency_ms"
    yield "ms, from when they were sent", "service_ms"


def _notes(result: Status) -> Iterator[str]:
    """Not there for load on the virtual clock: it has neither lag nor processes that can be killed."""
    lag = result.get("lag_ms")
    if lag and lag["element"] and result["latency_ms"]:
        yield f"emulator lag up to {lag['max']:.0f} ms ({lag['element']}): latencies on this machine include it"
    yield from events(result, 0)
    if lost := result.get("lost_clients"):
        clients = result.get("clients", {})
        killed = [name for name, client in clients.items() if client["lost_clients"]]
        who = ", ".join(killed) if len(clients) > 1 else "the laptop"
        times = "once" if lost == 1 else f"{lost} times"
        were, it = ("was", "it") if len(killed) < 2 else ("were", "they")
        yield f"{who} {were} killed {times} on the way: what {it} had counted until shortly before is included"


def _clients(clients: dict[str, Status]) -> "RenderableType":
    """Each client's part; percentiles of the whole are not made of these, but of all latencies."""
    from rich.table import Table

    columns = ("requests", "a second", "failed", *(f"{name} ms" for name in CLIENT_PERCENTILES))
    table = Table("client", *(_right(column) for column in columns), box=None, padding=(0, 2, 0, 0))
    for name, found in clients.items():
        latency = found.get("latency_ms") or {}
        table.add_row(
            name,
            f"{found['requests']:,}",
            f"{found['requests_per_s']:,.0f}",
            f"{sum(found['errors'].values()):,}",
            *(f"{latency[each]:.2f}" if each in latency else "-" for each in CLIENT_PERCENTILES),
        )
    return table


def _pods(result: Status) -> "RenderableType":
    from rich.table import Table

    table = Table("pod", _right("requests"), _right("share"), "", box=None, padding=(0, 2, 0, 0))
    served = result["per_pod"]
    for pod, count in sorted(served.items()):
        bar = "█" * round(count / max(served.values()) * BAR_WIDTH)
        table.add_row(pod, f"{count:,}", f"{count / sum(served.values()):.1%}", bar)
    return table


def _right(title: str) -> Any:
    from rich.table import Column

    return Column(title, justify="right")
