"""`make run` is `journey up --tour`: how it goes without a terminal, and on one."""

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SHORT_TOUR = (
    "from orchestrator.commands import foreground; foreground.TOUR_S = {seconds}; "
    "from orchestrator.cli import main; main()"
)
PATIENCE_S = 60


def tour(seconds: float) -> list[str]:
    return [sys.executable, "-c", SHORT_TOUR.format(seconds=seconds), "up", "--tour"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    return tmp_path


def left_behind(home: Path) -> list[str]:
    """Processes that were started for this test's world: they all have its home in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"JOURNEY_HOME={home}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def read_until(terminal: int, text: str) -> str:
    seen = ""
    while text not in seen:
        if not select.select([terminal], [], [], PATIENCE_S)[0]:
            raise AssertionError(f"has not said {text!r} for {PATIENCE_S} s: {seen}")
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux's way to say that nobody is at the other end any more
            piece = b""
        if not piece:
            raise AssertionError(f"never said {text!r}: {seen}")
        seen += piece.decode()
    return seen


def test_without_a_terminal_it_shows_everything_and_ends(home):
    done = subprocess.run(tour(1.0), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert told.index("200 after") < told.index("1 seconds of load") < told.index("p99.9")
    assert "emulator lag up to" in told
    assert "in another terminal" not in done.stderr, "there is no world left to try things on"
    assert "`journey up` keeps it" in done.stderr
    assert left_behind(home) == []
    assert list(home.iterdir()) == []


def test_on_a_terminal_it_stays_until_ctrl_c(home):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(tour(0.25), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        told = read_until(ours, "stops it")
        assert "in another terminal" in told
        assert "emulator lag up to" in told
        assert len(left_behind(home)) > 20, "the world is there"
        os.killpg(process.pid, signal.SIGINT)
        read_until(ours, "the world is down")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(ours)
    assert left_behind(home) == []
    assert list(home.iterdir()) == []
