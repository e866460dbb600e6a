import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import operations
from orchestrator.bench import suite
from orchestrator.bench.figures import Figure
from orchestrator.cli import app
from orchestrator.commands import failure, options
from orchestrator.commands import world as world_verbs
from orchestrator.control.api import RequestFailed
from tests.orchestrator.fake_world import CONFIG, FakeWorld, load_status
from tests.orchestrator.synthetic import EXPECTED_HOPS, first_journey

VERBS = [
    "up", "down", "ps", "trace", "load", "inspect", "set", "get", "explain", "aws", "run", "report", "runs",
    "scale", "rollout", "drain", "cordon", "uncordon", "kubectl",
    "capture", "simulate", "bench", "validate", "schema", "doctor",
]  # fmt: skip


class FakeClient:
    """A running world, as a command in another terminal sees it."""

    directory = Path("/run/abc")

    def __init__(self, **answers) -> None:
        self.answers = answers
        self.requests: list[tuple[str, dict]] = []

    def request(self, verb, /, **arguments):
        self.requests.append((verb, arguments))
        answer = self.answers[verb]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stream(self, verb, /, **arguments):
        yield from self.request(verb, **arguments)


@pytest.fixture(autouse=True)
def no_world(monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(operations, "POLL_S", 0)


@pytest.fixture
def running(monkeypatch):
    """Makes a world seem to run: `running(trace=...)`."""

    def make(**answers):
        client = FakeClient(**answers)
        for module in (options, world_verbs):
            monkeypatch.setattr(module, "running_world", lambda: client)
        return client

    return make


@pytest.fixture
def own_world(monkeypatch):
    """What a command starts when no world is running."""
    worlds = []

    def make(config):
        worlds.append(FakeWorld(config))
        return worlds[-1]

    monkeypatch.setattr("orchestrator.control.own_world.World", make)
    monkeypatch.setattr(options, "read_config", lambda file: CONFIG)
    return worlds


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


# ---- usage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(verb):
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"journey {verb}" in result.stdout.split("Examples")[1]


def test_an_unknown_verb_is_answered_with_what_was_meant():
    result = run("trcae")
    assert result.exit_code == 2
    assert "Did you mean 'trace'" in result.stderr


def test_an_unknown_option_is_a_usage_error():
    assert run("trace", "--jsno").exit_code == 2


@pytest.mark.parametrize("url", ["ftp://x/", "https://", "http://x:99999/"])
def test_a_url_that_is_none_is_a_usage_error(url):
    result = run("trace", url)
    assert result.exit_code == 2
    assert "is not a URL such as https://packet-journey.com/" in result.stderr


@pytest.mark.parametrize("duration", ["10", "fast", "0s", "10parsec"])
def test_a_duration_needs_a_number_and_a_unit(duration):
    result = run("load", "--duration", duration)
    assert result.exit_code == 2
    assert "Error" in result.stderr


def test_help_is_quick():
    """A quarter of a second where the bare imports take a tenth; as a ratio it holds on busy machines too."""

    def seconds(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    pairs = [
        (seconds("-m", "orchestrator.cli", "--help"), seconds("-c", "import typer, rich.console"))
        for _ in "12345"
    ]
    assert min(one / other for one, other in pairs) < 2.5


def test_help_imports_nothing_heavy():
    code = "import sys, orchestrator.cli; print(' '.join(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"pydantic", "zmq", "aiohttp", "yaml", "rich.console", "asyncio"} & set(told.stdout.split())


# ---- failures -------------------------------------------------------------------------------------------------------


def test_a_wrong_config_ends_with_2_and_says_where(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("version: 1\nurl: https://x/\nelements: {a: {kind: laptob}}\n")
    for command in (["validate"], ["up"], ["up", "--detach"], ["trace", "--file"], ["simulate"]):
        result = run(*command, str(file))
        assert result.exit_code == 2
        assert "wrong.yaml:3:" in result.stderr
        assert result.stdout == ""


def test_a_missing_config_ends_with_2(tmp_path):
    result = run("validate", str(tmp_path / "nothing.yaml"))
    assert result.exit_code == 2
    assert "no such file" in result.stderr


def test_an_internal_error_ends_with_1_and_saves_the_traceback(running):
    running(trace=ZeroDivisionError("oh"))
    result = run("trace")
    assert result.exit_code == 1
    path = Path(result.stderr.split("the traceback is in ")[1].strip())
    assert "ZeroDivisionError: oh" in path.read_text()
    path.unlink()


def test_what_the_world_refuses_ends_with_its_code(running):
    running(trace=RequestFailed("laptop is down", 3))
    result = run("trace")
    assert (result.exit_code, result.stderr.strip(), result.stdout) == (3, "laptop is down", "")


def test_an_interruption_ends_with_130(monkeypatch):
    def interrupted(file):
        raise KeyboardInterrupt

    monkeypatch.setattr(options, "read_config", interrupted)
    assert run("trace").exit_code == failure.INTERRUPTED


# ---- verbs ----------------------------------------------------------------------------------------------------------


def test_trace_prints_the_journey_as_json(running):
    client = running(trace=first_journey().packed())
    result = run("trace", "packet-journey.com", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert client.requests == [("trace", {"url": "https://packet-journey.com", "element": None})]
    assert told["status"] == 200
    assert told["hops"] == EXPECTED_HOPS
    assert set(told["phases"]) == {"dns", "tcp", "tls", "first_byte", "download"}
    assert {"t_ms", "element", "kind"} <= set(told["decisions"][0])


def test_trace_tells_a_story(running):
    running(trace=first_journey().packed())
    result = run("trace")
    assert "Finding the address" in result.stdout
    assert "Told from" in result.stdout
    assert "Told from" not in run("trace", "--all").stdout


def test_a_trace_without_an_answer_ends_with_4(running):
    packed = first_journey().packed()
    packed["records"] = [r for r in packed["records"] if r["kind"] not in ("journey.end", "http.response")]
    running(trace=packed)
    result = run("trace")
    assert result.exit_code == 4
    assert "failed after" in result.stdout


def test_a_verb_starts_a_world_of_its_own_when_none_is_running(own_world):
    result = run("trace", "--json")
    assert result.exit_code == 0
    assert "no world is running" in result.stderr
    assert json.loads(result.stdout)["hops"] == EXPECTED_HOPS
    assert [verb for _, verb, _ in own_world[0].calls] == ["fetch"]


def test_names_are_checked_with_a_suggestion(own_world):
    result = run("trace", "--from", "labtop")
    assert result.exit_code == 2
    assert "did you mean 'laptop'?" in result.stderr


def test_load_shows_who_served(running):
    client = running(load=[load_status(5, 10), load_status(10, 10)])
    result = run("load", "-c", "8", "--duration", "10s")
    assert result.exit_code == 0
    stages = [{"duration_s": 10.0, "users": 8, "users_at_end": 8}]
    assert client.requests[0][1] == {"url": None, "clients": [], "stages": stages}
    assert "10,000 requests, 1,000/s, 8 at once" in result.stdout
    assert "nginx-1" in result.stdout
    assert "50.0%" in result.stdout
    assert "p99.9" in result.stdout
    assert "load: 10.0 of 10 s" in result.stderr


def test_load_says_what_must_be_known_to_read_its_figures(running):
    lag_ms = {"max": 23.4, "element": "vpc"}
    running(load=[{**load_status(10, 10), "lag_ms": lag_ms, "lost_clients": 1}])
    told = run("load").stdout
    assert "emulator lag up to 23 ms (vpc): latencies on this machine include it" in told
    assert "the laptop was killed once on the way" in told


def test_load_that_nothing_came_in_the_way_of_is_told_without_notes(running):
    running(load=[{**load_status(10, 10), "lag_ms": {"max": 0.0, "element": None}, "lost_clients": 0}])
    told = run("load").stdout
    assert "lag" not in told
    assert "killed" not in told


def test_load_as_json_is_the_last_count(running):
    running(load=[load_status(5, 10), load_status(10, 10)])
    assert json.loads(run("load", "--json").stdout) == {**load_status(10, 10), "invalid": []}


def test_a_load_that_nobody_answered_ends_with_4(own_world, monkeypatch):
    monkeypatch.setattr(FakeWorld, "__init__", _unanswering(FakeWorld.__init__))
    result = run("load", "--duration", "2s")
    assert result.exit_code == 4
    assert "refused" in result.stdout
    assert "no request was answered" in result.stderr


def _unanswering(init):
    def changed(self, *arguments, **named):
        init(self, *arguments, **named)
        self.answers_requests = False

    return changed


def test_capture_fetches_once_in_a_world_of_its_own(own_world, tmp_path):
    result = run("capture", "-o", str(tmp_path / "x.pcapng"), "--keylog", str(tmp_path / "keys"))
    assert result.exit_code == 0, result.stderr
    assert [verb for _, verb, _ in own_world[0].calls] == ["fetch"]
    assert "wrote 2 frames" in result.stderr
    assert (tmp_path / "x.pcapng").stat().st_size > 200
    assert (tmp_path / "keys").read_text() == ""


def test_capture_needs_a_link_that_exists_and_a_place_to_write(own_world, tmp_path):
    wrong_link = run("capture", "--at", "wify", "-o", str(tmp_path / "x.pcapng"))
    assert wrong_link.exit_code == 2
    assert "did you mean 'wifi'?" in wrong_link.stderr
    assert list(tmp_path.glob("x*")) == []
    assert run("capture", "-o", str(tmp_path / "no" / "x.pcapng")).exit_code == 3


def test_ps_lists_elements_and_addresses(running):
    listed = FakeWorld().ps()
    running(ps=listed)
    assert json.loads(run("ps", "--json").stdout) == listed
    table = run("ps").stdout.splitlines()
    assert table[0].split() == ["element", "kind", "pid", "state", "restarts"]
    assert table[1].split() == ["laptop", "laptop", "100", "up", "0"]


def test_without_a_world_ps_lists_nothing_and_down_does_nothing():
    assert json.loads(run("ps", "--json").stdout) == {"elements": [], "addresses": {}, "directory": None}
    down = run("down")
    assert (down.exit_code, down.stderr) == (0, "no world is running\n")


def test_a_second_world_is_not_started(running):
    running()
    result = run("up")
    assert result.exit_code == 3
    assert "a world is running already" in result.stderr


def test_validate_says_what_is_in_a_sound_file():
    result = run("validate", "configs/journey.yaml", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["elements"] == 24


def test_schema_is_a_json_schema():
    assert json.loads(run("schema").stdout)["$schema"].startswith("https://json-schema.org/")


def test_doctor_gives_each_check_with_its_advice():
    checks = json.loads(run("doctor", "--json").stdout)
    assert {"name", "status", "found", "advice"} == set(checks[0])


def test_equal_seeds_give_equal_journals(tmp_path):
    def told(seed: int) -> dict:
        file = tmp_path / f"{seed}.ndjson"
        result = run("simulate", "--seed", str(seed), "-d", "1s", "-c", "2", "-o", str(file), "--json")
        assert result.exit_code == 0, result.stderr
        value = json.loads(result.stdout)
        assert len(file.read_text().splitlines()) == value["records"]
        return value

    first, again, other = told(7), told(7), told(8)
    assert first["journal_hash"] == again["journal_hash"] != other["journal_hash"]
    assert first["load"]["requests"] > 0


@pytest.mark.parametrize(("value", "code"), [(100.0, 0), (10.0, 4)])
def test_bench_ends_with_4_when_a_figure_falls_short(monkeypatch, value, code):
    figure = Figure(
        "https_requests_per_s", "HTTPS requests/s", "/s", value, 200.0, "aiohttp over loopback", 0.25
    )
    monkeypatch.setattr(suite, "run", lambda config, domain: iter([figure]))
    result = run("bench")
    assert result.exit_code == code
    assert "aiohttp over loopback" in result.stdout
    told = json.loads(run("bench", "--json").stdout)
    assert (told["https_requests_per_s"], told["https_requests_per_s_reference"]) == (value, 200.0)
