"""`journey` as tests call it: in this process, where a verb only asks a world that is up; else in one of its own.

A process of its own spends 0.3 s of a core on its imports: what they prove is proved once a family of verbs, by
`program` in tests/orchestrator/test_cli_world.py. Which world is meant is told by JOURNEY_HOME, as everywhere.
"""

import subprocess
import sys
import traceback
from typing import NamedTuple

from typer.testing import CliRunner

from orchestrator.cli import app

JOURNEY = [sys.executable, "-m", "orchestrator.cli"]
BECOME = ("up", "kubectl", "aws", "shell")
"""Verbs that become another program, or leave one behind."""
PATIENCE_S = 90
BELIEVED_OR_NOT = (0, 5)
"""How a load ends: on a busy machine its figures are told, and not to be believed."""


class Said(NamedTuple):
    """What a command ended with, and wrote."""

    code: int
    out: str
    err: str


def program(*arguments: str) -> Said:
    """Run it as a program, whatever the verb."""
    done = subprocess.run([*JOURNEY, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    return Said(done.returncode, done.stdout, done.stderr)


def said(*arguments: str) -> Said:
    """Run it in the cheapest way that its verb allows."""
    if arguments[0] in BECOME:
        return program(*arguments)
    done = CliRunner().invoke(app, arguments)
    unforeseen = done.exception if not isinstance(done.exception, SystemExit) else None
    trace = "".join(traceback.format_exception(unforeseen)) if unforeseen else ""
    return Said(done.exit_code, done.stdout, done.stderr + trace)


def journey(*arguments: str, code: int | tuple[int, ...] = 0) -> str:
    """The same for one that has to end with `code`; what it wrote to stdout."""
    done = said(*arguments)
    assert done.code in (code if isinstance(code, tuple) else (code,)), done.out + done.err
    return done.out
