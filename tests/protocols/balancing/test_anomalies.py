from random import Random

import pytest

from actors.protocols.balancing import Anomaly, Attributes, Judged, TargetGroup
from actors.protocols.balancing.anomalies import MINIMUM_WEIGHT, surely_at_least
from tests.protocols.balancing.groups import SECOND, healthy, healthy_group, member, serve, unhealthy

MITIGATING = Attributes("weighted_random", anomaly_mitigation=True)


def interval(group: TargetGroup, number: int, failing: dict[int, float], requests: int = 300) -> list[Judged]:
    """The fifth seconds from `number` on: requests that fail with the probabilities of `failing`."""
    dice = Random(number)
    for _ in range(requests):
        choice = group.choose(now_ns=5 * number * SECOND)
        assert choice is not None
        failed = dice.random() < failing.get(choice.target.sequence, 0.0)
        group.finished(choice.target, status=500 if failed else 200)
    return [each for each in group.on_deadline(5 * (number + 1) * SECOND) if isinstance(each, Judged)]


def results(judged: list[Judged]) -> dict[int, str]:
    return {each.target.sequence: str(each.result) for each in judged}


def test_targets_are_judged_every_five_seconds():
    group = healthy_group(3)
    assert group.deadline_ns() == 5 * SECOND
    assert group.on_deadline(5 * SECOND - 1) == []
    assert group.on_deadline(5 * SECOND) == []
    assert group.deadline_ns() == 10 * SECOND
    group.on_deadline(23 * SECOND)
    assert group.deadline_ns() == 25 * SECOND


def test_with_fewer_than_three_nobody_is_judged():
    group = healthy_group(3)
    unhealthy(group, member(group, 0))
    assert group.deadline_ns() is None
    healthy(group, member(group, 0), 60 * SECOND)
    assert group.deadline_ns() == 65 * SECOND


@pytest.mark.parametrize("algorithm", ["round_robin", "least_outstanding_requests", "weighted_random"])
def test_the_one_that_fails_is_anomalous_whatever_the_algorithm(algorithm):
    group = healthy_group(4, algorithm)
    [judged] = interval(group, 0, {2: 1.0})
    assert (judged.target.sequence, judged.result) == (2, Anomaly.ANOMALOUS)
    assert (judged.failing_share, judged.normal_share, judged.weight) == (1.0, 0.0, 1.0)
    assert group.anomaly(member(group, 2)) == (Anomaly.ANOMALOUS, False)
    assert group.anomaly(member(group, 0)) == (Anomaly.NORMAL, False)
    assert (group.anomalies.anomalous, group.anomalies.mitigated) == (1, 0)


def test_when_all_fail_alike_none_stands_out():
    group = healthy_group(4)
    for number in range(6):
        assert interval(group, number, dict.fromkeys(range(4), 0.3)) == []


def test_when_most_fail_it_is_not_their_fault():
    group = healthy_group(3)
    assert interval(group, 0, {0: 1.0, 1: 1.0}) == []


def test_nor_when_they_come_to_it_one_after_the_other():
    group = healthy_group(3)
    assert results(interval(group, 0, {0: 1.0})) == {0: "anomalous"}
    later = [results(interval(group, number, {0: 1.0, 1: 1.0})) for number in range(1, 12)]
    assert [each for each in later if each] == [{0: "normal"}]


def test_chance_makes_nobody_anomalous():
    """A hundred targets that fail one request in fifty, for ten minutes: 12,000 judgements."""
    group = healthy_group(100)
    failing = dict.fromkeys(range(100), 0.02)
    assert [interval(group, number, failing, 1000) for number in range(120)] == [[]] * 120


def test_two_failures_prove_nothing_three_do():
    group = healthy_group(3)
    assert interval(group, 0, {0: 1.0}, requests=6) == []
    assert results(interval(group, 1, {0: 1.0}, requests=6)) == {0: "anomalous"}


def test_failed_connections_count():
    group = healthy_group(3)
    for _ in range(12):
        target = serve(group, status=200)
        if target.sequence == 1:
            group.finished(group.choose(now_ns=0).target)  # type: ignore[union-attr]
            target.connection_failed()
    assert results([each for each in group.on_deadline(5 * SECOND) if isinstance(each, Judged)]) == {
        1: "anomalous"
    }


def test_without_mitigation_it_goes_on_getting_its_share():
    group = healthy_group(4, "weighted_random")
    interval(group, 0, {2: 1.0})
    interval(group, 1, {2: 1.0})
    got = [serve(group, 10 * SECOND).sequence for _ in range(4000)]
    assert got.count(2) == pytest.approx(1000, abs=120)


def test_mitigation_cuts_to_the_minimum_and_comes_back_step_by_step():
    group = healthy_group(4, "weighted_random", anomaly_mitigation=True)
    [judged] = interval(group, 0, {2: 1.0}, 1000)
    assert judged.weight == MINIMUM_WEIGHT
    assert group.anomaly(member(group, 2)) == (Anomaly.ANOMALOUS, True)
    assert (group.anomalies.anomalous, group.anomalies.mitigated) == (1, 1)
    got = [serve(group, 6 * SECOND).sequence for _ in range(4000)]
    assert got.count(2) == pytest.approx(4000 * 0.05 / 3.05, abs=32)
    weights = [
        [(str(each.result), each.weight) for each in interval(group, number, {}, 1000)]
        for number in range(1, 8)
    ]
    assert weights == [
        [("normal", 0.1)],
        [("normal", 0.2)],
        [("normal", 0.4)],
        [("normal", 0.8)],
        [("normal", 1.0)],
        [],
        [],
    ]
    assert (group.anomalies.anomalous, group.anomalies.mitigated) == (0, 0)


def test_while_it_fails_it_stays_at_the_minimum():
    group = healthy_group(4, "weighted_random", anomaly_mitigation=True)
    interval(group, 0, {2: 0.5}, 1000)
    assert [interval(group, number, {2: 0.5}, 1000) for number in range(1, 20)] == [[]] * 19
    assert member(group, 2).weight == MINIMUM_WEIGHT


def test_without_traffic_nothing_is_known_and_nothing_changes():
    group = healthy_group(4, "weighted_random", anomaly_mitigation=True)
    interval(group, 0, {2: 1.0}, 1000)
    assert [interval(group, number, {}, 0) for number in range(1, 20)] == [[]] * 19
    assert group.anomaly(member(group, 2)) == (Anomaly.ANOMALOUS, True)


@pytest.mark.parametrize(
    "attributes", [Attributes("weighted_random"), Attributes("round_robin", anomaly_mitigation=True)]
)
def test_mitigation_ends_at_once_when_it_is_switched_off(attributes):
    group = healthy_group(4, "weighted_random", anomaly_mitigation=True)
    interval(group, 0, {2: 1.0}, 1000)
    group.configure(attributes, now_ns=6 * SECOND)
    assert group.anomaly(member(group, 2)) == (Anomaly.ANOMALOUS, False)
    group.configure(MITIGATING, now_ns=7 * SECOND)
    interval(group, 1, {2: 1.0}, 1000)
    assert member(group, 2).weight == MINIMUM_WEIGHT


def test_a_target_that_was_unhealthy_begins_as_normal():
    group = healthy_group(4, "weighted_random", anomaly_mitigation=True)
    interval(group, 0, {2: 1.0}, 1000)
    unhealthy(group, member(group, 2), 6 * SECOND)
    assert group.anomaly(member(group, 2)) == (Anomaly.NORMAL, False)
    healthy(group, member(group, 2), 7 * SECOND)
    assert member(group, 2).weight == 1.0


@pytest.mark.parametrize(
    ("failed", "answered", "lower"), [(0, 10, 0.0), (3, 3, 0.25), (20, 100, 0.1071), (100, 1000, 0.0752)]
)
def test_the_lower_end_of_wilsons_interval(failed, answered, lower):
    assert surely_at_least(failed, answered) == pytest.approx(lower, abs=0.0005)
