"""A rolling restart behind the load balancer, at 300 requests a second: who sees an error, and why."""

import asyncio

from tests.elements.rollout_bed import Rollout


async def roll(rollout: Rollout) -> None:
    await asyncio.sleep(0.5)
    await rollout.roll()


def test_without_pre_stop_the_load_balancer_goes_on_to_pods_that_are_gone():
    """They leave at once, but it takes until their targets are deregistered: 502, for one reason or the other."""
    rollout = Rollout(pre_stop_s=0, gates=True)
    found = []

    async def story(rollout: Rollout) -> None:
        await roll(rollout)
        found.append(await rollout.causes())

    rollout.play(story)
    (causes,) = found
    assert rollout.statuses[502] > 10
    assert set(causes) <= {
        "502 TargetRefusedConnection",
        "502 TargetResetConnection",
        "502 TargetClosedConnection",
    }
    assert sum(causes.values()) == rollout.statuses[502] == rollout.statuses.total() - rollout.statuses[200]


def test_with_gates_and_a_sufficient_pre_stop_nobody_sees_an_error():
    rollout = Rollout(pre_stop_s=5, gates=True).play(roll)
    assert set(rollout.statuses) == {200}
    assert rollout.statuses.total() > 3000


def test_without_gates_a_quick_rollout_leaves_the_load_balancer_without_targets():
    """Kubernetes counts a pod as ready long before the load balancer has heard of it."""
    rollout = Rollout(pre_stop_s=20, gates=False, registration="10s", deregistration="1s").play(roll)
    assert rollout.statuses[503] > 100
    assert set(rollout.statuses) == {200, 503}


def test_killed_in_the_middle_of_a_rollout_the_controller_goes_on():
    async def story(rollout: Rollout) -> None:
        rolling = rollout.net.host("tester").spawn(rollout.roll(), "rollout")
        for pause_s in (0.6, 0.3, 1.1, 0.2, 5):
            await asyncio.sleep(pause_s)
            await rollout.net.restart("alb-controller")
        await rolling

    rollout = Rollout(pre_stop_s=10, gates=True).play(story)
    assert set(rollout.statuses) == {200}
