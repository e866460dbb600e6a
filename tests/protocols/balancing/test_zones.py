import pytest

from actors.protocols.balancing import Attributes, State, TargetGroup, Thresholds
from tests.protocols.balancing.groups import choose, healthy, member, new_group, serve, target_id, unhealthy

ZONES = {0: "a", 1: "a", 2: "b", 3: "all"}


def group_across(zone: str = "a", **options: object) -> TargetGroup:
    group = new_group(zone=zone, **options)
    group.set_targets({target_id(number): where for number, where in ZONES.items()}, now_ns=0)
    for target in group.targets.values():
        healthy(group, target)
    return group


def reached(group: TargetGroup) -> set[int]:
    return {serve(group).sequence for _ in range(8)}


def test_across_zones_all_targets_are_reached():
    assert reached(group_across()) == {0, 1, 2, 3}


@pytest.mark.parametrize(("zone", "targets"), [("a", {0, 1, 3}), ("b", {2, 3}), ("c", {3})])
def test_else_those_of_the_nodes_zone_and_of_none(zone, targets):
    assert reached(group_across(zone, cross_zone=False)) == targets


def test_a_zone_without_targets_has_nobody_to_send_to():
    group = new_group(zone="b", cross_zone=False)
    group.set_targets({target_id(0): "a"}, now_ns=0)
    healthy(group, member(group, 0))
    assert choose(group) is None
    assert not group.dns_healthy()


def test_it_can_be_switched_while_requests_are_outstanding():
    group = group_across()
    for _ in range(4):
        choose(group)
    group.configure(Attributes("least_outstanding_requests", cross_zone=False), now_ns=0)
    assert reached(group) == {0, 1, 3}
    assert member(group, 2).outstanding == 1
    group.finished(member(group, 2), status=200)
    group.configure(Attributes("least_outstanding_requests"), now_ns=0)
    assert serve(group).sequence == 2


def test_a_target_that_is_said_to_be_elsewhere_moves():
    group = group_across(cross_zone=False)
    group.register({target_id(0): "b", target_id(2): "a"})
    assert reached(group) == {1, 2, 3}


def test_fail_open_looks_at_the_own_zone_only():
    group = group_across(cross_zone=False)
    for number in (0, 1, 3):
        unhealthy(group, member(group, number))
    assert group.fail_open
    assert reached(group) == {0, 1, 3}
    group.configure(Attributes(), now_ns=0)
    assert not group.fail_open
    assert reached(group) == {2}


def test_requests_that_are_routed_by_fail_open_are_counted():
    group = group_across()
    reached(group)
    assert group.unhealthy_routing_requests == 0
    for number in range(4):
        unhealthy(group, member(group, number))
    reached(group)
    assert group.unhealthy_routing_requests == 8


@pytest.mark.parametrize(
    ("thresholds", "healthy_ones", "fails_open"),
    [
        (Thresholds(3), 3, False),
        (Thresholds(3), 2, True),
        (Thresholds(1, 75), 3, False),
        (Thresholds(1, 76), 3, True),
        (Thresholds(3, 50), 2, True),
        (Thresholds(9), 4, False),  # with none unhealthy there is nobody else to send to
    ],
)
def test_thresholds_of_routing(thresholds, healthy_ones, fails_open):
    group = group_across(unhealthy_state_routing=thresholds)
    for number in range(healthy_ones, 4):
        unhealthy(group, member(group, number))
    assert group.fail_open is fails_open
    assert len(reached(group)) == (4 if fails_open else healthy_ones)


@pytest.mark.parametrize(
    ("thresholds", "healthy_ones", "stays"),
    [
        (Thresholds(), 1, True),
        (Thresholds(), 0, False),
        (Thresholds(3), 2, False),
        (Thresholds(None, 50), 2, True),
        (Thresholds(None, 51), 2, False),
        (Thresholds(None, None), 0, True),
        (Thresholds(9), 4, False),
    ],
)
def test_thresholds_of_dns_failover(thresholds, healthy_ones, stays):
    group = group_across(dns_failover=thresholds)
    for number in range(healthy_ones, 4):
        unhealthy(group, member(group, number))
    assert group.dns_healthy() is stays


def test_without_a_verdict_a_zone_stays_in_dns():
    group = new_group()
    assert group.dns_healthy()
    group.set_targets([target_id(0)], now_ns=0)
    assert member(group, 0).state is State.INITIAL
    assert group.dns_healthy()
