"""What a benchmark says: a figure, what it is measured against, and the bar that the ratio must reach."""

import statistics
from collections.abc import Callable
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured figure. `ratio` is figure over reference; `bar` is what it must reach, or stay under when `most`;
    None where it is only told."""

    key: str
    title: str
    unit: str
    value: float
    reference: float | None
    reference_title: str
    bar: float | None
    most: bool = False

    @property
    def ratio(self) -> float:
        """The figure as a multiple of its reference, or itself where it has none."""
        return self.value / self.reference if self.reference else self.value

    def told(self, value: float) -> str:
        """A value of this figure as people read it: `638 k/s`, `10.3 MB`, `1.83 s`."""
        for size, prefix in ((1e6, "M"), (1e3, "k")):
            if value >= size:
                return f"{value / size:.3g} {prefix}{self.unit}"
        return f"{value:.3g} {self.unit}"

    @property
    def reached(self) -> bool:
        if self.bar is None:
            return True
        return self.ratio <= self.bar if self.most else self.ratio >= self.bar


Pair = tuple[float, float]


def middle_pair(pairs: list[Pair]) -> Pair:
    """The pair of the median ratio."""
    middle = statistics.median_low([one / other for one, other in pairs])
    return next((one, other) for one, other in pairs if one / other == middle)


def in_turn(rounds: int, figure: Callable[[], float], reference: Callable[[], float]) -> Pair:
    """Measures both in turn, so that a machine whose speed drifts treats them alike; gives the middle pair."""
    return middle_pair([(figure(), reference()) for _ in range(rounds)])
