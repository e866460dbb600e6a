"""Which command of which page is typed by whom: the first rule that fits, and one of them must.

A page that is new, or a command that no rule knows, fails `tests/house/test_commands_told.py`.
"""

import re
from typing import NamedTuple

from tests.told.pages import Command, commands

TEST = "make test"
"""In a live world, cut short: `tests/interop/test_told_commands.py`."""
SOAK = "make soak"
"""In the same way, by the same file, where it takes longer."""
COMPOSE = "tests/compose/run.py"
"""With a Docker engine."""
PARTS = "tests/orchestrator/test_bench.py"
"""Its parts, in brief, one by one: the whole takes minutes, and says something on a quiet machine alone."""
CI = ".ci/run"
"""A line of its own there."""


class Rule(NamedTuple):
    page: str
    """A pattern for the page's path."""
    command: str
    """A pattern that is found in the command."""
    by: str

    def fits(self, command: Command) -> bool:
        return bool(re.fullmatch(self.page, command.page) and re.search(self.command, command.text))


RULES = (
    Rule(r"docs/compose\.md", r"^(docker|journey --world compose|curl|dig)", COMPOSE),
    Rule(r"docs/compose\.md", r"^tests/compose/engine\.sh", CI),
    Rule(r"README\.md", r"^make test$", CI),
    Rule(r"README\.md", r"^make run$", SOAK),
    Rule(r".*", r"^journey bench\b", PARTS),
    Rule(r".*", r"^journey (run|simulate|compare)\b", SOAK),
    Rule(r"docs/live-page\.md", r"--page", SOAK),
    Rule(
        r"docs/(reports|scenarios|dashboards|aws-api|many-clients|cli|top|load-balancer-controller)\.md",
        r"",
        SOAK,
    ),
    Rule(r"docs/kubernetes\.md", r"thousand-pods", SOAK),
    Rule(r"docs/kubernetes\.md", r"^journey (drain|kubectl get|scale|inspect)", SOAK),
    Rule(r"docs/dns\.md", r"^journey traceroute", SOAK),
    Rule(r"docs/real-clients\.md", r"^home=|^certutil|chromium|/bytes/20m|^journey shell laptop$", SOAK),
    Rule(
        r"README\.md|docs/(tutorial|own-app|faults|load|bgp|kubernetes|dns|real-clients|live-page)\.md",
        r"^(journey|curl|dig) ",
        TEST,
    ),
)


def typed_by(command: Command) -> str:
    """Who types it; KeyError, if nobody does."""
    for rule in RULES:
        if rule.fits(command):
            return rule.by
    raise KeyError(f"nobody types {command}: tests/told/plan.py wants a rule for it")


def told(page: str, by: str) -> list[Command]:
    """The page's commands that are typed by this one."""
    return [command for command in commands(page) if typed_by(command) == by]
