import itertools
from collections import Counter

import pytest

from tests.protocols.balancing.groups import choose, healthy_group, member, serve, unhealthy

CHI_SQUARE_9 = 27.88
"""Nine degrees of freedom exceed this once in a thousand times; the dice are seeded, so it holds or it does not."""


@pytest.mark.parametrize("weights", [[1.0] * 10, [1.0] * 8 + [0.05, 0.4], [0.05] * 10])
def test_shares_are_those_of_the_weights(weights):
    group = healthy_group(10, "weighted_random")
    for number, weight in enumerate(weights):
        member(group, number).weight = weight
    requests = 20_000
    counts = Counter(serve(group).sequence for _ in range(requests))
    expected = [requests * weight / sum(weights) for weight in weights]
    chi_square = sum((counts[number] - share) ** 2 / share for number, share in enumerate(expected))
    assert chi_square < CHI_SQUARE_9


def test_choices_do_not_depend_on_those_before():
    group = healthy_group(10, "weighted_random")
    got = [serve(group).sequence for _ in range(10_001)]
    again = sum(one == other for one, other in itertools.pairwise(got))
    assert again == pytest.approx(1000, abs=4 * 30)


def test_who_leaves_is_not_chosen_and_the_others_are():
    group = healthy_group(5, "weighted_random")
    for number in (0, 4, 2):
        unhealthy(group, member(group, number))
    assert {serve(group).sequence for _ in range(200)} == {1, 3}


def test_the_record_tells_the_weights():
    group = healthy_group(3, "weighted_random")
    member(group, 1).weight = 0.05
    choice = choose(group, explain=True)
    assert choice is not None
    assert choice.why == "by chance, weight 1 of 2.05"
    assert [each["weight"] for each in choice.candidates] == [1.0, 0.05, 1.0]
