"""Plain values as what rich prints: lists of objects and objects of objects become tables, the rest lines."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.journal.wording import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

WIDEST_CELL = 48
GAP = 2
MOST_FLATTENED = 6


def blocks(value: Any, width: int) -> "Iterator[RenderableType]":
    """Whatever it is, as tables and lines, for so many columns."""
    from rich.text import Text

    match value:
        case list() | dict() if not value:
            yield Text("  none", style="dim")
        case list() if all(isinstance(row, dict) for row in value):
            yield from _table(value, width)
        case list():
            yield Text("\n".join(f"  {plain(each)}" for each in value))
        case dict() if all(isinstance(row, dict) for row in value.values()):
            yield from _table([{"": key, **row} for key, row in value.items()], width)
        case dict():
            yield _pairs(value)
        case _:
            yield Text(f"  {plain(value)}")


def _table(rows: list[dict[str, Any]], width: int) -> "Iterator[RenderableType]":
    """A table, or a list for each row where a table would be too wide to be read."""
    from rich.table import Table

    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in flat]
    titles = [column.replace("_", " ") for column in columns]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    if max(widths) > WIDEST_CELL or sum(widths) + GAP * len(widths) > width:
        for number, row in enumerate(rows):
            yield from ([""] if number else [])
            yield _pairs(row)
        return
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for column, title in zip(columns, titles, strict=True):
        numbers = all(isinstance(row.get(column, 0), int | float) for row in flat)
        table.add_column(title, justify="right" if numbers else "left")
    for texts in cells:
        table.add_row(*texts)
    yield table


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A small object in a row becomes columns of its own: `requests 2xx`."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if (
            isinstance(value, dict)
            and len(value) <= MOST_FLATTENED
            and not any(map(_is_nested, value.values()))
        ):
            flat.update({f"{key} {inner}": each for inner, each in value.items()})
        else:
            flat[key] = value
    return flat


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


def _pairs(value: Mapping[str, Any]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
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
    if isinstance(value, list) and not any(map(_is_nested, value)):
        return escape(", ".join(map(plain, value)) or "-")
    return escape(plain(value))
