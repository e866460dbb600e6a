"""What is wrong with a config, said so that it can be mended: `file:line:col: path: what, did you mean ...?`"""

import difflib
from collections.abc import Iterable
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Where something stands inside a file: keys and list indices, from the top."""


class Position(NamedTuple):
    """A place in a file; both count from 1, as editors do."""

    line: int
    column: int
    file: str = ""
    """Which file; empty where there is but one."""


class ConfigError(NamedTuple):
    """One fault. `position` and `path` are absent when the file as a whole is at fault."""

    file: str
    position: Position | None
    path: Path
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.position.line}:{self.position.column}" if self.position else self.file
        return ": ".join(part for part in (place, path_text(self.path), self.what) if part)


class ConfigErrors(Exception):
    """A file that cannot be used: `errors` are all its faults in the order of the file; as text, a line for each."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = sorted(
            errors, key=lambda error: (error.file, error.position or (0, 0), error.path == ())
        )
        super().__init__("\n".join(map(str, self.errors)))


def path_text(path: Path) -> str:
    """`("elements", "alb-1a", "listeners", 0)` as `elements.alb-1a.listeners[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".").replace("\n", "\\n")


ALMOST = 0.75
"""This share of a name is a longer one's beginning: it was broken off, or mistyped near its end."""


def _alike(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


SYNONYMS = {"bandwidth": "rate", "latency": "delay", "drop": "loss", "unplug": "down", "duration": "for"}
"""What others call things that have another name here."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, if any comes near."""
    names = sorted(known)
    if SYNONYMS.get(name.casefold()) in names:
        return SYNONYMS[name.casefold()]
    folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.75)
    close += sorted(
        (candidate for candidate in folded if _alike(name.casefold(), candidate) >= ALMOST * len(name) > 4),
        key=lambda candidate: (-_alike(name.casefold(), candidate), candidate),
    )
    close += difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    close += [candidate for candidate in sorted(folded) if name and candidate.startswith(name.casefold())]
    return folded[close[0]] if close else None


def suggestion(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """`, did you mean 'wifi'?`, or what is known when nothing comes near: `; its ports are eth0, eth1`."""
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f", did you mean {near!r}?"
    return f"; {otherwise} {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
