"""`summary.md`: a run for a pull request's comment, with the slowest recorded request as a mermaid sequence."""

from collections.abc import Iterator
from typing import Any

from orchestrator.journal.journey import Journey
from orchestrator.reports.checks import checks_of, outcome_told
from orchestrator.reports.digest import label_of
from orchestrator.reports.result import RunResult, VariantResult

LONGEST = 60_000
"""Characters; GitHub takes comments of 65,536."""
MOST_ARROWS = 40
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
MARKS = {"pass": "✅ pass", "fail": "❌ fail", "invalid": "⚠️ invalid"}


def summary_md(result: RunResult) -> str:
    """The whole text; never longer than `LONGEST`."""
    text = "\n".join(_lines(result))
    if len(text) > LONGEST:
        text = text[: text.rindex("\n", 0, LONGEST)] + "\n\n(cut here; the rest is in the run directory)"
    return text + "\n"


def _lines(result: RunResult) -> Iterator[str]:
    clock = "on the virtual clock" if result.clock == "virtual" else "in real time"
    yield f"## {MARKS[result.verdict]}: {_cell(result.title)}"
    yield ""
    yield f"`{result.scenario}`, seed {result.seed}, {clock}" + (
        "; **broken off before its end**" if result.interrupted else ""
    )
    yield ""
    yield from _latencies(result)
    if len(result.variants) > 1:
        yield from _compared(result.variants)
    for variant in result.variants:
        yield from _variant(variant)
    slowest = _slowest(result)
    if slowest is not None:
        yield from _slowest_lines(*slowest)


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _latencies(result: RunResult) -> Iterator[str]:
    rows = []
    for variant in result.variants:
        load = variant.figures["load"]
        for title, key in (("due", "latency_ms"), ("sent", "service_ms")):
            if load.get(key):
                values = [f"{load[key][name]:.1f}" for name in PERCENTILES]
                rows.append([_name(variant), f"when {title}", *values])
    yield from _table(["variant", "ms from", *PERCENTILES], rows)


def _compared(variants: list[VariantResult]) -> Iterator[str]:
    """Each check, with what was found by each variant."""
    rows = [
        [f"`{_cell(row[0].claim)}`", *(f"{'✅' if check.ok else '❌'} {_cell(check.told)}" for check in row)]
        for row in zip(*(checks_of(variant.figures) for variant in variants), strict=True)
    ]
    if rows:
        yield from _table(["check", *(_name(variant) for variant in variants)], rows)


def _name(variant: VariantResult) -> str:
    return f"`{variant.name}`" if variant.name else "the run"


def _variant(variant: VariantResult) -> Iterator[str]:
    figures, load = variant.figures, variant.figures["load"]
    told = outcome_told(figures)
    yield f"### {MARKS[figures['verdict']]}: {_name(variant)}{f' {told}' if told else ''}"
    yield ""
    for doubt in figures["invalid"]:
        yield f"- ⚠️ {doubt}"
    for check in checks_of(figures):
        yield f"- {'✅' if check.ok else '❌'} {check.what} `{check.limit}`: **{check.told}**"
    dropped = sum(load.get("dropped", {}).values())
    errors = ", ".join(f"{count:,} × {kind}" for kind, count in load["errors"].items()) or "no errors"
    offered = load.get("offered", load["requests"])
    yield f"- {offered:,} offered, {load['requests']:,} answered, {dropped:,} dropped; {errors}"
    yield from (f"- {each}" for each in _clients(load.get("clients", {})))
    yield from (f"- {_cell(each)}" for each in _causes(figures))
    yield from (f"- {_cell(each['told'])}" for each in figures.get("convergence", ()))
    if variant.budget:
        told = ", ".join(f"{each['tier']} {each['ms']:.2f} ms" for each in variant.budget)
        yield f"- where the time of {variant.traced} recorded requests went, on average: {told}"
    yield ""


def _clients(clients: dict[str, Any]) -> Iterator[str]:
    for name, found in clients.items() if len(clients) > 1 else ():
        latency = found["latency_ms"]
        told = ", ".join(f"{each} {latency[each]:.1f} ms" for each in ("p50", "p99") if each in latency)
        killed = ", **killed on the way**" if found["lost_clients"] else ""
        failed = sum(found["errors"].values())
        yield f"{name}: {found['requests']:,} answered, {failed:,} failed{f'; {told}' if told else ''}{killed}"


def _causes(figures: dict[str, Any]) -> Iterator[str]:
    for error in figures["alb_errors"]:
        yield f"{error['node']}: {error['count']:,} × {error['status']} {error['cause']}: {error['sentence']}"


def _slowest(result: RunResult) -> tuple[VariantResult, Journey] | None:
    found = [
        (variant, Journey.unpack(variant.journeys[0].packed))
        for variant in result.variants
        if variant.journeys
    ]
    return max(found, key=lambda each: each[1].total_ms, default=None)


def _slowest_lines(variant: VariantResult, journey: Journey) -> Iterator[str]:
    status = journey.status if journey.status is not None else journey.error
    yield f"### The slowest recorded request: {journey.total_ms:.1f} ms, {status}"
    yield ""
    yield f"`Root=1-{journey.identity[:8]}-{journey.identity[8:]}`, {_name(variant)}"
    yield ""
    yield from mermaid(journey)
    yield ""


def mermaid(journey: Journey) -> Iterator[str]:
    """A sequence diagram of its messages, as GitHub draws it."""
    flights = [each for each in journey.flights if not each.packet.only_acknowledges]
    shown = flights[:MOST_ARROWS]
    ends = {name for flight in shown for name in (flight.first.element, flight.last.to)}
    lanes = [name for name in dict.fromkeys([*journey.hops, *sorted(ends)]) if name in ends]
    yield "```mermaid"
    yield "sequenceDiagram"
    for number, name in enumerate(lanes):
        yield f"    participant e{number} as {_plain(name)}"
    for flight in shown:
        one, other = lanes.index(flight.first.element), lanes.index(flight.last.to)
        when = journey.t_ms(flight.first.depart_ns)
        yield f"    e{one}->>e{other}: {_plain(label_of(flight))} ({when:.1f} ms, took {flight.duration_ms:.1f} ms)"
    if len(flights) > len(shown):
        yield f"    Note over e0: {len(flights) - len(shown)} more messages"
    yield "```"


def _plain(text: str) -> str:
    """Without what means something to mermaid."""
    return "".join(" " if each in ";:#\n" else each for each in text)[:60]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
