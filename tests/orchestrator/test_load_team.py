"""A load of several clients: its parts are the whole, and so is the sum of what they count."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from actors.element import CallFailed
from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.protocols.arrivals import arrivals, constant
from orchestrator.commands.load_display import events
from orchestrator.load.adding import add_up
from orchestrator.load.shapes import Change, Staged, Traced, closed, open_at
from orchestrator.load.split import change_shares, shares
from orchestrator.load.team import LoadTeam
from orchestrator.load.validity import doubts

NAMES = ["laptop-1", "laptop-2", "laptop-3"]
SECOND = 1_000_000_000


# ---- what each is given --------------------------------------------------------------------------------------------


def test_one_client_has_the_whole():
    shape = open_at(100, 10, seed=7)
    assert shares(shape, ["laptop"]) == {"laptop": shape}


def test_a_rate_and_its_bounds_are_divided_and_dice_are_each_clients_own():
    parts = shares(open_at(100, 10, seed=7, trace_ids="7 x", max_inflight=10), NAMES)
    assert list(parts) == NAMES
    stages = [part.stages[0] for part in parts.values()]
    assert sum(stage["rate"] for stage in stages) == pytest.approx(100, rel=1e-12)
    assert {stage["duration_s"] for stage in stages} == {10}
    options = [part.options for part in parts.values()]
    assert [each["seed"] for each in options] == ["7 laptop-1", "7 laptop-2", "7 laptop-3"]
    assert [each["trace_ids"] for each in options] == ["7 x laptop-1", "7 x laptop-2", "7 x laptop-3"]
    assert [each["max_inflight"] for each in options] == [4, 3, 3]
    assert sum(each["max_connections"] for each in options) == 1000, (
        "the default is the load's, not each client's"
    )


@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 9))
def test_users_are_divided_as_evenly_as_they_can_be(first, last, clients):
    shape = Staged(({"duration_s": 5, "users": first, "users_at_end": last},), {"think_s": 1.0})
    parts = list(shares(shape, [f"laptop-{n}" for n in range(clients)]).values())
    assert len(parts) == min(clients, max(first, last)), "nobody is without anything to do"
    for name, whole in (("users", first), ("users_at_end", last)):
        each = [part.stages[0][name] for part in parts]
        assert sum(each) == whole and max(each) - min(each) <= 1
    assert all(part.options == {"think_s": 1.0} for part in parts), "bounds are an open model's"


@given(st.lists(st.integers(0, 10_000_000), max_size=40), st.integers(1, 6))
def test_the_moments_of_a_trace_are_taken_in_turn(moments, clients):
    due_us = tuple(sorted(moments))
    which = tuple(number % 3 for number in range(len(due_us)))
    parts = shares(Traced(due_us, which, 10.0), [f"laptop-{n}" for n in range(clients)]).values()
    together = [pair for part in parts for pair in zip(part.due_us, part.which, strict=True)]
    assert sorted(together) == sorted(zip(due_us, which, strict=True))


@given(st.floats(1, 500), st.integers(2, 7))
def test_evenly_spaced_parts_are_an_evenly_spaced_whole(rate, clients):
    parts = shares(open_at(rate, 2, arrivals="uniform"), [f"laptop-{n}" for n in range(clients)])
    due_ns = sorted(
        moment
        for part in parts.values()
        for moment in arrivals(
            constant(part.stages[0]["rate"], 2 * SECOND), "uniform", Random(0), part.options["phase"]
        )
    )
    whole = list(arrivals(constant(rate, 2 * SECOND), "uniform", Random(0)))
    assert abs(len(due_ns) - len(whole)) <= 1, "the last one may be due as the time is over"
    assert all(abs(one - other) <= 100 for one, other in zip(due_ns, whole, strict=False))


def test_changes_are_divided_too():
    assert [change.rate for change in change_shares(Change("set", rate=90.0), 3)] == [30.0] * 3
    assert [change.users for change in change_shares(Change("set", users=4), 3)] == [2, 1, 1]
    assert change_shares(Change("pause"), 2) == [Change("pause")] * 2


# ---- what they have counted ----------------------------------------------------------------------------------------


def counted(latencies_us: list[int], pod: str = "nginx-0") -> dict[str, Any]:
    histogram, of_pod = new_histogram(), new_histogram(digits=2)
    for value in latencies_us:
        histogram.record_value(value)
        of_pod.record_value(value)
    return {
        "requests": len(latencies_us),
        "offered": len(latencies_us),
        "statuses": {"200": len(latencies_us)},
        "hdr": histogram.encode().decode(),
        "service_hdr": histogram.encode().decode(),
        "lag_hdr": histogram.encode().decode(),
        "per_pod_hdr": {pod: of_pod.encode().decode()},
    }


LATENCIES = st.lists(st.integers(1, LONGEST_US), max_size=30)


@given(st.lists(LATENCIES, min_size=1, max_size=6))
def test_the_sum_of_histograms_is_the_histogram_of_all_that_was_measured(clients):
    union = new_histogram()
    for value in (value for latencies in clients for value in latencies):
        union.record_value(value)
    whole = add_up([counted(latencies) for latencies in clients])
    merged = HdrHistogram.decode(whole["hdr"])
    assert list(merged.counts[:]) == list(union.counts[:])
    assert merged.get_total_count() == union.get_total_count() == whole["requests"]
    assert whole["latency_ms"] == whole["service_ms"] == whole["dispatch_lag_ms"] == percentiles_ms(union)


def test_a_percentile_of_the_whole_is_no_average_of_percentiles():
    """One client of three is slow: a third of all requests are."""
    clients = [[1000] * 100, [1000] * 100, [100_000] * 100]
    whole = add_up([counted(latencies) for latencies in clients])
    assert whole["latency_ms"]["p50"] == pytest.approx(1, rel=0.001)
    assert whole["latency_ms"]["p90"] == pytest.approx(100, rel=0.001), "an average would be 34"
    assert whole["per_pod_ms"]["nginx-0"]["p90"] == pytest.approx(100, rel=0.01)


# ---- several at work -----------------------------------------------------------------------------------------------


class World:
    """Laptops that each count one more request of their own latency with each look; some die."""

    def __init__(self, dies: dict[str, int] | None = None) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.looks = Counter[str]()
        self.restarts = Counter[str]()
        self.dies = dies or {}
        self.counted: dict[str, list[int]] = {name: [] for name in NAMES}

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        self.calls.append((element, verb, arguments))
        if verb == "load_plan":
            self.counted[element] = []
        if verb == "load_status":
            self.looks[element] += 1
            if self.looks[element] == self.dies.get(element):
                self.restarts[element] += 1
                raise CallFailed(f"{element} was killed by SIGKILL")
            self.counted[element].append(1000 * int(element[-1]))
        if verb == "load_stop":
            return None
        status = {
            **counted(self.counted[element]),
            "running": len(self.counted[element]) < 4,
            "paused": False,
            "elapsed_s": float(len(self.counted[element])),
            "errors": {},
            "rate": 5.0,
        }
        return (
            {"what": "rate 5/s to 9/s", "before": 5.0, "status": status} if verb == "load_change" else status
        )

    def ps(self) -> dict[str, Any]:
        return {"elements": [{"name": name, "restarts": self.restarts[name]} for name in NAMES]}

    async def until_up(self, element: str) -> None: ...


async def looked(team: LoadTeam) -> dict[str, Any]:
    await team.start()
    while (status := await team.look())["running"]:
        assert "hdr" not in status
    return status


async def test_each_has_its_part_and_figures_of_its_own():
    world = World()
    status = await looked(LoadTeam(world, NAMES, "https://x/", open_at(30, 60)))
    begun = {element: arguments for element, verb, arguments in world.calls if verb == "load_plan"}
    assert [begun[name]["stages"][0]["rate"] for name in NAMES] == [10, 10, 10]
    assert status["requests"] == 12 and status["statuses"] == {"200": 12}
    assert HdrHistogram.decode(status["hdr"]).get_total_count() == 12
    assert list(status["clients"]) == NAMES
    for number, found in enumerate(status["clients"].values(), start=1):
        assert (found["requests"], found["lost_clients"]) == (4, 0)
        assert found["latency_ms"]["p50"] == pytest.approx(number, rel=0.001)
        assert HdrHistogram.decode(found["hdr"]).get_total_count() == 4
    assert doubts(status) == []


async def test_a_killed_client_keeps_what_it_had_told_and_the_run_says_so():
    status = await looked(LoadTeam(World(dies={"laptop-2": 3}), NAMES, "https://x/", open_at(30, 60)))
    assert status["clients"]["laptop-2"]["requests"] == 2 + 4, "before it was killed, and after"
    assert status["requests"] == 14 == HdrHistogram.decode(status["hdr"]).get_total_count()
    assert [found["lost_clients"] for found in status["clients"].values()] == [0, 1, 0]
    assert doubts(status) == ["laptop-2 was killed on the way, and what was due meanwhile was not sent"]


async def test_a_change_is_told_of_the_whole():
    team = LoadTeam(World(), NAMES, "https://x/", open_at(15, 60))
    await team.start()
    changed = await team.change(Change("set", rate=27.0))
    assert changed["what"] == "rate 15/s to 27/s" and changed["status"]["rate"] == 15.0
    assert [change["what"] for change in (await team.look())["changes"]] == ["rate 15/s to 27/s"]


async def test_when_one_cannot_begin_the_others_are_stopped():
    world = World()
    refused = CallFailed("laptop-2: the network is down")

    async def call(element: str, verb: str, /, **arguments: Any) -> Any:
        if (element, verb) == ("laptop-2", "load_plan"):
            raise refused
        return await World.call(world, element, verb, **arguments)

    world.call = call  # type: ignore[method-assign]
    with pytest.raises(CallFailed, match="network is down"):
        await LoadTeam(world, NAMES, "https://x/", closed(9, 60)).start()
    assert [(element, verb) for element, verb, _ in world.calls if verb == "load_stop"] == [
        ("laptop-1", "load_stop"),
        ("laptop-2", "load_stop"),
        ("laptop-3", "load_stop"),
    ]


async def test_all_are_stopped_though_who_stops_them_is_broken_off():
    calls: list[tuple[str, str]] = []

    class Slow:
        async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
            await asyncio.sleep(0)
            calls.append((element, verb))

    team = LoadTeam(Slow(), NAMES, "https://x/", open_at(3, 10))  # type: ignore[arg-type]
    stopping = asyncio.ensure_future(team.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    async with asyncio.timeout(5):
        while len(calls) < len(NAMES):
            await asyncio.sleep(0)
    assert sorted(calls) == [(name, "load_stop") for name in NAMES]


def test_what_is_done_to_the_world_meanwhile_is_told_once_as_it_happens():
    changes = [{"at_s": 1.5, "what": "scale deployment/nginx from 3 to 6"}]
    assert list(events({}, 0)) == []
    assert list(events({"changes": changes}, 0)) == ["at 1.5 s: scale deployment/nginx from 3 to 6"]
    assert list(events({"changes": changes}, 1)) == []
