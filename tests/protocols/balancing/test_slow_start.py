import pytest

from actors.protocols.balancing import Attributes, Target, TargetGroup
from tests.protocols.balancing.groups import (
    SECOND,
    choose,
    healthy,
    healthy_group,
    joined,
    member,
    new_group,
    serve,
    target_id,
    unhealthy,
)

RAMP_NS = 100 * SECOND


def group_of(size: int) -> TargetGroup:
    return healthy_group(size, slow_start_ns=RAMP_NS, deregistration_delay_ns=0)


def served(group: TargetGroup, target: Target, since_s: int, until_s: int, per_s: int = 100) -> int:
    """How many of the requests that come at even distances go to this target."""
    step_ns = SECOND // per_s
    moments = range(since_s * SECOND, until_s * SECOND, step_ns)
    return sum(serve(group, now_ns) is target for now_ns in moments)


def share(full: int, since_s: int, until_s: int, per_s: int = 100) -> float:
    """What one target gets that is in slow start since 0 beside so many others, by adding up its part."""
    weights = [moment / (100 * per_s) for moment in range(since_s * per_s, until_s * per_s)]
    return sum(weight / (full + weight) for weight in weights)


@pytest.mark.parametrize("full", [1, 3, 20])
def test_the_share_rises_in_a_straight_line(full):
    group = group_of(full)
    target = joined(group, full)
    for tenth in range(10):
        counted = served(group, target, 10 * tenth, 10 * tenth + 10)
        assert counted == pytest.approx(share(full, 10 * tenth, 10 * tenth + 10), abs=1.5)
    assert served(group, target, 100, 110) == pytest.approx(1000 / (full + 1), abs=1)
    assert len(group.slow_start) == 0


def test_many_that_begin_together_share_alike():
    group = group_of(2)
    batch = [joined(group, number) for number in range(2, 12)]
    counts = dict.fromkeys(batch, 0)
    for moment in range(49_000, 51_000):  # ms, at half of a full share
        target = serve(group, moment * SECOND // 1000)
        if target in counts:
            counts[target] += 1
    assert sum(counts.values()) == pytest.approx(2000 * 5 / 7, abs=2)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_those_that_began_at_other_times_have_other_shares():
    group = group_of(1)
    early, late = joined(group, 1, 0), joined(group, 2, 50 * SECOND)
    counts = {early: 0, late: 0}
    for moment in range(74_000, 76_000):  # ms: three quarters, and one quarter
        target = serve(group, moment * SECOND // 1000)
        if target in counts:
            counts[target] += 1
    assert counts[early] == pytest.approx(2000 * 0.75 / 2, abs=3)
    assert counts[late] == pytest.approx(2000 * 0.25 / 2, abs=3)


def test_the_first_targets_of_a_group_have_nobody_to_wait_for():
    group = group_of(3)
    assert len(group.slow_start) == 0
    assert [serve(group).sequence for _ in range(3)] == [0, 1, 2]


def test_one_that_comes_when_no_other_has_a_full_share_has_it_at_once():
    group = new_group(slow_start_ns=RAMP_NS)
    for number in (0, 1):  # two calls: the second finds a group that is not empty, but has nobody healthy
        group.register([target_id(number)])
    healthy(group, member(group, 1))
    assert len(group.slow_start) == 0
    healthy(group, member(group, 0))  # it came first, into the empty group
    assert len(group.slow_start) == 0


def test_a_target_that_recovers_starts_slowly_again():
    group = group_of(2)
    target = joined(group, 2, 0)
    served(group, target, 0, 100)
    unhealthy(group, target, 100 * SECOND)
    healthy(group, target, 200 * SECOND)
    assert served(group, target, 200, 210) == pytest.approx(share(2, 0, 10), abs=1)


def test_also_one_that_was_registered_first_of_all():
    group = group_of(2)
    unhealthy(group, member(group, 0))
    healthy(group, member(group, 0))
    assert list(group.slow_start) == [member(group, 0)]


def test_unhealthy_and_deregistered_targets_leave():
    group = group_of(2)
    first, second = joined(group, 2), joined(group, 3)
    unhealthy(group, first)
    assert list(group.slow_start) == [second]
    group.deregister([second.id], now_ns=0)
    assert len(group.slow_start) == 0
    joined(group, 3, 5 * SECOND)
    assert list(group.slow_start) == [member(group, 3)]


def test_enabling_it_leaves_healthy_targets_alone_and_disabling_ends_it():
    group = healthy_group(2)
    group.configure(Attributes(slow_start_ns=RAMP_NS), now_ns=0)
    assert len(group.slow_start) == 0
    target = joined(group, 2)
    assert list(group.slow_start) == [target]
    group.configure(Attributes(), now_ns=SECOND)
    assert [serve(group, SECOND).sequence for _ in range(6)].count(2) == 2


def test_a_shorter_duration_counts_for_those_that_are_at_it():
    group = group_of(1)
    target = joined(group, 1)
    group.configure(Attributes(slow_start_ns=RAMP_NS // 2), now_ns=10 * SECOND)
    assert group.slow_start.weight(target, 25 * SECOND) == 0.5
    group.configure(Attributes(slow_start_ns=30 * SECOND), now_ns=40 * SECOND)
    assert len(group.slow_start) == 0


def test_another_algorithm_ends_it():
    group = group_of(1)
    joined(group, 1)
    group.configure(Attributes("least_outstanding_requests"), now_ns=0)
    assert len(group.slow_start) == 0


def test_when_only_those_in_slow_start_are_left_they_get_everything():
    group = group_of(1)
    early, late = joined(group, 1, 0), joined(group, 2, 20 * SECOND)
    unhealthy(group, member(group, 0))
    got = [serve(group, 40 * SECOND) for _ in range(300)]
    assert got.count(early) == pytest.approx(200, abs=1)
    assert got.count(late) == pytest.approx(100, abs=1)


def test_the_record_says_who_is_in_slow_start():
    group = group_of(1)
    target = joined(group, 1)
    choices = [choose(group, True, 25 * SECOND) for _ in range(8)]
    assert {choice.why for choice in choices if choice and choice.target is target} == {
        "next in turn of 2, in slow start with 25% of a full share"
    }
    assert choices[0] is not None
    assert choices[0].why == "next in turn (1 of 1; 1 more in slow start)"
    assert [each["weight"] for each in choices[0].candidates] == [1.0, 0.25]
