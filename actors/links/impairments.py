"""The weather on a link: how long a frame takes from one end to the other, and whether it gets there at all.

A frame waits behind those before it (`queue`), takes its length over `rate` to be put on the wire, `delay` to travel
and `jitter` more or less, as its `distribution` has it; `loss` is the chance that it never arrives. Each direction of a
link has its own. On a link with a rate frames leave one by one and none overtakes another, as with Linux's netem (and
as on Wi-Fi, which delivers in order); without one, jitter reorders them.
They may be changed while traffic flows: `suffer` makes a link worse than its config for a while, and well again. A
`plain` link has nothing but a delay, which a port can add by itself.
"""

from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from actors.bounds import DURATIONS_S
from actors.element import Histogram
from actors.links.distributions import Name, Offset, offset_of
from actors.units import SECOND, Duration, Rate, Share


class LinkConfig(BaseModel):
    """A link between two ports, as the world's config describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    between: tuple[str, str] = Field(description="its two ends, each `element.port`")
    delay: Duration = Field(default=0, description="propagation delay")
    jitter: Duration = Field(default=0, description="by how much the delay varies, both ways")
    distribution: Name = Field(
        default="uniform",
        description="how it varies: within the jitter evenly, or as netem's distributions do",
    )
    loss: Share = Field(default=0.0, description="share of frames that never arrive")
    rate: Rate | None = Field(default=None, description="bandwidth; without it a frame takes no time to send")
    queue: int = Field(
        default=1000, gt=0, description="frames that wait for a busy link; one more is dropped"
    )
    mtu: int = Field(default=1500, ge=68, le=65_535, description="largest IP packet in bytes")

    @model_validator(mode="after")
    def _varies(self) -> "LinkConfig":
        if self.distribution != "uniform" and not self.jitter:
            raise ValueError("distribution says how jitter varies the delay: say jitter, too")
        return self


class Weather(BaseModel):
    """What a user can make worse about a link, in each of its directions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: Duration = Field(default=0, description="propagation delay on top of the link's own, each way")
    jitter: Duration = Field(default=0, description="variation on top of the link's own")
    distribution: Name | None = Field(
        default=None, description="how the jitter varies: uniform if not given, normal, pareto, paretonormal"
    )
    loss: Share = Field(
        default=0.0, description="share of frames that never arrive, of those that did before"
    )
    rate: Rate | None = Field(default=None, description="no more than this, whatever the link has")
    reorder: Share = Field(
        default=0.0, description="share of frames that arrive without the delay, before those ahead of them"
    )
    duplicate: Share = Field(default=0.0, description="share of frames that arrive twice")
    corrupt: Share = Field(
        default=0.0, description="share of frames with a flipped bit: the receiver's checksum drops them"
    )
    cut: bool = Field(default=False, description="nothing arrives; the carrier stays, so that nobody is told")
    down: bool = Field(default=False, description="the cable is out: both ends lose the carrier at once")

    def is_any(self) -> bool:
        """Whether it makes a difference."""
        shares = self.loss or self.reorder or self.duplicate or self.corrupt
        return bool(self.delay or self.jitter or shares or self.rate or self.cut or self.down)


class LinkFault(Weather):
    """What makes a link worse than it is. Several at once add up."""

    parts_from: frozenset[str] = Field(
        default=frozenset(), description="what came by these links is not passed on by this one"
    )


class Jitter(NamedTuple):
    """One source of variation."""

    spread_ns: int
    distribution: Name

    def offset(self) -> Offset:
        return offset_of(self.distribution)


class Lost(Exception):
    """The frame does not arrive; the argument says why: `loss`, `corrupt`, `queue_full` or `cut`."""


class Impairments:
    """One direction of a link: turns a departure time and a length into an arrival time, or raises `Lost`."""

    __slots__ = (
        "_busy_until_ns", "_dice", "_last_arrival_ns", "_leaving_ns", "_offsets", "config", "corrupt", "cut",
        "delay_ns", "down", "duplicate", "jitters", "loss", "parts_from", "plain", "queue", "rate", "reorder",
        "waits",
    )  # fmt: skip
    delay_ns: int
    jitters: tuple[Jitter, ...]
    loss: float
    rate: int | None
    reorder: float
    duplicate: float
    corrupt: float
    cut: bool
    down: bool
    parts_from: frozenset[str]

    def __init__(self, config: LinkConfig, dice: Random) -> None:
        self.queue = config.queue
        self.config = config
        self._dice = dice
        self._busy_until_ns = self._last_arrival_ns = 0
        self._leaving_ns: deque[int] = deque()
        self.waits = Histogram(DURATIONS_S)
        """How long frames have waited for those before them, in seconds; those that did not wait are not among them."""
        self.suffer(())

    def change(self, **fields: Any) -> None:
        """Set any of what `suffer` sets, or `queue`; each holds from the next frame on."""
        for name, value in fields.items():
            setattr(self, name, value)
        self._offsets = [(jitter.spread_ns, jitter.offset()) for jitter in self.jitters]
        odd = self.loss or self.jitters or self.reorder or self.duplicate or self.corrupt
        self.plain = not (self.cut or odd) and self.rate is None

    def suffer(self, faults: Iterable[LinkFault]) -> None:
        """Be as the config says, made worse by these; by none: well again.

        Delays add up, and each jitter is a variation of its own; shares apply one after the other; of rates the
        lowest holds."""
        config, faults = self.config, list(faults)
        rates = [rate for rate in (config.rate, *(fault.rate for fault in faults)) if rate is not None]
        jitters = [Jitter(config.jitter, config.distribution)]
        jitters += [Jitter(fault.jitter, fault.distribution or "uniform") for fault in faults]
        self.change(
            delay_ns=config.delay + sum(fault.delay for fault in faults),
            jitters=tuple(sorted(jitter for jitter in jitters if jitter.spread_ns)),
            loss=_either([config.loss, *(fault.loss for fault in faults)]),
            rate=min(rates, default=None),
            reorder=_either(fault.reorder for fault in faults),
            duplicate=_either(fault.duplicate for fault in faults),
            corrupt=_either(fault.corrupt for fault in faults),
            cut=any(fault.cut for fault in faults),
            down=any(fault.down for fault in faults),
            parts_from=frozenset().union(*(fault.parts_from for fault in faults)),
        )

    @property
    def jitter_ns(self) -> int:
        """All variations together."""
        return sum(jitter.spread_ns for jitter in self.jitters)

    def arrival_ns(self, depart_ns: int, octets: int) -> int:
        """When the last bit of a frame sent now arrives; raises `Lost`."""
        if self.cut:
            raise Lost("cut")
        if self.rate is not None:
            depart_ns = self._serialise(depart_ns, octets, self.rate)
        if self.loss and self._dice.random() < self.loss:
            raise Lost("loss")
        if self.corrupt and self._dice.random() < self.corrupt:
            raise Lost("corrupt")  # CRC-32 finds every single flipped bit: no element ever sees such a frame
        if self.reorder and self._dice.random() < self.reorder:
            return depart_ns
        arrival_ns = depart_ns + self.delay_ns
        if self._offsets:
            for spread_ns, offset in self._offsets:
                arrival_ns += round(spread_ns * offset(self._dice.random()))
            arrival_ns = max(arrival_ns, depart_ns)  # nothing arrives before it has left
            if self.rate is not None:
                arrival_ns = self._last_arrival_ns = max(arrival_ns, self._last_arrival_ns)
        return arrival_ns

    def doubles(self) -> bool:
        """Whether the frame that was sent last arrives once more."""
        return self._dice.random() < self.duplicate

    def queued_ns(self, depart_ns: int) -> int:
        """How long a frame that wants to leave now waits for those before it."""
        return max(0, self._busy_until_ns - depart_ns)

    def waiting(self, now_ns: int) -> int:
        """How many frames are in the queue now, the one that is being sent among them."""
        leaving = self._leaving_ns
        while leaving and leaving[0] <= now_ns:
            leaving.popleft()
        return len(leaving)

    def _serialise(self, depart_ns: int, octets: int, rate: int) -> int:
        leaving = self._leaving_ns
        start_ns = self._busy_until_ns
        if start_ns <= depart_ns:  # the wire is free
            leaving.clear()
            start_ns = depart_ns
        else:
            while leaving and leaving[0] <= depart_ns:
                leaving.popleft()
            if len(leaving) >= self.queue:
                raise Lost("queue_full")
            self.waits.observe((start_ns - depart_ns) / SECOND)
        self._busy_until_ns = end_ns = start_ns + octets * 8 * SECOND // rate
        leaving.append(end_ns)
        return end_ns


def _either(shares: Iterable[float]) -> float:
    """The share of frames that at least one of several strikes."""
    spared = 1.0
    for share in shares:
        spared *= 1 - share
    return 1 - spared
