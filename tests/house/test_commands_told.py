"""What README, docs and help tell one to type is right: it parses, the quick ones run, and no verb is left out."""

import re
import shlex
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.cli import app
from tests.house.rooms import ROOT

VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
QUICK = ("validate", "schema")


def typed(text: str) -> list[str]:
    """The lines that call `journey`, without what the shell does with their output and without comments."""
    return [
        re.split(r"\s+[|>#]", line.strip())[0]
        for line in text.splitlines()
        if line.strip().startswith("journey ")
    ]


def is_quick(line: str) -> bool:
    return line.split()[1] in QUICK


def in_blocks(page: str) -> list[str]:
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return typed("\n".join(blocks))


TOLD = sorted(
    {
        *(line for page in PAGES for line in in_blocks(page.read_text())),
        *(line for verb in VERBS.values() for line in typed(verb.help or "")),
    }
)


@pytest.mark.parametrize("line", TOLD)
def test_it_parses(line: str):
    _, verb, *arguments = shlex.split(line.replace(" --world compose", ""))  # it goes before any verb
    VERBS[verb].make_context(verb, arguments).close()


@pytest.mark.parametrize(
    "line",
    [
        line
        for page in PAGES
        if page.name != "cli.md"
        for line in in_blocks(page.read_text())
        if is_quick(line)
    ],
)
def test_it_runs(line: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0, done.output


def test_every_verb_has_its_chapter_and_pages_name_no_other():
    assert (
        set(re.findall(r"^## journey ([a-z]+)$", (ROOT / "docs/cli.md").read_text(), re.MULTILINE))
        == VERBS.keys()
    )
    for page in PAGES:
        named = set(re.findall(r"`journey ([a-z]+)[ `]", page.read_text()))
        assert named <= VERBS.keys(), page.name


def test_there_is_something_to_check():
    assert len(in_blocks(README)) >= 8 and len(TOLD) > 20
