"""The health checks of one target by one ALB node: when to probe, and what the results amount to.

A new target is healthy after one passing check, whatever the healthy threshold; that counts only for the way back
from unhealthy. AWS probes at a fixed interval that does not depend on how long answers take.

How often AWS probes a target that has never passed is unknown; here each second, so that a target that is late by a
moment is not left out for a whole interval. It becomes unhealthy no sooner for that: when the threshold's worth of
intervals has passed.

Sans-IO: `on_deadline` says when to probe, `handle` takes the probe's result; both return verdicts for the group.
"""

import re
from typing import NamedTuple

from actors.protocols.balancing import Reason, State

INITIAL_INTERVAL_NS = 1_000_000_000


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
    """Send one check now, on a fresh connection."""


class Verdict(NamedTuple):
    """The target's state from now on."""

    state: State
    reason: Reason


class Initial(NamedTuple):
    since_ns: int


class Healthy(NamedTuple):
    failures: int


class Unhealthy(NamedTuple):
    passes: int


class Matcher:
    """Which status codes pass: `200`, `200,202` or `200-299`, each between 200 and 499; raises ValueError."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.codes: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"(\d{3})(?:-(\d{3}))?", part.strip())
            if match is None:
                raise ValueError(f"matcher {text!r} is not a list like 200,202 or a range like 200-299")
            first, last = int(match[1]), int(match[2] or match[1])
            if not 200 <= first <= last <= 499:
                raise ValueError(f"matcher {text!r}: codes lie between 200 and 499")
            self.codes.update(range(first, last + 1))


class HealthCheck:
    """The checks of one target, from its registration on."""

    def __init__(self, settings: Settings, matcher: Matcher, now_ns: int) -> None:
        self.settings = settings
        self.matcher = matcher
        self.state: Initial | Healthy | Unhealthy = Initial(now_ns)
        self._probe_at_ns = now_ns
        self._probed = False

    def deadline_ns(self) -> int:
        """When the next probe is due."""
        return self._probe_at_ns

    def on_deadline(self, now_ns: int) -> list[Probe | Verdict]:
        """Probe now; the first one also ends the registration."""
        outputs: list[Probe | Verdict] = []
        if not self._probed:
            self._probed = True
            outputs.append(Verdict(State.INITIAL, Reason.INITIAL_HEALTH_CHECKING))
        self._probe_at_ns = now_ns + self.settings.interval_ns
        outputs.append(Probe())
        return outputs

    def handle(self, result: Result, now_ns: int) -> list[Verdict]:
        """A probe has ended. Returns the verdict if it changed."""
        match result:
            case Answered(status) if status in self.matcher.codes:
                return self._passed()
            case Answered():
                return self._failed(Reason.RESPONSE_CODE_MISMATCH, now_ns)
            case TimedOut():
                return self._failed(Reason.TIMEOUT, now_ns)
            case Failed():
                return self._failed(Reason.FAILED_HEALTH_CHECKS, now_ns)

    def _passed(self) -> list[Verdict]:
        match self.state:
            case Unhealthy(passes) if passes + 1 < self.settings.healthy_threshold:
                self.state = Unhealthy(passes + 1)
                return []
            case Healthy():
                self.state = Healthy(failures=0)
                return []
            case _:
                self.state = Healthy(failures=0)
                return [Verdict(State.HEALTHY, Reason.NONE)]

    def _failed(self, reason: Reason, now_ns: int) -> list[Verdict]:
        match self.state:
            case Initial(since_ns) if now_ns < since_ns + self._patience_ns():
                self._probe_at_ns = min(self._probe_at_ns, now_ns + INITIAL_INTERVAL_NS)
                return []
            case Healthy(failures) if failures + 1 < self.settings.unhealthy_threshold:
                self.state = Healthy(failures + 1)
                return []
            case _:
                self.state = Unhealthy(passes=0)
                return [Verdict(State.UNHEALTHY, reason)]

    def _patience_ns(self) -> int:
        """How long a target may stay `initial`: as long as AWS needs for the unhealthy threshold's checks."""
        return (self.settings.unhealthy_threshold - 1) * self.settings.interval_ns
