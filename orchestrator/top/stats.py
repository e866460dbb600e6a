"""mtr's columns: what has come of the probes of one hop."""

import math
from dataclasses import dataclass, field


@dataclass
class HopStats:
    """Sent, lost, and round-trip times in milliseconds of model time."""

    sent: int = 0
    lost: int = 0
    last: float | None = None
    best: float = math.inf
    worst: float = 0.0
    _mean: float = field(default=0.0, repr=False)
    _squares: float = field(default=0.0, repr=False)

    def add(self, rtt_ms: float | None) -> None:
        """One more probe; None if there was no answer."""
        self.sent += 1
        self.last = rtt_ms
        if rtt_ms is None:
            self.lost += 1
            return
        self.best, self.worst = min(self.best, rtt_ms), max(self.worst, rtt_ms)
        apart = rtt_ms - self._mean
        self._mean += apart / (self.sent - self.lost)
        self._squares += apart * (rtt_ms - self._mean)

    @property
    def loss(self) -> float:
        """Lost of those sent, 0 to 1."""
        return self.lost / self.sent if self.sent else 0.0

    @property
    def answered(self) -> int:
        return self.sent - self.lost

    def columns(self) -> tuple[str, ...]:
        """Loss%, Snt, Last, Avg, Best, Wrst, StDev as mtr writes them."""
        loss = f"{self.loss:.1%}"
        if not self.answered:
            return (loss, str(self.sent), "-", "-", "-", "-", "-")
        deviation = math.sqrt(self._squares / self.answered)
        last = "-" if self.last is None else f"{self.last:.2f}"
        numbers = (self._mean, self.best, self.worst, deviation)
        return (loss, str(self.sent), last, *(f"{each:.2f}" for each in numbers))


COLUMNS = ("Loss%", "Snt", "Last", "Avg", "Best", "Wrst", "StDev")
