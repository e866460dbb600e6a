from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.balancing import Changed, Reason, State, Target, TargetGroup, TargetId, Thresholds
from tests.protocols.balancing.groups import (
    SECOND,
    choose,
    healthy,
    healthy_group,
    member,
    new_group,
    target_id,
    unhealthy,
)


def chosen(group: TargetGroup) -> str:
    choice = choose(group)
    assert choice is not None
    return choice.target.text


# ---- states ------------------------------------------------------------------------------------------------


def test_a_new_target_is_initial_and_gets_no_requests():
    group = new_group()
    changes = group.set_targets([target_id(1)], now_ns=0)
    assert changes == [
        Changed(member(group, 1), State.UNUSED, State.INITIAL, Reason.REGISTRATION_IN_PROGRESS)
    ]
    assert choose(group) is None


def test_a_healthy_target_gets_requests_until_it_is_unhealthy():
    group = healthy_group(2)
    assert {chosen(group), chosen(group)} == {"10.0.0.0:80", "10.0.0.1:80"}
    unhealthy(group, member(group, 0))
    assert {chosen(group) for _ in range(4)} == {"10.0.0.1:80"}


def test_the_same_health_again_is_no_change():
    group = healthy_group(1)
    assert healthy(group, member(group, 0)) == []


def test_when_all_are_unhealthy_all_get_requests():
    group = healthy_group(2)
    for number in range(2):
        unhealthy(group, member(group, number))
    assert group.fail_open
    assert {chosen(group) for _ in range(2)} == {"10.0.0.0:80", "10.0.0.1:80"}
    choice = choose(group, explain=True)
    assert choice is not None
    assert choice.why.startswith("fail-open, 0 healthy")
    healthy(group, member(group, 1))
    assert not group.fail_open
    assert {chosen(group) for _ in range(4)} == {"10.0.0.1:80"}


def test_targets_that_are_all_initial_are_no_reason_to_fail_open():
    group = new_group()
    group.set_targets([target_id(1), target_id(2)], now_ns=0)
    assert not group.fail_open
    assert choose(group) is None


def test_fail_open_also_below_a_share_of_healthy_targets():
    group = healthy_group(4, unhealthy_state_routing=Thresholds(1, 50))
    for number in range(2):
        unhealthy(group, member(group, number))
    assert len({chosen(group) for _ in range(4)}) == 2
    unhealthy(group, member(group, 2))
    assert len({chosen(group) for _ in range(4)}) == 4


def test_a_deregistered_target_drains_and_is_gone_after_the_delay():
    group = healthy_group(2, deregistration_delay_ns=300 * SECOND)
    gone = member(group, 0)
    [change] = group.set_targets([target_id(1)], now_ns=5 * SECOND)
    assert (change.state, change.reason) == (State.DRAINING, Reason.DEREGISTRATION_IN_PROGRESS)
    assert {chosen(group) for _ in range(3)} == {"10.0.0.1:80"}
    assert group.deadline_ns() == 305 * SECOND
    assert group.on_deadline(304 * SECOND) == []
    assert group.on_deadline(305 * SECOND) == [
        Changed(gone, State.DRAINING, State.UNUSED, Reason.NOT_REGISTERED)
    ]
    assert group.deadline_ns() is None
    assert group.set_targets([target_id(1)], now_ns=306 * SECOND) == []


def test_without_delay_it_is_gone_at_once():
    group = healthy_group(1, deregistration_delay_ns=0)
    [change] = group.set_targets([], now_ns=0)
    assert change.state is State.UNUSED
    assert group.targets == {}
    assert choose(group) is None


def test_registering_a_draining_target_again_makes_it_initial():
    group = healthy_group(1)
    group.set_targets([], now_ns=0)
    [change] = group.set_targets([target_id(0)], now_ns=SECOND)
    assert (change.previous, change.state) == (State.DRAINING, State.INITIAL)
    assert group.deadline_ns() is None


def test_health_of_a_draining_target_changes_nothing():
    group = healthy_group(1)
    target = member(group, 0)
    group.set_targets([], now_ns=0)
    assert healthy(group, target) == []
    assert choose(group) is None


# ---- algorithms --------------------------------------------------------------------------------------------


def test_round_robin_goes_round_in_order_of_registration():
    group = healthy_group(3)
    assert [chosen(group)[-4:] for _ in range(4)] == ["0:80", "1:80", "2:80", "0:80"]


def test_round_robin_goes_on_where_it_was_when_targets_come_and_go():
    group = healthy_group(4)
    assert [chosen(group)[-4:] for _ in range(2)] == ["0:80", "1:80"]
    unhealthy(group, member(group, 0))
    assert chosen(group)[-4:] == "2:80"
    healthy(group, member(group, 0))
    assert [chosen(group)[-4:] for _ in range(2)] == ["3:80", "0:80"]


def test_least_outstanding_takes_the_idle_one():
    group = healthy_group(3, "least_outstanding_requests")
    first, second = choose(group), choose(group)
    assert first is not None and second is not None
    assert chosen(group)[-4:] == "2:80"
    group.finished(second.target)
    assert chosen(group) == second.target.text


def test_the_choice_tells_every_candidate():
    group = healthy_group(2, "least_outstanding_requests")
    choose(group)
    choice = choose(group, explain=True)
    assert choice is not None
    assert choice.candidates == [
        {"target": "10.0.0.0:80", "outstanding": 1, "state": "healthy", "weight": 1.0},
        {"target": "10.0.0.1:80", "outstanding": 0, "state": "healthy", "weight": 1.0},
    ]
    assert choice.why == "fewest outstanding requests (0)"
    choice = choose(group, explain=True)
    assert choice is not None
    assert choice.why == "fewest outstanding requests (1), first of 2 that tie"


class Model:
    """Least outstanding requests by looking at every target: who has had the lowest count longest."""

    def __init__(self) -> None:
        self.moment = 0
        self.since: dict[Target, int] = {}

    def stamp(self, target: Target) -> None:
        self.moment += 1
        self.since[target] = self.moment

    def best(self) -> Target | None:
        return min(self.since, key=lambda target: (target.outstanding, self.since[target]), default=None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["choose", "choose", "finish", "healthy", "unhealthy", "in", "out"]),
        st.integers(0, 7),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_least_outstanding_chooses_as_brute_force_does(steps):
    group, model, busy = new_group("least_outstanding_requests", deregistration_delay_ns=0), Model(), []
    wanted: set[TargetId] = set()
    for step, number in steps:
        target = group.targets.get(target_id(number))
        before = dict(group.targets)
        match step:
            case "choose":
                best = model.best()
                choice = choose(group)
                assert (choice.target if choice else None) is best
                if best is not None:
                    busy.append(best)
                    model.stamp(best)
            case "finish" if busy:
                done = busy.pop(number % len(busy))
                group.finished(done)
                if done in model.since:
                    model.stamp(done)
            case "healthy" | "unhealthy" if target is not None:
                group.set_health(target, State(step), Reason.NONE, now_ns=0)
            case "in" | "out":
                (wanted.add if step == "in" else wanted.discard)(target_id(number))
                group.set_targets(sorted(wanted), now_ns=0)
        follow(group, model, before)
    assert all(target.outstanding == busy.count(target) for target in group.targets.values())


def follow(group: TargetGroup, model: Model, before: dict[TargetId, Target]) -> None:
    """Let the model know who may be chosen now: the healthy, or without any the unhealthy."""
    everybody = group.targets.values()
    well = [target for target in everybody if target.state is State.HEALTHY]
    routable = well or [target for target in everybody if target.state is State.UNHEALTHY]
    for target in list(model.since):
        if target not in routable:
            del model.since[target]
    for target in routable:
        if target not in model.since:
            model.stamp(target)


@given(st.integers(1, 20), st.integers(1, 200))
def test_round_robin_is_even(size, requests):
    group = healthy_group(size)
    counts = [0] * size
    for _ in range(requests):
        choice = choose(group)
        assert choice is not None
        counts[choice.target.sequence] += 1
    assert max(counts) - min(counts) <= 1


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["round_robin", "least_outstanding_requests", "weighted_random"]), st.integers(1, 40))
def test_of_many_candidates_sixteen_are_told(algorithm, size):
    group = healthy_group(size, algorithm)
    for _ in range(3):
        choice = choose(group, explain=True)
        assert choice is not None
        told = [each["target"] for each in choice.candidates]
        assert choice.target.text in told
        assert len(set(told)) == len(told) == min(size, 16)
        assert choice.left_out == size - len(told)


def test_those_with_the_fewest_requests_are_told():
    group = healthy_group(40, "least_outstanding_requests")
    for _ in range(30):
        choose(group)
    choice = choose(group, explain=True)
    assert choice is not None
    assert sum(each["outstanding"] == 0 for each in choice.candidates) == 10
    assert choice.left_out == 24
