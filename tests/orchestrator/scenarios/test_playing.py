"""Scenarios on the virtual clock, from file to verdict."""

import json
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.metrics.feed import listen
from orchestrator.scenarios.live import Outlook
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import perform, play
from tests.orchestrator.metrics.scraping import Scraped, free_address

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
    modes = "set: {pod/nginx-0: {latency: 100ms, errors: 10%}}\n"
    variants = "variants: {one: {}, other: {set: {pod/nginx-1: {stall: 5%}}}}\n"
    load = LOAD.replace("warm_up", "timeout: 1s, warm_up")
    one, again = (played(directory, modes + variants + load) for _ in range(2))
    reseeded = played(directory, modes + "variants: {one: {}}\n" + load, 2)
    assert json.dumps(one) == json.dumps(again)
    assert one["variants"]["one"] != reseeded["variants"]["one"]
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
    for words in (
        "FAIL  Is it small?",
        "seed 3, on the virtual clock",
        "latency=100ms",
        "alb-1b",
        "failed requests",
    ):
        assert words in result.stdout
    assert "running small, variant b" in result.stderr


def test_a_scenario_says_itself_what_its_load_is(directory):
    result = CliRunner().invoke(app, ["simulate", str(written(directory, LOAD)), "--concurrency", "3"])
    assert result.exit_code == 2 and "a scenario says itself what its load is" in result.stderr


def test_what_cannot_be_set_ends_the_run(directory):
    path = written(directory, f"set: {{alb.slow_start: 30}}\n{LOAD}")
    result = CliRunner().invoke(app, ["simulate", str(path)])
    assert result.exit_code == 2
    assert "calling the ModifyTargetGroupAttributes operation" in result.stderr
    path = written(directory, f"timeline: [{{at: 1s, do: kill, target: pod/nginx-7}}]\n{LOAD}")
    result = CliRunner().invoke(app, ["simulate", str(path)])
    assert result.exit_code == 2
    assert "there is no pod 'nginx-7': deployment nginx has 3, as far as nginx-2" in result.stderr


def test_faults_on_the_timeline_and_their_windows(directory):
    text = """\
timeline:
  - {at: 1s, do: fault.add, target: link/fibre, delay: 80ms, for: 2s, name: slow}
  - {at: 4s, do: fault.add, target: element/isp, loss: 100%, name: dead}
  - {at: 5s, do: fault.clear}
load: {timeout: 500ms, stages: [{for: 8s, rate: 50/s}]}
thresholds:
  - {metric: latency, is: med > 160ms, during: slow}
  - {metric: latency, is: p(99) < 50ms, after: 7s}
  - {metric: errors, is: rate > 20%, during: dead}
  - {metric: errors, is: rate == 0%, during: slow}
"""
    variant = only(played(directory, text))
    assert [row["ok"] for row in variant["thresholds"]] == [True] * 4, variant["thresholds"]
    assert [(event["what"], event.get("until_s")) for event in variant["events"]] == [
        ("link/fibre: delay 80ms", 3.0),
        ("element/isp: loss 100%", 5.0),
        ("faults end: element/isp", None),
    ]


def test_faults_are_changed_and_sides_parted_on_the_timeline(directory):
    text = """\
timeline:
  - {at: 1s, do: fault.add, target: link/fibre, delay: 80ms, jitter: 5ms, distribution: normal, for: 1s, name: slow}
  - {at: 1500ms, do: fault.set, target: slow, delay: 0, loss: 5%, rate: 10mbit, for: 3s}
  - {at: 2s, do: fault.partition, between: [isp, "transit-1,transit-2"], for: 2s, name: parted}
  - {at: 3s, do: fault.clear, target: slow}
thresholds: [{metric: convergence, where: {fault: parted, when: ends, router: isp}, is: max < 10s}]
load: {warm_up: 1s, timeout: 1s, stages: [{for: 6s, rate: 20/s}]}
"""
    variant = only(played(directory, text))
    parted = "partition/isp..transit-1,transit-2"
    told = [(event["what"], event.get("until_s")) for event in variant["events"]]
    assert told == [
        ("link/fibre: delay 80ms, jitter 5ms, distribution normal", 3.0),
        ("link/fibre changed: jitter 5ms, distribution normal, loss 5%, rate 10mbit", None),
        (f"{parted}: nothing passes", 4.0),
        ("faults end: link/fibre", None),
    ]
    assert variant["load"]["errors"]["timeout"] > 0 and variant["verdict"] == "fail", "no session was lost"


def test_a_zone_that_crashes_comes_back_and_assertions_see_it(directory):
    text = """\
timeline: [{at: 1s, do: fault.add, target: zone/eu-west-1a, crash: true, for: 3s}]
load: {timeout: 1s, stages: [{for: 10s, rate: 10/s}]}
assertions:
  - {never: alb.targets.healthy < 3, within: 1s}
  - {eventually: alb.targets.healthy < 3}
  - {eventually: alb.targets.healthy == 3, after: 8s}
  - {always: nat.sessions < nat.session_limit}
  - {always: "cni[node-2].assigned == 1"}
  - {eventually: "deployment[nginx].ready == 7"}
"""
    variant = only(played(directory, text))
    told = {row["claim"]: (row["assertion"], row["ok"]) for row in variant["assertions"]}
    assert [row["ok"] for row in variant["assertions"]][-1] is False, "it never has seven"
    assert told["nat.sessions < nat.session_limit"] == ("always", True)
    assert [row["ok"] for row in variant["assertions"][:3]] == [True, True, True], variant["assertions"]


def test_a_node_is_drained_and_takes_pods_again(directory):
    text = """\
timeline:
  - {at: 1s, do: drain, target: node/node-2, name: drained}
  - {at: 12s, do: uncordon, target: node/node-2}
  - {at: 13s, do: scale, target: deployment/nginx, replicas: 4, name: larger}
load: {stages: [{for: 16s, rate: 10/s}]}
assertions:
  - {eventually: "cni[node-2].assigned == 0", within: 12s}
  - {eventually: "cni[node-2].assigned > 0", after: 13s}
"""
    variant = only(played(directory, text))
    assert [row["ok"] for row in variant["assertions"]] == [True, True], variant["assertions"]
    assert variant["events"][0]["until_s"] > 1 and variant["events"][2]["until_s"] >= 13
    assert variant["load"]["errors"] == {}


def test_objects_are_applied_patched_and_deleted_and_aws_is_asked(directory):
    text = """\
timeline:
  - {at: 0s, do: apply, object: {apiVersion: v1, kind: ConfigMap, metadata: {name: made}, data: {a: b}}}
  - {at: 1s, do: apply, object: {apiVersion: v1, kind: ConfigMap, metadata: {name: made}, data: {a: c}}}
  - {at: 1s, do: patch, target: configmap/made, with: {data: {d: e}}}
  - {at: 2s, do: delete, target: configmap/made}
  - {at: 2s, do: aws, service: elbv2, operation: DescribeLoadBalancers}
  - {at: 3s, do: patch, target: deployment/nginx, with: {spec: {replicas: 4}}}
load: {stages: [{for: 6s, rate: 10/s}]}
assertions: [{eventually: deployment.ready == 4}]
"""
    variant = only(played(directory, text))
    assert variant["outcome"] == "pass"
    assert [event["what"] for event in variant["events"]][:3] == [
        "apply of configmap/made",
        "apply of configmap/made",
        "patch of configmap/made",
    ]


def test_variants_have_loads_and_timelines_of_their_own(directory):
    text = (
        """\
variants:
  plain: {}
  busy: {load: {stages: [{for: 3s, rate: 200/s}]}, timeline: [{at: 1s, do: kill, target: transit-2}]}
"""
        + LOAD
    )
    variants = played(directory, text)["variants"]
    assert variants["busy"]["load"]["offered"] > 1.5 * variants["plain"]["load"]["offered"]
    assert (len(variants["plain"]["events"]), len(variants["busy"]["events"])) == (0, 1)


def test_clients_that_ask_again(directory):
    text = """\
set: {pod/nginx-0: {errors: on}}
variants: {once: {}, again: {load: {retries: 3, retry_wait: 10ms}}}
load: {stages: [{for: 4s, rate: 50/s}]}
"""
    variants = played(directory, text)["variants"]
    assert variants["once"]["load"]["errors"]["http_5xx"] > 30
    again = variants["again"]["load"]
    assert again["errors"].get("http_5xx", 0) < 10 and again["retries"] > 30
    assert again["offered"] == variants["once"]["load"]["offered"] == again["requests"]


class Onlooker(Thread):
    """Opens the live page when it is told where that is, and tries to send a load from there."""

    def comes(self, url: str) -> None:
        self.url = url
        self.start()

    def run(self) -> None:
        with urlopen(f"{self.url}events", timeout=30) as events:
            self.first = json.loads(events.readline().partition(b"data: ")[2])
        headers = {"Content-Type": "application/json", "X-Journey-Token": self.first["token"]}
        with pytest.raises(HTTPError) as refusal:
            urlopen(Request(f"{self.url}api/do", b'{"do": "load", "rate": 5}', headers), timeout=30)
        self.refused = (refusal.value.code, json.load(refusal.value)["error"])
        refusal.value.close()


def test_a_scenario_runs_as_processes_too(directory, monkeypatch, tmp_path):
    """Its figures depend on the machine; what happened does not, and Prometheus can see it."""
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    text = """\
set: {pod/nginx-0: {latency: 300ms}}
timeline:
  - {at: 500ms, do: set, target: alb, to: {algorithm: round_robin}}
  - {at: 500ms, do: fault.add, target: link/fibre, delay: 1ms}
validity: {max_dispatch_lag_p99: 10s}
load: {stages: [{for: 3s, rate: 30/s}]}
variants: {slow: {}}
"""
    loaded, address = load_scenario(written(directory, text)), free_address()
    seen = Onlooker()
    outlook = Outlook(address, "127.0.0.1:0", tell=seen.comes)
    with Scraped(address) as scraped:
        summary = perform(loaded, on_virtual_clock=False, seed=7, outlook=outlook).plain()
    seen.join()
    assert seen.first["plays"] == "small, slow" and "laptop" in {
        each["name"] for each in seen.first["map"]["elements"]
    }
    assert seen.refused == (400, "a scenario plays, and what happens stands in its file; "
        "`journey up` has a world to try things in")  # fmt: skip
    assert scraped.lines >= {
        'journey_scenario_info{name="small",seed="7",variant="slow"} 1.0',
        'journey_event_active{event="set",target="alb"} 1.0',
        'journey_event_active{event="fault",target="link/fibre"} 1.0',
        'journey_event_active{event="element_down",target="transit-1"} 0.0',
    }
    assert any(
        line.startswith('journey_client_requests_total{client="laptop",outcome="ok",scenario="small"}')
        for line in scraped.lines
    )
    assert (summary["clock"], summary["verdict"]) == ("real", "pass")
    variant = only(summary)
    assert [event["what"] for event in variant["events"]] == [
        "set alb algorithm=round_robin",
        "link/fibre: delay 1ms",
    ]
    slow, *others = variant["pods"]
    assert slow["modes"] == {"latency": "300ms"} and slow["latency_ms"]["p50"] > 300
    assert len(others) == 2 and set(slow["per_node"]) == {"alb-1a", "alb-1b"}
    assert variant["load"]["statuses"] == {"200": variant["load"]["offered"]}


def test_a_port_that_is_taken_ends_a_run_before_anything_is_started(directory, monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    path = written(directory, LOAD)
    with listen("127.0.0.1:0") as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = CliRunner().invoke(app, ["run", str(path), "--metrics", address])
    assert done.exit_code == 3
    assert f"metrics cannot be served at {address}: Address already in use" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["9464", "here", "127.0.0.1:port", ""])
@pytest.mark.parametrize("verb", [["up"], ["run", "x.yaml"], ["compare", "x.yaml", "--live"]])
def test_metrics_are_at_an_address_or_nowhere(verb, address):
    done = CliRunner().invoke(app, [*verb, "--metrics", address])
    assert done.exit_code == 2 and "is not HOST:PORT or off" in done.output
