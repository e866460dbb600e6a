"""`journey set`, `get`, `explain`, `aws`, and `load --rate`, as a user types them."""

import json
import os
from pathlib import Path

import pytest

from orchestrator import explaining
from orchestrator.commands import aws as aws_verb
from orchestrator.control.api import RequestFailed
from tests.orchestrator import test_cli
from tests.orchestrator.fake_world import FakeWorld, load_status
from tests.orchestrator.synthetic import first_journey
from tests.orchestrator.test_cli import run

no_world, running = test_cli.no_world, test_cli.running
CHANGE = {
    "target": "pod/nginx-0",
    "key": "latency",
    "before": "off",
    "after": "200ms",
    "undo": "pod/nginx-0 latency=off",
}


def test_set_says_what_changed_and_how_to_take_it_back(running):
    client = running(set=[CHANGE])
    result = run("set", "pod/nginx-0", "latency=200ms")
    assert client.requests == [("set", {"words": ["pod/nginx-0", "latency=200ms"]})]
    assert result.stdout == "pod/nginx-0: latency is 200ms, was off\n"
    assert result.stderr == "to take it back:\n  journey set pod/nginx-0 latency=off\n"
    assert json.loads(run("set", "alb.x=y", "--json").stdout) == [CHANGE]
    running(set=[])
    assert run("set", "alb.x=y").stdout == "nothing has changed: all of it was set already\n"


def test_what_is_refused_ends_with_its_code_and_words(running):
    running(set=RequestFailed("An error occurred (ValidationError) when ...", 2))
    result = run("set", "alb.algorithm=fastest")
    assert (result.exit_code, result.stderr) == (2, "An error occurred (ValidationError) when ...\n")


def test_get_lists_settings(running):
    attributes = {"target": "alb[web]", "name": "web", "arn": "arn:x", "settings": {"idle_timeout": "60"}}
    running(get={"target": "alb", "resources": [attributes]})
    assert run("get", "alb").stdout == "alb[web]  arn arn:x\n  idle_timeout  60\n"
    assert json.loads(run("get", "alb", "--json").stdout)["resources"] == [attributes]


@pytest.mark.parametrize(
    "verb", [["set", "alb.x=y"], ["get", "alb"], ["explain", "request", "x"], ["aws", "x"]]
)
def test_they_need_a_running_world(verb):
    result = run(*verb)
    assert result.exit_code == 3 and "no world is running" in result.stderr


# ---- load ------------------------------------------------------------------------------------------------------

OPEN = {
    **load_status(10, 10),
    "offered": 10_000,
    "dropped": {},
    "service_ms": load_status(10, 10)["latency_ms"],
    "dispatch_lag_ms": {"p99": 1.0},
}


def test_load_at_a_rate(running):
    client = running(load=[OPEN])
    result = run("load", "--rate", "300/s", "--arrivals", "uniform")
    stages = [{"duration_s": 10.0, "rate": 300.0, "rate_at_end": 300.0}]
    assert client.requests == [
        ("load", {"url": None, "clients": [], "stages": stages, "arrivals": "uniform"})
    ]
    assert result.exit_code == 0
    assert (
        "300/s offered (uniform) for 10.0 s" in result.stdout
        and "from when requests were due" in result.stdout
    )


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"dropped": {"max_inflight": 12}}, "12 of 10,000 requests were dropped, not sent (max_inflight)"),
        (
            {"dispatch_lag_ms": {"p99": 9.0}},
            "the generator sent requests later than they were due: p99 9.0 ms (5 ms are believed)",
        ),
        ({"lost_clients": 1}, "the laptop was killed on the way"),
    ],
)
def test_a_load_that_cannot_be_believed_ends_with_5(running, status, why):
    running(load=[{**OPEN, **status}])
    result = run("load", "--rate", "300")
    assert result.exit_code == 5 and f"INVALID: {why}" in result.stderr
    assert why in json.loads(run("load", "--rate", "300", "--json").stdout)["invalid"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--rate", "3", "-c", "3"],
            "--concurrency is a closed loop's and --rate an open model's: give one of them",
        ),
        (
            ["--arrivals", "poisson"],
            "--arrivals says how requests of an open model are spaced; give it a --rate",
        ),
        (["--rate", "many"], "--rate 'many' is not a rate; write it like 300/s"),
        (["--rate", "0"], "--rate '0' is not a rate; write it like 300/s"),
        (["--rate", "nan"], "--rate 'nan' is not a rate; write it like 300/s"),
        (["--rate", "3", "--arrivals", "poison"], "--arrivals cannot be 'poison', did you mean 'poisson'?"),
        (
            ["--rate", "3", "--think", "1s"],
            "--think is what a closed model's users do; give it a --concurrency",
        ),
        (
            ["--rate", "3", "--stage", "3/s for 1s"],
            "--rate and --stage say what the load is like: give one of them",
        ),
        (
            ["--stage", "3/s for 1s", "--stage", "3 users for 1s"],
            "stages are all of rates (an open model) or all of users (a closed one)",
        ),
        (
            ["--request", "GET"],
            "--request 'GET' is not a request; write it like 'GET /', or '3x POST /orders -> 201'",
        ),
        (["--trace", "/nowhere"], "/nowhere: No such file or directory"),
        (["--keepalive", "120%"], "--keepalive '120%' is more than 100%"),
        (["puase"], "load has no verb 'puase', did you mean 'pause'? (write a host as https://puase/)"),
        (["set", "fast"], "'fast' is no level of a load; write it like 800/s, or 20 users"),
    ],
)
def test_loads_that_are_none(arguments, message):
    result = run("load", *arguments)
    assert (result.exit_code, result.stderr) == (2, f"{message}\n")


def test_what_is_asked_for_and_how_is_said_on_the_command_line(running):
    client = running(load=[OPEN])
    words = [
        "--stage",
        "1/s to 5/s for 4s",
        "--request",
        "3x HEAD /a",
        "--keepalive",
        "70%",
        "--warm-up",
        "2s",
    ]
    assert run("load", *words, "--seed", "7", "--http2").exit_code == 0
    assert client.requests[0][1] == {
        "url": None,
        "clients": [],
        "stages": [
            {"duration_s": 2, "rate": 1, "rate_at_end": 1},
            {"duration_s": 4, "rate": 1, "rate_at_end": 5},
        ],
        "arrivals": "poisson",
        "requests": [{"path": "/a", "method": "HEAD", "weight": 3.0}],
        "keepalive": 0.7,
        "http": "2",
        "seed": 7,
        "warm_up_s": 2,
    }


def test_an_emulator_that_fell_behind_makes_a_load_invalid(running):
    running(load=[{**OPEN, "lag_ms": {"max": 700.0, "element": "isp", "elements": {"isp": 700.0}}}])
    result = run("load", "--rate", "300")
    assert result.exit_code == 5 and "INVALID: the emulator fell behind: isp was 700 ms late" in result.stderr


def test_the_load_that_runs_is_changed(running):
    client = running(loads=1, load_change={"what": "load paused", "status": {}})
    result = run("load", "pause")
    assert (result.exit_code, result.stdout) == (
        0,
        "load paused\n",
    ) and "journey load resume" in result.stderr
    run("load", "set", "800/s")
    run("load", "set", "20", "users")
    asked = [arguments for verb, arguments in client.requests if verb == "load_change"]
    assert [(each["do"], each["rate"], each["users"]) for each in asked] == [
        ("pause", None, None), ("set", 800.0, None), ("set", None, 20),
    ]  # fmt: skip


def test_there_must_be_a_load_that_is_to_be_changed(running, monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    running(loads=0)
    result = run("load", "stop")
    assert (result.exit_code, result.stderr) == (3, "no load is running; `journey load` starts one\n")


# ---- explain ---------------------------------------------------------------------------------------------------


async def test_a_traced_request_is_explained_by_any_of_its_ids():
    world = FakeWorld()
    for record in first_journey().records:
        world.journal.add(record)
    (journey,) = world.journal.journeys()
    trace_id = f"1-{journey[:8]}-{journey[8:]}"
    for identity in (journey, trace_id, f"Root={trace_id}", journey[:6].upper()):
        found = await explaining.explain_request(world, identity)
        assert found["request_id"] == trace_id
        assert found["sentence"].startswith("alb-1a chose ")
        assert {"alb.target", "nginx.answer"} <= {each["kind"] for each in found["records"]}


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("abcdef012345", "nothing is known of request abcdef012345"),
        ("1-67", "'1-67' is not a request's id"),
        ("x", "'x' is not"),
    ],
)
async def test_what_cannot_be_explained(identity, message):
    with pytest.raises(RequestFailed, match=message):
        await explaining.explain_request(FakeWorld(), identity)


FAILURE = {
    "request_id": "1-67891233-abcdef012345678912345678",
    "status": 502,
    "cause": "TargetClosedConnection",
    "sentence": "The target closed the connection.",
    "chosen": {"target": "10.0.10.20:80"},
}


async def test_a_failed_request_that_nobody_recorded_is_explained_by_the_node(monkeypatch):
    world = FakeWorld()

    async def errors(limit: int):
        return [FAILURE]

    class Alb:
        call_errors = None

    world._errors = errors
    monkeypatch.setattr(explaining, "load_kind", lambda kind: (None, Alb))
    found = await explaining.explain_request(world, "67891233")
    assert found["cause"] == "TargetClosedConnection" and found["status"] == 502
    assert (
        found["sentence"] == "alb-1a answered 502 for target 10.0.10.20:80: The target closed the connection."
    )


def test_explain_tells_the_sentence_first(running):
    record = {"element": "alb-1a", "told": "Target group nginx: chose it"}
    running(
        explain={
            "sentence": "alb-1a chose it",
            "request_id": "1-2-3",
            "cause": None,
            "records": [record],
            "failure": FAILURE,
        }
    )
    told = run("explain", "request", "abcdef").stdout.splitlines()
    assert told[:3] == ["alb-1a chose it", "1-2-3", "  alb-1a: Target group nginx: chose it"]
    assert any("TargetClosedConnection" in line for line in told)


def test_the_last_errors_are_listed_with_their_ids(running):
    errors = [
        {**FAILURE, "node": "alb-1a", "target": "10.0.10.20:80"},
        {**FAILURE, "node": "alb-1b", "cause": None},
    ]
    client = running(errors=errors)
    told = [" ".join(line.split()) for line in run("explain", "errors").stdout.splitlines()]
    assert told == [
        "id node status target cause",
        "1-67891233-abcdef012345678912345678 alb-1a 502 10.0.10.20:80 TargetClosedConnection",
        "1-67891233-abcdef012345678912345678 alb-1b 502 - the target's own answer",
    ]
    assert client.requests == [("errors", {"limit": 20})]
    running(errors=[])
    assert run("explain", "errors").stdout == "no request has failed\n"


# ---- aws -------------------------------------------------------------------------------------------------------


@pytest.fixture
def becomes(monkeypatch) -> list[tuple[list[str], dict[str, str]]]:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def execve(program, arguments, environment):
        calls.append((arguments, environment))
        raise SystemExit(254)

    monkeypatch.setattr(os, "execve", execve)
    return calls


def test_aws_gets_everything_as_it_was_typed_and_goes_nowhere_else(
    running, becomes, monkeypatch, tmp_path: Path
):
    program = tmp_path / "aws"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "production")
    running(ps={"elements": [], "addresses": {"aws_api": "127.0.0.1:4566"}})
    result = run("aws", "elbv2", "describe-load-balancers", "--help", "--output", "json")
    assert result.exit_code == 254
    ((arguments, environment),) = becomes
    assert arguments == ["aws", "elbv2", "describe-load-balancers", "--help", "--output", "json"]
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in environment


def test_aws_says_what_is_missing(running, monkeypatch):
    running(ps={"elements": [], "addresses": {}})
    assert run("aws", "s3", "ls").stderr == "this world has no AWS API (an element of kind aws_api)\n"
    running(ps={"elements": [], "addresses": {"aws_api": "127.0.0.1:1"}})
    monkeypatch.setenv("PATH", "/nonexistent")
    result = run("aws", "s3", "ls")
    assert result.exit_code == 3 and "the AWS CLI is not installed: `pip install awscli`" in result.stderr
    assert "Run the AWS CLI" in run("aws", "--help").stdout
    assert aws_verb.cli_environment("https://x", "eu-west-1")["AWS_ENDPOINT_URL"] == "https://x"
