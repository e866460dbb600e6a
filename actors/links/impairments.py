"""The weather on a link: how long a frame takes from one end to the other, and whether it gets there at all.

A frame waits behind those before it (`queue`), takes its length over `rate` to be put on the wire, `delay` to travel
and up to `jitter` more or less; `loss` is the chance that it never arrives. Each direction of a link has its own.
On a link with a rate frames leave one by one and none overtakes another, as with Linux's netem (and as on Wi-Fi, which
delivers in order); without one, jitter reorders them.
They may be changed while traffic flows: `suffer` makes a link worse than its config for a while, and well again. A
`plain` link has nothing but a delay, which a port can add by itself.
"""

from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from actors.bounds import DURATIONS_S
from actors.element import Histogram
from actors.units import SECOND, Duration, Rate, Share


class LinkConfig(BaseModel):
    """A link between two ports, as the world's config describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    between: tuple[str, str] = Field(description="its two ends, each `element.port`")
    delay: Duration = Field(default=0, description="propagation delay")
    jitter: Duration = Field(default=0, description="the delay varies by up to this much, evenly, both ways")
    loss: Share = Field(default=0.0, description="share of frames that never arrive")
    rate: Rate | None = Field(default=None, description="bandwidth; without it a frame takes no time to send")
    queue: int = Field(
        default=1000, gt=0, description="frames that wait for a busy link; one more is dropped"
    )
    mtu: int = Field(default=1500, ge=68, le=65_535, description="largest IP packet in bytes")


class LinkFault(BaseModel):
    """What makes a link worse than it is, in each of its directions. Several at once add up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: Duration = Field(default=0, description="propagation delay on top of the link's own, each way")
    jitter: Duration = Field(default=0, description="variation on top of the link's own")
    loss: Share = Field(
        default=0.0, description="share of frames that never arrive, of those that did before"
    )
    bandwidth: Rate | None = Field(default=None, description="no more than this, whatever the link has")
    cut: bool = Field(default=False, description="nothing arrives; the carrier stays, so that nobody is told")

    def is_any(self) -> bool:
        """Whether it makes a difference."""
        return bool(self.delay or self.jitter or self.loss or self.bandwidth or self.cut)


class Lost(Exception):
    """The frame does not arrive; the argument says why: `loss`, `queue_full` or `cut`."""


class Impairments:
    """One direction of a link: turns a departure time and a length into an arrival time, or raises `Lost`."""

    __slots__ = (
        "_busy_until_ns",
        "_config",
        "_dice",
        "_last_arrival_ns",
        "_leaving_ns",
        "cut",
        "delay_ns",
        "jitter_ns",
        "loss",
        "plain",
        "queue",
        "rate",
        "waits",
    )

    def __init__(self, config: LinkConfig, dice: Random) -> None:
        self.delay_ns = config.delay
        self.jitter_ns = min(config.jitter, config.delay)
        self.loss = config.loss
        self.rate = config.rate
        self.queue = config.queue
        self.cut = False
        self.plain = False
        self._config = config
        self._dice = dice
        self._busy_until_ns = self._last_arrival_ns = 0
        self._leaving_ns: deque[int] = deque()
        self.waits = Histogram(DURATIONS_S)
        """How long frames have waited for those before them, in seconds; those that did not wait are not among them."""
        self.change()

    def change(self, **fields: Any) -> None:
        """Set `delay_ns`, `jitter_ns`, `loss`, `rate`, `queue` or `cut`; each holds from the next frame on."""
        for name, value in fields.items():
            setattr(self, name, value)
        self.plain = not (self.cut or self.loss or self.jitter_ns) and self.rate is None

    def suffer(self, faults: Iterable[LinkFault]) -> None:
        """Be as the config says, made worse by these; by none: well again."""
        config = self._config
        delay_ns, jitter_ns, arrives, rate, cut = (
            config.delay,
            config.jitter,
            1 - config.loss,
            config.rate,
            False,
        )
        for fault in faults:
            delay_ns += fault.delay
            jitter_ns += fault.jitter
            arrives *= 1 - fault.loss
            cut = cut or fault.cut
            if fault.bandwidth is not None:
                rate = fault.bandwidth if rate is None else min(rate, fault.bandwidth)
        self.change(
            delay_ns=delay_ns, jitter_ns=min(jitter_ns, delay_ns), loss=1 - arrives, rate=rate, cut=cut
        )

    def arrival_ns(self, depart_ns: int, octets: int) -> int:
        """When the last bit of a frame sent now arrives; raises `Lost`."""
        if self.cut:
            raise Lost("cut")
        if self.rate is not None:
            depart_ns = self._serialise(depart_ns, octets, self.rate)
        if self.loss and self._dice.random() < self.loss:
            raise Lost("loss")
        arrival_ns = depart_ns + self.delay_ns
        if self.jitter_ns:
            arrival_ns += round(self._dice.uniform(-self.jitter_ns, self.jitter_ns))
            if self.rate is not None:
                arrival_ns = self._last_arrival_ns = max(arrival_ns, self._last_arrival_ns)
        return arrival_ns

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
