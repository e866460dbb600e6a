"""`docs/fidelity.md` keeps its word: what it calls emulated is proved by a test that there is."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fidelity.md"
LEAST = 150
"""A page with fewer facts has lost some."""


class Row(NamedTuple):
    line: int
    fact: str
    here: str
    how: str
    proofs: list[str]


def rows() -> list[Row]:
    found = []
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0] != "Fact" and not set(cells[0]) <= set("-"):
            proofs = re.findall(r"[\w/]+\.py::\w+", cells[3])
            found.append(Row(number, cells[0], cells[1], cells[2], proofs))
    return found


@cache
def defined_in(path: str) -> frozenset[str]:
    file = ROOT / "tests" / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"line-{row.line}")
def test_a_row_has_its_proof_or_its_reason(row: Row):
    where = f"docs/fidelity.md:{row.line}"
    assert row.here in ("emulated", "approximated", "not"), f"{where}: {row.here!r} is no verdict"
    if row.here == "emulated":
        assert row.proofs, f"{where}: emulated, but no test proves it"
    else:
        assert len(row.how) > 10, f"{where}: {row.here}, but how, or why?"
    for proof in row.proofs:
        path, _, name = proof.partition("::")
        assert name in defined_in(path), f"{where}: there is no test tests/{proof}"


def test_the_page_is_whole():
    facts = Counter(row.fact for row in rows())
    assert len(facts) >= LEAST
    assert [fact for fact, times in facts.items() if times > 1] == []
