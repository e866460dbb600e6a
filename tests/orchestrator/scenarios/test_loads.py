"""The load of a scenario: both models, mixes, traces, changes on the timeline, and a run that is not to be believed."""

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.errors import ConfigErrors
from orchestrator.load.models import Load
from orchestrator.load.shapes import Traced
from orchestrator.load.validity import Limits, doubts, late
from orchestrator.scenarios import virtual
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import play

ROOT = Path(__file__).parents[3]
HEAD = f"version: 1\nname: small\ntitle: Is it small?\nworld: {ROOT}/configs/journey.yaml\n"


def loaded(directory: Path, text: str) -> Any:
    path = directory / "small.yaml"
    path.write_text(HEAD + text)
    return load_scenario(path)


def test_rates_users_and_traces_have_one_form(tmp_path: Path):
    (tmp_path / "arrivals.txt").write_text("0\n0.5\n")
    text = """\
variants:
  open: {}
  closed: {load: {arrivals: null, stages: [{for: 3s, users: 2 to 6}], think: 100ms}}
  trace: {load: {arrivals: null, warm_up: null, stages: null, trace: arrivals.txt}}
load:
  requests:
    - {path: /, weight: 3, expect: {status: 200}}
    - {path: /, method: POST, body_bytes: 10, expect: {status: 405}}
  keepalive: 70%
  arrivals: uniform
  warm_up: 1s
  stages: [{for: 3s, rate: 50/s}]
"""
    loads: dict[str, Load] = loaded(tmp_path, text).loads
    options = {name: each.shape(7).begin().arguments for name, each in loads.items()}
    assert [len(each["requests"]) for each in options.values()] == [2, 2, 2]
    assert {each["keepalive"] for each in options.values()} == {0.7}
    assert options["open"]["stages"][0] == {"duration_s": 1, "rate": 50, "rate_at_end": 50}
    assert options["closed"]["stages"][1] == {"duration_s": 3, "users": 2, "users_at_end": 6}
    assert options["closed"]["think_s"] == 0.1 and "arrivals" not in options["closed"]
    assert isinstance(loads["trace"].shape(7), Traced) and options["trace"]["due_us"] == [0, 500_000]


WRONG = [
    ("load: {stages: [{for: 3s}]}", "5:17: load.stages[0]: say one of rate (an open model) and users (a closed one)"),
    ("load: {stages: [{for: 3s, rate: 5/s, users: 3}]}",
     "5:17: load.stages[0]: say one of rate (an open model) and users (a closed one)"),
    ("load: {stages: [{for: 3s, users: few}]}",
     "5:34: load.stages[0].users: 'few' is not a number of users; write it like 20, or 5 to 50"),
    ("load: {stages: [{for: 3s, users: 3}, {for: 3s, rate: 5/s}]}",
     "5:7: load: stages are all of rates (an open model) or all of users (a closed one)"),
    ("load: {stages: [{for: 3s, users: 3}], arrivals: poisson}",
     "5:7: load: arrivals is an open model's, and this load has users"),
    ("load: {stages: [{for: 3s, rate: 5/s}], think: 1s}",
     "5:7: load: think is a closed model's, and this load has no users"),
    ("load: {}", "5:7: load: a load has stages, or a trace: say one of them"),
    ("load: {trace: t.txt, warm_up: 1s}",
     "5:7: load: a trace says itself when requests are due: warm_up is of no use"),
    ("load: {trace: nowhere.txt}", "5:15: load.trace: {DIR}/nowhere.txt: No such file or directory"),
    ("load: {trace: t.txt}", "5:15: load.trace: {DIR}/t.txt:2: 'soon' is not a number of seconds such as 1.25"),
    ("load: {stages: [{for: 3s, rate: 5/s}], requests: [{path: x}]}",
     "5:58: load.requests[0].path: 'x' is not a path such as /products?page=2"),
    ("load: {stages: [{for: 3s, rate: 5/s}], requests: [{paht: /x}]}",
     "5:52: load.requests[0].paht: unknown key, did you mean 'path'?"),
    ("load: {stages: [{for: 3s, rate: 5/s}], requests: [{path: /x}, {path: /x}]}",
     "5:50: load.requests: request 2: there is a request 'GET /x' already: give it a name"),
    ("load: {stages: [{for: 3s, rate: 5/s}], http: '2', url: 'http://packet-journey.com/'}",
     "5:7: load: HTTP/2 is agreed on in TLS: http://packet-journey.com/ has none, ask for https"),
    ("load: {stages: [{for: 3s, rate: 5/s}], http: '3'}", "5:46: load.http: must be '1.1' or '2', not '3'"),
    ("load: {stages: [{for: 3s, rate: 5/s}], keepalive: 120%}", "5:51: load.keepalive: '120%' is more than 100%"),
    ("load: {stages: [{for: 3s, rate: 5/s}]}\ntimeline: [{at: 1s, do: load.set, users: 3}]",
     "6:35: timeline[0].users: the load has a rate, not users"),
    ("load: {stages: [{for: 3s, users: 5}]}\ntimeline: [{at: 1s, do: load.set, rate: 3/s}]",
     "6:35: timeline[0].rate: the load has users, not a rate"),
    ("load: {stages: [{for: 3s, rate: 5/s}]}\ntimeline: [{at: 1s, do: load.set}]",
     "6:12: timeline[0]: say one of rate and users"),
    ("load: {stages: [{for: 3s, rate: 5/s}]}\ntimeline: [{at: 1s, do: load.set, rate: 3/s to 5/s}]",
     "6:12: timeline[0]: a load is set to one level; a ramp is a stage's"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[f"{number:02}" for number in range(len(WRONG))])
def test_what_is_wrong_with_a_load_is_said_with_its_place(tmp_path: Path, text: str, message: str):
    (tmp_path / "t.txt").write_text("1\nsoon\n")
    with pytest.raises(ConfigErrors) as raised:
        loaded(tmp_path, text + "\n")
    told = re.sub(re.escape(f"{tmp_path}/small.yaml:"), "", str(raised.value))
    assert message.replace("{DIR}", str(tmp_path)) in told.splitlines()


def test_a_load_is_changed_on_the_timeline_and_a_stalled_generator_makes_the_run_invalid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The process that is killed in the second variant only gets no time for 200 ms."""

    async def stall(scene: virtual.VirtualScene, element: str) -> None:
        scene._network.host(element).stall(0.2)

    monkeypatch.setattr(virtual.VirtualScene, "kill", stall)
    text = """\
load: {arrivals: uniform, stages: [{for: 4s, rate: 50/s}], requests: [{path: /, method: POST, expect: {status: 405}}]}
timeline:
  - {at: 1s, do: load.set, rate: 100/s, name: more}
  - {at: 2s, do: load.pause}
  - {at: 3s, do: load.resume}
variants:
  plain: {}
  stalled: {timeline: [{at: 1500ms, do: kill, target: laptop}]}
thresholds: [{metric: errors, is: rate == 0%}, {metric: responses, where: {code: "405"}, is: rate == 100%}]
"""
    summary = play(loaded(tmp_path, text), on_virtual_clock=True)
    plain, stalled = summary["variants"]["plain"], summary["variants"]["stalled"]
    assert plain["load"]["offered"] == pytest.approx(250, abs=4)
    assert plain["verdict"] == "pass" and plain["load"]["errors"] == {}, "405 is what is expected"
    assert [event["what"] for event in plain["events"]] == [
        "rate 50/s to 100/s", "load paused", "load resumed",
    ]  # fmt: skip
    assert (summary["verdict"], stalled["verdict"]) == ("invalid", "invalid")
    (why,) = stalled["invalid"]
    assert re.fullmatch(
        r"the generator sent requests later than they were due: p99 1\d\d\.\d ms \(5 ms are believed\) and "
        r"max \d\d\d\.\d ms \(100 ms are believed\)",
        why,
    )


def test_doubts_say_what_and_how_much():
    sound = {"offered": 1000, "dropped": {}, "dispatch_lag_ms": {"p99": 4.9, "max": 99.0}}
    assert doubts(sound) == []
    assert doubts({**sound, "dispatch_lag_ms": {"p99": 1.0, "max": 150.0}}) == [
        "the generator sent requests later than they were due: max 150.0 ms (100 ms are believed)"
    ]
    assert doubts({**sound, "dropped": {"max_inflight": 7}}, Limits(max_dropped=5)) == [
        "7 of 1,000 requests were dropped, not sent (max_inflight), 5 may be"
    ]
    assert doubts({**sound, "lost_clients": 1}) and not doubts(
        {**sound, "lost_clients": 1, "executor": "closed"}
    )
    assert late({"isp": 400.0, "vpc": 20.0}) == late({}) == []
    assert late({"isp": 600.0, "vpc": 900.0}) == [
        "the emulator fell behind: vpc was 900 ms late at worst, 500 ms are believed, and 1 more elements, too"
    ]
