"""The table that the sentences enter themselves into."""

from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.journal.wording import plain

Record = dict[str, Any]


class Told(NamedTuple):
    """A record in words: what was decided; why, or from what; and lines that want columns of their own."""

    what: str
    why: str = ""
    details: tuple[str, ...] = ()


Sentence = Callable[[Record], Told]

SENTENCES: dict[str, Sentence] = {}


def sentence(*kinds: str) -> Callable[[Sentence], Sentence]:
    """Enters a function into `SENTENCES` under these kinds."""

    def enter(function: Sentence) -> Sentence:
        SENTENCES.update(dict.fromkeys(kinds, function))
        return function

    return enter


def says(kind: str, what: str, why: str = "") -> None:
    """Enters a sentence into `SENTENCES` that only names the record's fields, as `{field}`."""
    SENTENCES[kind] = lambda record: Told(what.format_map(record), why.format_map(record))


def as_it_is(record: Record) -> Told:
    """A record that nobody has a sentence for: its kind and its fields."""
    fields = {
        key: value
        for key, value in record.items()
        if key not in ("t_ns", "element", "kind", "journey", "seq")
    }
    return Told(record["kind"], " ".join(f"{key}={plain(value)}" for key, value in fields.items()))
