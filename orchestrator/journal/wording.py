"""Small words that all sentences share: how durations, lists and names are written."""

from collections.abc import Iterable


def plural(number: float, thing: str) -> str:
    """`1 hop`, `3 hops`, `2 queries`."""
    if number == 1:
        return f"1 {thing}"
    things = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {things}"


def duration(seconds: float) -> str:
    """`86388` as `23 h 59 min`, `0.004` as `4 ms`: two units at most."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    for size, unit, small_size, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= size:
            rest = int(seconds % size // small_size)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("every duration has a unit")


def milliseconds(ms: float) -> str:
    """Enough digits to tell two hops apart, and no more: `0.021 ms`, `3.42 ms`, `141 ms`."""
    if ms < 0.1:
        return f"{ms:.3f} ms"
    return f"{ms:.2f} ms" if ms < 100 else f"{ms:,.0f} ms"


def listed(things: Iterable[object], *, nothing: str = "none", most: int = 8) -> str:
    """`a, b and c`; the long ones are cut and say so."""
    texts = [str(thing) for thing in things]
    if not texts:
        return nothing
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def domain(name: str) -> str:
    """A DNS name without the dot at its end, except for the root's."""
    return name.rstrip(".") or "."


def arrows(names: Iterable[str]) -> str:
    return " → ".join(names)


def plain(value: object) -> str:
    """Any journal value in a line: nested ones as `key=value`."""
    match value:
        case dict():
            return "{" + " ".join(f"{key}={plain(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(plain(inner) for inner in value) + "]"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
