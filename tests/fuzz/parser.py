"""What the fuzzer knows of a parser: how it is called, what it may say, and valid bytes to begin with."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from actors.wire.malformed import Malformed


class Parser(NamedTuple):
    """`name` is where it is defined, without the leading `actors.`; `parse` raises one of `refusals`, or nothing.

    `samples` are whole valid inputs, made with the dice; `mend` puts right what would hide all else, such as a
    checksum, in most of the mutants."""

    name: str
    parse: Callable[[bytes], Any]
    samples: Callable[[Random], Sequence[bytes]]
    refusals: tuple[type[Exception], ...] = (Malformed,)
    mend: Callable[[bytes], bytes] | None = None


class Outcome(NamedTuple):
    """How many inputs a parser has taken and turned down, and what else came of some (input, error)."""

    name: str
    accepted: int
    refused: int
    seconds: float
    findings: tuple[tuple[bytes, str], ...]


def of_text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """A parser of texts, called with bytes."""
    return lambda data: parse(data.decode("latin-1"))


def samples(*known: bytes) -> Callable[[Random], Sequence[bytes]]:
    return lambda dice: known


def check(true: bool, what: str) -> None:
    if not true:
        raise AssertionError(what)
