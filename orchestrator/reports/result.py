"""What a run has come to: all that a report is made of, and nothing of how it was measured.

A `RunResult` holds plain values only. The virtual clock gives equal ones for equal seeds; what is of the machine and of
the wall clock is in `Wall` alone.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Format = Literal[2]
FORMAT: Format = 2
"""Of `summary.json`. 1 had no seconds, no budget and no wall."""

Plain = dict[str, Any]


@dataclass
class Series:
    """One value for each second of the load after its warm-up; `None` where there was nothing to measure."""

    t_s: list[float] = field(default_factory=list)
    """The seconds' ends."""
    offered: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    """Of those, how many were not dropped."""
    completed: list[int] = field(default_factory=list)
    """Answered, whatever the answer was."""
    failed: dict[str, list[int]] = field(default_factory=dict)
    """By kind: http_5xx, timeout, reset ..."""
    dropped: list[int] = field(default_factory=list)
    inflight: list[int] = field(default_factory=list)
    latency_ms: dict[str, list[float | None]] = field(default_factory=dict)
    """`p50`, `p90`, `p99`, `max`, from when requests were due."""
    service_p99_ms: list[float | None] = field(default_factory=list)
    """From when they were sent."""
    requests: dict[str, list[int]] = field(default_factory=dict)
    """Answers by pod."""
    outstanding: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    """By load balancer node and target: the mean of what was seen in that second."""
    target_states: dict[str, list[str | None]] = field(default_factory=dict)
    """By target: the worst of what the nodes say."""
    pod_states: dict[str, list[str | None]] = field(default_factory=dict)
    """By pod: pending, starting, ready, terminating."""


@dataclass
class Kept:
    """A request of the load whose every hop was recorded."""

    packed: Plain
    """What `orchestrator.journal.Journey.unpack` takes."""
    total_ms: float


@dataclass
class VariantResult:
    """One variant."""

    name: str
    """Empty in a scenario without variants."""
    figures: Plain
    """As `judged` gives them: verdict, outcome, expected, thresholds, load, pods, nodes, alb_errors, events, unsettled,
    invalid."""
    resolved: Plain
    """The scenario as this variant ran it."""
    world: Plain = field(default_factory=dict)
    """The world that it ran in, as a file would have it."""
    series: Series = field(default_factory=Series)
    latency_hdr: str = ""
    """HdrHistogram's compressed encoding, microseconds, from when requests were due."""
    service_hdr: str = ""
    """From when they were sent; empty where nobody measured that."""
    seconds_hdr: list[tuple[float, str]] = field(default_factory=list)
    """`latency_hdr` of each second, with the second's end."""
    clients_hdr: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    """The same of each client, by name; empty where there is but one."""
    journeys: list[Kept] = field(default_factory=list)
    """The slowest first."""
    traced: int = 0
    """How many requests were recorded, of which `journeys` are those that were kept."""
    budget: list[Plain] = field(default_factory=list)
    """Where the time of all recorded requests went, see `digest.budget`."""
    world_events: list[Plain] = field(default_factory=list)
    """Journal records of no journey, from the beginning of the load."""
    access_log: list[str] = field(default_factory=list)
    """The load balancer nodes' lines, by time."""
    began_unix_ns: int = 0
    """When the load's warm-up was over, in the world's own time."""
    began_ns: int = 0
    """The same as model time, which records are told in."""


@dataclass
class Wall:
    """What differs between two runs of one seed: the machine's time, and the machine."""

    started: str = ""
    """UTC, ISO 8601."""
    took_s: float = 0.0
    environment: Plain = field(default_factory=dict)


@dataclass
class RunResult:
    """A scenario's run: every variant that was played."""

    scenario: str
    title: str
    description: str
    clock: str
    """`virtual` or `real`"""
    seed: int
    verdict: str
    variants: list[VariantResult]
    wall: Wall = field(default_factory=Wall)
    interrupted: bool = False

    def plain(self) -> Plain:
        """What `--json` prints: the figures, without seconds, records and what is of the wall clock."""
        return {
            "format": FORMAT,
            "scenario": self.scenario,
            "title": self.title,
            "clock": self.clock,
            "seed": self.seed,
            "verdict": self.verdict,
            **({"interrupted": True} if self.interrupted else {}),
            "variants": {each.name: each.figures for each in self.variants},
        }


def plain_series(series: Series) -> Plain:
    """As JSON has it."""
    return asdict(series)
