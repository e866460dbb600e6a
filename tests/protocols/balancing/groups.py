"""Target groups as the tests want them."""

from random import Random
from typing import Any

from actors.protocols.balancing import (
    Attributes,
    Changed,
    Choice,
    Reason,
    State,
    Target,
    TargetGroup,
    TargetId,
)

SECOND = 1_000_000_000


def target_id(number: int) -> TargetId:
    return TargetId(bytes([10, 0, number // 256, number % 256]), 80)


def new_group(algorithm: str = "round_robin", zone: str = "all", **options: Any) -> TargetGroup:
    return TargetGroup(Attributes(algorithm, **options), dice=Random(1), zone=zone)


def healthy_group(size: int, algorithm: str = "round_robin", **options: Any) -> TargetGroup:
    """Targets that have all been registered in one call, and are healthy since the beginning."""
    group = new_group(algorithm, **options)
    group.set_targets([target_id(number) for number in range(size)], now_ns=0)
    for target in list(group.targets.values()):
        healthy(group, target)
    return group


def member(group: TargetGroup, number: int) -> Target:
    return group.targets[target_id(number)]


def healthy(group: TargetGroup, target: Target, now_ns: int = 0) -> list[Changed]:
    return group.set_health(target, State.HEALTHY, now_ns=now_ns)


def unhealthy(group: TargetGroup, target: Target, now_ns: int = 0) -> list[Changed]:
    return group.set_health(target, State.UNHEALTHY, Reason.TIMEOUT, now_ns=now_ns)


def joined(group: TargetGroup, number: int, now_ns: int = 0) -> Target:
    """One more target, healthy since then."""
    group.register([target_id(number)])
    target = member(group, number)
    healthy(group, target, now_ns)
    return target


def choose(group: TargetGroup, explain: bool = False, now_ns: int = 0) -> Choice | None:
    return group.choose(explain, now_ns=now_ns)


def serve(group: TargetGroup, now_ns: int = 0, status: int = 200) -> Target:
    """A request that is answered at once."""
    choice = group.choose(now_ns=now_ns)
    assert choice is not None
    group.finished(choice.target, status=status)
    return choice.target
