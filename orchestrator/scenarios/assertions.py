"""`never: alb.targets.healthy < 4`: what must hold of the world's state while a load runs."""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from actors.units import SECOND
from orchestrator.scenarios.facts import Fact, Facts, fact_of

NEVER, ALWAYS, EVENTUALLY = "never", "always", "eventually"
MOODS = (NEVER, ALWAYS, EVENTUALLY)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


class Claim(NamedTuple):
    """`alb.targets.healthy < 4`, `nat.sessions < nat.session_limit`."""

    text: str
    left: Fact
    operator: str
    right: Fact | float

    def facts(self) -> list[Fact]:
        return [self.left, self.right] if isinstance(self.right, Fact) else [self.left]

    def holds(self, left: float, right: float) -> bool:
        return _OPERATORS[self.operator](left, right)


def parse_claim(text: Any) -> Claim:
    """Raises ValueError."""
    match = (
        re.fullmatch(r"(\S+?)\s*(<=|>=|==|!=|<|>)\s*(\S+)", text.strip()) if isinstance(text, str) else None
    )
    if match is None:
        raise ValueError(
            f"{text!r} is not a claim; write it like alb.targets.healthy < 4 or deployment.ready == 6"
        )
    left, right = fact_of(match[1]), match[3]
    if re.fullmatch(r"\d+(\.\d+)?", right):
        return Claim(match[0], left, match[2], float(right))
    try:
        return Claim(match[0], left, match[2], fact_of(right))
    except ValueError as error:
        raise ValueError(f"{right!r} is neither a number nor known: {error}") from None


class Watched:
    """One assertion while the run goes on."""

    def __init__(self, mood: str, claim: Claim, after_ns: int, within_ns: int | None) -> None:
        self.claim = claim
        self._mood = mood
        self._after_s = after_ns / SECOND
        self._within_s = None if within_ns is None else within_ns / SECOND
        self._decided_s: float | None = None
        self._values: list[float] = []
        self._looks = 0

    def look(self, at_s: float, facts: Facts) -> None:
        """Another look, so many seconds after the load's warm-up."""
        if self._decided_s is not None or at_s < self._after_s:
            return
        if self._within_s is not None and at_s > self._after_s + self._within_s:
            return
        values = [facts.value(fact) for fact in self.claim.facts()]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return  # nobody can tell now: who is being started again has no state to be asserted
        right = self.claim.right if isinstance(self.claim.right, float) else known[1]
        holds = self.claim.holds(known[0], right)
        self._looks += 1
        self._values = known
        if holds == (self._mood != ALWAYS):
            self._decided_s = at_s

    def row(self) -> dict[str, Any]:
        """As a summary has it: `ok` is what the user wants, `at_s` when it was decided."""
        decided = self._decided_s is not None
        ok = self._looks > 0 and decided == (self._mood == EVENTUALLY)
        within = {} if self._within_s is None else {"within_s": self._within_s}
        return {
            "assertion": self._mood,
            "claim": self.claim.text,
            **within,
            "ok": ok,
            "at_s": None if self._decided_s is None else round(self._decided_s, 3),
            "told": self._told(),
        }

    def _told(self) -> str:
        if not self._looks:
            return "nobody could tell"
        shown = ", ".join(
            f"{fact.text} {value:g}" for fact, value in zip(self.claim.facts(), self._values, strict=True)
        )
        if self._decided_s is not None:
            return f"{shown} at {self._decided_s:.1f} s"
        return f"{shown} at the last look" if self._mood == EVENTUALLY else f"{shown} in the end"


def facts_of(watched: list[Watched]) -> Iterator[Fact]:
    """All facts that somebody wants to know."""
    for each in watched:
        yield from each.claim.facts()
