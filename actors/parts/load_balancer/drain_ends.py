"""Until when targets drain: what `describe-target-health` does not say, and one waits for in a rollout."""

from actors.element import Context
from actors.protocols.balancing import Changed, State
from actors.units import SECOND

GAUGE = "journey_alb_target_deregistration_end_timestamp_seconds"


class DrainEnds:
    """One series for each target of a group that drains; none for the others."""

    def __init__(self, context: Context, target_group: str) -> None:
        self._context = context
        self._target_group = target_group

    def note(self, change: Changed, delay_s: float) -> None:
        """A target has come to another state; if to draining, it stays that for `delay_s`."""
        labels = {"target_group": self._target_group, "target": change.target.text}
        if change.state is State.DRAINING:
            self._context.metrics.gauge(GAUGE, **labels).value = self._context.unix_ns() / SECOND + delay_s
        elif change.previous is State.DRAINING:
            self._context.metrics.remove(GAUGE, **labels)
