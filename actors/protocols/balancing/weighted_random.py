"""Weighted random: any routable target, in proportion to its weight. Without anomaly mitigation all weigh the same."""

from random import Random

from actors.protocols.balancing.target import Target


class WeightedRandom:
    """A routable target by chance.

    One is picked from all alike and taken with the probability of its weight, else another is picked: a target that
    weighs half is taken half as often, and nothing has to be kept up to date when weights change."""

    name = "weighted_random"
    slow_starts = False

    def __init__(self, dice: Random) -> None:
        self.size = 0
        self._random = dice.random
        self._targets: list[Target] = []
        self._places: dict[Target, int] = {}

    def add(self, target: Target) -> None:
        self._places[target] = self.size
        self.size += 1
        self._targets.append(target)

    def remove(self, target: Target) -> None:
        self.size -= 1
        place, last = self._places.pop(target), self._targets.pop()
        if last is not target:
            self._targets[place] = last
            self._places[last] = place

    def choose(self, now_ns: int) -> Target:
        random, targets = self._random, self._targets
        while True:
            target = targets[int(random() * self.size)]
            if target.weight >= 1.0 or random() < target.weight:
                return target

    def moved(self, target: Target, before: int) -> None:
        """Chance does not depend on what a target is busy with."""

    def weight(self, target: Target, now_ns: int) -> float:
        """Its part of a full share."""
        return target.weight

    def next_best(self, limit: int) -> list[Target]:
        """Any of them."""
        return self._targets[:limit]

    def explain(self, chosen: Target, now_ns: int) -> str:
        total = sum(target.weight for target in self._targets)
        return f"by chance, weight {chosen.weight:.2g} of {total:.3g}"
