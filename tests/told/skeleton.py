"""Whether a command says what its page says that it does."""

import re

from tests.told.pages import Command
from tests.told.shell import Said

INVALID = 5
"""Figures of a load on a busy machine are told, and not to be believed."""
WILD = re.compile(r"[0-9█▏▎▍▌▋▊▉]|^<.*>$")
"""A word with one of these is of that moment, or of that machine."""


def untrue(command: Command, said: Said) -> str | None:
    """What of the comment, or of the output as it is shown, does not hold; nothing, if all does."""
    comment = command.comment
    code = re.search(r"\bends with (\d+)", comment)
    if said.code != int(code[1]) if code else (said.code in (0, INVALID)) == comment.startswith("fails"):
        return f"ends with {said.code}\n{said.text}"
    flat = " ".join(said.text.split())
    missing = [quoted for quoted in re.findall(r'"([^"]+)"', comment) if quoted not in flat]
    missing += [line for line in command.shown if not is_shown(line, flat)]
    return f"does not say {missing}\n{said.text}" if missing else None


def is_shown(line: str, flat: str) -> bool:
    """Whether a shown line's words stand in the output in a row, whatever figures, ids and times there are now."""
    return re.search(pattern(line), flat) is not None


def pattern(line: str) -> str:
    """What to look for, in an output in which all white space is a single blank."""
    words = [_word(word) for word in re.sub(r"\.\.\.,?", " ... ", line).split()]
    return r"\s".join(words).replace(r"\s.*?\s", r"\s.*?").replace(r"\s.*?", r".*?")


def _word(word: str) -> str:
    if word == "...":
        return ".*?"
    return r"\S+" if WILD.search(word) else re.escape(word)
