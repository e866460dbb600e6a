"""One journey, put together from its records: the way it took, what was decided, and where its time went."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from orchestrator.journal.flights import Flight, follow, legs_of_the_request
from orchestrator.journal.timing import Part, Tier, parts_of, tiers_of

Record = dict[str, Any]

PHASES = ("dns", "tcp", "tls", "first_byte", "download")
TRANSMISSIONS = ("link.transmit",)
_ENVELOPE = ("t_ns", "element", "kind", "journey", "seq")


class UnknownJourney(LookupError):
    """Nothing is known of this journey: it never began, or it was too long ago."""


class Journey:
    """A view of the records of one journey; all else is derived from them.

    `records` are ordered by model time. `before` holds events from before the click (see `origins`).
    `kinds` gives the kind of each element, and so the tier that its time counts for.
    """

    def __init__(
        self,
        identity: str,
        records: Sequence[Record],
        *,
        before: Sequence[Record] = (),
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        if not records:
            raise UnknownJourney(f"nothing is known of journey {identity}")
        self.identity = identity
        self.records = list(records)
        self.before = list(before)
        self.kinds = dict(kinds or {})

    # ---- how it began and ended ------------------------------------------------------------------------------

    def find(self, kind: str) -> Record | None:
        """The first record of a kind."""
        return next((record for record in self.records if record["kind"] == kind), None)

    @property
    def origin(self) -> str:
        """The element that the journey set out from."""
        return self._start["element"]

    @property
    def start_ns(self) -> int:
        return self._start["t_ns"]

    @property
    def end_ns(self) -> int:
        return self._end["t_ns"]

    @cached_property
    def _start(self) -> Record:
        return self.find("journey.start") or self.records[0]

    @cached_property
    def _end(self) -> Record:
        return self.find("journey.end") or self.find("journey.failed") or self.records[-1]

    @property
    def url(self) -> str:
        return self._start.get("url", "")

    @property
    def status(self) -> int | None:
        """The HTTP status, or None when there was no answer."""
        return self._end.get("status")

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with a 2xx status."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def error(self) -> str | None:
        """Why there was no answer."""
        if "error" in self._end:
            return self._end["error"]
        return None if "status" in self._end else "the journey has no end in the journal"

    @property
    def total_ms(self) -> float:
        """From the click to the last byte, as the browser measured it."""
        return self._end.get("total_ms", (self.end_ns - self.start_ns) / 1e6)

    @property
    def phases(self) -> dict[str, float]:
        """What the browser was busy with: dns, tcp, tls, first_byte, download; in ms."""
        return self._end.get("phases", {})

    def t_ms(self, t_ns: int) -> float:
        """A model time as milliseconds after the click."""
        return (t_ns - self.start_ns) / 1e6

    # ---- the way ---------------------------------------------------------------------------------------------

    @cached_property
    def flights(self) -> list[Flight]:
        """The way of each packet."""
        return follow(self.records)

    @cached_property
    def legs(self) -> list[Flight]:
        """The first request packet: to the load balancer, and from there to the target."""
        return legs_of_the_request(self.flights, self.origin)

    @property
    def hops(self) -> list[str]:
        """The elements that the first request packet passed, in order."""
        return [self.origin, *(step.to for leg in self.legs for step in leg.steps)]

    # ---- what was decided, and what it cost --------------------------------------------------------------------

    @property
    def decisions(self) -> list[Record]:
        """All that elements decided: `t_ms` after the click, `element`, `kind`, and the kind's own fields."""
        return [
            {
                "t_ms": round(self.t_ms(record["t_ns"]), 6),
                "element": record["element"],
                "kind": record["kind"],
                **{key: value for key, value in record.items() if key not in _ENVELOPE},
            }
            for record in self.records
            if record["kind"] not in TRANSMISSIONS
        ]

    @cached_property
    def parts(self) -> list[Part]:
        """Where the time went, stretch by stretch; they add up to the total."""
        since_ns = self.end_ns - round(
            self.total_ms * 1e6
        )  # the browser may have had to wait for a lease before
        return parts_of(self.flights, self.records, self.origin, since_ns, self.end_ns)

    @property
    def tiers(self) -> list[Tier]:
        """Where the time went, by tier."""
        return tiers_of(self.parts, self.kinds)

    # ---- as plain values ---------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """What `journey trace --json` prints."""
        return {
            "journey": self.identity,
            "url": self.url,
            "status": self.status,
            "error": self.error,
            "total_ms": self.total_ms,
            "hops": self.hops,
            "phases": self.phases,
            "time_spent": [{"tier": tier.name, "ms": tier.ms, **tier.ways} for tier in self.tiers],
            "decisions": self.decisions,
        }

    def packed(self) -> dict[str, Any]:
        """All that is needed to put the journey together elsewhere: `Journey.unpack`."""
        return {
            "journey": self.identity,
            "records": self.records,
            "before": self.before,
            "kinds": self.kinds,
        }

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> "Journey":
        return cls(packed["journey"], packed["records"], before=packed["before"], kinds=packed["kinds"])
