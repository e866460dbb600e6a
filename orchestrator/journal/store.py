"""Keeps what elements report: the last journeys and events in memory, and what there was in `journal.ndjson`.

A record is a dict: `t_ns` (model time), `element`, `kind`, `journey` (32 hex digits, or None for an event of the
world), `seq` (its place in the order of arrival, given here) and the kind's own fields; see `docs/journal.md`.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

from orchestrator.journal.remembered import Record, Remembered

FILE_NAME = "journal.ndjson"
FILE_BUFFER = 256 * 1024
ENDS = ("journey.end", "journey.failed")
"""How a journey ended is kept, however much there was of it."""


class JournalStore:
    """The world's journal. Memory is bounded in every direction; the file holds all events, and a gigabyte of
    journeys."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        max_journeys: int = 1000,
        max_unfolded: int = 64,
        max_records_per_journey: int = 20_000,
        max_records: int = 1_000_000,
        max_events: int = 10_000,
        max_file_bytes: int = 1 << 30,
    ) -> None:
        """`max_unfolded`: so many of the journeys are as quick at hand as can be, the others a millisecond later, in a
        twentieth of the room. `max_records`: of all journeys; a million are 40 MB. `max_file_bytes`: of journeys; the
        live page has some recorded for as long as somebody looks on."""
        self.left_out = 0
        """Records of overlong journeys that are in the file only."""
        self.unwritten = 0
        """Records of journeys that are not in the file, for it has grown too large."""
        self._room_bytes = max_file_bytes
        self.watchers: list[Callable[[Record], None]] = []
        """Are told each record as it comes."""
        self._journeys: dict[str, Remembered] = {}
        self._unfolded: deque[str] = deque()
        self._max_unfolded = max_unfolded
        self._events: deque[Record] = deque(maxlen=max_events)
        self._max_journeys = max_journeys
        self._max_records_each, self._max_records = max_records_per_journey, max_records
        self._records = 0
        self._arrivals = count()
        self._file = None
        if directory is not None:
            self._file = (directory / FILE_NAME).open("a", buffering=FILE_BUFFER, encoding="utf-8")

    def add(self, record: Record) -> None:
        """Take one record as it arrives."""
        record["seq"] = next(self._arrivals)
        journey = record.get("journey")
        if journey is None:
            self._events.append(record)
        else:
            self._add_to_journey(journey, record)
        for watch in self.watchers:
            watch(record)
        if self._file is not None:
            self._write(record)

    def _write(self, record: Record) -> None:
        assert self._file is not None
        if record.get("journey") is not None and self._room_bytes <= 0:
            self.unwritten += 1
            return
        written = self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
        if record.get("journey") is not None:
            self._room_bytes -= written

    def extend(self, records: Iterable[Record]) -> None:
        """Take several records in their order."""
        for record in records:
            self.add(record)

    def _add_to_journey(self, journey: str, record: Record) -> None:
        remembered = self._journeys.get(journey)
        if remembered is None:
            remembered = self._journeys[journey] = Remembered()
            self._begun(journey)
        if remembered.count < self._max_records_each or record["kind"] in ENDS:
            remembered.add(record)
            self._records += 1
        else:
            self.left_out += 1
        while self._records > self._max_records and len(self._journeys) > 1:
            self._forget_one()

    def _begun(self, journey: str) -> None:
        """There is one more: of those before it, one is put away, and one forgotten."""
        if len(self._journeys) > self._max_journeys:
            self._forget_one()
        self._unfolded.append(journey)
        if len(self._unfolded) > self._max_unfolded:
            before = self._journeys.get(self._unfolded.popleft())
            if before is not None:
                before.fold()

    def _forget_one(self) -> None:
        self._records -= self._journeys.pop(next(iter(self._journeys))).count

    def journeys(self) -> list[str]:
        """The journeys that are remembered, oldest first."""
        return list(self._journeys)

    def journey(self, journey: str) -> list[Record]:
        """The records of one journey by model time, then arrival; empty when it is not (or no longer) known."""
        remembered = self._journeys.get(journey)
        return [] if remembered is None else sorted(remembered.records(), key=_order)

    def events(self, prefix: str = "") -> list[Record]:
        """What happened outside of journeys, by model time: all of it, or kinds that start with `prefix`."""
        return sorted((event for event in self._events if event["kind"].startswith(prefix)), key=_order)

    def flush(self) -> None:
        """Bring the file up to date."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _order(record: Record) -> tuple[int, int]:
    return record["t_ns"], record["seq"]
