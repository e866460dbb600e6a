"""Which of what real programs do is recorded: as much as people do, not all that a load generator does."""

from actors.element import Context
from actors.units import SECOND

JOURNEYS_PER_SECOND, JOURNEYS_AT_ONCE = 20, 40
ID_BITS = 96


class JourneyIds:
    """Gives out ids of journeys, up to a rate."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens_ns = -JOURNEYS_AT_ONCE * SECOND

    def journey(self) -> str | None:
        """The id of a new journey; None when enough are being recorded at this moment."""
        now_ns, cost_ns = self._context.now_ns(), SECOND // JOURNEYS_PER_SECOND
        start_ns = max(self._tokens_ns, now_ns - JOURNEYS_AT_ONCE * cost_ns)
        if start_ns + cost_ns > now_ns:
            return None
        self._tokens_ns = start_ns + cost_ns
        return self.fresh()

    def fresh(self) -> str:
        """32 hex digits: the time, as X-Amzn-Trace-Id begins, and dice."""
        seconds = self._context.unix_ns() // SECOND & 0xFFFFFFFF
        return f"{seconds:08x}{self._context.random.getrandbits(ID_BITS):024x}"
