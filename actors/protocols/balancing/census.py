"""How many targets are in which state."""

from collections import Counter

from actors.protocols.balancing.target import State, Target
from actors.protocols.balancing.thresholds import Thresholds


class Census:
    """Counts all targets, and by themselves those in reach: the node sends requests to targets of their zone."""

    def __init__(self) -> None:
        self.everywhere: Counter[State] = Counter()
        self._in_reach: Counter[State] = Counter()

    @property
    def healthy(self) -> int:
        """Of those in reach."""
        return self._in_reach[State.HEALTHY]

    @property
    def unhealthy(self) -> int:
        """Of those in reach."""
        return self._in_reach[State.UNHEALTHY]

    def moved(self, target: Target, previous: State, state: State) -> None:
        """A target has gone from one state to another; `unused` ones are not counted."""
        if previous is not State.UNUSED:
            self.everywhere[previous] -= 1
            self._in_reach[previous] -= target.in_zone
        if state is not State.UNUSED:
            self.everywhere[state] += 1
            self._in_reach[state] += target.in_zone

    def reach(self, target: Target, in_zone: bool) -> None:
        """Whether a target that is counted is in reach from now on."""
        self._in_reach[target.state] += in_zone - target.in_zone
        target.in_zone = in_zone

    def too_few_healthy(self, thresholds: Thresholds) -> bool:
        """Whether unhealthy targets are to get requests, too; what counts are those in reach that have a verdict."""
        return self.unhealthy > 0 and thresholds.missed(self.healthy, self.healthy + self.unhealthy)
