"""What a network element is, and the handful of verbs that it is given.

An element knows its ports, its clock and its dice; it does not know which carrier moves its frames, whether the
clock is real or virtual, or who started it. It waits only for what its `Context` hands out: `sleep`, `call`, and
the emulated stack's sockets. That is what lets the same file run as a process of its own and inside a simulation.
"""

import asyncio
import importlib
import importlib.util
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from actors.bounds import DURATIONS_S

if TYPE_CHECKING:
    from aiohttp.web import Application

JOURNEY: ContextVar[str | None] = ContextVar("journey", default=None)
"""The journey (32 hex digits) whose story is being recorded here and now; None for all other traffic.

The runtime sets it around `on_frame` for a marked frame, and tasks started there inherit it. Frames sent while it
is set carry the mark on."""


class Journey:
    """Work inside belongs to this journey, whoever's turn it is outside."""

    __slots__ = ("_journey", "_token")

    def __init__(self, journey: str | None) -> None:
        self._journey = journey

    def __enter__(self) -> None:
        self._token = JOURNEY.set(self._journey)

    def __exit__(self, *_: object) -> None:
        JOURNEY.reset(self._token)


class Reference(str):
    """Text in a config that names something outside it; the loader of worlds checks that it is there."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))


class ElementName(Reference):
    """The name of another element of this world."""


class FileName(Reference):
    """A file, as a path relative to the world file; the loader hands it on as an absolute one."""


class FolderName(FileName):
    """The same for a folder."""


class CertificateName(Reference):
    """A domain for which this element shows a certificate: `certs/<domain>.pem` is made for it."""


class Claim(NamedTuple):
    """Something that a config says is its own: `what` is "address" (10.0.0.1) or "subnet" (10.0.0.0/24).

    `private`: it lies behind a NAT, and others may have the same behind theirs (RFC 2663's private realm)."""

    what: str
    value: str
    where: tuple[str | int, ...]
    private: bool = False


class ElementConfig(BaseModel):
    """Base of every element's `Config`. A field that is accepted does something; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def port_names(self) -> Iterable[str]:
        """The ports that links can be plugged into."""
        return ()

    def claims(self) -> Iterable[Claim]:
        """Addresses and subnets that no other element may claim; `where` is the path inside this config."""
        return ()


class Port(Protocol):
    """One end of a link. `send` stamps the frame with the current model time and journey, and never blocks:
    what the link cannot take is dropped and counted, as on a wire. `after_ns` is the model time that the element
    spends on it before it departs."""

    name: str
    link: str
    mtu: int
    up: bool

    def send(self, frame: bytes, after_ns: int = 0) -> None: ...


class TimerHandle(Protocol):
    def cancel(self) -> None: ...


class Counter:
    """A number that only grows. Hot paths keep the object and add to `value`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Gauge:
    """A number as it is now."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Histogram:
    """How often values fell below each bound. Hot paths keep the object and `observe`."""

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: tuple[float, ...] = DURATIONS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0
        self.exemplars: dict[int, tuple[str, float]] = {}
        """By bucket: the trace (32 hex digits) of the latest observation that named one, and its value."""

    def observe(self, value: float, exemplar: str | None = None) -> None:
        """One more value; `exemplar` is the journey that it was measured on, if that is being recorded."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if exemplar is not None:
            self.exemplars[bucket] = (exemplar, value)


class Metrics(Protocol):
    """Counters, gauges and histograms by name and labels; the same pair always gives the same object."""

    def counter(self, name: str, /, **labels: str) -> Counter: ...

    def gauge(self, name: str, /, **labels: str) -> Gauge: ...

    def histogram(
        self, name: str, /, *, buckets: tuple[float, ...] = DURATIONS_S, **labels: str
    ) -> Histogram:
        """`buckets` are the upper bounds, rising; the same for all series of a name."""
        ...

    def remove(self, name: str | None = None, /, **labels: str) -> None:
        """Forget every series (of this name) that carries these labels: what they named is gone.

        Objects that somebody has kept count for nobody from then on."""
        ...

    def on_collect(self, collect: Callable[[], None]) -> None:
        """Call this each time before the numbers are read: for what is dearer to follow than to look up."""
        ...


class CallFailed(Exception):
    """A call over the management network that did not succeed: the element is away, or it refused; says which."""


class Context(ABC):
    """All that an element may know of the world around it."""

    name: str
    """This element's name."""
    ports: Mapping[str, Port]
    """Its ports by name."""
    random: Random
    """Its dice: seeded from the world's seed and its name."""
    metrics: Metrics
    directory: Path
    """The run directory: `ca.pem`, `certs/<domain>.pem` (chain and key), `tls-keys.log`, `logs/`."""

    @abstractmethod
    def now_ns(self) -> int:
        """Model time in nanoseconds. While a frame is handled this is the moment at which it was due."""

    def lag_ns(self) -> int:
        """How late the emulator runs what it runs now, which was due at `now_ns`; none is on the virtual clock."""
        return 0

    @abstractmethod
    def unix_ns(self, now_ns: int | None = None) -> int:
        """Model time as nanoseconds since 1970, for logs and headers; the virtual clock starts at a fixed date."""

    @abstractmethod
    def call_at(self, when_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        """Run `callback(*args)` at that model time."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None: ...

    @abstractmethod
    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine beside the others until the element stops. One that dies is reported and counted."""

    @abstractmethod
    def record(self, kind: str, /, *, journey: str | None = None, **fields: Any) -> None:
        """Write a decision into the journal of the given journey, else of the current one, else nowhere."""

    @abstractmethod
    def event(self, kind: str, /, **fields: Any) -> None:
        """Write down something that happened in the world, whoever is watching (a lease, a crash, a link cut)."""

    @abstractmethod
    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        """Ask another element over the management network: its `on_call`. Raises `CallFailed`."""

    @abstractmethod
    async def launch(
        self, name: str, kind: str, config: dict[str, Any], *, port: str, link: dict[str, Any]
    ) -> None:
        """Start an element of one's own on this machine, its port `eth0` joined to a new port of ours.

        `config` is as its kind has it in a world file, `link` has a link's keys (`delay`, `mtu`, ...); its name is
        both elements' (`node-1.nginx-x2x7k`). Returns when the element is up. Nobody starts it again when it ends:
        `Element.on_exit` is told, and the port is gone then.
        It does not outlive this element. Raises `CallFailed` if it does not come up, or the name is taken."""

    @abstractmethod
    async def signal(self, name: str, number: int) -> None:
        """Send an element that was launched from here a signal (9 ends it at once). Raises `CallFailed`."""

    @abstractmethod
    async def serve(
        self, name: str, app: "Application", *, certificate: str | None = None, port: int = 0
    ) -> str | None:
        """Serve real programs on this machine (kubectl, curl) over loopback; returns `127.0.0.1:PORT`.

        The address is published under `name` (`journey ps`). With a certificate (a domain, `certs/<domain>.pem`) it is
        HTTPS. Port 0 is any free one. Raises OSError if the port is taken. On the virtual clock, where nobody could
        come, nothing is served and None is returned."""

    async def serve_tcp(
        self, name: str, make_protocol: Callable[[], asyncio.Protocol], *, port: int = 0, tries: int = 1
    ) -> str | None:
        """Take TCP connections of real programs on this machine, over loopback; returns `127.0.0.1:PORT`.

        Each gets a protocol from `make_protocol`, on a real socket: what the element does with it is between that
        program and the emulated world. `port` is taken, or the next of so many `tries` that is free (0: any free one),
        and published under `name`. Raises OSError if there is none. On the virtual clock, where nobody could come,
        nothing listens and None is returned."""
        return None

    def reset(self, transport: asyncio.Transport) -> None:
        """Break off a connection of a real program so that it sees a reset (RST), and no orderly end."""
        transport.abort()

    async def serve_unix(self, name: str, make_protocol: Callable[[], asyncio.Protocol]) -> Path | None:
        """The same over a Unix socket, `<name>.sock` in the run directory: for programs of this world's user alone.

        Returns its path, or None on the virtual clock."""
        return None

    def recording(self) -> bool:
        """Whether a journey is being recorded here and now: guard for records that are dear to compose."""
        return JOURNEY.get() is not None


class Element(ABC):
    """One network element. Subclasses are found by `load_kind`: one per file, beside its `Config`."""

    launches: tuple[str, ...] = ()
    """The kinds of elements that it may `launch`: their code is loaded before it is wanted."""

    def __init__(self, config: Any, context: Context) -> None:
        self.config = config
        self.context = context

    async def start(self) -> None:
        """Come up. When this returns the element is ready; long work goes to `context.spawn`."""

    async def stop(self) -> None:
        """Go down in order, where that differs from losing power."""

    @abstractmethod
    def on_frame(self, port: str, frame: bytes) -> None:
        """A frame has arrived at a port. Must take any bytes whatever: what is malformed is counted and dropped."""

    def receiver(self) -> Callable[[str, bytes], None]:
        """What is called with each frame of a batch: `on_frame`, or what that would only pass frames on to."""
        return self.on_frame

    def on_link(self, port: str, up: bool) -> None:
        """The link at this port has gained or lost its carrier."""

    def on_exit(self, name: str, status: int) -> None:
        """An element that was launched from here has ended, with this exit code (negative: by that signal)."""

    async def on_call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """A call over the management network. The default runs `call_<verb>(**arguments)`."""
        return await answer_call((self,), self.context.name, verb, arguments)

    def inspect(self) -> dict[str, Any]:
        """The element's state, as plain values, for `journey inspect`."""
        return {}


async def answer_call(parts: Sequence[object], name: str, verb: str, arguments: dict[str, Any]) -> Any:
    """Run `call_<verb>(**arguments)` of an element called `name`: of the first of its parts that has it."""
    method = next((found for part in parts if (found := getattr(part, f"call_{verb}", None))), None)
    if method is None:
        calls = {each for part in parts for each in dir(part) if each.startswith("call_")}
        known = sorted(each.removeprefix("call_") for each in calls)
        raise CallFailed(f"{name} does not know {verb!r}; it knows {', '.join(known) or 'no calls'}")
    try:
        answer = method(**arguments)  # a coroutine function only takes its arguments here
    except TypeError as error:
        raise CallFailed(f"{name}: {verb}: {error}") from None
    return await answer


class UnknownKind(LookupError):
    """No file in `actors/` defines this kind of element."""


@cache
def load_kind(kind: str) -> tuple[type[ElementConfig], type[Element]]:
    """The `Config` and the one `Element` class of `actors/<kind>.py`."""
    name = f"actors.{kind}"
    if not kind.isidentifier() or importlib.util.find_spec(name) is None:
        raise UnknownKind(f"there is no actors/{kind}.py")
    module = importlib.import_module(name)
    elements = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Element) and thing.__module__ == name
    ]
    config = getattr(module, "Config", None)
    if len(elements) != 1 or not (isinstance(config, type) and issubclass(config, ElementConfig)):
        raise UnknownKind(f"actors/{kind}.py is not an element: it needs one Element class and a Config")
    return config, elements[0]
