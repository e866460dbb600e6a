"""How big each ReplicaSet of a Deployment is to be: worked examples, and what holds in every rollout."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.workloads.rolling import (
    DESIRED,
    MOST,
    Step,
    active,
    fenceposts,
    new_size,
    old_steps,
    scaled,
    scaling_steps,
)

Object = dict[str, Any]


def deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%") -> Object:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return {"metadata": {"name": "nginx"}, "spec": {"replicas": replicas, "strategy": strategy}}


def replica_set(
    name: str, replicas: int, available: int, *, age: int = 0, sized_for: tuple[int, int] | None = None
) -> Object:
    created = f"2026-01-01T00:{59 - age:02}:00Z"
    annotations = {} if sized_for is None else {DESIRED: str(sized_for[0]), MOST: str(sized_for[1])}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations},
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, "availableReplicas": available},
    }


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "wanted"),
    [
        (4, "25%", "25%", (1, 1)),
        (3, "25%", "25%", (1, 0)),
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (10, 0, 0, (0, 1)),
        (10, "0%", "1%", (0, 1)),
        (10, 2, "100%", (2, 10)),
        (2, 0, 5, (0, 2)),
        (0, "25%", "25%", (0, 0)),
    ],
)
def test_surge_rounds_up_and_unavailable_rounds_down(
    replicas: int, surge: int | str, unavailable: int | str, wanted: tuple[int, int]
):
    assert fenceposts(deployment(replicas, surge, unavailable)) == wanted


def test_percentages_are_exact():
    assert [scaled("29%", 100, up=True), scaled("7%", 100, up=False), scaled("33%", 3, up=True)] == [29, 7, 1]


def test_recreate_has_no_surge():
    value = {"spec": {"replicas": 4, "strategy": {"type": "Recreate"}}}
    assert fenceposts(value) == (0, 0)


def test_the_worked_example_of_four_replicas():
    """Surge 1 and unavailable 1: at most five pods, at least three available."""
    value = deployment(4)
    new, old = replica_set("new", 0, 0), replica_set("old", 4, 4, age=5)
    assert new_size(value, [old, new], new) == 1
    new = replica_set("new", 1, 0)
    assert new_size(value, [old, new], new) == 1
    assert old_steps(value, [old], new) == [Step("old", 3)]
    old = replica_set("old", 3, 3, age=5)
    assert new_size(value, [old, new], new) == 2
    new = replica_set("new", 2, 0)
    assert old_steps(value, [old], new) == []
    new = replica_set("new", 2, 1)
    assert old_steps(value, [old], new) == [Step("old", 2)]


def test_pods_that_are_not_available_go_first_wherever_they_are():
    value = deployment(10, 0, 4)
    new = replica_set("new", 0, 0)
    oldest, older = replica_set("a", 5, 5, age=9), replica_set("b", 5, 2, age=5)
    assert old_steps(value, [older, oldest], new) == [Step("b", 2), Step("a", 4)]


def test_of_those_that_are_available_the_oldest_set_goes_first():
    value = deployment(10, 0, 4)
    new = replica_set("new", 0, 0)
    oldest, older = replica_set("a", 3, 3, age=9), replica_set("b", 7, 7, age=5)
    assert old_steps(value, [older, oldest], new) == [Step("a", 0), Step("b", 6)]


def test_nothing_goes_while_the_new_pods_are_not_available():
    value = deployment(4)
    assert old_steps(value, [replica_set("old", 3, 3)], replica_set("new", 2, 0)) == []


def test_pods_that_are_being_deleted_are_not_counted_on():
    value = deployment(6)
    assert old_steps(value, [replica_set("old", 2, 3)], replica_set("new", 5, 4)) == [Step("old", 1)]


def test_scaled_alone_the_only_set_gets_all():
    assert scaling_steps(deployment(7), replica_set("new", 3, 3), [replica_set("old", 0, 0)]) == [
        Step("new", 7)
    ]
    assert scaling_steps(deployment(7), None, [replica_set("a", 0, 0, age=5), replica_set("b", 0, 0)]) == [
        Step("b", 7)
    ]


def test_scaled_in_the_middle_of_a_rollout_all_get_their_share():
    """The documentation's example: 10 replicas, 13 pods (8 old, 5 new), scaled to 15 with surge 3."""
    value = deployment(15, 3, 2)
    old = replica_set("old", 8, 8, age=5, sized_for=(10, 13))
    new = replica_set("new", 5, 0, sized_for=(10, 13))
    assert scaling_steps(value, new, [old]) == [Step("old", 11), Step("new", 7)]


def test_scaled_down_in_the_middle_of_a_rollout():
    value = deployment(5, 1, 1)
    old = replica_set("old", 8, 8, age=5, sized_for=(10, 11))
    new = replica_set("new", 3, 3, sized_for=(10, 11))
    steps = dict(scaling_steps(value, new, [old]))
    assert sum(steps.values()) == 6 and steps == {"old": 4, "new": 2}


@given(
    replicas=st.integers(1, 30),
    surge=st.one_of(st.integers(0, 5), st.integers(0, 100).map("{}%".format)),
    unavailable=st.one_of(st.integers(0, 5), st.integers(0, 100).map("{}%".format)),
    dice=st.randoms(use_true_random=False),
)
def test_every_rollout_ends_and_keeps_its_bounds(
    replicas: int, surge: int | str, unavailable: int | str, dice: Any
):
    value = deployment(replicas, surge, unavailable)
    posts = fenceposts(value)
    sets = {"old": replica_set("old", replicas, replicas, age=5), "new": replica_set("new", 0, 0)}
    for _ in range(20 * replicas + 20):
        new, old = sets["new"], sets["old"]
        size = new_size(value, [old, new], new)
        steps = (
            [Step("new", size)] if size != new["spec"]["replicas"] else old_steps(value, active([old]), new)
        )
        for name, wanted in steps:
            sets[name] = replica_set(
                name, wanted, min(wanted, available(sets[name])), age=5 * (name == "old")
            )
        assert total(sets) <= replicas + posts.surge
        assert sum(map(available, sets.values())) >= replicas - posts.unavailable
        grown = min(sets["new"]["spec"]["replicas"], available(sets["new"]) + dice.randint(1, 3))
        sets["new"]["status"]["availableReplicas"] = grown
    assert (sets["old"]["spec"]["replicas"], available(sets["new"])) == (0, replicas)


def available(value: Object) -> int:
    return int(value["status"]["availableReplicas"])


def total(sets: dict[str, Object]) -> int:
    return sum(each["spec"]["replicas"] for each in sets.values())
