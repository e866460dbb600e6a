"""`journey top`: what it is told, how it adds that up, and its screen under textual's pilot."""

import asyncio
import sys
import time
from typing import Any

import pytest
from textual.widgets import DataTable, Static
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.commands import top as command
from orchestrator.control.api import RequestFailed
from orchestrator.top.plain import event_lines, hop_cells, target_cells
from orchestrator.top.screen import Help, TopApp
from orchestrator.top.stats import HopStats
from orchestrator.top.view import TopView, link_between
from orchestrator.top.watch import ANEW_EVERY, REQUEST_EVERY, Watch

Plain = dict[str, Any]
WAY = [("home-router", None, "wifi"), ("isp", 64500, "fibre"), ("transit-1", 64510, "isp-transit-1")]


class FakeLine:
    """A world at the other end of a line: two targets, three hops, and a load if one was begun."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Plain]] = []
        self.load: Plain | None = None
        self.faults: list[Plain] = []
        self.silent: set[int] = set()
        self.down = False
        self.status: int | None = 200

    def request(self, verb: str, /, **arguments: Any) -> Any:
        self.asked.append((verb, arguments))
        if self.down:
            raise RequestFailed("the world has ended", 3)
        return getattr(self, f"_{verb}")(**arguments)

    def stream(self, verb: str, /, **arguments: Any) -> Any:
        self.asked.append((verb, arguments))
        self.load = load(1.0, 20)
        for _ in range(200):
            if self.load is None:
                return
            time.sleep(0.005)
            yield self.load

    def _top_hops(self, element: str | None, anew: bool) -> Plain:
        hops = [
            {
                "hop": number,
                "element": None if number in self.silent else name,
                "address": None if number in self.silent else f"10.0.0.{number}",
                "asn": asn,
                "link": link,
                "rtt_ms": None if number in self.silent else float(number),
            }
            for number, (name, asn, link) in enumerate(WAY, 1)
        ]
        return {"from": "laptop", "address": "198.51.100.1", "hops": hops}

    def _top_request(self, element: str | None) -> Plain:
        hops = ["laptop", "alb-1a", "vpc", "nginx-0"] if self.status else ["laptop"]
        phases = {"tcp": 7.0, "first_byte": 12.0} if self.status else {}
        return {"status": self.status, "hops": hops, "phases": phases}

    def _top_state(self) -> Plain:
        states = {"alb-1a": "healthy", "alb-1b": "healthy"}
        targets = [
            {"target": f"10.0.10.{n}:80", "pod": f"nginx-{n}", "states": dict(states), "outstanding": n}
            for n in (0, 1)
        ]
        targets[1]["states"]["alb-1b"] = "initial"
        events = [{"ago_s": 3.21, "element": "isp", "what": "BGP converged"}]
        return {
            "world": "fake",
            "targets": targets,
            "load": self.load,
            "events": events,
            "faults": list(self.faults),
        }

    def _fault_add(self, target: str, words: list[str]) -> Plain:
        fault = {"id": f"fault-{len(self.faults) + 1}", "target": target, "what": " ".join(words)}
        self.faults.append(fault)
        return fault

    def _fault_clear(self, which: str | None = None) -> list[Plain]:
        self.faults = [each for each in self.faults if which not in (None, each["id"])]
        return []

    def _load_change(self, do: str, rate: float | None = None) -> Plain:
        if do == "stop":
            self.load = None
        return {}

    def _set(self, words: list[str]) -> list[Plain]:
        return []


def load(elapsed_s: float, requests: int) -> Plain:
    return {
        "elapsed_s": elapsed_s,
        "requests": requests,
        "errors": {"timeout": 1},
        "latency_ms": {"p99": 9.5},
        "per_pod": {"nginx-0": requests // 4, "nginx-1": requests - requests // 4},
        "per_pod_ms": {"nginx-0": {"p99": 200.0}},
    }


def test_columns_are_mtrs():
    stats = HopStats()
    assert stats.columns() == ("0.0%", "0", "-", "-", "-", "-", "-")
    for rtt in (1.0, 3.0, None, 2.0):
        stats.add(rtt)
    assert stats.columns() == ("25.0%", "4", "2.00", "2.00", "1.00", "3.00", "0.82")
    stats.add(None)
    assert stats.columns()[2] == "-"


def test_hops_are_added_up_and_keep_their_names_while_they_are_silent():
    line = FakeLine()
    watch = Watch(line)
    watch.tick()
    line.silent, line.status = {2, 3}, None
    for _ in range(REQUEST_EVERY):
        watch.tick()
    names = [row[:3] for row in hop_cells(watch)]
    assert names == [
        ("1", "home-router", ""), ("2", "isp", "AS64500"), ("3", "transit-1", "AS64510"),
        ("tcp", "alb-1a", ""), ("http", "nginx-0", ""),
    ]  # fmt: skip
    sent = {row.number: (row.stats.sent, row.stats.lost) for row in watch.rows}
    assert sent == {"1": (6, 0), "2": (6, 5), "3": (6, 5), "tcp": (2, 1), "http": (2, 1)}


def test_it_asks_no_more_than_it_says():
    line = FakeLine()
    watch = Watch(line)
    for _ in range(ANEW_EVERY + 1):
        watch.tick()
    verbs = [verb for verb, _ in line.asked]
    assert verbs.count("top_hops") == ANEW_EVERY + 1
    assert verbs.count("top_request") == 1 + ANEW_EVERY // REQUEST_EVERY
    assert [arguments["anew"] for verb, arguments in line.asked if verb == "top_hops"].count(True) == 2


def test_another_way_gets_rows_of_its_own(monkeypatch: pytest.MonkeyPatch):
    watch = Watch(FakeLine())
    watch.tick()
    monkeypatch.setitem(globals(), "WAY", [*WAY[:2], ("transit-2", 64511, "isp-transit-2")])
    watch.tick()
    assert [(row.name, row.stats.sent) for row in watch.rows[:3]] == [
        ("home-router", 2),
        ("isp", 2),
        ("transit-2", 1),
    ]


def test_targets_have_their_share_of_the_load():
    line = FakeLine()
    watch = Watch(line)
    watch.tick()
    assert target_cells(watch)[0] == ("nginx-0", "10.0.10.0:80", "healthy", "0", "-", "-")
    assert watch.headline() == "no load is running"
    line.load = load(1.0, 100)
    watch.tick()
    line.load = load(3.0, 500)
    watch.tick()
    assert target_cells(watch) == [
        ("nginx-0", "10.0.10.0:80", "healthy", "0", "25.0%", "200.0"),
        ("nginx-1", "10.0.10.1:80", "alb-1a healthy, alb-1b initial", "1", "75.0%", "-"),
    ]
    assert watch.headline() == "500 requests, 200/s now, p99 9.5 ms, 1 failed"
    assert event_lines(watch) == ["    -3.2 s  isp              BGP converged"]


def test_a_world_that_is_gone_is_told_and_what_was_known_stays():
    line = FakeLine()
    watch = Watch(line)
    watch.tick()
    line.down = True
    watch.tick()
    assert watch.trouble == "the world has ended"
    assert len(watch.rows) == 5


# ---- the screen ----------------------------------------------------------------------------------------------------


async def seen(pilot: Any, true: Any) -> None:
    for _ in range(400):
        await pilot.pause(0.02)
        if true():
            return
    raise AssertionError("it has not come about")


def screen(line: FakeLine) -> TopApp:
    return TopApp(line, Watch(line), 0.05)


def told(top: TopApp) -> str:
    return str(top.query_one("#told", Static).render())


async def test_the_screen_fits_80_by_24_and_changes_cells_in_place():
    line = FakeLine()
    top = screen(line)
    async with top.run_test(size=(80, 24)) as pilot:
        hops: DataTable[str] = top.query_one("#hops", DataTable)
        await seen(pilot, lambda: hops.row_count == 5)
        assert hops.get_cell_at((1, 1)) == "isp"
        line.silent = {2}
        await seen(pilot, lambda: hops.get_cell_at((1, 5)) == "-")
        assert top.query_one("#targets", DataTable).row_count == 2
        assert "BGP converged" in str(top.query_one("#events", Static).render())
        assert top.title == "fake"


async def test_keys_start_and_stop_a_load_and_change_its_rate():
    line = FakeLine()
    top = screen(line)
    async with top.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await seen(pilot, lambda: top._watch.load is not None)
        assert ("load", {"stages": [{"rate": 20.0, "duration_s": 86400.0}]}) in line.asked
        assert told(top) == "journey load --rate 20 -d 24h"
        await pilot.press("plus")
        await seen(pilot, lambda: told(top) == "journey load set 30/s")
        await pilot.press("minus")
        await seen(pilot, lambda: told(top) == "journey load set 20/s")
        await pilot.press("s")
        await seen(pilot, lambda: top._watch.load is None)
        assert told(top) == "journey load stop"


async def test_keys_cut_and_mend_the_link_of_the_chosen_hop():
    line = FakeLine()
    top = screen(line)
    async with top.run_test(size=(80, 24)) as pilot:
        await seen(pilot, lambda: top.query_one("#hops", DataTable).row_count == 5)
        await pilot.press("down", "c")
        await seen(pilot, lambda: told(top) == "journey fault add link/fibre cut")
        await seen(pilot, lambda: bool(top._watch.faults))
        await pilot.press("w")
        await seen(pilot, lambda: told(top) == "journey fault clear fault-1")
        await seen(pilot, lambda: not top._watch.faults)
        await pilot.press("w")
        await seen(pilot, lambda: told(top) == "journey fault add link/fibre delay=80ms")
        await pilot.press("x")
        await seen(pilot, lambda: told(top) == "journey fault clear")
        await pilot.press("down", "down", "down", "c")
        await seen(pilot, lambda: told(top).startswith("no link of the world file leads to this hop"))


async def test_keys_for_the_algorithm_help_holding_and_the_end():
    line = FakeLine()
    top = screen(line)
    async with top.run_test(size=(80, 24)) as pilot:
        for word in ("round_robin", "least_outstanding_requests"):
            await pilot.press("a")
            await seen(pilot, lambda word=word: told(top) == f"journey set alb.algorithm={word}")
        await pilot.press("question_mark")
        await seen(pilot, lambda: isinstance(top.screen, Help))
        await pilot.press("escape")
        await seen(pilot, lambda: not isinstance(top.screen, Help))
        await pilot.press("p")
        await pilot.pause(0.1)
        looked = len(line.asked)
        await pilot.pause(0.1)
        assert len(line.asked) == looked
        await pilot.press("q")
    assert top.return_code == 0


# ---- the command ---------------------------------------------------------------------------------------------------


def test_once_prints_plainly_without_textual(monkeypatch: pytest.MonkeyPatch):
    line = FakeLine()
    monkeypatch.setattr(command, "the_world", lambda: line)
    monkeypatch.setitem(sys.modules, "textual", None)
    done = CliRunner().invoke(app, ["top", "--once"])
    assert done.exit_code == 0
    for expected in ("Loss%", "transit-1", "AS64510", "nginx-1", "no load is running", "BGP converged"):
        assert expected in done.output
    done = CliRunner().invoke(app, ["top"])
    assert done.exit_code == 3
    assert "pip install 'packet-journey[top]'" in done.output


def test_once_as_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "the_world", FakeLine)
    done = CliRunner().invoke(app, ["top", "--json"])
    assert done.exit_code == 0 and '"element": "isp"' in done.output
    assert CliRunner().invoke(app, ["top", "--once", "--interval", "10ms"]).exit_code == 2


# ---- the world's side ----------------------------------------------------------------------------------------------


class FewHops:
    """As much of a world as the view asks."""

    class config:
        name, url = "few", "https://packet-journey.com/"
        elements: dict[str, Any] = {}
        links: dict[str, Any] = {}

    def __init__(self) -> None:
        self.probed: list[int] = []

    def ps(self) -> Plain:
        kinds = {"laptop": "laptop", "home-router": "home_router", "isp": "isp_as", "alb-1a": "alb"}
        return {"elements": [{"name": name, "kind": kind} for name, kind in kinds.items()]}

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        match verb:
            case "addresses":
                return {"home-router": ["192.168.1.1"], "isp": ["203.0.113.1"]}.get(element, [])
            case "resolve":
                return ["198.51.100.1"]
            case "probe":
                self.probed.append(arguments["ttl"])
                address = {1: "192.168.1.1", 2: "203.0.113.1"}.get(arguments["ttl"])
                return {"address": address, "rtt_ms": None if address is None else 1.5}
            case _:
                return {"10.0.10.4:80": {"state": "healthy", "outstanding": 2}}


async def test_the_way_is_found_with_one_echo_for_each_hop_and_then_only_those_that_answer_are_asked():
    world = FewHops()
    view = TopView(world, None)  # type: ignore[arg-type]
    found = await view.hops()
    assert [(hop["hop"], hop["element"], hop["rtt_ms"]) for hop in found["hops"]] == [
        (1, "home-router", 1.5), (2, "isp", 1.5),
    ]  # fmt: skip
    assert sorted(world.probed) == list(range(1, 17))
    world.probed.clear()
    await view.hops()
    assert world.probed == [1, 2]
    await asyncio.sleep(0)


def test_links_between_elements():
    class Link:
        between = ("isp.transit-1", "transit-1.isp")

    class World:
        class config:
            links = {"isp-transit-1": Link}

    assert link_between(World, "transit-1", "isp") == "isp-transit-1"  # type: ignore[arg-type]
    assert link_between(World, "transit-1", "aws-edge") is None  # type: ignore[arg-type]
