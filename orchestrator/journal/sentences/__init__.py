"""One sentence for each kind of record: what an element decided, and why.

How this works. A sentence is a function from a record to a `Told`; `@sentence("kind")` enters it into `SENTENCES`; of
one that only names fields, `says("kind", "with {a_field}")` makes the function.
It says only what the record holds. A kind without a sentence, or a record whose fields are not the expected ones
(somebody's own element may reuse a kind), is shown plainly: kind and fields.
"""

from importlib import import_module

from orchestrator.journal.sentences.table import SENTENCES, Record, Told, as_it_is

_ROOMS = (
    "world",
    "network_interfaces",
    "load_balancers",
    "pods",
    "addresses",
    "names",
    "packets",
    "routing",
    "connections",
    "requests",
)

for _room in _ROOMS:
    import_module(f"{__name__}.{_room}")

__all__ = ["SENTENCES", "Record", "Told", "tell"]


def tell(record: Record) -> Told:
    """The record in words."""
    sentence = SENTENCES.get(record["kind"])
    if sentence is None:
        return as_it_is(record)
    try:
        return sentence(record)
    except (LookupError, TypeError, ValueError, AttributeError):
        return as_it_is(record)
