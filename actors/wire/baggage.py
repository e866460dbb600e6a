"""What a journey's mark can carry beside its id: facts for whoever meets the marked frame later on.

A real network has nothing like it. W3C Baggage is the model: `id;key=value,key=value`, on frames of recorded journeys
only, beside the bytes that would be on the wire and never among them.
"""

from collections.abc import Mapping

from actors.wire.malformed import Malformed

MOST_TEXT = 200
"""Characters of a mark, its id included."""


class Laden(str):
    """A journey's id, and equal to it; `facts` are whole numbers by name."""

    __slots__ = ("facts",)

    facts: Mapping[str, int]

    def __new__(cls, journey: str, facts: Mapping[str, int]) -> "Laden":
        laden = super().__new__(cls, journey)
        laden.facts = facts
        return laden


def facts_of(journey: str | None) -> Mapping[str, int]:
    """What a mark carries; nothing, if it is a bare id or none."""
    return journey.facts if isinstance(journey, Laden) else {}


def mark_of(journey: str) -> str:
    """A journey as an envelope has it."""
    if type(journey) is str:
        return journey
    told = ",".join(f"{name}={value}" for name, value in facts_of(journey).items())
    return f"{journey};{told}" if told else str(journey)


def journey_of(mark: str) -> str:
    """The journey that an envelope is marked with. Raises `Malformed` for baggage that is none."""
    if ";" not in mark:
        return mark
    journey, _, told = mark.partition(";")
    if len(mark) > MOST_TEXT:
        raise Malformed(f"a mark has at most {MOST_TEXT} characters, not {len(mark)}")
    facts: dict[str, int] = {}
    for pair in told.split(","):
        name, _, value = pair.partition("=")
        if not name.isidentifier() or not (value.isascii() and value.removeprefix("-").isdigit()):
            raise Malformed(f"{pair!r} is no name=number in a journey's mark")
        facts[name] = int(value)
    return Laden(journey, facts)
