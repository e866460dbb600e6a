"""What the docs tell one to type is typed, in its order, in live worlds: each page from its `up` to its `down`.

In a comment, what stands in quotes must stand in what the command prints, and `fails` means an exit code that is not 0.
Loads are cut short: it is not they that are tested here.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from tests.house.rooms import ROOT
from tests.tools import needs

BECOME = ("kubectl", "aws", "rollout", "up", "shell")
"""Verbs that become another program, or leave one behind: they get a process of their own."""
LOOKING = ("trace", "ping", "dig", "traceroute", "inspect", "explain", "kubectl", "get", "ps")
PATIENCE_S = 15.0
"""What has been mended needs a moment: who only looks is told to look again."""
CHANGES = ("set", "pause", "resume", "stop")
BESIDE = [sys.executable, "-m", "orchestrator.cli", "load", "--rate", "20", "-d", "1m"]
"""The load that runs in another terminal, to be changed and stopped."""
INVALID = 5
"""A load's figures on a busy machine are told, and not to be believed."""
LONG = (
    (r"(-d|--duration) \S+", r"\1 300ms"),
    (r"(for) \d+[sm]\b(?=['\"])", r"\1 200ms"),
)


PAGES = {
    "README.md": ("docs/top.md", "docs/load.md", "docs/bgp.md", "docs/kubernetes.md"),
    "docs/tutorial.md": (),
    "docs/own-app.md": (),
    "docs/faults.md": (),
}


def console(page: str) -> list[tuple[str, str]]:
    """Lines of the page's console blocks that call `journey`: the command, and the comment after it."""
    blocks = re.findall(r"^```console\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for line in "".join(blocks).splitlines() if line.startswith("journey ")]
    parts = [re.split(r"\s+#\s", line, maxsplit=1) for line in lines]
    return [(command, *comment) if comment else (command, "") for command, *comment in parts]


def typed(command: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    arguments = shlex.split(command)[1:]
    if arguments[0] in BECOME:
        program = [sys.executable, "-m", "orchestrator.cli", *arguments]
        done = subprocess.run(program, capture_output=True, text=True, timeout=90, cwd=ROOT)
        return done.returncode, done.stdout + done.stderr
    answer = CliRunner().invoke(app, arguments)
    return answer.exit_code, answer.output


def cut_short(command: str, folder: Path) -> str:
    """The same with little load, and with files of the test's own."""
    for long, replacement in LONG:
        command = re.sub(long, replacement, command)
    words = command.split()
    if (
        words[1] == "load"
        and words[2:3] not in [[each] for each in CHANGES]
        and not {"-d", "--stage", "--trace"} & {*words}
    ):
        command += " -d 300ms"
    (folder / "arrivals.txt").write_text("0.05\n0.1\n")
    return command.replace("arrivals.txt", str(folder / "arrivals.txt"))


def play(page: str, folder: Path, guests: tuple[str, ...] = ()) -> None:
    """Type what a page tells; `guests` are pages that take a world for granted: they are typed before it goes down."""
    beside: subprocess.Popen[bytes] | None = None
    for command, comment in console(page):
        if command == "journey down":
            for guest in guests:
                play(guest, folder)
        if command.startswith("journey load set"):
            beside = subprocess.Popen(BESIDE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        short = re.sub(r"-o \S+\.pcapng", f"-o {folder / 'request.pcapng'}", command)
        short = cut_short(short, folder)
        deadline = time.monotonic() + (
            PATIENCE_S if command.split()[1] in LOOKING or "load set" in command else 0
        )
        while (wrong := untrue(*typed(short), comment)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert wrong is None, f"{page}: {command} {wrong}"
        if beside is not None and command == "journey load stop":
            beside.wait(timeout=30)


def untrue(code: int, said: str, comment: str) -> str | None:
    """What of the comment does not hold."""
    if (code in (0, INVALID)) == comment.strip().startswith("fails"):
        return f"ends with {code}\n{said}"
    flat = " ".join(said.split())
    missing = [quoted for quoted in re.findall(r'"([^"]+)"', comment) if quoted not in flat]
    return f"does not say {missing}\n{said}" if missing else None


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)
    yield
    subprocess.run([sys.executable, "-m", "orchestrator.cli", "down"], capture_output=True, env=os.environ)


@needs("kubectl")
@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_true(page: str, tmp_path: Path):
    if not any(command.startswith("journey up") for command, _ in console(page)):
        # the page takes a world for granted, and counts its faults from 1
        assert typed("journey up --detach")[0] == 0
    play(page, tmp_path, PAGES[page])
