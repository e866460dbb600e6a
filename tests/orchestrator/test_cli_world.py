"""The commands over real worlds: processes, sockets, and nothing left behind."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.journey_cli import BELIEVED_OR_NOT, JOURNEY, journey, program
from tests.orchestrator.small_world import SMALL_WORLD


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "h"))
    yield tmp_path / "h"
    journey("down")


def by_itself(*arguments: str) -> str:
    """What the program writes to stdout when all goes well."""
    done = program(*arguments)
    assert done.code == 0, done.err
    return done.out


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def runs_in(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.is_dir()]


def test_a_detached_world_serves_other_commands_until_it_is_taken_down(home, tmp_path):
    assert "200 after" in journey("up", "--detach")
    listed = json.loads(by_itself("ps", "--json"))
    pids = [element["pid"] for element in listed["elements"]]
    assert all(map(running, pids))

    told = json.loads(by_itself("trace", "--json"))
    assert told["status"] == 200
    assert sum(told["phases"].values()) == pytest.approx(told["total_ms"], rel=0.01)
    assert sum(tier["ms"] for tier in told["time_spent"]) == pytest.approx(told["total_ms"], rel=0.001)
    assert {"result": "hit", "cache": "browser"}.items() <= next(
        decision for decision in told["decisions"] if decision["kind"] == "dns.cache"
    ).items()

    loaded = json.loads(journey("load", "--json", "-c", "4", "-d", "1s", code=BELIEVED_OR_NOT))
    assert sum(loaded["per_pod"].values()) == loaded["requests"] > 50
    pods = {element["name"] for element in listed["elements"] if element["kind"] == "nginx_pod"}
    assert set(loaded["per_pod"]) == pods and len(pods) == 3

    journey("capture", "--url", told["url"], "-o", str(tmp_path / "x.pcapng"))
    assert (tmp_path / "x.pcapng").stat().st_size > 5000

    journey("up", code=3)
    by_itself("down")
    assert not any(map(running, pids))
    assert runs_in(home) == []


def test_a_command_without_a_world_leaves_none_behind(home):
    assert json.loads(by_itself("trace", "--json"))["status"] == 200
    assert runs_in(home) == []
    assert json.loads(journey("ps", "--json"))["elements"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_world_in_the_foreground_ends_when_it_is_told_to(home, tmp_path, number):
    """A small one: that the default world ends by Ctrl-C is seen in test_tour.py."""
    (tmp_path / "small.yaml").write_text(SMALL_WORLD)
    process = subprocess.Popen(
        [*JOURNEY, "up", tmp_path / "small.yaml"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "Ctrl-C" in line:
            break
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    assert process.wait(20) == 0
    process.stderr.close()
    assert runs_in(home) == []


def test_a_start_that_is_interrupted_leaves_nothing_behind(home):
    process = subprocess.Popen([*JOURNEY, "up"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not (home.exists() and runs_in(home)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    # CPython itself ends by the signal (130 for a shell) if that hit the code of an `exec`, as dataclasses have it
    assert process.wait(20) in (130, -signal.SIGINT)
    assert runs_in(home) == []


def test_a_world_file_that_is_wrong_leaves_no_process_and_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "wrong.yaml").write_text("version: 1\nelements: {}\n")
    home = tmp_path / "h"
    monkeypatch.setenv("JOURNEY_HOME", str(home))
    done = program("up", str(tmp_path / "wrong.yaml"))
    assert done.code == 2 and "wrong.yaml:2" in done.err
    assert list(home.iterdir()) == []
