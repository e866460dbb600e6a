"""Types a page into a shell, command by command, and says what of it is untrue.

The shell's folder looks like the root of the repository and is a scratch copy: what commands write stays in it.
Ports and paths that a page prints are those of another machine: they give way to what the running world says.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.told.journey import function, install
from tests.told.pages import ROOT, Command
from tests.told.plan import told
from tests.told.shell import Bash, Said
from tests.told.skeleton import untrue

LOOKING = ("trace", "ping", "dig", "traceroute", "inspect", "explain", "kubectl", "get", "ps", "top", "open")
PATIENCE_S = 15.0
"""What has been mended needs a moment: who only looks is told to look again."""
CHANGES = ("set", "pause", "resume", "stop")
BESIDE = "journey load --rate 20 -d 1m"
"""The load that runs in another terminal, to be changed and stopped."""
SHORTER = (
    (r"^(journey load.* (-d|--duration)) \S+", r"\1 300ms"),
    (r"(for) \d+[sm]\b(?=['\"])", r"\1 200ms"),
    (r"^(journey capture.* (-d|--duration)) \S+", r"\1 1s"),
    (r"^(journey simulate.* --duration) \S+", r"\1 2s"),
    (r"^((?:journey shell laptop -- )?traceroute) packet", r"\1 -m 7 packet"),
    (r"^(journey scale nginx) 1000$", r"\1 30"),
    (r"^(journey scale deployment/nginx) 40\b", r"\1 12"),
)
"""Loads are cut short: it is not they that are tested here."""
SAME_EVERY_TIME = r"journey (run|simulate|compare) configs/scenarios/\S+(?!.*[|>])"


class Player:
    """Plays pages in `bash`; a world that is up is asked where its doors are."""

    def __init__(self, bash: Bash, folder: Path) -> None:
        self.bash, self.folder = bash, folder
        self.wrong: list[str] = []
        """What was untrue so far."""
        self.places: dict[str, str] = {}
        """Patterns of what pages print of their own machine, and what stands there here."""
        self._known: dict[tuple[str, str], Said] = {}
        self._world: dict[str, Any] | None = None

    def play(self, page: str, by: str, guests: tuple[str, ...] = ()) -> None:
        """Type what `by` is to type of a page; its `guests`, as soon as there is a world for them."""
        up = ""
        for command in told(page, by):
            self.one(command)
            if guests and not up and command.text.startswith("journey up"):
                up = command.text
                for guest in guests:
                    self._visit(guest, by, up)

    def _visit(self, page: str, by: str, up: str) -> None:
        for command in told(page, by):
            if command.text not in (up, "journey down"):
                self.one(command)

    def up(self) -> None:
        """Bring the default world up, for pages that take it for granted."""
        said = self.bash.type("journey up --detach")
        assert said.code == 0, said.text

    def one(self, command: Command) -> None:
        """Type one command, and remember if it does not do what its page says."""
        begun = time.monotonic()
        if command.text.startswith("journey up"):
            self.bash.type("journey down")  # as whoever begins another page does
        aside = command.text.startswith("journey load set")
        if aside:
            self.bash.beside(BESIDE)
        text = self.here(shortened(command.text))
        wrong = untrue(command, self._type(text, command))
        deadline = time.monotonic() + (PATIENCE_S if aside or _looks(command) else 0)
        while wrong and time.monotonic() < deadline:
            time.sleep(0.2)
            wrong = untrue(command, self._type(text, command))
        if wrong is not None:
            self.wrong.append(f"{command} {wrong}")
            assert not command.text.startswith("journey up"), self.wrong
        if command.text.split()[1:2] == ["up"] or command.text == "journey down":
            self._world = None
        with (self.folder / "played").open("a") as log:
            log.write(f"{time.monotonic() - begun:6.2f} s  {'' if wrong is None else 'UNTRUE '}{command}\n")

    def _type(self, text: str, command: Command) -> Said:
        """What it says; what is the same every time, and long, is typed once."""
        try:
            return self._said(text, command)
        except TimeoutError as late:
            raise AssertionError("\n\n".join([*self.wrong, f"{command} {late}"])) from late

    def _said(self, text: str, command: Command) -> Said:
        if command.inside:
            return self.bash.type(
                at_a_terminal(text), "".join(f"{shortened(line)}\n" for line in command.inside)
            )
        if not re.match(SAME_EVERY_TIME, text):
            return self.bash.type(text)
        scenarios = ("whole" if command.shown else "brief", text)
        if scenarios not in self._known:
            choose_scenarios(self.folder, brief=not command.shown)
            self._known[scenarios] = self.bash.type(text)
        return self._known[scenarios]

    def here(self, text: str) -> str:
        """The command with this world's ports and paths."""
        for there, here in self.places.items():
            text = re.sub(there, lambda _, here=here: here, text)
        for there, asked in PLACES:
            if re.search(there, text):
                text = re.sub(there, asked(self.world()), text)
        for there, question, answer in FOUND:
            looked_up = f"$(aws {question} --query '{answer}' --output text)"
            text = re.sub(there, lambda _, looked_up=looked_up: looked_up, text)
        return text

    def world(self) -> dict[str, Any]:
        """What `journey ps --json` says of the running world."""
        if self._world is None:
            said = self.bash.type("journey ps --json 2>/dev/null")
            assert said.code == 0, said.text
            self._world = json.loads(said.text)
        return self._world


PLACES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    (r"127\.0\.0\.1:8080\b", lambda world: str(world["addresses"]["ingress"])),
    (r"127\.0\.0\.1:1080\b", lambda world: str(world["addresses"]["proxy"])),
    (r"127\.0\.0\.1:9464\b", lambda world: str(world["addresses"]["metrics"]).split("/")[2]),
    (r"127\.0\.0\.1:41537\b", lambda world: str(world["addresses"]["aws_api"]).split("/")[2]),
    (r"-p 5300\b", lambda world: f"-p {str(world['addresses']['dns']).rsplit(':', 1)[-1]}"),
    (r"(?<=\s)\S*\bca\.pem\b", lambda world: f"{world['directory']}/ca.pem"),
)

FOUND = (
    (
        r"arn:aws:elasticloadbalancing:\.\.\.",
        "elbv2 describe-target-groups",
        "TargetGroups[0].TargetGroupArn",
    ),
    (r"\bZ\.\.\.", "route53 list-hosted-zones", "HostedZones[0].Id"),
    (r"\bsg-\.\.\.", "ec2 describe-security-groups", "SecurityGroups[0].GroupId"),
    (r"\beipalloc-\.\.\.", "ec2 describe-addresses", "Addresses[?!AssociationId]|[-1].AllocationId"),
    (r"\bi-\.\.\.", "ec2 describe-instances", "Reservations[0].Instances[0].InstanceId"),
)
"""What a page leaves to its reader to look up by `aws`: the pattern, what to ask, and what of the answer."""


def shortened(text: str) -> str:
    """The same with little load."""
    for long, short in SHORTER:
        text = re.sub(long, short, text)
    words = text.split()
    if (
        words[:2] == ["journey", "load"]
        and words[2:3] not in [[each] for each in CHANGES]
        and not {"-d", "--duration", "--stage", "--trace"} & {*words}
    ):
        text += " -d 300ms"
    return text


def at_a_terminal(text: str) -> str:
    """The same for what draws, prompts, or asks whether somebody is there."""
    return f"script -qec {shlex.quote(text)} /dev/null"


def _looks(command: Command) -> bool:
    words = command.text.split()
    return words[0] != "journey" or words[1] in LOOKING


@contextmanager
def player(scratch: Path) -> Iterator[Player]:
    """A shell with `journey` in its PATH, in a folder of its own; what it has left running is stopped at the end."""
    folder, tools, pipes = scratch / "root", scratch / "bin", (scratch / "requests", scratch / "answers")
    furnish(folder)
    tools.mkdir()
    install(tools)
    journey = function(*pipes)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "JOURNEY_HOME": str(scratch / "h"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        "BROWSER": "true",
        "SHELL": "/bin/sh",
        "HOME": str(scratch),
        "VENV": str(scratch),
    }
    (scratch / ".installed").touch()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.told.journey", *map(str, pipes)],
        cwd=ROOT, stdin=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    bash = Bash(folder, scratch, environment)
    try:
        bash.type(journey)
        yield Player(bash, folder)
    finally:
        bash.end()
        subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", "down"], capture_output=True, env=environment, cwd=ROOT
        )
        server.terminate()
        server.wait()


def furnish(folder: Path) -> None:
    """Make a folder that looks like the root."""
    for within in (folder, folder / "configs"):
        within.mkdir()
    for each in (*ROOT.iterdir(), *(ROOT / "configs").iterdir()):
        if each.name not in (".git", "configs", "scenarios", "runs", "build", "dist"):
            (folder / each.relative_to(ROOT)).symlink_to(each)
    (folder / "arrivals.txt").write_text("0.05\n0.1\n")
    choose_scenarios(folder, brief=False)


def choose_scenarios(folder: Path, *, brief: bool) -> None:
    """Have configs/scenarios hold what is shipped, or the same in a fifth of the time and without a verdict."""
    shipped, shown = ROOT / "configs" / "scenarios", folder / "configs" / "scenarios"
    if brief and not (copies := folder / "configs" / "brief").exists():
        copies.mkdir()
        for each in shipped.iterdir():
            if each.is_dir():
                (copies / each.name).symlink_to(each)
            else:
                (copies / each.name).write_text(_brief(each.read_text()))
    shown.unlink(missing_ok=True)
    shown.symlink_to(folder / "configs" / "brief" if brief else shipped)


def _brief(scenario: str) -> str:
    scenario = re.sub(
        r"^(thresholds|expect|assertions):.*\n(?:[ \n].*\n?)*", "", scenario, flags=re.MULTILINE
    )
    return re.sub(
        r"\b(for|at|warm_up): (\d+)s\b", lambda found: f"{found[1]}: {int(found[2]) * 200}ms", scenario
    )
