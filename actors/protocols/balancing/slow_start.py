"""Slow start: a target's share rises in a straight line from nothing to full over `slow_start.duration_seconds`."""

from collections.abc import Iterator

from actors.protocols.balancing.target import Target

NEVER = 1 << 63


class SlowStart:
    """The targets whose share still rises, in the order in which they began.

    A changed duration counts for those that are at it, too (AWS does not say); a duration of 0 ends it for all."""

    def __init__(self, duration_ns: int) -> None:
        self.duration_ns = duration_ns
        self.ends_ns = NEVER
        """When the first of them is over."""
        self._began: dict[Target, int] = {}
        self._sum_ns = 0
        """Of the moments when they began: all weights together cost no more than one."""

    def __contains__(self, target: Target) -> bool:
        return target in self._began

    def __iter__(self) -> Iterator[Target]:
        return iter(self._began)

    def __len__(self) -> int:
        return len(self._began)

    def begin(self, target: Target, now_ns: int) -> None:
        """The target has become healthy."""
        self._began[target] = now_ns
        self._sum_ns += now_ns
        self._look_ahead()

    def end(self, target: Target) -> None:
        """It is at its full share, or not healthy any more."""
        self._sum_ns -= self._began.pop(target)
        self._look_ahead()

    def last(self, duration_ns: int) -> None:
        """Let it take so long."""
        self.duration_ns = duration_ns
        self._look_ahead()

    def _look_ahead(self) -> None:
        first_ns = next(iter(self._began.values()), NEVER)
        self.ends_ns = first_ns + self.duration_ns

    def over(self, now_ns: int) -> list[Target]:
        """Those whose time is over; they are to be ended."""
        over = []
        for target, began_ns in self._began.items():
            if now_ns - began_ns < self.duration_ns:
                break
            over.append(target)
        return over

    def weight(self, target: Target, now_ns: int) -> float:
        """The part of a full share that a target has: 0 to 1."""
        began_ns = self._began.get(target)
        if began_ns is None or self.duration_ns == 0:
            return 1.0
        return min(1.0, (now_ns - began_ns) / self.duration_ns)

    def highest_weight(self, now_ns: int) -> float:
        """That of the one that began first."""
        for target in self._began:
            return self.weight(target, now_ns)
        return 0.0

    def total_weight(self, now_ns: int) -> float:
        """All their weights together, while none is over."""
        return (now_ns * len(self._began) - self._sum_ns) / self.duration_ns
