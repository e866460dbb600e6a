"""Startup, readiness and liveness probes of one container: when to probe, and what the results amount to. Sans-IO.

A probe's first run comes when the container has started and its initial delay is over, then one every period. While
there is a startup probe that has not passed, the others wait for it. (kubernetes pkg/kubelet/prober/worker.go; the
kubelet's ticker, which may add up to a period before the first run, is not copied.)
"""

from enum import Enum
from typing import NamedTuple

from actors.protocols.kubelet.containers import Object
from actors.units import SECOND


class Kind(Enum):
    """The three probes, by what events call them."""

    STARTUP = "Startup"
    READINESS = "Readiness"
    LIVENESS = "Liveness"

    @property
    def key(self) -> str:
        """Its field of a container's spec."""
        return f"{self.value.lower()}Probe"


class Settings(NamedTuple):
    """A probe's numbers; the API server has filled in those that were left out."""

    initial_delay_ns: int
    period_ns: int
    timeout_ns: int
    success_threshold: int
    failure_threshold: int

    @classmethod
    def of(cls, probe: Object) -> "Settings":
        return cls(
            probe.get("initialDelaySeconds", 0) * SECOND,
            (probe.get("periodSeconds") or 10) * SECOND,
            (probe.get("timeoutSeconds") or 1) * SECOND,
            probe.get("successThreshold") or 1,
            probe.get("failureThreshold") or 3,
        )


class Result(NamedTuple):
    """How one run ended: passed, or failed and why; an error (None) counts for nothing."""

    passed: bool | None
    output: str = ""


PASSED = Result(True)


class Verdict(Enum):
    """What the results amount to."""

    PASSES = "passes"
    FAILS = "fails"


class Probe:
    """One probe of one run of a container."""

    def __init__(self, kind: Kind, probe: Object, started_ns: int, now_ns: int) -> None:
        """`started_ns`: when the container started; `now_ns`: from when on it may be probed (startup has passed)."""
        self.kind = kind
        self.settings = Settings.of(probe)
        self.due_ns = max(started_ns + self.settings.initial_delay_ns, now_ns)
        self.over = False
        """Nothing more is to be found out: started, or about to be killed."""
        self._passes = self._failures = 0

    def begins(self, now_ns: int) -> None:
        """It is run now; the next run is due a period later."""
        self.due_ns = now_ns + self.settings.period_ns

    def handle(self, result: Result) -> Verdict | None:
        """Take a result. Returns a verdict when a threshold is reached; the same one again while it stays so."""
        if result.passed is None or self.over:
            return None
        if result.passed:
            self._passes, self._failures = self._passes + 1, 0
            if self._passes < self.settings.success_threshold:
                return None
            self.over = self.kind is Kind.STARTUP
            return Verdict.PASSES
        self._passes, self._failures = 0, self._failures + 1
        if self._failures < self.settings.failure_threshold:
            return None
        self.over = self.kind is not Kind.READINESS
        return Verdict.FAILS
