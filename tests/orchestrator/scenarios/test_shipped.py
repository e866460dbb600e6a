"""Every shipped scenario, on the virtual clock: its verdict, what it is there to teach, and that each check can fail.

Together they are kept to a minute on two cores: rates and times are as small as the lesson allows. `make test` plays
those that answer the README's three questions, `make soak` all of them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.scenarios.loader import load_text
from orchestrator.scenarios.play import play

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "configs/scenarios").glob("*.yaml"))
QUESTIONS = ("lor-vs-round-robin", "lost-transit", "rollout-502s")
PLAYED = [path for path in SHIPPED if path.stem in QUESTIONS or os.environ.get("JOURNEY_SOAK")]
Variants = dict[str, Any]


def causes(variant: dict[str, Any]) -> set[str]:
    return {error["cause"] for error in variant["alb_errors"]}


def slow_pod(variants: Variants) -> None:
    slow = {name: each["pods"][0] for name, each in variants.items()}
    turns, fewest = slow["round_robin"], slow["least_outstanding_requests"]
    assert turns["share"] == pytest.approx(1 / 6, abs=0.005)
    assert turns["outstanding"]["mean"] == pytest.approx(300 / 6 * 0.2, rel=0.15), "Little's law"
    assert fewest["share"] < 0.04
    nodes = [fewest["per_node"][node]["max"] for node in ("alb-1a", "alb-1b")]
    assert nodes == [1, 1], "each node counts alone"


def rollout(variants: Variants) -> None:
    without, short, long = (variants[name] for name in ("no_hook", "sleeps_5s", "sleeps_15s"))
    assert long["load"]["statuses"].keys() == {"200"} and long["alb_errors"] == []
    for each in (without, short):
        assert {"502", "504"} <= each["load"]["statuses"].keys()
        assert causes(each) >= {"TargetRefusedConnection", "ConnectTimeout"}
        assert all(error["sentence"] for error in each["alb_errors"])


def delay(variants: Variants) -> None:
    assert causes(variants["one_second"]) == {"DeregistrationDelayElapsed"}
    assert variants["ten_seconds"]["alb_errors"] == []


def keep_alive(variants: Variants) -> None:
    assert causes(variants["shorter"]) == {"TargetClosedConnection"}
    assert variants["longer"]["alb_errors"] == []


def warm(variants: Variants) -> None:
    ready = {name: each["assertions"][0] for name, each in variants.items()}
    assert ready["warm"]["at_s"] < 2 and ready["one_to_spare"]["at_s"] is None


def subnets(variants: Variants) -> None:
    small, large = variants["slash_28"], variants["slash_24"]
    assert not small["assertions"][0]["ok"] and small["load"]["errors"] == {}, "what there is serves on"
    assert large["assertions"][0]["at_s"] < 3


def lost_zone(variants: Variants) -> None:
    lost = {name: each["thresholds"][1]["value"] for name, each in variants.items()}
    assert lost["two_pods"] > 3 * lost["six_pods"]


def transit(variants: Variants) -> None:
    """What it costs is the hold time where nothing is told of it, and next to nothing where the carrier goes."""
    failed = {name: sum(each["load"]["errors"].values()) for name, each in variants.items()}
    assert failed["cut_hold_9s"] > 5 * failed["cut_hold_3s"] > failed["carrier_down"] == 0
    lost = {name: each["convergence"][0] for name, each in variants.items()}
    assert 6 < lost["cut_hold_9s"]["took_s"] < 9.1 and 2 < lost["cut_hold_3s"]["took_s"] < 3.1
    assert lost["carrier_down"]["took_s"] < 0.01
    events = {name: {router["event"] for router in each["routers"].values()} for name, each in lost.items()}
    assert events == {
        "cut_hold_9s": {"hold_timer"},
        "cut_hold_3s": {"hold_timer"},
        "carrier_down": {"link_down"},
    }
    for each in variants.values():
        back = each["convergence"][-1]
        assert back["when"] == "ends" and back["routers"]["isp"]["event"] == "session_up"


def dns(variants: Variants) -> None:
    early, late, long = (
        variants[name]["load"]["errors"]["timeout"] for name in ("at_once", "after_the_ttl", "ttl_of_300s")
    )
    assert early > 10 * late < long


def storm(variants: Variants) -> None:
    answered = {name: each["load"]["requests"] for name, each in variants.items()}
    assert answered["retries"] < answered["no_retries"] / 2 < answered["retries_with_backoff"] / 2
    assert variants["retries"]["load"]["retries"] > variants["retries_with_backoff"]["load"]["retries"] > 0


def omission(variants: Variants) -> None:
    """The same stall of a pod: the open model's p99 shows it, the closed one's does not."""
    open_, closed = variants["open"]["load"]["latency_ms"], variants["closed"]["load"]["latency_ms"]
    assert open_["p99"] > 1000 > 20 > closed["p99"]
    assert open_["p50"] == pytest.approx(closed["p50"], rel=0.2) and closed["max"] > 1000
    offered = {name: each["load"]["offered"] for name, each in variants.items()}
    assert offered["open"] == 1500 and abs(offered["closed"] - 1500) < 300, "about as much was asked of both"


LESSONS: dict[str, Callable[[Variants], None]] = {
    "lor-vs-round-robin": slow_pod,
    "rollout-502s": rollout,
    "deregistration-delay": delay,
    "keep-alive-502s": keep_alive,
    "warm-ip-targets": warm,
    "subnet-exhaustion": subnets,
    "zone-loss": lost_zone,
    "lost-transit": transit,
    "dns-ttl": dns,
    "retry-storm": storm,
    "open-vs-closed": omission,
}


SICK = {"set": {"pod/nginx-1": {"errors": "50%"}}}
GONE = [{"at": "1.01s", "do": "scale", "target": "deployment/nginx", "replicas": 2}]
COUNTERS: dict[str, dict[str, Any]] = {
    "lor-vs-round-robin": SICK,
    "deregistration-delay": {
        "timeline": [{"at": "5.01s", "do": "scale", "target": "deployment/nginx", "replicas": 2}]
    },
    "warm-ip-targets": SICK,
    "subnet-exhaustion": {**SICK, "timeline": GONE},
    "lost-transit": {
        "load": {"stages": [{"for": "9s", "rate": "20/s"}]},
        "timeline": [
            {"at": "1s", "do": "fault.add", "target": "link/isp-transit-1", "cut": True, "name": "lost"}
        ],
    },
}
"""What turns those checks that hold in all variants that are shipped."""


def with_counter(path: Path) -> str:
    """The scenario with one variant more, in which everything fails that does not elsewhere."""
    values = yaml.safe_load(path.read_text())
    if path.stem in COUNTERS:
        values["variants"]["counter"] = COUNTERS[path.stem]
        values["expect"]["counter"] = "fail"
    return yaml.safe_dump(values, sort_keys=False)


def checks(variant: dict[str, Any]) -> list[bool]:
    return [row["ok"] for row in (*variant["thresholds"], *variant["assertions"])]


def test_each_has_a_lesson():
    assert {path.stem for path in SHIPPED} == LESSONS.keys()


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_a_shipped_scenario_comes_out_as_it_says(path: Path):
    loaded = load_text(with_counter(path), path)
    assert loaded.scenario.title.endswith("?") and len(loaded.scenario.description) > 200
    summary = play(loaded, on_virtual_clock=True)
    variants = summary["variants"]
    assert summary["verdict"] == "pass"
    for outcomes in zip(*map(checks, variants.values()), strict=True):
        assert set(outcomes) == {True, False}, "a check that cannot fail, or cannot hold, says nothing"
    variants.pop("counter", None)
    assert {each["outcome"] for each in variants.values()} == {"pass", "fail"}, "it shows both"
    LESSONS[path.stem](variants)
