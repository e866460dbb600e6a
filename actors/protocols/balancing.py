"""A target group: which targets there are, how they are, and which of them gets the next request.

How this works. The group holds every registered target with its state (the health checks say when it changes, see
`health_check.py`) and the number of requests it is busy with. Those that may get requests are *routable*: the
healthy ones, or, when too few are healthy, the unhealthy ones too (fail-open). Only routable targets are known to
the algorithm, which therefore never has to look for one: both algorithms choose and count in constant time, with
three targets or a thousand.

Each ALB node owns its groups and counts its own requests: with several nodes "least outstanding" is least of this
node's. Sans-IO: `now_ns` is an argument; `set_targets`, `set_health` and `on_deadline` return what changed.
"""

from bisect import bisect
from collections import Counter, OrderedDict
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from actors.wire.addresses import ip_text


class State(StrEnum):
    """A target's health state, as DescribeTargetHealth spells it."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"


class Reason(StrEnum):
    """Why a target is in its state: AWS's reason codes. A healthy target has none."""

    NONE = ""
    REGISTRATION_IN_PROGRESS = "Elb.RegistrationInProgress"
    INITIAL_HEALTH_CHECKING = "Elb.InitialHealthChecking"
    RESPONSE_CODE_MISMATCH = "Target.ResponseCodeMismatch"
    TIMEOUT = "Target.Timeout"
    FAILED_HEALTH_CHECKS = "Target.FailedHealthChecks"
    NOT_REGISTERED = "Target.NotRegistered"
    DEREGISTRATION_IN_PROGRESS = "Target.DeregistrationInProgress"


class TargetId(NamedTuple):
    """What a target is registered as: an IPv4 address (4 bytes) and a port."""

    address: bytes
    port: int

    def __str__(self) -> str:
        return f"{ip_text(self.address)}:{self.port}"


class Target:
    """One registered target. `outstanding` is the number of requests it has been given and not yet answered."""

    __slots__ = ("id", "outstanding", "reason", "sequence", "state", "text")

    def __init__(self, target_id: TargetId, sequence: int) -> None:
        self.id = target_id
        self.text = str(target_id)
        self.sequence = sequence
        self.state = State.UNUSED
        self.reason = Reason.NOT_REGISTERED
        self.outstanding = 0


class Changed(NamedTuple):
    """A target went from one state, or reason, to another. `target.state` is already the new one."""

    target: Target
    previous: State
    state: State
    reason: Reason


class Choice(NamedTuple):
    """The target that gets the request. `why` and `candidates` are composed only when asked for."""

    target: Target
    why: str
    candidates: list[dict[str, Any]]


class RoundRobin:
    """Each routable target in turn, in the order in which they were registered."""

    name = "round_robin"

    def __init__(self) -> None:
        self._targets: list[Target] = []
        self._next = 0

    def add(self, target: Target) -> None:
        index = bisect(self._targets, target.sequence, key=_sequence)
        self._targets.insert(index, target)
        if index < self._next:
            self._next += 1

    def remove(self, target: Target) -> None:
        index = self._targets.index(target)
        del self._targets[index]
        if index < self._next:
            self._next -= 1

    def choose(self) -> Target:
        if self._next >= len(self._targets):
            self._next = 0
        target = self._targets[self._next]
        self._next += 1
        return target

    def explain(self, chosen: Target) -> str:
        return f"next in turn ({self._targets.index(chosen) + 1} of {len(self._targets)})"

    def moved(self, target: Target, before: int) -> None:
        """Turns do not depend on what a target is busy with."""


class LeastOutstandingRequests:
    """The routable target with the fewest requests in progress.

    Ties: unknown at AWS. Here the target that has had this count longest wins, so that idle targets take turns.
    Targets lie in one bucket per count, in order of arrival, and the lowest bucket's number is kept.
    """

    name = "least_outstanding_requests"

    def __init__(self) -> None:
        self._buckets: dict[int, OrderedDict[Target, None]] = {}
        self._fewest = 0

    def add(self, target: Target) -> None:
        count = target.outstanding
        if not self._buckets or count < self._fewest:
            self._fewest = count
        self._buckets.setdefault(count, OrderedDict())[target] = None

    def remove(self, target: Target) -> None:
        self._take_out(target, target.outstanding)
        if self._buckets and self._fewest not in self._buckets:
            self._fewest = min(self._buckets)

    def choose(self) -> Target:
        return next(iter(self._buckets[self._fewest]))

    def explain(self, chosen: Target) -> str:
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

    def _take_out(self, target: Target, count: int) -> None:
        bucket = self._buckets[count]
        del bucket[target]
        if not bucket:
            del self._buckets[count]


Algorithm = RoundRobin | LeastOutstandingRequests

ALGORITHMS: dict[str, type[RoundRobin] | type[LeastOutstandingRequests]] = {
    RoundRobin.name: RoundRobin,
    LeastOutstandingRequests.name: LeastOutstandingRequests,
}


class TargetGroup:
    """Targets by address and port, their states, and the algorithm that chooses among the routable ones.

    Fail-open: fewer healthy targets than `minimum_healthy_count` or than `minimum_healthy_percentage` of those that
    are checked (`target_group_health.unhealthy_state_routing.*`) makes unhealthy ones routable too. A target that is
    still `initial` never is (AWS does not say; its controller's documents call that an outage).
    """

    def __init__(
        self,
        algorithm: str = RoundRobin.name,
        *,
        minimum_healthy_count: int = 1,
        minimum_healthy_percentage: int | None = None,
        deregistration_delay_ns: int = 300 * 10**9,
    ) -> None:
        self.algorithm: Algorithm = ALGORITHMS[algorithm]()
        self.targets: dict[TargetId, Target] = {}
        self.counts: Counter[State] = Counter()
        self.fail_open = False
        self._minimum_healthy_count = minimum_healthy_count
        self._minimum_healthy_percentage = minimum_healthy_percentage or 0
        self._deregistration_delay_ns = deregistration_delay_ns
        self._routable: set[Target] = set()
        self._draining_until: dict[Target, int] = {}
        self._registered = 0

    # ---- who is there ------------------------------------------------------------------------------------

    def set_targets(self, wanted: Iterable[TargetId], now_ns: int) -> list[Changed]:
        """Register what is new (or was still draining), deregister what is gone."""
        ids = dict.fromkeys(wanted)
        gone = [target_id for target_id in self.targets if target_id not in ids]
        return self.deregister(gone, now_ns) + self.register(ids)

    def register(self, ids: Iterable[TargetId]) -> list[Changed]:
        """Register these; those that are registered already stay as they are, those that drain begin anew."""
        return [change for target_id in ids if (change := self._register(target_id)) is not None]

    def deregister(self, ids: Iterable[TargetId], now_ns: int) -> list[Changed]:
        """Let these drain until the deregistration delay is over; what is not registered is passed over."""
        known = [self.targets[each] for each in dict.fromkeys(ids) if each in self.targets]
        return [change for target in known if (change := self._deregister(target, now_ns)) is not None]

    def _register(self, target_id: TargetId) -> Changed | None:
        target = self.targets.get(target_id)
        if target is None:
            target = self.targets[target_id] = Target(target_id, self._registered)
            self._registered += 1
        elif target.state is not State.DRAINING:
            return None
        self._draining_until.pop(target, None)
        return self._move(target, State.INITIAL, Reason.REGISTRATION_IN_PROGRESS)

    def _deregister(self, target: Target, now_ns: int) -> Changed | None:
        if target.state is State.DRAINING:
            return None
        if self._deregistration_delay_ns == 0:
            return self._forget(target)
        self._draining_until[target] = now_ns + self._deregistration_delay_ns
        return self._move(target, State.DRAINING, Reason.DEREGISTRATION_IN_PROGRESS)

    def _forget(self, target: Target) -> Changed:
        del self.targets[target.id]
        self._draining_until.pop(target, None)
        return self._move(target, State.UNUSED, Reason.NOT_REGISTERED)

    def deadline_ns(self) -> int | None:
        """When the next deregistration delay ends."""
        return min(self._draining_until.values(), default=None)

    def on_deadline(self, now_ns: int) -> list[Changed]:
        """Forget the targets whose delay is over. Requests that they still hold are the caller's to fail (502)."""
        over = [target for target, until_ns in self._draining_until.items() if until_ns <= now_ns]
        return [self._forget(target) for target in over]

    def configure(
        self,
        algorithm: str,
        *,
        minimum_healthy_count: int,
        minimum_healthy_percentage: int | None,
        deregistration_delay_ns: int,
    ) -> None:
        """Other attributes from now on; outstanding requests stay counted, and delays that run stay as long."""
        if algorithm != self.algorithm.name:
            self.algorithm = ALGORITHMS[algorithm]()
            for target in sorted(self._routable, key=_sequence):
                self.algorithm.add(target)
        self._minimum_healthy_count = minimum_healthy_count
        self._minimum_healthy_percentage = minimum_healthy_percentage or 0
        self._deregistration_delay_ns = deregistration_delay_ns
        self.fail_open = self._too_few_healthy()
        for target in self.targets.values():
            self._route(target)

    def choose_again(self, target_id: TargetId, explain: bool = False) -> Choice | None:
        """The target that a client is to come back to, counted as `choose` does; None if it gets no requests now."""
        target = self.targets.get(target_id)
        if target is None or target not in self._routable:
            return None
        choice = self._explained(target) if explain else Choice(target, "", [])
        target.outstanding += 1
        self.algorithm.moved(target, target.outstanding - 1)
        return choice._replace(why="stickiness")

    # ---- how they are ------------------------------------------------------------------------------------

    def set_health(self, target: Target, state: State, reason: Reason = Reason.NONE) -> list[Changed]:
        """What the health checks found. A target that is draining or gone stays that."""
        if target.state in (State.DRAINING, State.UNUSED) or (target.state, target.reason) == (state, reason):
            return []
        return [self._move(target, state, reason)]

    def _move(self, target: Target, state: State, reason: Reason) -> Changed:
        previous = target.state
        target.state, target.reason = state, reason
        if previous is not State.UNUSED:
            self.counts[previous] -= 1
        if state is not State.UNUSED:
            self.counts[state] += 1
        fail_open = self._too_few_healthy()
        if fail_open == self.fail_open:
            self._route(target)
        else:
            self.fail_open = fail_open
            for each in self.targets.values():
                self._route(each)
            if state is State.UNUSED:
                self._route(target)
        return Changed(target, previous, state, reason)

    def _too_few_healthy(self) -> bool:
        healthy = self.counts[State.HEALTHY]
        checked = healthy + self.counts[State.UNHEALTHY]
        return (
            healthy < min(self._minimum_healthy_count, checked)
            or healthy * 100 < self._minimum_healthy_percentage * checked
        )

    def _route(self, target: Target) -> None:
        routable = target.state is State.HEALTHY or (self.fail_open and target.state is State.UNHEALTHY)
        if routable and target not in self._routable:
            self._routable.add(target)
            self.algorithm.add(target)
        elif not routable and target in self._routable:
            self._routable.remove(target)
            self.algorithm.remove(target)

    # ---- who gets the next request -----------------------------------------------------------------------

    def choose(self, explain: bool = False) -> Choice | None:
        """The target for the next request, counted as outstanding until `finished`; None when there is none."""
        if not self._routable:
            return None
        algorithm = self.algorithm
        target = algorithm.choose()
        choice = self._explained(target) if explain else Choice(target, "", [])
        target.outstanding += 1
        algorithm.moved(target, target.outstanding - 1)
        return choice

    def _explained(self, target: Target) -> Choice:
        why = self.algorithm.explain(target)
        if self.fail_open:
            why = f"fail-open, {self.counts[State.HEALTHY]} healthy: {why}"
        candidates = [
            {"target": each.text, "outstanding": each.outstanding, "state": str(each.state)}
            for each in sorted(self._routable, key=_sequence)
        ]
        return Choice(target, why, candidates)

    def finished(self, target: Target) -> None:
        """A request that `choose` gave to this target is over, however it ended."""
        target.outstanding -= 1
        self.algorithm.moved(target, target.outstanding + 1)


def _sequence(target: Target) -> int:
    return target.sequence
