"""Patterns of rules: wildcards, AWS's regular expressions, and paths as they are compared.

`*` stands for any characters, also none, and `?` for exactly one. A wildcard never costs more than the product of
both lengths: each `*` gives way to the first place where what follows it fits, and never to another.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
Like = Callable[[str], object]
"""Says whether a text is like the pattern: true or false, as truth goes."""

_UNICODE_CLASS = re.compile(r"(?<!\\)(?:\\\\)*(\\[pP])")


class Expression(Protocol):
    """A compiled regular expression; `search` gives what it found, with `start`, `end` and the groups."""

    groups: int

    def search(self, text: str) -> Any: ...


class BadPattern(ValueError):
    """A pattern that cannot be used; says why."""


def wildcard(pattern: str, *, ignore_case: bool, escapes: bool = False) -> Like:
    """A test for texts that are like `pattern`; with `escapes`, a backslash makes the next letter a plain one."""
    parts = _segments(pattern, escapes)
    if len(parts) == 1 and not ignore_case and "." not in _marks(pattern, escapes):
        literal = "".join(letter for letter, _ in parts[0])
        return literal.__eq__
    first, *rest = [_expression(part) for part in parts]
    if rest and not ignore_case and rest == [""] and all(plain for _, plain in parts[0]):
        return _prefix("".join(letter for letter, _ in parts[0]))
    text = first
    if rest:
        # Atomic groups: the first place where a segment fits is as good as any later one, but for the last segment.
        text += "".join(f"(?>.*?{segment})" for segment in rest[:-1] if segment)
        text += f".*{rest[-1]}" if rest[-1] else ".*"
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)).fullmatch


def literal(pattern: str) -> tuple[str, bool] | None:
    """What texts like `pattern` are, or, if true, begin with; None where it takes more to say."""
    if "?" in pattern or "*" in pattern[:-1]:
        return None
    return pattern.removesuffix("*"), pattern.endswith("*")


def _prefix(prefix: str) -> Like:
    return lambda text: text.startswith(prefix)


def _letters(pattern: str, escapes: bool) -> Iterator[tuple[str, bool]]:
    """Each letter, and whether it stands for itself."""
    rest = iter(pattern)
    for letter in rest:
        if escapes and letter == "\\":
            yield next(rest, letter), True
        else:
            yield letter, letter not in "*?"


def _segments(pattern: str, escapes: bool) -> list[list[tuple[str, bool]]]:
    """The pattern cut at its stars."""
    parts: list[list[tuple[str, bool]]] = [[]]
    for letter, plain in _letters(pattern, escapes):
        if letter == "*" and not plain:
            parts.append([])
        else:
            parts[-1].append((letter, plain))
    return parts


def _marks(pattern: str, escapes: bool) -> str:
    return "".join("" if plain else "." for _, plain in _letters(pattern, escapes))


def _expression(segment: list[tuple[str, bool]]) -> str:
    return "".join(re.escape(letter) if plain else "." for letter, plain in segment)


def wildcards_in(pattern: str, escapes: bool = False) -> int:
    """How many wildcards a pattern has."""
    return len(_marks(pattern, escapes))


def expression(pattern: str, *, ignore_case: bool = False) -> Expression:
    """A regular expression as AWS takes them; raises `BadPattern`.

    RE2 is what it takes: no expression of a user can keep a node busy for long, because it searches in linear time, and
    it lacks what AWS says that its own lacks: lookaround, backreferences, atomic groups, possessive quantifiers.
    """
    import re2  # only rules with regular expressions pay for loading it

    if found := _UNICODE_CLASS.search(pattern):
        raise BadPattern(f"regular expression {pattern!r}: {found[1]} is not supported")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.case_sensitive = not ignore_case
    try:
        compiled: Expression = re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0]
        told = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
        raise BadPattern(f"regular expression {pattern!r}: {told}") from None
    return compiled


def normalised(path: str) -> str:
    """The path as rules see it: unreserved characters not escaped, dot segments resolved (RFC 3986 section 6.2.2)."""
    if "%" in path:
        path = re.sub("%([0-9A-Fa-f]{2})", _unescaped, path)
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts[1:]:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return chr(code) if code in UNRESERVED else escape[0].upper()
