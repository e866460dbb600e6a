"""Scenarios on the virtual clock, from file to verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import play

ROOT = Path(__file__).parents[3]
HEAD = f"""\
version: 1
name: small
title: Is it small?
world: {ROOT}/configs/journey.yaml
"""
LOAD = "load: {warm_up: 1s, stages: [{for: 3s, rate: 100/s}]}\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios")


@pytest.fixture
def kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are kept in the working directory."""
    monkeypatch.chdir(tmp_path)


def written(directory: Path, text: str) -> Path:
    path = directory / f"{abs(hash(text))}.yaml"
    path.write_text(HEAD + text)
    return path


def played(directory: Path, text: str, seed: int = 1) -> dict[str, Any]:
    return play(load_scenario(written(directory, text)), on_virtual_clock=True, seed=seed)


def only(summary: dict[str, Any]) -> dict[str, Any]:
    (variant,) = summary["variants"].values()
    return variant


def test_one_seed_gives_one_summary_and_the_variants_get_the_same_arrivals(directory):
    text = """\
set: {pod/nginx-0: {latency: 100ms, errors: 10%}}
variants: {one: {}, other: {set: {pod/nginx-1: {stall: 5%}}}}
""" + LOAD.replace("warm_up", "timeout: 1s, warm_up")
    one, again, other = played(directory, text), played(directory, text), played(directory, text, 2)
    assert json.dumps(one) == json.dumps(again) != json.dumps(other)
    offered = {variant["load"]["offered"] for variant in one["variants"].values()}
    assert len(offered) == 1
    assert one["variants"]["other"]["load"]["errors"]["timeout"] > 0
    rows = {pod["as"]: pod for pod in one["variants"]["one"]["pods"]}
    assert rows["nginx-0"]["modes"] == {"latency": "100ms", "errors": "10%"}
    assert rows["nginx-0"]["latency_ms"]["p50"] > 100 > 20 > rows["nginx-1"]["latency_ms"]["p99"]


def test_what_happens_on_the_timeline(directory):
    text = """\
timeline:
  - {at: 0s, do: set, target: pod/nginx-0, to: {latency: 50ms}}
  - {at: 1s, do: scale, target: deployment/nginx, replicas: 5}
  - {at: 1500ms, do: kill, target: transit-1}
  - {at: 2s, do: kill, target: pod/nginx-1}
load: {stages: [{for: 8s, rate: 50/s}]}
"""
    variant = only(played(directory, text))
    assert [(event["at_s"], event["what"]) for event in variant["events"]] == [
        (0, "set pod/nginx-0 latency=50ms"),
        (1, "scale deployment/nginx to 5"),
        (1.5, "kill -9 of transit-1"),
        (2, "kill -9 of pod/nginx-1"),
    ]
    assert len(variant["pods"]) >= 5
    assert variant["load"]["requests"] > 300


def test_a_rollout_under_load(directory):
    text = """\
timeline: [{at: 1s, do: rollout.restart, target: deployment/nginx}]
load: {stages: [{for: 30s, rate: 20/s}]}
"""
    variant = only(played(directory, text))
    assert len(variant["pods"]) == 6, "three have gone and three have come"
    assert sorted(pod["as"] for pod in variant["pods"])[3:] == ["nginx-0", "nginx-1", "nginx-2"]


def test_policies_are_set_through_the_aws_api(directory):
    text = """\
variants:
  turns: {set: {alb.algorithm: round_robin}}
  fewest: {set: {alb.load_balancing.algorithm.type: least_outstanding_requests}}
timeline: [{at: 1s, do: set, target: alb, to: {deregistration_delay: 30}}]
set: {pod/nginx-0: {latency: 200ms}}
"""
    variants = played(directory, text + LOAD)["variants"]
    assert variants["turns"]["events"][0]["what"] == "set alb deregistration_delay=30"
    shares = {name: [pod["share"] for pod in each["pods"]] for name, each in variants.items()}
    assert shares["turns"] == pytest.approx([1 / 3] * 3, abs=0.01)
    assert shares["fewest"][0] < 0.15


def test_overrides_change_the_world(directory):
    slow = "{images: {nginx: {service_time: {median: 20ms, p99: 21ms}}}}"
    text = f"overrides: {{elements: {{node-1: {slow}, node-2: {slow}}}}}\n{LOAD}"
    assert only(played(directory, text))["load"]["latency_ms"]["p50"] > 20


@pytest.mark.parametrize(
    ("text", "verdict", "code"),
    [
        ("thresholds: [{metric: latency, is: p(99) < 1s}]\n", "pass", 0),
        ("thresholds: [{metric: latency, is: p(99) < 1ms}]\n", "fail", 4),
        (
            "variants: {a: {}}\nexpect: {a: fail}\nthresholds: [{metric: latency, is: p(99) < 1ms}]\n",
            "pass",
            0,
        ),
        ("variants: {a: {}}\nexpect: {a: fail}\n", "fail", 4),
        ("set: {pod/nginx-0: {latency: 1s}}\n", "invalid", 5),
    ],
)
def test_verdicts_and_exit_codes(directory, kept_elsewhere, text, verdict, code):
    load = LOAD if verdict != "invalid" else LOAD.replace("warm_up", "max_inflight: 1, warm_up")
    path = written(directory, text + load)
    result = CliRunner().invoke(app, ["simulate", str(path), "--json"])
    assert result.exit_code == code, result.output
    assert json.loads(result.stdout)["verdict"] == verdict


def test_the_report(directory, kept_elsewhere):
    path = written(
        directory,
        "set: {pod/nginx-0: {latency: 100ms}}\nthresholds: [{metric: latency, is: p(99) < 1ms}]\n"
        "variants: {a: {}, b: {}}\nexpect: {b: fail}\n" + LOAD,
    )
    result = CliRunner().invoke(app, ["simulate", str(path), "--seed", "3"])
    assert result.exit_code == 4
    for words in ("FAIL  Is it small?", "seed 3, on the virtual clock", "latency=100ms", "alb-1b", "variant"):
        assert words in result.stdout
    assert "running small, variant b" in result.stderr


def test_a_scenario_says_itself_what_its_load_is(directory):
    result = CliRunner().invoke(app, ["simulate", str(written(directory, LOAD)), "--concurrency", "3"])
    assert result.exit_code == 2 and "a scenario says itself what its load is" in result.stderr


def test_what_cannot_be_set_ends_the_run(directory):
    path = written(directory, f"set: {{alb.algorithm: fastest}}\n{LOAD}")
    result = CliRunner().invoke(app, ["simulate", str(path)])
    assert result.exit_code == 2
    assert "calling the ModifyTargetGroupAttributes operation" in result.stderr
    path = written(directory, f"timeline: [{{at: 1s, do: kill, target: pod/nginx-7}}]\n{LOAD}")
    result = CliRunner().invoke(app, ["simulate", str(path)])
    assert result.exit_code == 2
    assert "there is no pod 'nginx-7': deployment nginx has 3, as far as nginx-2" in result.stderr


def test_the_shipped_scenario_shows_what_least_outstanding_requests_does():
    summary = play(load_scenario(ROOT / "configs/scenarios/lor-vs-round-robin.yaml"), on_virtual_clock=True)
    assert summary["verdict"] == "pass"
    slow = {name: each["pods"][0] for name, each in summary["variants"].items()}
    turns, fewest = slow["round_robin"], slow["least_outstanding_requests"]
    assert turns["share"] == pytest.approx(1 / 6, abs=0.005)
    assert turns["outstanding"]["mean"] == pytest.approx(300 / 6 * 0.2, rel=0.15), "Little's law"
    assert fewest["share"] < 0.04
    assert [fewest["per_node"][node]["max"] for node in ("alb-1a", "alb-1b")] == [1, 1], (
        "each node counts alone"
    )


def test_without_a_hook_a_rollout_costs_requests_and_each_has_a_cause():
    summary = play(load_scenario(ROOT / "configs/scenarios/rollout-502s.yaml"), on_virtual_clock=True)
    assert summary["verdict"] == "pass"
    without, with_hook = summary["variants"].values()
    assert with_hook["load"]["statuses"].keys() == {"200"} and with_hook["alb_errors"] == []
    failed = sum(count for code, count in without["load"]["statuses"].items() if code[0] == "5")
    assert failed == sum(error["count"] for error in without["alb_errors"]) > 0
    assert all(error["cause"] != "target" and error["sentence"] for error in without["alb_errors"])


def test_a_scenario_runs_as_processes_too(directory, monkeypatch, tmp_path):
    """Its figures depend on the machine; what happened does not."""
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    text = """\
set: {pod/nginx-0: {latency: 300ms}}
timeline: [{at: 500ms, do: set, target: alb, to: {algorithm: round_robin}}]
validity: {max_dispatch_lag_p99: 10s}
load: {stages: [{for: 2s, rate: 30/s}]}
"""
    summary = play(load_scenario(written(directory, text)), on_virtual_clock=False)
    assert (summary["clock"], summary["verdict"]) == ("real", "pass")
    variant = only(summary)
    assert variant["events"] == [{"at_s": 0.5, "what": "set alb algorithm=round_robin"}]
    slow, *others = variant["pods"]
    assert slow["modes"] == {"latency": "300ms"} and slow["latency_ms"]["p50"] > 300
    assert len(others) == 2 and set(slow["per_node"]) == {"alb-1a", "alb-1b"}
    assert variant["load"]["statuses"] == {"200": variant["load"]["offered"]}
