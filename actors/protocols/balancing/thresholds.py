"""How many healthy targets are enough: `target_group_health.*.minimum_healthy_targets.count` and `.percentage`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A number and a percentage of targets that must be healthy; either may be off (None), either is enough to fail."""

    count: int | None = 1
    percentage: int | None = None

    def missed(self, healthy: int, checked: int) -> bool:
        """Whether so many healthy ones, of those that have a verdict, are too few."""
        return (self.count is not None and healthy < self.count) or (
            self.percentage is not None and healthy * 100 < self.percentage * checked
        )
