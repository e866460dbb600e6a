"""The state of elements as pages: headings and tables, made from whatever plain values an element tells.

How this works. Lists of objects and objects of objects become tables, the rest lines. Nodes and load balancers tell the
same things in an order and under headings of their own; keys that a page does not know come last, as they are.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.journal.wording import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST_CELL = 48

Section = tuple[str, Any]
"""A heading (empty for none), and what comes under it."""


def show(console: "Console", found: Mapping[str, Any]) -> None:
    """Print what `inspect` of an element has found: `{"name", "kind", "state", "cni_agent"?}`."""
    console.print(f"[bold]{found['name']}[/]  [dim]{found['kind']}[/]")
    sections = list(PAGES.get(found["kind"], general)(found))
    if not sections:
        console.print("tells nothing about itself")
    for heading, value in sections:
        if heading:
            console.print(f"\n[bold]{heading}[/]")
        for block in blocks(value):
            console.print(block)


# ---- pages -----------------------------------------------------------------------------------------------------


def general(found: Mapping[str, Any]) -> Iterator[Section]:
    """Scalars first, then a section for each that has an inside."""
    yield from _rest(found["state"], ())


def of_node(found: Mapping[str, Any]) -> Iterator[Section]:
    """An EKS node: its ENIs, addresses, rules, routes and pods; the CNI agent has its say among them."""
    state, agent = found["state"], found.get("cni_agent")
    own = {key: value for key, value in state.items() if key not in _NODE_KEYS}
    yield from _rest({key: value for key, value in own.items() if not isinstance(value, list | dict)}, ())
    yield "network interfaces (ENIs)", state.get("network_interfaces", [])
    if agent is not None:
        yield from _of_agent(agent)
    yield "pods", _pods(state.get("pods", {}))
    yield "ip rule", state.get("rules", [])
    for name, routes in state.get("tables", {}).items():
        yield f"ip route show table {name}", routes
    yield from ((heading, value) for heading, value in _rest(own, ()) if heading)


_NODE_KEYS = ("network_interfaces", "pods", "rules", "tables", "routes")  # routes: table main once more


def _of_agent(agent: Mapping[str, Any]) -> Iterator[Section]:
    name, state = agent["name"], agent["state"]
    if isinstance(state, str):
        yield f"addresses ({name})", [state]
        return
    addresses = state.get("addresses")
    rows = addresses.values() if isinstance(addresses, dict) else addresses
    if rows and all(isinstance(row, dict) and "state" in row for row in rows):
        counted: dict[str, int] = {}
        for row in rows:
            counted[row["state"]] = counted.get(row["state"], 0) + 1
        yield f"addresses by state ({name})", counted
        yield "addresses", addresses
        state = {key: value for key, value in state.items() if key != "addresses"}
    for heading, value in _rest(state, ()):
        yield f"{heading or 'CNI agent'} ({name})", value


def _pods(pods: Any) -> Any:
    if isinstance(pods, dict) and all(isinstance(value, str) for value in pods.values()):
        return [{"pod": pod, "address": address} for pod, address in pods.items()]
    return pods


def of_balancer(found: Mapping[str, Any]) -> Iterator[Section]:
    """A node of a load balancer: the targets of each group with state and reason."""
    state = found["state"]
    for name, group in state.get("target_groups", {}).items():
        how = group["algorithm"] + (", failing open" if group["fail_open"] else "")
        yield f"target group {name} ({how})", group["targets"] or ["no targets"]
    yield from _rest(state, ("target_groups",))


PAGES: dict[str, Callable[[Mapping[str, Any]], Iterator[Section]]] = {
    "eks_node": of_node,
    "alb": of_balancer,
}


def _rest(state: Mapping[str, Any], but: Iterable[str]) -> Iterator[Section]:
    left = {key: value for key, value in state.items() if key not in but}
    if flat := {key: value for key, value in left.items() if not isinstance(value, list | dict)}:
        yield "", flat
    for key, value in left.items():
        if isinstance(value, list | dict):
            yield key.replace("_", " "), value


# ---- values as blocks of a page ----------------------------------------------------------------------------------


def blocks(value: Any) -> "Iterator[RenderableType]":
    """Whatever it is, as tables and lines."""
    from rich.text import Text

    match value:
        case list() | dict() if not value:
            yield Text("  none", style="dim")
        case list() if all(isinstance(row, dict) for row in value):
            yield from _table(value)
        case list():
            yield Text("\n".join(f"  {plain(each)}" for each in value))
        case dict() if all(isinstance(row, dict) for row in value.values()):
            yield from _table([{"": key, **row} for key, row in value.items()])
        case dict():
            yield _pairs(value)
        case _:
            yield Text(f"  {plain(value)}")


def _table(rows: list[dict[str, Any]]) -> "Iterator[RenderableType]":
    """A table, or a list for each row where a table would be too wide to be read."""
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if any(len(cell) > WIDEST_CELL for row in cells for cell in row):
        for row in rows:
            yield _pairs(row)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        numbers = all(isinstance(row.get(column, 0), int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for texts in cells:
        table.add_row(*texts)
    yield table


def _pairs(value: Mapping[str, Any]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for key, each in value.items():
        table.add_row(f"  {key.replace('_', ' ')}", _cell(each))
    return table


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None or value == "":
        return "-"
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:13]  # of a container's or sandbox's id that is enough, as crictl shows it
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return escape(", ".join(map(plain, value)) or "-")
    return escape(plain(value))
