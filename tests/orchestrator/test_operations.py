import pytest

from orchestrator import operations
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.journey import Journey
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
    assert start == ("laptop", "load_start", {"url": world.config.url, "concurrency": 3, "duration_s": 3})
    assert all(verb != "load_stop" for _, verb, _ in world.calls)


async def test_a_load_that_is_broken_off_is_stopped(world):
    load = operations.load(world, concurrency=3, duration_s=30)
    await anext(load)
    await load.aclose()
    assert world.calls[-1][1] == "load_stop"


@pytest.mark.parametrize(
    ("element", "message"),
    [("labtop", "no element 'labtop', did you mean 'laptop'"), ("vpc", "vpc is of kind vpc; .*laptop")],
)
async def test_requests_go_out_from_a_laptop(world, element, message):
    with pytest.raises(RequestFailed, match=message) as raised:
        await operations.trace(world, element=element)
    assert raised.value.code == USAGE
