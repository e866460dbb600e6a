"""Reads the commands out of README and docs: what a reader would paste, and what the page says of it.

Commands stand in blocks of `console` and `sh`, in blocks of `text` after a `$ `, and in indented blocks. Where a block
has a `$ `, the other lines are what the command before them prints; `# ` there is the prompt of a shell that
`journey shell` has opened. In a comment, what stands in quotes must stand in what the command prints, `fails` means an
exit code that is not 0, and `ends with 4` that one.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
OF_COMMANDS = ("console", "sh", "bash", "shell")
"""Languages of blocks that hold commands."""
OF_OTHERS = ("", "text", "yaml", "json", "python", "mermaid", "toml", "html", "protobuf")
"""Languages of blocks that hold none, but after a prompt."""
PROGRAMS = (
    "journey", "make", "docker", "docker-compose", "curl", "dig", "kubectl", "aws", "python", "python3", "pip", "git",
    "export", "sed", "cp", "prometheus", "promtool", "certutil", "chromium", "wrk", "mtr", "ping", "traceroute",
    "tests/",
)  # fmt: skip
"""What a line of an indented block begins with if it is a command."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S.*\n)+(?=\n|\Z)")
_COMMENT = re.compile(r"\s+#\s")
_BEGINS = re.compile(rf"(?:{'|'.join(PROGRAMS)})(?:(?<=/)|\s)")


class Command(NamedTuple):
    """One command of a page."""

    page: str
    """Its path from the root, as `docs/dns.md`."""
    line: int
    """Where it begins."""
    text: str
    """As one would paste it, continuation lines and all; without the comment."""
    comment: str = ""
    shown: tuple[str, ...] = ()
    """Lines that the page shows of what it prints."""
    inside: tuple[str, ...] = ()
    """What is then typed into the shell that it has opened."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


class Block(NamedTuple):
    """A block of a page: its language (`indented` where it is not fenced), where its text begins, and the text."""

    language: str
    line: int
    text: str


def pages() -> list[str]:
    """README and all pages of docs, by their paths from the root."""
    return ["README.md", *sorted(f"docs/{each.name}" for each in (ROOT / "docs").glob("*.md"))]


def blocks(text: str) -> Iterator[Block]:
    """All of a page's blocks."""
    for found in _FENCED.finditer(text):
        yield Block(found[1], text.count("\n", 0, found.start(2)) + 1, found[2])
    prose = _FENCED.sub(lambda found: re.sub(r"[^\n]+", "x", found[0]), text)
    for found in _INDENTED.finditer(prose):
        yield Block("indented", prose.count("\n", 0, found.start()) + 1, re.sub("(?m)^ {4}", "", found[0]))


def commands(page: str, text: str | None = None) -> list[Command]:
    """A page's commands in their order; `text` stands for what is in its file."""
    found: list[Command] = []
    for block in blocks((ROOT / page).read_text() if text is None else text):
        lines = block.text.splitlines()
        if any(line.startswith("$ ") for line in lines):
            found += _after_prompts(page, block.line, lines)
        elif block.language in OF_COMMANDS or (
            block.language == "indented" and any(_BEGINS.match(line) for line in lines)
        ):
            found += _pasted(page, block.line, lines)
    return sorted(found, key=lambda command: command.line)


def _pasted(page: str, first: int, lines: list[str]) -> Iterator[Command]:
    """Every line is a command, but for those that go on after a backslash."""
    at = 0
    while at < len(lines):
        begin = at
        while lines[at].endswith("\\") and at + 1 < len(lines):
            at += 1
        at += 1
        command, comment = _parted("\n".join(lines[begin:at]))
        if command:
            yield Command(page, first + begin, command, comment)


def _after_prompts(page: str, first: int, lines: list[str]) -> Iterator[Command]:
    """What follows a `$ ` is a command, and what follows that is what it prints."""
    starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command, comment = _parted(lines[start][2:])
        rest = [line for line in lines[start + 1 : end] if line.strip()]
        opens = command.startswith("journey shell") and " -- " not in command
        inside = tuple(line[2:] for line in rest if opens and line.startswith("# "))
        shown = tuple(line for line in rest if not (opens and line.startswith("# ")))
        yield Command(page, first + start, command, comment, shown, inside)


def _parted(line: str) -> tuple[str, str]:
    """The command, and the comment after it."""
    command, *comment = _COMMENT.split(f" {line}", maxsplit=1)
    return command.strip(), comment[0].strip() if comment else ""
