import ast
import re
from pathlib import Path

import pytest

from orchestrator.journal.sentences import SENTENCES, tell
from orchestrator.journal.wording import duration, listed, milliseconds, plural
from tests.orchestrator.synthetic import first_journey

ROOT = Path(__file__).parents[2]


def documented_kinds() -> set[str]:
    table = (ROOT / "docs/journal.md").read_text().split("## Kinds")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)}


def written_kinds() -> dict[str, str]:
    """What the code writes that looks like a kind of a documented family, each with one place that does."""
    families = "|".join({kind.split(".")[0] for kind in documented_kinds()})
    kinds = {}
    for file in (
        *(ROOT / "actors").rglob("*.py"),
        ROOT / "orchestrator/world.py",
        ROOT / "orchestrator/simulation.py",
    ):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Constant(value=str(text)) if re.fullmatch(rf"({families})\.[a-z_]+", text):
                    kinds[text] = f"{file.relative_to(ROOT)}:{node.lineno}"
    return kinds


def test_every_documented_kind_has_a_sentence_and_every_sentence_is_documented():
    assert documented_kinds() == set(SENTENCES)


def test_every_kind_that_is_written_is_documented():
    missing = {kind: where for kind, where in written_kinds().items() if kind not in documented_kinds()}
    assert not missing, f"put these kinds into docs/journal.md and give them a sentence: {missing}"


def test_every_record_of_a_journey_is_told_in_words():
    journey = first_journey()
    for record in (*journey.before, *journey.records):
        assert tell(record).what != record["kind"], record


def test_an_unknown_kind_is_shown_plainly():
    told = tell(
        {
            "t_ns": 1,
            "element": "waf",
            "kind": "waf.verdict",
            "journey": "j",
            "seq": 1,
            "rules": [1, {"a": 2.5}],
        }
    )
    assert told.what == "waf.verdict"
    assert told.why == "rules=[1, {a=2.5}]"


def test_a_record_with_unexpected_fields_is_shown_plainly_not_lost():
    told = tell({"t_ns": 1, "element": "waf", "kind": "route.lookup", "journey": "j", "seq": 1, "goal": "x"})
    assert (told.what, told.why) == ("route.lookup", "goal=x")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0042, "4.2 ms"),
        (5, "5 s"),
        (60, "1 min"),
        (86388, "23 h 59 min"),
        (172800, "2 d"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations_are_written_in_two_units_at_most(seconds, text):
    assert duration(seconds) == text


def test_small_words():
    assert listed([]) == "none"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed("abcdefghij", most=2) == "a, b and 8 more"
    assert (plural(1, "query"), plural(2, "query"), plural(1200, "byte")) == (
        "1 query",
        "2 queries",
        "1,200 bytes",
    )
    assert (milliseconds(0.0214), milliseconds(3.416), milliseconds(1234.5)) == (
        "0.021 ms",
        "3.42 ms",
        "1,234 ms",
    )
