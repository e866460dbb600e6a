"""What README, docs and help tell one to type: no command escapes being typed, and none but parses.

Who types which is in `tests/told/plan.py`.
"""

import re
import shlex
from collections import Counter
from typing import Any

import pytest
import typer

from orchestrator.cli import app
from tests.house.rooms import ROOT
from tests.interop import test_told_commands as in_tests
from tests.told import pages, plan

VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = [command for page in pages.pages() for command in pages.commands(page)]


def calls(text: str) -> list[str]:
    """What a command calls `journey` with, without what the shell does with its output."""
    return [
        re.split(r"\s+[|>]", line.strip())[0]
        for line in text.splitlines()
        if line.strip().startswith("journey ")
    ]


TOLD = sorted(
    {
        *(line for command in COMMANDS for line in calls(command.text)),
        *(line for verb in VERBS.values() for line in calls(re.sub(r"\s+#.*", "", verb.help or ""))),
    }
)


@pytest.mark.parametrize("line", TOLD)
def test_it_parses(line: str):
    _, verb, *arguments = shlex.split(line.replace(" --world compose", ""))  # it goes before any verb
    VERBS[verb].make_context(verb, arguments).close()


def test_every_command_is_typed_by_somebody():
    for command in COMMANDS:
        plan.typed_by(command)  # says what is missing


@pytest.mark.parametrize("rule", plan.RULES, ids=str)
def test_no_rule_is_left_over(rule: plan.Rule):
    first = [next(each for each in plan.RULES if each.fits(command)) for command in COMMANDS]
    assert rule in first, f"no command of any page needs {rule}"


def test_who_types_commands_plays_all_their_pages():
    played = {*in_tests.PAGES, *(guest for guests in in_tests.PAGES.values() for guest in guests)}
    assert played == {command.page for command in COMMANDS if plan.typed_by(command) == plan.TEST}
    soak = (ROOT / "tests/told/soak.py").read_text()
    assert {*re.findall(r'"((?:docs/)?[\w-]+\.md)"', soak)} == {
        command.page for command in COMMANDS if plan.typed_by(command) == plan.SOAK
    }
    assert "tests/told/soak.py" in (ROOT / "Makefile").read_text()


def test_ci_has_its_lines():
    lines = (ROOT / ".ci/run").read_text().replace(".venv/bin/python", "python").splitlines()
    theirs = [command for command in COMMANDS if plan.typed_by(command) == plan.CI]
    assert theirs and {command.text for command in theirs} <= {*lines}
    assert "make soak" in lines


def test_no_command_hides_in_a_block_that_is_not_read():
    for page in pages.pages():
        for block in pages.blocks((ROOT / page).read_text()):
            assert block.language in (*pages.OF_COMMANDS, *pages.OF_OTHERS, "indented"), (
                f"{page}:{block.line}: tests/told/pages.py does not know blocks of {block.language}"
            )
            if block.language in pages.OF_OTHERS and "\n$ " not in f"\n{block.text}":
                for line in block.text.splitlines():
                    assert not re.match(r"(journey|make|docker|curl|dig|kubectl|aws) [a-z@-]", line), (
                        f"{page}:{block.line}: {line} belongs into a block of console"
                    )


def test_every_verb_has_its_chapter_and_pages_name_no_other():
    assert (
        set(re.findall(r"^## journey ([a-z]+)$", (ROOT / "docs/cli.md").read_text(), re.MULTILINE))
        == VERBS.keys()
    )
    for page in pages.pages():
        named = set(re.findall(r"`journey ([a-z]+)[ `]", (ROOT / page).read_text()))
        assert named <= VERBS.keys(), page


def test_there_is_something_to_check():
    by = Counter(plan.typed_by(command) for command in COMMANDS)
    assert by[plan.TEST] > 100 and by[plan.SOAK] > 100 and by[plan.COMPOSE] >= 4


def test_commands_are_read_as_they_are_written():
    text = (
        "# A page\n\n```console\nmake run  # all \"of it\"\nfoo a \\\n  b\n```\n\n"
        "```text\n$ journey shell laptop\nhello\n# exit\n$ journey ps\n...\nelement\n```\n\n    journey trace\n\nend\n"
    )  # fmt: skip
    assert pages.commands("page", text) == [
        pages.Command("page", 4, "make run", 'all "of it"'),
        pages.Command("page", 5, "foo a \\\n  b"),
        pages.Command("page", 10, "journey shell laptop", "", ("hello",), ("exit",)),
        pages.Command("page", 13, "journey ps", "", ("...", "element")),
        pages.Command("page", 18, "journey trace"),
    ]
