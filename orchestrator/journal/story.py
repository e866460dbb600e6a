"""The face of it all: a journey as a story for the terminal. Every line comes from a record."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.journal.chapters import Chapter, chapters_of
from orchestrator.journal.folding import Line
from orchestrator.journal.journey import PHASES, Journey
from orchestrator.journal.timing import TIER_OF_KIND
from orchestrator.journal.wording import arrows, duration, milliseconds

PHASE_NAMES = {"dns": "DNS", "tcp": "TCP", "tls": "TLS", "first_byte": "first byte", "download": "download"}
TIER_STYLES = {
    "home": "green",
    "Internet": "blue",
    "DNS servers": "magenta",
    "AWS network": "yellow",
    "load balancer": "red",
    "node": "cyan",
    "pod": "bright_cyan",
}
BAR = "█"
EIGHTHS = " ▏▎▍▌▋▊▉"


def tell_story(console: Console, journey: Journey, *, everything: bool = False) -> None:
    """Print the journey; `everything` tells each record on a line of its own and folds nothing."""
    console.print(_headline(journey))
    names = max((len(record["element"]) for record in (*journey.before, *journey.records)), default=0)
    for number, chapter in enumerate(chapters_of(journey, everything=everything), 1):
        console.print()
        console.print(_heading(number, chapter))
        console.print(_lines(chapter, journey, names))
    console.print()
    console.print(_where_the_time_went(journey, console.width))
    if not everything:
        count = len(journey.records)
        console.print(
            Text(f"\nTold from {count} records; `journey trace --all` tells every one.", style="dim")
        )


def _headline(journey: Journey) -> RenderableType:
    if journey.status is None:
        result = Text(f"failed after {milliseconds(journey.total_ms)}: {journey.error}", style="bold red")
    else:
        style = "bold green" if journey.status < 400 else "bold red"
        result = Text(f"{journey.status}", style=style).append(
            f" after {milliseconds(journey.total_ms)}", "bold"
        )
    head = Text.assemble(("GET ", "bold"), (journey.url, "bold underline"), "  ").append_text(result)
    way = Text(arrows(journey.hops), style="dim")
    return Group(head, way, Text(f"journey {journey.identity}", style="dim"))


def _heading(number: int, chapter: Chapter) -> Text:
    took = f", {milliseconds(chapter.took_ms)}" if chapter.took_ms else ""
    head = Text(f"{number}  {chapter.title}{took}", style="bold")
    return head.append(f"  {chapter.about}", style="not bold dim") if chapter.about else head


def _lines(chapter: Chapter, journey: Journey, names: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=9)
    table.add_column(no_wrap=True, min_width=names)
    table.add_column(overflow="fold")
    before: Line | None = None
    for line in chapter.lines:
        same_element = before is not None and before.element == line.element
        same_moment = before is not None and _moment(before.t_ms) == _moment(line.t_ms)
        when = "" if same_element and same_moment else _moment(line.t_ms)
        who = Text("" if same_element else line.element, style=_style(line.element, journey))
        table.add_row(Text(when, style="dim"), who, _text(line))
        before = line
    return table


def _moment(t_ms: float) -> str:
    """Milliseconds after the click; what was long before it in larger units."""
    if abs(t_ms) >= 1000:
        return f"{'-' if t_ms < 0 else ''}{duration(abs(t_ms) / 1000)}"
    return f"{t_ms:.3f}"


def _style(element: str, journey: Journey) -> str:
    return TIER_STYLES.get(TIER_OF_KIND.get(journey.kinds.get(element, ""), ""), "")


def _text(line: Line) -> RenderableType:
    text = Text(line.told.what, style="dim" if line.aside else "")
    if line.told.why:
        text.append(f" — {line.told.why}", style="dim")
    if not line.told.details:
        return text
    return Group(text, *(Padding(Text(detail, style="dim" if line.aside else ""), (0, 0, 0, 2))
                         for detail in line.told.details))  # fmt: skip


def _where_the_time_went(journey: Journey, width: int) -> RenderableType:
    bars = max(min(width, 120) - 60, 12)
    phases = (_phases(journey, bars), Text()) if journey.phases else ()
    return Group(Text("Where the time went", style="bold"), *phases, _tiers(journey, bars))


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=9)
    table.add_column(no_wrap=True, min_width=13)
    return table


def _phases(journey: Journey, bars: int) -> Table:
    """What the browser waited for, one after the other."""
    table = _grid()
    table.add_column(no_wrap=True)
    since_ms = 0.0
    for phase in PHASES:
        if phase in journey.phases:
            ms = journey.phases[phase]
            waterfall = _bar(since_ms, ms, journey.total_ms, bars)
            table.add_row(milliseconds(ms), PHASE_NAMES[phase], Text(waterfall, style="blue"))
            since_ms += ms
    return table


def _tiers(journey: Journey, bars: int) -> Table:
    """Who it was spent by; the lines add up to the total."""
    table = _grid()
    table.add_column(no_wrap=True, min_width=bars)
    table.add_column(style="dim", overflow="fold")
    tiers = journey.tiers
    total_ms = sum(tier.ms for tier in tiers)
    for tier in tiers:
        style = TIER_STYLES.get(tier.name, "")
        bar = _bar(0, tier.ms, total_ms, bars)
        ways = ", ".join(f"{way} {milliseconds(ms)}" for way, ms in tier.ways.items())
        table.add_row(milliseconds(tier.ms), Text(tier.name, style=style), Text(bar, style=style), ways)
    table.add_row(Text(milliseconds(total_ms), style="bold"), Text("total", style="bold"), "", "")
    return table


def _bar(since: float, length: float, total: float, width: int) -> str:
    """A bar of `length` that begins at `since`, where `total` would fill the width."""
    if total <= 0:
        return ""
    begin = int(since / total * width)
    eighths = round((since + length) / total * width * 8) - begin * 8
    return " " * begin + "".join(_blocks(max(eighths, 1)))


def _blocks(eighths: int) -> Iterator[str]:
    yield BAR * (eighths // 8)
    if eighths % 8:
        yield EIGHTHS[eighths % 8]
