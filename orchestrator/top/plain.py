"""`journey top --once`: the same as the screen, printed, without textual."""

from typing import TYPE_CHECKING, Any

from orchestrator.top.stats import COLUMNS
from orchestrator.top.watch import Watch

if TYPE_CHECKING:
    from rich.console import Console

HOP_COLUMNS = ("Hop", "Element", "ASN", *COLUMNS)
TARGET_COLUMNS = ("Pod", "Target", "State", "Outstanding", "Share", "p99 ms")
PRINTED_EVENTS = 8


def hop_cells(watch: Watch) -> list[tuple[str, ...]]:
    """A row for each hop; `tcp` and `http` are the handshake with the load balancer, and a pod's answer."""
    return [(row.number, row.name, row.asn, *row.stats.columns()) for row in watch.rows]


def target_cells(watch: Watch) -> list[tuple[str, ...]]:
    """A row for each target; its state is that at every node of the load balancer, if they differ."""
    rows: list[tuple[str, ...]] = []
    for target in watch.targets:
        states = target["states"]
        state = ", ".join(f"{node} {state}" for node, state in states.items())
        if len(set(states.values())) == 1:
            state = next(iter(states.values()))
        share = "-" if target["share"] is None else f"{target['share']:.1%}"
        p99 = "-" if target["p99"] is None else f"{target['p99']:.1f}"
        rows.append((target["pod"], target["target"], state, str(target["outstanding"]), share, p99))
    return rows


def event_lines(watch: Watch) -> list[str]:
    return [f"{-each['ago_s']:8.1f} s  {each['element']:<16} {each['what']}" for each in watch.events]


def print_once(console: "Console", watch: Watch) -> None:
    """Hops, targets, load, faults and the latest events."""
    from rich.table import Table

    for names, cells in ((HOP_COLUMNS, hop_cells(watch)), (TARGET_COLUMNS, target_cells(watch))):
        table = Table(*names, box=None, padding=(0, 1, 0, 0))
        for row in cells:
            table.add_row(*row)
        console.print(table)
        console.print()
    console.print(f"load: {watch.headline()}", highlight=False)
    for fault in watch.faults:
        console.print(f"fault: {fault['id']}  {fault['target']}  {fault['what']}", highlight=False)
    console.print()
    for line in event_lines(watch)[-PRINTED_EVENTS:]:
        console.print(line, highlight=False, markup=False)


def as_plain(watch: Watch) -> dict[str, Any]:
    """For `--json`."""
    return {
        "world": watch.world,
        "hops": [
            {
                "hop": row.number,
                "element": row.name,
                "asn": row.asn or None,
                "link": row.link,
                "sent": row.stats.sent,
                "loss": row.stats.loss,
                "last_ms": row.stats.last,
            }
            for row in watch.rows
        ],
        "targets": watch.targets,
        "load": watch.load,
        "faults": watch.faults,
        "events": watch.events,
        "trouble": watch.trouble,
    }
