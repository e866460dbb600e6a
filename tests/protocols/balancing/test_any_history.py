"""Whatever happens to a group, in whatever order, its books are right and requests go where they may."""

from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.protocols.balancing import (
    Anomaly,
    Attributes,
    Choice,
    Reason,
    State,
    Target,
    TargetGroup,
    Thresholds,
)
from tests.protocols.balancing.groups import SECOND, target_id

NUMBERS = st.integers(0, 7)
THRESHOLDS = st.builds(Thresholds, st.sampled_from([1, 2, 5]), st.sampled_from([None, 50, 100]))
ATTRIBUTES = st.builds(
    Attributes,
    st.sampled_from(["round_robin", "least_outstanding_requests", "weighted_random"]),
    anomaly_mitigation=st.booleans(),
    slow_start_ns=st.sampled_from([0, 30 * SECOND, 60 * SECOND]),
    cross_zone=st.booleans(),
    deregistration_delay_ns=st.sampled_from([0, 20 * SECOND]),
    unhealthy_state_routing=THRESHOLDS,
    dns_failover=THRESHOLDS,
)


class AnyHistory(RuleBasedStateMachine):
    """A group, and what has been asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.group = TargetGroup(dice=Random(1), zone="a")
        self.now_ns = 0
        self.busy: list[Target] = []

    # ---- what happens ------------------------------------------------------------------------------------

    @rule(wanted=st.dictionaries(NUMBERS.map(target_id), st.sampled_from(["a", "b", "all"])))
    def set_targets(self, wanted: Any) -> None:
        self.group.set_targets(wanted, self.now_ns)
        registered = {
            each.id: each.zone for each in self.group.targets.values() if each.state is not State.DRAINING
        }
        assert registered == wanted

    @rule(wanted=st.lists(NUMBERS.map(target_id), max_size=3))
    def register(self, wanted: Any) -> None:
        self.group.register(wanted)
        assert all(self.group.targets[each].state is not State.DRAINING for each in wanted)

    @rule(unwanted=st.lists(NUMBERS.map(target_id), max_size=3))
    def deregister(self, unwanted: Any) -> None:
        self.group.deregister(unwanted, self.now_ns)

    @rule(number=NUMBERS, state=st.sampled_from([State.HEALTHY, State.HEALTHY, State.UNHEALTHY]))
    def check(self, number: int, state: State) -> None:
        target = self.group.targets.get(target_id(number))
        if target is not None:
            reason = Reason.NONE if state is State.HEALTHY else Reason.TIMEOUT
            self.group.set_health(target, state, reason, now_ns=self.now_ns)
            assert target.state in (state, State.DRAINING)

    @rule()
    def all_are_healthy(self) -> None:
        for number in range(8):
            self.check(number, State.HEALTHY)

    @rule(attributes=ATTRIBUTES)
    def configure(self, attributes: Attributes) -> None:
        self.group.configure(attributes, self.now_ns)
        assert self.group.algorithm.name == attributes.algorithm

    @rule(times=st.integers(1, 12), explain=st.booleans())
    def choose(self, times: int, explain: bool) -> None:
        for _ in range(times):
            fewest = min((each.outstanding for each in self.routable()), default=0)
            choice = self.group.choose(explain, now_ns=self.now_ns)
            assert (choice is None) == (not self.routable())
            if choice is not None:
                self.given(choice, explain)
                if self.group.algorithm.name == "least_outstanding_requests":
                    assert choice.target.outstanding - 1 == fewest

    @rule(number=NUMBERS, explain=st.booleans())
    def choose_again(self, number: int, explain: bool) -> None:
        target = self.group.targets.get(target_id(number))
        choice = self.group.choose_again(target_id(number), explain, now_ns=self.now_ns)
        assert (choice is None) == (target not in self.routable())
        if choice is not None:
            assert choice.target is target
            self.given(choice, explain)

    def given(self, choice: Choice, explain: bool) -> None:
        assert choice.target in self.routable()
        self.busy.append(choice.target)
        if explain:
            assert len(choice.candidates) == len(self.routable())
            [told] = [each for each in choice.candidates if each["target"] == choice.target.text]
            assert told["outstanding"] == choice.target.outstanding - 1
            assert 0 <= told["weight"] <= 1

    @precondition(lambda self: self.busy)
    @rule(times=st.integers(1, 12), status=st.sampled_from([0, 200, 500, 503]), data=st.data())
    def finish(self, times: int, status: int, data: Any) -> None:
        for _ in range(min(times, len(self.busy))):
            target = self.busy.pop(data.draw(st.integers(0, len(self.busy) - 1)))
            self.group.finished(target, status=status)

    @rule(number=NUMBERS)
    def lose_a_connection(self, number: int) -> None:
        target = self.group.targets.get(target_id(number))
        if target is not None:
            target.connection_failed()

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        until_ns = self.now_ns + seconds * SECOND
        while (deadline_ns := self.group.deadline_ns()) is not None and deadline_ns <= until_ns:
            assert deadline_ns >= self.now_ns
            self.now_ns = deadline_ns
            self.group.on_deadline(deadline_ns)
        self.now_ns = until_ns

    # ---- what is always so -------------------------------------------------------------------------------

    def routable(self) -> list[Target]:
        """By looking at every target."""
        group = self.group
        near = [
            each
            for each in group.targets.values()
            if group.attributes.cross_zone or each.zone in ("a", "all")
        ]
        well = [each for each in near if each.state is State.HEALTHY]
        ill = [each for each in near if each.state is State.UNHEALTHY]
        count = group.attributes.unhealthy_state_routing.count or 0
        percentage = group.attributes.unhealthy_state_routing.percentage or 0
        too_few = len(well) < count or len(well) / max(1, len(well) + len(ill)) < percentage / 100
        return well + ill if too_few else well

    @invariant()
    def only_the_right_ones_are_routable(self) -> None:
        group = self.group
        assert {each for each in group.targets.values() if each.routable} == set(self.routable())
        assert group.algorithm.size == len(self.routable())
        assert group.fail_open == any(each.state is State.UNHEALTHY for each in self.routable())

    @invariant()
    def states_and_requests_are_counted(self) -> None:
        targets = list(self.group.targets.values())
        for state in State:
            assert self.group.counts[state] == sum(each.state is state for each in targets)
        assert all(each.outstanding == self.busy.count(each) for each in {*targets, *self.busy})

    @invariant()
    def only_healthy_ones_start_slowly_and_only_in_turn(self) -> None:
        slow = list(self.group.slow_start)
        assert all(each.routable and each.state is State.HEALTHY for each in slow)
        assert not slow or self.group.algorithm.name == "round_robin"
        assert not slow or self.group.attributes.slow_start_ns

    @invariant()
    def only_healthy_ones_are_spared(self) -> None:
        group = self.group
        spared = [each for each in group.targets.values() if each.weight < 1]
        assert all(each.state is State.HEALTHY for each in spared)
        assert len(spared) == group.anomalies.mitigated
        results = [group.anomaly(each)[0] for each in group.targets.values()]
        assert group.anomalies.anomalous == results.count(Anomaly.ANOMALOUS)
        assert not spared or (
            group.algorithm.name == "weighted_random" and group.attributes.anomaly_mitigation
        )


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
