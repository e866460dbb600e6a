"""What can be wrong with a load besides its form: its trace, its requests, and changes that it cannot have."""

from collections.abc import Iterator
from pathlib import Path

from yarl import URL

from actors.parts.load.mix import BadRequest, mix_of
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.errors import suggestion
from orchestrator.config.models import World
from orchestrator.load.models import Load
from orchestrator.load.trace import BadTrace, read_trace
from orchestrator.scenarios.models import LoadSetAction, Scenario

Fault = tuple[ConfigPath, bool, str]


def level_faults(scenario: Scenario, variant: str, load: Load) -> Iterator[Fault]:
    """Changes that this load does not know."""
    own = scenario.named_variants()[variant].timeline
    for where, timeline in ((("timeline",), scenario.timeline), (("variants", variant, "timeline"), own)):
        for number, action in enumerate(timeline):
            if not isinstance(action, LoadSetAction):
                continue
            key = "rate" if action.users is None else "users"
            if load.trace is not None:
                yield (
                    (*where, number, key),
                    True,
                    "the moments of a trace are given: it has no level to be set",
                )
            elif load.closed == (key == "rate"):
                has = "users, not a rate" if load.closed else "a rate, not users"
                yield (*where, number, key), True, f"the load has {has}"


def load_faults(load: Load, directory: Path, where: ConfigPath) -> Iterator[Fault]:
    """Of a load by itself: its trace, and names of its requests."""
    try:
        mix_of(URL("https://packet-journey.com/"), [request.plain() for request in load.requests])
    except BadRequest as error:
        yield (*where, "requests"), False, str(error)
    if load.trace is None:
        return
    try:
        trace = read_trace(directory / load.trace)
    except BadTrace as error:
        yield (*where, "trace"), False, str(error)
        return
    if trace.which is not None and load.requests:
        yield (*where, "requests"), True, f"the lines of {load.trace} say themselves what they ask for"


def client_faults(load: Load, world: World, where: ConfigPath) -> Iterator[Fault]:
    """Laptops that a variant's world does not have, or that stand there twice."""
    laptops = [name for name, element in world.elements.items() if element.kind == "laptop"]
    for number, name in enumerate(load.clients):
        if name not in laptops:
            hint = suggestion(name, laptops, otherwise="there are")
            yield (*where, "clients", number), False, f"there is no laptop {name!r}{hint}"
        elif name in load.clients[:number]:
            yield (*where, "clients", number), False, f"{name} stands here twice"
