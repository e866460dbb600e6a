"""What was checked of a variant, thresholds and assertions alike, as a row for people."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Check(NamedTuple):
    """One threshold or assertion: what is looked at, what must hold of it, what was found."""

    what: str
    limit: str
    told: str
    ok: bool

    @property
    def claim(self) -> str:
        """`latency p(95) < 100ms`."""
        return f"{self.what} {self.limit}"


def checks_of(figures: dict[str, Any]) -> Iterator[Check]:
    """All of a variant's, in the order of its file."""
    for row in figures["thresholds"]:
        of = ", ".join(f"{key} {value}" for key, value in row.get("where", {}).items())
        parts = [row["metric"]]
        parts += [f"of {of}"] if of else []
        parts += [f"during {row['during']}"] if "during" in row else []
        parts += [f"after {row['after_s']:g} s"] if "after_s" in row else []
        yield Check(" ".join(parts), row["is"], row["told"], row["ok"])
    for row in figures.get("assertions", ()):
        within = f" within {row['within_s']:g} s" if "within_s" in row else ""
        yield Check(row["assertion"], f"{row['claim']}{within}", row["told"], row["ok"])


def outcome_told(figures: dict[str, Any]) -> str:
    """What a variant that was to fail has to say about it."""
    if figures["expected"] != "fail":
        return ""
    return "fails, as expected" if figures["outcome"] == "fail" else "was expected to fail, and does not"
