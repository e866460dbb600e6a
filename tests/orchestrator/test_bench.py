"""The benchmark measures what it says; how fast this machine is proves nothing here."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator.bench import choice, clock, hops, https, many_targets, memory, recovery, rules, suite
from orchestrator.bench.figures import Figure, in_turn
from orchestrator.config import default_world, load_world
from orchestrator.world import World


def figure(value: float, reference: float | None, bar: float, *, most: bool = False) -> Figure:
    return Figure("x_per_s", "x", "/s", value, reference, "y", bar, most)


def test_a_figure_is_held_against_its_reference():
    assert figure(50, 100, 0.5).reached
    assert not figure(49, 100, 0.5).reached
    assert figure(20, 10, 2, most=True).reached
    assert not figure(21, 10, 2, most=True).reached
    assert figure(0.9, None, 1, most=True).reached


def test_the_pair_of_the_median_ratio_is_told():
    values, references = iter([1.0, 9.0, 4.0]), iter([10.0, 10.0, 10.0])
    assert in_turn(3, lambda: next(values), lambda: next(references)) == (4.0, 10.0)


def test_each_figure_stands_in_json_beside_its_reference():
    assert suite.as_json([figure(50, 100, 0.5)]) == {
        "x_per_s": 50,
        "x_per_s_reference": 100,
        "x_per_s_ratio": 0.5,
        "x_per_s_bar": 0.5,
        "x_per_s_reached": True,
    }


@pytest.mark.parametrize(("value", "text"), [(638_000, "638 k/s"), (10.3e6, "10.3 M/s"), (1.834, "1.83 /s")])
def test_values_are_told_short(value: float, text: str):
    assert figure(value, None, 1).told(value) == text


def test_the_virtual_chain_carries_every_packet():
    assert clock.measure(packets=400, rounds=1).value > 0


def test_choosing_among_many_is_held_against_choosing_among_few():
    measured = choice.measure(requests=200, rounds=1)
    assert measured.value > 0
    assert measured.reference is not None and measured.reference > 0


def test_matching_many_rules_is_held_against_matching_one():
    measured = rules.measure(requests=200, rounds=1)
    assert measured.value > 0
    assert measured.reference is not None and measured.reference > 0


def test_the_chain_of_processes_carries_packets():
    measured = hops.measure(seconds=0.2, rounds=1)
    assert measured.value > 0
    assert measured.reference is not None and measured.reference > 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """The default world, at whose pods there is room for many targets."""
    async with World(many_targets.listening(load_world(default_world()))) as world:
        yield world


@pytest.mark.asyncio(loop_scope="module")
async def test_the_figures_of_a_running_world(world: World):
    pods = memory.measure(world)
    assert pods.reference is not None and 1e6 < pods.reference < pods.value
    requests = await https.measure(world, "packet-journey.com", seconds=0.3, rounds=1)
    assert requests.value > 0
    among = await many_targets.measure_pods(world, "packet-journey.com", seconds=0.3, rounds=1, pods=5)
    assert (among.key, among.value > 0, among.bar) == ("https_requests_per_s_5_pods", True, None)
    assert (await recovery.measure(world, suite.ROUTER, suite.BEHIND_IT)).value < recovery.GIVE_UP_S


@pytest.mark.asyncio(loop_scope="module")
async def test_many_targets_behind_many_rules_share_the_requests(world: World):
    measured = await many_targets.measure_targets(world, "packet-journey.com", seconds=0.3, rounds=1, many=12)
    assert (measured.key, measured.value > 0) == ("https_requests_per_s_12_targets", True)
    groups = (await world.call("alb-1a", "inspect"))["target_groups"]
    served = [target["served"] for target in groups["many"]["targets"]]
    assert len(served) == 12
    assert min(served) > 0
