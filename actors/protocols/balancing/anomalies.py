"""Anomaly detection: which targets fail more often than their peers, and how much they are spared for it.

AWS says: it is always on in groups with three or more healthy targets; what counts are 5XX answers of the target and
connection errors; results are `normal` and `anomalous`; with mitigation an anomalous target's traffic is cut to a
minimum and comes back gradually, weights being settled every 5 s. It does not say where the thresholds lie, nor how
much the minimum is, so these are ours:

- Every 5 s each target's answers of that time join those of before, which fade (by a quarter each time there are new
  ones). A target without new answers keeps its result: nothing is known that could change it.
- The peers' normal is the median of the failing shares of all healthy targets that have answered, each as known last.
  When most of them fail then failing is normal, and no single target's fault.
- A target is anomalous when at least 3 of its requests have failed, and its failing share is surely, that is by the
  lower end of Wilson's interval at three standard errors, more than 5 points above that median.
- From then on its answers are looked at by at least 5 at a time, and it is normal again when no more than 5 points
  above the median of those fail: what it did before it was spared does not count against it.
- The minimum is a twentieth of a full share; on the way back the share doubles every 5 s.
"""

from collections.abc import Iterable
from enum import StrEnum
from math import sqrt
from statistics import median_low
from typing import NamedTuple

from actors.protocols.balancing.target import Target
from actors.units import SECOND

INTERVAL_NS = 5 * SECOND
MINIMUM_TARGETS = 3
"""Both as AWS says."""
MINIMUM_WEIGHT = 0.05
GROWTH = 2.0
REMEMBERED = 0.75
MINIMUM_FAILURES = 3
MINIMUM_ANSWERS = 5
MARGIN = 0.05
STANDARD_ERRORS = 3.0


class Anomaly(StrEnum):
    """DescribeTargetHealth's AnomalyDetection.Result."""

    NORMAL = "normal"
    ANOMALOUS = "anomalous"


class Judged(NamedTuple):
    """A target's result, or its weight by mitigation, has changed."""

    target: Target
    result: Anomaly
    weight: float
    failing_share: float
    """Of its requests, when it was judged."""
    normal_share: float
    """What its peers' requests show as normal."""


class Memory:
    """What is known of one healthy target's requests."""

    __slots__ = ("answered", "failed", "result", "share")

    def __init__(self) -> None:
        self.answered = 0.0
        self.failed = 0.0
        self.share: float | None = None
        """Of its requests that failed, as known last."""
        self.result = Anomaly.NORMAL

    def add(self, answered: int, failed: int) -> None:
        """The answers since the last time."""
        remembered = REMEMBERED if self.result is Anomaly.NORMAL else 1.0
        self.answered = self.answered * remembered + answered
        self.failed = self.failed * remembered + failed
        self.share = self.failed / self.answered

    def judge(self, normal: float) -> bool:
        """Hold a target that has answered against the peers' normal share; whether its result is another one now."""
        assert self.share is not None
        limit, before = normal + MARGIN, self.result
        if before is Anomaly.NORMAL:
            if self.failed >= MINIMUM_FAILURES and surely_at_least(self.failed, self.answered) > limit:
                self._turn(Anomaly.ANOMALOUS)
        elif self.answered >= MINIMUM_ANSWERS:
            self._turn(Anomaly.NORMAL if self.share <= limit else Anomaly.ANOMALOUS)
        return self.result is not before

    def _turn(self, result: Anomaly) -> None:
        """This is the result, and what comes next is looked at by itself."""
        self.result = result
        self.answered = self.failed = 0.0


def surely_at_least(failed: float, answered: float) -> float:
    """The lower end of Wilson's score interval for the share of failures."""
    share, square = failed / answered, STANDARD_ERRORS**2
    spread = STANDARD_ERRORS * sqrt(share * (1 - share) / answered + square / (4 * answered**2))
    return (share + square / (2 * answered) - spread) / (1 + square / answered)


class AnomalyDetection:
    """Judges a group's healthy targets against each other every 5 s, and settles their weights."""

    def __init__(self) -> None:
        self.mitigating = False
        self.anomalous = 0
        """AnomalousHostCount."""
        self._memories: dict[Target, Memory] = {}
        self._next_ns: int | None = None

    def join(self, target: Target, now_ns: int) -> None:
        """The target has become healthy."""
        self._memories[target] = Memory()
        target.answered = target.failed = 0
        if self._next_ns is None and len(self._memories) >= MINIMUM_TARGETS:
            self._next_ns = now_ns + INTERVAL_NS

    def leave(self, target: Target) -> None:
        """It is not healthy any more."""
        self.anomalous -= self._memories.pop(target).result is Anomaly.ANOMALOUS
        target.weight = 1.0
        if len(self._memories) < MINIMUM_TARGETS:
            self._give_up()

    def _give_up(self) -> None:
        """There are too few to tell who stands out."""
        self._next_ns = None
        self.anomalous = 0
        for target in self._memories:
            self._memories[target] = Memory()
            target.weight = 1.0

    def mitigate(self, mitigating: bool) -> None:
        """Whether weights follow the results from now on; without mitigation all have a full share at once."""
        self.mitigating = mitigating
        if not mitigating:
            for target in self._memories:
                target.weight = 1.0

    def result(self, target: Target) -> Anomaly:
        """What was found of a target last; one that is not healthy is judged by its health checks only."""
        memory = self._memories.get(target)
        return Anomaly.NORMAL if memory is None else memory.result

    @property
    def mitigated(self) -> int:
        """MitigatedHostCount."""
        return sum(target.weight < 1.0 for target in self._memories) if self.mitigating else 0

    def deadline_ns(self) -> int | None:
        """When targets are judged next."""
        return self._next_ns

    def on_deadline(self, now_ns: int) -> list[Judged]:
        """Judge all targets if it is time to; returns those whose result or weight is another one now."""
        if self._next_ns is None or now_ns < self._next_ns:
            return []
        self._next_ns += INTERVAL_NS * ((now_ns - self._next_ns) // INTERVAL_NS + 1)
        fresh = [target for target in self._memories if target.answered]
        for target in fresh:
            self._memories[target].add(target.answered, target.failed)
            target.answered = target.failed = 0
        return self._judge(fresh)

    def _judge(self, fresh: Iterable[Target]) -> list[Judged]:
        known = [memory.share for memory in self._memories.values() if memory.share is not None]
        normal = median_low(known or [0.0])
        turned = {target for target in fresh if self._memories[target].judge(normal)}
        self.anomalous += sum(
            1 if self._memories[target].result is Anomaly.ANOMALOUS else -1 for target in turned
        )
        judged = []
        for target, memory in self._memories.items():
            before, target.weight = target.weight, self._settled(target.weight, memory.result)
            if target in turned or target.weight != before:
                judged.append(Judged(target, memory.result, target.weight, memory.share or 0.0, normal))
        return judged

    def _settled(self, weight: float, result: Anomaly) -> float:
        if not self.mitigating:
            return 1.0
        return MINIMUM_WEIGHT if result is Anomaly.ANOMALOUS else min(1.0, weight * GROWTH)
