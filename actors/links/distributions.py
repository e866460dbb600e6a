"""How the delay of a link varies: the distributions that tc-netem has tables of, by its names.

Each is a function from a share of frames (0 to 1, what dice throw) to an offset in jitters, and rises: half of all
frames have the offset at 0.5 or a smaller one. As in netem (iproute2, `netem/*.c`), no offset is beyond 4 jitters.

- uniform: evenly from -1 to 1. What netem does when no distribution is named.
- normal: the jitter is the standard deviation.
- pareto: shape 3, shifted so that its mean is 0 (but for what is beyond 4); from -2/3 on: most frames are a little
  early, few very late.
- paretonormal: a quarter of normal and three quarters of pareto, "which seems to match experimentally observed
  distributions reasonably well".
"""

from collections.abc import Callable
from typing import Literal

Name = Literal["uniform", "normal", "pareto", "paretonormal"]
Offset = Callable[[float], float]

FARTHEST = 4.0
_SHAPE, _MEAN, _SCALE = 3.0, 1.5, 4.0 / 3.0
"""Of the Pareto distribution: its mean is shape / (shape - 1), and netem divides by 3/4."""
_LEAST = 2.0**-53


def offset_of(name: Name) -> Offset:
    """The function of this name."""
    return _OFFSETS[name]


def _uniform(share: float) -> float:
    return 2 * share - 1


def _normal(share: float) -> float:
    from statistics import NormalDist  # not at the head: it is dear to import, and few links have it

    return _within(NormalDist().inv_cdf(min(max(share, _LEAST), 1 - _LEAST)))


def _pareto(share: float) -> float:
    rest: float = max(1 - share, _LEAST)
    return _within((rest ** (-1 / _SHAPE) - _MEAN) * _SCALE)


def _pareto_normal(share: float) -> float:
    return (_normal(share) + 3 * _pareto(share)) / 4


def _within(offset: float) -> float:
    return min(max(offset, -FARTHEST), FARTHEST)


_OFFSETS: dict[Name, Offset] = {
    "uniform": _uniform,
    "normal": _normal,
    "pareto": _pareto,
    "paretonormal": _pareto_normal,
}
