"""The health checks of one target by one ALB node: when to probe, and what the results amount to.

A new target is healthy after one passing check, whatever the healthy threshold; that counts only for the way back
from unhealthy. AWS probes at a fixed interval that does not depend on how long answers take.

How often AWS probes a target that has never passed is unknown; here after 100 ms, and then after twice as long each
time until that is the interval, whether the probes before have ended or not: a target that is late by a moment is
not left out for a whole interval. It becomes unhealthy no sooner for that, but when the threshold's worth of
intervals has passed.

Sans-IO: `on_deadline` says when to probe, `handle` takes the probe's result; both return verdicts for the group.
"""

import re
from typing import NamedTuple

from actors.protocols.balancing import Reason, State

FIRST_INTERVAL_NS = 100_000_000


class Settings(NamedTuple):
    interval_ns: int
    timeout_ns: int
    healthy_threshold: int
    unhealthy_threshold: int


class Answered(NamedTuple):
    """The target answered with this status code."""

    status: int


class TimedOut(NamedTuple):
    """No whole answer within the timeout."""


class Failed(NamedTuple):
    """Refused, reset, unreachable, or an answer that is not HTTP."""


Result = Answered | TimedOut | Failed


class Probe(NamedTuple):
    """Send one check now, on a fresh connection. Its number goes with its result."""

    number: int


class Verdict(NamedTuple):
    """The target's state from now on."""

    state: State
    reason: Reason


class Initial(NamedTuple):
    since_ns: int
    interval_ns: int


class Healthy(NamedTuple):
    failures: int


class Unhealthy(NamedTuple):
    passes: int


class Matcher:
    """Which status codes pass: `200`, `200,202` or `200-299`, each between 200 and 499; raises ValueError.

    With `grpc` they are those of gRPC, `12` or `0-99`."""

    def __init__(self, text: str, grpc: bool = False) -> None:
        lowest, highest, digits = (0, 99, "1,2") if grpc else (200, 499, "3")
        self.text = text
        self.codes: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(rf"(\d{{{digits}}})(?:-(\d{{{digits}}}))?", part.strip())
            if match is None:
                raise ValueError(f"matcher {text!r} is not a list like 200,202 or a range like 200-299")
            first, last = int(match[1]), int(match[2] or match[1])
            if not lowest <= first <= last <= highest:
                raise ValueError(f"matcher {text!r}: codes lie between {lowest} and {highest}")
            self.codes.update(range(first, last + 1))


class HealthCheck:
    """The checks of one target, from its registration on."""

    def __init__(self, settings: Settings, matcher: Matcher, now_ns: int) -> None:
        self.settings = settings
        self.matcher = matcher
        self.state: Initial | Healthy | Unhealthy = Initial(now_ns, FIRST_INTERVAL_NS)
        self._probe_at_ns = now_ns
        self._probes = 0
        self._probes_that_count_from = 0

    @classmethod
    def resumed(cls, settings: Settings, matcher: Matcher, now_ns: int, state: State) -> "HealthCheck":
        """Checks that go on with new settings, of a target that is healthy or unhealthy and has nothing to prove."""
        check = cls(settings, matcher, now_ns)
        check.state = Healthy(failures=0) if state is State.HEALTHY else Unhealthy(passes=0)
        check._probes = 1
        return check

    def deadline_ns(self) -> int:
        """When the next probe is due."""
        return self._probe_at_ns

    def on_deadline(self, now_ns: int) -> list[Probe | Verdict]:
        """Probe now; the first one also ends the registration."""
        interval_ns = self.settings.interval_ns
        if isinstance(self.state, Initial):
            interval_ns = min(self.state.interval_ns, interval_ns)
            self.state = self.state._replace(interval_ns=2 * interval_ns)
        self._probe_at_ns = now_ns + interval_ns
        self._probes += 1
        probe = Probe(self._probes)
        if probe.number > 1:
            return [probe]
        return [Verdict(State.INITIAL, Reason.INITIAL_HEALTH_CHECKING), probe]

    def handle(self, probe: Probe, result: Result, now_ns: int) -> list[Verdict]:
        """A probe has ended. Returns the verdict if it changed."""
        if probe.number < self._probes_that_count_from:
            return []
        match result:
            case Answered(status) if status in self.matcher.codes:
                return self._passed(now_ns)
            case Answered():
                return self._failed(Reason.RESPONSE_CODE_MISMATCH, now_ns)
            case TimedOut():
                return self._failed(Reason.TIMEOUT, now_ns)
            case Failed():
                return self._failed(Reason.FAILED_HEALTH_CHECKS, now_ns)

    def _passed(self, now_ns: int) -> list[Verdict]:
        match self.state:
            case Unhealthy(passes) if passes + 1 < self.settings.healthy_threshold:
                self.state = Unhealthy(passes + 1)
                return []
            case Healthy():
                self.state = Healthy(failures=0)
                return []
            case Initial():
                self._settle(now_ns)
        self.state = Healthy(failures=0)
        return [Verdict(State.HEALTHY, Reason.NONE)]

    def _failed(self, reason: Reason, now_ns: int) -> list[Verdict]:
        match self.state:
            case Initial(since_ns) if now_ns < since_ns + self._patience_ns():
                return []
            case Healthy(failures) if failures + 1 < self.settings.unhealthy_threshold:
                self.state = Healthy(failures + 1)
                return []
            case Initial():
                self._settle(now_ns)
        self.state = Unhealthy(passes=0)
        return [Verdict(State.UNHEALTHY, reason)]

    def _settle(self, now_ns: int) -> None:
        """The first verdict: from here on the interval is fixed, and what older probes find is no news."""
        self._probe_at_ns = now_ns + self.settings.interval_ns
        self._probes_that_count_from = self._probes + 1

    def _patience_ns(self) -> int:
        """How long a target may stay `initial`: as long as AWS needs for the unhealthy threshold's checks."""
        return (self.settings.unhealthy_threshold - 1) * self.settings.interval_ns
