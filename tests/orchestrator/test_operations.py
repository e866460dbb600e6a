import asyncio

import pytest
from hdrh.histogram import HdrHistogram

from actors.element import CallFailed
from orchestrator import operations
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.journey import Journey
from orchestrator.load.lag import FRAMES
from tests.orchestrator.fake_world import FakeWorld
from tests.orchestrator.synthetic import EXPECTED_HOPS


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(operations, "POLL_S", 0)


@pytest.fixture
def world():
    return FakeWorld()


async def test_a_trace_is_one_recorded_fetch_on_a_connection_of_its_own(world):
    journey = await operations.trace(world)
    (laptop, verb, arguments) = world.calls[0]
    assert (laptop, verb) == ("laptop", "fetch")
    assert arguments == {"url": world.config.url, "journey": journey.identity, "keep": False}
    assert len(journey.identity) == 32
    assert journey.hops == EXPECTED_HOPS
    assert Journey.unpack(journey.packed()).tiers[0].name == "home"


async def test_the_lease_that_a_journey_stands_on_is_told_from_its_latest_beginning(world):
    def event(t_ns: int, kind: str) -> None:
        world.journal.add(
            {"t_ns": t_ns, "element": "laptop", "kind": kind, "journey": None, "address": "10.0.0.1"}
        )

    for t_ns, kind in enumerate(["dhcp.discover", "dhcp.ack", "dhcp.discover", "dhcp.offer", "dhcp.ack"]):
        event(t_ns, kind)
    event(10**15, "dhcp.ack")
    before = (await operations.trace(world)).before
    assert [record["t_ns"] for record in before] == [2, 3, 4]


async def test_a_load_yields_what_was_counted_until_it_is_over(world):
    seen = [status async for status in operations.load(world, concurrency=3, duration_s=3)]
    assert [status["running"] for status in seen] == [True, True, False]
    start = world.calls[0]
    stages = [{"duration_s": 3, "users": 3, "users_at_end": 3}]
    assert start == ("laptop", "load_plan", {"url": world.config.url, "stages": stages})
    assert all(verb != "load_stop" for _, verb, _ in world.calls)


async def test_a_load_that_is_broken_off_is_stopped(world):
    load = operations.load(world, concurrency=3, duration_s=30)
    await anext(load)
    await load.aclose()
    assert world.calls[-1][1] == "load_stop"


async def test_a_load_goes_on_when_the_laptop_is_killed_and_all_is_added_up(world):
    world.laptop_dies_at_look = 3
    seen = [status async for status in operations.load(world, concurrency=3, duration_s=5)]
    starts = [arguments for _, verb, arguments in world.calls if verb == "load_plan"]
    assert len(starts) == 2
    first, second = (start["stages"][0] for start in starts)
    assert second["duration_s"] < 5
    assert second | {"duration_s": 5} == first, "the same again, for the rest of the time"
    assert [status["requests"] for status in seen] == sorted(status["requests"] for status in seen)
    assert [status["lost_clients"] for status in seen] == [0, 0, *[1] * (len(seen) - 2)]
    last = seen[-1]
    assert last["requests"] == 2000 + 5000 == sum(last["per_pod"].values()) == last["statuses"]["200"]
    assert last["connections"] == {"198.51.100.10": 6}
    assert HdrHistogram.decode(last["hdr"]).get_total_count() == 7000
    assert last["latency_ms"]["p99"] == pytest.approx(1.5, rel=0.001)
    assert (last["running"], last["duration_s"]) == (False, 5)


async def test_a_load_whose_time_was_over_when_the_laptop_was_back_is_what_was_counted_before(world):
    world.laptop_dies_at_look = 2
    load = operations.load(world, concurrency=3, duration_s=1.5)
    first = await anext(load)
    await asyncio.sleep(1.5)
    (last,) = [status async for status in load]
    assert first["running"]
    assert (last["running"], last["requests"], last["lost_clients"]) == (False, first["requests"], 1)


async def test_a_call_that_fails_for_another_reason_ends_the_load(world, monkeypatch):
    async def refuse(**_):
        raise CallFailed("the network is down")

    monkeypatch.setattr(world, "_load_plan", refuse)
    with pytest.raises(CallFailed, match="network is down"):
        await anext(operations.load(world, concurrency=3, duration_s=5))


async def test_a_load_tells_how_far_the_emulator_fell_behind_meanwhile(world):
    world.lag_s = 9.0  # until the load begins
    lags = []
    async for status in operations.load(world, concurrency=3, duration_s=3):
        world.metrics.add("isp", {"counters": [], "gauges": [(FRAMES, {}, 0.02 / (len(lags) + 1))]})
        world.lag_s = 0.001
        lags.append(status["lag_ms"])
    late = {"max": 20.0, "element": "isp", "elements": {"isp": 20.0}}
    assert lags[0] == {"max": 0.0, "element": None, "elements": {}} and lags[1] == late
    assert lags[2] == {**late, "elements": {"isp": 20.0, "vpc": 1.0}}


@pytest.mark.parametrize(
    ("element", "message"),
    [("labtop", "no element 'labtop', did you mean 'laptop'"), ("vpc", "vpc is of kind vpc; .*laptop")],
)
async def test_requests_go_out_from_a_laptop(world, element, message):
    with pytest.raises(RequestFailed, match=message) as raised:
        await operations.trace(world, element=element)
    assert raised.value.code == USAGE
