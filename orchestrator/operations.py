"""What can be done with a running world, for a command in this process and for one behind the API socket alike."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from actors.element import CallFailed
from orchestrator.config.errors import suggestion
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.journey import Journey
from orchestrator.journal.origins import went_before
from orchestrator.journal.store import JournalStore
from orchestrator.load.book import LoadBook
from orchestrator.load.lag import watched
from orchestrator.load.shapes import Shape, closed
from orchestrator.load.team import LoadTeam
from orchestrator.metrics.ledger import Ledger

POLL_S = 0.25
LAST_PACKETS_S = 0.02
"""What packets get that are still on their way when the answer is there."""

Frame = tuple[str, str, int, bytes, str | None]


class WorldLike(Protocol):
    """What operations need of a `World`."""

    config: Any
    journal: JournalStore
    metrics: Ledger
    directory: Path

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def ps(self) -> dict[str, Any]: ...

    def links(self) -> list[str]: ...

    async def until_up(self, element: str) -> None: ...

    async def settle(self, journey: str | None = None) -> None: ...

    def capture(
        self, links: list[str] | None, write: Callable[[Frame], None]
    ) -> AbstractAsyncContextManager[None]: ...


def kinds_of(world: WorldLike) -> dict[str, str]:
    """The kind of each element."""
    return {element["name"]: element["kind"] for element in world.ps()["elements"]}


class Asked:
    """A world as settings and scenarios see it: elements with their kinds, that can be called."""

    def __init__(self, world: WorldLike) -> None:
        self._world = world
        self.call = world.call

    def kinds(self) -> dict[str, str]:
        return kinds_of(self._world)


def has_laptop(world: WorldLike) -> bool:
    """Whether there is anybody in this world who could ask for something."""
    return "laptop" in kinds_of(world).values()


def laptop_of(world: WorldLike, element: str | None = None) -> str:
    """The laptop that requests go out from: the named one, else the world's first. Raises `RequestFailed`."""
    kinds = kinds_of(world)
    if element is None:
        return laptop_named(kinds)
    laptops = [name for name, kind in kinds.items() if kind == "laptop"]
    check_names("element", [element], kinds)
    if element not in laptops:
        what = f"{element} is of kind {kinds[element]}; requests go out from a laptop"
        raise RequestFailed(what + suggestion(element, laptops, otherwise="there is"), USAGE)
    return element


def laptop_named(kinds: dict[str, str]) -> str:
    """The first laptop among elements with their kinds. Raises `RequestFailed`."""
    return laptops_in(kinds)[0]


def laptops_in(kinds: dict[str, str]) -> list[str]:
    """All laptops among elements with their kinds. Raises `RequestFailed` if there is none."""
    laptops = [name for name, kind in kinds.items() if kind == "laptop"]
    if not laptops:
        raise RequestFailed("this world has no laptop that could ask for anything", USAGE)
    return laptops


def clients_of(world: WorldLike, clients: Sequence[str] = ()) -> list[str]:
    """The laptops that a load comes from: these, each once, or all that there are. Raises `RequestFailed`."""
    if not clients:
        return laptops_in(kinds_of(world))
    return [laptop_of(world, name) for name in dict.fromkeys(clients)]


def target_of(world: WorldLike, url: str | None = None) -> str:
    """What to ask for: this, else the world's own URL. Raises `RequestFailed` when there is none."""
    target = url or world.config.url
    if target is None:
        raise RequestFailed(f"{world.config.name} has no url of its own: say what to ask for", USAGE)
    return str(target)


def check_names(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raises `RequestFailed`, with what was probably meant, unless all names are known."""
    known = set(known)
    for name in names:
        if name not in known:
            hint = suggestion(name, known, otherwise=f"{what}s are")
            raise RequestFailed(f"there is no {what} {name!r}{hint}", USAGE)


async def inspect(world: WorldLike, element: str) -> dict[str, Any]:
    """What an element tells of itself: its name, kind and `state`; a node has its CNI agent's under `cni_agent`."""
    kinds = kinds_of(world)
    check_names("element", [element], kinds)
    found = {"name": element, "kind": kinds[element], "state": await world.call(element, "inspect")}
    agent = getattr(world.config.elements.get(element), "raw", {}).get("cni")
    if agent is None:
        return found
    try:
        state = await world.call(agent, "inspect")
    except CallFailed as error:
        state = str(error)
    return {**found, "cni_agent": {"name": agent, "state": state}}


async def trace(world: WorldLike, url: str | None = None, element: str | None = None) -> Journey:
    """One request on a connection of its own, recorded by every element that it passes."""
    laptop = laptop_of(world, element)
    identity = secrets.token_hex(16)
    fetched = await world.call(laptop, "fetch", url=target_of(world, url), journey=identity, keep=False)
    await asyncio.sleep(min(fetched["total_ms"] / 1000, LAST_PACKETS_S))
    await world.settle(identity)
    return journey_of(world, identity)


def journey_of(world: WorldLike, identity: str) -> Journey:
    """A journey that is in the world's journal. Raises `UnknownJourney`."""
    journey = Journey(identity, world.journal.journey(identity), kinds=kinds_of(world))
    journey.before.extend(went_before(journey, world.journal.events()))
    return journey


def load(
    world: WorldLike,
    *,
    concurrency: int,
    duration_s: float,
    url: str | None = None,
    clients: Sequence[str] = (),
) -> AsyncGenerator[dict[str, Any], None]:
    """A closed model: so many requests at once, each followed by the next. Yields as `run_load` does."""
    return run_load(world, closed(concurrency, duration_s), url=url, clients=clients)


async def run_load(
    world: WorldLike,
    shape: Shape,
    *,
    url: str | None = None,
    clients: Sequence[str] = (),
    book: LoadBook | None = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Any load, by these laptops or all, which can be changed through the book. Yields what they have counted so far.

    The last value has `running` False and is the result. Beside what `LoadRun.status` tells, a value has `clients`:
    what each has counted, `lost_clients`: how often one was killed on the way, `changes`, and `lag_ms`: how far the
    emulator fell behind meanwhile (`max`, of `elements` and which `element` did most). Breaking off stops the load.
    """
    team = LoadTeam(world, clients_of(world, clients), target_of(world, url), shape)
    await world.settle()  # what elements report from here on is about this load
    with watched(world.metrics) as lags, (book or LoadBook()).entered(team):
        await team.start()
        running = True
        try:
            while running:
                await asyncio.sleep(POLL_S)
                status = await team.look()
                running = status["running"]
                if not running:
                    await world.settle()
                yield {**status, "lag_ms": lags.worst()}
        finally:
            if running:
                await team.stop()
