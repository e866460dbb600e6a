"""What it costs to choose a target among 1,000, against among 10, by the algorithm that minds it most."""

import time
from collections import deque
from random import Random

from actors.protocols.balancing import ALGORITHMS, Attributes, State, TargetGroup, TargetId
from actors.units import SECOND
from orchestrator.bench.figures import Figure, Pair, in_turn

MANY, FEW = 1000, 10
IN_PROGRESS = 64


def _group(algorithm: str, size: int) -> TargetGroup:
    group = TargetGroup(Attributes(algorithm, slow_start_ns=30 * SECOND), dice=Random(1))
    group.set_targets([TargetId(bytes([10, 0, *divmod(number, 256)]), 80) for number in range(size)], 0)
    for target in group.targets.values():
        group.set_health(target, State.HEALTHY, now_ns=0)
    return group


class Chooser:
    """A group that is asked again and again, with a few requests in progress all the time."""

    def __init__(self, algorithm: str, size: int) -> None:
        self._group = _group(algorithm, size)
        self._busy = deque(self._group.choose(now_ns=0) for _ in range(IN_PROGRESS))

    def microseconds(self, requests: int) -> float:
        """Of one request: chosen for, and finished."""
        group, busy = self._group, self._busy
        began = time.perf_counter()
        for _ in range(requests):
            busy.append(group.choose(now_ns=0))
            choice = busy.popleft()
            assert choice is not None
            group.finished(choice.target, status=200)
        return (time.perf_counter() - began) / requests * 1e6


def _pair(algorithm: str, requests: int, rounds: int) -> Pair:
    many, few = Chooser(algorithm, MANY), Chooser(algorithm, FEW)
    return in_turn(rounds, lambda: many.microseconds(requests), lambda: few.microseconds(requests))


def measure(requests: int, rounds: int) -> Figure:
    """The algorithm with the worst ratio."""
    value, reference = max(
        (_pair(algorithm, requests, rounds) for algorithm in ALGORITHMS), key=lambda pair: pair[0] / pair[1]
    )
    title = f"choice of a target among {MANY:,}"
    return Figure("choose_1000_targets", title, "us", value, reference, f"among {FEW}", 2, most=True)
