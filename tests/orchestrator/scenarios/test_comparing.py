"""`journey compare`: variants from the command line, and what may be concluded."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.control.api import RequestFailed
from orchestrator.reports.result import RunResult, VariantResult
from orchestrator.scenarios.comparing import compared, varied, vary_of

ROOT = Path(__file__).parents[3]
TEXT = f"""\
version: 1
name: small
title: Is it small?
world: {ROOT}/configs/journey.yaml
set: {{pod/nginx-0: {{latency: 100ms}}}}
variants: {{mine: {{}}}}
load: {{stages: [{{for: 2s, rate: 60/s}}]}}
thresholds: [{{metric: latency, is: p(50) < 1s}}]
expect: {{mine: fail}}
"""


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def test_words():
    assert vary_of("pod/nginx-0.latency=uniform(1ms,5ms),2ms").values == ["uniform(1ms,5ms)", "2ms"]
    for word in ("alb.algorithm", "=a,b", "alb.algorithm=round_robin", "alb.algorithm=a,"):
        with pytest.raises(RequestFailed):
            vary_of(word)


def test_all_combinations_become_variants(scenario):
    words = ("alb.algorithm=round_robin,least_outstanding_requests", "deployment/nginx.replicas=2,3")
    loaded = varied(scenario, [vary_of(word) for word in words])
    assert list(loaded.scenario.variants) == [
        "algorithm-round_robin_replicas-2",
        "algorithm-round_robin_replicas-3",
        "algorithm-least_outstanding_requests_replicas-2",
        "algorithm-least_outstanding_requests_replicas-3",
    ]
    loaded = varied(scenario, [vary_of("elements.node-1.images.nginx.worker_processes=1,4")])
    worlds = [
        world.elements["node-1"].config.images["nginx"].worker_processes for world in loaded.worlds.values()
    ]
    assert worlds == [1, 4]
    loaded = varied(scenario, [vary_of("cni.WARM_IP_TARGET=1,5")])
    targets = [
        {world.elements[name].config.env.WARM_IP_TARGET for name in ("cni-node-1", "cni-node-2")}
        for world in loaded.worlds.values()
    ]
    assert targets == [{1}, {5}]


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("balancer.algorithm=a,b", "cannot be varied"),
        ("deployment/nginx=2,3", "which of its settings"),
        ("deployment/nginx.replica=2,3", "did you mean 'replicas'"),
        ("elements.node-1.instance_tipe=a,b", "unknown key"),
        ("elements=a,b", "which of the elements"),
    ],
)
def test_what_cannot_be_varied(scenario, word, what):
    result = CliRunner().invoke(app, ["compare", str(scenario), "--vary", word])
    assert result.exit_code == 2 and what in result.stderr


def test_compare(scenario):
    words = [
        "compare",
        str(scenario),
        "--vary",
        "alb.algorithm=round_robin,least_outstanding_requests",
        "--repeat",
        "2",
    ]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seeds"] == [1, 2] and found["invalid"] == []
    assert found["best"]["most outstanding"]["variant"] == "least_outstanding_requests"
    (check,) = found["checks"]
    assert check["check"] == "latency p(50) < 1s" and check["variants"]["round_robin"]["held"] == 2
    assert found["variants"]["round_robin"]["largest share"]["mean"] == pytest.approx(33.3, abs=1)
    result = CliRunner().invoke(app, words)
    assert "2 seeds" in result.stdout and "2 of 2" in result.stdout
    result = CliRunner().invoke(app, ["compare", str(scenario)])
    assert result.exit_code == 2 and "no variants that could be compared" in result.stderr


def variant(name, p50):
    load = {"latency_ms": {"p50": p50}, "offered": 1, "requests": 1, "errors": {}, "statuses": {}}
    return VariantResult(name, {"load": load, "pods": [], "invalid": [], "thresholds": []}, {})


@pytest.mark.parametrize(
    ("one", "other", "best"),
    [
        ((1.0, 2.0), (3.0, 4.0), {"variant": "one", "variants": ["one"], "clear": True}),
        ((1.0, 3.0), (3.0, 4.0), {"variant": "one", "variants": ["one"], "clear": False}),
        ((1.0,), (3.0,), {"variant": "one", "variants": ["one"], "clear": False}),
        ((2.0, 2.0), (2.0, 2.01), None),
    ],
)
def test_a_difference_is_clear_when_the_spreads_do_not_touch(one, other, best):
    results = [
        RunResult("s", "t", "", "virtual", 1, "pass", [variant("one", a), variant("other", b)])
        for a, b in zip(one, other, strict=True)
    ]
    assert compared(results)["best"].get("p50") == best
