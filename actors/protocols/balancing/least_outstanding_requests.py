"""Least outstanding requests: the target that is busy with the fewest, found without looking at the others."""

from collections import OrderedDict
from itertools import chain, islice

from actors.protocols.balancing.target import Target


class LeastOutstandingRequests:
    """The routable target with the fewest requests in progress.

    Ties: unknown at AWS. Here the target that has had this count longest wins, so that idle targets take turns.
    Targets lie in one bucket per count, in order of arrival, and the lowest bucket's number is kept.
    """

    name = "least_outstanding_requests"
    slow_starts = False

    def __init__(self) -> None:
        self.size = 0
        self._buckets: dict[int, OrderedDict[Target, None]] = {}
        self._fewest = 0

    def add(self, target: Target) -> None:
        self.size += 1
        count = target.outstanding
        if not self._buckets or count < self._fewest:
            self._fewest = count
        self._buckets.setdefault(count, OrderedDict())[target] = None

    def remove(self, target: Target) -> None:
        self.size -= 1
        self._take_out(target, target.outstanding)
        if self._buckets and self._fewest not in self._buckets:
            self._fewest = min(self._buckets)

    def choose(self, now_ns: int) -> Target:
        return next(iter(self._buckets[self._fewest]))

    def explain(self, chosen: Target, now_ns: int) -> str:
        tied = len(self._buckets[self._fewest])
        why = f"fewest outstanding requests ({chosen.outstanding})"
        return why if tied == 1 else f"{why}, first of {tied} that tie"

    def moved(self, target: Target, before: int) -> None:
        """The target is one request busier, or less busy, than `before`."""
        bucket = self._buckets.get(before)
        if bucket is None or target not in bucket:
            return  # no longer routable; it only finishes what it has
        count = target.outstanding
        self._take_out(target, before)
        self._buckets.setdefault(count, OrderedDict())[target] = None
        if count < self._fewest or self._fewest not in self._buckets:
            self._fewest = count

    def weight(self, target: Target, now_ns: int) -> float:
        """All have a full share."""
        return 1.0

    def next_best(self, limit: int) -> list[Target]:
        """Those with the fewest requests, in the order in which they would be chosen."""
        ordered = chain.from_iterable(self._buckets[count] for count in sorted(self._buckets))
        return list(islice(ordered, limit))

    def _take_out(self, target: Target, count: int) -> None:
        bucket = self._buckets[count]
        del bucket[target]
        if not bucket:
            del self._buckets[count]
