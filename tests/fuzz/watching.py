"""Looking at how much is kept of what."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

_EVERY = 100


class Kept(NamedTuple):
    """The most that was kept of something at any time, and the most that may be."""

    what: str
    most: int
    limit: int


class Watch:
    """Looks at sizes every now and then, and remembers the largest."""

    def __init__(self, **sizes: tuple[Callable[[], int], int]) -> None:
        self._sizes = sizes
        self._most = dict.fromkeys(sizes, 0)
        self._looks = 0

    def look(self) -> None:
        self._looks += 1
        if self._looks % _EVERY == 1:
            self.look_now()

    def look_now(self) -> None:
        for what, (size, _) in self._sizes.items():
            self._most[what] = max(self._most[what], size())

    def kept(self) -> list[Kept]:
        return [
            Kept(what.replace("_", " "), self._most[what], limit) for what, (_, limit) in self._sizes.items()
        ]


def overflows(kept: list[Kept]) -> Iterator[str]:
    for what, most, limit in kept:
        if most > limit:
            yield f"{most} {what}, where {limit} are the most"
