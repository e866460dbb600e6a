"""A scenario over six laptops in three homes, and what its run directory says of each; with both versions of HTTP."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from orchestrator.journal.journey import Journey
from orchestrator.reports.files import read_run, write_run
from orchestrator.reports.schema import Summary
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import perform
from tests.orchestrator.reports.bed import ROOT, read

LAPTOPS = [f"laptop-{number}" for number in range(1, 7)]
SCENARIO = f"""\
version: 1
name: homes
title: Do all homes get in?
world: {ROOT}/configs/many-clients.yaml
variants:
  http1: {{}}
  http2: {{load: {{http: "2"}}}}
  some:
    load:
      {{http: "2", clients: [laptop-2, laptop-5], arrivals: null, stages: [{{for: 2s, users: 8}}], think: 100ms}}
load: {{warm_up: 1s, arrivals: uniform, stages: [{{for: 2s, rate: 60/s}}]}}
thresholds: [{{metric: errors, is: rate == 0%}}]
report: {{journeys: {{sample: 10%}}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("homes")
    path = directory / "homes.yaml"
    path.write_text(SCENARIO)
    write_run(perform(load_scenario(path), on_virtual_clock=True, seed=3), directory)
    return directory


@pytest.fixture(scope="module")
def variants(run: Path) -> dict[str, Any]:
    summary = read(run / "summary.json")
    Summary.model_validate(summary)
    assert summary["verdict"] == "pass"
    found: dict[str, Any] = summary["variants"]
    return found


@pytest.mark.parametrize("name", ["http1", "http2"])
def test_all_laptops_have_even_parts_that_add_up_to_the_whole(variants, name):
    load = variants[name]["load"]
    clients = load["clients"]
    assert list(clients) == LAPTOPS
    assert load["offered"] == load["requests"] == 120 and load["errors"] == {}
    assert [each["offered"] for each in clients.values()] == [20] * 6
    assert (
        load["statuses"] == {"200": 120} == {"200": sum(each["statuses"]["200"] for each in clients.values())}
    )
    whole = HdrHistogram(1, 60_000_000, 3)
    for each in clients.values():
        whole.decode_and_add(each["hdr"])
    assert whole.get_total_count() == 120
    assert whole.get_value_at_percentile(99) / 1000 == pytest.approx(load["latency_ms"]["p99"])


def test_homes_on_longer_lines_wait_longer(variants):
    """Two laptops each on a fibre, a cable and a DSL line."""
    for name in ("http1", "http2"):
        p50 = [each["latency_ms"]["p50"] for each in variants[name]["load"]["clients"].values()]
        homes = [p50[number : number + 2] for number in (0, 2, 4)]
        assert max(homes[0]) < min(homes[1]) < max(homes[1]) < min(homes[2])


def test_with_http_2_each_laptop_has_one_connection_and_all_pods_get_requests(variants):
    connections = {name: sum(each["load"]["connections"].values()) for name, each in variants.items()}
    assert connections == {"http1": connections["http1"], "http2": 6, "some": 2}
    assert connections["http1"] > 6
    for each in variants.values():
        assert len(each["pods"]) == 3 and min(pod["requests"] for pod in each["pods"]) > 0


def test_some_laptops_can_be_named_and_share_the_users(variants):
    load = variants["some"]["load"]
    assert list(load["clients"]) == ["laptop-2", "laptop-5"]
    first, other = (each["requests"] for each in load["clients"].values())
    assert first > other > 4 * 10 and first + other == load["requests"], "the second one is on a longer line"


def test_every_reader_of_the_directory_finds_the_clients(run, variants, tmp_path):
    for name in LAPTOPS:
        assert (run / f"latency-{name}.hlog").read_text().startswith("#")
    words = (run / "summary.md").read_text()
    assert re.search(r"- laptop-3: 20 answered, 0 failed; p50 [\d.]+ ms, p99 [\d.]+ ms", words)
    text = (run / "report.html").read_text()
    data = json.loads(
        re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1]
    )  # type: ignore[index]
    clients = data["variants"]["http2"]["load"]["clients"]
    assert list(clients) == LAPTOPS
    for name, each in clients.items():
        told = variants["http2"]["load"]["clients"][name]
        assert "hdr" not in each and each["latency_ms"] == told["latency_ms"]
        assert dict(map(tuple, each["points"]))[50] == pytest.approx(told["latency_ms"]["p50"])
    write_run(read_run(run), tmp_path)
    assert (tmp_path / "summary.json").read_bytes() == (run / "summary.json").read_bytes()


def test_access_logs_say_which_version_and_home_a_request_came_from(run):
    homes = {"203.0.113.2", "203.0.113.18", "203.0.113.34"}
    for name, kind, version in (("http1", "https", "HTTP/1.1"), ("http2", "h2", "HTTP/2.0")):
        lines = (run / f"alb-access-{name}.log").read_text().splitlines()
        assert {line.split()[0] for line in lines} == {kind}
        assert {line.split()[3].rsplit(":", 1)[0] for line in lines} == homes
        assert all(f' {version}" ' in line for line in lines)


def test_recorded_requests_of_one_connection_are_told_apart(run):
    """Streams of one connection, each with a way of its own: one request, which one pod has answered."""
    [variant] = [each for each in read_run(run).variants if each.name == "http2"]
    journeys = [Journey.unpack(each.packed) for each in variant.journeys]
    assert len(journeys) >= 6
    for journey in journeys:
        kinds = Counter(record["kind"] for record in journey.records)
        told = [
            kinds[kind]
            for kind in ("journey.start", "http.request", "alb.target", "nginx.answer", "journey.end")
        ]
        assert told == [1] * 5


def test_a_load_balancer_s_goaway_costs_no_request(tmp_path, monkeypatch):
    """An ALB ends a connection after 10,000 requests; here after 50."""
    monkeypatch.setattr("actors.parts.load_balancer.h2_client.MAX_REQUESTS", 50)
    path = tmp_path / "goaway.yaml"
    path.write_text(
        f"version: 1\nname: goaway\ntitle: Is any lost?\nworld: {ROOT}/configs/journey.yaml\n"
        'load: {http: "2", arrivals: poisson, stages: [{for: 2s, rate: 300/s}]}\n'
    )
    [variant] = perform(load_scenario(path), on_virtual_clock=True, seed=3).variants
    load = variant.figures["load"]
    assert load["requests"] == load["offered"] > 500 and load["errors"] == {}
    assert 11 <= sum(load["connections"].values()) <= 20
