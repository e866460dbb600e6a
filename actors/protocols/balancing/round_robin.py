"""Round robin: each routable target in turn, in the order in which they were registered; less often in slow start.

How this works. Targets with a full share stand in one ring, those that are in slow start in another. With every turn
of the first ring the second one earns the part of a turn that its targets' weights come to, and when it has earned a
whole one the turn is its own. Inside, a target that the pointer comes to earns its weight (as a part of the highest
there) and is passed over until that makes a whole: targets that began together just take turns. So shares are exact
at every moment, to within one request, and nobody has to look at all targets to choose one.
"""

from bisect import bisect_left
from itertools import chain, islice

from actors.protocols.balancing.slow_start import SlowStart
from actors.protocols.balancing.target import Target, sequence_of


class Ring:
    """Targets in order of registration, and whose turn is next; it stays so when others come and go."""

    def __init__(self) -> None:
        self.targets: list[Target] = []
        self._next = 0

    def add(self, target: Target) -> None:
        index = bisect_left(self.targets, target.sequence, key=sequence_of)
        self.targets.insert(index, target)
        if index < self._next:
            self._next += 1

    def remove(self, target: Target) -> None:
        index = self.place(target)
        del self.targets[index]
        if index < self._next:
            self._next -= 1

    def place(self, target: Target) -> int:
        """Its index."""
        return bisect_left(self.targets, target.sequence, key=sequence_of)

    def turn(self) -> Target:
        """The next one, who has had its turn by that."""
        if self._next >= len(self.targets):
            self._next = 0
        target = self.targets[self._next]
        self._next += 1
        return target

    def coming(self, limit: int) -> list[Target]:
        """Those whose turns are next."""
        return list(islice(chain(self.targets[self._next :], self.targets[: self._next]), limit))


class RoundRobin:
    """Each routable target in turn."""

    name = "round_robin"
    slow_starts = True

    def __init__(self, slow_start: SlowStart) -> None:
        self.size = 0
        self._slow_start = slow_start
        self._full = Ring()
        self._ramping = Ring()
        self._earned: dict[Target, float] = {}
        """What each target in slow start has earned of a turn."""
        self._all_earned = 0.0

    def add(self, target: Target) -> None:
        self.size += 1
        if target in self._slow_start:
            self._ramping.add(target)
            self._earned[target] = 0.0
        else:
            self._full.add(target)

    def remove(self, target: Target) -> None:
        self.size -= 1
        if target in self._earned:
            self._ramping.remove(target)
            del self._earned[target]
            if not self._earned:
                self._all_earned = 0.0
        else:
            self._full.remove(target)

    def choose(self, now_ns: int) -> Target:
        if not self._earned:
            return self._full.turn()
        if not self._full.targets:
            return self._turn_of_ramping(now_ns)
        if self._all_earned >= 1.0:
            self._all_earned -= 1.0
            return self._turn_of_ramping(now_ns)
        self._all_earned += self._slow_start.total_weight(now_ns) / len(self._full.targets)
        return self._full.turn()

    def _turn_of_ramping(self, now_ns: int) -> Target:
        weight, earned = self._slow_start.weight, self._earned
        most = self._slow_start.highest_weight(now_ns)
        while True:
            target = self._ramping.turn()
            so_far = earned[target] + (weight(target, now_ns) / most if most else 1.0)
            if so_far >= 1.0:
                earned[target] = so_far - 1.0
                return target
            earned[target] = so_far

    def moved(self, target: Target, before: int) -> None:
        """Turns do not depend on what a target is busy with."""

    def weight(self, target: Target, now_ns: int) -> float:
        """Its part of a full share."""
        return self._slow_start.weight(target, now_ns)

    def next_best(self, limit: int) -> list[Target]:
        """Those whose turns come next."""
        return self._full.coming(limit) + self._ramping.coming(limit)

    def explain(self, chosen: Target, now_ns: int) -> str:
        if chosen in self._earned:
            share = self._slow_start.weight(chosen, now_ns)
            return f"next in turn of {self.size}, in slow start with {share:.0%} of a full share"
        if self._earned:
            place = self._full.place(chosen) + 1
            return (
                f"next in turn ({place} of {len(self._full.targets)}; {len(self._earned)} more in slow start)"
            )
        return f"next in turn ({self._full.place(chosen) + 1} of {self.size})"
