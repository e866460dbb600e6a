"""Which kinds of elements there are: the files of `actors/` that define one."""

import re
from collections.abc import Iterator
from pathlib import Path

import actors
from actors.element import Element, ElementConfig, load_kind


def kind_names() -> list[str]:
    """The kinds, without importing any."""
    return sorted(
        path.stem
        for folder in actors.__path__
        for path in Path(folder).glob("*.py")
        if re.search(r"^class \w+\((?:\w+, )*Element\):", path.read_text(encoding="utf-8"), re.MULTILINE)
    )


def kinds() -> Iterator[tuple[str, type[ElementConfig], type[Element]]]:
    """Every kind with its `Config` and its class; imports them all."""
    for name in kind_names():
        yield name, *load_kind(name)
